//! Publishing: the deployment run of one object, as a small state machine.
//!
//! [`next`] names one [`Step`] and the *why* of it, from what is wished, what status records, and
//! what was seen of runs; the shell carries it out and asks again. It is asked only when the file is
//! in the workspace as declared, or when it is to be taken offline before it is deleted. No I/O, no
//! clock. It must not know how runs are read or how often.
//!
//! The rules it keeps:
//! - never two runs for one version: the object's runs are looked at before one is made, what is to
//!   be made is recorded first, and after an answer that was lost another is made only when the
//!   first can no longer arrive (the same bounds as for a create);
//! - never a version that is not the declared one: a run of an older version is abolished, or
//!   finished where it is being deployed, before the next is made. It is not left to wait: a person
//!   who approves it later would put into production what nobody declares any more;
//! - a run that fails is not made again by itself: a person decides, by an edit or by the annotation
//!   `publish-requested-at`, since an approver who refused must not be asked every hour.

mod begin;
mod follow;
mod poll;
mod run;
mod tag;
mod tell;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::api::condition::Reason;
use crate::api::v1alpha1::{Publication, PublicationStatus, RunMode, RunType};
use crate::bounds::Bounds;
use crate::fault::Fault;
use crate::object::Uid;
use crate::plan::Identity;
use crate::state::State;
pub use poll::{Pages, page_with_newest, poll_after};
pub use run::{Kind, Mode, Run, RunId, RunStatus, Stage, StageKind};
pub use tag::Tag;
pub use tell::{Verdict, tell, verdict};

/// What is wished for an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Publish it, or take it offline; none: only end what is under way.
    pub kind: Option<Kind>,
    /// The object is being deleted.
    pub deleting: bool,
    /// The `specDigest` that is to be published; none otherwise.
    pub version: Option<String>,
    /// The code of the last stage that is wanted; none: all.
    pub until_stage: Option<String>,
    /// A person asked for it now, and that was not answered yet.
    pub requested: bool,
}

/// What became of CreatePipelineRun, as far as this process knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// The request was recorded by this process, and nothing was sent for it, or nothing came of it.
    Nothing,
    /// It was sent at this time, and the outcome is not known.
    Unknown(Timestamp),
    /// It was refused for good, for this.
    Refused(String),
}

/// What this process remembers of a publication; lost with the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// The request with this `at`.
    pub sent: Option<(Timestamp, Sent)>,
    /// This stage of this run was triggered.
    pub triggered: Option<(RunId, String)>,
    /// Nothing came of starting this stage of this run, for a reason that may pass.
    pub unsent: Option<(RunId, String)>,
    /// The service refused so often to start this stage, and said this.
    pub not_startable: Option<(String, u32, String)>,
    /// This run was abolished, or could not be.
    pub abolished: Option<RunId>,
    /// The service does not delete the resource as long as it is published.
    pub needs_offline: bool,
}

/// What ListPipelineRuns says of one object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Look {
    /// When it was begun.
    pub begun: Timestamp,
    /// All runs of the object.
    pub runs: Vec<Run>,
}

/// How a run was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Like this.
    Run(Run),
    /// The service does not know it, and says this.
    Gone(String),
}

/// The facts that a step is chosen from.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// Who we are.
    pub identity: &'a Identity,
    /// The object.
    pub uid: &'a Uid,
    /// The times that "never twice" rests on.
    pub bounds: &'a Bounds,
    /// `RunMode=Auto` is worth a try in this workspace.
    pub auto: bool,
    /// What this process remembers.
    pub memory: &'a Memory,
    /// The object's runs; `None`: not looked at in this round.
    pub look: Option<&'a Look>,
    /// The recorded run; `None`: not seen by this process.
    pub run: Option<&'a Sight>,
}

/// A step and the reason for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What to do.
    pub step: Step,
    /// Why, for the log line.
    pub why: &'static str,
}

/// What can be done. Each is at most one call to the cloud and one write to Kubernetes.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing is to be done: what is wished is so, or has failed for good.
    Rest,
    /// List the object's runs.
    Look,
    /// Record this.
    Record {
        /// The new `status.publication`.
        publication: Box<Publication>,
        /// What to say; `None`: it has ended.
        state: Option<State>,
    },
    /// Send CreatePipelineRun for the recorded request.
    CreateRun {
        /// What it does.
        kind: Kind,
        /// Who starts its stages.
        mode: Mode,
        /// With [`Mode::Auto`]: how far.
        until_stage: Option<String>,
        /// Its description.
        tag: Tag,
    },
    /// Record this if it is new, and go on when the run was seen again.
    Watch {
        /// The run.
        run: RunId,
        /// When it last changed, as far as is known: the longer ago, the more seldom it is looked at.
        since: Option<Timestamp>,
        /// It waits for a person: it is looked at seldom.
        person: bool,
        /// The new `status.publication`.
        publication: Box<Publication>,
        /// What to say.
        state: State,
    },
    /// Record this, then send ExecPipelineRunStage.
    StartStage {
        /// The run.
        run: RunId,
        /// The stage's code.
        stage: String,
        /// The new `status.publication`.
        publication: Box<Publication>,
        /// What to say.
        state: State,
    },
    /// Send AbolishPipelineRun.
    Abolish(RunId),
    /// Look again at this time.
    Wait {
        /// When.
        until: Timestamp,
        /// What to say meanwhile.
        state: State,
    },
}

impl Step {
    /// The step's name in logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rest => "Rest",
            Self::Look => "LookForRuns",
            Self::Record { .. } => "RecordPublication",
            Self::CreateRun { .. } => "CreateRun",
            Self::Watch { .. } => "WatchRun",
            Self::StartStage { .. } => "StartStage",
            Self::Abolish(_) => "AbolishRun",
            Self::Wait { .. } => "WaitForRun",
        }
    }
}

/// The next step for a publication, and why. `now` is the service's time.
#[must_use]
pub fn next(wish: &Wish, record: &Publication, seen: &Seen<'_>, now: Timestamp) -> Plan {
    if let Some(request) = &record.request {
        return begin::requested(wish, record, request, seen, now);
    }
    if let Some(run) = under_way(record) {
        return follow::plan(wish, record, &run, seen, now);
    }
    if let Some(plan) = left_open(wish, record, seen) {
        return plan;
    }
    let settled = match wish.kind {
        Some(Kind::Online) => {
            verdict(record, wish.version.as_deref(), wish.until_stage.as_deref(), wish.requested)
        }
        Some(Kind::Offline) => offline(record, wish.requested),
        None => Verdict::Published,
    };
    match settled {
        Verdict::Published => because(Step::Rest, "it is as wished"),
        Verdict::Failed => because(Step::Rest, "it has failed, and a person is to decide"),
        Verdict::Pending => begin::plan(wish, wish.kind.unwrap_or(Kind::Online), record, seen, now),
    }
}

/// Whether what was published is offline, or could not be taken so.
#[must_use]
pub fn offline(record: &Publication, requested: bool) -> Verdict {
    let ours = record.type_ == Some(RunType::Offline);
    match record.status {
        Some(PublicationStatus::Success) if ours => Verdict::Published,
        Some(PublicationStatus::Fail | PublicationStatus::Termination | PublicationStatus::Cancel)
            if ours && !requested =>
        {
            Verdict::Failed
        }
        _ => Verdict::Pending,
    }
}

/// What is recorded once CreatePipelineRun was answered with this run.
#[must_use]
pub fn created(record: &Publication, run: &RunId, now: Timestamp) -> Publication {
    begin::created(record, run, now)
}

/// The recorded run while it is under way.
#[must_use]
pub fn under_way(record: &Publication) -> Option<RunId> {
    let goes_on = record.status.is_some_and(|status| !status.is_final());
    record.run_id.as_deref().filter(|_| goes_on)?.parse().ok()
}

/// The recorded run, if it was stopped at a stage on its way: it ended well as far as was wished, and
/// anybody could go on with it.
#[must_use]
pub fn stopped(record: &Publication) -> Option<RunId> {
    let stops = record.status == Some(PublicationStatus::Success)
        && record.until_stage.is_some()
        && kind_of(record) == Kind::Online;
    record.run_id.as_deref().filter(|_| stops)?.parse().ok()
}

/// Ends a run that was stopped on its way, where the file is not to be published any more: whoever went
/// on with it would put into production what nobody declares.
fn left_open(wish: &Wish, record: &Publication, seen: &Seen<'_>) -> Option<Plan> {
    let run = stopped(record).filter(|_| wish.kind != Some(Kind::Online))?;
    if seen.memory.abolished.as_ref() != Some(&run) {
        return Some(because(
            Step::Abolish(run),
            "nobody shall go on with a run that was stopped on its way",
        ));
    }
    // An object that goes needs no record of it.
    let publication = Box::new(Publication { run_id: None, ..record.clone() });
    let forgotten = Step::Record { publication, state: None };
    (!wish.deleting).then(|| because(forgotten, "the run that was stopped on its way has ended"))
}

fn because(step: Step, why: &'static str) -> Plan {
    Plan { step, why }
}

fn kind_of(record: &Publication) -> Kind {
    match record.type_ {
        Some(RunType::Offline) => Kind::Offline,
        Some(RunType::Online) | None => Kind::Online,
    }
}

fn type_of(kind: Kind) -> RunType {
    match kind {
        Kind::Online => RunType::Online,
        Kind::Offline => RunType::Offline,
    }
}

fn mode_of(record: &Publication) -> Mode {
    match record.mode {
        Some(RunMode::Auto) => Mode::Auto,
        Some(RunMode::Normal) | None => Mode::Normal,
    }
}

fn time(at: Timestamp) -> Option<Time> {
    Some(Time(crate::state::whole(at)))
}

/// What to say while it goes on.
fn working(wish: &Wish, reason: Reason, message: String) -> State {
    if wish.deleting { State::Deleting { message } } else { State::Publishing { reason, message } }
}

impl Wish {
    /// What is recorded is no more what is wished.
    fn differs(&self, record: &Publication) -> bool {
        self.kind != Some(kind_of(record)) || self.version != record.digest
    }
}

/// A fault, as the publication keeps it.
#[must_use]
pub fn refusal(fault: &Fault) -> String {
    crate::state::told(fault)
}
