//! An object that is being deleted: take its resource away, or let it go without.

use k8s_openapi::jiff::Timestamp;

use super::open::{forgotten, restored};
use super::search::{Finding, judge, listed_at, plus, settled_at};
use super::step::because;
use super::workspace::{moved_away, not_ready, sent_elsewhere, told};
use super::{NotReady, Observed, Permission, Plan, ReadBack, Recorded, Step};
use crate::api::v1alpha1::DeletionPolicy;
use crate::desired::Desired;
use crate::fault::Fault;
use crate::ids::ResourceId;
use crate::intent::{Intent, IntentNote};
use crate::mutation::{Rule, off};
use crate::state::{self, State};

pub(super) fn plan(
    desired: Option<&Desired>,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Plan {
    if !recorded.finalizer {
        return because(Step::Nothing, "our finalizer is off: the object is not ours to hold");
    }
    match recorded.deletion {
        DeletionPolicy::Retain => {
            return because(Step::RemoveFinalizer, "deletionPolicy is Retain: the file stays");
        }
        DeletionPolicy::Delete => {}
    }
    if recorded.suspend {
        return because(Step::RemoveFinalizer, "suspended: the file stays");
    }
    let told = || desired.and_then(|desired| restored(desired, recorded, observed, now));
    if let Some(plan) = forgotten(recorded, observed).or_else(told) {
        return plan;
    }
    match (recorded.open_intent(), recorded.id()) {
        (Some(intent), _) if !off(Rule::DeleteSearch) => lost(intent, desired, recorded, observed, now),
        (_, Some(id)) => by_id(&id, desired, recorded, observed, now),
        (_, None) => nothing_recorded(recorded),
    }
}

fn nothing_recorded(recorded: &Recorded) -> Plan {
    match &recorded.intent {
        IntentNote::Foreign => because(Step::RemoveFinalizer, "a copy: it made nothing here"),
        IntentNote::Unreadable => because(
            Step::Report(State::DeletionBlocked {
                message: format!(
                    "The annotation {} cannot be read, so a file may exist that this object does not know. \
                     Look for it in the workspace, then remove the annotation.",
                    crate::api::CREATE_INTENT
                ),
                fault: None,
            }),
            "the create intent is unreadable",
        ),
        IntentNote::Absent | IntentNote::Earlier(_) | IntentNote::Own(_) => {
            because(Step::RemoveFinalizer, "it made nothing")
        }
    }
}

fn by_id(
    id: &ResourceId,
    desired: Option<&Desired>,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Plan {
    if observed.id_held_by.is_some() {
        return because(Step::RemoveFinalizer, "another object manages this resource");
    }
    if let Some(plan) = closed_connection(recorded, observed, now) {
        return plan;
    }
    if let Some(project) = moved_away(desired, recorded) {
        return elsewhere(project.unsigned_abs(), recorded);
    }
    match (&observed.read, observed.memory.unknown_write) {
        (None, None) => because(Step::DeleteResource(id.clone()), "the object is being deleted"),
        (None, Some(_)) if off(Rule::DeleteRead) => because(Step::RemoveFinalizer, "a delete was sent"),
        (None, Some(_)) => because(Step::ReadBack(id.clone()), "the outcome of the last delete is not known"),
        (Some(ReadBack::Absent), _) => because(Step::RemoveFinalizer, "the resource is gone"),
        (Some(ReadBack::Present(_) | ReadBack::TooYoung { .. }), Some(sent)) => {
            let until = plus(sent, observed.bounds.call);
            if now < until {
                let state = State::Deleting {
                    message: "The outcome of the last DeleteResource is not known yet.".to_owned(),
                };
                return because(Step::Wait { until, state: Some(state) }, "the last delete may still arrive");
            }
            because(Step::DeleteResource(id.clone()), "the last delete was not carried out")
        }
        (Some(ReadBack::Present(_) | ReadBack::TooYoung { .. }), None) => {
            because(Step::DeleteResource(id.clone()), "the object is being deleted")
        }
    }
}

/// No id, but a request may have been carried out: find its file first.
fn lost(
    intent: &Intent,
    desired: Option<&Desired>,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Plan {
    if let Some(plan) = closed_connection(recorded, observed, now) {
        return plan;
    }
    if desired.is_some_and(|desired| sent_elsewhere(intent, desired).is_some()) {
        return elsewhere(intent.project_id, recorded);
    }
    if observed.memory.sent_nothing(intent.at) {
        return because(Step::RemoveFinalizer, "nothing came of its create");
    }
    if observed.read == Some(ReadBack::Absent) {
        return because(Step::RemoveFinalizer, "the resource is gone");
    }
    let Some(search) = &observed.search else {
        return because(Step::Search(intent.clone()), "a request may have been carried out");
    };
    match judge(search, intent, &observed.bounds, true) {
        Finding::Read(id) => because(Step::ReadCandidate(intent.clone(), id), "one row may be ours"),
        Finding::Ours(row) => found(&row.id, observed, now),
        Finding::Ambiguous(ids) => {
            if let Some(plan) = unsettled(intent, search.begun, observed, now) {
                return plan;
            }
            let named: Vec<&str> = ids.iter().take(10).map(ResourceId::as_str).collect();
            let message = format!(
                "The outcome of a create is not known, and these resources may or may not be its result: {}. Nothing was touched. \
                 Remove those that are not wanted, then remove the annotation {} (or set deletionPolicy: Retain).",
                named.join(", "),
                crate::api::CREATE_INTENT,
            );
            because(
                Step::Report(State::DeletionAmbiguous { message }),
                "what the lost create left cannot be told",
            )
        }
        Finding::None(_) => unsettled(intent, search.begun, observed, now).unwrap_or_else(|| {
            because(Step::RemoveFinalizer, "no request can arrive any more and none was carried out")
        }),
    }
}

/// Waits until no request of this intent can arrive any more; `None` where that was so before the search.
fn unsettled(intent: &Intent, searched: Timestamp, observed: &Observed, now: Timestamp) -> Option<Plan> {
    let settled = settled_at(intent, &observed.memory, &observed.identity, &observed.bounds);
    if searched >= settled {
        return None;
    }
    let listed = listed_at(intent, &observed.memory, &observed.bounds);
    let until = if now < listed { listed } else { settled };
    let message = format!("Waiting until {settled} for a create whose outcome is not known.");
    let state = Some(State::Deleting { message });
    Some(because(Step::Wait { until, state }, "a request may still be carried out"))
}

fn found(id: &ResourceId, observed: &Observed, now: Timestamp) -> Plan {
    match observed.memory.unknown_write {
        Some(sent) if now < plus(sent, observed.bounds.call) => {
            let until = plus(sent, observed.bounds.call);
            let state = State::Deleting {
                message: "The outcome of the last DeleteResource is not known yet.".to_owned(),
            };
            because(Step::Wait { until, state: Some(state) }, "the last delete may still arrive")
        }
        Some(_) | None => because(Step::DeleteResource(id.clone()), "exactly one row is ours"),
    }
}

/// What there is to delete is not in the workspace that the spec comes to, and is not looked for there.
fn elsewhere(project: u64, recorded: &Recorded) -> Plan {
    let message = format!(
        "The file of {:?} is in workspace {project}, which the spec does not name any more, so it cannot be deleted. Name that \
         workspace again, or set deletionPolicy: Retain to keep the file.",
        recorded.key.name
    );
    because(
        Step::Report(State::DeletionBlocked { message, fault: None }),
        "the workspace changed under what is to be deleted",
    )
}

/// The way to the file is closed: the object stays until it opens, or a person lets go.
fn closed_connection(recorded: &Recorded, observed: &Observed, now: Timestamp) -> Option<Plan> {
    let what = match &observed.permission {
        Permission::Allowed => return None,
        Permission::NamespaceNotListed => {
            "its namespace may no longer use the operator's default connection. Allow it again".to_owned()
        }
        Permission::ProjectNotListed => {
            "its workspace may no longer be used through the operator's default connection. Allow it again"
                .to_owned()
        }
        Permission::Closed(fault) => {
            let state = State::DeletionBlocked {
                message: format!(
                    "The file cannot be deleted: {}. Mend that, or set deletionPolicy: Retain to keep the file and let \
                     the object go.",
                    state::told(fault)
                ),
                fault: Some(Fault::clone(fault)),
            };
            return Some(because(Step::Report(state), "every call would fail"));
        }
        Permission::WorkspaceNotReady(unready) if unready.why == NotReady::Unseen => {
            return Some(not_ready(unready, recorded, now));
        }
        Permission::WorkspaceNotReady(unready) => {
            format!("{} Mend that", told(unready))
        }
    };
    let message = format!(
        "The file of {:?} cannot be deleted: {what}, or set deletionPolicy: Retain to keep the file.",
        recorded.key.name
    );
    Some(because(Step::Report(State::DeletionBlocked { message, fault: None }), "the connection is closed"))
}
