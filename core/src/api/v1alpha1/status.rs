//! What the operator last saw and did.
//!
//! Everything is optional, since a status may come from any version, and slow-moving: nothing here
//! changes while nothing happens.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Datasource, Publication, ResourceDefaults, ResourceType};

/// What the operator last saw and did. Written by the operator only.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DataWorksResourceStatus {
    /// The generation of the object that this status speaks of; -1 until it was first looked at.
    /// Example: `3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The id of the file resource in its workspace, decimal digits. It never changes while the
    /// file exists. Example: `"6314788648976303104"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub id: Option<String>,
    /// The request id of the last successful CreateResource or UpdateResource. Example:
    /// `0BF3FA48-4A0B-5D5C-A8C5-EF5C6C2B1F8D`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub request_id: Option<String>,
    /// How the file came to the object: `Created` by the operator, or `Adopted` as it was. Example:
    /// `Created`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Origin")]
    pub origin: Option<Origin>,
    /// The id of the workspace that holds the file. Example: `123456`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<i64>,
    /// The file's path in the workspace as last sent. Example: `Folder/file.py`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub path: Option<String>,
    /// The file's type as last sent, declared or from the suffix. Example: `Python`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ResourceType")]
    pub type_: Option<ResourceType>,
    /// The data source as last sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datasource: Option<Datasource>,
    /// What the DataWorksWorkspace's defaults were when the file was made. They hold for as long as the file is
    /// there; what spec says itself wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<ResourceDefaults>,
    /// The SHA-256 of the content as last sent, 64 hex digits; absent for a URL without sha256.
    /// Example: `9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub content_digest: Option<String>,
    /// The version of the ConfigMap that the content was last read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_source: Option<ContentSource>,
    /// The SHA-256 of all that was last sent (document, URL and its sha256), 64 hex digits: equal
    /// digests mean that nothing has to be sent. Example:
    /// `9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub spec_digest: Option<String>,
    /// When the file was made, by the service's clock, RFC 3339. Example: `2026-01-02T03:04:05Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<Time>,
    /// When the file last changed, by the service's clock, RFC 3339. Example:
    /// `2026-01-02T03:04:05Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modify_time: Option<Time>,
    /// When the operator last changed the file (not when it last looked), RFC 3339. Example:
    /// `2026-01-02T03:04:05Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sync_time: Option<Time>,
    /// The last value of the annotation `dataworks.alibabacloud.com/reconcile-requested-at` that was
    /// acted on, cut at 256 characters. Example: `2026-01-02T03:04:05Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
    /// The last value of the annotation `dataworks.alibabacloud.com/publish-requested-at` that was
    /// acted on, cut at 256 characters. Example: `2026-01-02T03:04:05Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_publish_at: Option<String>,
    /// How publishing stands, where it was ever wished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publication: Option<Publication>,
    /// The last try to make the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// The last call that failed, until one succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
    /// The state in a few words, by type: `Ready`, `Synced`, `Published` where it is wished, and while true `Reconciling` or
    /// `Stalled`. At most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
}

/// A version of a ConfigMap.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ContentSource {
    /// Its uid. Example: `8c6c928b-6157-42b7-9c91-e0c261389114`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub uid: Option<String>,
    /// Its resourceVersion. Example: `"4711"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub resource_version: Option<String>,
}

/// How a file came to its object.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The operator made it.
    Created,
    /// It was there before. A word of a newer schema reads as this, since it deletes nothing.
    #[serde(other)]
    Adopted,
}

/// One try to make the file.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// The `at` of the create intent that it belongs to, RFC 3339 with fractions of a second
    /// exactly as the intent has it. Example: `2026-01-02T03:04:05.123456Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub at: Option<String>,
    /// What became of it: `Done`, `Refused` (nothing happened) or `Unknown` (it may have
    /// happened). Example: `Done`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AttemptOutcome")]
    pub outcome: Option<AttemptOutcome>,
    /// Where the file may have been made, while the outcome is `Unknown`. Example: `reports/daily.py`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub path: Option<String>,
    /// How many tries in a row of the same document were refused. Example: `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusals: Option<i32>,
}

/// What became of a try.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The service said that it did it.
    Done,
    /// Definitely nothing happened.
    Refused,
    /// It may or may not have happened. A word of a newer schema reads as this, the safe meaning.
    #[serde(other)]
    Unknown,
}

/// A call that failed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LastError {
    /// The service's code, or a word of the operator where there was no answer. Example:
    /// `Throttling.User`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub code: Option<String>,
    /// What the service said, at most 512 bytes. Example: `Script path must end with node name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub message: Option<String>,
    /// The service's request id, for its support. Example:
    /// `0BF3FA48-4A0B-5D5C-A8C5-EF5C6C2B1F8D`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub request_id: Option<String>,
    /// When it was first seen, RFC 3339. Example: `2026-01-02T03:04:05Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

/// A list map by type of conditions, with the limits that the Kubernetes API puts on them.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "description": "One aspect of the object's state.",
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {
                    "description": "The aspect. Example: `Ready`.",
                    "type": "string",
                    "maxLength": 316,
                    "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
                },
                "status": {
                    "description": "`True`, `False` or `Unknown`. Example: `True`.",
                    "type": "string",
                    "enum": ["True", "False", "Unknown"]
                },
                "observedGeneration": {
                    "description": "The generation of the object that the condition speaks of. Example: `3`.",
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0
                },
                "lastTransitionTime": {
                    "description": "When status last changed, RFC 3339. Example: `2026-01-02T03:04:05Z`.",
                    "type": "string",
                    "format": "date-time"
                },
                "reason": {
                    "description": "Why, as one word for programs. Example: `Succeeded`.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
                },
                "message": {
                    "description": "What is so, where, and what to do, for people. May be empty. Example: `The file is in the workspace as declared.`",
                    "type": "string",
                    "maxLength": 32768
                }
            }
        }
    })
}
