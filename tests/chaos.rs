//! A storm: objects are made, edited, published, deleted and made again while the cloud fails and the
//! operators are killed and frozen; then it is quiet, and there must be one file for each object, as
//! declared, and published where that is wished, by one run for each version.
//!
//! `CHAOS_SEED`, `CHAOS_OBJECTS` and `CHAOS_KILLS` set its size; without them it is a short one.
//! The seed repeats what happens, not how it interleaves: that is another in every run.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

#[path = "chaos/approver.rs"]
mod approver;
#[path = "chaos/crew.rs"]
mod crew;
#[path = "chaos/ledger.rs"]
mod ledger;
#[path = "chaos/people.rs"]
mod people;
#[path = "chaos/plan.rs"]
mod plan;
#[path = "chaos/publications.rs"]
mod publications;
#[path = "chaos/sights.rs"]
mod sights;
#[path = "chaos/verdict.rs"]
mod verdict;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use approver::Approver;
use crew::{Crew, Logs};
use dataworks_simulator::{Config, DuplicatePath, Outcome, ProjectConfig, Simulator};
use ledger::{Declared, Ledger};
use people::Person;
use plan::{Plan, Size};
use sights::{Observer, Sights};
use support::{PROJECT, Scene, poll};
use tokio::task::LocalSet;
use verdict::Evidence;

/// In the quiet all rests within this: some of the longest waits after one another, and a look at
/// each of a run's stages.
const REST: Duration = Duration::from_secs(240);
/// Calls kept: more than any campaign makes.
const JOURNAL: usize = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_loses_and_doubles_nothing() {
    let given = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
    };
    let size = Size {
        seed: given("CHAOS_SEED", 1),
        objects: given("CHAOS_OBJECTS", 20),
        kills: given("CHAOS_KILLS", 6),
    };
    eprintln!("{size:?}");
    let campaign = Campaign::new(Plan::new(size)).await;
    LocalSet::new().run_until(campaign.run()).await;
}

struct Campaign {
    plan: Plan,
    scene: Rc<Scene>,
    ledger: Rc<RefCell<Ledger>>,
    logs: Logs,
}

impl Campaign {
    async fn new(plan: Plan) -> Self {
        let config = Config { journal_capacity: JOURNAL, ..Config::default() };
        let cloud = Simulator::start(config).await.unwrap();
        cloud.change_settings(|settings| {
            settings.latency_ms = 10;
            settings.list_lag_ms = plan::LIST_LAG_MS;
            settings.signature_validity_ms = Some(plan::SIGNATURE_MS);
            // It would hide what must never be tried.
            settings.behaviour.duplicate_path = DuplicatePath::Allow;
            settings.behaviour.deployment = plan.deployment.clone();
        });
        let project = ProjectConfig::new(PROJECT, "sora_finance");
        cloud.add_project(ProjectConfig { dev_environment_enabled: plan.standard, ..project });
        for fault in &plan.faults {
            assert!(cloud.add_fault(fault.clone()));
        }
        let scene = Rc::new(Scene::under(cloud).await);
        Self { plan, scene, ledger: Rc::default(), logs: Rc::default() }
    }

    async fn run(self) {
        let lease = format!("--lease-duration={}s", plan::LEASE.as_secs());
        let launch =
            self.scene.launch().with(&plan::BOUNDS).with(&[&lease, "--drift-interval=5s", "--log=info"]);
        let mut crew = Crew::start(&self.scene, &launch, &self.logs);
        let observer = Observer::new(&self.scene, &self.ledger);
        tokio::task::spawn_local(observer.clone().watch());
        tokio::task::spawn_local(Approver::new(&self.scene, &observer.sights).live());
        self.storm(&crew).await;
        self.quiet(&mut crew, &observer).await;
        let blows = *crew.blows.borrow();
        crew.end().await;

        let counts = self.scene.cloud.counts();
        eprintln!(
            "{blows:?}; {} calls {:?}, {} seen, effects {:?}",
            counts.total,
            counts.by_outcome,
            observer.sights.borrow().all.len(),
            counts.effects
        );
        let evidence = Evidence {
            calls: &self.scene.cloud.calls_since(0),
            files: &self.scene.cloud.resources(PROJECT),
            runs: &self.scene.cloud.runs(),
            published: &self.scene.cloud.published(),
            history: &self.scene.cloud.published_ever(),
            sights: &observer.sights.borrow(),
            ledger: &self.ledger.borrow(),
            logs: &self.logs.borrow(),
        };
        let wrongs = evidence.wrongs();
        let met = evidence.counts();
        eprintln!("verdict: {} wrong of {met}", wrongs.len());
        assert!(wrongs.is_empty(), "{:?}\n{}", self.plan.size, evidence.tell(&wrongs));
        // It was a storm.
        assert!(blows.on_leader > 0 && blows.freezes > 0 && blows.deposed > 0, "{blows:?}");
        assert!(counts.by_outcome.get(&Outcome::Unanswered).is_some_and(|count| *count > 0));
        assert!(met.finished > 0 && met.uploads > 0 && met.maps > 0, "{met}");
    }

    /// All that is planned, at once.
    async fn storm(&self, crew: &Crew) {
        let live = |(person, acts): (usize, &Vec<_>)| {
            let person = Person::new(&self.scene, &self.ledger, person);
            tokio::task::spawn_local(person.live(acts.clone()))
        };
        let people: Vec<_> = self.plan.lives.iter().enumerate().map(live).collect();
        for (pause, who, blow) in &self.plan.blows {
            tokio::time::sleep(*pause).await;
            crew.strike(*who, *blow).await;
        }
        for person in people {
            person.await.unwrap();
        }
    }

    /// No fault, one operator, and nobody does anything: until all rests. What does not is told
    /// by the verdict.
    async fn quiet(&self, crew: &mut Crew, observer: &Observer) {
        self.scene.cloud.clear_faults();
        self.scene.cloud.change_settings(|settings| settings.list_lag_ms = 0);
        crew.leave_one().await;
        let rest = async {
            loop {
                let changed = observer.changed.notified();
                if self.rests(&observer.sights.borrow()) {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(REST, rest).await.is_err() {
            eprintln!("not all rests after {REST:?}");
        }
        // What was postponed in the storm may still come.
        let landed = async || {
            let counts = self.scene.cloud.counts().by_outcome;
            (counts.get(&Outcome::Postponed) == counts.get(&Outcome::Landed)).then_some(())
        };
        poll(support::DEADLINE, Duration::from_millis(50), "a late commit does not come", landed).await;
    }

    fn rests(&self, sights: &Sights) -> bool {
        let ledger = self.ledger.borrow();
        let as_declared = |declared: &Declared| {
            let sight = sights.now.get(&declared.object);
            sight.is_some_and(|sight| sight.ready && !sight.deleting && sight.edition == declared.edition)
        };
        sights.now.len() == ledger.living.len() && ledger.living.values().all(as_declared)
    }
}
