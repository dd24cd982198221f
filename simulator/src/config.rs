//! What a simulator is started with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// How a simulator is started. Everything has a default: [`Config::default`] is a simulator on a
/// free loopback port with one key and the workspace `123456`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Allows a `listen` that others can reach. The admin API has no authentication.
    pub allow_non_loopback: bool,
    /// Who may call.
    pub access_keys: Vec<AccessKey>,
    /// The workspaces that exist at the start.
    pub projects: Vec<ProjectConfig>,
    /// Settings at the start; they can be changed while it runs.
    pub settings: Settings,
    /// Recent calls kept in the journal; counts are kept for all.
    pub journal_capacity: usize,
    /// A clock that stands still, as Unix milliseconds; absent: real time.
    pub fixed_time_ms: Option<i64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            allow_non_loopback: false,
            access_keys: vec![AccessKey::default()],
            projects: vec![ProjectConfig::new(123_456, "sora_finance")],
            settings: Settings::default(),
            journal_capacity: 10_000,
            fixed_time_ms: None,
        }
    }
}

/// An access key that the simulator knows. The same id may be listed twice, with and without a
/// security token.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessKey {
    /// The AccessKey id.
    pub access_key_id: String,
    /// Its secret.
    pub secret: String,
    /// The token of temporary credentials; calls must then carry it.
    #[serde(default)]
    pub security_token: Option<String>,
    /// The Alibaba Cloud account: owner of what the key creates, and what limits count by.
    #[serde(default = "default_account")]
    pub account_id: String,
    /// When temporary credentials end, as Unix milliseconds of the simulator's clock.
    #[serde(default)]
    pub expires_at_ms: Option<i64>,
    /// A key that exists but is switched off.
    #[serde(default)]
    pub inactive: bool,
}

fn default_account() -> String {
    "1000".to_owned()
}

impl Default for AccessKey {
    fn default() -> Self {
        Self {
            access_key_id: "LTAIexampleAKID".to_owned(),
            secret: "exampleSecret".to_owned(),
            security_token: None,
            account_id: default_account(),
            expires_at_ms: None,
            inactive: false,
        }
    }
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The secret and the token stay out of logs, also of a test that fails.
        f.debug_struct("AccessKey")
            .field("access_key_id", &self.access_key_id)
            .field("account_id", &self.account_id)
            .field("temporary", &self.security_token.is_some())
            .finish_non_exhaustive()
    }
}

/// A workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectConfig {
    /// The workspace id.
    pub id: u64,
    /// Its name, the `projectIdentifier` of documents.
    pub name: String,
    /// As GetProject answers it; only `Available` takes writes.
    #[serde(default = "available")]
    pub status: String,
    /// True: standard mode (development and production); false: simple mode.
    #[serde(default)]
    pub dev_environment_enabled: bool,
    /// Where a file without a data source goes.
    #[serde(default)]
    pub default_datasource: DataSource,
}

impl ProjectConfig {
    /// An available workspace in simple mode.
    pub fn new(id: u64, name: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            status: available(),
            dev_environment_enabled: false,
            default_datasource: DataSource::default(),
        }
    }

    /// The `mode` of documents.
    pub(crate) fn mode(&self) -> &'static str {
        match self.dev_environment_enabled {
            true => "STANDARD",
            false => "SIMPLE",
        }
    }
}

fn available() -> String {
    "Available".to_owned()
}

/// A data source of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataSource {
    /// Its name in the workspace.
    pub name: String,
    /// The kind of engine, such as `odps`.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Default for DataSource {
    fn default() -> Self {
        Self { name: "odps_first".to_owned(), kind: "odps".to_owned() }
    }
}
