//! What the service's answers say, in types that cannot be wrong.
//!
//! Values only: it must not know how an answer looks on the wire. The rule it keeps: a document
//! is never shown, `Debug` gives its length.

use std::fmt;

use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::publish::{Run, RunId};
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;

use super::key::Credentials;

/// The longest name of an object that OSS takes, in bytes.
const KEY_LIMIT: usize = 1023;
/// The longest other field that is sent on, in bytes: a policy is some hundred.
const FIELD_LIMIT: usize = 16 * 1024;

/// A resource that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The id that the service gave it.
    pub id: ResourceId,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// A write that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// What GetResource says of a resource.
#[derive(Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its id.
    pub id: ResourceId,
    /// Its workspace.
    pub project_id: ProjectId,
    /// Its file name.
    pub name: String,
    /// The account id of its owner.
    pub owner: Option<String>,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed, by whomever.
    pub modify_time: Timestamp,
    /// The FlowSpec document: holds the content, so it is never shown.
    pub spec: String,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource")
            .field("id", &self.id)
            .field("project_id", &self.project_id)
            .field("name", &self.name)
            .field("owner", &self.owner)
            .field("create_time", &self.create_time)
            .field("modify_time", &self.modify_time)
            .field("spec_bytes", &self.spec.len())
            .field("request_id", &self.request_id)
            .field("date", &self.date)
            .finish()
    }
}

/// Which resources to list. An absent field does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Part of a name: the service matches it loosely.
    pub name: Option<String>,
    /// An owner's account id.
    pub owner: Option<String>,
    /// `Python`, `Jar`, `Archive` or `File`.
    pub type_: Option<String>,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The rows that could be read.
    pub rows: Vec<ResourceRow>,
    /// How many rows of this page could not be read: with any, the page proves no absence.
    pub unreadable: usize,
    /// How many rows the whole listing has.
    pub total: u64,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// One resource as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceRow {
    /// Its id.
    pub id: ResourceId,
    /// Its workspace.
    pub project_id: ProjectId,
    /// Its file name.
    pub name: String,
    /// The account id of its owner.
    pub owner: Option<String>,
    /// Its type as the service spells it: compare without case.
    pub type_: String,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed, by whomever.
    pub modify_time: Timestamp,
    /// Where it is installed.
    pub datasource: Option<RowDatasource>,
    /// Its path in the workspace, file name last.
    pub path: String,
    /// Its runtime command.
    pub command: Option<String>,
}

/// A row's data source.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RowDatasource {
    /// Its name.
    pub name: String,
    /// Its type as the service spells it: compare without case.
    #[serde(rename = "Type", default)]
    pub type_: Option<String>,
}

/// What GetProject says of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// Its display name.
    pub display_name: Option<String>,
    /// The account id of its owner.
    pub owner: Option<String>,
    /// `Available`, or why it takes no writes.
    pub status: String,
    /// Whether it has a development environment (standard mode).
    pub dev_environment_enabled: Option<bool>,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// A deployment run that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedRun {
    /// The id that the service gave it.
    pub id: RunId,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// What GetPipelineRun says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneRun {
    /// The run.
    pub run: Run,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// One page of a listing of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPage {
    /// The runs that could be read.
    pub runs: Vec<Run>,
    /// How many runs of this page could not be read: with any, the page proves no absence.
    pub unreadable: usize,
    /// How many runs the whole listing has.
    pub total: u64,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// One page of what a run publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemPage {
    /// The items that could be read.
    pub items: Vec<RunItem>,
    /// How many items the run has.
    pub total: u64,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// What a run publishes of one object. Its document holds content and is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunItem {
    /// The object's id.
    pub id: ResourceId,
    /// The object's name.
    pub name: String,
    /// Where it stands, in the service's words.
    pub status: String,
    /// What the service says of it.
    pub message: String,
    /// The number of the version.
    pub version: Option<i64>,
}

/// Who a key belongs to, as STS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The Alibaba Cloud account.
    pub account_id: String,
    /// The ARN of the user or the assumed role.
    pub arn: Option<String>,
    /// `Account`, `RAMUser` or `AssumedRoleUser`.
    pub identity_type: Option<String>,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// A role that was assumed.
#[derive(Debug)]
pub struct Assumed {
    /// What to sign with.
    pub credentials: Credentials,
    /// When they end.
    pub expires: Timestamp,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// The right to store one object. Only its place is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadTicket {
    /// The key that signed the policy.
    pub access_key_id: String,
    /// The bucket.
    pub bucket: String,
    /// Where the bucket is.
    pub endpoint: String,
    /// What may be stored, and until when.
    pub policy: String,
    /// The policy's signature.
    pub signature: String,
    /// The object's name.
    pub key: String,
    /// The service's request id.
    pub request_id: String,
}

impl fmt::Debug for UploadTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadTicket")
            .field("bucket", &self.bucket)
            .field("endpoint", &self.endpoint)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

impl UploadTicket {
    /// True when no field can say more in a form than its value.
    pub(super) fn is_sound(&self) -> bool {
        let Self { access_key_id, bucket, endpoint, policy, signature, key, request_id: _ } = self;
        let is_sound =
            |text: &str, limit| (1..=limit).contains(&text.len()) && !text.chars().any(char::is_control);
        is_sound(key, KEY_LIMIT)
            && !key.contains(['"', '\\'])
            && [access_key_id, bucket, endpoint, policy, signature]
                .iter()
                .all(|text| is_sound(text, FIELD_LIMIT))
    }
}

/// An answer that names its request.
pub(super) trait Answered {
    /// The service's id of the request.
    fn request_id(&self) -> &str;
}

macro_rules! answered {
    ($($answer:ty),+) => {
        $(impl Answered for $answer {
            fn request_id(&self) -> &str {
                &self.request_id
            }
        })+
    };
}

answered!(
    Created,
    Written,
    Resource,
    Page,
    Project,
    StartedRun,
    OneRun,
    RunPage,
    ItemPage,
    CallerIdentity,
    Assumed,
    UploadTicket
);

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> UploadTicket {
        let text = |text: &str| text.to_owned();
        UploadTicket {
            access_key_id: text("LTAI"),
            bucket: text("b"),
            endpoint: text("e"),
            policy: text("e30="),
            signature: text("c2ln"),
            key: text("dataworks-public/é obj+1.bin"),
            request_id: text("R"),
        }
    }

    #[test]
    fn a_ticket_that_says_more_than_its_fields_is_none() {
        assert!(ticket().is_sound());
        let with = |change: fn(&mut UploadTicket)| {
            let mut ticket = ticket();
            change(&mut ticket);
            ticket.is_sound()
        };
        assert!(!with(|t| t.key = "a\r\nx".to_owned()));
        assert!(!with(|t| t.key = "a\"; x=\"".to_owned()));
        assert!(!with(|t| t.key = "k".repeat(1024)));
        assert!(!with(|t| t.policy = "a\n--b".to_owned()));
        assert!(!with(|t| t.signature = String::new()));
    }
}
