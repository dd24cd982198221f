//! What the operator may call, and what a restart does not forget of it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use dataworks_simulator::{Fault, FaultKind, OutsideFile};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use support::operator::Operator;
use support::{Ask as _, DEADLINE, PROJECT, Scene, is_ready, message, poll, python, status};

/// Throttled by the second.
const THROTTLED: &str = "Throttling.User";
/// The day's calls are used up.
const USED_UP: &str = "Throttling.Api.Risk";

/// Waits until so many objects wait for a call, or for the time of one.
async fn wait(operator: &Operator, count: u64) {
    let waiting = async || {
        let ready = operator.metric("workqueue_depth", &[]).await;
        let delayed = operator.metric("dataworks_queue_delayed", &[]).await;
        (ready + delayed == count).then_some(())
    };
    poll(DEADLINE, Duration::from_millis(50), "another number waits", waiting).await;
}

/// What the operator keeps for its next start.
async fn kept(scene: &Scene) -> BTreeMap<String, String> {
    let maps: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    maps.get("dataworks-operator-budget").await.unwrap().data.unwrap()
}

/// Has an object looked at, and waits until it was.
async fn ask(scene: &Scene, name: &str, token: &str) {
    let annotation = format!("dataworks.alibabacloud.com/reconcile-requested-at={token}");
    scene.kubectl.run(&["annotate", "dwr", name, &annotation, "--overwrite"]).await;
    let echoed = |object: &_| status(object).last_handled_reconcile_at.as_deref() == Some(token);
    scene.until(name, echoed).await;
}

#[tokio::test]
async fn a_service_that_allows_less_than_is_configured_is_not_run_against_all_the_time() {
    const FILES: usize = 40;
    let scene = Scene::new().await;
    scene.cloud.change_settings(|settings| settings.rate_limit = Some(5.0));
    let files: Vec<_> = (0..FILES).map(|n| python(&format!("t{n}"), &format!("T/t{n}.py"))).collect();
    scene.kubectl.apply(&json!({"apiVersion": "v1", "kind": "List", "items": files})).await;
    let _operator = scene.launch().with(&["--requests-per-second=20"]).start();
    for n in 0..FILES {
        scene.ready(&format!("t{n}")).await;
    }
    assert_eq!(scene.cloud.resources(PROJECT).len(), FILES);
    let counts = scene.cloud.counts();
    let throttled = counts.by_code.get(THROTTLED).copied().unwrap_or(0);
    // Twenty at once at the start, of which five are let through, and a few on the way down. At an
    // unchanged rate there would be three for each good one.
    assert!((1..=FILES as u64).contains(&throttled), "{counts:?}");
}

#[tokio::test]
async fn a_days_calls_are_not_exceeded_and_outlive_the_process() {
    let scene = Scene::new().await;
    // One look and two creates.
    let launch = scene.launch().with(&["--requests-per-day=3"]);
    let operator = launch.start();
    for name in ["a", "b"] {
        scene.kubectl.apply(&python(name, &format!("B/{name}.py"))).await;
        scene.ready(name).await;
    }
    assert_eq!(scene.cloud.counts().total, 3);
    scene.kubectl.apply(&python("c", "B/c.py")).await;
    wait(&operator, 1).await;
    assert_eq!(scene.cloud.counts().total, 3);
    assert_eq!(operator.metric("dataworks_api_calls_today", &[]).await, 3);
    assert_eq!(operator.metric("dataworks_api_calls_per_day_limit", &[]).await, 3);
    assert!(operator.stop().await.success());

    let operator = launch.start();
    operator.says(&["taking over the call budget", "\"calls\":3"]).await;
    wait(&operator, 1).await;
    assert_eq!(scene.cloud.counts().total, 3, "nothing is left for c today");
}

#[tokio::test]
async fn what_was_begun_is_finished_from_the_reserve() {
    // Of 60 calls three are the reserve.
    const WORK: u64 = 57;
    let scene = Scene::new().await;
    let operator = scene.launch().with(&["--requests-per-day=60", "--commit-lag=6s"]).start();
    let mut files = 0;
    while scene.cloud.counts().total < WORK - 1 {
        scene.kubectl.apply(&python(&format!("r{files}"), &format!("R/r{files}.py"))).await;
        scene.ready(&format!("r{files}")).await;
        files += 1;
    }
    // The last call for work: its answer is lost and its effect is late. Two searches and a read find it.
    let late = FaultKind::LateCommit { ms: 3000, hang: false };
    scene.cloud.add_fault(Fault::new("CreateResource", late).times(1));
    let since = scene.cloud.last();
    scene.kubectl.apply(&python("begun", "R/begun.py")).await;
    scene.cloud.called(since, "CreateResource").await;
    scene.kubectl.apply(&python("new", "R/new.py")).await;
    scene.ready("begun").await;
    wait(&operator, 1).await;
    assert_eq!(scene.cloud.counts().total, WORK + 3);
    assert_eq!(scene.cloud.resources(PROJECT).len(), files + 1);
}

#[tokio::test]
async fn a_used_up_day_is_learnt_from_the_service_once() {
    let scene = Scene::new().await;
    scene.cloud.change_settings(|settings| settings.daily_quota = Some(2));
    let operator = scene.launch().start();
    scene.kubectl.apply(&python("a", "U/a.py")).await;
    scene.ready("a").await;
    scene.kubectl.apply(&python("b", "U/b.py")).await;
    scene.says("b", "Unknown", "QuotaExhausted").await;
    for name in ["c", "d"] {
        scene.kubectl.apply(&python(name, &format!("U/{name}.py"))).await;
    }
    wait(&operator, 3).await;
    assert_eq!(scene.cloud.counts().by_code[USED_UP], 1);
    assert_eq!(operator.metric("dataworks_api_calls_per_day_limit", &[]).await, 2);
    assert!(operator.stop().await.success());
    let kept = kept(&scene).await;
    assert_eq!((kept["used-up"].as_str(), kept["assumed-limit"].as_str()), ("day", "2"), "{kept:?}");

    // The next process does not ask again before the hour is over.
    let operator = scene.launch().start();
    wait(&operator, 3).await;
    assert_eq!(scene.cloud.counts().by_code[USED_UP], 1);
}

#[tokio::test]
async fn an_edit_passes_the_creates_that_wait_in_its_namespace() {
    const WAITING: u64 = 20;
    let scene = Scene::new().await;
    let operator = scene.launch().with(&["--requests-per-second=1"]).start();
    scene.kubectl.apply(&python("edited", "E/edited.py")).await;
    scene.ready("edited").await;
    let files: Vec<_> = (0..3 * WAITING).map(|n| python(&format!("e{n}"), &format!("E/e{n}.py"))).collect();
    scene.kubectl.apply(&json!({"apiVersion": "v1", "kind": "List", "items": files})).await;
    // Those that are looked up under one listing are not in the queue; then they are, and wait for calls.
    let crowded = async || (operator.metric("workqueue_depth", &[]).await >= WAITING).then_some(());
    poll(DEADLINE, Duration::from_millis(50), "the creates wait", crowded).await;

    let since = scene.cloud.last();
    let edit = json!({"spec": {"content": {"inline": "print(2)\n"}}}).to_string();
    scene.kubectl.run(&["patch", "dwr", "edited", "--type=merge", "--patch", &edit]).await;
    let patched = scene.cloud.last();
    scene.cloud.called(since, "UpdateResource").await;
    let before = scene.cloud.actions(patched);
    // None, when it was sent before kubectl had ended.
    let created = before.iter().position(|action| action == "UpdateResource").unwrap_or(0);
    // The permit that is next may be a create's by its lane's turn, and one may be under way.
    assert!(created <= 4, "{before:?}");
    assert!(operator.metric("workqueue_depth", &[]).await > 0, "creates wait still");
}

#[tokio::test]
async fn many_creates_share_one_listing_while_permits_are_few() {
    const FILES: usize = 6;
    const PAGES: usize = 4;
    let scene = Scene::new().await;
    // Long ago: what comes while a listing is read may push others from page to page.
    scene.cloud.change_settings(|settings| settings.clock_offset_ms = -24 * 3600 * 1000);
    for n in 0..PAGES * 100 {
        let theirs = OutsideFile::new(PROJECT, format!("Theirs/{n}.py"), "theirs");
        scene.cloud.create_outside(theirs).unwrap();
    }
    scene.cloud.change_settings(|settings| settings.clock_offset_ms = 0);
    let files: Vec<_> = (0..FILES).map(|n| python(&format!("l{n}"), &format!("L/l{n}.py"))).collect();
    scene.kubectl.apply(&json!({"apiVersion": "v1", "kind": "List", "items": files})).await;
    // They are in the queue together, and one has come so far as to ask when the first page is there.
    let _operator = scene.launch().with(&["--requests-per-second=1"]).start();
    for n in 0..FILES {
        scene.ready(&format!("l{n}")).await;
    }
    let listed = scene.cloud.calls_of("ListResources");
    assert_eq!(listed, PAGES as u64, "pages are read for nothing, or by name");
    assert_eq!(scene.cloud.calls_of("CreateResource"), FILES as u64);
}

#[tokio::test]
async fn looks_go_on_where_they_were_after_a_restart() {
    let scene = Scene::new().await;
    let operator = scene.launch().with(&["--drift-interval=1s", "--commit-lag=1s"]).start();
    scene.kubectl.apply(&python("a", "L/a.py")).await;
    scene.ready("a").await;
    let since = scene.cloud.last();
    scene.cloud.called(since, "ListResources").await;
    operator.says(&["looked for drift"]).await;
    assert!(operator.stop().await.success());
    let looked = format!("looked-at.{PROJECT}");
    assert!(kept(&scene).await.contains_key(&looked));

    // Its place among those that are overdue is an early one, by its name.
    let launch = scene.launch().pod("budget-37").with(&["--drift-interval=10m"]);
    let since = scene.cloud.last();
    let operator = launch.start();
    ask(&scene, "a", "one").await;
    assert_eq!(scene.cloud.actions(since), ["GetResource"], "a start costs no listing");
    assert!(operator.stop().await.success());

    // The last look was long ago, and somebody else wrote there as well.
    let patch = json!({"data": {&looked: "2020-01-02T03:04:05Z", "looked-at.x": "y", "calls": "many"}});
    let patch = patch.to_string();
    scene.kubectl.run(&["patch", "configmap", "dataworks-operator-budget", "--patch", &patch]).await;
    let since = scene.cloud.last();
    let operator = launch.start();
    operator.says(&["what cannot be read", "day", "looked-at.x"]).await;
    scene.cloud.called(since, "ListResources").await;
    operator.says(&["looked for drift"]).await;
    assert!(operator.stop().await.success());
    let kept = kept(&scene).await;
    assert_ne!(kept[&looked], "2020-01-02T03:04:05Z", "{kept:?}");
    assert!(kept["calls"].parse::<u64>().is_ok(), "{kept:?}");
}

/// How many objects are there, and how many of them are Ready.
async fn stand(scene: &Scene) -> (usize, usize) {
    let all = scene.objects().list(&kube::api::ListParams::default()).await.unwrap().items;
    (all.len(), all.iter().filter(|object| is_ready(object)).count())
}

#[tokio::test]
async fn a_day_that_ends_in_the_middle_of_500_creates_goes_on_with_the_next() {
    const OBJECTS: usize = 500;
    const CALLS: u64 = 200;
    let scene = Scene::new().await;
    scene.cloud.change_settings(|settings| settings.daily_quota = Some(CALLS));
    let operator = scene.launch().start();
    for n in 0..OBJECTS {
        let object = serde_json::from_value(python(&format!("a{n}"), &format!("V/a{n}.py"))).unwrap();
        scene.objects().create(&kube::api::PostParams::default(), &object).await.unwrap();
    }
    let over = async || scene.cloud.counts().by_code.contains_key(USED_UP).then_some(());
    poll(DEADLINE, Duration::from_millis(50), "the day does not end", over).await;
    let made = async || {
        let (files, (_, ready)) = (scene.cloud.resource_count(PROJECT), stand(&scene).await);
        (files > 0 && files == ready).then_some(files)
    };
    let files = poll(DEADLINE, Duration::from_millis(200), "what was made is not Ready", made).await;
    wait(&operator, u64::try_from(OBJECTS - files).unwrap()).await;
    // Those that were under way when it ended, at most; and nobody asks again.
    let refused = scene.cloud.counts().by_code[USED_UP];
    assert!(refused <= 64, "{refused} calls were made for nothing");
    assert!(files + 20 > usize::try_from(CALLS).unwrap(), "{files}");
    let waiting = message(&scene.says(&format!("a{}", OBJECTS - 1), "Unknown", "QuotaExhausted").await);
    assert!(waiting.contains("it goes on at"), "{waiting}");
    assert!(operator.stop().await.success());

    // The next day, by both clocks.
    let maps: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let day: i64 = kept(&scene).await["day"].parse().unwrap();
    let yesterday = Patch::Merge(json!({"data": {"day": (day - 1).to_string()}}));
    maps.patch("dataworks-operator-budget", &PatchParams::default(), &yesterday).await.unwrap();
    scene.cloud.change_settings(|settings| {
        settings.clock_offset_ms += 24 * 3600 * 1000;
        settings.daily_quota = Some(1000);
    });
    let _operator = scene.launch().pod("pod-2").start();
    let all = async || (stand(&scene).await == (OBJECTS, OBJECTS)).then_some(());
    poll(DEADLINE, Duration::from_millis(200), "not all are Ready the next day", all).await;
    assert_eq!(scene.cloud.resource_count(PROJECT), OBJECTS);
    let creates = scene.cloud.calls_since(0).into_iter().filter(|call| call.action == "CreateResource");
    let carried_out = creates.filter(|call| call.code.is_none()).count();
    assert_eq!(carried_out, OBJECTS, "a file was made twice");
}
