//! What readers still see of resources that have changed: the listing that lags.
//!
//! The truth is elsewhere. Here are, for each resource changed lately, the versions before each
//! change with the tick until which they are shown.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::Resource;

/// A version that is still shown; `None`: there was no such resource.
type Shown = Option<Resource>;

/// Versions that outlive their change.
#[derive(Debug, Default)]
pub(super) struct Lag {
    versions: HashMap<u64, VecDeque<(u64, Shown)>>,
    ends: BTreeSet<(u64, u64)>,
}

impl Lag {
    /// Shows `before` until `until_tick`, in the place of what the resource became.
    pub(super) fn keep(&mut self, id: u64, before: Shown, until_tick: u64) {
        let versions = self.versions.entry(id).or_default();
        // A lag that was shortened between two changes must not turn time around.
        let until_tick = versions.back().map_or(until_tick, |(last, _)| until_tick.max(*last));
        versions.push_back((until_tick, before));
        self.ends.insert((until_tick, id));
    }

    /// Forgets the versions whose time is over.
    pub(super) fn settle(&mut self, tick: u64) {
        while let Some((until, id)) = self.ends.first().copied()
            && until <= tick
        {
            self.ends.pop_first();
            if let Some(versions) = self.versions.get_mut(&id) {
                while versions.front().is_some_and(|(until, _)| *until <= tick) {
                    versions.pop_front();
                }
                if versions.is_empty() {
                    self.versions.remove(&id);
                }
            }
        }
    }

    /// True when readers see the truth.
    pub(super) fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// What is shown instead of the truth; nothing: the truth itself.
    pub(super) fn shown(&self, id: u64) -> Option<Option<&Resource>> {
        let (_, version) = self.versions.get(&id)?.front()?;
        Some(version.as_ref())
    }

    /// All old versions that are shown.
    pub(super) fn all_shown(&self) -> impl Iterator<Item = &Resource> {
        self.versions.values().filter_map(|versions| versions.front()?.1.as_ref())
    }
}
