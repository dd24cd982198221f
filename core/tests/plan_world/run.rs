//! One run over the object: plan, carry out one step, plan again.

use dataworks_core::api::v1alpha1::{AttemptOutcome, DeletionPolicy};
use dataworks_core::backoff;
use dataworks_core::desired::Desired;
use dataworks_core::fault::{Class, Fault as Failure, Outcome};
use dataworks_core::ids::ResourceId;
use dataworks_core::intent::{Intent, IntentNote};
use dataworks_core::inventory::Row;
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::plan::{
    Candidate, Identity, Observed, ReadBack, ReadVerdict, Recorded, Search, Step, compare, plan,
};
use dataworks_core::state::{Change as StatusChange, Fact, Sent, State, next};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::{Crash, Fault, Object, Request, SECOND, World};
use crate::plan_support::{CLUSTER, UID, desired, nothing_seen};

/// As many steps as the shell allows.
const MOST_STEPS: usize = 16;

/// How a run ended.
#[derive(Debug)]
pub(crate) enum End {
    /// There is no object, or nothing to do for it.
    Nothing,
    /// Status says this, and nothing is left to do.
    Reported(State),
    /// To be taken again at this time.
    Again(Timestamp),
    /// A process was lost.
    Crashed,
}

/// One object under work: as last read or written, and what the run learned.
struct Subject {
    object: Object,
    look: Option<Vec<Row>>,
    search: Option<Search>,
    read: Option<ReadBack>,
}

/// A run that ends, or a process that does.
enum Stop {
    End(Box<End>),
    Crash,
}

fn ends(end: End) -> Stop {
    Stop::End(Box::new(end))
}

impl From<Crash> for Stop {
    fn from(Crash: Crash) -> Self {
        Self::Crash
    }
}

type Flow = Result<(), Stop>;

impl World {
    pub(crate) fn run(&mut self, faults: &mut dyn Iterator<Item = Fault>) -> End {
        let Some(object) = self.object.clone() else { return End::Nothing };
        let mut subject = Subject { object, look: None, search: None, read: None };
        for _ in 0..MOST_STEPS {
            self.pass(1);
            let declared = desired(&subject.object.content);
            let recorded = self.recorded(&subject.object);
            let observed = Observed {
                identity: Identity {
                    cluster: CLUSTER.into(),
                    holder: format!("pod-{}", self.pod),
                    proxied: self.nature.proxied,
                },
                bounds: self.bounds,
                memory: self.memory.clone(),
                look: subject.look.clone(),
                search: subject.search.clone(),
                read: subject.read.clone(),
                ..nothing_seen()
            };
            let decided = plan(Ok(&declared), &recorded, &observed, self.time());
            match self.step(&mut subject, &declared, decided.step, faults) {
                Ok(()) => {}
                Err(Stop::End(end)) => return *end,
                Err(Stop::Crash) => return End::Crashed,
            }
        }
        panic!("more steps than a run may take: {self:#?}");
    }

    pub(super) fn recorded(&self, object: &Object) -> Recorded {
        let key = ObjectKey::new("ns", "a");
        let uid = Uid::new(UID);
        Recorded {
            intent: IntentNote::read(object.annotation.as_deref(), CLUSTER, &key, &uid),
            key,
            uid,
            generation: object.generation,
            deleting: object.deleting,
            finalizer: object.finalizer,
            deletion: DeletionPolicy::Delete,
            suspend: false,
            requested: false,
            status: object.status.clone(),
        }
    }

    fn step(
        &mut self,
        subject: &mut Subject,
        declared: &Desired,
        step: Step,
        faults: &mut dyn Iterator<Item = Fault>,
    ) -> Flow {
        let mut fault = || faults.next().unwrap_or(Fault::Fine);
        match step.clone() {
            Step::Nothing => Err(ends(End::Nothing)),
            Step::Report(state) => {
                let change = StatusChange {
                    state: state.clone(),
                    fact: self.memory.unknown_create(&self.recorded(&subject.object)),
                };
                self.status(subject, &change, fault())?;
                self.memory.finished(&state);
                Err(ends(End::Reported(state)))
            }
            Step::Wait { until, state } => {
                let long = until.duration_since(self.time()) > SignedDuration::from_secs(5);
                if let Some(state) = state.filter(|_| long) {
                    self.tell(subject, state, fault())?;
                }
                Err(ends(End::Again(until)))
            }
            Step::Tell(state) => self.tell(subject, state, fault()),
            Step::Look => {
                self.ask(subject, fault())?;
                subject.look = Some(self.rows(true));
                Ok(())
            }
            Step::WriteIntent(intent) => {
                self.memory.wrote_intent(intent.at);
                self.write(subject, fault(), |object| {
                    object.finalizer = true;
                    object.annotation = Some(intent.to_annotation());
                })
            }
            Step::RestoreIntent(intent) => self.write(subject, fault(), |object| {
                object.finalizer = true;
                object.annotation = Some(intent.to_annotation());
            }),
            Step::AddFinalizer => self.write(subject, fault(), |object| object.finalizer = true),
            Step::RemoveFinalizer => {
                self.write(subject, fault(), |object| object.finalizer = false)?;
                self.object = None;
                self.memory.clear();
                Err(ends(End::Nothing))
            }
            Step::CreateResource(intent) => {
                let (of_call, of_record) = (fault(), fault());
                self.create(subject, declared, &intent, of_call, of_record)
            }
            Step::Search(_) => {
                let begun = self.time();
                self.ask(subject, fault())?;
                let candidate = |row| Candidate { row, claimed: false, verdict: None };
                subject.search =
                    Some(Search { begun, rows: self.rows(false).into_iter().map(candidate).collect() });
                Ok(())
            }
            Step::ReadCandidate(intent, id) => {
                self.ask(subject, fault())?;
                let verdict = match self.spec(&id) {
                    Some(spec) => compare(&intent, Some(declared), &spec),
                    None => ReadVerdict::Gone,
                };
                for candidate in subject.search.iter_mut().flat_map(|search| &mut search.rows) {
                    if candidate.row.id == id {
                        candidate.verdict = Some(verdict);
                    }
                }
                Ok(())
            }
            Step::RecordFound(intent, row) => self.record_found(subject, declared, &intent, row, fault()),
            Step::UpdateResource { id, at: _ } => {
                let (of_call, of_record) = (fault(), fault());
                self.update(subject, declared, &id, of_call, of_record)
            }
            Step::ReadBack(id) => {
                self.ask(subject, fault())?;
                subject.read = Some(match self.spec(&id) {
                    Some(spec) => ReadBack::Present(declared.held_by(&spec)),
                    None => ReadBack::Absent,
                });
                if subject.read == Some(ReadBack::Absent) {
                    self.gone.insert(id);
                }
                Ok(())
            }
            Step::RecordUpdated | Step::RecordSeen => self.record_updated(subject, declared, fault()),
            Step::DeleteResource(id) => self.delete(subject, &id, fault()),
            Step::ForgetCopy
            | Step::ReadAdoptee(_)
            | Step::RecordAdopted { .. }
            | Step::RenameResource { .. }
            | Step::MoveResource { .. }
            | Step::RecordDrift(_)
            | Step::ReadContent
            | Step::UploadContent(_) => panic!("nothing in this world asks for {step:?}"),
        }
    }

    fn create(
        &mut self,
        subject: &mut Subject,
        declared: &Desired,
        intent: &Intent,
        of_call: Fault,
        of_record: Fault,
    ) -> Flow {
        if matches!(of_call, Fault::Slow) {
            self.pass(40 * SECOND);
        }
        let sent = self.time();
        if sent.duration_since(intent.at) > self.bounds.start {
            return Ok(());
        }
        let before = subject.object.status.id.clone();
        match self.send(&Request::Create(subject.object.content.clone()), of_call)? {
            Outcome::Done(id) => {
                self.put.insert(id.clone(), self.now);
                let fact = Fact::Created {
                    at: intent.at,
                    id: id.clone(),
                    request_id: "r".into(),
                    date: sent,
                    sent: Sent::of(declared),
                };
                self.memory.clear();
                let change = StatusChange { state: State::Ready, fact: Some(fact) };
                self.record_created(subject, &change, &before, of_record)?;
                Err(ends(End::Again(self.time())))
            }
            Outcome::Refused(failure) => {
                self.memory.create_refused(intent.at);
                let fact = Fact::Attempted { at: intent.at, outcome: AttemptOutcome::Refused, path: None };
                self.failed(subject, &failure, Some(fact))
            }
            Outcome::Unknown(failure) => {
                self.memory.create_unknown(intent, sent, &failure);
                subject.search = None;
                Ok(())
            }
        }
    }

    /// Written until it stands there; only a crash can come between.
    fn record_created(
        &mut self,
        subject: &mut Subject,
        change: &StatusChange,
        before: &Option<String>,
        fault: Fault,
    ) -> Flow {
        if let Fault::CrashBefore(pod) = fault {
            return Err(self.crash(pod).into());
        }
        let generation = subject.object.generation;
        let now = self.time();
        let live = self.object.as_mut().expect("its finalizer holds it");
        // A person may have wiped it meanwhile; nobody else may have written another.
        assert!(live.status.id.is_none() || live.status.id == *before, "only one process writes");
        live.status = next(&live.status, change, generation, now);
        live.version += 1;
        subject.object = live.clone();
        if let Fault::CrashAfter { pod, .. } = fault {
            return Err(self.crash(pod).into());
        }
        Ok(())
    }

    fn record_found(
        &mut self,
        subject: &mut Subject,
        declared: &Desired,
        intent: &Intent,
        row: Row,
        fault: Fault,
    ) -> Flow {
        let rows = subject.search.iter().flat_map(|search| &search.rows);
        let as_intended =
            rows.filter(|c| c.row.id == row.id).any(|c| c.verdict == Some(ReadVerdict::AsIntended));
        let sent = Sent::of_intent(intent, declared, &row.path, as_intended);
        let state = if sent.spec == Some(declared.spec_digest()) {
            State::Ready
        } else {
            State::Updating { message: "Found.".into() }
        };
        let (id, created, modified) = (row.id, row.created, row.modified);
        self.put.insert(id.clone(), self.now);
        let fact = Fact::Found { at: intent.at, id, created, modified, sent };
        self.memory.clear();
        self.status(subject, &StatusChange { state, fact: Some(fact) }, fault)
    }

    fn update(
        &mut self,
        subject: &mut Subject,
        declared: &Desired,
        id: &ResourceId,
        of_call: Fault,
        of_record: Fault,
    ) -> Flow {
        let sent = self.time();
        let end = self.send(&Request::Update(id.clone(), subject.object.content.clone()), of_call)?;
        subject.read = None;
        match end {
            Outcome::Done(_) => self.record_updated(subject, declared, of_record),
            Outcome::Refused(failure) if failure.class == Class::NotFound => {
                self.memory.doubt = true;
                Ok(())
            }
            Outcome::Refused(failure) => self.failed(subject, &failure, None),
            Outcome::Unknown(_) => {
                self.memory.unknown_write = Some(sent);
                Ok(())
            }
        }
    }

    fn record_updated(&mut self, subject: &mut Subject, declared: &Desired, fault: Fault) -> Flow {
        self.memory.clear();
        let fact = Fact::Updated { request_id: None, date: self.time(), sent: Sent::of(declared) };
        self.status(subject, &StatusChange { state: State::Ready, fact: Some(fact) }, fault)?;
        Err(ends(End::Again(self.time())))
    }

    fn delete(&mut self, subject: &mut Subject, id: &ResourceId, fault: Fault) -> Flow {
        let sent = self.time();
        match self.send(&Request::Delete(id.clone()), fault)? {
            Outcome::Done(_) => {}
            Outcome::Refused(failure) if failure.class == Class::NotFound => {}
            Outcome::Refused(failure) => return self.failed(subject, &failure, None),
            Outcome::Unknown(_) => {
                self.memory.unknown_write = Some(sent);
                subject.read = None;
                return Ok(());
            }
        }
        self.gone.insert(id.clone());
        subject.read = Some(ReadBack::Absent);
        Ok(())
    }

    /// A listing or a read: it answers, fails, or the process is lost.
    fn ask(&mut self, subject: &mut Subject, fault: Fault) -> Flow {
        match fault {
            Fault::CrashBefore(pod) | Fault::CrashAfter { pod, .. } => return Err(self.crash(pod).into()),
            Fault::Refused | Fault::RefusedForGood | Fault::Never | Fault::Lost { .. } => {
                return self.failed(subject, &super::failure(Class::Transient, "Busy"), None);
            }
            Fault::Meanwhile(change) => self.change(change),
            Fault::Fine | Fault::Slow | Fault::Twice { .. } => {}
        }
        Ok(())
    }

    fn spec(&self, id: &ResourceId) -> Option<String> {
        let file = self.files.iter().find(|file| file.id == *id && file.deleted.is_none())?;
        Some(desired(&file.content).document_json())
    }

    /// Tells of a state in which something goes on, and what it may leave.
    fn tell(&mut self, subject: &mut Subject, state: State, fault: Fault) -> Flow {
        let fact = match (&state, self.recorded(&subject.object).intent) {
            (State::OutcomeUnknown { .. }, IntentNote::Own(intent)) => Some(Fact::Attempted {
                at: intent.at,
                outcome: AttemptOutcome::Unknown,
                path: Some(intent.path),
            }),
            (_, _) => None,
        };
        self.status(subject, &StatusChange { state, fact }, fault)
    }

    fn status(&mut self, subject: &mut Subject, change: &StatusChange, fault: Fault) -> Flow {
        let after = next(&subject.object.status, change, subject.object.generation, self.time());
        if after == subject.object.status {
            return Ok(());
        }
        self.write(subject, fault, |object| object.status = after)
    }

    /// A write to Kubernetes, which names the version that it was decided on.
    fn write(&mut self, subject: &mut Subject, fault: Fault, edit: impl FnOnce(&mut Object)) -> Flow {
        let again = ends(End::Again(self.time()));
        if let Fault::Meanwhile(change) = fault {
            self.change(change);
        }
        let (made, heard) = match fault {
            Fault::CrashBefore(pod) => return Err(self.crash(pod).into()),
            Fault::Refused | Fault::RefusedForGood | Fault::Never => (false, false),
            Fault::Lost { .. } | Fault::CrashAfter { .. } => (true, false),
            Fault::Fine | Fault::Slow | Fault::Twice { .. } | Fault::Meanwhile(_) => (true, true),
        };
        let Some(live) = self.object.as_mut() else { return Err(ends(End::Nothing)) };
        if !made || live.version != subject.object.version {
            return Err(again);
        }
        edit(live);
        live.version += 1;
        subject.object = live.clone();
        if live.deleting && !live.finalizer {
            self.object = None;
        }
        if let Fault::CrashAfter { pod, .. } = fault {
            return Err(self.crash(pod).into());
        }
        if heard { Ok(()) } else { Err(again) }
    }

    fn failed(&mut self, subject: &mut Subject, failure: &Failure, fact: Option<Fact>) -> Flow {
        self.memory.failures += 1;
        let wait =
            SignedDuration::try_from(backoff::transient(&Uid::new(UID), self.memory.failures)).unwrap();
        let (deleting, now) = (subject.object.deleting, self.time());
        let state = State::of_fault(failure, subject.object.status.id.is_some(), None, now);
        let stalled = matches!(state, State::Stalled { .. });
        let state = if deleting { State::Deleting { message: "It failed.".into() } } else { state };
        let fact = fact.or_else(|| self.memory.unknown_create(&self.recorded(&subject.object)));
        if stalled || wait > SignedDuration::from_secs(5) {
            self.status(subject, &StatusChange { state, fact }, Fault::Fine)?;
        }
        if stalled && !deleting {
            self.memory.refused();
        }
        Err(ends(End::Again(now + wait)))
    }
}
