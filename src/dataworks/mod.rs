//! The DataWorks API: one method for each operation, each sending one request.
//!
//! It knows the wire (signature, encoding, endpoints, answers) and turns whatever comes back into
//! the core's words: a [`Fault`] for a read, an [`Outcome`] for a write. It must not know
//! Kubernetes objects, budgets or what will be done about a failure. The rules it keeps: nothing
//! is sent twice; every call ends by its deadline; no secret, token, signature, document or
//! content is logged, shown or put into a message.
//!
//! A future that is dropped after its first poll leaves a write of unknown outcome.

use std::fmt;
use std::sync::Arc;

use dataworks_core::fault::{Fault, Outcome};
use dataworks_core::ids::{ProjectId, ResourceId};
use k8s_openapi::jiff::Timestamp;

mod answer;
mod call;
mod clock;
pub mod credentials;
pub mod encode;
pub mod endpoint;
mod error;
mod key;
mod pipelines;
mod proxy;
mod run_answer;
pub mod sign;
mod transport;
mod trust;
pub mod types;
pub mod upload;

pub use call::{CallRecord, Observer};
pub use clock::{Clock, CloudClock};
pub use error::OWN_CODES;
pub use pipelines::{NewRun, RunFilter};
pub use proxy::{InvalidProxy, Proxy};
pub use transport::{BODY_LIMIT, Transport, TransportConfig, TransportError};
pub use trust::{Trust, TrustError};

use call::{Call, Service};
use credentials::{ChainedRole, CredentialSource};
use endpoint::Endpoint;
use error::{Effect, Failure};
use types::{Assumed, CallerIdentity, Created, ListFilter, Page, Project, Resource, Written};
use upload::UploadConfig;

/// What a [`Client`] is made of.
pub struct ClientConfig {
    /// Where DataWorks is.
    pub endpoint: Endpoint,
    /// Where STS is, for [`Client::get_caller_identity`].
    pub sts_endpoint: Endpoint,
    /// Where files are uploaded.
    pub upload: UploadConfig,
    /// Who signs.
    pub credentials: CredentialSource,
    /// The connections, shared by all clients of the process.
    pub transport: Transport,
    /// The time of the service there.
    pub clock: CloudClock,
    /// Told of each call when it has ended.
    pub observer: Option<Observer>,
}

/// One connection to DataWorks: an endpoint and an identity. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    endpoint: Endpoint,
    sts_endpoint: Endpoint,
    upload: UploadConfig,
    credentials: CredentialSource,
    transport: Transport,
    clock: CloudClock,
    observer: Option<Observer>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.inner.endpoint.to_string())
            .field("clock", &self.inner.clock)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client; nothing is contacted.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        let ClientConfig { endpoint, sts_endpoint, upload, credentials, transport, clock, observer } = config;
        Self {
            inner: Arc::new(Inner {
                endpoint,
                sts_endpoint,
                upload,
                credentials,
                transport,
                clock,
                observer,
            }),
        }
    }

    /// The cloud's time: the local clock, corrected by the dates of answers.
    #[must_use]
    pub fn cloud_now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Who signs.
    #[must_use]
    pub fn credentials(&self) -> &CredentialSource {
        &self.inner.credentials
    }

    /// CreateResource, on a connection of its own. `spec` is the FlowSpec text, `resource_file`
    /// the URL that the service fetches the content from.
    pub async fn create_resource(
        &self,
        project: ProjectId,
        spec: &str,
        resource_file: Option<&str>,
    ) -> Outcome<Created> {
        let project = project.to_string();
        let mut parameters = vec![("ProjectId", project.as_str()), ("Spec", spec)];
        parameters.extend(resource_file.map(|url| ("ResourceFile", url)));
        let call = Call::new("CreateResource", Effect::Create, &parameters);
        self.inner.call(&call, answer::created).await.map_or_else(Failure::outcome, Outcome::Done)
    }

    /// UpdateResource: what `spec` holds replaces, what it leaves out stays.
    pub async fn update_resource(
        &self,
        project: ProjectId,
        id: &ResourceId,
        spec: &str,
        resource_file: Option<&str>,
    ) -> Outcome<Written> {
        let mut parameters = vec![("Spec", spec)];
        parameters.extend(resource_file.map(|url| ("ResourceFile", url)));
        self.write("UpdateResource", project, id, &parameters).await
    }

    /// DeleteResource. A resource that is gone already is `Refused` with the class `NotFound`.
    pub async fn delete_resource(&self, project: ProjectId, id: &ResourceId) -> Outcome<Written> {
        self.write("DeleteResource", project, id, &[]).await
    }

    /// MoveResource to a folder, named without the file name; the root is the empty text.
    pub async fn move_resource(&self, project: ProjectId, id: &ResourceId, folder: &str) -> Outcome<Written> {
        self.write("MoveResource", project, id, &[("Path", folder)]).await
    }

    /// RenameResource: `name` is a file name.
    pub async fn rename_resource(&self, project: ProjectId, id: &ResourceId, name: &str) -> Outcome<Written> {
        self.write("RenameResource", project, id, &[("Name", name)]).await
    }

    /// GetResource.
    ///
    /// # Errors
    /// A fault; the class `NotFound` is definite.
    pub async fn get_resource(&self, project: ProjectId, id: &ResourceId) -> Result<Resource, Fault> {
        let project = project.to_string();
        let parameters = [("ProjectId", project.as_str()), ("Id", id.as_str())];
        let call = Call::new("GetResource", Effect::Read, &parameters);
        self.inner.call(&call, answer::resource).await.map_err(|failure| failure.fault)
    }

    /// One page of ListResources: `page` counts from 1, `size` is at most 100.
    ///
    /// # Errors
    /// A fault.
    pub async fn list_resources(
        &self,
        project: ProjectId,
        filter: &ListFilter,
        page: u32,
        size: u32,
    ) -> Result<Page, Fault> {
        let ListFilter { name, owner, type_ } = filter;
        let (project, page, size) = (project.to_string(), page.to_string(), size.to_string());
        let mut parameters =
            vec![("ProjectId", project.as_str()), ("PageNumber", &page), ("PageSize", &size)];
        parameters.extend(name.as_deref().map(|name| ("Name", name)));
        parameters.extend(owner.as_deref().map(|owner| ("Owner", owner)));
        parameters.extend(type_.as_deref().map(|type_| ("Type", type_)));
        let call = Call::new("ListResources", Effect::Read, &parameters);
        self.inner.call(&call, answer::page).await.map_err(|failure| failure.fault)
    }

    /// GetProject.
    ///
    /// # Errors
    /// A fault.
    pub async fn get_project(&self, project: ProjectId) -> Result<Project, Fault> {
        let project = project.to_string();
        let parameters = [("Id", project.as_str())];
        let call = Call::new("GetProject", Effect::Read, &parameters);
        self.inner.call(&call, answer::project).await.map_err(|failure| failure.fault)
    }

    /// GetCallerIdentity of STS: whose key this is. Not a DataWorks call, so it costs nothing of
    /// the budget.
    ///
    /// # Errors
    /// A fault.
    pub async fn get_caller_identity(&self) -> Result<CallerIdentity, Fault> {
        let call = Call { service: Service::Sts, ..Call::new("GetCallerIdentity", Effect::Read, &[]) };
        self.inner.call(&call, answer::caller_identity).await.map_err(|failure| failure.fault)
    }

    /// AssumeRole of STS: temporary credentials of another role. Not a DataWorks call either.
    ///
    /// # Errors
    /// A fault.
    pub async fn assume_role(&self, role: &ChainedRole) -> Result<Assumed, Fault> {
        let ChainedRole { role_arn, external_id, session_name } = role;
        let mut parameters = vec![
            ("RoleArn", role_arn.as_str()),
            ("RoleSessionName", session_name),
            ("DurationSeconds", "3600"),
        ];
        parameters.extend(external_id.as_deref().map(|id| ("ExternalId", id)));
        let call = Call { service: Service::Sts, ..Call::new("AssumeRole", Effect::Read, &parameters) };
        self.inner.call(&call, answer::assumed).await.map_err(|failure| failure.fault)
    }

    pub(in crate::dataworks) async fn write(
        &self,
        action: &'static str,
        project: ProjectId,
        id: &ResourceId,
        more: &[encode::Pair<'_>],
    ) -> Outcome<Written> {
        let project = project.to_string();
        let mut parameters = vec![("ProjectId", project.as_str()), ("Id", id.as_str())];
        parameters.extend_from_slice(more);
        let call = Call::new(action, Effect::Write, &parameters);
        self.inner.call(&call, answer::written).await.map_or_else(Failure::outcome, Outcome::Done)
    }
}
