//! What each fault does to a call, and what the journal says of it.

use std::time::{Duration, Instant};

use dataworks_simulator::{Config, Control, ErrorAnswer, Fault, FaultKind, Outcome};

use crate::client::{P, PROJECT, simulator, spec};

/// Outcome, status and effect of the last entry.
fn last(control: &Control) -> (Outcome, Option<u16>, bool) {
    let calls = control.calls_since(0);
    let call = calls.last().expect("an entry");
    (call.outcome, call.http_status, call.effect)
}

async fn until(what: &str, check: impl Fn() -> bool) {
    for _ in 0..1000 {
        if check() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn throttling_with_hints() {
    let (simulator, client) = simulator(Config::default()).await;
    let throttle = |numeric, retry_after_ms, retry_after_seconds| FaultKind::Throttle {
        numeric,
        retry_after_ms,
        retry_after_seconds,
    };
    simulator.add_fault(Fault::new("*", throttle(false, Some(1500), None)).times(1));
    simulator.add_fault(Fault::new("*", throttle(true, None, Some(2))).times(1));
    let answer = client.create("a.py", "").await;
    assert_eq!(answer.error(), (429, "Throttling.User"));
    assert_eq!(answer.headers["x-acs-retry-after"], "1500");
    assert!(!answer.headers.contains_key("retry-after"));
    let answer = client.create("a.py", "").await;
    assert_eq!(answer.error(), (400, "9990020002"));
    assert_eq!(answer.headers["retry-after"], "2");
    assert_eq!(simulator.resource_count(PROJECT), 0);
    client.create("a.py", "").await.id();
}

#[tokio::test]
async fn errors_before_and_after_the_effect() {
    let (simulator, client) = simulator(Config::default()).await;
    let answer = || ErrorAnswer::new(500, "InternalError.System", "no");
    simulator.add_fault(Fault::new("CreateResource", FaultKind::Error(answer())).times(1));
    simulator.add_fault(Fault::new("CreateResource", FaultKind::ErrorAfter(answer())).times(1));
    let got = client.create("a.py", "").await;
    assert_eq!(got.error(), (500, "InternalError.System"));
    assert_eq!(last(&simulator), (Outcome::Error, Some(500), false));
    assert_eq!(simulator.resource_count(PROJECT), 0);
    let got = client.create("a.py", "").await;
    assert_eq!(got.error(), (500, "InternalError.System"));
    assert_eq!(last(&simulator), (Outcome::Error, Some(500), true));
    assert_eq!(simulator.resource_count(PROJECT), 1);
}

#[tokio::test]
async fn connections_that_are_closed() {
    let (simulator, client) = simulator(Config::default()).await;
    let spec = spec("a.py", "");
    let create = [("ProjectId", P), ("Spec", spec.as_str())];
    let kinds = [
        (FaultKind::DropBefore, false),
        (FaultKind::Hang { ms: 50, effect: false }, false),
        (FaultKind::Lost, true),
        (FaultKind::Hang { ms: 50, effect: true }, true),
    ];
    for (kind, effect) in kinds {
        simulator.reset(dataworks_simulator::Reset::All);
        simulator.add_fault(Fault::new("CreateResource", kind.clone()));
        let begin = Instant::now();
        let error = client.send("CreateResource", &create).await;
        assert!(error.is_err(), "{kind:?}: {error:?}");
        if matches!(kind, FaultKind::Hang { .. }) {
            assert!(begin.elapsed() >= Duration::from_millis(50), "{kind:?}");
        }
        assert_eq!(last(&simulator), (Outcome::Unanswered, None, effect), "{kind:?}");
        assert_eq!(simulator.resource_count(PROJECT), usize::from(effect));
    }
}

#[tokio::test]
async fn a_late_commit_lands_whoever_waits() {
    let (simulator, client) = simulator(Config::default()).await;
    for (number, hang) in [(1, false), (2, true)] {
        let late = FaultKind::LateCommit { ms: 200, hang };
        simulator.add_fault(Fault::new("CreateResource", late).times(1));
        let spec = spec(&format!("{number}.py"), "");
        let create = [("ProjectId", P), ("Spec", spec.as_str())];
        let begin = Instant::now();
        assert!(client.send("CreateResource", &create).await.is_err());
        assert_eq!(begin.elapsed() >= Duration::from_millis(200), hang);
        if !hang {
            assert_eq!(last(&simulator), (Outcome::Postponed, None, false));
            assert_eq!(simulator.resource_count(PROJECT), 0);
        }
        until("the commit", || simulator.resource_count(PROJECT) == number).await;
        until("its entry", || last(&simulator) == (Outcome::Landed, None, true)).await;
    }
    assert_eq!(simulator.calls_of("CreateResource"), 2);
}

#[tokio::test]
async fn a_caller_that_goes_away_stops_nothing() {
    let (simulator, client) = simulator(Config::default()).await;
    simulator.change_settings(|settings| settings.latency_ms = 200);
    let call = client.create("a.py", "");
    let gone = tokio::time::timeout(Duration::from_millis(100), call).await;
    assert!(gone.is_err());
    until("the file", || simulator.resource_count(PROJECT) == 1).await;
}

#[tokio::test]
async fn slow_and_unreadable_answers() {
    let (simulator, client) = simulator(Config::default()).await;
    for kind in [FaultKind::Slow { ms: 60 }, FaultKind::Garbage, FaultKind::Html503] {
        simulator.add_fault(Fault::new("CreateResource", kind).times(1));
    }
    let begin = Instant::now();
    client.create("a.py", "").await.id();
    assert!(begin.elapsed() >= Duration::from_millis(60));
    let answer = client.create("b.py", "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.json.is_null(), "{}", answer.text);
    assert_eq!(last(&simulator), (Outcome::Garbage, Some(200), true));
    let answer = client.create("c.py", "").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers["content-type"], "text/html");
    assert_eq!(last(&simulator), (Outcome::Garbage, Some(503), false));
    assert_eq!(simulator.resource_count(PROJECT), 2);
}

#[tokio::test]
async fn rules_find_resources_by_their_path() {
    let (simulator, client) = simulator(Config::default()).await;
    let a = client.create("f/a.py", "").await.id();
    let b = client.create("f/b.py", "").await.id();
    let error = ErrorAnswer::new(503, "ServiceUnavailable", "");
    simulator.add_fault(Fault::new("*", FaultKind::Error(error)).named("f/b"));
    assert_eq!(client.get(&a).await.status, 200);
    assert_eq!(client.get(&b).await.status, 503);
    assert_eq!(client.create("f/bb.py", "").await.status, 503);
    assert_eq!(simulator.faults()[0].1, 2);
    simulator.clear_faults();
    assert_eq!(client.get(&b).await.status, 200);
}

#[tokio::test]
async fn down_closes_calls_but_not_the_admin_api() {
    let (simulator, client) = simulator(Config::default()).await;
    simulator.change_settings(|settings| settings.down = true);
    assert!(client.send("GetProject", &[("Id", P)]).await.is_err());
    let (status, _) = client.admin("PUT", "settings", Some(serde_json::json!({"down": false}))).await;
    assert_eq!(status, 200);
    assert_eq!(client.call("GetProject", &[("Id", P)]).await.status, 200);
    // The connection that was closed may have been tried twice by the HTTP client.
    assert!(simulator.counts().total >= 2);
}
