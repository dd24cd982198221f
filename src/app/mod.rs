//! Builds the parts from the arguments of `run`, starts them, and ends them in order.

mod cloud;
mod watches;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use dataworks_core::api::v1alpha1;
use dataworks_core::plan::Identity;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::SignedDuration;
use kube::client::ClientBuilder;
use kube::{Api, Client as KubeClient, Config};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::cloud::Cloud;
use self::watches::Kind;
use crate::cli::RunArgs;
use crate::context::{Activity, Context};
use crate::controller::index::Index;
use crate::controller::places::ConnectionId;
use crate::controller::policy::Policy;
use crate::controller::scheduler::Scheduler;
use crate::controller::{self, queued};
use crate::dataworks::credentials::{CredentialError, CredentialSource};
use crate::dataworks::{Client, CloudClock};
use crate::essential;
use crate::events::Events;
use crate::health::Gates;
use crate::http::{self, Shown};
use crate::kube_config;
use crate::leader::{self, Election, Pulse, Term};
use crate::metrics::Metrics;
use crate::metrics::process::Process;
use crate::reconcile::execute::content::Slots;
use crate::reconcile::kube_client::Calls;
use crate::reconcile::surplus::Surpluses;
use crate::schema;
use crate::telemetry::level::{self, Levels};
use crate::workspace::budget::Store;
use crate::workspace::connection::{Connection, Connections, UPLOADS};
use crate::workspace::guard::{self, Guard};
use crate::workspace::limiter::Limiter;
use crate::workspace::listing::Listings;
use crate::workspace::making::Making;
use crate::workspace::payers::Figures;
use crate::workspace::runs::{Runs, poll};
use crate::workspace::{Workspaces, drift};

/// How long a silent connection to the API server is kept; the watch's own time-out is longer
/// than its server-side one.
const API_READ_TIMEOUT: Duration = Duration::from_secs(15);
/// Added to the deadline of a create for the writes that follow it.
const GRACE: Duration = Duration::from_secs(10);
/// Where a lease goes when nothing says where we run.
const FALLBACK_NAMESPACE: &str = "default";

/// Runs the operator until a signal or the loss of the lease.
///
/// # Errors
/// When it cannot start, or lost the lease.
pub async fn run(args: RunArgs, levels: Levels) -> anyhow::Result<()> {
    let process = Process::starting_now();
    let metrics = Arc::new(Metrics::new(&args.lease_name));
    tokio::spawn(level::watch(levels, Arc::clone(&metrics)));
    // First what needs no cluster: a mistake in the settings is told at once.
    let endpoint = cloud::endpoint(&args)?;
    let proxy = cloud::proxy(&args)?;
    let proxied = proxy.as_ref().is_some_and(|proxy| proxy.carries(endpoint.url()));
    let realm = endpoint.realm();
    let Cloud { client: cloud, transport, reach, observer, sts: sts_endpoint, upload } =
        cloud::cloud(&args, endpoint.clone(), proxy.clone(), &metrics)?;
    let mut config = kube_config::infer().await?;
    let namespace = args.lease_namespace.clone().unwrap_or_else(|| {
        let own = config.default_namespace.clone();
        if own.is_empty() { FALLBACK_NAMESPACE.to_owned() } else { own }
    });
    // Two clients: a watch may be silent for minutes, anything else may not.
    let watching = client(config.clone(), &metrics)?;
    config.read_timeout = Some(API_READ_TIMEOUT);
    config.reset_reader_on_write = true;
    let calling = client(config, &metrics)?;
    let holder = args.pod_uid.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let identity = Identity { cluster: cluster(&args, &calling).await?, holder: holder.clone(), proxied };
    let policy = Policy::new(&args.default_connection_namespaces, &args.default_connection_projects);
    let bounds = args.bounds.bounds();
    let edition = v1alpha1::Edition::from(args.edition);
    let per_second = args.requests_per_second.unwrap_or_else(|| edition.requests_per_second());
    let per_day = args.requests_per_day.or_else(|| edition.requests_per_day());
    let making = Making {
        transport,
        proxy,
        observer,
        reach,
        sts: args.sts_endpoint.as_ref().filter(|text| !text.trim().is_empty()).map(|_| sts_endpoint.clone()),
        sts_vpc: args.sts_vpc,
        upload,
        roles: args.assume_roles.clone(),
        interval: args.drift_interval,
        kube: calling.clone(),
        watching: watching.clone(),
        binding: format!("{}-credentials", args.lease_name),
    };
    let connection = |cloud: Client| Connection {
        id: ConnectionId::Default,
        cloud,
        limiter: Limiter::new(per_second, per_day),
        listings: Arc::new(Listings::new(bounds.lag)),
        runs: Arc::new(Runs::default()),
        uploads: Arc::new(Semaphore::new(UPLOADS)),
        interval: args.drift_interval,
        realm: realm.clone(),
        proxied,
    };
    let nobody = CredentialSource::Absent(CredentialError::NotConfigured);
    let closed = connection(making.client(None, endpoint, sts_endpoint, nobody, CloudClock::default()));
    let figures = Figures { per_second, per_day };
    let connections = Connections::new(connection(cloud), figures, closed, metrics.permit_wait.clone());
    let lease = Duration::try_from(args.lease_duration)?;
    let ctx = Arc::new(Context {
        pulse: if args.no_leader_elect { Pulse::alone() } else { Pulse::under(lease) },
        kube: Calls::new(calling.clone(), Arc::clone(&metrics)),
        connections,
        workspaces: Workspaces::new(making),
        guard: Guard::default(),
        index: Mutex::new(Index::new(identity.cluster.clone(), policy.clone(), bounds.lag)),
        policy,
        bounds,
        content: Slots::default(),
        scheduler: Scheduler::default(),
        surpluses: Surpluses::default(),
        memories: Mutex::new(HashMap::new()),
        events: Events::start(calling.clone(), &holder, Arc::clone(&metrics)),
        metrics,
        activity: Activity::default(),
        doubts: Mutex::default(),
        untold: Mutex::default(),
        identity,
    });
    info!(
        version = env!("CARGO_PKG_VERSION"),
        cluster = ctx.identity.cluster,
        holder,
        per_second,
        proxied,
        "starting"
    );
    let gates = Arc::new(Gates::default());
    let shown = Shown { ctx: Arc::clone(&ctx), gates: Arc::clone(&gates), process };
    http::serve(shown, args.health_address, args.metrics_address)
        .await
        .context("an HTTP address cannot be listened on")?;

    let stop = CancellationToken::new();
    tokio::spawn(signals(stop.clone()));
    essential::spawn(schema::watch(calling.clone(), Arc::clone(&gates)));
    // First the workspaces: what objects of theirs claim rests on them.
    for kind in [Kind::Workspaces, Kind::Resources] {
        let synced = watches::start(&ctx, &watching, &args.watch_namespaces, kind);
        tokio::select! {
            () = synced.notified() => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
    gates.set_synced();
    essential::spawn(queued::tell(Arc::clone(&ctx)));
    essential::spawn(watch_credentials(Arc::clone(&ctx)));
    essential::spawn(poll::watch(Arc::clone(&ctx)));
    essential::spawn(guard::watch(Arc::clone(&ctx)));
    essential::spawn(drift::watch(Arc::clone(&ctx), ConnectionId::Default));
    let grace = Duration::try_from(bounds.call).unwrap_or_default() + GRACE;
    let budget = Store::new(calling.clone(), &namespace, format!("{}-budget", args.lease_name));
    let stopped = stop.clone();
    let over = tokio::spawn(async move {
        stopped.cancelled().await;
        tokio::time::sleep(grace).await;
    });
    let work = async {
        controller::run(Arc::clone(&ctx), stop.clone(), grace).await;
        ctx.surpluses.finish(async { _ = over.await }).await;
    };
    let work = Box::pin(budget.keep(&ctx, work));
    if args.no_leader_elect {
        work.await;
        return Ok(());
    }
    let election =
        Election { namespace: &namespace, lease: &args.lease_name, identity: &holder, duration: lease };
    match leader::lead(calling, election, &ctx.pulse, &stop, work).await {
        Term::Ended | Term::NeverLed => Ok(()),
        Term::Lost => anyhow::bail!("the lease is lost; another process may lead now"),
    }
}

/// A client all of whose requests are counted.
fn client(config: Config, metrics: &Metrics) -> Result<KubeClient, kube::Error> {
    Ok(ClientBuilder::try_from(config)?.with_layer(&metrics.requests).build())
}

/// Wakes what failed for want of credentials whenever there are some again.
async fn watch_credentials(ctx: Arc<Context>) {
    let Some(mut returns) = ctx.connections.default().cloud.credentials().returns() else { return };
    while returns.changed().await.is_ok() {
        ctx.credentials_returned(&ConnectionId::Default);
    }
}

/// The cluster's name in intents. Waits for an API server that is not there yet.
async fn cluster(args: &RunArgs, client: &KubeClient) -> anyhow::Result<String> {
    if let Some(name) = &args.cluster_id {
        return Ok(name.clone());
    }
    let api: Api<Namespace> = Api::all(client.clone());
    let mut pause = SignedDuration::from_millis(500);
    loop {
        match api.get("kube-system").await {
            Ok(namespace) => {
                return namespace.metadata.uid.context("namespace kube-system has no uid");
            }
            Err(kube::Error::Api(status)) if status.is_forbidden() || status.is_not_found() => {
                anyhow::bail!(
                    "namespace kube-system cannot be read ({}); set DATAWORKS_CLUSTER_ID",
                    status.message
                )
            }
            Err(error) => warn!(%error, "the API server cannot be reached yet"),
        }
        tokio::time::sleep(pause.try_into().unwrap_or_default()).await;
        pause = (pause * 2).min(SignedDuration::from_secs(10));
    }
}

/// The first signal stops, the second ends.
async fn signals(stop: CancellationToken) {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        warn!("signals cannot be listened to");
        return;
    };
    loop {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        if stop.is_cancelled() {
            std::process::exit(130);
        }
        // First: a log that nobody reads any more must not keep us from stopping.
        stop.cancel();
        info!("stopping");
    }
}
