//! An object without a resource: look, intend, create; or find what an unknown create left.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::search::{Finding, at_path, judge, listed_at, plus, settled_at};
use super::step::{because, stalled};
use super::{Observed, Permission, Plan, Progress, Recorded, Step};
use crate::api::condition::{ConditionType, Reason};
use crate::api::v1alpha1::AttemptOutcome;
use crate::backoff;
use crate::desired::Desired;
use crate::ids::ResourceId;
use crate::intent::{Intent, IntentNote};
use crate::inventory::Row;
use crate::ownership::is_maxcompute;
use crate::path::claim_key;
use crate::state::{self, State};

pub(super) fn plan(desired: &Desired, recorded: &Recorded, observed: &Observed, now: Timestamp) -> Plan {
    if let Some(plan) = forbidden(desired, recorded, observed) {
        return plan;
    }
    if let Some(intent) = recorded.open_intent() {
        return open(intent, desired, recorded, observed, now);
    }
    if let Some((refusals, at)) = recorded.refused_since() {
        let until = plus(at, backoff::refused(&recorded.uid, refusals).try_into().unwrap_or_default());
        if now < until {
            return because(Step::Wait { until, state: None }, "the same document was refused before");
        }
    }
    match &recorded.intent {
        IntentNote::Earlier(intent) if is_for(intent, desired) => {
            earlier(intent, desired, recorded, observed, now)
        }
        IntentNote::Unreadable => stalled(
            Reason::IntentUnreadable,
            format!(
                "The annotation {} cannot be read, so a file may exist that this object does not know. \
                 Look for {:?} in workspace {}; then remove the annotation.",
                crate::api::CREATE_INTENT,
                desired.path.to_string(),
                desired.project,
            ),
            "the create intent is unreadable",
        ),
        IntentNote::Absent => match wiped(desired, recorded, observed) {
            Some(intent) => because(
                Step::RestoreIntent(intent),
                "the intent of a create whose outcome is not known was taken away",
            ),
            None => first(desired, recorded, observed, now, None),
        },
        IntentNote::Foreign | IntentNote::Earlier(_) | IntentNote::Own(_) => {
            first(desired, recorded, observed, now, None)
        }
    }
}

/// The intent that was taken away (`kubectl replace`) while its outcome was not known, as far as
/// this process or status still tells of it. Not after AmbiguousCreate: there a person takes it away
/// on purpose.
pub(super) fn wiped(desired: &Desired, recorded: &Recorded, observed: &Observed) -> Option<Intent> {
    if recorded.intent != IntentNote::Absent {
        return None;
    }
    let stalled = state::find(&recorded.status.conditions, ConditionType::Stalled);
    if stalled.is_some_and(|stalled| stalled.reason == Reason::AmbiguousCreate.as_str()) {
        return None;
    }
    let remembered = match observed.memory.attempt {
        Some((at, Progress::Unknown { .. })) => Some(at),
        Some((_, Progress::Written | Progress::Refused)) | None => None,
    };
    let told = || {
        let attempt = recorded.status.attempt.as_ref()?;
        let unknown = attempt.outcome == Some(AttemptOutcome::Unknown);
        attempt.at.as_deref().filter(|_| unknown)?.parse().ok()
    };
    let at: Timestamp = remembered.or_else(told)?;
    // Who wrote it is not known any more: the longest wait holds.
    let intent = intent(desired, recorded, observed, at, None);
    Some(Intent { holder: String::new(), spec_sha256: None, ..intent })
}

/// What may not be sent at all.
fn forbidden(desired: &Desired, recorded: &Recorded, observed: &Observed) -> Option<Plan> {
    if recorded.suspend {
        let state = State::Suspended { pending: true };
        return Some(because(Step::Report(state), "suspended before it was created"));
    }
    not_allowed(desired, recorded, observed)
}

/// The default connection is closed to this object.
pub(super) fn not_allowed(desired: &Desired, recorded: &Recorded, observed: &Observed) -> Option<Plan> {
    let message = match observed.permission {
        Permission::Allowed => return None,
        Permission::NamespaceNotListed => format!(
            "Namespace {:?} may not use the operator's default connection. An administrator can add it to \
             DATAWORKS_DEFAULT_CONNECTION_NAMESPACES (`*` allows all).",
            recorded.key.namespace
        ),
        Permission::ProjectNotListed => format!(
            "Workspace {} may not be used through the operator's default connection. An administrator can add \
             it to DATAWORKS_DEFAULT_CONNECTION_PROJECTS.",
            desired.project
        ),
    };
    Some(stalled(Reason::ConnectionNotAllowed, message, "the default connection is closed to this object"))
}

/// Nothing was tried, or all that was tried is closed.
fn first(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
    earliest: Option<Timestamp>,
) -> Plan {
    let Some(rows) = &observed.look else {
        return because(Step::Look, "the path must be known to be free");
    };
    if let Some(row) = taken(rows, desired) {
        return already_exists(row, desired, None);
    }
    let intent = intent(desired, recorded, observed, now, earliest);
    because(Step::WriteIntent(intent), "the path is free")
}

fn intent(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
    earliest: Option<Timestamp>,
) -> Intent {
    Intent {
        cluster: observed.identity.cluster.clone(),
        object: recorded.key.to_string(),
        uid: recorded.uid.to_string(),
        holder: observed.identity.holder.clone(),
        project_id: desired.project.get(),
        path: desired.path.to_string(),
        content_sha256: desired.content_digest().map(|digest| digest.to_string()),
        spec_sha256: Some(desired.spec_digest().to_string()),
        first: earliest.unwrap_or(now),
        at: now,
    }
}

/// The row that stands in the way: the same path, or for MaxCompute the same name in the same
/// data source, since the engine knows a resource by its name only.
fn taken<'a>(rows: &'a [Row], desired: &Desired) -> Option<&'a Row> {
    let path = desired.path.to_string();
    let same_engine_name = |row: &Row| {
        let same_source = match (&desired.datasource, &row.datasource) {
            (Some(ours), Some(theirs)) => ours.name == *theirs,
            (None, _) | (_, None) => true,
        };
        is_maxcompute(&desired.command) && is_maxcompute(&row.command) && same_source
    };
    rows.iter().find(|row| at_path(row, &path)).or_else(|| rows.iter().find(|row| same_engine_name(row)))
}

fn already_exists(row: &Row, desired: &Desired, closes: Option<Timestamp>) -> Plan {
    let message = format!(
        "Workspace {} already has {:?} (id {}), which this object did not create; nothing was sent. \
         Give this object another path, or remove that file.",
        desired.project, row.path, row.id
    );
    let state = State::Taken { message, closes };
    because(Step::Report(state), "the path is taken by a resource that is not ours")
}

/// The resource is gone: make it again, as a new intent.
pub(super) fn recreate(desired: &Desired, recorded: &Recorded, observed: &Observed, now: Timestamp) -> Plan {
    forbidden(desired, recorded, observed).unwrap_or_else(|| first(desired, recorded, observed, now, None))
}

/// An intent whose outcome is not recorded.
fn open(
    intent: &Intent,
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Plan {
    let in_time = now <= plus(intent.at, observed.bounds.start);
    let as_declared = intent.spec_sha256.as_deref() == Some(desired.spec_digest().to_string().as_str());
    match observed.memory.attempt {
        Some((at, Progress::Written)) if at == intent.at && in_time && as_declared => {
            return because(Step::CreateResource(intent.clone()), "the intent is written");
        }
        Some((at, Progress::Written)) if at == intent.at => {
            let renewed = self::intent(desired, recorded, observed, now, Some(intent.first));
            return because(Step::WriteIntent(renewed), "the intent is stale and nothing was sent for it");
        }
        Some((at, Progress::Refused)) if at == intent.at && in_time && as_declared => {
            return because(Step::CreateResource(intent.clone()), "nothing came of the last try");
        }
        Some((at, Progress::Refused)) if at == intent.at => {
            let earliest = (intent.first < intent.at).then_some(intent.first);
            let renewed = self::intent(desired, recorded, observed, now, earliest);
            return because(
                Step::WriteIntent(renewed),
                "nothing came of the last try and its intent is stale",
            );
        }
        Some((_, Progress::Written | Progress::Refused | Progress::Unknown { .. })) | None => {}
    }
    let Some(search) = &observed.search else {
        return because(Step::Search(intent.clone()), "a request may have been carried out");
    };
    match judge(search, intent, &observed.bounds, true) {
        Finding::Read(id) => because(Step::ReadCandidate(intent.clone(), id), "one row may be ours"),
        Finding::Ours(row) => because(Step::RecordFound(intent.clone(), row), "exactly one row is ours"),
        Finding::Ambiguous(ids) => ambiguous(&ids, desired),
        Finding::None(strangers) => {
            none_found(intent, &strangers, search.begun, desired, recorded, observed, now)
        }
    }
}

/// Creating again needs certainty: the last request can no longer arrive, and a search that began
/// after that found nothing.
fn none_found(
    intent: &Intent,
    strangers: &[Row],
    searched: Timestamp,
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Plan {
    let settled = settled_at(intent, &observed.memory, &observed.identity, &observed.bounds);
    let already_exists_answer = matches!(
        observed.memory.attempt,
        Some((at, Progress::Unknown { already_exists: true, .. })) if at == intent.at
    );
    // The answer tells of a file that was there before it, and it may have come as late as the
    // call's deadline: our own file may be listed that much later.
    let answered = if already_exists_answer { observed.bounds.call } else { SignedDuration::ZERO };
    let listed = plus(listed_at(intent, &observed.memory, &observed.bounds), answered);
    if already_exists_answer && (!strangers.is_empty() || searched >= listed) {
        let message = match strangers.first() {
            Some(row) => format!(
                "The service says that it already exists, and {:?} (id {}) in workspace {} is not ours. \
                 Give this object another path, or remove that file.",
                row.path, row.id, desired.project
            ),
            None => format!(
                "The service says that it already exists, but lists nothing at {:?} in workspace {}: the name may \
                 be taken in another folder or in the recycle bin. Give this object another name.",
                desired.path.to_string(),
                desired.project
            ),
        };
        let state = State::Taken { message, closes: Some(intent.at) };
        return because(Step::Report(state), "the service refused it as a duplicate and none is ours");
    }
    if searched >= settled {
        if let Some(row) = strangers.first() {
            return already_exists(row, desired, Some(intent.at));
        }
        let renewed = self::intent(desired, recorded, observed, now, Some(intent.first));
        return because(
            Step::WriteIntent(renewed),
            "no request can arrive any more and none was carried out",
        );
    }
    let until = if now < listed { listed } else { settled };
    let state =
        State::OutcomeUnknown { path: desired.path.to_string(), project: desired.project, until: settled };
    because(Step::Wait { until, state: Some(state) }, "a request may still be carried out")
}

/// Whether an earlier object's intent was for the file that is wanted now. What it made elsewhere
/// was that object's, and its end decided what became of it.
fn is_for(intent: &Intent, desired: &Desired) -> bool {
    intent.project_id == desired.project.get() && claim_key(&intent.path) == desired.path.claim_key()
}

/// The intent of an earlier object of this name: search once, without asking for the content.
fn earlier(
    intent: &Intent,
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Plan {
    let Some(search) = &observed.search else {
        return because(Step::Search(intent.clone()), "an earlier object of this name may have left a file");
    };
    match judge(search, intent, &observed.bounds, false) {
        Finding::Read(_) | Finding::None(_) => first(desired, recorded, observed, now, None),
        Finding::Ours(row) => because(
            Step::RecordFound(intent.clone(), row),
            "an earlier object of this name left exactly one file",
        ),
        Finding::Ambiguous(ids) => ambiguous(&ids, desired),
    }
}

fn ambiguous(ids: &[ResourceId], desired: &Desired) -> Plan {
    // Ten name the case; more would only fill the status.
    let named: Vec<&str> = ids.iter().take(10).map(ResourceId::as_str).collect();
    stalled(
        Reason::AmbiguousCreate,
        format!(
            "The outcome of a create at {:?} in workspace {} is not known, and these resources may or may not be its result: {}. \
             Nothing was touched. Remove those that are not wanted, then remove the annotation {}.",
            desired.path.to_string(),
            desired.project,
            named.join(", "),
            crate::api::CREATE_INTENT,
        ),
        "what the lost create left cannot be told",
    )
}
