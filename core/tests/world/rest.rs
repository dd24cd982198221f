//! What must hold once nothing goes on any more.

use std::sync::Arc;

use dataworks_core::api::condition::Reason;

use super::World;
use super::cloud::{STRANGER, number};
use super::object::{Holders, Object, PATHS};

impl World {
    /// The object of this slot complains, and with reason: nothing will mend it but a person. What
    /// complains without a reason any more is looked at again and must come to rest otherwise.
    pub(super) fn may_rest(&self, slot: usize) -> bool {
        let Some(object) = &self.objects[slot] else { return false };
        let in_the_way = |of_strangers: bool| {
            self.files.iter().any(|file| {
                // What an earlier object of this name left elsewhere stays that object's, and what it left
                // here is not this one's where the spec names another.
                let left = file.owner == object.before
                    && file.path == object.declared.path
                    && !object.declared.named;
                let ours = file.owner == object.uid || left && object.before != STRANGER;
                let stranger = if of_strangers { file.owner == STRANGER } else { !ours };
                let intended = object.note.as_ref().map(|note| note.intent.path.as_str());
                let same = file.path == object.declared.path
                    || !of_strangers && file.path % 2 == object.declared.path % 2
                    || of_strangers && intended == Some(PATHS[usize::from(file.path)]);
                file.lives() && same && stranger
            })
        };
        match self.complaint(slot) {
            Some(Reason::AlreadyExists) => in_the_way(false),
            // The resource that the spec names is gone, differs, or is not the one that it has.
            Some(
                Reason::NotFoundInWorkspace
                | Reason::NotAdoptable
                | Reason::InvalidSpec
                | Reason::AmbiguousCreate,
            ) if object.declared.named => true,
            Some(Reason::AmbiguousCreate | Reason::DeletionBlocked) => self.blurred || in_the_way(true),
            Some(_) | None => false,
        }
    }

    /// The promise that is broken by how the world rests.
    pub(crate) fn broken_at_rest(&self) -> Option<&'static str> {
        for slot in 0..self.objects.len() {
            let Some(object) = &self.objects[slot] else { continue };
            if let Some(broken) = self.broken_by(slot, object) {
                return Some(broken);
            }
        }
        let owned = |uid: u8| self.objects.iter().flatten().any(|object| object.uid == uid);
        let mut left = self.files.iter().filter(|file| file.lives() && file.owner != STRANGER);
        left.any(|file| !owned(file.owner) && self.kept & (1 << file.owner) == 0)
            .then_some("no file is left behind")
    }

    fn broken_by(&self, slot: usize, object: &Arc<Object>) -> Option<&'static str> {
        if self.may_rest(slot) {
            return None;
        }
        let unsettled = Some("every story settles");
        match object.ready() {
            _ if object.deleting => unsettled,
            Some(("True", Reason::Succeeded)) if !object.declared.suspend => {
                let file = object.recorded().id().and_then(|id| self.file(number(&id)));
                let holds = file.is_some_and(|file| {
                    file.owner == object.uid
                        && file.path == object.declared.path
                        && file.content == self.declares(slot)
                });
                let seen =
                    object.status.observed_generation == Some(object.generation) && !self.source_moved(slot);
                if holds && seen && object.finalizer { None } else { Some("Ready is true") }
            }
            Some((_, Reason::Suspended)) if object.declared.suspend => None,
            Some(("False", Reason::AlreadyManaged)) if Holders::of(&self.objects).held(slot) => None,
            Some(_) | None => unsettled,
        }
    }
}
