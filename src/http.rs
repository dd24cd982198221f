//! Health and metrics over HTTP: `/livez`, `/readyz`, `/healthz`, `/metrics`. No content of any
//! object is behind any of them.
//!
//! Whoever reaches the pod may connect. The rule it keeps: a connection serves one request, ends
//! after [`CONNECTION_LIMIT`], and there are at most [`CONNECTIONS`] at each address.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::form_urlencoded;

use crate::context::Context;
use crate::health::{Check, Gates, told};
use crate::metrics::process::Process;
use crate::metrics::scrape;

/// Connections at a time at each address: probes and scrapes need two or three. More wait in the
/// kernel's queue.
const CONNECTIONS: usize = 64;
/// From the first byte of a request to the last of its answer, which is ready within milliseconds:
/// Prometheus waits as long by default.
const CONNECTION_LIMIT: Duration = Duration::from_secs(10);
/// Longest request line with headers, in bytes: no probe and no scraper needs a quarter of it.
const HEAD_LIMIT: usize = 16 * 1024;
/// A pause after a failed accept, which may be for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the probes and the metrics are read from.
#[derive(Debug)]
pub struct Shown {
    /// What the process does.
    pub ctx: Arc<Context>,
    /// What must have been seen before it is ready.
    pub gates: Arc<Gates>,
    /// The process itself.
    pub process: Process,
}

/// Serves probes at one address and metrics at another until the process ends.
///
/// # Errors
/// When an address cannot be listened on.
pub async fn serve(shown: Shown, probes: SocketAddr, metrics: SocketAddr) -> std::io::Result<()> {
    let shown = Arc::new(shown);
    let health =
        Router::new().route("/livez", get(livez)).route("/healthz", get(livez)).route("/readyz", get(readyz));
    let listeners =
        [("probes", probes, health), ("metrics", metrics, Router::new().route("/metrics", get(text)))];
    for (what, address, router) in listeners {
        let listener = TcpListener::bind(address).await?;
        tracing::info!(what, address = %listener.local_addr()?, "serving HTTP");
        tokio::spawn(accept(listener, router.with_state(Arc::clone(&shown))));
    }
    Ok(())
}

async fn accept(listener: TcpListener, router: Router) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    // Never closed.
    while let Ok(slot) = Arc::clone(&free).acquire_owned().await {
        let Ok((stream, _from)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .keep_alive(false)
                .max_buf_size(HEAD_LIMIT)
                .serve_connection(TokioIo::new(stream), service);
            // How it ends is the caller's affair.
            let _ended = tokio::time::timeout(CONNECTION_LIMIT, connection).await;
            drop(slot);
        });
    }
}

async fn livez(State(shown): State<Arc<Shown>>, query: RawQuery) -> impl IntoResponse {
    answer("livez", &shown.ctx.vitals().alive(Instant::now()), query)
}

async fn readyz(State(shown): State<Arc<Shown>>, query: RawQuery) -> impl IntoResponse {
    answer("readyz", &shown.gates.ready(), query)
}

fn answer(probe: &str, checks: &[Check], RawQuery(query): RawQuery) -> impl IntoResponse + use<> {
    let pairs = || form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let verbose = pairs().any(|(name, _)| name == "verbose");
    let exclude: Vec<String> =
        pairs().filter(|(name, _)| name == "exclude").map(|(_, value)| value.into_owned()).collect();
    let (good, text) = told(probe, checks, verbose, &exclude);
    (if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text)
}

async fn text(State(shown): State<Arc<Shown>>) -> impl IntoResponse {
    let [runtime, own] = scrape::gauges(&shown.ctx);
    let text = shown.ctx.metrics.text(&[runtime, own, shown.process.figures()]);
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], text)
}
