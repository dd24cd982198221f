//! Every story within a budget of what may go wrong, told to the real plan: an object never has
//! two files, loses none, touches no stranger's, comes to rest, and is then what it says.
//!
//! `MODEL=deep` lets one thing more go wrong in each story (`make model`).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod plan_support;
mod world;

use std::fmt::Write as _;
use std::io::Write as _;

use stateright::{Checker as _, HasDiscoveries, Model, Property};
use world::{Action, Budget, Change, MOST_JUMPS, STRANGE, Setting, World};

/// Stories allocate all the time.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The cloud that promises least: it takes a second file at a path.
const LAX: Setting =
    Setting { unique: false, proxied: false, clock: 0, mute: false, uploads: false, stranger: None };
/// It refuses a second file, its clock is off, and a proxy may send twice and late.
const PROXIED: Setting = Setting { unique: true, proxied: true, clock: 60, ..LAX };
/// A stranger was there first.
const TAKEN: Setting = Setting { clock: -60, stranger: Some((0, STRANGE)), ..LAX };
/// A stranger's file that looks like ours stands where ours may be wanted later.
const ALIKE: Setting = Setting { clock: -60, stranger: Some((1, 0)), ..LAX };

/// It does not show what a file holds.
const MUTE: Setting = Setting { mute: true, ..LAX };
/// Content stands in a ConfigMap and is uploaded.
const UPLOADS: Setting = Setting { uploads: true, ..MUTE };

/// Whatever can happen.
const ANY: Budget =
    Budget { events: 1, faults: 3, crashes: 3, pauses: 1, slow: 1, changes: 3, outside: 3, deletions: 1 };
/// Only what happens to the operator.
const ALONE: Budget = Budget { changes: 0, outside: 0, ..ANY };

const CHANGES: &[Change] = &[
    Change::Edit(0),
    Change::Edit(1),
    Change::Path(1),
    Change::Path(2),
    Change::Path(3),
    Change::Adopt,
    Change::Name,
    Change::Suspend(true),
    Change::Suspend(false),
    Change::Retain,
    Change::WipeStatus,
    Change::Replace,
    Change::Force,
    Change::Restore,
    Change::Recreate,
    Change::Copy(0),
    Change::Copy(1),
];

/// What is done to an object whose content stands in a ConfigMap, and to the ConfigMap.
const OF_A_MAP: &[Change] =
    &[Change::Edit(0), Change::Edit(1), Change::Path(1), Change::Suspend(true), Change::Suspend(false)];

struct Stories {
    setting: Setting,
    budget: Budget,
    changes: &'static [Change],
}

impl Model for Stories {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.setting, self.budget)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world.actions(self.changes, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        world.after(action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("each step keeps what is promised", |_, world: &World| world.broken.is_none()),
            // Progress is among the actions of every state, so that a story which never settles
            // shows as one in which time goes on and on.
            Property::always("settles", |_, world: &World| world.jumps <= MOST_JUMPS && !world.is_stuck()),
            Property::always("rests as promised", |_, world: &World| {
                !world.is_quiet() || world.broken_at_rest().is_none()
            }),
        ]
    }
}

/// Tells all stories in which so many things happen, and one more when asked for more.
fn check(name: &str, setting: Setting, events: u8, budget: Budget) {
    check_with(name, setting, events, budget, CHANGES);
}

fn check_with(name: &str, setting: Setting, events: u8, budget: Budget, changes: &'static [Change]) {
    let deep = std::env::var("MODEL").is_ok_and(|depth| depth == "deep");
    // Of what is limited below the events, one more too.
    let more = |limit: u8| limit + u8::from(deep && limit > 0);
    let events = events + u8::from(deep);
    let budget = Budget { events, changes: more(budget.changes), outside: more(budget.outside), ..budget };
    let stories = Stories { setting, budget, changes };
    let told = stories.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let (states, unique, depth) = (told.state_count(), told.unique_state_count(), told.max_depth());
    // Not by a macro, which the test harness would keep back when all is well.
    let _told =
        writeln!(std::io::stderr(), "{name}: {states} states, {unique} of them different, depth {depth}");
    if let Some((property, path)) = told.discoveries().into_iter().next() {
        let world = path.last_state().clone();
        let mut story = String::new();
        for action in path.into_actions() {
            let _infallible = writeln!(story, "{action:?}");
        }
        let why = world.broken.or(world.broken_at_rest());
        panic!("{name}: broken after {unique} states: {property}: {why:?}\n{story}{world:?}");
    }
    assert!(unique > 100, "a story was told");
}

#[test]
fn faults_crashes_and_pauses() {
    check("faults, crashes, pauses", LAX, 2, ALONE);
}

#[test]
fn people_strangers_and_faults() {
    check("people, strangers, faults", LAX, 2, Budget { pauses: 0, ..ANY });
}

#[test]
fn people_and_a_paused_leader() {
    let paused = Budget { faults: 0, crashes: 0, slow: 0, deletions: 0, ..ANY };
    check("people, a paused leader", LAX, 2, Budget { changes: 1, outside: 0, ..paused });
    check("strangers, a paused leader", LAX, 2, Budget { changes: 0, outside: 1, ..paused });
}

#[test]
fn where_content_is_not_shown() {
    let outside = Budget { pauses: 0, slow: 0, outside: 1, ..ALONE };
    check("no content shown, faults", MUTE, 2, outside);
}

#[test]
fn content_that_is_uploaded() {
    check("uploads, faults, crashes, pauses", UPLOADS, 2, ALONE);
    let changing = Budget { pauses: 0, slow: 0, outside: 0, ..ANY };
    check_with("uploads, a map that changes, faults", UPLOADS, 2, changing, OF_A_MAP);
    let paused = Budget { events: 2, faults: 0, crashes: 0, deletions: 0, outside: 0, ..ANY };
    check_with("uploads, a map that changes, a paused leader", UPLOADS, 2, paused, OF_A_MAP);
}

#[test]
fn behind_a_proxy() {
    check("proxy, faults", PROXIED, 2, ALONE);
    check("proxy, everything", PROXIED, 1, ANY);
}

#[test]
fn with_a_stranger_at_the_path() {
    check("stranger, everything", TAKEN, 2, ANY);
    check("stranger's twin, everything", ALIKE, 2, Budget { pauses: 0, slow: 0, ..ANY });
}
