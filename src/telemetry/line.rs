//! What a log line looks like: time, level, message, then the fields of the event and of the spans
//! of ours around it, all in one flat object.
//!
//! Names, paths and the service's texts come from others: whatever they hold, a line is one line and
//! says nothing to a terminal.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use k8s_openapi::jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::LogFormat;

/// Spans of others are not shown: their fields are not ours to keep stable.
const OURS: &str = env!("CARGO_CRATE_NAME");

/// Longest message and longest value of a field, in bytes before they are escaped: names of fields are an
/// author's and may be hundreds of kilobytes, which would push all else out of what is kept of a log.
const VALUE_LIMIT: usize = 1024;

/// Formats events and the fields of spans.
#[derive(Clone, Copy, Debug)]
pub struct Line(pub LogFormat);

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (now, metadata) = (Timestamp::now(), event.metadata());
        let level = metadata.level().as_str();
        let mut message = Message::default();
        event.record(&mut message);
        match self.0 {
            LogFormat::Json => {
                write!(out, "{{\"ts\":\"{now:.6}\",\"level\":\"{}\",\"msg\":", level.to_ascii_lowercase())?;
                out.write_str(&json(&cut(&message.0)))?;
                write!(out, ",\"logger\":\"{}\"", metadata.target())?;
            }
            LogFormat::Text => {
                write!(out, "{now:.6} {level:>5} ")?;
                cut(&message.0).chars().try_for_each(|c| plain(&mut out, c))?;
            }
        }
        event.record(&mut Fields { format: self.0, out: out.by_ref() });
        for span in ctx.event_scope().into_iter().flatten() {
            if span.metadata().target().starts_with(OURS)
                && let Some(fields) = span.extensions().get::<FormattedFields<N>>()
            {
                out.write_str(fields)?;
            }
        }
        out.write_str(if self.0 == LogFormat::Json { "}\n" } else { "\n" })
    }
}

impl<'writer> FormatFields<'writer> for Line {
    fn format_fields<R: RecordFields>(&self, out: Writer<'writer>, fields: R) -> fmt::Result {
        fields.record(&mut Fields { format: self.0, out });
        Ok(())
    }

    fn add_fields(&self, current: &'writer mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

/// Only the message.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _infallible = write!(self.0, "{value:?}");
        }
    }
}

/// All but the message, each with what separates it from the one before.
struct Fields<'a> {
    format: LogFormat,
    out: Writer<'a>,
}

impl Fields<'_> {
    fn put(&mut self, field: &Field, bare: bool, value: &str) {
        let name = field.name();
        let value = &*cut(value);
        // Into a buffer, which does not fail.
        let _infallible = match self.format {
            _ if name == "message" => Ok(()),
            LogFormat::Json if bare => write!(self.out, ",\"{name}\":{value}"),
            LogFormat::Json => write!(self.out, ",\"{name}\":{}", json(value)),
            LogFormat::Text if value.chars().all(is_word) && !value.is_empty() => {
                write!(self.out, " {name}={value}")
            }
            LogFormat::Text => write!(self.out, " {name}={value:?}"),
        };
    }
}

impl Visit for Fields<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, true, &value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, true, &value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, true, if value { "true" } else { "false" });
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is not finite.
        self.put(field, value.is_finite(), &value.to_string());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, false, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, false, &value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, false, &format!("{value:?}"));
    }
}

/// A text of at most [`VALUE_LIMIT`].
fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= VALUE_LIMIT {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}…", &text[..text.floor_char_boundary(VALUE_LIMIT - '…'.len_utf8())]))
}

/// A text as JSON, with what a terminal or an editor would obey escaped as well.
fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    if !quoted.chars().any(is_order) {
        return quoted;
    }
    // Such characters are below U+FFFF and have one unit.
    let escape = |out: &mut String, c| {
        if is_order(c) { write!(out, "\\u{:04x}", u32::from(c)) } else { out.write_char(c) }
    };
    let mut out = String::new();
    let _infallible = quoted.chars().try_for_each(|c| escape(&mut out, c));
    out
}

fn plain(out: &mut impl fmt::Write, c: char) -> fmt::Result {
    if is_order(c) { write!(out, "{}", c.escape_default()) } else { out.write_char(c) }
}

/// A text of others for a line on a terminal: what it would obey is escaped.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    let _infallible = text.chars().try_for_each(|c| plain(&mut out, c));
    out
}

/// Characters that are no text: controls, line ends, and those that turn the direction.
fn is_order(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_word(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\' | '\'')
}

#[cfg(test)]
mod tests;
