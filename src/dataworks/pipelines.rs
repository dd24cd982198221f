//! The operations of deployment runs: one method each, one request each, and the shapes of their
//! answers.
//!
//! It must not know what a run is made for or when a stage is to start; that is `core::publish`.
//! ListPipelineRuns does not say which object a run is for: only asking with `object` tells.

use dataworks_core::fault::{Fault, Outcome};
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::publish::{Kind, Mode, Run, RunId, RunStatus, Stage, StageKind};
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::Client;
use super::answer::{milliseconds, optional_text_or_integer, request_id, text_or_integer};
use super::call::Call;
use super::error::{Effect, Failure, clean};
use super::types::{ItemPage, OneRun, RunItem, RunPage, StartedRun, Written};

/// Longest text of a run or stage that is kept, in bytes.
const TEXT_LIMIT: usize = 512;

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

fn started(body: &[u8], date: Timestamp) -> Option<StartedRun> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        #[serde(deserialize_with = "request_id")]
        request_id: String,
        #[serde(deserialize_with = "text_or_integer")]
        id: String,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    Some(StartedRun { id: answer.id.parse().ok()?, request_id: answer.request_id, date })
}

fn one_run(body: &[u8], date: Timestamp) -> Option<OneRun> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        #[serde(deserialize_with = "request_id")]
        request_id: String,
        pipeline: Value,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    Some(OneRun { run: run(answer.pipeline)?, request_id: answer.request_id, date })
}

fn run_page(body: &[u8], date: Timestamp) -> Option<RunPage> {
    let (request_id, paging) = paging(body)?;
    let listed = paging.pipeline_runs.unwrap_or_default();
    let total = total(paging.total_count, listed.is_empty())?;
    let count = listed.len();
    let runs: Vec<Run> = listed.into_iter().filter_map(run).collect();
    Some(RunPage { unreadable: count - runs.len(), runs, total, request_id, date })
}

fn item_page(body: &[u8], date: Timestamp) -> Option<ItemPage> {
    let (request_id, paging) = paging(body)?;
    let listed = paging.pipeline_run_items.unwrap_or_default();
    let total = total(paging.total_count, listed.is_empty())?;
    let items = listed.into_iter().filter_map(item).collect();
    Some(ItemPage { items, total, request_id, date })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Paging {
    #[serde(default, deserialize_with = "optional_text_or_integer")]
    total_count: Option<String>,
    pipeline_runs: Option<Vec<Value>>,
    pipeline_run_items: Option<Vec<Value>>,
}

fn paging(body: &[u8]) -> Option<(String, Paging)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        #[serde(deserialize_with = "request_id")]
        request_id: String,
        paging_info: Paging,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    Some((answer.request_id, answer.paging_info))
}

fn total(count: Option<String>, is_empty: bool) -> Option<u64> {
    match count {
        Some(count) => count.parse().ok(),
        None => is_empty.then_some(0),
    }
}

fn run(value: Value) -> Option<Run> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Pipeline {
        #[serde(deserialize_with = "text_or_integer")]
        id: String,
        status: String,
        message: Option<String>,
        description: Option<String>,
        #[serde(deserialize_with = "milliseconds")]
        create_time: Timestamp,
        stages: Option<Vec<Value>>,
    }
    let pipeline: Pipeline = serde_json::from_value(value).ok()?;
    // A stage that cannot be read must not be skipped: then the run cannot be read.
    let stages = pipeline.stages.unwrap_or_default().into_iter().map(stage);
    let mut stages = stages.collect::<Option<Vec<Stage>>>()?;
    stages.sort_by_key(|stage| stage.step);
    Some(Run {
        id: pipeline.id.parse().ok()?,
        status: RunStatus::of(&pipeline.status),
        message: clean(&pipeline.message.unwrap_or_default(), TEXT_LIMIT),
        description: clean(&pipeline.description.unwrap_or_default(), TEXT_LIMIT),
        created: pipeline.create_time,
        stages,
    })
}

fn stage(value: Value) -> Option<Stage> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Shape {
        code: String,
        #[serde(rename = "Type")]
        type_: String,
        #[serde(deserialize_with = "text_or_integer")]
        step: String,
        status: String,
        message: Option<String>,
    }
    let shape: Shape = serde_json::from_value(value).ok()?;
    Some(Stage {
        code: clean(&shape.code, TEXT_LIMIT),
        kind: StageKind::of(&shape.type_, &shape.code),
        step: shape.step.parse().ok()?,
        status: RunStatus::of(&shape.status),
        message: clean(&shape.message.unwrap_or_default(), TEXT_LIMIT),
    })
}

fn item(value: Value) -> Option<RunItem> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Shape {
        #[serde(deserialize_with = "text_or_integer")]
        id: String,
        name: String,
        status: String,
        message: Option<String>,
        version: Option<i64>,
    }
    let shape: Shape = serde_json::from_value(value).ok()?;
    Some(RunItem {
        id: shape.id.parse().ok()?,
        name: shape.name,
        status: shape.status,
        message: clean(&shape.message.unwrap_or_default(), TEXT_LIMIT),
        version: shape.version,
    })
}
