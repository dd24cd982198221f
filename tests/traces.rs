//! Traces arrive at a collector: `cargo test --features otlp --test traces`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use support::{DEADLINE, PROJECT, Scene, poll, python, status};
use tokio::net::TcpListener;

/// The fields of a protobuf message, as on the wire: the bytes of those that have a length.
fn fields(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (first, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(first & 0x7f) << shift;
            shift += 7;
            if first & 0x80 == 0 {
                return value;
            }
        }
    }
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let length = match tag & 7 {
            0 => {
                varint(&mut bytes);
                continue;
            }
            1 => 8,
            5 => 4,
            2 => usize::try_from(varint(&mut bytes)).unwrap(),
            other => panic!("wire type {other}"),
        };
        let (value, rest) = bytes.split_at(length);
        bytes = rest;
        all.push((tag >> 3, value));
    }
    all
}

fn inside<'a>(message: &'a [u8], path: &[u64]) -> Vec<&'a [u8]> {
    let Some((first, rest)) = path.split_first() else { return vec![message] };
    let here = fields(message).into_iter().filter(|(number, _)| number == first);
    here.flat_map(|(_, value)| inside(value, rest)).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[derive(Debug)]
struct Span {
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    name: String,
    /// Those that are text.
    attributes: BTreeMap<String, String>,
}

/// ExportTraceServiceRequest: resource_spans 1, scope_spans 2, spans 2.
fn spans(request: &[u8]) -> Vec<Span> {
    let read = |span| {
        let first = |number| inside(span, &[number]).first().map(|value| value.to_vec()).unwrap_or_default();
        let pair = |pair: &[u8]| {
            let key = text(inside(pair, &[1]).first()?);
            Some((key, text(inside(pair, &[2, 1]).first()?)))
        };
        Span {
            trace: first(1),
            id: first(2),
            parent: first(4),
            name: text(&first(5)),
            attributes: inside(span, &[9]).into_iter().filter_map(pair).collect(),
        }
    };
    inside(request, &[1, 2, 2]).into_iter().map(read).collect()
}

type Received = Arc<Mutex<Vec<Bytes>>>;

async fn collector() -> (String, Received) {
    let received = Received::default();
    let take = async |State(received): State<Received>, body: Bytes| received.lock().unwrap().push(body);
    let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&received));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, received)
}

#[tokio::test]
async fn a_reconcile_and_its_calls_are_spans_of_one_trace() {
    let scene = Scene::new().await;
    let (url, received) = collector().await;
    // The last spans come with the end of the process, long before their hour.
    let launch = scene.launch().variable("OTEL_EXPORTER_OTLP_ENDPOINT", &url);
    let operator = launch.variable("OTEL_BSP_SCHEDULE_DELAY", "3600000").with(&["--log=warn"]).start();
    scene.kubectl.apply(&python("a", "T/secret-path.py")).await;
    let made = scene.ready("a").await;
    assert!(operator.stop().await.success());

    let bodies = received.lock().unwrap().clone();
    let all: Vec<Span> = bodies.iter().flat_map(|body| spans(body)).collect();
    let call = all.iter().find(|span| span.name == "CreateResource").unwrap_or_else(|| panic!("{all:#?}"));
    let request = status(&made).request_id;
    assert_eq!(call.attributes.get("dataworks.request_id"), request.as_ref());
    let run = all.iter().find(|span| span.id == call.parent).expect("its reconcile");
    assert_eq!((&*run.name, &run.trace), ("reconcile", &call.trace));
    let held = ["controller", "namespace", "name"].map(|key| run.attributes[key].as_str());
    assert_eq!(held, ["dataworksresource", &scene.namespace, "a"]);
    let sent = bodies.concat();
    for absent in ["secret-path", "print(1)"] {
        assert!(!sent.windows(absent.len()).any(|part| part == absent.as_bytes()), "{absent} is in a trace");
    }
    let service = bodies.iter().flat_map(|body| inside(body, &[1, 1, 1])).map(text).collect::<String>();
    assert!(service.contains("dataworks-operator"), "{service:?}");
}

#[tokio::test]
async fn a_collector_that_is_away_changes_nothing() {
    let scene = Scene::new().await;
    // A port that nobody listens on.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let launch = scene.launch().variable("OTEL_EXPORTER_OTLP_ENDPOINT", &url);
    let operator = launch.variable("OTEL_BSP_SCHEDULE_DELAY", "50").start();
    for name in ["a", "b", "c"] {
        scene.kubectl.apply(&python(name, &format!("T/{name}.py"))).await;
        scene.ready(name).await;
    }
    let files = async || (scene.cloud.resources(PROJECT).len() == 3).then_some(());
    poll(DEADLINE, Duration::from_millis(50), "not all are made", files).await;
    assert!(operator.stop().await.success());
}
