//! The role of the ECS instance, by its metadata service.
//!
//! Asked only where the administrator named it. The rules it keeps: each fetch has a token of its own,
//! and there is no falling back to requests without one; no HTTP proxy is between, since the address is
//! the machine's own.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use reqwest::header::HeaderValue;
use reqwest::{Method, Request};

use super::choice::is_role_name;
use super::reach::{Question, Reach};
use super::{CredentialError, Credentials, InstanceRole, Temporary};
use crate::dataworks::endpoint::Endpoint;
use crate::dataworks::key::Shown;

/// Where the service is on every instance: an address that leaves no machine, by plain http.
pub const METADATA_SERVICE: &str = "http://100.100.100.200";

/// Deadline of each request: the service is on the machine itself.
const DEADLINE: Duration = Duration::from_secs(2);
/// Longest token and longest role name read.
const TEXT_LIMIT: usize = 4096;
const TOKEN_TTL: &str = "x-aliyun-ecs-metadata-token-ttl-seconds";
/// How long a token is asked for, in seconds: what the vendor's libraries ask for.
const TTL: &str = "21600";
const TOKEN: &str = "x-aliyun-ecs-metadata-token";
const ROLES: &str = "/latest/meta-data/ram/security-credentials/";

/// Asks for the credentials, and for the role's name where it is not given.
pub(super) async fn fetch(
    role: &InstanceRole,
    endpoint: &Endpoint,
    reach: &Reach,
) -> Result<Temporary, CredentialError> {
    let mut request = to(endpoint, Method::PUT, "/latest/api/token");
    request.headers_mut().insert(TOKEN_TTL, HeaderValue::from_static(TTL));
    let (token, _) = reach.ask(question("PutMetadataToken", &[]), request, read_token).await?;
    let secrets = [token.to_str().unwrap_or_default()];
    let name = match &role.name {
        Some(name) => name.clone(),
        None => {
            let request = with(&token, to(endpoint, Method::GET, ROLES));
            reach.ask(question("GetMetadataRole", &secrets), request, read_role).await?.0
        }
    };
    let request = with(&token, to(endpoint, Method::GET, &format!("{ROLES}{name}")));
    let asked = reach.ask(question("GetMetadataCredentials", &secrets), request, read_credentials).await?;
    let ((credentials, expires), given) = asked;
    Ok(Temporary { credentials, expires, given })
}

fn question<'a>(action: &'static str, secrets: &'a [&'a str]) -> Question<'a> {
    Question { service: "the metadata service", action, deadline: DEADLINE, secrets }
}

fn to(endpoint: &Endpoint, method: Method, path: &str) -> Request {
    let mut url = endpoint.url().clone();
    url.set_path(path);
    Request::new(method, url)
}

fn with(token: &HeaderValue, mut request: Request) -> Request {
    request.headers_mut().insert(TOKEN, token.clone());
    request
}

fn text(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?.trim();
    (1..=TEXT_LIMIT).contains(&text.len()).then_some(text)
}

fn read_token(body: &[u8]) -> Option<HeaderValue> {
    let mut token = HeaderValue::from_str(text(body)?).ok()?;
    token.set_sensitive(true);
    Some(token)
}

fn read_role(body: &[u8]) -> Option<String> {
    text(body).filter(|name| is_role_name(name)).map(str::to_owned)
}

fn read_credentials(body: &[u8]) -> Option<(Credentials, Timestamp)> {
    let shown: Shown = serde_json::from_slice(body).ok()?;
    (shown.code.as_deref() == Some("Success")).then(|| shown.taken()).flatten()
}
