//! Temporary credentials: AssumeRole and AssumeRoleWithOIDC of STS, and the instance's role by the metadata service.
//!
//! What is issued here is a key like any other to the signature check, until it ends. An OIDC token is
//! judged by what it says of itself; its own signature is not checked, since nobody's keys are known here.

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Done, Request};
use crate::clock::{Now, iso, parse_iso};
use crate::cloud::Cloud;
use crate::config::AccessKey;
use crate::error::ApiError;
use crate::settings::Settings;

/// Characters of an OIDC token.
const TOKEN_LENGTH: std::ops::RangeInclusive<usize> = 4..=20_000;
/// Seconds that a role may be assumed for, and for how long without a wish.
const SECONDS: std::ops::RangeInclusive<u64> = 900..=43_200;
const DEFAULT_SECONDS: u64 = 3600;
/// Where the metadata service has the roles.
const ROLES: &str = "/latest/meta-data/ram/security-credentials/";

/// What the metadata service can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metadata {
    /// For a token that the other two need.
    Token,
    /// For the name of the instance's role.
    Role,
    /// For the role's credentials.
    Credentials,
}

impl Metadata {
    /// What a request asks for, and the role that it names.
    pub(crate) fn of<'a>(method: &Method, path: &'a str) -> Option<(Self, &'a str)> {
        match (method.as_str(), path.strip_prefix(ROLES)) {
            ("PUT", None) if path == "/latest/api/token" => Some((Self::Token, "")),
            ("GET", Some("")) => Some((Self::Role, "")),
            ("GET", Some(role)) => Some((Self::Credentials, role)),
            _ => None,
        }
    }

    /// Its name in the journal and in faults.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Token => "PutMetadataToken",
            Self::Role => "GetMetadataRole",
            Self::Credentials => "GetMetadataCredentials",
        }
    }
}

/// AssumeRoleWithOIDC: the token for credentials of the role.
pub(super) fn assume_role(
    request: &Request,
    cloud: &Cloud,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let params = &request.params;
    let role = params.required("RoleArn")?;
    let provider = params.required("OIDCProviderArn")?;
    let session = params.required("RoleSessionName")?;
    let token = params.required("OIDCToken")?;
    if !TOKEN_LENGTH.contains(&token.chars().count()) {
        return Err(ApiError::invalid("OIDCToken", "it has not between 4 and 20000 characters"));
    }
    let seconds = match params.get("DurationSeconds").filter(|text| !text.is_empty()) {
        Some(text) => text.parse().ok().filter(|seconds| SECONDS.contains(seconds)),
        None => Some(DEFAULT_SECONDS),
    };
    let seconds = seconds.ok_or_else(|| ApiError::invalid("DurationSeconds", "it is not in 900 to 43200"))?;
    let sts = &settings.sts;
    let said = claims(token);
    match &sts.oidc_tokens {
        Some(tokens) if !tokens.iter().any(|known| known == token) => {
            return Err(refused("OIDCToken.Invalid", "This JWT is invalid."));
        }
        Some(_) => {}
        None => judge(said.as_ref(), sts.audience.as_deref(), now)?,
    }
    let subject = said.as_ref().and_then(|said| said["sub"].as_str());
    let trusted = sts.subject.as_deref().is_none_or(|wanted| subject == Some(wanted));
    if role != sts.role_arn || provider != sts.oidc_provider_arn || !trusted {
        return Err(refused("NoPermission", "This operation is forbidden by permission system."));
    }
    let lifetime_ms = sts.lifetime_ms.unwrap_or(seconds * 1000);
    let account = role.split(':').nth(3).unwrap_or_default();
    let key = issue(account, lifetime_ms, now);
    let answer = json!({
        "AssumedRoleUser": {
            "Arn": format!("{role}/{session}"),
            "AssumedRoleId": format!("3000:{session}"),
        },
        "Credentials": shown(&key),
        "OIDCTokenInfo": {"Subject": subject, "Issuer": said.as_ref().and_then(|said| said["iss"].as_str())},
    });
    cloud.add_key(key, now);
    Ok(Done::read(&answer))
}

/// AssumeRole: the caller's key for credentials of another role.
pub(super) fn assume_other_role(
    request: &Request,
    cloud: &Cloud,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let params = &request.params;
    let role = params.required("RoleArn")?;
    let session = params.required("RoleSessionName")?;
    let sts = &settings.sts;
    let external = params.get("ExternalId");
    let known = sts.external_id.as_deref().is_none_or(|wanted| external == Some(wanted));
    if role != sts.role_arn || !known {
        return Err(ApiError::new(403, "NoPermission", "You are not authorized to do this action."));
    }
    let lifetime_ms = sts.lifetime_ms.unwrap_or(DEFAULT_SECONDS * 1000);
    let key = issue(role.split(':').nth(3).unwrap_or_default(), lifetime_ms, now);
    let answer = json!({
        "AssumedRoleUser": {
            "Arn": format!("{role}/{session}"),
            "AssumedRoleId": format!("3000:{session}"),
        },
        "Credentials": shown(&key),
    });
    cloud.add_key(key, now);
    Ok(Done::read(&answer))
}

/// The metadata service: a token, then with it the role, then its credentials.
pub(super) fn metadata(
    asked: Metadata,
    request: &Request,
    cloud: &Cloud,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let service = &settings.metadata;
    let missing = || ApiError::new(404, "NotFound", "Not found.");
    if asked == Metadata::Token {
        return match service.tokens {
            true => Ok(plain(cloud.metadata_token())),
            false => Err(missing()),
        };
    }
    let token = request.params.get("token");
    if token.is_some_and(|token| token != cloud.metadata_token()) || token.is_none() && service.needs_token {
        return Err(ApiError::new(403, "Forbidden", "The token is missing or unknown."));
    }
    let role = service.role.as_deref().ok_or_else(missing)?;
    if asked == Metadata::Role {
        return Ok(plain(role));
    }
    if request.params.get("role") != Some(role) {
        return Err(missing());
    }
    // The service hands out the same ones for a while.
    let lifetime_ms = service.lifetime_ms;
    let half = i64::try_from(lifetime_ms / 2).unwrap_or(i64::MAX);
    let key = cloud.instance_key(
        |held| held.expires_at_ms.is_some_and(|end| end - now.wall_ms > half),
        || issue(&service.account_id, lifetime_ms, now),
    );
    cloud.add_key(key.clone(), now);
    let mut answer = shown(&key);
    answer["Code"] = "Success".into();
    answer["LastUpdated"] = iso(now.wall_ms).into();
    Ok(Done::read(&answer))
}

fn plain(text: &str) -> Done {
    Done { answer: text.to_owned(), effect: false, id: None, left: None }
}

/// What a token says, where it has the form of a JWT.
fn claims(token: &str) -> Option<Value> {
    let [_, payload, _] = token.split('.').collect::<Vec<_>>()[..] else { return None };
    let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&json).ok().filter(Value::is_object)
}

/// Whether a token is one, in date, and meant for STS. What it does not say is not held against it.
fn judge(said: Option<&Value>, audience: Option<&str>, now: Now) -> Result<(), ApiError> {
    let said = said.ok_or_else(|| refused("OIDCToken.Invalid", "This JWT is invalid."))?;
    if said["exp"].as_i64().is_some_and(|end| end.saturating_mul(1000) <= now.wall_ms) {
        return Err(refused("OIDCToken.Expired", "This JWT is expired."));
    }
    let meant_for = |wanted: &str| match &said["aud"] {
        Value::String(one) => one == wanted,
        Value::Array(all) => all.iter().any(|one| one == wanted),
        _ => true,
    };
    if audience.is_some_and(|wanted| !meant_for(wanted)) {
        return Err(refused("OIDCToken.AudienceNotMatch", "The audience of this JWT is not registered."));
    }
    Ok(())
}

fn refused(code: &str, message: &str) -> ApiError {
    ApiError::new(401, &format!("AuthenticationFail.{code}"), message)
}

fn issue(account: &str, lifetime_ms: u64, now: Now) -> AccessKey {
    let random = || Uuid::new_v4().simple().to_string();
    // Whole seconds, as they are written.
    let end = now.wall_ms.saturating_add(i64::try_from(lifetime_ms).unwrap_or(i64::MAX));
    AccessKey {
        access_key_id: format!("STS.{}", random()),
        secret: random(),
        security_token: Some(format!("CAIS{}+/={}", random(), random())),
        account_id: account.to_owned(),
        expires_at_ms: parse_iso(&iso(end)),
        inactive: false,
    }
}

fn shown(key: &AccessKey) -> Value {
    json!({
        "AccessKeyId": key.access_key_id,
        "AccessKeySecret": key.secret,
        "SecurityToken": key.security_token,
        "Expiration": key.expires_at_ms.map(iso),
    })
}
