//! The generated CRD: fresh, documented, bounded, without nulls and defaults in the spec.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use dataworks_core::api::v1alpha1::{DataWorksResource, VERSION};
use dataworks_core::api::{GROUP, crds, schema_of};
use kube::Resource as _;
use serde_json::Value;

/// Etcd and kubectl's last-applied annotation (256 KiB) set the bound.
const MAX_YAML_BYTES: usize = 200_000;

#[test]
fn the_crds_folder_is_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds");
    for crd in crds() {
        let yaml = serde_saphyr::to_string(&crd).unwrap();
        assert!(yaml.len() < MAX_YAML_BYTES, "{} bytes", yaml.len());
        let file = folder.join(format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural));
        if std::env::var_os("UPDATE_CRDS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &yaml).unwrap();
        }
        let found = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(found == yaml, "{} is stale: run the core tests with UPDATE_CRDS=1", file.display());
    }
}

#[test]
fn group_and_version_are_the_constants() {
    assert_eq!(DataWorksResource::group(&()), GROUP);
    assert_eq!(DataWorksResource::version(&()), VERSION);
}

/// Calls `check` with the path and schema of every property and list item.
fn walk(schema: &Value, at: &str, check: &mut dyn FnMut(&str, &Value)) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        if matches!(at.as_str(), ".apiVersion" | ".kind" | ".metadata") {
            continue;
        }
        check(&at, property);
        walk(property, &at, check);
    }
    if let Some(items) = schema.get("items") {
        let at = format!("{at}[]");
        check(&at, items);
        walk(items, &at, check);
    }
}

fn each_schema(mut check: impl FnMut(&str, &Value)) {
    for crd in crds() {
        walk(&schema_of(&crd), "", &mut check);
    }
}

#[test]
fn every_property_is_explained() {
    let mut count = 0;
    each_schema(|at, schema| {
        count += 1;
        let text = schema["description"].as_str().unwrap_or_default();
        assert!(text.len() > 10 || at.ends_with("addresses[]"), "{at} has no description");
        let ours = text.replace("acs:ram::", "");
        assert!(!ours.contains("Option<") && !ours.contains("::"), "{at}: {text}");
        let scalar = matches!(schema["type"].as_str(), Some("string" | "integer" | "boolean"));
        assert!(!scalar || text.contains("Example:") || at.ends_with("[]"), "{at} has no example: {text}");
    });
    assert!(count > 60, "{count}");
    let crd = crds().remove(0);
    assert!(schema_of(&crd)["description"].as_str().unwrap().starts_with("One file resource"));
}

#[test]
fn immutable_fields_say_so() {
    let mut seen = Vec::new();
    each_schema(|at, schema| {
        let text = schema["description"].as_str().unwrap_or_default();
        if at.matches('.').count() == 2 && text.contains("Immutable") {
            seen.push(at.to_owned());
        }
    });
    let resources = ["command", "datasource", "projectId", "resourceGroup", "resourceId", "storage", "type"];
    let workspaces = ["projectId", "region"];
    let expected = resources.iter().chain(&workspaces).map(|name| format!(".spec.{name}"));
    assert_eq!(seen, expected.collect::<Vec<_>>());
}

#[test]
fn nothing_takes_null_and_nothing_is_unbounded() {
    each_schema(|at, schema| {
        assert!(schema.get("nullable").is_none(), "{at} takes null");
        assert!(schema.get("anyOf").is_none() && schema.get("oneOf").is_none(), "{at} is a choice: {schema}");
        match schema["type"].as_str() {
            Some("string") => assert!(
                schema.get("maxLength").is_some()
                    || schema.get("enum").is_some()
                    || schema["format"] == "date-time",
                "{at} has no maxLength"
            ),
            Some("array") => {
                assert!(schema.get("maxItems").is_some(), "{at} has no maxItems");
                assert!(schema.get("x-kubernetes-list-type").is_some(), "{at} has no list type");
            }
            Some("object" | "integer" | "boolean") => {}
            other => panic!("{at} has type {other:?}"),
        }
    });
}

#[test]
fn only_status_has_a_default() {
    each_schema(|at, schema| match at {
        ".status" => assert_eq!(schema["default"], serde_json::json!({"observedGeneration": -1})),
        _ => assert!(schema.get("default").is_none(), "{at} has a default"),
    });
}

#[test]
fn values_of_a_newer_schema_are_decoded() {
    let object: DataWorksResource = serde_json::from_value(serde_json::json!({
        "apiVersion": "dataworks.alibabacloud.com/v1alpha1",
        "kind": "DataWorksResource",
        "metadata": {"name": "a"},
        "spec": {"projectId": 1, "type": "Wheel", "deletionPolicy": "Archive", "storage": {"type": "tape"}, "later": 1},
        "status": {"type": "Wheel", "attempt": {"outcome": "Postponed"}, "later": {}},
    }))
    .unwrap();
    assert_eq!(object.spec.type_.unwrap().file_type(), None);
    assert_eq!(object.spec.deletion(None), dataworks_core::api::v1alpha1::DeletionPolicy::Retain);
}
