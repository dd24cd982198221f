//! What belongs to a connection rather than to an object: who it calls as, its budget of calls and the listings of
//! its workspaces; and the DataWorksWorkspaces that say so.

mod absence;
pub mod budget;
pub mod connection;
pub mod drift;
pub mod guard;
pub mod keyring;
pub mod limiter;
pub mod listing;
pub mod look;
pub mod making;
pub mod payers;
pub mod runs;
pub mod secret;
pub mod survey;
pub mod tend;
pub mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dataworks_core::api::condition::{ConditionType, Reason};
use dataworks_core::api::v1alpha1::DataWorksWorkspace;
use dataworks_core::fault::Fault;
use dataworks_core::ids::ProjectId;
use dataworks_core::object::ObjectKey;
use dataworks_core::state::is_connections_fault;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use tokio::sync::{Notify, watch as channel};
use tokio_util::task::AbortOnDropHandle;

use crate::context::Context;
use crate::controller::places::{ConnectionId, Gate, Site};
use crate::controller::tally::Truth;
use making::Making;

/// Tells the task that looks after a DataWorksWorkspace that something happened.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Notify,
    suspected: AtomicBool,
}

impl Bell {
    /// Ends when it was rung since.
    pub async fn rung(&self) {
        self.rung.notified().await;
    }

    /// Whether a call failed for a cause that concerns all of the workspace; from now on not any more.
    pub fn take_suspicion(&self) -> bool {
        self.suspected.swap(false, Ordering::SeqCst)
    }
}

/// One DataWorksWorkspace.
#[derive(Debug)]
struct Entry {
    object: channel::Sender<Arc<DataWorksWorkspace>>,
    bell: Arc<Bell>,
    /// Looks after it, where this process leads.
    tasks: Vec<AbortOnDropHandle<()>>,
}

/// Those who look after the DataWorksWorkspaces: a task for each, so that none waits for another.
#[derive(Debug)]
pub struct Workspaces {
    /// What their clients are made of.
    pub making: Making,
    entries: Mutex<BTreeMap<ObjectKey, Entry>>,
}

impl Workspaces {
    /// None yet.
    #[must_use]
    pub fn new(making: Making) -> Self {
        Self { making, entries: Mutex::default() }
    }

    /// From now on this process works: each is looked after.
    pub fn lead(&self, ctx: &Arc<Context>) {
        for (key, entry) in self.lock().iter_mut() {
            entry.begin(ctx, key);
        }
    }

    /// A version of one was seen.
    pub fn seen(&self, ctx: &Arc<Context>, key: &ObjectKey, object: DataWorksWorkspace) {
        ctx.set_defaults(key, object.spec.defaults.as_ref());
        let mut entries = self.lock();
        let uid = |object: &DataWorksWorkspace| object.metadata.uid.clone();
        let replaced = entries.get(key).is_some_and(|entry| uid(&entry.object.borrow()) != uid(&object));
        if replaced {
            // Another of the same name: whoever looks after the old one ends with it.
            entries.remove(key);
            ctx.connections.remove(key);
            ctx.set_workspace(key, None);
        }
        if let Some(entry) = entries.get(key) {
            entry.object.send_replace(Arc::new(object));
            return;
        }
        // Before anybody looks after it, whose first word comes after this one.
        let site = ProjectId::new(object.spec.project_id).map(|project| Site { project, gate: Gate::Unseen });
        ctx.set_workspace(key, site);
        let mut entry =
            Entry { object: channel::Sender::new(Arc::new(object)), bell: Arc::default(), tasks: Vec::new() };
        if ctx.is_leading() {
            entry.begin(ctx, key);
        }
        entries.insert(key.clone(), entry);
    }

    /// One is gone.
    pub fn gone(&self, ctx: &Context, key: &ObjectKey) {
        if self.lock().remove(key).is_some() {
            ctx.set_workspace(key, None);
            ctx.set_defaults(key, None);
            ctx.connections.remove(key);
        }
    }

    /// All that are known.
    #[must_use]
    pub fn keys(&self) -> Vec<ObjectKey> {
        self.lock().keys().cloned().collect()
    }

    /// What the status of this one says of `Ready` and, while there is one, of a mass absence.
    #[must_use]
    pub fn conditions(&self, key: &ObjectKey) -> Vec<(ConditionType, Truth, Reason)> {
        let entries = self.lock();
        let Some(object) = entries.get(key).map(|entry| Arc::clone(&entry.object.borrow())) else {
            return Vec::new();
        };
        let conditions = object.status.iter().flat_map(|status| &status.conditions);
        let told = |condition: &Condition| {
            let type_ = condition.type_.parse().ok()?;
            let shown = matches!(type_, ConditionType::Ready | ConditionType::MassAbsence);
            let truth = Truth::of(&condition.status);
            Some((type_, truth, condition.reason.parse().ok()?)).filter(|_| shown)
        };
        conditions.filter_map(told).collect()
    }

    /// More or fewer objects name these than before.
    pub fn touched(&self, keys: &BTreeSet<ObjectKey>) {
        if keys.is_empty() {
            return;
        }
        let entries = self.lock();
        for entry in keys.iter().filter_map(|key| entries.get(key)) {
            entry.bell.rung.notify_one();
        }
    }

    /// A routine look at this one ended, which may be news of what is gone from it.
    pub fn looked(&self, key: &ObjectKey) {
        if let Some(entry) = self.lock().get(key) {
            entry.bell.rung.notify_one();
        }
    }

    /// A call by the connection of this one failed: where the cause concerns all of its workspace, that is looked at.
    pub fn suspect(&self, key: &ObjectKey, fault: &Fault) {
        if is_connections_fault(fault)
            && let Some(entry) = self.lock().get(key)
        {
            entry.bell.suspected.store(true, Ordering::SeqCst);
            entry.bell.rung.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn begin(&mut self, ctx: &Arc<Context>, key: &ObjectKey) {
        if self.tasks.is_empty() {
            let tending =
                tend::tend(Arc::clone(ctx), key.clone(), self.object.subscribe(), Arc::clone(&self.bell));
            let looking = drift::watch(Arc::clone(ctx), ConnectionId::Workspace(key.clone()));
            self.tasks = vec![
                AbortOnDropHandle::new(tokio::spawn(tending)),
                AbortOnDropHandle::new(tokio::spawn(looking)),
            ];
        }
    }
}
