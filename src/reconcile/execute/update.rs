//! The steps on a resource that is there: change it, read it back, record what was seen.

use std::sync::Arc;

use dataworks_core::desired::Desired;
use dataworks_core::fault::{Class, Outcome};
use dataworks_core::ids::ResourceId;
use dataworks_core::inventory::Own;
use dataworks_core::path::ResourcePath;
use dataworks_core::plan::ReadBack;
use dataworks_core::state::{Change, Fact, Sent, State};
use tracing::{info, warn};

use super::{Flow, after_call_error, failed, rest};
use crate::context::Context;
use crate::failpoint::{Place, around};
use crate::reconcile::observe::Subject;
use crate::reconcile::{Again, record};

pub(super) async fn update(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    id: &ResourceId,
    at: &ResourcePath,
) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    if let Err(later) = subject.spend_permit(ctx).await {
        return later;
    }
    let there = desired.at(at);
    let sent = ctx.cloud.cloud_now();
    let document = there.update_json();
    let update = ctx.cloud.update_resource(desired.project, id, &document, desired.resource_file());
    let end = around(Place::Update, update).await;
    let fixed = match subject.read.take() {
        Some(ReadBack::Present(held)) => held.fixed,
        Some(ReadBack::Absent) | None => Vec::new(),
    };
    match end {
        Outcome::Done(done) => {
            info!(object = %subject.key, project = %desired.project, %id, requestId = done.request_id, "updated");
            ctx.limiter.learn(None);
            let state = if *at != desired.path {
                State::Updating { message: "The content is there; the file is moved now.".to_owned() }
            } else if fixed.is_empty() {
                State::Ready
            } else {
                State::Drifted { fields: fixed }
            };
            let fact =
                Fact::Updated { request_id: Some(done.request_id), date: done.date, sent: Sent::of(&there) };
            subject.memory.clear();
            match record::status(ctx, subject, &Change { state, fact: Some(fact) }).await {
                Ok(_) if *at == desired.path => Flow::End(rest(ctx, subject)),
                Ok(_) => Flow::Continue,
                Err(error) => after_call_error(&error),
            }
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
            subject.memory.unknown_place = false;
            Flow::Continue
        }
    }
}

pub(super) async fn record_updated(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    subject.memory.clear();
    let fixed = match subject.read.take() {
        Some(ReadBack::Present(held)) => held.fixed,
        Some(ReadBack::Absent) | None => Vec::new(),
    };
    let state = if fixed.is_empty() { State::Ready } else { State::Drifted { fields: fixed } };
    // Not now: what others wrote since the read is to show in the next listing.
    let date = subject.read_modified.unwrap_or_else(|| ctx.cloud.cloud_now());
    let fact = Fact::Updated { request_id: None, date, sent: Sent::of(desired) };
    match record::status(ctx, subject, &Change { state, fact: Some(fact) }).await {
        Ok(_) => Flow::End(rest(ctx, subject)),
        Err(error) => after_call_error(&error),
    }
}

pub(super) async fn read_back(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    id: &ResourceId,
) -> Flow {
    let Some(project) = subject.recorded_project() else { return Flow::End(Again::Never) };
    if let Err(later) = subject.spend_permit(ctx).await {
        return later;
    }
    let answer = ctx.cloud.get_resource(project, id).await;
    ctx.limiter.learn(answer.as_ref().err());
    match answer {
        Ok(resource) => {
            let held = desired.map(|desired| desired.held_by(&resource.spec)).unwrap_or_default();
            subject.read = Some(ReadBack::Present(held));
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

pub(super) async fn record_seen(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
) -> Flow {
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

pub(super) async fn record_drift(ctx: &Arc<Context>, subject: &mut Subject, fields: Vec<String>) -> Flow {
    let Some(modified) = subject.read_modified else { return Flow::End(Again::Never) };
    info!(object = %subject.key, fields = fields.join(","), "it differs from what is declared and is left so");
    subject.memory.clear();
    let change = Change { state: State::Drifted { fields }, fact: Some(Fact::Looked { modified }) };
    match record::status(ctx, subject, &change).await {
        Ok(_) => Flow::End(rest(ctx, subject)),
        Err(error) => after_call_error(&error),
    }
}
