//! The door for tests: what the simulator holds, what it was asked, and outside edits.
//!
//! The admin API says the same over HTTP. Nothing here is a call of the service: it is neither
//! signed nor counted nor broken.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::Now;
use crate::cloud::{Cloud, lock};
use crate::config::{AccessKey, DataSource, ProjectConfig};
use crate::faults::Fault;
use crate::flowspec::{Entity, Facts, FileType, SpecError};
use crate::journal::{Call, Counts};
use crate::operations::build;
use crate::settings::Settings;
use crate::world::{Resource, World};

/// A handle on a running simulator. Cheap to clone; it does not keep the simulator running.
#[derive(Clone, Debug)]
pub struct Control(pub(crate) Arc<Cloud>);

/// What [`Control::reset`] takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reset {
    /// Counts, journal, and the use made of rates and quotas.
    Counts,
    /// Also files, workspaces, keys, faults and settings: all as at the start.
    All,
}

/// A workspace, for asserts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectView {
    /// The workspace.
    #[serde(flatten)]
    pub config: ProjectConfig,
    /// How many files it has.
    pub resources: usize,
}

/// A file as it truly is, for asserts: no lag, no switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceView {
    /// The id, in decimal.
    pub id: String,
    /// The workspace.
    pub project_id: u64,
    /// Folder and file name.
    pub path: String,
    /// File name.
    pub name: String,
    /// `Python`, `Jar`, `Archive` or `File`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The runtime command.
    pub command: String,
    /// The data source, also where it is the workspace's default.
    pub datasource: DataSource,
    /// The account id of the owner.
    pub owner: String,
    /// `script.content`.
    pub content: String,
    /// Hexadecimal SHA-256 of what the file holds: of what was uploaded, else of `content`.
    pub content_sha256: String,
    /// The last `ResourceFile`.
    pub resource_file: Option<String>,
    /// Bytes of what was uploaded; absent where nothing was, or where the URL is somebody else's.
    #[serde(default)]
    pub file_bytes: Option<usize>,
    /// The whole document, as GetResource answers it.
    pub spec: String,
    /// Unix milliseconds.
    pub create_time: i64,
    /// Unix milliseconds.
    pub modify_time: i64,
}

/// A file that a stranger makes. No rule about paths or names is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutsideFile {
    /// The workspace.
    pub project_id: u64,
    /// Folder and file name.
    pub path: String,
    /// The text.
    #[serde(default)]
    pub content: String,
    /// `Python`, `Jar`, `Archive` or `File`, in any case; absent: `Python`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Absent: `ODPS_` and the type.
    #[serde(default)]
    pub command: Option<String>,
    /// Absent: the workspace's default.
    #[serde(default)]
    pub datasource: Option<DataSource>,
    /// Absent: `2000`, which is nobody's account.
    #[serde(default)]
    pub owner: Option<String>,
}

impl OutsideFile {
    /// A Python file of a stranger.
    pub fn new(project_id: u64, path: impl Into<String>, content: impl Into<String>) -> Self {
        Self {
            project_id,
            path: path.into(),
            content: content.into(),
            kind: None,
            command: None,
            datasource: None,
            owner: None,
        }
    }
}

/// What somebody changes in the console; absent fields stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OutsideEdit {
    /// The new text.
    pub content: Option<String>,
    /// The new folder and file name.
    pub path: Option<String>,
    /// The new owner.
    pub owner: Option<String>,
    /// The new data source.
    pub datasource: Option<DataSource>,
}

/// An outside edit that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outside edit: {0}")]
pub struct NoSuchResource(String);

impl Control {
    /// The workspaces.
    pub fn projects(&self) -> Vec<ProjectView> {
        let projects = lock(&self.0.world).projects();
        projects
            .into_iter()
            .map(|(config, resources)| ProjectView { config: (*config).clone(), resources })
            .collect()
    }

    /// Adds a workspace, or changes what is said of it; its files stay.
    pub fn add_project(&self, project: ProjectConfig) {
        lock(&self.0.world).set_project(project);
    }

    /// The number of files of a workspace.
    pub fn resource_count(&self, project: u64) -> usize {
        lock(&self.0.world).files(project).count()
    }

    /// The files of a workspace, oldest first.
    pub fn resources(&self, project: u64) -> Vec<ResourceView> {
        let (files, config) = {
            let world = lock(&self.0.world);
            let files: Vec<_> = world.files(project).cloned().collect();
            (files, world.project(project).cloned())
        };
        let Some(config) = config else {
            return Vec::new();
        };
        files.iter().map(|file| view(file, &config)).collect()
    }

    /// A file by id.
    pub fn resource(&self, id: &str) -> Option<ResourceView> {
        let (file, config) = {
            let world = lock(&self.0.world);
            let file = world.get(id.parse().ok()?)?.clone();
            let config = world.project(file.project)?.clone();
            (file, config)
        };
        Some(view(&file, &config))
    }

    /// Counts of calls.
    pub fn counts(&self) -> Counts {
        lock(&self.0.journal).counts()
    }

    /// How many calls of an operation arrived, whatever became of them.
    pub fn calls_of(&self, action: &str) -> u64 {
        let counts = self.counts();
        counts.by_action.get(action).copied().unwrap_or(0)
    }

    /// The calls after number `seq` that are still kept, oldest first; 0 for all.
    pub fn calls_since(&self, seq: u64) -> Vec<Call> {
        lock(&self.0.journal).since(seq)
    }

    /// Takes back counts, or everything.
    pub fn reset(&self, what: Reset) {
        lock(&self.0.journal).clear();
        lock(&self.0.limits).clear();
        if what == Reset::All {
            let config = &self.0.config;
            self.clear_faults();
            self.set_settings(config.settings.clone());
            self.set_access_keys(config.access_keys.clone());
            lock(&self.0.world).restart(&config.projects);
            lock(&self.0.bucket).clear();
        }
    }

    /// The settings.
    pub fn settings(&self) -> Settings {
        (*self.0.settings()).clone()
    }

    /// Replaces the settings; calls under way end with the old ones.
    pub fn set_settings(&self, settings: Settings) {
        self.0.set_settings(settings);
    }

    /// Changes some settings.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings();
        change(&mut settings);
        self.set_settings(settings);
    }

    /// Replaces the keys that may call.
    pub fn set_access_keys(&self, keys: Vec<AccessKey>) {
        self.0.set_keys(keys);
    }

    /// Adds a rule that breaks calls; false when there are a thousand already.
    pub fn add_fault(&self, fault: Fault) -> bool {
        lock(&self.0.faults).add(fault)
    }

    /// The rules, and how often each was used.
    pub fn faults(&self) -> Vec<(Fault, u64)> {
        lock(&self.0.faults).list()
    }

    /// Removes all rules.
    pub fn clear_faults(&self) {
        lock(&self.0.faults).clear();
    }

    /// The simulator's time, Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.now().wall_ms
    }

    /// A stranger makes a file; answers its id.
    ///
    /// # Errors
    ///
    /// When there is no such workspace, or the file cannot be (no path, unknown type).
    pub fn create_outside(&self, file: OutsideFile) -> Result<String, NoSuchResource> {
        let (now, lag_ms) = (self.now(), self.0.settings().list_lag_ms);
        let kind = file.kind.as_deref().unwrap_or("python");
        let kind = FileType::parse(kind).ok_or_else(|| refusal(SpecError::Type))?;
        let kind = kind.as_str();
        let command = file.command.unwrap_or_else(|| format!("ODPS_{}", kind.to_uppercase()));
        let spec = json!({
            "kind": "Resource",
            "spec": {"fileResources": [{
                "type": kind,
                "script": {"content": file.content, "runtime": {"command": command}},
            }]},
        });
        let mut entity = Entity::parse(&spec.to_string()).map_err(refusal)?;
        entity.set_path(&file.path);
        if let Some(source) = &file.datasource {
            entity.set_datasource(&source.name, &source.kind);
        }
        let owner = file.owner.as_deref().unwrap_or("2000");
        let mut world = lock(&self.0.world);
        let project = project(&world, file.project_id)?;
        let ids = world.next_ids();
        let resource = build(&entity, ids, &project, owner, now).map_err(refusal)?;
        world.put(resource, now, lag_ms);
        Ok(ids.0.to_string())
    }

    /// Somebody edits a file in the console.
    ///
    /// # Errors
    ///
    /// When there is no such file.
    pub fn edit_outside(&self, id: &str, edit: OutsideEdit) -> Result<(), NoSuchResource> {
        let (now, lag_ms) = (self.now(), self.0.settings().list_lag_ms);
        let mut world = lock(&self.0.world);
        let old = file(&world, id)?;
        let project = project(&world, old.project)?;
        let mut entity = Entity::stored(&old.version, &old.document);
        if let Some(content) = &edit.content {
            entity.set_content(content);
        }
        if let Some(path) = &edit.path {
            entity.set_path(path);
        }
        if let Some(owner) = &edit.owner {
            entity.set_owner(owner);
        }
        if let Some(source) = &edit.datasource {
            entity.set_datasource(&source.name, &source.kind);
        }
        let ids = (old.id, old.script_id);
        let mut resource = build(&entity, ids, &project, &old.owner, now).map_err(refusal)?;
        resource.create_ms = old.create_ms;
        resource.resource_file = old.resource_file.filter(|_| edit.content.is_none());
        resource.file = old.file.filter(|_| edit.content.is_none());
        world.put(resource, now, lag_ms);
        Ok(())
    }

    /// Somebody deletes a file in the console.
    ///
    /// # Errors
    ///
    /// When there is no such file.
    pub fn delete_outside(&self, id: &str) -> Result<(), NoSuchResource> {
        self.delete_all_outside([id])
    }

    /// Somebody deletes files in the console, all in one instant. Where one is not there none is deleted.
    ///
    /// # Errors
    ///
    /// When there is no such file.
    pub fn delete_all_outside<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), NoSuchResource> {
        let (now, lag_ms) = (self.now(), self.0.settings().list_lag_ms);
        let mut world = lock(&self.0.world);
        let ids =
            ids.into_iter().map(|id| Ok(file(&world, id)?.id)).collect::<Result<Vec<_>, NoSuchResource>>()?;
        for id in ids {
            world.take(id, now, lag_ms);
        }
        Ok(())
    }

    pub(crate) fn now(&self) -> Now {
        self.0.now(&self.0.settings())
    }
}

fn refusal(error: SpecError) -> NoSuchResource {
    NoSuchResource(error.to_string())
}

fn project(world: &World, id: u64) -> Result<Arc<ProjectConfig>, NoSuchResource> {
    let missing = || NoSuchResource(format!("no workspace {id}"));
    world.project(id).cloned().ok_or_else(missing)
}

pub(crate) fn file(world: &World, id: &str) -> Result<Resource, NoSuchResource> {
    id.parse()
        .ok()
        .and_then(|id| world.get(id))
        .cloned()
        .ok_or_else(|| NoSuchResource(format!("no resource {id}")))
}

fn view(file: &Resource, project: &ProjectConfig) -> ResourceView {
    let entity = Entity::stored(&file.version, &file.document);
    let content = entity.content().to_owned();
    ResourceView {
        id: file.id.to_string(),
        project_id: file.project,
        path: file.path.to_string(),
        name: file.name.to_string(),
        kind: file.kind.as_str().to_owned(),
        command: file.command.to_string(),
        datasource: DataSource { name: file.datasource.0.to_string(), kind: file.datasource.1.to_string() },
        owner: file.owner.to_string(),
        content_sha256: file.content_sha256(),
        file_bytes: file.file.as_ref().map(|file| file.bytes.len()),
        content,
        resource_file: file.resource_file.as_deref().map(str::to_owned),
        spec: entity.document(&Facts {
            id: file.id.to_string().into(),
            script_id: file.script_id.to_string().into(),
            owner: &file.owner,
            project_id: project.id,
            project_name: &project.name,
            mode: project.mode(),
            with_content: true,
        }),
        create_time: file.create_ms,
        modify_time: file.modify_ms,
    }
}
