//! Structural validation as the API server does it before any rule runs.
//!
//! It knows the few keywords that our schemas use and words its findings like the API server. It
//! must not know any kind. Rule: what it lets pass, CEL rules can be evaluated on.

use std::fmt;

use serde_json::{Map, Value};

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, such as `spec.content.inline`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// All findings in `object`, unknown fields among them. `apiVersion`, `kind` and `metadata` at the
/// root are left alone.
#[must_use]
pub fn violations(schema: &Value, object: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    for (name, property) in properties(schema) {
        if matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
            continue;
        }
        match object.get(name) {
            Some(value) => walk(property, value, name, &mut found),
            None if is_required(schema, name) => report(&mut found, name, "Required value"),
            None => {}
        }
    }
    for name in object.as_object().into_iter().flat_map(Map::keys) {
        let known = matches!(name.as_str(), "apiVersion" | "kind" | "metadata")
            || schema["properties"].get(name).is_some();
        if !known {
            report(&mut found, name, "unknown field");
        }
    }
    found
}

/// The object without the nulls of declared fields, which the API server takes away before it looks.
#[must_use]
pub fn without_nulls(schema: &Value, object: &Value) -> Value {
    match object {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, value)| !(value.is_null() && schema["properties"].get(*name).is_some()))
            .map(|(name, value)| (name.clone(), without_nulls(&schema["properties"][name.as_str()], value)))
            .collect(),
        Value::Array(items) => items.iter().map(|item| without_nulls(&schema["items"], item)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => object.clone(),
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|required| required.iter().any(|r| r == name))
}

fn report(found: &mut Vec<Violation>, field: &str, message: impl Into<String>) {
    found.push(Violation { field: field.to_owned(), message: message.into() });
}

fn walk(schema: &Value, value: &Value, field: &str, found: &mut Vec<Violation>) {
    let wanted = schema["type"].as_str().unwrap_or_default();
    if !has_type(wanted, value) {
        let is = type_of(value);
        report(
            found,
            field,
            format!("Invalid value: \"{is}\": {field} in body must be of type {wanted}: \"{is}\""),
        );
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let names: Vec<String> = allowed.iter().map(Value::to_string).collect();
        report(found, field, format!("Unsupported value: {value}: supported values: {}", names.join(", ")));
    }
    match value {
        Value::String(text) => lengths(schema, text, field, found),
        Value::Array(items) => array(schema, items, field, found),
        Value::Object(map) => object(schema, map, field, found),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn lengths(schema: &Value, text: &str, field: &str, found: &mut Vec<Violation>) {
    let length = text.chars().count() as u64;
    if let Some(max) = schema["maxLength"].as_u64().filter(|max| length > *max) {
        report(found, field, format!("Too long: may not be more than {max} bytes"));
    }
}

fn array(schema: &Value, items: &[Value], field: &str, found: &mut Vec<Violation>) {
    let count = items.len() as u64;
    if let Some(max) = schema["maxItems"].as_u64().filter(|max| count > *max) {
        report(
            found,
            field,
            format!("Too many: {count}: must have at most {max} item{}", if max == 1 { "" } else { "s" }),
        );
    }
    if let Some(min) = schema["minItems"].as_u64().filter(|min| count < *min) {
        report(
            found,
            field,
            format!("Invalid value: {count}: {field} in body should have at least {min} items"),
        );
    }
    for (index, item) in items.iter().enumerate() {
        walk(&schema["items"], item, &format!("{field}[{index}]"), found);
    }
}

fn object(schema: &Value, map: &Map<String, Value>, field: &str, found: &mut Vec<Violation>) {
    let keeps_unknown = schema["x-kubernetes-preserve-unknown-fields"] == true;
    for (name, property) in properties(schema) {
        let child = format!("{field}.{name}");
        match map.get(name) {
            Some(value) => walk(property, value, &child, found),
            None if is_required(schema, name) => report(found, &child, "Required value"),
            None => {}
        }
    }
    for name in map.keys() {
        if !keeps_unknown && schema["properties"].get(name).is_none() {
            report(found, &format!("{field}.{name}"), "unknown field");
        }
    }
}

fn has_type(wanted: &str, value: &Value) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => true,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
