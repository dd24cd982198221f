//! One look at a DataWorksWorkspace: whose identity, whose budget, then GetProject.
//!
//! It must not know Kubernetes objects but the spec, nor what follows from what it sees.

use std::sync::Arc;
use std::time::Duration;

use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::{DataWorksWorkspaceSpec, Edition, ProjectFacts, ProjectMode};
use dataworks_core::codes::{HOST_UNRESOLVED, NO_CREDENTIALS};
use dataworks_core::fault::{Class, Fault};
use dataworks_core::ids::{Digest, ProjectId};
use dataworks_core::workspace::Verdict;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use tokio::sync::Semaphore;
use tracing::warn;

use super::connection::{Connection, UPLOADS};
use super::keyring::Identified;
use super::limiter::Limiter;
use super::payers::{Figures, Identity, Payer};
use super::tend::Tended;
use crate::context::Context;
use crate::controller::places::ConnectionId;
use crate::dataworks::credentials::{CredentialSource, Credentials};
use crate::dataworks::endpoint::Endpoint;
use crate::dataworks::{Client, CloudClock};

/// A look waits for its permit so long.
const PERMIT_PATIENCE: Duration = Duration::from_secs(10);
/// A workspace that takes changes.
const AVAILABLE: &str = "Available";

impl Tended {
    /// Credentials, then one GetProject.
    pub(super) async fn judge(&mut self, spec: &DataWorksWorkspaceSpec) -> Result<ProjectFacts, Verdict> {
        let endpoint_not_allowed = |why| Verdict::closed(Reason::EndpointNotAllowed, why);
        let ctx = Arc::clone(&self.ctx);
        let making = &ctx.workspaces.making;
        let endpoint = making.endpoint(spec).map_err(endpoint_not_allowed)?;
        let sts = making.sts(spec).map_err(endpoint_not_allowed)?;
        let project = ProjectId::new(spec.project_id)
            .ok_or_else(|| Verdict::closed(Reason::InvalidSpec, "spec.projectId is not positive."))?;
        let identified = self.keyring.identify(&ctx, &self.key, spec).await?;
        let (source, account) = match identified {
            Identified::Operator => (ctx.connections.default().cloud.credentials().clone(), None),
            Identified::Other { source, account } => (source, account),
        };
        let own = spec.credentials.is_some();
        // First the credentials themselves: who has none pays for nothing, and counts nowhere as whom he names.
        let key = source.current().await.map_err(|error| {
            let unresolved = own && error.is_unresolved();
            let fault = Fault {
                class: error.class(),
                code: if unresolved { HOST_UNRESOLVED } else { NO_CREDENTIALS }.to_owned(),
                message: error.to_string(),
                request_id: error.request_id().map(str::to_owned),
                retry_after: None,
            };
            let host = (&sts, making.sts.is_none());
            failed(&fault, spec, host, Timestamp::now())
        })?;
        let clock = self.clock(&endpoint);
        let cloud = making.client(spec.region.parse().ok(), endpoint.clone(), sts.clone(), source, clock);
        let limiter = if own {
            let identity = self.identity(&cloud, &key, account).await;
            let payer = Payer { identity, realm: endpoint.realm() };
            know_default_payer(&ctx).await;
            ctx.connections.budget(&self.key, payer, figures(spec))
        } else {
            self.operators_budget(&endpoint).await
        };
        let connection = Arc::new(Connection {
            id: ConnectionId::Workspace(self.key.clone()),
            cloud,
            limiter,
            listings: Arc::clone(&self.listings),
            runs: Arc::clone(&self.runs),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            interval: interval(spec).unwrap_or(making.interval),
            realm: endpoint.realm(),
            proxied: making.is_proxied(&endpoint),
        });
        let facts = self.ask(&connection, project, spec, &endpoint).await?;
        self.listings.forgive(project);
        ctx.connections.set(&self.key, connection);
        ctx.proved(&ConnectionId::Workspace(self.key.clone()), project);
        Ok(facts)
    }

    /// The time of the service there, as earlier looks have learnt it: a refused look must not begin anew.
    fn clock(&mut self, endpoint: &Endpoint) -> CloudClock {
        if let Some((of, clock)) = &self.clock
            && of == endpoint
        {
            return clock.clone();
        }
        let clock = CloudClock::default();
        self.clock = Some((endpoint.clone(), clock.clone()));
        clock
    }

    /// GetProject: is it there, does it take changes?
    async fn ask(
        &self,
        connection: &Connection,
        project: ProjectId,
        spec: &DataWorksWorkspaceSpec,
        endpoint: &Endpoint,
    ) -> Result<ProjectFacts, Verdict> {
        let Connection { cloud, limiter, .. } = connection;
        let departure = limiter.departure_within(self.purpose, PERMIT_PATIENCE).await;
        let departure = departure.map_err(|until| Verdict::Retrying {
            reason: Reason::QuotaExhausted,
            message: format!(
                "The identity's calls in this region are used up; it goes on at {}.",
                dataworks_core::state::whole(until)
            ),
            fault: None,
        })?;
        let answer = departure.with(cloud.get_project(project)).await;
        let host = (endpoint, spec.endpoint.is_none());
        let answer = answer.map_err(|fault| failed(&fault, spec, host, cloud.cloud_now()))?;
        if answer.status != AVAILABLE {
            return Err(Verdict::closed(
                Reason::WorkspaceNotAvailable,
                format!(
                    "The service says that workspace {project} is {:?}, so it takes no changes. Have it made available in the \
                     console.",
                    answer.status
                ),
            ));
        }
        let standard = answer.dev_environment_enabled;
        let mode = standard.map(|has| if has { ProjectMode::Standard } else { ProjectMode::Simple });
        Ok(ProjectFacts { name: Some(answer.name.chars().take(255).collect()), mode })
    }

    /// Whose calls they are: the account of the role, or of the key by one call to STS, else the key's own.
    async fn identity(
        &mut self,
        cloud: &Client,
        key: &Arc<Credentials>,
        account: Option<Identity>,
    ) -> Identity {
        if let Some(account) = account {
            return account;
        }
        if let Some((known, identity)) = &self.identity
            && Arc::ptr_eq(known, key)
        {
            return identity.clone();
        }
        match cloud.get_caller_identity().await {
            Ok(caller) => {
                let identity = Identity::Account(caller.account_id);
                self.identity = Some((Arc::clone(key), identity.clone()));
                identity
            }
            // Whoever tries one wrong key after the other has one budget for all of them.
            Err(fault) if fault.class == Class::Denied => Identity::Key(self.key.to_string()),
            Err(fault) => {
                warn!(
                    namespace = %self.key.namespace, name = %self.key.name, code = fault.code, error = fault.message,
                    "whose key it is cannot be told: until it can, its calls are counted apart from the account's"
                );
                self.unidentified();
                unproven(key)
            }
        }
    }

    /// Asks once more whose key it is. True when it can be told.
    pub(super) async fn identify_again(&mut self) -> bool {
        let connection = self.ctx.connections.get(&ConnectionId::Workspace(self.key.clone()));
        let Some(connection) = connection else { return false };
        let told = connection.cloud.get_caller_identity().await.is_ok();
        if !told {
            self.unidentified();
        }
        told
    }

    /// The default connection's budget, where that is of the same service; else one of the operator's identity there.
    async fn operators_budget(&self, endpoint: &Endpoint) -> Limiter {
        let default = self.ctx.connections.default();
        if default.realm == endpoint.realm() {
            return default.limiter.clone();
        }
        let identity = operators_identity(&self.ctx).await;
        let payer = Payer { identity, realm: endpoint.realm() };
        self.ctx.connections.budget(&self.key, payer, self.ctx.connections.operators_figures())
    }
}

/// What stands for the account of a key that STS does not tell: only who has its secret shares its budget.
fn unproven(key: &Credentials) -> Identity {
    let both = format!("{}/{}", key.access_key_id, key.access_key_secret.expose_secret());
    Identity::Key(Digest::of(both.as_bytes()).to_string())
}

/// What a look that failed makes of the workspace; `of_region`: the host's name was made of the region's.
fn failed(
    fault: &Fault,
    spec: &DataWorksWorkspaceSpec,
    (host, of_region): (&Endpoint, bool),
    now: Timestamp,
) -> Verdict {
    if fault.code == HOST_UNRESOLVED {
        return Verdict::unresolved(fault, &host.host(), of_region.then_some(&spec.region));
    }
    Verdict::of_fault(fault, spec.project_id, &place(spec), now)
}

/// Where a workspace was looked for.
fn place(spec: &DataWorksWorkspaceSpec) -> String {
    match &spec.endpoint {
        Some(host) => format!("region {} at {host}", spec.region),
        None => format!("region {}", spec.region),
    }
}

/// Finds out, where it matters for the first time, who pays for the default connection.
async fn know_default_payer(ctx: &Context) {
    if ctx.connections.knows_default_payer() {
        return;
    }
    let default = ctx.connections.default();
    if let CredentialSource::Absent(_) = default.cloud.credentials() {
        return;
    }
    // Where it cannot be told now, it is asked for at the next look.
    if let identity @ Identity::Account(_) = operators_identity(ctx).await {
        ctx.connections.set_default_payer(Payer { identity, realm: default.realm.clone() });
    }
}

async fn operators_identity(ctx: &Context) -> Identity {
    let cloud = &ctx.connections.default().cloud;
    match cloud.get_caller_identity().await {
        Ok(caller) => Identity::Account(caller.account_id),
        Err(_) => {
            let key = cloud.credentials().current().await;
            key.map_or_else(|_| Identity::Key(String::new()), |key| unproven(&key))
        }
    }
}

fn figures(spec: &DataWorksWorkspaceSpec) -> Figures {
    let edition = spec.edition.unwrap_or(Edition::Standard);
    let asked = spec.requests_per_second.map(f64::from).filter(|rate| *rate > 0.0);
    let per_day = spec.requests_per_day.and_then(|calls| u64::try_from(calls).ok());
    Figures {
        per_second: asked.unwrap_or_else(|| edition.requests_per_second()),
        per_day: per_day.or_else(|| edition.requests_per_day()),
    }
}

fn interval(spec: &DataWorksWorkspaceSpec) -> Option<SignedDuration> {
    spec.drift_interval.as_ref()?.parse().ok().filter(SignedDuration::is_positive)
}
