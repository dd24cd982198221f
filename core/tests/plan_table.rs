//! Every rule of the plan as a row: what is wanted, recorded and observed, and the one step.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod plan_support;

use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::{Attempt, AttemptOutcome, DataWorksResourceStatus, DeletionPolicy};
use dataworks_core::backoff;
use dataworks_core::bounds::Bounds;
use dataworks_core::desired::Desired;
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::intent::{Intent, IntentNote};
use dataworks_core::object::Uid;
use dataworks_core::plan::ReadVerdict::{AsDeclared, AsIntended, Differs, Gone};
use dataworks_core::plan::{Memory, Observed, Permission, Progress, ReadBack, Recorded, Step, plan};
use dataworks_core::state::{Change, State, next};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use plan_support::*;

/// All that a plan is made from.
struct Case {
    wanted: Result<Desired, &'static str>,
    recorded: Recorded,
    observed: Observed,
    now: Timestamp,
}

/// A name, what differs from an object that was just applied and not looked at, and the step.
type RowOf = (&'static str, fn(&mut Case), Step);

fn check(rows: Vec<RowOf>) {
    let mut wrong = Vec::new();
    for (name, arrange, step) in rows {
        let mut case =
            Case { wanted: Ok(desired("v1")), recorded: fresh(), observed: nothing_seen(), now: at(0) };
        arrange(&mut case);
        let wanted = case.wanted.as_ref().map_err(|problem| *problem);
        let got = plan(wanted, &case.recorded, &case.observed, case.now);
        if got.step != step {
            wrong.push(format!("{name}\n   got {:?}\n  want {step:?}", got.step));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn stalled(reason: Reason, message: &str) -> Step {
    Step::Report(State::Stalled { reason, message: message.into(), fault: None })
}

fn taken(path: &str, id: &str, closes: Option<i64>) -> Step {
    let message = format!(
        "Workspace 7 already has {path:?} (id {id}), which this object did not create; nothing was sent. \
         Give this object another path, remove that file, or set adoptionPolicy: Adopt for a file at this very path."
    );
    Step::Report(State::Taken { message, closes: closes.map(at) })
}

fn ambiguous(ids: &str) -> Step {
    stalled(
        Reason::AmbiguousCreate,
        &format!(
            "The outcome of a create at \"XX/a.py\" in workspace 7 is not known, and these resources may or may not be its result: \
             {ids}. Nothing was touched. Name the right one in spec.resourceId; or remove those that are not wanted, then \
             remove the annotation dataworks.alibabacloud.com/create-intent."
        ),
    )
}

/// A person was asked, other states followed, and then the annotation was taken away.
fn asked(recorded: Recorded, states: &[State]) -> Recorded {
    let mut status = recorded.status.clone();
    status.attempt = Some(attempt(0, AttemptOutcome::Unknown));
    for state in states {
        status = next(&status, &Change { state: state.clone(), fact: None }, recorded.generation, at(92));
    }
    Recorded { status, intent: IntentNote::Absent, ..recorded }
}

/// Status says so since then.
fn telling(state: State, seconds: i64) -> DataWorksResourceStatus {
    let change = Change { state, fact: None };
    next(&DataWorksResourceStatus::default(), &change, 1, at(seconds))
}

fn ambiguity() -> State {
    State::Stalled { reason: Reason::AmbiguousCreate, message: "which?".into(), fault: None }
}

fn unreadable() -> State {
    State::Stalled { reason: Reason::IntentUnreadable, message: "it cannot be read".into(), fault: None }
}

/// Waits for a create whose outcome is not known.
fn unknown(until: i64, settled: i64) -> Step {
    let project = ProjectId::new(7).unwrap();
    let state = State::OutcomeUnknown { path: PATH.into(), project, until: at(settled) };
    Step::Wait { until: at(until), state: Some(state) }
}

fn update(id: ResourceId) -> Step {
    Step::UpdateResource { id, at: PATH.parse().unwrap() }
}

fn blocked(message: &str) -> Step {
    Step::Report(State::DeletionBlocked { message: message.into(), fault: None })
}

fn deleting(until: i64, message: &str) -> Step {
    Step::Wait { until: at(until), state: Some(State::Deleting { message: message.into() }) }
}

/// A wait that leaves status as it is, until the `count`th refusal of `at(seconds)` has rested.
fn rests(seconds: i64, count: u32) -> Step {
    let rest = SignedDuration::try_from(backoff::refused(&Uid::new(UID), count)).unwrap();
    Step::Wait { until: at(seconds) + rest, state: None }
}

/// The same where the path was found taken `times` times.
fn rests_as_taken(seconds: i64, times: u32) -> Step {
    let lag = Bounds::default().lag.unsigned_abs();
    let rest = SignedDuration::try_from(backoff::taken(&Uid::new(UID), times, lag)).unwrap();
    Step::Wait { until: at(seconds) + rest, state: None }
}

/// The outcome of this create of this process is not known.
fn lost_by(intent: Intent) -> Memory {
    Memory { attempt: Some((intent.at, sent(61))), lost: Some(intent), ..Memory::default() }
}

fn remembers(attempt: i64, progress: Progress) -> Memory {
    Memory { attempt: Some((at(attempt), progress)), ..Memory::default() }
}

fn sent(seconds: i64) -> Progress {
    Progress::Unknown { sent: at(seconds), already_exists: false }
}

fn sent_already_exists(seconds: i64) -> Progress {
    Progress::Unknown { sent: at(seconds), already_exists: true }
}

#[test]
fn a_new_object() {
    check(vec![
        ("looks first", |_| {}, Step::Look),
        ("intends when the path is free", |c| c.observed.look = Some(vec![]), Step::WriteIntent(intent(0))),
        (
            "takes back first what status asks, though it is answered",
            |c| {
                c.recorded.status = telling(ambiguity(), -1);
                c.observed.look = Some(vec![]);
            },
            Step::Tell(State::Creating { message: "The file is made.".into() }),
        ),
        (
            "takes back first that it asked to take an unreadable intent away",
            |c| {
                c.recorded.status = telling(unreadable(), -1);
                c.observed.look = Some(vec![]);
            },
            Step::Tell(State::Creating { message: "The file is made.".into() }),
        ),
        (
            "keeps off a path that is taken",
            |c| c.observed.look = Some(vec![row("9", PATH, -900)]),
            taken(PATH, "9", None),
        ),
        (
            "takes a path in other letters for the same",
            |c| c.observed.look = Some(vec![row("9", "xx/A.PY", -900)]),
            taken("xx/A.PY", "9", None),
        ),
        (
            "keeps off a MaxCompute name in another folder",
            |c| c.observed.look = Some(vec![row("9", "YY/a.py", -900)]),
            taken("YY/a.py", "9", None),
        ),
        (
            "keeps off a MaxCompute name whose data source is not told",
            |c| {
                let mut other = row("9", "YY/a.py", -900);
                other.datasource = None;
                c.observed.look = Some(vec![other]);
            },
            taken("YY/a.py", "9", None),
        ),
        (
            "names the row at the path before one of the same name",
            |c| c.observed.look = Some(vec![row("8", "YY/a.py", -900), row("9", PATH, -900)]),
            taken(PATH, "9", None),
        ),
        (
            "lives with the name in another data source",
            |c| {
                let mut other = row("9", "YY/a.py", -900);
                other.datasource = Some("odps_second".into());
                c.observed.look = Some(vec![other]);
            },
            Step::WriteIntent(intent(0)),
        ),
        (
            "lives with the name in another engine",
            |c| {
                let mut other = row("9", "YY/a.py", -900);
                other.command = "EMR_FILE".into();
                c.observed.look = Some(vec![other]);
            },
            Step::WriteIntent(intent(0)),
        ),
        (
            "sends nothing while suspended",
            |c| c.recorded.suspend = true,
            Step::Report(State::Suspended { pending: true }),
        ),
        (
            "needs its namespace on the list",
            |c| c.observed.permission = Permission::NamespaceNotListed,
            stalled(
                Reason::ConnectionNotAllowed,
                "Namespace \"ns\" may not use the operator's default connection. An administrator can add it to \
                 DATAWORKS_DEFAULT_CONNECTION_NAMESPACES (`*` allows all).",
            ),
        ),
        (
            "needs its workspace on the list",
            |c| c.observed.permission = Permission::ProjectNotListed,
            stalled(
                Reason::ConnectionNotAllowed,
                "Workspace 7 may not be used through the operator's default connection. An administrator can add \
                 it to DATAWORKS_DEFAULT_CONNECTION_PROJECTS.",
            ),
        ),
        (
            "names a holder of its own namespace",
            |c| c.observed.held_by = holder(Some("b")),
            stalled(
                Reason::AlreadyManaged,
                "DataWorksResource \"b\" of this namespace already manages \"XX/a.py\" in workspace 7, or a \
                 MaxCompute resource of the same name; nothing was sent. Give this object another path, or delete \
                 the other one.",
            ),
        ),
        (
            "does not name a holder of another namespace",
            |c| c.observed.held_by = holder(None),
            stalled(
                Reason::AlreadyManaged,
                "another object in this cluster (the operator's log has its name) already manages \"XX/a.py\" in \
                 workspace 7, or a MaxCompute resource of the same name; nothing was sent. Give this object another \
                 path, or delete the other one.",
            ),
        ),
        (
            "says what is wrong with its spec before all else",
            |c| {
                c.wanted = Err("path is empty");
                c.observed.held_by = holder(None);
            },
            stalled(Reason::InvalidSpec, "path is empty"),
        ),
    ]);
}

#[test]
fn whose_intent_it_is() {
    let unreadable = stalled(
        Reason::IntentUnreadable,
        "The annotation dataworks.alibabacloud.com/create-intent cannot be read, so a file may exist that this \
         object does not know. Look for \"XX/a.py\" in workspace 7; then remove the annotation.",
    );
    check(vec![
        (
            "taken away while its outcome is not known: put back, for the longest wait from now on, since a later try may not be \
             told yet",
            |c| {
                c.recorded.status.attempt = Some(attempt(0, AttemptOutcome::Unknown));
                c.now = at(30);
            },
            Step::RestoreIntent(Intent { holder: String::new(), spec_sha256: None, ..intent_since(0, 30) }),
        ),
        (
            "taken away after another path was declared: put back for where the file was asked for",
            |c| {
                let unknown = attempt(0, AttemptOutcome::Unknown);
                c.recorded.status.attempt = Some(Attempt { path: Some("XX/before.py".into()), ..unknown });
            },
            Step::RestoreIntent(Intent {
                holder: String::new(),
                spec_sha256: None,
                path: "XX/before.py".into(),
                ..intent(0)
            }),
        ),
        (
            "taken away, and status speaks of an earlier try: put back as this process wrote it",
            |c| {
                let unknown = attempt(0, AttemptOutcome::Unknown);
                c.recorded.status.attempt = Some(Attempt { path: Some("XX/before.py".into()), ..unknown });
                c.observed.memory = lost_by(intent(60));
            },
            Step::RestoreIntent(intent(60)),
        ),
        (
            "taken away with another path and other content, and status tells nothing yet: put back as it was written",
            |c| {
                c.wanted = Ok(desired_at("YY/b.py", "v2"));
                c.observed.memory = lost_by(intent(60));
            },
            Step::RestoreIntent(intent(60)),
        ),
        (
            "taken away while it was made again, and status has the id of before: put back",
            |c| {
                c.recorded = Recorded { intent: IntentNote::Absent, ..ready() };
                c.observed.memory = lost_by(intent(60));
            },
            Step::RestoreIntent(intent(60)),
        ),
        (
            "the same, told by status alone: the id of before is not trusted",
            |c| {
                c.recorded = Recorded { intent: IntentNote::Absent, ..ready() };
                c.recorded.status.attempt = Some(attempt(60, AttemptOutcome::Unknown));
                c.now = at(90);
            },
            Step::RestoreIntent(Intent { holder: String::new(), spec_sha256: None, ..intent_since(60, 90) }),
        ),
        (
            "an older one was put in its place: put back as this process wrote it",
            |c| {
                c.recorded = open(intent(0));
                c.observed.memory = lost_by(intent(60));
            },
            Step::RestoreIntent(intent(60)),
        ),
        (
            "the same, told by status alone",
            |c| {
                c.recorded = open(intent(0));
                c.recorded.status.attempt = Some(attempt(60, AttemptOutcome::Unknown));
                c.now = at(90);
            },
            Step::RestoreIntent(Intent { holder: String::new(), spec_sha256: None, ..intent_since(60, 90) }),
        ),
        (
            "taken away when another process had closed it: nothing is put back",
            |c| {
                c.recorded.status.attempt = Some(attempt(60, AttemptOutcome::Refused));
                c.observed.memory = lost_by(intent(60));
            },
            Step::Look,
        ),
        (
            "replaced by another object's while its outcome is not known: put back",
            |c| {
                c.recorded.intent = IntentNote::Foreign;
                c.observed.memory = lost_by(intent(60));
            },
            Step::RestoreIntent(intent(60)),
        ),
        (
            "replaced by what an earlier object of this name intended: put back",
            |c| {
                c.recorded.intent = IntentNote::Earlier(intent(-900));
                c.observed.memory = lost_by(intent(60));
            },
            Step::RestoreIntent(intent(60)),
        ),
        (
            "beside another object's, status may be that one's",
            |c| {
                c.recorded.intent = IntentNote::Foreign;
                c.recorded.status.attempt = Some(attempt(0, AttemptOutcome::Unknown));
            },
            Step::Look,
        ),
        (
            "taken away to end an ambiguity: a first attempt",
            |c| c.recorded = asked(open(intent(0)), &[ambiguity()]),
            Step::Look,
        ),
        (
            "taken away to end an ambiguity, which is not what status tells any more: a first attempt",
            |c| {
                let suspended = State::Suspended { pending: true };
                c.recorded = asked(open(intent(0)), &[ambiguity(), suspended]);
            },
            Step::Look,
        ),
        ("unreadable: stops", |c| c.recorded.intent = IntentNote::Unreadable, unreadable),
        (
            "unreadable beside an id: the id is trusted",
            |c| c.recorded = Recorded { intent: IntentNote::Unreadable, ..ready() },
            Step::Report(State::Ready),
        ),
        (
            "none beside an id: the id is trusted, the finalizer put back",
            |c| c.recorded = Recorded { intent: IntentNote::Absent, finalizer: false, ..ready() },
            Step::AddFinalizer,
        ),
        ("foreign: counts as absent", |c| c.recorded.intent = IntentNote::Foreign, Step::Look),
        (
            "foreign: an id beside it is another's",
            |c| c.recorded = Recorded { intent: IntentNote::Foreign, ..ready() },
            Step::Look,
        ),
        (
            "own but refused: an id from before it is not what it made",
            |c| {
                c.recorded = Recorded { intent: IntentNote::Own(intent(60)), ..ready() };
                c.recorded.status.attempt = Some(attempt(60, AttemptOutcome::Refused));
            },
            Step::Look,
        ),
        (
            "own and kept from before a recreation: the later end closes it",
            |c| {
                c.recorded = ready();
                c.recorded.status.attempt = Some(attempt(600, AttemptOutcome::Done));
            },
            Step::Report(State::Ready),
        ),
        (
            "own, and an older end does not close it",
            |c| {
                c.recorded = open(intent(60));
                c.recorded.status.attempt = Some(attempt(0, AttemptOutcome::Refused));
            },
            Step::Search(intent(60)),
        ),
        (
            "own and known to be unknown: open",
            |c| {
                c.recorded = open(intent(0));
                c.recorded.status.attempt = Some(attempt(0, AttemptOutcome::Unknown));
            },
            Step::Search(intent(0)),
        ),
        (
            "own and closed without an id: the next one looks",
            |c| {
                c.recorded = open(intent(0));
                c.recorded.status.attempt = Some(attempt(0, AttemptOutcome::Refused));
            },
            Step::Look,
        ),
        (
            "earlier: searches once",
            |c| c.recorded.intent = IntentNote::Earlier(intent(-900)),
            Step::Search(intent(-900)),
        ),
        (
            "earlier: keeps what it finds without reading it",
            |c| {
                c.recorded.intent = IntentNote::Earlier(intent(-900));
                c.observed.search = search(0, vec![candidate(row("1", PATH, -890), None)]);
            },
            Step::RecordFound(intent(-900), row("1", PATH, -890)),
        ),
        (
            "earlier: a first attempt when it finds none, without a wait",
            |c| {
                c.recorded.intent = IntentNote::Earlier(intent(-1));
                c.observed.search = search(0, vec![]);
            },
            Step::Look,
        ),
        (
            "earlier: then intends for itself",
            |c| {
                c.recorded.intent = IntentNote::Earlier(intent(-1));
                c.observed.search = search(0, vec![]);
                c.observed.look = Some(vec![]);
            },
            Step::WriteIntent(intent(0)),
        ),
        (
            "earlier: several are for a person",
            |c| {
                c.recorded.intent = IntentNote::Earlier(intent(-900));
                let rows = vec![candidate(row("1", PATH, -890), None), candidate(row("2", PATH, -880), None)];
                c.observed.search = search(0, rows);
            },
            ambiguous("1, 2"),
        ),
        (
            "earlier, of another workspace: its file is not this object's",
            |c| c.recorded.intent = IntentNote::Earlier(Intent { project_id: 8, ..intent(-900) }),
            Step::Look,
        ),
        (
            "earlier, at another path: its file may have been moved here since",
            |c| c.recorded.intent = IntentNote::Earlier(Intent { path: "XX/b.py".into(), ..intent(-900) }),
            Step::Search(Intent { path: "XX/b.py".into(), ..intent(-900) }),
        ),
    ]);
}

#[test]
fn an_open_intent() {
    check(vec![
        (
            "written and nothing sent: creates",
            |c| {
                c.recorded = open(intent(0));
                c.observed.memory = remembers(0, Progress::Written);
            },
            Step::CreateResource(intent(0)),
        ),
        (
            "written, at the end of START: creates",
            |c| {
                c.recorded = open(intent(0));
                c.observed.memory = remembers(0, Progress::Written);
                c.now = at(30);
            },
            Step::CreateResource(intent(0)),
        ),
        (
            "written, past START: renews and keeps the first",
            |c| {
                c.observed.look = Some(vec![]);
                c.recorded = open(intent_since(-900, 0));
                c.observed.memory = remembers(0, Progress::Written);
                c.now = at(31);
            },
            Step::WriteIntent(intent_since(-900, 31)),
        ),
        (
            "written, then edited: renews",
            |c| {
                c.observed.look = Some(vec![]);
                c.wanted = Ok(desired("v2"));
                c.recorded = open(intent(0));
                c.observed.memory = remembers(0, Progress::Written);
                c.now = at(1);
            },
            Step::WriteIntent(Intent { first: at(0), ..intent_for("v2", 1) }),
        ),
        (
            "written, then another path is declared: looks there first",
            |c| {
                c.wanted = Ok(desired_at("XX/b.py", "v1"));
                c.recorded = open(intent(0));
                c.observed.memory = remembers(0, Progress::Written);
                c.now = at(1);
            },
            Step::Look,
        ),
        (
            "written, then a taken path is declared: nothing is sent",
            |c| {
                c.wanted = Ok(desired_at("XX/b.py", "v1"));
                c.recorded = open(intent(0));
                c.observed.memory = remembers(0, Progress::Written);
                c.observed.look = Some(vec![row("5", "XX/b.py", -3000)]);
                c.now = at(1);
            },
            Step::Report(State::Taken {
                message: "Workspace 7 already has \"XX/b.py\" (id 5), which this object did not create; nothing was sent. \
                          Give this object another path, remove that file, or set adoptionPolicy: Adopt for a file at \
                          this very path."
                    .into(),
                closes: Some(at(0)),
            }),
        ),
        (
            "written by name of another try: searches",
            |c| {
                c.recorded = open(intent(0));
                c.observed.memory = remembers(1, Progress::Written);
            },
            Step::Search(intent(0)),
        ),
        (
            "refused: sends again",
            |c| {
                c.recorded = open(intent(0));
                c.observed.memory = remembers(0, Progress::Refused);
                c.now = at(5);
            },
            Step::CreateResource(intent(0)),
        ),
        (
            "refused, past START: a new first",
            |c| {
                c.observed.look = Some(vec![]);
                c.recorded = open(intent(0));
                c.observed.memory = remembers(0, Progress::Refused);
                c.now = at(31);
            },
            Step::WriteIntent(intent(31)),
        ),
        (
            "refused, after a try that was not: the first stays",
            |c| {
                c.observed.look = Some(vec![]);
                c.recorded = open(intent_since(-900, 0));
                c.observed.memory = remembers(0, Progress::Refused);
                c.now = at(31);
            },
            Step::WriteIntent(intent_since(-900, 31)),
        ),
        (
            "refused, then edited: renews",
            |c| {
                c.observed.look = Some(vec![]);
                c.wanted = Ok(desired("v2"));
                c.recorded = open(intent(0));
                c.observed.memory = remembers(0, Progress::Refused);
                c.now = at(1);
            },
            Step::WriteIntent(intent_for("v2", 1)),
        ),
        (
            "of a process that remembers nothing: searches",
            |c| c.recorded = open(intent(0)),
            Step::Search(intent(0)),
        ),
        (
            "unknown: searches",
            |c| {
                c.recorded = open(intent(0));
                c.observed.memory = remembers(0, sent(1));
            },
            Step::Search(intent(0)),
        ),
        (
            "suspended: waits with the search",
            |c| c.recorded = Recorded { suspend: true, ..open(intent(0)) },
            Step::Report(State::Suspended { pending: true }),
        ),
        (
            "closed connection: waits with the search",
            |c| {
                c.recorded = open(intent(0));
                c.observed.permission = Permission::ProjectNotListed;
            },
            stalled(
                Reason::ConnectionNotAllowed,
                "Workspace 7 may not be used through the operator's default connection. An administrator can add \
                 it to DATAWORKS_DEFAULT_CONNECTION_PROJECTS.",
            ),
        ),
    ]);
}

/// What a search says of an intent of `at(0)`, sent at `at(1)` by this process, outcome unknown.
fn lost(c: &mut Case, rows: Vec<dataworks_core::plan::Candidate>) {
    lost_for(c, 5, rows);
}

fn lost_for(c: &mut Case, seconds: i64, rows: Vec<dataworks_core::plan::Candidate>) {
    c.recorded = open(intent(0));
    c.observed.memory = remembers(0, sent(1));
    c.observed.search = search(seconds, rows);
    c.now = at(seconds);
}

#[test]
fn what_a_search_finds() {
    check(vec![
        (
            "one: reads it",
            |c| lost(c, vec![candidate(row("1", PATH, 3), None)]),
            Step::ReadCandidate(intent(0), id("1")),
        ),
        (
            "one as intended: ours",
            |c| lost(c, vec![candidate(row("1", PATH, 3), Some(AsIntended))]),
            Step::RecordFound(intent(0), row("1", PATH, 3)),
        ),
        (
            "one as declared since: ours",
            |c| lost(c, vec![candidate(row("1", PATH, 3), Some(AsDeclared))]),
            Step::RecordFound(intent(0), row("1", PATH, 3)),
        ),
        (
            "one that differs: ours may still come",
            |c| lost(c, vec![candidate(row("1", PATH, 3), Some(Differs("content")))]),
            unknown(61, 91),
        ),
        (
            "one that differs, and no other can come: for a person",
            |c| lost_for(c, 91, vec![candidate(row("1", PATH, 3), Some(Differs("content")))]),
            ambiguous("1"),
        ),
        (
            "one that is gone again: none",
            |c| lost(c, vec![candidate(row("1", PATH, 3), Some(Gone))]),
            unknown(61, 91),
        ),
        (
            "several: there may be more to come",
            |c| lost(c, vec![candidate(row("1", PATH, 3), None), candidate(row("2", PATH, 4), None)]),
            unknown(61, 91),
        ),
        (
            "several, and no more to come: for a person, unread",
            |c| lost_for(c, 91, vec![candidate(row("1", PATH, 3), None), candidate(row("2", PATH, 4), None)]),
            ambiguous("1, 2"),
        ),
        (
            "several, and a person was asked by a process that knew more: asks on",
            |c| {
                lost_for(c, 61, two());
                c.recorded.status = telling(ambiguity(), 61);
            },
            ambiguous("1, 2"),
        ),
        (
            "several, and a person was asked about an earlier try",
            |c| {
                lost_for(c, 61, two());
                c.recorded.status = telling(ambiguity(), -1);
            },
            unknown(91, 91),
        ),
        (
            "several, all but one another object's",
            |c| {
                let mut claimed = candidate(row("2", PATH, 4), None);
                claimed.claimed = true;
                lost(c, vec![candidate(row("1", PATH, 3), None), claimed]);
            },
            Step::ReadCandidate(intent(0), id("1")),
        ),
        (
            "one, another object's: none",
            |c| {
                let mut claimed = candidate(row("2", PATH, 4), None);
                claimed.claimed = true;
                lost(c, vec![claimed]);
            },
            unknown(61, 91),
        ),
        (
            "one from SKEW before the first try: inside",
            |c| lost(c, vec![candidate(row("1", PATH, -120), None)]),
            Step::ReadCandidate(intent(0), id("1")),
        ),
        (
            "one from before that: outside",
            |c| lost(c, vec![candidate(row("1", PATH, -121), None)]),
            unknown(61, 91),
        ),
        (
            "one from START + SIG + LAG + SKEW after it: inside",
            |c| lost(c, vec![candidate(row("1", PATH, 1110), None)]),
            Step::ReadCandidate(intent(0), id("1")),
        ),
        (
            "one from after that: outside",
            |c| lost(c, vec![candidate(row("1", PATH, 1111), None)]),
            unknown(61, 91),
        ),
        (
            "one of an earlier try: inside",
            |c| {
                lost(c, vec![candidate(row("1", PATH, -900), None)]);
                c.recorded = open(intent_since(-850, 0));
            },
            Step::ReadCandidate(intent_since(-850, 0), id("1")),
        ),
    ]);
}

/// A search begun at `seconds` that finds nothing of ours.
fn none(c: &mut Case, seconds: i64, intent: Intent) {
    c.recorded = open(intent);
    c.observed.search = search(seconds, vec![]);
    c.now = at(seconds);
}

#[test]
fn when_none_will_come() {
    check(vec![
        (
            "own process, before LAG: searches again then",
            |c| {
                none(c, 5, intent(0));
                c.observed.memory = remembers(0, sent(1));
            },
            unknown(61, 91),
        ),
        (
            "own process, after LAG: waits for CALL + LAG",
            |c| {
                none(c, 61, intent(0));
                c.observed.memory = remembers(0, sent(1));
            },
            unknown(91, 91),
        ),
        (
            "own process, a moment before it is settled",
            |c| {
                none(c, 90, intent(0));
                c.observed.memory = remembers(0, sent(1));
            },
            unknown(91, 91),
        ),
        (
            "own process, settled: makes it again and keeps the first",
            |c| {
                none(c, 91, intent(0));
                c.observed.memory = remembers(0, sent(1));
            },
            Step::WriteIntent(intent_since(0, 91)),
        ),
        (
            "the same while status asks: takes the question back first, and tells that the try is open",
            |c| {
                none(c, 91, intent(0));
                c.observed.memory = remembers(0, sent(1));
                c.recorded.status = telling(ambiguity(), 80);
            },
            Step::Tell(State::OutcomeUnknown {
                path: PATH.into(),
                project: ProjectId::new(7).unwrap(),
                until: at(91),
            }),
        ),
        (
            "own process, settled now but not when the search began",
            |c| {
                none(c, 90, intent(0));
                c.observed.memory = remembers(0, sent(1));
                c.now = at(95);
            },
            unknown(91, 91),
        ),
        (
            "settled, with a stranger's at the path: taken, and the try is closed",
            |c| {
                none(c, 91, intent(0));
                c.observed.memory = remembers(0, sent(1));
                c.observed.search = search(91, vec![candidate(row("9", PATH, -900), None)]);
            },
            taken(PATH, "9", Some(0)),
        ),
        ("a dead process of this pod, early", |c| none(c, 5, intent(0)), unknown(90, 120)),
        ("a dead process of this pod, a moment before", |c| none(c, 119, intent(0)), unknown(120, 120)),
        (
            "a dead process of this pod, settled",
            |c| none(c, 120, intent(0)),
            Step::WriteIntent(intent_since(0, 120)),
        ),
        ("another pod, early", |c| none(c, 5, by_pod("pod-2", intent(0))), unknown(90, 990)),
        ("another pod, a moment before", |c| none(c, 989, by_pod("pod-2", intent(0))), unknown(990, 990)),
        (
            "another pod, settled",
            |c| none(c, 990, by_pod("pod-2", intent(0))),
            Step::WriteIntent(intent_since(0, 990)),
        ),
        (
            "own process behind a proxy: as another's",
            |c| {
                none(c, 989, intent(0));
                c.observed.memory = remembers(0, sent(1));
                c.observed.identity.proxied = true;
            },
            unknown(990, 990),
        ),
        (
            "a dead process of this pod behind a proxy: as another's",
            |c| {
                none(c, 989, intent(0));
                c.observed.identity.proxied = true;
            },
            unknown(990, 990),
        ),
        (
            "the memory of another try does not shorten it",
            |c| {
                none(c, 91, intent(0));
                c.observed.memory = remembers(-60, sent(-60));
            },
            unknown(120, 120),
        ),
    ]);
}

#[test]
fn already_exists_is_not_believed_at_once() {
    let in_the_way = |text: &str| {
        let message = format!("The service says that it already exists, {text}");
        Step::Report(State::Taken { message, closes: Some(at(0)) })
    };
    check(vec![
        (
            "a stranger's at the path: that is the one",
            |c| {
                none(c, 5, intent(0));
                c.observed.memory = remembers(0, sent_already_exists(1));
                c.observed.search = search(5, vec![candidate(row("9", PATH, -900), None)]);
            },
            in_the_way(
                "and \"XX/a.py\" (id 9) in workspace 7 is not ours. Give this object another path, or remove that \
                 file.",
            ),
        ),
        (
            "one that may be ours: read",
            |c| {
                none(c, 5, intent(0));
                c.observed.memory = remembers(0, sent_already_exists(1));
                c.observed.search = search(5, vec![candidate(row("1", PATH, 2), None)]);
            },
            Step::ReadCandidate(intent(0), id("1")),
        ),
        (
            "none yet: the answer may be as late as CALL, and the listing LAG after that",
            |c| {
                none(c, 61, intent(0));
                c.observed.memory = remembers(0, sent_already_exists(1));
            },
            unknown(91, 91),
        ),
        (
            "none yet, behind a proxy: looks again then, not only when all is settled",
            |c| {
                none(c, 61, intent(0));
                c.observed.memory = remembers(0, sent_already_exists(1));
                c.observed.identity.proxied = true;
            },
            unknown(91, 990),
        ),
        (
            "still none: refused",
            |c| {
                none(c, 91, intent(0));
                c.observed.memory = remembers(0, sent_already_exists(1));
            },
            in_the_way(
                "but lists nothing at \"XX/a.py\" in workspace 7: the name may be taken in another folder or in the \
                 recycle bin. Give this object another name.",
            ),
        ),
    ]);
}

#[test]
fn a_refused_document_rests() {
    check(vec![
        (
            "not when a look is asked for",
            |c| c.recorded = Recorded { requested: true, ..refused(fresh(), Reason::Refused, 1, 0) },
            Step::Look,
        ),
        (
            "until an hour has passed",
            |c| {
                c.recorded = refused(fresh(), Reason::Refused, 1, 0);
                c.now = at(3599);
            },
            rests(0, 1),
        ),
        (
            "longer the more often",
            |c| {
                c.recorded = refused(fresh(), Reason::Refused, 3, 0);
                c.now = at(14_399);
            },
            rests(0, 3),
        ),
        (
            "for a path that is taken, first as long as a file that is gone may be listed",
            |c| {
                c.recorded = refused(fresh(), Reason::AlreadyExists, 1, 0);
                c.now = at(59);
            },
            rests_as_taken(0, 1),
        ),
        (
            "then it is looked at once more",
            |c| {
                c.recorded = refused(fresh(), Reason::AlreadyExists, 1, 0);
                c.now = at(73);
            },
            Step::Look,
        ),
        (
            "and if it is still taken, for an hour",
            |c| {
                c.recorded = refused(fresh(), Reason::AlreadyExists, 2, 0);
                c.now = at(3599);
            },
            rests(0, 1),
        ),
        (
            "then it is tried again",
            |c| {
                c.recorded = refused(fresh(), Reason::WorkspaceNotFound, 1, 0);
                c.now = at(4321);
            },
            Step::Look,
        ),
        (
            "at once when the object changed",
            |c| {
                c.recorded = refused(fresh(), Reason::Refused, 1, 0);
                c.recorded.generation = 2;
            },
            Step::Look,
        ),
        (
            "not for a fault of another kind that came after it",
            |c| c.recorded = refused(fresh(), Reason::AccessDenied, 1, 0),
            Step::Look,
        ),
        (
            "not when status tells of no stop any more",
            |c| {
                c.recorded = refused(fresh(), Reason::Refused, 1, 0);
                c.recorded.status.conditions.clear();
            },
            Step::Look,
        ),
        (
            "an update as well",
            |c| {
                c.wanted = Ok(desired("v2"));
                c.recorded = refused(ready(), Reason::Refused, 2, 0);
                c.now = at(7199);
            },
            rests(0, 2),
        ),
        (
            "and an update is tried again",
            |c| {
                c.wanted = Ok(desired("v2"));
                c.recorded = refused(ready(), Reason::Refused, 2, 0);
                c.now = at(8641);
            },
            update(id("1")),
        ),
    ]);
}

fn changed(c: &mut Case) {
    c.wanted = Ok(desired("v2"));
    c.recorded = Recorded { generation: 2, ..ready() };
}

fn updated_at(c: &mut Case, seconds: i64, read: Option<ReadBack>) {
    changed(c);
    c.observed.memory.unknown_write = Some(at(seconds));
    c.observed.read = read;
}

fn present() -> ReadBack {
    ReadBack::Present(otherwise())
}

fn unchanged() -> ReadBack {
    ReadBack::Present(as_declared())
}

#[test]
fn an_object_with_a_resource() {
    let waits = |until| {
        let message = "The outcome of the last write to the file is not known yet.".into();
        Step::Wait { until: at(until), state: Some(State::Updating { message }) }
    };
    check(vec![
        ("as declared: nothing to send", |c| c.recorded = ready(), Step::Report(State::Ready)),
        ("changed: sends it", changed, update(id("1"))),
        (
            "what was sent is not known: sends it",
            |c| {
                c.recorded = ready();
                c.recorded.status.spec_digest = None;
            },
            update(id("1")),
        ),
        (
            "without our finalizer: puts it back first",
            |c| {
                changed(c);
                c.recorded.finalizer = false;
            },
            Step::AddFinalizer,
        ),
        (
            "suspended and as declared",
            |c| c.recorded = Recorded { suspend: true, ..ready() },
            Step::Report(State::Suspended { pending: false }),
        ),
        (
            "suspended and changed",
            |c| {
                changed(c);
                c.recorded.suspend = true;
            },
            Step::Report(State::Suspended { pending: true }),
        ),
        (
            "a closed connection does not touch what is as declared",
            |c| {
                c.recorded = ready();
                c.observed.permission = Permission::NamespaceNotListed;
            },
            Step::Report(State::Ready),
        ),
        (
            "a closed connection stops a change",
            |c| {
                changed(c);
                c.observed.permission = Permission::ProjectNotListed;
            },
            stalled(
                Reason::ConnectionNotAllowed,
                "Workspace 7 may not be used through the operator's default connection. An administrator can add \
                 it to DATAWORKS_DEFAULT_CONNECTION_PROJECTS.",
            ),
        ),
        (
            "in another workspace than recorded: stops",
            |c| {
                changed(c);
                c.recorded.status.project_id = Some(8);
            },
            stalled(
                Reason::WorkspaceChanged,
                "The file 1 is in workspace 8, but the spec names workspace 7; nothing was sent. Name the old \
                 workspace again, or delete this object and create one for the new workspace.",
            ),
        ),
        (
            "its id held by another: stops",
            |c| {
                changed(c);
                c.observed.id_held_by = holder(Some("b"));
            },
            stalled(
                Reason::AlreadyManaged,
                "DataWorksResource \"b\" of this namespace already manages the file 1, which this object's status names \
                 too; nothing was sent. Delete this object: the file stays the other's.",
            ),
        ),
        ("an unknown write: reads", |c| updated_at(c, 0, None), Step::ReadBack(id("1"))),
        (
            "an unknown write, and the change taken back: reads all the same",
            |c| {
                c.recorded = ready();
                c.observed.memory.unknown_write = Some(at(0));
            },
            Step::ReadBack(id("1")),
        ),
        (
            "an unknown write that was carried out",
            |c| updated_at(c, 0, Some(unchanged())),
            Step::RecordUpdated,
        ),
        ("an unknown write that was not: waits for CALL", |c| updated_at(c, 0, Some(present())), waits(30)),
        (
            "an unknown write that can no longer arrive: sends again",
            |c| {
                updated_at(c, 0, Some(present()));
                c.now = at(30);
            },
            update(id("1")),
        ),
        (
            "as declared, but a listing shows otherwise: reads",
            |c| {
                c.recorded = ready();
                c.observed.memory.doubt = true;
            },
            Step::ReadBack(id("1")),
        ),
        (
            "as declared, but a look was asked for: reads",
            |c| c.recorded = Recorded { requested: true, ..ready() },
            Step::ReadBack(id("1")),
        ),
        (
            "suspended: a look that was asked for sends nothing",
            |c| c.recorded = Recorded { requested: true, suspend: true, ..ready() },
            Step::Report(State::Suspended { pending: false }),
        ),
        (
            "read, and as declared after all",
            |c| {
                c.recorded = ready();
                c.observed.memory.doubt = true;
                c.observed.read = Some(unchanged());
            },
            Step::RecordSeen,
        ),
        (
            "read, and changed by others: sends",
            |c| {
                c.recorded = ready();
                c.observed.memory.doubt = true;
                c.observed.read = Some(present());
            },
            update(id("1")),
        ),
        (
            "suspended: a doubt changes nothing",
            |c| {
                c.recorded = ready();
                c.recorded.suspend = true;
                c.observed.memory.doubt = true;
            },
            Step::Report(State::Suspended { pending: false }),
        ),
        (
            "answered \"not found\": reads",
            |c| {
                changed(c);
                c.observed.memory.doubt = true;
            },
            Step::ReadBack(id("1")),
        ),
        (
            "there after all: sends",
            |c| {
                changed(c);
                c.observed.memory.doubt = true;
                c.observed.read = Some(present());
            },
            update(id("1")),
        ),
        (
            "definitely gone: looks",
            |c| {
                changed(c);
                c.observed.memory.doubt = true;
                c.observed.read = Some(ReadBack::Absent);
            },
            Step::Look,
        ),
        (
            "definitely gone and the path free: a new intent",
            |c| {
                updated_at(c, 0, Some(ReadBack::Absent));
                c.observed.look = Some(vec![]);
                c.now = at(9);
            },
            Step::WriteIntent(intent_for("v2", 9)),
        ),
        (
            "definitely gone and the path taken",
            |c| {
                updated_at(c, 0, Some(ReadBack::Absent));
                c.observed.look = Some(vec![row("9", PATH, -900)]);
            },
            taken(PATH, "9", None),
        ),
        (
            "being made again: the intent goes before the old id",
            |c| {
                changed(c);
                c.recorded.intent = IntentNote::Own(intent_for("v2", 60));
                c.observed.memory = remembers(60, Progress::Written);
                c.now = at(60);
            },
            Step::CreateResource(intent_for("v2", 60)),
        ),
    ]);
}

fn deleted(c: &mut Case) {
    c.recorded = Recorded { deleting: true, ..ready() };
}

#[test]
fn a_deletion_by_id() {
    check(vec![
        (
            "without our finalizer: nothing",
            |c| {
                deleted(c);
                c.recorded.finalizer = false;
            },
            Step::Nothing,
        ),
        ("deletes by id", deleted, Step::DeleteResource(id("1"))),
        (
            "deletes whatever is wrong with the spec, and whoever wants the path",
            |c| {
                deleted(c);
                c.wanted = Err("path is empty");
                c.observed.held_by = holder(None);
            },
            Step::DeleteResource(id("1")),
        ),
        (
            "deletes by the id of a replaced object without an annotation",
            |c| {
                deleted(c);
                c.recorded.intent = IntentNote::Absent;
            },
            Step::DeleteResource(id("1")),
        ),
        (
            "retains without a call, over a closed connection too",
            |c| {
                deleted(c);
                c.recorded.deletion = DeletionPolicy::Retain;
                c.observed.permission = Permission::ProjectNotListed;
            },
            Step::RemoveFinalizer,
        ),
        (
            "keeps the file while suspended",
            |c| {
                deleted(c);
                c.recorded.suspend = true;
            },
            Step::RemoveFinalizer,
        ),
        (
            "lets go of what another object manages",
            |c| {
                deleted(c);
                c.observed.id_held_by = holder(None);
            },
            Step::RemoveFinalizer,
        ),
        (
            "done: lets go",
            |c| {
                deleted(c);
                c.observed.read = Some(ReadBack::Absent);
            },
            Step::RemoveFinalizer,
        ),
        (
            "not known: reads",
            |c| {
                deleted(c);
                c.observed.memory.unknown_write = Some(at(0));
            },
            Step::ReadBack(id("1")),
        ),
        (
            "not known and still there: waits for CALL",
            |c| {
                deleted(c);
                c.observed.memory.unknown_write = Some(at(0));
                c.observed.read = Some(present());
                c.now = at(29);
            },
            deleting(30, "The outcome of the last DeleteResource is not known yet."),
        ),
        (
            "not known and can no longer arrive: deletes again",
            |c| {
                deleted(c);
                c.observed.memory.unknown_write = Some(at(0));
                c.observed.read = Some(present());
                c.now = at(30);
            },
            Step::DeleteResource(id("1")),
        ),
        (
            "namespace no longer listed: blocked",
            |c| {
                deleted(c);
                c.observed.permission = Permission::NamespaceNotListed;
            },
            blocked(
                "The file of \"a\" cannot be deleted: its namespace may no longer use the operator's default \
                 connection. Allow it again, or set deletionPolicy: Retain to keep the file.",
            ),
        ),
        (
            "workspace no longer listed: blocked",
            |c| {
                deleted(c);
                c.observed.permission = Permission::ProjectNotListed;
            },
            blocked(
                "The file of \"a\" cannot be deleted: its workspace may no longer be used through the operator's \
                 default connection. Allow it again, or set deletionPolicy: Retain to keep the file.",
            ),
        ),
        (
            "the id of a copy is another's",
            |c| {
                deleted(c);
                c.recorded.intent = IntentNote::Foreign;
            },
            Step::RemoveFinalizer,
        ),
        (
            "an id from before a refused intent is not deleted",
            |c| {
                deleted(c);
                c.recorded.intent = IntentNote::Own(intent(60));
                c.recorded.status.attempt = Some(attempt(60, AttemptOutcome::Refused));
            },
            Step::RemoveFinalizer,
        ),
        (
            "made nothing",
            |c| c.recorded = Recorded { deleting: true, finalizer: true, ..fresh() },
            Step::RemoveFinalizer,
        ),
        (
            "an earlier object's end was its own",
            |c| {
                let intent = IntentNote::Earlier(intent(-900));
                c.recorded = Recorded { deleting: true, finalizer: true, intent, ..fresh() };
            },
            Step::RemoveFinalizer,
        ),
        (
            "unreadable intent and no id: blocked",
            |c| {
                let intent = IntentNote::Unreadable;
                c.recorded = Recorded { deleting: true, finalizer: true, intent, ..fresh() };
            },
            blocked(
                "The annotation dataworks.alibabacloud.com/create-intent cannot be read, so a file may exist that \
                 this object does not know. Look for it in the workspace, then remove the annotation.",
            ),
        ),
    ]);
}

fn two() -> Vec<dataworks_core::plan::Candidate> {
    vec![candidate(row("1", PATH, 3), None), candidate(row("2", PATH, 4), None)]
}

fn deleted_open(c: &mut Case, rows: Option<Vec<dataworks_core::plan::Candidate>>, seconds: i64) {
    c.recorded = Recorded { deleting: true, ..open(intent(0)) };
    c.observed.memory = remembers(0, sent(1));
    c.observed.search = rows.and_then(|rows| search(seconds, rows));
    c.now = at(seconds);
}

#[test]
fn a_deletion_after_a_lost_create() {
    check(vec![
        ("searches", |c| deleted_open(c, None, 5), Step::Search(intent(0))),
        (
            "its intent was taken away: put back, with a wait from now on",
            |c| {
                c.recorded = Recorded { deleting: true, finalizer: true, ..fresh() };
                c.recorded.status.attempt = Some(attempt(0, AttemptOutcome::Unknown));
                c.now = at(5);
            },
            Step::RestoreIntent(Intent { holder: String::new(), spec_sha256: None, ..intent_since(0, 5) }),
        ),
        (
            "nothing was sent: lets go",
            |c| {
                deleted_open(c, None, 5);
                c.observed.memory = remembers(0, Progress::Written);
            },
            Step::RemoveFinalizer,
        ),
        (
            "refused: lets go",
            |c| {
                deleted_open(c, None, 5);
                c.observed.memory = remembers(0, Progress::Refused);
            },
            Step::RemoveFinalizer,
        ),
        (
            "retains without a search",
            |c| {
                deleted_open(c, None, 5);
                c.recorded.deletion = DeletionPolicy::Retain;
            },
            Step::RemoveFinalizer,
        ),
        (
            "a closed connection blocks it",
            |c| {
                deleted_open(c, None, 5);
                c.observed.permission = Permission::NamespaceNotListed;
            },
            blocked(
                "The file of \"a\" cannot be deleted: its namespace may no longer use the operator's default \
                 connection. Allow it again, or set deletionPolicy: Retain to keep the file.",
            ),
        ),
        (
            "one: reads it",
            |c| deleted_open(c, Some(vec![candidate(row("1", PATH, 3), None)]), 5),
            Step::ReadCandidate(intent(0), id("1")),
        ),
        (
            "ours: deletes it",
            |c| deleted_open(c, Some(vec![candidate(row("1", PATH, 3), Some(AsIntended))]), 5),
            Step::DeleteResource(id("1")),
        ),
        (
            "ours, and a delete not known: waits for CALL",
            |c| {
                deleted_open(c, Some(vec![candidate(row("1", PATH, 3), Some(AsIntended))]), 40);
                c.observed.memory.unknown_write = Some(at(20));
            },
            deleting(50, "The outcome of the last DeleteResource is not known yet."),
        ),
        (
            "ours, and a delete that can no longer arrive",
            |c| {
                deleted_open(c, Some(vec![candidate(row("1", PATH, 3), Some(AsIntended))]), 50);
                c.observed.memory.unknown_write = Some(at(20));
            },
            Step::DeleteResource(id("1")),
        ),
        (
            "deleted: lets go",
            |c| {
                deleted_open(c, Some(vec![candidate(row("1", PATH, 3), Some(AsIntended))]), 5);
                c.observed.read = Some(ReadBack::Absent);
            },
            Step::RemoveFinalizer,
        ),
        (
            "several: there may be more to come",
            |c| deleted_open(c, Some(two()), 5),
            deleting(61, "Waiting until 2026-01-02T03:05:36Z for a create whose outcome is not known."),
        ),
        (
            "several, and no more to come: for a person",
            |c| deleted_open(c, Some(two()), 91),
            Step::Report(State::DeletionAmbiguous {
                message: "The outcome of a create is not known, and these resources may or may not be its result: 1, 2. Nothing \
                          was touched. Remove those that are not wanted, then remove the annotation \
                          dataworks.alibabacloud.com/create-intent (or set deletionPolicy: Retain)."
                    .into(),
            }),
        ),
        (
            "a person has told: lets go",
            |c| c.recorded = asked(Recorded { deleting: true, ..open(intent(0)) }, &[State::DeletionAmbiguous { message: "which?".into() }]),
            Step::RemoveFinalizer,
        ),
        (
            "none yet: searches again at LAG",
            |c| deleted_open(c, Some(vec![]), 5),
            deleting(61, "Waiting until 2026-01-02T03:05:36Z for a create whose outcome is not known."),
        ),
        (
            "none at LAG: waits until it is settled",
            |c| deleted_open(c, Some(vec![]), 61),
            deleting(91, "Waiting until 2026-01-02T03:05:36Z for a create whose outcome is not known."),
        ),
        ("none when settled: lets go", |c| deleted_open(c, Some(vec![]), 91), Step::RemoveFinalizer),
        (
            "a stranger's at the path is not ours to delete",
            |c| deleted_open(c, Some(vec![candidate(row("9", PATH, -900), None)]), 91),
            Step::RemoveFinalizer,
        ),
        (
            "of another pod: waits as long as a signature lives",
            |c| {
                deleted_open(c, Some(vec![]), 120);
                c.recorded.intent = IntentNote::Own(by_pod("pod-2", intent(0)));
                c.observed.memory = Memory::default();
            },
            deleting(990, "Waiting until 2026-01-02T03:20:35Z for a create whose outcome is not known."),
        ),
    ]);
}

#[test]
fn what_reading_a_candidate_shows() {
    let document = |kind: &str, command: &str, content: &str| {
        serde_json::json!({"spec": {"fileResources": [
            {"type": kind, "script": {"content": content, "runtime": {"command": command}}}
        ]}})
        .to_string()
    };
    let now = desired("v2");
    let unseen = Intent { content_sha256: None, ..intent(0) };
    let rows = [
        ("content of the intent", intent(0), Some(&now), document("python", "ODPS_PYTHON", "v1"), AsIntended),
        ("case does not count", intent(0), Some(&now), document("Python", "odps_python", "v1"), AsIntended),
        ("content of the spec", intent(0), Some(&now), document("python", "ODPS_PYTHON", "v2"), AsDeclared),
        ("other content", intent(0), Some(&now), document("python", "ODPS_PYTHON", "v3"), Differs("content")),
        ("content not shown", intent(0), Some(&now), document("python", "ODPS_PYTHON", ""), AsDeclared),
        ("content never known", unseen, Some(&now), document("python", "ODPS_PYTHON", "v3"), AsDeclared),
        ("another type", intent(0), Some(&now), document("file", "ODPS_PYTHON", "v1"), Differs("type")),
        ("another command", intent(0), Some(&now), document("python", "ODPS_FILE", "v1"), Differs("command")),
        ("no spec to compare with", intent(0), None, document("file", "ODPS_FILE", "v1"), AsIntended),
        ("no spec, other content", intent(0), None, document("file", "ODPS_FILE", "v2"), Differs("content")),
        ("an unreadable answer", intent(0), Some(&now), "?".into(), Differs("document")),
        ("an answer without a resource", intent(0), None, r#"{"spec": {}}"#.into(), Differs("document")),
    ];
    for (name, intent, declared, spec, want) in rows {
        assert_eq!(dataworks_core::plan::compare(&intent, declared, &spec), want, "{name}");
    }
}
