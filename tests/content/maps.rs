//! Text from a ConfigMap: what a change, a restart and a missing key cost and say.

use std::collections::BTreeMap;
use std::time::Duration;

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_core::ids::Digest;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::support::{Ask as _, DEADLINE, PROJECT, Scene, id, manifest, message, poll, status};

/// An object whose content is a key of a ConfigMap.
pub(crate) fn from_map(name: &str, path: &str, map: &str, key: &str) -> Value {
    let content = json!({"configMapKeyRef": {"name": map, "key": key}});
    manifest(name, &json!({"projectId": PROJECT, "path": path, "content": content}))
}

pub(crate) fn maps(scene: &Scene) -> Api<ConfigMap> {
    Api::namespaced(scene.client.clone(), &scene.namespace)
}

/// A ConfigMap with these keys, made or changed; what is not UTF-8 goes to its binaryData.
pub(crate) async fn map(scene: &Scene, name: &str, keys: &[(&str, &[u8])]) {
    let (mut data, mut binary) = (BTreeMap::new(), BTreeMap::new());
    for (key, bytes) in keys {
        match std::str::from_utf8(bytes) {
            Ok(text) => drop(data.insert((*key).to_owned(), text.to_owned())),
            Err(_) => drop(binary.insert((*key).to_owned(), ByteString(bytes.to_vec()))),
        }
    }
    let mut map = ConfigMap { data: Some(data), binary_data: Some(binary), ..ConfigMap::default() };
    map.metadata.name = Some(name.to_owned());
    let api = maps(scene);
    if api.get_opt(name).await.unwrap().is_some() {
        api.replace(name, &PostParams::default(), &map).await.unwrap();
    } else {
        api.create(&PostParams::default(), &map).await.unwrap();
    }
}

pub(crate) fn digest(bytes: &[u8]) -> Option<String> {
    Some(Digest::of(bytes).to_string())
}

/// Waits until status says that the file holds these bytes.
pub(crate) async fn holds(scene: &Scene, name: &str, bytes: &[u8]) -> DataWorksResource {
    let want = digest(bytes);
    scene
        .until(name, |object| status(object).content_digest == want && crate::support::is_ready(object))
        .await
}

/// Waits until status speaks of the ConfigMap's present version.
async fn looked_at(scene: &Scene, name: &str, map: &str) {
    let live = maps(scene).get(map).await.unwrap().metadata.resource_version;
    let told =
        |object: &DataWorksResource| status(object).content_source.and_then(|source| source.resource_version);
    scene.until(name, |object| told(object) == live).await;
}

#[tokio::test]
async fn a_change_of_the_key_is_sent_and_no_other_costs_a_call() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    map(&scene, "m", &[("a.py", b"print(1)\n"), ("b.py", b"x")]).await;
    scene.kubectl.apply(&from_map("a", "D/a.py", "m", "a.py")).await;
    let made = holds(&scene, "a", b"print(1)\n").await;
    let file = scene.cloud.only_file();
    assert_eq!((file.content.as_str(), file.resource_file), ("print(1)\n", None));
    assert_eq!(status(&made).content_digest, Some(file.content_sha256));

    let since = scene.cloud.last();
    map(&scene, "m", &[("a.py", b"print(2)\n"), ("b.py", b"x")]).await;
    let changed = holds(&scene, "a", b"print(2)\n").await;
    assert_eq!(scene.cloud.actions(since), ["UpdateResource"]);
    assert_eq!((id(&changed), scene.cloud.only_file().content), (id(&made), "print(2)\n".into()));
    assert_eq!(changed.metadata.generation, made.metadata.generation);

    let since = scene.cloud.last();
    map(&scene, "m", &[("a.py", b"print(2)\n"), ("b.py", b"y")]).await;
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    maps(&scene).patch("m", &PatchParams::default(), &Patch::Merge(label)).await.unwrap();
    looked_at(&scene, "a", "m").await;
    assert_eq!(scene.cloud.actions(since), [""; 0]);
}

#[tokio::test]
async fn a_restart_costs_nothing_and_misses_nothing() {
    let scene = Scene::new().await;
    let operator = scene.launch().start();
    map(&scene, "m", &[("a.py", b"1"), ("b.jar", b"\xff")]).await;
    map(&scene, "n", &[("c.py", b"1")]).await;
    scene.kubectl.apply(&from_map("a", "D/a.py", "m", "a.py")).await;
    scene.kubectl.apply(&from_map("b", "D/b.jar", "m", "b.jar")).await;
    scene.kubectl.apply(&from_map("c", "D/c.py", "n", "c.py")).await;
    for (name, bytes) in [("a", &b"1"[..]), ("b", b"\xff"), ("c", b"1")] {
        holds(&scene, name, bytes).await;
    }
    assert!(operator.stop().await.success());
    let (since, version) = (scene.cloud.last(), scene.version("a").await);
    map(&scene, "n", &[("c.py", b"2")]).await;
    let operator = scene.launch().pod("pod-2").start();
    holds(&scene, "c", b"2").await;
    scene.fence().await;
    let calls = scene.cloud.calls_since(since).into_iter();
    let about: Vec<String> = calls.filter(|c| c.action != "ListResources").map(|c| c.action).collect();
    assert_eq!(about, ["UpdateResource", "CreateResource"], "of the changed one, and of the fence");
    assert_eq!(scene.version("a").await, version);
    // Its ConfigMap was not even read.
    let read = operator.metric("dataworks_kubernetes_requests_total", &["verb=\"get\""]).await;
    assert!(read <= 6, "{read} reads");
}

#[tokio::test]
async fn what_is_missing_is_said_and_waited_for() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    scene.kubectl.apply(&from_map("a", "D/a.py", "m", "a.py")).await;
    let waits = scene.says("a", "Unknown", "DependencyNotReady").await;
    assert_eq!(
        message(&waits),
        "There is no ConfigMap \"m\" in this namespace. It goes on when there is one."
    );
    map(&scene, "m", &[("b.py", b"x")]).await;
    let said = |part: &'static str| move |object: &DataWorksResource| message(object).contains(part);
    scene.until("a", said("ConfigMap \"m\" has no key \"a.py\" in data or binaryData")).await;
    assert_eq!(scene.cloud.actions(0), [""; 0]);
    map(&scene, "m", &[("a.py", b"")]).await;
    let made = holds(&scene, "a", b"").await;

    // Emptied, and deleted while it is in use: the file stays.
    map(&scene, "m", &[("a.py", b"1")]).await;
    holds(&scene, "a", b"1").await;
    let since = scene.cloud.last();
    map(&scene, "m", &[]).await;
    scene.until("a", said("has no key \"a.py\" in data or binaryData. Add it")).await;
    maps(&scene).delete("m", &DeleteParams::default()).await.unwrap();
    let kept = scene.until("a", said("There is no ConfigMap \"m\"")).await;
    assert!(message(&kept).ends_with("The file in the workspace stays as it is."), "{}", message(&kept));
    assert_eq!(scene.cloud.actions(since), [""; 0]);
    // It comes back as it was: a look, since nobody looked meanwhile, and nothing has to be sent.
    map(&scene, "m", &[("a.py", b"1")]).await;
    let back = holds(&scene, "a", b"1").await;
    assert_eq!((scene.cloud.actions(since), id(&back)), (vec!["GetResource".to_owned()], id(&made)));
    // An object without its source can go.
    maps(&scene).delete("m", &DeleteParams::default()).await.unwrap();
    scene.says("a", "Unknown", "DependencyNotReady").await;
    scene.kubectl.run(&["delete", "dwr", "a"]).await;
    assert_eq!(scene.cloud.resource_count(PROJECT), 0);
}

#[tokio::test]
async fn many_changes_in_a_second_become_few_calls_and_the_last_one_wins() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    map(&scene, "m", &[("a.py", b"0")]).await;
    scene.kubectl.apply(&from_map("a", "D/a.py", "m", "a.py")).await;
    holds(&scene, "a", b"0").await;
    let (since, begun) = (scene.cloud.last(), std::time::Instant::now());
    for n in 1..=10_u8 {
        map(&scene, "m", &[("a.py", n.to_string().as_bytes())]).await;
    }
    holds(&scene, "a", b"10").await;
    let calls = scene.cloud.actions(since).len() as u64;
    // One a second, and the first and the last.
    assert!(calls <= 5 + begun.elapsed().as_secs(), "{calls} calls for ten changes");
    assert_eq!(scene.cloud.only_file().content, "10");
}

#[tokio::test]
async fn one_map_serves_many_objects_and_a_raw_document() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    map(&scene, "m", &[("a.py", b"1"), ("c.py", b"3")]).await;
    for name in ["a", "b"] {
        scene.kubectl.apply(&from_map(name, &format!("D/{name}.py"), "m", "a.py")).await;
    }
    let file = json!({"name": "c.py", "type": "python", "script": {"path": "D/c.py", "content": "", "runtime": {"command": "ODPS_PYTHON"}}});
    let flow_spec = json!({"version": "1.1.0", "kind": "Resource", "spec": {"fileResources": [file]}});
    let content = json!({"configMapKeyRef": {"name": "m", "key": "c.py"}});
    let raw = json!({"projectId": PROJECT, "flowSpec": flow_spec, "content": content});
    scene.kubectl.apply(&manifest("c", &raw)).await;
    for (name, bytes) in [("a", b"1"), ("b", b"1"), ("c", b"3")] {
        holds(&scene, name, bytes).await;
    }
    map(&scene, "m", &[("a.py", b"2"), ("c.py", b"4")]).await;
    for (name, bytes) in [("a", b"2"), ("b", b"2"), ("c", b"4")] {
        holds(&scene, name, bytes).await;
    }
    // Another map is another reference; the old one is nothing to it any more.
    map(&scene, "other", &[("a.py", b"5")]).await;
    scene.kubectl.apply(&from_map("a", "D/a.py", "other", "a.py")).await;
    holds(&scene, "a", b"5").await;
    let version = scene.version("a").await;
    map(&scene, "m", &[("a.py", b"6"), ("c.py", b"4")]).await;
    holds(&scene, "b", b"6").await;
    assert_eq!(scene.version("a").await, version);
    // From a map to text of its own, and the map's version is nothing that status speaks of.
    let inline = json!({"projectId": PROJECT, "path": "D/a.py", "content": {"inline": "7"}});
    scene.kubectl.apply(&manifest("a", &inline)).await;
    let own = holds(&scene, "a", b"7").await;
    assert_eq!(status(&own).content_source, None);
}

#[tokio::test]
async fn what_others_write_into_the_file_is_undone() {
    let scene = Scene::new().await;
    let _operator = scene.launch().with(&["--drift-interval=1s", "--commit-lag=1s"]).start();
    map(&scene, "m", &[("a.py", b"1"), ("b.jar", b"\xff")]).await;
    scene.kubectl.apply(&from_map("a", "D/a.py", "m", "a.py")).await;
    scene.kubectl.apply(&from_map("b", "D/b.jar", "m", "b.jar")).await;
    let made = [holds(&scene, "a", b"1").await, holds(&scene, "b", b"\xff").await];
    scene.cloud.change_settings(|settings| settings.clock_offset_ms = 5_000);
    for object in &made {
        let edit = dataworks_simulator::OutsideEdit { content: Some("theirs".into()), ..Default::default() };
        scene.cloud.edit_outside(&id(object), edit).unwrap();
    }
    // In the objects' order: which file was made first is not ours to say.
    let mended = async || {
        let held = made.each_ref().map(|object| Some(scene.cloud.resource(&id(object))?.content_sha256));
        (held == [digest(b"1"), digest(b"\xff")]).then_some(())
    };
    poll(DEADLINE, Duration::from_millis(50), "not mended", mended).await;
}
