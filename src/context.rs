//! What every reconcile shares.

mod activity;
mod doubts;
mod undecodable;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dataworks_core::api::v1alpha1::{DataWorksResource, ResourceDefaults};
use dataworks_core::bounds::Bounds;
use dataworks_core::codes;
use dataworks_core::fault::Fault;
use dataworks_core::guard::Closed;
use dataworks_core::ids::ProjectId;
use dataworks_core::inventory::Own;
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::plan::{Identity, Memory};
use dataworks_core::queue::{Due, Lane, SubQueue};
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use crate::controller::index::{Index, Origin};
use crate::controller::places::{ConnectionId, Site};
use crate::controller::policy::Policy;
use crate::controller::scheduler::Scheduler;
use crate::controller::tally::Tally;
use crate::events::Events;
use crate::leader::Pulse;
use crate::metrics::Metrics;
use crate::reconcile::execute::content::Slots;
use crate::reconcile::kube_client::Calls;
use crate::reconcile::surplus::Surpluses;
use crate::workspace::Workspaces;
use crate::workspace::connection::{Connection, Connections};
use crate::workspace::guard::Guard;
use crate::workspace::limiter::Permit;
use crate::workspace::listing::Errand;
use crate::workspace::survey::Survey;
pub use activity::{Activity, UnderWork};
pub use doubts::Doubt;
pub use undecodable::Untold;

/// The parts that a reconcile works with, made once by [`crate::app`].
#[derive(Debug)]
pub struct Context {
    /// For everything but the watch: short deadlines, no retries of its own.
    pub kube: Calls,
    /// The ways to the cloud.
    pub connections: Connections,
    /// Those who look after the DataWorksWorkspaces.
    pub workspaces: Workspaces,
    /// Keeps objects from calls of the default connection that would all fail.
    pub guard: Guard,
    /// Who may use the default connection.
    pub policy: Policy,
    /// Who we are.
    pub identity: Identity,
    /// The times that "never twice" rests on.
    pub bounds: Bounds,
    /// Who may hold the bytes of a ConfigMap.
    pub content: Slots,
    /// What is known of each object.
    pub index: Mutex<Index>,
    /// What there is to look at, read off that for all who ask.
    pub survey: Survey,
    /// What is to be done.
    pub scheduler: Scheduler,
    /// What this process remembers of unfinished business, by uid.
    pub memories: Mutex<HashMap<Uid, Memory>>,
    /// Resources that nobody owns, which are deleted by tasks of their own.
    pub surpluses: Surpluses,
    /// Kubernetes events.
    pub events: Events,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// What the runner is doing.
    pub activity: Activity,
    /// What is doubted of the resources of objects.
    pub doubts: Mutex<HashMap<ObjectKey, Doubt>>,
    /// Objects that could not be decoded and were not told so: told when this process works.
    pub untold: Mutex<Untold>,
    /// Whether the process ran on without a gap.
    pub pulse: Pulse,
}

impl Context {
    /// The index.
    pub fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.index)
    }

    /// What this process remembers of an object.
    #[must_use]
    pub fn memory(&self, uid: &Uid) -> Memory {
        lock(&self.memories).get(uid).cloned().unwrap_or_default()
    }

    /// Keeps what is to be remembered of an object; nothing is remembered of finished business.
    pub fn remember(&self, uid: &Uid, memory: Memory) {
        let mut memories = lock(&self.memories);
        if memory == Memory::default() {
            memories.remove(uid);
        } else {
            memories.insert(uid.clone(), memory);
        }
    }

    /// The sub-queue that work on this object waits in.
    #[must_use]
    pub fn sub_queue(&self, key: &ObjectKey) -> SubQueue {
        let connection = {
            let index = self.index();
            if index.needs_no_call(key) {
                return SubQueue::FREE;
            }
            index.goes_to(key).map(|(connection, _)| connection.clone())
        };
        let connection = connection.and_then(|id| self.connections.get(&id));
        connection.map_or(SubQueue::FREE, |connection| connection.limiter.sub())
    }

    /// When and where an object is to be taken.
    #[must_use]
    pub fn due(&self, key: &ObjectKey, lane: Lane, at: Timestamp) -> Due {
        let project = self.index().goes_to(key).and_then(|(_, project)| project);
        let turn = project.map_or(0, ProjectId::get);
        Due { sub: self.sub_queue(key), lane: self.lane(key, lane), at, turn }
    }

    /// Puts an object into the queue.
    pub fn enqueue(&self, key: &ObjectKey, lane: Lane, at: Timestamp) {
        if !self.is_leading() {
            // Whoever leads next asks the index for all that is due.
            return;
        }
        self.metrics.queue_adds.inc();
        self.scheduler.push(key, self.due(key, lane, at));
    }

    /// The lane that an object waits in: one that has nothing yet makes way for edits.
    #[must_use]
    pub fn lane(&self, key: &ObjectKey, wished: Lane) -> Lane {
        if wished == Lane::Edit && self.index().is_unmade(key) { Lane::Create } else { wished }
    }

    /// The watch told of a change of an object. While the object is under work the change is kept
    /// in the index, and the end of the work will notice it.
    pub fn news(&self, key: &ObjectKey, at: Timestamp) {
        if self.is_leading() && !lock(&self.activity.running).contains_key(key) {
            self.enqueue(key, Lane::Edit, at);
        }
    }

    /// From now on this process works: everything that is due is put into the queue.
    pub fn lead(self: &Arc<Self>) {
        self.beat();
        *lock(&self.activity.leading) = Some((Timestamp::now(), Instant::now()));
        self.activity.leads.store(true, Ordering::SeqCst);
        self.metrics.leading.set(1);
        self.tell_undecodable();
        self.workspaces.lead(self);
        let due = self.index().all_due(Timestamp::now());
        tracing::info!(objects = self.index().len(), due = due.len(), "leading");
        for (key, at) in due {
            self.enqueue(&key, Lane::Edit, at);
        }
    }

    /// How many objects stand how.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let unknown: HashSet<Uid> = {
            let memories = lock(&self.memories);
            memories.iter().filter(|(_, memory)| memory.is_unknown()).map(|(uid, _)| uid.clone()).collect()
        };
        self.index().tally(|uid| unknown.contains(uid))
    }

    /// Whether a write of ours to the object's resource is unfinished: its outcome is not known.
    #[must_use]
    pub fn has_begun(&self, key: &ObjectKey) -> bool {
        let uid = self.index().uid(key);
        let memory = uid.map(|uid| self.memory(&uid)).unwrap_or_default();
        memory.attempt.is_some() || memory.unknown_write.is_some()
    }

    /// Takes in a version that was read live. Answers when it is due, if that is news.
    pub fn read(&self, object: &DataWorksResource) -> Option<Timestamp> {
        let applied = self.index().apply(object, Origin::Read, Timestamp::now());
        self.wake(applied.woken);
        self.tell_workspaces();
        applied.due
    }

    /// Takes in the answer of an own write.
    pub fn wrote(&self, object: &DataWorksResource) {
        let applied = self.index().apply(object, Origin::Written, Timestamp::now());
        self.wake(applied.woken);
        self.tell_workspaces();
    }

    /// Claims for an intent that is about to be written; false when another object holds a claim.
    #[must_use]
    pub fn reserve(&self, key: &ObjectKey) -> bool {
        let reserved = self.index().reserve(key);
        let done = reserved.is_some();
        self.wake(reserved.unwrap_or_default());
        done
    }

    /// What these objects refer to changed, which is an edit of them.
    pub fn edited(&self, keys: impl IntoIterator<Item = ObjectKey>, at: Timestamp) {
        for key in keys {
            self.enqueue(&key, Lane::Edit, at);
        }
    }

    /// Wakes objects whose situation changed because of others.
    pub fn wake(&self, keys: impl IntoIterator<Item = ObjectKey>) {
        for key in keys {
            self.enqueue(&key, Lane::Retry, Timestamp::now());
        }
    }

    /// Lets those know who look after the DataWorksWorkspaces that more or fewer objects name them.
    pub fn tell_workspaces(&self) {
        let touched = self.index().take_touched();
        self.workspaces.touched(&touched);
    }

    /// A connection has credentials again: what may have failed for want of them is tried now.
    pub fn credentials_returned(&self, connection: &ConnectionId) {
        let mut keys = self.index().hindered(connection);
        // Work under way may have failed before and not have told it yet.
        let running: Vec<ObjectKey> = lock(&self.activity.running).keys().cloned().collect();
        let index = self.index();
        keys.extend(
            running.into_iter().filter(|key| index.goes_to(key).is_some_and(|(id, _)| id == connection)),
        );
        drop(index);
        if *connection == ConnectionId::Default {
            self.guard.ask(None);
        }
        tracing::info!(objects = keys.len(), "there are credentials again");
        self.wake(keys);
    }

    /// A call on this workspace succeeded: wishes for paths in it count from now on.
    pub fn proved(&self, connection: &ConnectionId, project: ProjectId) {
        let woken = self.index().prove(connection, project);
        self.wake(woken);
    }

    /// Keeps what is known of a DataWorksWorkspace, and wakes whom it concerns.
    pub fn set_workspace(&self, workspace: &ObjectKey, site: Option<Site>) {
        let concerned = self.index().set_workspace(workspace, site);
        for key in concerned {
            self.enqueue(&key, Lane::Edit, Timestamp::now());
        }
    }

    /// A call by this connection failed: where the cause concerns more than one object, that is looked at.
    pub fn suspect(&self, connection: &ConnectionId, project: ProjectId, fault: &Fault) {
        match connection {
            ConnectionId::Default => self.guard.suspect(self, project, fault),
            ConnectionId::Workspace(workspace) => self.workspaces.suspect(workspace, fault),
        }
    }

    /// Keeps what of the default connection is closed, and wakes whom it concerns.
    pub fn set_closed(&self, closed: Closed) {
        let concerned = self.index().set_closed(closed);
        for key in concerned {
            self.enqueue(&key, Lane::Edit, Timestamp::now());
        }
    }

    /// Keeps what a DataWorksWorkspace fills in for new files, and wakes whom it concerns.
    pub fn set_defaults(&self, workspace: &ObjectKey, defaults: Option<&ResourceDefaults>) {
        let concerned = self.index().set_defaults(workspace, defaults);
        for key in concerned {
            self.enqueue(&key, Lane::Edit, Timestamp::now());
        }
    }

    /// An object is gone: its claims are free, and nothing of it is remembered. Of two objects of
    /// one name, one after the other, only the one with this uid.
    pub fn gone(&self, key: &ObjectKey, uid: &Uid) {
        let woken = {
            let mut index = self.index();
            if index.uid(key).is_some_and(|known| known != *uid) {
                return;
            }
            index.remove(key)
        };
        lock(&self.memories).remove(uid);
        self.scheduler.forget(key);
        for connection in self.connections.all() {
            connection.listings.forget(key);
            connection.runs.gone(key, uid);
        }
        let _forgotten = self.take_doubt(key);
        self.wake(woken);
        self.tell_workspaces();
    }

    /// Takes in what this process just did itself in a workspace, for all connections that know it.
    pub fn record(&self, connection: &Arc<Connection>, project: ProjectId, own: Own) {
        for other in self.connections.all() {
            if !Arc::ptr_eq(&other.listings, &connection.listings) {
                other.listings.record_where_known(project, own.clone());
            }
        }
        connection.listings.record(project, own);
    }

    /// Reads a whole workspace in a task of its own, and wakes who waits for it.
    pub fn start_sweep(self: &Arc<Self>, connection: &Arc<Connection>, project: ProjectId, permit: Permit) {
        let (ctx, connection) = (Arc::clone(self), Arc::clone(connection));
        tokio::spawn(async move {
            let Connection { id, cloud, limiter, listings, .. } = &*connection;
            let woken = match listings.sweep(cloud, limiter, permit, project, Errand::Look).await {
                Ok(woken) => {
                    ctx.proved(id, project);
                    woken
                }
                Err((woken, fault)) => {
                    ctx.suspect(id, project, &fault);
                    let cure = codes::cure_of(&fault.code);
                    tracing::warn!(
                        workspace = project.get(),
                        code = fault.code,
                        error = fault.message,
                        cure,
                        "a listing failed"
                    );
                    woken
                }
            };
            // Each in the lane and the place that it was parked from.
            ctx.wake(woken);
        });
    }
}

/// What these locks guard is whole whenever it is not locked: a poisoned one is as good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
