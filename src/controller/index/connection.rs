//! What the index knows of the default connection: what of it is closed, and whom that concerns.

use std::collections::BTreeSet;

use dataworks_core::guard::Closed;
use dataworks_core::ids::ProjectId;
use dataworks_core::inventory::Told;
use dataworks_core::object::ObjectKey;
use dataworks_core::plan::Permission;

use super::Index;
use crate::controller::places::ConnectionId;
use crate::controller::standing::Standing;

impl Index {
    /// Keeps what of the default connection is closed. Answers the objects that wait for it, or are to wait.
    pub fn set_closed(&mut self, closed: Closed) -> BTreeSet<ObjectKey> {
        if *self.places.closed() == closed {
            return BTreeSet::new();
        }
        self.places.set_closed(closed);
        let mut concerned = BTreeSet::new();
        let mut changed = Vec::new();
        let of_it = self.rows.iter_mut().filter(|(_, row)| row.connection == ConnectionId::Default);
        for (key, row) in of_it {
            let Some(project) = row.project else { continue };
            let permitted = self.places.by_default(&key.namespace, project) == Permission::Allowed;
            if row.permitted == permitted {
                continue;
            }
            row.permitted = permitted;
            changed.push(key.clone());
            if row.standing == Standing::Due || row.told == Some(Told::CheckFailed) {
                concerned.insert(key.clone());
            }
        }
        let mut woken = BTreeSet::new();
        for key in &changed {
            woken.extend(self.claim(key));
        }
        concerned.extend(self.moved(woken));
        concerned
    }

    /// Whether every call of the default connection to this workspace would fail.
    #[must_use]
    pub fn is_closed(&self, project: ProjectId) -> bool {
        self.places.closed().of(project).is_some()
    }

    /// Whether every call of the default connection would fail.
    #[must_use]
    pub fn closes_all(&self) -> bool {
        self.places.closed().all.is_some()
    }

    /// Workspaces that objects name on the default connection.
    #[must_use]
    pub fn named_by_default(&self) -> BTreeSet<ProjectId> {
        let of_it = self.rows.values().filter(|row| row.connection == ConnectionId::Default);
        of_it.filter_map(|row| row.project).collect()
    }
}
