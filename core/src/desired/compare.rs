//! What the service answers, compared with what was declared.
//!
//! The service adds ids, owners and projects, drops empty objects and may spell types in another
//! case. So only declared fields are looked at, by meaning. It must not decide what a difference
//! leads to.

use serde_json::{Map, Value};

use super::{Desired, DesiredContent};
use crate::ids::Digest;
use crate::path::ResourcePath;

/// Why an answer cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The text is no JSON.
    #[error("the document in the answer is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// It has no place for a file resource, or none or several in it.
    #[error("the document in the answer holds {0} file resources instead of one")]
    NotOne(usize),
}

/// True when the answer holds the text of the file.
pub(super) fn shows_content(answer: &str) -> bool {
    let answer: Value = serde_json::from_str(answer).unwrap_or(Value::Null);
    answer["spec"]["fileResources"][0]["script"]["content"].as_str().is_some_and(|text| !text.is_empty())
}

/// The path that the answer names, if it is one.
pub(super) fn path_of(answer: &str) -> Option<ResourcePath> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    answer["spec"]["fileResources"][0]["script"]["path"].as_str()?.parse().ok()
}

pub(super) fn differences(desired: &Desired, answer: &str) -> Result<Vec<String>, AnswerError> {
    let answer: Value = serde_json::from_str(answer).map_err(AnswerError::NotJson)?;
    let actual = match answer["spec"]["fileResources"].as_array().map(Vec::as_slice) {
        Some([one]) => one,
        Some(several) => return Err(AnswerError::NotOne(several.len())),
        None => return Err(AnswerError::NotOne(0)),
    };
    let wanted = serde_json::to_value(&desired.document).map_err(AnswerError::NotJson)?;
    let mut found = Vec::new();
    compare(&wanted["spec"]["fileResources"][0], Some(actual), "", &mut found);
    found.retain(|field| counts(desired, actual, field));
    metadata(&desired.document.metadata, &answer, actual, &mut found);
    Ok(found)
}

/// Whether a difference in this field says anything: content that comes from elsewhere or is not
/// answered does not; nor does `metadata`, of which the answer holds what it likes.
fn counts(desired: &Desired, actual: &Value, field: &str) -> bool {
    let answered = actual["script"]["content"].as_str().filter(|text| !text.is_empty());
    match (field, &desired.content) {
        ("script.content", DesiredContent::Inline { .. }) => answered.is_some(),
        ("script.content", DesiredContent::Url { .. }) => false,
        // By its digest: what was uploaded does not stand in the document that was sent.
        ("script.content", DesiredContent::ConfigMap { bytes, .. }) => bytes.is_some_and(|bytes| {
            bytes.is_text && answered.is_some_and(|text| Digest::of(text.as_bytes()) != bytes.digest)
        }),
        (field, _) => field != "id" && !field.starts_with("metadata"),
    }
}

/// Owner and description may come back with the document or with the resource; where they do not
/// come back at all nothing can be said.
fn metadata(wanted: &Map<String, Value>, answer: &Value, actual: &Value, found: &mut Vec<String>) {
    for (name, value) in wanted {
        let places = [&answer["metadata"][name], &actual["metadata"][name]];
        let answered = places.iter().any(|place| !place.is_null());
        if answered && !places.contains(&value) {
            found.push(format!("metadata.{name}"));
        }
    }
}

/// Reports every leaf of `wanted` that `actual` does not have.
fn compare(wanted: &Value, actual: Option<&Value>, at: &str, found: &mut Vec<String>) {
    match wanted {
        Value::Object(fields) => {
            for (name, value) in fields {
                let place = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                compare(value, actual.and_then(|actual| actual.get(name)), &place, found);
            }
        }
        Value::Array(items) if actual.and_then(Value::as_array).is_some_and(|a| a.len() == items.len()) => {
            for (index, item) in items.iter().enumerate() {
                compare(item, actual.and_then(|actual| actual.get(index)), &format!("{at}[{index}]"), found);
            }
        }
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            let any_case = matches!(at, "type" | "file.storage.type" | "datasource.type");
            let says = |value: &Value| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if any_case { text.to_lowercase() } else { text }
            };
            let nothing = || wanted.as_str().is_some_and(str::is_empty);
            if !actual.map_or_else(nothing, |actual| says(actual) == says(wanted)) {
                found.push(at.to_owned());
            }
        }
    }
}
