//! The real Helm, with folders of its own.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use super::cluster::Cluster;
use super::script;

/// Helm with a kubeconfig and a namespace.
#[derive(Debug)]
pub(crate) struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
    namespace: String,
    home: TempDir,
}

impl Helm {
    /// In a namespace. It is built when it is not there yet.
    pub(crate) async fn new(cluster: &Cluster, namespace: &str) -> Self {
        let tools = script("dev/tools/build.sh", &["helm"]).await;
        Self {
            program: Path::new(tools.trim_end()).join("helm"),
            kubeconfig: cluster.kubeconfig().to_owned(),
            namespace: namespace.to_owned(),
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// Runs it; its standard output, or all that it said when it failed.
    pub(crate) async fn try_run(&self, args: &[&str]) -> Result<String, String> {
        let end = Command::new(&self.program)
            .args(args)
            .args(["--namespace", &self.namespace])
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", self.home.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_DATA_HOME")
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let said = text(end.stdout);
        if end.status.success() { Ok(said) } else { Err(said + &text(end.stderr)) }
    }

    /// Runs it and expects success.
    pub(crate) async fn run(&self, args: &[&str]) -> String {
        self.try_run(args).await.unwrap_or_else(|error| panic!("helm {args:?}: {error}"))
    }
}
