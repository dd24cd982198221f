//! The operator's binary without a cluster: what its flags and its environment make of the way to the service.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::proxy::Tunnel;
use super::server::Seen;
use super::support::operator::Launch;
use super::support::{DEADLINE, poll};
use super::tls::Authority;

/// For a cluster that nobody answers for, in a folder with what a pod has of its own.
struct Pod {
    folder: TempDir,
}

impl Pod {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        });
        std::fs::write(folder.path().join("kubeconfig"), config.to_string()).unwrap();
        std::fs::write(folder.path().join("token"), "the-token-of-the-pod").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// An operator that takes a role at this STS before anything else.
    fn launch(&self, sts: &str) -> Launch {
        Launch::new(self.path("kubeconfig").into(), sts, &["ns"])
            .keyless()
            .variable("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/operator")
            .variable("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/cluster")
            .variable("ALIBABA_CLOUD_OIDC_TOKEN_FILE", &self.path("token"))
            .variable("ALIBABA_CLOUD_STS_ENDPOINT", sts)
    }
}

fn bundle(file: &Path) -> String {
    format!("--ca-bundle={}", file.display())
}

#[tokio::test]
async fn authorities_are_those_that_are_built_in_and_of_the_system_and_of_the_bundle() {
    let (one, other) = (Authority::new(), Authority::new());
    let system = one.file("system.pem", &format!("{}{}", one.pem(), other.pem()));
    let own = one.file("own.pem", &one.pem());
    let none = one.file("none.pem", "");
    let pod = Pod::new();
    let rows = [(&system, Some(&own), 2, 1), (&system, None, 2, 0), (&none, Some(&system), 0, 2)];
    for (of_system, of_flag, count, bundled) in rows {
        let flags: Vec<String> = of_flag.into_iter().map(|file| bundle(file)).collect();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let operator = pod
            .launch("https://127.0.0.1:9")
            .with(&flags)
            .variable("SSL_CERT_FILE", of_system.to_str().unwrap())
            .start();
        let line = operator.says(&["certificate authorities of the cloud's connections"]).await;
        let line: Value = serde_json::from_str(&line).unwrap();
        let built_in = webpki_roots::TLS_SERVER_ROOTS.len();
        let counts = ["embedded", "system", "bundled"].map(|name| line[name].clone());
        assert_eq!(counts, [json!(built_in), json!(count), json!(bundled)], "{line}");
        operator.kill().await;
    }
}

#[tokio::test]
async fn calls_go_by_the_proxy_and_trust_the_authorities_that_flags_and_environment_say() {
    const NAMED: &str = "--proxy";
    const OF_ENVIRONMENT: &str = "--proxy-from-environment";
    let authority = Authority::new();
    let file = authority.file("ca.pem", &authority.pem());
    // Rows: the flag of the proxy, whether the authority is the system's, what is called without the proxy, and whether
    // calls go through it.
    let rows = [
        (Some(NAMED), false, "", true),
        (Some(NAMED), true, "127.0.0.1", true),
        (Some(OF_ENVIRONMENT), true, "", true),
        (Some(OF_ENVIRONMENT), false, "127.0.0.1", false),
        (None, false, "", false),
    ];
    for (flag, of_system, direct, through) in rows {
        let row = format!("{flag:?}, of the system: {of_system}, NO_PROXY: {direct:?}");
        let (server, tunnel) = (authority.server("127.0.0.1", |_| {}).await, Tunnel::start(None).await);
        let proxy = format!("http://{}", tunnel.address);
        let pod = Pod::new();
        let mut launch = pod.launch(&server.url).variable("NO_PROXY", direct);
        launch = match flag {
            Some(NAMED) => launch.with(&[&format!("{NAMED}={proxy}")]),
            other => launch.variable("HTTPS_PROXY", &proxy).with(other.as_slice()),
        };
        launch = match of_system {
            true => launch.variable("SSL_CERT_FILE", file.to_str().unwrap()),
            false => launch.with(&[&bundle(&file)]),
        };
        let operator = launch.start();
        let asked = async || server.seen().into_iter().next();
        let call: Seen = poll(DEADLINE, Duration::from_millis(20), &row, asked).await;
        assert!(call.target.contains("Action=AssumeRoleWithOIDC"), "{row}: {}", call.target);
        assert_eq!(!tunnel.heads().is_empty(), through, "{row}");
        operator.kill().await;
    }
}
