//! The client of the default connection, from the arguments of `run`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use dataworks_core::object::Uid;
use k8s_openapi::jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tracing::{info, warn};

use crate::cli::RunArgs;
use crate::dataworks::credentials::{
    Choice, CredentialError, CredentialSource, METADATA_SERVICE, Provider, Reach, Renewal, Settings, choose,
};
use crate::dataworks::endpoint::{CENTRAL_ENDPOINT, Endpoint, Network, PlainHttp, Region};
use crate::dataworks::upload::UploadConfig;
use crate::dataworks::{
    Client, ClientConfig, CloudClock, Observer, Proxy, Transport, TransportConfig, Trust,
};
use crate::metrics::Metrics;

/// Deadline of a read from the cloud: a page of 100 rows or one document.
const READ_DEADLINE: Duration = Duration::from_secs(15);
/// Operations of STS that are signed like those of DataWorks.
const STS_ACTIONS: [&str; 2] = ["AssumeRole", "GetCallerIdentity"];

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

/// The default connection's endpoint.
pub(super) fn endpoint(args: &RunArgs) -> anyhow::Result<Endpoint> {
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

/// What calls go through, when anything.
pub(super) fn proxy(args: &RunArgs) -> anyhow::Result<Option<Proxy>> {
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
pub(super) struct Cloud {
    pub(super) client: Client,
    pub(super) transport: Transport,
    pub(super) reach: Reach,
    pub(super) observer: Observer,
    pub(super) sts: Endpoint,
    pub(super) upload: UploadConfig,
}

/// Makes the default connection's client, and what those of workspaces share with it.
pub(super) fn cloud(
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
        clock: CloudClock::default(),
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
