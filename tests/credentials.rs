//! Credentials that end, against the simulator's STS and metadata service.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with the client's tests, which use the rest")]
#[path = "client/server.rs"]
mod server;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dataworks_core::fault::{Class, Fault};
use dataworks_core::ids::ProjectId;
use dataworks_core::object::Uid;
use dataworks_operator::dataworks::credentials::{
    CredentialSource, InstanceRole, OidcRole, Provider, Reach, Renewal,
};
use dataworks_operator::dataworks::endpoint::Endpoint;
use dataworks_operator::dataworks::types::Project;
use dataworks_operator::dataworks::{BODY_LIMIT, Client, ClientConfig};
use dataworks_simulator::{AccessKey, Config, Fault as Rule, FaultKind, Simulator};
use k8s_openapi::jiff::Timestamp;
use server::{Reply, Server, config, transport};
use tempfile::TempDir;
use tokio::sync::watch;

const STS: &str = "AssumeRoleWithOIDC";

/// A role, its token on disk, and the cloud.
struct Scene {
    folder: TempDir,
    cloud: Simulator,
}

impl Scene {
    /// Where the token is `token-one`, and STS takes no other.
    async fn new() -> Self {
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
            cloud: Simulator::start(Config::default()).await.unwrap(),
        };
        scene.write("token-one");
        scene.takes("token-one");
        scene
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    fn write(&self, token: &str) {
        std::fs::write(self.file(), token).unwrap();
    }

    fn takes(&self, token: &str) {
        self.cloud.change_settings(|settings| settings.sts.oidc_tokens = Some(vec![token.to_owned()]));
    }

    fn role(&self) -> OidcRole {
        let settings = self.cloud.settings().sts;
        OidcRole {
            role_arn: settings.role_arn,
            provider_arn: settings.oidc_provider_arn,
            token_file: self.file(),
            session_name: "a-session".to_owned(),
        }
    }

    fn source(&self) -> CredentialSource {
        role_at(self.role(), &self.cloud.url())
    }

    fn client(&self, source: &CredentialSource) -> Client {
        Client::new(ClientConfig { credentials: source.clone(), ..config(&self.cloud.url()) })
    }

    /// The names of the calls so far.
    fn actions(&self) -> Vec<String> {
        self.cloud.calls_since(0).into_iter().map(|call| call.action).collect()
    }

    /// Takes away all that was issued.
    fn revoke(&self) {
        self.cloud.set_access_keys(vec![AccessKey::default()]);
    }
}

fn reach() -> Reach {
    Reach::new(transport(Duration::from_secs(20)), Arc::new(Timestamp::now), None)
}

fn role_at(role: OidcRole, url: &str) -> CredentialSource {
    let endpoint: Endpoint = url.parse().unwrap();
    renewed(Provider::Role { role, endpoint, reach: reach() })
}

fn instance_at(name: Option<&str>, url: &str) -> CredentialSource {
    let role = InstanceRole { name: name.map(str::to_owned) };
    renewed(Provider::Instance { role, endpoint: url.parse().unwrap(), reach: reach() })
}

fn renewed(provider: Provider) -> CredentialSource {
    CredentialSource::Renewed(Renewal::start(provider, Uid::new("a-process")))
}

/// Waits until there are credentials again.
async fn returned(returns: &mut watch::Receiver<u64>) {
    tokio::time::timeout(Duration::from_secs(60), returns.changed()).await.unwrap().unwrap();
}

async fn ask(client: &Client) -> Result<Project, Fault> {
    client.get_project(ProjectId::new(123_456).unwrap()).await
}

/// Class and text of why there are no credentials.
async fn why(source: &CredentialSource) -> (Class, String) {
    let error = source.current().await.unwrap_err();
    (error.class(), error.to_string())
}

#[tokio::test]
async fn a_role_that_cannot_be_had_says_why() {
    let scene = Scene::new().await;
    let check = async |class: Class, part: &str| {
        let (found, text) = why(&scene.source()).await;
        assert!(found == class && text.contains(part), "{found:?} {text}, not {class:?} {part}");
    };
    scene.write(" \n");
    check(Class::Denied, "is empty").await;
    scene.write(&"x".repeat(20_001));
    check(Class::Denied, "is larger than 20000 bytes").await;
    std::fs::write(scene.file(), [0xff, 0xfe]).unwrap();
    check(Class::Denied, "cannot be read as text").await;
    std::fs::remove_file(scene.file()).unwrap();
    check(Class::Denied, "is not there").await;
    assert_eq!(scene.actions(), [""; 0], "nothing was asked");

    scene.write("token-two");
    check(Class::Denied, "STS: AuthenticationFail.OIDCToken.Invalid (This JWT is invalid)").await;
    scene.write("token-one\n");
    scene.cloud.add_fault(
        Rule::new(
            STS,
            FaultKind::Throttle { numeric: false, retry_after_ms: None, retry_after_seconds: None },
        )
        .times(1),
    );
    check(Class::Transient, "STS: Throttling.User").await;
    scene.cloud.add_fault(Rule::new(STS, FaultKind::DropBefore).times(1));
    check(Class::Transient, "STS: ConnectionLost").await;
    scene.cloud.add_fault(Rule::new(STS, FaultKind::Html503).times(1));
    check(Class::Transient, "STS: Http503").await;
    scene.cloud.add_fault(Rule::new(STS, FaultKind::Garbage).times(1));
    check(Class::Transient, "STS: UnreadableAnswer").await;
    scene.cloud.change_settings(|settings| settings.sts.role_arn = "acs:ram::1000:role/other".to_owned());
    let role = OidcRole { role_arn: "acs:ram::1000:role/dataworks-operator".to_owned(), ..scene.role() };
    let (class, text) = why(&role_at(role, &scene.cloud.url())).await;
    assert_eq!(class, Class::Denied);
    assert!(text.starts_with("STS: AuthenticationFail.NoPermission"), "{text}");
    let (class, text) = why(&role_at(scene.role(), "http://127.0.0.1:1")).await;
    assert_eq!(class, Class::Transient);
    assert!(text.starts_with("STS: ConnectionFailed"), "{text}");
}

#[tokio::test]
async fn an_answer_of_sts_is_bounded_and_not_followed_elsewhere() {
    let scene = Scene::new().await;
    let elsewhere = Server::start(|_| Reply::new(200, "", "{}")).await;
    let location = format!("location: {}/\r\n", elsewhere.url);
    let redirects = Server::start(move |_| Reply::new(307, &location, "")).await;
    let (class, text) = why(&role_at(scene.role(), &redirects.url)).await;
    assert_eq!((class, text.contains("Http307")), (Class::Denied, true), "{text}");
    assert_eq!(elsewhere.connections(), 0);
    let endless = Server::start(|_| {
        Reply::SendAndClose(format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n", BODY_LIMIT + 1))
    })
    .await;
    let (class, text) = why(&role_at(scene.role(), &endless.url)).await;
    assert_eq!((class, text.contains("AnswerTooLarge")), (Class::Transient, true), "{text}");
}

#[tokio::test]
async fn credentials_that_end_are_renewed_before_and_no_call_is_refused() {
    let scene = Scene::new().await;
    scene.cloud.change_settings(|settings| settings.sts.lifetime_ms = Some(6000));
    let source = scene.source();
    let client = scene.client(&source);
    let mut seen = Vec::new();
    while seen.len() < 3 {
        ask(&client).await.unwrap();
        let key = source.current().await.unwrap().access_key_id.clone();
        if !seen.contains(&key) {
            seen.push(key);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(scene.cloud.counts().by_code, [].into());
    assert!(source.expires().unwrap() > Timestamp::now());
}

#[tokio::test]
async fn a_refused_token_is_renewed_at_once_with_what_is_on_disk_by_then() {
    let scene = Scene::new().await;
    let source = scene.source();
    let client = scene.client(&source);
    ask(&client).await.unwrap();
    let mut returns = source.returns().unwrap();
    returns.mark_unchanged();
    scene.revoke();
    scene.takes("token-two");
    scene.write("token-two");
    let fault = ask(&client).await.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (Class::Transient, "InvalidAccessKeyId.NotFound"));
    returned(&mut returns).await;
    ask(&client).await.unwrap();
    assert_eq!(scene.actions(), [STS, "GetProject", "GetProject", STS, "GetProject"]);

    // Refused again at once: that is no matter of old credentials, and STS is left alone.
    scene.revoke();
    let fault = ask(&client).await.unwrap_err();
    assert_eq!((fault.class, scene.cloud.calls_of(STS)), (Class::Denied, 2));
}

#[tokio::test]
async fn a_refused_token_that_cannot_be_renewed_stays_refused() {
    let scene = Scene::new().await;
    let source = scene.source();
    let client = scene.client(&source);
    ask(&client).await.unwrap();
    scene.revoke();
    scene.takes("token-two");
    let fault = ask(&client).await.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (Class::Denied, "InvalidAccessKeyId.NotFound"));
    // No further call is spent on it, and the reason is the one to mend.
    let calls = scene.cloud.calls_of("GetProject");
    let fault = ask(&client).await.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (Class::Denied, "CredentialsUnavailable"));
    assert!(fault.message.contains("AuthenticationFail.OIDCToken.Invalid"), "{}", fault.message);
    assert!(fault.request_id.is_some());
    assert_eq!(scene.cloud.calls_of("GetProject"), calls);
    // The file is read again without anybody's asking.
    let mut returns = source.returns().unwrap();
    scene.write("token-two");
    returned(&mut returns).await;
    ask(&client).await.unwrap();
}

#[tokio::test]
async fn without_sts_nothing_is_sent_and_with_it_again_all_goes_on() {
    let scene = Scene::new().await;
    scene.cloud.add_fault(Rule::new(STS, FaultKind::DropBefore));
    let source = scene.source();
    let client = scene.client(&source);
    let mut returns = source.returns().unwrap();
    let fault = ask(&client).await.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (Class::Transient, "CredentialsUnavailable"));
    assert!(scene.actions().iter().all(|action| action == STS));
    assert_eq!(source.expires(), None);
    scene.cloud.clear_faults();
    returned(&mut returns).await;
    ask(&client).await.unwrap();
}

#[tokio::test]
async fn many_callers_cause_one_fetch() {
    let scene = Scene::new().await;
    scene.cloud.add_fault(Rule::new(STS, FaultKind::Slow { ms: 300 }));
    let source = scene.source();
    let current = futures::future::join_all((0..50).map(|_| source.current())).await;
    let first = current[0].clone().unwrap();
    assert!(current.iter().all(|end| end.as_ref().unwrap().access_key_id == first.access_key_id));
    assert_eq!(scene.cloud.calls_of(STS), 1);
    let replaced = futures::future::join_all((0..50).map(|_| source.replaced(&first))).await;
    assert_eq!(replaced, [true; 50]);
    assert_eq!(scene.cloud.calls_of(STS), 2);
}

#[tokio::test]
async fn the_instances_role_is_asked_with_a_token_only() {
    let scene = Scene::new().await;
    for (name, asked) in [
        (Some("dataworks-operator"), &["PutMetadataToken", "GetMetadataCredentials"][..]),
        (None, &["PutMetadataToken", "GetMetadataRole", "GetMetadataCredentials"]),
    ] {
        let since = scene.actions().len();
        let source = instance_at(name, &scene.cloud.url());
        ask(&scene.client(&source)).await.unwrap();
        assert_eq!(scene.actions()[since..], [asked, &["GetProject"]].concat());
    }
    let (class, text) = why(&instance_at(Some("other"), &scene.cloud.url())).await;
    assert_eq!((class, text.contains("the metadata service: Http404")), (Class::Denied, true), "{text}");
    scene.cloud.change_settings(|settings| {
        settings.metadata.tokens = false;
        settings.metadata.needs_token = false;
    });
    let since = scene.actions().len();
    assert_eq!(why(&instance_at(None, &scene.cloud.url())).await.0, Class::Denied);
    assert_eq!(scene.actions()[since..], ["PutMetadataToken"], "there is no falling back");
}

#[tokio::test]
async fn a_role_name_of_the_metadata_service_cannot_lead_elsewhere() {
    let server = Server::start(|seen| match seen.target.as_str() {
        "/latest/api/token" => Reply::new(200, "", "token"),
        _ => Reply::new(200, "", "../../user-data"),
    })
    .await;
    let (class, text) = why(&instance_at(None, &server.url)).await;
    assert_eq!((class, text.contains("UnreadableAnswer")), (Class::Transient, true), "{text}");
    assert_eq!(server.seen().len(), 2);
}
