//! What the plan makes of a workspace that is not ready, or is another one than before.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod plan_support;

use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::DeletionPolicy;
use dataworks_core::desired::Desired;
use dataworks_core::intent::Intent;
use dataworks_core::plan::{NotReady, Observed, Permission, Recorded, Step, Unready, plan};
use dataworks_core::state::State;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use plan_support::*;

const UNKNOWN: Result<(), &str> = Err("the workspace is not known");

fn waits_for(why: NotReady) -> Permission {
    Permission::WorkspaceNotReady(Unready { name: "w".to_owned(), why })
}

fn absent() -> Permission {
    waits_for(NotReady::Absent)
}

fn told() -> Permission {
    waits_for(NotReady::Told("It said so.".to_owned()))
}

/// Waits until then and says this.
fn waits(until: i64, message: &str) -> Step {
    let state = State::DependencyNotReady { message: message.to_owned() };
    Step::Wait { until: at(until), state: Some(state) }
}

fn changed(message: &str) -> Step {
    let message = message.to_owned();
    Step::Report(State::Stalled { reason: Reason::WorkspaceChanged, message, fault: None })
}

fn blocked(message: &str) -> Step {
    Step::Report(State::DeletionBlocked { message: message.into(), fault: None })
}

/// A `Ready` that is False with this reason.
fn says(recorded: Recorded, reason: Reason) -> Recorded {
    let mut status = recorded.status.clone();
    status.conditions = vec![Condition {
        type_: "Ready".into(),
        status: "False".into(),
        reason: reason.to_string(),
        message: String::new(),
        observed_generation: Some(1),
        last_transition_time: Time(at(-500)),
    }];
    Recorded { status, ..recorded }
}

fn elsewhere() -> Intent {
    Intent { project_id: 8, ..intent(0) }
}

fn deleted(recorded: Recorded) -> Recorded {
    Recorded { deleting: true, finalizer: true, ..recorded }
}

const NOT_THERE: &str =
    "There is no DataWorksWorkspace \"w\" in this namespace. Make it, or name another one.";
const TOLD: &str = "The DataWorksWorkspace \"w\" is not ready: It said so.";

#[test]
fn what_waits_for_its_workspace_says_so_and_what_is_settled_is_left_alone() {
    let mut in_eight = ready();
    in_eight.status.project_id = Some(8);
    let edited = |recorded: Recorded| Recorded { generation: 2, ..recorded };
    let retained = Recorded { deletion: DeletionPolicy::Retain, ..deleted(ready()) };
    let suspended = Recorded { suspend: true, ..fresh() };
    // name, whether the workspace's id is known, recorded, permission, content that is wanted, step
    type RowOf = (&'static str, bool, Recorded, Permission, &'static str, Step);
    let rows: Vec<RowOf> = vec![
        ("new, and it is not there", false, fresh(), absent(), "v1", waits(121, NOT_THERE)),
        ("new, and it is not ready", true, fresh(), told(), "v1", waits(121, TOLD)),
        (
            "it said so long ago",
            true,
            says(fresh(), Reason::DependencyNotReady),
            told(),
            "v1",
            waits(1800, TOLD),
        ),
        ("it said something else", true, says(fresh(), Reason::AccessDenied), told(), "v1", waits(121, TOLD)),
        (
            "about to be looked at",
            true,
            fresh(),
            waits_for(NotReady::Unseen),
            "v1",
            Step::Wait { until: at(5), state: None },
        ),
        ("suspended", true, suspended, told(), "v1", Step::Report(State::Suspended { pending: true })),
        ("settled", true, ready(), told(), "v1", Step::Report(State::Ready)),
        ("edited", true, edited(ready()), told(), "v2", waits(121, TOLD)),
        ("an open create", true, open(intent(-5)), told(), "v1", waits(121, TOLD)),
        (
            "an open create elsewhere",
            true,
            open(elsewhere()),
            Permission::Allowed,
            "v1",
            changed(
                "A create in workspace 8 has an unknown outcome, but the spec comes to workspace 7; nothing was sent. Name the \
                 old workspace again, or make a new object for the new one.",
            ),
        ),
        (
            "deleted, and it is not ready",
            true,
            deleted(ready()),
            told(),
            "v1",
            blocked(&format!(
                "The file of \"a\" cannot be deleted: {TOLD} Mend that, or set deletionPolicy: Retain to keep the file."
            )),
        ),
        (
            "deleted, and it is about to be looked at",
            true,
            deleted(ready()),
            waits_for(NotReady::Unseen),
            "v1",
            Step::Wait { until: at(5), state: None },
        ),
        ("deleted, and nothing was made", false, deleted(fresh()), absent(), "v1", Step::RemoveFinalizer),
        ("deleted and retained", false, retained, absent(), "v1", Step::RemoveFinalizer),
        (
            "deleted, and the file is elsewhere",
            true,
            deleted(in_eight),
            Permission::Allowed,
            "v1",
            blocked(
                "The file of \"a\" is in workspace 8, which the spec does not name any more, so it cannot be deleted. Name that \
                 workspace again, or set deletionPolicy: Retain to keep the file.",
            ),
        ),
        (
            "deleted, and a create went elsewhere",
            true,
            deleted(open(elsewhere())),
            Permission::Allowed,
            "v1",
            blocked(
                "The file of \"a\" is in workspace 8, which the spec does not name any more, so it cannot be deleted. Name that \
                 workspace again, or set deletionPolicy: Retain to keep the file.",
            ),
        ),
    ];
    for (name, known, recorded, permission, content, step) in rows {
        let declared = desired(content);
        let wanted: Result<&Desired, &str> = if known { Ok(&declared) } else { UNKNOWN.map(|()| &declared) };
        let observed = Observed { permission, ..nothing_seen() };
        assert_eq!(plan(wanted, &recorded, &observed, at(0)).step, step, "{name}");
    }
}
