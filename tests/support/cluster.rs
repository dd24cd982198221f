//! A real API server with etcd, without anything else of Kubernetes.
//!
//! One is shared by the tests of a binary; tests that stop or restart it have one of their own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;

use super::kubectl::Kubectl;

/// Names a running cluster in place of a new one, with `ASSETS` beside it.
const KUBECONFIG: &str = "DATAWORKS_TEST_KUBECONFIG";
const ASSETS: &str = "DATAWORKS_TEST_ASSETS";

/// A running cluster with our CRDs. It ends when this is dropped, or with the process.
#[derive(Debug)]
pub(crate) struct Cluster {
    kubeconfig: PathBuf,
    assets: PathBuf,
    launcher: Option<Mutex<Launcher>>,
}

/// The program that owns the cluster; it ends when its standard input does.
#[derive(Debug)]
struct Launcher {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Cluster {
    /// The one that the tests of this binary share.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: OnceLock<Arc<Cluster>> = OnceLock::new();
        let start = || Self::given().map_or_else(Self::launch, Self::with_crds);
        Arc::clone(SHARED.get_or_init(|| Arc::new(start())))
    }

    /// One that nobody else uses.
    pub(crate) fn private() -> Arc<Self> {
        Arc::new(Self::launch())
    }

    /// The one that the environment names, as it is.
    pub(crate) fn given() -> Option<Self> {
        let (kubeconfig, assets) = (std::env::var_os(KUBECONFIG)?, std::env::var_os(ASSETS)?);
        Some(Self { kubeconfig: kubeconfig.into(), assets: assets.into(), launcher: None })
    }

    fn launch() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built = Command::new(root.join("dev/kubernetes/build.sh"))
            .stderr(Stdio::inherit())
            .output()
            .expect("dev/kubernetes/build.sh can be run");
        assert!(built.status.success(), "dev/kubernetes/build.sh: {}", built.status);
        let assets = PathBuf::from(String::from_utf8(built.stdout).unwrap().trim_end());
        let mut process = Command::new(assets.join("cluster"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the launcher can be started");
        let stdin = process.stdin.take();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let mut launcher = Launcher { process, stdin, stdout };
        let ready = launcher.line();
        let kubeconfig = PathBuf::from(ready["kubeconfig"].as_str().unwrap());
        Self { kubeconfig, assets, launcher: Some(Mutex::new(launcher)) }.with_crds()
    }

    /// With every CRD of `crds/`, served.
    fn with_crds(self) -> Self {
        let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
        let crds = crds.to_str().unwrap();
        let cache = tempfile::tempdir().unwrap();
        for args in [
            &["apply", "--server-side", "-f", crds][..],
            &["wait", "--for=condition=Established", "-f", crds],
        ] {
            let end = Command::new(self.kubectl_path())
                .arg("--kubeconfig")
                .arg(&self.kubeconfig)
                .arg("--cache-dir")
                .arg(cache.path())
                .args(args)
                .output()
                .unwrap();
            assert!(end.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&end.stderr));
        }
        self
    }

    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client of the administrator.
    pub(crate) async fn client(&self) -> Client {
        let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    }

    /// kubectl in a namespace.
    pub(crate) fn kubectl(&self, namespace: &str) -> Kubectl {
        Kubectl::new(self.kubectl_path(), self.kubeconfig.clone(), namespace)
    }

    fn kubectl_path(&self) -> PathBuf {
        self.assets.join("kubectl")
    }

    /// Kills the API server and starts it again, and waits until it is ready.
    pub(crate) fn restart_api_server(&self) {
        self.api_server("restart", "restarted");
    }

    /// Kills the API server.
    pub(crate) fn stop_api_server(&self) {
        self.api_server("stop", "stopped");
    }

    /// Starts the API server and waits until it is ready.
    pub(crate) fn start_api_server(&self) {
        self.api_server("start", "started");
    }

    fn api_server(&self, order: &str, confirmed: &str) {
        let launcher = self.launcher.as_ref().expect("a private cluster");
        let answer = launcher.lock().unwrap().command(&format!("{order}-apiserver"));
        assert_eq!(answer, serde_json::json!({ confirmed: true }));
    }
}

impl Launcher {
    fn command(&mut self, command: &str) -> Value {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{command}").and_then(|()| stdin.flush()).unwrap();
        self.line()
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("the launcher said {line:?}: {error}"))
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ended = self.process.wait();
    }
}
