//! How the pages of a listing are read, and what each waits for.
//!
//! It must not know who asked, but for whether somebody waits.

use std::collections::BTreeSet;
use std::time::Duration;

use dataworks_core::fault::{Class, Fault};
use dataworks_core::ids::ProjectId;
use dataworks_core::inventory::{Next, PAGE_SIZE, Page, Row, Sweep, by_name_is_cheaper};
use dataworks_core::limit;
use dataworks_core::object::ObjectKey;
use k8s_openapi::jiff::Timestamp;

use super::Listings;
use crate::dataworks::Client;
use crate::dataworks::types::{self, ListFilter, ResourceRow};
use crate::workspace::limiter::{Limiter, Permit, until};

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

/// A listing that shows no absence because this process made files meanwhile is begun anew so often in a row, rather
/// than that each of those that wait lists by name.
const MOST_REPEATS: u8 = 2;

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

impl Listings {
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
        self.lock().entry(project).or_default().made = false;
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
                // What we made ourselves while it was read, for those that asked before, will not be made again:
                // now all wait.
                let by_us = std::mem::take(&mut shared.made) && !shared.inventory.is_complete();
                if by_us && shared.repeated < MOST_REPEATS {
                    shared.repeated += 1;
                } else {
                    shared.repeated = 0;
                    shared.listed.extend(waiting.iter().cloned());
                }
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
