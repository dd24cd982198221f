//! The kind `DataWorksResource`.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Content, DataWorksResourceStatus, Datasource, Origin, Publish, PublishPolicy, RawDocument, Storage,
};
use crate::api::rules;
use crate::flowspec::kind::FileType;

/// What the file is to be: `projectId` or `workspaceRef`, with `path` and `content` or with a whole `flowSpec`.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "dataworks.alibabacloud.com",
    version = "v1alpha1",
    kind = "DataWorksResource",
    plural = "dataworksresources",
    namespaced,
    derive = "PartialEq",
    status = "DataWorksResourceStatus",
    doc = "One file resource (a Python file, a jar, an archive or another file) of an Alibaba Cloud DataWorks workspace. The operator makes it, keeps it as declared and reports it in status.",
    shortname = "dwr",
    category = "dataworks",
    category = "alibabacloud",
    selectable = ".spec.path",
    selectable = ".spec.projectId",
    selectable = ".spec.workspaceRef.name",
    selectable = ".status.id",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the file is in the workspace as declared."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why."
    ),
    printcolumn(
        name = "Type",
        type_ = "string",
        json_path = ".status.type",
        description = "The file's type, declared or from the suffix."
    ),
    printcolumn(
        name = "ID",
        type_ = "string",
        json_path = ".status.id",
        description = "The file's id in the workspace."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Time since the object was made."
    ),
    printcolumn(
        name = "Synced",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type==\"Synced\")].status",
        description = "Whether the workspace holds what was declared."
    ),
    printcolumn(
        name = "Workspace",
        type_ = "integer",
        priority = 1,
        json_path = ".spec.projectId",
        description = "The workspace's id."
    ),
    printcolumn(
        name = "Workspace-Ref",
        type_ = "string",
        priority = 1,
        json_path = ".spec.workspaceRef.name",
        description = "The DataWorksWorkspace that the file is reached through."
    ),
    printcolumn(
        name = "Path",
        type_ = "string",
        priority = 1,
        json_path = ".status.path",
        description = "The file's path in the workspace."
    ),
    printcolumn(
        name = "Modified",
        type_ = "date",
        priority = 1,
        json_path = ".status.modifyTime",
        description = "Time since the file last changed."
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
    validation = &rules::WORKSPACE_ONE_OF,
    validation = &rules::FORM_EXCLUSIVE,
    validation = &rules::FORM_PATH,
    validation = &rules::FORM_CONTENT,
    validation = &rules::FORM_FIXED,
    validation = &rules::FLOW_SPEC_CONTENT,
    validation = &rules::TYPE_FITS_SUFFIX,
    validation = &rules::INLINE_IS_TEXT,
    validation = &rules::COMMAND_FITS_TYPE,
    validation = &rules::COMMAND_FITS_DATASOURCE,
    validation = &rules::COMMAND_DERIVABLE,
    validation = &rules::TYPE_IMMUTABLE,
    validation = &rules::DATASOURCE_SET_ONCE,
    validation = &rules::DATASOURCE_KEEPS_COMMAND,
    validation = &rules::COMMAND_IMMUTABLE,
    validation = &rules::RESOURCE_ID_SET_ONCE,
    validation = &rules::RESOURCE_GROUP_IMMUTABLE,
    validation = &rules::STORAGE_IMMUTABLE
)]
pub struct DataWorksResourceSpec {
    /// The id of a workspace on the operator's default connection, a whole number from 1. Exactly one
    /// of projectId and workspaceRef; an object may go from one to the other as long as they mean the
    /// same workspace. Example: `123456`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = &rules::PROJECT_ID, validation = &rules::PROJECT_ID_IMMUTABLE)]
    pub project_id: Option<i64>,
    /// The DataWorksWorkspace of the same namespace that the file is reached through, with the
    /// credentials, the endpoint and the calls that it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_ref: Option<WorkspaceRef>,
    /// The file's path in the workspace, relative, the file name last; at most 1024 bytes of
    /// UTF-8, the name at most 255. Another folder moves the file, another name renames it; it keeps
    /// its id. The suffix is immutable. Example: `Folder/Sub/file.py`. Required unless flowSpec is
    /// there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    #[x_kube(
        validation = &rules::PATH_EMPTY,
        validation = &rules::PATH_ABSOLUTE,
        validation = &rules::PATH_FOLDER,
        validation = &rules::PATH_EMPTY_SEGMENT,
        validation = &rules::PATH_DOT_SEGMENT,
        validation = &rules::PATH_CONTROL,
        validation = &rules::PATH_TOO_LONG,
        validation = &rules::PATH_NAME_TOO_LONG,
        validation = &rules::PATH_SUFFIX_IMMUTABLE
    )]
    pub path: Option<String>,
    /// The file's type: `Python` (.py), `Jar` (.jar), `Archive` (.zip, .tar, .tgz, .tar.gz, .nar or
    /// .jar) or `File` (any). Absent: from the suffix of path, any case; what is none of these is a
    /// `File`. Example: `Python`. Immutable.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ResourceType")]
    pub type_: Option<ResourceType>,
    /// The engine's data source in the workspace. Absent: the workspace's default. Immutable once
    /// set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datasource: Option<Datasource>,
    /// The runtime command: ODPS_PYTHON, ODPS_JAR, ODPS_ARCHIVE, ODPS_FILE, EMR_JAR, EMR_FILE,
    /// CDH_JAR or CDH_FILE. Absent: from the types of data source and file; without a datasource
    /// MaxCompute's (ODPS_...). Example: `ODPS_PYTHON`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = &rules::COMMAND_KNOWN)]
    pub command: Option<String>,
    /// What the file holds: exactly one of inline, configMapKeyRef and url. Required unless flowSpec
    /// holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// The id of the account that owns the file, at most 64 characters. Absent: whom the
    /// workspace takes. Removing it leaves the last value. Example: `"1234567890123456"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = &rules::OWNER)]
    pub owner: Option<String>,
    /// What the file is for, at most 1024 characters. Absent: none is sent. Removing it leaves the
    /// last value. Example: `Cleans the click stream.`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
    /// The identifier of the resource group for scheduling, at most 128 characters. Absent: the
    /// workspace's choice. Example: `S_res_group_1_2`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    #[x_kube(validation = &rules::RESOURCE_GROUP)]
    pub resource_group: Option<String>,
    /// Where the engine keeps the file. Absent: the engine's default. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// A whole FlowSpec document of `kind: Resource` with exactly one file resource, instead of
    /// path, type, datasource, command, owner, description, resourceGroup and storage; content
    /// may stand beside it when its script.content is empty. Fields that are not listed here are
    /// handed on as they are. An object keeps its form, typed or flowSpec, for life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(
        validation = &rules::FLOW_SPEC_SUFFIX_IMMUTABLE,
        validation = &rules::FLOW_SPEC_TYPE_IMMUTABLE,
        validation = &rules::FLOW_SPEC_COMMAND_IMMUTABLE,
        validation = &rules::FLOW_SPEC_DATASOURCE_SET_ONCE
    )]
    pub flow_spec: Option<RawDocument>,
    /// The id of a file that is there already and is to be managed by this object, 1 to 20 digits in
    /// quotes. Nothing is ever created then. A file at another path is moved only with
    /// `adoptionPolicy: Adopt`. Absent: the file is created, or found at path. Immutable once set.
    /// Example: `"6314788648976303104"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    #[x_kube(validation = &rules::RESOURCE_ID)]
    pub resource_id: Option<String>,
    /// What happens when a file that is not ours stands at path: `Fail` (nothing is sent) or
    /// `Adopt` (the object takes it over and brings it to what is declared). Absent: `Fail`.
    /// Example: `Adopt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AdoptionPolicy")]
    pub adoption_policy: Option<AdoptionPolicy>,
    /// What happens when others change or delete the file: `Correct` (it is brought back) or
    /// `Report` (status says so). Edits of this object are always sent. Absent: `Correct`.
    /// Example: `Report`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DriftPolicy")]
    pub drift_policy: Option<DriftPolicy>,
    /// What becomes of the file when the object is deleted: `Delete` or `Retain`. Absent: `Delete`
    /// for a file that the operator created, `Retain` for one that it adopted. Example: `Retain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DeletionPolicy")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// When and how far the file is published, so that nodes can use it. Ready waits for it. Absent:
    /// it is never published by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<Publish>,
    /// Whether the operator writes nothing to the workspace for this object. A suspended object
    /// that is deleted leaves its file. Absent: `false`. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// A DataWorksWorkspace of the same namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceRef {
    /// Its name, at most 253 characters. Example: `analytics`.
    #[schemars(length(max = 253))]
    #[x_kube(validation = &rules::OBJECT_NAME)]
    pub name: String,
}

/// The type of a file resource.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceType {
    /// A Python source file.
    Python,
    /// A Java archive.
    Jar,
    /// A compressed archive.
    Archive,
    /// Any other file.
    File,
    /// A value of a newer schema.
    #[serde(other)]
    #[schemars(skip)]
    Unsupported,
}

impl ResourceType {
    /// The type; `None` for a value that this version does not know.
    #[must_use]
    pub fn file_type(self) -> Option<FileType> {
        match self {
            Self::Python => Some(FileType::Python),
            Self::Jar => Some(FileType::Jar),
            Self::Archive => Some(FileType::Archive),
            Self::File => Some(FileType::File),
            Self::Unsupported => None,
        }
    }
}

impl From<FileType> for ResourceType {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::Python => Self::Python,
            FileType::Jar => Self::Jar,
            FileType::Archive => Self::Archive,
            FileType::File => Self::File,
        }
    }
}

/// What becomes of the file when the object is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// The file is deleted too.
    Delete,
    /// The file stays. A word of a newer schema reads as this, since it destroys nothing.
    #[serde(other)]
    Retain,
}

/// What happens when a file that is not ours stands at the path.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdoptionPolicy {
    /// The object takes it over.
    Adopt,
    /// Nothing is sent. A word of a newer schema reads as this, since it touches nothing.
    #[serde(other)]
    Fail,
}

/// What happens when others change or delete the file.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftPolicy {
    /// It is brought back to what is declared.
    Correct,
    /// Status says so. A word of a newer schema reads as this, since it writes nothing.
    #[serde(other)]
    Report,
}

impl DataWorksResourceSpec {
    /// The policy in force for a file that came to the object in this way, which is known even
    /// where the rest of the spec is not valid. Where status was lost, a named id tells that the
    /// file was adopted.
    #[must_use]
    pub fn deletion(&self, origin: Option<Origin>) -> DeletionPolicy {
        let adopted = match origin {
            Some(Origin::Created) => false,
            Some(Origin::Adopted) => true,
            None => self.resource_id.is_some(),
        };
        let absent = if adopted { DeletionPolicy::Retain } else { DeletionPolicy::Delete };
        self.deletion_policy.unwrap_or(absent)
    }

    /// Whether and how far the file is to be published.
    #[must_use]
    pub fn publishes(&self) -> Option<&Publish> {
        self.publish.as_ref().filter(|publish| publish.policy == PublishPolicy::OnChange)
    }

    /// Whether the object is suspended.
    #[must_use]
    pub fn suspended(&self) -> bool {
        self.suspend.unwrap_or(false)
    }
}
