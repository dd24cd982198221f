//! A real proxy between us and the service: what goes through it, and what it sees.

use std::sync::{Arc, Mutex};

use dataworks_operator::dataworks::{Proxy, Trust};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::server::{Reply, Server};
use super::tls::{Authority, client, refusal};

/// A proxy for CONNECT; it keeps the heads of what it was asked.
pub(crate) struct Tunnel {
    pub(crate) address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    /// With a `refusal`, it answers that and closes.
    pub(crate) async fn start(refusal: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tunnel = Self { address: listener.local_addr().unwrap().to_string(), heads: Arc::default() };
        let heads = Arc::clone(&tunnel.heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let heads = Arc::clone(&heads);
                tokio::spawn(async move { carry(stream, &heads, refusal).await });
            }
        });
        tunnel
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn carry(mut stream: TcpStream, heads: &Mutex<Vec<String>>, refusal: Option<&str>) -> Option<()> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(bytes).unwrap();
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    heads.lock().unwrap().push(head);
    if let Some(refusal) = refusal {
        stream.write_all(refusal.as_bytes()).await.ok()?;
        return None;
    }
    let mut service = TcpStream::connect(target?).await.ok()?;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    copy_bidirectional(&mut stream, &mut service).await.ok()?;
    Some(())
}

fn from_environment(https_proxy: &str, no_proxy: &str) -> Proxy {
    let value = |name: &str| match name {
        "HTTPS_PROXY" => Some(https_proxy.to_owned()),
        "NO_PROXY" => Some(no_proxy.to_owned()),
        _ => None,
    };
    Proxy::from_variables(value).unwrap().unwrap()
}

#[tokio::test]
async fn https_proxy_and_no_proxy_decide_what_goes_through() {
    let authority = Authority::new();
    let trust = authority.trust();
    let rows = [
        ("127.0.0.1", "", true),
        ("127.0.0.1", "example.com,.svc", true),
        ("127.0.0.1", "example.com, 127.0.0.0/8", false),
        ("localhost", "*", false),
        ("localhost", "127.0.0.0/8", true),
        ("localhost", "localhost", false),
    ];
    for (name, no_proxy, through) in rows {
        let server = authority.server(name, |_| {}).await;
        let url = server.url.replace("127.0.0.1", name);
        let tunnel = Tunnel::start(None).await;
        let proxy = from_environment(&tunnel.address, no_proxy);
        assert_eq!(refusal(&client(&url, &trust, Some(proxy.clone()))).await, None);
        assert_eq!(server.seen().len(), 1, "{name} {no_proxy}");
        assert_eq!(tunnel.heads().len(), usize::from(through), "{name} {no_proxy}");
        assert_eq!(proxy.carries(&url.parse().unwrap()), through, "{name} {no_proxy}");
    }
}

#[tokio::test]
async fn the_proxy_learns_the_host_and_its_own_password_only() {
    let authority = Authority::new();
    let server = authority.server("127.0.0.1", |_| {}).await;
    let tunnel = Tunnel::start(None).await;
    let proxy = from_environment(&format!("http://user:password@{}", tunnel.address), "");
    assert_eq!(refusal(&client(&server.url, &authority.trust(), Some(proxy))).await, None);
    let head = tunnel.heads().concat().to_lowercase();
    let host = server.url.replace("https://", "");
    assert!(head.starts_with(&format!("connect {host} http/1.1\r\n")), "{head}");
    assert!(head.contains("proxy-authorization: basic dxnlcjpwyxnzd29yza==\r\n"), "{head}");
    assert!(!head.contains("\r\nauthorization") && !head.contains("x-acs"), "{head}");
}

#[tokio::test]
async fn what_a_proxy_refuses_was_not_sent() {
    let authority = Authority::new();
    let server = authority.server("127.0.0.1", |_| {}).await;
    for answer in ["HTTP/1.1 407 X\r\n\r\n", "HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n", ""] {
        let tunnel = Tunnel::start(Some(answer)).await;
        let proxy = from_environment(&tunnel.address, "");
        assert!(refusal(&client(&server.url, &authority.trust(), Some(proxy))).await.is_some(), "{answer}");
        assert_eq!(tunnel.heads().len(), 1);
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn plain_http_goes_through_a_proxy_that_was_named_and_no_other() {
    let answer = |_: &_| Reply::new(200, "", r#"{"RequestId":"R","Success":true}"#);
    let (server, proxy) = (Server::start(answer).await, Server::start(answer).await);
    let direct = from_environment(&proxy.url, "");
    assert_eq!(refusal(&client(&server.url, &Trust::embedded(), Some(direct))).await, None);
    assert_eq!((server.seen().len(), proxy.seen().len()), (1, 0));
    let named = Proxy::always(&proxy.url).unwrap();
    assert_eq!(refusal(&client(&server.url, &Trust::embedded(), Some(named))).await, None);
    assert_eq!((server.seen().len(), proxy.seen().len()), (1, 1));
    assert!(proxy.seen()[0].target.starts_with(&server.url), "{}", proxy.seen()[0].target);
}
