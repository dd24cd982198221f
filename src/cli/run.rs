//! The arguments of `run`. Each is an environment variable too, so that Helm can set it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};
use dataworks_core::api::v1alpha1;
use dataworks_core::bounds::Bounds;
use dataworks_core::ids::ProjectId;
use k8s_openapi::jiff::SignedDuration;
use secrecy::SecretString;

use crate::dataworks::credentials::METADATA_SERVICE;
use crate::dataworks::upload::OPEN_PLATFORM;
use crate::telemetry::LogFormat;

/// A RAM role that objects of a namespace may have assumed with the operator's own identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumableRole {
    namespace: String,
    role_arn: String,
}

impl AssumableRole {
    /// Whether it lets this namespace have this role.
    #[must_use]
    pub fn allows(&self, namespace: &str, role_arn: &str) -> bool {
        self.namespace == namespace && self.role_arn == role_arn
    }
}

/// Arguments of `run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Region of the workspaces on the default connection, such as cn-shanghai. Needed unless
    /// --endpoint is given, or no namespace may use that connection.
    #[arg(long, env = "DATAWORKS_REGION")]
    pub region: Option<String>,

    /// Where the DataWorks API is, such as https://dataworks.cn-shanghai.aliyuncs.com; plain http
    /// only to loopback. Absent: from the region.
    #[arg(long, env = "DATAWORKS_ENDPOINT")]
    pub endpoint: Option<String>,

    /// Where uploads are authorized (the Open Platform), as a host or URL; plain http only as with
    /// --endpoint.
    #[arg(long, env = "DATAWORKS_UPLOAD_ENDPOINT", default_value = OPEN_PLATFORM)]
    pub upload_endpoint: String,

    /// Take a plain http endpoint beyond loopback, too: for a simulator in a cluster, never for
    /// the service, since everyone on the way can read signatures and documents.
    #[arg(long, env = "DATAWORKS_ALLOW_PLAIN_HTTP")]
    pub allow_plain_http: bool,

    /// Certificates (PEM) of authorities that are trusted for calls to the cloud, in addition to
    /// the built-in public ones and the system's. Read at the start.
    #[arg(long, env = "DATAWORKS_CA_BUNDLE", value_name = "FILE")]
    pub ca_bundle: Option<PathBuf>,

    /// AccessKey ID that calls are signed with.
    #[arg(long, env = "ALIBABA_CLOUD_ACCESS_KEY_ID", hide_env_values = true)]
    pub access_key_id: Option<String>,

    /// AccessKey secret. Prefer the variable: arguments can be read by others.
    #[arg(long, env = "ALIBABA_CLOUD_ACCESS_KEY_SECRET", hide_env_values = true)]
    pub access_key_secret: Option<SecretString>,

    /// Security token of temporary credentials. Prefer the variable.
    #[arg(long, env = "ALIBABA_CLOUD_SECURITY_TOKEN", hide_env_values = true)]
    pub security_token: Option<SecretString>,

    /// RAM role that calls are made as (RRSA): the pod's OIDC token is exchanged for temporary
    /// credentials of it, without an AccessKey. Set by ack-pod-identity-webhook, like the next two.
    #[arg(long, env = "ALIBABA_CLOUD_ROLE_ARN")]
    pub role_arn: Option<String>,

    /// OIDC identity provider that the role trusts: that of the cluster.
    #[arg(long, env = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN")]
    pub oidc_provider_arn: Option<String>,

    /// File with the pod's OIDC token. Read anew for each exchange.
    #[arg(long, env = "ALIBABA_CLOUD_OIDC_TOKEN_FILE", value_name = "FILE")]
    pub oidc_token_file: Option<String>,

    /// Name of the role's session, as the account's audit trail shows it.
    #[arg(long, env = "ALIBABA_CLOUD_ROLE_SESSION_NAME", default_value = "dataworks-operator")]
    pub role_session_name: String,

    /// Where STS is, as a host or URL. Absent: from the region; plain http only as with --endpoint.
    #[arg(long, env = "ALIBABA_CLOUD_STS_ENDPOINT")]
    pub sts_endpoint: Option<String>,

    /// Region of STS. Absent: that of --region; without one the central STS.
    #[arg(long, env = "ALIBABA_CLOUD_STS_REGION")]
    pub sts_region: Option<String>,

    /// Reach STS by its address in the VPC, which needs a region.
    #[arg(
        long,
        env = "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED",
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new()
    )]
    pub sts_vpc: bool,

    /// RAM role of the ECS instance that calls are made as; * asks the metadata service for its name.
    /// Absent: the metadata service is never asked.
    #[arg(long, env = "ALIBABA_CLOUD_ECS_METADATA", value_name = "ROLE")]
    pub ecs_role: Option<String>,

    /// Where the metadata service is. Never asked through a proxy.
    #[arg(long, env = "DATAWORKS_ECS_METADATA_ENDPOINT", default_value = METADATA_SERVICE)]
    pub ecs_metadata_endpoint: String,

    /// Namespaces whose objects may use the default connection, comma separated; * for all.
    /// Absent: none.
    #[arg(long, env = "DATAWORKS_DEFAULT_CONNECTION_NAMESPACES", value_delimiter = ',')]
    pub default_connection_namespaces: Vec<String>,

    /// Ids of the workspaces that the default connection is open to, comma separated. Absent:
    /// every workspace that the identity is a member of.
    #[arg(long, env = "DATAWORKS_DEFAULT_CONNECTION_PROJECTS", value_delimiter = ',', value_parser = project)]
    pub default_connection_projects: Vec<ProjectId>,

    /// Hosts beside Alibaba Cloud's own that a DataWorksWorkspace may name as its endpoint, and that content may be
    /// uploaded to, comma separated, as https://HOST or HOST; plain http only as with --endpoint. For a simulator or a
    /// private cloud.
    #[arg(long, env = "DATAWORKS_ALLOWED_ENDPOINTS", value_delimiter = ',')]
    pub allowed_endpoints: Vec<String>,

    /// RAM roles that DataWorksWorkspaces may have assumed with the operator's own identity, comma separated, each
    /// NAMESPACE=ROLE_ARN. Absent: none.
    #[arg(long, env = "DATAWORKS_ASSUME_ROLES", value_delimiter = ',', value_parser = assumable)]
    pub assume_roles: Vec<AssumableRole>,

    /// Edition of DataWorks, which sets the calls a second (2 for Basic, 3 for Standard and
    /// Professional, 10 for Enterprise) and a day.
    #[arg(long, env = "DATAWORKS_EDITION", default_value = "Standard", ignore_case = true)]
    pub edition: Edition,

    /// Calls a second, in place of what the edition allows.
    #[arg(long, env = "DATAWORKS_REQUESTS_PER_SECOND", value_parser = positive)]
    pub requests_per_second: Option<f64>,

    /// Calls a day (UTC), in place of what the edition allows: 80 for Basic, no limit for others.
    /// The count is kept over restarts in a ConfigMap beside the lease.
    #[arg(long, env = "DATAWORKS_REQUESTS_PER_DAY", value_parser = clap::value_parser!(u64).range(1..))]
    pub requests_per_day: Option<u64>,

    /// How often each workspace is listed to find what others changed; such changes are undone.
    /// Costs a call for each 100 resources of the workspace.
    #[arg(long, env = "DATAWORKS_DRIFT_INTERVAL", default_value = "1h", value_parser = duration)]
    pub drift_interval: SignedDuration,

    /// HTTP proxy for calls to the cloud. Absent: none; the usual proxy variables are not read.
    #[arg(long, env = "DATAWORKS_PROXY", hide_env_values = true)]
    pub proxy: Option<SecretString>,

    /// Take the proxy for calls to the cloud from HTTPS_PROXY, and what is called without it from
    /// NO_PROXY.
    #[arg(long, env = "DATAWORKS_PROXY_FROM_ENVIRONMENT", conflicts_with = "proxy")]
    pub proxy_from_environment: bool,

    /// Namespaces to watch, comma separated. Absent: all.
    #[arg(long, env = "DATAWORKS_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,

    /// A name for this cluster in create intents. Absent: the uid of namespace kube-system.
    #[arg(long, env = "DATAWORKS_CLUSTER_ID")]
    pub cluster_id: Option<String>,

    /// The uid of this pod; two processes with the same one never run at a time. Absent: a new
    /// one for each process, which makes it wait longer after a crash.
    #[arg(long, env = "POD_UID")]
    pub pod_uid: Option<String>,

    /// Work without leader election: for a single process only.
    #[arg(long, env = "DATAWORKS_NO_LEADER_ELECT")]
    pub no_leader_elect: bool,

    /// Namespace of the lease. Absent: the namespace that the process runs in.
    #[arg(long, env = "POD_NAMESPACE")]
    pub lease_namespace: Option<String>,

    /// Name of the lease.
    #[arg(long, env = "DATAWORKS_LEASE_NAME", default_value = "dataworks-operator")]
    pub lease_name: String,

    /// How long a leader may be silent before another process takes over; it gives up by itself
    /// after two thirds of that. Whole seconds, at least 3.
    #[arg(long, env = "DATAWORKS_LEASE_DURATION", default_value = "15s", value_parser = lease)]
    pub lease_duration: SignedDuration,

    /// Where /livez and /readyz are served.
    #[arg(long, env = "DATAWORKS_HEALTH_ADDRESS", default_value = "0.0.0.0:8081")]
    pub health_address: SocketAddr,

    /// Where /metrics is served.
    #[arg(long, env = "DATAWORKS_METRICS_ADDRESS", default_value = "0.0.0.0:8080")]
    pub metrics_address: SocketAddr,

    /// How a log line looks.
    #[arg(long, env = "DATAWORKS_LOG_FORMAT", value_enum, default_value = "json")]
    pub log_format: LogFormat,

    /// Which lines are logged: a level, or levels by module (info,dataworks_operator=debug).
    #[arg(long, env = "DATAWORKS_LOG", default_value = "info")]
    pub log: String,

    /// A file, such as a mounted ConfigMap key, that holds what --log would: read again every few
    /// seconds and on SIGHUP. Absent or empty: --log holds.
    #[arg(long, env = "DATAWORKS_LOG_FILE")]
    pub log_file: Option<PathBuf>,

    /// Times that "never make a file twice" rests on.
    #[command(flatten, next_help_heading = "Bounds (advanced)")]
    pub bounds: BoundsArgs,
}

/// An edition of DataWorks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Edition {
    /// At most 5 calls a second and 100 a day.
    #[value(name = "Basic")]
    Basic,
    /// At most 5 calls a second.
    #[value(name = "Standard")]
    Standard,
    /// At most 5 calls a second.
    #[value(name = "Professional")]
    Professional,
    /// At most 50 reads and 20 writes a second.
    #[value(name = "Enterprise")]
    Enterprise,
}

impl From<Edition> for v1alpha1::Edition {
    fn from(edition: Edition) -> Self {
        match edition {
            Edition::Basic => Self::Basic,
            Edition::Standard => Self::Standard,
            Edition::Professional => Self::Professional,
            Edition::Enterprise => Self::Enterprise,
        }
    }
}

/// The bounds, as flags.
#[derive(Args, Clone, Copy, Debug)]
pub struct BoundsArgs {
    /// Deadline of a write, and how long a dying connection may still deliver it.
    #[arg(long, env = "DATAWORKS_CALL_DEADLINE", default_value = "30s", value_parser = duration)]
    pub call_deadline: SignedDuration,
    /// How late the service may list what it did.
    #[arg(long, env = "DATAWORKS_COMMIT_LAG", default_value = "60s", value_parser = duration)]
    pub commit_lag: SignedDuration,
    /// How long the service accepts a signature.
    #[arg(long, env = "DATAWORKS_SIGNATURE_VALIDITY", default_value = "15m", value_parser = duration)]
    pub signature_validity: SignedDuration,
    /// From the intent to the sending of its request.
    #[arg(long, env = "DATAWORKS_START_DEADLINE", default_value = "30s", value_parser = duration)]
    pub start_deadline: SignedDuration,
    /// How far the service's clock and ours may differ.
    #[arg(long, env = "DATAWORKS_CLOCK_SKEW", default_value = "2m", value_parser = duration)]
    pub clock_skew: SignedDuration,
}

impl BoundsArgs {
    /// As the core takes them.
    #[must_use]
    pub fn bounds(self) -> Bounds {
        Bounds {
            call: self.call_deadline,
            lag: self.commit_lag,
            signature: self.signature_validity,
            start: self.start_deadline,
            skew: self.clock_skew,
        }
    }
}

fn project(text: &str) -> Result<ProjectId, String> {
    text.trim().parse().map_err(|_| "a workspace id is a positive whole number".to_owned())
}

fn assumable(text: &str) -> Result<AssumableRole, String> {
    match text.trim().split_once('=') {
        Some((namespace, role_arn)) if !namespace.is_empty() && role_arn.starts_with("acs:ram::") => {
            Ok(AssumableRole { namespace: namespace.to_owned(), role_arn: role_arn.to_owned() })
        }
        Some(_) | None => Err("NAMESPACE=acs:ram::ACCOUNT:role/NAME".to_owned()),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        Ok(_) | Err(_) => Err("a number above 0".to_owned()),
    }
}

pub(super) fn duration(text: &str) -> Result<SignedDuration, String> {
    match text.parse::<SignedDuration>() {
        Ok(span) if span.is_positive() => Ok(span),
        Ok(_) | Err(_) => Err("a duration such as 30s, 15m or 1h".to_owned()),
    }
}

fn lease(text: &str) -> Result<SignedDuration, String> {
    match duration(text)? {
        span if span.as_secs() >= 3 && span.subsec_nanos() == 0 => Ok(span),
        _ => Err("whole seconds, at least 3s".to_owned()),
    }
}
