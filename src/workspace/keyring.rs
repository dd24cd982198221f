//! Whose identity a DataWorksWorkspace is reached with: from what its spec names to credentials, kept until it names
//! something else.
//!
//! It must not know what is done with them. The rule it keeps: what is named and fails is an error with its reason,
//! never a reason to try another identity.

use std::sync::Arc;

use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::{
    AssumeRole, DataWorksWorkspaceSpec, Network, Rrsa, SecretRef, WorkspaceCredentials,
};
use dataworks_core::ids::ProjectId;
use dataworks_core::object::ObjectKey;
use dataworks_core::plan::Permission;
use dataworks_core::workspace::Verdict;
use tokio::sync::watch;

use super::making::account_of;
use super::payers::Identity;
use super::secret::{Key, Watched, allow};
use crate::context::Context;
use crate::dataworks::credentials::{CredentialSource, Credentials};

/// What a spec came to.
#[derive(Clone, Debug)]
pub enum Identified {
    /// The operator itself.
    Operator,
    /// Somebody else.
    Other {
        /// What to sign with.
        source: CredentialSource,
        /// The account, where it is known without a call.
        account: Option<Identity>,
    },
}

/// What is kept of the credentials of one workspace.
#[derive(Debug, Default)]
pub struct Keyring {
    /// What the spec named, and the network on which STS is asked for it.
    named: Option<WorkspaceCredentials>,
    network: Option<Network>,
    secret: Option<Watched>,
    /// The last key that the Secret gave.
    key: Option<Arc<Credentials>>,
    role: Option<CredentialSource>,
    returns: Option<watch::Receiver<u64>>,
}

impl Keyring {
    /// The identity that the spec names.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn identify(
        &mut self,
        ctx: &Context,
        workspace: &ObjectKey,
        spec: &DataWorksWorkspaceSpec,
    ) -> Result<Identified, Verdict> {
        if self.named != spec.credentials || self.network != spec.network {
            *self = Self { named: spec.credentials.clone(), network: spec.network, ..Self::default() };
        }
        match &spec.credentials {
            None => {
                self.follow(ctx.connections.default().cloud.credentials());
                operator(ctx, workspace, spec)
            }
            Some(WorkspaceCredentials {
                secret_ref: Some(SecretRef { name }),
                rrsa: None,
                assume_role: None,
            }) => self.of_secret(ctx, workspace, name).await,
            Some(WorkspaceCredentials { secret_ref: None, rrsa: Some(rrsa), assume_role: None }) => {
                let Rrsa { role_arn, .. } = rrsa;
                let sts = ctx.workspaces.making.sts(spec).map_err(invalid)?;
                let making = &ctx.workspaces.making;
                let source =
                    self.role.get_or_insert_with(|| making.account_role(workspace, rrsa, sts)).clone();
                self.follow(&source);
                Ok(Identified::Other { source, account: account_of(role_arn) })
            }
            Some(WorkspaceCredentials { secret_ref: None, rrsa: None, assume_role: Some(role) }) => {
                let AssumeRole { role_arn, .. } = role;
                let making = &ctx.workspaces.making;
                if !making.may_assume(&workspace.namespace, role_arn) {
                    return Err(Verdict::closed(
                        Reason::ConnectionNotAllowed,
                        format!(
                            "Namespace {:?} may not have the operator assume the role {role_arn}. An administrator can add \
                             {}={role_arn} to DATAWORKS_ASSUME_ROLES.",
                            workspace.namespace, workspace.namespace
                        ),
                    ));
                }
                let sts = making.sts(spec).map_err(invalid)?;
                let operator = ctx.connections.default().cloud.credentials();
                let chained = || making.chained_role(workspace, role, sts, operator);
                let source = self.role.get_or_insert_with(chained).clone();
                self.follow(&source);
                Ok(Identified::Other { source, account: account_of(role_arn) })
            }
            Some(_) => Err(Verdict::closed(
                Reason::InvalidSpec,
                "spec.credentials needs exactly one of secretRef, rrsa and assumeRole.",
            )),
        }
    }

    async fn of_secret(
        &mut self,
        ctx: &Context,
        workspace: &ObjectKey,
        name: &str,
    ) -> Result<Identified, Verdict> {
        let start = || Watched::start(&ctx.workspaces.making.secrets, workspace, name);
        let key = self.secret.get_or_insert_with(start).current().await;
        let namespace = &workspace.namespace;
        match key {
            Key::Given(key) => {
                // The same key again is the same source.
                let key = match &self.key {
                    Some(held) if same(held, &key) => Arc::clone(held),
                    Some(_) | None => key,
                };
                self.key = Some(Arc::clone(&key));
                Ok(Identified::Other { source: CredentialSource::Fixed(key), account: None })
            }
            Key::Absent => Err(Verdict::closed(
                Reason::SecretNotFound,
                format!(
                    "There is no Secret {name:?} in namespace {namespace:?}. Make it with the keys accessKeyId and \
                     accessKeySecret."
                ),
            )),
            Key::Invalid(why) => Err(Verdict::closed(Reason::SecretInvalid, why)),
            Key::Forbidden => Err(Verdict::closed(
                Reason::SecretForbidden,
                format!(
                    "The operator may not read Secret {name:?} in namespace {namespace:?}; {}.",
                    allow(&ctx.workspaces.making.binding, namespace)
                ),
            )),
            Key::Unread => Err(Verdict::Retrying {
                reason: Reason::DependencyNotReady,
                message: format!("Secret {name:?} could not be read from the API server; it is tried again."),
                fault: None,
            }),
        }
    }

    /// A person asks for a look: what could not be read is read again soon.
    pub fn ask(&self) {
        if let Some(secret) = &self.secret {
            secret.ask();
        }
    }

    fn follow(&mut self, source: &CredentialSource) {
        if self.returns.is_none() {
            self.returns = source.returns();
        }
    }

    /// Ends when the identity may be another than it was, or is there again.
    pub async fn changed(&mut self) {
        let Self { secret, returns, .. } = self;
        let secret = async {
            match secret {
                Some(secret) => secret.changed().await,
                None => std::future::pending().await,
            }
        };
        let returns = async {
            let gone = match returns {
                Some(returns) => returns.changed().await.is_err(),
                None => true,
            };
            if gone {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = secret => {}
            () = returns => {}
        }
    }
}

/// Without credentials it is the operator itself, where the default connection is allowed.
fn operator(
    ctx: &Context,
    workspace: &ObjectKey,
    spec: &DataWorksWorkspaceSpec,
) -> Result<Identified, Verdict> {
    let namespace = &workspace.namespace;
    let Some(project) = ProjectId::new(spec.project_id) else {
        return Err(Verdict::closed(Reason::InvalidSpec, "spec.projectId is not positive."));
    };
    let message = match ctx.policy.permission(namespace, project) {
        Permission::Allowed => return Ok(Identified::Operator),
        Permission::NamespaceNotListed => format!(
            "Namespace {namespace:?} may not use the operator's own identity. Write spec.credentials; or an administrator adds \
             the namespace to DATAWORKS_DEFAULT_CONNECTION_NAMESPACES."
        ),
        Permission::ProjectNotListed | Permission::Closed(_) | Permission::WorkspaceNotReady(_) => format!(
            "Workspace {project} may not be reached with the operator's own identity. Write spec.credentials; or an \
             administrator adds it to DATAWORKS_DEFAULT_CONNECTION_PROJECTS."
        ),
    };
    Err(Verdict::closed(Reason::ConnectionNotAllowed, message))
}

fn invalid(why: String) -> Verdict {
    Verdict::closed(Reason::EndpointNotAllowed, why)
}

fn same(one: &Credentials, other: &Credentials) -> bool {
    use secrecy::ExposeSecret as _;
    let token = |key: &Credentials| key.security_token.as_ref().map(|token| token.expose_secret().to_owned());
    one.access_key_id == other.access_key_id
        && one.access_key_secret.expose_secret() == other.access_key_secret.expose_secret()
        && token(one) == token(other)
}
