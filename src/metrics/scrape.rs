//! Gauges that are read off when they are asked for: the queue, the budget, the objects.
//!
//! Of the objects only the leader tells, so that a sum over replicas counts each once. The number of
//! series is bounded whatever the objects say: see [`Tally`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;

use dataworks_core::ids::ProjectId;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{CONTROLLER, add};
use crate::context::Context;
use crate::controller::places::ConnectionId;
use crate::controller::tally::{Place, Tally};
use crate::controller::workers::WORKERS;
use crate::workspace::limiter::Limiter;

/// Series of `dataworks_resources` beside the folded ones, and of gauges by workspace: a scrape of
/// some 200 KiB.
pub const MOST_SERIES: usize = 2_000;

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabels {
    namespace: String,
    workspace: String,
    ready: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ToldLabels {
    namespace: String,
    workspace: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObjectLabels {
    namespace: String,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConditionLabels {
    namespace: String,
    name: String,
    r#type: &'static str,
    status: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WorkspaceLabels {
    workspace: u64,
}

/// The gauges of this moment.
#[must_use]
pub fn gauges(ctx: &Context) -> [Registry; 2] {
    let mut own = Registry::default();
    if ctx.is_leading() {
        budget(&mut own, &ctx.connections.default().limiter);
        workspaces(&mut own, ctx);
        let tally = ctx.tally();
        resources(&mut own, &tally);
        out_of_sync(&mut own, &tally);
        inventories(&mut own, &listed(ctx));
        unreadable(&mut own, ctx);
    }
    [runtime(ctx), own]
}

fn runtime(ctx: &Context) -> Registry {
    let mut all = Registry::default();
    let controller = |label| (Cow::from(label), Cow::from(CONTROLLER));
    let work = ctx.under_work();
    let r = all.sub_registry_with_label(controller("controller"));
    set(r, "controller_runtime_active_workers", "Objects under work", work.count);
    let most = "Most objects under work at a time";
    set(r, "controller_runtime_max_concurrent_reconciles", most, WORKERS);
    let r = all.sub_registry_with_labels(["name", "controller"].map(controller).into_iter());
    let (ready, delayed) = ctx.scheduler.depth();
    set(r, "workqueue_depth", "Entries that wait for a call or a worker", ready);
    let unfinished = "Seconds that work under way has taken so far, added up";
    seconds(r, "workqueue_unfinished_work_seconds", unfinished, work.total.as_secs_f64());
    let longest = "Seconds that the longest work under way has taken so far";
    seconds(r, "workqueue_longest_running_processor_seconds", longest, work.longest.as_secs_f64());
    set(&mut all, "dataworks_queue_delayed", "Entries that wait for a time", delayed);
    if let Some(end) = ctx.connections.default().cloud.credentials().expires() {
        let help = "When the temporary credentials in use end, in Unix time";
        seconds(
            &mut all,
            "dataworks_credentials_expiry_timestamp_seconds",
            help,
            end.as_duration().as_secs_f64(),
        );
    }
    all
}

fn budget(r: &mut Registry, limiter: &Limiter) {
    let day = limiter.day();
    set(r, "dataworks_api_calls_today", "Calls to the cloud today (UTC)", day.used);
    let swept = "Calls today of routine looks and of the reads they cause";
    set(r, "dataworks_api_sweep_calls_today", swept, day.swept);
    if let Some(limit) = limiter.per_day() {
        let help = "Calls that a day has, configured or shown by the service";
        set(r, "dataworks_api_calls_per_day_limit", help, limit);
        let left = limit.saturating_sub(day.used);
        set(r, "dataworks_api_calls_left_today", "Calls that today has left", left);
    }
}

/// Each DataWorksWorkspace: whether it can be worked with, what its status says, and the calls of its identity.
fn workspaces(r: &mut Registry, ctx: &Context) {
    let ready: Family<ObjectLabels, Gauge> = Family::default();
    let today: Family<ObjectLabels, Gauge> = Family::default();
    let left: Family<ObjectLabels, Gauge> = Family::default();
    let conditions: Family<ConditionLabels, Gauge> = Family::default();
    for key in ctx.workspaces.keys().into_iter().take(MOST_SERIES) {
        let labels = ObjectLabels { namespace: key.namespace.to_string(), name: key.name.to_string() };
        ready.get_or_create(&labels).set(i64::from(ctx.index().is_open(&key)));
        for (type_, status, reason) in ctx.workspaces.conditions(&key) {
            let ObjectLabels { namespace, name } = labels.clone();
            let (r#type, status, reason) = (type_.as_str(), status.as_str(), reason.as_str());
            conditions.get_or_create(&ConditionLabels { namespace, name, r#type, status, reason }).set(1);
        }
        let Some(connection) = ctx.connections.get(&ConnectionId::Workspace(key)) else { continue };
        let day = connection.limiter.day();
        today.get_or_create(&labels).set(number(day.used));
        if let Some(limit) = connection.limiter.per_day() {
            left.get_or_create(&labels).set(number(limit.saturating_sub(day.used)));
        }
    }
    add(r, "dataworks_workspace_ready", "1 while a DataWorksWorkspace can be worked with, else 0", ready);
    let help = "1 for each of the conditions Ready and MassAbsence in the status of a DataWorksWorkspace";
    add(r, "dataworks_workspace_condition", help, conditions);
    let help = "Calls to the cloud today (UTC) of a DataWorksWorkspace's identity in its region, for all that share it";
    add(r, "dataworks_workspace_api_calls_today", help, today);
    let help = "Calls that today has left of these, where a day is limited";
    add(r, "dataworks_workspace_api_calls_left_today", help, left);
}

fn resources(r: &mut Registry, tally: &Tally) {
    let family: Family<ResourceLabels, Gauge> = Family::default();
    for (place, standing, count) in tally.shown.folded(MOST_SERIES) {
        let (namespace, workspace) = words(place);
        let labels = ResourceLabels {
            namespace,
            workspace,
            ready: standing.ready.as_str(),
            reason: standing.reason.map_or("", |reason| reason.as_str()),
        };
        family.get_or_create(&labels).set(number(count));
    }
    let help = "Objects by namespace, workspace, and status and reason of Ready";
    add(r, "dataworks_resources", help, family);
    let oldest = tally.deleting_since.map_or(0.0, |since| age(since, Timestamp::now()));
    let help = "Seconds since the deletion of the oldest object that still holds its file; 0: none";
    seconds(r, "dataworks_resources_deleting_seconds", help, oldest);
    let help = "Objects with a write to the cloud whose outcome is not known yet";
    set(r, "dataworks_resources_outcome_unknown", help, tally.outcome_unknown);
}

fn out_of_sync(r: &mut Registry, tally: &Tally) {
    let family: Family<ToldLabels, Gauge> = Family::default();
    for (place, reason, count) in tally.told.folded(MOST_SERIES) {
        let (namespace, workspace) = words(place);
        let labels = ToldLabels { namespace, workspace, reason: reason.as_str() };
        family.get_or_create(&labels).set(number(count));
    }
    let help = "Objects whose file is not as declared and is left so, or was not seen, by reason of Synced";
    add(r, "dataworks_resources_out_of_sync", help, family);
}

/// A place as labels; empty where it is folded.
fn words(place: Option<Place<'_>>) -> (String, String) {
    let (namespace, workspace) = place.unwrap_or_default();
    (namespace.to_owned(), workspace.map(|project| project.to_string()).unwrap_or_default())
}

/// How old the picture of a workspace is.
struct Listed {
    project: ProjectId,
    /// Seconds since the last routine look by any connection; where there was none yet, since this process leads.
    age: f64,
    /// How far looks are apart by the connection that looks most often; `None`: none looks.
    apart: Option<SignedDuration>,
}

/// The workspaces in which objects own resources, those with the oldest looks first.
fn listed(ctx: &Context) -> Vec<Listed> {
    let (led, now) = (ctx.leading_since(), Timestamp::now());
    let reached = ctx.index().reached();
    let mut looked: BTreeMap<ProjectId, Timestamp> = BTreeMap::new();
    let mut apart: BTreeMap<ConnectionId, SignedDuration> = BTreeMap::new();
    for connection in ctx.connections.all() {
        apart.extend(connection.listings.looks_apart().map(|apart| (connection.id.clone(), apart)));
        for (project, at) in connection.listings.looked() {
            let latest = looked.entry(project).or_insert(at);
            *latest = at.max(*latest);
        }
    }
    let since = |project: &ProjectId| looked.get(project).copied().or(led).unwrap_or(now);
    let listed = |(project, by): (ProjectId, BTreeSet<ConnectionId>)| Listed {
        project,
        age: age(since(&project), now),
        apart: shortest(&by, &apart),
    };
    let mut all: Vec<Listed> = reached.into_iter().map(listed).collect();
    all.sort_by(|a, b| b.age.total_cmp(&a.age));
    all
}

/// The interval of the connection that looks most often, of those by which a workspace is reached.
fn shortest(
    by: &BTreeSet<ConnectionId>,
    apart: &BTreeMap<ConnectionId, SignedDuration>,
) -> Option<SignedDuration> {
    by.iter().filter_map(|id| apart.get(id)).min().copied()
}

/// Both gauges of the same workspaces: the absence of one beside the other says something.
fn inventories(r: &mut Registry, listed: &[Listed]) {
    let ages: Family<WorkspaceLabels, Seconds> = Family::default();
    let intervals: Family<WorkspaceLabels, Seconds> = Family::default();
    for Listed { project, age, apart } in listed.iter().take(MOST_SERIES) {
        let labels = WorkspaceLabels { workspace: project.get() };
        ages.get_or_create(&labels).set(*age);
        if let Some(apart) = apart {
            intervals.get_or_create(&labels).set(apart.as_secs_f64());
        }
    }
    let help = "Seconds since the last routine look at a workspace in which objects own resources";
    add(r, "dataworks_inventory_age_seconds", help, ages);
    let help = "Seconds between two routine looks at the same workspaces; absent where there are none";
    add(r, "dataworks_inventory_interval_seconds", help, intervals);
}

fn unreadable(r: &mut Registry, ctx: &Context) {
    let mut rows: BTreeMap<ProjectId, u64> = BTreeMap::new();
    for (project, count) in ctx.connections.all().iter().flat_map(|one| one.listings.unreadable()) {
        let most = rows.entry(project).or_default();
        *most = count.max(*most);
    }
    let family: Family<WorkspaceLabels, Gauge> = Family::default();
    for (project, count) in rows.into_iter().take(MOST_SERIES) {
        family.get_or_create(&WorkspaceLabels { workspace: project.get() }).set(number(count));
    }
    let help = "Rows of the last listing of a workspace that the operator could not read";
    add(r, "dataworks_inventory_unreadable_rows", help, family);
}

fn age(since: Timestamp, now: Timestamp) -> f64 {
    now.duration_since(since).as_secs_f64().max(0.0)
}

fn set(r: &mut Registry, name: &str, help: &str, value: impl TryInto<u64>) {
    let gauge: Gauge = Gauge::default();
    gauge.set(number(value.try_into().unwrap_or(u64::MAX)));
    r.register(name, help, gauge);
}

fn seconds(r: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Seconds::default();
    gauge.set(value);
    r.register(name, help, gauge);
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use dataworks_core::object::ObjectKey;
    use prometheus_client::encoding::text::encode;

    use super::*;

    fn project(id: i64) -> ProjectId {
        ProjectId::new(id).unwrap()
    }

    fn shown(listed: &[Listed]) -> Vec<String> {
        let mut registry = Registry::default();
        inventories(&mut registry, listed);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn each_workspace_has_the_interval_of_who_looks_most_often_or_none() {
        let by = |name: &str| ConnectionId::Workspace(ObjectKey::new("ns", name));
        let hours = SignedDuration::from_hours;
        let apart = BTreeMap::from([
            (ConnectionId::Default, hours(8)),
            (by("often"), hours(1)),
            (by("seldom"), hours(9)),
        ]);
        let rows = [
            ("the default connection alone", vec![ConnectionId::Default], Some(hours(8))),
            ("another looks more often", vec![ConnectionId::Default, by("often")], Some(hours(1))),
            ("another looks more seldom", vec![ConnectionId::Default, by("seldom")], Some(hours(8))),
            ("one of them does not look", vec![by("seldom"), by("never")], Some(hours(9))),
            ("none looks", vec![by("never")], None),
        ];
        for (name, by, want) in rows {
            assert_eq!(shortest(&BTreeSet::from_iter(by), &apart), want, "{name}");
        }
    }

    #[test]
    fn age_and_interval_are_of_the_same_workspaces_however_many_there_are() {
        let hour = SignedDuration::from_hours(1);
        let few = [
            Listed { project: project(42), age: 7.0, apart: Some(hour) },
            Listed { project: project(43), age: 5.0, apart: None },
        ];
        let mut lines = shown(&few);
        lines.sort();
        let want = [
            "dataworks_inventory_age_seconds{workspace=\"42\"} 7.0",
            "dataworks_inventory_age_seconds{workspace=\"43\"} 5.0",
            "dataworks_inventory_interval_seconds{workspace=\"42\"} 3600.0",
        ];
        assert_eq!(lines, want);

        let most = i64::try_from(MOST_SERIES).unwrap();
        let many: Vec<Listed> =
            (1..=most + 5).map(|id| Listed { project: project(id), age: 1.0, apart: Some(hour) }).collect();
        let lines = shown(&many);
        assert_eq!(lines.len(), 2 * MOST_SERIES);
        let beyond = format!("workspace=\"{}\"", most + 1);
        assert!(lines.iter().all(|line| !line.contains(&beyond)));
    }
}
