//! A small world for the plan: a cloud with its faults, one object, and whoever carries steps out.
//!
//! It mirrors what the shell does with each step, no more. Time is in milliseconds and passes
//! only where something takes time. What it promises are the bounds: a request arrives within
//! CALL, or within SIG after its process is gone or behind a proxy; it is carried out and listed
//! within LAG of that.

mod run;

use std::collections::{BTreeMap, BTreeSet};

use dataworks_core::api::v1alpha1::{AttemptOutcome, DataWorksResourceStatus};
use dataworks_core::bounds::Bounds;
use dataworks_core::fault::{Class, Fault as Failure, Outcome};
use dataworks_core::ids::ResourceId;
use dataworks_core::inventory::Row;
use dataworks_core::plan::Memory;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::plan_support::{PATH, at, id};
pub(crate) use run::End;

pub(crate) const SECOND: i64 = 1000;
/// How long what a process made itself corrects its listings.
const OWN_MEMORY: i64 = 3600 * SECOND;

/// Which pod runs after a crash.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pod {
    Same,
    Other,
}

/// What somebody else does to the object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// Declares this content.
    Edit(u8),
    /// Deletes it.
    Delete,
    /// Takes its status away (a restore without status).
    WipeStatus,
    /// Replaces its metadata: no finalizer, no annotation.
    Replace,
}

/// What becomes of one call or write. `delay` and `lag` are quarters of what the bounds allow.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Fine,
    /// The permit takes longer than START.
    Slow,
    /// Definitely not carried out, and may pass.
    Refused,
    /// Definitely not carried out, and will not pass.
    RefusedForGood,
    /// Not carried out, and nobody hears of it.
    Never,
    /// Carried out, and nobody hears of it.
    Lost {
        delay: u8,
        lag: u8,
    },
    /// A proxy sends it twice, and the second answer is heard.
    Twice {
        lag: u8,
    },
    /// Somebody changes the object meanwhile.
    Meanwhile(Change),
    CrashBefore(Pod),
    CrashAfter {
        pod: Pod,
        delay: u8,
        lag: u8,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Us,
    Stranger,
}

#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) id: ResourceId,
    pub(crate) by: By,
    pub(crate) content: String,
    created: i64,
    listed: i64,
    /// When it was deleted and from when on no listing shows it.
    deleted: Option<i64>,
}

#[derive(Clone, Debug)]
enum Request {
    Create(String),
    Update(ResourceId, String),
    Delete(ResourceId),
}

/// A request that is still on its way.
#[derive(Debug)]
struct Flight {
    carried_out: i64,
    lag: i64,
    request: Request,
}

#[derive(Clone, Debug)]
pub(crate) struct Object {
    version: u32,
    generation: i64,
    content: String,
    deleting: bool,
    finalizer: bool,
    annotation: Option<String>,
    pub(crate) status: DataWorksResourceStatus,
}

/// How the cloud of a story is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nature {
    /// It refuses a second file at a path.
    pub(crate) unique: bool,
    /// An HTTP proxy stands in between.
    pub(crate) proxied: bool,
    /// Its clock is this many seconds off what we take it for.
    pub(crate) clock: i64,
    /// A stranger's file stands at the path since long ago.
    pub(crate) stranger: bool,
}

/// A process was lost.
#[derive(Debug)]
struct Crash;

#[derive(Debug)]
pub(crate) struct World {
    /// An open intent was taken away.
    pub(crate) intent_taken: bool,
    nature: Nature,
    bounds: Bounds,
    now: i64,
    pub(crate) object: Option<Object>,
    files: Vec<File>,
    flights: Vec<Flight>,
    pod: u32,
    memory: Memory,
    /// What this process made (and when) and deleted itself: listings are corrected by it.
    put: BTreeMap<ResourceId, i64>,
    gone: BTreeSet<ResourceId>,
}

impl World {
    pub(crate) fn new(nature: Nature) -> Self {
        let mut world = Self {
            intent_taken: false,
            nature,
            bounds: Bounds::default(),
            now: 0,
            object: Some(Object {
                version: 1,
                generation: 1,
                content: "v0".into(),
                deleting: false,
                finalizer: false,
                annotation: None,
                status: DataWorksResourceStatus::default(),
            }),
            files: Vec::new(),
            flights: Vec::new(),
            pod: 1,
            memory: Memory::default(),
            put: BTreeMap::new(),
            gone: BTreeSet::new(),
        };
        if nature.stranger {
            world.file(By::Stranger, "stranger".into(), -10_000 * SECOND, 0);
        }
        world
    }

    pub(crate) fn live(&self, by: By) -> Vec<&File> {
        self.files.iter().filter(|file| file.by == by && file.deleted.is_none()).collect()
    }

    fn time(&self) -> Timestamp {
        at(0) + SignedDuration::from_millis(self.now)
    }

    /// Lets time pass, and what is on its way arrive.
    pub(crate) fn pass(&mut self, span: i64) {
        let until = self.now + span;
        loop {
            self.flights.sort_by_key(|flight| flight.carried_out);
            match self.flights.first() {
                Some(flight) if flight.carried_out <= until => {
                    let Flight { carried_out, lag, request } = self.flights.remove(0);
                    self.now = self.now.max(carried_out);
                    let _nobody_hears = self.carry_out(&request, lag);
                }
                Some(_) | None => break,
            }
        }
        self.now = until;
    }

    pub(crate) fn pass_until(&mut self, at_time: Timestamp) {
        let span = at_time.duration_since(self.time()).as_millis();
        self.pass(i64::try_from(span).unwrap().max(1));
    }

    fn file(&mut self, by: By, content: String, created: i64, lag: i64) -> ResourceId {
        let id = id(&(self.files.len() + 1).to_string());
        let file = File { id: id.clone(), by, content, created, listed: created + lag, deleted: None };
        self.files.push(file);
        id
    }

    fn file_mut(&mut self, id: &ResourceId) -> Option<&mut File> {
        self.files.iter_mut().find(|file| file.id == *id && file.deleted.is_none())
    }

    /// Carries a request out, and holds the first two promises: never two, and hands off
    /// strangers' files.
    fn carry_out(&mut self, request: &Request, lag: i64) -> Result<ResourceId, Class> {
        let now = self.now;
        match request {
            Request::Create(_)
                if self.nature.unique && self.files.iter().any(|file| file.deleted.is_none()) =>
            {
                Err(Class::AlreadyExists)
            }
            Request::Create(content) => {
                let made = self.file(By::Us, content.clone(), now, lag);
                assert!(self.live(By::Us).len() < 2, "two files: {:#?}", self.files);
                Ok(made)
            }
            Request::Update(id, content) => {
                let file = self.file_mut(id).ok_or(Class::NotFound)?;
                assert_eq!(file.by, By::Us, "a stranger's file was changed");
                file.content.clone_from(content);
                Ok(id.clone())
            }
            Request::Delete(id) => {
                let file = self.file_mut(id).ok_or(Class::NotFound)?;
                assert_eq!(file.by, By::Us, "a stranger's file was deleted");
                file.deleted = Some(now + lag);
                Ok(id.clone())
            }
        }
    }

    /// Somebody deletes our file in the cloud.
    pub(crate) fn delete_outside(&mut self) {
        let now = self.now;
        for file in self.files.iter_mut().filter(|file| file.by == By::Us && file.deleted.is_none()) {
            file.deleted = Some(now);
        }
    }

    /// Changes the object, within what is promised: what would make everybody forget the file
    /// (status and annotation both gone; no finalizer at a deletion) is left out.
    pub(crate) fn change(&mut self, change: Change) {
        let ours = !self.live(By::Us).is_empty() || !self.flights.is_empty();
        let Some(object) = &mut self.object else { return };
        let recorded = object.status.id.is_some();
        match change {
            Change::Edit(content) => {
                object.content = format!("v{content}");
                object.generation += 1;
            }
            Change::Delete if object.finalizer => {
                object.generation += i64::from(!object.deleting);
                object.deleting = true;
            }
            Change::Delete if ours => return,
            Change::Delete => {
                self.object = None;
                return;
            }
            // Status is all that is left of what was done: nobody could know any more.
            Change::WipeStatus if object.annotation.is_none() => return,
            Change::WipeStatus => object.status = DataWorksResourceStatus::default(),
            Change::Replace => {
                let done = self.recorded(self.object.as_ref().unwrap()).open_intent().is_none();
                let object = self.object.as_mut().unwrap();
                // Without a trace in status a file that was lost is forgotten for good.
                let outcome = object.status.attempt.as_ref().and_then(|attempt| attempt.outcome);
                let told = outcome == Some(AttemptOutcome::Unknown);
                if !(recorded && done || told) || object.deleting {
                    return;
                }
                object.annotation = None;
                object.finalizer = false;
                self.intent_taken |= !done;
            }
        }
        self.object.as_mut().unwrap().version += 1;
    }

    fn rows(&self, corrected: bool) -> Vec<Row> {
        let shown = |file: &&File| {
            let listed = file.listed <= self.now && file.deleted.is_none_or(|from| self.now < from);
            let own = corrected && self.put.get(&file.id).is_some_and(|made| self.now - made < OWN_MEMORY);
            (listed || own) && !(corrected && self.gone.contains(&file.id))
        };
        let clock = self.nature.clock * SECOND;
        let time = |ms: i64| at(0) + SignedDuration::from_millis(ms + clock);
        let row = |file: &File| Row {
            id: file.id.clone(),
            created: time(file.created),
            modified: time(file.created),
            ..crate::plan_support::row("1", PATH, 0)
        };
        self.files.iter().filter(shown).map(row).collect()
    }

    fn crash(&mut self, pod: Pod) -> Crash {
        self.memory = Memory::default();
        self.put.clear();
        self.gone.clear();
        match pod {
            Pod::Same => {}
            Pod::Other => self.pod += 1,
        }
        Crash
    }

    fn fly(&mut self, request: &Request, reach: SignedDuration, delay: u8, lag: u8) {
        let quarter = |span: SignedDuration, part: u8| {
            i64::try_from(span.as_millis()).unwrap() * i64::from(part.min(4)) / 4
        };
        let lag = quarter(self.bounds.lag, lag);
        // Half of the lag goes by before it is carried out, the other half before it is listed.
        let carried_out = self.now + quarter(reach, delay) + lag / 2;
        self.flights.push(Flight { carried_out, lag: lag - lag / 2, request: request.clone() });
    }

    fn send(&mut self, request: &Request, fault: Fault) -> Result<Outcome<ResourceId>, Crash> {
        let call = i64::try_from(self.bounds.call.as_millis()).unwrap();
        let timed_out = || Outcome::Unknown(failure(Class::Transient, "TimedOut"));
        let late = if self.nature.proxied { self.bounds.signature } else { self.bounds.call };
        match fault {
            Fault::Refused => return Ok(Outcome::Refused(failure(Class::Transient, "Busy"))),
            Fault::RefusedForGood => return Ok(Outcome::Refused(failure(Class::Terminal, "Wrong"))),
            Fault::Never => {
                self.pass(call);
                return Ok(timed_out());
            }
            Fault::Lost { delay, lag } => {
                self.fly(request, late, delay, lag);
                self.pass(call);
                return Ok(timed_out());
            }
            Fault::Twice { lag } if self.nature.unique && self.nature.proxied => {
                // The first copy is carried out as late as a call may last, and listed LAG later.
                self.pass(call);
                let lag = i64::try_from(self.bounds.lag.as_millis()).unwrap() * i64::from(lag) / 4;
                let _the_second_is_heard = self.carry_out(request, lag);
            }
            Fault::CrashBefore(pod) => return Err(self.crash(pod)),
            Fault::CrashAfter { pod, delay, lag } => {
                let reach = match pod {
                    Pod::Same => late,
                    Pod::Other => self.bounds.signature,
                };
                self.fly(request, reach, delay, lag);
                return Err(self.crash(pod));
            }
            Fault::Meanwhile(change) => self.change(change),
            Fault::Fine | Fault::Slow | Fault::Twice { .. } => {}
        }
        let answer = self.carry_out(request, 0);
        self.pass(100);
        Ok(match (answer, request) {
            (Ok(id), _) => Outcome::Done(id),
            (Err(Class::AlreadyExists), Request::Create(_)) => {
                Outcome::Unknown(failure(Class::AlreadyExists, "Exists"))
            }
            (Err(class), _) => Outcome::Refused(failure(class, "Refused")),
        })
    }
}

fn failure(class: Class, code: &str) -> Failure {
    Failure { class, code: code.into(), message: String::new(), request_id: None, retry_after: None }
}
