//! Every story of a publication within a budget of what may go wrong, told to the real state machine:
//! never two runs for one version, never a stage of a version that is not declared, and always an
//! end that is what status says.
//!
//! `MODEL=deep` lets one thing more go wrong.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hash::{Hash, Hasher};
use std::io::Write as _;

use dataworks_core::api::v1alpha1::Publication;
use dataworks_core::bounds::Bounds;
use dataworks_core::object::Uid;
use dataworks_core::plan::Identity;
use dataworks_core::publish::{
    Kind, Look, Memory, Run, RunId, RunStatus, Seen, Sent, Sight, Stage, StageKind, Step, Tag, Verdict, Wish,
    created, next, stopped, verdict,
};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use stateright::{Checker as _, HasDiscoveries, Model, Property};

const UID: &str = "uid-1";
/// More looks in a row at what does not change mean that a story does not settle.
const MOST_LOOKS: u8 = 30;
/// A poll of a run.
const POLL: i64 = 15;

fn at(seconds: i64) -> Timestamp {
    "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn seconds(at_: Timestamp) -> i64 {
    at_.duration_since(at(0)).as_secs()
}

/// Compared by its JSON: times in it have no hash of their own.
#[derive(Clone, Debug, Default)]
struct Kept(Publication);

impl Kept {
    fn text(&self) -> String {
        serde_json::to_string(&self.0).unwrap()
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Kept {}

impl Hash for Kept {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text().hash(state);
    }
}

/// A request that may still be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Flight {
    version: u8,
    description: String,
    asked: i64,
    deadline: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    now: i64,
    declared: u8,
    /// It is still to be published, and how far: to the end, or only built.
    wished: bool,
    until: Option<&'static str>,
    record: Kept,
    memory: Memory,
    look: Option<Look>,
    sight: Option<Run>,
    pod: u8,
    /// With the version that each publishes.
    runs: Vec<(u8, Run)>,
    flights: Vec<Flight>,
    production: u8,
    /// What may still go wrong, and how often people still do something.
    faults: u8,
    edits: u8,
    refusals: u8,
    looks: u8,
    keeps_description: bool,
    broken: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    /// Carried out, and not answered.
    Lost,
    /// Not carried out, and not answered.
    Dropped,
    /// Not answered, and perhaps carried out later.
    Late,
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Act(End),
    /// The process dies, and another begins: of the same pod, or of another.
    Crash(bool),
    Edit,
    /// It is not to be published any more.
    Unwish,
    Approve(usize),
    Refuse(usize),
    /// The last stage ends.
    Finish(usize),
    Fail(usize),
    Arrive(usize),
}

impl World {
    fn new(faults: u8, edits: u8, refusals: u8, keeps_description: bool) -> Self {
        Self {
            now: 0,
            declared: 1,
            wished: true,
            until: None,
            record: Kept::default(),
            memory: Memory::default(),
            look: None,
            sight: None,
            pod: 1,
            runs: Vec::new(),
            flights: Vec::new(),
            production: 0,
            faults,
            edits,
            refusals,
            looks: 0,
            keeps_description,
            broken: None,
        }
    }

    fn version(&self) -> String {
        format!("v{}", self.declared)
    }

    fn step(&self) -> Step {
        let identity = Identity { cluster: "c".into(), holder: format!("pod-{}", self.pod), proxied: false };
        let (uid, bounds) = (Uid::new(UID), Bounds::default());
        let recorded = self.record.0.run_id.as_deref();
        let sight = self.sight.clone().filter(|run| recorded == Some(run.id.as_str())).map(Sight::Run);
        let seen = Seen {
            identity: &identity,
            uid: &uid,
            bounds: &bounds,
            auto: false,
            memory: &self.memory,
            look: self.look.as_ref(),
            run: sight.as_ref(),
        };
        let wish = Wish {
            kind: self.wished.then_some(Kind::Online),
            deleting: false,
            version: self.wished.then(|| self.version()),
            until_stage: self.until.filter(|_| self.wished).map(str::to_owned),
            requested: false,
        };
        next(&wish, &self.record.0, &seen, at(self.now)).step
    }

    fn actions(&self, actions: &mut Vec<Action>) {
        if self.broken.is_some() {
            return;
        }
        let step = self.step();
        let faulty = |ends: &[End], actions: &mut Vec<Action>| {
            actions.push(Action::Act(End::Done));
            actions.extend(ends.iter().filter(|_| self.faults > 0).map(|end| Action::Act(*end)));
        };
        match &step {
            Step::Rest => {}
            Step::Look | Step::Wait { .. } => actions.push(Action::Act(End::Done)),
            Step::Record { .. } => faulty(&[End::Lost], actions),
            Step::CreateRun { .. } => {
                faulty(&[End::Lost, End::Dropped, End::Late, End::Refused], actions);
            }
            Step::StartStage { .. } | Step::Abolish(_) => faulty(&[End::Lost, End::Dropped], actions),
            // Where a person or a stage is waited for, the same look shows the same.
            Step::Watch { run, .. } => {
                if self.sight != self.truth(run) || !self.goes_on(run) {
                    actions.push(Action::Act(End::Done));
                }
            }
        }
        if self.faults > 0 && step != Step::Rest {
            actions.extend([Action::Crash(true), Action::Crash(false)]);
        }
        if self.edits > 0 && self.wished {
            actions.push(Action::Edit);
            actions.extend(self.until.map(|_| Action::Unwish));
        }
        for (index, (_, run)) in self.runs.iter().enumerate().filter(|(_, (_, run))| !run.status.is_final()) {
            if run.stages[1].status == RunStatus::Running {
                actions.push(Action::Approve(index));
                actions.extend((self.refusals > 0).then_some(Action::Refuse(index)));
            }
            if run.stages[2].status == RunStatus::Running {
                actions.push(Action::Finish(index));
                actions.extend((self.refusals > 0).then_some(Action::Fail(index)));
            }
        }
        actions.extend((0..self.flights.len()).map(Action::Arrive));
    }

    /// Something will happen to a run without the operator.
    fn goes_on(&self, id: &RunId) -> bool {
        let run = self.truth(id).filter(|run| !run.status.is_final());
        run.is_some_and(|run| run.stages.iter().any(|stage| stage.status == RunStatus::Running))
    }

    fn truth(&self, id: &RunId) -> Option<Run> {
        self.runs.iter().find(|(_, run)| run.id == *id).map(|(_, run)| run.clone())
    }

    fn after(&self, action: Action) -> Self {
        let mut world = self.clone();
        match action {
            Action::Act(end) => {
                if end != End::Done {
                    world.faults -= 1;
                }
                world.act(self.step(), end);
            }
            Action::Crash(same) => {
                world.faults -= 1;
                (world.memory, world.look, world.sight) = (Memory::default(), None, None);
                if !same {
                    world.pod += 1;
                    let Bounds { start, signature, .. } = Bounds::default();
                    for flight in &mut world.flights {
                        flight.deadline = flight.asked + (start + signature).as_secs();
                    }
                }
            }
            Action::Edit => {
                world.edits -= 1;
                world.declared += 1;
                world.looks = 0;
            }
            Action::Unwish => {
                world.edits -= 1;
                world.wished = false;
            }
            Action::Approve(index) => world.runs[index].1.stages[1].status = RunStatus::Success,
            Action::Finish(index) => {
                let (version, run) = &mut world.runs[index];
                run.stages[2].status = RunStatus::Success;
                run.status = RunStatus::Success;
                world.production = *version;
            }
            Action::Refuse(index) => world.fail(index, 1, RunStatus::Termination),
            Action::Fail(index) => world.fail(index, 2, RunStatus::Fail),
            Action::Arrive(index) => {
                let flight = world.flights.remove(index);
                world.make(flight.version, flight.description);
            }
        }
        if !matches!(action, Action::Act(_)) {
            world.looks = 0;
        }
        let now = world.now;
        world.flights.retain(|flight| flight.deadline >= now);
        world
    }

    fn fail(&mut self, index: usize, stage: usize, status: RunStatus) {
        self.refusals -= 1;
        let run = &mut self.runs[index].1;
        run.stages[stage].status = status;
        run.status = status;
    }

    fn make(&mut self, version: u8, description: String) {
        if self.runs.iter().any(|(made, _)| *made == version) {
            self.broken = Some("there is one run for a version");
        }
        let stage = |code: &str, kind, step, status| Stage {
            code: code.to_owned(),
            kind,
            step,
            status,
            message: String::new(),
        };
        let run = Run {
            id: format!("r{}", self.runs.len()).parse().unwrap(),
            status: RunStatus::Running,
            message: String::new(),
            description: if self.keeps_description { description } else { String::new() },
            created: at(self.now),
            stages: vec![
                stage("BUILD", StageKind::Build, 1, RunStatus::Success),
                stage("APPROVE", StageKind::Person, 2, RunStatus::Running),
                stage("PROD", StageKind::Deploy, 3, RunStatus::Init),
            ],
        };
        self.runs.push((version, run));
    }

    fn act(&mut self, step: Step, end: End) {
        match step {
            Step::Rest => {}
            Step::Look => {
                let runs = self.runs.iter().map(|(_, run)| run.clone()).collect();
                self.look = Some(Look { begun: at(self.now), runs });
            }
            Step::Record { publication, .. } => {
                self.look = None;
                let asked = publication.request.as_ref().and_then(|request| request.at.clone());
                let ended = publication.status.is_some_and(|status| status.is_final());
                self.record = Kept(*publication);
                self.moment();
                if end == End::Done {
                    self.memory.sent = asked.map(|asked| (asked.parse().unwrap(), Sent::Nothing));
                }
                if ended {
                    self.memory = Memory { abolished: self.memory.abolished.clone(), ..Memory::default() };
                }
            }
            Step::CreateRun { tag, .. } => self.create(&tag, end),
            Step::Watch { run, publication, .. } => {
                let seen = self.truth(&run);
                let news = self.sight != seen;
                self.look = None;
                self.record = Kept(*publication);
                self.sight = seen;
                self.later(POLL);
                if news {
                    self.looks = 0;
                }
            }
            Step::StartStage { run, stage, publication, .. } => {
                self.record = Kept(*publication);
                let declared = self.declared;
                let (version, truth) = self.runs.iter_mut().find(|(_, known)| known.id == run).unwrap();
                if *version != declared {
                    self.broken = Some("only what is declared is published");
                }
                let startable = truth.startable().is_some_and(|known| known.code == stage);
                if end != End::Dropped && startable && !truth.status.is_final() {
                    let known = truth.stages.iter_mut().find(|known| known.code == stage).unwrap();
                    known.status = RunStatus::Running;
                }
                if end == End::Done {
                    self.memory.triggered = Some((run, stage));
                } else {
                    self.sight = None;
                }
                self.moment();
            }
            Step::Abolish(run) => {
                (self.look, self.sight) = (None, None);
                let known = self.runs.iter_mut().find(|(_, known)| known.id == run);
                if let Some((_, known)) =
                    known.filter(|(_, known)| end != End::Dropped && !known.status.is_final())
                {
                    known.status = RunStatus::Cancel;
                }
                if end == End::Done {
                    self.memory.abolished = Some(run);
                }
                self.moment();
            }
            Step::Wait { until, .. } => {
                self.look = None;
                self.later((seconds(until) - self.now).max(1));
            }
        }
    }

    fn create(&mut self, tag: &Tag, end: End) {
        let asked: Timestamp = tag.at.parse().unwrap();
        let version = tag.version.as_deref().unwrap().trim_start_matches('v').parse().unwrap();
        let description = tag.to_description();
        let sent = self.now;
        let unknown = Some((asked, Sent::Unknown(at(sent))));
        match end {
            End::Done => {
                self.make(version, description);
                let id = self.runs.last().unwrap().1.id.clone();
                self.record = Kept(created(&self.record.0, &id, at(self.now)));
                self.memory.sent = None;
            }
            End::Lost => {
                self.make(version, description);
                self.memory.sent = unknown;
            }
            End::Dropped => self.memory.sent = unknown,
            End::Late => {
                let deadline = sent + Bounds::default().call.as_secs();
                self.flights.push(Flight { version, description, asked: seconds(asked), deadline });
                self.memory.sent = unknown;
            }
            End::Refused => self.memory.sent = Some((asked, Sent::Refused("no".to_owned()))),
        }
        self.look = None;
        self.moment();
    }

    fn moment(&mut self) {
        self.now += 1;
    }

    fn later(&mut self, seconds: i64) {
        self.now += seconds;
        self.looks += 1;
    }

    /// The promise that is broken by how the world rests.
    fn broken_at_rest(&self) -> Option<&'static str> {
        if self.step() != Step::Rest || !self.flights.is_empty() {
            return None;
        }
        let stopped = |run: &Run| {
            self.wished && self.until.is_some() && stopped(&self.record.0) == Some(run.id.clone())
        };
        if self.runs.iter().any(|(_, run)| !run.status.is_final() && !stopped(run)) {
            return Some("no run is left under way");
        }
        if !self.wished {
            return None;
        }
        match verdict(&self.record.0, Some(&self.version()), self.until, false) {
            Verdict::Published if self.until.is_some() || self.production == self.declared => None,
            Verdict::Published => Some("what is published is what is declared"),
            Verdict::Failed => None,
            Verdict::Pending => Some("it rests only where nothing is to be done"),
        }
    }
}

struct Stories(World);

impl Model for Stories {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![self.0.clone()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world.actions(actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        Some(world.after(action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("each step keeps what is promised", |_, world: &World| world.broken.is_none()),
            Property::always("settles", |_, world: &World| world.looks <= MOST_LOOKS),
            Property::always("rests as promised", |_, world: &World| world.broken_at_rest().is_none()),
            Property::sometimes("a version is published", |_, world: &World| {
                let published = world.production == world.declared || world.until.is_some();
                world.step() == Step::Rest && published
            }),
        ]
    }
}

fn check(name: &str, faults: u8, edits: u8, refusals: u8, keeps_description: bool) {
    check_until(name, None, [faults, edits, refusals], keeps_description);
}

fn check_until(
    name: &str,
    until: Option<&'static str>,
    [faults, edits, refusals]: [u8; 3],
    keeps_description: bool,
) {
    let faults = faults + u8::from(std::env::var("MODEL").is_ok_and(|depth| depth == "deep"));
    let stories = Stories(World { until, ..World::new(faults, edits, refusals, keeps_description) });
    let told = stories.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let unique = told.unique_state_count();
    let _told = writeln!(std::io::stderr(), "{name}: {unique} states, depth {}", told.max_depth());
    let mut published = false;
    for (property, path) in told.discoveries() {
        if property == "a version is published" {
            published = true;
            continue;
        }
        let world = path.last_state().clone();
        let story: Vec<String> = path.into_actions().iter().map(|action| format!("{action:?}")).collect();
        panic!(
            "{name}: {property}: {:?}\n{}\n{:?}\n{world:#?}",
            world.broken.or(world.broken_at_rest()),
            story.join("\n"),
            world.step(),
        );
    }
    assert!(published && unique > 100, "{name}: a story was told");
}

#[test]
fn faults_and_crashes() {
    check("faults, crashes", 2, 0, 1, true);
}

#[test]
fn edits_faults_and_crashes() {
    check("edits, faults, crashes", 1, 2, 1, true);
}

#[test]
fn where_descriptions_are_dropped() {
    check("no description, faults", 2, 0, 1, false);
    check("no description, edits", 1, 1, 0, false);
}

#[test]
fn runs_that_are_stopped_on_their_way() {
    check_until("stopped, edits, faults", Some("BUILD"), [1, 2, 0], true);
}
