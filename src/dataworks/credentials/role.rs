//! A RAM role for a token of the cluster: AssumeRoleWithOIDC of STS (RRSA).
//!
//! The call is not signed: the token stands for a signature. The rules it keeps: the token goes into the
//! body, so that no proxy logs it with the URL; its file is read anew for each call, since the kubelet
//! replaces it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::reach::{Question, Reach};
use super::{AccountRole, CredentialError, Credentials, OidcRole, Temporary};
use crate::dataworks::encode;
use crate::dataworks::endpoint::Endpoint;
use crate::dataworks::key::Shown;

/// Largest token taken: what the service takes.
const TOKEN_LIMIT: u64 = 20_000;
/// How long the credentials are asked for, in seconds: every role allows this.
const DURATION: &str = "3600";
/// Deadline of the call, from before the request.
const DEADLINE: Duration = Duration::from_secs(15);
const SERVICE: &str = "STS";
const ACTION: &str = "AssumeRoleWithOIDC";

/// Asks once, with the token in the file.
pub(super) async fn assume(
    role: &OidcRole,
    endpoint: &Endpoint,
    reach: &Reach,
) -> Result<Temporary, CredentialError> {
    let file = role.token_file.clone();
    let token = tokio::task::spawn_blocking(move || read_token(&file));
    let token = token.await.unwrap_or(Err(CredentialError::Stopping))?;
    let OidcRole { role_arn, provider_arn, session_name, token_file: _ } = role;
    exchange(&Wish { role_arn, provider_arn, session_name }, endpoint, &token, reach).await
}

/// Asks once, with a token that is asked for.
pub(super) async fn assume_as(
    role: &AccountRole,
    endpoint: &Endpoint,
    reach: &Reach,
) -> Result<Temporary, CredentialError> {
    let token = role.token.ask().await?;
    let AccountRole { role_arn, provider_arn, session_name, token: _ } = role;
    exchange(&Wish { role_arn, provider_arn, session_name }, endpoint, &token, reach).await
}

/// What is asked for.
struct Wish<'a> {
    role_arn: &'a str,
    provider_arn: &'a str,
    session_name: &'a str,
}

async fn exchange(
    wish: &Wish<'_>,
    endpoint: &Endpoint,
    token: &SecretString,
    reach: &Reach,
) -> Result<Temporary, CredentialError> {
    let request = build(wish, endpoint, token, reach.now());
    let secrets = [token.expose_secret()];
    let question = Question { service: SERVICE, action: ACTION, deadline: DEADLINE, secrets: &secrets };
    let ((credentials, expires), given) = reach.ask(question, request, read_answer).await?;
    Ok(Temporary { credentials, expires, given })
}

fn read_token(path: &Path) -> Result<SecretString, CredentialError> {
    let unusable = |why| CredentialError::Token { path: path.to_owned(), why };
    let mut text = String::new();
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => unusable("is not there"),
        std::io::ErrorKind::PermissionDenied => unusable("may not be read"),
        _ => unusable("cannot be read"),
    })?;
    if file.take(TOKEN_LIMIT + 1).read_to_string(&mut text).is_err() {
        return Err(unusable("cannot be read as text"));
    }
    if text.len() as u64 > TOKEN_LIMIT {
        return Err(unusable("is larger than 20000 bytes"));
    }
    match text.trim() {
        "" => Err(unusable("is empty")),
        token => Ok(token.to_owned().into()),
    }
}

/// The request. Pure: time and token are given.
fn build(wish: &Wish<'_>, endpoint: &Endpoint, token: &SecretString, now: Timestamp) -> Request {
    let timestamp = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut url = endpoint.url().clone();
    url.set_query(Some(&encode::form(&[
        ("Action", ACTION),
        ("Version", "2015-04-01"),
        ("Format", "JSON"),
        ("Timestamp", &timestamp),
    ])));
    let body = encode::form(&[
        ("RoleArn", wish.role_arn),
        ("OIDCProviderArn", wish.provider_arn),
        ("OIDCToken", token.expose_secret()),
        ("RoleSessionName", wish.session_name),
        ("DurationSeconds", DURATION),
    ]);
    let mut request = Request::new(Method::POST, url);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    *request.body_mut() = Some(body.into());
    request
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    credentials: Shown,
}

fn read_answer(body: &[u8]) -> Option<(Credentials, Timestamp)> {
    serde_json::from_slice::<Answer>(body).ok()?.credentials.taken()
}
