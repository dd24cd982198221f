//! The kind `DataWorksWorkspace`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::conditions;
use super::{Datasource, LastError};
use crate::api::rules;

/// Which workspace it is, how it is reached, and what it may cost.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "dataworks.alibabacloud.com",
    version = "v1alpha1",
    kind = "DataWorksWorkspace",
    plural = "dataworksworkspaces",
    namespaced,
    derive = "PartialEq",
    status = "DataWorksWorkspaceStatus",
    doc = "A workspace of Alibaba Cloud DataWorks: where it is, whose credentials reach it, and how often it may be called. DataWorksResources of the same namespace name it in workspaceRef. The operator makes nothing in the cloud for it.",
    shortname = "dww",
    category = "dataworks",
    category = "alibabacloud",
    selectable = ".spec.projectId",
    selectable = ".spec.region",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the workspace can be worked with."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why."
    ),
    printcolumn(
        name = "Workspace",
        type_ = "integer",
        json_path = ".spec.projectId",
        description = "The workspace's id."
    ),
    printcolumn(
        name = "Region",
        type_ = "string",
        json_path = ".spec.region",
        description = "The workspace's region."
    ),
    printcolumn(
        name = "Resources",
        type_ = "integer",
        json_path = ".status.resources.total",
        description = "How many DataWorksResources name it."
    ),
    printcolumn(
        name = "Mass-Absence",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"MassAbsence\")].status",
        description = "True: so many of its files are gone at once that none is made again. False: a person asked for them. Empty: neither."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Time since the object was made."
    ),
    printcolumn(
        name = "Not-Ready",
        type_ = "integer",
        priority = 1,
        json_path = ".status.resources.notReady",
        description = "How many of these are not ready."
    ),
    printcolumn(
        name = "Mode",
        type_ = "string",
        priority = 1,
        json_path = ".status.project.mode",
        description = "Whether the workspace has a development environment."
    ),
    printcolumn(
        name = "Calls-Today",
        type_ = "integer",
        priority = 1,
        json_path = ".status.calls.today",
        description = "Calls that its identity made today (UTC) in the region, for all its workspaces."
    ),
    printcolumn(
        name = "Calls-Left",
        type_ = "integer",
        priority = 1,
        json_path = ".status.calls.left",
        description = "Calls that today has left, where a day is limited."
    ),
    printcolumn(
        name = "Inventory",
        type_ = "date",
        priority = 1,
        json_path = ".status.inventoryTime",
        description = "Time since the workspace was last listed to find what others changed."
    ),
    printcolumn(
        name = "Status",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        description = "What is so, where, and what to do."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = &rules::ENDPOINT_OR_NETWORK,
    validation = &rules::BUDGET_NEEDS_CREDENTIALS
)]
pub struct DataWorksWorkspaceSpec {
    /// The workspace's id, a whole number from 1, as the console shows it. Example: `123456`.
    /// Immutable.
    #[x_kube(validation = &rules::PROJECT_ID, validation = &rules::PROJECT_ID_IMMUTABLE)]
    pub project_id: i64,
    /// The region that the workspace is in, at most 63 characters. Example: `cn-shanghai`. Immutable.
    #[schemars(length(max = 63))]
    #[x_kube(validation = &rules::REGION, validation = &rules::REGION_IMMUTABLE)]
    pub region: String,
    /// The network that the service is reached through: `Public`, or `VPC` from inside a VPC of the
    /// region. Absent: `Public`. Example: `VPC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Network")]
    pub network: Option<Network>,
    /// The host of the DataWorks API, at most 253 characters: one of the service's own
    /// (`dataworks.REGION.aliyuncs.com`, `dataworks-vpc.REGION.aliyuncs.com`), or one that the operator's
    /// `--allowed-endpoints` names. Absent: from region and network. Example:
    /// `dataworks.cn-shanghai.aliyuncs.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = &rules::ENDPOINT_HOST)]
    pub endpoint: Option<String>,
    /// Whose identity the workspace is reached with. Absent: the operator's own, which is allowed only
    /// where its default connection is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<WorkspaceCredentials>,
    /// What the operator fills in when it makes the file of an object that does not say it itself. A change
    /// is for files that are made from then on; each object keeps in its status what its file was made with. An
    /// object with a flowSpec or a resourceId, and a file that is adopted, gets nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<ResourceDefaults>,
    /// The edition of DataWorks that the account has, which sets the calls a second (2 for Basic, 3 for
    /// Standard and Professional, 10 for Enterprise) and a day (80 for Basic). Absent: `Standard`.
    /// Example: `Basic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Edition")]
    pub edition: Option<Edition>,
    /// Calls a second, in place of the edition's, from 1 to 50. Workspaces of one account and region share
    /// their calls, and the smallest figure that any of them says holds. Example: `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = &rules::REQUESTS_PER_SECOND)]
    pub requests_per_second: Option<i32>,
    /// Calls a day (UTC), in place of the edition's; shared as above. Example: `500`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = &rules::REQUESTS_PER_DAY)]
    pub requests_per_day: Option<i64>,
    /// How often the workspace is listed to find what others changed: a whole number with s, m or h.
    /// Costs a call for each 100 files. Absent: the operator's `--drift-interval`. Example: `6h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 7))]
    #[x_kube(validation = &rules::DRIFT_INTERVAL)]
    pub drift_interval: Option<String>,
}

/// What a file gets that its object does not say.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDefaults {
    /// The engine's data source. Not for objects whose command is of another engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datasource: Option<Datasource>,
    /// The id of the account that owns the file, at most 64 characters. Example: `"1234567890123456"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = &rules::OWNER)]
    pub owner: Option<String>,
    /// The identifier of the resource group for scheduling, at most 128 characters. Example: `S_res_group_1_2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    #[x_kube(validation = &rules::RESOURCE_GROUP)]
    pub resource_group: Option<String>,
}

/// The network that the service is reached through.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The region's own network.
    #[serde(rename = "VPC")]
    Vpc,
    /// The internet. A word of a newer schema reads as this.
    #[serde(other)]
    Public,
}

/// An edition of DataWorks.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// At most 50 reads and 20 writes a second.
    Enterprise,
    /// At most 5 calls a second.
    Professional,
    /// At most 5 calls a second.
    Standard,
    /// At most 5 calls a second and 100 a day. A word of a newer schema reads as this, the most careful.
    #[serde(other)]
    Basic,
}

impl Edition {
    /// Calls a second that leave room for the account's other callers.
    #[must_use]
    pub fn requests_per_second(self) -> f64 {
        match self {
            Self::Basic => 2.0,
            Self::Standard | Self::Professional => 3.0,
            Self::Enterprise => 10.0,
        }
    }

    /// Calls a day that leave room for the account's other callers; `None`: no limit.
    #[must_use]
    pub fn requests_per_day(self) -> Option<u64> {
        match self {
            Self::Basic => Some(80),
            Self::Standard | Self::Professional | Self::Enterprise => None,
        }
    }
}

/// Whose identity a workspace is reached with: exactly one of secretRef, rrsa and assumeRole. What is named is of
/// the workspace's own namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = &rules::CREDENTIALS_ONE_OF)]
pub struct WorkspaceCredentials {
    /// An access key in a Secret of this namespace, which the operator must be allowed to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
    /// A RAM role that trusts a ServiceAccount of this namespace (RRSA): no access key is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrsa: Option<Rrsa>,
    /// A RAM role that trusts the operator's own identity, and that an administrator has opened to
    /// this namespace (`--assume-roles`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume_role: Option<AssumeRole>,
}

/// A Secret of the same namespace with the keys `accessKeyId` and `accessKeySecret`, and for temporary
/// credentials `securityToken`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// Its name, at most 253 characters. Example: `dataworks-key`.
    #[schemars(length(max = 253))]
    #[x_kube(validation = &rules::OBJECT_NAME)]
    pub name: String,
}

/// A RAM role for a ServiceAccount.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Rrsa {
    /// The role, at most 256 characters. Example: `acs:ram::1234567890123456:role/dataworks`.
    #[schemars(length(max = 256))]
    #[x_kube(validation = &rules::ROLE_ARN)]
    pub role_arn: String,
    /// The OIDC provider in RAM that stands for this cluster, at most 256 characters. Example:
    /// `acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123`.
    #[schemars(length(max = 256))]
    #[x_kube(validation = &rules::OIDC_PROVIDER_ARN)]
    pub oidc_provider_arn: String,
    /// The ServiceAccount of this namespace that the role trusts, at most 253 characters. Example:
    /// `dataworks`.
    #[schemars(length(max = 253))]
    #[x_kube(validation = &rules::OBJECT_NAME)]
    pub service_account_name: String,
}

/// A RAM role that the operator's identity assumes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AssumeRole {
    /// The role, at most 256 characters. Example: `acs:ram::1234567890123456:role/dataworks`.
    #[schemars(length(max = 256))]
    #[x_kube(validation = &rules::ROLE_ARN)]
    pub role_arn: String,
    /// The external id that the role's trust policy asks for, at most 1224 characters. Absent: none is
    /// sent. Example: `team-analytics`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1224))]
    #[x_kube(validation = &rules::EXTERNAL_ID)]
    pub external_id: Option<String>,
}

/// What the operator last saw of the workspace. Written by the operator only.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DataWorksWorkspaceStatus {
    /// The generation of the object that this status speaks of; -1 until it was first looked at.
    /// Example: `3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// What the service says of the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectFacts>,
    /// The DataWorksResources that name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceCounts>,
    /// The calls of its identity in the region, for all workspaces that share it. Brought up to date with
    /// everything else that changes, and else every 10 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<CallCounts>,
    /// When the last listing began that looked for what others changed, RFC 3339. Example:
    /// `2026-01-02T03:04:05Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory_time: Option<Time>,
    /// The last value of the annotation `dataworks.alibabacloud.com/reconcile-requested-at` that was
    /// acted on, cut at 256 characters. Example: `2026-01-02T03:04:05Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
    /// The last call for the workspace itself that failed, until one succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
    /// The state in a few words, by type: `Ready`, and while true `Reconciling` or `Stalled`; `MassAbsence` from when so
    /// many files are gone at once that none is made again, False when a person asked for them, until it is over. At
    /// most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
}

/// What the service says of a workspace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ProjectFacts {
    /// Its name, at most 255 characters. Example: `sora_finance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub name: Option<String>,
    /// `Standard`: it has a development environment beside production; `Simple`: it has production only.
    /// Example: `Standard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ProjectMode")]
    pub mode: Option<ProjectMode>,
}

/// Whether a workspace has a development environment.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectMode {
    /// It has.
    Standard,
    /// It has not. A word of a newer schema reads as this.
    #[serde(other)]
    Simple,
}

/// Numbers of objects.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ResourceCounts {
    /// How many DataWorksResources name the workspace. Example: `12`.
    pub total: i64,
    /// How many of these are not ready. Example: `1`.
    pub not_ready: i64,
}

/// Numbers of calls.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CallCounts {
    /// Calls made today (UTC). Example: `57`.
    pub today: i64,
    /// Calls that today has left; absent where a day is not limited. Example: `23`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<i64>,
}
