//! What can be changed while the simulator runs: load, limits, and the switches for every
//! behaviour of the service that is not documented.

use serde::{Deserialize, Serialize};

use crate::deployment::Deployment;

/// Settings of the whole simulator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Time that each call takes before its effect, in milliseconds.
    pub latency_ms: u64,
    /// Calls a second of one account, all operations together; beyond: `Throttling.User`.
    pub rate_limit: Option<f64>,
    /// Calls a day (UTC) of one account; beyond: `Throttling.Api.Risk`.
    pub daily_quota: Option<u64>,
    /// Calls a month (UTC) of one account; beyond: `Throttling.Resource`.
    pub monthly_quota: Option<u64>,
    /// How long ListResources and GetResource go on showing what was before a change.
    pub list_lag_ms: u64,
    /// Shifts the simulator's clock against real time, in milliseconds.
    pub clock_offset_ms: i64,
    /// How far the date of a signature may be off, both ways, in milliseconds; absent: 15 minutes.
    pub signature_validity_ms: Option<u64>,
    /// Every API call has its connection closed unanswered; the admin API still answers.
    pub down: bool,
    /// Who gets credentials of STS for an OIDC token.
    pub sts: StsSettings,
    /// The metadata service of an instance.
    pub metadata: MetadataSettings,
    /// The bucket that files are uploaded to.
    pub upload: UploadSettings,
    /// The switches.
    pub behaviour: Behaviour,
}

/// Who gets credentials of STS for an OIDC token: one role, which trusts one provider.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StsSettings {
    /// The role.
    pub role_arn: String,
    /// The provider that it trusts.
    pub oidc_provider_arn: String,
    /// The subject that it trusts; absent: any.
    pub subject: Option<String>,
    /// The external id that AssumeRole needs for it; absent: any or none.
    pub external_id: Option<String>,
    /// The audience that a token must be for, where it says one; absent: any.
    pub audience: Option<String>,
    /// The tokens that are taken, whatever they say; absent: every JWT that is in date. Its signature
    /// is never checked.
    pub oidc_tokens: Option<Vec<String>>,
    /// How long credentials last, in milliseconds; absent: as long as the caller asks for.
    pub lifetime_ms: Option<u64>,
}

impl Default for StsSettings {
    fn default() -> Self {
        Self {
            role_arn: "acs:ram::1000:role/dataworks-operator".to_owned(),
            oidc_provider_arn: "acs:ram::1000:oidc-provider/ack-rrsa-c1".to_owned(),
            subject: None,
            external_id: None,
            audience: Some("sts.aliyuncs.com".to_owned()),
            oidc_tokens: None,
            lifetime_ms: None,
        }
    }
}

// The tokens stay out of logs, also of a test that fails.
impl std::fmt::Debug for StsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StsSettings")
            .field("role_arn", &self.role_arn)
            .field("oidc_provider_arn", &self.oidc_provider_arn)
            .field("lifetime_ms", &self.lifetime_ms)
            .finish_non_exhaustive()
    }
}

/// The metadata service of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MetadataSettings {
    /// The instance's role; absent: it has none.
    pub role: Option<String>,
    /// It hands out tokens.
    pub tokens: bool,
    /// It refuses requests without a token.
    pub needs_token: bool,
    /// The account that the role is of.
    pub account_id: String,
    /// How long new credentials last, in milliseconds. They are handed out again for the first half of it.
    pub lifetime_ms: u64,
}

impl Default for MetadataSettings {
    fn default() -> Self {
        Self {
            role: Some("dataworks-operator".to_owned()),
            tokens: true,
            needs_token: true,
            account_id: "1000".to_owned(),
            lifetime_ms: 6 * 3_600_000,
        }
    }
}

/// The bucket that files are uploaded to, and the policies of its forms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UploadSettings {
    /// The bucket that is answered; absent: the first part of the simulator's own host, so that
    /// `bucket.endpoint` is the simulator.
    pub bucket: Option<String>,
    /// The endpoint that is answered; absent: the rest of the simulator's own host and its port.
    pub endpoint: Option<String>,
    /// How long a policy holds, in milliseconds.
    pub policy_validity_ms: u64,
    /// Bytes that a policy allows.
    pub max_bytes: u64,
}

impl Default for UploadSettings {
    fn default() -> Self {
        Self { bucket: None, endpoint: None, policy_validity_ms: 600_000, max_bytes: 5 * 1024 * 1024 }
    }
}

/// Switches for behaviours that no source documents, and the answers that go with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Behaviour {
    /// What a second file at the same path of a workspace meets.
    pub duplicate_path: DuplicatePath,
    /// File names are unique in the whole workspace, whatever the folder.
    pub unique_names: bool,
    /// How resource ids are written in answers.
    pub id_style: IdStyle,
    /// How `ProjectId` is written in answers.
    pub project_id_style: IdStyle,
    /// GetResource's document holds `script.content`.
    pub get_resource_content: bool,
    /// What UpdateResource does with another name, path, type or command.
    pub update_name: UpdateName,
    /// What a `ResourceFile` meets that cannot be downloaded.
    pub dead_url: DeadUrl,
    /// Beginnings of URLs that cannot be downloaded, beside those of the simulator's own bucket where
    /// nothing is. All others are taken as they are and not fetched.
    pub dead_urls: Vec<String>,
    /// GetResource's document shows the text of a file that was uploaded.
    pub shows_uploaded_text: bool,
    /// The order of ListResources.
    pub list_order: ListOrder,
    /// `metadata.owner` of the document becomes the owner; otherwise the caller's account.
    pub honour_metadata_owner: bool,
    /// The answer to a second file at a path or of a name.
    pub already_exists: ErrorAnswer,
    /// The answer to a `ResourceFile` that cannot be downloaded.
    pub download_failed: ErrorAnswer,
    /// The answer for a resource id that does not exist.
    pub resource_not_found: ErrorAnswer,
    /// The answer for a workspace that does not exist.
    pub project_not_found: ErrorAnswer,
    /// The answer to a write on a workspace that is not `Available`.
    pub project_not_available: ErrorAnswer,
    /// Status and code for a document that does not parse; the message says why.
    pub bad_spec: ErrorAnswer,
    /// The answer to a call that is signed with temporary credentials that have ended.
    pub expired_token: ErrorAnswer,
    /// Deployment runs.
    pub deployment: Deployment,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            duplicate_path: DuplicatePath::Refuse,
            unique_names: false,
            id_style: IdStyle::String,
            project_id_style: IdStyle::Number,
            get_resource_content: true,
            update_name: UpdateName::Ignore,
            dead_url: DeadUrl::Refuse,
            dead_urls: Vec::new(),
            shows_uploaded_text: false,
            list_order: ListOrder::Creation,
            honour_metadata_owner: true,
            // Made up after the pattern of the family; nobody published the real number.
            already_exists: ErrorAnswer::new(
                400,
                "5801488441564725265",
                "code: 400, a file of the same name already exists in the project",
            ),
            download_failed: ErrorAnswer::new(
                400,
                "5801488441564725266",
                "code: 400, the resource file cannot be downloaded",
            ),
            resource_not_found: ErrorAnswer::new(
                400,
                "5801488441564725318",
                "code: 400, the resource does not exist",
            ),
            project_not_found: ErrorAnswer::new(400, "1101080008", "code: 400, the workspace does not exist"),
            project_not_available: ErrorAnswer::new(
                400,
                "InvalidProject.Status",
                "The workspace is not available.",
            ),
            bad_spec: ErrorAnswer::new(400, "5801488441564725253", "0x5083000000000005"),
            expired_token: ErrorAnswer::new(
                400,
                "InvalidSecurityToken.Expired",
                "The security token has expired.",
            ),
            deployment: Deployment::default(),
        }
    }
}

/// An error as it is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErrorAnswer {
    /// HTTP status.
    pub status: u16,
    /// The vendor's code: a word, or a decimal number in a string.
    pub code: String,
    /// The text beside it.
    #[serde(default)]
    pub message: String,
}

impl ErrorAnswer {
    /// An error answer.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }
}

/// What a second file at the same path meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DuplicatePath {
    /// Two files live side by side.
    Allow,
    /// The second is refused with [`Behaviour::already_exists`].
    Refuse,
}

/// How an id is written in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IdStyle {
    /// `"6314788648976303104"`
    String,
    /// `6314788648976303104`
    Number,
}

/// What UpdateResource does with another name, path, type or command in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UpdateName {
    /// Keeps the old ones and answers success.
    Ignore,
    /// Takes the new ones.
    Apply,
}

/// What a `ResourceFile` meets that cannot be downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeadUrl {
    /// The call is refused with [`Behaviour::download_failed`].
    Refuse,
    /// The call succeeds, and the file is empty.
    Empty,
}

/// The order of ListResources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ListOrder {
    /// Oldest first.
    Creation,
    /// Last changed first.
    ModifyDesc,
}
