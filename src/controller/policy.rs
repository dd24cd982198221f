//! Who may use the operator's default connection.

use std::collections::BTreeSet;

use dataworks_core::ids::ProjectId;
use dataworks_core::plan::Permission;

/// Namespaces and workspaces that the default connection is open to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// `None`: every namespace.
    namespaces: Option<BTreeSet<String>>,
    /// `None`: every workspace that the identity is a member of.
    projects: Option<BTreeSet<ProjectId>>,
}

impl Policy {
    /// Open to these namespaces (one `*` opens it to all; none closes it) and these workspaces
    /// (none: to all).
    #[must_use]
    pub fn new(namespaces: &[String], projects: &[ProjectId]) -> Self {
        let all = namespaces.iter().any(|name| name == "*");
        Self {
            namespaces: (!all).then(|| namespaces.iter().cloned().collect()),
            projects: (!projects.is_empty()).then(|| projects.iter().copied().collect()),
        }
    }

    /// Whether objects of `namespace` may use it for `project`.
    #[must_use]
    pub fn permission(&self, namespace: &str, project: ProjectId) -> Permission {
        if self.namespaces.as_ref().is_some_and(|names| !names.contains(namespace)) {
            Permission::NamespaceNotListed
        } else if self.projects.as_ref().is_some_and(|ids| !ids.contains(&project)) {
            Permission::ProjectNotListed
        } else {
            Permission::Allowed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_unless_it_is_opened() {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let one = ProjectId::new(1).unwrap();
        let two = ProjectId::new(2).unwrap();
        let rows = [
            (names(&[]), vec![], "a", one, Permission::NamespaceNotListed),
            (names(&["a"]), vec![], "a", one, Permission::Allowed),
            (names(&["a"]), vec![], "b", one, Permission::NamespaceNotListed),
            (names(&["*"]), vec![], "b", one, Permission::Allowed),
            (names(&["*"]), vec![two], "b", one, Permission::ProjectNotListed),
            (names(&["*"]), vec![two], "b", two, Permission::Allowed),
        ];
        for (namespaces, projects, namespace, project, want) in rows {
            let policy = Policy::new(&namespaces, &projects);
            assert_eq!(policy.permission(namespace, project), want, "{policy:?} {namespace} {project}");
        }
    }
}
