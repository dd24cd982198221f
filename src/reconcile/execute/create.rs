//! The steps of a create: look, write the intent, send the request.

use std::sync::Arc;

use dataworks_core::api::FINALIZER;
use dataworks_core::api::v1alpha1::AttemptOutcome;
use dataworks_core::desired::Desired;
use dataworks_core::fault::Outcome;
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::intent::Intent;
use dataworks_core::inventory::{Own, Row};
use dataworks_core::path::claim_key;
use dataworks_core::plan::ReadBack;
use dataworks_core::queue::Lane;
use dataworks_core::state::{Change, Fact, Sent, State};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use tracing::{info, warn};

use super::{Flow, failed, rest, written};
use crate::context::Context;
use crate::failpoint::{Place, around};
use crate::reconcile::observe::Subject;
use crate::reconcile::{Again, record};
use crate::workspace::connection::Connection;
use crate::workspace::limiter::Permit;
use crate::workspace::listing::{Answer, Unlisted};

pub(super) async fn look(ctx: &Arc<Context>, subject: &mut Subject, desired: Option<&Desired>) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    let project = desired.project;
    let path = desired.path.to_string();
    let (version, pending) = {
        let index = ctx.index();
        let Some(version) = index.version(&subject.key) else { return Flow::End(Again::Never) };
        (version, index.pending(&subject.connection.id, project))
    };
    let place = (path.as_str(), desired.path.name());
    match subject.connection.listings.ask(project, &subject.key, place, &version, pending) {
        Answer::Rows(rows) => {
            subject.look = Some(rows);
            Flow::Continue
        }
        Answer::Parked { start } => {
            if start {
                let permit = std::mem::replace(&mut subject.permit, Permit::none());
                ctx.start_sweep(&subject.connection, project, permit);
            }
            match tell_gone(ctx, subject).await {
                Flow::Continue => Flow::End(Again::Parked),
                flow => flow,
            }
        }
        Answer::Failed(fault) => failed(ctx, subject, fault, None).await,
        Answer::ListByName => match by_name(subject, project, desired.path.name()).await {
            Ok(rows) => {
                subject.look = Some(rows);
                ctx.proved(&subject.connection.id, project);
                Flow::Continue
            }
            Err(unlisted) => {
                if let Unlisted::Incomplete(_) = &unlisted {
                    subject.connection.listings.want_whole(project, &subject.key);
                }
                if let flow @ Flow::End(_) = tell_gone(ctx, subject).await {
                    return flow;
                }
                unanswered(ctx, subject, unlisted).await
            }
        },
    }
}

/// A file that is known to be gone is not called ready while its path is looked at, which may take as
/// long as a day's calls are used up.
async fn tell_gone(ctx: &Arc<Context>, subject: &mut Subject) -> Flow {
    if subject.read != Some(ReadBack::Absent) {
        return Flow::Continue;
    }
    let change = Change { state: State::Recreating, fact: None };
    written(record::status(ctx, subject, &change).await.map(|_| ()))
}

/// The rows of exactly this name, in any folder.
pub(super) async fn by_name(
    subject: &mut Subject,
    project: ProjectId,
    name: &str,
) -> Result<Vec<Row>, Unlisted> {
    let key = claim_key(name);
    let Connection { cloud, limiter, listings, .. } = &*subject.connection;
    let mut rows = listings.by_name(cloud, limiter, &mut subject.permit, project, name).await?;
    rows.retain(|row| claim_key(&row.name) == key);
    Ok(rows)
}

/// How a run goes on without a listing by name.
pub(super) async fn unanswered(ctx: &Arc<Context>, subject: &mut Subject, unlisted: Unlisted) -> Flow {
    match unlisted {
        Unlisted::Fault(fault) | Unlisted::Incomplete(fault) => failed(ctx, subject, fault, None).await,
        Unlisted::NoPermit(at) => Flow::End(Again::InPlace(at)),
    }
}

pub(super) async fn write_intent(ctx: &Arc<Context>, subject: &mut Subject, intent: &Intent) -> Flow {
    // The permit first: the request must leave soon after the intent.
    if let Err(later) = subject.hold_permit().await {
        return later;
    }
    if ctx.is_stopping() {
        // The request might not end before the process does, and its file would have to be searched for.
        return Flow::End(Again::Never);
    }
    if !ctx.reserve(&subject.key) {
        return Flow::Continue;
    }
    // Before the write: should it be made without our hearing of it, we know that nothing was sent.
    subject.memory.wrote_intent(intent.at);
    written(record::intent(ctx, subject, intent, Place::Intent).await)
}

pub(super) async fn create(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    intent: &Intent,
) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    let departure = match subject.spend_permit(ctx).await {
        Ok(departure) => departure,
        Err(later) => return later,
    };
    let sent = subject.connection.cloud.cloud_now();
    if sent.duration_since(intent.at) > ctx.bounds.start {
        // The wait was too long; the plan renews the intent.
        return Flow::Continue;
    }
    let document = desired.document_json();
    let file = subject.resource_file(desired).map(str::to_owned);
    let create = subject.connection.cloud.create_resource(desired.project, &document, file.as_deref());
    let end = around(Place::Create, departure.with(create)).await;
    match end {
        Outcome::Done(created) => {
            info!(action = "CreateResource", id = %created.id, requestId = created.request_id, why = subject.why, "created");
            ctx.record(
                &subject.connection,
                desired.project,
                Own::Put(Arc::new(own_row(desired, &created.id, created.date, created.date))),
            );
            ctx.proved(&subject.connection.id, desired.project);
            let fact = Fact::Created {
                at: intent.at,
                id: created.id.clone(),
                request_id: created.request_id,
                date: created.date,
                sent: Sent::of(desired),
            };
            subject.memory.clear();
            let sent_for = subject.object.metadata.generation;
            let change = Change { state: State::Ready, fact: Some(fact) };
            record::created(ctx, subject, &change, &created.id).await;
            // It may have been edited, replaced or deleted meanwhile; the watch left that to this run.
            let moved_on = subject.object.metadata.generation != sent_for
                || subject.object.metadata.deletion_timestamp.is_some()
                || !subject.object.finalizers().iter().any(|name| name == FINALIZER);
            Flow::End(if moved_on { Again::At(Timestamp::now(), Lane::Edit) } else { rest(ctx, subject) })
        }
        Outcome::Refused(fault) => {
            subject.memory.create_refused(intent.at);
            let fact = Fact::Attempted { at: intent.at, outcome: AttemptOutcome::Refused, path: None };
            failed(ctx, subject, fault, Some(fact)).await
        }
        Outcome::Unknown(fault) => {
            ctx.metrics.outcomes_unknown.inc();
            warn!(
                action = "CreateResource",
                code = fault.code,
                requestId = fault.request_id,
                why = subject.why,
                "the outcome of a create is not known"
            );
            subject.memory.create_unknown(intent, sent, &fault);
            subject.search = None;
            Flow::Continue
        }
    }
}

/// What a listing is to show of a resource that this process made or moved.
pub(super) fn own_row(desired: &Desired, id: &ResourceId, created: Timestamp, modified: Timestamp) -> Row {
    Row {
        id: id.clone(),
        path: desired.path.to_string(),
        name: desired.path.name().to_owned(),
        kind: desired.kind.as_str().to_owned(),
        datasource: desired.datasource.as_ref().map(|datasource| datasource.name.clone()),
        command: desired.command.clone(),
        created,
        modified,
    }
}
