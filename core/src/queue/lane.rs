//! Three lanes that share permits, each fair between namespaces.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::object::ObjectKey;

/// How urgent an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// A person waits for it: creates, edits, deletes.
    Edit,
    /// It failed or has to be looked at again.
    Retry,
    /// A routine look.
    Sweep,
}

impl Lane {
    /// All lanes, most urgent first.
    pub const ALL: [Self; 3] = [Self::Edit, Self::Retry, Self::Sweep];

    /// The lane's share of permits when all lanes wait.
    #[must_use]
    pub fn share(self) -> i64 {
        match self {
            Self::Edit => 8,
            Self::Retry => 3,
            Self::Sweep => 1,
        }
    }

    /// The lane's name in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::Retry => "retry",
            Self::Sweep => "sweep",
        }
    }
}

/// Namespaces that take turns; first in, first out inside each.
#[derive(Debug, Default)]
struct Turns {
    order: VecDeque<Arc<str>>,
    queues: HashMap<Arc<str>, VecDeque<(ObjectKey, u64)>>,
}

impl Turns {
    fn push(&mut self, key: ObjectKey, ticket: u64) {
        let queue = self.queues.entry(key.namespace.clone()).or_default();
        if queue.is_empty() {
            self.order.push_back(key.namespace.clone());
        }
        queue.push_back((key, ticket));
    }

    /// The head of the namespace whose turn it is; the turn passes on.
    fn pop(&mut self) -> Option<(ObjectKey, u64)> {
        let namespace = self.order.pop_front()?;
        let queue = self.queues.get_mut(&namespace)?;
        let head = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&namespace);
        } else {
            self.order.push_back(namespace);
        }
        head
    }

    /// True when an entry is left for which `live` holds; stale heads are dropped on the way.
    fn peek(&mut self, live: &impl Fn(&ObjectKey, u64) -> bool) -> bool {
        while let Some(namespace) = self.order.front() {
            let head = self.queues.get(namespace).and_then(VecDeque::front);
            if head.is_some_and(|(key, ticket)| live(key, *ticket)) {
                return true;
            }
            // The turn of a namespace is not lost by a stale entry: it keeps its place at the
            // back as `pop` would have it, and every stale entry is dropped once.
            self.pop();
        }
        false
    }
}

/// The lanes of one sub-queue.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    turns: [Turns; 3],
    /// Smooth weighted round-robin: a lane gains its share at each turn and pays the sum of
    /// the shares that were at stake when it is served.
    credit: [i64; 3],
}

impl Lanes {
    pub(super) fn push(&mut self, key: ObjectKey, ticket: u64, lane: Lane) {
        self.turns[lane as usize].push(key, ticket);
    }

    /// The next candidate, stale or not. Call [`Lanes::served`] when it was a live one.
    pub(super) fn pop(&mut self) -> Option<(ObjectKey, u64)> {
        let waiting = |lane: &Lane| !self.turns[*lane as usize].order.is_empty();
        let best = Lane::ALL
            .into_iter()
            .filter(waiting)
            .max_by_key(|lane| (self.credit[*lane as usize] + lane.share(), lane.share()))?;
        self.turns[best as usize].pop()
    }

    /// Books the service of one entry of `lane`.
    pub(super) fn served(&mut self, lane: Lane) {
        let mut total = 0;
        for other in Lane::ALL {
            let waits = other == lane || !self.turns[other as usize].order.is_empty();
            if waits {
                self.credit[other as usize] += other.share();
                total += other.share();
            } else {
                // A lane that does not wait saves nothing up for later.
                self.credit[other as usize] = 0;
            }
        }
        self.credit[lane as usize] -= total;
    }

    pub(super) fn peek(&mut self, live: impl Fn(&ObjectKey, u64) -> bool) -> bool {
        self.turns.iter_mut().any(|turns| turns.peek(&live))
    }
}
