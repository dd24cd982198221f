//! What the runner is doing, for itself, for the probes and for metrics.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dataworks_core::object::ObjectKey;
use dataworks_core::queue::SubQueue;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use super::{Context, lock};
use crate::controller::standing::Standing;
use crate::health::Vitals;
use crate::workspace::limiter::Limiter;

/// What the runner is doing.
#[derive(Debug, Default)]
pub struct Activity {
    /// Since when this process works.
    pub(super) leading: Mutex<Option<(Timestamp, Instant)>>,
    pub(super) leads: AtomicBool,
    /// The process is about to end.
    stops: AtomicBool,
    /// When the runner last lived, and last took something or saw nothing to take.
    beat: Mutex<Option<Instant>>,
    moved: Mutex<Option<Instant>>,
    /// Objects under work, and since when.
    pub(super) running: Mutex<HashMap<ObjectKey, (Instant, SubQueue)>>,
}

/// The objects under work, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnderWork {
    /// How many.
    pub count: usize,
    /// How long they have been so, added up.
    pub total: Duration,
    /// The longest of them.
    pub longest: Duration,
}

impl Context {
    /// True when this process works, false when it only watches.
    #[must_use]
    pub fn is_leading(&self) -> bool {
        self.activity.leads.load(Ordering::SeqCst)
    }

    /// Nothing is begun any more; what was begun is finished.
    pub fn stop(&self) {
        self.activity.stops.store(true, Ordering::SeqCst);
    }

    /// True when nothing may be begun any more.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.activity.stops.load(Ordering::SeqCst)
    }

    /// The runner lives.
    pub fn beat(&self) {
        *lock(&self.activity.beat) = Some(Instant::now());
    }

    /// The runner took something, or saw that there is nothing that could be taken.
    pub fn moved(&self) {
        *lock(&self.activity.moved) = Some(Instant::now());
    }

    /// What the probes ask.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        let leading = lock(&self.activity.leading).map(|(_, since)| since);
        let could_move = || {
            let limiters = self.connections.limiters();
            let open = limiters.iter().filter(|limiter| limiter.paused_until().is_none());
            let mut subs = open.map(Limiter::sub).chain([SubQueue::FREE]);
            subs.any(|sub| self.scheduler.has_ready(sub, |_| true))
        };
        Vitals {
            leading,
            beat: *lock(&self.activity.beat),
            moved: *lock(&self.activity.moved),
            could_move: leading.is_some() && could_move(),
            renewed: self.metrics.requests.renewed(),
            lease: self.pulse.lease(),
        }
    }

    /// Since when this process works.
    #[must_use]
    pub fn leading_since(&self) -> Option<Timestamp> {
        lock(&self.activity.leading).map(|(since, _)| since)
    }

    /// The objects under work.
    #[must_use]
    pub fn under_work(&self) -> UnderWork {
        let running = lock(&self.activity.running);
        let spans = running.values().map(|(since, _)| since.elapsed());
        let add = |sum: UnderWork, span: Duration| UnderWork {
            count: sum.count + 1,
            total: sum.total + span,
            longest: sum.longest.max(span),
        };
        spans.fold(UnderWork::default(), add)
    }

    /// True while the object is under work.
    #[must_use]
    pub fn is_running(&self, key: &ObjectKey) -> bool {
        lock(&self.activity.running).contains_key(key)
    }

    /// Work on an object begins.
    pub fn begin(&self, key: &ObjectKey, sub: SubQueue) {
        lock(&self.activity.running).insert(key.clone(), (Instant::now(), sub));
    }

    /// How many objects are under work with permits of one budget.
    #[must_use]
    pub fn running_of(&self, sub: SubQueue) -> usize {
        lock(&self.activity.running).values().filter(|(_, of)| *of == sub).count()
    }

    /// What a run took for a write counts no more, unless the outcome of a move is not known: it may still arrive.
    fn release(&self, key: &ObjectKey) {
        let memory = self.index().uid(key).map(|uid| self.memory(&uid)).unwrap_or_default();
        if memory.unknown_write.is_some() && memory.unknown_place {
            return;
        }
        let woken = self.index().release(key);
        self.wake(woken);
    }

    /// Work on an object ended and left it like this. Answers whether somebody else changed it
    /// meanwhile.
    pub fn end(&self, key: &ObjectKey, left: Option<u64>) -> bool {
        lock(&self.activity.running).remove(key);
        self.release(key);
        let index = self.index();
        let changed = left.is_some() && index.fingerprint(key).is_some_and(|now| Some(now) != left);
        changed && index.standing(key) == Standing::Due
    }
}
