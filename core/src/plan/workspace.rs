//! The workspace of an object: what it waits for there, and that it stays the same one.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::search::plus;
use super::step::{because, stalled};
use super::{NotReady, Permission, Plan, Recorded, Step, Unready};
use crate::api::condition::{ConditionType, Reason};
use crate::desired::Desired;
use crate::fault::Fault;
use crate::intent::Intent;
use crate::state::{self, DENIED_PATIENCE, PATIENCE, State};

/// A workspace that is about to be looked at is waited for so long without a word.
const SOON: SignedDuration = SignedDuration::from_secs(5);
/// A doubt that nobody can look into now is looked into later.
const DOUBT: SignedDuration = SignedDuration::from_mins(5);
/// What is told is looked at again after this, in case that a wake-up was lost.
const LATER: SignedDuration = SignedDuration::from_mins(30);

/// The object waits for its workspace.
pub(super) fn not_ready(unready: &Unready, recorded: &Recorded, now: Timestamp) -> Plan {
    let why = "its DataWorksWorkspace is not ready";
    let message = match &unready.why {
        NotReady::Unseen => return because(Step::Wait { until: plus(now, SOON), state: None }, why),
        NotReady::Absent | NotReady::Told(_) => told(unready),
    };
    let ready = state::find(&recorded.status.conditions, ConditionType::Ready);
    let impatient = ready
        .is_some_and(|ready| ready.status == "False" && ready.reason == Reason::DependencyNotReady.as_str());
    // Unknown becomes False after a while, which takes another look.
    let wait = if impatient { LATER } else { plus_a_second(PATIENCE) };
    because(Step::Wait { until: plus(now, wait), state: Some(State::DependencyNotReady { message }) }, why)
}

/// The object waits until the way is open again, and says what a call of its own would meet with.
pub(super) fn closed(fault: &Fault, recorded: &Recorded, now: Timestamp) -> Plan {
    let status = &recorded.status;
    let is = |type_, truth: &str| {
        state::find(&status.conditions, type_).is_some_and(|condition| condition.status == truth)
    };
    // Unknown becomes False after a while, and that a stop, which takes another look each.
    let wait = if is(ConditionType::Stalled, "True") {
        LATER
    } else if is(ConditionType::Ready, "False") {
        plus_a_second(DENIED_PATIENCE)
    } else {
        plus_a_second(PATIENCE)
    };
    let state = State::of_fault(fault, status.id.is_some(), None, now);
    because(Step::Wait { until: plus(now, wait), state: Some(state) }, "every call would fail")
}

/// What is as declared and is only doubted waits without a word.
pub(super) fn doubt_waits(permission: &Permission, now: Timestamp) -> Option<Plan> {
    let shut = match permission {
        Permission::Closed(_) | Permission::WorkspaceNotReady(_) => true,
        Permission::Allowed | Permission::NamespaceNotListed | Permission::ProjectNotListed => false,
    };
    let wait =
        || because(Step::Wait { until: plus(now, DOUBT), state: None }, "a doubt is no news of the object");
    shut.then(wait)
}

fn plus_a_second(span: SignedDuration) -> SignedDuration {
    span + SignedDuration::from_secs(1)
}

/// What is wrong with the workspace, as a sentence.
pub(super) fn told(unready: &Unready) -> String {
    let Unready { name, why } = unready;
    match why {
        NotReady::Absent => {
            format!(
                "There is no DataWorksWorkspace {name:?} in this namespace. Make it, or name another one."
            )
        }
        NotReady::Unseen => format!("The DataWorksWorkspace {name:?} was not looked at yet."),
        NotReady::Told(said) => format!("The DataWorksWorkspace {name:?} is not ready: {said}"),
    }
}

/// The file of the object is in another workspace than the one that the spec comes to.
pub(super) fn moved_away(desired: Option<&Desired>, recorded: &Recorded) -> Option<i64> {
    let project = recorded.status.project_id?;
    (project.unsigned_abs() != desired?.project.get()).then_some(project)
}

/// A request of the object went to another workspace than the one that the spec comes to, and what became of it is
/// not known.
pub(super) fn sent_elsewhere(intent: &Intent, desired: &Desired) -> Option<Plan> {
    if intent.project_id == desired.project.get() {
        return None;
    }
    let message = format!(
        "A create in workspace {} has an unknown outcome, but the spec comes to workspace {}; nothing was sent. Name the \
         old workspace again, or make a new object for the new one.",
        intent.project_id, desired.project
    );
    Some(stalled(Reason::WorkspaceChanged, message, "the workspace changed under an open intent"))
}
