//! What earlier tries left: an intent whose outcome is not recorded, or that was taken away, or that an earlier object of
//! this name wrote.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::create::{first, intent, taken};
use super::search::{Finding, at_path, judge, listed_at, plus, settled_at};
use super::step::{because, stalled};
use super::{Observed, Plan, Progress, Recorded, Step};
use crate::api::condition::{ConditionType, Reason};
use crate::desired::Desired;
use crate::ids::ResourceId;
use crate::intent::{Intent, IntentNote};
use crate::inventory::Row;
use crate::mutation::{Rule, off};
use crate::state::{self, State};

/// An intent whose outcome is not recorded.
pub(super) fn open(
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

/// Writes this intent, when status no longer asks to take one away: who does so late would take the new one, and with it the
/// only trace of what it may leave.
pub(super) fn write(intent: Intent, desired: &Desired, recorded: &Recorded, why: &'static str) -> Plan {
    if off(Rule::Intent) {
        return because(Step::CreateResource(intent), why);
    }
    let asks = [Reason::AmbiguousCreate, Reason::IntentUnreadable];
    if asks.into_iter().all(|reason| stalled_since(reason, recorded).is_none()) {
        return because(Step::WriteIntent(intent), why);
    }
    let state = match recorded.open_intent() {
        // It stays open, whatever becomes of the annotation.
        Some(open) => State::OutcomeUnknown {
            path: desired.path.to_string(),
            project: desired.project,
            until: open.at.max(intent.at),
        },
        None => State::Creating { message: "The file is made.".to_owned() },
    };
    because(Step::Tell(state), "status still asks to take the intent away")
}

/// Status asks what this intent left. It was known then that no more would come, which a later process may not know.
pub(super) fn is_asked(intent: &Intent, recorded: &Recorded) -> bool {
    stalled_since(Reason::AmbiguousCreate, recorded).is_some_and(|since| since >= intent.at)
}

fn stalled_since(reason: Reason, recorded: &Recorded) -> Option<Timestamp> {
    let stalled = state::find(&recorded.status.conditions, ConditionType::Stalled)?;
    (stalled.reason == reason.as_str()).then_some(stalled.last_transition_time.0)
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
    let searched = if off(Rule::SearchAfter) { now } else { searched };
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
    let renewed = super::create::intent(desired, recorded, observed, now, Some(intent.first));
    write(renewed, desired, recorded, "no request can arrive any more and none was carried out")
}

/// The intent of an earlier object of this name: search once, at the wanted path only, without asking
/// for the content. Its file may have been moved there since; one that stands elsewhere was that
/// object's, and its end decided what became of it.
pub(super) fn earlier(
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

/// Puts back the intent of a create of this process whose outcome is not known: it was taken away, or another one was put in
/// its place.
pub(super) fn forgotten(recorded: &Recorded, observed: &Observed) -> Option<Plan> {
    let intent = observed.memory.lost.as_ref()?;
    let carried = match &recorded.intent {
        IntentNote::Own(own) => own.at >= intent.at,
        IntentNote::Absent | IntentNote::Foreign | IntentNote::Earlier(_) | IntentNote::Unreadable => false,
    };
    if carried || recorded.ended(intent).is_some() {
        return None;
    }
    let why = "the intent of a create whose outcome is not known was taken away";
    Some(because(Step::RestoreIntent(intent.clone()), why))
}

/// Puts back an intent that was taken away while its outcome was not known (`kubectl replace`), or replaced by an older one
/// (a manifest that somebody kept), as far as status still tells of it. It does not after AmbiguousCreate: there a
/// person takes it away on purpose. Beside the intent of another object status may be a copy of that one's.
///
/// What status tells may be of an earlier try than the last: the last may have begun up to now, and is waited for as if it
/// had. Written at once, so that the wait has an end.
pub(super) fn restored(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Option<Plan> {
    let first = recorded.told_unknown()?;
    let gone = match &recorded.intent {
        IntentNote::Own(own) => own.at < first,
        IntentNote::Absent => true,
        IntentNote::Foreign | IntentNote::Earlier(_) | IntentNote::Unreadable => false,
    };
    if !gone {
        return None;
    }
    // Who wrote it is not known any more: the longest wait holds. Another path may have been declared since.
    let intent = intent(desired, recorded, observed, now, Some(first));
    let told = recorded.status.attempt.as_ref().and_then(|attempt| attempt.path.clone());
    let path = told.unwrap_or_else(|| intent.path.clone());
    let intent = Intent { holder: String::new(), spec_sha256: None, path, ..intent };
    let why = "status tells of a create whose outcome is not known, and its intent was taken away";
    Some(because(Step::RestoreIntent(intent), why))
}
