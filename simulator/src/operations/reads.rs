//! Operations that change nothing.

use std::sync::Mutex;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Done, Request, id_value};
use crate::clock::Now;
use crate::cloud::lock;
use crate::error::ApiError;
use crate::flowspec::{Entity, Facts, FileType};
use crate::settings::{Behaviour, Settings};
use crate::world::{Filter, Resource, World};

/// Rows of a page where none is asked for, and at most.
const PAGE_SIZE: usize = 10;
const MOST_PAGE_SIZE: usize = 100;
/// Pages that may be asked for; with full pages far more than any workspace holds.
const MOST_PAGES: usize = 1_000_000;

/// GetResource. Without `ProjectId` the id alone decides.
pub(super) fn resource(
    request: &Request,
    world: &Mutex<World>,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let behaviour = &settings.behaviour;
    let id = request.params.required("Id")?;
    let not_found = || ApiError::from(&behaviour.resource_not_found);
    let (resource, project) = {
        let mut world = lock(world);
        let wanted = match request.params.get("ProjectId") {
            Some(_) => Some(request.params.required_number("ProjectId")?),
            None => None,
        };
        if wanted.is_some_and(|id| world.project(id).is_none()) {
            return Err(ApiError::from(&behaviour.project_not_found));
        }
        let id = id.parse().map_err(|_| not_found())?;
        let resource = world
            .read(id, now)
            .filter(|resource| wanted.is_none_or(|wanted| wanted == resource.project))
            .cloned()
            .ok_or_else(not_found)?;
        let project = world.project(resource.project).cloned();
        (resource, project.ok_or_else(not_found)?)
    };
    let mut entity = Entity::stored(&resource.version, &resource.document);
    if behaviour.shows_uploaded_text
        && let Some(text) = resource.file.as_ref().and_then(|file| std::str::from_utf8(&file.bytes).ok())
    {
        entity.set_content(text);
    }
    let spec = entity.document(&Facts {
        id: id_value(resource.id, behaviour.id_style),
        script_id: id_value(resource.script_id, behaviour.id_style),
        owner: &resource.owner,
        project_id: project.id,
        project_name: &project.name,
        mode: project.mode(),
        with_content: behaviour.get_resource_content,
    });
    let answer = json!({
        "Id": id_value(resource.id, behaviour.id_style),
        "ProjectId": id_value(resource.project, behaviour.project_id_style),
        "Name": &*resource.name,
        "Owner": &*resource.owner,
        "CreateTime": resource.create_ms,
        "ModifyTime": resource.modify_ms,
        "Spec": spec,
    });
    Ok(Done::read(&json!({"Resource": answer})))
}

/// ListResources.
pub(super) fn list(
    request: &Request,
    world: &Mutex<World>,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let params = &request.params;
    let behaviour = &settings.behaviour;
    let project = params.required_number("ProjectId")?;
    let number = params.number("PageNumber", 1, MOST_PAGES)?;
    let size = params.number("PageSize", PAGE_SIZE, MOST_PAGE_SIZE)?;
    let kind = match params.get("Type").filter(|text| !text.is_empty()) {
        Some(text) => {
            Some(FileType::parse(text).ok_or_else(|| ApiError::invalid("Type", "it is not a type"))?)
        }
        None => None,
    };
    let given = |name| params.get(name).filter(|text| !text.is_empty());
    let filter = Filter {
        name: given("Name").map(str::to_owned),
        owner: given("Owner").map(str::to_owned),
        kind,
        order: behaviour.list_order,
        skip: (number - 1).saturating_mul(size),
        take: size,
    };
    let page = lock(world)
        .list(project, &filter, now)
        .ok_or_else(|| ApiError::from(&behaviour.project_not_found))?;
    Ok(Done::read(&Listing {
        paging_info: Paging {
            page_number: number,
            page_size: size,
            total_count: page.total,
            resources: page.rows.iter().map(|file| row(file, behaviour)).collect(),
        },
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listing<'a> {
    paging_info: Paging<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Paging<'a> {
    page_number: usize,
    page_size: usize,
    total_count: usize,
    resources: Vec<Row<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row<'a> {
    id: Value,
    project_id: Value,
    name: &'a str,
    owner: &'a str,
    r#type: &'static str,
    create_time: i64,
    modify_time: i64,
    data_source: RowSource<'a>,
    source_type: &'static str,
    source_path: &'static str,
    target_type: &'static str,
    target_path: String,
    script: RowScript<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RowSource<'a> {
    name: &'a str,
    r#type: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RowScript<'a> {
    id: Value,
    path: &'a str,
    runtime: RowRuntime<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RowRuntime<'a> {
    command: &'a str,
}

fn row<'a>(resource: &'a Resource, behaviour: &Behaviour) -> Row<'a> {
    let (source_type, target_type) = match &*resource.storage {
        "oss" => ("Oss", "Oss"),
        "hdfs" => ("Local", "Hdfs"),
        _ => ("Local", "Gateway"),
    };
    Row {
        id: id_value(resource.id, behaviour.id_style),
        project_id: id_value(resource.project, behaviour.project_id_style),
        name: &resource.name,
        owner: &resource.owner,
        r#type: resource.kind.as_str(),
        create_time: resource.create_ms,
        modify_time: resource.modify_ms,
        data_source: RowSource { name: &resource.datasource.0, r#type: &resource.datasource.1 },
        source_type,
        source_path: "",
        target_type,
        target_path: format!("/{}", resource.path),
        script: RowScript {
            id: id_value(resource.script_id, behaviour.id_style),
            path: &resource.path,
            runtime: RowRuntime { command: &resource.command },
        },
    }
}

/// GetProject.
pub(super) fn project(
    request: &Request,
    world: &Mutex<World>,
    settings: &Settings,
) -> Result<Done, ApiError> {
    let id = request.params.required_number("Id")?;
    let project = lock(world)
        .project(id)
        .cloned()
        .ok_or_else(|| ApiError::from(&settings.behaviour.project_not_found))?;
    let answer = json!({
        "Id": id_value(project.id, settings.behaviour.project_id_style),
        "Name": project.name,
        "DisplayName": project.name,
        "Owner": request.account,
        "Status": project.status,
        "Description": "",
        "DevEnvironmentEnabled": project.dev_environment_enabled,
        "DevRoleDisabled": !project.dev_environment_enabled,
        "PaiTaskEnabled": false,
        "AliyunResourceGroupId": "rg-simulator",
        "AliyunResourceTags": [],
    });
    Ok(Done::read(&json!({"Project": answer})))
}

/// GetCallerIdentity of STS.
pub(super) fn identity(account: &str) -> Done {
    Done::read(&json!({
        "AccountId": account,
        "UserId": account,
        "PrincipalId": account,
        "IdentityType": "Account",
        "Arn": format!("acs:ram::{account}:root"),
    }))
}
