//! The connections of the process: the default one, and one for each DataWorksWorkspace.
//!
//! A connection is what work on an object runs on: an identity at an endpoint, its budget of calls, and the listings
//! of what it reaches. It must not know objects, nor how an identity is had.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dataworks_core::object::ObjectKey;
use dataworks_core::queue::SubQueue;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::Semaphore;

use super::limiter::Limiter;
use super::listing::Listings;
use super::payers::{Figures, Payer, Payers, Spent, Tag, tag_of};
use super::runs::Runs;
use crate::controller::places::ConnectionId;
use crate::dataworks::Client;

/// Uploads of one connection at a time: no more than half of what the process makes.
pub const UPLOADS: usize = 2;

/// A way to the cloud.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Whose it is.
    pub id: ConnectionId,
    /// An identity at an endpoint.
    pub cloud: Client,
    /// The call budget of the identity in the region.
    pub limiter: Limiter,
    /// What was listed by it.
    pub listings: Arc<Listings>,
    /// The deployment runs that its objects wait for.
    pub runs: Arc<Runs>,
    /// The right to upload at this moment.
    pub uploads: Arc<Semaphore>,
    /// How often its workspaces are looked at.
    pub interval: SignedDuration,
    /// The service in a region, whatever network it is reached through.
    pub realm: String,
    /// An HTTP proxy stands between.
    pub proxied: bool,
}

#[derive(Debug)]
struct Held {
    workspaces: BTreeMap<ObjectKey, Arc<Connection>>,
    payers: Payers,
    /// When an earlier process last looked at workspaces that nobody has asked for yet.
    looked: BTreeMap<Tag, Timestamp>,
}

/// All connections.
#[derive(Debug)]
pub struct Connections {
    default: Arc<Connection>,
    /// Sends nothing: for work that has no connection.
    closed: Arc<Connection>,
    /// What the administrator asks for.
    figures: Figures,
    held: Mutex<Held>,
}

impl Connections {
    /// Of a process with this default connection, whose budget is made of the figures, and one that sends nothing.
    #[must_use]
    pub fn new(default: Connection, figures: Figures, closed: Connection, waits: Histogram) -> Self {
        let payers = Payers::new(figures, waits);
        let default = Arc::new(Connection { limiter: payers.default().clone(), ..default });
        let held = Held { workspaces: BTreeMap::new(), payers, looked: BTreeMap::new() };
        Self { default, closed: Arc::new(closed), figures, held: Mutex::new(held) }
    }

    /// The operator's own.
    #[must_use]
    pub fn default(&self) -> &Arc<Connection> {
        &self.default
    }

    /// How many calls the operator's own identity may make.
    #[must_use]
    pub fn operators_figures(&self) -> Figures {
        self.figures
    }

    /// This one; one that sends nothing where there is none.
    #[must_use]
    pub fn of(&self, id: &ConnectionId) -> Arc<Connection> {
        self.get(id).unwrap_or_else(|| Arc::clone(&self.closed))
    }

    /// This one, if there is one.
    #[must_use]
    pub fn get(&self, id: &ConnectionId) -> Option<Arc<Connection>> {
        match id {
            ConnectionId::Default => Some(Arc::clone(&self.default)),
            ConnectionId::Workspace(key) => self.lock().workspaces.get(key).cloned(),
        }
    }

    /// All of them, the default one first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Connection>> {
        let held = self.lock();
        std::iter::once(&self.default).chain(held.workspaces.values()).cloned().collect()
    }

    /// All budgets, each once, the default one's first.
    #[must_use]
    pub fn limiters(&self) -> Vec<Limiter> {
        self.lock().payers.all()
    }

    /// Takes this one for its workspace's from now on.
    pub fn set(&self, workspace: &ObjectKey, connection: Arc<Connection>) {
        self.lock().workspaces.insert(workspace.clone(), connection);
    }

    /// The workspace is gone.
    pub fn remove(&self, workspace: &ObjectKey) {
        let mut held = self.lock();
        held.workspaces.remove(workspace);
        held.payers.leave(workspace);
    }

    /// The default connection is paid for by this one: workspaces of the same share its budget.
    pub fn set_default_payer(&self, payer: Payer) {
        self.lock().payers.set_default(payer);
    }

    /// Whether it is known who pays for the default connection.
    #[must_use]
    pub fn knows_default_payer(&self) -> bool {
        self.lock().payers.knows_default()
    }

    /// The budget of a workspace that is paid for by this one and asks for so many calls.
    #[must_use]
    pub fn budget(&self, workspace: &ObjectKey, payer: Payer, figures: Figures) -> Limiter {
        self.lock().payers.budget(workspace, payer, figures)
    }

    /// Lets budgets go that nobody uses any more and whose sub-queue `closes`.
    pub fn let_budgets_go(&self, closes: impl Fn(SubQueue) -> bool) {
        self.lock().payers.let_go(closes);
    }

    /// Takes over what an earlier process did.
    pub fn resume(&self, earlier: BTreeMap<Tag, Spent>, looked: BTreeMap<Tag, Timestamp>) {
        let mut held = self.lock();
        held.payers.resume(earlier);
        held.looked = looked;
    }

    /// When an earlier process last looked at a workspace.
    #[must_use]
    pub fn looked_earlier(&self, workspace: &ObjectKey) -> Option<Timestamp> {
        self.lock().looked.remove(&tag_of(workspace))
    }

    /// What was done of all budgets but the default connection's.
    #[must_use]
    pub fn spent(&self) -> BTreeMap<Tag, Spent> {
        self.lock().payers.spent()
    }

    /// When each DataWorksWorkspace was last looked at.
    #[must_use]
    pub fn looked(&self) -> BTreeMap<Tag, Timestamp> {
        let held = self.lock();
        let mut all = held.looked.clone();
        for (key, connection) in &held.workspaces {
            all.extend(connection.listings.looked().values().max().map(|at| (tag_of(key), *at)));
        }
        all
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
