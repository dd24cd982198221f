//! The steps of a publication, and when they are taken instead of the plan's.
//!
//! The plan knows nothing of publishing: where it would rest on a file that is as declared, or delete
//! a file, `core::publish` is asked first. Its decisions are its own; here is one call or one write
//! for each. What it waits for is polled for all objects of a workspace together ([`runs`]).
//!
//! [`runs`]: crate::workspace::runs

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use dataworks_core::api::v1alpha1::{DataWorksResourceStatus, Publication, PublicationStatus, RunType};
use dataworks_core::api::{PUBLISH_REQUESTED, RECONCILE_REQUESTED};
use dataworks_core::desired::Desired;
use dataworks_core::fault::{Class, Fault, Outcome};
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::plan::Step as PlanStep;
use dataworks_core::publish::{
    Kind, Look, Mode, Pages, Plan, RunId, Seen, Sent, Step, Tag, Verdict, Wish, created, next, offline,
    page_with_newest, refusal, stopped, under_way,
};
use dataworks_core::queue::Lane;
use dataworks_core::state::{Change, Fact, State, is_final_refusal, whole};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tracing::{debug, info, warn};

use super::{Flow, after_call_error, failed};
use crate::context::Context;
use crate::controller::standing::wish;
use crate::dataworks::types::RunPage;
use crate::dataworks::{NewRun, RunFilter};
use crate::failpoint::{Place, around};
use crate::metrics::Published;
use crate::reconcile::observe::Subject;
use crate::reconcile::{Again, after, record};

/// Rows of a page: the most that the service gives.
const PAGE_SIZE: u32 = 100;

/// A step of a publication, with what it was decided on.
#[derive(Debug)]
pub struct Due {
    wish: Wish,
    step: Step,
    project: ProjectId,
    id: ResourceId,
    record: Publication,
}

impl Due {
    /// It is a part of the object's deletion, for which the plan has asked for leave.
    #[must_use]
    pub fn is_deletion(&self) -> bool {
        self.wish.deleting
    }
}

/// What is to be done for the publication before, or instead of, this step of the plan.
#[must_use]
pub fn due(ctx: &Context, subject: &Subject, desired: Option<&Desired>, step: &PlanStep) -> Option<Box<Due>> {
    let status = subject.object.status.as_ref()?;
    let record = status.publication.clone().unwrap_or_default();
    let wish = match step {
        PlanStep::Report(State::Ready | State::Duplicate { .. }) => declared(subject, desired?, &record)?,
        PlanStep::DeleteResource(_) if !subject.is_gone => before_delete(subject, &record)?,
        _ => return None,
    };
    let (project, id) = (subject.recorded_project()?, subject.recorded(ctx).id()?);
    let run = record.run_id.as_deref().and_then(|run| run.parse::<RunId>().ok());
    if let (Some(run), Some(wished)) = (&run, hurry(subject)) {
        subject.connection.runs.hurry(project, run, &subject.uid, wished);
    }
    let memory = subject.connection.runs.memory(&subject.uid);
    let sight = run.and_then(|run| subject.connection.runs.sight(project, &run));
    let seen = Seen {
        identity: &ctx.identity,
        uid: &subject.uid,
        bounds: &ctx.bounds,
        auto: subject.connection.runs.auto(project),
        memory: &memory,
        look: subject.runs.as_ref(),
        run: sight.as_ref(),
    };
    let Plan { step, why } = next(&wish, &record, &seen, subject.connection.cloud.cloud_now());
    debug!(step = step.name(), why, "decided on the publication");
    let blocked = wish.kind == Some(Kind::Offline) && offline(&record, wish.requested) == Verdict::Failed;
    (step != Step::Rest || blocked).then(|| Box::new(Due { wish, step, project, id, record }))
}

/// What is wished for a file that is in the workspace as declared.
fn declared(subject: &Subject, desired: &Desired, record: &Publication) -> Option<Wish> {
    if let Some(wish) = wish(&subject.object, None) {
        return Some(Wish { version: Some(desired.spec_digest().to_string()), ..wish });
    }
    // Not to be published any more: what is under way must not be approved either.
    let ends = under_way(record).is_some() || record.request.is_some() || stopped(record).is_some();
    ends.then_some(Wish { kind: None, deleting: false, version: None, until_stage: None, requested: false })
}

/// What has to end before the file is deleted.
fn before_delete(subject: &Subject, record: &Publication) -> Option<Wish> {
    let memory = subject.connection.runs.memory(&subject.uid);
    let goes_on = under_way(record).is_some() || record.request.is_some();
    let to_offline = record.type_ == Some(RunType::Offline) && goes_on;
    let wish = Wish {
        kind: None,
        deleting: true,
        version: None,
        until_stage: None,
        requested: crate::controller::standing::is_publish_requested(&subject.object),
    };
    if to_offline || memory.needs_offline && !goes_on {
        return Some(Wish { kind: Some(Kind::Offline), ..wish });
    }
    let left_open = stopped(record).is_some_and(|run| memory.abolished != Some(run));
    (goes_on || left_open).then_some(wish)
}

/// What tells one wish of a person who does not want to wait for the next poll from another.
fn hurry(subject: &Subject) -> Option<u64> {
    let annotations = subject.object.metadata.annotations.as_ref()?;
    let both = [RECONCILE_REQUESTED, PUBLISH_REQUESTED].map(|name| annotations.get(name));
    let mut hasher = DefaultHasher::new();
    both.hash(&mut hasher);
    both.iter().any(Option::is_some).then(|| hasher.finish())
}

/// Carries out one step.
pub async fn execute(ctx: &Arc<Context>, subject: &mut Subject, due: Due) -> Flow {
    let Due { wish, step, project, id, record } = due;
    match step {
        Step::Rest => blocked(ctx, subject, &record).await,
        Step::Look => look(ctx, subject, project, &id).await,
        Step::Record { publication, state } => {
            recorded(ctx, subject, project, &wish, *publication, state).await
        }
        Step::CreateRun { kind, mode, until_stage, tag } => {
            let new = (kind, mode, until_stage.as_deref());
            create(ctx, subject, (project, &id), &wish, new, &tag, &record).await
        }
        Step::Watch { run, since, person, publication, state } => {
            watch(ctx, subject, (project, &run), (since, person), *publication, state, &wish).await
        }
        Step::StartStage { run, stage, publication, state } => {
            start(ctx, subject, (project, &run), &stage, *publication, state).await
        }
        Step::Abolish(run) => abolish(ctx, subject, project, &run).await,
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

async fn look(ctx: &Arc<Context>, subject: &mut Subject, project: ProjectId, id: &ResourceId) -> Flow {
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
        memory = dataworks_core::publish::Memory {
            needs_offline: memory.needs_offline,
            abolished: memory.abolished,
            ..dataworks_core::publish::Memory::default()
        };
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

async fn create(
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
                false => {
                    State::Publishing { reason: dataworks_core::api::condition::Reason::Publishing, message }
                }
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
        reason: dataworks_core::api::condition::Reason::QuotaExhausted,
        message: format!(
            "A deployment run is under way, and the account's calls in this region are used up; it is looked at again at {}.",
            whole(until)
        ),
    }
}

async fn start(
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

async fn abolish(ctx: &Arc<Context>, subject: &mut Subject, project: ProjectId, run: &RunId) -> Flow {
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
