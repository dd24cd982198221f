//! Errors as the API answers them.

use crate::settings::ErrorAnswer;

/// A refusal of the API: what becomes `{"RequestId","HostId","Code","Message","Recommend"}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} ({status}): {message}")]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// A parameter that must be there and is not.
    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new(400, &format!("Missing{parameter}"), format!("{parameter} is mandatory for this action."))
    }

    /// A parameter whose value cannot be.
    pub(crate) fn invalid(parameter: &str, why: &str) -> Self {
        Self::new(400, "InvalidParameter", format!("The parameter {parameter} is not valid: {why}."))
    }

    /// Too many calls a second.
    pub(crate) fn throttling_user() -> Self {
        Self::new(429, "Throttling.User", "Request was denied due to user flow control.")
    }

    /// The same, from DataWorks' own layer: a number, the word in the message.
    pub(crate) fn throttling_numeric() -> Self {
        Self::new(400, "9990020002", "code: 400, Throttling.User")
    }
}

impl From<&ErrorAnswer> for ApiError {
    fn from(answer: &ErrorAnswer) -> Self {
        Self { status: answer.status, code: answer.code.clone(), message: answer.message.clone() }
    }
}
