//! Metrics: names, labels and buckets in one place.
//!
//! Names of controller-runtime where it has them, so that dashboards and alerts that people own
//! work unchanged. Labels are closed sets, or bounded in number: namespaces, ids of workspaces, and
//! names of DataWorksWorkspaces, which have series of their own. A DataWorksResource has none, and
//! nothing of an object's content is in any. What is counted as it happens is here; what is read off when it is
//! asked for is in [`scrape`] and [`process`]. `docs/observability.md` shows the same names, and a
//! test holds the two equal.

pub mod process;
pub mod requests;
pub mod scrape;

use std::borrow::Cow;
use std::time::Duration;

use dataworks_core::codes;
use dataworks_core::fault::Class;
use dataworks_core::ids::ProjectId;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use crate::dataworks::{CallRecord, OWN_CODES};
use requests::Requests;

/// Seconds; from a settled look to a create behind a throttled limiter.
const SECONDS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0];
/// The value of the labels `controller` and `name`.
pub const CONTROLLER: &str = "dataworksresource";
/// The revision that this was built from.
const REVISION: &str = match option_env!("DATAWORKS_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};
/// The label `code` of a good answer, and of a code that is in no table.
const OK: &str = "ok";
const OTHER: &str = "other";

/// How a reconcile ended, in controller-runtime's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nothing is to be done until something changes.
    Success,
    /// To be taken again at once.
    Requeue,
    /// To be taken again later.
    RequeueAfter,
    /// It failed in a way that may pass.
    Error,
    /// It failed in a way that does not pass by itself.
    Terminal,
}

/// What became of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// Its run ended well.
    Success,
    /// Its run failed, or could not be made.
    Failed,
    /// Its run was ended by an approver or by the service.
    Refused,
    /// Its run was cancelled, by the operator or by somebody.
    Cancelled,
    /// It is not known whether a run was made.
    OutcomeUnknown,
}

impl Published {
    const ALL: [Self; 5] =
        [Self::Success, Self::Failed, Self::Refused, Self::Cancelled, Self::OutcomeUnknown];

    fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::OutcomeUnknown => "outcome_unknown",
        }
    }
}

/// What became of a difference between what is declared and what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// It was undone.
    Corrected,
    /// It was told and left.
    Reported,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    action: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabels {
    action: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DriftLabels {
    workspace: u64,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PublicationLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KubernetesLabels {
    verb: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
    revision: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LeaseLabels {
    name: String,
}

/// Counters of `controller_runtime_reconcile_total`, looked up once.
#[derive(Debug)]
struct Results {
    success: Counter,
    requeue: Counter,
    requeue_after: Counter,
    error: Counter,
}

/// All that is counted as it happens.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    results: Results,
    errors: Counter,
    terminal_errors: Counter,
    reconcile_seconds: Histogram,
    work_seconds: Histogram,
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<ActionLabels, Histogram>,
    credential_calls: Family<CallLabels, Counter>,
    throttled: Counter,
    publications: Family<PublicationLabels, Counter>,
    drift: Family<DriftLabels, Counter>,
    kubernetes: Family<KubernetesLabels, Counter>,
    /// All requests to the API server.
    pub requests: Requests,
    /// Reconciles that panicked.
    pub panics: Counter,
    /// Calls to the API server that ran into their deadline.
    pub timeouts: Counter,
    /// Entries put into the queue.
    pub queue_adds: Counter,
    /// Entries put into the queue again after work on them.
    pub queue_retries: Counter,
    /// Seconds from due to begun.
    pub queue_wait: Histogram,
    /// Seconds waited for the permit of a call.
    pub permit_wait: Histogram,
    /// 1 while this process leads.
    pub leading: Gauge,
    /// Creates whose outcome was not known.
    pub outcomes_unknown: Counter,
    /// Resources left in the cloud that no object owns.
    pub orphans: Counter,
    /// Versions of objects that could not be decoded.
    pub undecodable: Counter,
    /// Events that were not sent because too many came.
    pub events_dropped: Counter,
    /// Changes of configuration that were refused.
    pub reload_failures: Counter,
}

/// Registers under a name, and adds what is registered to the list of names.
fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    /// Everything at zero, of a process that leads under this lease.
    #[must_use]
    pub fn new(lease: &str) -> Self {
        let mut registry = Registry::default();
        let build: Family<BuildLabels, Gauge> = Family::default();
        build.get_or_create(&BuildLabels { version: env!("CARGO_PKG_VERSION"), revision: REVISION }).set(1);
        add(
            &mut registry,
            "dataworks_build_info",
            "1, with the version of the operator and the revision it was built from",
            build,
        );
        let leaders: Family<LeaseLabels, Gauge> = Family::default();
        let leading = leaders.get_or_create(&LeaseLabels { name: lease.to_owned() }).clone();
        add(&mut registry, "leader_election_master_status", "1 while this process leads, else 0", leaders);
        let requests = Requests::default();
        add(
            &mut registry,
            "rest_client_requests",
            "Requests to the API server by status code and method",
            requests.family().clone(),
        );
        let histogram = || Histogram::new(SECONDS);
        let mut metrics = Self {
            results: Results::of(&Family::default()),
            errors: Counter::default(),
            terminal_errors: Counter::default(),
            reconcile_seconds: histogram(),
            work_seconds: histogram(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            credential_calls: Family::default(),
            throttled: Counter::default(),
            publications: publications(),
            drift: Family::default(),
            kubernetes: Family::default(),
            requests,
            panics: Counter::default(),
            timeouts: Counter::default(),
            queue_adds: Counter::default(),
            queue_retries: Counter::default(),
            queue_wait: histogram(),
            permit_wait: histogram(),
            leading,
            outcomes_unknown: Counter::default(),
            orphans: Counter::default(),
            undecodable: Counter::default(),
            events_dropped: Counter::default(),
            reload_failures: Counter::default(),
            registry,
        };
        metrics.register_runtime();
        metrics.register_queue();
        metrics.register_own();
        metrics
    }

    fn register_runtime(&mut self) {
        let labels = (Cow::from("controller"), Cow::from(CONTROLLER));
        let r = self.registry.sub_registry_with_label(labels);
        let results = Family::default();
        self.results = Results::of(&results);
        add(r, "controller_runtime_reconcile", "Reconciles by result", results);
        let errors = "Reconciles that failed";
        add(r, "controller_runtime_reconcile_errors", errors, self.errors.clone());
        let terminal = "Reconciles that failed in a way that does not pass by itself";
        add(r, "controller_runtime_terminal_reconcile_errors", terminal, self.terminal_errors.clone());
        add(r, "controller_runtime_reconcile_panics", "Reconciles that panicked", self.panics.clone());
        let timeouts = "Calls to the API server for an object that ran into their deadline";
        add(r, "controller_runtime_reconcile_timeouts", timeouts, self.timeouts.clone());
        let seconds = "Seconds a reconcile took";
        add(r, "controller_runtime_reconcile_time_seconds", seconds, self.reconcile_seconds.clone());
    }

    fn register_queue(&mut self) {
        let labels = ["name", "controller"].map(|label| (Cow::from(label), Cow::from(CONTROLLER)));
        let r = self.registry.sub_registry_with_labels(labels.into_iter());
        add(r, "workqueue_adds", "Entries put into the queue", self.queue_adds.clone());
        let retries = "Entries put into the queue again by the work on them";
        add(r, "workqueue_retries", retries, self.queue_retries.clone());
        let wait = "Seconds from due to begun";
        add(r, "workqueue_queue_duration_seconds", wait, self.queue_wait.clone());
        let work = "Seconds from begun to done";
        add(r, "workqueue_work_duration_seconds", work, self.work_seconds.clone());
    }

    fn register_own(&mut self) {
        let r = &mut self.registry;
        add(r, "dataworks_api_requests", "Calls to the cloud by action and code", self.calls.clone());
        let seconds = "Seconds a call to the cloud took";
        add(r, "dataworks_api_request_duration_seconds", seconds, self.call_seconds.clone());
        let calls = "Calls to STS or the metadata service for credentials, by action and code";
        add(r, "dataworks_credentials_requests", calls, self.credential_calls.clone());
        let throttled = "Calls that the cloud answered with the wish to slow down";
        add(r, "dataworks_api_throttled", throttled, self.throttled.clone());
        let publications = "Deployment runs that ended, and those of unknown outcome, by outcome";
        add(r, "dataworks_publications", publications, self.publications.clone());
        let wait = "Seconds waited for the permit of a call";
        add(r, "dataworks_api_limiter_wait_seconds", wait, self.permit_wait.clone());
        let drift = "Differences between what is declared and what is there, by workspace and outcome";
        add(r, "dataworks_drift", drift, self.drift.clone());
        let orphans = "Resources left in the cloud that no object owns";
        add(r, "dataworks_orphans", orphans, self.orphans.clone());
        let unknown = "Creates whose outcome was not known";
        add(r, "dataworks_create_outcome_unknown", unknown, self.outcomes_unknown.clone());
        let calls = "Calls to the API server for objects, by verb and outcome";
        add(r, "dataworks_kubernetes_requests", calls, self.kubernetes.clone());
        let undecodable = "Versions of objects that could not be decoded";
        add(r, "dataworks_undecodable_objects", undecodable, self.undecodable.clone());
        let dropped = "Events not sent because too many came";
        add(r, "dataworks_events_dropped", dropped, self.events_dropped.clone());
        let failures = "Changes of configuration that were refused";
        add(r, "dataworks_config_reload_failures", failures, self.reload_failures.clone());
    }

    /// Counts a reconcile.
    pub fn reconciled(&self, ended: Ended, took: Duration) {
        let results = &self.results;
        match ended {
            Ended::Success => results.success.inc(),
            Ended::Requeue => results.requeue.inc(),
            Ended::RequeueAfter => results.requeue_after.inc(),
            Ended::Error | Ended::Terminal => {
                self.errors.inc();
                results.error.inc()
            }
        };
        if ended == Ended::Terminal {
            self.terminal_errors.inc();
        }
        self.reconcile_seconds.observe(took.as_secs_f64());
        self.work_seconds.observe(took.as_secs_f64());
    }

    /// Counts a call to the cloud.
    pub fn cloud_call(&self, record: &CallRecord) {
        let action = record.action;
        if record.class == Some(Class::Throttled) {
            self.throttled.inc();
        }
        self.calls.get_or_create(&CallLabels { action, code: code(record.code.as_deref()) }).inc();
        self.call_seconds.get_or_create(&ActionLabels { action }).observe(record.duration.as_secs_f64());
    }

    /// Counts what became of a publication.
    pub fn publication(&self, outcome: Published) {
        self.publications.get_or_create(&PublicationLabels { outcome: outcome.word() }).inc();
    }

    /// Counts a call for credentials: none of DataWorks, so that a key that works at STS alone hides
    /// nothing.
    pub fn credentials_call(&self, record: &CallRecord) {
        let labels = CallLabels { action: record.action, code: code(record.code.as_deref()) };
        self.credential_calls.get_or_create(&labels).inc();
    }

    /// Counts a call to the API server.
    pub fn kubernetes_call(&self, verb: &'static str, good: bool) {
        let outcome = if good { "success" } else { "error" };
        self.kubernetes.get_or_create(&KubernetesLabels { verb, outcome }).inc();
    }

    /// Counts a difference in a workspace.
    pub fn drifted(&self, workspace: ProjectId, drift: Drift) {
        let outcome = match drift {
            Drift::Corrected => "corrected",
            Drift::Reported => "reported",
        };
        self.drift.get_or_create(&DriftLabels { workspace: workspace.get(), outcome }).inc();
    }

    /// All that was counted, with what is read off now, in the OpenMetrics text format.
    #[must_use]
    pub fn text(&self, now: &[Registry]) -> String {
        let mut text = String::new();
        for registry in std::iter::once(&self.registry).chain(now) {
            // Writing to a string does not fail.
            let _infallible = encode_registry(&mut text, registry);
        }
        let _infallible = encode_eof(&mut text);
        text
    }
}

impl Results {
    fn of(family: &Family<ResultLabels, Counter>) -> Self {
        let of = |result| family.get_or_create(&ResultLabels { result }).clone();
        Self {
            success: of("success"),
            requeue: of("requeue"),
            requeue_after: of("requeue_after"),
            error: of("error"),
        }
    }
}

/// All outcomes from the beginning: the first failure is an increase, too.
fn publications() -> Family<PublicationLabels, Counter> {
    let family = Family::default();
    for outcome in Published::ALL {
        drop(family.get_or_create(&PublicationLabels { outcome: outcome.word() }));
    }
    family
}

/// The label of a call's code: closed, whatever a service answers.
fn code(code: Option<&str>) -> &'static str {
    let Some(code) = code else { return OK };
    let own = || OWN_CODES.iter().copied().find(|own| *own == code);
    let status = || match code.strip_prefix("Http")?.as_bytes() {
        [b'4', _, _] => Some("Http4xx"),
        [b'5', _, _] => Some("Http5xx"),
        _ => None,
    };
    codes::line_of(code).or_else(own).or_else(status).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests;
