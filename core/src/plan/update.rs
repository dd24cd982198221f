//! An object with a resource: is what was sent what is declared?

use k8s_openapi::jiff::Timestamp;

use super::create::not_allowed;
use super::search::plus;
use super::step::{already_managed, because, stalled};
use super::{Observed, Plan, ReadBack, Recorded, Step, create};
use crate::api::condition::Reason;
use crate::backoff;
use crate::desired::Desired;
use crate::ids::ResourceId;
use crate::state::State;

pub(super) fn plan(
    desired: &Desired,
    id: &ResourceId,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Plan {
    if let Some(project) = recorded.status.project_id
        && project.unsigned_abs() != desired.project.get()
    {
        let message = format!(
            "The file {id} is in workspace {project}, but the spec names workspace {}; nothing was sent. \
             Name the old workspace again, or delete this object and create one for the new workspace.",
            desired.project
        );
        return stalled(Reason::WorkspaceChanged, message, "the workspace changed under a recorded id");
    }
    if let Some(holder) = &observed.id_held_by {
        return already_managed(holder, desired);
    }
    if !recorded.finalizer {
        return because(Step::AddFinalizer, "the resource must not outlive the object unnoticed");
    }
    let declared = desired.spec_digest().to_string();
    let as_declared = recorded.status.spec_digest.as_deref() == Some(declared.as_str());
    if recorded.suspend {
        let why = if as_declared { "suspended, as declared" } else { "suspended with changes pending" };
        return because(Step::Report(State::Suspended { pending: !as_declared }), why);
    }
    let doubt = observed.memory.doubt || recorded.requested;
    if as_declared && observed.memory.unknown_write.is_none() && !doubt {
        return because(Step::Report(State::Ready), "what was sent is what is declared");
    }
    if let Some(plan) = not_allowed(desired, recorded, observed) {
        return plan;
    }
    if let Some((refusals, at)) = recorded.refused_since() {
        let until = plus(at, backoff::refused(&recorded.uid, refusals).try_into().unwrap_or_default());
        if now < until {
            return because(Step::Wait { until, state: None }, "the same document was refused before");
        }
    }
    match (&observed.read, observed.memory.unknown_write, doubt) {
        (None, None, false) => because(Step::UpdateResource(id.clone()), "the declaration changed"),
        (None, Some(_), _) => {
            because(Step::ReadBack(id.clone()), "the outcome of the last write is not known")
        }
        (None, None, true) if recorded.requested => {
            because(Step::ReadBack(id.clone()), "a look was asked for")
        }
        (None, None, true) => because(Step::ReadBack(id.clone()), "it may not be as recorded"),
        (Some(ReadBack::Absent), ..) => create::recreate(desired, recorded, observed, now),
        (Some(ReadBack::Present { as_declared: true }), Some(_), _) => {
            because(Step::RecordUpdated, "the last write was carried out")
        }
        (Some(ReadBack::Present { as_declared: true }), None, _) => {
            because(Step::RecordSeen, "it is as declared after all")
        }
        (Some(ReadBack::Present { as_declared: false }), Some(sent), _) => {
            let until = plus(sent, observed.bounds.call);
            if now < until {
                let state = State::Updating {
                    message: "The outcome of the last UpdateResource is not known yet.".to_owned(),
                };
                return because(Step::Wait { until, state: Some(state) }, "the last write may still arrive");
            }
            because(Step::UpdateResource(id.clone()), "the last write was not carried out")
        }
        (Some(ReadBack::Present { as_declared: false }), None, _) => {
            because(Step::UpdateResource(id.clone()), "it is not as declared")
        }
    }
}
