//! What every reconcile shares.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dataworks_core::bounds::Bounds;
use dataworks_core::ids::ProjectId;
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::plan::{Identity, Memory};
use dataworks_core::queue::{Lane, SubQueue};
use k8s_openapi::jiff::Timestamp;

use crate::controller::index::Index;
use crate::controller::policy::Policy;
use crate::controller::scheduler::{DEFAULT_CONNECTION, Scheduler};
use crate::dataworks::Client;
use crate::events::Events;
use crate::metrics::Metrics;
use crate::reconcile::kube_client::Calls;
use crate::workspace::limiter::{Limiter, Permit};
use crate::workspace::listing::Listings;

/// The parts that a reconcile works with, made once by [`crate::app`].
#[derive(Debug)]
pub struct Context {
    /// For everything but the watch: short deadlines, no retries of its own.
    pub kube: Calls,
    /// The cloud.
    pub cloud: Client,
    /// The call budget of the cloud's account.
    pub limiter: Limiter,
    /// The listings of the workspaces.
    pub listings: Listings,
    /// Who may use the default connection.
    pub policy: Policy,
    /// Who we are.
    pub identity: Identity,
    /// The times that "never twice" rests on.
    pub bounds: Bounds,
    /// What is known of each object.
    pub index: Mutex<Index>,
    /// What is to be done.
    pub scheduler: Scheduler,
    /// What this process remembers of unfinished business, by uid.
    pub memories: Mutex<HashMap<Uid, Memory>>,
    /// Kubernetes events.
    pub events: Events,
    /// Metrics.
    pub metrics: Arc<Metrics>,
}

impl Context {
    /// The index.
    pub fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this process remembers of an object.
    #[must_use]
    pub fn memory(&self, uid: &Uid) -> Memory {
        self.lock_memories().get(uid).cloned().unwrap_or_default()
    }

    /// Keeps what is to be remembered of an object; nothing is remembered of finished business.
    pub fn remember(&self, uid: &Uid, memory: Memory) {
        let mut memories = self.lock_memories();
        if memory == Memory::default() {
            memories.remove(uid);
        } else {
            memories.insert(uid.clone(), memory);
        }
    }

    /// The sub-queue that work on this object waits in.
    #[must_use]
    pub fn sub_queue(&self, key: &ObjectKey) -> SubQueue {
        if self.index().needs_no_call(key) { SubQueue::FREE } else { DEFAULT_CONNECTION }
    }

    /// Puts an object into the queue.
    pub fn enqueue(&self, key: &ObjectKey, lane: Lane, at: Timestamp) {
        let sub = self.sub_queue(key);
        self.metrics.queue_adds.inc();
        self.scheduler.push(key, sub, lane, at);
    }

    /// Wakes objects whose situation changed because of others.
    pub fn wake(&self, keys: impl IntoIterator<Item = ObjectKey>) {
        for key in keys {
            self.enqueue(&key, Lane::Retry, Timestamp::now());
        }
    }

    /// A call on this workspace succeeded: wishes for paths in it count from now on.
    pub fn proved(&self, project: ProjectId) {
        let woken = self.index().prove(project);
        self.wake(woken);
    }

    /// An object is gone: its claims are free, and nothing of it is remembered.
    pub fn gone(&self, key: &ObjectKey) {
        let woken = self.index().remove(key);
        self.scheduler.forget(key);
        self.listings.forget(key);
        self.wake(woken);
    }

    /// Reads a whole workspace in a task of its own, and wakes who waits for it.
    pub fn start_sweep(self: &Arc<Self>, project: ProjectId, permit: Permit) {
        let ctx = Arc::clone(self);
        tokio::spawn(async move {
            let woken = match ctx.listings.sweep(&ctx.cloud, &ctx.limiter, permit, project).await {
                Ok(woken) => {
                    ctx.proved(project);
                    woken
                }
                Err((woken, fault)) => {
                    tracing::warn!(%project, code = fault.code, message = fault.message, "a listing failed");
                    woken
                }
            };
            for key in woken {
                ctx.enqueue(&key, Lane::Edit, Timestamp::now());
            }
        });
    }

    fn lock_memories(&self) -> MutexGuard<'_, HashMap<Uid, Memory>> {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
