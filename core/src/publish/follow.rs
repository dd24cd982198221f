//! A run that is under way: start its stages one at a time, until it ends.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::begin::plus;
use super::{
    Kind, Mode, Plan, Run, RunId, RunStatus, Seen, Sight, Stage, StageKind, Step, Wish, because, kind_of,
    mode_of, time, working,
};
use crate::api::condition::Reason;
use crate::api::v1alpha1::{Publication, PublicationStatus, RunMode};

/// A run that should go on by itself and has not for this long is helped on.
const AUTO_PATIENCE: SignedDuration = SignedDuration::from_secs(15);
/// A stage that was started and has not begun after this waits for somebody.
const STAGE_PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// A stage that the service refuses to start so often waits for somebody.
const REFUSALS: u32 = 3;

pub(super) fn plan(wish: &Wish, record: &Publication, id: &RunId, seen: &Seen<'_>, now: Timestamp) -> Plan {
    let run = match seen.run {
        Some(Sight::Run(run)) if run.id == *id => run,
        Some(Sight::Gone(said)) => {
            let message = format!("The deployment run {id} cannot be read any more: {said}.");
            return ended(record, PublicationStatus::Cancel, None, Some(message), now, "the run is gone");
        }
        Some(Sight::Run(_)) | None => {
            let message = format!("The deployment run {id} is under way.");
            let state = working(wish, Reason::Publishing, message);
            return watch(id, false, record.clone(), state, "the run was not seen yet");
        }
    };
    let superseded = wish.differs(record);
    let as_wished = !superseded && record.until_stage == wish.until_stage;
    // Before its end: a run that was ended for want of the stage did not fail by itself.
    if let Some(until) = record.until_stage.as_deref().filter(|_| as_wished && !run.stages.is_empty())
        && let Some(plan) = limit(record, run, until, seen, now)
    {
        return plan;
    }
    if let Some(plan) = end(record, run, superseded, now) {
        return plan;
    }
    if !as_wished {
        return overtaken(wish, record, run, seen, now);
    }
    go_on(wish, record, run, seen, now)
}

/// What the end of the run makes of the publication.
fn end(record: &Publication, run: &Run, superseded: bool, now: Timestamp) -> Option<Plan> {
    let failed = run.failed();
    let status = match run.status {
        RunStatus::Success => {
            let last = run.stages.last();
            return Some(success(record, last, now, "the run has ended well"));
        }
        RunStatus::Init | RunStatus::Running => failed.filter(|_| !superseded)?.status,
        status @ (RunStatus::Fail | RunStatus::Termination | RunStatus::Cancel) => status,
    };
    let said = failed.map(|stage| stage.message.as_str()).filter(|said| !said.is_empty());
    let said = said.unwrap_or(&run.message).trim_end_matches(['.', ' ', '。']);
    let place = failed.map_or(String::new(), |stage| format!(" at stage {}", stage.code));
    let how = match status {
        RunStatus::Termination => "was ended by an approver or by the service",
        RunStatus::Cancel => "was cancelled",
        RunStatus::Fail | RunStatus::Init | RunStatus::Running | RunStatus::Success => "failed",
    };
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let message = format!("The deployment run {} {how}{place}{said}.", run.id);
    let status = match status {
        RunStatus::Termination => PublicationStatus::Termination,
        RunStatus::Cancel => PublicationStatus::Cancel,
        RunStatus::Fail | RunStatus::Init | RunStatus::Running | RunStatus::Success => {
            PublicationStatus::Fail
        }
    };
    Some(ended(record, status, failed, Some(message), now, "the run did not end well"))
}

fn success(record: &Publication, at: Option<&Stage>, now: Timestamp, why: &'static str) -> Plan {
    let published = match kind_of(record) {
        Kind::Online => record.digest.clone(),
        Kind::Offline => None,
    };
    let record = Publication { published_digest: published, ..record.clone() };
    ended(&record, PublicationStatus::Success, at, None, now, why)
}

fn ended(
    record: &Publication,
    status: PublicationStatus,
    at: Option<&Stage>,
    message: Option<String>,
    now: Timestamp,
    why: &'static str,
) -> Plan {
    let publication = Publication {
        stage: at.map(|stage| stage.code.clone()).or_else(|| record.stage.clone()),
        status: Some(status),
        message,
        time: time(now),
        ..record.clone()
    };
    because(Step::Record { publication: Box::new(publication), state: None }, why)
}

/// A run of what is not wished any more. It is abolished, or finished where it is being deployed:
/// what a deployment that is cut off leaves is not known.
fn overtaken(wish: &Wish, record: &Publication, run: &Run, seen: &Seen<'_>, now: Timestamp) -> Plan {
    let deploys = |stage: &Stage| stage.kind == StageKind::Deploy && stage.status == RunStatus::Running;
    let message = format!(
        "The deployment run {} of an earlier version is ended first; then this one is published.",
        run.id
    );
    let state = working(wish, Reason::Publishing, message);
    if seen.memory.abolished.as_ref() == Some(&run.id) {
        return watch(
            &run.id,
            false,
            at_stage(record, run, now),
            state,
            "it was abolished and has not ended yet",
        );
    }
    if run.stages.iter().any(deploys) {
        return watch(&run.id, false, at_stage(record, run, now), state, "a deployment is not cut off");
    }
    because(Step::Abolish(run.id.clone()), "a run of an earlier version must not be approved any more")
}

/// Stops at the last stage that is wanted.
fn limit(record: &Publication, run: &Run, until: &str, seen: &Seen<'_>, now: Timestamp) -> Option<Plan> {
    match run.stage(until) {
        Some(stage) if stage.status == RunStatus::Success => {
            Some(success(record, Some(stage), now, "the last stage that is wanted is done"))
        }
        Some(_) => None,
        None if seen.memory.abolished.as_ref() != Some(&run.id) && !run.status.is_final() => {
            Some(because(Step::Abolish(run.id.clone()), "it has no such stage"))
        }
        None => {
            let codes: Vec<&str> = run.stages.iter().map(|stage| stage.code.as_str()).collect();
            let message =
                format!("The run has no stage {until:?} (untilStage); its stages are {}.", codes.join(", "));
            let status = PublicationStatus::Fail;
            Some(ended(record, status, None, Some(message), now, "it has no such stage"))
        }
    }
}

fn go_on(wish: &Wish, record: &Publication, run: &Run, seen: &Seen<'_>, now: Timestamp) -> Plan {
    if let Some(stage) = run.awaits_person() {
        return for_person(wish, record, run, stage, now);
    }
    let Some(stage) = run.startable().filter(|stage| stage.kind != StageKind::Build) else {
        let state = working(wish, Reason::Publishing, under_way(run));
        return watch(&run.id, false, at_stage(record, run, now), state, "a stage is under way");
    };
    let since = record.time.as_ref().map_or(Timestamp::MIN, |time| time.0);
    let here = record.stage.as_deref() == Some(&stage.code);
    let is_triggered =
        seen.memory.triggered.as_ref().is_some_and(|(id, code)| *id == run.id && *code == stage.code);
    let unsent = seen.memory.unsent.as_ref().is_some_and(|(id, code)| *id == run.id && *code == stage.code);
    let was_started = !unsent && here && record.status == Some(PublicationStatus::Starting);
    if let Some((_, _, said)) = seen
        .memory
        .not_startable
        .as_ref()
        .filter(|(code, times, _)| *code == stage.code && *times >= REFUSALS)
    {
        let why = format!("the service refuses to start it: {said}");
        return not_begun(wish, record, run, stage, &why, now);
    }
    if was_started && is_triggered && now < plus(since, STAGE_PATIENCE) {
        let state = working(wish, Reason::Publishing, starting(run, stage));
        return watch(&run.id, false, record.clone(), state, "it was started and has not begun yet");
    }
    if is_triggered && (was_started || record.status == Some(PublicationStatus::AwaitingApproval)) {
        return not_begun(wish, record, run, stage, "it was started and has not begun", now);
    }
    // Started by an earlier process, or with an answer that was lost: given the time to begin.
    if was_started && now < plus(since, seen.bounds.call + seen.bounds.lag) {
        let state = working(wish, Reason::Publishing, starting(run, stage));
        return watch(&run.id, false, record.clone(), state, "it may have been started");
    }
    // A stage that it did not come to yet counts from when it is seen there.
    let patient = now < plus(since, AUTO_PATIENCE) || !here && record.stage.is_some();
    if mode_of(record) == Mode::Auto && !was_started && patient {
        let state = working(wish, Reason::Publishing, under_way(run));
        return watch(&run.id, false, at_stage(record, run, now), state, "it may go on by itself");
    }
    start(wish, record, run, stage, now)
}

fn start(wish: &Wish, record: &Publication, run: &Run, stage: &Stage, now: Timestamp) -> Plan {
    let publication = Publication {
        stage: Some(stage.code.clone()),
        status: Some(PublicationStatus::Starting),
        // It did not go on by itself: the next stages are not waited for.
        mode: Some(RunMode::Normal),
        time: time(now),
        ..record.clone()
    };
    let step = Step::StartStage {
        run: run.id.clone(),
        stage: stage.code.clone(),
        publication: Box::new(publication),
        state: working(wish, Reason::Publishing, starting(run, stage)),
    };
    because(step, "all stages before it are done")
}

fn starting(run: &Run, stage: &Stage) -> String {
    format!("The deployment run {} is under way; stage {} is started.", run.id, stage.code)
}

fn under_way(run: &Run) -> String {
    match run.at() {
        Some(stage) => format!("The deployment run {} is under way, at stage {}.", run.id, stage.code),
        None => format!("The deployment run {} is under way.", run.id),
    }
}

fn for_person(wish: &Wish, record: &Publication, run: &Run, stage: &Stage, now: Timestamp) -> Plan {
    let message = format!(
        "The deployment run {} waits at stage {} for a person: approve or refuse it in the workspace (Deploy > the run). \
         It goes on by itself after that.",
        run.id, stage.code
    );
    awaiting(wish, record, run, stage, message, now, "a person must decide")
}

fn not_begun(wish: &Wish, record: &Publication, run: &Run, stage: &Stage, why: &str, now: Timestamp) -> Plan {
    let message = format!(
        "The deployment run {} stands still at stage {}: {why}. Look at the run in the workspace (Deploy > the run), and start \
         the stage or cancel the run there.",
        run.id, stage.code
    );
    awaiting(wish, record, run, stage, message, now, "a stage does not begin")
}

fn awaiting(
    wish: &Wish,
    record: &Publication,
    run: &Run,
    stage: &Stage,
    message: String,
    now: Timestamp,
    why: &'static str,
) -> Plan {
    let publication = changed(record, &stage.code, PublicationStatus::AwaitingApproval, now);
    let state = working(wish, Reason::AwaitingApproval, message);
    watch(&run.id, true, publication, state, why)
}

/// The publication with where the run stands.
fn at_stage(record: &Publication, run: &Run, now: Timestamp) -> Publication {
    match run.at() {
        Some(stage) => {
            let begun = stage.status == RunStatus::Running;
            let status = if begun { PublicationStatus::Running } else { PublicationStatus::Init };
            changed(record, &stage.code, status, now)
        }
        None => record.clone(),
    }
}

/// The time moves only with what it tells of.
fn changed(record: &Publication, stage: &str, status: PublicationStatus, now: Timestamp) -> Publication {
    if record.stage.as_deref() == Some(stage) && record.status == Some(status) {
        return record.clone();
    }
    Publication { stage: Some(stage.to_owned()), status: Some(status), time: time(now), ..record.clone() }
}

fn watch(
    run: &RunId,
    person: bool,
    publication: Publication,
    state: crate::state::State,
    why: &'static str,
) -> Plan {
    let since = publication.time.as_ref().map(|time| time.0);
    because(Step::Watch { run: run.clone(), since, person, publication: Box::new(publication), state }, why)
}
