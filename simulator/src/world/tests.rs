//! The indexes against a world that has none: a list of every version ever made.

use super::*;
use crate::flowspec::file_name;
use crate::settings::ListOrder;

const PROJECT: u64 = 1;

/// What is true of a file from a tick on; `None`: it is gone.
type History = Vec<(u64, Option<Resource>)>;

fn file(id: u64, path: &str, owner: &str, modify_ms: i64) -> Resource {
    Resource {
        id,
        script_id: id,
        project: PROJECT,
        path: path.into(),
        name: file_name(path).into(),
        kind: FileType::Python,
        command: "ODPS_PYTHON".into(),
        datasource: ("odps_first".into(), "odps".into()),
        owner: owner.into(),
        storage: "local".into(),
        version: "1.1.0".into(),
        document: "{}".into(),
        resource_file: None,
        file: None,
        create_ms: 0,
        modify_ms,
    }
}

/// A small generator: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

fn expected(histories: &BTreeMap<u64, History>, filter: &Filter, tick: u64) -> (Vec<(u64, Arc<str>)>, usize) {
    let mut rows: Vec<_> = histories
        .values()
        .filter_map(|history| {
            let (_, version) = history.iter().rev().find(|(from, _)| *from <= tick)?;
            version.as_ref()
        })
        .filter(|row| {
            filter.owner.as_deref().is_none_or(|owner| *row.owner == *owner)
                && filter
                    .name
                    .as_deref()
                    .is_none_or(|part| row.name.to_lowercase().contains(&part.to_lowercase()))
        })
        .collect();
    if filter.order == ListOrder::ModifyDesc {
        rows.sort_by_key(|row| std::cmp::Reverse((row.modify_ms, row.id)));
    }
    let total = rows.len();
    let page = rows
        .into_iter()
        .skip(filter.skip)
        .take(filter.take)
        .map(|row| (row.id, Arc::clone(&row.path)))
        .collect();
    (page, total)
}

#[test]
fn listings_are_those_of_a_world_without_indexes() {
    for seed in 0..40 {
        let mut numbers = Numbers(seed);
        let mut world = World::new(&[ProjectConfig::new(PROJECT, "one")]);
        let mut histories: BTreeMap<u64, History> = BTreeMap::new();
        let lag_ms = [0, 0, 7, 50][usize::try_from(seed % 4).expect("small")];
        for step in 1..200_u64 {
            let now = Now { wall_ms: i64::try_from(step / 3).expect("small"), tick_ms: step };
            let ids: Vec<_> = world.files(PROJECT).map(|row| row.id).collect();
            let any = usize::try_from(numbers.below(1000)).expect("small");
            let known = (!ids.is_empty()).then(|| ids[any % ids.len().max(1)]);
            let path = format!("f{}/File-{}.py", numbers.below(3), numbers.below(30));
            let owner = ["a", "b"][any % 2];
            let (id, version) = match (numbers.below(4), known) {
                (0, Some(id)) => {
                    assert!(world.take(id, now, lag_ms));
                    (id, None)
                }
                (1, Some(id)) => (id, Some(file(id, &path, owner, now.wall_ms))),
                _ => {
                    let id = world.next_ids().0;
                    (id, Some(file(id, &path, owner, now.wall_ms)))
                }
            };
            if let Some(version) = &version {
                world.put(version.clone(), now, lag_ms);
            }
            histories.entry(id).or_default().push((step + lag_ms, version));

            let filter = Filter {
                name: [None, Some("file-1"), Some("le-2"), Some("E")][any % 4].map(str::to_owned),
                owner: [None, Some("a")][any / 4 % 2].map(str::to_owned),
                kind: None,
                order: [ListOrder::Creation, ListOrder::ModifyDesc][any / 8 % 2],
                skip: any % 5,
                take: 10,
            };
            let page = world.list(PROJECT, &filter, now).expect("the workspace");
            let rows: Vec<_> = page.rows.iter().map(|row| (row.id, Arc::clone(&row.path))).collect();
            let want = expected(&histories, &filter, step);
            assert_eq!((rows, page.total), want, "seed {seed}, step {step}: {filter:?}");
            let seen = world.read(id, now).map(|row| Arc::clone(&row.path));
            let history = &histories[&id];
            let want = history.iter().rev().find(|(from, _)| *from <= step);
            let want = want.and_then(|(_, row)| Some(Arc::clone(&row.as_ref()?.path)));
            assert_eq!(seen, want, "seed {seed}, step {step}");
        }
        for (id, history) in &histories {
            let truth = history.last().and_then(|(_, row)| row.as_ref());
            assert_eq!(world.get(*id), truth, "seed {seed}");
            if let Some(row) = truth {
                assert!(world.has_path(PROJECT, &row.path));
                assert!(world.has_name(PROJECT, &row.name));
            }
        }
    }
}
