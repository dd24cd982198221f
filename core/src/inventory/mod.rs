//! One listing for many objects: the rows of a workspace, and what may be believed of them.
//!
//! Presence may be believed from any listing; absence only from a complete one that is young
//! enough for the object in question. Rows are corrected by what this process itself did since,
//! because the service may list late. It must not know how a page is fetched.

mod drift;
mod rows;
mod schedule;
mod sweep;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::ids::ResourceId;
pub use drift::{Difference, Held, MassAbsence, Told, difference, outdated};
use rows::Rows;
pub use schedule::next_look;
pub use sweep::{Next, PAGE_SIZE, Page, Sweep};

/// A listing that is older than this says nothing about a stranger's new file.
pub const LISTING_AGE: SignedDuration = SignedDuration::from_mins(10);
/// How far the service's clock is known.
const CLOCK: SignedDuration = SignedDuration::from_secs(2);
/// Own changes are remembered this long: longer than any listing takes and lags.
const OWN_MEMORY: SignedDuration = SignedDuration::from_hours(1);

/// A resource as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: ResourceId,
    /// Its path in the workspace, the file name last.
    pub path: String,
    /// Its file name.
    pub name: String,
    /// Its type as the listing spells it (`Python`).
    pub kind: String,
    /// Name of its data source, if it has one.
    pub datasource: Option<String>,
    /// Its runtime command.
    pub command: String,
    /// When it was made, by the service's clock.
    pub created: Timestamp,
    /// When it last changed, by the service's clock.
    pub modified: Timestamp,
}

/// A change that this process made itself.
#[derive(Clone, Debug)]
pub enum Own {
    /// It made this resource, or changed it into this.
    Put(Arc<Row>),
    /// It deleted this one.
    Deleted(ResourceId),
}

/// What is known of when an object came to be, to judge whether a listing can speak for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// When this process first saw the object's present resourceVersion.
    pub seen: Timestamp,
    /// The object's creationTimestamp, whole seconds of the API server's clock.
    pub created: Timestamp,
    /// True when the object was first seen as a change, not in a list of what was there before,
    /// and has never been edited: generation 1, no trace of an earlier life.
    pub born_here: bool,
}

/// The rows of one workspace.
#[derive(Debug, Default)]
pub struct Inventory {
    rows: Rows,
    listing: Option<Listing>,
    total: Option<u64>,
    own: VecDeque<(Timestamp, Own)>,
}

#[derive(Clone, Copy, Debug)]
struct Listing {
    begun: Timestamp,
    complete: bool,
}

impl Inventory {
    /// True when the last listing can say that a path is free for an object of this version.
    #[must_use]
    pub fn speaks_for(&self, version: &Version, now: Timestamp) -> bool {
        let Some(listing) = self.listing else { return false };
        let young = now.duration_since(listing.begun) <= LISTING_AGE;
        let begun_after_read = listing.begun > version.seen;
        // creationTimestamp has whole seconds, so it is compared with the second the listing began in.
        let same_second = version.created.as_second() >= listing.begun.as_second();
        let born_after = version.born_here && same_second && version.seen >= listing.begun;
        listing.complete && young && (begun_after_read || born_after)
    }

    /// How many rows the service last said that there are.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Remembers the count that the service last named.
    pub fn note_total(&mut self, total: u64) {
        self.total = Some(total);
    }

    /// The rows at this path or with its file name, compared without case and Unicode form.
    #[must_use]
    pub fn near(&self, path: &str, name: &str) -> Vec<Row> {
        let both = self.rows.at_path(path).chain(self.rows.named(name));
        let both: BTreeMap<&ResourceId, &Arc<Row>> = both.map(|row| (&row.id, row)).collect();
        both.into_values().map(|row| row.as_ref().clone()).collect()
    }

    /// Takes in what this process did itself.
    pub fn record(&mut self, own: Own, at: Timestamp) {
        apply(&mut self.rows, &own);
        while self.own.front().is_some_and(|(old, _)| at.duration_since(*old) > OWN_MEMORY) {
            self.own.pop_front();
        }
        self.own.push_back((at, own));
    }

    /// Takes in a whole listing in place of the rows so far, then what this process did since,
    /// and within `lag` before it, because the listing may not show that yet.
    pub fn replace(&mut self, sweep: Sweep, lag: SignedDuration) {
        let slipped = self.may_have_slipped(&sweep, lag);
        let (begun, complete, total, rows) = sweep.into_parts();
        let complete = complete && !slipped;
        if complete {
            self.rows.clear();
        }
        for row in rows {
            self.rows.put(&Arc::new(row));
        }
        self.total = Some(total);
        self.listing = Some(Listing { begun, complete });
        let since = begun.saturating_sub(lag).unwrap_or(Timestamp::MIN);
        for (_, own) in self.own.iter().filter(|(at, _)| *at >= since) {
            apply(&mut self.rows, own);
        }
    }

    /// True when rows may have slipped through between the pages of a listing although the count stayed:
    /// something came, and something else may have gone from a page that was read already.
    ///
    /// Files that we made before the listing began do not count, or no listing would be complete while
    /// we make many. So one case is left open: ours is listed late, and in the same moment somebody
    /// else deletes a file before it.
    #[must_use]
    pub fn may_have_slipped(&self, sweep: &Sweep, lag: SignedDuration) -> bool {
        let begun = sweep.begun();
        let since = begun.saturating_sub(lag).unwrap_or(Timestamp::MIN);
        let (mut made, mut deleted) = (BTreeSet::new(), false);
        for (at, own) in self.own.iter().filter(|(at, _)| *at >= since) {
            match own {
                Own::Put(row) if *at < begun => _ = made.insert(&row.id),
                Own::Put(_) => {}
                Own::Deleted(_) => deleted = true,
            }
        }
        sweep.came(lag.saturating_add(CLOCK)).any(|row| deleted || !made.contains(&row.id))
    }

    /// Corrects rows of a listing by name that was begun at `begun` in the same way.
    #[must_use]
    pub fn correct(&self, rows: Vec<Row>, begun: Timestamp, lag: SignedDuration) -> Vec<Row> {
        let since = begun.saturating_sub(lag).unwrap_or(Timestamp::MIN);
        let mut rows: HashMap<ResourceId, Row> = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
        for (_, own) in self.own.iter().filter(|(at, _)| *at >= since) {
            match own {
                Own::Put(row) => {
                    rows.insert(row.id.clone(), row.as_ref().clone());
                }
                Own::Deleted(id) => {
                    rows.remove(id);
                }
            }
        }
        rows.into_values().collect()
    }

    /// The row of an id.
    #[must_use]
    pub fn row(&self, id: &ResourceId) -> Option<&Row> {
        self.rows.get(id)
    }

    /// True when another row stands at the path of this one.
    #[must_use]
    pub fn stands_beside(&self, row: &Row) -> bool {
        self.rows.at_path(&row.path).any(|other| other.id != row.id)
    }

    /// True when the last listing proves absence.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.listing.is_some_and(|listing| listing.complete)
    }

    /// How many rows are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True when no row is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }
}

fn apply(rows: &mut Rows, own: &Own) {
    match own {
        Own::Put(row) => rows.put(row),
        Own::Deleted(id) => rows.take_out(id),
    }
}

/// Whether a listing by name costs fewer calls than a whole one, for this many objects that wait.
#[must_use]
pub fn by_name_is_cheaper(waiting: usize, total: Option<u64>) -> bool {
    (waiting.max(1) as u64) < pages(total)
}

/// How many pages a listing has, of a workspace of so many rows; one where that is not known.
#[must_use]
pub fn pages(total: Option<u64>) -> u64 {
    total.map_or(1, |total| total.div_ceil(PAGE_SIZE).max(1))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
