//! What is known of each object in a few hundred bytes: is it settled, and what does it claim?
//!
//! Fed by the watch and by the answers of our own writes; asked before anything is done. It holds
//! no spec, no content and no condition, and must not know how an object is worked on. It may be
//! behind the API server: it decides whether to look, never what to write.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::inventory::Version;
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::ownership::{Claim, Claims, Class};
use dataworks_core::path::ResourcePath;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;

use super::places::{ConnectionId, Places};
use super::policy::Policy;
use super::sources::Sources;
use super::standing::{Standing, key_of};

mod connection;
mod row;
mod views;
mod workspaces;

use row::{Row, Sight};
use workspaces::Reference;
pub use workspaces::References;

/// Where an object's version came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A list of what is there.
    Listed,
    /// A change that the watch told.
    Watched,
    /// A live read.
    Read,
    /// The answer of our own write, which named the version that it was decided on.
    Written,
}

/// The index of one kind.
#[derive(Debug)]
pub struct Index {
    cluster: String,
    places: Places,
    /// How late the service may list what was done.
    lag: SignedDuration,
    /// Boxed: the table has room for twice as many at times.
    rows: HashMap<ObjectKey, Box<Row>>,
    claims: Claims,
    /// Connections that worked on these workspaces.
    proven: HashMap<ConnectionId, BTreeSet<ProjectId>>,
    /// Objects whose status says that another holds their claim, by what they want. They claim nothing themselves
    /// where no connection worked yet, so that the claims do not know that they wait.
    waiting: HashMap<Claim, BTreeSet<ObjectKey>>,
    /// How many objects of a workspace are to be made now.
    pending: HashMap<(ConnectionId, ProjectId), usize>,
    /// By DataWorksWorkspace.
    references: HashMap<ObjectKey, References>,
    /// DataWorksWorkspaces that are named by more or fewer objects than before.
    touched: BTreeSet<ObjectKey>,
    /// The ConfigMaps.
    sources: Sources,
}

/// What taking in a version changed.
#[derive(Debug, Default)]
pub struct Applied {
    /// The object itself is to be worked on.
    pub due: Option<Timestamp>,
    /// Other objects whose claims stand differently now.
    pub woken: BTreeSet<ObjectKey>,
}

impl Index {
    /// An empty index of this cluster, under this policy, of a service that may list what was done up to `lag`
    /// late.
    #[must_use]
    pub fn new(cluster: String, policy: Policy, lag: SignedDuration) -> Self {
        Self {
            cluster,
            places: Places::new(policy),
            lag,
            rows: HashMap::new(),
            claims: Claims::default(),
            proven: HashMap::new(),
            waiting: HashMap::new(),
            pending: HashMap::new(),
            references: HashMap::new(),
            touched: BTreeSet::new(),
            sources: Sources::default(),
        }
    }

    /// Takes in a version of an object; an older one than is known changes nothing. Only the watch
    /// adds an object.
    pub fn apply(&mut self, object: &DataWorksResource, origin: Origin, now: Timestamp) -> Applied {
        let key = self.key(object);
        let version = object.resource_version().and_then(|text| text.parse::<u64>().ok());
        let known = self.rows.get(&key);
        let uid = object.metadata.uid.as_deref().unwrap_or_default();
        let same = known.map(|row| &row.uid).filter(|known| *known.0 == *uid);
        let uid = same.cloned().unwrap_or_else(|| Uid::new(uid));
        let own = matches!(origin, Origin::Read | Origin::Written);
        if known.is_none() && own {
            // The watch told first that it is gone: a late answer must not bring its claims back.
            return Applied::default();
        }
        if let Some(known) = known
            && let (Some(old), Some(new)) = (known.version, version)
            && (new < old || (new == old && !own))
        {
            return Applied::default();
        }
        let before = known.map(AsRef::as_ref).filter(|row: &&Row| row.uid == uid);
        let sight = Sight::of(object, uid, version, before, origin, now);
        let old_fingerprint = before.map(|row| row.fingerprint);
        let reserved = before.is_some_and(|row| row.reserved);
        let row = Row { reserved, ..self.row(object, &key, sight, now) };
        let news = old_fingerprint != Some(row.fingerprint);
        self.count(&key, &row);
        self.touch(&key, &row);
        let mut woken = BTreeSet::new();
        if let Some(replaced) = self.rows.get(&key).filter(|old| old.uid != row.uid) {
            woken = self.claims.remove(&replaced.uid.clone());
        }
        let standing = row.standing;
        let referred =
            self.rows.get(&key).and_then(|old| old.source.as_ref()).map(|(name, _)| Arc::clone(name));
        self.sources.refer(&key, referred.as_ref(), row.source.as_ref().map(|(name, _)| name));
        let (now_claimed, waits) = (row.claims.clone(), row.already_managed());
        let before = self.rows.insert(key.clone(), Box::new(row));
        if let Some(before) = &before {
            self.wait_no_more(&key, before);
        }
        if waits {
            for (claim, _) in &now_claimed {
                self.waiting.entry(*claim).or_default().insert(key.clone());
            }
        }
        woken.extend(self.claim(&key));
        if waits && origin == Origin::Written {
            // Whom status names may have gone while that was on its way, when there was nobody to be woken yet.
            woken.insert(key.clone());
        }
        if let Some(before) = before.filter(|before| before.claims != now_claimed) {
            woken.extend(self.waiting_for(before.claims.iter().chain(&now_claimed)));
        }
        let due = match standing {
            Standing::Due if news => Some(now),
            Standing::Resting(until) if news => Some(until),
            Standing::Settled | Standing::Due | Standing::Resting(_) => None,
        };
        Applied { due, woken: self.moved(woken) }
    }

    /// The object's key, with the texts that are kept already.
    fn key(&self, object: &DataWorksResource) -> ObjectKey {
        let key = key_of(object);
        self.rows.get_key_value(&key).map(|(known, _)| known.clone()).unwrap_or(key)
    }

    /// Forgets an object that is gone. Answers whom that concerns.
    pub fn remove(&mut self, key: &ObjectKey) -> BTreeSet<ObjectKey> {
        let Some(row) = self.rows.remove(key) else { return BTreeSet::new() };
        if let Some(project) = row.project.filter(|_| row.to_be_made) {
            self.uncount(&row.connection, project);
        }
        self.refer(&Reference::of(&row), false);
        self.wait_no_more(key, &row);
        self.sources.refer(key, row.source.as_ref().map(|(name, _)| name), None);
        let mut woken = self.claims.remove(&row.uid);
        woken.extend(self.waiting_for(&row.claims));
        self.moved(woken)
    }

    /// Remembers that a connection worked on this workspace. Answers whom that concerns: from
    /// now on, wishes for paths in it count.
    pub fn prove(&mut self, connection: &ConnectionId, project: ProjectId) -> BTreeSet<ObjectKey> {
        if !self.proven.entry(connection.clone()).or_default().insert(project) {
            return BTreeSet::new();
        }
        let of_it = |row: &Row| row.project == Some(project) && row.connection == *connection;
        let keys: Vec<(ObjectKey, Vec<(Claim, Class)>)> = self
            .rows
            .iter()
            .filter(|(_, row)| of_it(row))
            .map(|(key, row)| (key.clone(), row.claims.clone()))
            .collect();
        let mut woken = BTreeSet::new();
        for (key, claims) in keys {
            woken.extend(self.claim(&key));
            woken.extend(self.waiting_for(&claims));
        }
        self.moved(woken)
    }

    /// Whether there is something to do for an object.
    #[must_use]
    pub fn standing(&self, key: &ObjectKey) -> Standing {
        let Some(row) = self.rows.get(key) else { return Standing::Settled };
        if self.verdict_moved(key, row) || self.source_moved(key, row) { Standing::Due } else { row.standing }
    }

    /// The ConfigMaps.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The same, to be told of changes.
    pub fn sources_mut(&mut self) -> &mut Sources {
        &mut self.sources
    }

    /// True when work on the object needs no call to the cloud.
    #[must_use]
    pub fn needs_no_call(&self, key: &ObjectKey) -> bool {
        self.rows.get(key).is_none_or(|row| row.needs_no_call() || self.holder(key, row).is_some())
    }

    /// What tells one state of an object from another; changes with nothing else.
    #[must_use]
    pub fn fingerprint(&self, key: &ObjectKey) -> Option<u64> {
        self.rows.get(key).map(|row| row.fingerprint)
    }

    /// Since when this process knows the object's present version.
    #[must_use]
    pub fn version(&self, key: &ObjectKey) -> Option<Version> {
        let row = self.rows.get(key)?;
        Some(Version { seen: row.seen, created: row.created, born_here: row.born_here })
    }

    /// True while an object is to get a resource and has none yet.
    #[must_use]
    pub fn is_unmade(&self, key: &ObjectKey) -> bool {
        self.rows.get(key).is_some_and(|row| row.resource.is_none() && !row.deleting)
    }

    /// Who holds what this object claims, if another.
    #[must_use]
    pub fn held_by_other(&self, key: &ObjectKey) -> Option<&ObjectKey> {
        self.rows.get(key).and_then(|row| self.holder(key, row))
    }

    /// Claims for a write that is about to be sent, before anybody else can: `None` when another object holds the
    /// claim, else whom that concerns. It lasts until [`Index::release`], whatever versions come meanwhile.
    #[must_use]
    pub fn reserve(&mut self, key: &ObjectKey) -> Option<BTreeSet<ObjectKey>> {
        if self.held_by_other(key).is_some() {
            return None;
        }
        self.rows.get_mut(key)?.reserved = true;
        let woken = self.claim(key);
        Some(self.moved(woken))
    }

    /// From now on the object's own word counts again. Answers whom that concerns.
    pub fn release(&mut self, key: &ObjectKey) -> BTreeSet<ObjectKey> {
        let Some(row) = self.rows.get_mut(key).filter(|row| row.reserved) else { return BTreeSet::new() };
        row.reserved = false;
        let claims = row.claims.clone();
        let mut woken = self.claim(key);
        woken.extend(self.waiting_for(&claims));
        self.moved(woken)
    }

    /// The uid of the object of this name.
    #[must_use]
    pub fn uid(&self, key: &ObjectKey) -> Option<Uid> {
        self.rows.get(key).map(|row| row.uid.clone())
    }

    /// True when another object claims this path.
    #[must_use]
    pub fn path_held_by_other(
        &self,
        project: ProjectId,
        path: &ResourcePath,
        key: &ObjectKey,
        uid: &Uid,
    ) -> bool {
        self.claims.holder_of(Claim::path(project, path), uid).is_some_and(|holder| holder != key)
    }

    /// Whether a call of this connection on the workspace succeeded.
    #[must_use]
    pub fn is_proven(&self, connection: &ConnectionId, project: ProjectId) -> bool {
        self.proven.get(connection).is_some_and(|all| all.contains(&project))
    }

    /// Who else has this id.
    #[must_use]
    pub fn id_held_by_other(&self, project: ProjectId, id: &ResourceId, uid: &Uid) -> Option<&ObjectKey> {
        self.claims.recorded_holder(Claim::id(project, id), uid)
    }

    /// Whether an object stands under another's claim, against what its status says of that.
    fn verdict_moved(&self, key: &ObjectKey, row: &Row) -> bool {
        row.standing != Standing::Due
            && row.already_managed() != self.holder(key, row).is_some()
            && row.entitled()
    }

    /// Whether an object's ConfigMap is another version than its status speaks of.
    fn source_moved(&self, key: &ObjectKey, row: &Row) -> bool {
        let Some((name, told)) = &row.source else { return false };
        let map = ObjectKey { namespace: Arc::clone(&key.namespace), name: Arc::clone(name) };
        row.tells_of_content
            && !row.deleting
            && self.sources.are_known(&key.namespace)
            && self.sources.version(&map) != *told
    }

    fn holder(&self, key: &ObjectKey, row: &Row) -> Option<&ObjectKey> {
        if row.entitled() { self.claims.held_above(&row.claimant(key)) } else { None }
    }

    /// Of these objects, those whose status says otherwise than the claims do now.
    fn moved(&self, keys: BTreeSet<ObjectKey>) -> BTreeSet<ObjectKey> {
        let moved = |key: &ObjectKey| self.rows.get(key).is_some_and(|row| self.verdict_moved(key, row));
        keys.into_iter().filter(moved).collect()
    }

    /// Who waits for one of these claims.
    fn waiting_for<'a>(&self, claims: impl IntoIterator<Item = &'a (Claim, Class)>) -> BTreeSet<ObjectKey> {
        claims.into_iter().filter_map(|(claim, _)| self.waiting.get(claim)).flatten().cloned().collect()
    }

    fn wait_no_more(&mut self, key: &ObjectKey, row: &Row) {
        for (claim, _) in &row.claims {
            if let Entry::Occupied(mut waiting) = self.waiting.entry(*claim) {
                waiting.get_mut().remove(key);
                if waiting.get().is_empty() {
                    waiting.remove();
                }
            }
        }
    }

    fn claim(&mut self, key: &ObjectKey) -> BTreeSet<ObjectKey> {
        let Some(row) = self.rows.get(key) else { return BTreeSet::new() };
        let proven = row.project.is_some_and(|project| self.is_proven(&row.connection, project));
        let mut claimant = row.claimant(key);
        claimant.claims.retain(|(_, class)| row.counts(*class, proven));
        if claimant.claims.is_empty() {
            return self.claims.remove(&row.uid);
        }
        self.claims.set(claimant)
    }

    fn count(&mut self, key: &ObjectKey, row: &Row) {
        let old = self.rows.get(key).filter(|old| old.to_be_made);
        if let Some((connection, Some(project))) = old.map(|old| (old.connection.clone(), old.project)) {
            self.uncount(&connection, project);
        }
        if let Some(project) = row.project.filter(|_| row.to_be_made) {
            *self.pending.entry((row.connection.clone(), project)).or_default() += 1;
        }
    }

    fn uncount(&mut self, connection: &ConnectionId, project: ProjectId) {
        if let Entry::Occupied(mut count) = self.pending.entry((connection.clone(), project)) {
            *count.get_mut() = count.get().saturating_sub(1);
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests;
