//! A resource that is there already becomes this object's: named by its id, or found at the path.
//!
//! Nothing is created here, and nothing is sent before status holds the id. A copy's status tells
//! of another object's file and is forgotten first.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::create::{forbidden, refused_before};
use super::open::{ambiguous, is_asked, restored, unreadable, unsettled};
use super::search::{Finding, judge, plus};
use super::step::{because, stalled};
use super::workspace::sent_elsewhere;
use super::{Observed, Plan, ReadBack, Recorded, Step, content};
use crate::api::condition::Reason;
use crate::api::v1alpha1::AdoptionPolicy;
use crate::desired::{Desired, Held};
use crate::ids::ResourceId;
use crate::intent::{Intent, IntentNote};
use crate::inventory::Row;
use crate::state::State;

/// A row that turns out to be gone is listed anew after this.
const STALE: SignedDuration = SignedDuration::from_secs(10);

/// The spec names the resource.
pub(super) fn named(
    id: &ResourceId,
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Plan {
    if let Some(plan) = recorded.open_intent().and_then(|intent| sent_elsewhere(intent, desired)) {
        return plan;
    }
    if let Some(plan) = forbidden(desired, recorded, observed, now) {
        return plan;
    }
    if let Some(plan) = content::unknown(desired, recorded, observed, now) {
        return plan;
    }
    if let Some(plan) = refused_before(desired, recorded, observed, now) {
        return plan;
    }
    if let Some(plan) = restored(desired, recorded, observed, now) {
        return plan;
    }
    if recorded.intent == IntentNote::Unreadable {
        return unreadable(desired);
    }
    let open = recorded.open_intent();
    if let Some(plan) = open.and_then(|intent| lost(intent, id, desired, recorded, observed, now)) {
        return plan;
    }
    adopt(id, desired, recorded, observed, now)
}

/// A create of this object may have left a file; what it left must be known before another is
/// taken. `None`: nothing, or the very one.
fn lost(
    intent: &Intent,
    id: &ResourceId,
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Option<Plan> {
    if observed.memory.sent_nothing(intent.at) {
        return None;
    }
    let Some(search) = &observed.search else {
        return Some(because(Step::Search(intent.clone()), "a request may have been carried out"));
    };
    let wait = unsettled(intent, search.begun, desired, observed, now);
    if wait.is_some() && !is_asked(intent, recorded) {
        return wait;
    }
    match judge(search, intent, &observed.bounds, false) {
        Finding::Ours(row) if row.id == *id => None,
        Finding::Ambiguous(ids) if ids.contains(id) => None,
        Finding::Ours(Row { id, .. }) | Finding::Read(id) => Some(ambiguous(&[id], desired)),
        Finding::Ambiguous(ids) => Some(ambiguous(&ids, desired)),
        Finding::None(_) => None,
    }
}

/// Takes over this resource.
pub(super) fn adopt(
    id: &ResourceId,
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Plan {
    let copied = recorded.intent == IntentNote::Foreign;
    if copied && (recorded.status.id.is_some() || recorded.status.attempt.is_some()) {
        return because(Step::ForgetCopy, "its status tells of another object's file");
    }
    if copied || !recorded.finalizer {
        return because(Step::AddFinalizer, "the resource must not outlive the object unnoticed");
    }
    match &observed.adoptee {
        Some((read, ReadBack::Present(held))) if read == id => {
            judge_adoptee(id, held, desired, &recorded.intent)
        }
        Some((read, ReadBack::Absent)) if read == id => match &desired.resource_id {
            Some(_) => stalled(
                Reason::NotFoundInWorkspace,
                format!(
                    "Workspace {} has no file {id}, which spec.resourceId names; nothing was sent. Check the number, or \
                     make an object without resourceId to have the file created.",
                    desired.project
                ),
                "the named resource is not there",
            ),
            None => {
                let message = "The file at the path went away while it was looked at.".to_owned();
                let state = Some(State::Creating { message });
                because(Step::Wait { until: plus(now, STALE), state }, "the row was stale")
            }
        },
        // Whoever names it, or a listing that shows it, knows that it is there.
        Some(_) | None => because(Step::ReadAdoptee(id.clone()), "it must be known what it holds"),
    }
}

fn judge_adoptee(id: &ResourceId, held: &Held, desired: &Desired, intent: &IntentNote) -> Plan {
    let lasting: Vec<&str> = held
        .fixed
        .iter()
        .map(String::as_str)
        .filter(|field| {
            *field == "type" || field.starts_with("script.runtime") || field.starts_with("datasource")
        })
        .collect();
    if !lasting.is_empty() {
        let message = format!(
            "The file {id} of workspace {} differs from what is declared in {}, which cannot be changed; nothing was \
             sent. Make a new object that declares what the file has.",
            desired.project,
            lasting.join(", "),
        );
        return stalled(Reason::NotAdoptable, message, "it differs in what no call changes");
    }
    let Some(at) = held.path.clone() else {
        let message = format!(
            "What the service answers of the file {id} of workspace {} does not show one file resource and its path, so it \
             cannot be told whether this object may take it over; nothing was sent.",
            desired.project
        );
        return stalled(Reason::NotAdoptable, message, "the answer does not show what it is");
    };
    if at != desired.path && desired.adoption == AdoptionPolicy::Fail {
        let message = format!(
            "The file {id} of workspace {} stands at {:?}, not at the declared {:?}; nothing was sent. Declare its path, or \
             set adoptionPolicy: Adopt to have it moved.",
            desired.project,
            at.to_string(),
            desired.path.to_string(),
        );
        return stalled(Reason::NotAdoptable, message, "it stands elsewhere, and moving it was not allowed");
    }
    // An intent of this object beside an id is trusted only when it is closed as carried out.
    let closes = match intent {
        IntentNote::Own(intent) => Some(intent.at),
        IntentNote::Absent | IntentNote::Unreadable | IntentNote::Foreign | IntentNote::Earlier(_) => None,
    };
    because(Step::RecordAdopted { id: id.clone(), at, closes }, "it becomes this object's")
}
