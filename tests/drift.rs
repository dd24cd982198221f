//! What others do to the files, and what looking for it costs.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::time::Duration;

use dataworks_simulator::{ErrorAnswer, Fault, FaultKind, ListOrder, OutsideEdit, OutsideFile};
use support::{Ask as _, DEADLINE, PROJECT, Scene, id, is_ready, poll, python, status, wrote};

/// Looks every second; what the operator itself made is not missed for a second after that.
const LOOKING: [&str; 2] = ["--drift-interval=1s", "--commit-lag=1s"];
/// One look within a test, after a while.
const LOOKING_ONCE: [&str; 2] = ["--drift-interval=15s", "--commit-lag=1s"];

/// Times in status have whole seconds: what others do in the second of our own write is taken for
/// ours. Here they do it later.
fn later(scene: &Scene) {
    scene.cloud.change_settings(|settings| settings.clock_offset_ms = 5_000);
}

/// Waits for so many more calls, which are looks where nothing else happens.
async fn looks(scene: &Scene, count: usize) {
    let since = scene.cloud.last();
    let looked = async || (scene.cloud.actions(since).len() >= count).then_some(());
    poll(DEADLINE, Duration::from_millis(50), "no looks", looked).await;
}

#[tokio::test]
async fn what_others_change_or_delete_is_mended() {
    let scene = Scene::new().await;
    let _operator = scene.launch().with(&LOOKING_ONCE).start();
    scene.kubectl.apply(&python("edited", "D/edited.py")).await;
    scene.kubectl.apply(&python("deleted", "D/deleted.py")).await;
    let (edited, deleted) = (scene.ready("edited").await, scene.ready("deleted").await);
    let declared = scene.cloud.resource(&id(&edited)).unwrap().content;

    later(&scene);
    let since = scene.cloud.last();
    // A read that fails once must not be the last word.
    let down = ErrorAnswer::new(503, "ServiceUnavailable", "made to fail");
    scene.cloud.add_fault(Fault::new("GetResource", FaultKind::Error(down)).times(2));
    let edit = OutsideEdit { content: Some("theirs".to_owned()), ..OutsideEdit::default() };
    scene.cloud.edit_outside(&id(&edited), edit).unwrap();
    scene.cloud.delete_outside(&id(&deleted)).unwrap();

    let again = scene.until("deleted", |object| is_ready(object) && id(object) != id(&deleted)).await;
    let mended = async || (scene.cloud.resource(&id(&edited))?.content == declared).then_some(());
    poll(DEADLINE, Duration::from_millis(50), "not mended", mended).await;
    assert_eq!(id(&scene.ready("edited").await), id(&edited), "it keeps its id");
    assert_eq!(scene.cloud.resource(&id(&again)).unwrap().path, "D/deleted.py");
    assert_eq!(scene.cloud.resources(PROJECT).len(), 2);
    let mut actions = scene.cloud.actions(since);
    actions.retain(|action| action != "ListResources");
    actions.sort();
    assert_eq!(
        actions,
        ["CreateResource", "GetResource", "GetResource", "GetResource", "GetResource", "UpdateResource"]
    );
}

/// The last page may come a long time after the first, or not at all.
#[tokio::test]
async fn what_a_page_shows_is_mended_before_the_listing_ends() {
    let scene = Scene::new().await;
    scene.cloud.change_settings(|settings| settings.behaviour.list_order = ListOrder::ModifyDesc);
    for n in 0..150 {
        let file = OutsideFile::new(PROJECT, format!("S/{n}.py"), "a stranger's");
        scene.cloud.create_outside(file).unwrap();
    }
    let _operator = scene.launch().with(&LOOKING).start();
    scene.kubectl.apply(&python("edited", "D/edited.py")).await;
    let id = id(&scene.ready("edited").await);
    let declared = scene.cloud.resource(&id).unwrap().content;

    let down = ErrorAnswer::new(503, "ServiceUnavailable", "made to fail");
    let fault = Fault::new("ListResources", FaultKind::Error(down));
    scene.cloud.add_fault(fault.clone());
    looks(&scene, 1).await;
    later(&scene);
    let edit = OutsideEdit { content: Some("theirs".to_owned()), ..OutsideEdit::default() };
    scene.cloud.edit_outside(&id, edit).unwrap();
    scene.cloud.clear_faults();
    // The first page of the next look, and no other.
    scene.cloud.add_fault(Fault { after: 1, ..fault });

    let mended = async || (scene.cloud.resource(&id)?.content == declared).then_some(());
    poll(DEADLINE, Duration::from_millis(50), "not mended", mended).await;
}

#[tokio::test]
async fn a_look_that_finds_nothing_costs_one_call_and_no_write() {
    let scene = Scene::new().await;
    let operator = scene.launch().with(&LOOKING).start();
    for name in ["a", "b", "c"] {
        scene.kubectl.apply(&python(name, &format!("D/{name}.py"))).await;
        scene.ready(name).await;
    }
    wrote(&operator, 6).await;
    let (since, writes) = (scene.cloud.last(), operator.writes().await);
    looks(&scene, 2).await;
    assert!(scene.cloud.actions(since).iter().all(|action| action == "ListResources"));
    assert_eq!(operator.writes().await, writes);
}

#[tokio::test]
async fn when_nearly_all_is_gone_nothing_is_made_again() {
    let scene = Scene::new().await;
    let operator = scene.launch().with(&LOOKING).start();
    let names: Vec<String> = (0..14).map(|n| format!("m{n}")).collect();
    for name in &names {
        scene.kubectl.apply(&python(name, &format!("M/{name}.py"))).await;
    }
    for name in &names {
        scene.ready(name).await;
    }
    later(&scene);
    // What was made within the lag before a listing is believed to be there.
    looks(&scene, 4).await;
    let since = scene.cloud.last();
    for file in scene.cloud.resources(PROJECT) {
        scene.cloud.delete_outside(&file.id).unwrap();
    }
    operator.says(&["so many resources are gone"]).await;
    assert!(scene.cloud.actions(since).iter().all(|action| action == "ListResources"));
}

#[tokio::test]
async fn a_look_can_be_asked_for() {
    let scene = Scene::new().await;
    let operator = scene.launch().start();
    let ask = async |name: &str, token: &str| {
        let annotation = format!("dataworks.alibabacloud.com/reconcile-requested-at={token}");
        scene.kubectl.run(&["annotate", "dwr", name, &annotation, "--overwrite"]).await;
        let echoed = |object: &_| status(object).last_handled_reconcile_at.as_deref() == Some(token);
        scene.until(name, echoed).await
    };

    // Nothing to mend: one read, and one write that says so.
    scene.kubectl.apply(&python("forced", "F/forced.py")).await;
    let object = scene.ready("forced").await;
    wrote(&operator, 2).await;
    let (since, writes) = (scene.cloud.last(), operator.writes().await);
    assert!(is_ready(&ask("forced", "one").await));
    assert_eq!(scene.cloud.actions(since), ["GetResource"]);
    wrote(&operator, writes + 1).await;
    assert_eq!(operator.writes().await, writes + 1);

    // Changed by others: mended at once.
    let edit = OutsideEdit { content: Some("theirs".to_owned()), ..OutsideEdit::default() };
    scene.cloud.edit_outside(&id(&object), edit).unwrap();
    ask("forced", "two").await;
    assert_ne!(scene.cloud.only_file().content, "theirs");

    // Refused for a reason that is gone: tried again without a change of the object.
    let error = ErrorAnswer::new(400, "InvalidParameter", "made to fail");
    scene.cloud.add_fault(Fault::new("CreateResource", FaultKind::Error(error)).times(1));
    scene.kubectl.apply(&python("refused", "F/refused.py")).await;
    scene.says("refused", "False", "Refused").await;
    assert!(is_ready(&ask("refused", "three").await));
    assert_eq!(scene.cloud.resources(PROJECT).len(), 2);
}
