//! So many files gone at once that none is made again: told by the workspace, ended by a person or by itself.

use std::collections::BTreeSet;
use std::time::Duration;

use dataworks_core::api::v1alpha1::DataWorksWorkspace;
use dataworks_simulator::{ErrorAnswer, Fault, FaultKind};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::json;

use super::support::operator::Launch;
use super::support::{Ask as _, DEADLINE, PROJECT, Scene, condition, is_ready, poll};
use super::{THEIRS, cloud, launch, patch, ready, secret, through, told, until, workspace, workspaces};

/// Looks every second; what the operator itself made is not missed for a second after that.
const LOOKING: [&str; 2] = ["--drift-interval=1s", "--commit-lag=1s"];
/// What a person writes.
const ASK: &str = "dataworks.alibabacloud.com/reconcile-requested-at";

fn names() -> impl Iterator<Item = String> {
    (0..14).map(|n| format!("a{n}"))
}

/// A workspace with fourteen files, which were listed.
async fn made(scene: &Scene) {
    apply(scene).await;
    looks(scene, 4).await;
}

/// The same, and nobody has looked.
async fn apply(scene: &Scene) {
    let quick = json!({"requestsPerSecond": 50, "credentials": {"secretRef": {"name": "key"}}});
    scene.kubectl.apply(&secret("key", THEIRS, "theirSecret")).await;
    scene.kubectl.apply(&workspace(scene, "team", PROJECT, &quick)).await;
    for name in names() {
        scene.kubectl.apply(&through(&name, "team", &format!("G/{name}.py"))).await;
    }
    for name in names() {
        scene.ready(&name).await;
    }
}

/// Waits for so many more looks.
async fn looks(scene: &Scene, count: usize) {
    let since = scene.cloud.last();
    let listed = || scene.cloud.actions(since).iter().filter(|action| *action == "ListResources").count();
    poll(DEADLINE, Duration::from_millis(50), "no looks", async || (listed() >= count).then_some(())).await;
}

/// Somebody cleans the workspace up.
fn delete_all(scene: &Scene) {
    for file in scene.cloud.resources(PROJECT) {
        scene.cloud.delete_outside(&file.id).unwrap();
    }
}

fn absence(object: &DataWorksWorkspace) -> Option<Condition> {
    told(object).conditions.into_iter().find(|condition| condition.type_ == "MassAbsence")
}

/// Waits until the workspace says this of a mass absence, such as `True MassAbsence`; nothing: that there is none.
async fn says(scene: &Scene, want: &str) -> DataWorksWorkspace {
    let said = |object: &DataWorksWorkspace| {
        absence(object).map(|c| format!("{} {}", c.status, c.reason)).unwrap_or_default()
    };
    until(scene, "team", |object| said(object) == want).await
}

/// Waits until each object says that its file is gone with many.
async fn all_say_so(scene: &Scene) {
    for name in names() {
        let gone = |object: &_| condition(object, "Synced").is_some_and(|c| c.reason == "MassAbsence");
        scene.until(&name, gone).await;
    }
}

async fn ask(scene: &Scene, token: &str) {
    scene.kubectl.run(&["annotate", "dww", "team", &format!("{ASK}={token}"), "--overwrite"]).await;
}

/// Paths of files that were made since, one for each create.
fn created(scene: &Scene, since: u64) -> Vec<String> {
    let calls = scene.cloud.calls_since(since).into_iter();
    let creates = calls.filter(|call| call.action == "CreateResource" && call.code.is_none());
    creates.filter_map(|call| call.name).collect()
}

/// One process after the other, each of its own pod.
fn pod(launch: &Launch, uid: &str) -> Launch {
    launch.clone().pod(uid)
}

#[tokio::test]
async fn a_workspace_tells_of_it_and_one_wish_has_all_made_again() {
    let scene = Scene::under(cloud().await).await;
    let looking = launch(&scene).with(&LOOKING);
    let operator = looking.start();
    made(&scene).await;
    let since = scene.cloud.last();
    delete_all(&scene);

    let team = says(&scene, "True MassAbsence").await;
    let said = absence(&team).unwrap().message;
    assert!(
        said.starts_with("14 of 14 files are gone at once, the first are those of \"a0\", \"a1\", \"a10\""),
        "{said}"
    );
    assert!(said.contains(ASK), "{said}");
    all_say_so(&scene).await;
    assert_eq!(ready(&team).0, "True Succeeded", "it can be worked with");
    for met in ["Ready", "MassAbsence"] {
        scene.kubectl.run(&["wait", "dww/team", &format!("--for=condition={met}"), "--timeout=60s"]).await;
    }
    let shown = scene.kubectl.run(&["get", "dww", "team"]).await;
    let [head, row] = shown.lines().collect::<Vec<_>>()[..] else { panic!("{shown}") };
    let column = head.find("MASS-ABSENCE").unwrap();
    assert!(row[column..].starts_with("True"), "{shown}");

    let shown = ["name=\"team\"", "type=\"MassAbsence\"", "status=\"True\"", "reason=\"MassAbsence\""];
    assert_eq!(operator.metric("dataworks_workspace_condition", &shown).await, 1);

    // Everything else goes on.
    scene.kubectl.apply(&through("new", "team", "G/new.py")).await;
    scene.ready("new").await;
    until(&scene, "team", |team| absence(team).is_some_and(|c| c.message.starts_with("14 of 15"))).await;

    // Looks that show the same write nothing, and there was one event.
    let version = |team: DataWorksWorkspace| team.metadata.resource_version;
    let before =
        version(until(&scene, "team", |team| told(team).resources.is_some_and(|r| r.total == 15)).await);
    looks(&scene, 3).await;
    assert_eq!(version(workspaces(&scene).get("team").await.unwrap()), before);
    let events = scene.events().await;
    let about = |event: &&serde_json::Value| {
        event["regarding"]["kind"] == "DataWorksWorkspace" && event["reason"] == "MassAbsence"
    };
    assert_eq!(events.iter().filter(about).count(), 1);
    assert_eq!(created(&scene, since), ["G/new.py"]);

    // A restart is no leave to make it again, not even of what is edited. No look of this process has shown it.
    operator.kill().await;
    let resting = launch(&scene).with(&["--drift-interval=1h", "--commit-lag=1s"]);
    let operator = pod(&resting, "pod-2").start();
    patch(&scene, "dwr", "a13", &json!({"spec": {"content": {"inline": "print(2)\n"}}})).await;
    scene.says("a13", "False", "MassAbsence").await;
    assert_eq!(created(&scene, since), ["G/new.py"]);

    // A person asks, and the next process goes on with it.
    let down = ErrorAnswer::new(503, "ServiceUnavailable", "made to fail");
    scene.cloud.add_fault(Fault::new("GetResource", FaultKind::Error(down)));
    ask(&scene, "all").await;
    let team = says(&scene, "False Recreating").await;
    assert_eq!(told(&team).last_handled_reconcile_at.as_deref(), Some("all"));
    operator.kill().await;
    assert_eq!(created(&scene, since), ["G/new.py"]);
    scene.cloud.clear_faults();
    let _operator = pod(&resting, "pod-3").start();
    for name in names() {
        let made =
            |object: &_| is_ready(object) && condition(object, "Synced").is_some_and(|c| c.status == "True");
        scene.until(&name, made).await;
    }
    says(&scene, "").await;
    let made = created(&scene, since);
    assert_eq!((made.len(), made.iter().collect::<BTreeSet<_>>().len()), (15, 15), "{made:?}");
    assert_eq!(scene.cloud.resources(PROJECT).len(), 15);
}

#[tokio::test]
async fn looks_that_go_on_do_not_brake_again_what_was_asked_for() {
    let scene = Scene::under(cloud().await).await;
    let _operator = launch(&scene).with(&LOOKING).start();
    // A wish from before is none for the files.
    made(&scene).await;
    ask(&scene, "before").await;
    until(&scene, "team", |team| told(team).last_handled_reconcile_at.as_deref() == Some("before")).await;
    let since = scene.cloud.last();
    delete_all(&scene);
    says(&scene, "True MassAbsence").await;
    all_say_so(&scene).await;
    looks(&scene, 2).await;
    assert_eq!(created(&scene, since), [""; 0]);

    // So slow that many looks come in between.
    let slow = json!({"spec": {"requestsPerSecond": 2}});
    patch(&scene, "dww", "team", &slow).await;
    ask(&scene, "all").await;
    for name in names() {
        let made =
            |object: &_| is_ready(object) && condition(object, "Synced").is_some_and(|c| c.status == "True");
        scene.until(&name, made).await;
    }
    says(&scene, "").await;
    let made = created(&scene, since);
    assert_eq!((made.len(), made.iter().collect::<BTreeSet<_>>().len()), (14, 14), "{made:?}");
    let events = scene.events().await;
    let about = |event: &&serde_json::Value| {
        event["regarding"]["kind"] == "DataWorksWorkspace" && event["reason"] == "MassAbsence"
    };
    assert_eq!(events.iter().filter(about).count(), 1);
}

#[tokio::test]
async fn it_is_over_by_itself_when_nothing_is_missed_any_more() {
    let scene = Scene::under(cloud().await).await;
    // A service that lists far later than it was told, and an operator that has not made them itself and has to wait for
    // the lease.
    scene.cloud.change_settings(|settings| settings.list_lag_ms = 60_000);
    let operator = launch(&scene).start();
    apply(&scene).await;
    operator.kill().await;
    let _operator = launch(&scene).with(&LOOKING).pod("pod-2").start();
    let team = says(&scene, "True MassAbsence").await;
    assert!(absence(&team).unwrap().message.contains("14 of 14"));
    all_say_so(&scene).await;
    scene.cloud.change_settings(|settings| settings.list_lag_ms = 0);
    says(&scene, "").await;
    for name in names() {
        let there = |object: &_| condition(object, "Synced").is_some_and(|c| c.status == "True");
        scene.until(&name, there).await;
    }
    assert_eq!(created(&scene, 0).len(), 14);

    // And when nobody has a file there: no look comes any more.
    delete_all(&scene);
    says(&scene, "True MassAbsence").await;
    for name in names() {
        super::delete(&scene, "dwr", &name).await;
    }
    says(&scene, "").await;
}
