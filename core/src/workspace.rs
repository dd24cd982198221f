//! How a DataWorksWorkspace stands, and what its status says of it.
//!
//! A [`Verdict`] is made by whoever looked; from it follow the status, whether objects may call, and when to look
//! again. It must not know how one looks.

mod absence;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::condition::{ConditionType, Reason};
use crate::api::v1alpha1::{CallCounts, DataWorksWorkspaceStatus, ProjectFacts, ResourceCounts};
use crate::codes::NO_CREDENTIALS;
use crate::fault::{Class, Fault};
use crate::state::{self, NO_WORKSPACE, PATIENCE, Truth, quota_until, told, whole};
pub use absence::{Absence, AbsenceTold, absence_told};

/// Nothing of the workspace has to change for it to be ready again, so it is looked at so often.
const SLOW: SignedDuration = SignedDuration::from_mins(5);
/// A person has to act first.
const DENIED: SignedDuration = SignedDuration::from_secs(30);
/// Each look at what the service refuses is a call of the account's day: they double up to this.
const REFUSED_MOST: SignedDuration = SignedDuration::from_hours(1);

/// How a workspace stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It can be worked with.
    Ready,
    /// Looking failed in a way that may pass.
    Retrying {
        /// Why.
        reason: Reason,
        /// What is wrong, where, and what to do.
        message: String,
        /// The failed call, if there was one.
        fault: Option<Box<Fault>>,
    },
    /// It cannot be worked with until something is changed; that may be elsewhere, so it is looked at again.
    Closed {
        /// Why.
        reason: Reason,
        /// What is wrong, where, and what to do.
        message: String,
        /// The failed call, if there was one.
        fault: Option<Box<Fault>>,
    },
    /// It is being deleted, and objects need it for that of their own.
    Leaving {
        /// How many hold a file.
        count: usize,
        /// One of them.
        first: String,
    },
}

impl Verdict {
    /// Closed without a call.
    #[must_use]
    pub fn closed(reason: Reason, message: impl Into<String>) -> Self {
        Self::Closed { reason, message: message.into(), fault: None }
    }

    /// What a look at the workspace `project` in `place` that failed makes of it.
    #[must_use]
    pub fn of_fault(fault: &Fault, project: i64, place: &str, now: Timestamp) -> Self {
        let said = told(fault);
        let boxed = || Some(Box::new(fault.clone()));
        let closed = |reason, message| Self::Closed { reason, message, fault: boxed() };
        let retrying = |reason, message| Self::Retrying { reason, message, fault: boxed() };
        match fault.class {
            // Here "not visible" is no matter of a moment.
            _ if NO_WORKSPACE.contains(&fault.code.as_str()) => closed(
                Reason::WorkspaceNotFound,
                format!(
                    "The service knows no workspace {project} in {place}, or the identity is not a member of it: {said}. \
                     Check spec.projectId, spec.region and the members of the workspace."
                ),
            ),
            Class::Denied if fault.code == NO_CREDENTIALS => closed(
                Reason::AccessDenied,
                format!(
                    "There are no credentials: {}. Nothing is sent; it goes on by itself when there are some.",
                    fault.message.trim_end_matches('.')
                ),
            ),
            Class::Denied => closed(
                Reason::AccessDenied,
                format!(
                    "The service refuses access: {said}. Check the credentials, their RAM policy (dataworks:*) and that the \
                     identity is a member of the workspace."
                ),
            ),
            Class::Terminal | Class::NotFound | Class::AlreadyExists => {
                let cure =
                    crate::codes::cure_of(&fault.code).unwrap_or("check spec.endpoint and spec.region");
                closed(Reason::Refused, format!("The service refuses to show the workspace: {said}; {cure}."))
            }
            Class::Quota => retrying(
                Reason::QuotaExhausted,
                format!(
                    "The identity's calls in this region are used up; it goes on at {}.",
                    whole(quota_until(fault, now))
                ),
            ),
            Class::Throttled => retrying(Reason::Throttled, format!("The service throttles: {said}.")),
            Class::Transient => retrying(Reason::CloudUnavailable, format!("The service fails: {said}.")),
        }
    }

    /// There is no address for the host that was to be asked; `region`: the spec's, where the name was made of it.
    #[must_use]
    pub fn unresolved(fault: &Fault, host: &str, region: Option<&str>) -> Self {
        let cure = match region {
            Some(region) => format!(
                "Is the region's name right? spec.region is {region:?} and cannot be changed: if it is wrong, delete this object \
                 and create it anew."
            ),
            None => "Is the host's name right?".to_owned(),
        };
        Self::Retrying {
            reason: Reason::CloudUnavailable,
            message: format!(
                "The name of the host {host} cannot be resolved, so nothing is sent. {cure} If it is right, look at the \
                 cluster's DNS; it goes on by itself."
            ),
            fault: Some(Box::new(fault.clone())),
        }
    }

    /// Whether objects may call.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::Ready
    }

    /// What objects are told of a workspace that they wait for.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Ready => "The workspace can be worked with.".to_owned(),
            Self::Retrying { message, .. } | Self::Closed { message, .. } => message.clone(),
            Self::Leaving { count, first } => {
                let (objects, them) =
                    if *count == 1 { ("object has", "it") } else { ("objects have", "them") };
                format!(
                    "It is being deleted, and waits: {count} {objects} a file here, the first is {first:?}. Delete {them}, or \
                     let {them} name another DataWorksWorkspace."
                )
            }
        }
    }

    /// How long to wait before the next look after so many failures in a row, when `backoff` is the wait after as many
    /// that may pass.
    #[must_use]
    pub fn wait(&self, failures: u32, backoff: SignedDuration, now: Timestamp) -> Option<SignedDuration> {
        let doubled = |first: SignedDuration| {
            let factor = 1_i32.checked_shl(failures.saturating_sub(1).min(16)).unwrap_or(1);
            first.saturating_mul(factor).min(REFUSED_MOST).max(backoff)
        };
        match self {
            Self::Ready | Self::Leaving { .. } => None,
            Self::Retrying { fault: Some(fault), .. } if fault.class == Class::Quota => {
                Some(quota_until(fault, now).duration_since(now).max(backoff))
            }
            Self::Retrying { .. } => Some(backoff),
            // Without credentials nothing is sent to the workspace's service.
            Self::Closed { fault: Some(fault), .. } if fault.code == NO_CREDENTIALS => {
                Some(backoff.max(DENIED))
            }
            Self::Closed { fault: Some(fault), .. } if fault.class == Class::Denied => Some(doubled(DENIED)),
            Self::Closed { fault: Some(_), .. } => Some(doubled(SLOW)),
            // Nothing was called.
            Self::Closed { fault: None, .. } => Some(SLOW),
        }
    }

    fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Retrying { fault, .. } | Self::Closed { fault, .. } => fault.as_deref(),
            Self::Ready | Self::Leaving { .. } => None,
        }
    }

    fn ready(&self, impatient: bool) -> (Truth, Reason) {
        match self {
            Self::Ready => (Truth::True, Reason::Succeeded),
            Self::Retrying { reason: Reason::QuotaExhausted, .. } => (Truth::Unknown, Reason::QuotaExhausted),
            Self::Retrying { reason, .. } if impatient => (Truth::False, *reason),
            Self::Retrying { .. } => (Truth::Unknown, Reason::ProgressingWithRetry),
            Self::Closed { reason, .. } => (Truth::False, *reason),
            Self::Leaving { .. } => (Truth::False, Reason::Deleting),
        }
    }
}

/// All that status tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// How it stands.
    pub verdict: Verdict,
    /// What the service said of it, if it was asked.
    pub project: Option<ProjectFacts>,
    /// The objects that name it.
    pub resources: ResourceCounts,
    /// The calls of its identity, where it has one.
    pub calls: Option<CallCounts>,
    /// When it was last looked at for drift.
    pub inventory: Option<Timestamp>,
    /// The look that a person asked for and that was taken.
    pub request: Option<String>,
    /// Whether too many of its files are gone.
    pub absence: Absence,
}

/// The status after these facts. Equal to `before` when there is nothing new.
#[must_use]
pub fn next(
    before: &DataWorksWorkspaceStatus,
    facts: &Facts,
    generation: i64,
    now: Timestamp,
) -> DataWorksWorkspaceStatus {
    let Facts { verdict, project, resources, calls, inventory, request, absence } = facts;
    let mut status = before.clone();
    status.observed_generation = Some(generation);
    if project.is_some() {
        status.project.clone_from(project);
    }
    status.resources = Some(*resources);
    status.calls = calls.or(status.calls);
    if let Some(at) = inventory {
        status.inventory_time = Some(Time(whole(*at)));
    }
    if request.is_some() {
        status.last_handled_reconcile_at.clone_from(request);
    }
    match verdict.fault() {
        Some(fault) if !state::same_error(status.last_error.as_ref(), fault) => {
            status.last_error = Some(state::error(fault, now));
        }
        Some(_) => {}
        None if verdict.is_open() => status.last_error = None,
        None => {}
    }
    let (truth, reason) = verdict.ready(is_impatient(before, now));
    let message = verdict.message();
    let mut set = |type_, truth, reason, message: &str| {
        state::set(&mut status.conditions, type_, truth, reason, message, generation, now);
    };
    set(ConditionType::Ready, truth, reason.as_str(), &message);
    if let Some((truth, reason, message)) = absence.words() {
        set(ConditionType::MassAbsence, truth, reason.as_str(), &message);
    } else if *absence == Absence::Over {
        status.conditions.retain(|condition| condition.type_ != ConditionType::MassAbsence.as_str());
    }
    let (reconciling, stalled) = match verdict {
        Verdict::Ready => (false, false),
        Verdict::Retrying { .. } | Verdict::Leaving { .. } => (true, false),
        Verdict::Closed { .. } => (false, true),
    };
    for (type_, holds) in [(ConditionType::Reconciling, reconciling), (ConditionType::Stalled, stalled)] {
        if holds {
            state::set(
                &mut status.conditions,
                type_,
                Truth::True,
                reason.as_str(),
                &message,
                generation,
                now,
            );
        } else {
            status.conditions.retain(|condition| condition.type_ != type_.as_str());
        }
    }
    status
}

/// What may pass has lasted too long to be called Unknown, or was called False before.
fn is_impatient(before: &DataWorksWorkspaceStatus, now: Timestamp) -> bool {
    let Some(ready) = state::find(&before.conditions, ConditionType::Ready) else { return false };
    match ready.status.as_str() {
        // What waits for us is not counted.
        "Unknown" => {
            ready.reason == Reason::ProgressingWithRetry.as_str()
                && now.duration_since(ready.last_transition_time.0) >= PATIENCE
        }
        "False" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
