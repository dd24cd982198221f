//! The steps of a deletion: take the resource away, let the object go.

use std::sync::Arc;

use dataworks_core::fault::{Class, Fault, Outcome};
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::inventory::Own;
use dataworks_core::plan::ReadBack;
use dataworks_core::state::State;
use tracing::{info, warn};

use super::create::{by_name, unanswered};
use super::publish::needs_offline;
use super::{Flow, after_call_error, failed, finish};
use crate::context::Context;
use crate::failpoint::{Place, around};
use crate::reconcile::observe::Subject;
use crate::reconcile::{Again, record};

pub(super) async fn delete(ctx: &Arc<Context>, subject: &mut Subject, id: &ResourceId) -> Flow {
    let Some(project) = project_of(ctx, subject) else { return Flow::End(Again::Never) };
    let departure = match subject.spend_permit(ctx).await {
        Ok(departure) => departure,
        Err(later) => return later,
    };
    let sent = subject.connection.cloud.cloud_now();
    let end =
        around(Place::Delete, departure.with(subject.connection.cloud.delete_resource(project, id))).await;
    let request = match end {
        Outcome::Done(answer) => {
            info!(action = "DeleteResource", %id, requestId = answer.request_id, why = subject.why, "deleted");
            Some(answer.request_id)
        }
        Outcome::Refused(fault) if fault.class == Class::NotFound => {
            if let Err(flow) = see_the_workspace(ctx, subject, project, id, fault).await {
                return flow;
            }
            info!(%id, "was gone already");
            None
        }
        Outcome::Refused(fault) if needs_offline(subject, &fault) => {
            info!(%id, code = fault.code, requestId = fault.request_id, "it is published, and is taken offline first");
            return Flow::Continue;
        }
        Outcome::Refused(fault) => {
            return failed(ctx, subject, fault, None).await;
        }
        Outcome::Unknown(fault) => {
            warn!(action = "DeleteResource", %id, code = fault.code, requestId = fault.request_id, why = subject.why, "the outcome of a delete is not known");
            subject.memory.unknown_write = Some(sent);
            subject.memory.unknown_place = false;
            subject.memory.unknown_spec = None;
            subject.read = None;
            return Flow::Continue;
        }
    };
    subject.deleted = Some((id.clone(), request));
    ctx.record(&subject.connection, project, Own::Deleted(id.clone()));
    subject.read = Some(ReadBack::Absent);
    Flow::Continue
}

/// Who may not look into a workspace may be told that a file of it is not there. So until a call of this connection has shown
/// something of the workspace, the absence is believed only beside a listing of it.
async fn see_the_workspace(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    project: ProjectId,
    id: &ResourceId,
    fault: Fault,
) -> Result<(), Flow> {
    if ctx.index().is_proven(&subject.connection.id, project) {
        return Ok(());
    }
    let path = subject.object.status.as_ref().and_then(|status| status.path.as_deref());
    let Some(name) = path.and_then(|path| path.rsplit('/').next()).map(str::to_owned) else { return Ok(()) };
    match by_name(subject, project, &name).await {
        Ok(rows) if rows.iter().any(|row| row.id == *id) => Err(failed(ctx, subject, fault, None).await),
        Ok(_) => {
            ctx.proved(&subject.connection.id, project);
            Ok(())
        }
        Err(unlisted) => Err(unanswered(ctx, subject, unlisted).await),
    }
}

/// Where the resource is: where its create was sent, which status may not speak of, else where status says.
fn project_of(ctx: &Context, subject: &Subject) -> Option<ProjectId> {
    match subject.recorded(ctx).open_intent() {
        Some(intent) => i64::try_from(intent.project_id).ok().and_then(ProjectId::new),
        None => subject.recorded_project(),
    }
}

pub(super) async fn remove_finalizer(ctx: &Arc<Context>, subject: &mut Subject) -> Flow {
    match record::remove_finalizer(ctx, subject).await {
        // The object goes with it, so that there is one event of its end however often it was tried.
        Ok(()) => {
            tell_end(ctx, subject);
            finish(subject)
        }
        Err(error) => after_call_error(&error),
    }
}

/// Tells what became of the file.
fn tell_end(ctx: &Context, subject: &Subject) {
    let recorded = subject.object.status.as_ref().and_then(|status| status.id.as_deref());
    match (&subject.deleted, recorded) {
        (Some((id, request)), _) => ctx.events.deleted(&subject.object, id.as_str(), request.as_deref()),
        // A read has shown it, after a delete whose answer was lost.
        (None, Some(id)) if subject.read == Some(ReadBack::Absent) => {
            ctx.events.deleted(&subject.object, id, None);
        }
        (None, Some(_)) => ctx.events.kept(&subject.object),
        (None, None) => {}
    }
}

/// The same failure, said of an object that is being deleted.
pub(super) fn deleting_state(state: State, fault: &Fault) -> State {
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
