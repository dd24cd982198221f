//! No secret, token, signature or content is shown, whatever the service says.
//! A process of its own: the log of other tests at the same time would not be captured whole.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with the client's tests, which use the rest")]
#[path = "client/server.rs"]
mod server;

use std::io::Write;
use std::sync::{Arc, Mutex};

use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::object::Uid;
use dataworks_operator::dataworks::credentials::{
    CredentialSource, Credentials, OidcRole, Provider, Reach, Renewal,
};
use dataworks_operator::dataworks::{CallRecord, Client, ClientConfig, Proxy, TransportConfig, Trust};
use k8s_openapi::jiff::Timestamp;
use tracing_subscriber::fmt::MakeWriter;

use server::{Reply, Server, config, transport};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// All that is shown of uploads, one that is taken and one that is not.
async fn uploaded(log: &Log) -> String {
    let mut shown = String::new();
    for status in [201, 403] {
        let server = Server::start(move |seen| match seen.header("host").and_then(|host| host.split_once('.')) {
            Some((bucket, endpoint)) if seen.method == "GET" => {
                let answer = serde_json::json!({
                    "RequestId": "R", "AccessKeyId": "LTAI", "Bucket": bucket, "Endpoint": endpoint,
                    "EncodedPolicy": "hush-policy", "Signature": "hush-signature", "ObjectKey": "hush-key",
                });
                Reply::new(200, "", &answer.to_string())
            }
            _ => Reply::new(status, "", "<Error><Message>hush-content</Message></Error>"),
        })
        .await;
        let records = Log::default();
        let sink = records.clone();
        let observer = Arc::new(move |record: &CallRecord| write!(sink.clone(), "{record:?}").unwrap());
        let client = Client::new(ClientConfig { observer: Some(observer), ..config(&server.url) });
        let ticket = client.authorize_file_upload().await.unwrap();
        let end = client.post_object(&ticket, b"hush-content".as_slice().into()).await;
        assert_eq!(end.is_ok(), status == 201);
        shown += &format!("{ticket:?} {end:?}");
        shown += &String::from_utf8(records.0.lock().unwrap().clone()).unwrap();
        assert!(shown.contains("PostObject"));
    }
    assert!(!String::from_utf8(log.0.lock().unwrap().clone()).unwrap().contains("hush-policy"));
    shown
}

#[tokio::test]
async fn nothing_that_must_not_be_shown_is_shown() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let project = ProjectId::new(1).unwrap();
    let id: ResourceId = "1".parse().unwrap();

    let credentials = Arc::new(Credentials {
        access_key_id: "the-key-id".to_owned(),
        access_key_secret: "hush-secret".to_owned().into(),
        security_token: Some("hush-token-0123456789".to_owned().into()),
    });
    let echo = |padding: usize, code: &str| {
        let message = format!("{}hush-token-0123456789 hush-secret", "x".repeat(padding));
        let body = serde_json::json!({"RequestId": "R", "Code": code, "Message": message});
        (400, body.to_string())
    };
    let spec = r#"{"RequestId":"R","Resource":{"Id":"1","ProjectId":1,"Name":"n",
        "CreateTime":1,"ModifyTime":1,"Spec":"hush-content"}}"#;
    let answers = [
        echo(0, "X"),
        echo(505, "X"),
        echo(3, "SignatureDoesNotMatch"),
        echo(0, "hush-secret"),
        (200, spec.to_owned()),
        (200, "hush-content".to_owned()),
        (500, "hush-content".to_owned()),
    ];
    let mut shown = format!("{credentials:?}");
    for (status, body) in answers {
        let server = Server::start(move |_| Reply::new(status, "", &body)).await;
        let source = CredentialSource::Fixed(Arc::clone(&credentials));
        shown += &format!("{source:?}");
        let records = Log::default();
        let sink = records.clone();
        let observer = Arc::new(move |record: &CallRecord| write!(sink.clone(), "{record:?}").unwrap());
        let client = Client::new(ClientConfig {
            credentials: source,
            observer: Some(observer),
            ..config(&server.url)
        });
        let file = Some("https://bucket/hush-url");
        shown += &format!("{client:?}");
        shown += &format!("{:?}", client.create_resource(project, "hush-content", file).await);
        shown += &format!("{:?}", client.update_resource(project, &id, "hush-content", None).await);
        shown += &format!("{:?}", client.get_resource(project, &id).await);
        shown += &String::from_utf8(records.0.lock().unwrap().clone()).unwrap();
        let seen = server.seen();
        assert_eq!(seen.len(), 3);
        for request in seen {
            let authorization = request.header("authorization").unwrap();
            let (_, signature) = authorization.rsplit_once("Signature=").unwrap();
            assert!(!shown.contains(signature));
            let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
            assert!(!logged.contains(signature), "{logged}");
        }
    }
    shown += &uploaded(&log).await;
    shown += &renewed_credentials().await;
    let proxied = TransportConfig {
        call_deadline: std::time::Duration::from_secs(1),
        read_deadline: std::time::Duration::from_secs(1),
        proxy: Some(Proxy::always("http://user:hush@proxy.example.com").unwrap()),
        trust: Trust::embedded(),
    };
    shown += &format!("{proxied:?}");
    shown += &String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(shown.contains("CreateResource") && shown.contains("[redacted]"));
    assert!(shown.contains("durationMs"), "the log was not captured");
    if let Some(at) = shown.find("hush") {
        let (from, to) = (at.saturating_sub(200), (at + 40).min(shown.len()));
        panic!("{}", String::from_utf8_lossy(&shown.as_bytes()[from..to]));
    }
}

/// What is shown of credentials that STS refuses and then gives.
async fn renewed_credentials() -> String {
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "hush-oidc-token").unwrap();
    let role = OidcRole {
        role_arn: "a-role".to_owned(),
        provider_arn: "a-provider".to_owned(),
        token_file,
        session_name: "a-session".to_owned(),
    };
    let given = r#"{"RequestId":"R","Credentials":{"AccessKeyId":"STS.one","AccessKeySecret":"hush-sts",
        "SecurityToken":"hush-sts-token","Expiration":"2099-01-02T04:04:05Z"}}"#;
    let answers = [
        (400, r#"{"RequestId":"R","Code":"X.hush-oidc-token","Message":"hush-oidc-token is bad"}"#),
        (200, r#"{"RequestId":"R","Credentials":{"AccessKeySecret":"hush-sts"}}"#),
        (200, given),
    ];
    let mut shown = String::new();
    for (status, answer) in answers {
        let server = Server::start(move |_| Reply::new(status, "", answer)).await;
        let reach = Reach::new(transport(std::time::Duration::from_secs(5)), Arc::new(Timestamp::now), None);
        let provider = Provider::Role { role: role.clone(), endpoint: server.url.parse().unwrap(), reach };
        shown += &format!("{provider:?}");
        let source = CredentialSource::Renewed(Renewal::start(provider, Uid::new("a-process")));
        match source.current().await {
            Ok(credentials) => shown += &format!("{credentials:?}"),
            Err(error) => shown += &format!("{error} {error:?}"),
        }
        shown += &format!("{source:?}");
        assert!(server.seen()[0].body.contains("hush-oidc-token"));
    }
    assert!(shown.contains("STS.one") && shown.contains("[redacted] is bad"), "{shown}");
    shown
}
