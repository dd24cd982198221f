//! A small world for the plan: a cloud with its faults, objects, and processes that carry steps out.
//!
//! It mirrors what the shell does with each step, no more, and moves by one [`Action`] at a time:
//! a step of a process, an answer, a fault, a person's change, the passing of time. Whoever tells
//! stories (all of them, or random ones) picks among [`World::actions`].
//!
//! What it promises are the bounds: a request arrives within CALL, or within SIG after its process
//! is gone or paused or behind a proxy; it is carried out and listed within LAG of that. Time
//! stands still while somebody works and jumps to the next instant that matters.
#![allow(dead_code, reason = "each test takes what it needs")]

mod action;
mod canon;
mod cloud;
mod object;
mod process;
mod rest;
mod run;
mod upload;

use std::sync::Arc;

use dataworks_core::bounds::Bounds;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

pub(crate) use action::{Action, Change};
use cloud::{File, Flight};
use object::Object;
use process::Process;
use upload::{Map, Upload};

use crate::plan_support::at;

/// Names that objects can have.
const SLOTS: usize = 2;
/// More jumps of time than this without any event mean that a story does not settle.
pub(crate) const MOST_JUMPS: u8 = 12;
/// Content that only strangers write.
pub(crate) const STRANGE: u8 = 9;

/// How the cloud of a story is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Setting {
    /// It refuses a second file at a path.
    pub(crate) unique: bool,
    /// An HTTP proxy stands in between.
    pub(crate) proxied: bool,
    /// Its clock is this many seconds off what we take it for.
    pub(crate) clock: i64,
    /// It does not show what a file holds.
    pub(crate) mute: bool,
    /// Content stands in ConfigMaps, and is uploaded. It needs `mute`: what was uploaded is not shown.
    pub(crate) uploads: bool,
    /// A stranger's file stands at this path since long ago, with this content.
    pub(crate) stranger: Option<(u8, u8)>,
}

/// How much may still happen. Each event takes one of its kind and one of `events`; a deletion
/// of an object takes nothing but itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    /// Of all together.
    pub(crate) events: u8,
    /// Answers lost, calls refused, reads and writes that fail.
    pub(crate) faults: u8,
    /// Lost processes.
    pub(crate) crashes: u8,
    /// Leaders that are paused and replaced.
    pub(crate) pauses: u8,
    /// Work that takes too long.
    pub(crate) slow: u8,
    /// What people do to objects.
    pub(crate) changes: u8,
    /// What strangers do in the cloud.
    pub(crate) outside: u8,
    /// Deletions of objects.
    pub(crate) deletions: u8,
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct World {
    pub(crate) setting: Setting,
    pub(crate) left: Budget,
    /// The promise that was broken.
    pub(crate) broken: Option<&'static str>,
    /// Jumps of time since something unforeseen happened.
    pub(crate) jumps: u8,
    now: i64,
    /// Sets apart what happens in one second.
    sequence: i64,
    objects: [Option<Arc<Object>>; SLOTS],
    /// What the ConfigMap of each object holds.
    maps: [Map; SLOTS],
    files: Vec<File>,
    /// All that ever was uploaded.
    uploads: Vec<Upload>,
    flights: Vec<Flight>,
    leader: Process,
    old: Option<Process>,
    /// How many uids, versions and pods there were.
    uids: u8,
    versions: u32,
    pods: u8,
    /// Uids of objects that let their file stay on purpose.
    kept: u32,
    /// Uids of objects that were taken away by force.
    forced: u32,
    /// A person made it impossible to tell which file is ours.
    blurred: bool,
}

impl World {
    pub(crate) fn new(setting: Setting, left: Budget) -> Self {
        let mut world = Self {
            setting,
            left,
            broken: None,
            jumps: 0,
            now: 0,
            sequence: 0,
            objects: [Some(Arc::new(Object::new(0, 1))), None],
            maps: [Map::default(); SLOTS],
            files: Vec::new(),
            uploads: Vec::new(),
            flights: Vec::new(),
            leader: Process::new(1),
            old: None,
            uids: 1,
            versions: 1,
            pods: 1,
            kept: 0,
            forced: 0,
            blurred: false,
        };
        if let Some((path, content)) = setting.stranger {
            world.files.push(File { content, ..File::of_stranger(path, -10_000) });
        }
        world.wake_all();
        world
    }

    fn bounds() -> Bounds {
        Bounds::default()
    }

    fn time(&self) -> Timestamp {
        at(self.now) + SignedDuration::from_micros(self.sequence)
    }

    fn breaks(&mut self, promise: &'static str) {
        self.broken.get_or_insert(promise);
    }
}

fn seconds(span: SignedDuration) -> i64 {
    span.as_secs()
}
