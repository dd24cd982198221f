use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(format: LogFormat, work: impl FnOnce()) -> String {
    let sink = Sink::default();
    let writer = sink.clone();
    let layer = tracing_subscriber::fmt::layer()
        .fmt_fields(Line(format))
        .event_format(Line(format))
        .with_writer(move || writer.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
}

/// What others may put into names, paths and messages.
const NASTY: &str = "a\"}\n{\"level\":\"error\" \u{1b}[31m\r\u{85}\u{2028}\u{202e}é=\\";

#[test]
fn a_line_is_one_flat_object_with_the_fields_of_our_spans() {
    let text = logged(LogFormat::Json, || {
        let theirs = tracing::info_span!(target: "hyper", "request", port = 1).entered();
        let ours = tracing::info_span!("reconcile", namespace = "team-a", generation = tracing::field::Empty);
        let ours = ours.entered();
        ours.record("generation", 3);
        let (none, far) = (None::<u64>, f64::INFINITY);
        tracing::warn!(
            requestId = Some("R"),
            durationMs = 5u64,
            ok = true,
            rate = 1.5,
            far,
            none,
            "failed {}",
            7
        );
        drop((ours, theirs));
    });
    let line: Value = serde_json::from_str(&text).unwrap();
    let ts: Timestamp = line["ts"].as_str().unwrap().parse().unwrap();
    assert!(Timestamp::now().duration_since(ts).as_secs() < 60);
    let want = json!({
        "ts": line["ts"], "level": "warn", "msg": "failed 7", "logger": module_path!(),
        "requestId": "R", "durationMs": 5, "ok": true, "rate": 1.5, "far": "inf",
        "namespace": "team-a", "generation": 3,
    });
    assert_eq!(line, want);
    let begin = format!("{{\"ts\":{},\"level\":\"warn\",\"msg\":\"failed 7\",", line["ts"]);
    assert!(text.starts_with(&begin), "{text}");
}

#[test]
fn nothing_that_is_logged_can_end_or_forge_a_line() {
    let work = || {
        let _guard = tracing::info_span!("reconcile", name = NASTY).entered();
        tracing::info!(path = NASTY, shown = %NASTY, error = ?NASTY, "{NASTY}");
    };
    let text = logged(LogFormat::Json, work);
    let line: Value = serde_json::from_str(&text).unwrap();
    for key in ["msg", "path", "shown", "name"] {
        assert_eq!(line[key], NASTY, "{key}");
    }
    assert_eq!(line["level"], "info");
    let plain = logged(LogFormat::Text, work);
    for (format, text) in [("json", &text), ("text", &plain)] {
        let body = text.strip_suffix('\n').unwrap();
        assert!(!body.chars().any(is_order), "{format}: {body:?}");
        assert!(body.contains('é'), "{format}: what is text stays");
    }
    // A value with a space or a quote is quoted: no field can be put into another's value.
    assert!(plain.contains(" path=\"a\\\"}\\n"), "{plain}");
}

#[test]
fn text_is_short() {
    let text = logged(LogFormat::Text, || tracing::info!(id = "5/a.py", empty = "", n = 2, "created"));
    assert_eq!(text.split_once("  INFO ").unwrap().1, "created id=5/a.py empty=\"\" n=2\n");
}

#[test]
fn nothing_that_is_logged_fills_the_log() {
    let long = "é\n".repeat(100_000);
    for format in [LogFormat::Json, LogFormat::Text] {
        let text = logged(format, || {
            let _guard = tracing::info_span!("reconcile", name = long).entered();
            tracing::info!(path = long, shown = %long, error = ?long, "{long}");
        });
        assert!(text.len() < 5 * 6 * VALUE_LIMIT, "{}", text.len());
        assert_eq!(text.matches('…').count(), 5, "{text}");
    }
}
