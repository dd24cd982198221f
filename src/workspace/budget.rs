//! What a restart must not lose of the call budget, kept in a ConfigMap: the day's count of calls,
//! what the service said of used-up quotas, and when each workspace was last looked at. Budgets of others than the
//! default connection stand under a tag, so that no account and no access key is named.
//!
//! Read when leading begins; written at most every five minutes and at the end, and only what
//! changed: a process that is killed forgets five minutes at most. What cannot be read there is told
//! in the log and counts as absent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dataworks_core::api::FIELD_MANAGER;
use dataworks_core::ids::ProjectId;
use dataworks_core::limit::{Day, Quota, Shut};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::payers::{Spent, Tag};
use crate::context::Context;

/// Time between two writes.
const EVERY: Duration = Duration::from_secs(300);
/// Deadline of a read or write.
const DEADLINE: Duration = Duration::from_secs(10);
/// Between two tries to read: doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Workspaces whose last look is kept, the youngest: some 50 bytes each, of the 1 MiB that a
/// ConfigMap holds.
const MOST_WORKSPACES: usize = 5_000;

const DAY: &str = "day";
const CALLS: &str = "calls";
const SWEEP_CALLS: &str = "sweep-calls";
const USED_UP: &str = "used-up";
const ASSUMED_LIMIT: &str = "assumed-limit";
const PROBE_AT: &str = "probe-at";
/// Before the id of a workspace: when it was last looked at.
const LOOKED: &str = "looked-at.";
/// Before the tag of a budget and a dot: the same keys as above, of that budget.
const BUDGET: &str = "budget.";
/// Before the tag of a DataWorksWorkspace: when it was last looked at.
const WORKSPACE: &str = "workspace-looked-at.";
/// Budgets that are kept: some 200 bytes each.
const MOST_BUDGETS: usize = 1_000;

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kept {
    day: Option<Day>,
    shut: Option<Shut>,
    looked: BTreeMap<ProjectId, Timestamp>,
    /// The budgets of others than the default connection.
    others: BTreeMap<Tag, Spent>,
    /// When DataWorksWorkspaces were last looked at.
    workspaces: BTreeMap<Tag, Timestamp>,
}

/// Where it is kept.
#[derive(Clone)]
pub struct Store {
    api: Api<ConfigMap>,
    name: String,
}

impl Store {
    /// The ConfigMap `name` in `namespace`.
    #[must_use]
    pub fn new(client: kube::Client, namespace: &str, name: String) -> Self {
        Self { api: Api::namespaced(client, namespace), name }
    }

    /// Takes over what earlier processes left.
    async fn resume(&self, ctx: &Context) {
        let map = patiently(|| self.api.get_opt(&self.name)).await;
        let Some(data) = map.and_then(|map| map.data) else { return };
        let (kept, unreadable) = read(&data);
        if !unreadable.is_empty() {
            warn!(configMap = self.name, keys = ?unreadable, "the kept call budget has what cannot be read; it counts as absent");
        }
        info!(
            day = kept.day.map(|day| day.number),
            calls = kept.day.map(|day| day.used),
            usedUp = kept.shut.is_some(),
            workspaces = kept.looked.len(),
            "taking over the call budget"
        );
        let default = ctx.connections.default();
        if let Some(day) = kept.day {
            default.limiter.resume(day, kept.shut);
        }
        default.listings.resume(kept.looked);
        ctx.connections.resume(kept.others, kept.workspaces);
    }

    /// Does `work`, keeping the budget meanwhile and once more when it has ended. Until what was kept is known, nothing is
    /// begun, and nothing is kept in its place.
    pub async fn keep(&self, ctx: &Arc<Context>, stop: &CancellationToken, work: impl Future<Output = ()>) {
        if stop.run_until_cancelled(self.resume(ctx)).await.is_none() {
            return work.await;
        }
        let mut kept = present(ctx);
        let mut work = std::pin::pin!(work);
        loop {
            let ended = tokio::select! {
                () = &mut work => true,
                () = tokio::time::sleep(EVERY) => false,
            };
            ctx.connections.let_budgets_go(|sub| ctx.scheduler.close(sub));
            let now = present(ctx);
            if now != kept {
                // In a task of its own: the work does not wait for it.
                let (store, written) = (self.clone(), now.clone());
                let write = tokio::spawn(async move { store.write(&written).await });
                kept = now;
                if ended {
                    let _written = write.await;
                }
            }
            if ended {
                return;
            }
        }
    }

    async fn write(&self, kept: &Kept) {
        let map = ConfigMap {
            metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
            data: Some(written(kept)),
            ..ConfigMap::default()
        };
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(&map);
        let write = self.api.patch(&self.name, &params, &patch);
        match tokio::time::timeout(DEADLINE, write).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!(%error, "the call budget could not be kept"),
            Err(_) => warn!("the call budget could not be kept in time"),
        }
    }
}

/// What was kept, as soon as it can be read: counted from zero, the day's calls would be spent twice. `None` where nothing was
/// kept, or we may not read it.
async fn patiently<T, F>(get: impl Fn() -> F) -> Option<T>
where
    F: Future<Output = Result<Option<T>, kube::Error>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        match tokio::time::timeout(DEADLINE, get()).await {
            Ok(Ok(kept)) => return kept,
            Ok(Err(kube::Error::Api(status))) if status.is_forbidden() => {
                warn!(error = status.message, "the kept call budget may not be read; counting from zero");
                return None;
            }
            Ok(Err(error)) => warn!(%error, "the kept call budget cannot be read yet"),
            Err(_) => warn!("the kept call budget could not be read in time; it is tried again"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What is to be kept now: of workspaces in which objects own resources, no others.
fn present(ctx: &Context) -> Kept {
    let default = ctx.connections.default();
    let projects = ctx.index().projects_of(&default.id);
    let mut looked = default.listings.looked();
    looked.retain(|project, _| projects.contains(project));
    let today = Day::of(Timestamp::now()).number;
    let mut others = ctx.connections.spent();
    // Of another day only a month's end is worth keeping.
    others.retain(|_, spent| spent.day.number == today || spent.shut.is_some());
    Kept {
        day: Some(default.limiter.day()),
        shut: default.limiter.shut(),
        looked: youngest(looked),
        others: busiest(others),
        workspaces: youngest(ctx.connections.looked()),
    }
}

/// Where there are more than are kept, those whose calls would be missed most.
fn busiest(others: BTreeMap<Tag, Spent>) -> BTreeMap<Tag, Spent> {
    let mut rows: Vec<(Tag, Spent)> = others.into_iter().collect();
    rows.sort_by_key(|(_, spent)| std::cmp::Reverse((spent.shut.is_some(), spent.day.used)));
    rows.truncate(MOST_BUDGETS);
    rows.into_iter().collect()
}

fn youngest<K: Ord>(looked: BTreeMap<K, Timestamp>) -> BTreeMap<K, Timestamp> {
    let mut rows: Vec<(K, Timestamp)> = looked.into_iter().collect();
    rows.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
    rows.truncate(MOST_WORKSPACES);
    rows.into_iter().collect()
}

fn written(kept: &Kept) -> BTreeMap<String, String> {
    let Kept { day, shut, looked, others, workspaces } = kept;
    let mut data = spent(day.as_ref(), shut.as_ref());
    for (tag, Spent { day, shut }) in others {
        let own = spent(Some(day), shut.as_ref()).into_iter();
        data.extend(own.map(|(key, text)| (format!("{BUDGET}{tag}.{key}"), text)));
    }
    for (project, at) in looked {
        data.insert(format!("{LOOKED}{project}"), at.to_string());
    }
    for (tag, at) in workspaces {
        data.insert(format!("{WORKSPACE}{tag}"), at.to_string());
    }
    data
}

/// One budget.
fn spent(day: Option<&Day>, shut: Option<&Shut>) -> BTreeMap<String, String> {
    let mut data = BTreeMap::new();
    let mut put = |key: &str, text: String| {
        data.insert(key.to_owned(), text);
    };
    if let Some(Day { number, used, swept }) = day {
        put(DAY, number.to_string());
        put(CALLS, used.to_string());
        put(SWEEP_CALLS, swept.to_string());
    }
    if let Some(Shut { quota, assumed, probe }) = shut {
        put(USED_UP, word(*quota).to_owned());
        put(ASSUMED_LIMIT, assumed.to_string());
        put(PROBE_AT, probe.to_string());
    }
    data
}

/// What is kept there, and the keys that say nothing: foreign ones, and of parts that belong together
/// all when one cannot be read.
fn read(data: &BTreeMap<String, String>) -> (Kept, Vec<&str>) {
    let mut kept = Kept::default();
    let mut unreadable: Vec<&str> = Vec::new();
    let any = |keys: &[&str]| keys.iter().any(|key| data.contains_key(*key));
    kept.day = day(data);
    if kept.day.is_none() && any(&[DAY, CALLS, SWEEP_CALLS]) {
        unreadable.push(DAY);
    }
    kept.shut = shut(data).filter(|_| kept.day.is_some());
    if kept.shut.is_none() && any(&[USED_UP, ASSUMED_LIMIT, PROBE_AT]) {
        unreadable.push(USED_UP);
    }
    let mut others: BTreeMap<Tag, BTreeMap<String, String>> = BTreeMap::new();
    for (key, text) in data {
        if let Some((tag, own)) = key.strip_prefix(BUDGET).and_then(|rest| rest.split_once('.')) {
            others.entry(tag.to_owned()).or_default().insert(own.to_owned(), text.clone());
            continue;
        }
        if let Some(tag) = key.strip_prefix(WORKSPACE) {
            match text.parse() {
                Ok(at) if kept.workspaces.len() < MOST_WORKSPACES => {
                    kept.workspaces.insert(tag.to_owned(), at);
                }
                _ => unreadable.push(key),
            }
            continue;
        }
        let Some(project) = key.strip_prefix(LOOKED) else {
            if ![DAY, CALLS, SWEEP_CALLS, USED_UP, ASSUMED_LIMIT, PROBE_AT].contains(&key.as_str()) {
                unreadable.push(key);
            }
            continue;
        };
        match (project.parse(), text.parse()) {
            (Ok(project), Ok(at)) if kept.looked.len() < MOST_WORKSPACES => {
                kept.looked.insert(project, at);
            }
            _ => unreadable.push(key),
        }
    }
    for (tag, own) in others.into_iter().take(MOST_BUDGETS) {
        match day(&own) {
            Some(day) => {
                kept.others.insert(tag, Spent { day, shut: shut(&own) });
            }
            None => unreadable.push(BUDGET),
        }
    }
    (kept, unreadable)
}

fn day(data: &BTreeMap<String, String>) -> Option<Day> {
    Some(Day {
        number: data.get(DAY)?.parse().ok()?,
        used: data.get(CALLS)?.parse().ok()?,
        // Versions before this key counted all as one.
        swept: data.get(SWEEP_CALLS).map_or(Some(0), |text| text.parse().ok())?,
    })
}

fn shut(data: &BTreeMap<String, String>) -> Option<Shut> {
    let text = data.get(USED_UP)?;
    let quota = [Quota::Day, Quota::Month].into_iter().find(|quota| word(*quota) == text)?;
    Some(Shut {
        quota,
        assumed: data.get(ASSUMED_LIMIT)?.parse().ok()?,
        probe: data.get(PROBE_AT)?.parse().ok()?,
    })
}

fn word(quota: Quota) -> &'static str {
    match quota {
        Quota::Day => "day",
        Quota::Month => "month",
    }
}

#[cfg(test)]
mod tests;
