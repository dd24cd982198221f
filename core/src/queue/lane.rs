//! Four lanes that share permits, each fair between namespaces and between workspaces.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::object::ObjectKey;

/// How urgent an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// A person waits for it: edits and deletes.
    Edit,
    /// It has no resource yet. A person waits for it as well, but these come by the thousand, and what
    /// is at work already is not to wait behind all of them.
    Create,
    /// It failed or has to be looked at again.
    Retry,
    /// A routine look.
    Sweep,
}

impl Lane {
    /// All lanes, most urgent first.
    pub const ALL: [Self; 4] = [Self::Edit, Self::Create, Self::Retry, Self::Sweep];

    /// The lane's share of permits when all lanes wait.
    #[must_use]
    pub fn share(self) -> i64 {
        match self {
            Self::Edit => 8,
            Self::Create => 4,
            Self::Retry => 3,
            Self::Sweep => 1,
        }
    }

    /// The lane's name in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::Create => "create",
            Self::Retry => "retry",
            Self::Sweep => "sweep",
        }
    }
}

/// Tells a live entry from the trace of one that moved or is gone.
pub(super) trait Live: Fn(&ObjectKey, u64) -> bool {}
impl<F: Fn(&ObjectKey, u64) -> bool> Live for F {}

/// Who takes turns: a namespace, with the number of a workspace.
type Party = (Arc<str>, u64);

/// Parties that take turns; first in, first out inside each.
#[derive(Debug, Default)]
struct Turns {
    order: VecDeque<Party>,
    queues: HashMap<Party, VecDeque<(ObjectKey, u64)>>,
}

impl Turns {
    fn push(&mut self, key: ObjectKey, ticket: u64, turn: u64) {
        let party = (key.namespace.clone(), turn);
        let queue = self.queues.entry(party.clone()).or_default();
        if queue.is_empty() {
            self.order.push_back(party);
        }
        queue.push_back((key, ticket));
    }

    /// True when a live entry waits. Stale ones are dropped until one is at the head of the party
    /// whose turn it is: they cost nobody a turn.
    fn waits(&mut self, live: &impl Live) -> bool {
        while let Some(party) = self.order.front() {
            let queue = self.queues.entry(party.clone()).or_default();
            while queue.front().is_some_and(|(key, ticket)| !live(key, *ticket)) {
                queue.pop_front();
            }
            if !queue.is_empty() {
                return true;
            }
            self.queues.remove(party);
            self.order.pop_front();
        }
        false
    }

    /// The head of the party whose turn it is; the turn passes on.
    fn pop(&mut self) -> Option<(ObjectKey, u64)> {
        let party = self.order.pop_front()?;
        let queue = self.queues.get_mut(&party)?;
        let head = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&party);
        } else {
            self.order.push_back(party);
        }
        head
    }

    fn retain(&mut self, live: &impl Live) {
        let queues = &mut self.queues;
        for queue in queues.values_mut() {
            queue.retain(|(key, ticket)| live(key, *ticket));
        }
        queues.retain(|_, queue| !queue.is_empty());
        self.order.retain(|party| queues.contains_key(party));
    }

    fn len(&self) -> usize {
        self.queues.values().map(VecDeque::len).sum()
    }
}

/// The lanes of one sub-queue.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    turns: [Turns; 4],
    /// Smooth weighted round-robin: a lane gains its share at each turn and pays the sum of
    /// the shares that were at stake when it is served.
    credit: [i64; 4],
}

impl Lanes {
    pub(super) fn push(&mut self, key: ObjectKey, ticket: u64, lane: Lane, turn: u64) {
        self.turns[lane as usize].push(key, ticket, turn);
    }

    /// The next live entry, booked to its lane.
    pub(super) fn take(&mut self, live: impl Live) -> Option<ObjectKey> {
        let waiting: Vec<Lane> =
            Lane::ALL.into_iter().filter(|lane| self.turns[*lane as usize].waits(&live)).collect();
        for lane in Lane::ALL {
            // A lane that does not wait saves nothing up for later.
            let credit = &mut self.credit[lane as usize];
            *credit = if waiting.contains(&lane) { *credit + lane.share() } else { 0 };
        }
        let best = waiting.iter().max_by_key(|lane| (self.credit[**lane as usize], lane.share()))?;
        self.credit[*best as usize] -= waiting.iter().map(|lane| lane.share()).sum::<i64>();
        self.turns[*best as usize].pop().map(|(key, _)| key)
    }

    /// True when a live entry waits.
    pub(super) fn wait(&mut self, live: impl Live) -> bool {
        self.turns.iter_mut().any(|turns| turns.waits(&live))
    }

    /// Drops all stale entries.
    pub(super) fn retain(&mut self, live: impl Live) {
        for turns in &mut self.turns {
            turns.retain(&live);
        }
    }

    /// How many entries are held, stale ones included.
    pub(super) fn len(&self) -> usize {
        self.turns.iter().map(Turns::len).sum()
    }
}
