//! What a listing says of the resources that objects own: changed, or gone?
//!
//! It only raises doubts; a read of the single resource settles them.

use std::collections::{HashMap, HashSet};

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::{Inventory, Row};
use crate::ids::ResourceId;
use crate::object::ObjectKey;
use crate::path::claim_key;

/// `status.modifyTime` has whole seconds, rounded down.
const ROUNDING: SignedDuration = SignedDuration::from_secs(1);
/// More losses than this, and than a fifth of all, are no accident of single files.
const FEW: usize = 10;
const FEW_PERCENT: usize = 20;
/// So many that a partial listing does not show are read.
const READ: usize = 5;

/// A resource that an object owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The object.
    pub key: ObjectKey,
    /// Its resource.
    pub id: ResourceId,
    /// The resource's last change that we know of.
    pub modified: Timestamp,
    /// The path that status holds, as [`claim_key`] makes it; `None`: it holds none.
    pub path: Option<String>,
    /// What its status tells of the resource, where that is not "as declared".
    pub told: Option<Told>,
    /// Nothing is to be done for the object. Of one that is worked on a listing raises no doubt by itself, but it counts
    /// among those that may be lost.
    pub settled: bool,
}

/// What a status tells of a resource that is not as declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is gone and is not made again.
    Absent,
    /// It is gone with many others.
    MassAbsence,
    /// Another file stands at its path.
    Twins,
    /// The last look at it failed.
    CheckFailed,
    /// It differs, perhaps in where it stands, and is left so.
    Drifted,
}

/// Objects whose resources are not as recorded, as far as a listing tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Their rows were changed since, or they have none and a person asked for them.
    pub changed: Vec<ObjectKey>,
    /// They have no row; of a partial listing a few of those.
    pub missing: Vec<ObjectKey>,
    /// They have a row again, unchanged, though status tells of a mass absence.
    pub present: Vec<ObjectKey>,
    /// Another row stands at their path and status does not tell so, or the other way round.
    pub twins: Vec<ObjectKey>,
    /// So many have none that the listing, or the workspace, is rather to be doubted: nothing is
    /// to be made again.
    pub mass_absence: Option<MassAbsence>,
}

/// So many resources without a row that none is to be made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MassAbsence {
    /// How many should have one.
    pub of: usize,
    /// The objects, in order, and the resources that have none.
    pub gone: Vec<(ObjectKey, ResourceId)>,
}

/// Of what objects own, what a page of a listing shows to be changed: told at once, since the last page
/// may come long after. Everything else needs the whole listing.
#[must_use]
pub fn outdated(held: &[Held], page: &[Row]) -> Vec<ObjectKey> {
    let modified: HashMap<&ResourceId, Timestamp> = page.iter().map(|row| (&row.id, row.modified)).collect();
    let newer = |held: &&Held| {
        held.settled && modified.get(&held.id).is_some_and(|row| is_newer(*row, held.modified))
    };
    held.iter().filter(newer).map(|held| held.key.clone()).collect()
}

fn is_newer(row: Timestamp, known: Timestamp) -> bool {
    row >= known.saturating_add(ROUNDING).unwrap_or(Timestamp::MAX)
}

/// Compares what objects own with the rows. A partial listing shows no absence, and raises a few doubts. Of a mass absence
/// a person `asked` for these resources: that they have no row yet says nothing of this listing.
#[must_use]
pub fn difference(held: &[Held], inventory: &Inventory, asked: &HashSet<ResourceId>) -> Difference {
    let mut found = Difference::default();
    let mut gone = Vec::new();
    let mut asked_for = 0;
    let (mut told_so, mut at_work, mut unseen) = (Vec::new(), Vec::new(), Vec::new());
    for Held { key, id, modified, path, told, settled } in held {
        let Some(row) = inventory.row(id) else {
            if !inventory.is_complete() {
                if *settled && told.is_none() {
                    unseen.push(key.clone());
                }
                continue;
            }
            // What is known to be gone, and what is on its way back, says nothing of this listing.
            if *told != Some(Told::Absent) {
                if asked.contains(id) {
                    asked_for += 1;
                    found.changed.push(key.clone());
                    continue;
                }
                let list = match told {
                    Some(Told::MassAbsence) => &mut told_so,
                    _ if *settled => &mut found.missing,
                    _ => &mut at_work,
                };
                list.push(key.clone());
                gone.push((key.clone(), id.clone()));
            }
            continue;
        };
        if !settled {
            continue;
        }
        // Our own write may have hidden that others moved it.
        let displaced =
            *told != Some(Told::Drifted) && path.as_ref().is_some_and(|path| *path != claim_key(&row.path));
        let changed = displaced || is_newer(row.modified, *modified);
        let twins = inventory.stands_beside(row);
        let told_twins = *told == Some(Told::Twins);
        if changed || matches!(told, Some(Told::Absent | Told::CheckFailed)) {
            found.changed.push(key.clone());
        } else if *told == Some(Told::MassAbsence) {
            found.present.push(key.clone());
        } else if twins && !told_twins || told_twins && !twins && inventory.is_complete() {
            found.twins.push(key.clone());
        }
    }
    let there = held.iter().filter(|held| held.told != Some(Told::Absent)).count();
    let of = there.saturating_sub(asked_for);
    if gone.len() > FEW.max(of * FEW_PERCENT / 100) {
        gone.sort_unstable();
        found.missing.append(&mut at_work);
        found.mass_absence = Some(MassAbsence { of, gone });
    } else {
        found.missing.append(&mut told_so);
    }
    // Where others are at work all the time no listing may ever be complete. A read of each tells; of many at once it must
    // not, or they would be made again one by one.
    if unseen.len() <= FEW {
        unseen.truncate(READ);
        found.missing.append(&mut unseen);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::Sweep;
    use super::super::tests::whole;
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
    }

    fn held(id: u64) -> Held {
        Held {
            key: ObjectKey::new("ns", &id.to_string()),
            id: id.to_string().parse().unwrap(),
            modified: at(0),
            path: None,
            told: None,
            settled: true,
        }
    }

    fn telling(id: u64, told: Told) -> Held {
        Held { told: Some(told), ..held(id) }
    }

    fn row((id, modified): &(u64, i64)) -> Row {
        Row {
            id: id.to_string().parse().unwrap(),
            path: format!("XX/{id}.py"),
            name: format!("{id}.py"),
            kind: "Python".into(),
            datasource: None,
            command: "ODPS_PYTHON".into(),
            created: at(0),
            modified: at(*modified),
        }
    }

    fn inventory(rows: &[(u64, i64)], total: u64) -> Inventory {
        let mut sweep = Sweep::new(at(0));
        sweep.page(whole(rows.iter().map(row).collect(), total));
        let mut inventory = Inventory::default();
        inventory.replace(sweep, SignedDuration::ZERO);
        inventory
    }

    fn differs(held: &[Held], inventory: &Inventory) -> Difference {
        difference(held, inventory, &HashSet::new())
    }

    fn names(keys: &[ObjectKey]) -> Vec<&str> {
        keys.iter().map(|key| &*key.name).collect()
    }

    #[test]
    fn tells_changed_from_gone_from_our_own_writes() {
        // 1: our own write, within the rounding of its date; 2: changed later; 3: gone.
        let found = differs(&[held(1), held(2), held(3)], &inventory(&[(1, 999), (2, 1000)], 2));
        assert_eq!((names(&found.changed), names(&found.missing)), (vec!["2"], vec!["3"]));
        assert_eq!(found.mass_absence, None);
    }

    #[test]
    fn what_status_tells_already_is_no_news() {
        let rows = inventory(&[(1, 0), (2, 0), (4, 5000)], 3);
        let told = |told: Told| [1, 2, 3, 4].map(|id| telling(id, told));
        let absent = differs(&told(Told::Absent), &rows);
        assert_eq!((names(&absent.changed), names(&absent.missing)), (vec!["1", "2", "4"], vec![]));
        let many = differs(&told(Told::MassAbsence), &rows);
        assert_eq!((names(&many.present), names(&many.changed)), (vec!["1", "2"], vec!["4"]));
        assert_eq!(names(&many.missing), ["3"]);
    }

    #[test]
    fn a_row_elsewhere_is_news_though_its_time_is_ours() {
        let at_path = |path: &str| Held { path: Some(claim_key(path)), ..held(1) };
        let rows = inventory(&[(1, 0)], 1);
        assert!(differs(&[at_path("xx/1.PY")], &rows).changed.is_empty());
        assert_eq!(names(&differs(&[at_path("YY/1.py")], &rows).changed), ["1"]);
        let told = Held { told: Some(Told::Drifted), ..at_path("YY/1.py") };
        assert!(differs(&[told], &rows).changed.is_empty(), "it is told already");
    }

    #[test]
    fn what_is_known_to_be_gone_is_no_sign_of_a_mass_absence() {
        let known: Vec<Held> = (100..130).map(|id| telling(id, Told::Absent)).collect();
        let all: Vec<Held> = (0..20).map(held).chain(known).collect();
        let rows = (1..20).map(|id| (id, 0)).collect::<Vec<_>>();
        let found = differs(&all, &inventory(&rows, 19));
        assert_eq!((names(&found.missing), found.mass_absence), (vec!["0"], None));
    }

    #[test]
    fn another_file_at_the_path_is_news_until_it_is_told_and_when_it_goes() {
        let twin = |id: u64, path: &str| Row {
            id: id.to_string().parse().unwrap(),
            path: path.into(),
            name: "a.py".into(),
            kind: "Python".into(),
            datasource: None,
            command: "ODPS_PYTHON".into(),
            created: at(0),
            modified: at(0),
        };
        // Listings: 1 and 2 at one path; 1 alone; 1 alone in a listing that misses a row.
        let both = vec![twin(1, "XX/a.py"), twin(2, "xx/A.py"), twin(3, "YY/a.py")];
        let alone = vec![twin(1, "XX/a.py"), twin(3, "YY/a.py")];
        let table = [
            (both.clone(), 3, None, vec!["1"]),
            (both, 3, Some(Told::Twins), vec![]),
            (alone.clone(), 2, Some(Told::Twins), vec!["1"]),
            (alone.clone(), 2, None, vec![]),
            (alone, 3, Some(Told::Twins), vec![]),
        ];
        for (rows, total, told, want) in table {
            let mut sweep = Sweep::new(at(0));
            sweep.page(whole(rows.clone(), total));
            let mut inventory = Inventory::default();
            inventory.replace(sweep, SignedDuration::ZERO);
            let found = differs(&[Held { told, ..held(1) }], &inventory);
            assert_eq!(names(&found.twins), want, "{rows:?} {told:?}");
        }
    }

    #[test]
    fn what_a_partial_listing_does_not_show_is_read_where_it_is_little() {
        let listing = inventory(&[(1, 5000)], 2);
        let told = [Told::Absent, Told::MassAbsence, Told::Drifted];
        let known: Vec<Held> = told.into_iter().zip(50..).map(|(told, id)| telling(id, told)).collect();
        // So many are not there, and so many are read.
        for (unseen, read) in [(0, 0), (1, 1), (5, 5), (6, 5), (10, 5), (11, 0)] {
            let there = [held(1), Held { settled: false, ..held(2) }].into_iter();
            let all: Vec<Held> = there.chain((100..100 + unseen).map(held)).chain(known.clone()).collect();
            let found = differs(&all, &listing);
            assert_eq!((names(&found.changed), found.missing.len()), (vec!["1"], read), "{unseen}");
            assert_eq!(found.mass_absence, None, "{unseen}");
        }
    }

    #[test]
    fn many_losses_at_once_are_told_apart() {
        let all: Vec<Held> = (0..100).map(held).collect();
        let rows = |lost: u64| (lost..100).map(|id| (id, 0)).collect::<Vec<_>>();
        // 20 of 100 are a fifth; of 30, ten are still few.
        let table = [(100, 20, false), (100, 21, true), (30, 10, false), (30, 11, true)];
        for (of, lost, want) in table {
            let inventory = inventory(&rows(lost), 100 - lost);
            let found = differs(&all[..of], &inventory).mass_absence;
            let told = found.map(|absence| (absence.gone.len(), absence.of));
            let lost = usize::try_from(lost).unwrap();
            assert_eq!(told, want.then_some((lost, of)), "{lost} of {of}");
        }
    }

    #[test]
    fn what_is_worked_on_may_be_lost_too() {
        // Two settled of thirty are gone, with so many that are worked on.
        let all: Vec<Held> = (0..30).map(|id| Held { settled: id < 15, ..held(id) }).collect();
        let rows = |kept: &[u64]| {
            let rows: Vec<(u64, i64)> = kept.iter().map(|id| (*id, 5000)).collect();
            inventory(&rows, kept.len() as u64)
        };
        let few = differs(&all, &rows(&(2..24).collect::<Vec<_>>()));
        assert_eq!((names(&few.missing), few.mass_absence), (vec!["0", "1"], None));
        assert_eq!(
            names(&few.changed),
            (2..15).map(|id| id.to_string()).collect::<Vec<_>>(),
            "of the settled only"
        );
        let many = differs(&all, &rows(&(2..20).collect::<Vec<_>>()));
        assert_eq!(many.mass_absence.map(|absence| (absence.gone.len(), absence.of)), Some((12, 30)));
        assert_eq!(many.missing.len(), 12, "none of them is made again");
        assert!(outdated(&all, &[row(&(20, 5000))]).is_empty());
    }

    #[test]
    fn what_a_person_asked_for_is_looked_for_and_is_no_sign_of_a_mass_absence() {
        let asked: HashSet<ResourceId> = (0..14).map(|id| held(id).id).collect();
        let all: Vec<Held> =
            (0..30).map(|id| if id < 7 { telling(id, Told::MassAbsence) } else { held(id) }).collect();
        let rows = |lost: u64| inventory(&(lost..30).map(|id| (id, 0)).collect::<Vec<_>>(), 30 - lost);
        // Ten of the other sixteen are few; eleven are told apart, and what was asked for goes on all the same.
        for (lost, mass) in [(14, None), (24, None), (25, Some((11, 16)))] {
            let found = difference(&all, &rows(lost), &asked);
            assert_eq!(found.changed.len(), 14, "{lost}");
            assert_eq!(found.missing.len(), usize::try_from(lost).unwrap() - 14, "{lost}");
            let told = found.mass_absence.map(|absence| (absence.gone.len(), absence.of));
            assert_eq!(told, mass, "{lost}");
        }
        // What is listed again is as any other.
        assert_eq!(names(&difference(&all, &rows(0), &asked).present).len(), 7);
        assert!(difference(&all, &rows(0), &asked).changed.is_empty());
    }

    #[test]
    fn a_page_tells_what_is_newer_and_nothing_else() {
        let page: Vec<Row> = [(1, 999), (2, 1000), (9, 5000)].iter().map(row).collect();
        let objects = [held(1), held(2), held(3), telling(1, Told::Absent)];
        assert_eq!(names(&outdated(&objects, &page)), ["2"]);
    }
}
