//! Whether something is to be done for a publication, instead of what the plan says.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use dataworks_core::api::v1alpha1::{Publication, RunType};
use dataworks_core::api::{PUBLISH_REQUESTED, RECONCILE_REQUESTED};
use dataworks_core::desired::Desired;
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::plan::Step as PlanStep;
use dataworks_core::publish::{
    Kind, Plan, RunId, Seen, Step, Verdict, Wish, next, offline, stopped, under_way,
};
use dataworks_core::state::State;
use tracing::debug;

use crate::context::Context;
use crate::controller::standing::{is_publish_requested, wish};
use crate::reconcile::observe::Subject;

/// A step of a publication, with what it was decided on.
#[derive(Debug)]
pub struct Due {
    pub(super) wish: Wish,
    pub(super) step: Step,
    pub(super) project: ProjectId,
    pub(super) id: ResourceId,
    pub(super) record: Publication,
}

impl Due {
    /// It is a part of the object's deletion, for which the plan has asked for leave.
    #[must_use]
    pub fn is_deletion(&self) -> bool {
        self.wish.deleting
    }
}

/// What is to be done for the publication before, or instead of, this step of the plan.
#[must_use]
pub fn due(ctx: &Context, subject: &Subject, desired: Option<&Desired>, step: &PlanStep) -> Option<Box<Due>> {
    let status = subject.object.status.as_ref()?;
    let record = status.publication.clone().unwrap_or_default();
    let wish = match step {
        PlanStep::Report(State::Ready | State::Duplicate { .. }) => declared(subject, desired?, &record)?,
        PlanStep::DeleteResource(_) if !subject.is_gone => before_delete(subject, &record)?,
        _ => return None,
    };
    let (project, id) = (subject.recorded_project()?, subject.recorded(ctx).id()?);
    let run = record.run_id.as_deref().and_then(|run| run.parse::<RunId>().ok());
    if let (Some(run), Some(wished)) = (&run, hurry(subject)) {
        subject.connection.runs.hurry(project, run, &subject.uid, wished);
    }
    let memory = subject.connection.runs.memory(&subject.uid);
    let sight = run.and_then(|run| subject.connection.runs.sight(project, &run));
    let seen = Seen {
        identity: &ctx.identity,
        uid: &subject.uid,
        bounds: &ctx.bounds,
        auto: subject.connection.runs.auto(project),
        memory: &memory,
        look: subject.runs.as_ref(),
        run: sight.as_ref(),
    };
    let Plan { step, why } = next(&wish, &record, &seen, subject.connection.cloud.cloud_now());
    debug!(step = step.name(), why, "decided on the publication");
    let blocked = wish.kind == Some(Kind::Offline) && offline(&record, wish.requested) == Verdict::Failed;
    (step != Step::Rest || blocked).then(|| Box::new(Due { wish, step, project, id, record }))
}

/// What is wished for a file that is in the workspace as declared.
fn declared(subject: &Subject, desired: &Desired, record: &Publication) -> Option<Wish> {
    if let Some(wish) = wish(&subject.object, None) {
        return Some(Wish { version: Some(desired.spec_digest().to_string()), ..wish });
    }
    // Not to be published any more: what is under way must not be approved either.
    let ends = under_way(record).is_some() || record.request.is_some() || stopped(record).is_some();
    ends.then_some(Wish { kind: None, deleting: false, version: None, until_stage: None, requested: false })
}

/// What has to end before the file is deleted.
fn before_delete(subject: &Subject, record: &Publication) -> Option<Wish> {
    let memory = subject.connection.runs.memory(&subject.uid);
    let goes_on = under_way(record).is_some() || record.request.is_some();
    let to_offline = record.type_ == Some(RunType::Offline) && goes_on;
    let wish = Wish {
        kind: None,
        deleting: true,
        version: None,
        until_stage: None,
        requested: is_publish_requested(&subject.object),
    };
    if to_offline || memory.needs_offline && !goes_on {
        return Some(Wish { kind: Some(Kind::Offline), ..wish });
    }
    let left_open = stopped(record).is_some_and(|run| memory.abolished != Some(run));
    (goes_on || left_open).then_some(wish)
}

/// What tells one wish of a person who does not want to wait for the next poll from another.
fn hurry(subject: &Subject) -> Option<u64> {
    let annotations = subject.object.metadata.annotations.as_ref()?;
    let both = [RECONCILE_REQUESTED, PUBLISH_REQUESTED].map(|name| annotations.get(name));
    let mut hasher = DefaultHasher::new();
    both.hash(&mut hasher);
    both.iter().any(Option::is_some).then(|| hasher.finish())
}
