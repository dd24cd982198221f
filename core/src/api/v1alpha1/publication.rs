//! Publishing: what is wished in spec, and how it stands in status.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::rules;

/// When and how far the file is published.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Publish {
    /// When: `OnChange` publishes every version that is declared. Example: `OnChange`.
    pub policy: PublishPolicy,
    /// The code of the last stage of the deployment that is run, at most 128 letters, digits, `_`, `-`
    /// and `.`. Absent: all stages. Example: `DEV`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    #[x_kube(validation = &rules::UNTIL_STAGE)]
    pub until_stage: Option<String>,
}

/// When a file is published.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishPolicy {
    /// Whenever what is declared has changed.
    OnChange,
    /// A word of a newer schema, which publishes nothing.
    #[serde(other)]
    #[schemars(skip)]
    Unsupported,
}

/// How publishing stands.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Publication {
    /// The id of the last deployment run. Example: `1d1a4ba8-0000-4000-8000-00000000abcd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub run_id: Option<String>,
    /// What that run does: `Online` (publish) or `Offline` (take away). Example: `Online`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RunType")]
    pub type_: Option<RunType>,
    /// The specDigest that it publishes. Example:
    /// `9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub digest: Option<String>,
    /// How far it was to go; absent: all stages. Example: `DEV`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub until_stage: Option<String>,
    /// Who starts its stages: `Auto` (the service) or `Normal` (the operator). Example: `Auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RunMode")]
    pub mode: Option<RunMode>,
    /// The code of the stage that it is at, or ended at. Example: `PROD_CHECK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub stage: Option<String>,
    /// Where it stands: `Requested` (not made yet, or not known), `Init`, `Starting`, `Running`,
    /// `AwaitingApproval`, `Success`, `Fail`, `Termination` or `Cancel`. Example: `Success`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PublicationStatus")]
    pub status: Option<PublicationStatus>,
    /// Why it failed. Example: `The deployment run failed at stage PROD_CHECK.`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub message: Option<String>,
    /// The specDigest that was last published. Example:
    /// `9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub published_digest: Option<String>,
    /// When stage or status last changed, RFC 3339. Example: `2026-01-02T03:04:05Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// The request for a run whose id is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<PublicationRequest>,
}

/// A request for a run, recorded before it is sent.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PublicationRequest {
    /// When it was recorded, RFC 3339 with fractions of a second. Example:
    /// `2026-01-02T03:04:05.123456Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub at: Option<String>,
    /// The uid of the pod that recorded it. Example: `0b0f3a4e-4a0b-4d5c-a8c5-ef5c6c2b1f8d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub holder: Option<String>,
    /// The id of the newest run of the file before it; absent where there was none. Example:
    /// `1d1a4ba8-0000-4000-8000-00000000abcd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub after: Option<String>,
}

/// What a deployment run does.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunType {
    /// It publishes.
    Online,
    /// It takes away what is published. A word of a newer schema reads as this.
    #[serde(other)]
    Offline,
}

/// Who starts the stages of a run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunMode {
    /// The service.
    Auto,
    /// The operator. A word of a newer schema reads as this.
    #[serde(other)]
    Normal,
}

/// Where a publication stands.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicationStatus {
    /// It is to be made, or was and its id is not known.
    Requested,
    /// It is made, and the stage has not begun.
    Init,
    /// The stage was started.
    Starting,
    /// It waits for a person.
    AwaitingApproval,
    /// It ended well.
    Success,
    /// It failed.
    Fail,
    /// It was ended by an approver or by the service.
    Termination,
    /// It was cancelled.
    Cancel,
    /// The stage is under way. A word of a newer schema reads as this.
    #[serde(other)]
    Running,
}

impl PublicationStatus {
    /// True when nothing follows by itself.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Requested | Self::Init | Self::Starting | Self::Running | Self::AwaitingApproval => false,
            Self::Success | Self::Fail | Self::Termination | Self::Cancel => true,
        }
    }
}
