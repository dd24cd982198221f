//! The reference of the kinds is what the CRDs say, no more and no less.
//!
//! `UPDATE_DOCS=1` writes it anew.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod reference_page;

use std::path::Path;

use dataworks_core::api::{crds, schema_of};
use serde_json::Value;

use reference_page::{anchor, page};

#[test]
fn the_reference_is_fresh() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference.md");
    let wanted = page(&crds());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == wanted, "docs/reference.md is stale: run `make crds`");
}

/// Every rule's message and every field of a schema.
fn collect(schema: &Value, at: &str, fields: &mut Vec<String>, messages: &mut Vec<String>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        messages.push(rule["message"].as_str().unwrap().to_owned());
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        fields.push(at.clone());
        collect(property, &at, fields, messages);
    }
    if let Some(items) = schema.get("items") {
        collect(items, &format!("{at}[]"), fields, messages);
    }
}

/// Against a page that forgets: not the generator's own walk.
#[test]
fn no_field_and_no_rule_is_left_out() {
    for crd in crds() {
        let page = page(std::slice::from_ref(&crd));
        let (mut fields, mut messages) = (Vec::new(), Vec::new());
        collect(&schema_of(&crd), "", &mut fields, &mut messages);
        assert!(fields.len() > 40 && messages.len() > 15, "{} {}", fields.len(), messages.len());
        for field in fields {
            assert!(page.contains(&format!("\n#### `{field}`\n")), "{field}");
            assert!(page.contains(&format!("(#{})", anchor(&field))), "nothing leads to {field}");
        }
        for message in messages {
            assert!(page.contains(&message), "{message}");
        }
        for column in crd.spec.versions[0].additional_printer_columns.iter().flatten() {
            assert!(page.contains(&format!("| `{}` |", column.name.to_uppercase())), "{}", column.name);
        }
    }
}
