//! Memory: what objects of the largest size cost the operator's process, many of them and the worst of them.
//!
//! The bound is below the chart's limit of 256 MiB and far below what the objects hold together.

use std::time::Duration;

use dataworks_core::api::v1alpha1::{DataWorksResource, DataWorksWorkspace};
use dataworks_simulator::{Fault, FaultKind};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::support::operator::{Launch, Operator};
use crate::support::{DEADLINE, PROJECT, Scene, manifest, message, poll, python};

/// Bytes of an object: etcd's limit is 1.5 MiB for all of a request.
const LARGEST: usize = 1_400_000;
/// The most that the process may ever have had, in KiB. It is a debug build, with 64 workers.
const MOST: u64 = 192 * 1024;
/// The same while the largest good objects are at work, each as object, document, JSON and form.
const MOST_AT_WORK: u64 = 232 * 1024;
/// Created at a time: the API server, too, holds them several times.
const AT_A_TIME: usize = 4;

/// A document with as much more in it as the API server takes: one long text, or values that a tree of maps makes thirty
/// times as large.
fn stuffed(name: &str, more: Value) -> Value {
    let file = format!("{name}.py");
    let raw = json!({"version": "1.1.0", "kind": "Resource", "more": more, "spec": {"fileResources": [{
        "name": file, "script": {"path": format!("M/{file}"), "content": "1", "runtime": {"command": "ODPS_PYTHON"}},
    }]}});
    manifest(name, &json!({"projectId": PROJECT, "flowSpec": raw}))
}

/// Without a lease: on a small machine the API server is busy with objects of this size for longer than one lasts.
fn launch(scene: &Scene, more: &[&str]) -> Launch {
    let namespaces = [&[&*scene.namespace], more].concat();
    scene.launch_for(&namespaces).with(&["--no-leader-elect"])
}

async fn create(scene: &Scene, objects: impl Iterator<Item = Value>) {
    create_of(scene, ApiResource::erase::<DataWorksResource>(&()), objects).await;
}

async fn create_of(scene: &Scene, kind: ApiResource, objects: impl Iterator<Item = Value>) {
    let api: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), &scene.namespace, &kind);
    let create = |object: Value| {
        let (api, object) = (api.clone(), serde_json::from_value::<DynamicObject>(object).unwrap());
        async move { api.create(&PostParams::default(), &object).await.map(|_| ()).unwrap() }
    };
    futures::stream::iter(objects).map(create).buffer_unordered(AT_A_TIME).collect::<Vec<()>>().await;
}

/// Stuffed objects: of ten, nine long texts and one of many values.
fn largest(count: usize) -> impl Iterator<Item = Value> {
    (0..count).map(|n| {
        let more = match n % 10 {
            0 => json!(vec![0; LARGEST / 2]),
            _ => json!("x".repeat(LARGEST)),
        };
        stuffed(&format!("large-{n}"), more)
    })
}

async fn all_told(scene: &Scene, operator: &Operator, count: usize) {
    // The API server reads all that they hold before it shows them, so that it is not asked before it may be so.
    let wrote = async || (operator.writes().await >= count as u64).then_some(());
    poll(5 * DEADLINE, Duration::from_secs(1), "too few writes", wrote).await;
    // As a table: what they hold does not come along.
    let shown = async || scene.kubectl.run(&["get", "dwr", "--no-headers"]).await;
    let told = async || (shown().await.matches(" InvalidSpec ").count() == count).then_some(());
    poll(5 * DEADLINE, Duration::from_secs(5), "they are not told", told).await;
}

#[tokio::test]
async fn the_largest_objects_fill_no_memory_and_are_told_why() {
    const OBJECTS: usize = 150;
    let scene = Scene::alone().await;
    let good = scene.beside().await;
    let launch = launch(&scene, &[&good.namespace]);
    let operator = launch.start();
    operator.leads().await;
    let before = operator.memory("VmRSS");
    create(&scene, largest(OBJECTS)).await;
    all_told(&scene, &operator, OBJECTS).await;
    let object = scene.says("large-0", "False", "InvalidSpec").await;
    assert!(message(&object).contains("more than the operator takes"), "{}", message(&object));
    let watched = operator.memory("VmHWM");
    operator.kill().await;

    // From a list, in pages, and all at once.
    let operator = launch.pod("pod-2").start();
    good.kubectl.apply(&python("good", "M/good.py")).await;
    good.ready("good").await;
    let listed = operator.memory("VmHWM");
    println!(
        "KiB: {before} before, at most {watched} while they came, at most {listed} when they were listed"
    );
    assert!(watched < MOST && listed < MOST, "{watched}, {listed} KiB of {MOST}");
    // What is taken back goes as any other.
    scene.kubectl.run(&["delete", "dwr", "large-0", "large-1", "--wait=false"]).await;
    scene.gone("large-0").await;
    scene.gone("large-1").await;
}

/// Who may make ConfigMaps, or workspaces, fills what is not content.
#[tokio::test]
async fn metadata_of_any_size_fills_no_memory() {
    const OBJECTS: usize = 60;
    let scene = Scene::alone().await;
    let finalizers: Vec<String> =
        (0..15_000).map(|n| format!("example.com/{n}-{}", "x".repeat(50))).collect();
    let held = |kind: &str, version: &str, spec: Value| {
        let (kind, version, finalizers) = (kind.to_owned(), version.to_owned(), finalizers.clone());
        (0..OBJECTS).map(move |n| {
            json!({
                "apiVersion": version, "kind": kind, "spec": spec,
                "metadata": {"name": format!("held-{n}"), "finalizers": finalizers},
            })
        })
    };
    create_of(&scene, ApiResource::erase::<ConfigMap>(&()), held("ConfigMap", "v1", Value::Null)).await;
    let spec = json!({"projectId": PROJECT, "region": "cn-shanghai"});
    let version = "dataworks.alibabacloud.com/v1alpha1";
    let workspaces = held("DataWorksWorkspace", version, spec);
    create_of(&scene, ApiResource::erase::<DataWorksWorkspace>(&()), workspaces).await;
    let operator = launch(&scene, &[]).start();
    operator.leads().await;
    scene.kubectl.apply(&python("good", "M/good.py")).await;
    scene.ready("good").await;
    let listed = operator.memory("VmHWM");
    println!("at most {listed} KiB");
    assert!(listed < MOST, "{listed} KiB of {MOST}");
}

/// Who may make workspaces and Secrets in one namespace writes into them whatever he likes, beside what is asked for.
#[tokio::test]
#[ignore = "keeps the API server busy for minutes: make test-memory"]
async fn workspaces_and_their_secrets_of_any_size_fill_no_memory() {
    const WORKSPACES: usize = 700;
    let scene = Scene::alone().await;
    let note = "x".repeat(250_000);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "large", "annotations": {"note": note}},
        "stringData": {"large": "x".repeat(700_000)},
    });
    create_of(&scene, ApiResource::erase::<Secret>(&()), std::iter::once(secret)).await;
    let workspaces = (0..WORKSPACES).map(|n| {
        json!({
            "apiVersion": "dataworks.alibabacloud.com/v1alpha1", "kind": "DataWorksWorkspace",
            "metadata": {"name": format!("noted-{n}"), "annotations": {"note": note}},
            "spec": {
                "projectId": PROJECT, "region": "cn-shanghai", "credentials": {"secretRef": {"name": "large"}},
            },
        })
    });
    create_of(&scene, ApiResource::erase::<DataWorksWorkspace>(&()), workspaces).await;
    let operator = launch(&scene, &[]).start();
    let told = async || {
        let labels = ["type=\"Ready\"", "reason=\"SecretInvalid\""];
        let count = operator.metric("dataworks_workspace_condition{", &labels).await;
        (count == WORKSPACES as u64).then_some(())
    };
    poll(5 * DEADLINE, Duration::from_secs(1), "they are not told", told).await;
    let most = operator.memory("VmHWM");
    println!("{WORKSPACES} workspaces: at most {most} KiB");
    assert!(most < MOST, "{most} KiB of {MOST}");
}

/// What is worked on is held, in some forms at a time: with a cloud that hangs, by as many workers as there are.
#[tokio::test]
async fn the_largest_good_objects_fit_into_memory_all_at_work() {
    const OBJECTS: usize = 100;
    let scene = Scene::new().await;
    scene.cloud.add_fault(Fault::new("CreateResource", FaultKind::Slow { ms: 3000 }));
    // A control character is six times as long in JSON, and the more so in a form.
    let content = "\u{1}".repeat(131_072);
    let objects = (0..OBJECTS).map(|n| {
        let path = format!("M/work-{n}.py");
        manifest(
            &format!("work-{n}"),
            &json!({"projectId": PROJECT, "path": path, "content": {"inline": content}}),
        )
    });
    create(&scene, objects).await;
    let operator = launch(&scene, &[]).start();
    // A hundred megabytes are read, compared and sent.
    let ready = async || {
        let count =
            operator.metric("dataworks_resources{", &["reason=\"Succeeded\"", "ready=\"True\""]).await;
        (count == OBJECTS as u64).then_some(())
    };
    poll(5 * DEADLINE, Duration::from_secs(1), "they are not ready", ready).await;
    let worked = operator.memory("VmHWM");
    println!("at most {worked} KiB");
    assert!(worked < MOST_AT_WORK, "{worked} KiB of {MOST_AT_WORK}");
}

/// The same with as much as etcd takes: by default it holds 2 GiB, of which each object takes its size for every version
/// until the API server compacts, so that 10,000 objects of 1.5 MB, 15 GB, cannot be there. `make test-memory` runs it.
#[tokio::test]
#[ignore = "fills etcd, takes many minutes and some GiB"]
async fn as_much_as_etcd_takes_fills_no_memory() {
    const LARGE: usize = 500;
    const MANY: usize = 10_000;
    let scene = Scene::alone().await;
    let operator = launch(&scene, &[]).start();
    operator.leads().await;
    create(&scene, largest(LARGE)).await;
    all_told(&scene, &operator, LARGE).await;
    let large = operator.memory("VmHWM");
    operator.kill().await;
    println!("{LARGE} objects of {LARGEST} bytes: at most {large} KiB");
    assert!(large < MOST, "{large} KiB of {MOST}");

    let scene = Scene::alone().await;
    let content = "x".repeat(65_536);
    let objects = (0..MANY).map(|n| {
        let spec = json!({
            "projectId": PROJECT, "path": format!("M/{n}.py"), "suspend": true, "content": {"inline": content},
        });
        manifest(&format!("many-{n}"), &spec)
    });
    create(&scene, objects).await;
    let operator = launch(&scene, &[]).start();
    let suspended = async || {
        let count = operator.metric("dataworks_resources{", &["reason=\"Suspended\""]).await;
        (count == MANY as u64).then_some(())
    };
    poll(10 * DEADLINE, Duration::from_secs(1), "they are not worked on", suspended).await;
    let many = operator.memory("VmHWM");
    println!("{MANY} objects of 65,536 bytes: at most {many} KiB");
    assert!(many < MOST, "{many} KiB of {MOST}");
}
