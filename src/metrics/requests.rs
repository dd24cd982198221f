//! A layer of the Kubernetes client that counts every request: watches, leases and events too.
//!
//! It must not change a request or an answer. Of lease writes it also keeps when the last good one
//! was, for the probe that tells a lease that is held but not renewed.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::time::Instant;
use tower::{Layer, Service};

/// The code of a request without an answer, as client-go counts it.
const NO_ANSWER: &str = "<error>";

/// `code` and `method`, as client-go has them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    code: Code,
    method: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Code {
    Status(u16),
    NoAnswer,
}

impl prometheus_client::encoding::EncodeLabelValue for Code {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        match self {
            Self::Status(code) => code.encode(encoder),
            Self::NoAnswer => NO_ANSWER.encode(encoder),
        }
    }
}

/// Counts requests. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    counts: Family<RequestLabels, Counter>,
    renewed: Arc<Mutex<Option<Instant>>>,
}

impl Requests {
    pub(super) fn family(&self) -> &Family<RequestLabels, Counter> {
        &self.counts
    }

    /// When the last write to a lease succeeded.
    #[must_use]
    pub fn renewed(&self) -> Option<Instant> {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, method: &'static str, renews: bool, status: Option<http::StatusCode>) {
        let code = status.map_or(Code::NoAnswer, |status| Code::Status(status.as_u16()));
        self.counts.get_or_create(&RequestLabels { code, method }).inc();
        if renews && status.is_some_and(|status| status.is_success()) {
            *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }
}

impl<S> Layer<S> for Requests {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, requests: self.clone() }
    }
}

/// A service whose requests are counted.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    inner: S,
    requests: Requests,
}

impl<S, In, Out> Service<http::Request<In>> for Counted<S>
where
    S: Service<http::Request<In>, Response = http::Response<Out>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<In>) -> Self::Future {
        let method = name(request.method());
        let renews = matches!(method, "PUT" | "POST") && request.uri().path().contains("/leases");
        let requests = self.requests.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            requests.answered(method, renews, answer.as_ref().ok().map(http::Response::status));
            answer
        })
    }
}

/// The method as a label; others than these are not sent.
fn name(method: &http::Method) -> &'static str {
    match *method {
        http::Method::GET => "GET",
        http::Method::POST => "POST",
        http::Method::PUT => "PUT",
        http::Method::PATCH => "PATCH",
        http::Method::DELETE => "DELETE",
        _ => "other",
    }
}
