//! What the index knows of DataWorksWorkspaces: whom a change of one concerns, and which objects name one.

use std::collections::BTreeSet;

use dataworks_core::api::v1alpha1::{DataWorksResource, ResourceCounts, ResourceDefaults};
use dataworks_core::ids::ProjectId;
use dataworks_core::inventory::Told;
use dataworks_core::object::ObjectKey;
use dataworks_core::plan::Permission;

use super::{Index, Row};
use crate::controller::places::{ConnectionId, Gate, Place, Site};
use crate::controller::standing::{Standing, key_of, recorded_project};
use crate::controller::tally::Truth;

/// What a DataWorksWorkspace is told of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    connection: ConnectionId,
    holds: bool,
    ready: Truth,
}

impl Reference {
    pub(super) fn of(row: &Row) -> Self {
        Self { connection: row.connection.clone(), holds: row.holds, ready: row.shown.ready }
    }
}

/// The objects that name a DataWorksWorkspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// How many, and how many are not ready.
    pub counts: ResourceCounts,
    /// How many hold a file, or may.
    pub holding: usize,
}

impl References {
    /// With an object more or less.
    fn count(&mut self, reference: &Reference, more: bool) {
        let one = if more { 1 } else { -1 };
        self.counts.total += one;
        self.counts.not_ready += if reference.ready == Truth::True { 0 } else { one };
        if reference.holds {
            self.holding = if more { self.holding + 1 } else { self.holding.saturating_sub(1) };
        }
    }
}

impl Index {
    /// Where an object's resource is to be.
    #[must_use]
    pub fn place(&self, object: &DataWorksResource) -> Place {
        let deleting = object.metadata.deletion_timestamp.is_some();
        self.places.place(&key_of(object), &object.spec, recorded_project(object), deleting)
    }

    /// The connection and the workspace that work on an object goes to.
    #[must_use]
    pub fn goes_to(&self, key: &ObjectKey) -> Option<(&ConnectionId, Option<ProjectId>)> {
        self.rows.get(key).map(|row| (&row.connection, row.project))
    }

    /// Whether work on any of these goes to this workspace by this connection.
    #[must_use]
    pub fn any_goes_to(&self, keys: &[ObjectKey], connection: &ConnectionId, project: ProjectId) -> bool {
        keys.iter().any(|key| self.goes_to(key) == Some((connection, Some(project))))
    }

    /// Keeps what is known of a DataWorksWorkspace; `None`: it is gone. Answers the objects that wait for it, or
    /// that it concerns otherwise.
    pub fn set_workspace(&mut self, workspace: &ObjectKey, site: Option<Site>) -> BTreeSet<ObjectKey> {
        if self.places.site(workspace) == site.as_ref() {
            return BTreeSet::new();
        }
        let connection = ConnectionId::Workspace(workspace.clone());
        let project = site.as_ref().map(|site| site.project);
        if project.is_none_or(|project| self.places.site(workspace).is_some_and(|old| old.project != project))
        {
            self.proven.remove(&connection);
        }
        self.places.set(workspace, site);
        let allowed = |deleting| self.places.permission(workspace, deleting) == Permission::Allowed;
        let (permitted, deletes) = (allowed(false), allowed(true));
        let mut concerned = BTreeSet::new();
        let named = |row: &Row| row.connection == connection;
        for (key, row) in self.rows.iter_mut().filter(|(_, row)| named(row)) {
            row.permitted = if row.deleting { deletes } else { permitted };
            if project.is_some() && row.project != project {
                // Its claims and more rest on the workspace: it is read and judged anew.
                row.standing = Standing::Due;
            }
            if row.standing == Standing::Due || row.told == Some(Told::CheckFailed) {
                concerned.insert(key.clone());
            }
        }
        let mut woken = BTreeSet::new();
        for key in
            self.rows.iter().filter(|(_, row)| named(row)).map(|(key, _)| key.clone()).collect::<Vec<_>>()
        {
            woken.extend(self.claim(&key));
        }
        concerned.extend(self.moved(woken));
        concerned
    }

    /// Keeps what a DataWorksWorkspace fills in for new files. Answers the objects that have none yet and name it.
    pub fn set_defaults(
        &mut self,
        workspace: &ObjectKey,
        defaults: Option<&ResourceDefaults>,
    ) -> BTreeSet<ObjectKey> {
        if !self.places.set_defaults(workspace, defaults) {
            return BTreeSet::new();
        }
        let connection = ConnectionId::Workspace(workspace.clone());
        let unmade = |row: &Row| row.connection == connection && row.resource.is_none() && !row.deleting;
        let mut concerned = BTreeSet::new();
        for (key, row) in self.rows.iter_mut().filter(|(_, row)| unmade(row)) {
            row.standing = Standing::Due;
            concerned.insert(key.clone());
        }
        concerned
    }

    /// Whether a DataWorksWorkspace can be worked with.
    #[must_use]
    pub fn is_open(&self, workspace: &ObjectKey) -> bool {
        match self.places.site(workspace).map(|site| &site.gate) {
            Some(Gate::Open | Gate::Unused) => true,
            Some(Gate::Unseen | Gate::Closed { .. }) | None => false,
        }
    }

    /// DataWorksWorkspaces that are named by more or fewer objects since this was last asked.
    pub fn take_touched(&mut self) -> BTreeSet<ObjectKey> {
        std::mem::take(&mut self.touched)
    }

    /// How many objects name a DataWorksWorkspace.
    #[must_use]
    pub fn references(&self, workspace: &ObjectKey) -> References {
        self.references.get(workspace).copied().unwrap_or_default()
    }

    /// One of the objects that hold a file, or may, of a DataWorksWorkspace; always the same. It looks at every object.
    #[must_use]
    pub fn first_holding(&self, workspace: &ObjectKey) -> Option<&ObjectKey> {
        let connection = ConnectionId::Workspace(workspace.clone());
        let holding = self.rows.iter().filter(|(_, row)| row.holds && row.connection == connection);
        holding.map(|(key, _)| key).min()
    }

    /// Counts a version of an object for its DataWorksWorkspace in place of the one before, and remembers that this is
    /// to be told.
    pub(super) fn touch(&mut self, key: &ObjectKey, row: &Row) {
        let (old, new) = (self.rows.get(key).map(|row| Reference::of(row)), Reference::of(row));
        if old.as_ref() != Some(&new) {
            if let Some(old) = &old {
                self.refer(old, false);
            }
            self.refer(&new, true);
        }
    }

    pub(super) fn refer(&mut self, reference: &Reference, more: bool) {
        let ConnectionId::Workspace(workspace) = &reference.connection else { return };
        let references = self.references.entry(workspace.clone()).or_default();
        references.count(reference, more);
        if *references == References::default() {
            self.references.remove(workspace);
        }
        self.touched.insert(workspace.clone());
    }
}
