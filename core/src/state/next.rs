//! The next status: a pure function of the one before, the state and what was learned.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::State;
use super::conditions::{set_all, waited};
use super::message::fit;
use crate::api::condition::Reason;
use crate::api::v1alpha1::{
    Attempt, AttemptOutcome, DataWorksResourceStatus, LastError, Origin, Publication, ResourceDefaults,
};
use crate::desired::Desired;
use crate::fault::Fault;
use crate::ids::{Digest, ResourceId};
use crate::intent::Intent;

/// What a write told the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// `status.projectId`.
    pub project: i64,
    /// `status.path`.
    pub path: String,
    /// `status.type`.
    pub kind: crate::api::v1alpha1::ResourceType,
    /// `status.datasource`.
    pub datasource: Option<crate::api::v1alpha1::Datasource>,
    /// `status.defaults`, which is told of what is made only.
    pub defaults: Option<ResourceDefaults>,
    /// `status.contentDigest`.
    pub content: Option<Digest>,
    /// `status.specDigest`; absent where it is not known what exactly arrived, so that it is
    /// sent once more.
    pub spec: Option<Digest>,
}

impl Sent {
    /// All that a document says.
    #[must_use]
    pub fn of(desired: &Desired) -> Self {
        Self {
            project: i64::try_from(desired.project.get()).unwrap_or(i64::MAX),
            path: desired.path.to_string(),
            kind: desired.kind.into(),
            datasource: desired.datasource.clone(),
            defaults: desired.kept_defaults(),
            content: desired.content_digest(),
            spec: Some(desired.spec_digest()),
        }
    }

    /// What an intent's request said, as far as the intent tells; what it made was found at `path`.
    #[must_use]
    pub fn of_intent(intent: &Intent, desired: &Desired, path: &str, as_intended: bool) -> Self {
        let digest = |text: &Option<String>| text.as_deref().and_then(|hex| hex.parse().ok());
        let content = digest(&intent.content_sha256).filter(|_| as_intended);
        // The digest is of a document that named the intent's path.
        let spec = digest(&intent.spec_sha256).filter(|_| as_intended && path == intent.path);
        Self { path: path.to_owned(), content, spec, ..Self::of(desired) }
    }
}

/// What was learned, to be kept in status.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// CreateResource of the intent `at` answered with this id.
    Created {
        /// The intent's `at`.
        at: Timestamp,
        /// The id.
        id: ResourceId,
        /// The answer's request id.
        request_id: String,
        /// The answer's `Date`.
        date: Timestamp,
        /// What was sent.
        sent: Sent,
    },
    /// The search for the intent `at` found our resource.
    Found {
        /// The intent's `at`.
        at: Timestamp,
        /// The id.
        id: ResourceId,
        /// The row's times.
        created: Timestamp,
        /// The row's times.
        modified: Timestamp,
        /// What was sent, as far as it is known.
        sent: Sent,
    },
    /// UpdateResource was carried out.
    Updated {
        /// The answer's request id, where there was an answer.
        request_id: Option<String>,
        /// The answer's `Date`.
        date: Timestamp,
        /// What was sent.
        sent: Sent,
    },
    /// A resource that was there before is this object's now.
    Adopted {
        /// The `at` of the intent that ends with this.
        closes: Option<Timestamp>,
        /// The id.
        id: ResourceId,
        /// When it was made.
        created: Timestamp,
        /// When it was last changed, by whomever.
        modified: Timestamp,
        /// What it holds, as far as it is known.
        sent: Sent,
    },
    /// MoveResource or RenameResource was carried out.
    Moved {
        /// The answer's `Date`.
        date: Timestamp,
        /// What it holds, and where.
        sent: Sent,
    },
    /// The resource was read and is left as it is.
    Looked {
        /// When it was last changed, by whomever.
        modified: Timestamp,
    },
    /// Status was another object's, of which this one is a copy.
    Forgotten,
    /// This is how its publication stands.
    Publication(Box<Publication>),
    /// The resource was read and is as declared.
    Seen {
        /// When it was last changed, by whomever.
        modified: Timestamp,
        /// What it holds.
        sent: Sent,
    },
    /// CreateResource of the intent `at` ended like this.
    Attempted {
        /// The intent's `at`.
        at: Timestamp,
        /// What became of it.
        outcome: AttemptOutcome,
        /// Where it may have made the file.
        path: Option<String>,
    },
}

/// Everything that changes in one write of status.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where the object stands.
    pub state: State,
    /// What was learned on the way.
    pub fact: Option<Fact>,
}

/// The status after `change`. Equal to `before` when there is nothing new, so that nothing is
/// written: times move only with what they tell of.
#[must_use]
pub fn next(
    before: &DataWorksResourceStatus,
    change: &Change,
    generation: i64,
    now: Timestamp,
) -> DataWorksResourceStatus {
    let mut status = before.clone();
    let same_generation = before.observed_generation == Some(generation);
    status.observed_generation = Some(generation);
    if !same_generation && let Some(attempt) = &mut status.attempt {
        // They were refusals of another document.
        attempt.refusals = None;
    }
    if let Some(fact) = &change.fact {
        learn(&mut status, fact);
    }
    refusals(&mut status, change, now);
    if change.state.is_question() {
        // The annotation alone holds the question from now on: when it is gone, nothing may ask again.
        status.attempt = None;
    }
    let words = change.state.words(waited(before), now);
    set_all(&mut status.conditions, &words, generation, now);
    status
}

fn learn(status: &mut DataWorksResourceStatus, fact: &Fact) {
    let time = |at: Timestamp| Some(Time(super::whole(at)));
    match fact {
        Fact::Created { at, id, request_id, date, sent } => {
            another(status, id);
            status.id = Some(id.to_string());
            status.origin = Some(Origin::Created);
            status.request_id = Some(request_id.clone());
            status.create_time = time(*date);
            status.modify_time = time(*date);
            status.last_sync_time = time(*date);
            made_with(status, sent);
            attempted(status, *at, AttemptOutcome::Done, None);
        }
        Fact::Found { at, id, created, modified, sent } => {
            another(status, id);
            status.id = Some(id.to_string());
            status.origin = Some(Origin::Created);
            status.create_time = time(*created);
            status.modify_time = time(*modified);
            status.last_sync_time = time(*created);
            made_with(status, sent);
            attempted(status, *at, AttemptOutcome::Done, None);
        }
        Fact::Adopted { closes, id, created, modified, sent } => {
            another(status, id);
            status.id = Some(id.to_string());
            status.origin = Some(Origin::Adopted);
            status.create_time = time(*created);
            status.modify_time = time(*modified);
            made_with(status, sent);
            if let Some(at) = closes {
                attempted(status, *at, AttemptOutcome::Done, None);
            }
        }
        Fact::Moved { date, sent } => {
            // Not modifyTime: only the place was written, so what others wrote since it was read is
            // still there, and the next listing is to show the resource as changed.
            status.last_sync_time = time(*date);
            written_anew(status, sent);
            keep(status, sent);
        }
        Fact::Publication(publication) => status.publication = Some((**publication).clone()),
        Fact::Looked { modified } => status.modify_time = time(*modified),
        Fact::Forgotten => {
            *status = DataWorksResourceStatus {
                observed_generation: status.observed_generation,
                conditions: std::mem::take(&mut status.conditions),
                ..DataWorksResourceStatus::default()
            };
        }
        Fact::Updated { request_id, date, sent } => {
            if request_id.is_some() {
                status.request_id.clone_from(request_id);
            }
            status.modify_time = time(*date);
            status.last_sync_time = time(*date);
            written_anew(status, sent);
            keep(status, sent);
        }
        Fact::Seen { modified, sent } => {
            status.modify_time = time(*modified);
            keep(status, sent);
        }
        Fact::Attempted { at, outcome, path } => attempted(status, *at, *outcome, path.clone()),
    }
}

/// The object has this file from now on.
fn made_with(status: &mut DataWorksResourceStatus, sent: &Sent) {
    status.defaults.clone_from(&sent.defaults);
    keep(status, sent);
}

/// Nothing of another resource was published.
fn another(status: &mut DataWorksResourceStatus, id: &ResourceId) {
    if status.id.as_deref() != Some(id.to_string().as_str()) {
        status.publication = None;
    }
}

/// The version that status speaks of was written once more, so it stood otherwise meanwhile: what was published, or is
/// under way, may be what others made of it. What failed stays so: that is for a person to decide.
fn written_anew(status: &mut DataWorksResourceStatus, sent: &Sent) {
    let same = sent.spec.is_some_and(|spec| status.spec_digest.as_deref() == Some(spec.to_string().as_str()));
    let Some(publication) = status.publication.as_mut().filter(|_| same) else { return };
    publication.published_digest = None;
    if publication.status.is_some_and(|status| !status.is_final()) && publication.request.is_none() {
        publication.digest = None;
    }
}

fn keep(status: &mut DataWorksResourceStatus, sent: &Sent) {
    let Sent { project, path, kind, datasource, defaults: _, content, spec } = sent;
    status.project_id = Some(*project);
    status.path = Some(path.clone());
    status.type_ = Some(*kind);
    status.datasource.clone_from(datasource);
    status.content_digest = content.map(|digest| digest.to_string());
    status.spec_digest = spec.map(|digest| digest.to_string());
}

fn attempted(
    status: &mut DataWorksResourceStatus,
    at: Timestamp,
    outcome: AttemptOutcome,
    path: Option<String>,
) {
    let attempt = status.attempt.get_or_insert_default();
    attempt.at = Some(at.to_string());
    attempt.outcome = Some(outcome);
    attempt.path = path;
}

/// Counts definite refusals of the same document, and keeps the last error: both end with the
/// first success, and an error is compared by code and message only.
fn refusals(status: &mut DataWorksResourceStatus, change: &Change, now: Timestamp) {
    let refused = match &change.state {
        State::Taken { message, closes } => {
            if let Some(at) = closes {
                attempted(status, *at, AttemptOutcome::Refused, None);
            }
            Some(own_fault(Reason::AlreadyExists, message))
        }
        State::Stalled { fault: Some(fault), .. } if !super::is_operators_fault(&fault.code) => {
            Some(fault.clone())
        }
        // Nothing was refused, but what is looked at again has the same waits.
        State::Stalled {
            reason: reason @ (Reason::NotAdoptable | Reason::NotFoundInWorkspace),
            message,
            ..
        } => Some(own_fault(*reason, message)),
        State::Ready
        | State::Drifted { .. }
        | State::Duplicate { .. }
        | State::MassAbsence
        | State::CheckFailed { .. }
        | State::Suspended { .. }
        | State::Creating { .. }
        | State::Updating { .. }
        | State::Publishing { .. }
        | State::Queued { .. }
        | State::QuotaExhausted { .. }
        | State::OutcomeUnknown { .. }
        | State::Recreating
        | State::Retrying { .. }
        | State::Denied { .. }
        | State::DependencyNotReady { .. }
        | State::Stalled { .. }
        | State::Deleting { .. }
        | State::DeletionBlocked { .. }
        | State::DeletionAmbiguous { .. } => None,
    };
    if let Some(fault) = refused {
        let attempt = status.attempt.get_or_insert_default();
        attempt.refusals = Some(attempt.refusals.unwrap_or(0).saturating_add(1));
        // The next wait counts from here, so the time moves with each refusal.
        status.last_error = Some(error(&fault, now));
    } else if let Some(fault) = change.state.fault() {
        if !same_error(status.last_error.as_ref(), fault) {
            status.last_error = Some(error(fault, now));
        }
    } else if matches!(change.state, State::Ready | State::Drifted { .. } | State::Duplicate { .. }) {
        status.last_error = None;
        if let Some(attempt) = &mut status.attempt {
            attempt.refusals = None;
        }
    }
    // An attempt without an intent's name and without refusals says nothing.
    if status.attempt.as_ref() == Some(&Attempt::default()) {
        status.attempt = None;
    }
}

/// What was decided here, in the words of a failure.
fn own_fault(reason: Reason, message: &str) -> Fault {
    Fault {
        class: crate::fault::Class::AlreadyExists,
        code: reason.as_str().to_owned(),
        message: fit(message).chars().take(500).collect(),
        request_id: None,
        retry_after: None,
    }
}

pub(crate) fn same_error(before: Option<&LastError>, fault: &Fault) -> bool {
    before.is_some_and(|error| {
        error.code.as_deref() == Some(fault.code.as_str())
            && error.message.as_deref() == Some(super::said(fault).as_str())
    })
}

pub(crate) fn error(fault: &Fault, now: Timestamp) -> LastError {
    LastError {
        code: Some(fault.code.clone()),
        message: Some(super::said(fault)),
        request_id: fault.request_id.clone(),
        time: Some(Time(super::whole(now))),
    }
}
