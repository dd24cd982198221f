//! One run over an object: plan, carry one step out, plan again, as the shell does.

use std::sync::Arc;

use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::{AttemptOutcome, DeletionPolicy};
use dataworks_core::backoff;
use dataworks_core::fault::{Class, Fault as Failure, Outcome};
use dataworks_core::intent::{Intent, IntentNote};
use dataworks_core::inventory::Row;
use dataworks_core::mutation::{Rule, off};
use dataworks_core::path::ResourcePath;
use dataworks_core::plan::{
    Candidate, Holder, Identity, Memory, Middle, MiddleHeld, Observed, ReadBack, ReadVerdict, Search, Step,
    at_path, compare, plan,
};
use dataworks_core::state::{Change as StatusChange, Fact, Sent, State, next};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::cloud::{Answer, Done, Number, Request, STRANGER, full_id, number};
use super::object::{Holders, Object, Question, Standing, coarse, path_number};
use super::process::{Process, Wake};
use super::upload::Content;
use super::{World, seconds};
use crate::plan_support::{CLUSTER, at, nothing_seen};

/// As many steps as the shell allows.
const MOST_STEPS: u8 = 16;

/// One object under work: as last read or written, and what the run learned.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) object: Arc<Object>,
    pub(super) steps: u8,
    pub(super) look: Option<Vec<Row>>,
    pub(super) search: Option<Search>,
    pub(super) read: Option<ReadBack>,
    pub(super) read_modified: Option<i64>,
    /// The read of a file that is to become this object's: when it was made and last changed.
    pub(super) adoptee: Option<(Number, ReadBack, i64, i64)>,
    pub(super) call: Option<Call>,
    /// Where content stands in a ConfigMap: what was read of it, and which version there was when the
    /// run began.
    pub(super) content: Option<Content>,
}

/// A call that is under way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) request: Request,
    pub(super) sent: Timestamp,
    /// The intent of a create.
    pub(super) intent: Option<Intent>,
    /// Where the resource stands, or is to stand.
    pub(super) place: Option<ResourcePath>,
    /// What is answered, where the process has not taken it in yet.
    pub(super) answer: Option<Answer>,
}

/// What becomes of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum How {
    Fine,
    /// The listing shows as little of the present as it may.
    Stale,
    /// The read fails; the write is not made.
    Fails,
    /// The write is made and nobody hears of it.
    Unheard,
}

/// What is to become of the object in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    At(Timestamp),
    AfterFailure,
}

/// The run goes on, or ends.
type Flow = Result<(), Again>;

impl Run {
    fn new(object: Arc<Object>, content: Option<Content>) -> Self {
        Self {
            object,
            content,
            steps: 0,
            look: None,
            search: None,
            read: None,
            read_modified: None,
            adoptee: None,
            call: None,
        }
    }
}

impl World {
    /// The next step of a run, which begins if there is none. Answers whether `how` made a
    /// difference.
    pub(super) fn step(&mut self, process: &mut Process, slot: usize, how: How) -> bool {
        let mut run = match process.runs[slot].take() {
            Some(run) => run,
            None => match &self.objects[slot] {
                Some(object) => Box::new(Run::new(object.clone(), self.content(slot))),
                None => {
                    process.wake[slot] = Wake::Never;
                    return how == How::Fine;
                }
            },
        };
        process.wake[slot] = Wake::Never;
        let mut mattered = how == How::Fine;
        let flow = match run.call.take() {
            Some(call) => self.take_in(process, &mut run, call),
            None => self.decide(process, &mut run, how, &mut mattered),
        };
        self.go_on(process, run, slot, flow);
        mattered
    }

    /// The object is as the run knows it.
    fn is_current(&self, run: &Run) -> bool {
        self.objects[run.object.slot].as_ref().map(|live| live.version) == Some(run.object.version)
    }

    /// The run goes on or ends, after which the object is taken up again when it has to be.
    pub(super) fn go_on(&self, process: &mut Process, run: Box<Run>, slot: usize, flow: Flow) {
        let Err(again) = flow else {
            process.runs[slot] = Some(run);
            return;
        };
        let changed = !self.is_current(&run)
            || run.content.is_some_and(|content| content.begun != self.maps[slot].version);
        process.wake[slot] = match again {
            _ if changed && self.objects[slot].is_some() => Wake::Now,
            Again::Never => Wake::Never,
            Again::At(at) if at <= self.time() => Wake::Now,
            Again::At(at) => Wake::At(at),
            Again::AfterFailure => {
                let memory = process.recall(slot, run.object.uid);
                memory.failures += 1;
                Wake::At(self.time() + wait(&run.object, memory))
            }
        };
    }

    fn decide(&mut self, process: &mut Process, run: &mut Run, how: How, mattered: &mut bool) -> Flow {
        run.steps += 1;
        if run.steps > MOST_STEPS {
            self.breaks("a run ends");
            return Err(Again::AfterFailure);
        }
        let object = run.object.clone();
        let recorded = object.known();
        let seen = process.view.clone().unwrap_or_else(|| self.objects.clone());
        let holders = Holders::of(&seen);
        let id_held = recorded.id().is_some_and(|id| holders.id_held(&id, &object));
        let holder = |held: bool| held.then_some(Holder { name: None });
        let look = run.look.iter().flatten().map(|row| &row.id);
        let claimed = look.filter(|id| holders.id_held(id, &object));
        let observed = Observed {
            identity: Identity {
                cluster: CLUSTER.into(),
                holder: format!("pod-{}", process.pod),
                proxied: self.setting.proxied,
            },
            bounds: Self::bounds(),
            held_by: holder(holders.held(object.slot)),
            id_held_by: holder(id_held),
            memory: process.recall(object.slot, object.uid).clone(),
            look: run.look.clone(),
            search: run.search.clone(),
            read: run.read.clone(),
            read_modified: run.read_modified.map(at),
            claimed: claimed.cloned().collect(),
            adoptee: run.adoptee.as_ref().map(|(number, back, ..)| (full_id(*number), back.clone())),
            middle_held: middle_held(run, &holders),
            source: run.source(),
            ..nothing_seen()
        };
        let decided = plan(Ok(run.desired()), recorded, &observed, self.time());
        self.execute(process, run, &holders, decided.step, how, mattered)
    }

    fn execute(
        &mut self,
        process: &mut Process,
        run: &mut Run,
        holders: &Holders,
        step: Step,
        how: How,
        mattered: &mut bool,
    ) -> Flow {
        let (slot, uid) = (run.object.slot, run.object.uid);
        let reads = matches!(
            step,
            Step::Look
                | Step::Search(_)
                | Step::ReadCandidate(..)
                | Step::ReadBack(_)
                | Step::ReadAdoptee(_)
                | Step::ReadContent
                | Step::UploadContent(_)
        );
        let listed = matches!(step, Step::Look | Step::Search(_));
        let sends = matches!(
            step,
            Step::CreateResource(_)
                | Step::UpdateResource { .. }
                | Step::RenameResource { .. }
                | Step::MoveResource { .. }
                | Step::DeleteResource(_)
        );
        match how {
            How::Fine => {}
            How::Stale => *mattered = listed && self.rows(process, true) != self.rows(process, false),
            How::Fails => *mattered = reads,
            // Whether a write is made shows only below.
            How::Unheard => *mattered = !reads && !sends,
        }
        if how == How::Fails && reads {
            return self.failed(process, run, &failure(Class::Transient, "Busy"), None);
        }
        match step {
            Step::Nothing => {
                process.recall(slot, uid).clear();
                Err(Again::Never)
            }
            Step::Report(state) => {
                let blocked =
                    matches!(state, State::DeletionBlocked { .. } | State::DeletionAmbiguous { .. });
                let fact = process.recall(slot, uid).unknown_create(run.object.known());
                self.status(run, state.clone(), fact, how)?;
                process.recall(slot, uid).finished(&state);
                Err(if blocked {
                    Again::At(self.time() + SignedDuration::from_mins(5))
                } else {
                    self.rest(slot)
                })
            }
            Step::Wait { until, state } => {
                let long = until.duration_since(self.time()) > SignedDuration::from_secs(5);
                if let Some(state) = state.filter(|_| long) {
                    self.tell(run, state, how)?;
                }
                Err(Again::At(until))
            }
            Step::Tell(state) => self.tell(run, state, how),
            Step::Look => {
                let path = run.desired().path.to_string();
                let name = path.rsplit('/').next().unwrap().to_owned();
                let near = |row: &Row| at_path(row, &path) || row.name == name;
                run.look = Some(self.rows(process, how == How::Stale).into_iter().filter(near).collect());
                Ok(())
            }
            Step::WriteIntent(intent) => {
                // No two intents of one object have the same time.
                self.sequence += 1;
                process.recall(slot, uid).wrote_intent(intent.at);
                self.write(run, how, |object| object.intends(&intent))
            }
            Step::RestoreIntent(intent) => self.write(run, how, |object| object.intends(&intent)),
            Step::AddFinalizer => self.write(run, how, |object| {
                if object.recorded().intent == IntentNote::Foreign {
                    object.note = None;
                }
                object.finalizer = true;
            }),
            Step::RemoveFinalizer => {
                let version = self.versions;
                let flow = self.write(run, how, |object| object.finalizer = false);
                if self.versions != version
                    && (run.object.deletion() == DeletionPolicy::Retain || run.object.declared.suspend)
                {
                    self.kept |= 1 << uid;
                }
                flow?;
                process.recall(slot, uid).clear();
                Err(Again::Never)
            }
            Step::CreateResource(intent) => {
                if self.time().duration_since(intent.at) > Self::bounds().start {
                    return Ok(());
                }
                let content = self.sends(process, run);
                let request = Request::Create { path: run.object.declared.path, content };
                self.call(process, run, request, Some(intent));
                Ok(())
            }
            Step::UpdateResource { id, at } => {
                let request = Request::Update { file: number(&id), content: self.sends(process, run) };
                self.call(process, run, request, None);
                run.call.as_mut().unwrap().place = Some(at);
                Ok(())
            }
            Step::RenameResource { id, to } => {
                let request = Request::Rename { file: number(&id), to: path_number(&to) };
                self.relocate(process, run, holders, request, to)
            }
            Step::MoveResource { id, to } => {
                let request = Request::Move { file: number(&id), to: path_number(&to) };
                self.relocate(process, run, holders, request, to)
            }
            Step::ForgetCopy => {
                let state = State::Creating { message: String::new() };
                self.status(run, state, Some(Fact::Forgotten), how)
            }
            Step::ReadAdoptee(id) => {
                let number = number(&id);
                run.adoptee = Some(match self.file(number) {
                    Some(file) => {
                        let held = run.desired().held_by(self.document(file));
                        (number, ReadBack::Present(held), file.created, file.modified)
                    }
                    None => (number, ReadBack::Absent, 0, 0),
                });
                Ok(())
            }
            Step::RecordAdopted { id, at, closes } => {
                self.record_adopted(process, run, number(&id), &at, closes, how)
            }
            Step::RecordDrift(fields) => {
                let Some(modified) = run.read_modified else { return Err(Again::Never) };
                let fact = Fact::Looked { modified: at(modified) };
                self.done(process, run, State::Drifted { fields }, fact, how)?;
                Err(self.rest(slot))
            }
            Step::DeleteResource(id) => {
                if run.object.deletion() == DeletionPolicy::Retain || run.object.declared.suspend {
                    self.breaks("a retained file stays");
                }
                self.call(process, run, Request::Delete { file: number(&id) }, None);
                Ok(())
            }
            Step::Search(intent) => {
                let wanted = run.desired().path.to_string();
                let begun = self.time();
                let rows = self.rows(process, how == How::Stale).into_iter();
                let rows = rows.filter(|row| at_path(row, &intent.path) || at_path(row, &wanted));
                let candidate = |row: Row| Candidate {
                    claimed: holders.id_held(&row.id, &run.object)
                        || holders.path_held(row.path.parse().ok(), &run.object),
                    row,
                    verdict: None,
                };
                run.search = Some(Search { begun, rows: rows.map(candidate).collect() });
                Ok(())
            }
            Step::ReadCandidate(intent, id) => {
                let verdict = match self.file(number(&id)) {
                    Some(file) => compare(&intent, Some(run.desired()), self.document(file)),
                    None => ReadVerdict::Gone,
                };
                for candidate in run.search.iter_mut().flat_map(|search| &mut search.rows) {
                    if candidate.row.id == id {
                        candidate.verdict = Some(verdict);
                    }
                }
                Ok(())
            }
            Step::RecordFound(intent, row) => self.record_found(process, run, &intent, row, how),
            Step::ReadBack(id) => {
                match self.file(number(&id)) {
                    Some(file) => {
                        let held = run.desired().held_by(self.document(file));
                        run.read = Some(ReadBack::Present(held));
                        run.read_modified = Some(file.modified);
                    }
                    None => {
                        run.read = Some(ReadBack::Absent);
                        process.gone.push((number(&id), self.now));
                    }
                }
                Ok(())
            }
            Step::ReadContent => {
                self.read_content(run);
                Ok(())
            }
            Step::UploadContent(digest) => {
                self.upload(process, run, digest);
                Ok(())
            }
            Step::RecordUpdated => {
                let date = run.read_modified.unwrap_or(self.now);
                self.record_updated(process, run, date, how)
            }
            Step::RecordSeen => {
                let Some(modified) = run.read_modified else { return Err(Again::Never) };
                let fact = Fact::Seen { modified: at(modified), sent: Sent::of(run.desired()) };
                self.done(process, run, State::Ready, fact, how)?;
                Err(self.rest(slot))
            }
        }
    }

    /// Tells of a state in which something goes on, and what it may leave.
    fn tell(&mut self, run: &mut Run, state: State, how: How) -> Flow {
        let fact = match (&state, &run.object.known().intent) {
            (State::OutcomeUnknown { .. }, IntentNote::Own(intent)) => Some(Fact::Attempted {
                at: intent.at,
                outcome: AttemptOutcome::Unknown,
                path: Some(intent.path.clone()),
            }),
            (_, _) => None,
        };
        self.status(run, state, fact, how)
    }

    /// Tells what was done or seen: nothing is unfinished any more, or all is doubted.
    fn done(&mut self, process: &mut Process, run: &mut Run, state: State, fact: Fact, how: How) -> Flow {
        let (slot, uid) = (run.object.slot, run.object.uid);
        let flow = self.status(run, state, Some(fact), how);
        match flow {
            Ok(()) => process.recall(slot, uid).clear(),
            Err(_) => process.recall(slot, uid).unrecorded(),
        }
        flow
    }

    fn call(&mut self, process: &Process, run: &mut Run, request: Request, intent: Option<Intent>) {
        self.send(request, run.object.uid, process, run.object.slot);
        run.call = Some(Call { request, sent: self.time(), intent, place: None, answer: None });
    }

    fn relocate(
        &mut self,
        process: &Process,
        run: &mut Run,
        holders: &Holders,
        request: Request,
        to: ResourcePath,
    ) -> Flow {
        if to != run.desired().path && holders.path_held(Some(to.clone()), &run.object) {
            self.breaks("no file passes a path that another object claims");
        }
        self.call(process, run, request, None);
        run.call.as_mut().unwrap().place = Some(to);
        Ok(())
    }

    /// A call ended: with what was answered, or nobody knows.
    fn take_in(&mut self, process: &mut Process, run: &mut Run, call: Call) -> Flow {
        let outcome = match (call.answer, call.request) {
            (Some(Ok(done)), _) => Outcome::Done(done),
            (Some(Err(Class::AlreadyExists)), Request::Create { .. }) => {
                Outcome::Unknown(failure(Class::AlreadyExists, "Exists"))
            }
            (Some(Err(class)), _) => Outcome::Refused(failure(class, "Refused")),
            (None, _) => Outcome::Unknown(failure(Class::Transient, "TimedOut")),
        };
        let from = Some((process.pod, run.object.slot));
        for flight in self.flights.iter_mut().filter(|flight| flight.from == from) {
            flight.from = None;
            flight.lost = true;
        }
        match call.request {
            Request::Create { .. } => self.created(process, run, call.sent, &call.intent.unwrap(), outcome),
            Request::Update { .. } => self.updated(process, run, call.sent, &call.place.unwrap(), outcome),
            Request::Rename { .. } | Request::Move { .. } => {
                self.placed(process, run, call.sent, &call.place.unwrap(), outcome)
            }
            Request::Delete { file } => self.deleted(process, run, file, call.sent, outcome),
        }
    }

    fn created(
        &mut self,
        process: &mut Process,
        run: &mut Run,
        sent: Timestamp,
        intent: &Intent,
        outcome: Outcome<Done>,
    ) -> Flow {
        let (slot, uid) = (run.object.slot, run.object.uid);
        match outcome {
            Outcome::Done(Done { file, date }) => {
                process.put.push((file, self.now));
                process.recall(slot, uid).clear();
                let fact = Fact::Created {
                    at: intent.at,
                    id: full_id(file),
                    request_id: String::new(),
                    date: at(date),
                    sent: Sent::of(run.desired()),
                };
                let generation = run.object.generation;
                self.record_created(process, run, file, fact);
                let moved_on =
                    run.object.generation != generation || run.object.deleting || !run.object.finalizer;
                Err(if moved_on { Again::At(self.time()) } else { self.rest(slot) })
            }
            Outcome::Refused(fault) => {
                process.recall(slot, uid).create_refused(intent.at);
                let fact = Fact::Attempted { at: intent.at, outcome: AttemptOutcome::Refused, path: None };
                self.failed(process, run, &fault, Some(fact))
            }
            Outcome::Unknown(fault) => {
                process.recall(slot, uid).create_unknown(intent, sent, &fault);
                run.search = None;
                Ok(())
            }
        }
    }

    /// Written until it stands there, or the object is gone or has another: then what was made is
    /// surplus.
    fn record_created(&mut self, process: &mut Process, run: &mut Run, file: Number, fact: Fact) {
        let slot = run.object.slot;
        let generation = run.object.generation;
        let id = full_id(file).to_string();
        if off(Rule::Record) && !self.is_current(run) {
            return;
        }
        let Some(live) = self.objects[slot].clone() else { return self.surplus(process, run, file) };
        if live.uid != run.object.uid {
            let finds = live.note.as_ref().is_some_and(|note| *note.intent.uid == *run.object.full_uid().0);
            if !finds && live.status.id.as_ref() != Some(&id) {
                self.surplus(process, run, file);
            }
            return;
        }
        match &live.status.id {
            Some(recorded) if *recorded == id => {
                run.object = live;
                return;
            }
            Some(recorded) if Some(recorded) != run.object.status.id.as_ref() => {
                return self.surplus(process, run, file);
            }
            Some(_) | None => {}
        }
        let change = StatusChange { state: State::Ready, fact: Some(fact) };
        let mut after = coarse(next(&live.status, &change, generation, self.time()));
        run.tells_source(&mut after);
        let after = Arc::new(after);
        if let Some(written) = self.replace(slot, |object| object.status = after) {
            run.object = written;
        }
    }

    fn surplus(&mut self, process: &mut Process, run: &Run, file: Number) {
        if run.object.deletion() == DeletionPolicy::Retain {
            self.kept |= 1 << run.object.uid;
            return;
        }
        if let Some(found) = self.file(file) {
            if found.owner != run.object.uid {
                self.breaks("another object's file is never touched");
            }
            self.files[usize::from(file)].deleted = Some(self.now);
        }
        process.gone.push((file, self.now));
    }

    fn record_found(
        &mut self,
        process: &mut Process,
        run: &mut Run,
        intent: &Intent,
        row: Row,
        how: How,
    ) -> Flow {
        let desired = run.desired();
        let rows = run.search.iter().flat_map(|search| &search.rows);
        let as_intended =
            rows.filter(|c| c.row.id == row.id).any(|c| c.verdict == Some(ReadVerdict::AsIntended));
        let sent = Sent::of_intent(intent, desired, &row.path, as_intended);
        let state = if sent.spec == Some(desired.spec_digest()) {
            State::Ready
        } else {
            State::Updating { message: String::new() }
        };
        let file = number(&row.id);
        process.put.push((file, self.now));
        let fact =
            Fact::Found { at: intent.at, id: row.id, created: row.created, modified: row.modified, sent };
        run.read = None;
        let version = self.versions;
        let flow = self.status(run, state, Some(fact), how);
        if flow.is_ok() {
            process.recall(run.object.slot, run.object.uid).clear();
        }
        if self.versions != version {
            self.takes(file, run.object.uid);
        }
        flow
    }

    /// An object takes a file that it found for its own.
    fn takes(&mut self, file: Number, uid: u8) {
        let owner = self.files[usize::from(file)].owner;
        // What stands there when an object comes back from a backup is taken for what it made,
        // whatever it holds: a stranger's file of that very time is outside of what is promised.
        let restored = self.objects.iter().flatten().any(|object| object.uid == uid && object.before > 0);
        let others = self.objects.iter().flatten().any(|object| object.uid == owner);
        if owner == STRANGER && !restored || others && owner != uid {
            self.breaks("another's file is never taken");
        }
        self.files[usize::from(file)].owner = uid;
    }

    fn updated(
        &mut self,
        process: &mut Process,
        run: &mut Run,
        sent: Timestamp,
        place: &ResourcePath,
        outcome: Outcome<Done>,
    ) -> Flow {
        let (slot, uid, desired) = (run.object.slot, run.object.uid, run.desired());
        match outcome {
            Outcome::Done(done) => {
                let arrived = *place == desired.path;
                let state = if arrived { State::Ready } else { State::Updating { message: String::new() } };
                run.read = run.read.take().and_then(|read| read.updated(place));
                let sent = Sent::of(&desired.at(place));
                let fact = Fact::Updated { request_id: None, date: at(done.date), sent };
                self.done(process, run, state, fact, How::Fine)?;
                if arrived { Err(self.rest(slot)) } else { Ok(()) }
            }
            Outcome::Refused(failure) if failure.class == Class::NotFound && run.read.is_none() => {
                process.recall(slot, uid).doubt = true;
                Ok(())
            }
            Outcome::Refused(failure) => self.failed(process, run, &failure, None),
            Outcome::Unknown(_) => {
                process.recall(slot, uid).write_unknown(sent, false, desired.at(place).spec_digest());
                run.read = None;
                Ok(())
            }
        }
    }

    fn placed(
        &mut self,
        process: &mut Process,
        run: &mut Run,
        sent: Timestamp,
        place: &ResourcePath,
        outcome: Outcome<Done>,
    ) -> Flow {
        let (slot, uid, desired) = (run.object.slot, run.object.uid, run.desired());
        match outcome {
            Outcome::Done(done) => {
                process.put.push((done.file, self.now));
                if let Some(ReadBack::Present(held)) = &mut run.read {
                    held.path = Some(place.clone());
                }
                let arrived = *place == desired.path;
                let state = if arrived { State::Ready } else { State::Updating { message: String::new() } };
                let fact = Fact::Moved { date: at(done.date), sent: Sent::of(&desired.at(place)) };
                self.done(process, run, state, fact, How::Fine)?;
                if arrived { Err(self.rest(slot)) } else { Ok(()) }
            }
            Outcome::Refused(fault) if fault.class == Class::AlreadyExists => {
                let state = State::Taken { message: String::new(), closes: None };
                let flow = self.status(run, state, None, How::Fine);
                match flow {
                    Ok(()) => process.recall(slot, uid).clear(),
                    Err(_) => process.recall(slot, uid).unrecorded(),
                }
                flow?;
                Err(self.rest(slot))
            }
            Outcome::Refused(fault) => self.failed(process, run, &fault, None),
            Outcome::Unknown(_) => {
                process.recall(slot, uid).write_unknown(sent, true, desired.at(place).spec_digest());
                run.read = None;
                Ok(())
            }
        }
    }

    fn record_adopted(
        &mut self,
        process: &mut Process,
        run: &mut Run,
        file: Number,
        place: &ResourcePath,
        closes: Option<Timestamp>,
        how: How,
    ) -> Flow {
        let (desired, declared, uid) = (run.desired(), run.object.declared, run.object.uid);
        let Some((_, back, created, modified)) = run.adoptee.take() else { return Err(Again::Never) };
        let as_declared = match &back {
            ReadBack::Present(held) => held.differs.is_empty() && held.shows_content,
            ReadBack::Absent | ReadBack::TooYoung { .. } => false,
        };
        let all = Sent::of(&desired.at(place));
        let sent = if as_declared { all } else { Sent { content: None, spec: None, ..all } };
        let state = if as_declared && *place == desired.path {
            State::Ready
        } else {
            State::Updating { message: String::new() }
        };
        let (created, modified) = (at(created), at(modified));
        let fact = Fact::Adopted { closes, id: full_id(file), created, modified, sent };
        run.read = None;
        let version = self.versions;
        let flow = self.status(run, state, Some(fact), how);
        if flow.is_ok() {
            process.recall(run.object.slot, uid).clear();
        }
        if self.versions != version {
            let others = self
                .objects
                .iter()
                .flatten()
                .any(|other| other.uid != uid && other.uid == self.files[usize::from(file)].owner);
            if others || !(declared.adopt || declared.named) {
                self.breaks("another's file is never taken");
            }
            let found = &mut self.files[usize::from(file)];
            found.adopted |= found.owner != uid;
            found.owner = uid;
            if declared.named {
                // A person said which of several it is; one of the create's very time is taken for it.
                for (number, other) in self.files.iter_mut().enumerate() {
                    if other.owner == uid && number != usize::from(file) {
                        other.owner = STRANGER;
                    }
                }
            }
            if self.live_of(uid).count() > 1 {
                self.breaks("never two files for one object");
            }
        }
        flow
    }

    fn record_updated(&mut self, process: &mut Process, run: &mut Run, date: i64, how: How) -> Flow {
        let slot = run.object.slot;
        let fact = Fact::Updated { request_id: None, date: at(date), sent: Sent::of(run.desired()) };
        self.done(process, run, State::Ready, fact, how)?;
        Err(self.rest(slot))
    }

    fn deleted(
        &mut self,
        process: &mut Process,
        run: &mut Run,
        file: Number,
        sent: Timestamp,
        outcome: Outcome<Done>,
    ) -> Flow {
        match outcome {
            Outcome::Done(_) => {}
            Outcome::Refused(failure) if failure.class == Class::NotFound => {}
            Outcome::Refused(failure) => return self.failed(process, run, &failure, None),
            Outcome::Unknown(_) => {
                let memory = process.recall(run.object.slot, run.object.uid);
                memory.unknown_write = Some(sent);
                (memory.unknown_place, memory.unknown_spec) = (false, None);
                run.read = None;
                return Ok(());
            }
        }
        process.gone.push((file, self.now));
        run.read = Some(ReadBack::Absent);
        Ok(())
    }

    /// What the index says of an object that was just recorded.
    fn rest(&self, slot: usize) -> Again {
        match self.objects[slot].as_ref().map(Object::standing) {
            Some(Standing::Resting) => Again::At(self.rest_until(slot)),
            Some(Standing::Settled | Standing::Due) | None => Again::Never,
        }
    }

    fn status(&mut self, run: &mut Run, state: State, fact: Option<Fact>, how: How) -> Flow {
        let change = StatusChange { state, fact };
        let mut after = coarse(next(&run.object.status, &change, run.object.generation, self.time()));
        run.tells_source(&mut after);
        let told = after.attempt.as_ref().is_some_and(|attempt| attempt.outcome.is_some());
        let question = match run.object.question {
            _ if change.state.is_question() => Question::Now,
            Question::Now | Question::Before if !told && after.id.is_none() => Question::Before,
            Question::Now | Question::Before | Question::None => Question::None,
        };
        if after == *run.object.status && question == run.object.question {
            return Ok(());
        }
        self.write(run, how, |object| {
            object.status = Arc::new(after);
            object.question = question;
        })
    }

    /// A write to Kubernetes, which names the version that it was decided on.
    fn write(&mut self, run: &mut Run, how: How, edit: impl FnOnce(&mut Object)) -> Flow {
        let slot = run.object.slot;
        let Some(live) = &self.objects[slot] else { return Err(Again::Never) };
        if live.version != run.object.version {
            return Err(Again::At(self.time()));
        }
        let written = self.replace(slot, edit);
        match written {
            Some(_) if how == How::Unheard => Err(Again::AfterFailure),
            Some(written) => {
                run.object = written;
                Ok(())
            }
            None => Err(Again::Never),
        }
    }

    fn failed(&mut self, process: &mut Process, run: &mut Run, fault: &Failure, fact: Option<Fact>) -> Flow {
        let (slot, uid, deleting) = (run.object.slot, run.object.uid, run.object.deleting);
        let memory = process.recall(slot, uid);
        memory.failures += 1;
        let backoff = wait(&run.object, memory);
        let wait = match fault.class {
            Class::Terminal | Class::AlreadyExists => SignedDuration::from_mins(5),
            Class::Throttled | Class::Quota | Class::Denied | Class::Transient | Class::NotFound => backoff,
        };
        if Self::is_only_looked_at(run, process.recall(slot, uid)) {
            process.recall(slot, uid).doubt = true;
            return Err(Again::At(self.time() + wait));
        }
        let state = State::of_fault(fault, run.object.status.id.is_some(), None, self.time());
        let stalled = matches!(state, State::Stalled { .. });
        let state = match (deleting, stalled) {
            (true, true) => State::DeletionBlocked { message: String::new(), fault: Some(fault.clone()) },
            (true, false) => State::Deleting { message: String::new() },
            (false, _) => state,
        };
        let fact = fact.or_else(|| process.recall(slot, uid).unknown_create(run.object.known()));
        if stalled || seconds(wait) > 5 {
            self.status(run, state, fact, How::Fine)?;
        }
        if stalled && !deleting {
            process.recall(slot, uid).refused();
            return Err(self.rest(slot));
        }
        Err(Again::At(self.time() + wait))
    }

    /// The object is ready in its present generation and nothing is known to be different.
    fn is_only_looked_at(run: &Run, memory: &Memory) -> bool {
        let ready = run.object.ready().is_some_and(|(status, _)| status == "True");
        !run.object.deleting
            && run.object.status.observed_generation == Some(run.object.generation)
            && ready
            && run.read.is_none()
            && !run.has_new_content()
            && memory.unknown_write.is_none()
            && memory.attempt.is_none()
    }

    /// Why the object of this slot rests, if it complains.
    pub(super) fn complaint(&self, slot: usize) -> Option<Reason> {
        let object = self.objects[slot].as_ref()?;
        let (status, reason) = object.ready()?;
        (status != "True" && object.is_stalled()).then_some(reason)
    }
}

/// Who claims the paths between where the resource stands and where it is to be.
fn middle_held(run: &Run, holders: &Holders) -> MiddleHeld {
    let read = match &run.read {
        Some(ReadBack::Present(held)) => held.path.clone(),
        Some(ReadBack::Absent | ReadBack::TooYoung { .. }) | None => None,
    };
    let recorded = || run.object.status.path.as_ref()?.parse().ok();
    let Some(from) = read.or_else(recorded) else { return MiddleHeld::default() };
    let Middle { renamed, moved } = Middle::between(&from, &run.desired().path);
    MiddleHeld {
        renamed: holders.path_held(renamed, &run.object),
        moved: holders.path_held(moved, &run.object),
    }
}

fn wait(object: &Object, memory: &Memory) -> SignedDuration {
    let wait = SignedDuration::try_from(backoff::transient(&object.full_uid(), memory.failures)).unwrap();
    SignedDuration::from_secs(wait.as_secs() + 1)
}

fn failure(class: Class, code: &str) -> Failure {
    Failure { class, code: code.into(), message: String::new(), request_id: None, retry_after: None }
}
