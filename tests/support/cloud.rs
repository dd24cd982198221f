//! The cloud: the simulator inside the test, with what tests ask of its journal.

use std::time::Duration;

use dataworks_simulator::{Call, Config, Control, ResourceView, Simulator};

use super::{DEADLINE, poll};

/// The workspace that every simulator has.
pub(crate) const PROJECT: u64 = 123_456;

/// A simulator of one test.
pub(crate) async fn start() -> Simulator {
    Simulator::start(Config::default()).await.unwrap()
}

/// What tests ask, beside what [`Control`] has.
pub(crate) trait Ask {
    /// The only file of the workspace.
    fn only_file(&self) -> ResourceView;
    /// The calls so far, each as its operation.
    fn actions(&self, since: u64) -> Vec<String>;
    /// The number of the last call.
    fn last(&self) -> u64;
    /// Waits for a call after number `since`. The journal has no watch.
    async fn called(&self, since: u64, action: &str) -> Call;
}

impl Ask for Control {
    fn only_file(&self) -> ResourceView {
        let mut files = self.resources(PROJECT);
        assert_eq!(files.len(), 1, "{files:#?}");
        files.remove(0)
    }

    fn actions(&self, since: u64) -> Vec<String> {
        self.calls_since(since).into_iter().map(|call| call.action).collect()
    }

    fn last(&self) -> u64 {
        self.counts().last_seq
    }

    async fn called(&self, since: u64, action: &str) -> Call {
        let find = || self.calls_since(since).into_iter().find(|call| call.action == action);
        poll(DEADLINE, Duration::from_millis(20), &format!("no {action}"), async || find()).await
    }
}
