//! Which connection and which workspace an object comes to, and whether it may use them.
//!
//! Pure: what is known of DataWorksWorkspaces is told by those who look after them.

use std::collections::HashMap;
use std::sync::Arc;

use dataworks_core::api::v1alpha1::{DataWorksResourceSpec, ResourceDefaults};
use dataworks_core::guard::Closed;
use dataworks_core::ids::ProjectId;
use dataworks_core::object::ObjectKey;
use dataworks_core::plan::{NotReady, Permission, Unready};

use super::policy::Policy;

/// A way to the cloud: an identity at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectionId {
    /// The operator's own.
    Default,
    /// That of a DataWorksWorkspace.
    Workspace(ObjectKey),
}

/// What is known of a DataWorksWorkspace, for those that name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its workspace.
    pub project: ProjectId,
    /// Whether it can be worked with.
    pub gate: Gate,
}

/// Whether a DataWorksWorkspace can be worked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// This process has not looked yet.
    Unseen,
    /// It can, and no object named it when that was last seen: the first that does waits until it is held.
    Unused,
    /// It can.
    Open,
    /// It cannot.
    Closed {
        /// Why, in the words of its status.
        why: String,
        /// Objects that are being deleted may use it all the same.
        deletes: bool,
    },
}

/// Where an object's resource is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The way there.
    pub connection: ConnectionId,
    /// The workspace, as far as it is known.
    pub project: Option<ProjectId>,
    /// Whether the way may be used; `None`: the spec names no workspace that could be one.
    pub permission: Option<Permission>,
    /// What the DataWorksWorkspace fills in for a new file.
    pub defaults: Arc<ResourceDefaults>,
}

/// The DataWorksWorkspaces that there are.
#[derive(Debug)]
pub struct Places {
    policy: Policy,
    /// What of the default connection is closed now.
    closed: Closed,
    sites: HashMap<ObjectKey, Site>,
    defaults: HashMap<ObjectKey, Arc<ResourceDefaults>>,
}

impl Places {
    /// None yet, under this policy of the default connection.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, closed: Closed::default(), sites: HashMap::new(), defaults: HashMap::new() }
    }

    /// Keeps what is known of one; `None`: it is gone.
    pub fn set(&mut self, workspace: &ObjectKey, site: Option<Site>) {
        match site {
            Some(site) => self.sites.insert(workspace.clone(), site),
            None => self.sites.remove(workspace),
        };
    }

    /// Keeps what of the default connection is closed.
    pub fn set_closed(&mut self, closed: Closed) {
        self.closed = closed;
    }

    /// What of the default connection is closed.
    #[must_use]
    pub fn closed(&self) -> &Closed {
        &self.closed
    }

    /// Whether objects of a namespace may use the default connection for a workspace now.
    #[must_use]
    pub fn by_default(&self, namespace: &str, project: ProjectId) -> Permission {
        match (self.policy.permission(namespace, project), self.closed.of(project)) {
            (Permission::Allowed, Some(fault)) => Permission::Closed(Arc::clone(fault)),
            (permission, _) => permission,
        }
    }

    /// Keeps what one fills in for new files. Answers whether that is another than before.
    pub fn set_defaults(&mut self, workspace: &ObjectKey, defaults: Option<&ResourceDefaults>) -> bool {
        if self.defaults.get(workspace).map(|known| &**known) == defaults {
            return false;
        }
        match defaults {
            Some(defaults) => self.defaults.insert(workspace.clone(), Arc::new(defaults.clone())),
            None => self.defaults.remove(workspace),
        };
        true
    }

    /// What is known of one.
    #[must_use]
    pub fn site(&self, workspace: &ObjectKey) -> Option<&Site> {
        self.sites.get(workspace)
    }

    /// Where the resource of an object of this name and spec is to be; `recorded` is where it was, as far as its
    /// status tells.
    #[must_use]
    pub fn place(
        &self,
        key: &ObjectKey,
        spec: &DataWorksResourceSpec,
        recorded: Option<ProjectId>,
        deleting: bool,
    ) -> Place {
        let Some(named) = &spec.workspace_ref else {
            let project = spec.project_id.and_then(ProjectId::new);
            let permission = project.map(|project| self.by_default(&key.namespace, project));
            let defaults = Arc::default();
            return Place { connection: ConnectionId::Default, project, permission, defaults };
        };
        let workspace = ObjectKey { namespace: key.namespace.clone(), name: named.name.as_str().into() };
        let site = self.sites.get(&workspace);
        let project = site.map_or(recorded, |site| Some(site.project));
        let permission = Some(self.permission(&workspace, deleting));
        // What has an id already is not made.
        let defaults = self.defaults.get(&workspace).filter(|_| spec.resource_id.is_none());
        let defaults = defaults.cloned().unwrap_or_default();
        Place { connection: ConnectionId::Workspace(workspace), project, permission, defaults }
    }

    /// Whether objects that name this workspace may use it.
    #[must_use]
    pub fn permission(&self, workspace: &ObjectKey, deleting: bool) -> Permission {
        let why = match self.sites.get(workspace).map(|site| &site.gate) {
            Some(Gate::Open) => return Permission::Allowed,
            Some(Gate::Closed { deletes: true, .. }) if deleting => return Permission::Allowed,
            Some(Gate::Closed { why, deletes: _ }) => NotReady::Told(why.clone()),
            Some(Gate::Unseen | Gate::Unused) => NotReady::Unseen,
            None => NotReady::Absent,
        };
        Permission::WorkspaceNotReady(Unready { name: workspace.name.to_string(), why })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn project(id: i64) -> ProjectId {
        ProjectId::new(id).unwrap()
    }

    #[test]
    fn an_object_comes_to_the_workspace_of_its_own_namespace() {
        let mut places = Places::new(Policy::new(&["a".to_owned()], &[]));
        let ws = ObjectKey::new("a", "ws");
        let closed = |deletes| Gate::Closed { why: "why".to_owned(), deletes };
        let unready = |why| Some(Permission::WorkspaceNotReady(Unready { name: "ws".to_owned(), why }));
        let told = || unready(NotReady::Told("why".to_owned()));
        let allowed = || Some(Permission::Allowed);
        let by_id = json!({ "projectId": 5 });
        let by_ref = json!({ "workspaceRef": { "name": "ws" } });
        // site, namespace, spec, deleting -> project, permission
        let rows = [
            (None, "a", &by_id, false, Some(5), allowed()),
            (Some(closed(false)), "a", &by_id, false, Some(5), allowed()),
            (None, "b", &by_id, false, Some(5), Some(Permission::NamespaceNotListed)),
            (None, "a", &by_ref, false, Some(9), unready(NotReady::Absent)),
            (Some(Gate::Unseen), "a", &by_ref, false, Some(7), unready(NotReady::Unseen)),
            (Some(Gate::Unused), "a", &by_ref, false, Some(7), unready(NotReady::Unseen)),
            (Some(Gate::Open), "a", &by_ref, false, Some(7), allowed()),
            (Some(closed(true)), "a", &by_ref, false, Some(7), told()),
            (Some(closed(true)), "a", &by_ref, true, Some(7), allowed()),
            (Some(closed(false)), "a", &by_ref, true, Some(7), told()),
            // That of another namespace does not count.
            (Some(Gate::Open), "b", &by_ref, false, Some(9), unready(NotReady::Absent)),
        ];
        for (gate, namespace, spec, deleting, want, permission) in rows {
            places.set(&ws, gate.clone().map(|gate| Site { project: project(7), gate }));
            let key = ObjectKey::new(namespace, "o");
            let spec = serde_json::from_value(spec.clone()).unwrap();
            let place = places.place(&key, &spec, Some(project(9)), deleting);
            let found = (place.project, place.permission);
            assert_eq!(found, (want.map(project), permission), "{gate:?} {namespace} {spec:?} {deleting}");
        }
    }
}
