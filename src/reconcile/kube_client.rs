//! Reads and writes of our objects: one call each, with a deadline and a resourceVersion.
//!
//! It must not decide anything. Every write names the version that it was decided on, so that a
//! change in between makes it fail instead of being overwritten.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dataworks_core::api::FIELD_MANAGER;
use dataworks_core::api::v1alpha1::{ConfigMapKeyRef, DataWorksResource, DataWorksWorkspace};
use dataworks_core::object::ObjectKey;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Resource as _;
use kube::api::{Api, GetParams, Patch, PatchParams};
use kube::core::request::Error as RequestError;
use kube::core::{ObjectMeta, Request};
use reqwest::header::{ACCEPT, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::config_map::{ConfigMapKey, key_of};
use crate::metrics::Metrics;
use crate::pruned::{MetadataOnly, Pruned};

/// An answer that takes longer is not waited for: the API server itself gives up after a minute,
/// and what we ask of it takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(15);

/// Asks for the metadata of the object as the answer to a write.
const METADATA_ONLY: HeaderValue =
    HeaderValue::from_static("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");

/// Why a call to the API server failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Somebody changed the object since it was read.
    #[error("the object changed meanwhile")]
    Conflict,
    /// The object is gone.
    #[error("the object is gone")]
    Gone,
    /// The operator may not do that.
    #[error("the operator may not do that: {0}")]
    Forbidden(String),
    /// The API server refused the call.
    #[error("the API server refused it: {0}")]
    Refused(String),
    /// No answer in time.
    #[error("the API server did not answer within {} s", DEADLINE.as_secs())]
    TimedOut,
    /// The call failed on the way.
    #[error("the API server cannot be reached: {0}")]
    Failed(String),
}

/// Calls to the API server.
#[derive(Clone)]
pub struct Calls {
    client: kube::Client,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

impl Calls {
    /// Calls over this client.
    #[must_use]
    pub fn new(client: kube::Client, metrics: Arc<Metrics>) -> Self {
        Self { client, metrics }
    }

    /// The object as it is now; `None` when it is gone.
    ///
    /// # Errors
    /// When the API server cannot be asked.
    pub async fn get(&self, key: &ObjectKey) -> Result<Option<DataWorksResource>, CallError> {
        let api = self.api(key);
        let read = self.call("get", api.get_opt(&key.name)).await?;
        read.map(decoded).transpose()
    }

    /// What a key of a ConfigMap holds now.
    ///
    /// # Errors
    /// [`CallError::Gone`] when there is no such ConfigMap, [`CallError::Forbidden`] when it may not be read.
    pub async fn config_map_key(
        &self,
        namespace: &str,
        reference: &ConfigMapKeyRef,
    ) -> Result<ConfigMapKey, CallError> {
        let maps = Request::new(ConfigMap::url_path(&(), Some(namespace)));
        let request = maps.get(&reference.name, &GetParams::default());
        let request = request.map_err(|error| CallError::Failed(error.to_string()))?;
        let text = self.call("get", self.client.request_text(request)).await?;
        // Not the text of the error: it may repeat what it did not understand.
        key_of(&text, reference).map_err(|_| CallError::Failed("a ConfigMap cannot be decoded".to_owned()))
    }

    /// Patches metadata. The patch must hold the resourceVersion.
    ///
    /// # Errors
    /// [`CallError::Conflict`] when the object changed, [`CallError::Gone`] when it is gone.
    pub async fn patch_metadata(&self, key: &ObjectKey, metadata: Value) -> Result<ObjectMeta, CallError> {
        let body = json!({ "metadata": metadata });
        let request = paths(key).patch_metadata(&key.name, &params(), &Patch::Merge(&body));
        self.written("patch", request).await
    }

    /// Patches status of the version `resource_version`. Answers the metadata only: the rest is as
    /// it was read, or as it was told.
    ///
    /// # Errors
    /// [`CallError::Conflict`] when the object changed, [`CallError::Gone`] when it is gone.
    pub async fn patch_status(
        &self,
        key: &ObjectKey,
        resource_version: &str,
        status: &Value,
    ) -> Result<ObjectMeta, CallError> {
        let body = json!({ "metadata": { "resourceVersion": resource_version }, "status": status });
        let request = paths(key).patch_subresource("status", &key.name, &params(), &Patch::Merge(&body));
        let request = request.map(|mut request| {
            request.headers_mut().insert(ACCEPT, METADATA_ONLY);
            request
        });
        self.written("patch_status", request).await
    }

    /// Patches metadata of a DataWorksWorkspace. The patch must hold the resourceVersion.
    ///
    /// # Errors
    /// As [`Calls::patch_metadata`].
    pub async fn patch_workspace(&self, key: &ObjectKey, metadata: Value) -> Result<(), CallError> {
        let body = json!({ "metadata": metadata });
        let request = workspaces(key).patch_metadata(&key.name, &params(), &Patch::Merge(&body));
        self.written("patch_workspace", request).await.map(|_| ())
    }

    /// Patches status of the version `resource_version` of a DataWorksWorkspace.
    ///
    /// # Errors
    /// As [`Calls::patch_status`].
    pub async fn patch_workspace_status(
        &self,
        key: &ObjectKey,
        resource_version: &str,
        status: &Value,
    ) -> Result<(), CallError> {
        let body = json!({ "metadata": { "resourceVersion": resource_version }, "status": status });
        let patch = Patch::Merge(&body);
        let request = workspaces(key).patch_subresource("status", &key.name, &params(), &patch);
        let request = request.map(|mut request| {
            request.headers_mut().insert(ACCEPT, METADATA_ONLY);
            request
        });
        self.written("patch_workspace_status", request).await.map(|_| ())
    }

    async fn written(
        &self,
        verb: &'static str,
        request: Result<http::Request<Vec<u8>>, RequestError>,
    ) -> Result<ObjectMeta, CallError> {
        let request = request.map_err(|error| CallError::Failed(error.to_string()))?;
        let answer = self.call(verb, self.client.request::<MetadataOnly>(request)).await?;
        Ok(answer.metadata)
    }

    /// The conditions of an object that cannot be decoded, and its version.
    ///
    /// # Errors
    /// When the API server cannot be asked, or [`CallError::Gone`].
    pub async fn raw_conditions(&self, key: &ObjectKey) -> Result<(String, Vec<Value>), CallError> {
        // The rest is passed over: it may be far more than is taken.
        #[derive(Clone, Debug, Deserialize)]
        struct Raw {
            metadata: RawMetadata,
            #[serde(default)]
            status: RawStatus,
        }
        #[derive(Clone, Debug, Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct RawMetadata {
            resource_version: String,
        }
        #[derive(Clone, Debug, Default, Deserialize)]
        struct RawStatus {
            #[serde(default)]
            conditions: Vec<Value>,
        }
        let request = paths(key).get(&key.name, &GetParams::default());
        let request = request.map_err(|error| CallError::Failed(error.to_string()))?;
        let Raw { metadata, status } = self.call("get", self.client.request::<Raw>(request)).await?;
        Ok((metadata.resource_version, status.conditions))
    }

    /// Patches status of an object that cannot be decoded.
    ///
    /// # Errors
    /// As [`Calls::patch_status`].
    pub async fn patch_raw_status(
        &self,
        key: &ObjectKey,
        resource_version: &str,
        status: &Value,
    ) -> Result<(), CallError> {
        let api = self.api(key);
        let body = json!({ "metadata": { "resourceVersion": resource_version }, "status": status });
        let patch = Patch::Merge(&body);
        let end = self.call("patch_status", api.patch_status(&key.name, &params(), &patch)).await;
        end.map(|_| ())
    }

    fn api(&self, key: &ObjectKey) -> Api<Pruned<DataWorksResource>> {
        Api::namespaced(self.client.clone(), &key.namespace)
    }

    async fn call<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, CallError> {
        let end = match tokio::time::timeout(DEADLINE, call).await {
            Err(_) => {
                self.metrics.timeouts.inc();
                Err(CallError::TimedOut)
            }
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(kube::Error::Api(status))) if status.is_conflict() => Err(CallError::Conflict),
            Ok(Err(kube::Error::Api(status))) if status.is_not_found() => Err(CallError::Gone),
            Ok(Err(kube::Error::Api(status))) if status.is_forbidden() => {
                Err(CallError::Forbidden(status.message))
            }
            Ok(Err(kube::Error::Api(status))) => Err(CallError::Refused(status.message)),
            Ok(Err(error)) => Err(CallError::Failed(error.to_string())),
        };
        self.metrics.kubernetes_call(verb, end.is_ok());
        end
    }
}

fn paths(key: &ObjectKey) -> Request {
    Request::new(DataWorksResource::url_path(&(), Some(&key.namespace)))
}

fn workspaces(key: &ObjectKey) -> Request {
    Request::new(DataWorksWorkspace::url_path(&(), Some(&key.namespace)))
}

fn decoded(read: Pruned<DataWorksResource>) -> Result<DataWorksResource, CallError> {
    read.0.map_err(|undecodable| CallError::Failed(undecodable.to_string()))
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}
