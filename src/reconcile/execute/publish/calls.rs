//! The calls of a publication.

use std::sync::Arc;

use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::Publication;
use dataworks_core::fault::{Class, Fault, Outcome};
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::publish::{
    Kind, Look, Mode, Pages, RunId, Sent, Tag, Wish, created, page_with_newest, refusal,
};
use dataworks_core::state::{State, is_final_refusal};
use k8s_openapi::jiff::Timestamp;
use tracing::{info, warn};

use super::super::{Flow, failed};
use super::{recorded, tell};
use crate::context::Context;
use crate::dataworks::types::RunPage;
use crate::dataworks::{NewRun, RunFilter};
use crate::failpoint::{Place, around};
use crate::metrics::Published;
use crate::reconcile::Again;
use crate::reconcile::observe::Subject;

/// Rows of a page: the most that the service gives.
const PAGE_SIZE: u32 = 100;

/// Lists the runs of a file, as far as one that is under way can be among them.
pub(super) async fn look(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    project: ProjectId,
    id: &ResourceId,
) -> Flow {
    let filter = RunFilter { object: Some(id.clone()), ..RunFilter::default() };
    let begun = subject.connection.cloud.cloud_now();
    let first = match page(ctx, subject, project, &filter, 1).await {
        Ok(page) => page,
        Err(flow) => return flow,
    };
    let mut runs = first.runs;
    // What is under way is among the newest; where those are at the end, the last page may hold only a few.
    let newest = page_with_newest(&runs, Pages { size: PAGE_SIZE, total: first.total });
    if let Some(last) = newest {
        for number in last.saturating_sub(1).max(2)..=last {
            match page(ctx, subject, project, &filter, number).await {
                Ok(page) => runs.extend(page.runs),
                Err(flow) => return flow,
            }
        }
    }
    subject.runs = Some(Look { begun, runs });
    Flow::Continue
}

async fn page(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    project: ProjectId,
    filter: &RunFilter,
    number: u32,
) -> Result<RunPage, Flow> {
    let departure = subject.spend_permit(ctx).await?;
    let call = subject.connection.cloud.list_pipeline_runs(project, filter, number, PAGE_SIZE);
    let page = departure.with(call).await;
    match page {
        Ok(page) if page.unreadable == 0 => Ok(page),
        Ok(_) => Err(failed(ctx, subject, unreadable(), None).await),
        Err(fault) => Err(failed(ctx, subject, fault, None).await),
    }
}

/// A run that cannot be read may be one that is under way.
fn unreadable() -> Fault {
    Fault {
        class: Class::Transient,
        code: "UnreadableAnswer".to_owned(),
        message: "the listing of deployment runs holds one that cannot be read".to_owned(),
        request_id: None,
        retry_after: None,
    }
}

/// Makes a run. What it is called is remembered before: whatever happens, it is looked for by that.
pub(super) async fn create(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    (project, id): (ProjectId, &ResourceId),
    wish: &Wish,
    (kind, mode, until_stage): (Kind, Mode, Option<&str>),
    tag: &Tag,
    record: &Publication,
) -> Flow {
    let departure = match subject.spend_permit(ctx).await {
        Ok(departure) => departure,
        Err(later) => return later,
    };
    let Ok(at) = tag.at.parse::<Timestamp>() else { return Flow::End(Again::Never) };
    let sent = subject.connection.cloud.cloud_now();
    let mut memory = subject.connection.runs.memory(&subject.uid);
    let mut remember = |what| {
        memory.sent = Some((at, what));
        subject.connection.runs.remember(&subject.uid, memory.clone());
    };
    // Until the run is recorded: whatever happens, it is looked for.
    remember(Sent::Unknown(sent));
    let description = tag.to_description();
    let new = NewRun { kind, object: id, description: &description, mode, until_stage };
    let call = subject.connection.cloud.create_pipeline_run(project, &new);
    match around(Place::CreateRun, departure.with(call)).await {
        Outcome::Done(started) => {
            info!(action = "CreatePipelineRun", %id, run = %started.id, requestId = started.request_id, "a deployment run is made");
            // The plain mode is only tried where the other one was refused.
            if mode == Mode::Normal {
                subject.connection.runs.refuse_auto(project);
            }
            let publication = created(record, &started.id, subject.connection.cloud.cloud_now());
            let message = format!("The deployment run {} is under way.", started.id);
            let state = match wish.deleting {
                true => State::Deleting { message },
                false => State::Publishing { reason: Reason::Publishing, message },
            };
            recorded(ctx, subject, project, wish, publication, Some(state)).await
        }
        Outcome::Refused(fault) => {
            if is_final_refusal(&fault) {
                warn!(
                    code = fault.code,
                    error = fault.message,
                    requestId = fault.request_id,
                    "a deployment run is refused"
                );
                remember(Sent::Refused(refusal(&fault)));
                return Flow::Continue;
            }
            remember(Sent::Nothing);
            failed(ctx, subject, fault, None).await
        }
        Outcome::Unknown(fault) => {
            warn!(action = "CreatePipelineRun", %id, code = fault.code, requestId = fault.request_id, "the outcome of making a run is not known");
            ctx.metrics.publication(Published::OutcomeUnknown);
            subject.runs = None;
            Flow::Continue
        }
    }
}

/// Starts a stage of a run, once that is recorded.
pub(super) async fn start(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    (project, run): (ProjectId, &RunId),
    stage: &str,
    publication: Publication,
    state: State,
) -> Flow {
    // The permit first: what is recorded as started is to be sent at once.
    if let Err(later) = subject.hold_permit().await {
        return later;
    }
    if let Err(flow) = tell(ctx, subject, state, Some(publication)).await {
        return flow;
    }
    let departure = match subject.spend_permit(ctx).await {
        Ok(departure) => departure,
        Err(later) => return later,
    };
    let mut memory = subject.connection.runs.memory(&subject.uid);
    memory.unsent = None;
    let call = subject.connection.cloud.exec_pipeline_run_stage(project, run, stage);
    let end = around(Place::StartStage, departure.with(call)).await;
    let flow = match end {
        Outcome::Done(answer) => {
            info!(action = "ExecPipelineRunStage", %run, stage, requestId = answer.request_id, "a stage is started");
            memory.triggered = Some((run.clone(), stage.to_owned()));
            memory.not_startable = None;
            Flow::Continue
        }
        Outcome::Refused(fault) if is_final_refusal(&fault) => {
            warn!(%run, stage, code = fault.code, error = fault.message, requestId = fault.request_id, "a stage is refused");
            let before =
                memory.not_startable.filter(|(code, ..)| code == stage).map_or(0, |(_, times, _)| times);
            memory.not_startable = Some((stage.to_owned(), before.saturating_add(1), refusal(&fault)));
            memory.unsent = Some((run.clone(), stage.to_owned()));
            // It may stand otherwise than it was seen.
            subject.connection.runs.forget_sight(project, run);
            Flow::Continue
        }
        Outcome::Refused(fault) => {
            memory.unsent = Some((run.clone(), stage.to_owned()));
            subject.connection.runs.remember(&subject.uid, memory.clone());
            failed(ctx, subject, fault, None).await
        }
        Outcome::Unknown(fault) => {
            warn!(%run, stage, code = fault.code, requestId = fault.request_id, "the outcome of starting a stage is not known");
            subject.connection.runs.forget_sight(project, run);
            Flow::Continue
        }
    };
    subject.connection.runs.remember(&subject.uid, memory);
    flow
}

/// Ends a run that nobody wants any more.
pub(super) async fn abolish(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    project: ProjectId,
    run: &RunId,
) -> Flow {
    let departure = match subject.spend_permit(ctx).await {
        Ok(departure) => departure,
        Err(later) => return later,
    };
    let call = subject.connection.cloud.abolish_pipeline_run(project, run);
    let end = around(Place::AbolishRun, departure.with(call)).await;
    let fault = match end {
        Outcome::Done(answer) => {
            info!(action = "AbolishPipelineRun", %run, requestId = answer.request_id, "a run is abolished");
            None
        }
        Outcome::Refused(fault) if is_final_refusal(&fault) => {
            // It has ended, or is finished first.
            info!(action = "AbolishPipelineRun", %run, code = fault.code, requestId = fault.request_id, "a run cannot be abolished");
            None
        }
        Outcome::Refused(fault) | Outcome::Unknown(fault) => Some(fault),
    };
    subject.connection.runs.forget_sight(project, run);
    subject.runs = None;
    match fault {
        None => {
            let mut memory = subject.connection.runs.memory(&subject.uid);
            memory.abolished = Some(run.clone());
            subject.connection.runs.remember(&subject.uid, memory);
            Flow::Continue
        }
        Some(fault) => failed(ctx, subject, fault, None).await,
    }
}
