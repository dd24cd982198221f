//! What the API server refuses, decided without one: the schema first, then the rules, as it does.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::Path;

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_core::desired::Desired;
use serde::Deserialize;
use serde_json::{Value, json};
use support::Admission;

/// A row of the tables in `fixtures/refused`.
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/refused").join(file);
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The object of a spec, with `${N*X}` written out.
fn object(name: &str, spec: &Value) -> Value {
    of_kind("DataWorksResource", name, spec)
}

fn of_kind(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "dataworks.alibabacloud.com/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": expand(spec),
    })
}

fn expand(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(expand_text(text)),
        Value::Array(items) => items.iter().map(expand).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), expand(value))).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain.clone(),
    }
}

fn expand_text(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else {
        return text.to_owned();
    };
    let (times, rest) = rest.split_once('*').unwrap();
    let (what, after) = rest.split_once('}').unwrap();
    format!("{before}{}{}", what.repeat(times.parse().unwrap()), expand_text(after))
}

fn check(admission: &Admission, row: &Row) {
    let old = row.old.as_ref().map(|old| object(&row.name, old));
    if let Some(old) = &old {
        assert_eq!(admission.refusals(old, None), [], "{}: the old object", row.name);
    }
    let new = object(&row.name, &row.spec);
    let found = admission.refusals(&new, old.as_ref());
    match (&row.field, &row.expect) {
        (Some(field), Some(expect)) => assert!(
            found.iter().any(|(at, message)| at == field && message.contains(expect.as_str())),
            "{}: {found:?}",
            row.name
        ),
        _ => assert_eq!(found, [], "{}", row.name),
    }
    if row.old.is_none() {
        the_conversion_agrees(row, &new);
    }
}

/// What admission refuses, the conversion refuses too, with the same words where it decodes at
/// all and the field is one that exists.
fn the_conversion_agrees(row: &Row, new: &Value) {
    let expect = row.expect.as_deref().unwrap();
    let structural =
        ["Required value", "must be of type", "Unsupported value", "unknown field", "Too ", "should have"];
    let Ok(object) = serde_json::from_value::<DataWorksResource>(new.clone()) else {
        assert!(structural.iter().any(|word| expect.contains(word)), "{}", row.name);
        return;
    };
    // Policies have a harmless meaning for every word that is not known.
    let policy = row.field.as_deref().is_some_and(|field| field.ends_with("Policy"));
    if policy || expect == "unknown field" {
        return;
    }
    let error = Desired::from_spec(&object.spec).unwrap_err();
    if structural.iter().any(|word| expect.contains(word)) {
        let at = row.field.as_deref().unwrap();
        assert!(error.problems.iter().any(|p| p.field == at), "{}: {error}", row.name);
    } else {
        let said = error.problems.iter().any(|p| {
            Some(p.field.as_str()) == row.field.as_deref()
                && format!("{}: {}", p.wrong, p.cure).contains(expect)
        });
        assert!(said, "{}: {error}", row.name);
    }
}

#[test]
fn what_may_not_be_created() {
    let rows = rows("create.yaml");
    assert!(rows.len() >= 45, "{}", rows.len());
    let admission = Admission::new();
    for row in &rows {
        assert!(row.old.is_none() && row.expect.is_some(), "{}", row.name);
        check(&admission, row);
    }
}

#[test]
fn what_may_not_be_changed() {
    let admission = Admission::new();
    for row in rows("update.yaml") {
        assert!(row.old.is_some(), "{}", row.name);
        check(&admission, &row);
    }
}

#[test]
fn what_may_not_be_written_into_a_workspace() {
    let kind = "DataWorksWorkspace";
    let admission = Admission::of(kind);
    for row in rows("workspace.yaml") {
        let old = row.old.as_ref().map(|old| of_kind(kind, &row.name, old));
        let found = admission.refusals(&of_kind(kind, &row.name, &row.spec), old.as_ref());
        match (&row.field, &row.expect) {
            (Some(field), Some(expect)) => {
                let said = found.iter().any(|(at, message)| at == field && message.contains(expect.as_str()));
                assert!(said, "{}: {found:?}", row.name);
            }
            _ => assert_eq!(found, [], "{}", row.name),
        }
    }
}

#[test]
fn nulls_count_as_absent() {
    let spec = json!({
        "projectId": 1, "path": "a.py", "owner": null, "flowSpec": null,
        "content": {"inline": "x", "url": null},
    });
    assert_eq!(Admission::new().refusals(&object("nulls", &spec), None), []);
}
