//! `validate`: what the API server and the operator would say to a manifest, offline.
//!
//! The schema first, the rules on what fits it, then the conversion. A change of an existing
//! object is not looked at: it takes the old object, which only the cluster has.

use std::io;

use dataworks_core::api::v1alpha1::{DataWorksResource, ResourceDefaults};
use dataworks_core::api::{crds, schema, schema_of};
use dataworks_core::desired::Desired;
use dataworks_core::ids::ProjectId;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::cel::{CompiledSchema, Validator, compile_schema};
use serde::Deserialize as _;
use serde_json::Value;

use super::documents::{self, Document, Exit, Source, Streams};
use crate::bounded::{Bounded, MAX_TEXT, MAX_VALUES};
use crate::telemetry::shown;

/// Checks every object of our kinds in the sources: one line for each on `out` when it is good,
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

/// A good object.
pub(super) enum Judged {
    /// A resource, and what is wanted by it.
    Resource(Box<Desired>),
    /// A workspace.
    Workspace,
}

/// What a good document is; its findings on `err` where it is not.
pub(super) fn report(
    document: &Document,
    admission: &Admission,
    streams: &mut Streams<'_>,
) -> io::Result<Option<Judged>> {
    match admission.judge(&document.object) {
        Ok(judged) => Ok(Some(judged)),
        Err(findings) => {
            for finding in findings {
                writeln!(streams.err, "{}: {}", document.place, shown(&finding))?;
            }
            Ok(None)
        }
    }
}

/// The schema of a kind and its rules.
struct Kind {
    name: String,
    schema: Value,
    rules: CompiledSchema,
}

/// The kinds, compiled once.
pub(super) struct Admission {
    kinds: Vec<Kind>,
    validator: Validator,
}

impl Admission {
    pub(super) fn new() -> Self {
        let kind = |crd: &CustomResourceDefinition| {
            let schema = schema_of(crd);
            Kind { name: crd.spec.names.kind.clone(), rules: compile_schema(&schema), schema }
        };
        Self { kinds: crds().iter().map(kind).collect(), validator: Validator::new() }
    }

    /// What it is, or every finding as `field: message`.
    fn judge(&self, object: &Value) -> Result<Judged, Vec<String>> {
        let named = |kind: &&Kind| object["kind"] == kind.name.as_str();
        let Some(kind) = self.kinds.iter().find(named) else {
            return Err(vec!["kind: it is none of ours".to_owned()]);
        };
        let object = schema::without_nulls(&kind.schema, object);
        let mut findings: Vec<String> =
            schema::violations(&kind.schema, &object).iter().map(ToString::to_string).collect();
        findings.extend(name_problem(&object));
        findings.extend(size_problem(&object));
        if !findings.is_empty() {
            return Err(findings);
        }
        if let Err(errors) = self.validator.validate_compiled(&kind.rules, &object, None) {
            findings.extend(errors.iter().map(ToString::to_string));
        }
        if object["kind"] == "DataWorksWorkspace" {
            return if findings.is_empty() { Ok(Judged::Workspace) } else { Err(findings) };
        }
        let decoded: DataWorksResource =
            serde_json::from_value(object).map_err(|error| vec![error.to_string()])?;
        // The document does not name the workspace, and which one it is, only a cluster knows.
        let any = decoded.spec.workspace_ref.as_ref().and(ProjectId::new(1));
        let desired = Desired::in_workspace(&decoded.spec, any, &ResourceDefaults::default());
        let said_here = desired.as_ref().err().into_iter().flat_map(|error| &error.problems);
        for problem in said_here.map(ToString::to_string) {
            if !findings.contains(&problem) {
                findings.push(problem);
            }
        }
        match desired {
            Ok(desired) if findings.is_empty() => Ok(Judged::Resource(Box::new(desired))),
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
