//! The life of an object, from `kubectl apply` to `kubectl delete`, with every real part.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use dataworks_simulator::OutsideFile;
use serde_json::{Value, json};
use support::{Ask as _, PROJECT, Scene, condition, id, manifest, message, python, status, wrote};

const FINALIZER: &str = "dataworks.alibabacloud.com/finalizer";
const INTENT: &str = "dataworks.alibabacloud.com/create-intent";

/// A document without what the service adds. An empty `file` it does not keep.
fn as_sent(document: &str) -> Value {
    let mut document: Value = serde_json::from_str(document).unwrap();
    let resource = &mut document["spec"]["fileResources"][0];
    for added in ["id", "owner", "metadata"] {
        resource.as_object_mut().unwrap().remove(added);
    }
    resource["script"].as_object_mut().unwrap().remove("id");
    document.as_object_mut().unwrap().remove("metadata");
    document
}

#[tokio::test]
async fn an_object_lives_and_goes_at_the_price_of_one_call_a_step() {
    let scene = Scene::new().await;
    let operator = scene.launch().start();
    let spec = |text: &str| {
        json!({
            "projectId": PROJECT,
            "path": "XX/OpenAPITest/ResourcesTest/OpenAPITestResource.py",
            "datasource": {"name": "odps_first", "type": "odps"},
            "content": {"inline": text},
        })
    };

    // Applied: one file, as declared, with its id and request id in status.
    scene.kubectl.apply(&manifest("life", &spec("print(\"hello\")\n"))).await;
    let object = scene.ready("life").await;
    let file = scene.cloud.only_file();
    assert_eq!(
        as_sent(&file.spec),
        json!({
            "version": "1.1.0",
            "kind": "Resource",
            "spec": {"fileResources": [{
                "name": "OpenAPITestResource.py",
                "script": {
                    "content": "print(\"hello\")\n",
                    "path": "XX/OpenAPITest/ResourcesTest/OpenAPITestResource.py",
                    "runtime": {"command": "ODPS_PYTHON"},
                },
                "type": "python",
                "datasource": {"name": "odps_first", "type": "odps"},
            }]},
        })
    );
    assert_eq!(id(&object), file.id);
    let create = scene.cloud.called(0, "CreateResource").await;
    assert_eq!(status(&object).request_id, Some(create.request_id));
    let actions = scene.cloud.actions(0);
    assert!(
        actions == ["CreateResource"] || actions == ["ListResources", "CreateResource"],
        "one create behind one look at most: {actions:?}"
    );
    wrote(&operator, 2).await;
    assert_eq!(operator.writes().await, 2, "the intent and the status");

    // Edited: one call and one write, and the same file.
    let since = scene.cloud.last();
    scene.kubectl.apply(&manifest("life", &spec("print(2)\n"))).await;
    let edited = scene.until("life", |o| o.metadata.generation == Some(2) && support::is_ready(o)).await;
    assert_eq!(scene.cloud.actions(since), ["UpdateResource"]);
    let update = scene.cloud.called(since, "UpdateResource").await;
    assert_eq!(status(&edited).request_id, Some(update.request_id));
    assert_eq!((id(&edited), scene.cloud.only_file().content.as_str()), (file.id.clone(), "print(2)\n"));
    wrote(&operator, 3).await;
    assert_eq!(operator.writes().await, 3);

    // A label is nobody's business here.
    let since = scene.cloud.last();
    scene.kubectl.run(&["label", "dwr", "life", "team=data"]).await;
    let version = scene.version("life").await;
    scene.fence().await;
    assert_eq!(scene.version("life").await, version, "nothing was written");
    assert_eq!(scene.calls_about(since, "OpenAPITestResource"), [""; 0]);

    // Deleted: one call and one write, and gone on both sides.
    wrote(&operator, 5).await;
    let (since, writes) = (scene.cloud.last(), operator.writes().await);
    scene.kubectl.run(&["delete", "dwr", "life", "--wait=false"]).await;
    scene.gone("life").await;
    assert_eq!(scene.cloud.actions(since), ["DeleteResource"]);
    assert_eq!(scene.cloud.resource(&file.id), None);
    wrote(&operator, writes + 1).await;
    assert_eq!(operator.writes().await, writes + 1);
}

#[tokio::test]
async fn a_suspended_object_sends_nothing() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let spec = |text: &str, suspend: bool| {
        let spec = json!({
            "projectId": PROJECT, "path": "S/a.py", "content": {"inline": text}, "suspend": suspend,
        });
        manifest("nap", &spec)
    };

    scene.kubectl.apply(&spec("1", true)).await;
    scene.says("nap", "Unknown", "Suspended").await;
    assert_eq!(scene.cloud.counts().total, 0, "suspended before it was made");

    scene.kubectl.apply(&spec("1", false)).await;
    scene.ready("nap").await;
    let since = scene.cloud.last();
    scene.kubectl.apply(&spec("1", true)).await;
    let object = scene.says("nap", "True", "Suspended").await;
    assert_eq!(condition(&object, "Synced").unwrap().status, "True", "as declared");

    scene.kubectl.apply(&spec("2", true)).await;
    let object = scene.says("nap", "Unknown", "Suspended").await;
    assert_eq!(condition(&object, "Synced").unwrap().status, "False", "a change is pending");
    assert_eq!(scene.cloud.only_file().content, "1");

    scene.kubectl.run(&["delete", "dwr", "nap", "--wait=false"]).await;
    scene.gone("nap").await;
    assert_eq!(scene.cloud.actions(since), [""; 0], "nothing was sent");
    assert_eq!(scene.cloud.only_file().content, "1", "and the file stays");
}

#[tokio::test]
async fn a_retained_file_needs_no_cloud_to_stay() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let spec = json!({
        "projectId": PROJECT, "path": "R/a.py", "content": {"inline": "1"}, "deletionPolicy": "Retain",
    });
    scene.kubectl.apply(&manifest("keep", &spec)).await;
    scene.ready("keep").await;
    // And one that is told so when it already cannot be deleted.
    scene.kubectl.apply(&python("late", "R/late.py")).await;
    scene.ready("late").await;

    scene.cloud.change_settings(|settings| settings.down = true);
    let since = scene.cloud.last();
    scene.kubectl.run(&["delete", "dwr", "keep", "--wait=false"]).await;
    scene.gone("keep").await;
    assert_eq!(scene.cloud.actions(since), [""; 0]);

    scene.kubectl.run(&["delete", "dwr", "late", "--wait=false"]).await;
    scene.cloud.called(since, "DeleteResource").await;
    let retain = r#"{"spec":{"deletionPolicy":"Retain"}}"#;
    scene.kubectl.run(&["patch", "dwr", "late", "--type=merge", "-p", retain]).await;
    scene.gone("late").await;
    assert_eq!(scene.cloud.resource_count(PROJECT), 2, "both files stay");
}

#[tokio::test]
async fn two_objects_never_share_a_file() {
    let scene = Scene::new().await;
    let neighbour = scene.neighbour().await;
    let _operator = scene.launch_for(&[&scene.namespace, &neighbour.namespace]).start();
    scene.kubectl.apply(&python("first", "T/same.py")).await;
    let first = scene.ready("first").await;
    let since = scene.cloud.last();

    // The same path, the same path in another case, and the same name for the same engine.
    let seconds =
        [(&scene, "path", "T/same.py"), (&scene, "case", "t/SAME.py"), (&scene, "name", "Other/same.py")];
    for (scene, name, path) in seconds {
        scene.kubectl.apply(&python(name, path)).await;
        let object = scene.says(name, "False", "AlreadyManaged").await;
        assert!(message(&object).contains("\"first\""), "{}", message(&object));
        assert_eq!(condition(&object, "Stalled").unwrap().reason, "AlreadyManaged");
    }
    neighbour.kubectl.apply(&python("foreign", "T/same.py")).await;
    let object = neighbour.says("foreign", "False", "AlreadyManaged").await;
    let said = message(&object);
    assert!(!said.contains("first") && !said.contains(&scene.namespace), "names nobody's object: {said}");
    assert_eq!(scene.cloud.actions(since), [""; 0], "nothing was sent for any of them");

    // A file of another engine may have the name.
    let emr = json!({
        "projectId": PROJECT, "path": "Emr/same.py", "datasource": {"name": "emr_0", "type": "emr"},
        "type": "File", "content": {"inline": "1"},
    });
    scene.kubectl.apply(&manifest("emr", &emr)).await;
    scene.ready("emr").await;
    scene.kubectl.run(&["delete", "dwr", "emr", "--wait=false"]).await;
    scene.gone("emr").await;

    // When the first goes, one of the others takes over, and only one.
    scene.kubectl.run(&["delete", "dwr", "first", "path", "case", "name", "--wait=false"]).await;
    let heir = neighbour.ready("foreign").await;
    let file = scene.cloud.only_file();
    assert_eq!((file.id.as_str(), file.path.as_str()), (id(&heir).as_str(), "T/same.py"));
    assert_ne!(id(&heir), id(&first));
}

#[tokio::test]
async fn a_strangers_file_is_left_alone() {
    let scene = Scene::new().await;
    // At the very path, and of the same name for the same engine.
    for path in ["Z/a.py", "Theirs/b.py"] {
        scene.cloud.create_outside(OutsideFile::new(PROJECT, path, "theirs")).unwrap();
    }
    let before = scene.cloud.resources(PROJECT);
    let _operator = scene.launch().start();
    for (name, path, file) in [("a", "Z/a.py", &before[0]), ("b", "Ours/b.py", &before[1])] {
        scene.kubectl.apply(&python(name, path)).await;
        let object = scene.says(name, "False", "AlreadyExists").await;
        assert!(message(&object).contains(&file.id), "{}", message(&object));
        scene.kubectl.run(&["delete", "dwr", name, "--wait=false"]).await;
        scene.gone(name).await;
    }
    assert_eq!(scene.cloud.resources(PROJECT), before);
    assert_eq!(scene.cloud.counts().effects.len(), 0, "{:?}", scene.cloud.counts());
}

#[tokio::test]
async fn the_default_connection_is_closed_unless_it_is_opened() {
    let scene = Scene::new().await;
    let rows = [
        ("--default-connection-namespaces=another", "DATAWORKS_DEFAULT_CONNECTION_NAMESPACES"),
        ("--default-connection-projects=7,8", "DATAWORKS_DEFAULT_CONNECTION_PROJECTS"),
    ];
    for (n, (flag, way_out)) in rows.into_iter().enumerate() {
        let operator = scene.launch().with(&[flag]).start();
        let name = format!("closed-{n}");
        scene.kubectl.apply(&python(&name, &format!("C/{n}.py"))).await;
        let object = scene.says(&name, "False", "ConnectionNotAllowed").await;
        assert!(message(&object).contains(way_out), "{}", message(&object));
        operator.kill().await;
    }
    assert_eq!(scene.cloud.counts().total, 0);
    // Opened by a restart, both go on.
    let _operator = scene.launch().start();
    scene.ready("closed-0").await;
    scene.ready("closed-1").await;
}

#[tokio::test]
async fn a_raw_document_is_sent_as_it_is() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let document = json!({
        "version": "1.1.0",
        "kind": "Resource",
        "spec": {"fileResources": [{
            "name": "helper.py",
            "type": "python",
            "script": {
                "path": "Raw/helper.py",
                "language": "python3",
                "content": "def answer():\n    return 42\n",
                "runtime": {"command": "ODPS_PYTHON", "commandTypeId": 12},
            },
            "datasource": {"name": "odps_first", "type": "odps"},
        }]},
    });
    scene.kubectl.apply(&manifest("raw", &json!({"projectId": PROJECT, "flowSpec": document}))).await;
    let object = scene.ready("raw").await;
    let file = scene.cloud.only_file();
    assert_eq!(id(&object), file.id);
    assert_eq!(as_sent(&file.spec), document);
}

#[tokio::test]
async fn a_replaced_object_keeps_its_file() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    scene.kubectl.apply(&python("swap", "P/a.py")).await;
    let before = scene.ready("swap").await;
    let since = scene.cloud.last();

    // The manifest has no finalizer and no annotation, so the replacement has none either.
    scene.kubectl.feed(&["replace", "-f", "-"], &python("swap", "P/a.py").to_string()).await;
    let replaced = |o: &dataworks_core::api::v1alpha1::DataWorksResource| {
        let ours = o.metadata.finalizers.iter().flatten().any(|name| name == FINALIZER);
        let annotations = o.metadata.annotations.iter().flatten();
        ours && annotations.filter(|(name, _)| *name == INTENT).count() == 0
    };
    let after = scene.until("swap", replaced).await;
    assert_eq!(id(&after), id(&before));

    let mut edited = python("swap", "P/a.py");
    edited["spec"]["content"]["inline"] = json!("2");
    scene.kubectl.feed(&["replace", "-f", "-"], &edited.to_string()).await;
    let after = scene.until("swap", |o| o.metadata.generation == Some(2) && support::is_ready(o)).await;
    assert_eq!(id(&after), id(&before));
    assert_eq!(scene.cloud.actions(since), ["UpdateResource"]);
    assert_eq!(scene.cloud.only_file().id, id(&before));
}

#[tokio::test]
async fn a_copy_never_takes_the_originals_file() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    scene.kubectl.apply(&python("original", "D/original.py")).await;
    let original = scene.ready("original").await;

    // As `kubectl get -o yaml | sed` copies it: annotation, finalizer and, where the tool restores
    // it, the status.
    let shown = scene.kubectl.run(&["get", "dwr", "original", "-o", "json"]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let copy = |name: &str, path: &str| {
        let mut copy = shown.clone();
        let metadata = copy["metadata"].as_object_mut().unwrap();
        metadata.retain(|field, _| ["annotations", "finalizers", "namespace"].contains(&field.as_str()));
        metadata.insert("name".to_owned(), json!(name));
        copy["spec"]["path"] = json!(path);
        copy
    };
    assert!(shown["metadata"]["annotations"][INTENT].is_string(), "{shown}");

    scene.kubectl.feed(&["create", "-f", "-"], &copy("same", "D/original.py").to_string()).await;
    scene.says("same", "False", "AlreadyManaged").await;

    scene.kubectl.feed(&["create", "-f", "-"], &copy("own", "D/own.py").to_string()).await;
    let restored = json!({"status": shown["status"]}).to_string();
    let patch = ["patch", "dwr", "own", "--subresource=status", "--type=merge", "-p", &restored];
    scene.kubectl.run(&patch).await;
    let is_its_own = |o: &dataworks_core::api::v1alpha1::DataWorksResource| {
        support::is_ready(o) && status(o).path.as_deref() == Some("D/own.py")
    };
    let own = scene.until("own", is_its_own).await;
    assert_ne!(id(&own), id(&original));
    assert_eq!(scene.cloud.resource(&id(&own)).unwrap().path, "D/own.py");

    scene.kubectl.run(&["delete", "dwr", "same", "own", "--wait=false"]).await;
    scene.gone("same").await;
    scene.gone("own").await;
    assert_eq!(scene.cloud.only_file().id, id(&original), "the original's file is untouched");
}

#[tokio::test]
async fn a_wiped_status_finds_its_file_again() {
    let scene = Scene::new().await;
    let operator = scene.launch().start();
    scene.kubectl.apply(&python("wiped", "W/a.py")).await;
    let before = scene.ready("wiped").await;
    let wipe = async || {
        let patch = r#"[{"op":"replace","path":"/status","value":{}}]"#;
        let args = ["patch", "dwr", "wiped", "--subresource=status", "--type=json", "-p", patch];
        scene.kubectl.run(&args).await;
    };

    wipe().await;
    let after = scene.ready("wiped").await;
    assert_eq!(id(&after), id(&before));

    // And when nobody was there to see it.
    operator.kill().await;
    wipe().await;
    let _operator = scene.launch().start();
    let after = scene.ready("wiped").await;
    assert_eq!(id(&after), id(&before));
    assert_eq!(scene.cloud.only_file().id, id(&before));
    assert_eq!(scene.cloud.calls_of("CreateResource"), 1);
}

#[tokio::test]
async fn finalizers_of_others_are_kept() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let mut object = python("held", "H/a.py");
    object["metadata"]["finalizers"] = json!(["example.com/keep"]);
    scene.kubectl.apply(&object).await;
    let object = scene.ready("held").await;
    assert_eq!(object.metadata.finalizers, Some(vec!["example.com/keep".to_owned(), FINALIZER.to_owned()]));

    scene.kubectl.run(&["delete", "dwr", "held", "--wait=false"]).await;
    let only_theirs = Some(vec!["example.com/keep".to_owned()]);
    scene.until("held", |o| o.metadata.finalizers == only_theirs).await;
    assert_eq!(scene.cloud.resource_count(PROJECT), 0);
    let since = scene.cloud.last();
    scene.fence().await;
    assert_eq!(scene.calls_about(since, "H/a.py"), [""; 0], "it is over, though the object stays");

    let patch = r#"{"metadata":{"finalizers":null}}"#;
    scene.kubectl.run(&["patch", "dwr", "held", "--type=merge", "-p", patch]).await;
    scene.gone("held").await;
}
