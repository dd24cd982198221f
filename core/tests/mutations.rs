//! The model misses each rule of "never twice": without it a promise is broken, and with it none is in the same stories.
//!
//! Each rule has the smallest budget of events that shows it. The shortest story is written to stderr; `docs/architecture.md`
//! has a table of them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod plan_support;
mod world;

use std::fmt::Write as _;
use std::io::Write as _;

use dataworks_core::mutation::{Rule, without};
use stateright::{Checker, HasDiscoveries, Model, Property};
use world::{Action, Budget, Change, MOST_JUMPS, STRANGE, Setting, World};

/// A cloud that takes a second file at a path, and in which nobody was before.
const LAX: Setting =
    Setting { unique: false, proxied: false, clock: 0, mute: false, uploads: false, stranger: None };
/// A stranger was there first.
const TAKEN: Setting = Setting { stranger: Some((0, STRANGE)), ..LAX };
/// A stranger's file that looks like ours stands where ours may be wanted later.
const ALIKE: Setting = Setting { stranger: Some((1, 0)), ..LAX };

/// Nothing happens to anybody.
const CALM: Budget =
    Budget { events: 0, faults: 0, crashes: 0, pauses: 0, slow: 0, changes: 0, outside: 0, deletions: 0 };

/// No story has more actions.
const LONGEST: usize = 1000;

/// What may happen in the stories that show a rule, and the promise that is broken without it.
#[derive(Clone, Copy)]
struct Told {
    setting: Setting,
    budget: Budget,
    changes: &'static [Change],
    promise: &'static str,
}

const TWO: &str = "never two files for one object";
const LEFT: &str = "no file is left behind";
const TOUCHED: &str = "another object's file is never touched";
const TAKES: &str = "another's file is never taken";

/// One test for each rule, and no rule without one.
macro_rules! rules {
    ($($name:ident: $rule:ident => $told:expr,)+) => {
        fn told(rule: Rule) -> Told {
            match rule {
                $(Rule::$rule => $told,)+
            }
        }

        $(#[test]
        fn $name() {
            is_missed(Rule::$rule);
        })+
    };
}

/// Stories of a cloud in which nobody was before.
const fn lax(budget: Budget, changes: &'static [Change], promise: &'static str) -> Told {
    Told { setting: LAX, budget, changes, promise }
}

rules! {
    intent: Intent => lax(Budget { events: 1, crashes: 1, ..CALM }, &[], TWO),
    look: Look => Told {
        setting: TAKEN,
        budget: CALM,
        changes: &[],
        promise: "a path that is known to be taken is left alone",
    },
    outcomes: Outcomes => lax(Budget { events: 1, faults: 1, ..CALM }, &[], TWO),
    whose_intent_copy: WhoseCopy => lax(
        Budget { events: 2, changes: 2, deletions: 1, ..CALM },
        &[Change::Copy(0), Change::WipeStatus],
        TOUCHED,
    ),
    whose_intent_open: WhoseOpen => lax(
        Budget { events: 2, faults: 1, outside: 1, ..CALM },
        &[],
        "a run ends",
    ),
    search_time: SearchTime => Told {
        setting: ALIKE,
        budget: Budget { events: 2, faults: 1, changes: 1, ..CALM },
        changes: &[Change::Path(1)],
        promise: TAKES,
    },
    search_claims: SearchClaims => lax(
        Budget { events: 3, faults: 1, changes: 2, deletions: 1, ..CALM },
        &[Change::Copy(1), Change::Path(0), Change::Path(1)],
        TOUCHED,
    ),
    search_read: SearchRead => lax(Budget { events: 2, faults: 1, outside: 1, ..CALM }, &[], TAKES),
    search_wait: SearchWait => lax(Budget { events: 1, faults: 1, ..CALM }, &[], TWO),
    search_after: SearchAfter => lax(Budget { events: 2, faults: 1, slow: 1, ..CALM }, &[], TWO),
    record: Record => lax(Budget { events: 1, changes: 1, ..CALM }, &[Change::Force], LEFT),
    delete_search: DeleteSearch => lax(Budget { events: 1, faults: 1, deletions: 1, ..CALM }, &[], LEFT),
    delete_read: DeleteRead => lax(Budget { events: 1, faults: 1, deletions: 1, ..CALM }, &[], LEFT),
    leadership: Leadership => lax(Budget { events: 2, faults: 1, pauses: 1, ..CALM }, &[], TWO),
    leadership_sends: LeadershipSends => lax(
        Budget { events: 3, changes: 2, pauses: 1, ..CALM },
        &[Change::Path(1), Change::Restore],
        TWO,
    ),
    other_writes: Writes => lax(
        Budget { events: 3, faults: 1, changes: 2, ..CALM },
        &[Change::Edit(0), Change::Edit(1)],
        "a late write undoes no newer one",
    ),
    other_writes_wait: WritesWait => lax(
        Budget { events: 3, faults: 1, changes: 2, ..CALM },
        &[Change::Edit(0), Change::Edit(1)],
        "a late write undoes no newer one",
    ),
    other_writes_way: WritesWay => lax(
        Budget { events: 2, changes: 2, ..CALM },
        &[Change::Copy(1), Change::Path(3)],
        "no file passes a path that another object claims",
    ),
    recreate: Recreate => lax(
        Budget { events: 3, changes: 1, crashes: 1, outside: 1, ..CALM },
        &[Change::Edit(1)],
        TWO,
    ),
}

/// All stories of so many events, by the plan without one rule, or with all of them.
struct Stories {
    rule: Option<Rule>,
    told: Told,
}

impl Model for Stories {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![without(self.rule, || World::new(self.told.setting, self.told.budget))]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        without(self.rule, || world.actions(self.told.changes, actions));
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        without(self.rule, || world.after(action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![match self.rule {
            Some(_) => Property::always(self.told.promise, |stories: &Self, world: &World| {
                stories.broken(world) != Some(stories.told.promise)
            }),
            None => Property::always("every promise", |stories: &Self, world: &World| {
                stories.broken(world).is_none()
            }),
        }]
    }
}

impl Stories {
    fn broken(&self, world: &World) -> Option<&'static str> {
        let at_rest = || if world.is_quiet() { world.broken_at_rest() } else { None };
        let goes_on = || (world.jumps > MOST_JUMPS).then_some("every story settles");
        without(self.rule, || world.broken.or_else(goes_on).or_else(at_rest))
    }

    /// How many states there are, and a story of fewer actions than this that breaks a promise.
    fn tell(self, actions: usize) -> (usize, Option<Vec<Action>>) {
        let stories = self.checker().target_max_depth(actions + 1).finish_when(HasDiscoveries::AnyFailures);
        let checker = stories.spawn_bfs().join();
        let story = checker.discoveries().into_values().next().map(|path| path.into_actions());
        (checker.unique_state_count(), story)
    }
}

fn is_missed(rule: Rule) {
    let told = told(rule);
    let (with, broken) = Stories { rule: None, told }.tell(LONGEST);
    assert_eq!(broken, None, "with all rules no promise is broken");
    let (states, story) = Stories { rule: Some(rule), told }.tell(LONGEST);
    let mut story = story.unwrap_or_else(|| panic!("without {rule:?} nothing is broken in {states} states"));
    // The checker goes on for a while after the first that it finds.
    while let (_, Some(shorter)) = (Stories { rule: Some(rule), told }).tell(story.len()) {
        story = shorter;
    }
    let mut shown = format!("without {rule:?} (state {states}; with it {with}): {}\n", told.promise);
    for action in story {
        let _infallible = writeln!(shown, "    {action:?}");
    }
    // Not by a macro, which the test harness would keep back when all is well.
    let _shown = write!(std::io::stderr(), "{shown}");
}
