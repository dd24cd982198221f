//! An object that went although our finalizer was on it: takes its file back.
//!
//! The API server reads an object before it deletes it, and a finalizer that is added in between is
//! overlooked: the object is gone at once, without a time of deletion. Nothing is left that could be
//! reconciled, so what the watch showed last is worked on as if it were being deleted, and nothing
//! is written to Kubernetes.

use std::sync::Arc;
use std::time::Duration;

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_core::api::{CREATE_INTENT, FINALIZER};
use dataworks_core::backoff;
use dataworks_core::intent::Intent;
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::plan::Memory;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use tracing::{error, info, warn};

use super::kube_client::CallError;
use super::observe::Subject;
use super::{Again, span, turn};
use crate::context::Context;
use crate::workspace::limiter::{Permit, until};

/// Runs, each after the wait that the one before asked for: some hours of a service that fails.
const MOST_RUNS: u32 = 100;
/// A run of the object that is still under way is asked for this often.
const UNDER_WAY: Duration = Duration::from_millis(50);

/// True for the last version of an object that should have been held by our finalizer.
#[must_use]
pub fn was_overlooked(object: &DataWorksResource) -> bool {
    let held = object.finalizers().iter().any(|name| name == FINALIZER);
    held && object.metadata.deletion_timestamp.is_none()
}

/// Takes the file back that such an object has or may have made, in a task that a stop waits for. A crash on the way leaves
/// it.
pub fn take_back(ctx: &Arc<Context>, key: ObjectKey, object: DataWorksResource, memory: Memory) {
    let span = span(&key);
    let (other, of) = (Arc::clone(ctx), span.clone());
    let left =
        move || of.in_scope(|| orphan(&other, "the process stops before what it made could be taken back"));
    let _entered = span.enter();
    ctx.surpluses.spawn(work(Arc::clone(ctx), key, object, memory), left);
}

fn orphan(ctx: &Context, why: &str) {
    ctx.metrics.orphans.inc();
    error!(why, "an orphan may be left: its object is gone");
}

async fn work(ctx: Arc<Context>, key: ObjectKey, mut object: DataWorksResource, memory: Memory) {
    let uid = Uid::new(&object.uid().unwrap_or_default());
    while ctx.is_running(&key) {
        tokio::time::sleep(UNDER_WAY).await;
    }
    warn!(%uid, "the object went although the finalizer was on it; its file is taken back");
    if ctx.memory(&uid) == Memory::default() {
        // Else a run that was still under way has left something newer.
        ctx.remember(&uid, memory);
    }
    object.metadata.deletion_timestamp = Some(Time(Timestamp::now()));
    let mut unread = 0;
    let mut done = false;
    for _ in 0..MOST_RUNS {
        match is_succeeded(&ctx, &key, &object).await {
            Ok(true) => {
                info!("a restored object of this name has the file");
                done = true;
                break;
            }
            Ok(false) => unread = 0,
            // Nothing is deleted that may be another's by now.
            Err(error) => {
                warn!(%error, "whether the object was restored cannot be read");
                unread += 1;
                tokio::time::sleep(backoff::transient(&uid, unread)).await;
                continue;
            }
        }
        let mut subject = Subject::vanished(&ctx, object.clone(), Permit::none());
        let again = turn(&ctx, &mut subject).await;
        subject.keep_memory(&ctx);
        let wait = match again {
            Again::Never | Again::Parked => {
                done = true;
                break;
            }
            Again::At(at, _) | Again::InPlace(at) => until(at),
            Again::AfterFailure => backoff::transient(&uid, subject.memory.failures.max(1)),
        };
        tokio::time::sleep(wait).await;
        if !ctx.pulse.beat(std::time::Instant::now()) {
            break;
        }
    }
    let left = !done || ctx.memory(&uid) != Memory::default();
    ctx.remember(&uid, Memory::default());
    if left {
        orphan(&ctx, "what it made could not be taken back");
    }
}

/// Another object of this name came back with the intent, or has found the file.
async fn is_succeeded(ctx: &Context, key: &ObjectKey, object: &DataWorksResource) -> Result<bool, CallError> {
    let live = match ctx.kube.get(key).await {
        Ok(Some(live)) => live,
        Ok(None) | Err(CallError::Gone) => return Ok(false),
        Err(error) => return Err(error),
    };
    let intent = live.annotations().get(CREATE_INTENT);
    let intent = intent.and_then(|text| serde_json::from_str::<Intent>(text).ok());
    let restored = intent.is_some_and(|intent| Some(intent.uid) == object.uid());
    let id = |object: &DataWorksResource| object.status.as_ref().and_then(|status| status.id.clone());
    let found = id(&live).is_some() && id(&live) == id(object);
    Ok(live.uid() == object.uid() || restored || found)
}
