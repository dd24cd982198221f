//! The steps on a resource that is there: change it, read it back, record what was seen.

use std::sync::Arc;

use dataworks_core::desired::Desired;
use dataworks_core::fault::{Class, Outcome};
use dataworks_core::ids::ResourceId;
use dataworks_core::inventory::Own;
use dataworks_core::path::ResourcePath;
use dataworks_core::plan::ReadBack;
use dataworks_core::state::{Change, Fact, Sent, State};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use super::create::own_row;
use super::{Flow, done, failed, rest};
use crate::context::Context;
use crate::failpoint::{Place, around};
use crate::reconcile::Again;
use crate::reconcile::observe::Subject;

pub(super) async fn update(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    id: &ResourceId,
    at: &ResourcePath,
) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    let departure = match subject.spend_permit(ctx).await {
        Ok(departure) => departure,
        Err(later) => return later,
    };
    let there = desired.at(at);
    let sent = subject.connection.cloud.cloud_now();
    let document = there.update_json();
    let file = subject.resource_file(desired).map(str::to_owned);
    let update = subject.connection.cloud.update_resource(desired.project, id, &document, file.as_deref());
    let end = around(Place::Update, departure.with(update)).await;
    match end {
        Outcome::Done(answer) => {
            info!(action = "UpdateResource", %id, requestId = answer.request_id, why = subject.why, "updated");
            let state = if *at == desired.path {
                as_declared(fixed(subject))
            } else {
                State::Updating { message: "The content is there; the file is moved now.".to_owned() }
            };
            // What was read before it is still so but for what was sent: a read now may not show that yet.
            subject.read = subject.read.take().and_then(|read| read.updated(at));
            let fact = Fact::Updated {
                request_id: Some(answer.request_id),
                date: answer.date,
                sent: Sent::of(&there),
            };
            match done(ctx, subject, Change { state, fact: Some(fact) }).await {
                Flow::Continue if *at == desired.path => Flow::End(rest(ctx, subject)),
                flow => flow,
            }
        }
        Outcome::Refused(fault) if fault.class == Class::NotFound && subject.read.is_none() => {
            subject.memory.doubt = true;
            Flow::Continue
        }
        Outcome::Refused(fault) => failed(ctx, subject, fault, None).await,
        Outcome::Unknown(fault) => {
            warn!(action = "UpdateResource", %id, code = fault.code, requestId = fault.request_id, why = subject.why, "the outcome of an update is not known");
            subject.memory.write_unknown(sent, false, there.spec_digest());
            subject.read = None;
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
    let state = as_declared(fixed(subject));
    // Not now: what others wrote since the read is to show in the next listing.
    let date = subject.read_modified.unwrap_or_else(|| subject.connection.cloud.cloud_now());
    let status = subject.object.status.as_ref();
    if let Some(id) = status.and_then(|status| status.id.as_ref()?.parse().ok()) {
        let created = status.and_then(|status| status.create_time.as_ref()).map_or(date, |time| time.0);
        ctx.record(
            &subject.connection,
            desired.project,
            Own::Put(Arc::new(own_row(desired, &id, created, date))),
        );
    }
    let fact = Fact::Updated { request_id: None, date, sent: Sent::of(desired) };
    match done(ctx, subject, Change { state, fact: Some(fact) }).await {
        Flow::Continue => Flow::End(rest(ctx, subject)),
        flow => flow,
    }
}

pub(super) async fn read_back(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    id: &ResourceId,
) -> Flow {
    let Some(project) = subject.recorded_project() else { return Flow::End(Again::Never) };
    let departure = match subject.spend_permit(ctx).await {
        Ok(departure) => departure,
        Err(later) => return later,
    };
    let answer = departure.with(subject.connection.cloud.get_resource(project, id)).await;
    match answer {
        Ok(resource) => {
            let held = desired.map(|desired| desired.held_by(&resource.spec)).unwrap_or_default();
            subject.read = Some(ReadBack::Present(held));
            subject.read_modified = Some(resource.modify_time);
            Flow::Continue
        }
        Err(fault) if fault.class == Class::NotFound => {
            subject.read = Some(match young_until(ctx, subject) {
                Some(until) => ReadBack::TooYoung { until },
                None => {
                    ctx.record(&subject.connection, project, Own::Deleted(id.clone()));
                    ReadBack::Absent
                }
            });
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
    let fact = Fact::Seen { modified, sent: Sent::of(desired) };
    match done(ctx, subject, Change { state: State::Ready, fact: Some(fact) }).await {
        Flow::Continue => Flow::End(rest(ctx, subject)),
        flow => flow,
    }
}

pub(super) async fn record_drift(ctx: &Arc<Context>, subject: &mut Subject, fields: Vec<String>) -> Flow {
    let Some(modified) = subject.read_modified else { return Flow::End(Again::Never) };
    info!(fields = fields.join(","), "it differs from what is declared and is left so");
    let change = Change { state: State::Drifted { fields }, fact: Some(Fact::Looked { modified }) };
    match done(ctx, subject, change).await {
        Flow::Continue => Flow::End(rest(ctx, subject)),
        flow => flow,
    }
}

/// Until when the service may not show a resource that it has made.
fn young_until(ctx: &Context, subject: &Subject) -> Option<Timestamp> {
    let made = subject.object.status.as_ref()?.create_time.as_ref()?.0;
    // Times in status have whole seconds, rounded down.
    let until = made.saturating_add(ctx.bounds.lag + SignedDuration::from_secs(1)).ok()?;
    (subject.connection.cloud.cloud_now() < until).then_some(until)
}

/// What the last read showed to differ in what no call changes.
fn fixed(subject: &Subject) -> Vec<String> {
    match &subject.read {
        Some(ReadBack::Present(held)) => held.fixed.clone(),
        Some(ReadBack::Absent | ReadBack::TooYoung { .. }) | None => Vec::new(),
    }
}

/// As declared, but for what no call changes.
pub(super) fn as_declared(fixed: Vec<String>) -> State {
    if fixed.is_empty() { State::Ready } else { State::Drifted { fields: fixed } }
}
