//! Traces over OTLP: a span for each reconcile and one for each call to the cloud inside it.
//!
//! Only with the cargo feature `otlp`, and only where the standard variables name an endpoint. Spans
//! hold names and ids, no content; what is logged is not sent.

use std::env;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::SPANS;

/// Where traces go; without one of these they go nowhere.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// Deadline of an export; it is tried once.
const DEADLINE: Duration = Duration::from_secs(10);
/// The end of the process waits this long for the last spans.
const LAST: Duration = Duration::from_secs(2);
/// An answer says nothing that is needed.
const MOST_BYTES: usize = 64 * 1024;

/// What sends the spans, if anything does.
#[derive(Debug, Default)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Sends what was not sent yet, for two seconds at most.
    pub fn finish(self) {
        if let Some(provider) = self.0 {
            // Nobody reads of it any more.
            let _unsent = provider.shutdown_with_timeout(LAST);
        }
    }
}

/// The layer that makes spans of ours into spans of a trace. To be called inside the runtime.
///
/// # Errors
/// When the endpoint is none, or HTTPS cannot be set up.
pub(super) fn layer<S>() -> anyhow::Result<(Option<impl Layer<S>>, Traces)>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if ENDPOINTS.iter().all(|name| env::var_os(name).is_none_or(|value| value.is_empty())) {
        return Ok((None, Traces(None)));
    }
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(DEADLINE)
        .build()?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(Sender { http, runtime: Handle::current() })
        .build()?;
    let named = env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
    let resource = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_detector(Box::new(EnvResourceDetector::new()))
        .with_service_name(named.unwrap_or_else(|| env!("CARGO_PKG_NAME").to_owned()))
        .build();
    let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
    let layer: OpenTelemetryLayer<S, Tracer> = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false);
    Ok((Some(layer.with_filter(filter_fn(is_sent))), Traces(Some(provider))))
}

fn is_sent(metadata: &Metadata<'_>) -> bool {
    let ours = metadata.target() == SPANS || metadata.target().starts_with(env!("CARGO_CRATE_NAME"));
    metadata.is_span() && LevelFilter::INFO >= *metadata.level() && ours
}

/// Sends an export over a runtime that the exporter's own thread does not have.
#[derive(Debug)]
struct Sender {
    http: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let sent = self.runtime.spawn(send(self.http.clone(), request));
        sent.await?
    }
}

async fn send(
    client: reqwest::Client,
    request: http::Request<Bytes>,
) -> Result<http::Response<Bytes>, HttpError> {
    let mut answer = client.execute(request.try_into()?).await?.error_for_status()?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err("the collector's answer is too long".into());
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = http::Response::new(body.into());
    *response.status_mut() = answer.status();
    Ok(response)
}
