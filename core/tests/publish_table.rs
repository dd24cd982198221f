//! Every rule of publishing as a row: what is wished, recorded and seen, and the step that follows.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::{
    DataWorksResourceStatus, Publication, PublicationRequest, PublicationStatus as Status, RunMode, RunType,
};
use dataworks_core::bounds::Bounds;
use dataworks_core::object::Uid;
use dataworks_core::plan::Identity;
use dataworks_core::publish::{
    Kind, Look, Memory, Mode, Run, RunId, RunStatus, Seen, Sent, Sight, Stage, StageKind, Step, Tag, Verdict,
    Wish, next, tell, verdict,
};
use dataworks_core::state::State;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

const UID: &str = "uid-1";
const POD: &str = "pod-1";
const V1: &str = "digest-1";
const V2: &str = "digest-2";

fn at(seconds: i64) -> Timestamp {
    "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn run_id(text: &str) -> RunId {
    text.parse().unwrap()
}

/// The stages of simple mode in these states.
fn stages(states: [RunStatus; 3]) -> Vec<Stage> {
    let kinds = [("BUILD", StageKind::Build), ("CHECK", StageKind::Check), ("PROD", StageKind::Deploy)];
    let stage = |((code, kind), (step, status)): ((&str, StageKind), (i64, RunStatus))| Stage {
        code: code.to_owned(),
        kind,
        step,
        status,
        message: if status == RunStatus::Fail { "a rule is broken".to_owned() } else { String::new() },
    };
    kinds.into_iter().zip((1..).zip(states)).map(stage).collect()
}

fn run(id: &str, status: RunStatus, states: [RunStatus; 3]) -> Run {
    Run {
        id: run_id(id),
        status,
        message: String::new(),
        description: String::new(),
        created: at(1),
        stages: stages(states),
    }
}

/// The same, at a stage at which a person has to decide.
fn approved(run: Run) -> Run {
    let stage = |stage: Stage| Stage { kind: StageKind::Person, status: Running, ..stage };
    Run { stages: run.stages.into_iter().map(stage).collect(), ..run }
}

fn tagged(run: Run, kind: Kind, version: Option<&str>, asked: i64) -> Run {
    Run { description: Tag::new(kind, &Uid::new(UID), version, at(asked)).to_description(), ..run }
}

use RunStatus::{Cancel, Fail, Init, Running, Success, Termination};

/// A case as it is when an object of version 1 was never published; each row changes something.
struct Case {
    wish: Wish,
    record: Publication,
    auto: bool,
    memory: Memory,
    look: Option<Look>,
    run: Option<Sight>,
    now: i64,
    proxied: bool,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            wish: Wish {
                kind: Some(Kind::Online),
                deleting: false,
                version: Some(V1.to_owned()),
                until_stage: None,
                requested: false,
            },
            record: Publication::default(),
            auto: true,
            memory: Memory::default(),
            look: None,
            run: None,
            now: 100,
            proxied: false,
        }
    }
}

impl Case {
    fn step(&self) -> Step {
        let identity = Identity { cluster: "c".into(), holder: POD.into(), proxied: self.proxied };
        let (uid, bounds) = (Uid::new(UID), Bounds::default());
        let seen = Seen {
            identity: &identity,
            uid: &uid,
            bounds: &bounds,
            auto: self.auto,
            memory: &self.memory,
            look: self.look.as_ref(),
            run: self.run.as_ref(),
        };
        next(&self.wish, &self.record, &seen, at(self.now)).step
    }

    fn looked(mut self, begun: i64, runs: Vec<Run>) -> Self {
        self.look = Some(Look { begun: at(begun), runs });
        self
    }

    /// A run that is recorded and was seen like this.
    fn follows(mut self, status: Status, stage: Option<&str>, since: i64, run: Run) -> Self {
        self.record = Publication {
            run_id: Some(run.id.to_string()),
            type_: Some(RunType::Online),
            digest: Some(V1.to_owned()),
            mode: Some(RunMode::Normal),
            stage: stage.map(str::to_owned),
            status: Some(status),
            time: Some(Time(at(since))),
            ..Publication::default()
        };
        self.run = Some(Sight::Run(run));
        self
    }

    /// A request that was recorded at this time by this pod, or another.
    fn requested(mut self, asked: i64, holder: &str, sent: Option<Sent>) -> Self {
        self.record = Publication {
            type_: Some(RunType::Online),
            digest: Some(V1.to_owned()),
            mode: Some(RunMode::Auto),
            status: Some(Status::Requested),
            time: Some(Time(at(asked))),
            request: Some(PublicationRequest {
                at: Some(at(asked).to_string()),
                holder: Some(holder.to_owned()),
                after: None,
            }),
            ..Publication::default()
        };
        self.memory.sent = sent.map(|sent| (at(asked), sent));
        self
    }

    fn auto(mut self) -> Self {
        self.record.mode = Some(RunMode::Auto);
        self
    }

    fn triggered(mut self, stage: &str) -> Self {
        self.memory.triggered = Some((run_id("r"), stage.to_owned()));
        self
    }
}

/// A step in a few words.
fn told(step: &Step) -> String {
    let word = |state: &State| {
        if let State::Publishing { reason, .. } = state {
            return reason.as_str().to_owned();
        }
        assert!(matches!(state, State::Deleting { .. }), "{state:?}");
        "Deleting".to_owned()
    };
    let kept = |record: &Publication| {
        let status = record.status.map(|status| format!("{status:?}")).unwrap_or_default();
        let stage = record.stage.clone().unwrap_or_default();
        let published = record.published_digest.clone().unwrap_or_default();
        let mode = record.mode.map(|mode| format!("{mode:?}")).unwrap_or_default();
        let request = if record.request.is_some() { " request" } else { "" };
        let digest = record.digest.clone().unwrap_or_default();
        format!("{status}/{stage}/{mode}/{digest}/{published}{request}")
    };
    match step {
        Step::Rest => "rest".to_owned(),
        Step::Look => "look".to_owned(),
        Step::Record { publication, state } => {
            let state = state.as_ref().map_or("ended".to_owned(), word);
            format!("record {} {state}", kept(publication))
        }
        Step::CreateRun { kind, mode, until_stage, tag: _ } => {
            format!("create {kind:?} {mode:?} {}", until_stage.as_deref().unwrap_or("all"))
        }
        Step::Watch { run, since, person, publication, state } => {
            let person = if *person { " person" } else { "" };
            let since = since.filter(|since| publication.time.as_ref().is_none_or(|time| time.0 != *since));
            let since = since.map(|since| format!(" since {}", since.duration_since(at(0)).as_secs()));
            let since = since.unwrap_or_default();
            format!("watch {run}{since}{person} {} {}", kept(publication), word(state))
        }
        Step::StartStage { run, stage, publication, .. } => {
            format!("start {run} {stage} {}", kept(publication))
        }
        Step::Abolish(run) => format!("abolish {run}"),
        Step::Wait { until, state } => {
            format!("wait {} {}", until.duration_since(at(0)).as_secs(), word(state))
        }
    }
}

fn check(rows: Vec<(&str, Case, &str)>) {
    for (name, case, want) in rows {
        assert_eq!(told(&case.step()), want, "{name}");
    }
}

fn case(change: impl FnOnce(&mut Case)) -> Case {
    let mut case = Case::default();
    change(&mut case);
    case
}

#[test]
fn a_run_is_made_once() {
    let none = Vec::new;
    let other = |status| run("other", status, [Success, Init, Init]);
    let mine = |version: &str, status| tagged(other(status), Kind::Online, Some(version), 1);
    let published = Publication {
        run_id: Some("r".into()),
        type_: Some(RunType::Online),
        digest: Some(V1.into()),
        published_digest: Some(V1.into()),
        status: Some(Status::Success),
        ..Publication::default()
    };
    let held = |change: fn(&mut Case)| {
        let mut case = case(|case| case.record = published.clone());
        change(&mut case);
        case
    };
    let failed = |change: fn(&mut Case)| {
        let mut case = case(|case| {
            case.record =
                Publication { status: Some(Status::Fail), published_digest: None, ..published.clone() };
        });
        change(&mut case);
        case
    };
    check(vec![
        ("never published", Case::default(), "look"),
        (
            "no run under way",
            Case::default().looked(100, none()),
            "record Requested//Auto/digest-1/ request Publishing",
        ),
        (
            "where the service does not go on by itself",
            case(|case| case.auto = false).looked(100, none()),
            "record Requested//Normal/digest-1/ request Publishing",
        ),
        (
            "an ended run of somebody",
            Case::default().looked(100, vec![other(Success)]),
            "record Requested//Auto/digest-1/ request Publishing",
        ),
        (
            "somebody's run is under way",
            Case::default().looked(100, vec![other(Running)]),
            "watch other since 1 //// Publishing",
        ),
        (
            "somebody's run is, and a person has to decide",
            Case::default().looked(100, vec![approved(other(Running))]),
            "watch other since 1 person //// Publishing",
        ),
        (
            "somebody's run is, for more than an hour",
            case(|case| case.now = 3700).looked(3700, vec![other(Running)]),
            "watch other since 1 person //// Publishing",
        ),
        (
            "a run of ours is, of this version",
            Case::default().looked(100, vec![mine(V1, Running)]),
            "record Init//Normal/digest-1/ Publishing",
        ),
        (
            "a run of ours is, of another",
            Case::default().looked(100, vec![mine(V2, Running)]),
            "record Init//Normal/digest-2/ Publishing",
        ),
        (
            "a run of ours published it, and status was lost",
            Case::default().looked(100, vec![mine(V1, Success)]),
            "record Init//Normal/digest-1/ Publishing",
        ),
        ("published", held(|_| ()), "rest"),
        ("published, and wished again", held(|case| case.wish.requested = true), "look"),
        ("published, and edited", held(|case| case.wish.version = Some(V2.into())), "look"),
        ("published, and wished further", held(|case| case.wish.until_stage = Some("DEV".into())), "look"),
        ("failed", failed(|_| ()), "rest"),
        ("failed, and wished again", failed(|case| case.wish.requested = true), "look"),
        ("failed, and edited", failed(|case| case.wish.version = Some(V2.into())), "look"),
        (
            "failed, and edited back to what is published",
            failed(|case| {
                case.record.digest = Some(V2.into());
                case.record.published_digest = Some(V1.into());
            }),
            "rest",
        ),
    ]);
}

#[test]
fn a_lost_answer_makes_no_second_run() {
    let found = || tagged(run("r", Running, [Success, Init, Init]), Kind::Online, Some(V1), 10);
    let untold = |created: i64| Run { created: at(created), ..run("r", Running, [Success, Init, Init]) };
    let lost = |asked| Case::default().requested(asked, POD, Some(Sent::Unknown(at(asked + 1))));
    let unsent = |asked, sent| Case::default().requested(asked, POD, Some(sent));
    let with = |mut case: Case, change: fn(&mut Case)| {
        change(&mut case);
        case
    };
    check(vec![
        ("recorded just now", unsent(90, Sent::Nothing), "create Online Auto all"),
        (
            "recorded too long ago",
            unsent(60, Sent::Nothing),
            "record Requested//Auto/digest-1/ request Publishing",
        ),
        (
            "refused: perhaps for the mode",
            unsent(90, Sent::Refused("no".into())),
            "record Requested//Normal/digest-1/ request Publishing",
        ),
        (
            "refused in the plain mode",
            with(unsent(90, Sent::Refused("no".into())), |case| case.record.mode = Some(RunMode::Normal)),
            "record Fail//Normal/digest-1/ ended",
        ),
        ("the answer was lost", lost(10), "look"),
        (
            "found by what it was made with",
            lost(10).looked(12, vec![found()]),
            "record Init//Auto/digest-1/ Publishing",
        ),
        (
            "found by its time",
            lost(10).looked(12, vec![untold(11)]),
            "record Init//Auto/digest-1/ Publishing",
        ),
        (
            "nor is one that was there when it was recorded",
            with(lost(95).looked(99, vec![untold(94)]), |case| {
                case.record.request.as_mut().unwrap().after = Some("r".into());
            }),
            "wait 156 OutcomeUnknown",
        ),
        ("one from before is not it", lost(900).looked(901, vec![untold(11)]), "wait 961 OutcomeUnknown"),
        (
            "another's of the same time is not it",
            with(lost(95).looked(99, vec![Run { description: "by hand".into(), ..untold(96) }]), |_| ()),
            "wait 156 OutcomeUnknown",
        ),
        ("none yet", with(lost(95).looked(99, Vec::new()), |_| ()), "wait 156 OutcomeUnknown"),
        (
            "none after LAG",
            with(lost(0).looked(65, Vec::new()), |case| case.now = 65),
            "wait 91 OutcomeUnknown",
        ),
        (
            "none after CALL and LAG",
            with(lost(0).looked(91, Vec::new()), |case| case.now = 91),
            "record Requested//Auto/digest-1/ request Publishing",
        ),
        (
            "behind a proxy it may come late",
            with(lost(0).looked(200, Vec::new()), |case| {
                case.now = 200;
                case.proxied = true;
            }),
            "wait 990 OutcomeUnknown",
        ),
        ("of a process that died", Case::default().requested(10, POD, None), "look"),
        (
            "of a dead process of this pod, none",
            Case::default().requested(0, POD, None).looked(100, Vec::new()),
            "wait 120 OutcomeUnknown",
        ),
        (
            "of another pod, none",
            Case::default().requested(0, "pod-2", None).looked(100, Vec::new()),
            "wait 990 OutcomeUnknown",
        ),
        (
            "of another pod, found",
            Case::default().requested(10, "pod-2", None).looked(100, vec![found()]),
            "record Init//Auto/digest-1/ Publishing",
        ),
        (
            "edited before it was sent",
            with(unsent(90, Sent::Nothing), |case| case.wish.version = Some(V2.into())),
            "record Requested//Auto/digest-2/ request Publishing",
        ),
        (
            "edited after its answer was lost",
            with(lost(10), |case| case.wish.version = Some(V2.into())),
            "look",
        ),
        (
            "deleted before it was sent",
            with(unsent(90, Sent::Nothing), |case| {
                (case.wish.kind, case.wish.version, case.wish.deleting) = (None, None, true);
            }),
            "record Cancel//Auto/digest-1/ ended",
        ),
    ]);
}

#[test]
fn one_stage_at_a_time() {
    let waits = || run("r", Running, [Success, Init, Init]);
    let first = |since| Case::default().follows(Status::Init, None, since, waits());
    let started = |since| Case::default().follows(Status::Starting, Some("CHECK"), since, waits());
    let with = |mut case: Case, change: fn(&mut Case)| {
        change(&mut case);
        case
    };
    check(vec![
        ("not seen yet", with(first(0), |case| case.run = None), "watch r Init//Normal/digest-1/ Publishing"),
        (
            "the build runs by itself",
            Case::default().follows(Status::Init, None, 0, run("r", Running, [Running, Init, Init])),
            "watch r Running/BUILD/Normal/digest-1/ Publishing",
        ),
        (
            "the build has not begun",
            Case::default().follows(Status::Init, None, 0, run("r", Init, [Init, Init, Init])),
            "watch r Init/BUILD/Normal/digest-1/ Publishing",
        ),
        ("the first to be started", first(0), "start r CHECK Starting/CHECK/Normal/digest-1/"),
        (
            "started just now",
            started(95).triggered("CHECK"),
            "watch r Starting/CHECK/Normal/digest-1/ Publishing",
        ),
        (
            "begun",
            Case::default().follows(
                Status::Starting,
                Some("CHECK"),
                0,
                run("r", Running, [Success, Running, Init]),
            ),
            "watch r Running/CHECK/Normal/digest-1/ Publishing",
        ),
        (
            "the next",
            Case::default()
                .follows(Status::Running, Some("CHECK"), 0, run("r", Running, [Success, Success, Init]))
                .triggered("CHECK"),
            "start r PROD Starting/PROD/Normal/digest-1/",
        ),
        (
            "perhaps started by a process that died",
            started(50),
            "watch r Starting/CHECK/Normal/digest-1/ Publishing",
        ),
        (
            "for CALL and LAG",
            with(started(0), |case| case.now = 91),
            "start r CHECK Starting/CHECK/Normal/digest-1/",
        ),
        (
            "refused for a reason that may pass",
            with(started(95), |case| case.memory.unsent = Some((run_id("r"), "CHECK".into()))),
            "start r CHECK Starting/CHECK/Normal/digest-1/",
        ),
        (
            "a stage that never begins",
            with(started(0).triggered("CHECK"), |case| case.now = 601),
            "watch r person AwaitingApproval/CHECK/Normal/digest-1/ AwaitingApproval",
        ),
        (
            "and goes on not to",
            with(
                Case::default()
                    .follows(Status::AwaitingApproval, Some("CHECK"), 0, waits())
                    .triggered("CHECK"),
                |case| case.now = 9_000,
            ),
            "watch r person AwaitingApproval/CHECK/Normal/digest-1/ AwaitingApproval",
        ),
        (
            "a stage that the service does not start",
            with(first(0), |case| case.memory.not_startable = Some(("CHECK".into(), 3, "no".into()))),
            "watch r person AwaitingApproval/CHECK/Normal/digest-1/ AwaitingApproval",
        ),
        (
            "tried again before that",
            with(first(0), |case| case.memory.not_startable = Some(("CHECK".into(), 2, "no".into()))),
            "start r CHECK Starting/CHECK/Normal/digest-1/",
        ),
        ("it may go on by itself", first(90).auto(), "watch r Init/CHECK/Auto/digest-1/ Publishing"),
        (
            "and is given time",
            Case::default().follows(Status::Init, Some("CHECK"), 90, waits()).auto(),
            "watch r Init/CHECK/Auto/digest-1/ Publishing",
        ),
        (
            "and is helped on",
            Case::default().follows(Status::Init, Some("CHECK"), 80, waits()).auto(),
            "start r CHECK Starting/CHECK/Normal/digest-1/",
        ),
    ]);
}

#[test]
fn a_person_is_waited_for() {
    let asks = |status| {
        let mut run = run("r", Running, [Success, status, Init]);
        run.stages[1].kind = StageKind::Person;
        run
    };
    let row = |status, recorded, stage| Case::default().follows(recorded, stage, 0, asks(status));
    check(vec![
        (
            "running",
            row(Running, Status::Init, None),
            "watch r person AwaitingApproval/CHECK/Normal/digest-1/ AwaitingApproval",
        ),
        (
            "not begun",
            row(Init, Status::Init, None),
            "watch r person AwaitingApproval/CHECK/Normal/digest-1/ AwaitingApproval",
        ),
        (
            "approved",
            row(Success, Status::AwaitingApproval, Some("CHECK")),
            "start r PROD Starting/PROD/Normal/digest-1/",
        ),
    ]);
    let kinds = [
        ("Build", "BUILD_PACKAGE", StageKind::Build),
        ("Check", "PROD_CHECK", StageKind::Check),
        ("Deploy", "PROD", StageKind::Deploy),
        ("Offline", "PROD", StageKind::Deploy),
        ("Check", "PROD_APPROVE", StageKind::Person),
        ("Check", "Code_Review", StageKind::Person),
        ("SmokeTest", "SMOKE", StageKind::Person),
    ];
    for (type_, code, want) in kinds {
        assert_eq!(StageKind::of(type_, code), want, "{type_} {code}");
    }
}

#[test]
fn ends_are_told() {
    let ended =
        |status, states| Case::default().follows(Status::Running, Some("CHECK"), 0, run("r", status, states));
    let until = |code: &str, states| {
        let mut case = ended(Running, states);
        case.wish.until_stage = Some(code.to_owned());
        case.record.until_stage = Some(code.to_owned());
        case
    };
    let mut gone = ended(Running, [Success, Init, Init]);
    gone.run = Some(Sight::Gone("no such run".to_owned()));
    let mut cancelled = until("NOWHERE", [Success, Cancel, Init]);
    cancelled.run = Some(Sight::Run(run("r", Cancel, [Success, Cancel, Init])));
    let mut abolished = until("NOWHERE", [Success, Init, Init]);
    abolished.memory.abolished = Some(run_id("r"));
    check(vec![
        ("well", ended(Success, [Success; 3]), "record Success/PROD/Normal/digest-1/digest-1 ended"),
        ("badly", ended(Fail, [Success, Fail, Init]), "record Fail/CHECK/Normal/digest-1/ ended"),
        (
            "a stage did, the run goes on",
            ended(Running, [Success, Fail, Init]),
            "record Fail/CHECK/Normal/digest-1/ ended",
        ),
        (
            "refused",
            ended(Termination, [Success, Termination, Init]),
            "record Termination/CHECK/Normal/digest-1/ ended",
        ),
        ("cancelled", ended(Cancel, [Success, Cancel, Init]), "record Cancel/CHECK/Normal/digest-1/ ended"),
        ("gone", gone, "record Cancel/CHECK/Normal/digest-1/ ended"),
        (
            "as far as is wanted",
            until("CHECK", [Success, Success, Init]),
            "record Success/CHECK/Normal/digest-1/digest-1 ended",
        ),
        (
            "not yet",
            until("CHECK", [Success, Running, Init]),
            "watch r Running/CHECK/Normal/digest-1/ Publishing",
        ),
        ("no such stage", until("NOWHERE", [Success, Init, Init]), "abolish r"),
        ("no such stage, and ended", cancelled, "record Fail/CHECK/Normal/digest-1/ ended"),
        ("and abolished", abolished, "record Fail/CHECK/Normal/digest-1/ ended"),
    ]);
    let Step::Record { publication, .. } = ended(Fail, [Success, Fail, Init]).step() else {
        panic!("no record")
    };
    assert_eq!(publication.message.unwrap(), "The deployment run r failed at stage CHECK: a rule is broken.");
}

#[test]
fn what_is_not_declared_any_more_is_not_published() {
    let older = |status, states, change: fn(&mut Case)| {
        let mut case = Case::default().follows(Status::Running, Some("CHECK"), 0, run("r", status, states));
        case.wish.version = Some(V2.to_owned());
        change(&mut case);
        case
    };
    let delete = |case: &mut Case| {
        (case.wish.kind, case.wish.version, case.wish.deleting) = (None, None, true);
    };
    let abolished: fn(&mut Case) = |case| case.memory.abolished = Some(run_id("r"));
    check(vec![
        ("it waits", older(Running, [Success, Init, Init], |_| ()), "abolish r"),
        (
            "abolished",
            older(Running, [Success, Init, Init], abolished),
            "watch r Init/CHECK/Normal/digest-1/ Publishing",
        ),
        (
            "it is being deployed",
            older(Running, [Success, Success, Running], |_| ()),
            "watch r Running/PROD/Normal/digest-1/ Publishing",
        ),
        (
            "it was published after all",
            older(Success, [Success; 3], |_| ()),
            "record Success/PROD/Normal/digest-1/digest-1 ended",
        ),
        (
            "it ended",
            older(Cancel, [Success, Cancel, Init], abolished),
            "record Cancel/CHECK/Normal/digest-1/ ended",
        ),
        (
            "wished less far",
            older(Running, [Success, Init, Init], |case| {
                case.wish.version = Some(V1.into());
                case.wish.until_stage = Some("BUILD".into());
            }),
            "abolish r",
        ),
        ("the object is deleted", older(Running, [Success, Init, Init], delete), "abolish r"),
        (
            "and the run ended",
            older(Running, [Success, Init, Init], |case| {
                (case.wish.kind, case.wish.version) = (None, None);
                case.record.status = Some(Status::Cancel);
            }),
            "rest",
        ),
    ]);
}

/// It ended well as far as was wished, and is open for whoever goes on with it.
#[test]
fn a_run_that_was_stopped_on_its_way_is_not_left_open() {
    let stopped = |change: fn(&mut Case)| {
        let record = Publication {
            run_id: Some("r".to_owned()),
            type_: Some(RunType::Online),
            digest: Some(V1.to_owned()),
            published_digest: Some(V1.to_owned()),
            until_stage: Some("CHECK".to_owned()),
            stage: Some("CHECK".to_owned()),
            status: Some(Status::Success),
            mode: Some(RunMode::Normal),
            ..Publication::default()
        };
        let mut case = Case { record, ..Case::default() };
        (case.wish.kind, case.wish.version) = (None, None);
        change(&mut case);
        case
    };
    check(vec![
        ("not to be published any more", stopped(|_| ()), "abolish r"),
        (
            "abolished",
            stopped(|case| case.memory.abolished = Some(run_id("r"))),
            "record Success/CHECK/Normal/digest-1/digest-1 ended",
        ),
        ("nothing is left of it", stopped(|case| case.record.run_id = None), "rest"),
        ("deleted", stopped(|case| case.wish.deleting = true), "abolish r"),
        (
            "deleted, and abolished",
            stopped(|case| {
                case.wish.deleting = true;
                case.memory.abolished = Some(run_id("r"));
            }),
            "rest",
        ),
        ("it was run to its end", stopped(|case| case.record.until_stage = None), "rest"),
        (
            "still wished so far",
            stopped(|case| {
                (case.wish.kind, case.wish.version) = (Some(Kind::Online), Some(V1.to_owned()));
                case.wish.until_stage = Some("CHECK".to_owned());
            }),
            "rest",
        ),
    ]);
}

#[test]
fn what_is_published_is_taken_offline() {
    let offline = |status: Option<Status>, type_| {
        case(|case| {
            case.wish =
                Wish { kind: Some(Kind::Offline), deleting: true, version: None, ..case.wish.clone() };
            case.record = Publication {
                run_id: Some("r".into()),
                type_: Some(type_),
                digest: (type_ == RunType::Online).then(|| V1.to_owned()),
                status,
                published_digest: Some(V1.into()),
                ..Publication::default()
            };
        })
    };
    let online = || offline(Some(Status::Success), RunType::Online);
    let mut done = offline(Some(Status::Running), RunType::Offline);
    done.run = Some(Sight::Run(run("r", Success, [Success; 3])));
    check(vec![
        ("published", online(), "look"),
        (
            "to be asked for",
            online().looked(100, Vec::new()),
            "record Requested//Auto//digest-1 request Deleting",
        ),
        ("done", done, "record Success/PROD/// ended"),
        ("offline", offline(Some(Status::Success), RunType::Offline), "rest"),
        ("failed", offline(Some(Status::Fail), RunType::Offline), "rest"),
    ]);
}

fn status(ready: &str, reason: Reason, publication: Option<Publication>) -> DataWorksResourceStatus {
    let condition = |type_: &str, status: &str, reason: &str| Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: "as before".to_owned(),
        last_transition_time: Time(at(0)),
        observed_generation: Some(1),
    };
    DataWorksResourceStatus {
        spec_digest: Some(V1.to_owned()),
        conditions: vec![
            condition("Ready", ready, reason.as_str()),
            condition("Synced", "True", "Succeeded"),
        ],
        publication,
        ..DataWorksResourceStatus::default()
    }
}

#[test]
fn ready_waits_for_the_publication() {
    let published = |status, digest: &str| Publication {
        digest: Some(V1.into()),
        published_digest: Some(digest.into()),
        status: Some(status),
        message: (status == Status::Fail).then(|| "It failed.".to_owned()),
        ..Publication::default()
    };
    let rows = [
        ("not wished", None, "True", Reason::Succeeded, None, "Ready=True/Succeeded"),
        (
            "never published",
            Some(false),
            "True",
            Reason::Succeeded,
            None,
            "Ready=Unknown/Publishing Published=Unknown/Publishing Reconciling=True/Publishing",
        ),
        (
            "published",
            Some(false),
            "True",
            Reason::Succeeded,
            Some(published(Status::Success, V1)),
            "Ready=True/Succeeded Published=True/Succeeded",
        ),
        (
            "failed",
            Some(false),
            "True",
            Reason::Succeeded,
            Some(published(Status::Fail, V2)),
            "Ready=False/PublicationFailed Published=False/PublicationFailed Stalled=True/PublicationFailed",
        ),
        (
            "wished again",
            Some(true),
            "True",
            Reason::Succeeded,
            Some(published(Status::Success, V1)),
            "Ready=Unknown/Publishing Published=Unknown/Publishing Reconciling=True/Publishing",
        ),
        (
            "not ready for another reason",
            Some(false),
            "False",
            Reason::AccessDenied,
            Some(published(Status::Success, V1)),
            "Ready=False/AccessDenied Published=Unknown/AccessDenied",
        ),
        (
            "suspended before it was published",
            Some(false),
            "True",
            Reason::Suspended,
            None,
            "Ready=True/Suspended Published=Unknown/Suspended",
        ),
    ];
    for (name, wished, ready, reason, publication, want) in rows {
        let wish = wished.map(|requested| Wish { requested, ..Case::default().wish });
        let before = status("Unknown", Reason::Updating, None);
        let mut after = status(ready, reason, publication);
        tell(&before, &mut after, wish.as_ref(), 2, at(9));
        let told =
            |condition: &Condition| format!("{}={}/{}", condition.type_, condition.status, condition.reason);
        let got: Vec<String> = after.conditions.iter().filter(|c| c.type_ != "Synced").map(told).collect();
        assert_eq!(got.join(" "), want, "{name}");
        // Telling it again changes nothing: a settled status costs no write.
        let mut again = after.clone();
        let Some(first) = again.conditions.first_mut() else { panic!("no condition") };
        (first.status, first.reason) = (ready.to_owned(), reason.as_str().to_owned());
        first.message = "as before".to_owned();
        again.conditions.retain(|c| c.type_ != "Reconciling" && c.type_ != "Stalled");
        tell(&after, &mut again, wish.as_ref(), 2, at(99));
        assert_eq!(again, after, "{name}");
    }
}

#[test]
fn a_verdict_needs_the_version_and_the_stage() {
    let record = |digest: &str, published: &str, status| Publication {
        digest: Some(digest.into()),
        published_digest: Some(published.into()),
        status: Some(status),
        ..Publication::default()
    };
    let rows = [
        (record(V1, V1, Status::Success), None, false, Verdict::Published),
        (record(V1, V1, Status::Success), Some("DEV"), false, Verdict::Pending),
        (record(V1, V1, Status::Success), None, true, Verdict::Pending),
        (record(V1, V1, Status::Fail), None, false, Verdict::Failed),
        (record(V2, V1, Status::Fail), None, false, Verdict::Published),
        (record(V2, V1, Status::Running), None, false, Verdict::Pending),
        (record(V1, V2, Status::Fail), Some("DEV"), false, Verdict::Pending),
        (Publication::default(), None, false, Verdict::Pending),
    ];
    for (record, until, requested, want) in rows {
        assert_eq!(verdict(&record, Some(V1), until, requested), want, "{record:?}");
    }
}

#[test]
fn the_mode_is_the_service_s_word() {
    let mut case = Case::default().requested(90, POD, Some(Sent::Nothing));
    case.record.until_stage = Some("DEV".into());
    let Step::CreateRun { kind, mode, until_stage, tag } = case.step() else { panic!("no create") };
    assert_eq!(
        (kind.as_str(), mode.as_str(), until_stage.as_deref()),
        ("Online", Mode::Auto.as_str(), Some("DEV"))
    );
    assert_eq!(Tag::read(&tag.to_description()), Some(tag.clone()));
    assert_eq!((tag.uid.as_str(), tag.version.as_deref()), (UID, Some(V1)));
}
