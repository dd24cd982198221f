//! The listings of the workspaces of a connection: one for many objects.
//!
//! An object that needs a fresh listing is parked, not held by a worker; the listing that begins
//! after its live read wakes all that wait for it. Where few wait and the workspace is large, each
//! lists by name instead. It must not know what an object is.
//!
//! Its times are the local clock's throughout: what counts is which of two things this process
//! did first, and the service's clock may be found to be off in between.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dataworks_core::fault::{Class, Fault};
use dataworks_core::ids::ProjectId;
use dataworks_core::inventory::{
    Difference, Held, Inventory, Next, Own, PAGE_SIZE, Page, Row, Sweep, Version, by_name_is_cheaper,
    difference, pages,
};
use dataworks_core::limit;
use dataworks_core::object::ObjectKey;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tracing::warn;

use super::limiter::{Limiter, Permit, until};
use crate::dataworks::Client;
use crate::dataworks::types::{self, ListFilter, ResourceRow};

/// Pages of a listing by name: a fuzzy match on a short name may hit many rows, and what lies
/// beyond this is a workspace that is better listed whole.
const NAME_PAGES: u32 = 50;

/// A listing that waits for the permit of a page looks this often whether somebody waits for it by
/// now: from then on it is no routine.
const GLANCE: Duration = Duration::from_secs(1);

/// A routine listing lets the reads that its pages caused go before the next page, for so many glances: they
/// share its permits, and what drifted is to be mended before more is looked for. Where very much
/// drifted the listing goes on in between, so that its pages belong together.
const GLANCES: u32 = 10;

/// A routine listing is given up rather than wait for a permit longer than this: rows that are read
/// hours apart are no listing.
const ROUTINE_PATIENCE: Duration = Duration::from_secs(60);

/// Work that is under way waits this long for the permit of a page; then its object goes back to the
/// queue.
const NAME_PATIENCE: Duration = Duration::from_secs(5);

/// Why a listing by name says nothing.
#[derive(Debug)]
pub enum Unlisted {
    /// A page failed.
    Fault(Fault),
    /// It was read and proves no absence.
    Incomplete(Fault),
    /// There is no permit before this time.
    NoPermit(Timestamp),
}

/// What a listing is for.
#[derive(Clone, Copy)]
pub enum Errand<'a> {
    /// Objects wait to know whether their paths are free. Given up when listing by name turns out
    /// to be cheaper for them.
    Look,
    /// A routine look for what others changed.
    Drift {
        /// Takes in each page as it comes.
        page: &'a (dyn Fn(&[Row]) + Sync),
        /// What an earlier page showed is still to be read: the next page lets that go first.
        busy: &'a (dyn Fn() -> bool + Sync),
    },
}

/// What is known of one workspace.
#[derive(Debug, Default)]
struct Shared {
    inventory: Inventory,
    /// When the last routine listing began that was read to its end.
    looked: Option<Timestamp>,
    sweeping: bool,
    /// Who is parked, and since when.
    waiting: BTreeMap<ObjectKey, Timestamp>,
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
    /// The last routine look missed so many resources that none is made again.
    /// `None`: this process has not looked yet.
    braked: Option<bool>,
}

impl Shared {
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

    /// Reads the whole workspace. Answers who waited for it.
    ///
    /// # Errors
    /// The fault that ended it, with those that waited.
    pub async fn sweep(
        &self,
        client: &Client,
        limiter: &Limiter,
        permit: Permit,
        project: ProjectId,
        errand: Errand<'_>,
    ) -> Result<BTreeSet<ObjectKey>, (BTreeSet<ObjectKey>, Fault)> {
        let end = self.read(client, limiter, permit, project, errand).await;
        let mut all = self.lock();
        let shared = all.entry(project).or_default();
        shared.sweeping = false;
        shared.must_be_whole = false;
        shared.expected = 0;
        let waiting: BTreeSet<ObjectKey> = std::mem::take(&mut shared.waiting).into_keys().collect();
        match end {
            Ok(Some(sweep)) => {
                if matches!(errand, Errand::Drift { .. }) {
                    shared.looked = Some(sweep.begun());
                }
                shared.tell_unreadable(project, sweep.unreadable());
                shared.inventory.replace(sweep, self.lag);
                shared.listed.extend(waiting.iter().cloned());
                Ok(waiting)
            }
            Ok(None) => {
                shared.listed.extend(waiting.iter().cloned());
                Ok(waiting)
            }
            Err(fault) => {
                for key in &waiting {
                    shared.failed.insert(key.clone(), fault.clone());
                }
                Err((waiting, fault))
            }
        }
    }

    /// `None` when the first page showed that listing by name is cheaper for those that wait.
    async fn read(
        &self,
        client: &Client,
        limiter: &Limiter,
        mut permit: Permit,
        project: ProjectId,
        errand: Errand<'_>,
    ) -> Result<Option<Sweep>, Fault> {
        let mut sweep = Sweep::new(Timestamp::now());
        let mut number = 1;
        loop {
            let Some(departure) = permit.spend() else {
                permit = self.permit(limiter, project, errand).await?;
                continue;
            };
            sweep.asks(client.cloud_now());
            let filter = ListFilter::default();
            let page = departure.with(client.list_resources(project, &filter, number, page_size())).await?;
            if number == 1 && matches!(errand, Errand::Look) {
                let mut all = self.lock();
                let shared = all.entry(project).or_default();
                shared.inventory.note_total(page.total);
                let wanted = shared.waiting.len().saturating_add(1).max(shared.expected);
                if by_name_is_cheaper(wanted, Some(page.total)) && !shared.must_be_whole {
                    return Ok(None);
                }
            }
            let page = core_page(page);
            if let Errand::Drift { page: seen, .. } = errand {
                seen(&page.rows);
            }
            match sweep.page(page) {
                Next::Done => return Ok(Some(sweep)),
                Next::Page(next) => number = next,
            }
        }
    }

    /// A permit for a page: a sweep's as long as nobody waits for the listing.
    async fn permit(
        &self,
        limiter: &Limiter,
        project: ProjectId,
        errand: Errand<'_>,
    ) -> Result<Permit, Fault> {
        let mut patience = GLANCES;
        let mut begun = tokio::time::Instant::now();
        loop {
            let busy = match errand {
                Errand::Drift { busy, .. } if !self.is_awaited(project) => Some(busy),
                Errand::Drift { .. } | Errand::Look => None,
            };
            let routine = busy.is_some();
            if patience > 0 && busy.is_some_and(|busy| busy()) {
                patience -= 1;
                tokio::time::sleep(GLANCE).await;
                begun = tokio::time::Instant::now();
                continue;
            }
            let end = limiter.try_permit(if routine { limit::Purpose::Sweep } else { limit::Purpose::Work });
            let wait = match end {
                Ok(permit) => {
                    limiter.waited(begun.elapsed());
                    return Ok(permit);
                }
                Err(at) => until(at),
            };
            if routine && wait > ROUTINE_PATIENCE {
                return Err(no_calls());
            }
            tokio::time::sleep(wait.min(GLANCE)).await;
        }
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

    /// What the last listing says of the resources that objects own.
    #[must_use]
    pub fn difference(&self, project: ProjectId, held: &[Held]) -> Difference {
        difference(held, &self.lock().entry(project).or_default().inventory)
    }

    /// Keeps whether the last routine look missed too many resources to believe it.
    pub fn brake(&self, project: ProjectId, braked: bool) {
        self.lock().entry(project).or_default().braked = Some(braked);
    }

    /// True when no lost resource of this workspace is to be made again. Before the first look of this
    /// process that is what the status of the object `told`.
    #[must_use]
    pub fn is_braked(&self, project: ProjectId, told: bool) -> bool {
        self.lock().get(&project).and_then(|shared| shared.braked).unwrap_or(told)
    }

    fn is_awaited(&self, project: ProjectId) -> bool {
        self.lock().get(&project).is_some_and(|shared| !shared.waiting.is_empty())
    }

    /// Lists by name, with all pages, corrected by what this process did itself.
    ///
    /// # Errors
    /// The fault of the page that failed, that the listing proves no absence, or when to ask again.
    pub async fn by_name(
        &self,
        client: &Client,
        limiter: &Limiter,
        permit: &mut Permit,
        project: ProjectId,
        name: &str,
    ) -> Result<Vec<Row>, Unlisted> {
        let filter = ListFilter { name: Some(name.to_owned()), ..ListFilter::default() };
        let mut sweep = Sweep::new(Timestamp::now());
        let mut number = 1;
        for _ in 0..NAME_PAGES {
            let departure = match permit.spend() {
                Some(departure) => departure,
                None => limiter
                    .departure_within(limit::Purpose::Finish, NAME_PATIENCE)
                    .await
                    .map_err(Unlisted::NoPermit)?,
            };
            sweep.asks(client.cloud_now());
            let call = client.list_resources(project, &filter, number, page_size());
            let page = departure.with(call).await.map_err(Unlisted::Fault)?;
            match sweep.page(core_page(page)) {
                Next::Page(next) => number = next,
                Next::Done => {
                    let begun = sweep.begun();
                    let mut all = self.lock();
                    let inventory = &all.entry(project).or_default().inventory;
                    if inventory.may_have_slipped(&sweep, self.lag) {
                        sweep.doubt();
                    }
                    let rows = sweep.into_complete().ok_or_else(|| Unlisted::Incomplete(incomplete(name)))?;
                    return Ok(inventory.correct(rows, begun, self.lag));
                }
            }
        }
        Err(Unlisted::Incomplete(incomplete(name)))
    }

    /// An object for which listing by name does not do: it waits for a whole listing instead.
    pub fn want_whole(&self, project: ProjectId, key: &ObjectKey) {
        self.lock().entry(project).or_default().whole.insert(key.clone());
    }

    /// Takes in what this process just did itself.
    pub fn record(&self, project: ProjectId, own: Own) {
        self.lock().entry(project).or_default().inventory.record(own, Timestamp::now());
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
            shared.inventory.record(own, Timestamp::now());
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

fn page_size() -> u32 {
    u32::try_from(PAGE_SIZE).unwrap_or(u32::MAX)
}

fn core_page(page: types::Page) -> Page {
    let types::Page { rows, unreadable, total, request_id: _, date: _ } = page;
    Page { rows: rows.into_iter().map(core_row).collect(), unreadable: unreadable as u64, total }
}

fn core_row(row: ResourceRow) -> Row {
    Row {
        id: row.id,
        path: row.path,
        name: row.name,
        kind: row.type_,
        datasource: row.datasource.map(|datasource| datasource.name),
        command: row.command.unwrap_or_default(),
        created: row.create_time,
        modified: row.modify_time,
    }
}

/// Sweeps have used up their part of the day's calls, or the service has shut.
fn no_calls() -> Fault {
    Fault {
        class: Class::Quota,
        code: "NoCallsForSweeps".to_owned(),
        message: "the calls that routine listings may use today are used up".to_owned(),
        request_id: None,
        retry_after: None,
    }
}

/// A listing by name is asked to prove absence, which one that changed under way, or with rows
/// that cannot be read, does not.
fn incomplete(name: &str) -> Fault {
    Fault {
        class: Class::Transient,
        code: "IncompleteListing".to_owned(),
        message: format!(
            "the listing of {name:?} changed while it was read, is too long, or has rows that cannot be read"
        ),
        request_id: None,
        retry_after: None,
    }
}
