//! Names, paths and texts of others in everything that the operator writes: logs in both forms, metrics, events, status
//! and what kubectl makes of them.

use dataworks_simulator::{ErrorAnswer, Fault, FaultKind, OutsideEdit, OutsideFile, ProjectConfig};
use regex::Regex;
use serde_json::{Value, json};

use crate::is_order;
use crate::support::operator::{Launch, Operator};
use crate::support::{PROJECT, Scene, condition, id, manifest, python, status};

/// Ends a line and begins a forged one, in JSON and in text; colours; turns the rest around; ends a label.
const ORDERS: &str = "x\"}\n{\"level\":\"error\",\"msg\":\"forged\"}\r\n2026-01-01T00:00:00Z ERROR forged\u{1b}[31m\u{9b}2J\u{202e}\u{2028}\",code=\"forged\"} 1\n# HELP forged";

/// Longest line of the log: every value in it has a limit of 1 KiB, before it is escaped.
const LINE: usize = 8 * 1024;

/// What a person may write and admission takes, and what comes of it.
async fn awkward_objects(scene: &Scene) {
    let paths = [
        ("quotes", "It's/a \"quoted\" {name}=\\\"1\\\".py"),
        ("yaml", "- a: &b !!x #c/%{d} | >.py"),
        ("label", "a\",code=\"forged\"} 1/x.py"),
        ("zero-width", "a\u{200b}\u{feff}b/é\u{301}.py"),
    ];
    for (name, path) in paths {
        let spec = json!({
            "projectId": PROJECT, "path": path, "description": ORDERS, "content": {"inline": ORDERS},
        });
        let mut object = manifest(name, &spec);
        object["metadata"]["annotations"] = json!({
            "dataworks.alibabacloud.com/reconcile-requested-at": ORDERS, "other": ORDERS,
        });
        scene.kubectl.apply(&object).await;
        let made = scene.ready(name).await;
        assert_eq!(scene.cloud.resource(&id(&made)).unwrap().path, path);
        assert_eq!(scene.cloud.resource(&id(&made)).unwrap().content, ORDERS);
    }
}

/// The name of an unknown field of a document reaches the message about what differs there.
async fn awkward_fields(scene: &Scene) {
    let mut resource = json!({
        "name": "f.py", "type": "python", "script": {"path": "F/f.py", "content": "1", "runtime": {"command": "ODPS_PYTHON"}},
    });
    resource[ORDERS] = json!("declared");
    resource["x".repeat(100_000)] = json!("declared");
    let raw = json!({"version": "1.1.0", "kind": "Resource", "spec": {"fileResources": [resource]}});
    let spec = json!({"projectId": PROJECT, "flowSpec": raw, "driftPolicy": "Report"});
    scene.kubectl.feed(&["create", "-f", "-"], &manifest("fields", &spec).to_string()).await;
    let made = scene.until("fields", |object| status(object).id.is_some()).await;
    let edit = OutsideEdit { content: Some("theirs".to_owned()), ..OutsideEdit::default() };
    scene.cloud.edit_outside(&id(&made), edit).unwrap();
    scene
        .kubectl
        .run(&["annotate", "dwr", "fields", "dataworks.alibabacloud.com/reconcile-requested-at=x"])
        .await;
    scene.until("fields", |object| status(object).last_handled_reconcile_at.as_deref() == Some("x")).await;
}

/// Codes and texts of the cloud, each in an error of its own class.
async fn awkward_answers(scene: &Scene) {
    let long = ORDERS.repeat(1_000_000 / ORDERS.len());
    let rows = [
        ("terminal", 400, "InvalidParameter".to_owned(), ORDERS.to_owned(), "False", "Refused"),
        ("long", 400, "InvalidParameter".to_owned(), long.clone(), "False", "Refused"),
        ("code", 400, ORDERS.to_owned(), ORDERS.to_owned(), "False", "Refused"),
        ("long-code", 400, long, ORDERS.to_owned(), "False", "Refused"),
        ("denied", 403, "Forbidden.Access".to_owned(), ORDERS.to_owned(), "Unknown", "AccessDenied"),
    ];
    for (name, http, code, message, truth, reason) in rows {
        let fault = Fault::new("CreateResource", FaultKind::Error(ErrorAnswer::new(http, code, message)));
        // More than once: what passes by itself may have passed before it is seen.
        scene.cloud.add_fault(fault.named(format!("/{name}.py")).times(3));
        scene.kubectl.apply(&python(name, &format!("A/{name}.py"))).await;
        let object = scene.says(name, truth, reason).await;
        let error = status(&object).last_error.unwrap();
        assert!(error.message.unwrap().len() <= 512 && error.code.unwrap().len() <= 128, "{name}");
    }
}

/// A stranger's file whose path is as he likes, where MaxCompute knows files by name only.
async fn awkward_strangers(scene: &Scene) {
    let folders = [ORDERS.to_owned(), "f".repeat(200_000)];
    // All of them before the first look, which is believed for a while.
    for (n, folder) in folders.iter().enumerate() {
        let path = format!("{folder}/taken-{n}.py");
        scene.cloud.create_outside(OutsideFile::new(PROJECT, path, "theirs")).unwrap();
    }
    for n in 0..folders.len() {
        let name = format!("taken-{n}");
        scene.kubectl.apply(&python(&name, &format!("S/{name}.py"))).await;
        scene.says(&name, "False", "AlreadyExists").await;
    }
}

/// Workspaces of the service whose name, or state, is as somebody likes.
async fn awkward_workspaces(scene: &Scene) {
    let named = ProjectConfig::new(77, ORDERS);
    let closed = ProjectConfig { status: ORDERS.to_owned(), ..ProjectConfig::new(78, "closed") };
    let host = scene.cloud.url().strip_prefix("http://").unwrap().to_owned();
    for (name, project, reason) in
        [("named", named, "Succeeded"), ("closed", closed, "WorkspaceNotAvailable")]
    {
        let spec = json!({"projectId": project.id, "region": "cn-shanghai", "endpoint": host});
        scene.cloud.add_project(project);
        let object = json!({
            "apiVersion": "dataworks.alibabacloud.com/v1alpha1", "kind": "DataWorksWorkspace",
            "metadata": {"name": name, "annotations": {
                "dataworks.alibabacloud.com/reconcile-requested-at": ORDERS, "other": ORDERS,
            }},
            "spec": spec,
        });
        scene.kubectl.apply(&object).await;
        let wanted = format!("--for=jsonpath={{.status.conditions[?(@.type==\"Ready\")].reason}}={reason}");
        scene.kubectl.run(&["wait", "dww", name, &wanted, "--timeout=120s"]).await;
    }
}

/// What the service says of a deployment run.
async fn awkward_runs(scene: &Scene) {
    let refusal = FaultKind::Error(ErrorAnswer::new(400, "InvalidParameter", ORDERS));
    scene.cloud.add_fault(Fault::new("CreatePipelineRun", refusal));
    let spec = json!({
        "projectId": PROJECT, "path": "P/published.py", "content": {"inline": "print(1)\n"},
        "publish": {"policy": "OnChange"},
    });
    scene.kubectl.apply(&manifest("published", &spec)).await;
    let object = scene.says("published", "False", "PublicationFailed").await;
    let told = status(&object).publication.unwrap().message.unwrap();
    assert!(told.contains("HELP forged") && told.len() <= 1024, "{told}");
}

async fn lived(scene: &Scene, operator: &Operator) {
    // The listing is read after the strangers came.
    awkward_strangers(scene).await;
    awkward_workspaces(scene).await;
    awkward_runs(scene).await;
    awkward_objects(scene).await;
    awkward_fields(scene).await;
    awkward_answers(scene).await;
    operator.says(&["denied", "a call failed"]).await;
}

/// An operator for whom STS is the simulator, too.
fn launch(scene: &Scene) -> Launch {
    scene.launch().variable("ALIBABA_CLOUD_STS_ENDPOINT", &scene.cloud.url())
}

/// All texts in a value, the names of its fields too.
fn no_orders_within(what: &str, value: &Value) {
    match value {
        Value::String(text) => no_orders(what, text),
        Value::Array(items) => items.iter().for_each(|item| no_orders_within(what, item)),
        Value::Object(fields) => {
            for (name, value) in fields {
                no_orders(what, name);
                no_orders_within(what, value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// All that the status of each object says, but the wishes that it echoes as they were written.
async fn statuses_are_clean(scene: &Scene, count: usize) {
    let text = scene.kubectl.run(&["get", "dwr,dww", "-o", "json"]).await;
    let list: Value = serde_json::from_str(&text).unwrap();
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), count);
    let names: Vec<&Value> = items.iter().map(|item| &item["status"]["project"]["name"]).collect();
    assert!(
        names.iter().any(|name| name.as_str().is_some_and(|name| name.contains("HELP forged"))),
        "{names:?}"
    );
    for item in items {
        let mut status = item["status"].clone();
        for wish in ["lastHandledReconcileAt", "lastHandledPublishAt"] {
            status.as_object_mut().unwrap().remove(wish);
        }
        no_orders_within("status", &status);
    }
}

fn no_orders(what: &str, text: &str) {
    let bad: Vec<char> = text.chars().filter(|c| is_order(*c)).collect();
    assert!(bad.is_empty(), "{what} has {bad:?}: {text:?}");
}

#[tokio::test]
async fn nothing_that_others_say_forges_a_line_a_label_or_a_message() {
    let scene = Scene::new().await;
    let operator = launch(&scene).start();
    lived(&scene, &operator).await;

    for line in operator.log().lines() {
        no_orders("a line", line);
        assert!(line.len() <= LINE, "{} bytes: {line}", line.len());
        let line: Value = serde_json::from_str(line).unwrap();
        assert_ne!(line["msg"], "forged");
    }

    let series = Regex::new(r#"^[a-z_]+(\{([a-z_]+="[^"\\]*",?)*\})? [0-9.e+-]+$"#).unwrap();
    for line in operator.metrics().await.lines() {
        no_orders("a metric", line);
        assert!(line.starts_with("# ") || series.is_match(line), "{line}");
        assert!(!line.contains("forged") && line.len() < 1024, "{line}");
    }

    let objects = scene.objects().list(&kube::api::ListParams::default()).await.unwrap();
    assert!(objects.items.len() >= 12, "{}", objects.items.len());
    for object in &objects {
        let status = status(object);
        for condition in &status.conditions {
            no_orders("a message", &condition.message);
            assert!(condition.message.len() <= 4096, "{}", condition.message.len());
        }
        assert!(condition(object, "Ready").is_some());
    }
    statuses_are_clean(&scene, objects.items.len() + 2).await;
    for event in scene.events().await {
        no_orders("an event", event["note"].as_str().unwrap());
        assert!(event["note"].as_str().unwrap().len() <= 1024);
    }
    // What a person sees who lists them.
    for (kind, count) in [("dwr", objects.items.len()), ("dww", 2)] {
        let shown = scene.kubectl.run(&["get", kind, "-o", "wide"]).await;
        assert!(shown.lines().count() == count + 1, "{shown}");
        shown.lines().for_each(|line| no_orders("a row", line));
    }
}

#[tokio::test]
async fn a_log_for_people_is_not_forged_either() {
    let scene = Scene::new().await;
    let operator = launch(&scene).with(&["--log-format=text"]).start();
    lived(&scene, &operator).await;
    let begin =
        Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (ERROR| WARN| INFO|DEBUG|TRACE) [a-z]").unwrap();
    for line in operator.log().lines() {
        no_orders("a line", line);
        assert!(begin.is_match(line) && line.len() <= LINE, "{line}");
    }
}
