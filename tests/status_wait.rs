//! What `kubectl wait` makes of every phase: the objects of tests/fixtures/status, put onto the real API server
//! with their status and their generation.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};

use dataworks_core::api::v1alpha1::DataWorksResource;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde::Deserialize;
use serde_json::{Value, json};
use support::Scene;

/// A row of the table; the file says what its fields mean.
#[derive(Deserialize)]
struct Row {
    name: String,
    kubectl: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/status")
}

fn read<T: serde::de::DeserializeOwned>(file: &str) -> T {
    serde_saphyr::from_str(&std::fs::read_to_string(folder().join(file)).unwrap()).unwrap()
}

/// Brings an object to where it was in its story: made, edited, deleted, and told its status.
async fn put(objects: &Api<DataWorksResource>, object: &Value) {
    let name = object["metadata"]["name"].as_str().unwrap();
    let generation = object["metadata"]["generation"].as_i64().unwrap();
    let deleted = object["metadata"].get("deletionTimestamp").is_some();
    let edits = generation - 1 - i64::from(deleted);
    let mut first = object.clone();
    first["metadata"] = json!({
        "name": name,
        "annotations": object["metadata"].get("annotations"),
        "finalizers": object["metadata"].get("finalizers"),
    });
    first.as_object_mut().unwrap().remove("status");
    let last = first["spec"].clone();
    if edits > 0 {
        first["spec"]["description"] = json!("before the edit");
    }
    let first = serde_json::from_value(first).unwrap();
    objects.create(&PostParams::default(), &first).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    if edits > 0 {
        let mut spec = last;
        spec["description"] = Value::Null;
        let patch = Patch::Merge(json!({"spec": spec}));
        objects.patch(name, &PatchParams::default(), &patch).await.unwrap();
    }
    if deleted {
        objects.delete(name, &DeleteParams::default()).await.unwrap();
    }
    let patch = Patch::Merge(json!({"status": object["status"]}));
    let stored = objects.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(stored.metadata.generation, Some(generation), "{name}");
    assert_eq!(serde_json::to_value(&stored.status).unwrap(), object["status"], "{name}: nothing is pruned");
    assert_eq!(stored.metadata.deletion_timestamp.is_some(), deleted, "{name}");
}

#[tokio::test]
async fn kubectl_wait_is_met_where_the_table_says() {
    let scene = Scene::new().await;
    let objects = scene.objects();
    let mut wrong = Vec::new();
    let rows: Vec<Row> = read("table.yaml");
    assert!(rows.len() >= 30, "{}", rows.len());
    for Row { name, kubectl } in rows {
        put(&objects, &read(&format!("objects/{name}.yaml"))).await;
        let resource = format!("dwr/{name}");
        // Time-out 0: looks once and does not wait.
        let wait = ["wait", "--for=condition=Ready", "--timeout=0", &resource];
        let said = match scene.kubectl.try_run(&wait, "").await {
            Ok(_) => "met",
            Err(error) if error.contains("timed out") || error.contains("condition") => "waits",
            Err(error) => panic!("{name}: {error}"),
        };
        if said != kubectl {
            wrong.push(format!("{name}: {said}, the table says {kubectl}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
