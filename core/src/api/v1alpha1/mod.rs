//! Version `v1alpha1`: plain data, as it stands in YAML.
//!
//! Decoding is lenient (a value of a newer schema must not stop a watch); the rules are in the
//! schema and in the conversion. It must not know of either.

#![expect(unreachable_pub, reason = "the schema derive repeats each public struct inside a function")]
#![expect(clippy::duplicated_attributes, reason = "each printer column is an attribute of its own")]

mod content;
mod flowspec;
mod publication;
mod resource;
mod status;
mod workspace;

pub use content::{ConfigMapKeyRef, Content, Datasource, Storage, StorageType, UrlContent};
pub use flowspec::RawDocument;
pub use publication::{
    Publication, PublicationRequest, PublicationStatus, Publish, PublishPolicy, RunMode, RunType,
};
pub use resource::{
    AdoptionPolicy, DataWorksResource, DataWorksResourceSpec, DeletionPolicy, DriftPolicy, ResourceType,
    WorkspaceRef,
};
pub use status::{Attempt, AttemptOutcome, ContentSource, DataWorksResourceStatus, LastError, Origin};
pub use workspace::{
    AssumeRole, CallCounts, DataWorksWorkspace, DataWorksWorkspaceSpec, DataWorksWorkspaceStatus, Edition,
    Network, ProjectFacts, ProjectMode, ResourceCounts, ResourceDefaults, Rrsa, SecretRef,
    WorkspaceCredentials,
};

/// The name of this version.
pub const VERSION: &str = "v1alpha1";
