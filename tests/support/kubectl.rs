//! The real kubectl, in one namespace.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::DEADLINE;

/// kubectl with a kubeconfig and a namespace.
#[derive(Clone, Debug)]
pub(crate) struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    namespace: String,
    /// What it remembers of the API: of its own, because ports come again.
    cache: Arc<TempDir>,
}

impl Kubectl {
    pub(crate) fn new(program: PathBuf, kubeconfig: PathBuf, namespace: &str) -> Self {
        let cache = Arc::new(tempfile::tempdir().unwrap());
        Self { program, kubeconfig, namespace: namespace.to_owned(), cache }
    }

    /// Runs it; its standard output, or its standard error when it failed.
    pub(crate) async fn try_run(&self, args: &[&str], stdin: &str) -> Result<String, String> {
        let mut child = Command::new(&self.program)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--cache-dir")
            .arg(self.cache.path())
            .args(["--namespace", &self.namespace])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let text = stdin.to_owned();
        // It may end without having read all, for example when a flag is wrong.
        let feed = tokio::spawn(async move { pipe.write_all(text.as_bytes()).await });
        // One that waits for what never comes must not wait for ever.
        let end = tokio::time::timeout(2 * DEADLINE, child.wait_with_output()).await;
        let end = end.unwrap_or_else(|_| panic!("kubectl {args:?} does not end")).unwrap();
        let _written = feed.await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if end.status.success() { Ok(text(end.stdout)) } else { Err(text(end.stderr)) }
    }

    /// Runs it and expects success.
    pub(crate) async fn run(&self, args: &[&str]) -> String {
        self.feed(args, "").await
    }

    /// Runs it with a text on its standard input and expects success.
    pub(crate) async fn feed(&self, args: &[&str], stdin: &str) -> String {
        self.try_run(args, stdin).await.unwrap_or_else(|error| panic!("kubectl {args:?}: {error}"))
    }

    /// `kubectl apply` of one manifest.
    pub(crate) async fn apply(&self, manifest: &Value) {
        self.feed(&["apply", "-f", "-"], &manifest.to_string()).await;
    }
}
