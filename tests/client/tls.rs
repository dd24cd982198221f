//! Real TLS: whose certificates are taken, and what is said when they are not.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dataworks_core::fault::Outcome;
use dataworks_operator::dataworks::{
    Client, ClientConfig, Proxy, Transport, TransportConfig, Trust, TrustError,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

use super::server::{Reply, Server, config, transport_config};
use super::{id, project};

const DONE: &str = r#"{"RequestId":"R","Success":true}"#;

/// An authority of nobody's, with its certificate in a file.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.as_ref().pem()
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::gather(Some(&self.file("ca.pem", &self.pem()))).unwrap()
    }

    /// A server at 127.0.0.1 that answers every call, with a certificate for `name`.
    pub(crate) async fn server(&self, name: &str, change: fn(&mut CertificateParams)) -> Server {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(certificate)],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        Server::start_tls(tls, |_| Reply::new(200, "", DONE)).await
    }
}

pub(crate) fn client(url: &str, trust: &Trust, proxy: Option<Proxy>) -> Client {
    let settings =
        TransportConfig { trust: trust.clone(), proxy, ..transport_config(Duration::from_secs(20)) };
    let transport = Transport::new(&settings).unwrap();
    Client::new(ClientConfig { transport, ..config(url) })
}

/// The message of a write that never left, or nothing when it was done.
pub(crate) async fn refusal(client: &Client) -> Option<String> {
    match client.update_resource(project(), &id(), "{}", None).await {
        Outcome::Done(_) => None,
        Outcome::Refused(fault) if fault.code.as_str() == "ConnectionFailed" => Some(fault.message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_it_is_named() {
    let authority = Authority::new();
    let server = authority.server("127.0.0.1", |_| {}).await;
    for trust in [Trust::embedded(), Trust::gather(None).unwrap(), Authority::new().trust()] {
        let message = refusal(&client(&server.url, &trust, None)).await.unwrap();
        assert!(message.contains("--ca-bundle"), "{message}");
    }
    assert_eq!(server.seen().len(), 0);

    assert_eq!(refusal(&client(&server.url, &authority.trust(), None)).await, None);
    assert_eq!(server.seen().len(), 1);
}

/// What makes a certificate a wrong one.
type Change = fn(&mut CertificateParams);

#[tokio::test]
async fn a_trusted_authority_does_not_make_a_wrong_certificate_right() {
    let authority = Authority::new();
    let rows: [(&str, Change, &str); 3] = [
        ("example.com", |_| {}, "for another name"),
        ("127.0.0.1", |params| params.not_after = date_time_ymd(2020, 1, 1), "has expired"),
        ("127.0.0.1", |params| params.not_before = date_time_ymd(3000, 1, 1), "is not valid"),
    ];
    for (name, change, want) in rows {
        let server = authority.server(name, change).await;
        let message = refusal(&client(&server.url, &authority.trust(), None)).await.unwrap();
        assert!(message.contains(want), "{message}");
        assert_eq!(server.seen().len(), 0, "{want}");
    }
}

#[tokio::test]
async fn a_bundle_may_hold_many_certificates_and_remarks() {
    let (one, other) = (Authority::new(), Authority::new());
    let text = format!("# one\n{}\n# other\r\n{}", one.pem(), other.pem());
    let trust = Trust::gather(Some(&one.file("both.pem", &text))).unwrap();
    for authority in [&one, &other] {
        let server = authority.server("127.0.0.1", |_| {}).await;
        assert_eq!(refusal(&client(&server.url, &trust, None)).await, None);
    }
}

#[test]
fn a_bundle_that_is_none_is_refused_by_name() {
    let authority = Authority::new();
    let pem = authority.pem();
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    let files = [
        ("empty.pem", String::new(), "holds no certificate"),
        ("text.pem", "certificates: none\n".to_owned(), "holds no certificate"),
        ("key.pem", KeyPair::generate().unwrap().serialize_pem(), "holds no certificate"),
        ("cut.pem", pem.replace(end, ""), "is not in PEM form"),
        ("letters.pem", format!("{begin}\n!!!\n{end}\n"), "is not in PEM form"),
        ("second.pem", format!("{pem}{begin}\nAAAA\n{end}\n"), "certificate 2 of"),
    ];
    for (name, text, want) in files {
        let path = authority.file(name, &text);
        let error = Trust::gather(Some(&path)).unwrap_err().to_string();
        assert!(error.contains(want) && error.contains(name), "{error}");
    }
    let missing = authority.folder.path().join("missing.pem");
    let error = Trust::gather(Some(&missing)).unwrap_err();
    assert!(matches!(&error, TrustError::Unreadable { path, .. } if *path == missing), "{error}");
    let folder = Trust::gather(Some(authority.folder.path())).unwrap_err();
    assert!(matches!(folder, TrustError::Unreadable { .. }), "{folder}");
}
