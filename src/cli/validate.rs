//! `validate`: what the API server and the operator would say to a manifest, offline.
//!
//! The schema first, the rules on what fits it, then the conversion. A change of an existing
//! object is not looked at: it takes the old object, which only the cluster has.

use std::io;

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_core::api::{crds, schema, schema_of};
use dataworks_core::desired::Desired;
use kube::core::cel::{CompiledSchema, Validator, compile_schema};
use serde::Deserialize as _;
use serde_json::Value;

use super::documents::{self, Document, Exit, Source, Streams};
use crate::bounded::{Bounded, MAX_TEXT, MAX_VALUES};
use crate::telemetry::shown;

/// Checks every object of our kind in the sources: one line for each on `out` when it is good,
/// one for each finding on `err` when it is not.
///
/// # Errors
///
/// When a stream cannot be written.
pub fn validate(sources: &[Source], streams: &mut Streams<'_>) -> io::Result<Exit> {
    let admission = Admission::new();
    documents::for_each(sources, streams, |document, streams| {
        let exit = report(document, &admission, streams)?.map_or(Exit::Invalid, |_| Exit::Good);
        if exit == Exit::Good {
            writeln!(streams.out, "{}: valid", document.place)?;
        }
        Ok(exit)
    })
}

/// What is wanted by a document, or its findings on `err`.
pub(super) fn report(
    document: &Document,
    admission: &Admission,
    streams: &mut Streams<'_>,
) -> io::Result<Option<Desired>> {
    match admission.judge(&document.object) {
        Ok(desired) => Ok(Some(desired)),
        Err(findings) => {
            for finding in findings {
                writeln!(streams.err, "{}: {}", document.place, shown(&finding))?;
            }
            Ok(None)
        }
    }
}

/// The schema and its rules, compiled once.
pub(super) struct Admission {
    schema: Value,
    rules: CompiledSchema,
    validator: Validator,
}

impl Admission {
    pub(super) fn new() -> Self {
        let schema = crds().first().map(schema_of).unwrap_or_default();
        Self { rules: compile_schema(&schema), schema, validator: Validator::new() }
    }

    /// What is wanted, or every finding as `field: message`.
    fn judge(&self, object: &Value) -> Result<Desired, Vec<String>> {
        let object = schema::without_nulls(&self.schema, object);
        let mut findings: Vec<String> =
            schema::violations(&self.schema, &object).iter().map(ToString::to_string).collect();
        findings.extend(name_problem(&object));
        findings.extend(size_problem(&object));
        if !findings.is_empty() {
            return Err(findings);
        }
        if let Err(errors) = self.validator.validate_compiled(&self.rules, &object, None) {
            findings.extend(errors.iter().map(ToString::to_string));
        }
        let decoded: DataWorksResource =
            serde_json::from_value(object).map_err(|error| vec![error.to_string()])?;
        let desired = Desired::from_spec(&decoded.spec);
        let said_here = desired.as_ref().err().into_iter().flat_map(|error| &error.problems);
        for problem in said_here.map(ToString::to_string) {
            if !findings.contains(&problem) {
                findings.push(problem);
            }
        }
        match desired {
            Ok(desired) if findings.is_empty() => Ok(desired),
            Ok(_) | Err(_) => Err(findings),
        }
    }
}

/// The operator reads no further than this, whatever the API server takes.
fn size_problem(object: &Value) -> Option<String> {
    let Ok(Bounded(None)) = Bounded::deserialize(&object["spec"]) else { return None };
    Some(format!(
        "spec: holds more than {MAX_VALUES} values or {MAX_TEXT} bytes of text: take out of flowSpec what is no part \
         of the document"
    ))
}

/// An object needs a name (or the beginning of one) of at most 253 lower-case letters, digits,
/// `-` and `.`, as the API server has it.
fn name_problem(object: &Value) -> Option<String> {
    let metadata = &object["metadata"];
    let given = |field: &str| metadata[field].as_str().filter(|text| !text.is_empty());
    if given("name").is_none() && given("generateName").is_some() {
        return None;
    }
    let Some(name) = given("name") else {
        return Some("metadata.name: the object has no name: write one".to_owned());
    };
    let is_edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let labels = name.split('.').all(|label| {
        let bytes = label.as_bytes();
        let inner = bytes.iter().all(|b| is_edge(Some(b)) || *b == b'-');
        inner && is_edge(bytes.first()) && is_edge(bytes.last())
    });
    let cure =
        "write at most 253 lower-case letters, digits, '-' and '.', with a letter or digit at each end";
    (name.len() > 253 || !labels).then(|| format!("metadata.name: {name:?} is no name of an object: {cure}"))
}
