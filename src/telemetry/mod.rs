//! Logs: one JSON object a line, or text for people at a terminal.
//!
//! What a line looks like is [`line`]'s, which lines there are is [`level`]'s.

pub mod level;
pub mod line;

use std::path::PathBuf;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, registry, reload};

use level::{Levels, filter};
use line::Line;

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text.
    Text,
}

/// Writes logs to standard error, filtered as `levels` says (`info`, `dataworks_operator=debug,kube=warn`)
/// as long as `file` does not say otherwise.
///
/// # Errors
/// When the filter cannot be read.
pub fn init(format: LogFormat, levels: &str, file: Option<PathBuf>) -> anyhow::Result<Levels> {
    let (layer, handle) = reload::Layer::new(filter(levels)?);
    let lines = fmt::layer()
        .fmt_fields(Line(format))
        .event_format(Line(format))
        .with_writer(std::io::stderr)
        // A standard error that is closed must not become an error of its own.
        .log_internal_errors(false);
    registry().with(layer).with(lines).try_init()?;
    Ok(Levels::new(handle, levels.to_owned(), file))
}
