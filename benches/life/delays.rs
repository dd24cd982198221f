//! How long something takes from a write to the call that answers it, by the cloud's journal.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use crate::fleet::until;
use crate::stage::Stage;

/// Edits, one after the other.
const EDITS: usize = 200;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(100);
/// Files that a stranger changes.
const DRIFTED: usize = 10;
/// How often the journal is asked.
const POLL: Duration = Duration::from_millis(200);

/// Edits objects all over the fleet. Answers the 50th and 99th percentile of the milliseconds from
/// the API server's answer to the arrival of the call.
pub(crate) async fn of_edits(stage: &Stage, text: &str) -> String {
    let fleet = &stage.fleet;
    let edits = EDITS.min(fleet.count);
    let since = stage.cloud.counts().await.last_seq;
    let mut answered: HashMap<String, i64> = HashMap::new();
    for edit in 0..edits {
        let number = edit * (fleet.count / edits);
        fleet.edit(number, text).await;
        answered.insert(fleet.path(number), Timestamp::now().as_millisecond());
        tokio::time::sleep(PAUSE).await;
    }
    let mut delays = until("all edits arrive", POLL, async || {
        let calls = stage.cloud.calls_since(since).await;
        let delay = |call: &dataworks_simulator::Call| {
            let path = call.name.as_ref().filter(|_| call.action == "UpdateResource")?;
            // The call may be there before the answer to the edit is.
            Some((call.time - answered.get(path)?).max(0))
        };
        let delays: Vec<i64> = calls.iter().filter_map(delay).collect();
        (delays.len() >= edits).then_some(delays)
    })
    .await;
    delays.sort_unstable();
    let at = |percent: usize| delays[(delays.len() * percent / 100).min(delays.len() - 1)];
    format!("{}, {}", at(50), at(99))
}

/// Waits until the operator has ended so many routine looks since its start.
pub(crate) async fn looked(stage: &Stage, count: usize) {
    let enough = async || {
        let log = stage.operator().log();
        (log.lines().filter(|line| line.contains("looked for drift")).count() >= count).then_some(())
    };
    until("it looks for drift", POLL, enough).await;
}

/// Changes files behind everybody's back. Answers the mean and the longest time in seconds until
/// they are as declared again.
pub(crate) async fn of_mending(stage: &Stage) -> (f64, f64) {
    let fleet = &stage.fleet;
    // Those of the last edits have a time of change in the same second, which passes as our own.
    let numbers = (0..DRIFTED).map(|number| number * (fleet.count / DRIFTED) + 1);
    let ids = fleet.ids(numbers).await;
    let since = stage.cloud.counts().await.last_seq;
    let mut changed = HashMap::new();
    for id in &ids {
        stage.cloud.edit_outside(id).await;
        changed.insert(id.clone(), Timestamp::now().as_millisecond());
    }
    let delays = until("all are mended", POLL, async || {
        let calls = stage.cloud.calls_since(since).await;
        let delay = |call: &dataworks_simulator::Call| {
            let id = call.id.as_ref().filter(|_| call.action == "UpdateResource")?;
            Some((call.time - changed.get(id)?) as f64 / 1000.0)
        };
        let delays: Vec<f64> = calls.iter().filter_map(delay).collect();
        (delays.len() >= DRIFTED).then_some(delays)
    })
    .await;
    let most = delays.iter().copied().fold(0.0, f64::max);
    (delays.iter().sum::<f64>() / delays.len() as f64, most)
}
