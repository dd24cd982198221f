//! Four lanes that share permits, each fair between namespaces and between workspaces.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
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

/// An entry in a line.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: ObjectKey,
    /// Tells this trace of it from others.
    pub(super) ticket: u64,
    /// Its place: who came earlier has a smaller one.
    pub(super) place: u64,
}

/// Entries that wait, stale ones among them.
trait Line: Default {
    /// True when a live entry waits. Stale ones are dropped until one is at the head of whose turn it
    /// is: they cost nobody a turn.
    fn waits(&mut self, live: &impl Live) -> bool;
    /// The next entry, which is live after [`Line::waits`] was true.
    fn pop(&mut self) -> Option<Entry>;
    /// Drops all stale entries.
    fn retain(&mut self, live: &impl Live);
    /// How many entries are held, stale ones included.
    fn len(&self) -> usize;
    /// True when none is held.
    fn is_empty(&self) -> bool;
}

/// Who came first is taken first.
#[derive(Debug, Default)]
struct Fifo(VecDeque<Entry>);

impl Fifo {
    /// At its place: at the end, unless it was in front before.
    fn push(&mut self, entry: Entry) {
        let at = self.0.partition_point(|other| other.place < entry.place);
        self.0.insert(at, entry);
    }
}

impl Line for Fifo {
    fn waits(&mut self, live: &impl Live) -> bool {
        while self.0.front().is_some_and(|entry| !live(&entry.key, entry.ticket)) {
            self.0.pop_front();
        }
        !self.0.is_empty()
    }

    fn pop(&mut self) -> Option<Entry> {
        self.0.pop_front()
    }

    fn retain(&mut self, live: &impl Live) {
        self.0.retain(|entry| live(&entry.key, entry.ticket));
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Parties that take turns, each with a line of its own.
#[derive(Debug)]
struct Turns<P, L> {
    order: VecDeque<P>,
    lines: HashMap<P, L>,
}

impl<P, L> Default for Turns<P, L> {
    fn default() -> Self {
        Self { order: VecDeque::new(), lines: HashMap::new() }
    }
}

impl<P: Clone + Eq + Hash, L: Line> Turns<P, L> {
    /// The line of a party, which is the last to come if it was not there.
    fn line(&mut self, party: P) -> &mut L {
        if !self.lines.contains_key(&party) {
            self.order.push_back(party.clone());
        }
        self.lines.entry(party).or_default()
    }
}

impl<P: Clone + Eq + Hash, L: Line> Line for Turns<P, L> {
    fn waits(&mut self, live: &impl Live) -> bool {
        while let Some(party) = self.order.front() {
            if self.lines.get_mut(party).is_some_and(|line| line.waits(live)) {
                return true;
            }
            self.lines.remove(party);
            self.order.pop_front();
        }
        false
    }

    /// Of the party whose turn it is; the turn passes on.
    fn pop(&mut self) -> Option<Entry> {
        let party = self.order.pop_front()?;
        let line = self.lines.get_mut(&party)?;
        let head = line.pop();
        if line.is_empty() {
            self.lines.remove(&party);
        } else {
            self.order.push_back(party);
        }
        head
    }

    fn retain(&mut self, live: &impl Live) {
        let lines = &mut self.lines;
        for line in lines.values_mut() {
            line.retain(live);
        }
        lines.retain(|_, line| !line.is_empty());
        self.order.retain(|party| lines.contains_key(party));
    }

    fn len(&self) -> usize {
        self.lines.values().map(Line::len).sum()
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// Namespaces take turns, and in each its workspaces, by their numbers.
type Namespaces = Turns<Arc<str>, Turns<u64, Fifo>>;

/// The lanes of one sub-queue.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lines: [Namespaces; 4],
    /// Smooth weighted round-robin: a lane gains its share at each turn and pays the sum of
    /// the shares that were at stake when it is served.
    credit: [i64; 4],
}

impl Lanes {
    pub(super) fn push(&mut self, entry: Entry, lane: Lane, turn: u64) {
        let namespace = Arc::clone(&entry.key.namespace);
        self.lines[lane as usize].line(namespace).line(turn).push(entry);
    }

    /// The next live entry of these lanes, booked to its own.
    pub(super) fn take(&mut self, of: impl Fn(Lane) -> bool, live: impl Live) -> Option<ObjectKey> {
        let mut waits = |lane: &Lane| of(*lane) && self.lines[*lane as usize].waits(&live);
        let waiting: Vec<Lane> = Lane::ALL.into_iter().filter(|lane| waits(lane)).collect();
        for lane in Lane::ALL {
            // A lane that does not wait saves nothing up for later.
            let credit = &mut self.credit[lane as usize];
            *credit = if waiting.contains(&lane) { *credit + lane.share() } else { 0 };
        }
        let best = waiting.iter().max_by_key(|lane| (self.credit[**lane as usize], lane.share()))?;
        self.credit[*best as usize] -= waiting.iter().map(|lane| lane.share()).sum::<i64>();
        self.lines[*best as usize].pop().map(|entry| entry.key)
    }

    /// True when a live entry waits in one of these lanes.
    pub(super) fn wait(&mut self, of: impl Fn(Lane) -> bool, live: impl Live) -> bool {
        Lane::ALL.into_iter().any(|lane| of(lane) && self.lines[lane as usize].waits(&live))
    }

    /// Drops all stale entries.
    pub(super) fn retain(&mut self, live: impl Live) {
        for line in &mut self.lines {
            line.retain(&live);
        }
    }

    /// How many entries are held, stale ones included.
    pub(super) fn len(&self) -> usize {
        self.lines.iter().map(Line::len).sum()
    }
}
