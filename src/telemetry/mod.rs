//! Logs: one JSON object a line, or text for people at a terminal.
//!
//! What a line looks like is [`line`]'s, which lines there are is [`level`]'s. With the cargo feature
//! `otlp` spans are sent as traces besides.

pub mod level;
pub mod line;
#[cfg(feature = "otlp")]
mod traces;

use std::path::PathBuf;

use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, registry, reload};

use level::{Levels, filter};
use line::Line;
pub(crate) use line::shown;

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text.
    Text,
}

/// The target of spans that are for traces only: their fields are not shown in logs.
pub const SPANS: &str = "otlp";

/// What sends traces: nothing, without the cargo feature `otlp`.
#[cfg(not(feature = "otlp"))]
#[derive(Debug, Default)]
pub struct Traces;

#[cfg(not(feature = "otlp"))]
impl Traces {
    /// Sends what was not sent yet.
    pub fn finish(self) {}
}

#[cfg(feature = "otlp")]
pub use traces::Traces;

/// Writes logs to standard error, filtered as `levels` says (`info`, `dataworks_operator=debug,kube=warn`)
/// as long as `file` does not say otherwise. To be called inside the runtime.
///
/// # Errors
/// When the filter cannot be read.
pub fn init(format: LogFormat, levels: &str, file: Option<PathBuf>) -> anyhow::Result<(Levels, Traces)> {
    let (layer, handle) = reload::Layer::new(filter(levels)?);
    let lines = fmt::layer()
        .fmt_fields(Line(format))
        .event_format(Line(format))
        .with_writer(std::io::stderr)
        // A standard error that is closed must not become an error of its own.
        .log_internal_errors(false);
    // The filter is that of the lines: traces have one of their own.
    let subscriber = registry().with(lines.with_filter(layer));
    #[cfg(feature = "otlp")]
    let traces = {
        let (layer, traces) = traces::layer()?;
        subscriber.with(layer).try_init()?;
        traces
    };
    #[cfg(not(feature = "otlp"))]
    let traces = {
        subscriber.try_init()?;
        Traces
    };
    Ok((Levels::new(handle, levels.to_owned(), file), traces))
}
