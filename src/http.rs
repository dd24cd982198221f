//! Health and metrics over HTTP: `/livez`, `/readyz`, `/healthz`, `/metrics`. No content of any
//! object is behind any of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::context::Context;

/// A runner that has not looked around for this long is stuck.
const STUCK_SECONDS: i64 = 60;

/// What the probes ask.
#[derive(Debug)]
pub struct Health {
    ctx: Arc<Context>,
    synced: AtomicBool,
}

impl Health {
    /// Not ready yet.
    #[must_use]
    pub fn new(ctx: Arc<Context>) -> Self {
        Self { ctx, synced: AtomicBool::new(false) }
    }

    /// All objects have been seen once.
    pub fn set_synced(&self) {
        self.synced.store(true, Ordering::SeqCst);
    }
}

/// Serves probes at one address and metrics at another until the process ends.
///
/// # Errors
/// When an address cannot be listened on.
pub async fn serve(
    health: Arc<Health>,
    probes: Option<SocketAddr>,
    metrics: Option<SocketAddr>,
) -> std::io::Result<()> {
    let listeners = [
        (
            "probes",
            probes,
            Router::new()
                .route("/livez", get(livez))
                .route("/healthz", get(livez))
                .route("/readyz", get(readyz)),
        ),
        ("metrics", metrics, Router::new().route("/metrics", get(text))),
    ];
    for (what, address, router) in listeners {
        let Some(address) = address else { continue };
        let listener = TcpListener::bind(address).await?;
        tracing::info!(what, address = %listener.local_addr()?, "serving HTTP");
        let router = router.with_state(Arc::clone(&health));
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
    Ok(())
}

async fn livez(State(health): State<Arc<Health>>) -> impl IntoResponse {
    if health.ctx.seconds_since_beat() > STUCK_SECONDS {
        return (StatusCode::SERVICE_UNAVAILABLE, "the runner is stuck\n");
    }
    (StatusCode::OK, "ok\n")
}

/// Neither leadership nor the cloud gates readiness: a standby is ready, and so is an operator
/// whose cloud is down.
async fn readyz(State(health): State<Arc<Health>>) -> impl IntoResponse {
    if health.synced.load(Ordering::SeqCst) {
        (StatusCode::OK, "[+] objects seen\nok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "[-] objects not seen yet\n")
    }
}

async fn text(State(health): State<Arc<Health>>) -> impl IntoResponse {
    let ctx = &health.ctx;
    ctx.metrics.queue_depth.set(i64::try_from(ctx.scheduler.waiting()).unwrap_or(i64::MAX));
    ctx.metrics.budget(&ctx.limiter);
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], ctx.metrics.text())
}
