//! Which version each ConfigMap has, in a few bytes, and which objects take their content from it.
//!
//! Pure. It holds no name of a ConfigMap that nobody refers to, and of none what it holds. It must not know
//! what follows from a change. Where a namespace's ConfigMaps cannot be watched it knows nothing of them,
//! and says so by saying nothing of any.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::Arc;

use dataworks_core::object::ObjectKey;

/// Versions of the ConfigMaps of one scope, by namespace and name, each as a hash: a cluster has tens of
/// thousands, and few are referred to. Seeded anew for each process, so that nobody can aim at another's.
pub type Versions = HashMap<u64, HashMap<u64, u64>>;

/// What is known of ConfigMaps.
#[derive(Debug, Default)]
pub struct Sources {
    hasher: RandomState,
    versions: Versions,
    /// All namespaces, or these, have been listed once.
    all: bool,
    some: BTreeSet<String>,
    /// Who refers to a ConfigMap, by namespace and name.
    referrers: HashMap<ObjectKey, BTreeSet<ObjectKey>>,
}

/// A version of a ConfigMap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    /// Its uid.
    pub uid: &'a str,
    /// Its resourceVersion.
    pub resource_version: &'a str,
}

impl Sources {
    /// What tells one version from another.
    #[must_use]
    pub fn mark(&self, version: Version<'_>) -> u64 {
        let Version { uid, resource_version } = version;
        self.hash((uid, resource_version))
    }

    /// Adds a version to those that a list shows.
    pub fn list(&self, listed: &mut Versions, namespace: &str, name: &str, version: Version<'_>) {
        let names = listed.entry(self.hash(namespace)).or_default();
        names.insert(self.hash(name), self.mark(version));
    }

    /// A list of one namespace, or of all, is complete. Answers whom that concerns.
    pub fn listed(&mut self, scope: Option<&str>, mut listed: Versions) -> BTreeSet<ObjectKey> {
        let before: Vec<(ObjectKey, Option<u64>)> = self
            .referrers
            .keys()
            .filter(|map| scope.is_none_or(|scope| *map.namespace == *scope))
            .map(|map| (map.clone(), self.version(map)))
            .collect();
        match scope {
            None => {
                self.versions = listed;
                self.all = true;
            }
            Some(namespace) => {
                let place = self.hash(namespace);
                self.versions.insert(place, listed.remove(&place).unwrap_or_default());
                self.some.insert(namespace.to_owned());
            }
        }
        let changed = before.into_iter().filter(|(map, version)| self.version(map) != *version);
        changed.flat_map(|(map, _)| self.referrers_of(&map)).collect()
    }

    /// A ConfigMap has this version now, or is gone. Answers whom that concerns.
    pub fn changed(
        &mut self,
        namespace: &str,
        name: &str,
        version: Option<Version<'_>>,
    ) -> BTreeSet<ObjectKey> {
        let mark = version.map(|version| self.mark(version));
        let (place, map) = (self.hash(namespace), self.hash(name));
        let names = self.versions.entry(place).or_default();
        let before = match mark {
            Some(mark) => names.insert(map, mark),
            None => names.remove(&map),
        };
        if before == mark {
            return BTreeSet::new();
        }
        self.referrers_of(&ObjectKey::new(namespace, name))
    }

    /// The version of a ConfigMap; `None`: there is none of this name, as far as is known.
    #[must_use]
    pub fn version(&self, map: &ObjectKey) -> Option<u64> {
        self.versions.get(&self.hash(&*map.namespace))?.get(&self.hash(&*map.name)).copied()
    }

    /// Whether the ConfigMaps of a namespace are known at all.
    #[must_use]
    pub fn are_known(&self, namespace: &str) -> bool {
        self.all || self.some.contains(namespace)
    }

    /// An object refers to another ConfigMap than before, or to none.
    pub fn refer(&mut self, key: &ObjectKey, before: Option<&Arc<str>>, now: Option<&Arc<str>>) {
        if before == now {
            return;
        }
        let map =
            |name: &Arc<str>| ObjectKey { namespace: Arc::clone(&key.namespace), name: Arc::clone(name) };
        if let Some(old) = before.map(map)
            && let Some(referrers) = self.referrers.get_mut(&old)
        {
            referrers.remove(key);
            if referrers.is_empty() {
                self.referrers.remove(&old);
            }
        }
        if let Some(new) = now.map(map) {
            self.referrers.entry(new).or_default().insert(key.clone());
        }
    }

    fn referrers_of(&self, map: &ObjectKey) -> BTreeSet<ObjectKey> {
        self.referrers.get(map).cloned().unwrap_or_default()
    }

    fn hash(&self, value: impl Hash) -> u64 {
        self.hasher.hash_one(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(resource_version: &str) -> Version<'_> {
        Version { uid: "u", resource_version }
    }

    fn names(keys: &BTreeSet<ObjectKey>) -> Vec<String> {
        keys.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_change_concerns_those_that_refer_to_it_and_nobody_else() {
        let mut sources = Sources::default();
        let (one, two) = (ObjectKey::new("a", "one"), ObjectKey::new("b", "two"));
        let map: Arc<str> = "map".into();
        sources.refer(&one, None, Some(&map));
        sources.refer(&two, None, Some(&map));
        assert_eq!(names(&sources.changed("a", "map", Some(v("1")))), ["a/one"]);
        assert_eq!(names(&sources.changed("a", "map", Some(v("1")))), [""; 0], "the same version");
        assert_eq!(names(&sources.changed("a", "other", Some(v("2")))), [""; 0]);
        assert_eq!(names(&sources.changed("a", "map", None)), ["a/one"]);
        assert_eq!(sources.version(&ObjectKey::new("a", "map")), None);
        sources.refer(&one, Some(&map), None);
        assert_eq!(names(&sources.changed("a", "map", Some(v("3")))), [""; 0]);
        assert_eq!(sources.referrers.len(), 1);
    }

    #[test]
    fn a_list_shows_what_was_missed() {
        let mut sources = Sources::default();
        let key = ObjectKey::new("a", "one");
        sources.refer(&key, None, Some(&"map".into()));
        assert!(!sources.are_known("a"));
        let list = |sources: &Sources, version| {
            let mut listed = Versions::new();
            sources.list(&mut listed, "a", "map", v(version));
            sources.list(&mut listed, "b", "map", v(version));
            listed
        };
        let first = list(&sources, "1");
        assert_eq!(names(&sources.listed(Some("a"), first.clone())), ["a/one"]);
        assert!(sources.are_known("a") && !sources.are_known("b"));
        assert_eq!(sources.version(&ObjectKey::new("b", "map")), None, "of another scope");
        assert_eq!(names(&sources.listed(Some("a"), first)), [""; 0]);
        let second = list(&sources, "2");
        assert_eq!(names(&sources.listed(None, second)), ["a/one"]);
        assert!(sources.are_known("b"));
        assert_eq!(names(&sources.listed(None, Versions::new())), ["a/one"], "gone");
    }
}
