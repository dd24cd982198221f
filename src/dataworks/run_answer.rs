//! The shapes of the answers about deployment runs, read once into the values of `types`.
//!
//! Pure, by the rules of `answer`.

use dataworks_core::publish::{Run, RunStatus, Stage, StageKind};
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::answer::{milliseconds, optional_text_or_integer, request_id, text_or_integer};
use super::error::{CODE_LIMIT, TEXT_LIMIT, clean};
use super::types::{ItemPage, OneRun, RunItem, RunPage, StartedRun};

/// Reads CreatePipelineRun's answer, or `None` when it says no id.
pub(super) fn started(body: &[u8], date: Timestamp) -> Option<StartedRun> {
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

/// Reads GetPipelineRun's answer.
pub(super) fn one_run(body: &[u8], date: Timestamp) -> Option<OneRun> {
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

/// Reads one page of ListPipelineRuns.
pub(super) fn run_page(body: &[u8], date: Timestamp) -> Option<RunPage> {
    let (request_id, paging) = paging(body)?;
    let listed = paging.pipeline_runs.unwrap_or_default();
    let total = total(paging.total_count, listed.is_empty())?;
    let count = listed.len();
    let runs: Vec<Run> = listed.into_iter().filter_map(run).collect();
    Some(RunPage { unreadable: count - runs.len(), runs, total, request_id, date })
}

/// Reads one page of ListPipelineRunItems.
pub(super) fn item_page(body: &[u8], date: Timestamp) -> Option<ItemPage> {
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
        name: clean(&shape.name, TEXT_LIMIT),
        status: clean(&shape.status, CODE_LIMIT),
        message: clean(&shape.message.unwrap_or_default(), TEXT_LIMIT),
        version: shape.version,
    })
}
