//! A DataWorksWorkspace of which so many files are gone that none is made again: what its status says of it, and what a
//! person who asks for them sets off.
//!
//! That it was told, or that somebody asked, stands in status, so a restart neither makes again what nobody asked for nor
//! forgets that somebody did. Only who could have seen it told has asked for the files: another wish for a look has not.

use dataworks_core::api::v1alpha1::DataWorksWorkspace;
use dataworks_core::ids::ProjectId;
use dataworks_core::inventory::Told;
use dataworks_core::workspace::{Absence, AbsenceTold, absence_told};
use tracing::info;

use super::tend::Tended;
use crate::context::Doubt;
use crate::controller::index::References;
use crate::controller::places::ConnectionId;

impl Tended {
    /// Goes on where an earlier process was.
    pub(super) fn resume_absence(&mut self, object: &DataWorksWorkspace) {
        let Some(project) = ProjectId::new(object.spec.project_id) else { return };
        match told(object) {
            Some(AbsenceTold::Braked) => self.listings.resume_brake(project),
            Some(AbsenceTold::Asked) => self.ask_again(project),
            None => {}
        }
    }

    /// A person asked for a look; where a mass absence is told, for what is gone.
    pub(super) fn answer_absence(&mut self, object: &DataWorksWorkspace) {
        let project = ProjectId::new(object.spec.project_id);
        if let Some(project) = project.filter(|_| told(object) == Some(AbsenceTold::Braked)) {
            info!(namespace = %self.key.namespace, name = %self.key.name, "a person asked for all that is gone");
            self.ask_again(project);
        }
    }

    fn ask_again(&mut self, project: ProjectId) {
        let told = self.ctx.index().telling(&self.connection(), Told::MassAbsence);
        self.listings.ask_again(project, told);
        self.again = true;
    }

    /// Lets the objects know whose files were asked for. They are read before they are made.
    pub(super) fn make_again(&mut self, object: &DataWorksWorkspace) {
        let project = ProjectId::new(object.spec.project_id);
        let Some(project) = project.filter(|_| std::mem::take(&mut self.again)) else { return };
        let asked = self.listings.asked_again(project);
        let owners = self.ctx.index().owners(&self.connection(), &asked);
        for key in &owners {
            self.ctx.doubt(key, Doubt::Resource);
        }
        // Somebody waits for them: they are no routine.
        self.ctx.wake(owners);
    }

    /// Whether so many files are gone that none is made again.
    pub(super) fn absence(&self, object: &DataWorksWorkspace, references: &References) -> Absence {
        let Some(project) = ProjectId::new(object.spec.project_id) else { return Absence::Unseen };
        let absence = self.listings.absence(project);
        let over = match absence {
            Absence::Over => false,
            // Where no object has a file, nobody looks any more.
            Absence::Unseen | Absence::Found { .. } => told(object).is_some() && references.holding == 0,
            Absence::Asked => !self.is_awaited(project),
        };
        if !over {
            return absence;
        }
        self.listings.release(project);
        Absence::Over
    }

    /// Whether an object waits for a file that was asked for.
    fn is_awaited(&self, project: ProjectId) -> bool {
        let asked = self.listings.asked_again(project);
        let (owners, telling) = {
            let index = self.ctx.index();
            let telling = index.telling(&self.connection(), Told::MassAbsence);
            (index.owners(&self.connection(), &asked), telling)
        };
        self.again
            || telling.iter().any(|id| asked.contains(id))
            || owners.iter().any(|key| self.ctx.has_business(key))
    }

    fn connection(&self) -> ConnectionId {
        ConnectionId::Workspace(self.key.clone())
    }
}

fn told(object: &DataWorksWorkspace) -> Option<AbsenceTold> {
    absence_told(object.status.as_ref()?)
}
