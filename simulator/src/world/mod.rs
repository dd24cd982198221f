//! The workspaces and their files, with the indexes that keep a hundred thousand of them quick.
//!
//! It knows neither HTTP nor signatures. Every change goes through [`World::put`] and
//! [`World::take`], so that the indexes and the lag of readers cannot be forgotten.

mod lag;
mod listing;
mod names;
mod runs;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::bucket::StoredFile;
use crate::clock::Now;
use crate::config::ProjectConfig;
use crate::flowspec::{Entity, FileType};
use lag::Lag;
pub(crate) use listing::{Filter, Page};
use names::Names;
pub use runs::Published;
use runs::Runs;
pub(crate) use runs::{Cannot, NewRun, Run, Stage};

/// Ids of files begin here: 19 digits, beyond what a float can hold, as the service's are.
const FIRST_ID: u64 = 6_314_788_648_976_303_104;
/// Ids of scripts begin here.
const FIRST_SCRIPT_ID: u64 = 123_348_864_897_630;
/// Steps between ids, so that a digit lost in a float shows.
const ID_STEP: u64 = 7;

/// A file of a workspace. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resource {
    pub(crate) id: u64,
    pub(crate) script_id: u64,
    pub(crate) project: u64,
    pub(crate) path: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) kind: FileType,
    pub(crate) command: Arc<str>,
    pub(crate) datasource: (Arc<str>, Arc<str>),
    pub(crate) owner: Arc<str>,
    pub(crate) storage: Arc<str>,
    /// The version of the document, and the file resource as declared.
    pub(crate) version: Arc<str>,
    pub(crate) document: Arc<str>,
    /// Where the content was said to be.
    pub(crate) resource_file: Option<Arc<str>>,
    /// What was there, where it was in the simulator's own bucket.
    pub(crate) file: Option<StoredFile>,
    pub(crate) create_ms: i64,
    pub(crate) modify_ms: i64,
}

impl Resource {
    /// Hexadecimal SHA-256 of what the file holds: of what was uploaded, else of the text.
    pub(crate) fn content_sha256(&self) -> String {
        match &self.file {
            Some(file) => file.sha256.to_string(),
            None => {
                let entity = Entity::stored(&self.version, &self.document);
                hex::encode(Sha256::digest(entity.content().as_bytes()))
            }
        }
    }
}

/// A workspace with its files.
#[derive(Debug)]
struct Project {
    config: Arc<ProjectConfig>,
    files: HashMap<u64, Resource>,
    /// Creation order, since ids only grow. Apart from the files, so that skipping is quick.
    ids: BTreeSet<u64>,
    by_modify: BTreeSet<(i64, u64)>,
    by_path: HashMap<Arc<str>, BTreeSet<u64>>,
    by_name: HashMap<Arc<str>, BTreeSet<u64>>,
    names: Names,
    lag: Lag,
}

/// All workspaces.
#[derive(Debug, Default)]
pub(crate) struct World {
    projects: BTreeMap<u64, Project>,
    /// Where an id is or lately was.
    homes: HashMap<u64, u64>,
    runs: Runs,
    made: u64,
}

impl World {
    /// A world with these workspaces, empty.
    pub(crate) fn new(projects: &[ProjectConfig]) -> Self {
        let mut world = Self::default();
        for project in projects {
            world.set_project(project.clone());
        }
        world
    }

    /// Takes the world back to these workspaces, empty. Ids go on: none is given twice.
    pub(crate) fn restart(&mut self, projects: &[ProjectConfig]) {
        let made = self.made;
        *self = Self::new(projects);
        self.made = made;
    }

    /// Adds a workspace, or changes what is said of it.
    pub(crate) fn set_project(&mut self, config: ProjectConfig) {
        let config = Arc::new(config);
        let fresh = || Project {
            config: Arc::clone(&config),
            files: HashMap::new(),
            ids: BTreeSet::new(),
            by_modify: BTreeSet::new(),
            by_path: HashMap::new(),
            by_name: HashMap::new(),
            names: Names::default(),
            lag: Lag::default(),
        };
        let project = self.projects.entry(config.id).or_insert_with(fresh);
        project.config = config;
    }

    pub(crate) fn project(&self, id: u64) -> Option<&Arc<ProjectConfig>> {
        self.projects.get(&id).map(|project| &project.config)
    }

    /// All workspaces with their numbers of files.
    pub(crate) fn projects(&self) -> Vec<(Arc<ProjectConfig>, usize)> {
        self.projects.values().map(|project| (Arc::clone(&project.config), project.files.len())).collect()
    }

    /// New ids for a file and its script.
    pub(crate) fn next_ids(&mut self) -> (u64, u64) {
        let step = self.made * ID_STEP;
        self.made += 1;
        (FIRST_ID + step, FIRST_SCRIPT_ID + step)
    }

    /// The file as it is.
    pub(crate) fn get(&self, id: u64) -> Option<&Resource> {
        let home = self.homes.get(&id)?;
        self.projects.get(home)?.files.get(&id)
    }

    /// The file as readers see it.
    pub(crate) fn read(&mut self, id: u64, now: Now) -> Option<&Resource> {
        let project = self.projects.get_mut(self.homes.get(&id)?)?;
        project.lag.settle(now.tick_ms);
        match project.lag.shown(id) {
            Some(shown) => shown,
            None => project.files.get(&id),
        }
    }

    /// All files of a workspace as they are, oldest first.
    pub(crate) fn files(&self, project: u64) -> impl Iterator<Item = &Resource> {
        self.projects.get(&project).into_iter().flat_map(Project::in_order)
    }

    /// True when a file at this path exists.
    pub(crate) fn has_path(&self, project: u64, path: &str) -> bool {
        self.projects.get(&project).is_some_and(|project| project.by_path.contains_key(path))
    }

    /// True when a file of this name exists.
    pub(crate) fn has_name(&self, project: u64, name: &str) -> bool {
        self.projects.get(&project).is_some_and(|project| project.by_name.contains_key(name))
    }

    /// Adds or replaces a file; readers go on seeing what was there for `lag_ms`.
    pub(crate) fn put(&mut self, resource: Resource, now: Now, lag_ms: u64) {
        let id = resource.id;
        let Some(project) = self.projects.get_mut(&resource.project) else {
            return;
        };
        let before = project.remove(id);
        project.remember(id, before, now, lag_ms);
        self.homes.insert(id, resource.project);
        project.insert(resource);
    }

    /// Removes a file; readers go on seeing it for `lag_ms`.
    pub(crate) fn take(&mut self, id: u64, now: Now, lag_ms: u64) -> bool {
        let Some(home) = self.homes.get(&id) else {
            return false;
        };
        let Some(project) = self.projects.get_mut(home) else {
            return false;
        };
        let Some(before) = project.remove(id) else {
            return false;
        };
        project.remember(id, Some(before), now, lag_ms);
        if project.lag.shown(id).is_none() {
            self.homes.remove(&id);
        }
        true
    }

    /// A page of a workspace's files as readers see them; nothing when there is no such workspace.
    pub(crate) fn list(&mut self, project: u64, filter: &Filter, now: Now) -> Option<Page> {
        let project = self.projects.get_mut(&project)?;
        project.lag.settle(now.tick_ms);
        Some(project.page(filter))
    }
}

impl Project {
    fn in_order(&self) -> impl Iterator<Item = &Resource> {
        self.ids.iter().filter_map(|id| self.files.get(id))
    }

    fn insert(&mut self, resource: Resource) {
        let id = resource.id;
        self.by_modify.insert((resource.modify_ms, id));
        let path = Arc::clone(&resource.path);
        self.by_path.entry(path).or_default().insert(id);
        let name = Arc::clone(&resource.name);
        self.by_name.entry(name).or_default().insert(id);
        self.names.insert(id, &resource.name);
        self.ids.insert(id);
        self.files.insert(id, resource);
    }

    fn remove(&mut self, id: u64) -> Option<Resource> {
        let resource = self.files.remove(&id)?;
        self.ids.remove(&id);
        self.by_modify.remove(&(resource.modify_ms, id));
        for (index, key) in [(&mut self.by_path, &resource.path), (&mut self.by_name, &resource.name)] {
            if let Some(ids) = index.get_mut(key) {
                ids.remove(&id);
                if ids.is_empty() {
                    index.remove(key);
                }
            }
        }
        self.names.remove(id, &resource.name);
        Some(resource)
    }

    fn remember(&mut self, id: u64, before: Option<Resource>, now: Now, lag_ms: u64) {
        // Also without a lag now: what an earlier change still shows comes to its end in order.
        if lag_ms > 0 || self.lag.shown(id).is_some() {
            self.lag.keep(id, before, now.tick_ms.saturating_add(lag_ms));
        }
    }
}

#[cfg(test)]
mod tests;
