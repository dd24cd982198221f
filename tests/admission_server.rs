//! What the real API server makes of the CRD: the tables of the core's admission tests, and what
//! people see of it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::path::Path;

use kube::api::{DeleteParams, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind, Request};
use kube::{Api, Error};
use serde::Deserialize;
use serde_json::{Value, json};
use support::{Scene, manifest, python, status};

/// A row of the tables; the files say what it means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    old: Option<Value>,
    spec: Value,
    field: Option<String>,
    expect: Option<String>,
}

fn rows(file: &str) -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/tests/fixtures/refused");
    serde_saphyr::from_str(&std::fs::read_to_string(folder.join(file)).unwrap()).unwrap()
}

/// With `${N*X}` written out.
fn expand(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(expand_text(text)),
        Value::Array(items) => items.iter().map(expand).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), expand(value))).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain.clone(),
    }
}

fn expand_text(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
    let (times, rest) = rest.split_once('*').unwrap();
    let (what, after) = rest.split_once('}').unwrap();
    format!("{before}{}{}", what.repeat(times.parse().unwrap()), expand_text(after))
}

/// Objects of any shape: what is sent is what the row says.
fn untyped(scene: &Scene) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("dataworks.alibabacloud.com", "v1alpha1", "DataWorksResource");
    Api::namespaced_with(scene.client.clone(), &scene.namespace, &ApiResource::from_gvk(&kind))
}

/// Creates, or replaces where it has a version, as kubectl asks for it: unknown fields are errors.
async fn send(scene: &Scene, object: &DynamicObject) -> Result<DynamicObject, Error> {
    let requests = Request::new(untyped(scene).resource_url());
    let (data, params) = (serde_json::to_vec(object).unwrap(), PostParams::default());
    let request = match object.metadata.resource_version {
        None => requests.create(&params, data),
        Some(_) => requests.replace(object.metadata.name.as_deref().unwrap(), &params, data),
    };
    let mut request = request.unwrap();
    let uri = request.uri().to_string();
    let join = if uri.ends_with('?') { "" } else { "&" };
    *request.uri_mut() = format!("{uri}{join}fieldValidation=Strict").parse().unwrap();
    scene.client.request(request).await
}

fn object(row: &Row, spec: &Value) -> DynamicObject {
    serde_json::from_value(manifest(&row.name, &expand(spec))).unwrap()
}

/// What is wrong with the answer to a row, if anything.
fn judge(row: &Row, answer: Result<DynamicObject, Error>) -> Option<String> {
    match (&row.expect, answer) {
        (None, Ok(_)) => None,
        (None, Err(error)) => Some(format!("{}: refused: {error}", row.name)),
        (Some(expect), Ok(_)) => Some(format!("{}: accepted, against: {expect}", row.name)),
        (Some(expect), Err(Error::Api(said))) => {
            let field = row.field.as_deref().unwrap();
            let good = said.message.contains(expect.as_str()) && said.message.contains(field);
            let short: String = said.message.chars().take(600).collect();
            (!good).then(|| format!("{}: {expect:?} at {field} is not in: {short}", row.name))
        }
        (Some(_), Err(error)) => Some(format!("{}: {error}", row.name)),
    }
}

#[tokio::test]
async fn what_may_not_be_created_or_changed_is_refused_with_the_same_words() {
    let scene = Scene::new().await;
    let api = untyped(&scene);
    let mut wrong = Vec::new();
    let create = rows("create.yaml");
    assert!(create.len() >= 45, "{}", create.len());
    for row in &create {
        let answer = send(&scene, &object(row, &row.spec)).await;
        wrong.extend(judge(row, answer));
    }
    for row in rows("update.yaml") {
        let old = match send(&scene, &object(&row, row.old.as_ref().unwrap())).await {
            Ok(old) => old,
            Err(error) => {
                wrong.push(format!("{}: the old object: {error}", row.name));
                continue;
            }
        };
        let mut new = object(&row, &row.spec);
        new.metadata.resource_version = old.metadata.resource_version;
        wrong.extend(judge(&row, send(&scene, &new).await));
        api.delete(&row.name, &DeleteParams::default()).await.unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_examples_are_accepted() {
    let scene = Scene::new().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(&folder).unwrap().filter(|file| {
        let path = file.as_ref().unwrap().path();
        path.extension().is_some_and(|extension| extension == "yaml")
    });
    let mut seen = 0;
    // Each names its own namespace, which is there.
    let kubectl = scene.cluster.kubectl("default");
    for file in files {
        let path = file.unwrap().path();
        let said = kubectl.run(&["apply", "--dry-run=server", "-f", path.to_str().unwrap()]).await;
        assert!(said.contains("created (server dry run)"), "{said}");
        seen += 1;
    }
    assert!(seen >= 6, "{seen}");
}

#[tokio::test]
async fn people_find_their_way() {
    let scene = Scene::new().await;
    // Nobody has looked at a just-applied object, and it says so; nobody's defaults are in its spec.
    let applied = python("fresh", "F/a.py");
    scene.kubectl.apply(&applied).await;
    let object = scene.objects().get("fresh").await.unwrap();
    assert_eq!(status(&object).observed_generation, Some(-1));
    assert_eq!(status(&object).conditions, []);
    let stored = untyped(&scene).get("fresh").await.unwrap();
    assert_eq!(stored.data["spec"], applied["spec"], "no defaults");
    assert_eq!(stored.data["status"], json!({"observedGeneration": -1}));

    // Short names, categories and columns.
    for name in ["dwr", "dataworks", "alibabacloud"] {
        let said = scene.kubectl.run(&["get", name]).await;
        assert!(said.contains("fresh") && said.contains("READY"), "{name}: {said}");
    }
    let said = scene.kubectl.run(&["explain", "dwr.spec.path"]).await;
    assert!(said.contains("DESCRIPTION:") && said.contains("file name"), "{said}");
}
