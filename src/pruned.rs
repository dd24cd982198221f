//! Our objects as the API server tells them, without what the operator never looks at.
//!
//! `managedFields` outgrows many an object and comes with every answer and every change; as a tree
//! of maps it would be built and dropped each time. Here it is skipped unread. An object that
//! cannot be decoded keeps its metadata and fails alone.

use std::borrow::Cow;
use std::collections::BTreeMap;

use dataworks_core::api::v1alpha1::DataWorksResource;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An object, decoded or not.
#[derive(Clone, Debug)]
pub struct Pruned(pub Result<DataWorksResource, Undecodable>);

/// What is known of an object of a newer or broken schema.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct Undecodable {
    /// Why.
    pub error: String,
    /// Its metadata, as far as it is read here.
    pub metadata: ObjectMeta,
}

/// The answer to a write of metadata, which holds nothing else.
#[derive(Clone, Debug, Deserialize)]
pub struct MetadataOnly {
    /// Its metadata, as far as it is read here.
    #[serde(deserialize_with = "metadata")]
    pub metadata: ObjectMeta,
}

#[derive(Deserialize)]
struct Parts {
    #[serde(deserialize_with = "metadata")]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Value,
    #[serde(default)]
    status: Value,
}

/// What is read of metadata.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
    annotations: Option<BTreeMap<String, String>>,
}

fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let Metadata {
        name,
        namespace,
        uid,
        resource_version,
        generation,
        creation_timestamp,
        deletion_timestamp,
        finalizers,
        annotations,
    } = Metadata::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name,
        namespace,
        uid,
        resource_version,
        generation,
        creation_timestamp,
        deletion_timestamp,
        finalizers,
        annotations,
        ..ObjectMeta::default()
    })
}

impl<'de> Deserialize<'de> for Pruned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Parts { metadata, spec, status } = Parts::deserialize(deserializer)?;
        let decoded =
            serde_json::from_value(spec).and_then(|spec| Ok((spec, serde_json::from_value(status)?)));
        Ok(Self(match decoded {
            Ok((spec, status)) => Ok(DataWorksResource { metadata, spec, status }),
            Err(error) => Err(Undecodable { error: error.to_string(), metadata }),
        }))
    }
}

impl Resource for Pruned {
    type DynamicType = ();
    type Scope = <DataWorksResource as Resource>::Scope;

    fn kind(dynamic: &()) -> Cow<'_, str> {
        DataWorksResource::kind(dynamic)
    }

    fn group(dynamic: &()) -> Cow<'_, str> {
        DataWorksResource::group(dynamic)
    }

    fn version(dynamic: &()) -> Cow<'_, str> {
        DataWorksResource::version(dynamic)
    }

    fn plural(dynamic: &()) -> Cow<'_, str> {
        DataWorksResource::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        match &self.0 {
            Ok(object) => &object.metadata,
            Err(undecodable) => &undecodable.metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(object) => &mut object.metadata,
            Err(undecodable) => &mut undecodable.metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn whole() -> Value {
        json!({
            "apiVersion": "dataworks.alibabacloud.com/v1alpha1", "kind": "DataWorksResource",
            "metadata": {
                "name": "n", "namespace": "ns", "uid": "u", "resourceVersion": "7", "generation": 2,
                "creationTimestamp": "2026-01-02T03:04:05Z", "deletionTimestamp": "2026-01-02T03:04:06Z",
                "finalizers": ["a/b", "c/d"], "annotations": { "x": "y" },
                "managedFields": [{ "manager": "m", "operation": "Apply", "fieldsV1": { "f:spec": {} } }],
            },
            "spec": { "projectId": 7, "path": "XX/a.py", "content": { "inline": "x" } },
            "status": { "id": "1", "conditions": [] },
        })
    }

    #[test]
    fn differs_from_the_whole_object_in_managed_fields_only() {
        let mut want: DataWorksResource = serde_json::from_value(whole()).unwrap();
        assert!(want.metadata.managed_fields.take().is_some());
        let got: Pruned = serde_json::from_value(whole()).unwrap();
        assert_eq!(got.0.unwrap(), want);
        let got: MetadataOnly = serde_json::from_value(whole()).unwrap();
        assert_eq!(got.metadata, want.metadata);
    }

    #[test]
    fn an_object_without_status_has_none() {
        for status in [None, Some(Value::Null)] {
            let mut object = whole();
            object["status"] = status.clone().unwrap_or_default();
            if status.is_none() {
                object.as_object_mut().unwrap().remove("status");
            }
            let got: Pruned = serde_json::from_value(object).unwrap();
            assert_eq!(got.0.unwrap().status, None);
        }
    }

    #[test]
    fn a_broken_spec_or_status_leaves_the_metadata() {
        for (field, broken) in
            [("spec", json!({ "projectId": "seven" })), ("spec", Value::Null), ("status", json!(1))]
        {
            let mut object = whole();
            object[field] = broken;
            let got: Pruned = serde_json::from_value(object).unwrap();
            assert_eq!(got.meta().uid.as_deref(), Some("u"), "{field}");
            got.0.unwrap_err();
        }
    }
}
