//! The steps by which a resource that is there already becomes an object's.

use std::sync::Arc;

use dataworks_core::desired::{Desired, Held};
use dataworks_core::fault::Class;
use dataworks_core::ids::ResourceId;
use dataworks_core::inventory::Own;
use dataworks_core::path::ResourcePath;
use dataworks_core::plan::ReadBack;
use dataworks_core::state::{Change, Fact, Sent, State};
use k8s_openapi::jiff::Timestamp;
use tracing::info;

use super::update::as_declared;
use super::{Flow, failed, written};
use crate::context::Context;
use crate::reconcile::observe::{Adoptee, Subject};
use crate::reconcile::{Again, record};

/// Forgets a status that was copied with the object.
pub(super) async fn forget_copy(ctx: &Arc<Context>, subject: &mut Subject) -> Flow {
    let message = "A copy of another object: what its status told is forgotten.".to_owned();
    let change = Change { state: State::Creating { message }, fact: Some(Fact::Forgotten) };
    written(record::status(ctx, subject, &change).await.map(|_| ()))
}

pub(super) async fn read(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&mut Desired>,
    id: &ResourceId,
) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    // Nothing is made after this in the run.
    desired.drop_defaults();
    let departure = match subject.spend_permit(ctx).await {
        Ok(departure) => departure,
        Err(later) => return later,
    };
    let answer = departure.with(subject.connection.cloud.get_resource(desired.project, id)).await;
    let (back, created, modified) = match answer {
        Ok(resource) => {
            ctx.proved(&subject.connection.id, desired.project);
            let held = desired.held_by(&resource.spec);
            (ReadBack::Present(held), resource.create_time, resource.modify_time)
        }
        Err(fault) if fault.class == Class::NotFound => {
            ctx.record(&subject.connection, desired.project, Own::Deleted(id.clone()));
            (ReadBack::Absent, Timestamp::MIN, Timestamp::MIN)
        }
        Err(fault) => return failed(ctx, subject, fault, None).await,
    };
    subject.adoptee = Some(Adoptee { id: id.clone(), back, created, modified });
    Flow::Continue
}

pub(super) async fn record(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    id: &ResourceId,
    at: &ResourcePath,
    closes: Option<Timestamp>,
) -> Flow {
    let (Some(desired), Some(adoptee)) = (desired, subject.adoptee.take()) else {
        return Flow::End(Again::Never);
    };
    let (as_declared, fixed) = match &adoptee.back {
        ReadBack::Present(Held { differs, shows_content, fixed, .. }) => {
            (differs.is_empty() && *shows_content, fixed.clone())
        }
        ReadBack::Absent | ReadBack::TooYoung { .. } => (false, Vec::new()),
    };
    let all = Sent::of(&desired.at(at));
    // What differs, or cannot be seen, is sent.
    let sent = if as_declared { all } else { Sent { content: None, spec: None, ..all } };
    let state = if as_declared && *at == desired.path {
        self::as_declared(fixed)
    } else {
        State::Updating { message: "Adopted; what is declared is sent now.".to_owned() }
    };
    info!(%id, why = subject.why, "adopted");
    let fact =
        Fact::Adopted { closes, id: id.clone(), created: adoptee.created, modified: adoptee.modified, sent };
    let end = record::status(ctx, subject, &Change { state, fact: Some(fact) }).await;
    // What was read was another resource, which is gone.
    subject.read = None;
    if end.is_ok() {
        subject.memory.clear();
    }
    written(end.map(|_| ()))
}
