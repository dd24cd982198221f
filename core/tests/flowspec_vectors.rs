//! Our reading of documents against the table of what must be taken and what refused.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use dataworks_core::flowspec::parse;
use serde_json::Value;

/// Each refused document with the field that the reason names.
const REFUSED: [(&str, &str); 30] = [
    ("array.txt", ""),
    ("bom.txt", ""),
    ("command-missing.json", "spec.fileResources[0].script.runtime.command"),
    ("command-of-a-node.json", "spec.fileResources[0].script.runtime.command"),
    ("command-unknown.json", "spec.fileResources[0].script.runtime.command"),
    ("content-null.json", "spec.fileResources[0].script.content"),
    ("content-object.json", "spec.fileResources[0].script.content"),
    ("duplicate-key.txt", ""),
    ("empty.txt", ""),
    ("extension-mismatch.json", "spec.fileResources[0].type"),
    ("keys-upper.json", "version"),
    ("kind-lower.json", "kind"),
    ("kind-missing.json", "kind"),
    ("kind-unknown.json", "kind"),
    ("kind-workflow.json", "kind"),
    ("name-missing.json", "spec.fileResources[0].name"),
    ("name-not-last-of-path.json", "spec.fileResources[0].name"),
    ("name-number.json", "spec.fileResources[0].name"),
    ("no-resources.json", "spec.fileResources"),
    ("not-json.txt", ""),
    ("path-missing.json", "spec.fileResources[0].script.path"),
    ("resources-object.json", "spec.fileResources"),
    ("script-missing.json", "spec.fileResources[0].script"),
    ("singular-key.json", "spec.fileResources"),
    ("spec-missing.json", "spec"),
    ("storage-unknown.json", "spec.fileResources[0].file.storage.type"),
    ("two-resources.json", "spec.fileResources"),
    ("type-listing-spelling.json", "spec.fileResources[0].type"),
    ("type-unknown.json", "spec.fileResources[0].type"),
    ("type-upper.json", "spec.fileResources[0].type"),
];
/// Refused as whole texts or documents, beyond the table above.
const REFUSED_TOO: [(&str, &str); 2] = [("version-missing.json", "version"), ("yaml.txt", "")];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/flowspec")
}

#[test]
fn every_document_of_the_table_is_judged_as_it_says() {
    let results: Value =
        serde_json::from_str(&std::fs::read_to_string(folder().join("results.json")).unwrap()).unwrap();
    let (mut taken, mut refused) = (0, Vec::new());
    for (file, entry) in results["documents"].as_object().unwrap() {
        let text = std::fs::read_to_string(folder().join("documents").join(file)).unwrap();
        match (entry["expect"].as_str().unwrap(), parse(&text)) {
            ("valid", Ok(document)) => {
                taken += 1;
                let written: Value = serde_json::from_str(&document.to_json()).unwrap();
                assert_eq!(written, serde_json::from_str::<Value>(&text).unwrap(), "{file}");
                assert_eq!(parse(&document.to_json()), Ok(document), "{file}");
            }
            ("invalid" | "unclear", Err(problems)) => {
                assert!(!problems.is_empty(), "{file}");
                refused.push((file.clone(), problems[0].field.clone()));
            }
            (expect, answer) => panic!("{file}: {expect}, but {answer:?}"),
        }
    }
    let mut expected: Vec<(String, String)> = REFUSED
        .iter()
        .chain(&REFUSED_TOO)
        .map(|(file, field)| ((*file).to_owned(), (*field).to_owned()))
        .collect();
    expected.sort();
    refused.sort();
    assert_eq!(refused, expected);
    assert_eq!(taken, 25);
}

#[test]
fn a_field_in_another_case_is_no_unknown_field() {
    let text = std::fs::read_to_string(folder().join("documents/python-minimal.json")).unwrap();
    let problems = parse(&text.replace("\"datasource\"", "\"dataSource\"")).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].field, "spec.fileResources[0].dataSource");
    assert_eq!(problems[0].cure, "write datasource");
}

#[test]
fn the_order_of_the_reference_is_kept() {
    let text = std::fs::read_to_string(folder().join("documents/unknown-fields.json")).unwrap();
    assert_eq!(
        parse(&text).unwrap().to_json(),
        concat!(
            r#"{"version":"1.1.0","kind":"Resource","spec":{"fileResources":[{"name":"OpenAPITestResource.py","#,
            r#""script":{"content":"","path":"XX/OpenAPITest/ResourcesTest/OpenAPITestResource.py","#,
            r#""runtime":{"command":"ODPS_PYTHON"}},"type":"python","file":{"storage":{}},"#,
            r#""datasource":{"name":"odps_first","type":"odps"},"#,
            r#""description":"d","owner":"1000","tags":["a"]}]}}"#
        )
    );
}
