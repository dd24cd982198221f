//! Deployment runs, and what is published.
//!
//! A run goes on by being looked at: every question first brings all runs of its workspace up to
//! the present. It must not know how a run is asked for on the wire.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Resource, World};
use crate::clock::Now;
use crate::deployment::{AutoMode, Deployment, RunKind, RunOrder, RunStatus, Takes, stages};
use crate::flowspec::Entity;

/// One stage of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) by_itself: bool,
    pub(crate) status: RunStatus,
    pub(crate) message: String,
    /// When it began, by the wall.
    begun_ms: i64,
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) project: u64,
    pub(crate) kind: RunKind,
    pub(crate) object: u64,
    pub(crate) creator: String,
    pub(crate) description: String,
    pub(crate) status: RunStatus,
    pub(crate) message: String,
    pub(crate) create_ms: i64,
    pub(crate) modify_ms: i64,
    pub(crate) stages: Vec<Stage>,
    /// Stages follow each other by themselves, up to this one, or to the end.
    auto: Option<Option<String>>,
    /// What it publishes.
    pub(crate) version: Resource,
    pub(crate) number: u64,
    /// From when on it is listed, in ticks.
    listed_from: u64,
}

/// A version that was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// The resource's id, in decimal.
    pub id: String,
    /// The run that published it.
    pub run: String,
    /// Folder and file name as published.
    pub path: String,
    /// `script.content` as published.
    pub content: String,
    /// Hexadecimal SHA-256 of what was published: of what was uploaded, else of `content`.
    pub content_sha256: String,
    /// When, in Unix milliseconds.
    pub time: i64,
}

/// All runs, and what they have published.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Oldest first.
    runs: Vec<Run>,
    by_id: HashMap<String, usize>,
    /// What production holds now.
    published: BTreeMap<u64, Published>,
    /// All versions that were ever published, oldest first.
    history: Vec<Published>,
    versions: HashMap<u64, u64>,
}

/// What a run is made of.
pub(crate) struct NewRun {
    pub(crate) kind: RunKind,
    pub(crate) creator: String,
    pub(crate) description: String,
    pub(crate) auto: Option<Option<String>>,
}

/// Why something cannot be done with a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cannot {
    NoRun,
    NotRunning,
    NotStartable,
}

impl World {
    /// Makes a run for a file.
    pub(crate) fn start_run(
        &mut self,
        new: NewRun,
        version: Resource,
        deployment: &Deployment,
        now: Now,
        lag_ms: u64,
    ) -> String {
        let standard = self.project(version.project).is_some_and(|project| project.dev_environment_enabled);
        let id = Uuid::new_v4().to_string();
        let stages = stages(new.kind, standard, deployment.approval.as_ref()).into_iter();
        let stages = stages.map(|(code, name, kind, by_itself)| Stage {
            code,
            name,
            kind,
            by_itself,
            status: RunStatus::Init,
            message: String::new(),
            begun_ms: 0,
        });
        let runs = &mut self.runs;
        let number = runs.versions.entry(version.id).or_default();
        *number += 1;
        let run = Run {
            id: id.clone(),
            project: version.project,
            kind: new.kind,
            object: version.id,
            creator: new.creator,
            description: new.description,
            status: RunStatus::Running,
            message: String::new(),
            create_ms: now.wall_ms,
            modify_ms: now.wall_ms,
            stages: stages.collect(),
            auto: new.auto.filter(|_| deployment.auto == AutoMode::Honour),
            version,
            number: *number,
            listed_from: now.tick_ms.saturating_add(lag_ms),
        };
        runs.by_id.insert(id.clone(), runs.runs.len());
        runs.runs.push(run);
        self.advance(deployment, now);
        id
    }

    /// The file that a run is for.
    pub(crate) fn object_of(&self, id: &str) -> Option<u64> {
        self.runs.runs.get(*self.runs.by_id.get(id)?).map(|run| run.object)
    }

    /// A run as it is now.
    pub(crate) fn run(&mut self, id: &str, deployment: &Deployment, now: Now) -> Option<&Run> {
        self.advance(deployment, now);
        self.runs.runs.get(*self.runs.by_id.get(id)?)
    }

    /// The runs of a workspace in the order of a listing.
    pub(crate) fn list_runs(
        &mut self,
        project: u64,
        wanted: impl Fn(&Run) -> bool,
        deployment: &Deployment,
        now: Now,
    ) -> Vec<Run> {
        self.advance(deployment, now);
        let listed = |run: &&Run| run.project == project && run.listed_from <= now.tick_ms && wanted(run);
        let mut rows: Vec<Run> = self.runs.runs.iter().filter(listed).cloned().collect();
        if deployment.order == RunOrder::NewestFirst {
            rows.reverse();
        }
        rows
    }

    /// All runs, oldest first.
    pub(crate) fn all_runs(&mut self, deployment: &Deployment, now: Now) -> Vec<Run> {
        self.advance(deployment, now);
        self.runs.runs.clone()
    }

    /// True while a run for this file is under way.
    pub(crate) fn is_in_run(&mut self, object: u64, deployment: &Deployment, now: Now) -> bool {
        self.advance(deployment, now);
        self.runs.runs.iter().any(|run| run.object == object && !run.status.is_final())
    }

    /// Starts a stage. With a stage that never starts nothing else happens.
    pub(crate) fn start_stage(
        &mut self,
        id: &str,
        code: &str,
        deployment: &Deployment,
        now: Now,
    ) -> Result<(), Cannot> {
        self.advance(deployment, now);
        let at = *self.runs.by_id.get(id).ok_or(Cannot::NoRun)?;
        let run = &mut self.runs.runs[at];
        if run.status.is_final() {
            return Err(Cannot::NotRunning);
        }
        let index = run.stages.iter().position(|stage| stage.code == code).ok_or(Cannot::NotStartable)?;
        let ready = run.stages[..index].iter().all(|stage| stage.status == RunStatus::Success);
        let stage = &mut run.stages[index];
        if !ready || stage.status != RunStatus::Init || stage.by_itself {
            return Err(Cannot::NotStartable);
        }
        if deployment.never_starts.as_deref() != Some(code) {
            stage.status = RunStatus::Running;
            stage.begun_ms = now.wall_ms;
            run.modify_ms = now.wall_ms;
        }
        self.advance(deployment, now);
        Ok(())
    }

    /// Ends a run that is under way. `status` also becomes that of the stage that it is at.
    pub(crate) fn end_run(
        &mut self,
        id: &str,
        status: RunStatus,
        message: &str,
        deployment: &Deployment,
        now: Now,
    ) -> Result<(), Cannot> {
        self.advance(deployment, now);
        let at = *self.runs.by_id.get(id).ok_or(Cannot::NoRun)?;
        let run = &mut self.runs.runs[at];
        if run.status.is_final() {
            return Err(Cannot::NotRunning);
        }
        run.end(status, message, now);
        Ok(())
    }

    /// A person approves the stage that a run waits at.
    pub(crate) fn approve(&mut self, id: &str, deployment: &Deployment, now: Now) -> Result<(), Cannot> {
        self.advance(deployment, now);
        let at = *self.runs.by_id.get(id).ok_or(Cannot::NoRun)?;
        let run = &mut self.runs.runs[at];
        let waits = |stage: &&mut Stage| stage.status == RunStatus::Running && is_approval(stage, deployment);
        let stage = run.stages.iter_mut().find(waits).ok_or(Cannot::NotStartable)?;
        stage.status = RunStatus::Success;
        run.modify_ms = now.wall_ms;
        self.advance(deployment, now);
        Ok(())
    }

    /// True when the file is published.
    pub(crate) fn is_published(&mut self, object: u64, deployment: &Deployment, now: Now) -> bool {
        self.advance(deployment, now);
        self.runs.published.contains_key(&object)
    }

    /// What production holds, and all that it ever held.
    pub(crate) fn published(
        &mut self,
        deployment: &Deployment,
        now: Now,
    ) -> (Vec<Published>, Vec<Published>) {
        self.advance(deployment, now);
        (self.runs.published.values().cloned().collect(), self.runs.history.clone())
    }

    /// Brings all runs up to the present.
    fn advance(&mut self, deployment: &Deployment, now: Now) {
        for at in 0..self.runs.runs.len() {
            while !self.runs.runs[at].status.is_final() && self.step(at, deployment, now) {}
        }
    }

    /// Does the next thing of a run that time has brought; false when there is nothing.
    fn step(&mut self, at: usize, deployment: &Deployment, now: Now) -> bool {
        let run = &mut self.runs.runs[at];
        let Some(index) = run.stages.iter().position(|stage| stage.status != RunStatus::Success) else {
            return self.finish(at, now);
        };
        let last = index + 1 == run.stages.len();
        let follows = run.auto.as_ref().is_some_and(|until| {
            let end = until.as_ref().and_then(|code| run.stages.iter().position(|stage| stage.code == *code));
            end.is_none_or(|end| index <= end)
        });
        let stage = &mut run.stages[index];
        match stage.status {
            RunStatus::Init if stage.by_itself || follows => {
                if deployment.never_starts.as_deref() == Some(&stage.code) {
                    return false;
                }
                stage.status = RunStatus::Running;
                stage.begun_ms = now.wall_ms;
                true
            }
            RunStatus::Running if !is_approval(stage, deployment) => {
                let took = u64::try_from(now.wall_ms.saturating_sub(stage.begun_ms)).unwrap_or(0);
                if took < deployment.stage_ms {
                    return false;
                }
                run.modify_ms = now.wall_ms;
                if deployment.fails_at.as_deref() == Some(&stage.code) {
                    run.end(RunStatus::Fail, "the check found an error", now);
                    return false;
                }
                stage.status = RunStatus::Success;
                let (object, project) = (run.object, run.project);
                if last && deployment.takes == Takes::AtDeploy {
                    let present = self.projects.get(&project).and_then(|home| home.files.get(&object));
                    if let Some(present) = present.cloned() {
                        self.runs.runs[at].version = present;
                    }
                }
                true
            }
            RunStatus::Init
            | RunStatus::Running
            | RunStatus::Success
            | RunStatus::Fail
            | RunStatus::Termination
            | RunStatus::Cancel => false,
        }
    }

    fn finish(&mut self, at: usize, now: Now) -> bool {
        let run = &mut self.runs.runs[at];
        run.status = RunStatus::Success;
        run.modify_ms = now.wall_ms;
        let (object, kind) = (run.object, run.kind);
        let entity = Entity::stored(&run.version.version, &run.version.document);
        let published = Published {
            id: object.to_string(),
            run: run.id.clone(),
            path: run.version.path.to_string(),
            content: entity.content().to_owned(),
            content_sha256: run.version.content_sha256(),
            time: now.wall_ms,
        };
        match kind {
            RunKind::Online => {
                self.runs.history.push(published.clone());
                self.runs.published.insert(object, published);
            }
            RunKind::Offline => {
                self.runs.published.remove(&object);
            }
        }
        false
    }
}

impl Run {
    fn end(&mut self, status: RunStatus, message: &str, now: Now) {
        if let Some(stage) = self.stages.iter_mut().find(|stage| stage.status != RunStatus::Success) {
            stage.status = status;
            message.clone_into(&mut stage.message);
        }
        self.status = status;
        self.modify_ms = now.wall_ms;
    }

    /// The document of what it publishes.
    pub(crate) fn document(&self) -> Arc<str> {
        Arc::clone(&self.version.document)
    }
}

fn is_approval(stage: &Stage, deployment: &Deployment) -> bool {
    deployment.approval.as_ref().is_some_and(|approval| approval.code == stage.code)
}
