//! The parts of the operator, from the arguments of `run`.

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
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::cloud::{self, Cloud};
use crate::cli::RunArgs;
use crate::context::{Activity, Context};
use crate::controller::index::Index;
use crate::controller::places::ConnectionId;
use crate::controller::policy::Policy;
use crate::controller::scheduler::Scheduler;
use crate::dataworks::credentials::{CredentialError, CredentialSource};
use crate::dataworks::endpoint::Endpoint;
use crate::dataworks::{Client, CloudClock, Proxy};
use crate::events::Events;
use crate::kube_config;
use crate::leader::Pulse;
use crate::metrics::Metrics;
use crate::reconcile::execute::content::Slots;
use crate::reconcile::kube_client::Calls;
use crate::reconcile::surplus::Surpluses;
use crate::workspace::Workspaces;
use crate::workspace::connection::{Connection, Connections, UPLOADS};
use crate::workspace::guard::Guard;
use crate::workspace::limiter::Limiter;
use crate::workspace::listing::Listings;
use crate::workspace::making::Making;
use crate::workspace::payers::Figures;
use crate::workspace::runs::Runs;
use crate::workspace::secret::Secrets;
use crate::workspace::survey::Survey;

/// How long a silent connection to the API server is kept; the watch's own time-out is longer
/// than its server-side one.
const API_READ_TIMEOUT: Duration = Duration::from_secs(15);
/// Where a lease goes when nothing says where we run.
const FALLBACK_NAMESPACE: &str = "default";

/// What `run` starts.
pub(super) struct Parts {
    pub(super) ctx: Arc<Context>,
    /// The API server, for requests that may be silent for minutes.
    pub(super) watching: KubeClient,
    /// The API server, for all others.
    pub(super) calling: KubeClient,
    /// Where the lease and the budget are.
    pub(super) namespace: String,
    /// How long a lease is good.
    pub(super) lease: Duration,
}

impl Parts {
    /// Waits for an API server that is not there yet.
    ///
    /// # Errors
    /// When a setting is wrong, or the cluster has no name.
    pub(super) async fn build(args: &RunArgs, metrics: Arc<Metrics>) -> anyhow::Result<Self> {
        // First what needs no cluster: a mistake in the settings is told at once.
        let endpoint = cloud::endpoint(args)?;
        let proxy = cloud::proxy(args)?;
        let proxied = proxy.as_ref().is_some_and(|proxy| proxy.carries(endpoint.url()));
        let cloud = cloud::cloud(args, endpoint.clone(), proxy.clone(), &metrics)?;
        let (watching, calling, own_namespace) = kube_clients(&metrics).await?;
        let namespace = args.lease_namespace.clone().unwrap_or(own_namespace);
        let holder = args.pod_uid.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let identity = Identity { cluster: cluster(args, &calling).await?, holder: holder.clone(), proxied };
        let policy = Policy::new(&args.default_connection_namespaces, &args.default_connection_projects);
        let bounds = args.bounds.bounds();
        let lease = Duration::try_from(args.lease_duration)?;
        let figures = figures(args);
        let making = making(args, &cloud, proxy, &calling, &watching);
        info!(
            version = env!("CARGO_PKG_VERSION"),
            cluster = identity.cluster,
            holder,
            per_second = figures.per_second,
            proxied,
            "starting"
        );
        let ctx = Arc::new(Context {
            pulse: if args.no_leader_elect { Pulse::alone() } else { Pulse::under(lease) },
            kube: Calls::new(calling.clone(), Arc::clone(&metrics)),
            connections: connections(args, cloud, endpoint, figures, &making, &metrics),
            workspaces: Workspaces::new(making),
            guard: Guard::default(),
            index: Mutex::new(Index::new(identity.cluster.clone(), policy.clone(), bounds.lag)),
            policy,
            bounds,
            content: Slots::default(),
            survey: Survey::default(),
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
        Ok(Self { ctx, watching, calling, namespace, lease })
    }
}

/// How many calls the default connection may make.
fn figures(args: &RunArgs) -> Figures {
    let edition = v1alpha1::Edition::from(args.edition);
    Figures {
        per_second: args.requests_per_second.unwrap_or_else(|| edition.requests_per_second()),
        per_day: args.requests_per_day.or_else(|| edition.requests_per_day()),
    }
}

/// What the clients of workspaces have in common with the default connection's.
fn making(
    args: &RunArgs,
    cloud: &Cloud,
    proxy: Option<Proxy>,
    calling: &KubeClient,
    watching: &KubeClient,
) -> Making {
    let says_sts = args.sts_endpoint.as_ref().is_some_and(|text| !text.trim().is_empty());
    Making {
        transport: cloud.transport.clone(),
        proxy,
        observer: cloud.observer.clone(),
        reach: cloud.reach.clone(),
        sts: says_sts.then(|| cloud.sts.clone()),
        sts_vpc: args.sts_vpc,
        upload: cloud.upload.clone(),
        roles: args.assume_roles.clone(),
        interval: args.drift_interval,
        kube: calling.clone(),
        secrets: Secrets::new(watching.clone()),
        binding: format!("{}-credentials", args.lease_name),
    }
}

/// The default connection, and the one that stands for it where it may not be used.
fn connections(
    args: &RunArgs,
    cloud: Cloud,
    endpoint: Endpoint,
    figures: Figures,
    making: &Making,
    metrics: &Metrics,
) -> Connections {
    let realm = endpoint.realm();
    let proxied = making.proxy.as_ref().is_some_and(|proxy| proxy.carries(endpoint.url()));
    let connection = |client: Client| Connection {
        id: ConnectionId::Default,
        cloud: client,
        limiter: Limiter::new(figures.per_second, figures.per_day),
        listings: Arc::new(Listings::new(args.bounds.bounds().lag)),
        runs: Arc::new(Runs::default()),
        uploads: Arc::new(Semaphore::new(UPLOADS)),
        interval: args.drift_interval,
        realm: realm.clone(),
        proxied,
    };
    let nobody = CredentialSource::Absent(CredentialError::NotConfigured);
    let closed = connection(making.client(None, endpoint, cloud.sts, nobody, CloudClock::default()));
    Connections::new(connection(cloud.client), figures, closed, metrics.permit_wait.clone())
}

/// A client for watches, one for all else, and the namespace that we run in.
async fn kube_clients(metrics: &Metrics) -> anyhow::Result<(KubeClient, KubeClient, String)> {
    let mut config = kube_config::infer().await?;
    let namespace = match config.default_namespace.as_str() {
        "" => FALLBACK_NAMESPACE.to_owned(),
        own => own.to_owned(),
    };
    // A watch may be silent for minutes, anything else may not.
    let watching = client(config.clone(), metrics)?;
    config.read_timeout = Some(API_READ_TIMEOUT);
    config.reset_reader_on_write = true;
    Ok((watching, client(config, metrics)?, namespace))
}

/// A client all of whose requests are counted.
fn client(config: Config, metrics: &Metrics) -> Result<KubeClient, kube::Error> {
    Ok(ClientBuilder::try_from(config)?.with_layer(&metrics.requests).build())
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
