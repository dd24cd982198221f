//! The bucket against a small model of the service, for five minutes of virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;

/// How long.
const SECONDS: i64 = 300;
/// Workers that always want to call.
const WORKERS: usize = 64;
/// What the service allows in a second.
const ALLOWED: f64 = 5.0;

/// What differs between the runs.
#[derive(Clone, Copy, Debug)]
struct World {
    /// Calls a second that others make.
    outside: f64,
    /// Milliseconds from call to answer.
    latency: (i64, i64),
    /// The wait that a throttled answer asks for.
    hint: Option<Duration>,
    /// The part of the answers that never come.
    lost: f64,
}

/// After so long an answer is not awaited any more.
const GIVEN_UP: i64 = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Others,
    Arrives {
        left: i64,
        answer: i64,
    },
    Answered {
        left: i64,
        good: bool,
    },
    /// The answer is lost on its way, and given up.
    Lost,
}

/// The same numbers every time, between 0 and 1.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / f64::from(1u32 << 24)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    good: u32,
    throttled: u32,
    others: u32,
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
}

/// Five minutes from `from` on; the bucket keeps what it learnt for the next.
fn run(bucket: &mut Bucket, allowed: f64, world: World, seed: u64, from: i64) -> Tally {
    let mut dice = Dice(seed);
    let mut tally = Tally::default();
    let mut events = BinaryHeap::from([Reverse((from, Event::Others))]);
    let (mut tokens, mut filled) = (allowed, from);
    let mut under_way = 0;
    for now in from..from + SECONDS * 1000 {
        while let Some(Reverse((time, event))) = events.peek().copied() {
            if time > now {
                break;
            }
            events.pop();
            tokens = (tokens + allowed * (now - filled) as f64 / 1000.0).min(allowed);
            filled = now;
            let pays = tokens >= 1.0;
            match event {
                Event::Others if world.outside > 0.0 => {
                    let gap = -dice.roll().max(1e-6).ln() / world.outside;
                    if now > from && pays {
                        tokens -= 1.0;
                        tally.others += 1;
                    }
                    events.push(Reverse((now + 1 + (gap * 1000.0) as i64, Event::Others)));
                }
                Event::Others => {}
                Event::Arrives { left, answer } => {
                    if pays {
                        tokens -= 1.0;
                    }
                    let is_lost = world.lost > 0.0 && dice.roll() < world.lost;
                    events.push(Reverse(match is_lost {
                        true => (left + GIVEN_UP, Event::Lost),
                        false => (answer, Event::Answered { left, good: pays }),
                    }));
                }
                Event::Lost => under_way -= 1,
                Event::Answered { left, good } => {
                    under_way -= 1;
                    if good {
                        tally.good += 1;
                        bucket.succeeded(at(left), at(now));
                    } else {
                        tally.throttled += 1;
                        bucket.throttled(at(left), world.hint, at(now));
                    }
                }
            }
        }
        while under_way < WORKERS && bucket.take(Purpose::Work, at(now)).is_ok() {
            under_way += 1;
            let (least, most) = world.latency;
            let latency = least + ((most - least) as f64 * dice.roll()) as i64;
            events.push(Reverse((now + latency / 2, Event::Arrives { left: now, answer: now + latency })));
        }
    }
    tally
}

const WORLDS: [(&str, World); 8] = [
    ("alone", World { outside: 0.0, latency: (50, 50), hint: None, lost: 0.0 }),
    ("fast", World { outside: 0.0, latency: (20, 20), hint: None, lost: 0.0 }),
    ("uneven latency", World { outside: 0.0, latency: (20, 300), hint: None, lost: 0.0 }),
    ("others call too", World { outside: 1.0, latency: (50, 50), hint: None, lost: 0.0 }),
    ("others, uneven latency", World { outside: 1.0, latency: (20, 300), hint: None, lost: 0.0 }),
    ("hints", World { outside: 0.0, latency: (20, 300), hint: Some(Duration::from_secs(1)), lost: 0.0 }),
    (
        "others, hints",
        World { outside: 1.0, latency: (20, 300), hint: Some(Duration::from_millis(500)), lost: 0.0 },
    ),
    ("answers get lost", World { outside: 0.0, latency: (20, 300), hint: None, lost: 0.1 }),
];

/// At most one call in twenty is throttled, and four of the five are used.
#[test]
fn what_a_slower_service_allows_is_found_and_used() {
    for (name, world) in WORLDS {
        for seed in 1..=3 {
            let mut bucket = Bucket::new(20.0, None, at(0));
            let tally = run(&mut bucket, ALLOWED, world, seed, 0);
            let seconds = SECONDS as f64;
            let calls = tally.good + tally.throttled;
            let used = f64::from(tally.good + tally.others) / seconds;
            let own = f64::from(tally.good) / seconds;
            assert!(tally.throttled * 20 <= calls, "{name}: {tally:?}");
            assert!(used >= 4.0, "{name}: {used} a second are used of {ALLOWED}");
            let left = ALLOWED - world.outside;
            assert!(own >= left * 0.8, "{name}: {own} a second are ours of the {left} that others leave");
        }
    }
}

#[test]
fn a_service_that_allows_more_again_is_used_again() {
    let (_, world) = WORLDS[2];
    let mut bucket = Bucket::new(20.0, None, at(0));
    // Nearly nothing, then all that is configured: the climb is not as long as the way down was deep.
    run(&mut bucket, 0.5, world, 1, 0);
    assert!(bucket.rate() < 1.0, "{}", bucket.rate());
    let tally = run(&mut bucket, 50.0, world, 1, SECONDS * 1000);
    assert!((bucket.rate() - 20.0).abs() < 1e-9, "{}", bucket.rate());
    assert_eq!(tally.throttled, 0);
    assert!(f64::from(tally.good) / SECONDS as f64 >= 10.0, "{tally:?}");
}

/// An answer that never comes says nothing of the others: when the service allows less, the first throttled answers
/// slow down, whatever was lost before.
#[test]
fn lost_answers_hide_no_slow_down() {
    let (_, world) = WORLDS[7];
    for seed in 1..=3 {
        let mut bucket = Bucket::new(20.0, None, at(0));
        run(&mut bucket, 50.0, world, seed, 0);
        assert!((bucket.rate() - 20.0).abs() < 1e-9, "{}", bucket.rate());
        let tally = run(&mut bucket, 1.0, world, seed, SECONDS * 1000);
        assert!(tally.throttled * 8 <= tally.good, "{tally:?}");
    }
}
