//! What of a document is read, kept, refused and answered.

use super::*;

fn document(resource: Value) -> String {
    json!({"version": "1.1.0", "kind": "Resource", "spec": {"fileResources": [resource]}}).to_string()
}

fn resource() -> Value {
    json!({
        "name": "a.py", "type": "PYTHON", "unknown": 1,
        "script": {"content": "x", "path": "f/a.py", "runtime": {"command": "ODPS_PYTHON"},
                   "other": 2},
        "file": {"storage": {}},
    })
}

#[test]
fn unknown_fields_and_empty_storage_are_dropped() {
    let entity = Entity::parse(&document(resource())).expect("a document");
    assert_eq!(
        Value::Object(entity.fields.clone()),
        json!({
            "name": "a.py", "type": "python",
            "script": {"content": "x", "path": "f/a.py", "runtime": {"command": "ODPS_PYTHON"}},
        })
    );
    let columns = entity.columns().expect("complete");
    assert_eq!((columns.name, columns.path), ("a.py", "f/a.py"));
    assert_eq!((columns.kind, columns.datasource), (FileType::Python, None));
    assert_eq!(Entity::stored("1.1.0", &entity.text()), entity);
}

#[test]
fn refusals() {
    let with = |name: &str, value: Value| {
        let mut resource = resource();
        resource[name] = value;
        document(resource)
    };
    let rows = [
        ("[", SpecError::NotJson),
        ("[]", SpecError::NotJson),
        (r#"{"kind":"Node"}"#, SpecError::Kind),
        (r#"{"kind":"Resource","spec":{"fileResources":[]}}"#, SpecError::Empty),
        (&with("name", json!("b.py")), SpecError::Path),
        (&with("name", json!("")), SpecError::Field("name")),
        (&with("type", json!("sql")), SpecError::Type),
        (&with("script", json!({})), SpecError::Field("script.path")),
        (&with("datasource", json!({"name": "x"})), SpecError::Field("datasource.type")),
    ];
    for (text, want) in rows {
        let got = Entity::parse(text).and_then(|entity| entity.columns().map(|_| ()));
        assert_eq!(got, Err(want), "{text}");
    }
}

#[test]
fn a_merge_keeps_what_is_absent() {
    let mut entity = Entity::parse(&document(resource())).expect("a document");
    let old = entity.clone();
    let change = json!({"name": "b.py", "script": {"content": "y", "path": "g/b.py"}});
    entity.merge(Entity::parse(&document(change)).expect("a change"));
    assert_eq!(entity.content(), "y");
    assert_eq!(entity.columns().map(|columns| columns.path), Ok("g/b.py"));
    entity.keep_identity_of(&old);
    assert_eq!(entity.content(), "y");
    assert_eq!(entity.columns(), old.columns());
}

#[test]
fn paths() {
    assert_eq!(join("", "a.py"), "a.py");
    assert_eq!(join("/x/y/", "a.py"), "x/y/a.py");
    assert_eq!((folder("x/y/a.py"), file_name("x/y/a.py")), ("x/y", "a.py"));
    assert_eq!((folder("a.py"), file_name("a.py")), ("", "a.py"));
}
