//! Operations that change a file.

use std::sync::{Arc, Mutex};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::pipelines::check_deletable;
use super::upload::download;
use super::{Done, Request, id_value, to_json};
use crate::clock::Now;
use crate::cloud::{Cloud, lock};
use crate::config::ProjectConfig;
use crate::error::ApiError;
use crate::flowspec::{Entity, SpecError, file_name, folder, join};
use crate::settings::{Behaviour, DuplicatePath, Settings, UpdateName};
use crate::world::{Resource, World};

/// CreateResource.
pub(super) fn create(
    request: &Request,
    cloud: &Cloud,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let behaviour = &settings.behaviour;
    let project = request.params.required_number("ProjectId")?;
    let text = request.params.required("Spec")?;
    let resource_file = request.params.get("ResourceFile").filter(|url| !url.is_empty());
    let parsed = Entity::parse(text);
    let file = resource_file.map(|url| download(url, request, cloud, settings));

    let mut world = lock(&cloud.world);
    let project = writable(&world, project, behaviour)?;
    let entity = parsed.map_err(|error| bad_spec(behaviour, &error))?;
    let ids = world.next_ids();
    let mut resource =
        build(&entity, ids, &project, &request.account, now).map_err(|error| bad_spec(behaviour, &error))?;
    if !behaviour.honour_metadata_owner {
        resource.owner = request.account.as_str().into();
    }
    resource.resource_file = resource_file.map(Arc::from);
    resource.file = file.transpose()?.flatten();
    check_free(&world, behaviour, &resource, None)?;
    let left = Some(left(&resource, &entity));
    world.put(resource, now, settings.list_lag_ms);
    Ok(Done {
        answer: to_json(&json!({"Id": id_value(ids.0, behaviour.id_style)})),
        effect: true,
        id: Some(ids.0),
        left,
    })
}

/// UpdateResource: what is present replaces, what is absent stays.
pub(super) fn update(
    request: &Request,
    cloud: &Cloud,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let behaviour = &settings.behaviour;
    let text = request.params.required("Spec")?;
    let resource_file = request.params.get("ResourceFile").filter(|url| !url.is_empty());
    let parsed = Entity::parse(text);
    let file = resource_file.map(|url| download(url, request, cloud, settings));

    let mut world = lock(&cloud.world);
    let (project, old) = existing(request, &world, behaviour)?;
    let change = parsed.map_err(|error| bad_spec(behaviour, &error))?;
    let before = Entity::stored(&old.version, &old.document);
    let changes_content = change.has_content();
    let mut entity = before.clone();
    entity.merge(change);
    // Checked before the old identity is put back: the service reads the document first.
    entity.columns().map_err(|error| bad_spec(behaviour, &error))?;
    if behaviour.update_name == UpdateName::Ignore {
        entity.keep_identity_of(&before);
    }
    let ids = (old.id, old.script_id);
    let mut resource =
        build(&entity, ids, &project, &old.owner, now).map_err(|error| bad_spec(behaviour, &error))?;
    if !behaviour.honour_metadata_owner {
        resource.owner = Arc::clone(&old.owner);
    }
    resource.create_ms = old.create_ms;
    (resource.resource_file, resource.file) = match resource_file {
        Some(url) => (Some(url.into()), file.transpose()?.flatten()),
        None if changes_content => (None, None),
        None => (old.resource_file.clone(), old.file.clone()),
    };
    check_free(&world, behaviour, &resource, Some((&old.path, &old.name)))?;
    let left = left(&resource, &entity);
    world.put(resource, now, settings.list_lag_ms);
    Ok(Done::success(Some(left)))
}

/// DeleteResource.
pub(super) fn delete(
    request: &Request,
    world: &Mutex<World>,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let mut world = lock(world);
    let (_, old) = existing(request, &world, &settings.behaviour)?;
    check_deletable(&mut world, old.id, &settings.behaviour.deployment, now)?;
    world.take(old.id, now, settings.list_lag_ms);
    Ok(Done::success(None))
}

/// MoveResource: another folder; an empty one is the root.
pub(super) fn r#move(
    request: &Request,
    world: &Mutex<World>,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let to = request.params.get("Path");
    let to = to.ok_or_else(|| ApiError::missing("Path"))?;
    relocate(request, world, settings, now, |old| join(to, &old.name))
}

/// RenameResource: another file name in the same folder.
pub(super) fn rename(
    request: &Request,
    world: &Mutex<World>,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let name = request.params.required("Name")?;
    if name.contains('/') {
        return Err(ApiError::invalid("Name", "a file name has no folder"));
    }
    relocate(request, world, settings, now, |old| join(folder(&old.path), name))
}

fn relocate(
    request: &Request,
    world: &Mutex<World>,
    settings: &Settings,
    now: Now,
    path: impl FnOnce(&Resource) -> String,
) -> Result<Done, ApiError> {
    let behaviour = &settings.behaviour;
    let mut world = lock(world);
    let (_, old) = existing(request, &world, behaviour)?;
    let path = path(&old);
    let mut resource = old.clone();
    let mut entity = Entity::stored(&resource.version, &resource.document);
    entity.set_path(&path);
    resource.document = entity.text().into();
    resource.name = file_name(&path).into();
    resource.path = path.into();
    resource.modify_ms = now.wall_ms;
    check_free(&world, behaviour, &resource, Some((&old.path, &old.name)))?;
    let left = left(&resource, &entity);
    world.put(resource, now, settings.list_lag_ms);
    Ok(Done::success(Some(left)))
}

/// A file from a complete document; `owner` where the document names none.
pub(crate) fn build(
    entity: &Entity,
    (id, script_id): (u64, u64),
    project: &ProjectConfig,
    owner: &str,
    now: Now,
) -> Result<Resource, SpecError> {
    let columns = entity.columns()?;
    let default = &project.default_datasource;
    let (name, kind) = columns.datasource.unwrap_or((&default.name, &default.kind));
    Ok(Resource {
        id,
        script_id,
        project: project.id,
        path: columns.path.into(),
        name: columns.name.into(),
        kind: columns.kind,
        command: columns.command.into(),
        datasource: (name.into(), kind.into()),
        owner: columns.owner.unwrap_or(owner).into(),
        storage: entity.storage_type().into(),
        version: entity.version.as_str().into(),
        document: entity.text().into(),
        resource_file: None,
        file: None,
        create_ms: now.wall_ms,
        modify_ms: now.wall_ms,
    })
}

/// Where a resource is and the digest of what it holds, for the journal.
fn left(resource: &Resource, entity: &Entity) -> (String, String) {
    let text = || hex::encode(Sha256::digest(entity.content().as_bytes()));
    (resource.path.to_string(), resource.file.as_ref().map_or_else(text, |file| file.sha256.to_string()))
}

/// A workspace that takes writes.
fn writable(world: &World, project: u64, behaviour: &Behaviour) -> Result<Arc<ProjectConfig>, ApiError> {
    let project = world.project(project).ok_or_else(|| ApiError::from(&behaviour.project_not_found))?;
    if project.status != "Available" {
        return Err(ApiError::from(&behaviour.project_not_available));
    }
    Ok(Arc::clone(project))
}

/// The file that a write names: as it is, not as readers still see it.
fn existing(
    request: &Request,
    world: &World,
    behaviour: &Behaviour,
) -> Result<(Arc<ProjectConfig>, Resource), ApiError> {
    let project = request.params.required_number("ProjectId")?;
    let id = request.params.required("Id")?;
    let project = writable(world, project, behaviour)?;
    id.parse()
        .ok()
        .and_then(|id| world.get(id))
        .filter(|resource| resource.project == project.id)
        .cloned()
        .map(|resource| (project, resource))
        .ok_or_else(|| ApiError::from(&behaviour.resource_not_found))
}

/// Refuses a path or name that another file has; `old` are those that the file has already.
fn check_free(
    world: &World,
    behaviour: &Behaviour,
    resource: &Resource,
    old: Option<(&str, &str)>,
) -> Result<(), ApiError> {
    // What stays as it is can take nothing from others, even where a stranger made a second one.
    let new_path = old.is_none_or(|(path, _)| *path != *resource.path);
    let new_name = old.is_none_or(|(_, name)| *name != *resource.name);
    let path_taken = behaviour.duplicate_path == DuplicatePath::Refuse
        && new_path
        && world.has_path(resource.project, &resource.path);
    let name_taken = behaviour.unique_names && new_name && world.has_name(resource.project, &resource.name);
    match path_taken || name_taken {
        true => Err(ApiError::from(&behaviour.already_exists)),
        false => Ok(()),
    }
}

fn bad_spec(behaviour: &Behaviour, error: &SpecError) -> ApiError {
    let mut answer = ApiError::from(&behaviour.bad_spec);
    answer.message = match error {
        SpecError::NotJson => format!("code: {}, {}, {error}", answer.status, answer.message),
        _ => format!("code: {}, {error}", answer.status),
    };
    answer
}
