//! The admission policy for tenants, taken from the security page as it stands there.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{DEADLINE, PROJECT, Scene, file, manifest, poll, python};

/// The page's policy and its binding, under a name of their own and for nobody but this namespace: other tests work on
/// the same API server.
fn policy(namespace: &str) -> Vec<Value> {
    let page = std::fs::read_to_string(file("docs/security.md")).unwrap();
    let (_, section) = page.split_once("\n### An admission policy for tenants\n").unwrap();
    let (_, block) = section.split_once("\n```yaml\n").unwrap();
    let (block, _) = block.split_once("\n```\n").unwrap();
    assert!(block.contains(&format!("projectId == {PROJECT}\n")), "the page is about another workspace");
    let mut objects: Vec<Value> =
        block.split("\n---\n").map(|text| serde_saphyr::from_str(text).unwrap()).collect();
    for object in &mut objects {
        object["metadata"]["name"] = json!(namespace);
        if object["kind"] == "ValidatingAdmissionPolicyBinding" {
            object["spec"]["policyName"] = json!(namespace);
            let selector = &mut object["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"];
            let only = json!({"key": "kubernetes.io/metadata.name", "operator": "In", "values": [namespace]});
            selector.as_array_mut().unwrap().push(only);
        }
    }
    objects
}

/// The error of an apply, if it was refused.
async fn refusal(scene: &Scene, object: &Value, mode: &[&str]) -> Option<String> {
    let args = [&["apply", "-f", "-"], mode].concat();
    scene.kubectl.try_run(&args, &object.to_string()).await.err()
}

fn raw(path: &str) -> Value {
    json!({"version": "1.1.0", "kind": "Resource", "spec": {"fileResources": [{
        "name": path.rsplit('/').next(), "type": "python",
        "script": {"path": path, "content": "1", "runtime": {"command": "ODPS_PYTHON"}},
    }]}})
}

const FOREIGN: &str = "the path has to begin with";
const TAKEN: &str = "files that are there already are taken over by the platform team only";
const ELSEWHERE: &str = "this cluster writes to workspace 123456 only";

#[tokio::test]
async fn the_policy_of_the_page_bounds_what_a_tenant_may_declare() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let folder = scene.namespace.clone();
    let spec = |more: Value| {
        let mut spec =
            json!({"projectId": PROJECT, "path": format!("{folder}/new.py"), "content": {"inline": "1"}});
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        spec
    };
    scene.kubectl.apply(&python("older", "Elsewhere/older.py")).await;
    scene.ready("older").await;

    for object in policy(&scene.namespace) {
        scene.kubectl.apply(&object).await;
    }
    // It takes effect a while after it was taken.
    let foreign = manifest("foreign", &spec(json!({"path": "Elsewhere/new.py"})));
    let bites = async || {
        refusal(&scene, &foreign, &["--dry-run=server"]).await.filter(|said| said.contains(FOREIGN)).map(drop)
    };
    poll(DEADLINE, Duration::from_millis(100), "the policy refuses nothing", bites).await;

    let workspace = json!({"workspaceRef": {"name": "team"}, "path": format!("{folder}/new.py"), "content": {"inline": "1"}});
    for (name, spec, want) in [
        ("folder", spec(json!({"path": "Elsewhere/new.py"})), FOREIGN),
        ("namesake", spec(json!({"path": format!("{folder}2/new.py")})), FOREIGN),
        ("raw", json!({"projectId": PROJECT, "flowSpec": raw("Elsewhere/new.py")}), FOREIGN),
        ("adopts", spec(json!({"adoptionPolicy": "Adopt"})), TAKEN),
        ("by-id", spec(json!({"resourceId": "6314788648976303104"})), TAKEN),
        ("workspace", spec(json!({"projectId": 654_321})), ELSEWHERE),
        ("reference", workspace, ELSEWHERE),
    ] {
        let said = refusal(&scene, &manifest(name, &spec), &[]).await;
        assert!(said.as_ref().is_some_and(|said| said.contains(want)), "{name}: {said:?}");
    }

    // What a tenant is left with works, the operator's own writes included.
    let own = [
        ("own", spec(json!({"adoptionPolicy": "Fail"}))),
        ("own-raw", json!({"projectId": PROJECT, "flowSpec": raw(&format!("{folder}/raw.py"))})),
    ];
    for (name, spec) in own {
        scene.kubectl.apply(&manifest(name, &spec)).await;
        scene.ready(name).await;
    }
    let moved = r#"{"spec":{"path":"Elsewhere/moved.py"}}"#;
    let said = scene.kubectl.try_run(&["patch", "dwr", "own", "--type=merge", "-p", moved], "").await;
    assert!(said.as_ref().is_err_and(|said| said.contains(FOREIGN)), "{said:?}");

    // What was there before is let be until its spec changes, and can go.
    let finalizers =
        r#"{"metadata":{"finalizers":["dataworks.alibabacloud.com/finalizer","example.com/hold"]}}"#;
    scene.kubectl.run(&["patch", "dwr", "older", "--type=merge", "-p", finalizers]).await;
    let retain = r#"{"spec":{"deletionPolicy":"Retain"}}"#;
    let said = scene.kubectl.try_run(&["patch", "dwr", "older", "--type=merge", "-p", retain], "").await;
    assert!(said.as_ref().is_err_and(|said| said.contains(FOREIGN)), "{said:?}");
    scene.kubectl.run(&["delete", "dwr", "older", "--wait=false"]).await;
    let held = |object: &dataworks_core::api::v1alpha1::DataWorksResource| {
        object.metadata.finalizers.as_deref() == Some(&["example.com/hold".to_owned()])
    };
    scene.until("older", held).await;
    let released = r#"{"metadata":{"finalizers":null}}"#;
    scene.kubectl.run(&["patch", "dwr", "older", "--type=merge", "-p", released]).await;
    scene.gone("older").await;
}
