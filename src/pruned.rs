//! Objects as the API server tells them, without what the operator never looks at.
//!
//! `managedFields` outgrows many an object and comes with every answer and every change; as a tree
//! of maps it would be built and dropped each time. Here it is skipped unread, and so are labels and the annotations that
//! nobody here asks for: they may hold 256 KiB, and a DataWorksWorkspace is kept for as long as it is there. An object that
//! cannot be decoded, or holds more than is taken, keeps its metadata and fails alone. Of a ConfigMap nothing is read
//! but which version it is.

mod annotations;

use std::borrow::Cow;

use dataworks_core::api::RECONCILE_REQUESTED;
use dataworks_core::api::v1alpha1::{
    DataWorksResource, DataWorksResourceSpec, DataWorksResourceStatus, DataWorksWorkspace,
    DataWorksWorkspaceSpec, DataWorksWorkspaceStatus,
};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::bounded::Bounded;
use annotations::Annotations;

/// Finalizers of an object: each is somebody's who deletes with care, and there are few of them.
const MAX_FINALIZERS: usize = 64;
/// Longest text of why an object cannot be decoded, in bytes.
const WHY_LIMIT: usize = 256;

/// A kind of ours, put together from its parts.
pub trait Kind: Resource<DynamicType = ()> {
    /// What is declared.
    type Spec: DeserializeOwned;
    /// What is so.
    type Status: DeserializeOwned;

    /// The whole of it.
    fn whole(metadata: ObjectMeta, spec: Self::Spec, status: Option<Self::Status>) -> Self;
}

impl Kind for DataWorksResource {
    type Spec = DataWorksResourceSpec;
    type Status = DataWorksResourceStatus;

    fn whole(metadata: ObjectMeta, spec: Self::Spec, status: Option<Self::Status>) -> Self {
        Self { metadata, spec, status }
    }
}

impl Kind for DataWorksWorkspace {
    type Spec = DataWorksWorkspaceSpec;
    type Status = DataWorksWorkspaceStatus;

    fn whole(mut metadata: ObjectMeta, spec: Self::Spec, status: Option<Self::Status>) -> Self {
        // The others are of files, which it has none of.
        if let Some(annotations) = &mut metadata.annotations {
            annotations.retain(|name, _| name == RECONCILE_REQUESTED);
        }
        Self { metadata, spec, status }
    }
}

/// An object, decoded or not.
#[derive(Clone, Debug)]
pub struct Pruned<K>(pub Result<K, Undecodable>);

/// Which version of a ConfigMap there is.
#[derive(Clone, Debug, Deserialize)]
pub struct ConfigMapVersion {
    /// Name, namespace, uid and version.
    #[serde(deserialize_with = "version")]
    pub metadata: ObjectMeta,
}

/// What is known of an object of a newer or broken schema, or of too large a one.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}")]
pub struct Undecodable {
    /// Why.
    pub why: Why,
    /// Its metadata, as far as it is read here, without what may be large.
    pub metadata: ObjectMeta,
}

/// Why an object cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// It is not as this version reads it. What it holds instead is not told.
    #[error("{0}")]
    Schema(String),
    /// It holds more than is taken.
    #[error("it holds more than this operator takes")]
    TooMuch,
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
    #[serde(default = "nothing")]
    spec: Bounded,
    #[serde(default)]
    status: Value,
}

fn nothing() -> Bounded {
    Bounded(Some(Value::Null))
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
    annotations: Annotations,
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
        annotations: Annotations(annotations),
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

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Read {
        name: Option<String>,
        namespace: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
    }
    let Read { name, namespace, uid, resource_version } = Read::deserialize(deserializer)?;
    Ok(ObjectMeta { name, namespace, uid, resource_version, ..ObjectMeta::default() })
}

impl<'de, K: Kind> Deserialize<'de> for Pruned<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Parts { mut metadata, spec: Bounded(spec), status } = Parts::deserialize(deserializer)?;
        let few = metadata.finalizers.as_ref().is_none_or(|names| names.len() <= MAX_FINALIZERS);
        let decoded = spec.filter(|_| few).ok_or(Why::TooMuch).and_then(|spec| {
            let spec = serde_json::from_value(spec).map_err(|error| why(&error))?;
            Ok((spec, serde_json::from_value(status).map_err(|error| why(&error))?))
        });
        Ok(Self(match decoded {
            Ok((spec, status)) => Ok(K::whole(metadata, spec, status)),
            Err(why) => {
                (metadata.finalizers, metadata.annotations) = (None, None);
                Err(Undecodable { why, metadata })
            }
        }))
    }
}

/// What was expected, without what stands there: it may be content.
fn why(error: &serde_json::Error) -> Why {
    let text = error.to_string();
    let mut text = match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => text,
    };
    text.truncate(text.floor_char_boundary(WHY_LIMIT));
    Why::Schema(text)
}

impl<K: Kind> Resource for Pruned<K> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind(dynamic: &()) -> Cow<'_, str> {
        K::kind(dynamic)
    }

    fn group(dynamic: &()) -> Cow<'_, str> {
        K::group(dynamic)
    }

    fn version(dynamic: &()) -> Cow<'_, str> {
        K::version(dynamic)
    }

    fn plural(dynamic: &()) -> Cow<'_, str> {
        K::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        match &self.0 {
            Ok(object) => object.meta(),
            Err(undecodable) => &undecodable.metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(object) => object.meta_mut(),
            Err(undecodable) => &mut undecodable.metadata,
        }
    }
}

impl Resource for ConfigMapVersion {
    type DynamicType = ();
    type Scope = <ConfigMap as Resource>::Scope;

    /// The API server is asked for no more either.
    fn metadata_api() -> bool {
        true
    }

    fn kind(dynamic: &()) -> Cow<'_, str> {
        ConfigMap::kind(dynamic)
    }

    fn group(dynamic: &()) -> Cow<'_, str> {
        ConfigMap::group(dynamic)
    }

    fn version(dynamic: &()) -> Cow<'_, str> {
        ConfigMap::version(dynamic)
    }

    fn plural(dynamic: &()) -> Cow<'_, str> {
        ConfigMap::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests;
