//! One match over the plan's step: one call to the cloud or one write to Kubernetes per arm.

mod adopt;
pub mod content;
mod create;
mod delete;
pub mod publish;
mod relocate;
mod search;
mod update;

use std::sync::Arc;
use std::time::Duration;

use dataworks_core::api::condition::{ConditionType, Reason};
use dataworks_core::api::v1alpha1::AttemptOutcome;
use dataworks_core::backoff;
use dataworks_core::desired::Desired;
use dataworks_core::fault::{Class, Fault};
use dataworks_core::ids::ProjectId;
use dataworks_core::intent::IntentNote;
use dataworks_core::limit::Purpose;
use dataworks_core::plan::{SourceRead, Step};
use dataworks_core::queue::Lane;
use dataworks_core::state::{Change, Fact, State, is_operators_fault};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tracing::{error, info, warn};

use self::relocate::{Part, relocate};
use super::kube_client::CallError;
use super::observe::Subject;
use super::{Again, after, record};
use crate::context::Context;
use crate::controller::standing::{STALLED_RETRY, Standing, is_publishing};
use crate::failpoint::Place;
use crate::workspace::limiter::Departure;

/// What waits, or fails, longer than this is said in status; less would only be noise.
const WORTH_TELLING: SignedDuration = SignedDuration::from_secs(5);
/// A run waits this long for the permit of its next call; then it goes back to the queue, since what
/// it read of its object gets old.
const PERMIT_PATIENCE: Duration = Duration::from_secs(5);
/// Refused access is looked at again no sooner than this: a person has to act first.
const DENIED_RETRY: SignedDuration = SignedDuration::from_secs(30);
/// So many looks in a row that failed are told.
const MISSES: u32 = 3;
/// A blocked deletion is tried again after this.
const BLOCKED_RETRY: SignedDuration = SignedDuration::from_mins(5);

/// How the run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Plan again with what was learned.
    Continue,
    /// The run ends.
    End(Again),
}

/// Carries out one step. `desired` is there whenever the plan saw a valid spec.
pub async fn execute(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&mut Desired>,
    step: Step,
) -> Flow {
    match step {
        Step::Nothing => finish(subject),
        Step::Report(state) => report(ctx, subject, state).await,
        Step::Wait { until, state } => wait(ctx, subject, until, state).await,
        Step::Tell(state) => written(tell(ctx, subject, state).await),
        Step::ReadContent => content::read(ctx, subject, desired).await,
        Step::UploadContent(digest) => content::upload(ctx, subject, desired, digest).await,
        Step::Look => create::look(ctx, subject, desired.as_deref()).await,
        Step::WriteIntent(intent) => create::write_intent(ctx, subject, &intent).await,
        Step::RestoreIntent(intent) => {
            written(record::intent(ctx, subject, &intent, Place::RestoreIntent).await)
        }
        Step::CreateResource(intent) => create::create(ctx, subject, desired.as_deref(), &intent).await,
        Step::Search(intent) => search::search(ctx, subject, desired.as_deref(), &intent).await,
        Step::ReadCandidate(intent, id) => {
            search::read_candidate(ctx, subject, desired.as_deref(), &intent, &id).await
        }
        Step::RecordFound(intent, row) => {
            search::record_found(ctx, subject, desired.as_deref(), &intent, row).await
        }
        Step::AddFinalizer => written(record::add_finalizer(ctx, subject).await),
        Step::ForgetCopy => adopt::forget_copy(ctx, subject).await,
        Step::ReadAdoptee(id) => adopt::read(ctx, subject, desired, &id).await,
        Step::RecordAdopted { id, at, closes } => {
            adopt::record(ctx, subject, desired.as_deref(), &id, &at, closes).await
        }
        Step::UpdateResource { id, at } => update::update(ctx, subject, desired.as_deref(), &id, &at).await,
        Step::RenameResource { id, to } => {
            relocate(ctx, subject, desired.as_deref(), &id, Part::Name, &to).await
        }
        Step::MoveResource { id, to } => {
            relocate(ctx, subject, desired.as_deref(), &id, Part::Folder, &to).await
        }
        Step::ReadBack(id) => update::read_back(ctx, subject, desired.as_deref(), &id).await,
        Step::RecordUpdated => update::record_updated(ctx, subject, desired.as_deref()).await,
        Step::RecordSeen => update::record_seen(ctx, subject, desired.as_deref()).await,
        Step::RecordDrift(fields) => update::record_drift(ctx, subject, fields).await,
        Step::DeleteResource(id) => delete::delete(ctx, subject, &id).await,
        Step::RemoveFinalizer => delete::remove_finalizer(ctx, subject).await,
    }
}

fn finish(subject: &mut Subject) -> Flow {
    subject.memory.clear();
    Flow::End(Again::Never)
}

/// How a write to Kubernetes ended, for the run.
fn written(end: Result<(), CallError>) -> Flow {
    match end {
        Ok(()) => Flow::Continue,
        Err(error) => after_call_error(&error),
    }
}

/// Tells in status what was done or seen: nothing is unfinished any more. Where that fails, status may
/// say what is not so any more, and the resource is doubted.
async fn done(ctx: &Arc<Context>, subject: &mut Subject, change: Change) -> Flow {
    match record::status(ctx, subject, &change).await {
        Ok(_) => {
            subject.memory.clear();
            Flow::Continue
        }
        Err(error) => {
            subject.memory.unrecorded();
            after_call_error(&error)
        }
    }
}

fn after_call_error(error: &CallError) -> Flow {
    match error {
        CallError::Conflict => Flow::End(Again::At(Timestamp::now(), Lane::Edit)),
        CallError::Gone => Flow::End(Again::Never),
        CallError::Forbidden(_) | CallError::Refused(_) | CallError::TimedOut | CallError::Failed(_) => {
            warn!(%error, "a write to the API server failed");
            Flow::End(Again::AfterFailure)
        }
    }
}

async fn report(ctx: &Arc<Context>, subject: &mut Subject, state: State) -> Flow {
    if let State::Stalled { reason: Reason::AlreadyManaged, .. } = &state {
        let holder = ctx.index().held_by_other(&subject.key).map(ToString::to_string).unwrap_or_default();
        info!(holder, "another object holds its claim");
    }
    let blocked = matches!(state, State::DeletionBlocked { .. } | State::DeletionAmbiguous { .. });
    let change = Change { state, fact: subject.memory.unknown_create(&subject.recorded(ctx)) };
    if let Err(error) = record::status(ctx, subject, &change).await {
        return after_call_error(&error);
    }
    subject.memory.finished(&change.state);
    if blocked {
        return Flow::End(Again::At(after(BLOCKED_RETRY), Lane::Retry));
    }
    Flow::End(rest(ctx, subject))
}

/// What the index says of an object that was just recorded.
fn rest(ctx: &Arc<Context>, subject: &Subject) -> Again {
    match ctx.index().standing(&subject.key) {
        // What was just looked at in vain is not looked at again at once, whatever status says.
        Standing::Resting(until) if until <= Timestamp::now() => Again::At(after(STALLED_RETRY), Lane::Retry),
        Standing::Resting(until) => Again::At(until, Lane::Retry),
        // The file is there, and is to be published now.
        Standing::Due if subject.goes_on_to_publish() => Again::At(Timestamp::now(), Lane::Edit),
        Standing::Settled | Standing::Due => Again::Never,
    }
}

/// Tells of a state in which something goes on, and what it may leave.
async fn tell(ctx: &Arc<Context>, subject: &mut Subject, state: State) -> Result<(), CallError> {
    let fact = match (&state, subject.recorded(ctx).intent) {
        (State::OutcomeUnknown { .. }, IntentNote::Own(intent)) => {
            Some(Fact::Attempted { at: intent.at, outcome: AttemptOutcome::Unknown, path: Some(intent.path) })
        }
        _ => None,
    };
    record::status(ctx, subject, &Change { state, fact }).await.map(|_| ())
}

async fn wait(ctx: &Arc<Context>, subject: &mut Subject, until: Timestamp, state: Option<State>) -> Flow {
    let span = until.duration_since(subject.connection.cloud.cloud_now());
    if let Some(state) = state.filter(|_| span > WORTH_TELLING)
        && let Err(error) = tell(ctx, subject, state).await
    {
        return after_call_error(&error);
    }
    Flow::End(Again::At(after(span), Lane::Retry))
}

/// A call failed: says so where it lasts, and says when to try again.
async fn failed(ctx: &Arc<Context>, subject: &mut Subject, fault: Fault, fact: Option<Fact>) -> Flow {
    let now = Timestamp::now();
    let deleting = subject.object.metadata.deletion_timestamp.is_some();
    let update = subject.object.status.as_ref().is_some_and(|status| status.id.is_some());
    let since = subject.memory.failed(fault.class, subject.connection.limiter.last_good(), now);
    let backoff = backoff::transient(&subject.uid, subject.memory.failures.max(1));
    let backoff = SignedDuration::try_from(backoff).unwrap_or(BLOCKED_RETRY);
    warn!(class = ?fault.class, code = fault.code, error = fault.message,
        requestId = fault.request_id, attempt = subject.memory.failures, why = subject.why, "a call failed");
    if let Some(project) = subject.project() {
        ctx.suspect(&subject.connection.id, project, &fault);
    }
    subject.failed |= !matches!(fault.class, Class::Throttled | Class::Quota);
    let wait = match fault.class {
        // The limiter waits for all.
        Class::Throttled => SignedDuration::ZERO,
        Class::Quota => {
            subject.connection.limiter.paused_until().map_or(backoff, |until| until.duration_since(now))
        }
        Class::Denied => backoff.max(DENIED_RETRY),
        Class::Transient | Class::NotFound => backoff,
        Class::Terminal | Class::AlreadyExists => BLOCKED_RETRY,
    };
    let again = match fault.class {
        Class::Throttled | Class::Quota => Again::InPlace(after(wait)),
        Class::Denied | Class::Transient | Class::NotFound | Class::Terminal | Class::AlreadyExists => {
            Again::At(after(wait), Lane::Retry)
        }
    };
    if subject.is_only_looked_at() {
        return missed(ctx, subject, fault, again).await;
    }
    // Status has the service's time.
    let cloud_now = subject.connection.cloud.cloud_now();
    let failing = now.duration_since(since);
    let state = State::of_fault(&fault, update, cloud_now.saturating_sub(failing).ok(), cloud_now);
    let stalled = matches!(state, State::Stalled { .. });
    let code = fault.code.clone();
    let state = if deleting { delete::deleting_state(state, &fault) } else { state };
    let fact = fact.or_else(|| subject.memory.unknown_create(&subject.recorded(ctx)));
    let tell = stalled || wait > WORTH_TELLING || failing > WORTH_TELLING;
    if tell && let Err(error) = record::status(ctx, subject, &Change { state, fact }).await {
        return after_call_error(&error);
    }
    if stalled && !deleting && !is_operators_fault(&code) {
        subject.memory.refused();
        return Flow::End(rest(ctx, subject));
    }
    Flow::End(again)
}

/// A look at a resource that is as declared failed: that makes nothing less ready.
async fn missed(ctx: &Arc<Context>, subject: &mut Subject, fault: Fault, again: Again) -> Flow {
    subject.memory.doubt = true;
    let ours_to_wait = matches!(fault.class, Class::Throttled | Class::Quota);
    if !ours_to_wait && subject.memory.failures >= MISSES {
        let change = Change { state: State::CheckFailed { fault }, fact: None };
        if let Err(error) = record::status(ctx, subject, &change).await {
            return after_call_error(&error);
        }
    }
    Flow::End(again)
}

impl Subject {
    /// True when the object is ready in its present generation and nothing is known to be different.
    fn is_only_looked_at(&self) -> bool {
        let Some(status) = &self.object.status else { return false };
        let ready = status.conditions.iter().find(|c| c.type_ == ConditionType::Ready.as_str());
        self.object.metadata.deletion_timestamp.is_none()
            && status.observed_generation == self.object.metadata.generation
            && ready.is_some_and(|ready| ready.status == "True")
            && self.read.is_none()
            && !self.has_new_content()
            && self.memory.unknown_write.is_none()
            && self.memory.attempt.is_none()
    }

    /// True when its ConfigMap changed since status was written.
    fn has_new_content(&self) -> bool {
        let told = self.object.status.as_ref().and_then(|status| status.content_source.as_ref());
        matches!(&self.source, Some(SourceRead::Read(source)) if told != Some(source))
    }

    /// True when the file is there as declared, and all that is left is to publish it.
    fn goes_on_to_publish(&self) -> bool {
        let Some(status) = &self.object.status else { return false };
        let synced = status.conditions.iter().find(|c| c.type_ == ConditionType::Synced.as_str());
        synced.is_some_and(|synced| synced.status == "True") && is_publishing(&self.object)
    }

    /// The workspace that holds the file: the recorded one first.
    fn recorded_project(&self) -> Option<ProjectId> {
        let recorded = self.object.status.as_ref().and_then(|status| status.project_id);
        recorded.and_then(ProjectId::new).or_else(|| self.project())
    }

    /// Makes sure that a permit is in hand, or says when to try again.
    async fn hold_permit(&mut self) -> Result<(), Flow> {
        if !self.permit.is_held() {
            let permit = self.connection.limiter.permit_within(Purpose::Finish, PERMIT_PATIENCE).await;
            self.permit = permit.map_err(|at| Flow::End(Again::InPlace(at)))?;
        }
        Ok(())
    }

    /// Uses a permit up for a call that is made with what this gives, or says when to try again.
    async fn spend_permit(&mut self, ctx: &Context) -> Result<Departure, Flow> {
        self.hold_permit().await?;
        if !ctx.pulse.beat(std::time::Instant::now()) {
            // Another may lead, and what this run read of its object is old: the process ends.
            return Err(Flow::End(Again::Never));
        }
        self.permit.spend().ok_or_else(|| {
            error!("a permit was taken from under a call");
            Flow::End(Again::AfterFailure)
        })
    }
}
