//! Which provider is configured: a pure decision from the settings.
//!
//! The order is the vendor's: a key, then a role by the pod's token (RRSA), then the role of the ECS
//! instance. The vendor's own order ends with asking the instance unasked; here it is asked only when
//! it is named, so that a pod never works under its node's role by accident. The rule it keeps: the first
//! provider of which anything is set is the one that is meant; set in part, it is an error.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::{
    ACCESS_KEY_ID, ACCESS_KEY_SECRET, CredentialError, Credentials, ECS_METADATA, OIDC_PROVIDER_ARN,
    OIDC_TOKEN_FILE, ROLE_ARN,
};

/// Longest name of a RAM role.
const ROLE_NAME_LENGTH: usize = 64;

/// What the flags and the environment say. White space around a value is dropped (a Secret made from a
/// file often ends in a newline), and an empty value counts as absent.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// [`ACCESS_KEY_ID`].
    pub access_key_id: Option<String>,
    /// [`ACCESS_KEY_SECRET`].
    pub access_key_secret: Option<SecretString>,
    /// [`super::SECURITY_TOKEN`].
    pub security_token: Option<SecretString>,
    /// [`ROLE_ARN`].
    pub role_arn: Option<String>,
    /// [`OIDC_PROVIDER_ARN`].
    pub oidc_provider_arn: Option<String>,
    /// [`OIDC_TOKEN_FILE`].
    pub oidc_token_file: Option<String>,
    /// The name of the session, which the audit trail of the account shows.
    pub role_session_name: String,
    /// [`ECS_METADATA`].
    pub ecs_role: Option<String>,
}

/// The provider that is meant.
#[derive(Debug)]
pub enum Choice {
    /// A key pair, with a token when it is a temporary one.
    Key(Credentials),
    /// A role, for the pod's token.
    Role(OidcRole),
    /// The role of the ECS instance.
    Instance(InstanceRole),
}

/// A RAM role that is assumed with a token of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcRole {
    /// The role.
    pub role_arn: String,
    /// The provider that it trusts.
    pub provider_arn: String,
    /// Where the token is; whoever writes it replaces it from time to time.
    pub token_file: PathBuf,
    /// The name of the session.
    pub session_name: String,
}

/// The role of the ECS instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRole {
    /// Its name; `None`: the metadata service is asked for it.
    pub name: Option<String>,
}

/// Decides.
///
/// # Errors
/// Nothing is configured, or the provider that is meant is so in part.
pub fn choose(settings: Settings) -> Result<Choice, CredentialError> {
    let Settings {
        access_key_id,
        access_key_secret,
        security_token,
        role_arn,
        oidc_provider_arn,
        oidc_token_file,
        role_session_name,
        ecs_role,
    } = settings;
    let (id, secret, token) = (present(access_key_id), hidden(access_key_secret), hidden(security_token));
    if id.is_some() || secret.is_some() || token.is_some() {
        let needs = needed("an access key");
        return Ok(Choice::Key(Credentials {
            access_key_id: needs(id, ACCESS_KEY_ID)?,
            access_key_secret: needs(secret, ACCESS_KEY_SECRET)?.into(),
            security_token: token.map(SecretString::from),
        }));
    }
    let (role, provider, file) = (present(role_arn), present(oidc_provider_arn), present(oidc_token_file));
    if role.is_some() || provider.is_some() || file.is_some() {
        let needs = needed("a role by OIDC (RRSA)");
        return Ok(Choice::Role(OidcRole {
            role_arn: needs(role, ROLE_ARN)?,
            provider_arn: needs(provider, OIDC_PROVIDER_ARN)?,
            token_file: needs(file, OIDC_TOKEN_FILE)?.into(),
            session_name: role_session_name,
        }));
    }
    match present(ecs_role).as_deref() {
        Some("*") => Ok(Choice::Instance(InstanceRole { name: None })),
        Some(name) if is_role_name(name) => {
            Ok(Choice::Instance(InstanceRole { name: Some(name.to_owned()) }))
        }
        Some(_) => Err(CredentialError::RoleName { variable: ECS_METADATA }),
        None => Err(CredentialError::NotConfigured),
    }
}

/// Whether a text can be the name of a role, which becomes a part of a path.
pub(super) fn is_role_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=ROLE_NAME_LENGTH).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('.')
}

fn present(value: Option<String>) -> Option<String> {
    value.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn hidden(value: Option<SecretString>) -> Option<String> {
    present(value.map(|secret| secret.expose_secret().to_owned()))
}

fn needed(
    provider: &'static str,
) -> impl Fn(Option<String>, &'static str) -> Result<String, CredentialError> {
    move |value, variable| value.ok_or(CredentialError::Missing { variable, provider })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is set, each variable by its name.
    fn settings(set: &[(&str, &str)]) -> Settings {
        let of = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Settings {
            access_key_id: of("id"),
            access_key_secret: of("secret").map(Into::into),
            security_token: of("token").map(Into::into),
            role_arn: of("role"),
            oidc_provider_arn: of("provider"),
            oidc_token_file: of("file"),
            role_session_name: "session".to_owned(),
            ecs_role: of("ecs"),
        }
    }

    /// The choice in a word, or the variable that is missing.
    fn check(set: &[(&str, &str)]) -> String {
        match choose(settings(set)) {
            Ok(Choice::Key(Credentials { access_key_id, access_key_secret, security_token })) => {
                let token =
                    security_token.map_or("none".to_owned(), |token| token.expose_secret().to_owned());
                format!("key {access_key_id} {} {token}", access_key_secret.expose_secret())
            }
            Ok(Choice::Role(OidcRole { role_arn, provider_arn, token_file, session_name })) => {
                format!("role {role_arn} {provider_arn} {} {session_name}", token_file.display())
            }
            Ok(Choice::Instance(InstanceRole { name })) => format!("instance {name:?}"),
            Err(CredentialError::Missing { variable, .. }) => format!("no {variable}"),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn the_first_provider_of_which_anything_is_set_is_meant() {
        let key = [("id", "k"), ("secret", "s")];
        let role = [("role", "r"), ("provider", "p"), ("file", "/t")];
        type Set<'a> = &'a [&'a [(&'a str, &'a str)]];
        let rows: [(Set<'_>, &str); 16] = [
            (&[], "NotConfigured"),
            (&[&key], "key k s none"),
            (&[&key, &[("token", "t")]], "key k s t"),
            (&[&[("id", "k\n"), ("secret", " s "), ("token", "")]], "key k s none"),
            (&[&key, &role, &[("ecs", "e")]], "key k s none"),
            (&[&[("id", "k")], &role], "no ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
            (&[&[("secret", "s")], &role], "no ALIBABA_CLOUD_ACCESS_KEY_ID"),
            (&[&[("token", "t")], &role], "no ALIBABA_CLOUD_ACCESS_KEY_ID"),
            (&[&[("id", " "), ("secret", "\n")], &role, &[("ecs", "e")]], "role r p /t session"),
            (&[&role[1..], &[("ecs", "e")]], "no ALIBABA_CLOUD_ROLE_ARN"),
            (&[&role[..1], &role[2..]], "no ALIBABA_CLOUD_OIDC_PROVIDER_ARN"),
            (&[&role[..2]], "no ALIBABA_CLOUD_OIDC_TOKEN_FILE"),
            (&[&[("ecs", "a-role.1")]], "instance Some(\"a-role.1\")"),
            (&[&[("ecs", "*")]], "instance None"),
            (&[&[("ecs", "../../user-data")]], "RoleName { variable: \"ALIBABA_CLOUD_ECS_METADATA\" }"),
            (&[&[("ecs", "")]], "NotConfigured"),
        ];
        for (set, want) in rows {
            assert_eq!(check(&set.concat()), want, "{set:?}");
        }
    }

    #[test]
    fn no_error_and_no_choice_shows_a_secret() {
        let all = [("id", "k"), ("secret", "hush"), ("token", "hush")];
        for set in [&all[..], &all[1..], &all[..1]] {
            let settings = settings(set);
            let shown = format!("{settings:?} {:?}", choose(settings.clone()));
            assert!(!shown.contains("hush"), "{shown}");
        }
    }
}
