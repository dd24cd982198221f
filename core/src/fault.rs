//! What can go wrong with a call, in the few classes that decisions are made from.
//!
//! The shell turns codes and statuses into a [`Fault`]; the plan sees only this.

use std::time::Duration;

/// How a call's failure is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Too many calls in a second: slow down, the object keeps its place.
    Throttled,
    /// The day's or month's calls are used up: the whole connection waits.
    Quota,
    /// May pass by itself: retry with backoff.
    Transient,
    /// The credentials are refused or lack a right.
    Denied,
    /// The same request will be refused again until something is changed.
    Terminal,
    /// The resource is definitely not there.
    NotFound,
    /// The name or path is taken. After a create this may be our own request, sent twice by a
    /// proxy, so a create's answer of this class is an unknown outcome.
    AlreadyExists,
}

/// One failed call: its class and what a person needs to look into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How it is treated.
    pub class: Class,
    /// The service's code (`Throttling.User`, `9990020002`), or a word of ours in the same style
    /// where there was no answer (`ConnectionFailed`, `TimedOut`, `UnreadableAnswer`).
    pub code: String,
    /// What the service said, without control or bidi characters and cut at 512 bytes.
    pub message: String,
    /// The service's request id, for logs and `status.lastError` only.
    pub request_id: Option<String>,
    /// How long the service asked us to wait.
    pub retry_after: Option<Duration>,
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// The service said that it did it.
    Done(T),
    /// Definitely nothing happened.
    Refused(Fault),
    /// It may or may not have happened: look before doing anything else.
    Unknown(Fault),
}

/// How a call ended, whatever it was to bring.
pub trait Ended {
    /// What went wrong, if anything.
    fn fault(&self) -> Option<&Fault>;
}

impl<T> Ended for Result<T, Fault> {
    fn fault(&self) -> Option<&Fault> {
        self.as_ref().err()
    }
}

impl<T> Ended for Outcome<T> {
    fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Done(_) => None,
            Self::Refused(fault) | Self::Unknown(fault) => Some(fault),
        }
    }
}
