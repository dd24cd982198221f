//! Health and metrics over HTTP: `/livez`, `/readyz`, `/healthz`, `/metrics`. No content of any
//! object is behind any of them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::time::Instant;
use url::form_urlencoded;

use crate::context::Context;
use crate::health::{Check, Gates, told};
use crate::metrics::process::Process;
use crate::metrics::scrape;

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
        let router = router.with_state(Arc::clone(&shown));
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
    Ok(())
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
