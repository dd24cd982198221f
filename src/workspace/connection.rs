//! The connections of the process: the default one, and one for each DataWorksWorkspace.
//!
//! A connection is what work on an object runs on: an identity at an endpoint, its budget of calls, and the listings
//! of what it reaches. Connections of one identity in one region share their budget. It must not know objects, nor
//! how an identity is had.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dataworks_core::ids::Digest;
use dataworks_core::limit::{Day, Shut};
use dataworks_core::object::ObjectKey;
use dataworks_core::queue::SubQueue;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use prometheus_client::metrics::histogram::Histogram;

use super::limiter::Limiter;
use super::listing::Listings;
use crate::controller::places::ConnectionId;
use crate::dataworks::Client;

/// The sub-queue of the default connection's limiter; those of others follow.
const DEFAULT_SUB: u32 = 1;

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
    /// How often its workspaces are looked at.
    pub interval: SignedDuration,
    /// The service in a region, whatever network it is reached through.
    pub realm: String,
    /// An HTTP proxy stands between.
    pub proxied: bool,
}

/// Who is called as whom: what a budget belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Payer {
    /// The account, or what stands for it where it is not known.
    pub identity: Identity,
    /// The service in a region, whatever network it is reached through.
    pub realm: String,
}

/// Whose calls are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// An account.
    Account(String),
    /// An access key of an account that is not known.
    Key(String),
}

/// How many calls a connection asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// A second.
    pub per_second: f64,
    /// A day.
    pub per_day: Option<u64>,
}

impl Figures {
    /// Of both the smaller.
    fn least(self, other: Self) -> Self {
        Self {
            per_second: self.per_second.min(other.per_second),
            per_day: self.per_day.into_iter().chain(other.per_day).min(),
        }
    }
}

/// A budget, and what those that share it ask for.
#[derive(Debug)]
struct Shared {
    limiter: Limiter,
    /// By workspace; none: the administrator's figures hold.
    asked: Option<BTreeMap<ObjectKey, Figures>>,
}

#[derive(Debug, Default)]
struct Held {
    workspaces: BTreeMap<ObjectKey, Arc<Connection>>,
    budgets: BTreeMap<Payer, Shared>,
    /// All that ever were: work may still wait for one that nobody uses any more.
    limiters: Vec<Limiter>,
    /// The one under which the default connection's budget was found to be.
    default: Option<Payer>,
    subs: u32,
    /// What an earlier process did today with budgets that nobody has asked for yet, by their tags.
    earlier: BTreeMap<Tag, Spent>,
    /// When it last looked at workspaces that nobody has asked for yet.
    looked: BTreeMap<Tag, Timestamp>,
}

/// What stands for a budget or a workspace where its name must not or cannot: a part of a digest, in hex.
pub type Tag = String;

/// What was done of a budget, and what the service said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The calls of a day.
    pub day: Day,
    /// Whether they are used up.
    pub shut: Option<Shut>,
}

impl Payer {
    /// What stands for it.
    #[must_use]
    pub fn tag(&self) -> Tag {
        let Self { identity, realm } = self;
        let (kind, name) = match identity {
            Identity::Account(account) => ("account", account),
            Identity::Key(key) => ("key", key),
        };
        tag(&format!("{kind}/{name}/{realm}"))
    }
}

/// What stands for a DataWorksWorkspace.
#[must_use]
pub fn tag_of(workspace: &ObjectKey) -> Tag {
    tag(&workspace.to_string())
}

fn tag(text: &str) -> Tag {
    let mut tag = Digest::of(text.as_bytes()).to_string();
    tag.truncate(16);
    tag
}

/// All connections.
#[derive(Debug)]
pub struct Connections {
    default: Arc<Connection>,
    /// Sends nothing: for work that has no connection.
    closed: Arc<Connection>,
    /// What the administrator asks for.
    figures: Figures,
    waits: Histogram,
    held: Mutex<Held>,
}

impl Connections {
    /// Of a process with this default connection and one that sends nothing.
    #[must_use]
    pub fn new(default: Connection, figures: Figures, closed: Connection, waits: Histogram) -> Self {
        let default = Arc::new(Connection {
            limiter: default.limiter.of(SubQueue(DEFAULT_SUB)).measured(waits.clone()),
            ..default
        });
        let held = Held { subs: DEFAULT_SUB, ..Held::default() };
        Self { default, closed: Arc::new(closed), figures, waits, held: Mutex::new(held) }
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
        let held = self.lock();
        std::iter::once(&self.default.limiter).chain(&held.limiters).cloned().collect()
    }

    /// Takes this one for its workspace's from now on.
    pub fn set(&self, workspace: &ObjectKey, connection: Arc<Connection>) {
        self.lock().workspaces.insert(workspace.clone(), connection);
    }

    /// The workspace is gone.
    pub fn remove(&self, workspace: &ObjectKey) {
        let mut held = self.lock();
        held.workspaces.remove(workspace);
        held.leave(workspace);
    }

    /// The default connection is paid for by this one: workspaces of the same share its budget.
    pub fn set_default_payer(&self, payer: Payer) {
        let mut held = self.lock();
        if held.default.as_ref() != Some(&payer) {
            let limiter = self.default.limiter.clone();
            held.budgets.insert(payer.clone(), Shared { limiter, asked: None });
            held.default = Some(payer);
        }
    }

    /// Whether it is known who pays for the default connection.
    #[must_use]
    pub fn knows_default_payer(&self) -> bool {
        self.lock().default.is_some()
    }

    /// The budget of a workspace that is paid for by this one and asks for so many calls. The smallest figures of all
    /// that share it hold; those of the operator's own identity are the administrator's alone.
    #[must_use]
    pub fn budget(&self, workspace: &ObjectKey, payer: Payer, figures: Figures) -> Limiter {
        let mut held = self.lock();
        held.leave(workspace);
        if !held.budgets.contains_key(&payer) {
            held.subs += 1;
            let Figures { per_second, per_day } = figures;
            let limiter = Limiter::new(per_second, per_day).of(SubQueue(held.subs));
            let limiter = limiter.measured(self.waits.clone());
            if let Some(Spent { day, shut }) = held.earlier.remove(&payer.tag()) {
                limiter.resume(day, shut);
            }
            held.limiters.push(limiter.clone());
            held.budgets.insert(payer.clone(), Shared { limiter, asked: Some(BTreeMap::new()) });
        }
        let Some(shared) = held.budgets.get_mut(&payer) else { return self.default.limiter.clone() };
        if let Some(asked) = &mut shared.asked {
            asked.insert(workspace.clone(), figures);
        }
        shared.configure();
        shared.limiter.clone()
    }

    /// Takes over what an earlier process did.
    pub fn resume(&self, earlier: BTreeMap<Tag, Spent>, looked: BTreeMap<Tag, Timestamp>) {
        let mut held = self.lock();
        held.earlier = earlier;
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
        let held = self.lock();
        let others = held.budgets.iter().filter(|(_, shared)| !shared.limiter.is(&self.default.limiter));
        let spent = |limiter: &Limiter| Spent { day: limiter.day(), shut: limiter.shut() };
        let mut all = held.earlier.clone();
        all.extend(others.map(|(payer, shared)| (payer.tag(), spent(&shared.limiter))));
        all
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

impl Held {
    /// What the workspace asked for counts no longer.
    fn leave(&mut self, workspace: &ObjectKey) {
        for shared in self.budgets.values_mut() {
            if shared.asked.as_mut().is_some_and(|asked| asked.remove(workspace).is_some()) {
                shared.configure();
            }
        }
    }
}

impl Shared {
    fn configure(&self) {
        let all = self.asked.iter().flatten().map(|(_, figures)| *figures);
        if let Some(Figures { per_second, per_day }) = all.reduce(Figures::least) {
            self.limiter.configure(per_second, per_day);
        }
    }
}
