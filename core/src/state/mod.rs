//! What an object's status says, from one [`State`]: `Ready`, `Synced`, and while true
//! `Reconciling` or `Stalled`, so that they can never contradict each other.
//!
//! It must not know how a state came about. The table of phases is in `docs/architecture.md`.

mod beside;
mod codes;
mod message;
mod next;
mod patch;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::condition::Reason;
use crate::codes::NO_CREDENTIALS;
use crate::fault::{Class, Fault};
use crate::ids::{ProjectId, ResourceId};
pub(crate) use codes::NO_WORKSPACE;
use codes::not_the_objects_fault;
pub use codes::{
    is_about_the_key, is_connections_fault, is_final_refusal, is_operators_fault, says_no_workspace,
};
pub use next::{Change, Fact, Sent, next};
pub(crate) use next::{error, find, same_error, set};
pub use patch::merge_patch;

/// A fault that may pass is `Unknown` this long before it is `False`.
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(2);
/// Refused access is `Stalled` when it has been `False` this long (15 min in all).
pub const DENIED_PATIENCE: SignedDuration = SignedDuration::from_mins(13);

pub(crate) const READY: &str = "The resource is in the workspace as declared.";

/// A used-up quota is probed this often: nothing says when exactly it comes back.
const QUOTA_PROBE: SignedDuration = SignedDuration::from_hours(1);

/// When a connection whose calls are used up is tried again.
#[must_use]
pub fn quota_until(fault: &Fault, now: Timestamp) -> Timestamp {
    let wait = fault.retry_after.and_then(|wait| SignedDuration::try_from(wait).ok()).unwrap_or(QUOTA_PROBE);
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// Where an object stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The resource is as declared.
    Ready,
    /// The resource was changed by others and is left so, or differs in what no call changes.
    Drifted {
        /// The fields that differ, by their place in the file resource.
        fields: Vec<String>,
    },
    /// The resource is as declared, and another file stands at its path.
    Duplicate {
        /// The path.
        path: String,
        /// The resources there, ours first.
        ids: Vec<ResourceId>,
    },
    /// The listing of the workspace misses so many resources, this one too, that none is made again.
    MassAbsence,
    /// The routine look at a resource that was as declared failed several times.
    CheckFailed {
        /// The failure.
        fault: Fault,
    },
    /// Suspended, with or without something that would have to be written.
    Suspended {
        /// Something would have to be written.
        pending: bool,
    },
    /// A create waits for an answer or a listing.
    Creating {
        /// What it waits for.
        message: String,
    },
    /// A change is under way.
    Updating {
        /// What it waits for.
        message: String,
    },
    /// The resource is as declared, and a deployment run for it is under way.
    Publishing {
        /// What it waits for, in a word.
        reason: Reason,
        /// What it waits for, and what to do.
        message: String,
    },
    /// It waits for a permit of ours.
    Queued {
        /// What it waits for, and until when.
        message: String,
    },
    /// The connection's calls are used up.
    QuotaExhausted {
        /// Until when it waits.
        until: Timestamp,
    },
    /// A create's outcome is not known.
    OutcomeUnknown {
        /// Where the file may be.
        path: String,
        /// In which workspace.
        project: ProjectId,
        /// When it will be known at the latest.
        until: Timestamp,
    },
    /// The resource is gone and will be made again.
    Recreating,
    /// A call failed in a way that may pass.
    Retrying {
        /// The failure.
        fault: Fault,
        /// True when the object had to be changed in the cloud, false when it had to be made.
        update: bool,
    },
    /// The credentials are refused or lack a right.
    Denied {
        /// The failure.
        fault: Fault,
    },
    /// What the object refers to is not there, not ready, or cannot be used.
    DependencyNotReady {
        /// What is wrong, where, and what to do.
        message: String,
    },
    /// Nothing will happen until something is changed.
    Stalled {
        /// Why.
        reason: Reason,
        /// What is wrong, where, and what to do.
        message: String,
        /// The refused call, if there was one.
        fault: Option<Fault>,
    },
    /// The path is taken by a resource that is not ours.
    Taken {
        /// What is wrong, where, and what to do.
        message: String,
        /// The `at` of the intent that ends with this.
        closes: Option<Timestamp>,
    },
    /// The object is being deleted.
    Deleting {
        /// What it waits for.
        message: String,
    },
    /// The object cannot be deleted until something is changed.
    DeletionBlocked {
        /// What is wrong, where, and what to do.
        message: String,
        /// The failed call, if there was one.
        fault: Option<Fault>,
    },
    /// The object cannot be deleted until a person has told which file is its own.
    DeletionAmbiguous {
        /// Which it may be, and how to tell.
        message: String,
    },
}

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
    /// Ready is Unknown since.
    pub(crate) unknown_since: Option<Timestamp>,
    /// Ready is False since, with a reason of a fault that may pass.
    pub(crate) false_since: Option<Timestamp>,
}

impl Waited {
    /// True when a fault that may pass has lasted too long to be called Unknown.
    fn impatient(self, now: Timestamp) -> bool {
        self.false_since.is_some()
            || self.unknown_since.is_some_and(|since| now.duration_since(since) >= PATIENCE)
    }
}

impl State {
    /// What a failed call makes of the object; `update` when the resource exists already.
    #[must_use]
    pub fn of_fault(fault: &Fault, update: bool, now: Timestamp) -> Self {
        let fault = fault.clone();
        match fault.class {
            Class::Throttled | Class::Transient => Self::Retrying { fault, update },
            // Where absence matters it is read back first; what is left is not ours to judge.
            Class::NotFound => Self::Retrying { fault, update },
            Class::Quota => Self::QuotaExhausted { until: quota_until(&fault, now) },
            Class::Denied => Self::Denied { fault },
            Class::Terminal if NO_WORKSPACE.contains(&fault.code.as_str()) => Self::Stalled {
                reason: Reason::WorkspaceNotFound,
                message: format!(
                    "The service knows no such workspace, or the operator's identity is not a member of it: {}. \
                     Check spec.projectId and the members of the workspace.",
                    told(&fault)
                ),
                fault: Some(fault),
            },
            Class::Terminal | Class::AlreadyExists => Self::Stalled {
                reason: Reason::Refused,
                message: match not_the_objects_fault(&fault.code) {
                    Some(cure) => {
                        format!("The service refuses the operator's calls: {}. {cure}", told(&fault))
                    }
                    None => format!(
                        "The service refuses what this object declares: {}. Change the object; the same document \
                         is not sent again for an hour or more.",
                        told(&fault)
                    ),
                },
                fault: Some(fault),
            },
        }
    }

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
            Self::Retrying { fault, update } => retrying(fault, *update, waited, now),
            Self::Denied { fault } => denied(fault, waited, now),
            Self::DependencyNotReady { message } => {
                let ready = if waited.impatient(now) { False } else { Unknown };
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

    /// True when a look that a person asked for has ended with this: there is nothing more to do
    /// now, and the same look again would show the same.
    #[must_use]
    pub fn answers_request(&self) -> bool {
        match self {
            Self::Ready
            | Self::Drifted { .. }
            | Self::Duplicate { .. }
            | Self::MassAbsence
            | Self::Suspended { .. }
            | Self::Denied { .. }
            | Self::DependencyNotReady { .. }
            | Self::Stalled { .. }
            | Self::Taken { .. }
            | Self::DeletionBlocked { .. }
            | Self::DeletionAmbiguous { .. } => true,
            Self::CheckFailed { .. }
            | Self::Creating { .. }
            | Self::Updating { .. }
            | Self::Publishing { .. }
            | Self::Queued { .. }
            | Self::QuotaExhausted { .. }
            | Self::OutcomeUnknown { .. }
            | Self::Recreating
            | Self::Retrying { .. }
            | Self::Deleting { .. } => false,
        }
    }

    /// What a lost create left is for a person to tell, who answers by taking the intent away.
    #[must_use]
    pub fn is_question(&self) -> bool {
        matches!(self, Self::Stalled { reason: Reason::AmbiguousCreate, .. } | Self::DeletionAmbiguous { .. })
    }

    /// The failed call behind this state.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Retrying { fault, .. } | Self::Denied { fault } | Self::CheckFailed { fault } => {
                Some(fault)
            }
            Self::Stalled { fault, .. } | Self::DeletionBlocked { fault, .. } => fault.as_ref(),
            Self::Ready
            | Self::Drifted { .. }
            | Self::Duplicate { .. }
            | Self::MassAbsence
            | Self::Suspended { .. }
            | Self::Creating { .. }
            | Self::Updating { .. }
            | Self::Publishing { .. }
            | Self::Queued { .. }
            | Self::QuotaExhausted { .. }
            | Self::OutcomeUnknown { .. }
            | Self::Recreating
            | Self::DependencyNotReady { .. }
            | Self::Taken { .. }
            | Self::Deleting { .. }
            | Self::DeletionAmbiguous { .. } => None,
        }
    }
}

fn retrying(fault: &Fault, update: bool, waited: Waited, now: Timestamp) -> Words {
    let impatient = waited.impatient(now);
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

fn denied(fault: &Fault, waited: Waited, now: Timestamp) -> Words {
    let stalled = waited.false_since.is_some_and(|since| now.duration_since(since) >= DENIED_PATIENCE);
    let ready = if waited.impatient(now) { Truth::False } else { Truth::Unknown };
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

/// A fault in a message: code and text, never the request id.
#[must_use]
pub fn told(fault: &Fault) -> String {
    let said = said(fault);
    let text = said.trim_end_matches(['.', ' ', '。']);
    if text.is_empty() { fault.code.clone() } else { format!("{} ({text})", fault.code) }
}

/// What the service said, without the request id that some answers repeat in their text: it
/// would make each failure look new, and has its own place in `lastError`.
pub(crate) fn said(fault: &Fault) -> String {
    match fault.request_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => fault.message.replace(id, "…"),
        None => fault.message.clone(),
    }
}

/// A time without fractions, for people.
#[must_use]
pub fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
