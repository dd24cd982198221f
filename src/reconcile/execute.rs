//! One match over the plan's step: one call to the cloud or one write to Kubernetes per arm.

use std::sync::Arc;

use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::AttemptOutcome;
use dataworks_core::backoff;
use dataworks_core::desired::Desired;
use dataworks_core::fault::{Class, Fault, Outcome};
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::intent::{Intent, IntentNote};
use dataworks_core::inventory::{Own, Row};
use dataworks_core::path::claim_key;
use dataworks_core::plan::{Candidate, ReadBack, ReadVerdict, Search, Step, at_path, compare};
use dataworks_core::queue::Lane;
use dataworks_core::state::{Change, Fact, Sent, State};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tracing::{error, info, warn};

use super::kube_client::CallError;
use super::observe::Subject;
use super::{Again, after, record};
use crate::context::Context;
use crate::controller::index::Standing;
use crate::workspace::listing::Answer;

/// What waits longer than this is said in status; less would only be noise.
const WORTH_TELLING: SignedDuration = SignedDuration::from_secs(5);
/// Failures that go on for this long are told even where each wait is short.
const TOLD_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// Refused access is looked at again no sooner than this: a person has to act first.
const DENIED_RETRY: SignedDuration = SignedDuration::from_secs(30);
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
    desired: Option<&Desired>,
    step: Step,
) -> Flow {
    match step {
        Step::Nothing => finish(subject),
        Step::Report(state) => report(ctx, subject, state).await,
        Step::Wait { until, state } => wait(ctx, subject, until, state).await,
        Step::Look => look(ctx, subject, desired).await,
        Step::WriteIntent(intent) => write_intent(ctx, subject, &intent).await,
        Step::CreateResource(intent) => create(ctx, subject, desired, &intent).await,
        Step::Search(intent) => search(ctx, subject, desired, &intent).await,
        Step::ReadCandidate(intent, id) => read_candidate(ctx, subject, desired, &intent, &id).await,
        Step::RecordFound(intent, row) => record_found(ctx, subject, desired, &intent, row).await,
        Step::AddFinalizer => written(record::add_finalizer(ctx, subject).await),
        Step::UpdateResource(id) => update(ctx, subject, desired, &id).await,
        Step::ReadBack(id) => read_back(ctx, subject, desired, &id).await,
        Step::RecordUpdated => record_updated(ctx, subject, desired, None, ctx.cloud.cloud_now()).await,
        Step::RecordSeen => record_seen(ctx, subject, desired).await,
        Step::DeleteResource(id) => delete(ctx, subject, &id).await,
        Step::RemoveFinalizer => remove_finalizer(ctx, subject).await,
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

fn after_call_error(error: &CallError) -> Flow {
    match error {
        CallError::Conflict => Flow::End(Again::At(Timestamp::now(), Lane::Edit)),
        CallError::Gone => Flow::End(Again::Never),
        CallError::Refused(_) | CallError::TimedOut | CallError::Failed(_) => {
            warn!(%error, "a write to the API server failed");
            Flow::End(Again::AfterFailure)
        }
    }
}

async fn report(ctx: &Arc<Context>, subject: &mut Subject, state: State) -> Flow {
    if let State::Stalled { reason: Reason::AlreadyManaged, .. } = &state {
        let holder = ctx.index().held_by_other(&subject.key).map(ToString::to_string).unwrap_or_default();
        info!(object = %subject.key, holder, "another object holds its claim");
    }
    let blocked = matches!(state, State::DeletionBlocked { .. });
    if !matches!(state, State::Suspended { .. }) {
        // A suspended object may be resumed while its last write can still arrive.
        subject.memory.clear();
    }
    if let Err(error) = record::status(ctx, subject, &Change { state, fact: None }).await {
        return after_call_error(&error);
    }
    if blocked {
        return Flow::End(Again::At(after(BLOCKED_RETRY), Lane::Retry));
    }
    Flow::End(rest(ctx, subject))
}

/// What the index says of an object that was just recorded.
fn rest(ctx: &Arc<Context>, subject: &Subject) -> Again {
    match ctx.index().standing(&subject.key) {
        Standing::Resting(until) => Again::At(until, Lane::Retry),
        Standing::Settled | Standing::Due => Again::Never,
    }
}

async fn wait(ctx: &Arc<Context>, subject: &mut Subject, until: Timestamp, state: Option<State>) -> Flow {
    let span = until.duration_since(ctx.cloud.cloud_now());
    if let Some(state) = state.filter(|_| span > WORTH_TELLING) {
        let fact = match (&state, subject.recorded(ctx).intent) {
            (State::OutcomeUnknown { .. }, IntentNote::Own(intent)) => {
                Some(Fact::Attempted { at: intent.at, outcome: AttemptOutcome::Unknown })
            }
            _ => None,
        };
        if let Err(error) = record::status(ctx, subject, &Change { state, fact }).await {
            return after_call_error(&error);
        }
    }
    Flow::End(Again::At(after(span), Lane::Retry))
}

async fn look(ctx: &Arc<Context>, subject: &mut Subject, desired: Option<&Desired>) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    let project = desired.project;
    let path = desired.path.to_string();
    let (version, pending) = {
        let index = ctx.index();
        let Some(version) = index.version(&subject.key) else { return Flow::End(Again::Never) };
        (version, index.pending(project))
    };
    let place = (path.as_str(), desired.path.name());
    match ctx.listings.ask(project, &subject.key, place, &version, pending) {
        Answer::Rows(rows) => {
            subject.look = Some(rows);
            Flow::Continue
        }
        Answer::Parked { start } => {
            if start {
                ctx.start_sweep(
                    project,
                    std::mem::replace(&mut subject.permit, crate::workspace::limiter::Permit::none()),
                );
            }
            Flow::End(Again::Never)
        }
        Answer::Failed(fault) => failed(ctx, subject, fault, None).await,
        Answer::ListByName => match by_name(ctx, subject, project, desired.path.name()).await {
            Ok(rows) => {
                subject.look = Some(rows);
                ctx.proved(project);
                Flow::Continue
            }
            Err(fault) => failed(ctx, subject, fault, None).await,
        },
    }
}

async fn by_name(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    project: ProjectId,
    name: &str,
) -> Result<Vec<Row>, Fault> {
    let key = claim_key(name);
    let mut rows = ctx.listings.by_name(&ctx.cloud, &ctx.limiter, &mut subject.permit, project, name).await?;
    rows.retain(|row| claim_key(&row.name) == key);
    Ok(rows)
}

async fn write_intent(ctx: &Arc<Context>, subject: &mut Subject, intent: &Intent) -> Flow {
    // The permit first: the request must leave soon after the intent.
    subject.hold_permit(ctx).await;
    if !ctx.index().reserve(&subject.key) {
        return Flow::Continue;
    }
    // Before the write: should it be made without our hearing of it, we know that nothing was sent.
    subject.memory.wrote_intent(intent.at);
    written(record::intent(ctx, subject, intent).await)
}

async fn create(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    intent: &Intent,
) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    subject.spend_permit(ctx).await;
    let sent = ctx.cloud.cloud_now();
    if sent.duration_since(intent.at) > ctx.bounds.start {
        // The wait was too long; the plan renews the intent.
        return Flow::Continue;
    }
    let document = desired.document_json();
    let end = ctx.cloud.create_resource(desired.project, &document, desired.resource_file()).await;
    match end {
        Outcome::Done(created) => {
            info!(object = %subject.key, project = %desired.project, id = %created.id, request_id = created.request_id, "created");
            ctx.limiter.learn(None);
            ctx.listings.record(desired.project, Own::Put(own_row(desired, &created.id, created.date)));
            ctx.proved(desired.project);
            let fact = Fact::Created {
                at: intent.at,
                id: created.id.clone(),
                request_id: created.request_id,
                date: created.date,
                sent: Sent::of(desired),
            };
            subject.memory.clear();
            record::created(ctx, subject, &Change { state: State::Ready, fact: Some(fact) }, &created.id)
                .await;
            Flow::End(rest(ctx, subject))
        }
        Outcome::Refused(fault) => {
            ctx.limiter.learn(Some(&fault));
            subject.memory.create_refused(intent.at);
            let fact = Fact::Attempted { at: intent.at, outcome: AttemptOutcome::Refused };
            failed(ctx, subject, fault, Some(fact)).await
        }
        Outcome::Unknown(fault) => {
            ctx.metrics.outcomes_unknown.inc();
            warn!(object = %subject.key, project = %desired.project, code = fault.code, "the outcome of a create is not known");
            subject.memory.create_unknown(intent.at, sent, &fault);
            subject.search = None;
            Flow::Continue
        }
    }
}

fn own_row(desired: &Desired, id: &ResourceId, date: Timestamp) -> Row {
    Row {
        id: id.clone(),
        path: desired.path.to_string(),
        name: desired.path.name().to_owned(),
        kind: desired.kind.as_str().to_owned(),
        datasource: desired.datasource.as_ref().map(|datasource| datasource.name.clone()),
        command: desired.command.clone(),
        created: date,
        modified: date,
    }
}

async fn search(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    intent: &Intent,
) -> Flow {
    let Some(project) = i64::try_from(intent.project_id).ok().and_then(ProjectId::new) else {
        return Flow::End(Again::Never);
    };
    let mut paths = vec![intent.path.clone()];
    paths.extend(desired.map(|desired| desired.path.to_string()).filter(|path| *path != intent.path));
    let started = tokio::time::Instant::now();
    let mut found: Vec<Row> = Vec::new();
    for path in &paths {
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        match by_name(ctx, subject, project, &name).await {
            Ok(rows) => found.extend(rows.into_iter().filter(|row| at_path(row, path))),
            Err(fault) => return failed(ctx, subject, fault, None).await,
        }
    }
    // Reckoned back from the end: the answers may have corrected the clock, and a search that only
    // seems to have begun late enough would make a second file.
    let took = SignedDuration::try_from(started.elapsed()).unwrap_or(SignedDuration::MAX);
    let begun = ctx.cloud.cloud_now().saturating_sub(took).unwrap_or(Timestamp::MIN);
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.dedup_by(|a, b| a.id == b.id);
    let index = ctx.index();
    let candidate = |row: Row| Candidate {
        claimed: index
            .id_held_by_other(project, &row.id, &subject.uid)
            .is_some_and(|holder| *holder != subject.key),
        row,
        verdict: None,
    };
    subject.search = Some(Search { begun, rows: found.into_iter().map(candidate).collect() });
    Flow::Continue
}

async fn read_candidate(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    intent: &Intent,
    id: &ResourceId,
) -> Flow {
    let Some(project) = i64::try_from(intent.project_id).ok().and_then(ProjectId::new) else {
        return Flow::End(Again::Never);
    };
    subject.spend_permit(ctx).await;
    let answer = ctx.cloud.get_resource(project, id).await;
    ctx.limiter.learn(answer.as_ref().err());
    let verdict = match answer {
        Ok(resource) => compare(intent, desired, &resource.spec),
        Err(fault) if fault.class == Class::NotFound => ReadVerdict::Gone,
        Err(fault) => return failed(ctx, subject, fault, None).await,
    };
    let rows = subject.search.iter_mut().flat_map(|search| &mut search.rows);
    for candidate in rows.filter(|candidate| candidate.row.id == *id) {
        candidate.verdict = Some(verdict);
    }
    Flow::Continue
}

async fn record_found(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    intent: &Intent,
    row: Row,
) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    let read = subject.search.as_ref().and_then(|search| search.rows.iter().find(|c| c.row.id == row.id));
    let as_intended = read.is_some_and(|candidate| candidate.verdict == Some(ReadVerdict::AsIntended));
    let sent = Sent::of_intent(intent, desired, as_intended);
    info!(object = %subject.key, project = %desired.project, id = %row.id, "found what a lost create made");
    let state = if sent.spec == Some(desired.spec_digest()) {
        State::Ready
    } else {
        State::Updating { message: "Found; what was declared since is sent now.".to_owned() }
    };
    let fact =
        Fact::Found { at: intent.at, id: row.id.clone(), created: row.created, modified: row.modified, sent };
    ctx.listings.record(desired.project, Own::Put(row));
    subject.memory.clear();
    match record::status(ctx, subject, &Change { state, fact: Some(fact) }).await {
        Ok(_) => Flow::Continue,
        Err(error) => after_call_error(&error),
    }
}

async fn update(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    id: &ResourceId,
) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    subject.spend_permit(ctx).await;
    let sent = ctx.cloud.cloud_now();
    let document = desired.update_json();
    let end = ctx.cloud.update_resource(desired.project, id, &document, desired.resource_file()).await;
    subject.read = None;
    match end {
        Outcome::Done(done) => {
            info!(object = %subject.key, project = %desired.project, %id, request_id = done.request_id, "updated");
            ctx.limiter.learn(None);
            record_updated(ctx, subject, Some(desired), Some(done.request_id), done.date).await
        }
        Outcome::Refused(fault) if fault.class == Class::NotFound => {
            subject.memory.doubt = true;
            Flow::Continue
        }
        Outcome::Refused(fault) => {
            ctx.limiter.learn(Some(&fault));
            failed(ctx, subject, fault, None).await
        }
        Outcome::Unknown(fault) => {
            warn!(object = %subject.key, project = %desired.project, %id, code = fault.code, "the outcome of an update is not known");
            subject.memory.unknown_write = Some(sent);
            Flow::Continue
        }
    }
}

async fn record_updated(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    request_id: Option<String>,
    date: Timestamp,
) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    subject.memory.clear();
    let fact = Fact::Updated { request_id, date, sent: Sent::of(desired) };
    match record::status(ctx, subject, &Change { state: State::Ready, fact: Some(fact) }).await {
        Ok(_) => Flow::End(rest(ctx, subject)),
        Err(error) => after_call_error(&error),
    }
}

async fn record_seen(ctx: &Arc<Context>, subject: &mut Subject, desired: Option<&Desired>) -> Flow {
    let (Some(desired), Some(modified)) = (desired, subject.read_modified) else {
        return Flow::End(Again::Never);
    };
    subject.memory.clear();
    let fact = Fact::Seen { modified, sent: Sent::of(desired) };
    match record::status(ctx, subject, &Change { state: State::Ready, fact: Some(fact) }).await {
        Ok(_) => Flow::End(rest(ctx, subject)),
        Err(error) => after_call_error(&error),
    }
}

async fn read_back(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    id: &ResourceId,
) -> Flow {
    let Some(project) = subject.recorded_project() else { return Flow::End(Again::Never) };
    subject.spend_permit(ctx).await;
    let answer = ctx.cloud.get_resource(project, id).await;
    ctx.limiter.learn(answer.as_ref().err());
    match answer {
        Ok(resource) => {
            let as_declared = desired.is_some_and(|desired| desired.is_held_by(&resource.spec));
            subject.read = Some(ReadBack::Present { as_declared });
            subject.read_modified = Some(resource.modify_time);
            Flow::Continue
        }
        Err(fault) if fault.class == Class::NotFound => {
            subject.read = Some(ReadBack::Absent);
            ctx.listings.record(project, Own::Deleted(id.clone()));
            Flow::Continue
        }
        Err(fault) => failed(ctx, subject, fault, None).await,
    }
}

async fn delete(ctx: &Arc<Context>, subject: &mut Subject, id: &ResourceId) -> Flow {
    let Some(project) = subject.recorded_project() else { return Flow::End(Again::Never) };
    subject.spend_permit(ctx).await;
    let sent = ctx.cloud.cloud_now();
    let end = ctx.cloud.delete_resource(project, id).await;
    match end {
        Outcome::Done(_) => {
            info!(object = %subject.key, %project, %id, "deleted");
            ctx.limiter.learn(None);
        }
        Outcome::Refused(fault) if fault.class == Class::NotFound => {
            info!(object = %subject.key, %project, %id, "was gone already");
        }
        Outcome::Refused(fault) => {
            ctx.limiter.learn(Some(&fault));
            return failed(ctx, subject, fault, None).await;
        }
        Outcome::Unknown(fault) => {
            warn!(object = %subject.key, %project, %id, code = fault.code, "the outcome of a delete is not known");
            subject.memory.unknown_write = Some(sent);
            subject.read = None;
            return Flow::Continue;
        }
    }
    ctx.listings.record(project, Own::Deleted(id.clone()));
    subject.read = Some(ReadBack::Absent);
    Flow::Continue
}

async fn remove_finalizer(ctx: &Arc<Context>, subject: &mut Subject) -> Flow {
    let kept = subject.read != Some(ReadBack::Absent)
        && subject.object.status.as_ref().is_some_and(|status| status.id.is_some());
    match record::remove_finalizer(ctx, subject).await {
        Ok(()) => {
            if kept {
                ctx.events.kept(&subject.object);
            }
            error_free(subject)
        }
        Err(error) => after_call_error(&error),
    }
}

fn error_free(subject: &mut Subject) -> Flow {
    subject.memory.clear();
    Flow::End(Again::Never)
}

/// A call failed: says so where it lasts, and says when to try again.
async fn failed(ctx: &Arc<Context>, subject: &mut Subject, fault: Fault, fact: Option<Fact>) -> Flow {
    let now = Timestamp::now();
    let deleting = subject.object.metadata.deletion_timestamp.is_some();
    let update = subject.object.status.as_ref().is_some_and(|status| status.id.is_some());
    subject.memory.failures = subject.memory.failures.saturating_add(1);
    let since = *subject.memory.failing_since.get_or_insert(now);
    let backoff = backoff::transient(&subject.uid, subject.memory.failures);
    let backoff = SignedDuration::try_from(backoff).unwrap_or(BLOCKED_RETRY);
    warn!(object = %subject.key, class = ?fault.class, code = fault.code, message = fault.message,
        request_id = fault.request_id, failures = subject.memory.failures, "a call failed");
    let (wait, lane) = match fault.class {
        // The limiter waits for all; the object keeps its place.
        Class::Throttled => (SignedDuration::ZERO, Lane::Edit),
        Class::Quota => {
            (ctx.limiter.paused_until().map_or(backoff, |until| until.duration_since(now)), Lane::Edit)
        }
        Class::Denied => (backoff.max(DENIED_RETRY), Lane::Retry),
        Class::Transient | Class::NotFound => (backoff, Lane::Retry),
        Class::Terminal | Class::AlreadyExists => (BLOCKED_RETRY, Lane::Retry),
    };
    let state = State::of_fault(&fault, update, ctx.cloud.cloud_now());
    let stalled = matches!(state, State::Stalled { .. });
    let state = if deleting { deleting_state(state, &fault) } else { state };
    let tell = stalled || wait > WORTH_TELLING || now.duration_since(since) > TOLD_AFTER;
    if tell && let Err(error) = record::status(ctx, subject, &Change { state, fact }).await {
        return after_call_error(&error);
    }
    if stalled && !deleting {
        subject.memory.clear();
        return Flow::End(rest(ctx, subject));
    }
    Flow::End(Again::At(after(wait), lane))
}

/// The same failure, said of an object that is being deleted.
fn deleting_state(state: State, fault: &Fault) -> State {
    match fault.class {
        Class::Denied | Class::Terminal | Class::AlreadyExists => State::DeletionBlocked {
            message: format!(
                "The file cannot be deleted: {}. Mend that, or set deletionPolicy: Retain to keep the file and let \
                 the object go.",
                dataworks_core::state::told(fault)
            ),
            fault: Some(fault.clone()),
        },
        Class::Throttled | Class::Quota | Class::Transient | Class::NotFound => match state {
            State::Retrying { .. } => State::Deleting {
                message: format!(
                    "Deleting the file failed and is tried again: {}.",
                    dataworks_core::state::told(fault)
                ),
            },
            other => other,
        },
    }
}

impl Subject {
    /// The workspace that holds the file: the recorded one first.
    fn recorded_project(&self) -> Option<ProjectId> {
        let recorded = self.object.status.as_ref().and_then(|status| status.project_id);
        recorded.and_then(ProjectId::new).or_else(|| self.project())
    }

    /// Makes sure that a permit is in hand.
    async fn hold_permit(&mut self, ctx: &Context) {
        if !self.permit.is_held() {
            self.permit = ctx.limiter.permit().await;
        }
    }

    /// Uses a permit up, waiting for one where none is in hand.
    async fn spend_permit(&mut self, ctx: &Context) {
        self.hold_permit(ctx).await;
        if !self.permit.spend() {
            error!(object = %self.key, "a permit was taken from under a call");
        }
    }
}
