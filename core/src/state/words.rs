//! What each state says in a condition: the sentences that people read.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::{State, beside, said, told, whole};
use crate::api::condition::Reason;
use crate::codes::NO_CREDENTIALS;
use crate::fault::{Class, Fault};

/// A fault that may pass is `Unknown` this long before it is `False`.
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(2);
/// Refused access is `Stalled` when it has been `False` this long (15 min in all).
pub const DENIED_PATIENCE: SignedDuration = SignedDuration::from_mins(13);

pub(crate) const READY: &str = "The resource is in the workspace as declared.";

/// A condition's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// `True`.
    True,
    /// `False`.
    False,
    /// `Unknown`.
    Unknown,
}

impl Truth {
    /// As it stands in a condition.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What stands in the way of kstatus' "Current".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Settled,
    Reconciling,
    Stalled,
}

/// Status, reason and message of `Ready` and `Synced`, and which of the other two is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) ready: (Truth, Reason, String),
    pub(crate) synced: (Truth, Reason),
    /// The message of `Synced` where it is its own.
    pub(crate) synced_message: Option<String>,
    pub(crate) progress: Progress,
}

impl Words {
    /// With another reason for `Synced` than for `Ready`.
    fn synced_because(self, reason: Reason) -> Self {
        Self { synced: (self.synced.0, reason), ..self }
    }
}

/// How long `Ready` has not been True for a reason that may pass, as status has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waited {
    /// Ready is Unknown since, and tells of a failure or of what is missing.
    pub(crate) unknown_since: Option<Timestamp>,
    /// Ready is False since, with a reason of a fault that may pass.
    pub(crate) false_since: Option<Timestamp>,
}

impl Waited {
    /// True when a fault that may pass has lasted too long to be called Unknown: `since` then, where that is known.
    fn impatient(self, since: Option<Timestamp>, now: Timestamp) -> bool {
        let since = since.or(self.unknown_since);
        self.false_since.is_some() || since.is_some_and(|since| now.duration_since(since) >= PATIENCE)
    }
}

impl State {
    pub(crate) fn words(&self, waited: Waited, now: Timestamp) -> Words {
        use Progress::{Reconciling, Settled, Stalled};
        use Truth::{False, True, Unknown};
        let words = |ready: Truth, reason: Reason, message: &str, synced: Truth, progress| Words {
            ready: (ready, reason, message.to_owned()),
            synced: (synced, reason),
            synced_message: None,
            progress,
        };
        match self {
            Self::Ready => words(True, Reason::Succeeded, READY, True, Settled),
            Self::Drifted { fields } => beside::drifted(fields),
            Self::Duplicate { path, ids } => beside::duplicate(path, ids),
            Self::MassAbsence => beside::mass_absence(),
            Self::CheckFailed { fault } => beside::check_failed(fault),
            Self::Suspended { pending: false } => {
                words(True, Reason::Suspended, "Suspended; the resource is as declared.", True, Settled)
            }
            Self::Suspended { pending: true } => words(
                Unknown,
                Reason::Suspended,
                "Suspended, with changes that were not sent; remove spec.suspend to send them.",
                False,
                Settled,
            ),
            Self::Creating { message } => words(Unknown, Reason::Creating, message, Unknown, Reconciling),
            Self::Updating { message } => words(Unknown, Reason::Updating, message, False, Reconciling),
            Self::Publishing { reason, message } => {
                words(Unknown, *reason, message, True, Reconciling).synced_because(Reason::Succeeded)
            }
            Self::Queued { message } => words(Unknown, Reason::Queued, message, Unknown, Reconciling),
            Self::QuotaExhausted { until } => words(
                Unknown,
                Reason::QuotaExhausted,
                &format!("The account's calls in this region are used up; it goes on at {}.", whole(*until)),
                Unknown,
                Reconciling,
            ),
            Self::OutcomeUnknown { path, project, until } => words(
                Unknown,
                Reason::OutcomeUnknown,
                &format!(
                    "The answer to CreateResource was lost, so {path:?} in workspace {project} may or may not exist; \
                     it is searched for and, if it is not there, made again after {}.",
                    whole(*until)
                ),
                Unknown,
                Reconciling,
            ),
            Self::Recreating => words(
                Unknown,
                Reason::Recreating,
                "The resource is gone from the workspace and is made again.",
                False,
                Reconciling,
            )
            .synced_because(Reason::NotFound),
            Self::Retrying { fault, update, since } => {
                retrying(fault, *update, waited.impatient(*since, now))
            }
            Self::Denied { fault, since } => denied(fault, waited, *since, now),
            Self::DependencyNotReady { message } => {
                let ready = if waited.impatient(None, now) { False } else { Unknown };
                words(ready, Reason::DependencyNotReady, message, Unknown, Reconciling)
            }
            Self::Stalled { reason, message, fault: _ } => words(False, *reason, message, False, Stalled),
            Self::Taken { message, closes: _ } => {
                words(False, Reason::AlreadyExists, message, False, Stalled)
            }
            Self::Deleting { message } => words(False, Reason::Deleting, message, Unknown, Reconciling),
            Self::DeletionBlocked { message, fault: _ } | Self::DeletionAmbiguous { message } => {
                words(False, Reason::DeletionBlocked, message, Unknown, Stalled)
            }
        }
    }
}

fn retrying(fault: &Fault, update: bool, impatient: bool) -> Words {
    let (reason, what) = match fault.class {
        Class::Throttled if impatient => {
            (Reason::Throttled, "The service has throttled every call for a while")
        }
        Class::Throttled => (Reason::ProgressingWithRetry, "The service throttles"),
        Class::Quota
        | Class::Transient
        | Class::Denied
        | Class::Terminal
        | Class::NotFound
        | Class::AlreadyExists
            if impatient =>
        {
            (Reason::CloudUnavailable, "The service has failed for a while")
        }
        Class::Quota
        | Class::Transient
        | Class::Denied
        | Class::Terminal
        | Class::NotFound
        | Class::AlreadyExists => (Reason::ProgressingWithRetry, "A call failed and is tried again"),
    };
    let pending = if update { " What is declared may not have arrived." } else { "" };
    let ready = if impatient { Truth::False } else { Truth::Unknown };
    Words {
        ready: (ready, reason, format!("{what}: {}.{pending}", told(fault))),
        synced: (Truth::Unknown, reason),
        synced_message: None,
        progress: Progress::Reconciling,
    }
}

fn denied(fault: &Fault, waited: Waited, since: Option<Timestamp>, now: Timestamp) -> Words {
    let stalled = waited.false_since.is_some_and(|since| now.duration_since(since) >= DENIED_PATIENCE);
    let ready = if waited.impatient(since, now) { Truth::False } else { Truth::Unknown };
    let message = if fault.code == NO_CREDENTIALS {
        format!(
            "The operator has no credentials: {}. Nothing was sent; it goes on by itself when there are some.",
            said(fault).trim_end_matches('.')
        )
    } else {
        format!(
            "The service refuses access: {}. Check the operator's access key, its RAM policy (dataworks:*) and \
             that the identity is a member of the workspace.",
            told(fault)
        )
    };
    Words {
        ready: (ready, Reason::AccessDenied, message),
        synced: (Truth::Unknown, Reason::AccessDenied),
        synced_message: None,
        progress: if stalled { Progress::Stalled } else { Progress::Reconciling },
    }
}
