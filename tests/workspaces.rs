//! Workspaces as objects: whose credentials, which endpoint, what waits for what.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::time::Duration;

use dataworks_core::api::v1alpha1::{DataWorksWorkspace, DataWorksWorkspaceStatus};
use dataworks_simulator::{AccessKey, Config, ProjectConfig, Simulator};
use kube::Api;
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};
use support::operator::{Launch, Operator};
use support::{Ask as _, DEADLINE, PROJECT, Scene, condition, id, is_current, manifest, message, poll, status};

const FINALIZER: &str = "dataworks.alibabacloud.com/finalizer";
/// The key of the second account.
const THEIRS: &str = "LTAItheirs";
/// Their workspace.
const OTHER_PROJECT: u64 = 654_321;

/// A cloud with two accounts, each with a key and a workspace.
async fn cloud() -> Simulator {
    let config = Config {
        access_keys: vec![AccessKey::default(), theirs("theirSecret")],
        projects: vec![
            ProjectConfig::new(PROJECT, "sora_finance"),
            ProjectConfig { dev_environment_enabled: true, ..ProjectConfig::new(OTHER_PROJECT, "theirs") },
        ],
        ..Config::default()
    };
    Simulator::start(config).await.unwrap()
}

fn theirs(secret: &str) -> AccessKey {
    AccessKey {
        access_key_id: THEIRS.to_owned(),
        secret: secret.to_owned(),
        account_id: "2000".to_owned(),
        ..AccessKey::default()
    }
}

/// The cloud's host and port, as a workspace names it.
fn host(scene: &Scene) -> String {
    scene.cloud.url().strip_prefix("http://").unwrap().to_owned()
}

/// An operator that lets workspaces name the simulator, for whom STS is there as well.
fn launch(scene: &Scene) -> Launch {
    let url = scene.cloud.url();
    let allowed = format!("--allowed-endpoints={url}");
    scene.launch().with(&[&allowed]).variable("ALIBABA_CLOUD_STS_ENDPOINT", &url)
}

/// A workspace object with these fields beside the usual ones.
fn workspace(scene: &Scene, name: &str, project: u64, more: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "dataworks.alibabacloud.com/v1alpha1",
        "kind": "DataWorksWorkspace",
        "metadata": {"name": name},
        "spec": {"projectId": project, "region": "cn-shanghai", "endpoint": host(scene)},
    });
    object["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object
}

/// One with the key in a Secret.
fn keyed(scene: &Scene, name: &str) -> Value {
    workspace(scene, name, OTHER_PROJECT, &json!({"credentials": {"secretRef": {"name": "key"}}}))
}

fn secret(name: &str, id: &str, secret: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
        "stringData": {"accessKeyId": id, "accessKeySecret": secret},
    })
}

/// A file by the way of a workspace object.
fn through(name: &str, workspace: &str, path: &str) -> Value {
    manifest(
        name,
        &json!({"workspaceRef": {"name": workspace}, "path": path, "content": {"inline": "print(1)\n"}}),
    )
}

fn workspaces(scene: &Scene) -> Api<DataWorksWorkspace> {
    Api::namespaced(scene.client.clone(), &scene.namespace)
}

fn told(object: &DataWorksWorkspace) -> DataWorksWorkspaceStatus {
    object.status.clone().unwrap_or_default()
}

/// Status and reason of Ready in the present generation, and its message.
fn ready(object: &DataWorksWorkspace) -> (String, String) {
    let status = told(object);
    let current = status.observed_generation == object.metadata.generation;
    let ready = status.conditions.into_iter().find(|c| c.type_ == "Ready").filter(|_| current);
    ready.map(|c| (format!("{} {}", c.status, c.reason), c.message)).unwrap_or_default()
}

/// Waits until a workspace is as `met` says.
async fn until(scene: &Scene, name: &str, met: impl Fn(&DataWorksWorkspace) -> bool) -> DataWorksWorkspace {
    let holds = |object: Option<&DataWorksWorkspace>| object.is_some_and(&met);
    let wait = await_condition(workspaces(scene), name, holds);
    if let Ok(end) = tokio::time::timeout(DEADLINE, wait).await {
        return end.unwrap().unwrap();
    }
    let object = workspaces(scene).get_opt(name).await.unwrap();
    panic!("{name} is not as expected: {}", serde_json::to_string_pretty(&object).unwrap());
}

/// Waits until a workspace's Ready says this, such as `True Succeeded`.
async fn says(scene: &Scene, name: &str, want: &str) -> DataWorksWorkspace {
    until(scene, name, |object| ready(object).0 == want).await
}

/// Waits until an object says that it waits for its workspace.
async fn waits(scene: &Scene, name: &str) -> String {
    let met = |object: &_| {
        is_current(object) && condition(object, "Ready").is_some_and(|c| c.reason == "DependencyNotReady")
    };
    message(&scene.until(name, met).await)
}

async fn patch(scene: &Scene, kind: &str, name: &str, patch: &Value) {
    scene.kubectl.run(&["patch", kind, name, "--type=merge", "-p", &patch.to_string()]).await;
}

async fn delete(scene: &Scene, kind: &str, name: &str) {
    scene.kubectl.run(&["delete", kind, name, "--wait=false"]).await;
}

async fn gone(scene: &Scene, name: &str) {
    let wait = await_condition(workspaces(scene), name, |o: Option<&DataWorksWorkspace>| o.is_none());
    tokio::time::timeout(DEADLINE, wait).await.expect("the workspace goes").unwrap();
}

/// The account of the key that owns what was made.
fn owner(scene: &Scene, file: &str) -> (u64, String) {
    let file = scene.cloud.resource(file).unwrap();
    (file.project_id, file.owner)
}

#[tokio::test]
async fn an_object_lives_by_the_credentials_of_its_workspace() {
    let scene = Scene::under(cloud().await).await;
    // Nothing of the default connection is open.
    let operator = launch(&scene).with(&["--default-connection-namespaces="]).start();
    scene.kubectl.apply(&through("a", "team", "W/a.py")).await;
    assert!(waits(&scene, "a").await.starts_with("There is no DataWorksWorkspace \"team\""));

    scene.kubectl.apply(&keyed(&scene, "team")).await;
    let (_, why) = ready(&says(&scene, "team", "False SecretNotFound").await);
    assert!(why.contains("Secret \"key\""), "{why}");
    assert_eq!(scene.cloud.actions(0), [""; 0], "a call was made");

    scene.kubectl.apply(&secret("key", THEIRS, "theirSecret")).await;
    let made = scene.ready("a").await;
    assert_eq!(owner(&scene, &id(&made)), (OTHER_PROJECT, "2000".to_owned()));
    assert_eq!(status(&made).project_id, Some(i64::try_from(OTHER_PROJECT).unwrap()));
    let team = says(&scene, "team", "True Succeeded").await;
    let project = told(&team).project.unwrap();
    assert_eq!(project.name.as_deref(), Some("theirs"));
    assert_eq!(serde_json::to_value(project.mode).unwrap(), "Standard");
    // One look at the workspace, one listing, one create; whose key it is costs none of DataWorks.
    let actions = scene.cloud.actions(0);
    assert_eq!(actions, ["GetCallerIdentity", "GetCallerIdentity", "GetProject", "ListResources", "CreateResource"]);
    assert!(team.metadata.finalizers.unwrap().contains(&FINALIZER.to_owned()));

    patch(&scene, "dwr", "a", &json!({"spec": {"content": {"inline": "print(2)\n"}}})).await;
    scene.ready("a").await;
    assert_eq!(scene.cloud.resources(OTHER_PROJECT)[0].content, "print(2)\n");
    delete(&scene, "dwr", "a").await;
    scene.gone("a").await;
    assert_eq!(scene.cloud.resources(OTHER_PROJECT).len(), 0);
    until(&scene, "team", |team| team.metadata.finalizers.as_ref().is_none_or(Vec::is_empty)).await;
    let log = operator.kill().await;
    assert!(!log.contains("theirSecret"), "the log tells the secret");
}
