//! What an object says by itself: its key, its record, and whether there is something to do.
//!
//! Pure readings of one version of one object. It must not know other objects.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use dataworks_core::api::condition::{ConditionType, Reason};
use dataworks_core::api::v1alpha1::{
    AttemptOutcome, DataWorksResource, DataWorksResourceStatus, DeletionPolicy,
};
use dataworks_core::api::{
    CREATE_INTENT, FINALIZER, PUBLISH_REQUESTED, RECONCILE_REQUESTED, REQUEST_CHARACTERS,
};
use dataworks_core::desired::Desired;
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::intent::{Intent, IntentNote};
use dataworks_core::inventory::Told;
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::ownership::{Claim, Class, at, wanted};
use dataworks_core::path::ResourcePath;
use dataworks_core::plan::{Permission, Recorded};
use dataworks_core::publish::{self, Kind, Verdict, Wish};
use dataworks_core::state::is_operators_fault;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;

use super::tally::{Shown, Truth};

/// A stalled object whose cure cannot be seen from here is looked at again after this long.
pub const STALLED_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// Whether there is something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing, until it changes.
    Settled,
    /// Nothing before this time, unless something changes.
    Resting(Timestamp),
    /// Something.
    Due,
}

/// The wish for a look now, as status echoes it.
#[must_use]
pub fn request(object: &DataWorksResource) -> Option<String> {
    let wish = object.annotations().get(RECONCILE_REQUESTED)?;
    Some(wish.chars().take(REQUEST_CHARACTERS).collect())
}

fn is_requested(object: &DataWorksResource) -> bool {
    let handled = object.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_ref());
    request(object).is_some_and(|wish| handled != Some(&wish))
}

/// The wish to publish now, as status echoes it.
#[must_use]
pub fn publish_request(object: &DataWorksResource) -> Option<String> {
    let wish = object.annotations().get(PUBLISH_REQUESTED)?;
    Some(wish.chars().take(REQUEST_CHARACTERS).collect())
}

/// What is wished of publishing, where it is wished at all; `handled` is the last wish that was answered.
/// The version is the one that status speaks of.
#[must_use]
pub fn wish(object: &DataWorksResource, handled: Option<&str>) -> Option<Wish> {
    let publish = object.spec.publishes()?;
    let status = object.status.as_ref();
    let handled = handled.or(status.and_then(|status| status.last_handled_publish_at.as_deref()));
    let requested = publish_request(object).is_some_and(|wish| handled != Some(&wish));
    Some(Wish {
        kind: Some(Kind::Online),
        deleting: false,
        version: status.and_then(|status| status.spec_digest.clone()),
        until_stage: publish.until_stage.clone(),
        requested,
    })
}

/// A person asked to publish now, and that is not answered yet.
#[must_use]
pub fn is_publish_requested(object: &DataWorksResource) -> bool {
    let handled = object.status.as_ref().and_then(|status| status.last_handled_publish_at.as_deref());
    publish_request(object).is_some_and(|wish| handled != Some(&wish))
}

/// True when there is something to be done for the publication of what status speaks of.
#[must_use]
pub fn is_publishing(object: &DataWorksResource) -> bool {
    let record = object.status.as_ref().and_then(|status| status.publication.clone()).unwrap_or_default();
    match wish(object, None) {
        Some(wish) => {
            let (version, until) = (wish.version.as_deref(), wish.until_stage.as_deref());
            publish::verdict(&record, version, until, wish.requested) == Verdict::Pending
        }
        None => publish::under_way(&record).is_some() || record.request.is_some(),
    }
}

/// What the object itself says, for the plan.
#[must_use]
pub fn recorded(object: &DataWorksResource, cluster: &str) -> Recorded {
    let key = key_of(object);
    let uid = Uid::new(object.metadata.uid.as_deref().unwrap_or_default());
    let annotation = object.annotations().get(CREATE_INTENT).map(String::as_str);
    let mut recorded = Recorded {
        intent: IntentNote::read(annotation, cluster, &key, &uid),
        generation: object.metadata.generation.unwrap_or(0),
        deleting: object.metadata.deletion_timestamp.is_some(),
        finalizer: object.finalizers().iter().any(|name| name == FINALIZER),
        deletion: DeletionPolicy::Delete,
        suspend: object.spec.suspended(),
        requested: is_requested(object),
        status: object.status.clone().unwrap_or_default(),
        key,
        uid,
    };
    recorded.deletion = object.spec.deletion(recorded.origin());
    recorded
}

/// The workspace that holds the file, as status tells.
#[must_use]
pub fn recorded_project(object: &DataWorksResource) -> Option<ProjectId> {
    object.status.as_ref()?.project_id.and_then(ProjectId::new)
}

pub(super) fn created(object: &DataWorksResource) -> Timestamp {
    object.metadata.creation_timestamp.as_ref().map_or(Timestamp::MIN, |time| time.0)
}

pub(super) fn modified(object: &DataWorksResource) -> Timestamp {
    let time = object.status.as_ref().and_then(|status| status.modify_time.as_ref());
    time.map_or(Timestamp::MIN, |time| time.0)
}

fn ready(object: &DataWorksResource) -> Option<(&str, Reason, Timestamp)> {
    let conditions = &object.status.as_ref()?.conditions;
    let ready = conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str())?;
    Some((&ready.status, ready.reason.parse().ok()?, ready.last_transition_time.0))
}

fn synced(object: &DataWorksResource) -> Option<Reason> {
    let conditions = &object.status.as_ref()?.conditions;
    let synced = conditions.iter().find(|condition| condition.type_ == ConditionType::Synced.as_str())?;
    synced.reason.parse().ok()
}

/// What status tells of a resource that is not as declared.
#[must_use]
pub fn told(object: &DataWorksResource) -> Option<Told> {
    match synced(object)? {
        Reason::NotFoundInWorkspace => Some(Told::Absent),
        Reason::MassAbsence => Some(Told::MassAbsence),
        Reason::DuplicateInWorkspace => Some(Told::Twins),
        Reason::CheckFailed => Some(Told::CheckFailed),
        Reason::Drifted => Some(Told::Drifted),
        _ => None,
    }
}

/// The reason that `Synced` tells it with.
pub(super) fn reason_of(told: Told) -> Reason {
    match told {
        Told::Absent => Reason::NotFoundInWorkspace,
        Told::MassAbsence => Reason::MassAbsence,
        Told::Twins => Reason::DuplicateInWorkspace,
        Told::CheckFailed => Reason::CheckFailed,
        Told::Drifted => Reason::Drifted,
    }
}

pub(super) fn shown(object: &DataWorksResource) -> Shown {
    let conditions = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str());
    Shown {
        ready: ready.map_or(Truth::Unknown, |ready| Truth::of(&ready.status)),
        reason: ready.and_then(|ready| ready.reason.parse().ok()),
    }
}

/// True when nothing will happen until something is changed.
#[must_use]
pub fn stalled(object: &DataWorksResource) -> bool {
    object.status.as_ref().is_some_and(|status| {
        status.conditions.iter().any(|c| c.type_ == ConditionType::Stalled.as_str() && c.status == "True")
    })
}

pub(super) fn standing(
    object: &DataWorksResource,
    recorded: &Recorded,
    valid: bool,
    permission: Option<&Permission>,
    lag: SignedDuration,
    now: Timestamp,
) -> Standing {
    if recorded.deleting {
        return if recorded.finalizer { Standing::Due } else { Standing::Settled };
    }
    if recorded.status.observed_generation != Some(recorded.generation) {
        return Standing::Due;
    }
    if recorded.requested {
        return Standing::Due;
    }
    let id = recorded.id();
    if id.is_some() && !recorded.suspend && object.spec.publishes().is_some() && is_publish_requested(object)
    {
        return Standing::Due;
    }
    if id.is_some() && !recorded.finalizer && !stalled(object) {
        return Standing::Due;
    }
    match ready(object) {
        Some(("True", ..)) if id.is_some() && recorded.open_intent().is_none() => Standing::Settled,
        Some(("Unknown", Reason::Suspended, _)) if recorded.suspend => Standing::Settled,
        Some((_, reason, since)) if stalled(object) => {
            // Nothing of the object has to change for these, so a start tries at once; what follows
            // has waits of its own.
            let code = recorded.status.last_error.as_ref().and_then(|error| error.code.as_deref());
            let refused = matches!(reason, Reason::Refused | Reason::WorkspaceNotFound);
            if reason == Reason::AccessDenied || refused && code.is_some_and(is_operators_fault) {
                return Standing::Due;
            }
            let mended = match reason {
                Reason::InvalidSpec => valid,
                Reason::ConnectionNotAllowed => permission == Some(&Permission::Allowed),
                Reason::AmbiguousCreate | Reason::IntentUnreadable => recorded.intent == IntentNote::Absent,
                _ => false,
            };
            // Where the resource is known, the routine look shows when it is there again.
            let is_looked_for = reason == Reason::NotFoundInWorkspace && id.is_some();
            let waits_for_a_change = is_looked_for
                || matches!(
                    reason,
                    Reason::InvalidSpec
                        | Reason::ConnectionNotAllowed
                        | Reason::AlreadyManaged
                        | Reason::WorkspaceChanged
                        | Reason::PublicationFailed
                );
            if mended {
                Standing::Due
            } else if waits_for_a_change {
                Standing::Settled
            } else {
                let until = recorded.refused_until(lag);
                let until = until.or_else(|| since.checked_add(STALLED_RETRY).ok()).unwrap_or(Timestamp::MAX);
                Standing::Resting(until.max(now))
            }
        }
        Some(_) | None => Standing::Due,
    }
}

/// What an object has, what it tried to make, and what else it wants, in this order of strength.
pub(super) fn claims(
    desired: Option<&Desired>,
    project: Option<ProjectId>,
    recorded: &Recorded,
    id: Option<&ResourceId>,
) -> Vec<(Claim, Class)> {
    let mut claims: Vec<(Claim, Class)> = Vec::new();
    let mut add = |more: Vec<Claim>, class: Class| {
        for claim in more {
            if claims.iter().all(|(held, _)| *held != claim) {
                claims.push((claim, class));
            }
        }
    };
    let standing_at = |project: ProjectId, path: &ResourcePath| match desired {
        Some(desired) => at(desired, project, path),
        None => vec![Claim::path(project, path)],
    };
    // Its file is where status says, whatever workspace the spec comes to by now.
    let holds_in = recorded.status.project_id.and_then(ProjectId::new).or(project);
    if let (Some(project), Some(id)) = (holds_in, id) {
        add(vec![Claim::id(project, id)], Class::Recorded);
        if let Some(path) = recorded.status.path.as_ref().and_then(|path| path.parse().ok()) {
            add(standing_at(project, &path), Class::Recorded);
        }
    }
    // An annotation may say anything: it counts in the object's own workspace only.
    let tried = |intent: &Intent| {
        let project = project.filter(|project| project.get() == intent.project_id)?;
        Some(standing_at(project, &intent.path.parse().ok()?))
    };
    if let Some(tried) = recorded.open_intent().and_then(tried) {
        add(tried, Class::Intent);
    }
    if let (IntentNote::Earlier(intent), None) = (&recorded.intent, id)
        && let Some(tried) = tried(intent)
    {
        add(tried, Class::Restored);
    }
    add(desired.map(wanted).unwrap_or_default(), Class::Wanted);
    claims
}

/// Everything that a decision is made from and that somebody may change; labels and the like are
/// not in it.
#[must_use]
pub fn fingerprint(object: &DataWorksResource) -> u64 {
    let mut hash = DefaultHasher::new();
    object.metadata.uid.hash(&mut hash);
    object.metadata.generation.hash(&mut hash);
    object.metadata.deletion_timestamp.is_some().hash(&mut hash);
    object.finalizers().iter().any(|name| name == FINALIZER).hash(&mut hash);
    object.annotations().get(CREATE_INTENT).hash(&mut hash);
    object.annotations().get(RECONCILE_REQUESTED).hash(&mut hash);
    object.annotations().get(PUBLISH_REQUESTED).hash(&mut hash);
    serde_json::to_string(&object.status).unwrap_or_default().hash(&mut hash);
    hash.finish()
}

/// The key of an object.
#[must_use]
pub fn key_of(object: &DataWorksResource) -> ObjectKey {
    ObjectKey::new(&object.namespace().unwrap_or_default(), &object.name_any())
}

/// True while status counts refusals of what is declared.
pub(super) fn is_refused(object: &DataWorksResource) -> bool {
    let attempt = object.status.as_ref().and_then(|status| status.attempt.as_ref());
    attempt.is_some_and(|attempt| attempt.refusals.is_some())
}

/// True while an object has had no file and can have left none, was not refused, and nobody has asked for a look: after
/// that a listing from before does not say how things stand now.
pub(super) fn is_untouched(object: &DataWorksResource) -> bool {
    let made = object.status.as_ref().is_some_and(|status| status.id.is_some() || is_unknown(status));
    let asks = ready(object).is_some_and(|(_, reason, _)| reason == Reason::AmbiguousCreate);
    !made && !asks && !is_refused(object) && !object.annotations().contains_key(RECONCILE_REQUESTED)
}

fn is_unknown(status: &DataWorksResourceStatus) -> bool {
    status.attempt.as_ref().is_some_and(|attempt| attempt.outcome == Some(AttemptOutcome::Unknown))
}
