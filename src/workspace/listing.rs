//! The listings of the workspaces of a connection: one for many objects.
//!
//! An object that needs a fresh listing is parked, not held by a worker; the listing that begins
//! after its live read wakes all that wait for it. Where few wait and the workspace is large, each
//! lists by name instead. It must not know what an object is.
//!
//! Its times are the local clock's throughout: what counts is which of two things this process
//! did first, and the service's clock may be found to be off in between.

mod brake;
mod pages;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dataworks_core::fault::Fault;
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::inventory::{
    Difference, Held, Inventory, Own, Row, Version, by_name_is_cheaper, difference, pages,
};
use dataworks_core::object::ObjectKey;
use dataworks_core::workspace::Absence;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tracing::warn;

use brake::Brake;
pub use pages::{Errand, Unlisted};

/// What is known of one workspace.
#[derive(Debug, Default)]
struct Shared {
    inventory: Inventory,
    /// When the last routine listing began that was read to its end.
    looked: Option<Timestamp>,
    sweeping: bool,
    /// Who is parked, and since when.
    waiting: BTreeMap<ObjectKey, Timestamp>,
    /// This process made a file while the listing was read.
    made: bool,
    /// Listings in a row that were in vain for that.
    repeated: u8,
    /// How many objects will ask, beside those that had a permit to ask until now.
    expected: usize,
    failed: HashMap<ObjectKey, Fault>,
    /// Woken by a listing. One that is not good enough for them (given up, or partial because the
    /// workspace changes all the time) is not tried again: they list by name.
    listed: BTreeSet<ObjectKey>,
    /// Listing by name did not do for them.
    whole: BTreeSet<ObjectKey>,
    /// One of those waits for the listing under way.
    must_be_whole: bool,
    /// Rows of the last whole listing that could not be read.
    unreadable: u64,
    /// Whether what a routine look misses is made again.
    brake: Brake,
}

impl Shared {
    fn record(&mut self, own: Own) {
        self.made |= self.sweeping && matches!(own, Own::Put(_));
        self.inventory.record(own, Timestamp::now());
    }

    /// Says that rows cannot be read when there come to be some, or more: not at each listing.
    fn tell_unreadable(&mut self, project: ProjectId, rows: u64) {
        if rows > self.unreadable {
            warn!(
                workspace = project.get(),
                rows,
                "rows of the listing cannot be read: what they show is not seen, and no file of this workspace is taken to be gone"
            );
        }
        self.unreadable = rows;
    }
}

/// All workspaces of one connection.
#[derive(Debug)]
pub struct Listings {
    shared: Mutex<HashMap<ProjectId, Shared>>,
    lag: SignedDuration,
    /// How far routine looks at a workspace are apart at present; `None`: there are none.
    apart: Mutex<Option<SignedDuration>>,
}

/// What a question for a free path is answered with.
#[derive(Debug)]
pub enum Answer {
    /// The rows at the path or with the name.
    Rows(Vec<Row>),
    /// List by name: that is cheaper.
    ListByName,
    /// Wait for a listing; `start` when the caller has to start it with [`Listings::sweep`].
    Parked {
        /// Nobody lists yet.
        start: bool,
    },
    /// The listing that was waited for failed.
    Failed(Fault),
}

impl Listings {
    /// Listings of a service that may list what was done up to `lag` late.
    #[must_use]
    pub fn new(lag: SignedDuration) -> Self {
        Self { shared: Mutex::new(HashMap::new()), lag, apart: Mutex::new(None) }
    }

    /// Keeps how far routine looks are apart from now on.
    pub fn set_looks_apart(&self, apart: Option<SignedDuration>) {
        *self.apart.lock().unwrap_or_else(PoisonError::into_inner) = apart;
    }

    /// How far routine looks at a workspace are apart; `None`: there are none, or none was planned yet.
    #[must_use]
    pub fn looks_apart(&self) -> Option<SignedDuration> {
        *self.apart.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `path` is free, for an object of this version; `pending` objects of the workspace
    /// wait to be made, and will ask.
    pub fn ask(
        &self,
        project: ProjectId,
        key: &ObjectKey,
        (path, name): (&str, &str),
        version: &Version,
        pending: usize,
    ) -> Answer {
        let now = Timestamp::now();
        let mut all = self.lock();
        let shared = all.entry(project).or_default();
        if let Some(fault) = shared.failed.remove(key) {
            return Answer::Failed(fault);
        }
        if shared.inventory.speaks_for(version, now) {
            shared.listed.remove(key);
            return Answer::Rows(shared.inventory.near(path, name));
        }
        let whole = shared.whole.remove(key);
        if !whole && shared.listed.remove(key) {
            return Answer::ListByName;
        }
        if !whole && !shared.sweeping && by_name_is_cheaper(pending, shared.inventory.total()) {
            return Answer::ListByName;
        }
        shared.waiting.entry(key.clone()).or_insert(now);
        shared.must_be_whole |= whole;
        shared.expected = shared.expected.max(pending);
        let start = !shared.sweeping;
        shared.sweeping = true;
        Answer::Parked { start }
    }

    /// How many rows of the last whole listing of each workspace could not be read.
    #[must_use]
    pub fn unreadable(&self) -> BTreeMap<ProjectId, u64> {
        self.lock().iter().map(|(project, shared)| (*project, shared.unreadable)).collect()
    }

    /// How many pages a listing of the workspace has, as far as is known.
    #[must_use]
    pub fn pages(&self, project: ProjectId) -> u64 {
        let all = self.lock();
        let total = all.get(&project).and_then(|shared| shared.inventory.total());
        pages(total)
    }

    /// When each workspace was last looked at.
    #[must_use]
    pub fn looked(&self) -> BTreeMap<ProjectId, Timestamp> {
        let all = self.lock();
        all.iter().filter_map(|(project, shared)| Some((*project, shared.looked?))).collect()
    }

    /// Takes over when an earlier process looked.
    pub fn resume(&self, looked: BTreeMap<ProjectId, Timestamp>) {
        let mut all = self.lock();
        for (project, at) in looked {
            let shared = all.entry(project).or_default();
            shared.looked = shared.looked.max(Some(at));
        }
    }

    /// Begins a routine listing, unless one is under way.
    #[must_use]
    pub fn begin_routine(&self, project: ProjectId) -> bool {
        let mut all = self.lock();
        let shared = all.entry(project).or_default();
        !std::mem::replace(&mut shared.sweeping, true)
    }

    /// What the last listing, a routine look, says of the resources that objects own. A mass absence that it shows holds
    /// the brake from now on, else there is none.
    #[must_use]
    pub fn difference(&self, project: ProjectId, held: &[Held]) -> Difference {
        let mut all = self.lock();
        let Shared { inventory, brake, unreadable, .. } = all.entry(project).or_default();
        let mut found = difference(held, inventory, brake.asked());
        if *unreadable > 0 && found.mass_absence.is_none() {
            // What is not shown may stand in a row that nobody can read, and would be read at each look.
            found.missing.clear();
        }
        brake.looked(found.mass_absence.as_ref(), |id| inventory.row(id).is_some());
        found
    }

    /// True when this resource, if it is lost, is not to be made again. Where neither this process nor the workspace's
    /// status knows, that is what the status of its object `told`.
    #[must_use]
    pub fn is_braked(&self, project: ProjectId, id: Option<&ResourceId>, told: bool) -> bool {
        self.lock().get(&project).map_or(told, |shared| shared.brake.holds(id, told))
    }

    /// An earlier process found a mass absence.
    pub fn resume_brake(&self, project: ProjectId) {
        self.lock().entry(project).or_default().brake.resume();
    }

    /// A person asked for all that is gone: what the last look missed, and these, of which their objects say so.
    pub fn ask_again(&self, project: ProjectId, told: impl IntoIterator<Item = ResourceId>) {
        self.lock().entry(project).or_default().brake.ask(told);
    }

    /// What a person asked for and no listing showed since.
    #[must_use]
    pub fn asked_again(&self, project: ProjectId) -> HashSet<ResourceId> {
        self.lock().get(&project).map(|shared| shared.brake.asked().clone()).unwrap_or_default()
    }

    /// Nothing is gone that was not made again, or that objects still want.
    pub fn release(&self, project: ProjectId) {
        self.lock().entry(project).or_default().brake.release();
    }

    /// Whether so many resources are gone that none is made again.
    #[must_use]
    pub fn absence(&self, project: ProjectId) -> Absence {
        self.lock().get(&project).map_or(Absence::Unseen, |shared| shared.brake.absence())
    }

    /// An object for which listing by name does not do: it waits for a whole listing instead.
    pub fn want_whole(&self, project: ProjectId, key: &ObjectKey) {
        self.lock().entry(project).or_default().whole.insert(key.clone());
    }

    /// Takes in what this process just did itself.
    pub fn record(&self, project: ProjectId, own: Own) {
        self.lock().entry(project).or_default().record(own);
    }

    /// What earlier listings of a workspace met with is over: nobody who waited for one is told of it any more.
    pub fn forgive(&self, project: ProjectId) {
        if let Some(shared) = self.lock().get_mut(&project) {
            shared.failed.clear();
        }
    }

    /// The same where the workspace is known here: done by another connection.
    pub fn record_where_known(&self, project: ProjectId, own: Own) {
        if let Some(shared) = self.lock().get_mut(&project) {
            shared.record(own);
        }
    }

    /// Who has waited for a listing since before `before`.
    #[must_use]
    pub fn parked_since_before(&self, before: Timestamp) -> Vec<ObjectKey> {
        let all = self.lock();
        let parked = all.values().flat_map(|shared| &shared.waiting);
        parked.filter(|(_, since)| **since < before).map(|(key, _)| key.clone()).collect()
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, key: &ObjectKey) {
        for shared in self.lock().values_mut() {
            shared.waiting.remove(key);
            shared.listed.remove(key);
            shared.whole.remove(key);
            shared.failed.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, Shared>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
