//! The steps before content can be sent that stands in a ConfigMap: read it, upload it.
//!
//! Bytes are held while they are hashed or sent, in a few runs at a time, and never kept: text that goes in
//! the document becomes part of what is desired, all else is read again for the upload.

use std::sync::Arc;
use std::time::Duration;

use dataworks_core::api::v1alpha1::ConfigMapKeyRef;
use dataworks_core::desired::Desired;
use dataworks_core::fault::{Class, Fault};
use dataworks_core::ids::Digest;
use dataworks_core::plan::{SourceRead, Uploaded};
use k8s_openapi::jiff::SignedDuration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::info;

use super::{Flow, after_call_error, failed};
use crate::context::Context;
use crate::failpoint::{Place, around};
use crate::reconcile::config_map::ConfigMapKey;
use crate::reconcile::kube_client::CallError;
use crate::reconcile::observe::Subject;
use crate::reconcile::{Again, after};

/// Runs that read a ConfigMap at a time, and that upload one: 1 MiB each, and as much again of JSON for a moment.
const AT_ONCE: usize = 4;
/// A run waits this long for its turn, far longer than the others in front of it take on any network that
/// works; then it goes back to the queue.
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_OVER: SignedDuration = SignedDuration::from_secs(1);

/// The right to hold the bytes of a ConfigMap. What is read is not held up by uploads, which take as long as the
/// storage does.
#[derive(Debug)]
pub struct Slots {
    reads: Semaphore,
    uploads: Semaphore,
}

impl Default for Slots {
    fn default() -> Self {
        Self { reads: Semaphore::new(AT_ONCE), uploads: Semaphore::new(AT_ONCE) }
    }
}

async fn take(slots: &Semaphore) -> Result<SemaphorePermit<'_>, Flow> {
    let slot = tokio::time::timeout(PATIENCE, slots.acquire()).await;
    // The semaphore is never closed.
    slot.ok().and_then(Result::ok).ok_or(Flow::End(Again::InPlace(after(PATIENCE_OVER))))
}

/// Reads what the ConfigMap holds into what is desired.
pub(super) async fn read(ctx: &Arc<Context>, subject: &mut Subject, desired: Option<&mut Desired>) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    let _slot = match take(&ctx.content.reads).await {
        Ok(slot) => slot,
        Err(later) => return later,
    };
    match fetch(ctx, subject, desired).await {
        Ok(_) => Flow::Continue,
        Err(error) => after_call_error(&error),
    }
}

/// Uploads what the ConfigMap holds, if that still has this digest.
pub(super) async fn upload(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&mut Desired>,
    digest: Digest,
) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    // Those of its connection first: where the storage of one is out of reach, the others go on.
    let connection = Arc::clone(&subject.connection);
    let _of_connection = match take(&connection.uploads).await {
        Ok(slot) => slot,
        Err(later) => return later,
    };
    let _slot = match take(&ctx.content.uploads).await {
        Ok(slot) => slot,
        Err(later) => return later,
    };
    let bytes = match fetch(ctx, subject, desired).await {
        // It changed since it was read: the plan is made anew.
        Ok(_) if desired.to_upload() != Some(digest) => return Flow::Continue,
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Flow::Continue,
        Err(error) => return after_call_error(&error),
    };
    let length = bytes.len();
    let ticket = match subject.connection.cloud.authorize_file_upload().await {
        Ok(ticket) => ticket,
        Err(fault) => return failed(ctx, subject, of_upload(fault), None).await,
    };
    match around(Place::Upload, subject.connection.cloud.post_object(&ticket, bytes.into())).await {
        Ok(()) => {
            info!(
                action = "PostObject",
                bytes = length,
                requestId = ticket.request_id,
                why = subject.why,
                "uploaded"
            );
            let (url, at) = (ticket.resource_file(), subject.connection.cloud.cloud_now());
            subject.memory.uploaded = Some(Uploaded { digest, url, at });
            Flow::Continue
        }
        Err(fault) => failed(ctx, subject, of_upload(fault), None).await,
    }
}

/// The key's bytes, given to what is desired; `None` where there is nothing that could be sent, which is
/// then what the run knows of its source.
async fn fetch(
    ctx: &Context,
    subject: &mut Subject,
    desired: &mut Desired,
) -> Result<Option<Vec<u8>>, CallError> {
    let Some(reference) = desired.reference().cloned() else { return Ok(None) };
    let read = match ctx.kube.config_map_key(&subject.key.namespace, &reference).await {
        Ok(ConfigMapKey { source, bytes: Some(bytes) }) => match desired.give(&bytes) {
            Ok(()) => {
                subject.source = Some(SourceRead::Read(source));
                return Ok(Some(bytes));
            }
            Err(why) => format!("The key {:?} of ConfigMap {:?} {why}.", reference.key, reference.name),
        },
        Ok(ConfigMapKey { bytes: None, .. }) => format!(
            "ConfigMap {:?} has no key {:?} in data or binaryData. Add it, or name another key.",
            reference.name, reference.key
        ),
        Err(CallError::Gone) => {
            format!(
                "There is no ConfigMap {:?} in this namespace. It goes on when there is one.",
                reference.name
            )
        }
        Err(CallError::Forbidden(said)) => unreadable(&reference, &said),
        Err(error) => return Err(error),
    };
    desired.take_content();
    subject.source = Some(SourceRead::Missing(read));
    Ok(None)
}

fn unreadable(reference: &ConfigMapKeyRef, said: &str) -> String {
    format!(
        "ConfigMap {:?} cannot be read: {said}. The operator needs get, list and watch of configmaps in this namespace.",
        reference.name
    )
}

/// The limits of an upload are not those of the calls that the limiter hands out: it may pass.
fn of_upload(fault: Fault) -> Fault {
    let class = match fault.class {
        Class::Throttled | Class::Quota => Class::Transient,
        class @ (Class::Transient
        | Class::Denied
        | Class::Terminal
        | Class::NotFound
        | Class::AlreadyExists) => class,
    };
    Fault { class, ..fault }
}

impl Subject {
    /// What `ResourceFile` is to be: the declared URL, or where the content was uploaded to.
    pub(super) fn resource_file<'a>(&'a self, desired: &'a Desired) -> Option<&'a str> {
        let uploaded = || {
            let digest = desired.to_upload()?;
            let uploaded = self.memory.uploaded.as_ref()?;
            (uploaded.digest == digest).then_some(uploaded.url.as_str())
        };
        desired.resource_file().or_else(uploaded)
    }
}
