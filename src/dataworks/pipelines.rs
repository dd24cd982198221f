//! The operations of deployment runs: one method each, one request each.
//!
//! It must not know what a run is made for or when a stage is to start; that is `core::publish`.
//! ListPipelineRuns does not say which object a run is for: only asking with `object` tells.

use dataworks_core::fault::{Fault, Outcome};
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::publish::{Kind, Mode, RunId, RunStatus};

use super::Client;
use super::call::Call;
use super::error::{Effect, Failure};
use super::run_answer::{item_page, one_run, run_page, started};
use super::types::{ItemPage, OneRun, RunPage, StartedRun, Written};

/// What CreatePipelineRun is sent.
#[derive(Clone, Copy, Debug)]
pub struct NewRun<'a> {
    /// What it does.
    pub kind: Kind,
    /// The object; the service takes only one.
    pub object: &'a ResourceId,
    /// Shown in the console, and answered by later reads.
    pub description: &'a str,
    /// Who starts the stages.
    pub mode: Mode,
    /// With [`Mode::Auto`]: the code of the last stage that starts by itself.
    pub until_stage: Option<&'a str>,
}

/// Which runs to list. An absent field does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// The object that they are for.
    pub object: Option<ResourceId>,
    /// Who made them: an account's id.
    pub creator: Option<String>,
    /// Where they stand.
    pub status: Option<RunStatus>,
}

impl Client {
    /// CreatePipelineRun, on a connection of its own. Takes no token against being sent twice.
    pub async fn create_pipeline_run(&self, project: ProjectId, new: &NewRun<'_>) -> Outcome<StartedRun> {
        let NewRun { kind, object, description, mode, until_stage } = *new;
        let project = project.to_string();
        let objects = format!("[\"{object}\"]");
        let mut parameters =
            vec![("ProjectId", project.as_str()), ("Type", kind.as_str()), ("ObjectIds", objects.as_str())];
        if !description.is_empty() {
            parameters.push(("Description", description));
        }
        if mode == Mode::Auto {
            parameters.push(("RunMode", mode.as_str()));
            parameters.extend(until_stage.map(|code| ("AutoRunUntilStage", code)));
        }
        let call = Call::new("CreatePipelineRun", Effect::Create, &parameters);
        self.inner.call(&call, started).await.map_or_else(Failure::outcome, Outcome::Done)
    }

    /// GetPipelineRun.
    ///
    /// # Errors
    /// A fault.
    pub async fn get_pipeline_run(&self, project: ProjectId, run: &RunId) -> Result<OneRun, Fault> {
        let project = project.to_string();
        let parameters = [("ProjectId", project.as_str()), ("Id", run.as_str())];
        let call = Call::new("GetPipelineRun", Effect::Read, &parameters);
        self.inner.call(&call, one_run).await.map_err(|failure| failure.fault)
    }

    /// One page of ListPipelineRuns: `page` counts from 1, `size` is at most 100.
    ///
    /// # Errors
    /// A fault.
    pub async fn list_pipeline_runs(
        &self,
        project: ProjectId,
        filter: &RunFilter,
        page: u32,
        size: u32,
    ) -> Result<RunPage, Fault> {
        let RunFilter { object, creator, status } = filter;
        let (project, page, size) = (project.to_string(), page.to_string(), size.to_string());
        let mut parameters =
            vec![("ProjectId", project.as_str()), ("PageNumber", &page), ("PageSize", &size)];
        parameters.extend(object.as_ref().map(|object| ("ObjectId", object.as_str())));
        parameters.extend(creator.as_deref().map(|creator| ("Creator", creator)));
        parameters.extend(status.map(|status| ("Status", status.as_str())));
        let call = Call::new("ListPipelineRuns", Effect::Read, &parameters);
        self.inner.call(&call, run_page).await.map_err(|failure| failure.fault)
    }

    /// ExecPipelineRunStage: success says that the stage was triggered, not that it is done.
    pub async fn exec_pipeline_run_stage(
        &self,
        project: ProjectId,
        run: &RunId,
        stage: &str,
    ) -> Outcome<Written> {
        let project = project.to_string();
        let query = [("ProjectId", project.as_str())];
        let parameters = [("Id", run.as_str()), ("Code", stage)];
        let call = Call { query: &query, ..Call::new("ExecPipelineRunStage", Effect::Write, &parameters) };
        self.inner.call(&call, super::answer::written).await.map_or_else(Failure::outcome, Outcome::Done)
    }

    /// AbolishPipelineRun: ends a run that is under way.
    pub async fn abolish_pipeline_run(&self, project: ProjectId, run: &RunId) -> Outcome<Written> {
        let project = project.to_string();
        let parameters = [("ProjectId", project.as_str()), ("Id", run.as_str())];
        let call = Call::new("AbolishPipelineRun", Effect::Write, &parameters);
        self.inner.call(&call, super::answer::written).await.map_or_else(Failure::outcome, Outcome::Done)
    }

    /// One page of ListPipelineRunItems: `page` counts from 1, `size` is at most 100.
    ///
    /// # Errors
    /// A fault.
    pub async fn list_pipeline_run_items(
        &self,
        project: ProjectId,
        run: &RunId,
        page: u32,
        size: u32,
    ) -> Result<ItemPage, Fault> {
        let (project, page, size) = (project.to_string(), page.to_string(), size.to_string());
        let parameters = [
            ("ProjectId", project.as_str()),
            ("PipelineRunId", run.as_str()),
            ("PageNumber", &page),
            ("PageSize", &size),
        ];
        let call = Call::new("ListPipelineRunItems", Effect::Read, &parameters);
        self.inner.call(&call, item_page).await.map_err(|failure| failure.fault)
    }
}
