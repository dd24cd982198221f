//! One object, once: live read, observe, plan, execute, record, and again until nothing is left.
//!
//! The decisions are the core's; the steps are [`execute`]'s. This file only turns the crank.

pub mod config_map;
pub mod execute;
pub mod kube_client;
pub mod observe;
pub mod record;
pub mod surplus;
pub mod vanished;

use std::sync::Arc;

use dataworks_core::desired::Desired;
use dataworks_core::ids::ProjectId;
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::plan::{Memory, Permission, not_allowed, plan};
use dataworks_core::queue::Lane;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tracing::field::Empty;
use tracing::{Span, debug, info_span, warn};

use crate::context::Context;
use crate::controller::standing::{fingerprint, stalled};
use crate::metrics::{CONTROLLER, Ended};
use crate::workspace::limiter::Permit;
use kube_client::CallError;
use observe::Subject;
use vanished::was_overlooked;

/// The steps of one run: the longest honest one is look, intent, create, search, read, record;
/// more means that a plan and its execution disagree, and the queue takes over.
const MOST_STEPS: usize = 16;

/// An object that was not there is looked at again after this, unless the watch forgets it first.
const GONE_RETRY: SignedDuration = SignedDuration::from_secs(1);

/// What is to become of the object in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Nothing, until something changes.
    Never,
    /// To be taken again.
    At(Timestamp, Lane),
    /// To be taken again in the place that it had: others held it up.
    InPlace(Timestamp),
    /// To be taken when what it waits for wakes it, in the place that it had.
    Parked,
    /// It failed in a way that may pass.
    AfterFailure,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct End {
    /// What is to become of the object in the queue.
    pub again: Again,
    /// The object as this run left it, to tell what others changed meanwhile.
    pub fingerprint: Option<u64>,
    /// Its uid, where it was seen.
    pub uid: Option<Uid>,
    /// Failures in a row.
    pub failures: u32,
    /// A call failed, and not because it has to wait.
    pub failed: bool,
    /// The object was left in a state that does not pass by itself.
    pub stalled: bool,
}

impl End {
    /// Of a run that did not come to see its object.
    #[must_use]
    pub fn unseen(again: Again) -> Self {
        Self { again, fingerprint: None, uid: None, failures: 1, failed: false, stalled: false }
    }

    /// How it ended, for metrics.
    #[must_use]
    pub fn ended(&self, now: Timestamp) -> Ended {
        match self.again {
            _ if self.stalled => Ended::Terminal,
            _ if self.failed => Ended::Error,
            Again::AfterFailure => Ended::Error,
            Again::Never | Again::Parked => Ended::Success,
            Again::At(at, _) | Again::InPlace(at) if at <= now => Ended::Requeue,
            Again::At(..) | Again::InPlace(_) => Ended::RequeueAfter,
        }
    }
}

/// What all that a run logs has in common.
#[must_use]
pub fn span(key: &ObjectKey) -> Span {
    info_span!(
        "reconcile",
        controller = CONTROLLER,
        namespace = &*key.namespace,
        name = &*key.name,
        reconcileID = %uuid::Uuid::new_v4(),
        generation = Empty,
        workspace = Empty,
    )
}

/// Works on an object until nothing is left to do now. To be run in its [`span`].
pub async fn reconcile(ctx: &Arc<Context>, key: &ObjectKey, permit: Permit) -> End {
    let live = match ctx.kube.get(key).await {
        Ok(Some(live)) => live,
        Ok(None) | Err(CallError::Gone) => {
            if ctx.index().uid(key).is_none() {
                // The watch has told that it is gone for good: nothing of it is doubted any more.
                let _forgotten = ctx.take_doubt(key);
            }
            // The watch is still to tell whether it is gone for good, or already there again under its name.
            return End::unseen(Again::At(after(GONE_RETRY), Lane::Retry));
        }
        Err(error) => {
            warn!(%error, "the object cannot be read");
            return unread(ctx, key);
        }
    };
    ctx.read(&live);
    let mut subject = Subject::new(ctx, live, permit);
    Span::current()
        .record("generation", subject.object.metadata.generation.unwrap_or(0))
        .record("workspace", subject.project().map(ProjectId::get));
    if let Some(Permission::Closed(_)) = subject.place.permission
        && subject.recorded(ctx).requested
    {
        ctx.guard.ask(subject.project());
    }
    let again = turn(ctx, &mut subject).await;
    subject.keep_memory(ctx);
    if again == Again::AfterFailure {
        subject.memory.failures = subject.memory.failures.saturating_add(1);
        subject.keep_memory(ctx);
    }
    let gone = ctx.index().uid(key).as_ref() != Some(&subject.uid);
    if gone && !was_overlooked(&subject.object) {
        // The watch told its end while it was worked on: nobody else would forget it.
        ctx.remember(&subject.uid, Memory::default());
    }
    End {
        again,
        fingerprint: Some(fingerprint(&subject.object)),
        failures: subject.memory.failures,
        failed: subject.failed,
        stalled: stalled(&subject.object),
        uid: Some(subject.uid),
    }
}

/// A run that panicked. What it has sent is not known, so what was remembered of it before may not be so any more: its
/// intent is taken for another process's.
#[must_use]
pub fn broken_off(ctx: &Context, key: &ObjectKey) -> End {
    if let Some(uid) = ctx.index().uid(key) {
        let Memory { failures, doubt, .. } = ctx.memory(&uid);
        ctx.remember(&uid, Memory { failures, doubt, ..Memory::default() });
    }
    unread(ctx, key)
}

/// A run that failed before it came to see its object: each in a row waits longer.
#[must_use]
fn unread(ctx: &Context, key: &ObjectKey) -> End {
    let uid = ctx.index().uid(key);
    let Some(uid) = uid else { return End::unseen(Again::AfterFailure) };
    let mut memory = ctx.memory(&uid);
    memory.failures = memory.failures.saturating_add(1);
    let failures = memory.failures;
    ctx.remember(&uid, memory);
    End { failures, uid: Some(uid), ..End::unseen(Again::AfterFailure) }
}

async fn turn(ctx: &Arc<Context>, subject: &mut Subject) -> Again {
    // No step changes the spec: it is parsed once, and given the content of its ConfigMap when that is read. What a
    // step tells of the defaults is what was filled in here.
    let defaults = subject.recorded(ctx).defaults(&subject.place.defaults);
    let mut desired = Desired::in_workspace(&subject.object.spec, subject.project(), &defaults)
        .map_err(|problem| problem.to_string());
    for _ in 0..MOST_STEPS {
        let now = subject.connection.cloud.cloud_now();
        let wanted = desired.as_ref().map_err(String::as_str);
        let observed = subject.observe(ctx, desired.as_ref().ok());
        let decided = plan(wanted, &subject.recorded(ctx), &observed, now);
        debug!(step = decided.step.name(), why = decided.why, "decided");
        subject.why = decided.why;
        let publication = execute::publish::due(ctx, subject, desired.as_ref().ok(), &decided.step);
        // The plan asks for leave where it would call, and it does not call for a publication.
        let kept_out = publication
            .as_ref()
            .filter(|due| !due.is_deletion())
            .and_then(|_| not_allowed(desired.as_ref().ok()?, &subject.recorded(ctx), &observed, now));
        let flow = match (publication, kept_out) {
            // Steps apart on the heap: the task of a reconcile would be too large with them.
            (Some(due), None) => Box::pin(execute::publish::execute(ctx, subject, *due)).await,
            (_, Some(plan)) => {
                Box::pin(execute::execute(ctx, subject, desired.as_mut().ok(), plan.step)).await
            }
            (None, None) => {
                Box::pin(execute::execute(ctx, subject, desired.as_mut().ok(), decided.step)).await
            }
        };
        match flow {
            execute::Flow::Continue => {}
            execute::Flow::End(again) => return again,
        }
    }
    warn!("more steps than a run may take");
    Again::AfterFailure
}

/// `now` and a span later.
#[must_use]
pub fn after(span: SignedDuration) -> Timestamp {
    Timestamp::now().saturating_add(span).unwrap_or(Timestamp::MAX)
}
