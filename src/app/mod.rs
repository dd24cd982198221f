//! Builds the parts from the arguments of `run`, starts them, and ends them in order.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use dataworks_core::api::v1alpha1;
use dataworks_core::object::Uid;
use dataworks_core::plan::Identity;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::client::ClientBuilder;
use kube::{Api, Client as KubeClient, Config};
use secrecy::ExposeSecret as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cli::RunArgs;
use crate::context::{Activity, Context};
use crate::controller::index::Index;
use crate::controller::places::ConnectionId;
use crate::controller::policy::Policy;
use crate::controller::scheduler::Scheduler;
use crate::controller::{self, queued, source_watch, watch};
use crate::dataworks::credentials::{
    Choice, CredentialError, CredentialSource, METADATA_SERVICE, Provider, Reach, Renewal, Settings, choose,
};
use crate::dataworks::endpoint::{CENTRAL_ENDPOINT, Endpoint, Network, PlainHttp, Region};
use crate::dataworks::upload::UploadConfig;
use crate::dataworks::{Client, ClientConfig, Observer, Proxy, Transport, TransportConfig, Trust};
use crate::essential;
use crate::events::Events;
use crate::health::Gates;
use crate::http::{self, Shown};
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
use crate::workspace::runs::{self, Runs};
use crate::workspace::{Workspaces, drift, watch as workspaces};

/// How long a silent connection to the API server is kept; the watch's own time-out is longer
/// than its server-side one.
const API_READ_TIMEOUT: Duration = Duration::from_secs(15);
/// Deadline of a read from the cloud: a page of 100 rows or one document.
const READ_DEADLINE: Duration = Duration::from_secs(15);
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
    let endpoint = endpoint(&args)?;
    let proxy = proxy(&args)?;
    let proxied = proxy.as_ref().is_some_and(|proxy| proxy.carries(endpoint.url()));
    let realm = endpoint.realm();
    let Cloud { client: cloud, transport, reach, observer, sts: sts_endpoint, upload } =
        cloud(&args, endpoint.clone(), proxy.clone(), &metrics)?;
    // Its text holds those of its causes.
    let config =
        Config::infer().await.map_err(|error| anyhow::anyhow!("no Kubernetes to talk to: {error}"))?;
    let namespace = args.lease_namespace.clone().unwrap_or_else(|| {
        let own = config.default_namespace.clone();
        if own.is_empty() { FALLBACK_NAMESPACE.to_owned() } else { own }
    });
    // Two clients: a watch may be silent for minutes, anything else may not. Neither retries by
    // itself: a worker must not sleep for minutes behind a call that looks like one.
    let mut config = config;
    config.default_retry = false;
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
    let closed = connection(making.client(None, endpoint, sts_endpoint, nobody));
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
        let synced = start_watches(&ctx, &watching, &args.watch_namespaces, kind);
        tokio::select! {
            () = synced.notified() => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
    gates.set_synced();
    essential::spawn(queued::tell(Arc::clone(&ctx)));
    essential::spawn(watch_credentials(Arc::clone(&ctx)));
    essential::spawn(runs::watch(Arc::clone(&ctx)));
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

/// Whether objects of any namespace may use the default connection.
fn is_default_open(args: &RunArgs) -> bool {
    args.default_connection_namespaces.iter().any(|name| !name.trim().is_empty())
}

fn region(args: &RunArgs) -> anyhow::Result<Option<Region>> {
    args.region.as_deref().map(str::parse).transpose().context("the region is not one")
}

fn plain_http(args: &RunArgs) -> PlainHttp {
    if args.allow_plain_http { PlainHttp::Anywhere } else { PlainHttp::Loopback }
}

fn endpoint(args: &RunArgs) -> anyhow::Result<Endpoint> {
    let plain = plain_http(args);
    let endpoint = match (&args.endpoint, region(args)?) {
        (Some(url), _) => Endpoint::parse(url, plain).context("DATAWORKS_ENDPOINT")?,
        (None, Some(region)) => Endpoint::dataworks(&region, Network::Public)?,
        // It is called by nobody.
        (None, None) if !is_default_open(args) => CENTRAL_ENDPOINT.parse()?,
        (None, None) => anyhow::bail!(
            "set DATAWORKS_REGION (such as cn-shanghai) or DATAWORKS_ENDPOINT; neither is needed where \
             DATAWORKS_DEFAULT_CONNECTION_NAMESPACES is empty, and each DataWorksWorkspace says its own"
        ),
    };
    if endpoint.is_exposed() {
        warn!(
            %endpoint,
            "PLAIN HTTP: signatures and documents can be read and changed by everyone on the way; \
             --allow-plain-http is for the simulator only"
        );
    }
    Ok(endpoint)
}

fn proxy(args: &RunArgs) -> anyhow::Result<Option<Proxy>> {
    if let Some(text) = &args.proxy {
        return Proxy::always(text.expose_secret()).map(Some).context("DATAWORKS_PROXY");
    }
    if !args.proxy_from_environment {
        return Ok(None);
    }
    let proxy = Proxy::from_variables(|name| std::env::var(name).ok()).context("HTTPS_PROXY")?;
    if proxy.is_none() {
        warn!("--proxy-from-environment is set, but HTTPS_PROXY is not: calls go without a proxy");
    }
    Ok(proxy)
}

/// Endpoints that workspaces may name, and that content may be sent to.
fn allowed(args: &RunArgs) -> anyhow::Result<Vec<Endpoint>> {
    let texts = args.allowed_endpoints.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    texts.map(|text| Endpoint::parse(text, plain_http(args)).context("DATAWORKS_ALLOWED_ENDPOINTS")).collect()
}

/// The default connection's client, and what those of workspaces are made of.
struct Cloud {
    client: Client,
    transport: Transport,
    reach: Reach,
    observer: Observer,
    sts: Endpoint,
    upload: UploadConfig,
}

/// Operations of STS that are signed like those of DataWorks.
const STS_ACTIONS: [&str; 2] = ["AssumeRole", "GetCallerIdentity"];

fn cloud(
    args: &RunArgs,
    endpoint: Endpoint,
    proxy: Option<Proxy>,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Cloud> {
    let direct = TransportConfig {
        call_deadline: Duration::try_from(args.bounds.call_deadline)?,
        read_deadline: READ_DEADLINE.min(Duration::try_from(args.bounds.call_deadline)?),
        proxy: None,
        trust: Trust::gather(args.ca_bundle.as_deref())?,
    };
    let transport = Transport::new(&TransportConfig { proxy, ..direct.clone() })?;
    let counted = Arc::clone(metrics);
    let observer: Observer = Arc::new(move |record| {
        if STS_ACTIONS.contains(&record.action) {
            counted.credentials_call(record);
        } else {
            counted.cloud_call(record);
        }
    });
    let sts_endpoint = sts(args)?;
    let counted = Arc::clone(metrics);
    let asked: Observer = Arc::new(move |record| counted.credentials_call(record));
    let reach = |transport| Reach::new(transport, Arc::new(Timestamp::now), Some(Arc::clone(&asked)));
    let credentials = match choose(settings(args)) {
        Err(error @ CredentialError::NotConfigured) if !is_default_open(args) => {
            info!("no credentials of the operator's own: workspaces bring theirs");
            CredentialSource::Absent(error)
        }
        Err(error) => {
            warn!(%error, "no credentials: no call to the cloud will be made");
            CredentialSource::Absent(error)
        }
        Ok(Choice::Key(key)) => {
            info!(provider = "key", temporary = key.security_token.is_some(), "credentials");
            CredentialSource::Fixed(Arc::new(key))
        }
        Ok(Choice::Role(role)) => {
            info!(provider = "rrsa", role = role.role_arn, sts = %sts_endpoint, "credentials");
            let (endpoint, reach) = (sts_endpoint.clone(), reach(transport.clone()));
            renewed(Provider::Role { role, endpoint, reach })
        }
        Ok(Choice::Instance(role)) => {
            info!(provider = "ecs", role = role.name, "credentials");
            let (endpoint, reach) = (metadata_service(args)?, reach(Transport::new(&direct)?));
            renewed(Provider::Instance { role, endpoint, reach })
        }
    };
    let upload = upload(args)?;
    let client = Client::new(ClientConfig {
        endpoint,
        sts_endpoint: sts_endpoint.clone(),
        upload: upload.clone(),
        credentials,
        transport: transport.clone(),
        clock: Arc::new(Timestamp::now),
        observer: Some(Arc::clone(&observer)),
    });
    let reach = reach(transport.clone());
    Ok(Cloud { client, transport, reach, observer, sts: sts_endpoint, upload })
}

fn upload(args: &RunArgs) -> anyhow::Result<UploadConfig> {
    Ok(UploadConfig {
        open_platform: Endpoint::parse(&args.upload_endpoint, plain_http(args))
            .context("DATAWORKS_UPLOAD_ENDPOINT")?,
        region: region(args)?,
        allowed: allowed(args)?,
    })
}

fn settings(args: &RunArgs) -> Settings {
    Settings {
        access_key_id: args.access_key_id.clone(),
        access_key_secret: args.access_key_secret.clone(),
        security_token: args.security_token.clone(),
        role_arn: args.role_arn.clone(),
        oidc_provider_arn: args.oidc_provider_arn.clone(),
        oidc_token_file: args.oidc_token_file.clone(),
        role_session_name: args.role_session_name.clone(),
        ecs_role: args.ecs_role.clone(),
    }
}

fn renewed(provider: Provider) -> CredentialSource {
    let salt = Uid::new(&uuid::Uuid::new_v4().to_string());
    CredentialSource::Renewed(Renewal::start(provider, salt))
}

/// An empty value is an absent one: whoever writes manifests may leave it so.
fn sts(args: &RunArgs) -> anyhow::Result<Endpoint> {
    let set = |text: &Option<String>| {
        text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    if let Some(text) = set(&args.sts_endpoint) {
        return Endpoint::parse(&text, plain_http(args)).context("ALIBABA_CLOUD_STS_ENDPOINT");
    }
    let region = match set(&args.sts_region) {
        Some(text) => Some(text.parse::<Region>().context("ALIBABA_CLOUD_STS_REGION")?),
        None => region(args)?,
    };
    let network = if args.sts_vpc { Network::Vpc } else { Network::Public };
    Endpoint::sts(region.as_ref(), network).context("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED")
}

/// Its own address is the machine's, so plain http to it leaves no machine.
fn metadata_service(args: &RunArgs) -> anyhow::Result<Endpoint> {
    let text = args.ecs_metadata_endpoint.as_str();
    let plain = if text == METADATA_SERVICE { PlainHttp::Anywhere } else { plain_http(args) };
    Endpoint::parse(text, plain).context("DATAWORKS_ECS_METADATA_ENDPOINT")
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

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Workspaces,
    Resources,
}

fn start_watches(ctx: &Arc<Context>, client: &KubeClient, namespaces: &[String], kind: Kind) -> Arc<Notify> {
    let scopes: Vec<Option<String>> =
        if namespaces.is_empty() { vec![None] } else { namespaces.iter().cloned().map(Some).collect() };
    // Objects have their ConfigMaps beside them.
    let watches = match kind {
        Kind::Workspaces => 1,
        Kind::Resources => 2,
    };
    let left = Arc::new(AtomicUsize::new(watches * scopes.len()));
    let done = Arc::new(Notify::new());
    let synced = || {
        let (left, done) = (Arc::clone(&left), Arc::clone(&done));
        let first = AtomicUsize::new(0);
        move || {
            if first.fetch_add(1, Ordering::SeqCst) == 0 && left.fetch_sub(1, Ordering::SeqCst) == 1 {
                done.notify_one();
            }
        }
    };
    for scope in scopes {
        let (ctx, client) = (Arc::clone(ctx), client.clone());
        match kind {
            Kind::Workspaces => {
                essential::spawn(workspaces::watch(ctx, client, scope, synced()));
            }
            Kind::Resources => {
                let (sources, other) = (Arc::clone(&ctx), client.clone());
                essential::spawn(watch::watch(ctx, client, scope.clone(), synced()));
                essential::spawn(source_watch::watch(sources, other, scope, synced()));
            }
        }
    }
    done
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
