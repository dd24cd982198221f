//! Which object owns a path, an id or a MaxCompute name: no two objects own one resource.
//!
//! Every object claims what it wants and what it has. Where claims meet, the higher [`Rank`]
//! holds; a lower one never displaces it, whether by an edit or by a restart. It must not know
//! why an object claims something; the index tells it, and asks whom to wake.

use std::collections::{BTreeSet, HashMap};

use k8s_openapi::jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use smallvec::SmallVec;

use crate::desired::Desired;
use crate::ids::{ProjectId, ResourceId};
use crate::object::{ObjectKey, Uid};
use crate::path::ResourcePath;

/// A thing that only one object may own, as 128 bits of its SHA-256: small enough to keep three
/// of them for each of 100,000 objects, and never met by accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim([u8; 16]);

impl Claim {
    /// A path of a workspace; paths that differ only in case or Unicode form are the same.
    #[must_use]
    pub fn path(project: ProjectId, path: &ResourcePath) -> Self {
        Self::of(&["path", &project.to_string(), &path.claim_key()])
    }

    /// A resource of a workspace.
    #[must_use]
    pub fn id(project: ProjectId, id: &ResourceId) -> Self {
        Self::of(&["id", &project.to_string(), id.as_str()])
    }

    /// A resource's name in a MaxCompute engine, which knows a resource by its name only. An
    /// absent data source is the workspace's default one.
    #[must_use]
    pub fn engine_name(project: ProjectId, datasource: Option<&str>, name_key: &str) -> Self {
        Self::of(&["name", &project.to_string(), datasource.unwrap_or(""), name_key])
    }

    fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let bytes: [u8; 32] = hash.finalize().into();
        let mut half = [0; 16];
        half.copy_from_slice(&bytes[..16]);
        Self(half)
    }
}

/// True when the command is one of MaxCompute's, whose engine knows a resource by name only.
#[must_use]
pub fn is_maxcompute(command: &str) -> bool {
    command.starts_with("ODPS_")
}

/// What an object with this declaration wants to own.
#[must_use]
pub fn wanted(desired: &Desired) -> Vec<Claim> {
    let mut claims = at(desired, desired.project, &desired.path);
    claims.extend(desired.resource_id.as_ref().map(|id| Claim::id(desired.project, id)));
    claims
}

/// What an object with this declaration owns while its resource stands at `path` of this workspace.
#[must_use]
pub fn at(desired: &Desired, project: ProjectId, path: &ResourcePath) -> Vec<Claim> {
    let mut claims = vec![Claim::path(project, path)];
    if is_maxcompute(&desired.command) {
        let datasource = desired.datasource.as_ref().map(|datasource| datasource.name.as_str());
        claims.push(Claim::engine_name(project, datasource, &path.name_claim_key()));
    }
    claims
}

/// How strong a claim is; smaller is stronger. Each claim of an object has its own: what it has is
/// recorded, while the new path of an edit is only wanted, so that no edit takes what another holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The object has a recorded id, and its resource stands there.
    Recorded,
    /// The object has an open create intent of its own for that path.
    Intent,
    /// An earlier object of its name had a create intent for that path: what it left is looked for.
    Restored,
    /// The object only wants it; the older object first.
    Wanted,
}

/// The order among objects that claim the same thing: class, then age, then uid. Nothing in it
/// changes by a restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// How strong the claim is.
    pub class: Class,
    /// When the object was created.
    pub created: Timestamp,
    /// Decides between objects of the same second.
    pub uid: Uid,
}

/// What one object claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// Its uid.
    pub uid: Uid,
    /// When it was created.
    pub created: Timestamp,
    /// Its name, for messages and wake-ups.
    pub key: ObjectKey,
    /// What it claims, and how strongly.
    pub claims: Vec<(Claim, Class)>,
}

impl Claimant {
    fn rank(&self, class: Class) -> Rank {
        Rank { class, created: self.created, uid: self.uid.clone() }
    }
}

/// Who claims one thing, the strongest first, by uid. One of nearly every claim, which is kept in place.
type Holders = SmallVec<[(Class, Uid); 1]>;

/// All claims of one process.
#[derive(Debug, Default)]
pub struct Claims {
    objects: HashMap<Uid, Claimant>,
    by_claim: HashMap<Claim, Holders>,
}

impl Claims {
    /// Takes in what an object claims now, in place of what it claimed before. Answers which
    /// *other* objects' situation may have changed by it.
    pub fn set(&mut self, claimant: Claimant) -> BTreeSet<ObjectKey> {
        if self.objects.get(&claimant.uid) == Some(&claimant) {
            return BTreeSet::new();
        }
        let mut woken = self.remove(&claimant.uid);
        let Self { objects, by_claim } = self;
        for (claim, class) in &claimant.claims {
            let holders = by_claim.entry(*claim).or_default();
            let rank = claimant.rank(*class);
            let others = || holders.iter().filter_map(|(class, uid)| Some((class, objects.get(uid)?)));
            woken.extend(others().map(|(_, other)| other.key.clone()));
            let at = others().take_while(|(class, other)| other.rank(**class) < rank).count();
            holders.insert(at, (*class, claimant.uid.clone()));
        }
        woken.remove(&claimant.key);
        objects.insert(claimant.uid.clone(), claimant);
        woken
    }

    /// Frees all that an object claimed. Answers who waited behind it.
    pub fn remove(&mut self, uid: &Uid) -> BTreeSet<ObjectKey> {
        let mut woken = BTreeSet::new();
        let Some(claimant) = self.objects.remove(uid) else { return woken };
        for (claim, _) in &claimant.claims {
            if let Some(holders) = self.by_claim.get_mut(claim) {
                holders.retain(|(_, other)| other != uid);
                woken.extend(
                    holders.iter().filter_map(|(_, other)| Some(self.objects.get(other)?.key.clone())),
                );
                if holders.is_empty() {
                    self.by_claim.remove(claim);
                }
            }
        }
        woken
    }

    /// Who holds one of these claims more strongly than the claimant. It need not be known here.
    #[must_use]
    pub fn held_above(&self, claimant: &Claimant) -> Option<&ObjectKey> {
        claimant.claims.iter().find_map(|(claim, class)| self.stronger(*claim, &claimant.rank(*class)))
    }

    /// Who holds this one claim, if it is not the object itself.
    #[must_use]
    pub fn holder_of(&self, claim: Claim, uid: &Uid) -> Option<&ObjectKey> {
        match self.own_rank(claim, uid) {
            Some(own) => self.stronger(claim, &own),
            None => self.holders(claim).next().map(|(_, holder)| &holder.key),
        }
    }

    /// Who has this, if it is not the object itself and the object has no better right to it. Those
    /// that only wish for it do not count.
    #[must_use]
    pub fn recorded_holder(&self, claim: Claim, uid: &Uid) -> Option<&ObjectKey> {
        let own = self.own_rank(claim, uid);
        let mut others =
            self.holders(claim).filter(|(class, holder)| *class == Class::Recorded && holder.uid != *uid);
        others
            .find(|(class, holder)| own.as_ref().is_none_or(|own| holder.rank(*class) < *own))
            .map(|(_, holder)| &holder.key)
    }

    fn own_rank(&self, claim: Claim, uid: &Uid) -> Option<Rank> {
        let own = self.objects.get(uid)?;
        let (_, class) = own.claims.iter().find(|(held, _)| *held == claim)?;
        Some(own.rank(*class))
    }

    /// Who claims this, the strongest first.
    fn holders(&self, claim: Claim) -> impl Iterator<Item = (Class, &Claimant)> {
        let holders = self.by_claim.get(&claim).into_iter().flatten();
        holders.filter_map(|(class, uid)| Some((*class, self.objects.get(uid)?)))
    }

    fn stronger(&self, claim: Claim, rank: &Rank) -> Option<&ObjectKey> {
        let (class, first) = self.holders(claim).next()?;
        (first.rank(class) < *rank).then_some(&first.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimant(name: &str, class: Class, created: i64, claims: &[u8]) -> Claimant {
        Claimant {
            uid: Uid::new(name),
            created: Timestamp::from_second(created).unwrap(),
            key: ObjectKey::new("ns", name),
            claims: claims.iter().map(|n| (Claim([*n; 16]), class)).collect(),
        }
    }

    fn holder<'a>(claims: &'a Claims, asking: &Claimant) -> Option<&'a ObjectKey> {
        claims.held_above(asking)
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    #[test]
    fn the_stronger_holds_in_whatever_order_they_come() {
        // Rows: stronger first.
        let rows = [
            (claimant("a", Class::Wanted, 1, &[7]), claimant("b", Class::Wanted, 2, &[7])),
            (claimant("a", Class::Wanted, 1, &[7]), claimant("b", Class::Wanted, 1, &[7])),
            (claimant("b", Class::Intent, 2, &[7]), claimant("a", Class::Wanted, 1, &[7])),
            (claimant("b", Class::Recorded, 2, &[7]), claimant("a", Class::Intent, 1, &[7])),
        ];
        for (stronger, weaker) in rows {
            for order in [[&stronger, &weaker], [&weaker, &stronger]] {
                let mut claims = Claims::default();
                for claimant in order {
                    claims.set(claimant.clone());
                }
                assert_eq!(holder(&claims, &stronger), None, "{stronger:?}");
                assert_eq!(holder(&claims, &weaker), Some(&stronger.key), "{weaker:?}");
            }
        }
    }

    #[test]
    fn a_freed_claim_wakes_who_waited() {
        let mut claims = Claims::default();
        claims.set(claimant("a", Class::Recorded, 1, &[7, 8]));
        claims.set(claimant("b", Class::Wanted, 2, &[7]));
        claims.set(claimant("c", Class::Wanted, 3, &[9]));
        assert_eq!(claims.remove(&Uid::new("a")), BTreeSet::from([key("b")]));
        assert_eq!(holder(&claims, &claimant("b", Class::Wanted, 2, &[7])), None);
    }

    #[test]
    fn a_changed_claim_wakes_both_sides() {
        let mut claims = Claims::default();
        claims.set(claimant("a", Class::Recorded, 1, &[7]));
        claims.set(claimant("b", Class::Wanted, 2, &[7]));
        claims.set(claimant("c", Class::Wanted, 3, &[8]));
        assert_eq!(claims.set(claimant("a", Class::Recorded, 1, &[8])), BTreeSet::from([key("b"), key("c")]));
        assert_eq!(holder(&claims, &claimant("c", Class::Wanted, 3, &[8])), Some(&key("a")));
    }

    #[test]
    fn an_edit_takes_nothing_that_another_holds() {
        let mut claims = Claims::default();
        claims.set(claimant("holder", Class::Recorded, 2, &[7]));
        // Older, and with a resource of its own: but the new path is only wanted.
        let mut edited = claimant("edited", Class::Recorded, 1, &[8]);
        edited.claims.push((Claim([7; 16]), Class::Wanted));
        assert_eq!(claims.set(edited.clone()), BTreeSet::from([key("holder")]));
        assert_eq!(holder(&claims, &edited), Some(&key("holder")));
        assert_eq!(holder(&claims, &claimant("holder", Class::Recorded, 2, &[7])), None);
        assert_eq!(claims.remove(&Uid::new("holder")), BTreeSet::from([key("edited")]));
        assert_eq!(holder(&claims, &edited), None);
    }

    #[test]
    fn the_same_claims_again_wake_nobody() {
        let mut claims = Claims::default();
        claims.set(claimant("a", Class::Wanted, 1, &[7]));
        claims.set(claimant("b", Class::Wanted, 2, &[7]));
        assert_eq!(claims.set(claimant("a", Class::Wanted, 1, &[7])), BTreeSet::new());
    }

    #[test]
    fn paths_that_differ_in_case_or_form_are_one_claim() {
        let project = ProjectId::new(1).unwrap();
        let path = |text: &str| Claim::path(project, &text.parse().unwrap());
        assert_eq!(path("XX/Caf\u{e9}.py"), path("xx/cafe\u{301}.PY"));
        assert_ne!(path("XX/a.py"), path("XX/b.py"));
    }

    #[test]
    fn who_claims_nothing_yet_stands_behind_who_does() {
        let mut claims = Claims::default();
        claims.set(claimant("a", Class::Recorded, 5, &[7]));
        assert_eq!(holder(&claims, &claimant("b", Class::Wanted, 1, &[7])), Some(&key("a")));
    }

    #[test]
    fn who_only_wishes_for_an_id_has_nothing() {
        let mut claims = Claims::default();
        claims.set(claimant("wish", Class::Wanted, 1, &[7]));
        assert_eq!(claims.recorded_holder(Claim([7; 16]), &Uid::new("b")), None);
        claims.set(claimant("has", Class::Recorded, 2, &[7]));
        assert_eq!(claims.recorded_holder(Claim([7; 16]), &Uid::new("b")), Some(&key("has")));
        assert_eq!(claims.recorded_holder(Claim([7; 16]), &Uid::new("wish")), Some(&key("has")));
        assert_eq!(claims.recorded_holder(Claim([7; 16]), &Uid::new("has")), None);
        claims.set(claimant("too", Class::Recorded, 3, &[7]));
        assert_eq!(claims.recorded_holder(Claim([7; 16]), &Uid::new("too")), Some(&key("has")));
        assert_eq!(claims.recorded_holder(Claim([7; 16]), &Uid::new("has")), None);
    }

    #[test]
    fn a_claim_that_is_nobodys_is_held_by_nobody() {
        let mut claims = Claims::default();
        claims.set(claimant("a", Class::Recorded, 1, &[7]));
        assert_eq!(claims.holder_of(Claim([7; 16]), &Uid::new("b")), Some(&key("a")));
        assert_eq!(claims.holder_of(Claim([7; 16]), &Uid::new("a")), None);
        assert_eq!(claims.holder_of(Claim([8; 16]), &Uid::new("b")), None);
    }
}
