//! An object without a resource: look, intend, create.

use k8s_openapi::jiff::Timestamp;

use super::open::{earlier, open, restored, unreadable, write};
use super::search::at_path;
use super::step::{because, stalled};
use super::workspace::{closed, not_ready, sent_elsewhere};
use super::{Observed, Permission, Plan, Recorded, Step, content};
use crate::api::condition::Reason;
use crate::api::v1alpha1::AdoptionPolicy;
use crate::desired::Desired;
use crate::ids::ResourceId;
use crate::intent::{Intent, IntentNote};
use crate::inventory::Row;
use crate::mutation::{Rule, off};
use crate::ownership::is_maxcompute;
use crate::path::claim_key;
use crate::state::State;

pub(super) fn plan(desired: &Desired, recorded: &Recorded, observed: &Observed, now: Timestamp) -> Plan {
    if let Some(plan) = recorded.open_intent().and_then(|intent| sent_elsewhere(intent, desired)) {
        return plan;
    }
    if let Some(plan) = forbidden(desired, recorded, observed, now) {
        return plan;
    }
    if let Some(plan) = content::unknown(desired, recorded, observed, now) {
        return plan;
    }
    if let Some(plan) = restored(desired, recorded, observed, now) {
        return plan;
    }
    if let Some(intent) = recorded.open_intent() {
        return open(intent, desired, recorded, observed, now);
    }
    if let Some(plan) = refused_before(desired, recorded, observed, now) {
        return plan;
    }
    match &recorded.intent {
        IntentNote::Earlier(intent) if intent.project_id == desired.project.get() => {
            earlier(intent, desired, recorded, observed, now)
        }
        IntentNote::Unreadable => unreadable(desired),
        IntentNote::Absent | IntentNote::Foreign | IntentNote::Earlier(_) | IntentNote::Own(_) => {
            first(desired, recorded, observed, now, None)
        }
    }
}

/// The same document was refused a while ago, and that wait is not over.
pub(super) fn refused_before(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Option<Plan> {
    if content::moved(recorded, observed) || is_another_document(desired, recorded) {
        return None;
    }
    let until = recorded.refused_until(observed.bounds.lag)?;
    let wait = || because(Step::Wait { until, state: None }, "the same document was refused before");
    (now < until).then(wait)
}

/// What was sent to make the file was another document: the workspace's defaults are part of it, and may have changed
/// without the object.
fn is_another_document(desired: &Desired, recorded: &Recorded) -> bool {
    let IntentNote::Own(intent) = &recorded.intent else { return false };
    // Content that was not read yet is part of the digest, too.
    let is_read = intent.content_sha256 == desired.content_digest().map(|digest| digest.to_string());
    let sent = intent.spec_sha256.as_deref();
    let other = sent.is_some_and(|digest| digest != desired.spec_digest().to_string());
    recorded.id().is_none() && is_read && other
}

/// What may not be sent at all.
pub(super) fn forbidden(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Option<Plan> {
    if recorded.suspend {
        let state = State::Suspended { pending: true };
        return Some(because(Step::Report(state), "suspended before it was created"));
    }
    not_allowed(desired, recorded, observed, now)
}

/// What is done where the connection is closed to this object; `None`: it is open. Whoever calls the cloud for
/// a reason that the plan does not know asks this first.
#[must_use]
pub fn not_allowed(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Option<Plan> {
    let message = match &observed.permission {
        Permission::Allowed => return None,
        Permission::NamespaceNotListed => format!(
            "Namespace {:?} may not use the operator's default connection. An administrator can add it to \
             DATAWORKS_DEFAULT_CONNECTION_NAMESPACES (`*` allows all).",
            recorded.key.namespace
        ),
        Permission::ProjectNotListed => format!(
            "Workspace {} may not be used through the operator's default connection. An administrator can add \
             it to DATAWORKS_DEFAULT_CONNECTION_PROJECTS.",
            desired.project
        ),
        Permission::Closed(fault) => return Some(closed(fault, recorded, now)),
        Permission::WorkspaceNotReady(unready) => return Some(not_ready(unready, recorded, now)),
    };
    Some(stalled(Reason::ConnectionNotAllowed, message, "the default connection is closed to this object"))
}

/// Nothing was tried, or all that was tried is closed; or nothing came of the intent that is renewed,
/// with its new `first` and its own `at`.
pub(super) fn first(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
    renews: Option<(Timestamp, Timestamp)>,
) -> Plan {
    let unseen = off(Rule::Look).then(Vec::new);
    let Some(rows) = observed.look.as_ref().or(unseen.as_ref()) else {
        return because(Step::Look, "the path must be known to be free");
    };
    let at: Vec<&Row> = rows.iter().filter(|row| at_path(row, desired.path.as_str())).collect();
    if !at.is_empty() {
        return taken(&at, desired, recorded, observed, renews.map(|(_, at)| at), now);
    }
    if let Some(row) = at_name(rows, desired, None) {
        return already_exists(row, desired, renews.map(|(_, at)| at));
    }
    let intent = intent(desired, recorded, observed, now, renews.map(|(first, _)| first));
    write(intent, desired, recorded, "the path is free")
}

pub(super) fn intent(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
    earliest: Option<Timestamp>,
) -> Intent {
    Intent {
        cluster: observed.identity.cluster.clone(),
        object: recorded.key.to_string(),
        uid: recorded.uid.to_string(),
        holder: observed.identity.holder.clone(),
        project_id: desired.project.get(),
        path: desired.path.to_string(),
        content_sha256: desired.content_digest().map(|digest| digest.to_string()),
        spec_sha256: Some(desired.spec_digest().to_string()),
        defaults: desired.kept_defaults(),
        first: earliest.unwrap_or(now),
        at: now,
    }
}

/// Files stand at the path that this object did not create.
pub(super) fn taken(
    rows: &[&Row],
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    closes: Option<Timestamp>,
    now: Timestamp,
) -> Plan {
    let [row] = rows else {
        let ids: Vec<&str> = rows.iter().take(10).map(|row| row.id.as_str()).collect();
        let message = format!(
            "Workspace {} has several files at {:?} (ids {}), none of which this object created; nothing was sent. Name \
             one in spec.resourceId, or give this object another path.",
            desired.project,
            desired.path.to_string(),
            ids.join(", "),
        );
        return because(Step::Report(State::Taken { message, closes }), "several files stand at the path");
    };
    if observed.claimed.contains(&row.id) {
        let message = format!(
            "The file of another object of this cluster (id {}) stands at {:?} in workspace {}, where that object does not \
             declare it; nothing was sent. Give this object another path, or have that file moved back.",
            row.id, row.path, desired.project
        );
        let state = State::Taken { message, closes };
        return because(Step::Report(state), "another object's file stands at the path");
    }
    match desired.adoption {
        AdoptionPolicy::Adopt => super::adopt::adopt(&row.id, desired, recorded, observed, now),
        AdoptionPolicy::Fail => already_exists(row, desired, closes),
    }
}

/// The row that stands in the way of the resource with this id, if it has one: the same path, or for
/// MaxCompute the same name in the same data source, since the engine knows a resource by its name
/// only.
pub(super) fn at_name<'a>(rows: &'a [Row], desired: &Desired, own: Option<&ResourceId>) -> Option<&'a Row> {
    let path = desired.path.as_str();
    let same_engine_name = |row: &Row| {
        let same_source = match (&desired.datasource, &row.datasource) {
            (Some(ours), Some(theirs)) => ours.name == *theirs,
            (None, _) | (_, None) => true,
        };
        let same_name = claim_key(&row.name) == desired.path.name_claim_key();
        is_maxcompute(&desired.command) && is_maxcompute(&row.command) && same_source && same_name
    };
    let mut others = rows.iter().filter(|row| own != Some(&row.id));
    let at_path = others.clone().find(|row| at_path(row, path));
    at_path.or_else(|| others.find(|row| same_engine_name(row)))
}

/// A file stands where this object's file is to go.
pub(super) fn taken_by_other(row: &Row, desired: &Desired) -> Plan {
    let message = format!(
        "The file cannot go to {:?}: workspace {} already has {:?} (id {}); nothing was sent. Give this object another \
         path, or remove that file.",
        desired.path.to_string(),
        desired.project,
        row.path,
        row.id
    );
    let state = State::Taken { message, closes: None };
    because(Step::Report(state), "the new path is taken by a resource that is not ours")
}

fn already_exists(row: &Row, desired: &Desired, closes: Option<Timestamp>) -> Plan {
    let message = format!(
        "Workspace {} already has {:?} (id {}), which this object did not create; nothing was sent. \
         Give this object another path, remove that file, or set adoptionPolicy: Adopt for a file at this very path.",
        desired.project, row.path, row.id
    );
    let state = State::Taken { message, closes };
    because(Step::Report(state), "the path is taken by a resource that is not ours")
}

/// The resource is gone: make it again, as a new intent.
pub(super) fn recreate(desired: &Desired, recorded: &Recorded, observed: &Observed, now: Timestamp) -> Plan {
    forbidden(desired, recorded, observed, now)
        .unwrap_or_else(|| first(desired, recorded, observed, now, None))
}
