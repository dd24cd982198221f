//! Connections: accept, read whole requests, answer or close.
//!
//! Built on hyper itself and not on a framework's server, since half of the faults are about
//! closing a connection without an answer.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::admin;
use crate::call::{self, Reply};
use crate::cloud::Cloud;
use crate::config::Config;
use crate::control::Control;

/// The longest body that is read.
const MOST_BODY_BYTES: usize = 8 * 1024 * 1024;
/// Connections at once; more wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 4096;
/// How long a connection may be idle, or take to send its headers.
const IDLE: Duration = Duration::from_secs(75);
/// How long calls under way may take when the simulator stops.
const GRACE: Duration = Duration::from_secs(5);
/// How long to wait after accepting has failed, as it does when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running simulator. It stops when this is dropped; [`Control`] has what it can be asked.
#[derive(Debug)]
pub struct Simulator {
    control: Control,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Binds the address and begins to serve.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound, or others could reach it and
    /// [`Config::allow_non_loopback`] is not set.
    pub async fn start(config: Config) -> io::Result<Self> {
        if !config.listen.ip().is_loopback() && !config.allow_non_loopback {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "{} is not a loopback address, and the admin API has no authentication; \
                     listen on 127.0.0.1 or allow it explicitly",
                    config.listen
                ),
            ));
        }
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let cloud = Arc::new(Cloud::new(config));
        let control = Control(Arc::clone(&cloud));
        let (stop, stopped) = watch::channel(false);
        let router = admin::router(control.clone());
        let task = tokio::spawn(accept(listener, cloud, router, stopped));
        Ok(Self { control, address, stop, task: Some(task) })
    }

    /// Where it listens, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle that can be given to other tasks.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Stops accepting, lets calls under way end for some seconds, and closes.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take()
            && task.await.is_err()
        {
            warn!("the server task has failed");
        }
    }
}

impl Deref for Simulator {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            // Its connections are in a set that it owns, and end with it.
            task.abort();
        }
    }
}

async fn accept(
    listener: TcpListener,
    cloud: Arc<Cloud>,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let next = async {
            let place = place.await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = told(&mut stopped) => break,
            Some(_) = connections.join_next() => continue,
            next = next => next,
        };
        match accepted {
            Ok((stream, _)) => {
                let serving = serve(stream, Arc::clone(&cloud), router.clone(), stopped.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!(%error, "accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        warn!("calls were still under way");
    }
}

/// Waits for the word to stop, or for the end of whom could say it.
async fn told(stopped: &mut watch::Receiver<bool>) {
    // The answer borrows the channel; it must not live across an await of the caller.
    drop(stopped.wait_for(|stop| *stop).await);
}

async fn serve(stream: TcpStream, cloud: Arc<Cloud>, router: Router, mut stopped: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "set_nodelay");
    }
    let service = service_fn(|request| respond(request, Arc::clone(&cloud), router.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = told(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        debug!(%error, "connection closed");
    }
}

/// Why hyper closes a connection without an answer: it does when a service fails.
#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct Closed;

async fn respond(
    request: Request<Incoming>,
    cloud: Arc<Cloud>,
    router: Router,
) -> Result<Response<Body>, Closed> {
    let request = request.map(Body::new);
    if request.uri().path().starts_with("/_simulator") {
        let answer: Result<_, Infallible> = router.oneshot(request).await;
        return answer.map_err(|_| Closed);
    }
    let (parts, body) = request.into_parts();
    let cut = call::is_upload(&parts).then(|| cloud.pick_cut()).flatten();
    if let Some(bytes) = cut {
        // It fails where there is more, which is then never read.
        drop(to_bytes(body, bytes).await);
        call::cut_off(cloud, &parts);
        return Err(Closed);
    }
    let Ok(body) = to_bytes(body, MOST_BODY_BYTES).await else {
        return too_large();
    };
    match tokio::spawn(Box::pin(call::answer(cloud, parts, body))).await {
        Ok(Reply::Answer(response)) => Ok(response),
        Ok(Reply::Close) | Err(_) => Err(Closed),
    }
}

/// Also what a caller gets that stopped in the middle of a body; it will not read it.
fn too_large() -> Result<Response<Body>, Closed> {
    let body = Bytes::from_static(
        b"{\"Code\":\"InvalidParameter.BodyTooLarge\",\"Message\":\"The body is too large.\"}",
    );
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    Ok(response)
}
