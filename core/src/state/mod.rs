//! What an object's status says, from one [`State`]: `Ready`, `Synced`, and while true
//! `Reconciling` or `Stalled`, so that they can never contradict each other.
//!
//! It must not know how a state came about. The table of phases is in `docs/architecture.md`.

mod beside;
mod codes;
mod conditions;
mod message;
mod next;
mod patch;
mod words;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::condition::Reason;
use crate::fault::{Class, Fault};
use crate::ids::{ProjectId, ResourceId};
pub(crate) use codes::NO_WORKSPACE;
use codes::not_the_objects_fault;
pub use codes::{
    is_about_the_key, is_connections_fault, is_final_refusal, is_operators_fault, says_no_workspace,
};
pub(crate) use conditions::{find, set};
pub use next::{Change, Fact, Sent, next};
pub(crate) use next::{error, same_error};
pub use patch::merge_patch;
pub use words::{DENIED_PATIENCE, PATIENCE, Truth};
pub(crate) use words::{Progress, READY, Waited, Words};

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
        /// Since when calls for it fail, where that is known; else as long as status tells of failures.
        since: Option<Timestamp>,
    },
    /// The credentials are refused or lack a right.
    Denied {
        /// The failure.
        fault: Fault,
        /// As of [`State::Retrying`].
        since: Option<Timestamp>,
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

impl State {
    /// What a failed call makes of the object; `update` when the resource exists already, `since` as of
    /// [`State::Retrying`].
    #[must_use]
    pub fn of_fault(fault: &Fault, update: bool, since: Option<Timestamp>, now: Timestamp) -> Self {
        let fault = fault.clone();
        match fault.class {
            Class::Throttled | Class::Transient => Self::Retrying { fault, update, since },
            // Where absence matters it is read back first; what is left is not ours to judge.
            Class::NotFound => Self::Retrying { fault, update, since },
            Class::Quota => Self::QuotaExhausted { until: quota_until(&fault, now) },
            Class::Denied => Self::Denied { fault, since },
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
            Self::Retrying { fault, .. } | Self::Denied { fault, .. } | Self::CheckFailed { fault } => {
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
