//! How many objects stand how, for metrics.
//!
//! Pure. What is counted by may be chosen by whoever makes objects (workspaces above all), so the
//! number of series is bounded: namespaces that ask for many are folded into one without a name.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataworks_core::api::condition::Reason;
use dataworks_core::ids::ProjectId;
use k8s_openapi::jiff::Timestamp;

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Not known, or not said yet.
    Unknown,
}

impl Truth {
    /// The word in a status, where it is one.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "True" => Self::True,
            "False" => Self::False,
            _ => Self::Unknown,
        }
    }

    /// As it stands in a status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What an object's `Ready` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// Its status.
    pub ready: Truth,
    /// Its reason; `None` where there is none, or one that this version does not know.
    pub reason: Option<Reason>,
}

/// Where objects are.
pub type Place<'a> = (&'a str, Option<ProjectId>);

/// Of one namespace.
type Namespace<K> = BTreeMap<(Option<ProjectId>, K), u64>;

/// Numbers of objects by where they are and by something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts<K> {
    counts: BTreeMap<Arc<str>, Namespace<K>>,
}

/// The count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By what `Ready` says.
    pub shown: Counts<Shown>,
    /// Those whose file is not as declared, or was not seen, by the reason of `Synced`.
    pub told: Counts<Reason>,
    /// When the deletion began that has taken longest, of objects that hold their file.
    pub deleting_since: Option<Timestamp>,
    /// Objects with a write whose outcome is not known yet.
    pub outcome_unknown: u64,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self { counts: BTreeMap::new() }
    }
}

impl<K: Copy + Ord> Counts<K> {
    /// Counts an object.
    pub fn add(&mut self, namespace: &Arc<str>, project: Option<ProjectId>, by: K) {
        // The key is cloned once for each namespace.
        if !self.counts.contains_key(namespace) {
            self.counts.insert(Arc::clone(namespace), BTreeMap::new());
        }
        if let Some(counts) = self.counts.get_mut(namespace) {
            *counts.entry((project, by)).or_default() += 1;
        }
    }

    /// The counts in at most `most` series, and a few without a place that hold what does not fit.
    /// A namespace is whole or folded; those with few series come first, so that one that asks for
    /// many takes no other's.
    #[must_use]
    pub fn folded(&self, most: usize) -> Vec<(Option<Place<'_>>, K, u64)> {
        let mut namespaces: Vec<_> = self.counts.iter().collect();
        namespaces.sort_by_key(|(_, counts)| counts.len());
        let mut series = Vec::new();
        let mut rest: BTreeMap<K, u64> = BTreeMap::new();
        for (namespace, counts) in namespaces {
            let fits = series.len() + counts.len() <= most;
            for ((project, by), count) in counts {
                if fits {
                    series.push((Some((&**namespace, *project)), *by, *count));
                } else {
                    *rest.entry(*by).or_default() += count;
                }
            }
        }
        series.extend(rest.into_iter().map(|(by, count)| (None, by, count)));
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Shown = Shown { ready: Truth::True, reason: Some(Reason::Succeeded) };
    const NEW: Shown = Shown { ready: Truth::Unknown, reason: None };

    fn project(n: u64) -> Option<ProjectId> {
        ProjectId::new(n.try_into().unwrap())
    }

    #[test]
    fn a_namespace_that_asks_for_many_series_is_folded_and_no_object_is_lost() {
        let mut counts = Counts::default();
        // The first by name is the one that asks for many.
        let (greedy, small, other) = (Arc::from("a"), Arc::from("b"), Arc::from("c"));
        for n in 1..=10 {
            counts.add(&greedy, project(n), READY);
        }
        counts.add(&greedy, project(1), NEW);
        for _ in 0..3 {
            counts.add(&small, project(1), READY);
        }
        counts.add(&other, None, NEW);
        let all = counts.folded(13);
        assert_eq!(all.len(), 13);
        assert!(all.iter().all(|(place, ..)| place.is_some()));
        assert_eq!(
            counts.folded(12),
            [
                (Some(("b", project(1))), READY, 3),
                (Some(("c", None)), NEW, 1),
                (None, READY, 10),
                (None, NEW, 1),
            ]
        );
        for most in 0..14 {
            assert_eq!(counts.folded(most).iter().map(|(.., count)| count).sum::<u64>(), 15, "{most}");
        }
    }
}
