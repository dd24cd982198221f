//! What the client of a DataWorksWorkspace is made of, and what an administrator allows it to be.

use std::fmt;
use std::time::Duration;

use dataworks_core::api::v1alpha1::{AssumeRole, DataWorksWorkspaceSpec, Network as WrittenNetwork, Rrsa};
use dataworks_core::object::{ObjectKey, Uid};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::jiff::SignedDuration;
use kube::Api;
use kube::api::PostParams;
use secrecy::SecretString;

use super::payers::Identity;
use super::secret::Secrets;
use crate::cli::AssumableRole;
use crate::dataworks::credentials::{
    AccountRole, ChainedRole, CredentialError, CredentialSource, Provider, Reach, Renewal, TokenGiver,
};
use crate::dataworks::endpoint::{Endpoint, InvalidEndpoint, Network, Region};
use crate::dataworks::upload::UploadConfig;
use crate::dataworks::{Client, ClientConfig, CloudClock, Observer, Proxy, Transport};

/// Whom a ServiceAccount's token is for: what the OIDC provider in RAM expects.
const AUDIENCE: &str = "sts.aliyuncs.com";
/// Seconds that such a token is good for: it is used at once, and this is the least that there is.
const TOKEN_SECONDS: i64 = 600;
/// Deadline of the wish for one.
const DEADLINE: Duration = Duration::from_secs(15);
/// Longest name of a role's session.
const SESSION_LENGTH: usize = 64;

/// What all clients have in common.
#[derive(Clone)]
pub struct Making {
    /// The connections of the process.
    pub transport: Transport,
    /// The proxy that they go through.
    pub proxy: Option<Proxy>,
    /// Told of each call.
    pub observer: Observer,
    /// The way to STS.
    pub reach: Reach,
    /// Where STS is; absent: in the region of the workspace.
    pub sts: Option<Endpoint>,
    /// STS is reached by its address in the VPC.
    pub sts_vpc: bool,
    /// Where uploads are authorized, and the endpoints that a workspace may name beside the service's own.
    pub upload: UploadConfig,
    /// Roles that may be assumed with the operator's own identity.
    pub roles: Vec<AssumableRole>,
    /// How often workspaces are looked at that do not say it.
    pub interval: SignedDuration,
    /// The cluster, for tokens.
    pub kube: kube::Client,
    /// Its Secrets.
    pub secrets: Secrets,
    /// The RoleBinding that gives the right to these.
    pub binding: String,
}

impl fmt::Debug for Making {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Making")
            .field("allowed", &self.upload.allowed)
            .field("sts", &self.sts)
            .finish_non_exhaustive()
    }
}

impl Making {
    /// Where the service is that a workspace means.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub fn endpoint(&self, spec: &DataWorksWorkspaceSpec) -> Result<Endpoint, String> {
        if let Some(host) = &spec.endpoint {
            return Endpoint::named(host, &self.upload.allowed).ok_or_else(|| {
                format!(
                    "The operator does not call {host:?}: an endpoint is dataworks.REGION.aliyuncs.com or \
                     dataworks-vpc.REGION.aliyuncs.com. An administrator can allow others with --allowed-endpoints."
                )
            });
        }
        let network = network(spec);
        let region = region(spec)?;
        Endpoint::dataworks(&region, network).map_err(|error| sentence(&error))
    }

    /// Where STS is for a workspace.
    ///
    /// # Errors
    /// What is wrong.
    pub fn sts(&self, spec: &DataWorksWorkspaceSpec) -> Result<Endpoint, String> {
        if let Some(endpoint) = &self.sts {
            return Ok(endpoint.clone());
        }
        let network = if self.sts_vpc { Network::Vpc } else { network(spec) };
        Endpoint::sts(Some(&region(spec)?), network).map_err(|error| sentence(&error))
    }

    /// A client for workspaces of this region.
    #[must_use]
    pub fn client(
        &self,
        region: Option<Region>,
        endpoint: Endpoint,
        sts_endpoint: Endpoint,
        credentials: CredentialSource,
        clock: CloudClock,
    ) -> Client {
        Client::new(ClientConfig {
            endpoint,
            sts_endpoint,
            upload: UploadConfig { region, ..self.upload.clone() },
            credentials,
            transport: self.transport.clone(),
            clock,
            observer: Some(std::sync::Arc::clone(&self.observer)),
        })
    }

    /// Whether calls to this endpoint go through a proxy.
    #[must_use]
    pub fn is_proxied(&self, endpoint: &Endpoint) -> bool {
        self.proxy.as_ref().is_some_and(|proxy| proxy.carries(endpoint.url()))
    }

    /// Credentials of a role that trusts a ServiceAccount.
    #[must_use]
    pub fn account_role(&self, workspace: &ObjectKey, rrsa: &Rrsa, endpoint: Endpoint) -> CredentialSource {
        let Rrsa { role_arn, oidc_provider_arn, service_account_name } = rrsa;
        let account = Account {
            namespace: workspace.namespace.to_string(),
            name: service_account_name.clone(),
            binding: self.binding.clone(),
        };
        let kube = self.kube.clone();
        let role = AccountRole {
            role_arn: role_arn.clone(),
            provider_arn: oidc_provider_arn.clone(),
            session_name: session(workspace),
            token: TokenGiver::new(move || Box::pin(token(kube.clone(), account.clone()))),
        };
        renewed(Provider::Account { role, endpoint, reach: self.reach.clone() })
    }

    /// Whether a namespace may have the operator assume this role.
    #[must_use]
    pub fn may_assume(&self, namespace: &str, role_arn: &str) -> bool {
        self.roles.iter().any(|role| role.allows(namespace, role_arn))
    }

    /// Credentials of a role that trusts the operator, whose own are `operator`'s.
    #[must_use]
    pub fn chained_role(
        &self,
        workspace: &ObjectKey,
        role: &AssumeRole,
        sts: Endpoint,
        operator: &CredentialSource,
    ) -> CredentialSource {
        let AssumeRole { role_arn, external_id } = role;
        let session_name = session(workspace);
        let role = ChainedRole { role_arn: role_arn.clone(), external_id: external_id.clone(), session_name };
        let client = self.client(None, sts.clone(), sts, operator.clone(), CloudClock::default());
        renewed(Provider::Chained { role, client })
    }
}

/// The account that a role is of.
#[must_use]
pub fn account_of(role_arn: &str) -> Option<Identity> {
    let account = role_arn.split(':').nth(3).filter(|text| !text.is_empty())?;
    Some(Identity::Account(account.to_owned()))
}

fn renewed(provider: Provider) -> CredentialSource {
    let salt = Uid::new(&uuid::Uuid::new_v4().to_string());
    CredentialSource::Renewed(Renewal::start(provider, salt))
}

fn network(spec: &DataWorksWorkspaceSpec) -> Network {
    match spec.network {
        Some(WrittenNetwork::Vpc) => Network::Vpc,
        Some(WrittenNetwork::Public) | None => Network::Public,
    }
}

fn region(spec: &DataWorksWorkspaceSpec) -> Result<Region, String> {
    let region: Option<Region> = spec.region.parse().ok();
    region
        .filter(Region::is_geographic)
        .ok_or_else(|| format!("{:?} is no region's id; write one such as cn-shanghai.", spec.region))
}

fn sentence(error: &InvalidEndpoint) -> String {
    format!("There is no such endpoint: {error}.")
}

/// What the account's audit trail shows.
fn session(workspace: &ObjectKey) -> String {
    let mut name = format!("{}.{}", workspace.namespace, workspace.name);
    name.truncate(SESSION_LENGTH);
    name
}

/// A ServiceAccount.
#[derive(Clone, Debug)]
struct Account {
    namespace: String,
    name: String,
    /// What gives the right to its tokens.
    binding: String,
}

/// A token of a ServiceAccount for RAM.
async fn token(kube: kube::Client, account: Account) -> Result<SecretString, CredentialError> {
    let Account { namespace, name, binding } = account;
    let accounts: Api<ServiceAccount> = Api::namespaced(kube, &namespace);
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: vec![AUDIENCE.to_owned()],
            expiration_seconds: Some(TOKEN_SECONDS),
            bound_object_ref: None,
        },
        ..TokenRequest::default()
    };
    let none = |why: String, passing| CredentialError::Account { why, passing };
    let params = PostParams::default();
    let asked = accounts.create_token_request(&name, &params, &request);
    match tokio::time::timeout(DEADLINE, asked).await {
        Ok(Ok(answer)) => match answer.status {
            Some(status) if !status.token.is_empty() => Ok(status.token.into()),
            Some(_) | None => {
                Err(none(format!("the API server gave no token of ServiceAccount {name:?}"), true))
            }
        },
        Ok(Err(kube::Error::Api(status))) if status.is_forbidden() => Err(none(
            format!(
                "the operator may not ask for a token of ServiceAccount {name:?} in namespace {namespace:?}; {}",
                super::secret::allow(&binding, &namespace)
            ),
            false,
        )),
        Ok(Err(kube::Error::Api(status))) if status.is_not_found() => {
            Err(none(format!("there is no ServiceAccount {name:?} in namespace {namespace:?}"), false))
        }
        Ok(Err(_)) => Err(none(
            format!("the API server could not be asked for a token of ServiceAccount {name:?}"),
            true,
        )),
        Err(_) => {
            Err(none(format!("the API server did not give a token of ServiceAccount {name:?} in time"), true))
        }
    }
}
