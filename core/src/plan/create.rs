//! An object without a resource: look, intend, create; or find what an unknown create left.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::search::{Finding, at_path, judge, listed_at, plus, settled_at};
use super::step::{because, stalled};
use super::workspace::{closed, not_ready, sent_elsewhere};
use super::{Observed, Permission, Plan, Progress, Recorded, Step, content};
use crate::api::condition::{ConditionType, Reason};
use crate::api::v1alpha1::{AdoptionPolicy, Attempt, AttemptOutcome};
use crate::desired::Desired;
use crate::ids::ResourceId;
use crate::intent::{Intent, IntentNote};
use crate::inventory::Row;
use crate::ownership::is_maxcompute;
use crate::path::claim_key;
use crate::state::{self, State};

pub(super) fn plan(desired: &Desired, recorded: &Recorded, observed: &Observed, now: Timestamp) -> Plan {
    if let Some(plan) = recorded.open_intent().and_then(|intent| sent_elsewhere(intent, desired)) {
        return plan;
    }
    if let Some(plan) = forbidden(desired, recorded, observed, now) {
        return plan;
    }
    if let Some(plan) = content::unknown(desired, recorded, observed, now) {
        return plan;
    }
    if let Some(intent) = recorded.open_intent() {
        return open(intent, desired, recorded, observed, now);
    }
    if let Some(plan) = restored(desired, recorded, observed, now) {
        return plan;
    }
    if let Some(plan) = refused_before(recorded, observed, now) {
        return plan;
    }
    match &recorded.intent {
        IntentNote::Earlier(intent) if intent.project_id == desired.project.get() => {
            earlier(intent, desired, recorded, observed, now)
        }
        IntentNote::Unreadable => unreadable(desired),
        IntentNote::Absent | IntentNote::Foreign | IntentNote::Earlier(_) | IntentNote::Own(_) => {
            first(desired, recorded, observed, now, None)
        }
    }
}

/// The same document was refused a while ago, and that wait is not over.
pub(super) fn refused_before(recorded: &Recorded, observed: &Observed, now: Timestamp) -> Option<Plan> {
    if content::moved(recorded, observed) {
        return None;
    }
    let until = recorded.refused_until(observed.bounds.lag)?;
    let wait = || because(Step::Wait { until, state: None }, "the same document was refused before");
    (now < until).then(wait)
}

pub(super) fn unreadable(desired: &Desired) -> Plan {
    stalled(
        Reason::IntentUnreadable,
        format!(
            "The annotation {} cannot be read, so a file may exist that this object does not know. \
             Look for {:?} in workspace {}; then remove the annotation.",
            crate::api::CREATE_INTENT,
            desired.path.to_string(),
            desired.project,
        ),
        "the create intent is unreadable",
    )
}

/// Puts back an intent that was taken away.
pub(super) fn restored(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Option<Plan> {
    let intent = wiped(desired, recorded, observed, now)?;
    let why = "the intent of a create whose outcome is not known was taken away";
    Some(because(Step::RestoreIntent(intent), why))
}

/// The intent that was taken away (`kubectl replace`) while its outcome was not known, as far as
/// this process or status still tells of it. Neither does after AmbiguousCreate: there a person takes it
/// away on purpose. Beside the intent of another object status may be a copy of that one's.
///
/// What status tells may be of an earlier try than the last: the last may have begun up to now, and is waited for as if it
/// had. Written at once, so that the wait has an end.
fn wiped(desired: &Desired, recorded: &Recorded, observed: &Observed, now: Timestamp) -> Option<Intent> {
    let is_told = match recorded.intent {
        IntentNote::Own(_) => return None,
        IntentNote::Absent => true,
        IntentNote::Foreign | IntentNote::Earlier(_) | IntentNote::Unreadable => false,
    };
    let remembered = match observed.memory.attempt {
        Some((at, Progress::Unknown { .. })) => Some(at),
        Some((_, Progress::Written | Progress::Refused)) | None => None,
    };
    let told = || {
        let attempt = recorded.status.attempt.as_ref()?;
        let unknown = attempt.outcome == Some(AttemptOutcome::Unknown);
        attempt.at.as_deref().filter(|_| unknown)?.parse().ok()
    };
    let first: Timestamp = remembered.or_else(|| told().filter(|_| is_told))?;
    // Who wrote it is not known any more: the longest wait holds.
    let intent = intent(desired, recorded, observed, remembered.unwrap_or(now), Some(first));
    // Another path may have been declared since.
    let asked = |attempt: &&Attempt| attempt.at.as_deref() == Some(first.to_string().as_str());
    let attempt = recorded.status.attempt.as_ref().filter(asked);
    let path = attempt.and_then(|attempt| attempt.path.clone()).unwrap_or_else(|| intent.path.clone());
    Some(Intent { holder: String::new(), spec_sha256: None, path, ..intent })
}

/// What may not be sent at all.
pub(super) fn forbidden(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Option<Plan> {
    if recorded.suspend {
        let state = State::Suspended { pending: true };
        return Some(because(Step::Report(state), "suspended before it was created"));
    }
    not_allowed(desired, recorded, observed, now)
}

/// What is done where the connection is closed to this object; `None`: it is open. Whoever calls the cloud for
/// a reason that the plan does not know asks this first.
#[must_use]
pub fn not_allowed(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Option<Plan> {
    let message = match &observed.permission {
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
        Permission::Closed(fault) => return Some(closed(fault, recorded, now)),
        Permission::WorkspaceNotReady(unready) => return Some(not_ready(unready, recorded, now)),
    };
    Some(stalled(Reason::ConnectionNotAllowed, message, "the default connection is closed to this object"))
}

/// Nothing was tried, or all that was tried is closed; or nothing came of the intent that is renewed,
/// with its new `first` and its own `at`.
fn first(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
    renews: Option<(Timestamp, Timestamp)>,
) -> Plan {
    let Some(rows) = &observed.look else {
        return because(Step::Look, "the path must be known to be free");
    };
    let at: Vec<&Row> = rows.iter().filter(|row| at_path(row, desired.path.as_str())).collect();
    if !at.is_empty() {
        return taken(&at, desired, recorded, observed, renews.map(|(_, at)| at), now);
    }
    if let Some(row) = at_name(rows, desired, None) {
        return already_exists(row, desired, renews.map(|(_, at)| at));
    }
    let intent = intent(desired, recorded, observed, now, renews.map(|(first, _)| first));
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
        defaults: desired.kept_defaults(),
        first: earliest.unwrap_or(now),
        at: now,
    }
}

/// Files stand at the path that this object did not create.
fn taken(
    rows: &[&Row],
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    closes: Option<Timestamp>,
    now: Timestamp,
) -> Plan {
    let [row] = rows else {
        let ids: Vec<&str> = rows.iter().take(10).map(|row| row.id.as_str()).collect();
        let message = format!(
            "Workspace {} has several files at {:?} (ids {}), none of which this object created; nothing was sent. Name \
             one in spec.resourceId, or give this object another path.",
            desired.project,
            desired.path.to_string(),
            ids.join(", "),
        );
        return because(Step::Report(State::Taken { message, closes }), "several files stand at the path");
    };
    if observed.claimed.contains(&row.id) {
        let message = format!(
            "The file of another object of this cluster (id {}) stands at {:?} in workspace {}, where that object does not \
             declare it; nothing was sent. Give this object another path, or have that file moved back.",
            row.id, row.path, desired.project
        );
        let state = State::Taken { message, closes };
        return because(Step::Report(state), "another object's file stands at the path");
    }
    match desired.adoption {
        AdoptionPolicy::Adopt => super::adopt::adopt(&row.id, desired, recorded, observed, now),
        AdoptionPolicy::Fail => already_exists(row, desired, closes),
    }
}

/// The row that stands in the way of the resource with this id, if it has one: the same path, or for
/// MaxCompute the same name in the same data source, since the engine knows a resource by its name
/// only.
pub(super) fn at_name<'a>(rows: &'a [Row], desired: &Desired, own: Option<&ResourceId>) -> Option<&'a Row> {
    let path = desired.path.as_str();
    let same_engine_name = |row: &Row| {
        let same_source = match (&desired.datasource, &row.datasource) {
            (Some(ours), Some(theirs)) => ours.name == *theirs,
            (None, _) | (_, None) => true,
        };
        let same_name = claim_key(&row.name) == desired.path.name_claim_key();
        is_maxcompute(&desired.command) && is_maxcompute(&row.command) && same_source && same_name
    };
    let mut others = rows.iter().filter(|row| own != Some(&row.id));
    let at_path = others.clone().find(|row| at_path(row, path));
    at_path.or_else(|| others.find(|row| same_engine_name(row)))
}

/// A file stands where this object's file is to go.
pub(super) fn taken_by_other(row: &Row, desired: &Desired) -> Plan {
    let message = format!(
        "The file cannot go to {:?}: workspace {} already has {:?} (id {}); nothing was sent. Give this object another \
         path, or remove that file.",
        desired.path.to_string(),
        desired.project,
        row.path,
        row.id
    );
    let state = State::Taken { message, closes: None };
    because(Step::Report(state), "the new path is taken by a resource that is not ours")
}

fn already_exists(row: &Row, desired: &Desired, closes: Option<Timestamp>) -> Plan {
    let message = format!(
        "Workspace {} already has {:?} (id {}), which this object did not create; nothing was sent. \
         Give this object another path, remove that file, or set adoptionPolicy: Adopt for a file at this very path.",
        desired.project, row.path, row.id
    );
    let state = State::Taken { message, closes };
    because(Step::Report(state), "the path is taken by a resource that is not ours")
}

/// The resource is gone: make it again, as a new intent.
pub(super) fn recreate(desired: &Desired, recorded: &Recorded, observed: &Observed, now: Timestamp) -> Plan {
    forbidden(desired, recorded, observed, now)
        .unwrap_or_else(|| first(desired, recorded, observed, now, None))
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
            // Another path may be declared by now, and what was seen of the old one is old.
            return first(desired, recorded, observed, now, Some((intent.first, intent.at)));
        }
        Some((at, Progress::Refused)) if at == intent.at && in_time && as_declared => {
            return because(Step::CreateResource(intent.clone()), "nothing came of the last try");
        }
        Some((at, Progress::Refused)) if at == intent.at => {
            let earliest = if intent.first < intent.at { intent.first } else { now };
            return first(desired, recorded, observed, now, Some((earliest, intent.at)));
        }
        Some((_, Progress::Written | Progress::Refused | Progress::Unknown { .. })) | None => {}
    }
    let Some(search) = &observed.search else {
        return because(Step::Search(intent.clone()), "a request may have been carried out");
    };
    match judge(search, intent, &observed.bounds, true) {
        Finding::Read(id) => because(Step::ReadCandidate(intent.clone(), id), "one row may be ours"),
        Finding::Ours(row) => because(Step::RecordFound(intent.clone(), row), "exactly one row is ours"),
        // Whoever is asked is to see all that there will be.
        Finding::Ambiguous(ids) => unsettled(intent, search.begun, desired, observed, now)
            .filter(|_| !is_asked(intent, recorded))
            .unwrap_or_else(|| ambiguous(&ids, desired)),
        Finding::None(strangers) => {
            none_found(intent, &strangers, search.begun, desired, recorded, observed, now)
        }
    }
}

/// Status asks what this intent left. It was known then that no more would come, which a later process may not know.
pub(super) fn is_asked(intent: &Intent, recorded: &Recorded) -> bool {
    let stalled = state::find(&recorded.status.conditions, ConditionType::Stalled);
    stalled.is_some_and(|stalled| {
        stalled.reason == Reason::AmbiguousCreate.as_str() && stalled.last_transition_time.0 >= intent.at
    })
}

/// Waits until no request of this intent can arrive any more; `None` where that was so before the search.
pub(super) fn unsettled(
    intent: &Intent,
    searched: Timestamp,
    desired: &Desired,
    observed: &Observed,
    now: Timestamp,
) -> Option<Plan> {
    let settled = settled_at(intent, &observed.memory, &observed.identity, &observed.bounds);
    if searched >= settled {
        return None;
    }
    let listed = listed(intent, observed);
    let until = if now < listed { listed } else { settled };
    let state =
        State::OutcomeUnknown { path: desired.path.to_string(), project: desired.project, until: settled };
    Some(because(Step::Wait { until, state: Some(state) }, "a request may still be carried out"))
}

fn says_it_exists(intent: &Intent, observed: &Observed) -> bool {
    matches!(
        observed.memory.attempt,
        Some((at, Progress::Unknown { already_exists: true, .. })) if at == intent.at
    )
}

/// When a file that was made at once is listed.
fn listed(intent: &Intent, observed: &Observed) -> Timestamp {
    // The answer tells of a file that was there before it, and it may have come as late as the
    // call's deadline: our own file may be listed that much later.
    let answered = if says_it_exists(intent, observed) { observed.bounds.call } else { SignedDuration::ZERO };
    plus(listed_at(intent, &observed.memory, &observed.bounds), answered)
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
    // Only what stands at the wanted path is in the way.
    let strangers: Vec<&Row> = strangers.iter().filter(|row| at_path(row, desired.path.as_str())).collect();
    let exists = says_it_exists(intent, observed);
    if exists && (!strangers.is_empty() || searched >= listed(intent, observed)) {
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
    if let Some(plan) = unsettled(intent, searched, desired, observed, now) {
        return plan;
    }
    if !strangers.is_empty() {
        return taken(&strangers, desired, recorded, observed, Some(intent.at), now);
    }
    let renewed = self::intent(desired, recorded, observed, now, Some(intent.first));
    because(Step::WriteIntent(renewed), "no request can arrive any more and none was carried out")
}

/// The intent of an earlier object of this name: search once, at the wanted path only, without asking
/// for the content. Its file may have been moved there since; one that stands elsewhere was that
/// object's, and its end decided what became of it.
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
    let mut search = search.clone();
    search.rows.retain(|candidate| at_path(&candidate.row, desired.path.as_str()));
    match judge(&search, intent, &observed.bounds, false) {
        Finding::Read(_) | Finding::None(_) => first(desired, recorded, observed, now, None),
        Finding::Ours(row) => because(
            Step::RecordFound(intent.clone(), row),
            "an earlier object of this name left exactly one file",
        ),
        Finding::Ambiguous(ids) => ambiguous(&ids, desired),
    }
}

pub(super) fn ambiguous(ids: &[ResourceId], desired: &Desired) -> Plan {
    // Ten name the case; more would only fill the status.
    let named: Vec<&str> = ids.iter().take(10).map(ResourceId::as_str).collect();
    stalled(
        Reason::AmbiguousCreate,
        format!(
            "The outcome of a create at {:?} in workspace {} is not known, and these resources may or may not be its result: {}. \
             Nothing was touched. Name the right one in spec.resourceId; or remove those that are not wanted, then remove the \
             annotation {}.",
            desired.path.to_string(),
            desired.project,
            named.join(", "),
            crate::api::CREATE_INTENT,
        ),
        "what the lost create left cannot be told",
    )
}
