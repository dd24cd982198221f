//! The steps of a publication, which are taken instead of the plan's where they are [`due`].
//!
//! The plan knows nothing of publishing: where it would rest on a file that is as declared, or delete
//! a file, `core::publish` is asked first. Its decisions are its own; here is one write of status for
//! each, or one of the [`calls`]. What it waits for is polled for all objects of a workspace together ([`runs`]).
//!
//! [`runs`]: crate::workspace::runs

mod calls;
mod due;

use std::sync::Arc;

use dataworks_core::api::PUBLISH_REQUESTED;
use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::{DataWorksResourceStatus, Publication, PublicationStatus};
use dataworks_core::fault::{Class, Fault};
use dataworks_core::ids::ProjectId;
use dataworks_core::publish::{Memory, RunId, Sent, Step, Wish};
use dataworks_core::queue::Lane;
use dataworks_core::state::{Change, Fact, State, is_final_refusal, whole};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tracing::info;

pub use self::due::{Due, due};
use super::{Flow, after_call_error};
use crate::context::Context;
use crate::metrics::Published;
use crate::reconcile::observe::Subject;
use crate::reconcile::{Again, after, record};

/// Carries out one step.
pub async fn execute(ctx: &Arc<Context>, subject: &mut Subject, due: Due) -> Flow {
    let Due { wish, step, project, id, record } = due;
    match step {
        Step::Rest => blocked(ctx, subject, &record).await,
        Step::Look => calls::look(ctx, subject, project, &id).await,
        Step::Record { publication, state } => {
            recorded(ctx, subject, project, &wish, *publication, state).await
        }
        Step::CreateRun { kind, mode, until_stage, tag } => {
            let new = (kind, mode, until_stage.as_deref());
            calls::create(ctx, subject, (project, &id), &wish, new, &tag, &record).await
        }
        Step::Watch { run, since, person, publication, state } => {
            watch(ctx, subject, (project, &run), (since, person), *publication, state, &wish).await
        }
        Step::StartStage { run, stage, publication, state } => {
            calls::start(ctx, subject, (project, &run), &stage, *publication, state).await
        }
        Step::Abolish(run) => calls::abolish(ctx, subject, project, &run).await,
        Step::Wait { until, state } => {
            subject.runs = None;
            let span = until.duration_since(subject.connection.cloud.cloud_now());
            match tell(ctx, subject, state, None).await {
                Ok(()) => Flow::End(Again::At(after(span), Lane::Retry)),
                Err(flow) => flow,
            }
        }
    }
}

/// Writes status where it differs.
async fn tell(
    ctx: &Context,
    subject: &mut Subject,
    state: State,
    publication: Option<Publication>,
) -> Result<(), Flow> {
    let fact = publication.map(|publication| Fact::Publication(Box::new(publication)));
    match record::status(ctx, subject, &Change { state, fact }).await {
        Ok(_) => {
            subject.memory.clear();
            Ok(())
        }
        Err(error) => Err(after_call_error(&error)),
    }
}

async fn recorded(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    project: ProjectId,
    wish: &Wish,
    publication: Publication,
    state: Option<State>,
) -> Flow {
    subject.runs = None;
    let status = subject.object.status.as_ref();
    let before = status.and_then(|status| status.publication.as_ref()?.status);
    let ended = publication
        .status
        .filter(|status| status.is_final() && !before.is_some_and(PublicationStatus::is_final));
    let run = publication.run_id.clone();
    let asked = publication.request.as_ref().and_then(|request| request.at.as_deref()?.parse().ok());
    let state = state.unwrap_or_else(|| over(wish));
    if let Err(flow) = tell(ctx, subject, state, Some(publication)).await {
        return flow;
    }
    let mut memory = subject.connection.runs.memory(&subject.uid);
    if let Some(at) = asked {
        memory.sent = Some((at, Sent::Nothing));
    }
    if let Some(status) = ended {
        info!(run, status = ?status, "a publication has ended");
        ctx.metrics.publication(outcome(status));
        if let Some(run) = run.as_deref().and_then(|run| run.parse().ok()) {
            subject.connection.runs.forget(project, &run);
        }
        memory =
            Memory { needs_offline: memory.needs_offline, abolished: memory.abolished, ..Memory::default() };
    }
    subject.connection.runs.remember(&subject.uid, memory);
    Flow::Continue
}

/// Where the object stands when nothing is under way any more.
fn over(wish: &Wish) -> State {
    if wish.deleting {
        State::Deleting { message: "The file is being deleted.".to_owned() }
    } else {
        State::Ready
    }
}

fn outcome(status: PublicationStatus) -> Published {
    match status {
        PublicationStatus::Success => Published::Success,
        PublicationStatus::Termination => Published::Refused,
        PublicationStatus::Cancel => Published::Cancelled,
        PublicationStatus::Fail
        | PublicationStatus::Requested
        | PublicationStatus::Init
        | PublicationStatus::Starting
        | PublicationStatus::Running
        | PublicationStatus::AwaitingApproval => Published::Failed,
    }
}

async fn watch(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    (project, run): (ProjectId, &RunId),
    (since, person): (Option<Timestamp>, bool),
    publication: Publication,
    state: State,
    wish: &Wish,
) -> Flow {
    subject.runs = None;
    let now = subject.connection.cloud.cloud_now();
    let state = match (state, subject.connection.limiter.polls_paused_until()) {
        (State::Publishing { .. }, Some(until)) if !wish.deleting => paused(until),
        (state, _) => state,
    };
    if let Err(flow) = tell(ctx, subject, state, Some(publication)).await {
        return flow;
    }
    subject.connection.runs.watch(
        project,
        run,
        &subject.key,
        now.duration_since(since.unwrap_or(now)).max(SignedDuration::ZERO),
        person,
    );
    Flow::End(Again::Never)
}

/// The calls of the account are used up: the run goes on without being looked at.
pub(crate) fn paused(until: Timestamp) -> State {
    State::Publishing {
        reason: Reason::QuotaExhausted,
        message: format!(
            "A deployment run is under way, and the account's calls in this region are used up; it is looked at again at {}.",
            whole(until)
        ),
    }
}

/// What is published cannot be taken offline.
async fn blocked(ctx: &Arc<Context>, subject: &mut Subject, record: &Publication) -> Flow {
    let said = record.message.as_deref().unwrap_or("The deployment run failed.");
    let message = format!(
        "The file is published and could not be taken offline: {said} Set the annotation {} to try again, or deletionPolicy: \
         Retain to keep the file and let the object go.",
        PUBLISH_REQUESTED
    );
    super::report(ctx, subject, State::DeletionBlocked { message, fault: None }).await
}

/// The service does not delete what is published: it is taken offline first. Answers whether that
/// can be the cause of this refusal.
pub(super) fn needs_offline(subject: &Subject, fault: &Fault) -> bool {
    let published = |status: &DataWorksResourceStatus| {
        status.publication.as_ref().is_some_and(|record| record.published_digest.is_some())
    };
    let mut memory = subject.connection.runs.memory(&subject.uid);
    let may_be = fault.class == Class::Terminal
        && is_final_refusal(fault)
        && !memory.needs_offline
        && subject.object.status.as_ref().is_some_and(published);
    if may_be {
        memory.needs_offline = true;
        subject.connection.runs.remember(&subject.uid, memory);
    }
    may_be
}
