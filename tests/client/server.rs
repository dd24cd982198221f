//! A server of a few lines that answers as it is told and remembers what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dataworks_operator::dataworks::credentials::{CredentialSource, Credentials};
use dataworks_operator::dataworks::endpoint::Endpoint;
use dataworks_operator::dataworks::upload::UploadConfig;
use dataworks_operator::dataworks::{Client, ClientConfig, CloudClock, Transport, TransportConfig, Trust};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The same, where it is no text.
    pub(crate) bytes: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// What to do with a request.
pub(crate) enum Reply {
    Send(String),
    SendAndClose(String),
    SendThenStall(String),
    Close,
    Hang,
}

impl Reply {
    pub(crate) fn new(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Send(format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}"))
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let (seen, connections) = (Arc::clone(&server.seen), Arc::clone(&server.connections));
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&answer)));
            }
        });
        server
    }

    /// The same by TLS.
    pub(crate) async fn start_tls(
        tls: rustls::ServerConfig,
        answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("https://{}", listener.local_addr().unwrap()),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let seen = Arc::clone(&server.seen);
        let (answer, acceptor) = (Arc::new(answer), TlsAcceptor::from(Arc::new(tls)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (accepting, seen, answer) =
                    (acceptor.accept(stream), Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move {
                    // A client that refuses the certificate ends the handshake.
                    if let Ok(stream) = accepting.await {
                        serve(stream, seen, answer).await;
                    }
                });
            }
        });
        server
    }

    /// Accepts a connection and closes it without reading.
    pub(crate) async fn closing() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let connections = Arc::clone(&server.connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                drop(stream);
            }
        });
        server
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(config(&self.url))
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<impl Fn(&Seen) -> Reply>,
) {
    while let Some(request) = read(&mut stream).await {
        seen.lock().unwrap().push(request.clone());
        match answer(&request) {
            Reply::Send(text) => stream.write_all(text.as_bytes()).await.unwrap_or_default(),
            Reply::SendAndClose(text) => {
                stream.write_all(text.as_bytes()).await.unwrap_or_default();
                return;
            }
            Reply::SendThenStall(text) => {
                stream.write_all(text.as_bytes()).await.unwrap_or_default();
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            Reply::Close => return,
            Reply::Hang => tokio::time::sleep(Duration::from_secs(60)).await,
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    Some(Seen { method, target, headers, body: text, bytes: body })
}

pub(crate) const SECRET: &str = "exampleSecret";

pub(crate) fn credentials(token: Option<&str>) -> CredentialSource {
    CredentialSource::Fixed(Arc::new(Credentials {
        access_key_id: "LTAIexampleAKID".to_owned(),
        access_key_secret: SECRET.to_owned().into(),
        security_token: token.map(|token| token.to_owned().into()),
    }))
}

pub(crate) fn transport_config(deadline: Duration) -> TransportConfig {
    TransportConfig {
        call_deadline: deadline,
        read_deadline: deadline,
        proxy: None,
        trust: Trust::embedded(),
    }
}

pub(crate) fn transport(deadline: Duration) -> Transport {
    Transport::new(&transport_config(deadline)).unwrap()
}

pub(crate) fn config(url: &str) -> ClientConfig {
    let endpoint: Endpoint = url.parse().unwrap();
    ClientConfig {
        endpoint: endpoint.clone(),
        sts_endpoint: endpoint.clone(),
        upload: UploadConfig {
            region: "cn-shanghai".parse().ok(),
            allowed: vec![endpoint.clone()],
            open_platform: endpoint,
        },
        credentials: credentials(None),
        transport: transport(Duration::from_secs(20)),
        clock: CloudClock::default(),
        observer: None,
    }
}
