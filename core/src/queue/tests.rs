use std::collections::HashMap;

use super::*;

const SUB: SubQueue = SubQueue(1);
const ANY: fn(Lane) -> bool = |_| true;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn key(text: &str) -> ObjectKey {
    let (namespace, name) = text.split_once('/').unwrap();
    ObjectKey::new(namespace, name)
}

fn due(lane: Lane, second: i64) -> Due {
    Due { sub: SUB, lane, at: at(second), turn: 0 }
}

fn names(queue: &mut Queue, now: i64) -> Vec<String> {
    std::iter::from_fn(|| queue.take(SUB, ANY, at(now)).map(|taken| taken.key.to_string())).collect()
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
fn lanes_share_permits() {
    let mut queue = Queue::default();
    for n in 0..160 {
        for lane in Lane::ALL {
            queue.push(&ObjectKey::new(lane.as_str(), &n.to_string()), due(lane, 0), at(0));
        }
    }
    let mut served: HashMap<String, usize> = HashMap::new();
    for _ in 0..160 {
        let taken = queue.take(SUB, ANY, at(0)).unwrap();
        *served.entry(taken.key.namespace.to_string()).or_default() += 1;
    }
    let served = ["edit", "create", "retry", "sweep"].map(|lane| served[lane]);
    assert_eq!(served, [80, 40, 30, 10]);
}

#[test]
fn an_edit_does_not_wait_behind_creates_of_its_namespace() {
    let mut queue = Queue::default();
    for n in 0..1000 {
        queue.push(&ObjectKey::new("a", &n.to_string()), due(Lane::Create, 0), at(0));
    }
    assert_eq!(queue.take(SUB, ANY, at(0)).unwrap().lane, Lane::Create);
    queue.push(&key("a/edited"), due(Lane::Edit, 0), at(0));
    assert_eq!(queue.take(SUB, ANY, at(0)).unwrap().key, key("a/edited"));
}

#[test]
fn an_idle_lane_saves_nothing_up() {
    let mut queue = Queue::default();
    for n in 0..50 {
        queue.push(&ObjectKey::new("s", &n.to_string()), due(Lane::Sweep, 0), at(0));
    }
    for _ in 0..40 {
        queue.take(SUB, ANY, at(0)).unwrap();
    }
    queue.push(&key("e/1"), due(Lane::Edit, 0), at(0));
    assert_eq!(queue.take(SUB, ANY, at(0)).unwrap().key, key("e/1"));
}

#[test]
fn one_entry_per_object_however_often_it_is_pushed() {
    let mut queue = Queue::default();
    for _ in 0..3 {
        queue.push(&key("a/1"), due(Lane::Sweep, 0), at(0));
    }
    queue.push(&key("a/1"), due(Lane::Edit, 0), at(0));
    assert_eq!(queue.take(SUB, ANY, at(0)).map(|taken| taken.lane), Some(Lane::Edit));
    assert_eq!(queue.take(SUB, ANY, at(0)), None);
}

#[test]
fn a_push_while_running_is_taken_after_done() {
    let mut queue = Queue::default();
    queue.push(&key("a/1"), due(Lane::Edit, 0), at(0));
    queue.take(SUB, ANY, at(0)).unwrap();
    queue.push(&key("a/1"), due(Lane::Edit, 1), at(1));
    assert_eq!(queue.take(SUB, ANY, at(1)), None, "not while it runs");
    queue.done(&key("a/1"), After::Again(due(Lane::Retry, 60)), at(2));
    assert_eq!(
        queue.take(SUB, ANY, at(2)).map(|taken| taken.lane),
        Some(Lane::Edit),
        "the push wins over the delay"
    );
}

#[test]
fn an_edit_ends_a_delay() {
    let mut queue = Queue::default();
    queue.push(&key("a/1"), due(Lane::Retry, 3600), at(0));
    assert_eq!(queue.take(SUB, ANY, at(10)), None);
    assert_eq!(queue.next_at(), Some(at(3600)));
    let depths = [at(10), at(3599), at(3600)].map(|now| (queue.ready(now), queue.waiting()));
    assert_eq!(depths, [(0, 1), (0, 1), (1, 1)]);
    queue.push(&key("a/1"), due(Lane::Edit, 10), at(10));
    assert!(queue.has_ready(SUB, ANY, at(10)));
    assert_eq!(names(&mut queue, 10), ["a/1"]);
}

#[test]
fn a_forgotten_object_is_not_taken() {
    let mut queue = Queue::default();
    queue.push(&key("a/1"), due(Lane::Edit, 0), at(0));
    queue.forget(&key("a/1"));
    assert!(!queue.has_ready(SUB, ANY, at(0)));
    assert_eq!(queue.take(SUB, ANY, at(0)), None);
}

#[test]
fn work_moves_to_the_limiter_it_needs_now() {
    let mut queue = Queue::default();
    queue.push(&key("a/1"), due(Lane::Edit, 0), at(0));
    queue.push(&key("a/1"), Due { sub: SubQueue::FREE, ..due(Lane::Edit, 0) }, at(0));
    assert_eq!(queue.take(SUB, ANY, at(0)), None);
    assert_eq!(queue.take(SubQueue::FREE, ANY, at(0)).map(|taken| taken.key), Some(key("a/1")));
}

#[test]
fn some_can_be_taken_out_of_turn() {
    let mut queue = Queue::default();
    for (text, lane) in
        [("a/1", Lane::Edit), ("a/2", Lane::Retry), ("a/3", Lane::Retry), ("a/4", Lane::Sweep)]
    {
        queue.push(&key(text), due(lane, 0), at(0));
    }
    queue.push(&key("a/5"), due(Lane::Edit, 9), at(0));
    let wanted = |entry: &ObjectKey| *entry != key("a/1");
    let mut next = || queue.take_where(SUB, at(0), wanted).map(|taken| taken.key.to_string());
    assert_eq!(
        [next(), next(), next(), next()],
        [Some("a/2"), Some("a/3"), Some("a/4"), None].map(|text| text.map(str::to_owned))
    );
    assert_eq!(names(&mut queue, 0), ["a/1"], "and are not taken twice");
    queue.done(&key("a/2"), After::Again(due(Lane::Edit, 0)), at(1));
    assert_eq!(names(&mut queue, 9), ["a/2", "a/5"]);
}

#[test]
fn what_moved_costs_no_namespace_its_turn() {
    let mut queue = Queue::default();
    for text in ["a/1", "b/1", "a/2", "b/2"] {
        queue.push(&key(text), due(Lane::Edit, 0), at(0));
    }
    queue.forget(&key("a/1"));
    assert_eq!(names(&mut queue, 0), ["a/2", "b/1", "b/2"]);
}

#[test]
fn what_moves_all_the_time_leaves_no_traces() {
    let mut queue = Queue::default();
    // A delay that an edit ends leaves its place in the heap; what is forgotten, its place in a lane.
    for second in 0..1_000 {
        queue.push(&key("a/1"), due(Lane::Retry, second + 5_000), at(second));
        queue.push(&key("a/1"), due(Lane::Edit, second), at(second));
        queue.forget(&key("a/1"));
    }
    let held = queue.delayed.len() + queue.subs.values().map(Lanes::len).sum::<usize>();
    assert!(held <= 2 * SPARE, "{held}");
}

#[test]
fn one_workspace_with_thousands_is_not_in_front_of_another_of_its_namespace() {
    let mut queue = Queue::default();
    let of = |turn: u64| Due { turn, ..due(Lane::Create, 0) };
    for n in 0..10_000 {
        queue.push(&ObjectKey::new("a", &format!("many-{n}")), of(1), at(0));
    }
    queue.push(&key("a/one"), of(2), at(0));
    queue.push(&key("b/one"), of(1), at(0));
    queue.push(&key("a/edit"), Due { turn: 2, ..due(Lane::Edit, 0) }, at(0));
    let first: Vec<String> =
        (0..6).filter_map(|_| queue.take(SUB, ANY, at(0))).map(|taken| taken.key.to_string()).collect();
    for wanted in ["a/one", "b/one", "a/edit"] {
        assert!(first.iter().any(|key| key == wanted), "{wanted} is not among {first:?}");
    }
}

#[test]
fn who_goes_to_another_workspace_waits_there() {
    let mut queue = Queue::default();
    let of = |turn: u64| Due { turn, sub: SubQueue(turn.try_into().unwrap()), ..due(Lane::Edit, 0) };
    queue.push(&key("a/1"), of(2), at(0));
    queue.push(&key("a/1"), of(3), at(0));
    assert_eq!(queue.take(SubQueue(2), ANY, at(0)), None);
    assert!(queue.take(SubQueue(3), ANY, at(0)).is_some());
}

#[test]
fn workspaces_of_a_namespace_share_its_turns() {
    let mut queue = Queue::default();
    for n in 0..50 {
        queue.push(&ObjectKey::new("a", &n.to_string()), Due { turn: n, ..due(Lane::Edit, 0) }, at(0));
    }
    queue.push(&key("b/1"), due(Lane::Edit, 0), at(0));
    queue.push(&key("b/2"), due(Lane::Edit, 0), at(0));
    assert_eq!(names(&mut queue, 0)[..4], ["a/0", "b/1", "a/1", "b/2"]);
}

#[test]
fn who_was_held_up_by_others_keeps_its_place() {
    let mut queue = Queue::default();
    for text in ["a/1", "a/2", "a/3", "a/4"] {
        queue.push(&key(text), due(Lane::Create, 0), at(0));
    }
    for text in ["a/1", "a/2", "a/3"] {
        assert_eq!(queue.take(SUB, ANY, at(0)).map(|taken| taken.key), Some(key(text)));
    }
    queue.done(&key("a/2"), After::InPlace(due(Lane::Create, 0)), at(0));
    queue.done(&key("a/1"), After::InPlace(due(Lane::Create, 5)), at(0));
    queue.done(&key("a/3"), After::Again(due(Lane::Create, 0)), at(0));
    queue.push(&key("a/5"), due(Lane::Create, 0), at(5));
    assert_eq!(names(&mut queue, 5), ["a/1", "a/2", "a/4", "a/3", "a/5"]);
}

#[test]
fn who_is_parked_waits_for_a_push_and_has_its_place_then() {
    let mut queue = Queue::default();
    for text in ["a/1", "a/2", "a/3"] {
        queue.push(&key(text), due(Lane::Create, 0), at(0));
    }
    for text in ["a/1", "a/2"] {
        assert_eq!(queue.take(SUB, ANY, at(0)).map(|taken| taken.key), Some(key(text)));
    }
    queue.push(&key("a/2"), due(Lane::Retry, 1), at(1));
    queue.done(&key("a/1"), After::Parked, at(1));
    queue.done(&key("a/2"), After::Parked, at(1));
    assert_eq!(queue.waiting(), 2, "what is parked does not wait in the queue");
    assert_eq!(names(&mut queue, 1), ["a/2", "a/3"], "the push while it ran is not lost");
    queue.push(&key("a/4"), due(Lane::Create, 2), at(2));
    queue.push(&key("a/1"), due(Lane::Retry, 2), at(2));
    assert_eq!(
        queue.take(SUB, ANY, at(2)).map(|taken| taken.lane),
        Some(Lane::Create),
        "no less urgent for it"
    );
    queue.done(&key("a/1"), After::Parked, at(2));
    queue.forget(&key("a/1"));
    queue.push(&key("a/1"), due(Lane::Create, 3), at(3));
    assert_eq!(names(&mut queue, 3), ["a/4", "a/1"], "who is forgotten has no place");
}

#[test]
fn a_lane_can_be_left_out() {
    let mut queue = Queue::default();
    queue.push(&key("a/1"), due(Lane::Sweep, 0), at(0));
    let others = |lane| lane != Lane::Sweep;
    assert!(!queue.has_ready(SUB, others, at(0)));
    assert_eq!(queue.take(SUB, others, at(0)), None);
    queue.push(&key("a/2"), due(Lane::Retry, 0), at(0));
    assert_eq!(queue.take(SUB, others, at(0)).map(|taken| taken.key), Some(key("a/2")));
    assert_eq!(names(&mut queue, 0), ["a/1"]);
}

#[test]
fn a_sub_queue_is_closed_when_nothing_waits_in_it() {
    let mut queue = Queue::default();
    queue.push(&key("a/ready"), due(Lane::Edit, 0), at(0));
    assert!(queue.close(SubQueue(2)), "nobody is there");
    assert!(!queue.close(SUB), "one is ready");
    assert!(queue.take(SUB, ANY, at(0)).is_some());
    assert!(queue.close(SUB), "what is under work waits in none");
    queue.push(&key("a/ready"), due(Lane::Edit, 0), at(0));
    assert!(!queue.close(SUB), "it is to be taken again");
    queue.done(&key("a/ready"), After::Nothing, at(0));
    assert!(queue.take(SUB, ANY, at(0)).is_some());
    queue.done(&key("a/ready"), After::Nothing, at(0));
    queue.push(&key("a/later"), due(Lane::Edit, 9), at(0));
    assert!(!queue.close(SUB), "one waits for its time");
    queue.forget(&key("a/later"));
    assert!(queue.close(SUB));
    // Closed is not gone for good.
    queue.push(&key("a/new"), due(Lane::Edit, 0), at(0));
    assert!(queue.take(SUB, ANY, at(0)).is_some());
}
