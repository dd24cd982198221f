//! Pages to one listing, while others change the workspace.

use std::collections::BTreeMap;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::Row;
use crate::ids::ResourceId;

/// Rows a page, the most that the service gives.
pub const PAGE_SIZE: u64 = 100;
/// A listing ends here whatever the service says: a million rows.
const MOST_PAGES: u32 = 10_000;

/// A page of a listing, as it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its rows.
    pub rows: Vec<Row>,
    /// Rows beside these that cannot be read. They are there all the same: without them a full page
    /// would look like the last one.
    pub unreadable: u64,
    /// How many rows the service says that the listing has.
    pub total: u64,
}

/// What to do after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Read this page, counted from 1.
    Page(u32),
    /// The listing is done.
    Done,
}

/// A listing under way.
#[derive(Debug)]
pub struct Sweep {
    begun: Timestamp,
    rows: BTreeMap<ResourceId, Row>,
    total: Option<u64>,
    page: u32,
    /// When its first page was asked for, by the service's clock.
    asked: Option<Timestamp>,
    restarted: bool,
    /// A row came twice.
    doubled: bool,
    /// Rows that could not be read: the listing proves no absence.
    unreadable: u64,
    complete: bool,
}

impl Sweep {
    /// A listing that begins now, before its first page is asked for.
    #[must_use]
    pub fn new(begun: Timestamp) -> Self {
        Self {
            begun,
            rows: BTreeMap::new(),
            total: None,
            page: 1,
            asked: None,
            restarted: false,
            doubled: false,
            unreadable: 0,
            complete: true,
        }
    }

    /// The next page is about to be asked for; it is `now` by the service's clock.
    pub fn asks(&mut self, now: Timestamp) {
        self.asked.get_or_insert(now);
    }

    /// Takes in a page. When the count that came with it moved, pages may have slipped: the listing
    /// is begun once more, and if it moves again it is only *partial*: good for presence, not for
    /// absence. So it is with a row that cannot be read. Rows that come twice count once.
    pub fn page(&mut self, page: Page) -> Next {
        let Page { rows, unreadable, total } = page;
        let moved = self.total.is_some_and(|before| before != total);
        self.total = Some(total);
        let full = (rows.len() as u64).saturating_add(unreadable) >= PAGE_SIZE;
        self.unreadable = self.unreadable.saturating_add(unreadable);
        for row in rows {
            self.doubled |= self.rows.insert(row.id.clone(), row).is_some();
        }
        if moved && !self.restarted {
            self.restarted = true;
            self.rows.clear();
            self.doubled = false;
            self.unreadable = 0;
            self.total = None;
            self.asked = None;
            self.page = 1;
            return Next::Page(1);
        }
        if moved {
            self.complete = false;
        }
        let last = u64::from(self.page) * PAGE_SIZE >= total || !full;
        if last || self.page >= MOST_PAGES {
            // Fewer rows than the service counts, or one that came twice: pages slipped.
            self.complete &= self.rows.len() as u64 >= total && !self.doubled && self.unreadable == 0;
            return Next::Done;
        }
        self.page += 1;
        Next::Page(self.page)
    }

    /// Something else than its pages says that rows may have slipped: it proves no absence.
    pub fn doubt(&mut self) {
        self.complete = false;
    }

    /// How many rows could not be read.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// When it began.
    #[must_use]
    pub fn begun(&self) -> Timestamp {
        self.begun
    }

    /// The rows that were made since so long before the listing was asked for, where it has several
    /// pages. A file that goes and another that comes between two pages leave the count as it was, but
    /// what lay behind the first has moved to a page that was read already. Only what came tells.
    pub(super) fn came(&self, before: SignedDuration) -> impl Iterator<Item = &Row> {
        let since = self.asked.and_then(|asked| asked.saturating_sub(before).ok());
        let several = self.page > 1;
        self.rows.values().filter(move |row| several && since.is_some_and(|since| row.created >= since))
    }

    /// The rows, if they prove absence too.
    #[must_use]
    pub fn into_complete(self) -> Option<Vec<Row>> {
        self.complete.then(|| self.rows.into_values().collect())
    }

    /// When it began, whether it is complete, the last count and the rows.
    pub(super) fn into_parts(self) -> (Timestamp, bool, u64, impl Iterator<Item = Row>) {
        (self.begun, self.complete, self.total.unwrap_or(0), self.rows.into_values())
    }
}
