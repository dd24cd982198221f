//! Processes of the operator: what they remember, and when they take up an object.

use std::sync::Arc;

use dataworks_core::mutation::{Rule, off};
use dataworks_core::plan::Memory;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::cloud::{Flight, Number};
use super::object::{Object, Standing};
use super::run::Run;
use super::{SLOTS, World};

/// When an object is taken up next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    Never,
    Now,
    At(Timestamp),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Process {
    pub(super) pod: u8,
    /// What it remembers of the object with this uid.
    pub(super) memory: [(u8, Memory); SLOTS],
    pub(super) wake: [Wake; SLOTS],
    /// What it made and deleted itself, and when: listings are corrected by it.
    pub(super) put: Vec<(Number, i64)>,
    pub(super) gone: Vec<(Number, i64)>,
    pub(super) runs: [Option<Box<Run>>; SLOTS],
    /// A paused process that goes on: it finds its lease lost before any time has passed.
    pub(super) resumed: bool,
    /// The objects as a paused process knows them.
    pub(super) view: Option<[Option<Arc<Object>>; SLOTS]>,
}

impl Process {
    pub(super) fn new(pod: u8) -> Self {
        Self {
            pod,
            memory: Default::default(),
            wake: [Wake::Never; SLOTS],
            put: Vec::new(),
            gone: Vec::new(),
            runs: [None, None],
            resumed: false,
            view: None,
        }
    }

    /// What it remembers of the object with this uid.
    pub(super) fn recall(&mut self, slot: usize, uid: u8) -> &mut Memory {
        let (of, memory) = &mut self.memory[slot];
        if *of != uid {
            *of = uid;
            memory.clear();
        }
        memory
    }
}

/// After which another process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pod {
    Same,
    Other,
}

impl World {
    /// Every object is taken up that a process which starts finds something to do for.
    pub(super) fn wake_all(&mut self) {
        for slot in 0..SLOTS {
            self.wake(slot);
        }
    }

    /// An object is taken up as far as it says itself that there is something to do.
    pub(super) fn wake(&mut self, slot: usize) {
        self.leader.wake[slot] = match self.objects[slot].as_ref().map(Object::standing) {
            Some(_) if self.source_moved(slot) => Wake::Now,
            None | Some(Standing::Settled) => Wake::Never,
            Some(Standing::Due) => Wake::Now,
            Some(Standing::Resting) => Wake::At(self.rest_until(slot)),
        };
    }

    /// When an object that rests with a complaint is looked at again.
    pub(super) fn rest_until(&self, slot: usize) -> Timestamp {
        let refused =
            self.objects[slot].as_ref().and_then(|object| object.known().refused_until(Self::bounds().lag));
        refused.unwrap_or_else(|| self.time() + SignedDuration::from_hours(1))
    }

    /// The leader is lost; another process of the same or of another pod begins.
    pub(super) fn crash(&mut self, pod: Pod, never: bool) {
        let reach = match pod {
            Pod::Same => self.reach(false),
            Pod::Other => self.reach(true),
        };
        let lost = self.leader.pod;
        self.orphan_flights(lost, reach, never);
        self.start(pod);
    }

    /// The leader is paused, and another pod takes over. What it was at it may finish later.
    pub(super) fn pause(&mut self) {
        self.loses_sight(self.leader.pod);
        if off(Rule::Leadership) {
            // It goes on as the leader that it is no more.
            return;
        }
        let view = self.objects.clone();
        let mut old = self.leader.clone();
        old.view = Some(view);
        self.old = Some(old);
        self.start(Pod::Other);
    }

    /// Who stood still until another led sees that before it sends anything, and ends.
    pub(super) fn stays_silent(&mut self, old: &mut Process) {
        if off(Rule::LeadershipSends) {
            return self.loses_sight(old.pod);
        }
        let sends = |flight: &Flight| !flight.lost && flight.from.is_some_and(|(by, _)| by == old.pod);
        if self.flights.iter().any(sends) {
            self.flights.retain(|flight| !sends(flight));
            old.runs = [None, None];
        }
    }

    /// What a process sent arrives while it may, whoever leads by then. It hears of the end when it goes on.
    fn loses_sight(&mut self, pod: u8) {
        let reach = self.reach(true);
        for flight in self.flights.iter_mut().filter(|flight| flight.from.is_some_and(|(by, _)| by == pod)) {
            flight.lost = true;
            flight.orphan = true;
            flight.latest = flight.sent + reach;
        }
    }

    fn start(&mut self, pod: Pod) {
        for flight in &mut self.flights {
            flight.orphan = true;
        }
        if pod == Pod::Other {
            self.pods += 1;
            self.leader = Process::new(self.pods);
        } else {
            self.leader = Process::new(self.leader.pod);
        }
        self.wake_all();
    }

    fn orphan_flights(&mut self, pod: u8, reach: i64, never: bool) {
        let of_it = |from: Option<(u8, usize)>| from.is_some_and(|(sender, _)| sender == pod);
        if never {
            self.flights.retain(|flight| !of_it(flight.from));
        }
        for flight in &mut self.flights {
            if of_it(flight.from) {
                flight.from = None;
                flight.lost = true;
                flight.latest = flight.sent + reach;
            }
        }
    }
}
