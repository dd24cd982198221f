//! Who signs: a key pair, and where the current one comes from.
//!
//! A caller asks a [`CredentialSource`] before each request and knows nothing of files, token
//! endpoints or expiry. Which provider is meant is decided once, in [`choice`]; what it gives is kept
//! fresh in [`renewal`]. The environment is not read here: its values are passed in. The rules it keeps:
//! a provider that is configured and fails is an error, never a reason to try another identity; no secret
//! and no token is ever shown.

mod choice;
mod instance;
mod reach;
mod renewal;
mod role;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use dataworks_core::codes::HOST_UNRESOLVED;
use dataworks_core::fault::{Class, Fault};
use dataworks_core::state::told;
use futures::future::BoxFuture;
use k8s_openapi::jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::watch;

pub use super::key::Credentials;
pub use choice::{Choice, InstanceRole, OidcRole, Settings, choose};
pub use instance::METADATA_SERVICE;
pub use reach::Reach;
pub use renewal::{Provider, Renewal};

/// The variable that holds the AccessKey ID.
pub const ACCESS_KEY_ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
/// The variable that holds the AccessKey secret.
pub const ACCESS_KEY_SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
/// The variable that holds the security token of temporary credentials.
pub const SECURITY_TOKEN: &str = "ALIBABA_CLOUD_SECURITY_TOKEN";
/// The variable that names the RAM role to assume.
pub const ROLE_ARN: &str = "ALIBABA_CLOUD_ROLE_ARN";
/// The variable that names the OIDC provider that the role trusts.
pub const OIDC_PROVIDER_ARN: &str = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN";
/// The variable that names the file with the pod's token.
pub const OIDC_TOKEN_FILE: &str = "ALIBABA_CLOUD_OIDC_TOKEN_FILE";
/// The variable that names the role of the ECS instance.
pub const ECS_METADATA: &str = "ALIBABA_CLOUD_ECS_METADATA";

/// Credentials that end.
#[derive(Debug)]
pub struct Temporary {
    /// What to sign with.
    pub credentials: Credentials,
    /// When they end, by the clock of who gave them.
    pub expires: Timestamp,
    /// The time of that clock when they were given.
    pub given: Timestamp,
}

/// A RAM role that is assumed with a token that somebody gives when he is asked.
#[derive(Clone, Debug)]
pub struct AccountRole {
    /// The role.
    pub role_arn: String,
    /// The provider that it trusts.
    pub provider_arn: String,
    /// The name of the session.
    pub session_name: String,
    /// Who gives the token.
    pub token: TokenGiver,
}

/// A RAM role that is assumed with other credentials.
#[derive(Clone, Debug)]
pub struct ChainedRole {
    /// The role.
    pub role_arn: String,
    /// What the role's trust policy asks for, if anything.
    pub external_id: Option<String>,
    /// The name of the session.
    pub session_name: String,
}

/// The answer to a wish for a token.
pub type TokenAnswer = BoxFuture<'static, Result<SecretString, CredentialError>>;

/// Gives a token of the cluster, a new one for each wish.
#[derive(Clone)]
pub struct TokenGiver(Arc<dyn Fn() -> TokenAnswer + Send + Sync>);

impl TokenGiver {
    /// Who gives by this.
    #[must_use]
    pub fn new(give: impl Fn() -> TokenAnswer + Send + Sync + 'static) -> Self {
        Self(Arc::new(give))
    }

    pub(super) async fn ask(&self) -> Result<SecretString, CredentialError> {
        (self.0)().await
    }
}

impl fmt::Debug for TokenGiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenGiver")
    }
}

/// Why there are no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// No provider is configured.
    #[error(
        "none are configured: set {id} and {secret}, or give the pod a RAM role",
        id = ACCESS_KEY_ID,
        secret = ACCESS_KEY_SECRET
    )]
    NotConfigured,
    /// A provider is configured in part.
    #[error("the environment variable {variable} is not set or empty, and {provider} needs it")]
    Missing {
        /// The variable's name.
        variable: &'static str,
        /// Who needs it.
        provider: &'static str,
    },
    /// A name that cannot be one.
    #[error("the environment variable {variable} holds no name of a role")]
    RoleName {
        /// The variable's name.
        variable: &'static str,
    },
    /// The pod's token cannot be used. Nothing of the file is repeated: it may be the wrong one.
    #[error("the OIDC token in {} {why}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// The cluster gives no token for a ServiceAccount.
    #[error("{why}")]
    Account {
        /// What is wrong, where, and what to do.
        why: String,
        /// It may pass by itself.
        passing: bool,
    },
    /// Who gives credentials did not.
    #[error("{service}: {}", told(fault))]
    NotGiven {
        /// Who.
        service: &'static str,
        /// Its answer, or how asking it failed.
        fault: Fault,
    },
    /// The operator is stopping.
    #[error("the operator is stopping")]
    Stopping,
}

impl CredentialError {
    /// Whether it may pass by itself.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::NotConfigured | Self::Missing { .. } | Self::RoleName { .. } | Self::Token { .. } => {
                Class::Denied
            }
            Self::NotGiven { fault, .. } => match fault.class {
                Class::Throttled | Class::Quota | Class::Transient => Class::Transient,
                Class::Denied | Class::Terminal | Class::NotFound | Class::AlreadyExists => Class::Denied,
            },
            Self::Account { passing: false, .. } => Class::Denied,
            Self::Account { passing: true, .. } | Self::Stopping => Class::Transient,
        }
    }

    /// Whether whoever gives credentials could not be asked for want of an address for his name.
    #[must_use]
    pub fn is_unresolved(&self) -> bool {
        match self {
            Self::NotGiven { fault, .. } => fault.code == HOST_UNRESOLVED,
            Self::NotConfigured
            | Self::Missing { .. }
            | Self::RoleName { .. }
            | Self::Token { .. }
            | Self::Account { .. }
            | Self::Stopping => false,
        }
    }

    /// The service's id of the request that failed.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::NotGiven { fault, .. } => fault.request_id.as_deref(),
            Self::NotConfigured
            | Self::Missing { .. }
            | Self::RoleName { .. }
            | Self::Token { .. }
            | Self::Account { .. }
            | Self::Stopping => None,
        }
    }
}

/// Where the current credentials come from. A further source is a further variant; callers stay.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CredentialSource {
    /// There are none, and there will be none in this process: an error of each use, not of the
    /// start, since an operator without credentials can still let objects go.
    Absent(CredentialError),
    /// Credentials that do not change.
    Fixed(Arc<Credentials>),
    /// Credentials that end and are renewed.
    Renewed(Renewal),
}

impl CredentialSource {
    /// The credentials to sign the next request with.
    ///
    /// # Errors
    /// The source has none; nothing may be sent.
    pub async fn current(&self) -> Result<Arc<Credentials>, CredentialError> {
        match self {
            Self::Absent(error) => Err(error.clone()),
            Self::Fixed(credentials) => Ok(Arc::clone(credentials)),
            Self::Renewed(renewal) => renewal.current().await,
        }
    }

    /// The service refused these as unknown or ended. Answers whether there are others now.
    pub async fn replaced(&self, refused: &Arc<Credentials>) -> bool {
        match self {
            Self::Absent(_) | Self::Fixed(_) => false,
            Self::Renewed(renewal) => renewal.replaced(refused).await,
        }
    }

    /// When the credentials end, where they do.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        match self {
            Self::Absent(_) | Self::Fixed(_) => None,
            Self::Renewed(renewal) => renewal.expires(),
        }
    }

    /// Changes each time that there are credentials again after there were none.
    #[must_use]
    pub fn returns(&self) -> Option<watch::Receiver<u64>> {
        match self {
            Self::Absent(_) | Self::Fixed(_) => None,
            Self::Renewed(renewal) => Some(renewal.returns()),
        }
    }
}
