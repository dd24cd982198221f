use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const SUB: SubQueue = SubQueue(1);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn key(text: &str) -> ObjectKey {
    let (namespace, name) = text.split_once('/').unwrap();
    ObjectKey::new(namespace, name)
}

fn due(lane: Lane, second: i64) -> Due {
    Due { sub: SUB, lane, at: at(second) }
}

fn names(queue: &mut Queue, now: i64) -> Vec<String> {
    std::iter::from_fn(|| queue.take(SUB, at(now)).map(|taken| taken.key.to_string())).collect()
}

#[test]
fn namespaces_take_turns_and_are_first_in_first_out() {
    let mut queue = Queue::default();
    for text in ["a/1", "a/2", "a/3", "b/1", "c/1", "b/2"] {
        queue.push(&key(text), due(Lane::Edit, 0), at(0));
    }
    assert_eq!(names(&mut queue, 0), ["a/1", "b/1", "c/1", "a/2", "b/2", "a/3"]);
}

#[test]
fn lanes_share_eight_to_three_to_one() {
    let mut queue = Queue::default();
    for n in 0..120 {
        for lane in Lane::ALL {
            queue.push(&ObjectKey::new(lane.as_str(), &n.to_string()), due(lane, 0), at(0));
        }
    }
    let mut served: HashMap<String, usize> = HashMap::new();
    for _ in 0..120 {
        let taken = queue.take(SUB, at(0)).unwrap();
        *served.entry(taken.key.namespace.to_string()).or_default() += 1;
    }
    assert_eq!((served["edit"], served["retry"], served["sweep"]), (80, 30, 10));
}

#[test]
fn an_idle_lane_saves_nothing_up() {
    let mut queue = Queue::default();
    for n in 0..50 {
        queue.push(&ObjectKey::new("s", &n.to_string()), due(Lane::Sweep, 0), at(0));
    }
    for _ in 0..40 {
        queue.take(SUB, at(0)).unwrap();
    }
    queue.push(&key("e/1"), due(Lane::Edit, 0), at(0));
    assert_eq!(queue.take(SUB, at(0)).unwrap().key, key("e/1"));
}

#[test]
fn one_entry_per_object_however_often_it_is_pushed() {
    let mut queue = Queue::default();
    for _ in 0..3 {
        queue.push(&key("a/1"), due(Lane::Sweep, 0), at(0));
    }
    queue.push(&key("a/1"), due(Lane::Edit, 0), at(0));
    assert_eq!(queue.take(SUB, at(0)).map(|taken| taken.lane), Some(Lane::Edit));
    assert_eq!(queue.take(SUB, at(0)), None);
}

#[test]
fn a_push_while_running_is_taken_after_done() {
    let mut queue = Queue::default();
    queue.push(&key("a/1"), due(Lane::Edit, 0), at(0));
    queue.take(SUB, at(0)).unwrap();
    queue.push(&key("a/1"), due(Lane::Edit, 1), at(1));
    assert_eq!(queue.take(SUB, at(1)), None, "not while it runs");
    queue.done(&key("a/1"), Some(due(Lane::Retry, 60)), at(2));
    assert_eq!(
        queue.take(SUB, at(2)).map(|taken| taken.lane),
        Some(Lane::Edit),
        "the push wins over the delay"
    );
}

#[test]
fn an_edit_ends_a_delay() {
    let mut queue = Queue::default();
    queue.push(&key("a/1"), due(Lane::Retry, 3600), at(0));
    assert_eq!(queue.take(SUB, at(10)), None);
    assert_eq!(queue.next_at(), Some(at(3600)));
    queue.push(&key("a/1"), due(Lane::Edit, 10), at(10));
    assert!(queue.has_ready(SUB, at(10)));
    assert_eq!(names(&mut queue, 10), ["a/1"]);
}

#[test]
fn a_forgotten_object_is_not_taken() {
    let mut queue = Queue::default();
    queue.push(&key("a/1"), due(Lane::Edit, 0), at(0));
    queue.forget(&key("a/1"));
    assert!(!queue.has_ready(SUB, at(0)));
    assert_eq!(queue.take(SUB, at(0)), None);
}

#[test]
fn work_moves_to_the_limiter_it_needs_now() {
    let mut queue = Queue::default();
    queue.push(&key("a/1"), due(Lane::Edit, 0), at(0));
    queue.push(&key("a/1"), Due { sub: SubQueue::FREE, ..due(Lane::Edit, 0) }, at(0));
    assert_eq!(queue.take(SUB, at(0)), None);
    assert_eq!(queue.take(SubQueue::FREE, at(0)).map(|taken| taken.key), Some(key("a/1")));
}

#[derive(Clone, Debug)]
enum Act {
    Push(u8, Lane, i64),
    Take,
    Done(Option<i64>),
    Pass(i64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let lane = prop_oneof![Just(Lane::Edit), Just(Lane::Retry), Just(Lane::Sweep)];
    let act = prop_oneof![
        4 => (0u8..12, lane, 0i64..20).prop_map(|(key, lane, delay)| Act::Push(key, lane, delay)),
        3 => Just(Act::Take),
        3 => proptest::option::of(0i64..20).prop_map(Act::Done),
        1 => (1i64..10).prop_map(Act::Pass),
    ];
    proptest::collection::vec(act, 0..200)
}

proptest! {
    /// Whatever happens: an object is never taken twice at a time, and once everything is done
    /// and all delays have passed, every object with an unanswered push is taken exactly once.
    #[test]
    fn nothing_is_lost_and_nothing_runs_twice(acts in acts()) {
        let mut queue = Queue::default();
        let mut now = 0;
        let mut running: Vec<ObjectKey> = Vec::new();
        let mut owed: std::collections::BTreeSet<ObjectKey> = std::collections::BTreeSet::new();
        for act in acts {
            match act {
                Act::Push(n, lane, delay) => {
                    let key = ObjectKey::new(&format!("ns{}", n % 3), &n.to_string());
                    queue.push(&key, due(lane, now + delay), at(now));
                    owed.insert(key);
                }
                Act::Take => {
                    if let Some(taken) = queue.take(SUB, at(now)) {
                        prop_assert!(!running.contains(&taken.key));
                        prop_assert!(owed.remove(&taken.key));
                        running.push(taken.key);
                    }
                }
                Act::Done(again) => {
                    if let Some(key) = running.pop() {
                        queue.done(&key, again.map(|delay| due(Lane::Retry, now + delay)), at(now));
                        if again.is_some() {
                            owed.insert(key);
                        }
                    }
                }
                Act::Pass(seconds) => now += seconds,
            }
            prop_assert!(queue.waiting() <= 12);
        }
        for key in running.drain(..) {
            queue.done(&key, None, at(now));
        }
        let mut rest: Vec<ObjectKey> = Vec::new();
        while let Some(taken) = queue.take(SUB, at(now + 100)) {
            rest.push(taken.key);
        }
        rest.sort();
        prop_assert_eq!(rest, owed.into_iter().collect::<Vec<_>>());
    }
}
