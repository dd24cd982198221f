//! What becomes of the bytes of a ConfigMap: text or upload, which digest, and how answers are compared.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use dataworks_core::desired::Desired;
use dataworks_core::ids::Digest;
use serde_json::{Value, json};

fn desired(path: &str, content: Value) -> Desired {
    let spec = json!({"projectId": 1, "path": path, "content": content});
    Desired::from_spec(&serde_json::from_value(spec).unwrap()).unwrap()
}

fn from_map(path: &str, content: &[u8]) -> Desired {
    let mut desired = desired(path, json!({"configMapKeyRef": {"name": "m", "key": "k"}}));
    desired.give(content).unwrap();
    desired
}

fn content_of(desired: &Desired) -> Value {
    let document: Value = serde_json::from_str(&desired.document_json()).unwrap();
    document["spec"]["fileResources"][0]["script"]["content"].clone()
}

#[test]
fn text_that_could_be_written_inline_goes_so_and_all_else_is_uploaded() {
    let long = vec![b'a'; 131_073];
    let rows: [(&str, &[u8], bool); 8] = [
        ("a.py", b"print(1)\n", false),
        ("a.txt", "\u{feff}\u{e9}\0".as_bytes(), false),
        ("a.py", b"", false),
        ("a.py", &long[1..], false),
        ("a.py", &long, true),
        ("a.py", b"\xff", true),
        ("a.jar", b"text", true),
        ("a.zip", b"PK", true),
    ];
    for (path, content, uploads) in rows {
        let desired = from_map(path, content);
        let digest = Digest::of(content);
        assert_eq!(desired.to_upload(), uploads.then_some(digest), "{path}");
        assert_eq!(desired.content_digest(), Some(digest));
        let text = if uploads { "" } else { std::str::from_utf8(content).unwrap() };
        assert_eq!(content_of(&desired), text, "{path}");
        assert_eq!(desired.resource_file(), None);
    }
    for path in ["a.jar", "a.zip"] {
        let mut empty = desired(path, json!({"configMapKeyRef": {"name": "m", "key": "k"}}));
        assert!(empty.give(b"").is_err() && !empty.is_known());
    }
}

#[test]
fn a_raw_document_takes_it_too() {
    let file = json!({"name": "a.py", "type": "python", "script": {"path": "XX/a.py", "content": "", "runtime": {"command": "ODPS_PYTHON"}}});
    let flow_spec = json!({"version": "1.1.0", "kind": "Resource", "spec": {"fileResources": [file]}});
    let spec = json!({"projectId": 1, "flowSpec": flow_spec, "content": {"configMapKeyRef": {"name": "m", "key": "k"}}});
    let mut raw = Desired::from_spec(&serde_json::from_value(spec).unwrap()).unwrap();
    raw.give(b"print(1)").unwrap();
    assert_eq!(content_of(&raw), "print(1)");
    raw.give(b"\xff").unwrap();
    assert_eq!((content_of(&raw), raw.to_upload()), (json!(""), Some(Digest::of(b"\xff"))));
}

#[test]
fn equal_bytes_have_one_digest_and_others_another() {
    let digest = |content: &[u8]| from_map("a.py", content).spec_digest();
    assert_eq!(digest(b"v1"), digest(b"v1"));
    assert_ne!(digest(b"v1"), digest(b"v2"));
    assert_ne!(digest(b"\xff"), digest(b"\xfe"));
    assert_ne!(digest(b"v1"), from_map("b.py", b"v1").spec_digest());
    let unread = desired("a.py", json!({"configMapKeyRef": {"name": "m", "key": "k"}}));
    assert_ne!(unread.spec_digest(), digest(b""));
    let mut forgotten = from_map("a.py", b"v1");
    forgotten.take_content();
    assert_eq!((forgotten.is_known(), forgotten.spec_digest()), (false, unread.spec_digest()));
    // Digests of the other ways are as they were: status holds them.
    let inline = desired("a.py", json!({"inline": "v1"}));
    assert_eq!(
        inline.spec_digest().to_string(),
        "89e5cbd5711e737c08d4f97eeefcf9b5c190b834af927c6c9e829df547d5812e"
    );
}

#[test]
fn an_answer_is_compared_by_the_digest_where_the_bytes_are_text() {
    let answer = |desired: &Desired, content: &str| {
        let mut document: Value = serde_json::from_str(&desired.document_json()).unwrap();
        document["spec"]["fileResources"][0]["script"]["content"] = json!(content);
        document.to_string()
    };
    let long = "a".repeat(200_000);
    let rows: [(&[u8], &str, bool, bool); 6] = [
        (b"v1", "v1", false, true),
        (b"v1", "v2", true, true),
        (long.as_bytes(), &long, false, true),
        (long.as_bytes(), "b", true, true),
        (long.as_bytes(), "", false, false),
        (b"\xff", "\u{fffd}", false, false),
    ];
    for (content, answered, differs, shows) in rows {
        let desired = from_map("a.py", content);
        let held = desired.held_by(&answer(&desired, answered));
        let want = if differs { vec!["script.content".to_owned()] } else { Vec::new() };
        assert_eq!((held.differs, held.shows_content), (want, shows), "{answered:.9}");
    }
}
