//! The queue with a lock, a clock and a bell: the pure state machine made usable by tasks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use dataworks_core::object::ObjectKey;
use dataworks_core::queue::{After, Due, Lane, Queue, SubQueue, Taken};
use k8s_openapi::jiff::Timestamp;
use tokio::sync::Notify;

/// The queue of one controller.
#[derive(Debug, Default)]
pub struct Scheduler {
    queue: Mutex<Queue>,
    bell: Notify,
}

impl Scheduler {
    /// Asks that an object be worked on.
    pub fn push(&self, key: &ObjectKey, due: Due) {
        self.lock().push(key, due, Timestamp::now());
        self.bell.notify_one();
    }

    /// The next object of a sub-queue, in one of these lanes.
    #[must_use]
    pub fn take(&self, sub: SubQueue, of: impl Fn(Lane) -> bool) -> Option<Taken> {
        self.lock().take(sub, of, Timestamp::now())
    }

    /// The next object of a sub-queue that `wanted` names.
    #[must_use]
    pub fn take_where(&self, sub: SubQueue, wanted: impl Fn(&ObjectKey) -> bool) -> Option<Taken> {
        self.lock().take_where(sub, Timestamp::now(), wanted)
    }

    /// Ends the work on an object.
    pub fn done(&self, key: &ObjectKey, after: After) {
        self.lock().done(key, after, Timestamp::now());
        self.bell.notify_one();
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, key: &ObjectKey) {
        self.lock().forget(key);
    }

    /// True when a sub-queue has work in one of these lanes that could start now.
    #[must_use]
    pub fn has_ready(&self, sub: SubQueue, of: impl Fn(Lane) -> bool) -> bool {
        self.lock().has_ready(sub, of, Timestamp::now())
    }

    /// When the next delayed entry comes up.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        self.lock().next_at()
    }

    /// How many entries wait for a permit or a worker, and how many for a time.
    #[must_use]
    pub fn depth(&self) -> (usize, usize) {
        let queue = self.lock();
        let ready = queue.ready(Timestamp::now());
        (ready, queue.waiting().saturating_sub(ready))
    }

    /// Entries that have waited for a permit or a worker since before `before`.
    #[must_use]
    pub fn waiting_since_before(&self, before: Timestamp) -> Vec<ObjectKey> {
        self.lock().waiting_since_before(before)
    }

    /// Ends when something was pushed or done since it was last asked.
    pub async fn rung(&self) {
        self.bell.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // The queue's methods do not panic half-way; a poisoned lock holds a whole queue.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
