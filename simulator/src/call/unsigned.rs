//! Requests that carry no signature of ours: an upload's form, whose policy is signed; a role's token; the metadata service.

use axum::body::Bytes;
use axum::http::header;
use axum::http::request::Parts;

use crate::error::ApiError;
use crate::operations::{Action, Metadata, Params, Request, form};

/// The operation that is not signed.
pub(super) const ASSUME_ROLE: &str = "AssumeRoleWithOIDC";
/// The form of OSS, whose policy is signed instead.
pub(super) const POST_OBJECT: &str = "PostObject";

/// Whether a request brings a file to the bucket.
pub(crate) fn is_upload(parts: &Parts) -> bool {
    let form = parts.headers.get(header::CONTENT_TYPE);
    parts.method == "POST" && form.is_some_and(|value| value.as_bytes().starts_with(b"multipart/form-data"))
}

pub(super) fn of_form(content_type: &str, host: &str, body: &Bytes) -> Result<Request, ApiError> {
    let (params, file) = form(content_type, body)?;
    Ok(Request { action: Action::PostObject, params, account: String::new(), host: host.to_owned(), file })
}

/// Whether a request asks STS for a role's credentials. It is not signed: its token stands for that.
pub(super) fn assumes_role(parts: &Parts, body: &[u8]) -> bool {
    let named =
        parts.headers.get("x-acs-action").is_some_and(|value| value.as_bytes() == ASSUME_ROLE.as_bytes());
    let params = || Params::parse_both(parts.uri.query().unwrap_or(""), body).ok();
    !parts.headers.contains_key(header::AUTHORIZATION)
        && (named || params().is_some_and(|params| params.get("Action") == Some(ASSUME_ROLE)))
}

pub(super) fn of_sts(parts: &Parts, body: &[u8]) -> Result<Request, ApiError> {
    let params = Params::parse_both(parts.uri.query().unwrap_or(""), body)?;
    let version = parts.headers.get("x-acs-version").and_then(|value| value.to_str().ok());
    if params.get("Version").or(version) != Some("2015-04-01") || parts.uri.path() != "/" {
        return Err(ApiError::new(404, "InvalidApi.NotFound", "Specified api is not found."));
    }
    Ok(Request {
        action: Action::AssumeRoleWithOidc,
        params,
        account: String::new(),
        host: String::new(),
        file: None,
    })
}

pub(super) fn of_metadata(asked: Metadata, role: &str, parts: &Parts) -> Request {
    let token = parts.headers.get("x-aliyun-ecs-metadata-token").and_then(|value| value.to_str().ok());
    let params = Params::of([("role", Some(role)), ("token", token)]);
    Request {
        action: Action::Metadata(asked),
        params,
        account: String::new(),
        host: String::new(),
        file: None,
    }
}
