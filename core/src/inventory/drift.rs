//! What a listing says of the resources that objects own: changed, or gone?
//!
//! It only raises doubts; a read of the single resource settles them.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::Inventory;
use crate::ids::ResourceId;
use crate::object::ObjectKey;

/// `status.modifyTime` has whole seconds, rounded down.
const ROUNDING: SignedDuration = SignedDuration::from_secs(1);
/// More losses than this, and than a fifth of all, are no accident of single files.
const FEW: usize = 10;
const FEW_PERCENT: usize = 20;

/// A resource that an object owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The object.
    pub key: ObjectKey,
    /// Its resource.
    pub id: ResourceId,
    /// The resource's last change that we know of.
    pub modified: Timestamp,
}

/// Objects whose resources are not as recorded, as far as a listing tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Their rows were changed since.
    pub changed: Vec<ObjectKey>,
    /// They have no row.
    pub missing: Vec<ObjectKey>,
    /// So many have none that the listing, or the workspace, is rather to be doubted: nothing is
    /// to be made again.
    pub mass_absence: bool,
}

/// Compares what objects own with the rows. A partial listing shows no absence.
#[must_use]
pub fn difference(held: &[Held], inventory: &Inventory) -> Difference {
    let mut found = Difference::default();
    for Held { key, id, modified } in held {
        match inventory.row(id) {
            None if inventory.is_complete() => found.missing.push(key.clone()),
            None => {}
            Some(row) if row.modified >= modified.saturating_add(ROUNDING).unwrap_or(Timestamp::MAX) => {
                found.changed.push(key.clone());
            }
            Some(_) => {}
        }
    }
    found.mass_absence = found.missing.len() > FEW.max(held.len() * FEW_PERCENT / 100);
    found
}

#[cfg(test)]
mod tests {
    use super::super::{Row, Sweep};
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
    }

    fn held(id: u64) -> Held {
        Held {
            key: ObjectKey::new("ns", &id.to_string()),
            id: id.to_string().parse().unwrap(),
            modified: at(0),
        }
    }

    fn inventory(rows: &[(u64, i64)], total: u64) -> Inventory {
        let row = |(id, modified): &(u64, i64)| Row {
            id: id.to_string().parse().unwrap(),
            path: format!("XX/{id}.py"),
            name: format!("{id}.py"),
            kind: "Python".into(),
            datasource: None,
            command: "ODPS_PYTHON".into(),
            created: at(0),
            modified: at(*modified),
        };
        let mut sweep = Sweep::new(at(0));
        sweep.page(rows.iter().map(row).collect(), total);
        let mut inventory = Inventory::default();
        inventory.replace(sweep, SignedDuration::ZERO);
        inventory
    }

    fn names(keys: &[ObjectKey]) -> Vec<&str> {
        keys.iter().map(|key| &*key.name).collect()
    }

    #[test]
    fn tells_changed_from_gone_from_our_own_writes() {
        // 1: our own write, within the rounding of its date; 2: changed later; 3: gone.
        let found = difference(&[held(1), held(2), held(3)], &inventory(&[(1, 999), (2, 1000)], 2));
        assert_eq!((names(&found.changed), names(&found.missing)), (vec!["2"], vec!["3"]));
        assert!(!found.mass_absence);
    }

    #[test]
    fn a_partial_listing_shows_no_absence() {
        let found = difference(&[held(1), held(3)], &inventory(&[(1, 5000)], 2));
        assert_eq!((names(&found.changed), names(&found.missing)), (vec!["1"], vec![]));
    }

    #[test]
    fn many_losses_at_once_are_told_apart() {
        let all: Vec<Held> = (0..100).map(held).collect();
        let rows = |lost: u64| (lost..100).map(|id| (id, 0)).collect::<Vec<_>>();
        // 20 of 100 are a fifth; of 30, ten are still few.
        let table = [(100, 20, false), (100, 21, true), (30, 10, false), (30, 11, true)];
        for (of, lost, want) in table {
            let inventory = inventory(&rows(lost), 100 - lost);
            assert_eq!(difference(&all[..of], &inventory).mass_absence, want, "{lost} of {of}");
        }
    }
}
