//! Sends a request once.
//!
//! Knows connections, deadlines and sizes; must not know operations, signatures or what an
//! answer means. The rules it keeps: no retry, no redirect, no proxy from the environment, and a
//! failure says whether a byte may have been sent. When in doubt it may.
//!
//! Where that line is: hyper gives an error of kind `Connect` for name resolution, TCP, a proxy's
//! tunnel and the TLS handshake, all before the request is handed to a connection, so nothing of
//! it left. Every later error is doubt, even one that hyper itself knows to be unsent. Below
//! reqwest, hyper sends a request a second time only when a kept-alive connection was closed
//! before it took the request, so that the first copy never left this process; creates do not use
//! kept-alive connections at all.

use std::error::Error;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use rustls::CertificateError;
use tokio::time::Instant;

use super::error::retry_after;
use super::proxy::Proxy;
use super::trust::Trust;

/// Largest answer read: a page of 100 rows is some 100 KiB and GetResource echoes a document of
/// at most a few hundred KiB; what is larger is not the API, and must not fill the memory.
pub const BODY_LIMIT: usize = 8 * 1024 * 1024;
/// Longest time to a connection, TLS included: a network that works needs less than a second, and
/// a failure before sending costs nothing but the wait.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept: shorter than the 60 s after which load balancers drop
/// one, so that fewer requests meet a closed connection.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// Idle connections kept for each host: the dearest edition takes 50 calls a second at most.
const IDLE_CONNECTIONS: usize = 16;

/// How to reach the network.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// Deadline of a write, from before credentials are fetched to the answer's last byte; also
    /// how long the kernel keeps trying to deliver a create.
    pub call_deadline: Duration,
    /// Deadline of a read.
    pub read_deadline: Duration,
    /// The HTTP proxy to go through, if the administrator set one; never taken from the
    /// environment by itself.
    pub proxy: Option<Proxy>,
    /// Whose certificates are taken.
    pub trust: Trust,
}

/// The connections. Cheap to clone; meant to be shared by all clients of a process.
#[derive(Clone, Debug)]
pub struct Transport {
    pooled: reqwest::Client,
    fresh: reqwest::Client,
    pub(super) call_deadline: Duration,
    pub(super) read_deadline: Duration,
}

/// The connections could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The crypto library lacks what TLS needs.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// The proxy's address is none to the HTTP library, or something else of its own.
    #[error("cannot set up HTTPS")]
    Http(#[source] reqwest::Error),
}

impl Transport {
    /// Sets up the connections; nothing is contacted.
    ///
    /// # Errors
    /// [`TransportError`], which no configuration that could be made is known to cause.
    pub fn new(config: &TransportConfig) -> Result<Self, TransportError> {
        let pooled = builder(config)?
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_LIMIT)
            .build()
            .map_err(TransportError::Http)?;
        let fresh = builder(config)?.pool_max_idle_per_host(0);
        // A create of a process that died must not be delivered minutes later.
        #[cfg(target_os = "linux")]
        let fresh = fresh.tcp_user_timeout(config.call_deadline);
        Ok(Self {
            pooled,
            fresh: fresh.build().map_err(TransportError::Http)?,
            call_deadline: config.call_deadline,
            read_deadline: config.read_deadline,
        })
    }

    /// Sends one request and reads its answer, both before `deadline`.
    ///
    /// Dropping the future closes the connection; a request that was handed to it may arrive all
    /// the same, so a dropped write is of unknown outcome.
    pub(super) async fn send(
        &self,
        request: reqwest::Request,
        connection: Connection,
        deadline: Instant,
    ) -> Result<Answer, SendError> {
        let client = match connection {
            Connection::Pooled => &self.pooled,
            Connection::Fresh => &self.fresh,
        };
        tokio::time::timeout_at(deadline, exchange(client, request)).await.unwrap_or(Err(SendError::TimedOut))
    }
}

fn builder(config: &TransportConfig) -> Result<reqwest::ClientBuilder, TransportError> {
    // Half the deadline at most, so that a slow connect is told apart from a lost answer.
    let connect = CONNECT_LIMIT.min(config.call_deadline.min(config.read_deadline) / 2);
    let builder = reqwest::Client::builder()
        .user_agent(concat!("dataworks-operator/", env!("CARGO_PKG_VERSION")))
        .retry(reqwest::retry::never())
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        // One request to a connection: HTTP/2 would let one stream's end take others with it.
        .http1_only()
        .connect_timeout(connect)
        .tcp_nodelay(true)
        .tls_backend_preconfigured(config.trust.client_config().map_err(TransportError::Tls)?);
    Ok(match &config.proxy {
        Some(proxy) => builder.proxy(proxy.rule().map_err(TransportError::Http)?),
        None => builder,
    })
}

async fn exchange(client: &reqwest::Client, request: reqwest::Request) -> Result<Answer, SendError> {
    let mut response = client.execute(request).await.map_err(SendError::of)?;
    let status = response.status().as_u16();
    let headers = response.headers();
    let date = header(headers, DATE.as_str()).and_then(http_date);
    let retry_after =
        retry_after(header(headers, "x-acs-retry-after"), header(headers, RETRY_AFTER.as_str()));
    let announced = response.content_length().unwrap_or(0);
    if announced > BODY_LIMIT as u64 {
        return Err(SendError::TooLarge);
    }
    let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    while let Some(chunk) = response.chunk().await.map_err(SendError::after_head)? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(SendError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, date, retry_after, body })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// Which connection a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// A kept-alive one where there is one.
    Pooled,
    /// One of its own.
    Fresh,
}

/// An answer as it came.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) date: Option<Timestamp>,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// How sending failed. Texts name the step only: addresses may hold what must not be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SendError {
    /// Nothing was sent.
    NotConnected(&'static str),
    /// Nothing was sent: there is no address for the host's name.
    Unresolved,
    /// The deadline passed; the request may have been sent.
    TimedOut,
    /// The connection broke; the request may have been sent.
    Lost(&'static str),
    /// The answer is beyond [`BODY_LIMIT`].
    TooLarge,
}

impl SendError {
    fn of(error: reqwest::Error) -> Self {
        if error.is_builder() {
            Self::NotConnected("the request cannot be built")
        } else if error.is_connect() && error.is_dns() {
            Self::Unresolved
        } else if error.is_connect() {
            Self::NotConnected(match (error.is_timeout(), refused_certificate(&error)) {
                (true, _) => "no connection in time",
                (false, Some(why)) => why,
                (false, None) => "the connection was refused or its TLS handshake failed",
            })
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::Lost("the connection broke before an answer came")
        }
    }

    fn after_head(error: reqwest::Error) -> Self {
        if error.is_timeout() { Self::TimedOut } else { Self::Lost("the connection broke within the answer") }
    }
}

/// Why we did not take the certificate of the other side, if that is what happened.
fn refused_certificate(error: &reqwest::Error) -> Option<&'static str> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
            return Some(match why {
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    "the server's certificate is of an authority that is not trusted; if a proxy or a private \
                     authority is meant to sign it, name its certificates with --ca-bundle"
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "the server's certificate has expired"
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    "the server's certificate is for another name"
                }
                _ => "the server's certificate is not valid",
            });
        }
        // An I/O error shows the source of what it holds as its own, not what it holds.
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    None
}
