//! Operations of deployment runs.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::{Done, Request, id_value};
use crate::clock::Now;
use crate::cloud::lock;
use crate::deployment::{AutoMode, DeletePublished, Deployment, RunKind, RunStatus, SecondRun};
use crate::error::ApiError;
use crate::flowspec::{Entity, Facts};
use crate::settings::Settings;
use crate::world::{Cannot, NewRun, Run, World};

/// Rows of a page where none is asked for, and at most.
const PAGE_SIZE: usize = 10;
const MOST_PAGE_SIZE: usize = 100;
const MOST_PAGES: usize = 1_000_000;

/// The first id of a JSON array of ids: only that counts.
pub(super) fn first_object(request: &Request) -> Option<u64> {
    let ids: Vec<Value> = serde_json::from_str(request.params.get("ObjectIds")?).ok()?;
    match ids.first()? {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

/// CreatePipelineRun.
pub(super) fn create(
    request: &Request,
    world: &Mutex<World>,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let (behaviour, deployment) = (&settings.behaviour, &settings.behaviour.deployment);
    let params = &request.params;
    let project = params.required_number("ProjectId")?;
    let kind = match params.required("Type")? {
        "Online" => RunKind::Online,
        "Offline" => RunKind::Offline,
        _ => return Err(ApiError::invalid("Type", "it is neither Online nor Offline")),
    };
    let ids = params.required("ObjectIds")?;
    let object = first_object(request).ok_or_else(|| ApiError::invalid("ObjectIds", "it names no id"))?;
    let auto = match params.get("RunMode").unwrap_or("Normal") {
        "Normal" | "" => None,
        "Auto" if deployment.auto != AutoMode::Refuse => {
            Some(params.get("AutoRunUntilStage").filter(|code| !code.is_empty()).map(str::to_owned))
        }
        _ => return Err(ApiError::invalid("RunMode", "it is not supported here")),
    };
    let mut world = lock(world);
    if world.project(project).is_none() {
        return Err(ApiError::from(&behaviour.project_not_found));
    }
    let version = world.get(object).filter(|file| file.project == project).cloned();
    let offline = kind == RunKind::Offline;
    let published = world.is_published(object, deployment, now);
    let version = version.filter(|_| !offline || published).ok_or_else(|| {
        let mut answer = ApiError::from(&deployment.nothing_to_publish);
        answer.message = answer.message.replace("[{id}]", ids);
        answer
    })?;
    if deployment.second_run == SecondRun::Refuse && world.is_in_run(object, deployment, now) {
        return Err(ApiError::from(&deployment.run_exists));
    }
    let description = params.get("Description").filter(|_| deployment.keeps_description).unwrap_or("");
    let new = NewRun { kind, creator: request.account.clone(), description: description.to_owned(), auto };
    let id = world.start_run(new, version, deployment, now, settings.list_lag_ms);
    Ok(Done { effect: true, ..Done::read(&json!({"Id": id})) })
}

/// GetPipelineRun.
pub(super) fn get(
    request: &Request,
    world: &Mutex<World>,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let deployment = &settings.behaviour.deployment;
    let project = request.params.required_number("ProjectId")?;
    let id = request.params.required("Id")?;
    let mut world = lock(world);
    let run = world.run(id, deployment, now).filter(|run| run.project == project);
    let run = run.ok_or_else(|| ApiError::from(&deployment.run_not_found))?;
    Ok(Done::read(&json!({"Pipeline": row(run, settings)})))
}

/// ListPipelineRuns.
pub(super) fn list(
    request: &Request,
    world: &Mutex<World>,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let deployment = &settings.behaviour.deployment;
    let params = &request.params;
    let project = params.required_number("ProjectId")?;
    let number = params.number("PageNumber", 1, MOST_PAGES)?;
    let size = params.number("PageSize", PAGE_SIZE, MOST_PAGE_SIZE)?;
    let given = |name| params.get(name).filter(|text| !text.is_empty());
    let object = given("ObjectId").filter(|_| deployment.filters_by_object);
    let status = match given("Status") {
        Some(word) => Some(
            RunStatus::parse(word).ok_or_else(|| ApiError::invalid("Status", "it is no status of a run"))?,
        ),
        None => None,
    };
    let creator = given("Creator");
    let mut world = lock(world);
    if world.project(project).is_none() {
        return Err(ApiError::from(&settings.behaviour.project_not_found));
    }
    let wanted = |run: &Run| {
        object.is_none_or(|id| id == run.object.to_string())
            && status.is_none_or(|status| status == run.status)
            && creator.is_none_or(|creator| creator == run.creator)
    };
    let runs = world.list_runs(project, wanted, deployment, now);
    let rows = runs.iter().skip((number - 1).saturating_mul(size)).take(size);
    let rows: Vec<Value> = rows.map(|run| row(run, settings)).collect();
    let paging = json!({
        "PageNumber": number, "PageSize": size, "TotalCount": runs.len(), "PipelineRuns": rows,
    });
    Ok(Done::read(&json!({"PagingInfo": paging})))
}

/// ExecPipelineRunStage: says only that the stage was triggered.
pub(super) fn exec_stage(
    request: &Request,
    world: &Mutex<World>,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let deployment = &settings.behaviour.deployment;
    request.params.required_number("ProjectId")?;
    let (id, code) = (request.params.required("Id")?, request.params.required("Code")?);
    lock(world).start_stage(id, code, deployment, now).map_err(|cannot| refusal(cannot, deployment))?;
    Ok(Done::success(None))
}

/// AbolishPipelineRun.
pub(super) fn abolish(
    request: &Request,
    world: &Mutex<World>,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let deployment = &settings.behaviour.deployment;
    request.params.required_number("ProjectId")?;
    let id = request.params.required("Id")?;
    let ended = lock(world).end_run(id, RunStatus::Cancel, "", deployment, now);
    ended.map_err(|cannot| refusal(cannot, deployment))?;
    Ok(Done::success(None))
}

/// ListPipelineRunItems: a run has one item.
pub(super) fn items(
    request: &Request,
    world: &Mutex<World>,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let (behaviour, deployment) = (&settings.behaviour, &settings.behaviour.deployment);
    let params = &request.params;
    let project_id = params.required_number("ProjectId")?;
    let id = params.required("PipelineRunId")?;
    let number = params.number("PageNumber", 1, MOST_PAGES)?;
    let size = params.number("PageSize", PAGE_SIZE, MOST_PAGE_SIZE)?;
    let mut world = lock(world);
    let project = world.project(project_id).cloned();
    let project = project.ok_or_else(|| ApiError::from(&behaviour.project_not_found))?;
    let run = world.run(id, deployment, now).filter(|run| run.project == project_id);
    let run = run.ok_or_else(|| ApiError::from(&deployment.run_not_found))?;
    let spec = Entity::stored(&run.version.version, &run.document()).document(&Facts {
        id: id_value(run.object, behaviour.id_style),
        script_id: id_value(run.version.script_id, behaviour.id_style),
        owner: &run.version.owner,
        project_id: project.id,
        project_name: &project.name,
        mode: project.mode(),
        with_content: true,
    });
    let item = json!({
        "Id": id_value(run.object, behaviour.id_style),
        "Name": &*run.version.name,
        "Type": "Resource",
        "Status": run.status.as_str(),
        "Message": run.message,
        "Version": run.number,
        "Spec": spec,
        "CreateTime": run.create_ms,
        "ModifyTime": run.modify_ms,
    });
    let shown: Vec<Value> = if number == 1 { vec![item] } else { Vec::new() };
    let paging = json!({"PageNumber": number, "PageSize": size, "TotalCount": 1, "PipelineRunItems": shown});
    Ok(Done::read(&json!({"PagingInfo": paging})))
}

/// Refuses to delete what is published, where that is so.
pub(super) fn check_deletable(
    world: &mut World,
    object: u64,
    deployment: &Deployment,
    now: Now,
) -> Result<(), ApiError> {
    let refused = deployment.delete_published == DeletePublished::NeedsOffline
        && world.is_published(object, deployment, now);
    if refused { Err(ApiError::from(&deployment.still_published)) } else { Ok(()) }
}

fn refusal(cannot: Cannot, deployment: &Deployment) -> ApiError {
    ApiError::from(match cannot {
        Cannot::NoRun => &deployment.run_not_found,
        Cannot::NotRunning => &deployment.run_not_running,
        Cannot::NotStartable => &deployment.stage_not_startable,
    })
}

fn row(run: &Run, settings: &Settings) -> Value {
    let stages: Vec<Value> = (1..)
        .zip(&run.stages)
        .map(|(step, stage)| {
            json!({
                "Code": stage.code,
                "Name": stage.name,
                "Description": "",
                "Type": stage.kind,
                "Step": step,
                "Status": stage.status.as_str(),
                "Message": stage.message,
                "Detail": {},
            })
        })
        .collect();
    json!({
        "Id": run.id,
        "ProjectId": id_value(run.project, settings.behaviour.project_id_style),
        "Creator": run.creator,
        "Status": run.status.as_str(),
        "Message": run.message,
        "Description": run.description,
        "CreateTime": run.create_ms,
        "ModifyTime": run.modify_ms,
        "Stages": stages,
    })
}
