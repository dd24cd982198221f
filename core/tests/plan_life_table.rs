//! Every rule for a resource that stands elsewhere, is another's, or was changed by others, as a row.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod plan_support;

use dataworks_core::api::condition::{ConditionType, Reason};
use dataworks_core::desired::{Desired, Held};
use dataworks_core::intent::{Intent, IntentNote};
use dataworks_core::plan::{Listing, MiddleHeld, Observed, ReadBack, Recorded, Step, plan};
use dataworks_core::state::{Change, State, next};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use plan_support::*;
use serde_json::json;

struct Case {
    wanted: Desired,
    recorded: Recorded,
    observed: Observed,
    now: Timestamp,
}

/// What a step is, without its sentences.
#[expect(clippy::large_enum_variant, reason = "a table of few rows")]
#[derive(Debug, PartialEq)]
enum Does {
    Exactly(Step),
    Stalls(Reason),
    Taken,
    Waits(i64),
    Reports(State),
}

type RowOf = (&'static str, fn(&mut Case), Does);

/// `ready` with what the row changes.
fn check(start: Recorded, rows: Vec<RowOf>) {
    let mut wrong = Vec::new();
    for (name, arrange, want) in rows {
        let mut case =
            Case { wanted: desired("v1"), recorded: start.clone(), observed: nothing_seen(), now: at(100) };
        arrange(&mut case);
        let step = plan(Ok(&case.wanted), &case.recorded, &case.observed, case.now).step;
        let holds = match (&want, &step) {
            (Does::Exactly(want), step) => want == step,
            (Does::Stalls(want), Step::Report(State::Stalled { reason, .. })) => want == reason,
            (Does::Taken, Step::Report(State::Taken { .. })) => true,
            (Does::Waits(seconds), Step::Wait { until, .. }) => *until == at(*seconds),
            (Does::Reports(want), Step::Report(state)) => want == state,
            (_, _) => false,
        };
        if !holds {
            wrong.push(format!("{name}\n   got {step:?}\n  want {want:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// It is in the workspace as declared, and last changed at this time.
fn unseen(mut recorded: Recorded, seconds: i64) -> Recorded {
    recorded.status.modify_time = Some(Time(at(seconds)));
    recorded.status.conditions = vec![Condition {
        type_: ConditionType::Synced.as_str().to_owned(),
        status: "True".to_owned(),
        reason: Reason::Succeeded.as_str().to_owned(),
        message: String::new(),
        last_transition_time: Time(at(seconds)),
        observed_generation: Some(recorded.generation),
    }];
    recorded
}

fn reporting() -> Desired {
    declaring("v1", &json!({"driftPolicy": "Report"}))
}

fn adopting() -> Desired {
    declaring("v1", &json!({"adoptionPolicy": "Adopt"}))
}

fn named() -> Desired {
    declaring("v1", &json!({"resourceId": "5"}))
}

/// Status asks since then what a lost create left.
fn asked(mut recorded: Recorded, seconds: i64) -> Recorded {
    let reason = Reason::AmbiguousCreate;
    let state = State::Stalled { reason, message: "which?".into(), fault: None };
    let change = Change { state, fact: None };
    recorded.status = next(&recorded.status, &change, recorded.generation, at(seconds));
    recorded
}

/// Another's file at the path.
fn theirs() -> Held {
    Held { path: Some(PATH.parse().unwrap()), ..otherwise() }
}

fn rename(to: &str) -> Does {
    Does::Exactly(Step::RenameResource { id: id("1"), to: to.parse().unwrap() })
}

fn move_(to: &str) -> Does {
    Does::Exactly(Step::MoveResource { id: id("1"), to: to.parse().unwrap() })
}

fn update(at_path: &str) -> Does {
    Does::Exactly(Step::UpdateResource { id: id("1"), at: at_path.parse().unwrap() })
}

fn read(held: Held) -> Option<ReadBack> {
    Some(ReadBack::Present(held))
}

fn standing(path: &str) -> Held {
    Held { path: Some(path.parse().unwrap()), ..as_declared() }
}

#[test]
fn another_path_is_a_rename_or_a_move_and_the_id_stays() {
    check(
        ready(),
        vec![
            (
                "the new path is looked at first",
                |c| c.wanted = desired_at("XX/b.py", "v1"),
                Does::Exactly(Step::Look),
            ),
            (
                "then it is read: others may have moved it",
                |c| {
                    c.wanted = desired_at("XX/b.py", "v1");
                    c.observed.look = Some(vec![row("1", "XX/a.py", 0)]);
                },
                Does::Exactly(Step::ReadBack(id("1"))),
            ),
            (
                "others changed it: that first",
                |c| {
                    c.wanted = desired_at("XX/b.py", "v1");
                    c.observed.read = read(Held { differs: otherwise().differs, ..standing("XX/a.py") });
                },
                update("XX/a.py"),
            ),
            (
                "others moved it: from there",
                |c| {
                    c.wanted = desired_at("XX/b.py", "v1");
                    c.observed.read = read(standing("ZZ/b.py"));
                    c.observed.look = Some(vec![row("1", "ZZ/b.py", 0)]);
                },
                move_("XX/b.py"),
            ),
            (
                "another name",
                |c| {
                    c.wanted = desired_at("XX/b.py", "v1");
                    c.observed.read = read(standing("XX/a.py"));
                    c.observed.look = Some(vec![]);
                },
                rename("XX/b.py"),
            ),
            (
                "another case of the name, where its own row is no obstacle",
                |c| {
                    c.wanted = desired_at("XX/A.py", "v1");
                    c.observed.read = read(standing("XX/a.py"));
                    c.observed.look = Some(vec![row("1", "XX/a.py", 0)]);
                },
                rename("XX/A.py"),
            ),
            (
                "another folder",
                |c| {
                    c.wanted = desired_at("YY/a.py", "v1");
                    c.observed.read = read(standing("XX/a.py"));
                    c.observed.look = Some(vec![row("1", "XX/a.py", 0)]);
                },
                move_("YY/a.py"),
            ),
            (
                "to the root",
                |c| {
                    c.wanted = desired_at("a.py", "v1");
                    c.observed.read = read(standing("XX/a.py"));
                    c.observed.look = Some(vec![]);
                },
                move_("a.py"),
            ),
            (
                "both: the name first",
                |c| {
                    c.wanted = desired_at("YY/b.py", "v1");
                    c.observed.read = read(standing("XX/a.py"));
                    c.observed.look = Some(vec![]);
                },
                rename("XX/b.py"),
            ),
            (
                "both, and another object claims the path between: the folder first",
                |c| {
                    c.wanted = desired_at("YY/b.py", "v1");
                    c.observed.read = read(standing("XX/a.py"));
                    c.observed.look = Some(vec![]);
                    c.observed.middle_held = MiddleHeld { renamed: true, moved: false };
                },
                move_("YY/a.py"),
            ),
            (
                "both, and a stranger that is no MaxCompute file stands between",
                |c| {
                    c.wanted = desired_at("YY/b.py", "v1");
                    let mut stranger = row("9", "XX/b.py", 0);
                    stranger.command = "EMR_FILE".into();
                    c.observed.read = read(standing("XX/a.py"));
                    c.observed.look = Some(vec![stranger]);
                },
                move_("YY/a.py"),
            ),
            (
                "both, and both ways are blocked",
                |c| {
                    c.wanted = desired_at("YY/b.py", "v1");
                    c.observed.read = read(standing("XX/a.py"));
                    c.observed.look = Some(vec![]);
                    c.observed.middle_held = MiddleHeld { renamed: true, moved: true };
                },
                Does::Waits(700),
            ),
            (
                "a stranger stands at the new path",
                |c| {
                    c.wanted = desired_at("XX/b.py", "v1");
                    c.observed.read = read(standing("XX/a.py"));
                    c.observed.look = Some(vec![row("9", "XX/b.py", 0)]);
                },
                Does::Taken,
            ),
            (
                "the engine has the new name elsewhere",
                |c| {
                    c.wanted = desired_at("XX/b.py", "v1");
                    c.observed.read = read(standing("XX/a.py"));
                    c.observed.look = Some(vec![row("9", "ZZ/b.py", 0)]);
                },
                Does::Taken,
            ),
            (
                "content and path: the new path is looked at first",
                |c| c.wanted = declaring("v2", &json!({"path": "YY/b.py"})),
                Does::Exactly(Step::Look),
            ),
            (
                "then it is read, before anything is sent",
                |c| {
                    c.wanted = declaring("v2", &json!({"path": "YY/b.py"}));
                    c.observed.look = Some(vec![row("1", "XX/a.py", 0)]);
                },
                Does::Exactly(Step::ReadBack(id("1"))),
            ),
            (
                "content and path, and a stranger stands there: the content is sent all the same",
                |c| {
                    c.wanted = declaring("v2", &json!({"path": "YY/b.py"}));
                    c.observed.look = Some(vec![row("9", "YY/b.py", 0)]);
                },
                update("XX/a.py"),
            ),
            (
                "then the content, where the file stands",
                |c| {
                    c.wanted = declaring("v2", &json!({"path": "YY/b.py"}));
                    c.observed.look = Some(vec![row("1", "XX/a.py", 0)]);
                    c.observed.read = read(Held { differs: otherwise().differs, ..standing("XX/a.py") });
                },
                update("XX/a.py"),
            ),
            (
                "then the place, without another read: that may not show the update yet",
                |c| {
                    c.wanted = declaring("v2", &json!({"path": "YY/b.py"}));
                    let sent = declaring("v2", &json!({"path": "XX/a.py"}));
                    c.recorded.status.spec_digest = Some(sent.spec_digest().to_string());
                    let before = Held { differs: otherwise().differs, ..standing("XX/a.py") };
                    c.observed.read = ReadBack::Present(before).updated(&PATH.parse().unwrap());
                    c.observed.look = Some(vec![row("1", "XX/a.py", 0)]);
                },
                rename("XX/b.py"),
            ),
            (
                "half of the way is recorded",
                |c| {
                    c.wanted = desired_at("YY/b.py", "v1");
                    let half = desired_at("XX/b.py", "v1");
                    c.recorded.status.path = Some("XX/b.py".into());
                    c.recorded.status.spec_digest = Some(half.spec_digest().to_string());
                    c.observed.read = read(standing("XX/b.py"));
                    c.observed.look = Some(vec![row("1", "XX/b.py", 0)]);
                },
                move_("YY/b.py"),
            ),
            (
                "another object holds the new path",
                |c| {
                    c.wanted = desired_at("XX/b.py", "v1");
                    c.observed.held_by = holder(Some("b"));
                },
                Does::Stalls(Reason::AlreadyManaged),
            ),
        ],
    );
}

#[test]
fn a_move_whose_outcome_is_unknown_is_read() {
    check(
        ready(),
        vec![
            (
                "nothing is sent before the read",
                |c| {
                    c.wanted = desired_at("XX/b.py", "v1");
                    c.observed.memory.unknown_write = Some(at(90));
                    c.observed.memory.unknown_place = true;
                },
                Does::Exactly(Step::ReadBack(id("1"))),
            ),
            (
                "it was carried out",
                |c| {
                    c.wanted = desired_at("XX/b.py", "v1");
                    c.observed.memory.unknown_write = Some(at(90));
                    c.observed.memory.unknown_place = true;
                    c.observed.read = read(standing("XX/b.py"));
                },
                Does::Exactly(Step::RecordUpdated),
            ),
            (
                "it was carried out, and the answer does not show the content",
                |c| {
                    c.wanted = desired_at("XX/b.py", "v1");
                    c.observed.memory.unknown_write = Some(at(90));
                    c.observed.memory.unknown_place = true;
                    c.observed.read = read(Held { shows_content: false, ..standing("XX/b.py") });
                },
                Does::Exactly(Step::RecordUpdated),
            ),
            (
                "it was carried out, but another path was declared since: what was sent may still arrive",
                |c| {
                    c.observed.memory.unknown_write = Some(at(90));
                    c.observed.memory.unknown_place = true;
                    c.observed.memory.unknown_spec = Some(desired_at("XX/b.py", "v1").spec_digest());
                    c.observed.read = read(standing("XX/a.py"));
                },
                Does::Waits(120),
            ),
            (
                "and when it cannot any more, it is as declared",
                |c| {
                    c.now = at(120);
                    c.observed.memory.unknown_write = Some(at(90));
                    c.observed.memory.unknown_place = true;
                    c.observed.memory.unknown_spec = Some(desired_at("XX/b.py", "v1").spec_digest());
                    c.observed.read = read(standing("XX/a.py"));
                },
                Does::Exactly(Step::RecordUpdated),
            ),
            (
                "it may still arrive",
                |c| {
                    c.wanted = desired_at("XX/b.py", "v1");
                    c.observed.memory.unknown_write = Some(at(90));
                    c.observed.memory.unknown_place = true;
                    c.observed.read = read(standing("XX/a.py"));
                },
                Does::Waits(120),
            ),
            (
                "half of the way was carried out: the other half needs no wait",
                |c| {
                    c.wanted = desired_at("YY/b.py", "v1");
                    c.observed.memory.unknown_write = Some(at(90));
                    c.observed.memory.unknown_place = true;
                    c.observed.memory.unknown_spec = Some(desired_at("XX/b.py", "v1").spec_digest());
                    c.observed.read = read(standing("XX/b.py"));
                    c.observed.look = Some(vec![]);
                },
                move_("YY/b.py"),
            ),
            (
                "of the other half nobody heard: that may still arrive",
                |c| {
                    c.wanted = desired_at("YY/b.py", "v1");
                    c.observed.memory.unknown_write = Some(at(90));
                    c.observed.memory.unknown_place = true;
                    c.observed.memory.unknown_spec = Some(desired_at("YY/b.py", "v1").spec_digest());
                    c.observed.read = read(standing("XX/b.py"));
                    c.observed.look = Some(vec![]);
                },
                Does::Waits(120),
            ),
            (
                "it cannot arrive any more",
                |c| {
                    c.now = at(120);
                    c.wanted = desired_at("XX/b.py", "v1");
                    c.observed.memory.unknown_write = Some(at(90));
                    c.observed.memory.unknown_place = true;
                    c.observed.read = read(standing("XX/a.py"));
                    c.observed.look = Some(vec![]);
                },
                rename("XX/b.py"),
            ),
        ],
    );
}

#[test]
fn what_others_change_is_brought_back_or_reported() {
    check(
        ready(),
        vec![
            (
                "moved away, Correct",
                |c| {
                    c.observed.memory.doubt = true;
                    c.observed.read = read(standing("ZZ/a.py"));
                    c.observed.look = Some(vec![row("1", "ZZ/a.py", 0)]);
                },
                move_("XX/a.py"),
            ),
            (
                "changed and moved away, Correct: the content where it stands",
                |c| {
                    c.observed.memory.doubt = true;
                    c.observed.read = read(Held { differs: otherwise().differs, ..standing("ZZ/a.py") });
                },
                update("ZZ/a.py"),
            ),
            (
                "changed and moved away, Report",
                |c| {
                    c.wanted = reporting();
                    c.observed.memory.doubt = true;
                    c.observed.read = read(Held { differs: otherwise().differs, ..standing("ZZ/a.py") });
                },
                Does::Exactly(Step::RecordDrift(vec!["script.content".into(), "script.path".into()])),
            ),
            (
                "changed, Report, and another edit is declared",
                |c| {
                    c.wanted = declaring("v2", &json!({"driftPolicy": "Report"}));
                    c.observed.memory.doubt = true;
                    c.observed.read = read(otherwise());
                },
                update("XX/a.py"),
            ),
            (
                "changed in what no call changes, Correct",
                |c| {
                    c.observed.memory.doubt = true;
                    c.observed.read = read(Held { fixed: vec!["type".into()], ..as_declared() });
                },
                Does::Exactly(Step::RecordDrift(vec!["type".into()])),
            ),
            (
                "drift that is told is read before anything else is said",
                |c| {
                    c.wanted = reporting();
                    c.recorded = telling(c.recorded.clone(), Reason::Drifted);
                },
                Does::Exactly(Step::ReadBack(id("1"))),
            ),
            (
                "drift that is told and corrected now",
                |c| {
                    c.recorded = telling(c.recorded.clone(), Reason::Drifted);
                    c.observed.read = read(otherwise());
                },
                update("XX/a.py"),
            ),
            (
                "a correction that was refused, and content that the answer does not show: sent again",
                |c| {
                    c.recorded = telling(c.recorded.clone(), Reason::Refused);
                    c.observed.read = read(Held { shows_content: false, ..as_declared() });
                },
                update("XX/a.py"),
            ),
            (
                "a look that was asked for at content that is not shown, and nobody touched it",
                |c| {
                    c.recorded = unseen(c.recorded.clone(), 50);
                    c.recorded.requested = true;
                    c.observed.read = read(Held { shows_content: false, ..as_declared() });
                    c.observed.read_modified = Some(at(50) + SignedDuration::from_millis(900));
                },
                Does::Exactly(Step::RecordSeen),
            ),
            (
                "and somebody did",
                |c| {
                    c.recorded = unseen(c.recorded.clone(), 50);
                    c.recorded.requested = true;
                    c.observed.read = read(Held { shows_content: false, ..as_declared() });
                    c.observed.read_modified = Some(at(51));
                },
                update("XX/a.py"),
            ),
            (
                "and it was moved by us since",
                |c| {
                    c.recorded = unseen(c.recorded.clone(), 50);
                    c.recorded.status.last_sync_time = Some(Time(at(70)));
                    c.recorded.requested = true;
                    c.observed.read = read(Held { shows_content: false, ..as_declared() });
                    c.observed.read_modified = Some(at(70));
                },
                Does::Exactly(Step::RecordSeen),
            ),
            (
                "somebody touched content that is not shown, and it is to be moved: it is sent first",
                |c| {
                    c.wanted = desired_at("XX/b.py", "v1");
                    c.recorded = unseen(c.recorded.clone(), 50);
                    c.observed.look = Some(Vec::new());
                    c.observed.read = read(Held { shows_content: false, ..standing("XX/a.py") });
                    c.observed.read_modified = Some(at(60));
                },
                update("XX/a.py"),
            ),
            (
                "drift that was told, content that is not shown, and nobody touched it since it was told",
                |c| {
                    c.recorded = telling(unseen(c.recorded.clone(), 50), Reason::Drifted);
                    c.observed.read = read(Held { shows_content: false, ..as_declared() });
                    c.observed.read_modified = Some(at(50));
                },
                update("XX/a.py"),
            ),
            (
                "drift that is over",
                |c| {
                    c.recorded = telling(c.recorded.clone(), Reason::Drifted);
                    c.observed.read = read(as_declared());
                },
                Does::Exactly(Step::RecordSeen),
            ),
            (
                "an edit over told drift is sent where the file stands",
                |c| {
                    c.wanted = declaring("v2", &json!({"driftPolicy": "Report"}));
                    c.recorded = telling(c.recorded.clone(), Reason::Drifted);
                },
                Does::Exactly(Step::ReadBack(id("1"))),
            ),
            (
                "not found, and made just now",
                |c| {
                    c.observed.memory.doubt = true;
                    c.observed.read = Some(ReadBack::TooYoung { until: at(130) });
                },
                Does::Exactly(Step::Wait { until: at(130), state: None }),
            ),
            (
                "not found, made just now, and to be deleted: only DeleteResource itself can say that it is gone",
                |c| {
                    c.now = at(121);
                    c.recorded.deleting = true;
                    c.observed.memory.unknown_write = Some(at(90));
                    c.observed.read = Some(ReadBack::TooYoung { until: at(130) });
                },
                Does::Exactly(Step::DeleteResource(id("1"))),
            ),
            (
                "gone, Report",
                |c| {
                    c.wanted = reporting();
                    c.observed.memory.doubt = true;
                    c.observed.read = Some(ReadBack::Absent);
                },
                Does::Stalls(Reason::NotFoundInWorkspace),
            ),
            (
                "gone, and named by its id",
                |c| {
                    c.wanted = declaring("v1", &json!({"resourceId": "1"}));
                    c.observed.memory.doubt = true;
                    c.observed.read = Some(ReadBack::Absent);
                },
                Does::Stalls(Reason::NotFoundInWorkspace),
            ),
            (
                "gone with many others",
                |c| {
                    c.observed.memory.doubt = true;
                    c.observed.read = Some(ReadBack::Absent);
                    c.observed.brake = true;
                },
                Does::Reports(State::MassAbsence),
            ),
            (
                "gone with many others, and an edit has nowhere to go",
                |c| {
                    c.wanted = desired("v2");
                    c.recorded = telling(c.recorded.clone(), Reason::MassAbsence);
                    c.observed.brake = true;
                },
                Does::Stalls(Reason::MassAbsence),
            ),
            (
                "suspended while it is told to differ: not as declared",
                |c| {
                    c.recorded = telling(c.recorded.clone(), Reason::Drifted);
                    c.recorded.suspend = true;
                },
                Does::Reports(State::Suspended { pending: true }),
            ),
            (
                "what stood in the way is over: read before it is called ready",
                |c| c.recorded = telling(c.recorded.clone(), Reason::AlreadyManaged),
                Does::Exactly(Step::ReadBack(id("1"))),
            ),
            (
                "gone with many others, and a person asks for it",
                |c| {
                    c.recorded.requested = true;
                    c.observed.read = Some(ReadBack::Absent);
                    c.observed.brake = true;
                },
                Does::Exactly(Step::Look),
            ),
        ],
    );
}

#[test]
fn what_a_listing_shows_is_told_without_a_read() {
    check(
        ready(),
        vec![
            (
                "one of many that are gone",
                |c| c.observed.memory.listing = Some(Listing::MassAbsence),
                Does::Reports(State::MassAbsence),
            ),
            (
                "told so already, and the brake is on",
                |c| {
                    c.recorded = telling(c.recorded.clone(), Reason::MassAbsence);
                    c.observed.brake = true;
                },
                Does::Reports(State::MassAbsence),
            ),
            (
                "told so, and the brake is off",
                |c| c.recorded = telling(c.recorded.clone(), Reason::MassAbsence),
                Does::Exactly(Step::ReadBack(id("1"))),
            ),
            (
                "told so, and there again",
                |c| {
                    c.recorded = telling(c.recorded.clone(), Reason::MassAbsence);
                    c.observed.memory.listing = Some(Listing::Present);
                },
                Does::Reports(State::Ready),
            ),
            (
                "another file may stand at its path",
                |c| c.observed.memory.listing = Some(Listing::Twins),
                Does::Exactly(Step::Look),
            ),
            (
                "another file stands at its path",
                |c| {
                    c.observed.memory.listing = Some(Listing::Twins);
                    c.observed.look =
                        Some(vec![row("1", "XX/a.py", 0), row("2", "xx/A.py", 0), row("3", "YY/a.py", 0)]);
                },
                Does::Reports(State::Duplicate { path: PATH.into(), ids: vec![id("1"), id("2")] }),
            ),
            (
                "it went away again",
                |c| {
                    c.recorded = telling(c.recorded.clone(), Reason::DuplicateInWorkspace);
                    c.observed.look = Some(vec![row("1", "XX/a.py", 0)]);
                },
                Does::Reports(State::Ready),
            ),
        ],
    );
}

#[test]
fn a_file_at_the_path_is_adopted_where_that_is_allowed() {
    let finalized = Recorded { finalizer: true, ..fresh() };
    check(
        finalized,
        vec![
            (
                "not without being asked to",
                |c| c.observed.look = Some(vec![row("5", PATH, -900)]),
                Does::Taken,
            ),
            (
                "the finalizer first",
                |c| {
                    c.recorded.finalizer = false;
                    c.wanted = adopting();
                    c.observed.look = Some(vec![row("5", PATH, -900)]);
                },
                Does::Exactly(Step::AddFinalizer),
            ),
            (
                "then a read",
                |c| {
                    c.wanted = adopting();
                    c.observed.look = Some(vec![row("5", PATH, -900)]);
                },
                Does::Exactly(Step::ReadAdoptee(id("5"))),
            ),
            (
                "then it is ours",
                |c| {
                    c.wanted = adopting();
                    c.observed.look = Some(vec![row("5", PATH, -900)]);
                    c.observed.adoptee = Some((id("5"), ReadBack::Present(theirs())));
                },
                Does::Exactly(Step::RecordAdopted { id: id("5"), at: PATH.parse().unwrap(), closes: None }),
            ),
            (
                "a refused intent of before ends with it",
                |c| {
                    c.wanted = adopting();
                    c.recorded.intent = IntentNote::Own(intent(0));
                    c.recorded.status.attempt =
                        Some(attempt(0, dataworks_core::api::v1alpha1::AttemptOutcome::Refused));
                    c.observed.look = Some(vec![row("5", PATH, -900)]);
                    c.observed.adoptee = Some((id("5"), ReadBack::Present(theirs())));
                },
                Does::Exactly(Step::RecordAdopted {
                    id: id("5"),
                    at: PATH.parse().unwrap(),
                    closes: Some(at(0)),
                }),
            ),
            (
                "not one of another type",
                |c| {
                    c.wanted = adopting();
                    c.observed.look = Some(vec![row("5", PATH, -900)]);
                    let held = Held { fixed: vec!["type".into()], ..theirs() };
                    c.observed.adoptee = Some((id("5"), ReadBack::Present(held)));
                },
                Does::Stalls(Reason::NotAdoptable),
            ),
            (
                "not one of which the answer shows nothing",
                |c| {
                    c.wanted = adopting();
                    c.observed.look = Some(vec![row("5", PATH, -900)]);
                    c.observed.adoptee = Some((id("5"), ReadBack::Present(Held::default())));
                },
                Does::Stalls(Reason::NotAdoptable),
            ),
            (
                "not one of several",
                |c| {
                    c.wanted = adopting();
                    c.observed.look = Some(vec![row("5", PATH, -900), row("6", PATH, -800)]);
                },
                Does::Taken,
            ),
            (
                "not another object's",
                |c| {
                    c.wanted = adopting();
                    c.observed.look = Some(vec![row("5", PATH, -900)]);
                    c.observed.claimed = vec![id("5")];
                },
                Does::Taken,
            ),
            (
                "not one of the same name elsewhere",
                |c| {
                    c.wanted = adopting();
                    c.observed.look = Some(vec![row("5", "ZZ/a.py", -900)]);
                },
                Does::Taken,
            ),
            (
                "a copy forgets what its status tells first",
                |c| {
                    c.wanted = adopting();
                    c.recorded.intent = IntentNote::Foreign;
                    c.recorded.status = made();
                    c.observed.look = Some(vec![row("1", PATH, 0)]);
                },
                Does::Exactly(Step::ForgetCopy),
            ),
            (
                "and takes off the intent that came with it",
                |c| {
                    c.wanted = adopting();
                    c.recorded.intent = IntentNote::Foreign;
                    c.observed.look = Some(vec![row("1", PATH, 0)]);
                },
                Does::Exactly(Step::AddFinalizer),
            ),
            (
                "a row that is gone when it is read",
                |c| {
                    c.wanted = adopting();
                    c.observed.look = Some(vec![row("5", PATH, -900)]);
                    c.observed.adoptee = Some((id("5"), ReadBack::Absent));
                },
                Does::Waits(110),
            ),
        ],
    );
}

#[test]
fn a_named_resource_is_managed_and_none_is_made() {
    let finalized = Recorded { finalizer: true, ..fresh() };
    check(
        finalized,
        vec![
            ("it is read without a look", |c| c.wanted = named(), Does::Exactly(Step::ReadAdoptee(id("5")))),
            (
                "at the declared path it needs no policy",
                |c| {
                    c.wanted = named();
                    c.observed.adoptee = Some((id("5"), ReadBack::Present(standing(PATH))));
                },
                Does::Exactly(Step::RecordAdopted { id: id("5"), at: PATH.parse().unwrap(), closes: None }),
            ),
            (
                "elsewhere it needs one",
                |c| {
                    c.wanted = named();
                    c.observed.adoptee = Some((id("5"), ReadBack::Present(standing("ZZ/z.py"))));
                },
                Does::Stalls(Reason::NotAdoptable),
            ),
            (
                "and is then recorded where it stands",
                |c| {
                    c.wanted = declaring("v1", &json!({"resourceId": "5", "adoptionPolicy": "Adopt"}));
                    c.observed.adoptee = Some((id("5"), ReadBack::Present(standing("ZZ/z.py"))));
                },
                Does::Exactly(Step::RecordAdopted {
                    id: id("5"),
                    at: "ZZ/z.py".parse().unwrap(),
                    closes: None,
                }),
            ),
            (
                "it is not there",
                |c| {
                    c.wanted = named();
                    c.observed.adoptee = Some((id("5"), ReadBack::Absent));
                },
                Does::Stalls(Reason::NotFoundInWorkspace),
            ),
            (
                "an intent that was taken away is put back first, as if it were written now: the last try may be a later one",
                |c| {
                    c.wanted = named();
                    c.recorded.status.attempt =
                        Some(attempt(0, dataworks_core::api::v1alpha1::AttemptOutcome::Unknown));
                },
                Does::Exactly(Step::RestoreIntent(Intent {
                    holder: String::new(),
                    spec_sha256: None,
                    ..intent_since(0, 100)
                })),
            ),
            (
                "suspended",
                |c| {
                    c.wanted = named();
                    c.recorded.suspend = true;
                },
                Does::Reports(State::Suspended { pending: true }),
            ),
            (
                "beside an open intent: first what that left",
                |c| {
                    c.wanted = named();
                    c.recorded = open(intent(0));
                },
                Does::Exactly(Step::Search(intent(0))),
            ),
            (
                "it is what that left",
                |c| {
                    c.wanted = named();
                    c.recorded = open(intent(0));
                    c.observed.search = search(120, vec![candidate(row("5", PATH, 1), None)]);
                },
                Does::Exactly(Step::ReadAdoptee(id("5"))),
            ),
            (
                "it is one of those that may be what that left",
                |c| {
                    c.wanted = named();
                    c.recorded = open(intent(0));
                    let rows = ["5", "6"].map(|id| candidate(row(id, PATH, 1), None)).to_vec();
                    c.observed.search = search(120, rows);
                },
                Does::Exactly(Step::ReadAdoptee(id("5"))),
            ),
            (
                "another may be what that left, and there may be more to come",
                |c| {
                    c.wanted = named();
                    c.recorded = open(intent(0));
                    c.observed.search = search(90, vec![candidate(row("6", PATH, 1), None)]);
                },
                Does::Waits(120),
            ),
            (
                "that left another",
                |c| {
                    c.wanted = named();
                    c.recorded = open(intent(0));
                    c.observed.search = search(120, vec![candidate(row("6", PATH, 1), None)]);
                },
                Does::Stalls(Reason::AmbiguousCreate),
            ),
            (
                "it is one of those that a person was asked about by a process that knew more",
                |c| {
                    c.wanted = named();
                    c.recorded = asked(open(intent(0)), 91);
                    c.observed.search = search(95, vec![candidate(row("5", PATH, 1), None)]);
                },
                Does::Exactly(Step::ReadAdoptee(id("5"))),
            ),
            (
                "that was asked about an earlier try",
                |c| {
                    c.wanted = named();
                    c.recorded = asked(open(intent(92)), 91);
                    c.observed.search = search(95, vec![candidate(row("5", PATH, 1), None)]);
                },
                Does::Waits(182),
            ),
            (
                "that may still leave one: started by this pod 0 s, in 30 s, called 30 s, listed 60 s",
                |c| {
                    c.wanted = named();
                    c.recorded = open(intent(0));
                    c.observed.search = search(90, vec![]);
                },
                Does::Waits(120),
            ),
            (
                "another one is recorded",
                |c| {
                    c.wanted = named();
                    c.recorded = ready();
                },
                Does::Stalls(Reason::InvalidSpec),
            ),
        ],
    );
}

#[test]
fn a_stranger_at_the_path_of_before_is_in_nobodys_way() {
    check(
        open(intent(0)),
        vec![(
            "the path was edited while the outcome was unknown; nothing was made, and the new path is free",
            |c| {
                c.now = at(2000);
                c.wanted = declaring("v1", &json!({"path": "YY/b.py", "adoptionPolicy": "Adopt"}));
                c.observed.search = search(1900, vec![candidate(row("9", PATH, -9000), None)]);
            },
            Does::Exactly(Step::WriteIntent({
                let declared = declaring("v1", &json!({"path": "YY/b.py"}));
                Intent {
                    path: "YY/b.py".into(),
                    spec_sha256: Some(declared.spec_digest().to_string()),
                    at: at(2000),
                    ..intent(0)
                }
            })),
        )],
    );
}

#[test]
fn a_restored_object_finds_its_file_where_it_was_moved_to() {
    check(
        Recorded { intent: IntentNote::Earlier(intent(0)), ..fresh() },
        vec![
            (
                "moved since it was made",
                |c| {
                    c.wanted = desired_at("YY/b.py", "v1");
                    c.observed.search = search(90, vec![candidate(row("1", "YY/b.py", 1), None)]);
                },
                Does::Exactly(Step::RecordFound(intent(0), row("1", "YY/b.py", 1))),
            ),
            (
                "not at the wanted path: another's, or left behind on purpose",
                |c| {
                    c.wanted = desired_at("YY/b.py", "v1");
                    c.observed.search = search(90, vec![candidate(row("1", PATH, 1), None)]);
                },
                Does::Exactly(Step::Look),
            ),
        ],
    );
}
