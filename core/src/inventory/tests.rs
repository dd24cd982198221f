use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn row(id: u64, path: &str) -> Row {
    Row {
        id: id.to_string().parse().unwrap(),
        path: path.to_owned(),
        name: path.rsplit('/').next().unwrap().to_owned(),
        kind: "Python".to_owned(),
        datasource: None,
        command: "ODPS_PYTHON".to_owned(),
        created: at(0),
        modified: at(0),
    }
}

fn page(from: u64, count: u64) -> Vec<Row> {
    (from..from + count).map(|n| row(n, &format!("XX/{n}.py"))).collect()
}

/// A page whose rows can all be read.
pub(super) fn whole(rows: Vec<Row>, total: u64) -> Page {
    Page { rows, unreadable: 0, total }
}

const LAG: SignedDuration = SignedDuration::from_secs(60);

fn listed(begun: i64, rows: Vec<Row>) -> Inventory {
    let mut inventory = Inventory::default();
    let mut sweep = Sweep::new(at(begun));
    let total = rows.len() as u64;
    assert_eq!(sweep.page(whole(rows, total)), Next::Done);
    inventory.replace(sweep, LAG);
    inventory
}

fn ids(rows: &[Row]) -> Vec<&str> {
    let mut ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_listing_speaks_only_for_objects_it_is_fresh_for() {
    let version = |seen, created, born_here| Version { seen: at(seen), created: at(created), born_here };
    let inventory = listed(100, vec![]);
    // Rows: what of the object, now, may the listing begun at 100 speak for it?
    let rows = [
        (version(50, 10, false), 110, true, "seen before the listing began"),
        (version(105, 10, false), 110, false, "an older object that was seen after it"),
        (version(105, 104, true), 110, true, "born after it"),
        (version(105, 99, true), 110, false, "its clock says older"),
        (version(105, 104, false), 110, false, "edited or restored"),
        (version(50, 10, false), 701, false, "the listing is too old"),
        (version(105, 104, true), 701, false, "too old for a new object as well"),
    ];
    for (version, now, want, why) in rows {
        assert_eq!(inventory.speaks_for(&version, at(now)), want, "{why}");
    }
    assert!(!Inventory::default().speaks_for(&version(0, 0, true), at(0)), "no listing at all");
}

#[test]
fn rows_that_cannot_be_read_end_no_listing() {
    // What of each page cannot be read, of 250 rows; then what the listing is worth.
    let tables = [
        ("none", [0, 0, 0], true),
        ("one on the first page", [1, 0, 0], false),
        ("one on the last page", [0, 0, 1], false),
        ("a whole page", [0, 100, 0], false),
    ];
    for (name, unreadable, proves_absence) in tables {
        let mut sweep = Sweep::new(at(0));
        let asked: Vec<Next> = [(0, 100), (100, 100), (200, 50)]
            .into_iter()
            .zip(unreadable)
            .map(|((from, rows), lost)| {
                sweep.page(Page { rows: page(from + lost, rows - lost), unreadable: lost, total: 250 })
            })
            .collect();
        assert_eq!(asked, [Next::Page(2), Next::Page(3), Next::Done], "{name}");
        let lost: u64 = unreadable.iter().sum();
        assert_eq!(sweep.unreadable(), lost, "{name}");
        let mut inventory = Inventory::default();
        inventory.replace(sweep, LAG);
        assert_eq!((inventory.len() as u64, inventory.total()), (250 - lost, Some(250)), "{name}");
        assert_eq!(inventory.is_complete(), proves_absence, "{name}");
        assert!(
            unreadable[2] > 0 || inventory.row(&row(249, "").id).is_some(),
            "{name}: the last page was read"
        );
    }
}

#[test]
fn pages_become_one_listing() {
    let mut sweep = Sweep::new(at(0));
    assert_eq!(sweep.page(whole(page(0, 100), 250)), Next::Page(2));
    assert_eq!(sweep.page(whole(page(100, 100), 250)), Next::Page(3));
    assert_eq!(sweep.page(whole(page(200, 50), 250)), Next::Done);
    let mut inventory = Inventory::default();
    inventory.replace(sweep, LAG);
    assert_eq!((inventory.len(), inventory.total()), (250, Some(250)));
    assert!(inventory.speaks_for(&Version { seen: at(-1), created: at(-9), born_here: false }, at(1)));
}

#[test]
fn a_count_that_moves_restarts_once_and_then_leaves_it_partial() {
    let mut sweep = Sweep::new(at(0));
    assert_eq!(sweep.page(whole(page(0, 100), 150)), Next::Page(2));
    assert_eq!(sweep.page(whole(page(100, 51), 151)), Next::Page(1), "moved: once more from the start");
    assert_eq!(sweep.page(whole(page(0, 100), 151)), Next::Page(2));
    assert_eq!(sweep.page(whole(page(100, 52), 152)), Next::Done, "moved again: no third time");
    let mut inventory = Inventory::default();
    inventory.replace(sweep, LAG);
    let version = Version { seen: at(-1), created: at(-9), born_here: false };
    assert!(!inventory.speaks_for(&version, at(1)), "partial: absence is not proved");
    assert_eq!(ids(&inventory.near("XX/7.py", "7.py")), ["7"], "presence is");
}

#[test]
fn rows_that_slipped_through_leave_it_partial() {
    let mut sweep = Sweep::new(at(0));
    assert_eq!(sweep.page(whole(page(0, 100), 150)), Next::Page(2));
    assert_eq!(sweep.page(whole(page(99, 50), 150)), Next::Done, "row 99 came twice, another not at all");
    let mut inventory = Inventory::default();
    inventory.replace(sweep, LAG);
    assert!(!inventory.speaks_for(&Version { seen: at(-1), created: at(-9), born_here: false }, at(1)));
}

#[test]
fn a_row_that_came_twice_leaves_it_partial_whatever_the_count() {
    let mut sweep = Sweep::new(at(0));
    assert_eq!(sweep.page(whole(page(0, 100), 150)), Next::Page(2));
    assert_eq!(sweep.page(whole(page(99, 51), 150)), Next::Done, "row 99 again, though 150 are there");
    let mut inventory = Inventory::default();
    inventory.replace(sweep, LAG);
    assert!(!inventory.is_complete());
    assert_eq!(inventory.len(), 150);
}

#[test]
fn own_changes_outlive_a_listing_that_lags() {
    let mut inventory = Inventory::default();
    inventory.record(Own::Put(Arc::new(row(1, "XX/new.py"))), at(95));
    inventory.record(Own::Deleted("2".parse().unwrap()), at(97));
    inventory.record(Own::Put(Arc::new(row(3, "XX/old.py"))), at(10));
    let mut sweep = Sweep::new(at(100));
    sweep.page(whole(vec![row(2, "XX/gone.py")], 1));
    inventory.replace(sweep, LAG);
    assert_eq!(ids(&inventory.near("XX/new.py", "new.py")), ["1"], "made just before: not listed yet");
    assert_eq!(ids(&inventory.near("XX/gone.py", "gone.py")), [""; 0], "deleted just before: still listed");
    assert_eq!(
        ids(&inventory.near("XX/old.py", "old.py")),
        [""; 0],
        "made long before: the listing is right"
    );
}

#[test]
fn a_listing_by_name_is_corrected_likewise() {
    let mut inventory = Inventory::default();
    inventory.record(Own::Deleted("2".parse().unwrap()), at(97));
    let rows = inventory.correct(vec![row(2, "XX/gone.py"), row(4, "XX/a.py")], at(100), LAG);
    assert_eq!(ids(&rows), ["4"]);
}

#[test]
fn near_is_same_path_or_same_name_in_any_case() {
    let inventory = listed(0, vec![row(1, "XX/A.py"), row(2, "YY/a.PY"), row(3, "XX/b.py")]);
    assert_eq!(ids(&inventory.near("xx/a.py", "a.py")), ["1", "2"]);
}

#[test]
fn looks_go_on_where_they_were() {
    let apart = SignedDuration::from_secs(1000);
    let rows = [
        ("never looked, first of all", None, 0.0, 900),
        ("never looked, last of all", None, 1.0, 1000),
        ("looked a while ago", Some(-600), 0.5, 350),
        ("looked just now", Some(0), 0.5, 950),
        ("overdue, first of all", Some(-5000), 0.0, 0),
        ("overdue, later", Some(-5000), 0.5, 50),
        ("overdue, last of all", Some(-5000), 1.0, 100),
        ("in a future", Some(9999), 0.5, 950),
    ];
    for (name, looked, share, want) in rows {
        assert_eq!(next_look(looked.map(at), at(0), apart, share), at(want), "{name}");
    }
}

#[test]
fn the_cheaper_way_to_look() {
    let rows = [
        (1, None, false),
        (1, Some(0), false),
        (1, Some(100), false),
        (1, Some(101), true),
        (5, Some(450), false),
        (4, Some(450), true),
    ];
    for (waiting, total, want) in rows {
        assert_eq!(by_name_is_cheaper(waiting, total), want, "{waiting} wait, {total:?} rows");
    }
}
