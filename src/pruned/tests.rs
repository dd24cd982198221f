use dataworks_core::api::{CREATE_INTENT, PUBLISH_REQUESTED, REQUEST_CHARACTERS};
use serde_json::json;

use super::*;

fn whole() -> Value {
    json!({
        "apiVersion": "dataworks.alibabacloud.com/v1alpha1", "kind": "DataWorksResource",
        "metadata": {
            "name": "n", "namespace": "ns", "uid": "u", "resourceVersion": "7", "generation": 2,
            "creationTimestamp": "2026-01-02T03:04:05Z", "deletionTimestamp": "2026-01-02T03:04:06Z",
            "finalizers": ["a/b", "c/d"],
            "annotations": { CREATE_INTENT: "{}", RECONCILE_REQUESTED: "now", PUBLISH_REQUESTED: "now" },
            "managedFields": [{ "manager": "m", "operation": "Apply", "fieldsV1": { "f:spec": {} } }],
        },
        "spec": { "projectId": 7, "path": "XX/a.py", "content": { "inline": "x" } },
        "status": { "id": "1", "conditions": [] },
    })
}

#[test]
fn differs_from_the_whole_object_in_managed_fields_only() {
    let mut want: DataWorksResource = serde_json::from_value(whole()).unwrap();
    assert!(want.metadata.managed_fields.take().is_some());
    let got: Pruned<DataWorksResource> = serde_json::from_value(whole()).unwrap();
    assert_eq!(got.0.unwrap(), want);
    let got: MetadataOnly = serde_json::from_value(whole()).unwrap();
    assert_eq!(got.metadata, want.metadata);
}

#[test]
fn an_object_without_status_has_none() {
    for status in [None, Some(Value::Null)] {
        let mut object = whole();
        object["status"] = status.clone().unwrap_or_default();
        if status.is_none() {
            object.as_object_mut().unwrap().remove("status");
        }
        let got: Pruned<DataWorksResource> = serde_json::from_value(object).unwrap();
        assert_eq!(got.0.unwrap().status, None);
    }
}

#[test]
fn a_broken_spec_or_status_leaves_the_metadata() {
    for (field, broken) in
        [("spec", json!({ "projectId": "seven" })), ("spec", Value::Null), ("status", json!(1))]
    {
        let mut object = whole();
        object[field] = broken;
        let got: Pruned<DataWorksResource> = serde_json::from_value(object).unwrap();
        assert_eq!(got.meta().uid.as_deref(), Some("u"), "{field}");
        got.0.unwrap_err();
    }
}

#[test]
fn why_an_object_is_not_decoded_tells_nothing_of_what_it_holds() {
    let marked = "hunter2, expected \u{1b}[31m hunter2";
    for spec in [
        json!({ "projectId": marked, "path": "XX/a.py" }),
        json!({ "projectId": 7, "path": "XX/a.py", "content": marked }),
        json!({ "projectId": 7, "path": [marked] }),
        json!({ "projectId": 7, "path": "XX/a.py", "type": marked }),
        json!({ "projectId": 7, "path": "XX/a.py", "adoptionPolicy": marked.repeat(9_000) }),
    ] {
        let mut object = whole();
        object["spec"] = spec;
        object["metadata"]["annotations"]["x"] = json!(marked);
        let got: Pruned<DataWorksResource> = serde_json::from_value(object).unwrap();
        if let Err(undecodable) = got.0 {
            let text = format!("{undecodable} {undecodable:?}");
            assert!(!text.contains("hunter2") && text.len() < 2000, "{text}");
        }
    }
}

/// A workspace is kept as it was read. Who may make one may write 256 KiB of annotations, under whatever name.
#[test]
fn of_annotations_no_more_is_kept_than_is_asked_for() {
    let large = "é".repeat(125_000);
    for name in ["kubectl.kubernetes.io/last-applied-configuration", CREATE_INTENT, PUBLISH_REQUESTED] {
        let read: Pruned<DataWorksWorkspace> = serde_json::from_value(workspace(name, &large)).unwrap();
        assert_eq!(read.0.unwrap().metadata.annotations.unwrap_or_default().len(), 0, "{name}");
    }
    let asked = workspace(RECONCILE_REQUESTED, &large);
    let read: Pruned<DataWorksWorkspace> = serde_json::from_value(asked).unwrap();
    let annotations = read.0.unwrap().metadata.annotations.unwrap();
    assert_eq!(annotations[RECONCILE_REQUESTED], "é".repeat(REQUEST_CHARACTERS));

    let mut object = whole();
    for name in ["x", RECONCILE_REQUESTED, PUBLISH_REQUESTED] {
        object["metadata"]["annotations"][name] = json!(large);
    }
    let read: Pruned<DataWorksResource> = serde_json::from_value(object.clone()).unwrap();
    let written: MetadataOnly = serde_json::from_value(object).unwrap();
    for metadata in [read.0.unwrap().metadata, written.metadata] {
        assert!(format!("{metadata:?}").len() < 4000, "{metadata:?}");
        assert_eq!(metadata.annotations.unwrap()[CREATE_INTENT], "{}");
    }
}

#[test]
fn annotations_may_be_absent_or_null_and_are_texts() {
    for (annotations, decoded) in
        [(json!(null), true), (json!({}), true), (json!({ CREATE_INTENT: 1 }), false)]
    {
        let mut object = whole();
        object["metadata"]["annotations"] = annotations;
        assert_eq!(serde_json::from_value::<MetadataOnly>(object).is_ok(), decoded);
    }
    let mut object = whole();
    object["metadata"].as_object_mut().unwrap().remove("annotations");
    let read: MetadataOnly = serde_json::from_value(object).unwrap();
    assert_eq!(read.metadata.annotations, None);
}

fn workspace(annotation: &str, value: &str) -> Value {
    json!({
        "apiVersion": "dataworks.alibabacloud.com/v1alpha1", "kind": "DataWorksWorkspace",
        "metadata": { "name": "w", "namespace": "ns", "uid": "u", "annotations": { annotation: value } },
        "spec": { "projectId": 7, "region": "cn-shanghai" },
    })
}

/// What the watch keeps for as long as it keeps anything, of objects as large as they come.
#[test]
fn too_much_is_not_built() {
    let mut many = whole();
    many["spec"]["flowSpec"]["x"] = json!(vec![0; 700_000]);
    let mut long = whole();
    long["spec"]["description"] = json!("x".repeat(1_400_000));
    let mut held = whole();
    held["metadata"]["finalizers"] = json!(vec!["a/b"; 300_000]);
    for (name, object) in [("many", many), ("long", long), ("held", held)] {
        let got: Pruned<DataWorksResource> = serde_json::from_str(&object.to_string()).unwrap();
        let undecodable = got.0.unwrap_err();
        assert_eq!(undecodable.why, Why::TooMuch, "{name}");
        assert!(format!("{undecodable:?}").len() < 2000, "{name}");
        assert_eq!(undecodable.metadata.uid.as_deref(), Some("u"), "{name}");
    }
}
