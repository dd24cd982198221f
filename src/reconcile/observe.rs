//! The facts that a plan needs, gathered; and what one run knows of its object.

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_core::ids::ProjectId;
use dataworks_core::inventory::Row;
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::plan::{Holder, Memory, Observed, Permission, ReadBack, Recorded, Search};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;

use crate::context::Context;
use crate::controller::standing::{key_of, recorded};
use crate::workspace::limiter::Permit;

/// One object under work, and what this run learned of it.
#[derive(Debug)]
pub struct Subject {
    /// Namespace and name.
    pub key: ObjectKey,
    /// `metadata.uid`.
    pub uid: Uid,
    /// The object as last read or written.
    pub object: DataWorksResource,
    /// The right to make the next call.
    pub permit: Permit,
    /// What is remembered beyond this run.
    pub memory: Memory,
    /// Rows at the wanted path or of the wanted name.
    pub look: Option<Vec<Row>>,
    /// The search for an open intent.
    pub search: Option<Search>,
    /// The read after a write whose outcome was not known.
    pub read: Option<ReadBack>,
    /// When the resource that was read was last changed.
    pub read_modified: Option<Timestamp>,
}

impl Subject {
    /// An object that was just read.
    #[must_use]
    pub fn new(ctx: &Context, object: DataWorksResource, permit: Permit) -> Self {
        let uid = Uid::new(&object.uid().unwrap_or_default());
        let mut memory = ctx.memory(&uid);
        memory.doubt |= ctx.take_doubt(&key_of(&object));
        Self { permit, memory, ..Self::to_tell(object) }
    }

    /// An object that is only to be told something: nothing remembered is taken up for it.
    #[must_use]
    pub fn to_tell(object: DataWorksResource) -> Self {
        Self {
            key: key_of(&object),
            uid: Uid::new(&object.uid().unwrap_or_default()),
            object,
            permit: Permit::none(),
            memory: Memory::default(),
            look: None,
            search: None,
            read: None,
            read_modified: None,
        }
    }

    /// What the object itself says.
    #[must_use]
    pub fn recorded(&self, ctx: &Context) -> Recorded {
        recorded(&self.object, &ctx.identity.cluster)
    }

    /// The workspace that the spec names, if it is an id at all.
    #[must_use]
    pub fn project(&self) -> Option<ProjectId> {
        ProjectId::new(self.object.spec.project_id)
    }

    /// Everything that the plan may know.
    #[must_use]
    pub fn observe(&self, ctx: &Context) -> Observed {
        let index = ctx.index();
        let project = self.project();
        let id = self.recorded(ctx).id();
        let holder = |key: &ObjectKey| Holder {
            name: (key.namespace == self.key.namespace).then(|| key.name.to_string()),
        };
        let id_holder = project.zip(id).and_then(|(project, id)| {
            index.id_held_by_other(project, &id, &self.uid).filter(|key| **key != self.key).map(holder)
        });
        let held_by = index.held_by_other(&self.key);
        if let Some(key) = held_by {
            tracing::debug!(object = %self.key, holder = %key, "another object holds its claim");
        }
        Observed {
            identity: ctx.identity.clone(),
            bounds: ctx.bounds,
            permission: project
                .map_or(Permission::Allowed, |project| ctx.policy.permission(&self.key.namespace, project)),
            held_by: held_by.map(holder),
            id_held_by: id_holder,
            memory: self.memory.clone(),
            look: self.look.clone(),
            search: self.search.clone(),
            read: self.read.clone(),
        }
    }

    /// Keeps what must be known after this run.
    pub fn keep_memory(&self, ctx: &Context) {
        ctx.remember(&self.uid, self.memory.clone());
    }
}
