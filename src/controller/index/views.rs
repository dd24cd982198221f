//! What is asked of many objects at once: each looks at all of them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use dataworks_core::api::condition::Reason;
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::inventory::{Held, Told};
use dataworks_core::object::{ObjectKey, Uid};
use k8s_openapi::jiff::Timestamp;

use super::{Index, Row};
use crate::controller::places::ConnectionId;
use crate::controller::standing::{Standing, reason_of};
use crate::controller::tally::Tally;

impl Index {
    /// Objects that a call by this connection failed for, and for a cause that lies outside of them.
    #[must_use]
    pub fn hindered(&self, connection: &ConnectionId) -> BTreeSet<ObjectKey> {
        let hindered = |row: &Row| {
            let failing = matches!(
                row.shown.reason,
                Some(
                    Reason::AccessDenied
                        | Reason::CloudUnavailable
                        | Reason::ProgressingWithRetry
                        | Reason::DeletionBlocked
                )
            );
            failing || row.deleting || row.told == Some(Told::CheckFailed)
        };
        let of_it = |row: &Row| row.connection == *connection && hindered(row);
        self.rows.iter().filter(|(_, row)| of_it(row)).map(|(key, _)| key.clone()).collect()
    }

    /// Objects of a workspace that are to be made now.
    #[must_use]
    pub fn pending(&self, connection: &ConnectionId, project: ProjectId) -> usize {
        self.pending.get(&(connection.clone(), project)).copied().unwrap_or(0)
    }

    /// Workspaces in which objects own resources, with the connections that they are reached by.
    #[must_use]
    pub fn reached(&self) -> BTreeMap<ProjectId, BTreeSet<ConnectionId>> {
        let mut reached: BTreeMap<ProjectId, BTreeSet<ConnectionId>> = BTreeMap::new();
        for row in self.rows.values().filter(|row| row.resource.is_some()) {
            let Some(project) = row.project else { continue };
            let by = reached.entry(project).or_default();
            if !by.contains(&row.connection) {
                by.insert(row.connection.clone());
            }
        }
        reached
    }

    /// Workspaces in which objects own resources that are reached by this connection.
    #[must_use]
    pub fn projects_of(&self, connection: &ConnectionId) -> BTreeSet<ProjectId> {
        let own = |row: &&Row| row.resource.is_some() && row.connection == *connection;
        self.each().map(|(_, row)| row).filter(own).filter_map(|row| row.project).collect()
    }

    /// The resources of a workspace that objects own which are to stay.
    #[must_use]
    pub fn held(&self, connection: &ConnectionId, project: ProjectId) -> Vec<Held> {
        self.held_where(connection, project, |_| true)
    }

    /// Those of them that `wanted` names.
    #[must_use]
    pub fn held_where(
        &self,
        connection: &ConnectionId,
        project: ProjectId,
        wanted: impl Fn(&ResourceId) -> bool,
    ) -> Vec<Held> {
        let stays = |row: &Row| {
            row.project == Some(project)
                && row.connection == *connection
                && !row.deleting
                && !row.needs_no_call()
        };
        let settled = |row: &Row| {
            // What waits for its publication is in the workspace as declared, perhaps for days.
            let publishing = matches!(row.shown.reason, Some(Reason::Publishing | Reason::AwaitingApproval));
            row.standing == Standing::Settled || publishing
        };
        let held = |(key, row): (&ObjectKey, &Row)| {
            let (id, modified) = row.resource.as_ref().filter(|(id, _)| stays(row) && wanted(id))?;
            let (id, path) = (id.clone(), row.path.clone());
            let settled = settled(row);
            Some(Held { key: key.clone(), id, modified: *modified, path, told: row.told, settled })
        };
        self.each().filter_map(held).collect()
    }

    /// The resources of this connection of which the status of their object tells this.
    #[must_use]
    pub fn telling(&self, connection: &ConnectionId, told: Told) -> Vec<ResourceId> {
        let telling = |row: &&Row| row.told == Some(told) && row.connection == *connection;
        self.each()
            .map(|(_, row)| row)
            .filter(telling)
            .filter_map(|row| row.resource.as_ref())
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// The objects of this connection that have one of these resources.
    #[must_use]
    pub fn owners(&self, connection: &ConnectionId, ids: &HashSet<ResourceId>) -> Vec<ObjectKey> {
        let owner = |row: &Row| {
            row.connection == *connection && row.resource.as_ref().is_some_and(|(id, _)| ids.contains(id))
        };
        self.rows.iter().filter(|(_, row)| owner(row)).map(|(key, _)| key.clone()).collect()
    }

    /// How many objects stand how; `unknown` names those of whose last write the outcome is not known.
    #[must_use]
    pub fn tally(&self, unknown: impl Fn(&Uid) -> bool) -> Tally {
        let mut tally = Tally::default();
        for (key, row) in &self.rows {
            tally.shown.add(&key.namespace, row.project, row.shown);
            if let Some(told) = row.told {
                tally.told.add(&key.namespace, row.project, reason_of(told));
            }
            let older = |since: &Timestamp| tally.deleting_since.is_none_or(|oldest| *since < oldest);
            tally.deleting_since = row.leaving.filter(older).or(tally.deleting_since);
            let told = row.shown.reason == Some(Reason::OutcomeUnknown);
            tally.outcome_unknown += u64::from(told || unknown(&row.uid));
        }
        tally
    }

    fn each(&self) -> impl Iterator<Item = (&ObjectKey, &Row)> {
        self.rows.iter().map(|(key, row)| (key, row.as_ref()))
    }

    /// All objects.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.rows.keys()
    }

    /// All objects with something to do, and when.
    #[must_use]
    pub fn all_due(&self, now: Timestamp) -> Vec<(ObjectKey, Timestamp)> {
        let due = |key: &ObjectKey| match self.standing(key) {
            Standing::Settled => None,
            Standing::Due => Some(now),
            Standing::Resting(until) => Some(until.max(now)),
        };
        self.rows.keys().filter_map(|key| due(key).map(|at| (key.clone(), at))).collect()
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
