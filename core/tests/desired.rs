//! From a spec to what is sent, and from an answer to what differs.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use dataworks_core::api::v1alpha1::{AdoptionPolicy, DataWorksResourceSpec, DriftPolicy};
use dataworks_core::desired::{AnswerError, Desired, DesiredContent};
use dataworks_core::flowspec::kind::FileType;
use dataworks_core::ids::Digest;
use serde_json::{Value, json};

fn spec(value: Value) -> DataWorksResourceSpec {
    serde_json::from_value(value).unwrap()
}

fn desired(value: Value) -> Desired {
    Desired::from_spec(&spec(value)).unwrap()
}

/// The spec of the first example, with some fields put over it.
fn example(over: Value) -> Value {
    let mut value = json!({
        "projectId": 123_456,
        "path": "XX/OpenAPITest/ResourcesTest/OpenAPITestResource.py",
        "datasource": {"name": "odps_first", "type": "odps"},
        "content": {"inline": "print(\"hello\")\n"},
    });
    for (name, field) in over.as_object().unwrap() {
        value[name] = field.clone();
    }
    value
}

const DOCUMENT: &str = concat!(
    r#"{"version":"1.1.0","kind":"Resource","spec":{"fileResources":[{"name":"OpenAPITestResource.py","#,
    r#""script":{"content":"print(\"hello\")\n","#,
    r#""path":"XX/OpenAPITest/ResourcesTest/OpenAPITestResource.py","runtime":{"command":"ODPS_PYTHON"}},"#,
    r#""type":"python","file":{"storage":{}},"datasource":{"name":"odps_first","type":"odps"}}]}}"#
);

#[test]
fn the_example_becomes_its_document() {
    let wanted = desired(example(json!({})));
    assert_eq!(wanted.document_json(), DOCUMENT);
    assert_eq!((wanted.kind, wanted.command.as_str()), (FileType::Python, "ODPS_PYTHON"));
    assert_eq!(wanted.project.get(), 123_456);
    assert_eq!((wanted.adoption, wanted.drift), (AdoptionPolicy::Fail, DriftPolicy::Correct));
    assert_eq!(wanted.resource_id, None);
    assert_eq!(wanted.resource_file(), None);
    assert_eq!(wanted.content_digest(), Some(Digest::of(b"print(\"hello\")\n")));
}

#[test]
fn every_typed_field_has_its_place() {
    let wanted = desired(example(json!({
        "owner": "1000",
        "description": "d",
        "resourceGroup": "S_res_group_1_2",
        "storage": {"type": "hdfs", "addresses": ["hdfs://n:9000"], "hdfsUser": "u", "path": "/p", "extension": ".py"},
        "content": {"url": {"location": "https://example.com/a.py"}},
        "adoptionPolicy": "Adopt",
        "driftPolicy": "Report",
        "resourceId": "12",
    })));
    assert_eq!(
        wanted.document_json(),
        concat!(
            r#"{"version":"1.1.0","kind":"Resource","metadata":{"description":"d","owner":"1000"},"#,
            r#""spec":{"fileResources":[{"name":"OpenAPITestResource.py","script":{"content":"","#,
            r#""path":"XX/OpenAPITest/ResourcesTest/OpenAPITestResource.py","runtime":{"command":"ODPS_PYTHON"}},"#,
            r#""type":"python","file":{"extension":".py","path":"/p","#,
            r#""storage":{"addresses":["hdfs://n:9000"],"hdfsUser":"u","type":"hdfs"}},"#,
            r#""datasource":{"name":"odps_first","type":"odps"},"#,
            r#""runtimeResource":{"resourceGroup":"S_res_group_1_2"}}]}}"#
        )
    );
    assert_eq!(wanted.resource_file(), Some("https://example.com/a.py"));
    assert_eq!(wanted.content_digest(), None);
    assert_eq!((wanted.adoption, wanted.drift), (AdoptionPolicy::Adopt, DriftPolicy::Report));
    assert_eq!(wanted.resource_id, Some("12".parse().unwrap()));
}

#[test]
fn type_and_command_follow_from_suffix_and_datasource() {
    let url = json!({"url": {"location": "https://example.com/f"}});
    for (path, datasource_type, kind, command) in [
        ("a.py", Some("odps"), FileType::Python, "ODPS_PYTHON"),
        ("a.PY", None, FileType::Python, "ODPS_PYTHON"),
        ("a.jar", Some("odps"), FileType::Jar, "ODPS_JAR"),
        ("a.tar.gz", Some("odps"), FileType::Archive, "ODPS_ARCHIVE"),
        ("a.so", Some("odps"), FileType::File, "ODPS_FILE"),
        ("a.jar", Some("emr"), FileType::Jar, "EMR_JAR"),
        ("a.txt", Some("emr"), FileType::File, "EMR_FILE"),
        ("a.jar", Some("cdh"), FileType::Jar, "CDH_JAR"),
        ("a", Some("cdh"), FileType::File, "CDH_FILE"),
    ] {
        let mut value = json!({"projectId": 1, "path": path, "content": url});
        if let Some(type_) = datasource_type {
            value["datasource"] = json!({"name": "d", "type": type_});
        }
        let wanted = desired(value);
        assert_eq!((wanted.kind, wanted.command.as_str()), (kind, command), "{path} on {datasource_type:?}");
    }
}

#[test]
fn declared_type_and_command_win() {
    let url = json!({"url": {"location": "https://example.com/f"}});
    for (type_, command) in [("Archive", "ODPS_ARCHIVE"), ("File", "ODPS_FILE"), ("Jar", "ODPS_JAR")] {
        let wanted = desired(json!({"projectId": 1, "path": "a.jar", "type": type_, "content": url}));
        assert_eq!(wanted.command, command);
    }
    let datasource = json!({"name": "e", "type": "emr"});
    let wanted = desired(json!({
        "projectId": 1, "path": "a.py", "command": "EMR_FILE", "datasource": datasource, "content": {"inline": ""},
    }));
    assert_eq!((wanted.kind, wanted.command.as_str()), (FileType::Python, "EMR_FILE"));
}

fn raw(resource: Value) -> Value {
    json!({"version": "2.0.0", "kind": "Resource", "tags": [1], "spec": {"fileResources": [resource], "more": {"b": 1, "a": 2}}})
}

fn raw_resource(content: Value) -> Value {
    json!({
        "name": "a.py", "zeta": 1, "alpha": {"y": 1, "x": 2},
        "script": {"path": "XX/a.py", "content": content, "language": "python3", "runtime": {"command": "ODPS_PYTHON", "commandTypeId": 12}},
        "datasource": {"type": "odps", "name": "o", "subType": "s"},
    })
}

#[test]
fn a_raw_document_keeps_all_it_says() {
    let wanted = desired(json!({"projectId": 1, "flowSpec": raw(raw_resource(json!("x")))}));
    assert_eq!(
        wanted.document_json(),
        concat!(
            r#"{"version":"2.0.0","kind":"Resource","spec":{"fileResources":[{"name":"a.py","#,
            r#""script":{"content":"x","path":"XX/a.py","runtime":{"command":"ODPS_PYTHON","commandTypeId":12},"#,
            r#""language":"python3"},"datasource":{"name":"o","subType":"s","type":"odps"},"#,
            r#""alpha":{"x":2,"y":1},"zeta":1}],"more":{"a":2,"b":1}},"tags":[1]}"#
        )
    );
    assert_eq!((wanted.path.as_str(), wanted.kind), ("XX/a.py", FileType::Python));
    assert_eq!(wanted.datasource.as_ref().map(|d| (d.name.as_str(), d.type_.as_str())), Some(("o", "odps")));
    assert_eq!(wanted.content_digest(), Some(Digest::of(b"x")));
}

#[test]
fn content_may_stand_beside_a_raw_document() {
    let flow_spec = raw(raw_resource(json!("")));
    let inline = desired(json!({"projectId": 1, "flowSpec": flow_spec, "content": {"inline": "y"}}));
    assert_eq!(inline.document.resource.script.content.as_deref(), Some("y"));
    assert_eq!(inline.content_digest(), Some(Digest::of(b"y")));
    let url = json!({"url": {"location": "http://example.com/a.py"}});
    let by_url = desired(json!({"projectId": 1, "flowSpec": flow_spec, "content": url}));
    assert_eq!(by_url.document.resource.script.content.as_deref(), Some(""));
    assert_eq!(by_url.resource_file(), Some("http://example.com/a.py"));
}

#[test]
fn all_findings_are_told_with_their_fields() {
    let error = Desired::from_spec(&spec(json!({
        "projectId": 0, "path": "/a.py", "datasource": {"name": "", "type": "ODPS"}, "owner": "",
        "storage": {"type": "tape"}, "content": {"url": {"location": "x", "sha256": "y"}},
    })))
    .unwrap_err();
    let fields: Vec<&str> = error.problems.iter().map(|p| p.field.as_str()).collect();
    let expected = [
        "spec.projectId",
        "spec.content.url.location",
        "spec.content.url.sha256",
        "spec.path",
        "spec.datasource.name",
        "spec.datasource.type",
        "spec.owner",
        "spec.storage.type",
    ];
    assert_eq!(fields, expected);
    assert!(error.to_string().starts_with("spec.projectId: projectId is not positive: write"));
    let unknown = Desired::from_spec(&spec(example(json!({"type": "Wheel"})))).unwrap_err();
    assert_eq!(unknown.problems[0].field, "spec.type");
}

#[test]
fn the_digest_is_of_what_the_service_is_told() {
    let digest = |over| desired(example(over)).spec_digest();
    let same = digest(json!({}));
    assert_eq!(same, digest(json!({"type": "Python", "command": "ODPS_PYTHON", "deletionPolicy": "Retain"})));
    assert_eq!(same, digest(json!({"suspend": true})));
    assert_ne!(same, digest(json!({"content": {"inline": "x"}})));
    assert_ne!(same, digest(json!({"owner": "1"})));
    let url = |sha256: Option<&str>, location| {
        let mut url = json!({"location": location});
        if let Some(sha256) = sha256 {
            url["sha256"] = json!(sha256);
        }
        digest(json!({"content": {"url": url}}))
    };
    let (one, two) = ("0".repeat(64), "AB".repeat(32));
    let all = [
        url(None, "https://example.com/a"),
        url(None, "https://example.com/b"),
        url(Some(&one), "https://example.com/a"),
        url(Some(&two), "https://example.com/a"),
    ];
    for (index, digest) in all.iter().enumerate() {
        assert!(!all[..index].contains(digest), "{index}");
    }
    assert_eq!(
        url(Some(&two), "https://example.com/a"),
        url(Some(&two.to_lowercase()), "https://example.com/a")
    );
}

fn differences(wanted: &Desired, change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut answer: Value = serde_json::from_str(&wanted.document_json()).unwrap();
    change(&mut answer);
    wanted.matches_spec_text(&answer.to_string()).unwrap()
}

#[test]
fn what_the_service_adds_or_spells_otherwise_is_no_difference() {
    let wanted = desired(example(json!({"owner": "1000", "storage": {"type": "hdfs"}})));
    let none: [String; 0] = [];
    assert_eq!(differences(&wanted, |_| ()), none);
    assert_eq!(
        differences(&wanted, |answer| {
            answer["metadata"] = json!({"tenantId": "1"});
            let resource = &mut answer["spec"]["fileResources"][0];
            resource["id"] = json!("6314788648976303104");
            resource["script"]["id"] = json!("1");
            resource["type"] = json!("Python");
            resource["file"]["storage"]["type"] = json!("HDFS");
            resource["metadata"] = json!({"owner": "1000", "ownerName": "n"});
        }),
        none
    );
    let plain = desired(example(json!({})));
    assert_eq!(
        differences(&plain, |answer| {
            let resource = answer["spec"]["fileResources"][0].as_object_mut().unwrap();
            resource.remove("file");
            resource["script"].as_object_mut().unwrap().remove("content");
        }),
        none
    );
}

#[test]
fn what_was_changed_outside_is_a_difference() {
    let wanted = desired(example(json!({"owner": "1000", "resourceGroup": "g"})));
    let found = differences(&wanted, |answer| {
        answer["metadata"]["owner"] = json!("2000");
        let resource = &mut answer["spec"]["fileResources"][0];
        resource["name"] = json!("b.py");
        resource["script"]["content"] = json!("other");
        resource["script"]["path"] = json!("YY/b.py");
        resource["script"]["runtime"]["command"] = json!("ODPS_FILE");
        resource["type"] = json!("file");
        resource["datasource"] = json!({"name": "p", "type": "ODPS"});
        resource["runtimeResource"] = json!({"resourceGroup": "h"});
    });
    let expected = [
        "datasource.name",
        "metadata.owner",
        "name",
        "runtimeResource.resourceGroup",
        "script.content",
        "script.path",
        "script.runtime.command",
        "type",
    ];
    let mut sorted = found;
    sorted.sort();
    assert_eq!(sorted, expected);
}

#[test]
fn content_of_a_url_is_not_compared() {
    let wanted = desired(example(json!({"content": {"url": {"location": "https://example.com/a"}}})));
    assert!(matches!(wanted.content, DesiredContent::Url { .. }));
    let found =
        differences(&wanted, |answer| answer["spec"]["fileResources"][0]["script"]["content"] = json!("x"));
    assert_eq!(found, [""; 0]);
}

#[test]
fn an_answer_that_cannot_be_compared_is_an_error() {
    let wanted = desired(example(json!({})));
    assert!(matches!(wanted.matches_spec_text("{"), Err(AnswerError::NotJson(_))));
    assert!(matches!(wanted.matches_spec_text("{}"), Err(AnswerError::NotOne(0))));
    let two = json!({"spec": {"fileResources": [{}, {}]}}).to_string();
    assert!(matches!(wanted.matches_spec_text(&two), Err(AnswerError::NotOne(2))));
}
