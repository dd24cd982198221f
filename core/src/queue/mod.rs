//! Which object is worked on next.
//!
//! One entry per object, whatever pushes it. Entries wait in the sub-queue of the limiter whose
//! permit their work needs, so nothing is taken in vain; within it in one of four [`Lane`]s that
//! share permits 8:4:3:1 when all wait; within a lane the namespaces take turns, and in one namespace the
//! workspaces; the entries of each go first in, first out, and who was held up by others comes back
//! to the place that it had. Delayed entries wait in one heap.
//!
//! A state machine with `now` passed in: it must not know what an object is, what a permit costs
//! or what time it is. Its rule: an entry that was pushed is taken once for it or later, however
//! pushes, runs and delays interleave.

mod lane;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use k8s_openapi::jiff::Timestamp;

use crate::object::ObjectKey;
pub use lane::Lane;
use lane::{Entry, Lanes};

/// The limiter whose permit an entry's work needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubQueue(pub u32);

impl SubQueue {
    /// Work that needs no cloud call and so waits for no limiter.
    pub const FREE: Self = Self(0);
}

/// When and where an entry wants to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The limiter that it needs.
    pub sub: SubQueue,
    /// How urgent it is.
    pub lane: Lane,
    /// Not before this time.
    pub at: Timestamp,
    /// Whose turn it takes within its namespace: a number of its workspace.
    pub turn: u64,
}

/// An entry as it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The object.
    pub key: ObjectKey,
    /// Where it waited.
    pub sub: SubQueue,
    /// The lane it waited in.
    pub lane: Lane,
    /// Since when it could have been taken.
    pub since: Timestamp,
}

/// What becomes of an entry when the work on it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing more was asked.
    Nothing,
    /// It is taken again, after those that wait.
    Again(Due),
    /// What held it up was not its own doing: it is taken again in the place that it had.
    InPlace(Due),
    /// It waits for something else than time. Whoever pushes it next gives it its place back.
    Parked,
}

/// Placings beyond the number of entries before traces are looked for.
const SPARE: usize = 64;

#[derive(Debug)]
enum State {
    /// In a lane, under this ticket; older tickets of the key in lanes are stale.
    Ready { due: Due, ticket: u64, place: u64, since: Timestamp },
    /// In the heap, under this ticket; `place` is the one that it comes back to.
    Delayed { due: Due, ticket: u64, place: Option<u64> },
    /// Taken and not done, for this; `again` is what was pushed meanwhile.
    Running { due: Due, place: u64, again: Option<Due> },
    /// It is taken when it is pushed.
    Parked { due: Due, place: u64 },
}

/// The queue. Memory is bounded by the number of objects: one entry each, and the traces of entries
/// that moved or are gone are dropped when they come up, or when they become many.
#[derive(Debug, Default)]
pub struct Queue {
    entries: HashMap<ObjectKey, State>,
    subs: HashMap<SubQueue, Lanes>,
    delayed: BinaryHeap<Reverse<(Timestamp, u64, ObjectKey)>>,
    tickets: u64,
    /// Since the last [`Queue::tidy`].
    placed: usize,
}

impl Queue {
    /// Asks that `key` be worked on. Pushing a waiting key can only make it earlier or more
    /// urgent; a key that is being worked on is taken again after [`Queue::done`].
    pub fn push(&mut self, key: &ObjectKey, due: Due, now: Timestamp) {
        match self.entries.get_mut(key) {
            None => self.place(key, due, None, now),
            Some(State::Running { again, .. }) => {
                *again = Some(again.map_or(due, |earlier| merge(earlier, due)));
            }
            Some(State::Parked { due: held, place }) => {
                let (merged, place) = (Due { at: due.at, ..merge(*held, due) }, *place);
                self.place(key, merged, Some(place), now);
            }
            Some(State::Ready { due: held, .. }) => {
                let merged = merge(*held, due);
                if merged.lane != held.lane || merged.sub != held.sub {
                    self.place(key, merged, None, now);
                }
            }
            Some(State::Delayed { due: held, place, .. }) => {
                let (merged, place) = (merge(*held, due), *place);
                if merged != *held {
                    self.place(key, merged, place, now);
                }
            }
        }
    }

    /// The next entry of `sub` in one of these lanes whose time has come, to be worked on until [`Queue::done`].
    pub fn take(&mut self, sub: SubQueue, of: impl Fn(Lane) -> bool, now: Timestamp) -> Option<Taken> {
        self.ripen(now);
        let entries = &self.entries;
        let key = self.subs.get_mut(&sub)?.take(of, |key, ticket| is_ready(entries, key, ticket))?;
        self.start(key)
    }

    /// The next entry of `sub` that `wanted` names, the most urgent lane first and the longest waiting
    /// first in it, to be worked on until [`Queue::done`]. It passes turns by and looks at every
    /// entry: for the rare time in which permits are left for some entries only.
    pub fn take_where(
        &mut self,
        sub: SubQueue,
        now: Timestamp,
        wanted: impl Fn(&ObjectKey) -> bool,
    ) -> Option<Taken> {
        self.ripen(now);
        let ready = |(key, state): (&ObjectKey, &State)| match state {
            State::Ready { due, place, .. } if due.sub == sub && wanted(key) => {
                Some((due.lane, *place, key.clone()))
            }
            State::Ready { .. } | State::Delayed { .. } | State::Running { .. } | State::Parked { .. } => {
                None
            }
        };
        let (_, _, key) = self.entries.iter().filter_map(ready).min()?;
        self.start(key)
    }

    fn start(&mut self, key: ObjectKey) -> Option<Taken> {
        let state = self.entries.get_mut(&key)?;
        // Not otherwise: the lanes give live entries only.
        let State::Ready { due, place, since, .. } = *state else { return None };
        *state = State::Running { due, place, again: None };
        Some(Taken { key, sub: due.sub, lane: due.lane, since })
    }

    /// Ends the work on `key`. What was pushed while it ran is not lost: the earlier time and the
    /// more urgent lane win.
    pub fn done(&mut self, key: &ObjectKey, after: After, now: Timestamp) {
        let Some(State::Running { due: had, place, again: pushed }) = self.entries.remove(key) else {
            return;
        };
        let with = |due: Due| Some(pushed.map_or(due, |pushed| merge(pushed, due)));
        let (due, place) = match after {
            After::Nothing => (pushed, None),
            After::Again(due) => (with(due), None),
            After::InPlace(due) => (with(due), Some(place)),
            After::Parked => (pushed.map(|due| Due { at: due.at, ..merge(had, due) }), Some(place)),
        };
        match (due, place) {
            (Some(due), place) => self.place(key, due, place, now),
            (None, Some(place)) => {
                self.entries.insert(key.clone(), State::Parked { due: had, place });
            }
            (None, None) => {}
        }
    }

    /// Forgets an object that is gone. One that is being worked on is forgotten when it is done.
    pub fn forget(&mut self, key: &ObjectKey) {
        match self.entries.get_mut(key) {
            Some(State::Running { again, .. }) => *again = None,
            Some(State::Ready { .. } | State::Delayed { .. } | State::Parked { .. }) => {
                self.entries.remove(key);
            }
            None => {}
        }
    }

    /// True when `sub` has an entry in one of these lanes that could be taken now.
    pub fn has_ready(&mut self, sub: SubQueue, of: impl Fn(Lane) -> bool, now: Timestamp) -> bool {
        self.ripen(now);
        let Some(lanes) = self.subs.get_mut(&sub) else { return false };
        let entries = &self.entries;
        lanes.wait(of, |key, ticket| is_ready(entries, key, ticket))
    }

    /// When the next delayed entry comes up.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        self.delayed.peek().map(|Reverse((at, ..))| *at)
    }

    /// How many entries wait for a time, a permit or a worker.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let waits = |state: &&State| matches!(state, State::Ready { .. } | State::Delayed { .. });
        self.entries.values().filter(waits).count()
    }

    /// How many entries could be taken now, if there were permits and workers for all.
    #[must_use]
    pub fn ready(&self, now: Timestamp) -> usize {
        let is_ready = |state: &&State| match state {
            State::Ready { .. } => true,
            State::Delayed { due, .. } => due.at <= now,
            State::Running { .. } | State::Parked { .. } => false,
        };
        self.entries.values().filter(is_ready).count()
    }

    /// Entries that have waited for a permit or a worker since before `since`, in no order.
    #[must_use]
    pub fn waiting_since_before(&self, before: Timestamp) -> Vec<ObjectKey> {
        let old = |(key, state): (&ObjectKey, &State)| match state {
            State::Ready { since, .. } if *since < before => Some(key.clone()),
            State::Ready { .. } | State::Delayed { .. } | State::Running { .. } | State::Parked { .. } => {
                None
            }
        };
        self.entries.iter().filter_map(old).collect()
    }

    /// Lets an entry wait, at the end or in this place.
    fn place(&mut self, key: &ObjectKey, due: Due, place: Option<u64>, now: Timestamp) {
        self.tickets += 1;
        let ticket = self.tickets;
        let state = if due.at <= now {
            let place = place.unwrap_or(ticket);
            let entry = Entry { key: key.clone(), ticket, place };
            self.subs.entry(due.sub).or_default().push(entry, due.lane, due.turn);
            State::Ready { due, ticket, place, since: now }
        } else {
            self.delayed.push(Reverse((due.at, ticket, key.clone())));
            State::Delayed { due, ticket, place }
        };
        self.entries.insert(key.clone(), state);
        self.placed += 1;
        if self.placed > self.entries.len() + SPARE {
            self.tidy();
        }
    }

    /// Drops the traces of entries that moved or are gone. Between two times each entry is placed
    /// about once, so that it costs little, and what is held stays within three times the entries.
    fn tidy(&mut self) {
        self.placed = 0;
        let entries = &self.entries;
        for lanes in self.subs.values_mut() {
            lanes.retain(|key, ticket| is_ready(entries, key, ticket));
        }
        self.subs.retain(|_, lanes| lanes.len() > 0);
        self.delayed.retain(|Reverse((_, ticket, key))| {
            matches!(entries.get(key), Some(State::Delayed { ticket: current, .. }) if current == ticket)
        });
    }

    fn ripen(&mut self, now: Timestamp) {
        while let Some(Reverse((at, ..))) = self.delayed.peek() {
            if *at > now {
                return;
            }
            let Some(Reverse((_, ticket, key))) = self.delayed.pop() else { return };
            match self.entries.get(&key) {
                Some(State::Delayed { due, ticket: current, place }) if *current == ticket => {
                    let (due, place) = (*due, *place);
                    self.place(&key, due, place, now);
                }
                Some(
                    State::Ready { .. }
                    | State::Delayed { .. }
                    | State::Running { .. }
                    | State::Parked { .. },
                )
                | None => {}
            }
        }
    }
}

fn is_ready(entries: &HashMap<ObjectKey, State>, key: &ObjectKey, ticket: u64) -> bool {
    matches!(entries.get(key), Some(State::Ready { ticket: current, .. }) if *current == ticket)
}

/// Both wishes in one: the earlier time, the more urgent lane, the newer limiter and workspace.
fn merge(older: Due, newer: Due) -> Due {
    let Due { sub, turn, lane: _, at: _ } = newer;
    Due { sub, lane: older.lane.min(newer.lane), at: older.at.min(newer.at), turn }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
