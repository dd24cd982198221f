//! An object with a resource: is what was sent what is declared, and does it stand where it should?
//!
//! Content first, then the place: what is sent before a move names the old path, so that every step
//! leaves a status that says exactly what is there.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::create::{at_name, not_allowed, refused_before, taken_by_other};
use super::relocate::relocate;
use super::search::{at_path, plus};
use super::step::{because, id_already_managed, stalled};
use super::workspace::{doubt_waits, moved_away};
use super::{Listing, Observed, Plan, ReadBack, Recorded, SourceRead, Step, content, create};
use crate::api::condition::{ConditionType, Reason};
use crate::api::v1alpha1::{DataWorksResourceStatus, DriftPolicy};
use crate::desired::{Desired, Held};
use crate::ids::ResourceId;
use crate::mutation::{Rule, off};
use crate::path::ResourcePath;
use crate::state::{self, State};

/// Times in status have whole seconds: what others do in the second of our own write is taken for ours.
const TICK: SignedDuration = SignedDuration::from_secs(1);

pub(super) fn plan(
    desired: &Desired,
    id: &ResourceId,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Plan {
    if let Some(plan) = other_resource(desired, id, recorded, observed) {
        return plan;
    }
    if !recorded.finalizer {
        return because(Step::AddFinalizer, "the resource must not outlive the object unnoticed");
    }
    let missing = matches!(observed.source, Some(SourceRead::Missing(_)));
    if let Some(plan) =
        content::unknown(desired, recorded, observed, now).filter(|_| !missing || !recorded.suspend)
    {
        return plan;
    }
    let as_recorded = is_recorded(desired, recorded);
    let told = told(recorded);
    let unsettled = told.is_some_and(|told| is_unsettled(told, observed));
    if recorded.suspend {
        let pending = !as_recorded || unsettled || observed.memory.unknown_write.is_some();
        let why = if pending { "suspended with changes pending" } else { "suspended, as declared" };
        return because(Step::Report(State::Suspended { pending }), why);
    }
    let doubted = observed.memory.doubt || recorded.requested || as_recorded && unsettled || drifted(told);
    if as_recorded && observed.memory.unknown_write.is_none() && !doubted {
        return settled(desired, id, told, observed);
    }
    if told.is_some_and(|told| told.reason == Reason::MassAbsence) && observed.brake && !recorded.requested {
        return gone_with_many(as_recorded);
    }
    let only_doubted =
        as_recorded && !unsettled && !recorded.requested && observed.memory.unknown_write.is_none();
    if only_doubted && let Some(plan) = doubt_waits(&observed.permission, now) {
        return plan;
    }
    if let Some(plan) = not_allowed(desired, recorded, observed, now) {
        return plan;
    }
    // A listing that shows a lost resource again does not wait for the next look on its own.
    let back = observed.memory.doubt && told.is_some_and(|told| told.reason == Reason::NotFoundInWorkspace);
    if let Some(plan) = refused_before(desired, recorded, observed, now).filter(|_| !back) {
        return plan;
    }
    match &observed.read {
        Some(ReadBack::TooYoung { until }) => {
            let message = "The file is not found, which may be because it was made just now.".to_owned();
            let state = (!as_recorded).then_some(State::Updating { message });
            because(Step::Wait { until: *until, state }, "it is too young to be missed")
        }
        Some(ReadBack::Absent) => absent(desired, id, recorded, observed, now),
        Some(ReadBack::Present(held)) => present(held, doubted, desired, id, recorded, observed, now),
        None if observed.memory.unknown_write.is_some() => {
            because(Step::ReadBack(id.clone()), "the outcome of the last write is not known")
        }
        None if recorded.requested => because(Step::ReadBack(id.clone()), "a look was asked for"),
        None if doubted && off(Rule::Recreate) => absent(desired, id, recorded, observed, now),
        None if doubted => because(Step::ReadBack(id.clone()), "it may not be as recorded"),
        None => {
            let from = recorded_path(desired, recorded);
            let edited = !is_recorded(&desired.at(&from), recorded);
            let update = || {
                because(Step::UpdateResource { id: id.clone(), at: from.clone() }, "the declaration changed")
            };
            if edited && from == desired.path {
                return update();
            }
            let Some(rows) = &observed.look else {
                return because(Step::Look, "the new path must be known to be free");
            };
            if let Some(row) = at_name(rows, desired, Some(id)) {
                return if edited { update() } else { taken_by_other(row, desired) };
            }
            // Others may have moved or changed it since the last look, and the move would hide that. Before an
            // update, because a read soon after it may still show what was there before.
            because(Step::ReadBack(id.clone()), "another path is declared: where it stands must be known")
        }
    }
}

/// The recorded id is of another workspace, another object's, or not the one that the spec names.
fn other_resource(
    desired: &Desired,
    id: &ResourceId,
    recorded: &Recorded,
    observed: &Observed,
) -> Option<Plan> {
    if let Some(project) = moved_away(Some(desired), recorded) {
        let message = format!(
            "The file {id} is in workspace {project}, but the spec names workspace {}; nothing was sent. \
             Name the old workspace again, or delete this object and create one for the new workspace.",
            desired.project
        );
        return Some(stalled(Reason::WorkspaceChanged, message, "the workspace changed under a recorded id"));
    }
    if let Some(holder) = &observed.id_held_by {
        return Some(id_already_managed(holder, id));
    }
    if let Some(plan) = other_datasource(desired, id, recorded) {
        return Some(plan);
    }
    let named = desired.resource_id.as_ref().filter(|named| *named != id)?;
    let message = format!(
        "This object manages the file {id}, but spec.resourceId names {named}; nothing was sent. Make a new object for \
         {named}; with deletionPolicy: Retain this one can go and leave its file."
    );
    Some(stalled(
        Reason::InvalidSpec,
        message,
        "spec.resourceId names another resource than the recorded one",
    ))
}

/// The file was made with a data source by default, and the spec names another by now: admission does not see that.
fn other_datasource(desired: &Desired, id: &ResourceId, recorded: &Recorded) -> Option<Plan> {
    let default = recorded.status.defaults.as_ref()?.datasource.as_ref()?;
    let (has, named) = (recorded.status.datasource.as_ref()?, desired.datasource.as_ref()?);
    if has != default || named == has {
        return None;
    }
    let message = format!(
        "The file {id} was made with data source {:?}, the default of its DataWorksWorkspace then, and spec.datasource names \
         {:?}; it cannot be changed, and nothing was sent. Take spec.datasource out, or make a new object.",
        has.name, named.name,
    );
    Some(stalled(Reason::InvalidSpec, message, "another data source is named than it was made with"))
}

/// True when exactly this was last sent, or found.
fn is_recorded(desired: &Desired, recorded: &Recorded) -> bool {
    recorded.status.spec_digest.as_deref() == Some(desired.spec_digest().to_string().as_str())
}

/// Where the resource stands as far as status knows.
fn recorded_path(desired: &Desired, recorded: &Recorded) -> ResourcePath {
    let path = recorded.status.path.as_ref().and_then(|path| path.parse().ok());
    path.unwrap_or_else(|| desired.path.clone())
}

/// What `Synced` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    holds: bool,
    reason: Reason,
}

fn told(recorded: &Recorded) -> Option<Told> {
    let synced = state::find(&recorded.status.conditions, ConditionType::Synced)?;
    Some(Told { holds: synced.status == "True", reason: synced.reason.parse().ok()? })
}

/// Status tells of something that only a read can tell to be over: equal digests prove nothing where
/// others changed the resource, or where something stood in the way since it was last seen.
fn is_unsettled(told: Told, observed: &Observed) -> bool {
    if told.reason == Reason::MassAbsence {
        return !observed.brake && observed.memory.listing.is_none();
    }
    !told.holds && told.reason != Reason::DuplicateInWorkspace
}

/// What is sent without a read could hide it.
fn drifted(told: Option<Told>) -> bool {
    told.is_some_and(|told| matches!(told.reason, Reason::Drifted | Reason::NotFoundInWorkspace))
}

/// Nothing has to be sent; what the last listing showed is told.
fn settled(desired: &Desired, id: &ResourceId, told: Option<Told>, observed: &Observed) -> Plan {
    match observed.memory.listing {
        Some(Listing::MassAbsence) => return gone_with_many(true),
        Some(Listing::Twins) => return twins(desired, id, observed),
        Some(Listing::Present) => {
            return because(Step::Report(State::Ready), "a listing shows it there");
        }
        None => {}
    }
    let told = told.map(|told| told.reason);
    if told == Some(Reason::MassAbsence) {
        return gone_with_many(true);
    }
    if told == Some(Reason::DuplicateInWorkspace) {
        return twins(desired, id, observed);
    }
    because(Step::Report(State::Ready), "what was sent is what is declared")
}

/// An object that was edited meanwhile is not ready: its edit has nowhere to go.
fn gone_with_many(as_recorded: bool) -> Plan {
    let why = "too many resources are gone at once to believe it";
    if as_recorded {
        return because(Step::Report(State::MassAbsence), why);
    }
    let message = format!(
        "The file is gone from the workspace with so many others that none is made again, and what is declared now was not \
         sent. Look at the workspace; to have this file made, set the annotation {}.",
        crate::api::RECONCILE_REQUESTED
    );
    stalled(Reason::MassAbsence, message, why)
}

/// Other files at its path.
fn twins(desired: &Desired, id: &ResourceId, observed: &Observed) -> Plan {
    let Some(rows) = &observed.look else {
        return because(Step::Look, "another file may stand at its path");
    };
    let path = desired.path.to_string();
    let others: Vec<ResourceId> =
        rows.iter().filter(|row| row.id != *id && at_path(row, &path)).map(|row| row.id.clone()).collect();
    if others.is_empty() {
        return because(Step::Report(State::Ready), "it stands alone at its path");
    }
    let ids = std::iter::once(id.clone()).chain(others).collect();
    because(Step::Report(State::Duplicate { path, ids }), "another file stands at its path")
}

fn absent(
    desired: &Desired,
    id: &ResourceId,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Plan {
    let why = match (desired.drift, &desired.resource_id) {
        (DriftPolicy::Report, _) => "driftPolicy is Report",
        (DriftPolicy::Correct, Some(_)) => "spec.resourceId names it",
        (DriftPolicy::Correct, None) if observed.brake && !recorded.requested => {
            return gone_with_many(is_recorded(desired, recorded));
        }
        (DriftPolicy::Correct, None) => return create::recreate(desired, recorded, observed, now),
    };
    let message = format!(
        "The file {id} is gone from workspace {}, and is not made again since {why}. Restore it there, or delete this \
         object{}.",
        desired.project,
        if desired.resource_id.is_none() {
            ", or set driftPolicy: Correct to have it made again"
        } else {
            ""
        },
    );
    stalled(Reason::NotFoundInWorkspace, message, "it is gone and is not to be made again")
}

/// Whether content that cannot be seen is taken for what was sent last: where nobody changed the resource
/// since, it is, whatever made us look. A look that was asked for, or one that failed before, is no
/// reason to send it again, and to publish it again after that.
fn is_believed(doubted: bool, recorded: &Recorded, observed: &Observed) -> bool {
    let holds = told(recorded).is_some_and(|told| told.holds || told.reason == Reason::CheckFailed);
    // A move of our own changes no content; what it hides was looked for just before it.
    let DataWorksResourceStatus { modify_time, last_sync_time, .. } = &recorded.status;
    let known = modify_time.as_ref().max(last_sync_time.as_ref()).map(|time| plus(time.0, TICK));
    match observed.read_modified.zip(known).map(|(modified, known)| modified >= known) {
        // What we sent ourselves without an answer may be what changed it.
        Some(true) if observed.memory.unknown_write.is_none() => false,
        Some(false) if holds => true,
        Some(_) | None => !doubted,
    }
}

fn present(
    held: &Held,
    doubted: bool,
    desired: &Desired,
    id: &ResourceId,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Plan {
    let from = held.path.clone().unwrap_or_else(|| recorded_path(desired, recorded));
    let in_place = from == desired.path;
    let edited = !is_recorded(&desired.at(&recorded_path(desired, recorded)), recorded);
    let reports = desired.drift == DriftPolicy::Report;
    let content_sent = observed.memory.unknown_write.is_some() && !observed.memory.unknown_place;
    // Content that the answer does not show is as recorded unless somebody may have changed it.
    let believed = !edited && !content_sent && (reports || is_believed(doubted, recorded, observed));
    let as_declared = held.differs.is_empty() && (held.shows_content || believed);
    // A write of something else that was declared in between may still arrive.
    let sent_this = observed.memory.unknown_spec.is_none_or(|sent| sent == desired.spec_digest());
    let wait = if off(Rule::WritesWait) { SignedDuration::ZERO } else { observed.bounds.call };
    let pending = observed.memory.unknown_write.filter(|sent| now < plus(*sent, wait));
    if as_declared && in_place && (sent_this || pending.is_none()) {
        return match observed.memory.unknown_write {
            Some(_) => because(Step::RecordUpdated, "the last write was carried out"),
            None if held.fixed.is_empty() => because(Step::RecordSeen, "it is as declared after all"),
            None => because(Step::RecordDrift(held.fixed.clone()), "it differs in what no call changes"),
        };
    }
    // It stands where the last write was to bring it: nothing is on its way any more.
    let carried_out = observed.memory.unknown_place
        && observed.memory.unknown_spec == Some(desired.at(&from).spec_digest());
    if let Some(sent) = pending.filter(|_| !(as_declared && carried_out)) {
        let until = plus(sent, observed.bounds.call);
        let message = "The outcome of the last write to the file is not known yet.".to_owned();
        let wait = Step::Wait { until, state: Some(State::Updating { message }) };
        return because(wait, "the last write may still arrive");
    }
    if reports && observed.memory.unknown_write.is_none() && is_recorded(desired, recorded) {
        let mut fields = held.differs.clone();
        fields.extend(held.fixed.iter().cloned());
        fields.extend((!in_place).then(|| "script.path".to_owned()));
        return because(Step::RecordDrift(fields), "others changed it, and driftPolicy is Report");
    }
    if !as_declared {
        let why = match observed.memory.unknown_write {
            Some(_) => "the last write was not carried out",
            None => "it is not as declared",
        };
        return because(Step::UpdateResource { id: id.clone(), at: from }, why);
    }
    relocate(desired, id, &from, observed, now)
}
