//! The CRDs as they are installed: what the derives give, finished.
//!
//! The derive cannot say two things: no field takes `null` (it would count in `has()`), and a
//! just-applied object's status says that nobody looked at it yet. It must not know any field's
//! meaning.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt as _;
use serde_json::Value;

use super::v1alpha1::{DataWorksResource, DataWorksWorkspace};

/// Every CRD of the operator, ready to be applied. Use this and not the derived `crd()`.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![finish(DataWorksResource::crd()), finish(DataWorksWorkspace::crd())]
}

/// The schema of a CRD's first version, as JSON.
#[must_use]
pub fn schema_of(crd: &CustomResourceDefinition) -> Value {
    crd.spec
        .versions
        .first()
        .and_then(|version| version.schema.as_ref())
        .and_then(|schema| serde_json::to_value(schema.open_api_v3_schema.as_ref()?).ok())
        .unwrap_or(Value::Null)
}

fn finish(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let Some(schema) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) else {
            continue;
        };
        refuse_null(schema);
        schema.title = None;
        if let Some(status) = schema.properties.as_mut().and_then(|p| p.get_mut("status")) {
            status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
        }
    }
    crd
}

/// Takes `nullable` off a schema and everything below it.
fn refuse_null(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    for property in schema.properties.iter_mut().flat_map(|p| p.values_mut()) {
        refuse_null(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => refuse_null(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(refuse_null),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(more)) = &mut schema.additional_properties {
        refuse_null(more);
    }
}
