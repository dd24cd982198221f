//! What holds of the queue whatever is done to it, in whatever order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const SUB: SubQueue = SubQueue(1);
const ANY: fn(Lane) -> bool = |_| true;
/// Objects, in three namespaces.
const KEYS: u8 = 12;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn key(n: u8) -> ObjectKey {
    ObjectKey::new(&format!("ns{}", n % 3), &n.to_string())
}

fn due(lane: Lane, second: i64) -> Due {
    Due { sub: SUB, lane, at: at(second), turn: 0 }
}

#[derive(Clone, Debug)]
enum Act {
    Push(u8, Lane, i64),
    Take,
    TakeWhere(u8),
    Done(End),
    Forget(u8),
    Pass(i64),
}

#[derive(Clone, Copy, Debug)]
enum End {
    Nothing,
    Again(i64),
    InPlace(i64),
    Parked,
}

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![
        Just(End::Nothing),
        (0i64..20).prop_map(End::Again),
        (0i64..20).prop_map(End::InPlace),
        Just(End::Parked),
    ]
}

fn lanes() -> impl Strategy<Value = Lane> {
    prop_oneof![Just(Lane::Edit), Just(Lane::Create), Just(Lane::Retry), Just(Lane::Sweep)]
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        8 => (0..KEYS, lanes(), 0i64..20).prop_map(|(key, lane, delay)| Act::Push(key, lane, delay)),
        6 => Just(Act::Take),
        1 => (0..KEYS).prop_map(Act::TakeWhere),
        6 => ends().prop_map(Act::Done),
        1 => (0..KEYS).prop_map(Act::Forget),
        2 => (1i64..10).prop_map(Act::Pass),
    ];
    proptest::collection::vec(act, 0..400)
}

/// What the queue owes: for each object that was pushed and not taken since, the earliest time that
/// was asked for, and the most urgent lane.
#[derive(Default)]
struct Model {
    owed: BTreeMap<ObjectKey, (i64, Lane)>,
    running: Vec<(ObjectKey, Lane)>,
    /// Who waits for a push, and in which lane it was taken.
    parked: BTreeMap<ObjectKey, Lane>,
}

impl Model {
    fn push(&mut self, key: ObjectKey, second: i64, lane: Lane) {
        let lane = self.parked.remove(&key).map_or(lane, |parked| parked.min(lane));
        let wish = self.owed.entry(key).or_insert((second, lane));
        *wish = (wish.0.min(second), wish.1.min(lane));
    }

    fn park(&mut self, key: ObjectKey, had: Lane) {
        match self.owed.get_mut(&key) {
            Some((_, lane)) => *lane = had.min(*lane),
            None => {
                self.parked.insert(key, had);
            }
        }
    }

    fn runs(&self, key: &ObjectKey) -> bool {
        self.running.iter().any(|(running, _)| running == key)
    }

    fn take(&mut self, taken: Option<Taken>, now: i64) -> Result<(), TestCaseError> {
        let Some(taken) = taken else { return Ok(()) };
        prop_assert!(!self.runs(&taken.key), "taken twice at a time: {}", taken.key);
        let wish = self.owed.remove(&taken.key);
        prop_assert!(wish.is_some(), "nobody asked for {}", taken.key);
        let (second, lane) = wish.unwrap();
        prop_assert!(second <= now, "{} is taken at {now}, before {second}", taken.key);
        prop_assert_eq!(taken.lane, lane);
        self.running.push((taken.key, taken.lane));
        Ok(())
    }

    /// Whether an object waits whose time has come.
    fn ready(&self, now: i64) -> bool {
        self.owed.iter().any(|(key, (second, _))| *second <= now && !self.runs(key))
    }
}

proptest! {
    /// One entry for each object, never taken twice at a time, never before its time, in its most
    /// urgent lane; what is due can be taken; a forgotten object is not; once everything is done and
    /// all delays have passed, exactly what was asked for and not answered is taken; and no history
    /// makes the queue larger than its objects.
    #[test]
    fn nothing_is_lost_early_or_twice(acts in acts()) {
        let mut queue = Queue::default();
        let mut model = Model::default();
        let mut now = 0;
        for act in acts {
            match act {
                Act::Push(n, lane, delay) => {
                    queue.push(&key(n), due(lane, now + delay), at(now));
                    model.push(key(n), now + delay, lane);
                }
                Act::Take => {
                    let taken = queue.take(SUB, ANY, at(now));
                    prop_assert_eq!(taken.is_some(), model.ready(now));
                    model.take(taken, now)?;
                }
                Act::TakeWhere(n) => {
                    let taken = queue.take_where(SUB, at(now), |entry| *entry == key(n));
                    prop_assert!(taken.as_ref().is_none_or(|taken| taken.key == key(n)));
                    model.take(taken, now)?;
                }
                Act::Done(end) => {
                    let Some((key, had)) = model.running.pop() else { continue };
                    let after = match end {
                        End::Nothing => After::Nothing,
                        End::Again(delay) => After::Again(due(Lane::Retry, now + delay)),
                        End::InPlace(delay) => After::InPlace(due(Lane::Retry, now + delay)),
                        End::Parked => After::Parked,
                    };
                    queue.done(&key, after, at(now));
                    match end {
                        End::Nothing => {}
                        End::Again(delay) | End::InPlace(delay) => model.push(key, now + delay, Lane::Retry),
                        End::Parked => model.park(key, had),
                    }
                }
                Act::Forget(n) => {
                    queue.forget(&key(n));
                    model.owed.remove(&key(n));
                    model.parked.remove(&key(n));
                }
                Act::Pass(seconds) => now += seconds,
            }
            prop_assert_eq!(queue.has_ready(SUB, ANY, at(now)), model.ready(now));
            prop_assert_eq!(
                queue.waiting(),
                model.owed.keys().filter(|key| !model.runs(key)).count()
            );
            prop_assert!(queue.entries.len() <= usize::from(KEYS));
            let traces: usize = queue.subs.values().map(Lanes::len).sum::<usize>() + queue.delayed.len();
            prop_assert!(traces <= 3 * usize::from(KEYS) + SPARE, "{traces} are held");
        }
        for (key, _) in std::mem::take(&mut model.running) {
            queue.done(&key, After::Nothing, at(now));
        }
        let rest: BTreeSet<ObjectKey> =
            std::iter::from_fn(|| queue.take(SUB, ANY, at(now + 100)).map(|taken| taken.key)).collect();
        prop_assert_eq!(rest, model.owed.into_keys().collect::<BTreeSet<_>>());
    }

    /// Between two turns of a namespace that waits, every other gets at most one.
    #[test]
    fn namespaces_of_a_lane_take_turns(
        acts in proptest::collection::vec(prop_oneof![
            4 => (0..KEYS).prop_map(Some),
            3 => Just(None),
        ], 0..300),
        forget in proptest::collection::vec(any::<bool>(), 300),
    ) {
        // Each object in a workspace of its own.
        let workspace = |n: u8| Due { turn: u64::from(n), ..due(Lane::Edit, 0) };
        let mut queue = Queue::default();
        let mut waiting: BTreeMap<String, BTreeSet<ObjectKey>> = BTreeMap::new();
        // Since the last turn of the first, or since it waits: turns of the second.
        let mut turns: BTreeMap<(String, String), u32> = BTreeMap::new();
        for (act, forget) in acts.into_iter().zip(forget) {
            match act {
                Some(n) if forget && n % 4 == 0 => {
                    queue.forget(&key(n));
                    let left = waiting.entry(key(n).namespace.to_string()).or_default();
                    left.remove(&key(n));
                }
                Some(n) => {
                    queue.push(&key(n), workspace(n), at(0));
                    let namespace = key(n).namespace.to_string();
                    let there = waiting.entry(namespace.clone()).or_default();
                    if there.is_empty() {
                        turns.retain(|(waits, _), _| *waits != namespace);
                    }
                    there.insert(key(n));
                }
                None => {
                    let Some(taken) = queue.take(SUB, ANY, at(0)) else { continue };
                    let namespace = taken.key.namespace.to_string();
                    for (other, keys) in &waiting {
                        if *other != namespace && !keys.is_empty() {
                            let count = turns.entry((other.clone(), namespace.clone())).or_default();
                            *count += 1;
                            prop_assert!(*count <= 1, "{other} waits for the {count}. turn of {namespace}");
                        }
                    }
                    turns.retain(|(waits, _), _| *waits != namespace);
                    waiting.entry(namespace).or_default().remove(&taken.key);
                    queue.done(&taken.key, After::Nothing, at(0));
                }
            }
        }
    }

    /// When all lanes wait they share 8:4:3:1, whatever went before: in any sixteen turns in a row no
    /// lane has more than two fewer or more than its share.
    #[test]
    fn lanes_share_whatever_went_before(before in proptest::collection::vec(lanes(), 0..40), taken in 0usize..40) {
        let mut queue = Queue::default();
        for (n, lane) in before.into_iter().enumerate() {
            queue.push(&ObjectKey::new("before", &n.to_string()), due(lane, 0), at(0));
        }
        for _ in 0..taken {
            queue.take(SUB, ANY, at(0));
        }
        for n in 0..200 {
            for lane in Lane::ALL {
                queue.push(&ObjectKey::new(lane.as_str(), &n.to_string()), due(lane, 0), at(0));
            }
        }
        let served: Vec<Lane> = (0..160).map(|_| queue.take(SUB, ANY, at(0)).unwrap().lane).collect();
        let count = |lanes: &[Lane], lane| i64::try_from(lanes.iter().filter(|l| **l == lane).count()).unwrap();
        for window in served.windows(16) {
            for lane in Lane::ALL {
                prop_assert!((count(window, lane) - lane.share()).abs() <= 2, "{window:?}");
            }
        }
        for lane in Lane::ALL {
            prop_assert!((count(&served, lane) - 10 * lane.share()).abs() <= 2, "{lane:?}: {served:?}");
        }
    }
}
