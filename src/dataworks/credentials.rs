//! Who signs: a key pair, and where the current one comes from.
//!
//! A caller asks a [`CredentialSource`] before each request and knows nothing of files, token
//! endpoints or expiry. The environment is not read here: its values are passed in. The rule it
//! keeps: no secret and no token is ever shown.

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;

/// The variable that holds the AccessKey ID.
pub const ACCESS_KEY_ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
/// The variable that holds the AccessKey secret.
pub const ACCESS_KEY_SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
/// The variable that holds the security token of temporary credentials.
pub const SECURITY_TOKEN: &str = "ALIBABA_CLOUD_SECURITY_TOKEN";

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

/// Why there are no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// A variable is not set, or empty.
    #[error("the environment variable {variable} is not set or empty")]
    Missing {
        /// Its name.
        variable: &'static str,
    },
}

/// Where the current credentials come from. A further source is a further variant; callers stay.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CredentialSource {
    /// The values of the environment at start.
    Environment(Environment),
    /// Credentials that somebody else keeps fresh.
    Fixed(Arc<Credentials>),
}

impl CredentialSource {
    /// The credentials to sign the next request with.
    ///
    /// # Errors
    /// The source has none; nothing may be sent.
    #[expect(clippy::unused_async, reason = "sources that fetch and refresh have to wait")]
    pub async fn current(&self) -> Result<Arc<Credentials>, CredentialError> {
        match self {
            Self::Environment(environment) => environment.credentials.clone(),
            Self::Fixed(credentials) => Ok(Arc::clone(credentials)),
        }
    }
}

/// What the environment says.
#[derive(Clone, Debug)]
pub struct Environment {
    credentials: Result<Arc<Credentials>, CredentialError>,
}

impl Environment {
    /// Takes the values of [`ACCESS_KEY_ID`], [`ACCESS_KEY_SECRET`] and [`SECURITY_TOKEN`].
    ///
    /// White space around a value is dropped (a Secret made from a file often ends in a newline)
    /// and an empty value counts as absent. A missing one is an error of each use, not of the
    /// start: an operator without credentials can still let objects go.
    #[must_use]
    pub fn new(id: Option<String>, secret: Option<String>, token: Option<String>) -> Self {
        let credentials = required(id, ACCESS_KEY_ID).and_then(|access_key_id| {
            Ok(Arc::new(Credentials {
                access_key_id,
                access_key_secret: required(secret, ACCESS_KEY_SECRET)?.into(),
                security_token: present(token).map(SecretString::from),
            }))
        });
        Self { credentials }
    }
}

fn present(value: Option<String>) -> Option<String> {
    value.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn required(value: Option<String>, variable: &'static str) -> Result<String, CredentialError> {
    present(value).ok_or(CredentialError::Missing { variable })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[tokio::test]
    async fn the_environment_names_the_variable_that_is_missing() {
        let rows = [
            (None, text("s"), ACCESS_KEY_ID),
            (text(""), text("s"), ACCESS_KEY_ID),
            (text("id"), None, ACCESS_KEY_SECRET),
            (text("id"), text(" \n"), ACCESS_KEY_SECRET),
            (None, None, ACCESS_KEY_ID),
        ];
        for (id, secret, variable) in rows {
            let source = CredentialSource::Environment(Environment::new(id, secret, text("t")));
            let error = source.current().await.unwrap_err();
            assert_eq!(error, CredentialError::Missing { variable });
            assert!(error.to_string().contains(variable));
        }
    }

    #[tokio::test]
    async fn the_environment_gives_trimmed_values_and_no_empty_token() {
        let source =
            CredentialSource::Environment(Environment::new(text("id\n"), text(" secret "), text("")));
        let credentials = source.current().await.unwrap();
        assert_eq!(credentials.access_key_id, "id");
        assert_eq!(credentials.access_key_secret.expose_secret(), "secret");
        assert!(credentials.security_token.is_none());
    }

    #[test]
    fn debug_shows_neither_secret_nor_token() {
        let environment = Environment::new(text("id"), text("hush-secret"), text("hush-token"));
        let shown = format!("{:?}", CredentialSource::Environment(environment));
        assert!(shown.contains("id") && !shown.contains("hush"), "{shown}");
    }
}
