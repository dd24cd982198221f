//! The steps that change where a resource stands: its name, its folder. The id stays.

use std::sync::Arc;

use dataworks_core::desired::Desired;
use dataworks_core::fault::{Class, Fault, Outcome};
use dataworks_core::ids::ResourceId;
use dataworks_core::inventory::Own;
use dataworks_core::path::ResourcePath;
use dataworks_core::plan::ReadBack;
use dataworks_core::state::{Change, Fact, Sent, State};
use k8s_openapi::jiff::Timestamp;
use tracing::{info, warn};

use super::create::own_row;
use super::update::as_declared;
use super::{Flow, done, failed, rest};
use crate::context::Context;
use crate::dataworks::types::Written;
use crate::failpoint::{Place, around};
use crate::reconcile::Again;
use crate::reconcile::observe::Subject;

/// Which part of the path is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Name,
    Folder,
}

pub(super) async fn relocate(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    id: &ResourceId,
    part: Part,
    to: &ResourcePath,
) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    // The permit first; then nobody who also wants the new path may go there any more.
    if let Err(later) = subject.hold_permit().await {
        return later;
    }
    if !ctx.reserve(&subject.key) {
        return Flow::Continue;
    }
    let departure = match subject.spend_permit(ctx).await {
        Ok(departure) => departure,
        Err(later) => return later,
    };
    let sent = subject.connection.cloud.cloud_now();
    let cloud = &subject.connection.cloud;
    let end = match part {
        Part::Name => {
            let call = cloud.rename_resource(desired.project, id, to.name());
            around(Place::Rename, departure.with(call)).await
        }
        Part::Folder => {
            let call = cloud.move_resource(desired.project, id, to.folder());
            around(Place::Move, departure.with(call)).await
        }
    };
    ended(ctx, subject, desired, id, to, sent, end).await
}

async fn ended(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: &Desired,
    id: &ResourceId,
    to: &ResourcePath,
    sent: Timestamp,
    end: Outcome<Written>,
) -> Flow {
    match end {
        Outcome::Done(Written { date, request_id }) => {
            info!(%id, path = %to, requestId = request_id, why = subject.why, "moved");
            recorded(ctx, subject, desired, id, to, date).await
        }
        Outcome::Refused(fault) if fault.class == Class::AlreadyExists => {
            refused(ctx, subject, desired, to, &fault).await
        }
        Outcome::Refused(fault) => failed(ctx, subject, fault, None).await,
        Outcome::Unknown(fault) => {
            warn!(%id, code = fault.code, why = subject.why, "the outcome of a move is not known");
            subject.memory.write_unknown(sent, true, desired.at(to).spec_digest());
            subject.read = None;
            Flow::Continue
        }
    }
}

async fn recorded(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: &Desired,
    id: &ResourceId,
    to: &ResourcePath,
    date: Timestamp,
) -> Flow {
    let there = desired.at(to);
    // The plan sends no move before a read; what that showed is still so but for the place.
    let mut fixed = Vec::new();
    if let Some(ReadBack::Present(held)) = &mut subject.read {
        held.path = Some(to.clone());
        fixed.clone_from(&held.fixed);
    }
    let created = subject.object.status.as_ref().and_then(|status| status.create_time.as_ref());
    let row = own_row(&there, id, created.map_or(date, |time| time.0), date);
    ctx.record(&subject.connection, desired.project, Own::Put(Arc::new(row)));
    let arrived = *to == desired.path;
    let state = if arrived {
        as_declared(fixed)
    } else {
        State::Updating { message: format!("The file is on its way; it stands at {to}.") }
    };
    let fact = Fact::Moved { date, sent: Sent::of(&there) };
    match done(ctx, subject, Change { state, fact: Some(fact) }).await {
        Flow::Continue if arrived => Flow::End(rest(ctx, subject)),
        flow => flow,
    }
}

/// The service says that another file stands there, which no listing showed; the file was read before,
/// so it is not its own doing.
async fn refused(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: &Desired,
    to: &ResourcePath,
    fault: &Fault,
) -> Flow {
    let message = format!(
        "The file cannot go to {:?} in workspace {}: the service says that it already exists ({}). The name may be taken \
         in another folder or in the recycle bin. Give this object another path.",
        to.to_string(),
        desired.project,
        fault.code,
    );
    let state = State::Taken { message, closes: None };
    match done(ctx, subject, Change { state, fact: None }).await {
        Flow::Continue => Flow::End(rest(ctx, subject)),
        flow => flow,
    }
}
