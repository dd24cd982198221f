//! The API server's admission, without one: the schema first, then the rules.

use dataworks_core::api::{crds, schema, schema_of};
use kube::core::cel::{CompiledSchema, Validator, compile_schema};
use serde_json::Value;

/// The schema of a kind and its rules, compiled once.
pub(crate) struct Admission {
    schema: Value,
    rules: CompiledSchema,
    validator: Validator,
}

impl Admission {
    /// Of DataWorksResources. Panics when a rule does not compile.
    pub(crate) fn new() -> Self {
        Self::of("DataWorksResource")
    }

    /// Of a kind.
    pub(crate) fn of(kind: &str) -> Self {
        let crd = crds().into_iter().find(|crd| crd.spec.names.kind == kind).unwrap();
        let schema = schema_of(&crd);
        let rules = compile_schema(&schema);
        assert!(!rules.has_errors());
        Self { schema, rules, validator: Validator::new() }
    }

    /// Every reason to refuse: field and message.
    pub(crate) fn refusals(&self, object: &Value, old: Option<&Value>) -> Vec<(String, String)> {
        let object = schema::without_nulls(&self.schema, object);
        let structural = schema::violations(&self.schema, &object);
        if !structural.is_empty() {
            return structural.into_iter().map(|v| (v.field, v.message)).collect();
        }
        match self.validator.validate_compiled(&self.rules, &object, old) {
            Ok(()) => Vec::new(),
            Err(errors) => errors.into_iter().map(|e| (e.field_path, e.message)).collect(),
        }
    }
}
