//! What a listing may claim, however others change the workspace while it is read.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const LAG: SignedDuration = SignedDuration::from_secs(60);
/// Seconds between two pages.
const STEP: i64 = 10;
/// The step at which the listing begins; changes before it may still be on their way into listings.
const BEGIN: usize = 4;

/// When a step is, by both clocks.
fn at(step: usize) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + STEP * i64::try_from(step).unwrap()).unwrap()
}

fn row(id: u64, created: Timestamp) -> Row {
    Row {
        id: id.to_string().parse().unwrap(),
        path: format!("XX/{id}.py"),
        name: format!("{id}.py"),
        kind: "Python".to_owned(),
        datasource: None,
        command: "ODPS_PYTHON".to_owned(),
        created,
        modified: created,
    }
}

/// What happens between two pages. Places are parts of the whole.
#[derive(Clone, Debug)]
enum Change {
    /// A new file, of ours or of somebody else.
    Make { place: f64, ours: bool },
    /// A file that does not stay is deleted.
    Delete { place: f64, ours: bool },
    /// A file is changed, and listed elsewhere from now on.
    Move { from: f64, to: f64 },
}

fn changes() -> impl Strategy<Value = Vec<Vec<Change>>> {
    let part = || prop_oneof![Just(0.0), Just(0.999), 0.0..1.0];
    let change = prop_oneof![
        3 => (part(), any::<bool>()).prop_map(|(place, ours)| Change::Make { place, ours }),
        3 => (part(), any::<bool>()).prop_map(|(place, ours)| Change::Delete { place, ours }),
        1 => (part(), part()).prop_map(|(from, to)| Change::Move { from, to }),
    ];
    let step = prop_oneof![2 => Just(Vec::new()), 2 => proptest::collection::vec(change, 1..4)];
    proptest::collection::vec(step, 0..16)
}

fn place(part: f64, len: usize) -> usize {
    (part * len as f64) as usize
}

/// The workspace at each step, and what we did in it.
fn history(
    stay: u64,
    come_and_go: u64,
    changes: &[Vec<Change>],
    others_delete: bool,
) -> (Vec<Vec<Row>>, Vec<(usize, Own)>) {
    let long_ago = Timestamp::from_second(1_600_000_000).unwrap();
    let mut cloud: Vec<Row> = (0..stay).map(|n| row(n, long_ago)).collect();
    for n in 0..come_and_go {
        let place = usize::try_from(n * 37).unwrap() % (cloud.len() + 1);
        cloud.insert(place, row(1_000 + n, long_ago));
    }
    let mut next = 10_000;
    let mut own = Vec::new();
    let mut states = vec![cloud.clone()];
    for (step, changes) in changes.iter().enumerate() {
        for change in changes {
            match change {
                Change::Make { place: part, ours } => {
                    let made = row(next, at(step));
                    next += 1;
                    cloud.insert(place(*part, cloud.len()), made.clone());
                    if *ours {
                        own.push((step, Own::Put(Arc::new(made))));
                    }
                }
                Change::Delete { place: part, ours } => {
                    let goes = |row: &Row| row.id.as_str().parse::<u64>().unwrap() >= 1_000;
                    if !ours && !others_delete {
                        continue;
                    }
                    let from = place(*part, cloud.len());
                    let found = (from..cloud.len()).chain(0..from).find(|n| goes(&cloud[*n]));
                    if let Some(found) = found {
                        let gone = cloud.remove(found);
                        if *ours {
                            own.push((step, Own::Deleted(gone.id)));
                        }
                    }
                }
                Change::Move { from, to } => {
                    if !cloud.is_empty() {
                        let moved = cloud.remove(place(*from, cloud.len()));
                        cloud.insert(place(*to, cloud.len()), moved);
                    }
                }
            }
        }
        states.push(cloud.clone());
    }
    (states, own)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// A listing that calls itself complete holds every row that stayed from its beginning to its end,
    /// and is read to its end whatever rows of it cannot be; whatever it showed, what we did within the lag before it and since holds; it is begun anew at
    /// most once, and ends.
    #[test]
    fn complete_means_complete(
        stay in prop_oneof![0u64..20, 90u64..260],
        come_and_go in 0u64..12,
        changes in changes(),
        lag in 0usize..4,
        doubles in proptest::collection::vec(0usize..100, 0..3),
        broken in prop_oneof![2 => Just(BTreeSet::new()), 1 => proptest::collection::btree_set(0u64..260, 1..3)],
    ) {
        // The case that is left open: ours are listed late while others delete.
        let ours = changes.iter().flatten().any(|change| matches!(change, Change::Make { ours: true, .. }));
        let (states, own) = history(stay, come_and_go, &changes, lag == 0 || !ours);
        let state = |step: usize| &states[step.min(states.len() - 1)];
        let mut inventory = Inventory::default();
        let mut mine = own.iter().peekable();
        let mut sweep = Sweep::new(at(BEGIN));
        let (mut number, mut restarts, mut step) = (1, 0, BEGIN);
        loop {
            while let Some((_, change)) = mine.next_if(|(when, _)| *when < step) {
                inventory.record(change.clone(), at(step - 1));
            }
            let shown = state(step.saturating_sub(lag));
            let from = (number as usize - 1) * PAGE_SIZE as usize;
            let mut rows: Vec<Row> = shown.iter().skip(from).take(PAGE_SIZE as usize).cloned().collect();
            // A service without a stable order repeats rows in the place of others.
            for (n, double) in doubles.iter().enumerate() {
                if number > 1 && *double < rows.len() && n < shown.len() {
                    rows[*double] = shown[n].clone();
                }
            }
            let answered = rows.len();
            rows.retain(|row| !broken.contains(&row.id.as_str().parse().unwrap()));
            let unreadable = (answered - rows.len()) as u64;
            sweep.asks(at(step));
            match sweep.page(Page { rows, unreadable, total: shown.len() as u64 }) {
                Next::Done => {
                    let read = u64::from(number) * PAGE_SIZE;
                    prop_assert!(read >= shown.len() as u64, "it ended after {read} of {} rows", shown.len());
                    break;
                }
                Next::Page(next) => {
                    restarts += u32::from(next == 1);
                    number = next;
                }
            }
            step += 1;
            prop_assert!(step < 40, "it does not end");
        }
        prop_assert!(restarts <= 1);
        for (_, change) in mine.filter(|(when, _)| *when <= step) {
            inventory.record(change.clone(), at(step));
        }
        inventory.replace(sweep, LAG);

        let version = Version { seen: at(BEGIN - 1), created: at(0), born_here: false };
        prop_assert_eq!(inventory.speaks_for(&version, at(step)), inventory.is_complete());
        if inventory.is_complete() {
            for id in 0..stay {
                let id: ResourceId = id.to_string().parse().unwrap();
                prop_assert!(inventory.row(&id).is_some(), "{id} stayed and is missed");
            }
        }
        // Ours: the last word on each id.
        let mut ours: BTreeMap<ResourceId, bool> = BTreeMap::new();
        for (_, change) in own.iter().filter(|(when, _)| *when <= step) {
            match change {
                Own::Put(row) => ours.insert(row.id.clone(), true),
                Own::Deleted(id) => ours.insert(id.clone(), false),
            };
        }
        // What others deleted of ours we cannot know.
        let theirs: BTreeSet<&ResourceId> = states[states.len() - 1].iter().map(|row| &row.id).collect();
        for (id, there) in ours {
            if !there || theirs.contains(&id) {
                prop_assert_eq!(inventory.row(&id).is_some(), there, "{} is ours", id);
            }
        }
    }
}
