//! What signs a request, and how answers show it.
//!
//! A value only: where it comes from is the [credentials](super::credentials)' business. The rule it keeps: no
//! secret and no token is ever shown.

use std::fmt;

use k8s_openapi::jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// A key pair, with a token when it is a temporary one.
pub struct Credentials {
    /// The AccessKey ID: public, it travels with each request.
    pub access_key_id: String,
    /// The AccessKey secret: never leaves the process.
    pub access_key_secret: SecretString,
    /// The token that makes temporary credentials valid.
    pub security_token: Option<SecretString>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("temporary", &self.security_token.is_some())
            .finish_non_exhaustive()
    }
}

/// Credentials as STS and the metadata service show them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Shown {
    /// `Success`, where the metadata service answers.
    pub(super) code: Option<String>,
    access_key_id: String,
    access_key_secret: SecretString,
    security_token: SecretString,
    expiration: String,
}

impl Shown {
    pub(super) fn taken(self) -> Option<(Credentials, Timestamp)> {
        let Self { code: _, access_key_id, access_key_secret, security_token, expiration } = self;
        let whole =
            [access_key_id.as_str(), access_key_secret.expose_secret(), security_token.expose_secret()];
        whole.iter().all(|text| !text.is_empty()).then_some(())?;
        let security_token = Some(security_token);
        Some((Credentials { access_key_id, access_key_secret, security_token }, expiration.parse().ok()?))
    }
}
