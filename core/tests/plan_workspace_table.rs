//! What the plan makes of a workspace that is not ready, or is another one than before.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod plan_support;

use std::sync::Arc;

use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::DeletionPolicy;
use dataworks_core::desired::Desired;
use dataworks_core::fault::{Class, Fault};
use dataworks_core::intent::Intent;
use dataworks_core::plan::{Memory, NotReady, Observed, Permission, Recorded, Step, Unready, plan};
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

/// What every call would meet with.
fn fault(class: Class, code: &str) -> Fault {
    Fault { class, code: code.into(), message: "it said so".into(), request_id: None, retry_after: None }
}

fn key() -> Fault {
    fault(Class::Denied, "InvalidAccessKeyId.Inactive")
}

fn closed() -> Permission {
    Permission::Closed(Arc::new(key()))
}

#[test]
fn what_finds_its_connection_closed_says_what_a_call_would_meet_with() {
    let waits = |until: i64| Step::Wait {
        until: at(until),
        state: Some(State::Denied { fault: key(), since: None }),
    };
    let stalled = |recorded: Recorded| {
        let mut recorded = says(recorded, Reason::AccessDenied);
        let mut stalled = recorded.status.conditions[0].clone();
        (stalled.type_, stalled.status) = ("Stalled".into(), "True".into());
        recorded.status.conditions.push(stalled);
        recorded
    };
    let nowhere = fault(Class::Terminal, "1101080008");
    let edited = |recorded: Recorded| Recorded { generation: 2, ..recorded };
    let doubted = || Memory { doubt: true, ..Memory::default() };
    let asked = Recorded { requested: true, ..ready() };
    // name, recorded, memory, permission, content, step
    type RowOf = (&'static str, Recorded, Memory, Permission, &'static str, Step);
    let rows: Vec<RowOf> = vec![
        ("new", fresh(), Memory::default(), closed(), "v1", waits(121)),
        (
            "told for a while",
            says(fresh(), Reason::AccessDenied),
            Memory::default(),
            closed(),
            "v1",
            waits(781),
        ),
        ("told for long", stalled(fresh()), Memory::default(), closed(), "v1", waits(1800)),
        ("an open create", open(intent(-5)), Memory::default(), closed(), "v1", waits(121)),
        ("edited", edited(ready()), Memory::default(), closed(), "v2", waits(121)),
        ("settled", ready(), Memory::default(), closed(), "v1", Step::Report(State::Ready)),
        (
            "settled, and doubted",
            ready(),
            doubted(),
            closed(),
            "v1",
            Step::Wait { until: at(300), state: None },
        ),
        (
            "the same by a workspace object",
            ready(),
            doubted(),
            told(),
            "v1",
            Step::Wait { until: at(300), state: None },
        ),
        ("settled, and a person asks", asked, Memory::default(), closed(), "v1", waits(121)),
        (
            "no such workspace",
            fresh(),
            Memory::default(),
            Permission::Closed(Arc::new(nowhere.clone())),
            "v1",
            Step::Wait { until: at(121), state: Some(State::of_fault(&nowhere, false, None, at(0))) },
        ),
        (
            "deleted",
            deleted(ready()),
            Memory::default(),
            closed(),
            "v1",
            Step::Report(State::DeletionBlocked {
                message:
                    "The file cannot be deleted: InvalidAccessKeyId.Inactive (it said so). Mend that, or set \
                          deletionPolicy: Retain to keep the file and let the object go."
                        .into(),
                fault: Some(key()),
            }),
        ),
        (
            "deleted, and nothing was made",
            deleted(fresh()),
            Memory::default(),
            closed(),
            "v1",
            Step::RemoveFinalizer,
        ),
    ];
    for (name, recorded, memory, permission, content, want) in rows {
        let observed = Observed { permission, memory, ..nothing_seen() };
        assert_eq!(plan(Ok(&desired(content)), &recorded, &observed, at(0)).step, want, "{name}");
    }
}
