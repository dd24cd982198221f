//! A connection that was not given is not used, whatever an object says; and no address of an object is called.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dataworks_simulator::{OutsideFile, ProjectConfig};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Ask as _, PROJECT, Scene, id, manifest, python};

/// Everything that an author can write about a file that is not his.
fn attempts(id: &str, path: &str) -> Vec<Value> {
    let spec = |more: Value| {
        let mut spec = json!({"projectId": PROJECT, "path": path, "content": {"inline": "stolen"}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let raw = json!({"version": "1.1.0", "kind": "Resource", "spec": {"fileResources": [{
        "name": path.rsplit('/').next(), "id": id,
        "script": {"path": path, "content": "stolen", "runtime": {"command": "ODPS_PYTHON"}},
    }]}});
    let rows = [
        ("plain", spec(json!({}))),
        ("adopts", spec(json!({"adoptionPolicy": "Adopt", "deletionPolicy": "Delete"}))),
        ("by-id", spec(json!({"resourceId": id, "adoptionPolicy": "Adopt", "deletionPolicy": "Delete"}))),
        ("raw", json!({"projectId": PROJECT, "adoptionPolicy": "Adopt", "flowSpec": raw})),
        ("url", spec(json!({"content": {"url": {"location": "https://example.com/x"}}}))),
    ];
    let annotations = json!({
        "dataworks.alibabacloud.com/reconcile-requested-at": "now",
        "dataworks.alibabacloud.com/default-connection": "true",
    });
    let with = |(name, spec): (&str, Value)| {
        let mut object = manifest(name, &spec);
        object["metadata"]["annotations"] = annotations.clone();
        object
    };
    rows.map(with).to_vec()
}

/// The trace that the operator itself would leave of a create, written by the author.
async fn forge_intent(scene: &Scene, name: &str, path: &str) {
    let object = scene.objects().get(name).await.unwrap();
    let cluster =
        scene.kubectl.run(&["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"]).await;
    let now = k8s_openapi::jiff::Timestamp::now();
    let intent = json!({
        "cluster": cluster, "object": format!("{}/{name}", scene.namespace), "uid": object.metadata.uid,
        "holder": "pod-1", "projectId": PROJECT, "path": path, "contentSha256": "0".repeat(64), "first": now, "at": now,
    });
    let patch = json!({"metadata": {
        "annotations": {"dataworks.alibabacloud.com/create-intent": intent.to_string()},
        "finalizers": ["dataworks.alibabacloud.com/finalizer"],
    }});
    scene.kubectl.run(&["patch", "dwr", name, "--type=merge", "-p", &patch.to_string()]).await;
}

#[tokio::test]
async fn nothing_is_sent_from_a_namespace_that_is_not_opened() {
    let scene = Scene::new().await;
    let closed = scene.neighbour().await;
    let theirs = scene.cloud.create_outside(OutsideFile::new(PROJECT, "S/theirs.py", "theirs")).unwrap();
    let launch = scene.launch_for(&[&scene.namespace, &closed.namespace]);
    let _operator = launch.with(&[&format!("--default-connection-namespaces={}", scene.namespace)]).start();
    let objects = attempts(&theirs, "S/theirs.py");
    for object in &objects {
        closed.kubectl.apply(object).await;
    }
    closed.kubectl.apply(&python("forged", "S/theirs.py")).await;
    forge_intent(&closed, "forged", "S/theirs.py").await;
    let names = objects.iter().map(|object| object["metadata"]["name"].as_str().unwrap());
    for name in names.clone().chain(["forged"]) {
        closed.says(name, "False", "ConnectionNotAllowed").await;
        closed.kubectl.run(&["delete", "dwr", name, "--wait=false"]).await;
    }
    for name in names {
        closed.gone(name).await;
    }
    // What looks as if it had begun something is not let go by a guess, nor by a call.
    closed.says("forged", "False", "DeletionBlocked").await;
    let retain = r#"{"spec":{"deletionPolicy":"Retain"}}"#;
    closed.kubectl.run(&["patch", "dwr", "forged", "--type=merge", "-p", retain]).await;
    closed.gone("forged").await;
    assert_eq!(scene.cloud.actions(0), [""; 0], "a call was made");
    assert_eq!(scene.cloud.only_file().content, "theirs");
}

#[tokio::test]
async fn nothing_is_sent_to_a_workspace_that_is_not_opened() {
    const OTHER: u64 = 654_321;
    let scene = Scene::new().await;
    scene.cloud.add_project(ProjectConfig::new(OTHER, "private"));
    let theirs = scene.cloud.create_outside(OutsideFile::new(OTHER, "S/theirs.py", "theirs")).unwrap();
    let _operator = scene.launch().with(&[&format!("--default-connection-projects={PROJECT}")]).start();
    for mut object in attempts(&theirs, "S/theirs.py") {
        object["spec"]["projectId"] = json!(OTHER);
        scene.kubectl.apply(&object).await;
        let name = object["metadata"]["name"].as_str().unwrap();
        scene.says(name, "False", "ConnectionNotAllowed").await;
        scene.kubectl.run(&["delete", "dwr", name, "--wait=false"]).await;
        scene.gone(name).await;
    }
    scene.fence().await;
    let calls = scene.cloud.calls_since(0);
    assert!(!calls.is_empty() && calls.iter().all(|call| call.project == Some(PROJECT)), "{calls:#?}");
    assert_eq!(scene.cloud.resource(&theirs).unwrap().content, "theirs");
}

#[tokio::test]
async fn nothing_is_sent_once_a_namespace_is_closed_again() {
    let scene = Scene::new().await;
    let other = scene.neighbour().await;
    let operator = scene.launch().start();
    scene.kubectl.apply(&python("mine", "C/mine.py")).await;
    let file = id(&scene.ready("mine").await);
    scene.kubectl.apply(&python("settled", "C/settled.py")).await;
    scene.ready("settled").await;
    operator.kill().await;

    let since = scene.cloud.last();
    let launch = scene.launch_for(&[&scene.namespace, &other.namespace]);
    let _operator = launch.with(&[&format!("--default-connection-namespaces={}", other.namespace)]).start();
    let edit = r#"{"spec":{"content":{"inline":"changed"}}}"#;
    scene.kubectl.run(&["patch", "dwr", "mine", "--type=merge", "-p", edit]).await;
    scene.says("mine", "False", "ConnectionNotAllowed").await;
    // Nor is what is there as declared published from there.
    let publish = r#"{"spec":{"publish":{"policy":"OnChange"}}}"#;
    scene.kubectl.run(&["patch", "dwr", "settled", "--type=merge", "-p", publish]).await;
    scene.says("settled", "False", "ConnectionNotAllowed").await;
    scene.kubectl.run(&["delete", "dwr", "mine", "--wait=false"]).await;
    scene.says("mine", "False", "DeletionBlocked").await;
    let retain = r#"{"spec":{"deletionPolicy":"Retain"}}"#;
    scene.kubectl.run(&["patch", "dwr", "mine", "--type=merge", "-p", retain]).await;
    scene.gone("mine").await;
    assert_eq!(scene.cloud.actions(since), [""; 0], "a call was made");
    assert_eq!(scene.cloud.resource(&file).unwrap().content, "print(1)\n");
}

/// Counts who connects.
async fn listener() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, count) = (listener.local_addr().unwrap().to_string(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((_stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, count)
}

#[tokio::test]
async fn no_address_that_an_object_names_is_called() {
    let (address, connections) = listener().await;
    let scene = Scene::new().await;
    let operator = scene.launch().start();
    let url = format!("http://{address}/lib.jar?token=hunter2");
    let places = json!({"endpoint": url, "url": url, "proxy": url, "resourceFile": url, "sts": url});
    let storage = json!({"type": "oss", "bucket": "b", "endpoint": url});
    let file = json!({"storage": {"type": "oss", "endpoint": url, "addresses": [address]}, "path": url});
    let mut raw = json!({"version": "1.1.0", "kind": "Resource", "spec": {"fileResources": [{
        "name": "raw.py", "type": "python", "file": file, "url": url,
        "script": {"path": "F/raw.py", "runtime": {"command": "ODPS_PYTHON", "endpoint": url}},
    }]}});
    raw.as_object_mut().unwrap().extend(places.as_object().unwrap().clone());
    let rows = [
        (
            "url",
            json!({"path": "F/lib.jar", "content": {"url": {"location": url, "sha256": "0".repeat(64)}}}),
        ),
        ("storage", json!({"path": "F/s.py", "storage": storage, "content": {"inline": "1"}})),
        ("raw", json!({"flowSpec": raw, "content": {"url": {"location": url}}})),
    ];
    for (name, mut spec) in rows {
        spec["projectId"] = json!(PROJECT);
        let mut object = manifest(name, &spec);
        let keys = ["endpoint", "region", "url", "proxy", "ca-bundle", "sts-endpoint"];
        let annotations = keys.map(|key| (format!("dataworks.alibabacloud.com/{key}"), url.clone()));
        object["metadata"]["annotations"] =
            json!(annotations.into_iter().collect::<std::collections::BTreeMap<_, _>>());
        scene.kubectl.apply(&object).await;
        let file = scene.cloud.resource(&id(&scene.ready(name).await)).unwrap();
        // It is handed on as it stands.
        assert_eq!(file.resource_file.as_deref(), (name != "storage").then_some(&*url), "{name}");
        let edit = json!({"spec": {"description": "changed"}});
        if name != "raw" {
            scene.kubectl.run(&["patch", "dwr", name, "--type=merge", "-p", &edit.to_string()]).await;
        }
        scene.kubectl.run(&["delete", "dwr", name, "--wait=false"]).await;
        scene.gone(name).await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0, "the operator connected");
    // A URL often holds its own credentials.
    let events = scene.kubectl.run(&["get", "events", "-o", "yaml"]).await;
    for (what, text) in [("metrics", operator.metrics().await), ("log", operator.log()), ("events", events)] {
        assert!(!text.contains("hunter2") && !text.contains(&address), "{what}: {text}");
    }
    // The listener would have noticed.
    let _stream = TcpStream::connect(&address).await.unwrap();
    let noticed = async || (connections.load(Ordering::SeqCst) == 1).then_some(());
    crate::support::poll(
        crate::support::DEADLINE,
        std::time::Duration::from_millis(5),
        "not counted",
        noticed,
    )
    .await;
}
