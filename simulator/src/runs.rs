//! The door for tests, the part of deployment runs: what there is, what is published, and what a
//! person decides in the console.

use serde::{Deserialize, Serialize};

use crate::cloud::lock;
use crate::control::{Control, NoSuchResource, file};
use crate::deployment::{RunKind, RunStatus};
use crate::world::{Cannot, NewRun, Published, Run};

/// A run as it is, for asserts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunView {
    /// The run's id.
    pub id: String,
    /// The workspace.
    pub project_id: u64,
    /// The id of the resource that it is for.
    pub object_id: String,
    /// What it does.
    #[serde(rename = "type")]
    pub kind: RunKind,
    /// Where it stands.
    pub status: RunStatus,
    /// What it was made with.
    pub description: String,
    /// Where the file is in the version that it publishes.
    pub path: String,
    /// Hexadecimal SHA-256 of what that version holds.
    pub content_sha256: String,
    /// Its stages, in order.
    pub stages: Vec<StageView>,
    /// Unix milliseconds.
    pub create_time: i64,
}

/// A stage as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageView {
    /// Its code.
    pub code: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it stands.
    pub status: RunStatus,
}

/// What a person decides about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// The stage that waits for it is approved.
    Approve,
    /// The run ends in `Termination`.
    Refuse,
    /// The run ends in `Cancel`.
    Cancel,
}

/// A decision that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("run {id}: {why}")]
pub struct NoSuchRun {
    id: String,
    why: &'static str,
}

impl Control {
    /// All runs, oldest first.
    pub fn runs(&self) -> Vec<RunView> {
        let (settings, now) = (self.0.settings(), self.now());
        lock(&self.0.world).all_runs(&settings.behaviour.deployment, now).iter().map(view).collect()
    }

    /// What production holds now.
    pub fn published(&self) -> Vec<Published> {
        let (settings, now) = (self.0.settings(), self.now());
        lock(&self.0.world).published(&settings.behaviour.deployment, now).0
    }

    /// All versions that were ever published, oldest first.
    pub fn published_ever(&self) -> Vec<Published> {
        let (settings, now) = (self.0.settings(), self.now());
        lock(&self.0.world).published(&settings.behaviour.deployment, now).1
    }

    /// Somebody publishes a file in the console; answers the run's id. Its stages follow each other as
    /// with `RunMode=Auto`, up to one that waits for a person.
    ///
    /// # Errors
    ///
    /// When there is no such file.
    pub fn run_outside(&self, id: &str) -> Result<String, NoSuchResource> {
        let (settings, now) = (self.0.settings(), self.now());
        let mut world = lock(&self.0.world);
        let version = file(&world, id)?;
        let new = NewRun {
            kind: RunKind::Online,
            creator: version.owner.to_string(),
            description: String::new(),
            auto: Some(None),
        };
        Ok(world.start_run(new, version, &settings.behaviour.deployment, now, settings.list_lag_ms))
    }

    /// A person decides about a run.
    ///
    /// # Errors
    ///
    /// When there is no such run, or it is not at a point where that can be decided.
    pub fn decide(&self, id: &str, decision: Decision) -> Result<(), NoSuchRun> {
        let (settings, now) = (self.0.settings(), self.now());
        let deployment = &settings.behaviour.deployment;
        let mut world = lock(&self.0.world);
        let end = match decision {
            Decision::Approve => world.approve(id, deployment, now),
            Decision::Refuse => {
                world.end_run(id, RunStatus::Termination, "the approver refused it", deployment, now)
            }
            Decision::Cancel => world.end_run(id, RunStatus::Cancel, "", deployment, now),
        };
        let refused = |why| NoSuchRun { id: id.to_owned(), why };
        end.map_err(|cannot| match cannot {
            Cannot::NoRun => refused("there is none"),
            Cannot::NotRunning => refused("it has ended"),
            Cannot::NotStartable => refused("it does not wait for approval"),
        })
    }
}

fn view(run: &Run) -> RunView {
    let stage = |stage: &crate::world::Stage| StageView {
        code: stage.code.clone(),
        kind: stage.kind.clone(),
        status: stage.status,
    };
    RunView {
        id: run.id.clone(),
        project_id: run.project,
        object_id: run.object.to_string(),
        kind: run.kind,
        status: run.status,
        description: run.description.clone(),
        path: run.version.path.to_string(),
        content_sha256: run.version.content_sha256(),
        stages: run.stages.iter().map(stage).collect(),
        create_time: run.create_ms,
    }
}
