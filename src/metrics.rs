//! Metrics: names, labels and buckets in one place.
//!
//! Names of controller-runtime where it has them, so that dashboards and alerts that people own
//! work unchanged. Labels are closed sets; no object has a series of its own.

use std::time::Duration;

use dataworks_core::fault::Class;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::dataworks::CallRecord;
use crate::workspace::limiter::Limiter;

/// Seconds; from a settled look to a create behind a throttled limiter.
const SECONDS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0];
/// The value of the label `controller`.
const CONTROLLER: &str = "dataworksresource";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReconcileLabels {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    action: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabels {
    action: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KubernetesLabels {
    verb: &'static str,
    outcome: &'static str,
}

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<ReconcileLabels, Counter>,
    reconcile_seconds: Histogram,
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<ActionLabels, Histogram>,
    kubernetes: Family<KubernetesLabels, Counter>,
    /// Reconciles that panicked.
    pub panics: Counter,
    /// Entries put into the queue.
    pub queue_adds: Counter,
    /// Entries that wait in the queue.
    pub queue_depth: Gauge,
    /// Seconds from due to begun.
    pub queue_wait: Histogram,
    /// 1 while this process leads.
    pub leading: Gauge,
    /// Calls of today (UTC).
    pub calls_today: Gauge,
    /// Those of them that routine looks and the reads they cause made.
    pub sweep_calls_today: Gauge,
    /// Calls that a day has, configured or shown by the service; 0: no limit is known.
    pub calls_per_day_limit: Gauge,
    /// Creates whose outcome was not known.
    pub outcomes_unknown: Counter,
    /// Resources left in the cloud that no object owns.
    pub orphans: Counter,
    /// Versions of objects that could not be decoded.
    pub undecodable: Counter,
    /// Events that were not sent because too many came.
    pub events_dropped: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let histogram = || Histogram::new(SECONDS);
        let metrics = Self {
            reconciles: Family::default(),
            reconcile_seconds: histogram(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            kubernetes: Family::default(),
            panics: Counter::default(),
            queue_adds: Counter::default(),
            queue_depth: Gauge::default(),
            queue_wait: histogram(),
            leading: Gauge::default(),
            calls_today: Gauge::default(),
            sweep_calls_today: Gauge::default(),
            calls_per_day_limit: Gauge::default(),
            outcomes_unknown: Counter::default(),
            orphans: Counter::default(),
            undecodable: Counter::default(),
            events_dropped: Counter::default(),
            registry: Registry::default(),
        };
        let m = &metrics;
        registry.register("controller_runtime_reconcile", "Reconciles by result", m.reconciles.clone());
        registry.register(
            "controller_runtime_reconcile_time_seconds",
            "Seconds a reconcile took",
            m.reconcile_seconds.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_panics",
            "Reconciles that panicked",
            m.panics.clone(),
        );
        registry.register("workqueue_adds", "Entries put into the queue", m.queue_adds.clone());
        registry.register("workqueue_depth", "Entries that wait in the queue", m.queue_depth.clone());
        registry.register(
            "workqueue_queue_duration_seconds",
            "Seconds from due to begun",
            m.queue_wait.clone(),
        );
        registry.register("leader_election_master_status", "1 while this process leads", m.leading.clone());
        registry.register("dataworks_calls_today", "Calls to the cloud today (UTC)", m.calls_today.clone());
        registry.register(
            "dataworks_sweep_calls_today",
            "Calls today of routine looks and of the reads they cause",
            m.sweep_calls_today.clone(),
        );
        registry.register(
            "dataworks_calls_per_day_limit",
            "Calls that a day has; 0: no limit is known",
            m.calls_per_day_limit.clone(),
        );
        registry.register(
            "dataworks_api_requests",
            "Calls to the cloud by action and outcome",
            m.calls.clone(),
        );
        registry.register(
            "dataworks_api_request_duration_seconds",
            "Seconds a call to the cloud took",
            m.call_seconds.clone(),
        );
        registry.register(
            "dataworks_kubernetes_requests",
            "Calls to the API server for objects, by verb and outcome",
            m.kubernetes.clone(),
        );
        registry.register(
            "dataworks_create_outcome_unknown",
            "Creates whose outcome was not known",
            m.outcomes_unknown.clone(),
        );
        registry.register(
            "dataworks_orphans",
            "Resources left in the cloud that no object owns",
            m.orphans.clone(),
        );
        registry.register(
            "dataworks_undecodable_objects",
            "Versions of objects that could not be decoded",
            m.undecodable.clone(),
        );
        registry.register(
            "dataworks_events_dropped",
            "Events not sent because too many came",
            m.events_dropped.clone(),
        );
        let build = Family::<[(&'static str, &'static str); 1], Gauge>::default();
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        registry.register("dataworks_build_info", "1, with the version of the operator", build);
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Counts a reconcile.
    pub fn reconciled(&self, result: &'static str, took: Duration) {
        self.reconciles.get_or_create(&ReconcileLabels { controller: CONTROLLER, result }).inc();
        self.reconcile_seconds.observe(took.as_secs_f64());
    }

    /// Counts a call to the cloud.
    pub fn cloud_call(&self, record: &CallRecord) {
        let outcome = match record.class {
            None => "success",
            Some(Class::Throttled) => "throttled",
            Some(Class::Quota) => "quota",
            Some(Class::Transient) => "transient",
            Some(Class::Denied) => "denied",
            Some(Class::Terminal) => "terminal",
            Some(Class::NotFound) => "not_found",
            Some(Class::AlreadyExists) => "already_exists",
        };
        self.calls.get_or_create(&CallLabels { action: record.action, outcome }).inc();
        self.call_seconds
            .get_or_create(&ActionLabels { action: record.action })
            .observe(record.duration.as_secs_f64());
    }

    /// Counts a call to the API server.
    pub fn kubernetes_call(&self, verb: &'static str, good: bool) {
        let outcome = if good { "success" } else { "error" };
        self.kubernetes.get_or_create(&KubernetesLabels { verb, outcome }).inc();
    }

    /// Shows what a limiter counted.
    pub fn budget(&self, limiter: &Limiter) {
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let day = limiter.day();
        self.calls_today.set(gauge(day.used));
        self.sweep_calls_today.set(gauge(day.swept));
        self.calls_per_day_limit.set(gauge(limiter.per_day().unwrap_or(0)));
    }

    /// All metrics in the OpenMetrics text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _infallible = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}
