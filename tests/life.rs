//! What becomes of a resource in a long life: moved, renamed, taken over, changed by others.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use dataworks_core::api::v1alpha1::Origin;
use dataworks_simulator::{Behaviour, DuplicatePath, Fault, FaultKind, OutsideEdit, OutsideFile};
use serde_json::{Value, json};
use support::operator::SHORT_BOUNDS;
use support::{Ask as _, PROJECT, Scene, condition, id, is_ready, message, python, status, wrote};

/// Looks every second.
const LOOKING: [&str; 2] = ["--drift-interval=1s", "--commit-lag=1s"];

/// A Python file at a path, with more fields.
fn with(name: &str, path: &str, fields: &Value) -> Value {
    let mut object = python(name, path);
    for (field, value) in fields.as_object().unwrap() {
        object["spec"][field] = value.clone();
    }
    object
}

fn synced(object: &dataworks_core::api::v1alpha1::DataWorksResource) -> String {
    condition(object, "Synced")
        .map(|c| format!("{} {}: {}", c.status, c.reason, c.message))
        .unwrap_or_default()
}

#[tokio::test]
async fn another_path_moves_the_file_and_keeps_its_id() {
    let scene = Scene::new().await;
    let operator = scene.launch().start();
    scene.kubectl.apply(&python("a", "D/a.py")).await;
    let made = scene.ready("a").await;

    wrote(&operator, 2).await;
    let (since, writes) = (scene.cloud.last(), operator.writes().await);
    scene.kubectl.apply(&python("a", "D/b.py")).await;
    let renamed = scene.ready("a").await;
    wrote(&operator, writes + 1).await;
    assert_eq!(scene.cloud.actions(since), ["ListResources", "GetResource", "RenameResource"]);
    assert_eq!(operator.writes().await, writes + 1);
    assert_eq!((id(&renamed), status(&renamed).path), (id(&made), Some("D/b.py".to_owned())));

    let since = scene.cloud.last();
    scene.kubectl.apply(&python("a", "b.py")).await;
    scene.ready("a").await;
    assert_eq!(scene.cloud.actions(since), ["ListResources", "GetResource", "MoveResource"]);
    assert_eq!(scene.cloud.only_file().path, "b.py");

    // Content, name and folder at once.
    let since = scene.cloud.last();
    scene.kubectl.apply(&with("a", "E/F/c.py", &json!({"content": {"inline": "print(2)\n"}}))).await;
    let moved = scene.ready("a").await;
    assert_eq!(
        scene.cloud.actions(since),
        ["ListResources", "GetResource", "UpdateResource", "RenameResource", "MoveResource"],
        "one look does for both"
    );
    let file = scene.cloud.only_file();
    assert_eq!((file.id, file.path, file.content), (id(&made), "E/F/c.py".into(), "print(2)\n".into()));
    assert_eq!(status(&moved).origin, Some(Origin::Created));
}

#[tokio::test]
async fn a_move_whose_answer_is_lost_is_made_once() {
    let scene = Scene::new().await;
    let _operator = scene.launch().with(&SHORT_BOUNDS).with(&["--call-deadline=10s"]).start();
    scene.kubectl.apply(&python("a", "D/a.py")).await;
    let made = scene.ready("a").await;
    let since = scene.cloud.last();
    scene.cloud.add_fault(Fault::new("RenameResource", FaultKind::Lost).times(1));
    scene.kubectl.apply(&python("a", "E/b.py")).await;
    scene.ready("a").await;
    let file = scene.cloud.only_file();
    assert_eq!((file.id, file.path), (id(&made), "E/b.py".into()));
    let mut actions = scene.cloud.actions(since);
    actions.retain(|action| action != "ListResources");
    assert_eq!(actions, ["GetResource", "RenameResource", "GetResource", "MoveResource"]);
}

#[tokio::test]
async fn a_move_hides_nothing_that_others_did() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    scene.kubectl.apply(&python("a", "D/a.py")).await;
    let made = scene.ready("a").await;
    scene.cloud.change_settings(|settings| settings.clock_offset_ms = 5_000);
    let edit =
        OutsideEdit { content: Some("theirs".into()), path: Some("Z/a.py".into()), ..OutsideEdit::default() };
    scene.cloud.edit_outside(&id(&made), edit).unwrap();
    // Only the name is edited; the folder and the content are to be mended all the same.
    scene.kubectl.apply(&python("a", "D/b.py")).await;
    scene.ready("a").await;
    let file = scene.cloud.only_file();
    assert_eq!((file.path.as_str(), file.content.as_str()), ("D/b.py", "print(1)\n"));
}

#[tokio::test]
async fn an_edit_while_a_move_is_under_way_is_not_lost() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    scene.kubectl.apply(&python("a", "D/a.py")).await;
    scene.ready("a").await;
    scene.cloud.add_fault(Fault::new("MoveResource", FaultKind::Slow { ms: 3000 }).times(1));
    let since = scene.cloud.last();
    scene.kubectl.apply(&python("a", "E/a.py")).await;
    let begun = async || (scene.cloud.faults().iter().any(|fault| fault.1 == 1)).then_some(());
    support::poll(support::DEADLINE, std::time::Duration::from_millis(5), "no move", begun).await;
    scene.kubectl.apply(&python("a", "D/b.py")).await;
    let file = async || (scene.cloud.only_file().path == "D/b.py").then_some(());
    support::poll(support::DEADLINE, std::time::Duration::from_millis(50), "not at D/b.py", file).await;
    scene.ready("a").await;
    assert_eq!(scene.cloud.only_file().path, "D/b.py");
    assert!(scene.cloud.actions(since).contains(&"MoveResource".to_owned()));
}

#[tokio::test]
async fn no_edit_takes_what_another_holds() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    // The older one: age must not help it.
    scene.kubectl.apply(&python("old", "D/old.py")).await;
    scene.ready("old").await;
    scene.kubectl.apply(&python("young", "D/young.py")).await;
    let young = scene.ready("young").await;
    scene.kubectl.apply(&python("old", "D/young.py")).await;
    let stuck = scene.says("old", "False", "AlreadyManaged").await;
    assert!(message(&stuck).contains("\"young\""), "{}", message(&stuck));
    scene.fence().await;
    assert!(is_ready(&scene.objects().get("young").await.unwrap()));
    assert_eq!(scene.cloud.resource(&id(&young)).unwrap().path, "D/young.py");
    // The holder moves on: what it leaves is handed over.
    scene.kubectl.apply(&python("young", "D/other.py")).await;
    scene.ready("young").await;
    let moved = scene.ready("old").await;
    assert_eq!(scene.cloud.resource(&id(&moved)).unwrap().path, "D/young.py");
    assert_eq!(scene.cloud.resource(&id(&young)).unwrap().path, "D/other.py");
}

#[tokio::test]
async fn a_stranger_at_the_new_path_is_left_alone() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    scene.kubectl.apply(&python("a", "D/a.py")).await;
    let made = scene.ready("a").await;
    let stranger = scene.cloud.create_outside(OutsideFile::new(PROJECT, "D/b.py", "theirs")).unwrap();
    scene.kubectl.apply(&python("a", "D/b.py")).await;
    scene.says("a", "False", "AlreadyExists").await;
    assert_eq!(scene.cloud.resource(&stranger).unwrap().content, "theirs");
    assert_eq!(scene.cloud.resource(&id(&made)).unwrap().path, "D/a.py");
}

#[tokio::test]
async fn what_is_there_is_adopted_and_kept_at_the_end() {
    let scene = Scene::new().await;
    let operator = scene.launch().start();
    let there = scene.cloud.create_outside(OutsideFile::new(PROJECT, "D/a.py", "theirs")).unwrap();
    scene.kubectl.apply(&python("a", "D/a.py")).await;
    scene.says("a", "False", "AlreadyExists").await;
    wrote(&operator, 1).await;
    let (since, writes) = (scene.cloud.last(), operator.writes().await);
    scene.kubectl.apply(&with("a", "D/a.py", &json!({"adoptionPolicy": "Adopt"}))).await;
    let adopted = scene.ready("a").await;
    assert_eq!((id(&adopted), status(&adopted).origin), (there.clone(), Some(Origin::Adopted)));
    assert_eq!(scene.cloud.actions(since), ["ListResources", "GetResource", "UpdateResource"]);
    wrote(&operator, writes + 3).await;
    assert_eq!(operator.writes().await, writes + 3, "finalizer, id, content");
    assert_eq!(scene.cloud.only_file().content, "print(1)\n");
    scene.kubectl.run(&["delete", "dwr", "a"]).await;
    assert_eq!(scene.cloud.only_file().id, there, "it was there before, and stays");
}

#[tokio::test]
async fn a_named_resource_is_managed_and_moved_only_when_that_is_allowed() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let there = scene.cloud.create_outside(OutsideFile::new(PROJECT, "X/old.py", "print(1)\n")).unwrap();
    scene.kubectl.apply(&with("a", "D/a.py", &json!({"resourceId": there}))).await;
    let stuck = scene.says("a", "False", "NotAdoptable").await;
    assert!(message(&stuck).contains("\"X/old.py\""), "{}", message(&stuck));
    let fields = json!({"resourceId": there, "adoptionPolicy": "Adopt"});
    scene.kubectl.apply(&with("a", "D/a.py", &fields)).await;
    let adopted = scene.ready("a").await;
    let file = scene.cloud.only_file();
    assert_eq!((file.id, file.path.as_str()), (id(&adopted), "D/a.py"));
    assert!(!scene.cloud.actions(0).contains(&"CreateResource".to_owned()));

    scene.kubectl.apply(&with("b", "D/b.py", &json!({"resourceId": "404"}))).await;
    scene.says("b", "False", "NotFoundInWorkspace").await;
    scene.kubectl.apply(&with("c", "D/c.py", &json!({"resourceId": there}))).await;
    scene.says("c", "False", "AlreadyManaged").await;
    assert_eq!(scene.cloud.resources(PROJECT).len(), 1);
}

#[tokio::test]
async fn a_copy_adopts_nothing_by_accident() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    scene.kubectl.apply(&python("a", "D/a.py")).await;
    let mut copy = serde_json::to_value(scene.ready("a").await).unwrap();
    copy["metadata"] = json!({"name": "copy", "annotations": copy["metadata"]["annotations"]});
    copy["spec"]["path"] = json!("D/copy.py");
    let status_of = copy["status"].clone();
    scene.kubectl.apply(&copy).await;
    let made = scene.ready("copy").await;
    assert_eq!(scene.cloud.resources(PROJECT).len(), 2);
    assert_ne!(Some(id(&made)), status_of["id"].as_str().map(str::to_owned));
}

#[tokio::test]
async fn drift_is_reported_by_field_and_left_so() {
    let scene = Scene::new().await;
    let operator = scene.launch().with(&LOOKING).start();
    scene.kubectl.apply(&with("a", "D/a.py", &json!({"driftPolicy": "Report"}))).await;
    let made = scene.ready("a").await;
    scene.cloud.change_settings(|settings| settings.clock_offset_ms = 5_000);
    let edit =
        OutsideEdit { content: Some("theirs".into()), path: Some("E/z.py".into()), ..OutsideEdit::default() };
    scene.cloud.edit_outside(&id(&made), edit).unwrap();
    let drifted = scene.until("a", |object| synced(object).starts_with("False Drifted")).await;
    assert!(is_ready(&drifted));
    assert!(synced(&drifted).contains("in script.content, script.path."), "{}", synced(&drifted));
    // It is told once, and costs nothing more: a look that was under way may have seen it still untold.
    wrote(&operator, 3).await;
    let told = scene.cloud.last();
    scene.cloud.called(told, "ListResources").await;
    let (since, writes) = (scene.cloud.last(), operator.writes().await);
    scene.cloud.called(since, "ListResources").await;
    let second = scene.cloud.last();
    scene.cloud.called(second, "ListResources").await;
    assert!(scene.cloud.actions(since).iter().all(|action| action == "ListResources"));
    assert_eq!(operator.writes().await, writes);
    assert_eq!(scene.cloud.only_file().content, "theirs");
    // Gone: reported too.
    scene.cloud.delete_outside(&id(&made)).unwrap();
    scene.says("a", "False", "NotFoundInWorkspace").await;
    // Until it is to be corrected.
    scene.kubectl.apply(&with("a", "D/a.py", &json!({"driftPolicy": "Correct"}))).await;
    scene.ready("a").await;
    assert_eq!(scene.cloud.only_file().path, "D/a.py");
}

#[tokio::test]
async fn a_second_file_at_the_path_is_told_and_nothing_is_deleted() {
    let scene = Scene::new().await;
    let allow = Behaviour { duplicate_path: DuplicatePath::Allow, ..Behaviour::default() };
    scene.cloud.change_settings(|settings| settings.behaviour = allow.clone());
    let _operator = scene.launch().with(&LOOKING).start();
    scene.kubectl.apply(&python("a", "D/a.py")).await;
    let made = scene.ready("a").await;
    let other = scene.cloud.create_outside(OutsideFile::new(PROJECT, "D/a.py", "theirs")).unwrap();
    let told = scene.until("a", |object| synced(object).starts_with("False DuplicateInWorkspace")).await;
    assert!(is_ready(&told));
    assert!(synced(&told).contains(&id(&made)) && synced(&told).contains(&other), "{}", synced(&told));
    assert_eq!(scene.cloud.resources(PROJECT).len(), 2);
    scene.cloud.delete_outside(&other).unwrap();
    scene.until("a", |object| synced(object).starts_with("True")).await;
    assert_eq!(scene.cloud.only_file().id, id(&made));
}

#[tokio::test]
async fn a_look_that_fails_again_and_again_is_told_beside_ready() {
    let scene = Scene::new().await;
    let _operator = scene.launch().with(&LOOKING).start();
    scene.kubectl.apply(&python("a", "D/a.py")).await;
    let made = scene.ready("a").await;
    scene.cloud.change_settings(|settings| settings.clock_offset_ms = 5_000);
    let down = dataworks_simulator::ErrorAnswer::new(503, "ServiceUnavailable", "made to fail");
    scene.cloud.add_fault(Fault::new("GetResource", FaultKind::Error(down)).times(4));
    let edit = OutsideEdit { content: Some("theirs".into()), ..OutsideEdit::default() };
    scene.cloud.edit_outside(&id(&made), edit).unwrap();
    let told = scene.until("a", |object| synced(object).starts_with("Unknown CheckFailed")).await;
    assert!(is_ready(&told), "a look that fails makes nothing less ready");
    scene.until("a", |object| synced(object).starts_with("True")).await;
    assert_eq!(scene.cloud.only_file().content, "print(1)\n");
}
