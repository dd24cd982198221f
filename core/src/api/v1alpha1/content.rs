//! What a file holds and where it is kept.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::rules;

/// What the file holds: exactly one of `inline`, `configMapKeyRef` and `url`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = &rules::CONTENT_ONE_OF)]
pub struct Content {
    /// The file's text, at most 131072 bytes of UTF-8. Example: `print("hello")`. A change is
    /// sent to the workspace. Text only: a jar or an archive comes from a ConfigMap or a url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 131_072))]
    #[x_kube(validation = &rules::INLINE_BYTES)]
    pub inline: Option<String>,
    /// A key of a ConfigMap of the object's namespace, in its data or binaryData. A change of what the key
    /// holds is sent to the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<ConfigMapKeyRef>,
    /// A URL that the service downloads the file from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<UrlContent>,
}

/// A key of a ConfigMap.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeyRef {
    /// The ConfigMap's name; it is of the same namespace. Example: `click-cleaner`.
    #[schemars(length(max = 253))]
    #[x_kube(validation = &rules::CONFIG_MAP_NAME)]
    pub name: String,
    /// The key, in data (text) or binaryData (any file), at most 253 characters. Example: `cleaner.py`.
    #[schemars(length(max = 253))]
    #[x_kube(validation = &rules::CONFIG_MAP_KEY)]
    pub key: String,
}

/// A URL that the service downloads the file from.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct UrlContent {
    /// An http or https URL that the service itself can reach without credentials, at most 2048
    /// characters. Example: `https://example.com/lib-1.2.jar`. A change is sent to the workspace.
    #[schemars(length(max = 2048))]
    #[x_kube(validation = &rules::URL)]
    pub location: String,
    /// The SHA-256 of the file, 64 hex digits. It is not compared with the download: a change of
    /// it says that the URL has new content, which is then sent. Absent: only a changed location
    /// is new content. Example:
    /// `9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = &rules::SHA256)]
    pub sha256: Option<String>,
}

/// A data source of the workspace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase")]
pub struct Datasource {
    /// Its name in the workspace, at most 255 characters. Example: `odps_first`.
    #[schemars(length(max = 255))]
    #[x_kube(validation = &rules::DATASOURCE_NAME)]
    pub name: String,
    /// Its type as a document spells it, at most 64 characters: `odps` (MaxCompute), `emr`, `cdh`
    /// or another in lower case. Example: `odps`.
    #[serde(rename = "type")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = &rules::DATASOURCE_TYPE)]
    pub type_: String,
}

/// Where the engine keeps the file.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = &rules::STORAGE_LOCAL,
    validation = &rules::STORAGE_OSS,
    validation = &rules::STORAGE_HDFS
)]
pub struct Storage {
    /// `local`, `oss` or `hdfs`. Example: `hdfs`.
    #[serde(rename = "type")]
    pub type_: StorageType,
    /// For `local`: the folder, at most 1024 characters. Example: `/data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub root: Option<String>,
    /// For `oss`: the endpoint, at most 255 characters. Example:
    /// `https://oss-cn-hangzhou.aliyuncs.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub endpoint: Option<String>,
    /// For `oss`: the bucket, at most 63 characters. Example: `jars`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub bucket: Option<String>,
    /// For `hdfs`: the addresses of the name nodes, at most 16. Example: `[hdfs://nn-1:9000]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 16),
        inner(length(max = 255)),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    pub addresses: Option<Vec<String>>,
    /// For `hdfs`: the user, at most 64 characters. Example: `hadoop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub hdfs_user: Option<String>,
    /// The file's path in that storage, at most 1024 characters. Example: `/user/lib.jar`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub path: Option<String>,
    /// The file's suffix in that storage, at most 64 characters. Example: `.jar`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub extension: Option<String>,
}

/// The kind of a storage.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum StorageType {
    /// A folder of the gateway.
    Local,
    /// Object Storage Service.
    Oss,
    /// A Hadoop file system.
    Hdfs,
    /// A value of a newer schema.
    #[serde(other)]
    #[schemars(skip)]
    Unsupported,
}
