//! What a bad key and a workspace that is not there cost on the default connection.

use dataworks_simulator::{AccessKey, ProjectConfig};
use serde_json::json;

use super::support::{Ask as _, Scene, condition, id, is_current, manifest, message, python};
use super::{OTHER_PROJECT, PROJECT, THEIRS, cloud, keyed, launch, patch, secret, through};

/// An edit of the content.
fn edit(text: &str) -> serde_json::Value {
    json!({"spec": {"content": {"inline": format!("print({text:?})\n")}}})
}

fn in_workspace(name: &str, project: u64) -> serde_json::Value {
    manifest(
        name,
        &json!({
            "projectId": project, "path": format!("G/{name}.py"), "content": {"inline": "print(1)\n"},
        }),
    )
}

/// Waits until an object says for its present generation that it waits for this reason.
async fn waits(scene: &Scene, name: &str, reason: &str) {
    let met =
        |object: &_| is_current(object) && condition(object, "Ready").is_some_and(|c| c.reason == reason);
    scene.until(name, met).await;
}

async fn ask(scene: &Scene, name: &str) {
    let wish = "dataworks.alibabacloud.com/reconcile-requested-at=now";
    scene.kubectl.run(&["annotate", "dwr", name, wish, "--overwrite"]).await;
}

#[tokio::test]
async fn a_key_that_goes_bad_closes_the_default_connection_and_one_look_opens_it() {
    let scene = Scene::new().await;
    let operator = scene.launch().start();
    let settled = "settled";
    for name in ["first", "edited", "deleted", settled] {
        scene.kubectl.apply(&python(name, &format!("G/{name}.py"))).await;
        scene.ready(name).await;
    }
    let version = scene.version(settled).await;
    scene.cloud.set_access_keys(vec![AccessKey { inactive: true, ..AccessKey::default() }]);
    patch(&scene, "dwr", "first", &edit("2")).await;
    waits(&scene, "first", "AccessDenied").await;

    // From here on nobody calls for himself: new ones, edited ones, deleted ones.
    let since = scene.cloud.last();
    patch(&scene, "dwr", "edited", &edit("2")).await;
    scene.kubectl.run(&["delete", "dwr", "deleted", "--wait=false"]).await;
    let names: Vec<String> = (0..20).map(|n| format!("new-{n}")).collect();
    for name in &names {
        scene.kubectl.apply(&python(name, &format!("G/{name}.py"))).await;
    }
    for name in names.iter().map(String::as_str).chain(["edited"]) {
        waits(&scene, name, "AccessDenied").await;
    }
    scene.says("deleted", "False", "DeletionBlocked").await;
    let told = message(&scene.until("new-19", |_| true).await);
    assert!(told.contains("InvalidAccessKeyId.Inactive"), "{told}");
    let actions = scene.cloud.actions(since);
    assert!(actions.iter().all(|action| action == "GetProject"), "{actions:?}");

    // It is mended, and a person asks for one of them.
    scene.cloud.set_access_keys(vec![AccessKey::default()]);
    let since = scene.cloud.last();
    ask(&scene, "new-7").await;
    for name in names.iter().map(String::as_str).chain(["first", "edited"]) {
        scene.ready(name).await;
    }
    scene.gone("deleted").await;
    assert_eq!(scene.cloud.actions(since)[0], "GetProject", "somebody did not wait for the look");
    assert_eq!(scene.version(settled).await, version, "a settled object was written");
    assert_eq!(scene.cloud.resource_count(PROJECT), 23);
    drop(operator);
}

#[tokio::test]
async fn a_workspace_that_is_not_there_closes_itself_and_no_other() {
    const LATER: u64 = 999;
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    scene.kubectl.apply(&in_workspace("lost", LATER)).await;
    waits(&scene, "lost", "WorkspaceNotFound").await;
    let since = scene.cloud.last();
    for n in 0..5 {
        scene.kubectl.apply(&in_workspace(&format!("lost-{n}"), LATER)).await;
        waits(&scene, &format!("lost-{n}"), "WorkspaceNotFound").await;
    }
    scene.kubectl.apply(&python("here", "G/here.py")).await;
    scene.ready("here").await;
    let calls = scene.cloud.calls_since(since);
    assert!(calls.iter().all(|call| call.project != Some(LATER)), "{:?}", scene.cloud.actions(since));

    scene.cloud.add_project(ProjectConfig::new(LATER, "later"));
    ask(&scene, "lost-3").await;
    scene.ready("lost").await;
    for n in 0..5 {
        scene.ready(&format!("lost-{n}")).await;
    }
    assert_eq!(scene.cloud.resource_count(LATER), 6);
}

#[tokio::test]
async fn an_operator_without_credentials_works_for_workspaces_that_bring_theirs() {
    let scene = Scene::under(cloud().await).await;
    let launch = launch(&scene).keyless().without(&["--endpoint", "--region"]);
    // As long as nobody may use them.
    let mut refused = launch.start();
    assert!(!refused.ended().await.success());
    let log = refused.log();
    assert!(log.contains("set DATAWORKS_REGION"), "{log}");

    let operator = launch.with(&["--default-connection-namespaces="]).start();
    scene.kubectl.apply(&secret("key", THEIRS, "theirSecret")).await;
    scene.kubectl.apply(&keyed(&scene, "team")).await;
    scene.kubectl.apply(&through("a", "team", "G/a.py")).await;
    let made = scene.ready("a").await;
    assert_eq!(scene.cloud.resource(&id(&made)).unwrap().project_id, OTHER_PROJECT);
    scene.kubectl.apply(&python("b", "G/b.py")).await;
    scene.says("b", "False", "ConnectionNotAllowed").await;
    let log = operator.kill().await;
    assert!(log.contains("workspaces bring theirs") && !log.contains("\"WARN\""), "{log}");
}
