//! What listings say against the status of objects, until it was looked at.

use dataworks_core::ids::ProjectId;
use dataworks_core::object::ObjectKey;
use dataworks_core::plan::Listing;
use dataworks_core::queue::Lane;
use k8s_openapi::jiff::Timestamp;

use super::{Context, lock};
use crate::controller::places::ConnectionId;

/// What a listing says against the status of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The resource was changed or is gone: it is to be read.
    Resource,
    /// A read would tell nothing more.
    Listing(Listing),
}

impl Context {
    /// A listing shows the resource of an object otherwise than status tells.
    pub fn doubt(&self, key: &ObjectKey, doubt: Doubt) {
        if self.index().uid(key).is_none() {
            // It went since the listing was compared.
            return;
        }
        lock(&self.doubts).insert(key.clone(), doubt);
        self.enqueue(key, Lane::Sweep, Timestamp::now());
    }

    /// Whether the resource of an object is doubted.
    #[must_use]
    pub fn is_doubted(&self, key: &ObjectKey) -> bool {
        lock(&self.doubts).contains_key(key)
    }

    /// Whether the resource of any object is doubted and was not read yet, of those that go this way: what others
    /// wait for is paid for by others.
    #[must_use]
    pub fn has_doubts(&self, connection: &ConnectionId, project: ProjectId) -> bool {
        let doubted: Vec<ObjectKey> = lock(&self.doubts).keys().cloned().collect();
        self.index().any_goes_to(&doubted, connection, project)
    }

    /// Whether something is unfinished with an object that looks settled: a doubt, or a write whose
    /// outcome is not known.
    #[must_use]
    pub fn has_business(&self, key: &ObjectKey) -> bool {
        let uid = self.index().uid(key);
        let memory = uid.map(|uid| self.memory(&uid)).unwrap_or_default();
        self.is_doubted(key) || memory.doubt || memory.listing.is_some() || memory.unknown_write.is_some()
    }

    /// What is doubted of the resource of an object; from now on nothing is.
    pub fn take_doubt(&self, key: &ObjectKey) -> Option<Doubt> {
        lock(&self.doubts).remove(key)
    }
}
