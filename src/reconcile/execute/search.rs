//! The steps after a create whose outcome is not known: list by name, read, record.

use std::sync::Arc;

use dataworks_core::desired::Desired;
use dataworks_core::fault::Class;
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::intent::Intent;
use dataworks_core::inventory::{Own, Row};
use dataworks_core::plan::{Candidate, ReadVerdict, Search, at_path, compare};
use dataworks_core::state::{Change, Fact, Sent, State};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tracing::info;

use super::create::{by_name, unanswered};
use super::{Flow, after_call_error, failed};
use crate::context::Context;
use crate::reconcile::observe::Subject;
use crate::reconcile::{Again, record};

pub(super) async fn search(
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
        match by_name(subject, project, &name).await {
            Ok(rows) => found.extend(rows.into_iter().filter(|row| at_path(row, path))),
            Err(unlisted) => return unanswered(ctx, subject, unlisted).await,
        }
    }
    // Reckoned back from the end: the answers may have corrected the clock, and a search that only
    // seems to have begun late enough would make a second file.
    let took = SignedDuration::try_from(started.elapsed()).unwrap_or(SignedDuration::MAX);
    let begun = subject.connection.cloud.cloud_now().saturating_sub(took).unwrap_or(Timestamp::MIN);
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.dedup_by(|a, b| a.id == b.id);
    let index = ctx.index();
    let id_held = |row: &Row| {
        let holder = index.id_held_by_other(project, &row.id, &subject.uid);
        holder.is_some_and(|holder| subject.is_another(holder))
    };
    // It may be another object's that has no id yet: of one whose place was copied, or that stands where we are going.
    let path_held = |row: &Row| {
        let path = row.path.parse().ok();
        path.is_some_and(|path| index.path_held_by_other(project, &path, &subject.key, &subject.uid))
    };
    let candidate = |row: Row| Candidate { claimed: id_held(&row) || path_held(&row), row, verdict: None };
    subject.search = Some(Search { begun, rows: found.into_iter().map(candidate).collect() });
    Flow::Continue
}

pub(super) async fn read_candidate(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    intent: &Intent,
    id: &ResourceId,
) -> Flow {
    let Some(project) = i64::try_from(intent.project_id).ok().and_then(ProjectId::new) else {
        return Flow::End(Again::Never);
    };
    let departure = match subject.spend_permit(ctx).await {
        Ok(departure) => departure,
        Err(later) => return later,
    };
    let answer = departure.with(subject.connection.cloud.get_resource(project, id)).await;
    let verdict = match answer {
        Ok(resource) => compare(intent, desired, &resource.spec),
        Err(fault) if fault.class == Class::NotFound => {
            // A listing shows it: it may only be too young to be read.
            let rows = subject.search.iter().flat_map(|search| &search.rows);
            let made =
                rows.filter(|candidate| candidate.row.id == *id).map(|candidate| candidate.row.created);
            let lag = ctx.bounds.lag + SignedDuration::from_secs(1);
            let until = made.max().and_then(|made| made.saturating_add(lag).ok());
            match until.filter(|until| subject.connection.cloud.cloud_now() < *until) {
                Some(until) => return super::wait(ctx, subject, until, None).await,
                None => ReadVerdict::Gone,
            }
        }
        Err(fault) => return failed(ctx, subject, fault, None).await,
    };
    let rows = subject.search.iter_mut().flat_map(|search| &mut search.rows);
    for candidate in rows.filter(|candidate| candidate.row.id == *id) {
        candidate.verdict = Some(verdict);
    }
    Flow::Continue
}

pub(super) async fn record_found(
    ctx: &Arc<Context>,
    subject: &mut Subject,
    desired: Option<&Desired>,
    intent: &Intent,
    row: Row,
) -> Flow {
    let Some(desired) = desired else { return Flow::End(Again::Never) };
    let read = subject.search.as_ref().and_then(|search| search.rows.iter().find(|c| c.row.id == row.id));
    let as_intended = read.is_some_and(|candidate| candidate.verdict == Some(ReadVerdict::AsIntended));
    let sent = Sent::of_intent(intent, desired, &row.path, as_intended);
    info!(id = %row.id, why = subject.why, "found what a lost create made");
    let state = if sent.spec == Some(desired.spec_digest()) {
        State::Ready
    } else {
        State::Updating { message: "Found; what was declared since is sent now.".to_owned() }
    };
    let fact =
        Fact::Found { at: intent.at, id: row.id.clone(), created: row.created, modified: row.modified, sent };
    ctx.record(&subject.connection, desired.project, Own::Put(Arc::new(row)));
    // What was read was another resource, which is gone.
    subject.read = None;
    match record::status(ctx, subject, &Change { state, fact: Some(fact) }).await {
        Ok(_) => {
            subject.memory.clear();
            Flow::Continue
        }
        Err(error) => after_call_error(&error),
    }
}
