//! The facts that a plan needs, gathered; and what one run knows of its object.

use std::sync::Arc;

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_core::desired::Desired;
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::inventory::{Row, Told};
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::path::ResourcePath;
use dataworks_core::plan::{
    Holder, Identity, Memory, Middle, MiddleHeld, Observed, Permission, ReadBack, Recorded, Search,
    SourceRead,
};
use dataworks_core::publish::Look;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;

use crate::context::{Context, Doubt};
use crate::controller::index::Index;
use crate::controller::places::Place;
use crate::controller::standing::{key_of, recorded, told};
use crate::workspace::connection::Connection;
use crate::workspace::limiter::Permit;

/// A resource that is to become an object's, as it was read.
#[derive(Clone, Debug)]
pub struct Adoptee {
    /// Its id.
    pub id: ResourceId,
    /// What it holds.
    pub back: ReadBack,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
}

/// One object under work, and what this run learned of it.
#[derive(Debug)]
pub struct Subject {
    /// Namespace and name.
    pub key: ObjectKey,
    /// `metadata.uid`.
    pub uid: Uid,
    /// The object as last read or written.
    pub object: DataWorksResource,
    /// Where its resource is to be.
    pub place: Place,
    /// The way there.
    pub connection: Arc<Connection>,
    /// Why the step under way is taken, for the log.
    pub why: &'static str,
    /// The right to make the next call.
    pub permit: Permit,
    /// What is remembered beyond this run.
    pub memory: Memory,
    /// The ConfigMap that holds the content.
    pub source: Option<SourceRead>,
    /// Rows at the wanted path or of the wanted name.
    pub look: Option<Vec<Row>>,
    /// The search for an open intent.
    pub search: Option<Search>,
    /// The read of the recorded resource.
    pub read: Option<ReadBack>,
    /// The read of a resource that is to become this object's.
    pub adoptee: Option<Adoptee>,
    /// The deployment runs of the resource.
    pub runs: Option<Look>,
    /// When the resource that was read was last changed.
    pub read_modified: Option<Timestamp>,
    /// What this run deleted, and by which request; none where it was gone already.
    pub deleted: Option<(ResourceId, Option<String>)>,
    /// The object is gone: nothing is written to it.
    pub is_gone: bool,
    /// A call of this run failed, and not because it has to wait.
    pub failed: bool,
}

impl Subject {
    /// An object that was just read.
    #[must_use]
    pub fn new(ctx: &Context, object: DataWorksResource, permit: Permit) -> Self {
        let uid = Uid::new(&object.uid().unwrap_or_default());
        let mut memory = ctx.memory(&uid);
        match ctx.take_doubt(&key_of(&object)) {
            Some(Doubt::Resource) => memory.doubt = true,
            Some(Doubt::Listing(shown)) => memory.listing = Some(shown),
            None => {}
        }
        let told = Self::to_tell(ctx, object);
        let permit = permit.for_limiter(&told.connection.limiter);
        Self { permit, memory, ..told }
    }

    /// An object that is gone and may have left a file.
    #[must_use]
    pub fn vanished(ctx: &Context, object: DataWorksResource, permit: Permit) -> Self {
        Self { is_gone: true, ..Self::new(ctx, object, permit) }
    }

    /// An object that is only to be told something: nothing remembered is taken up for it.
    #[must_use]
    pub fn to_tell(ctx: &Context, object: DataWorksResource) -> Self {
        let place = ctx.index().place(&object);
        Self {
            connection: ctx.connections.of(&place.connection),
            place,
            key: key_of(&object),
            uid: Uid::new(&object.uid().unwrap_or_default()),
            object,
            why: "",
            permit: Permit::none(),
            memory: Memory::default(),
            source: None,
            look: None,
            search: None,
            read: None,
            adoptee: None,
            runs: None,
            read_modified: None,
            deleted: None,
            is_gone: false,
            failed: false,
        }
    }

    /// What the object itself says.
    #[must_use]
    pub fn recorded(&self, ctx: &Context) -> Recorded {
        recorded(&self.object, &ctx.identity.cluster)
    }

    /// Whether an object of this name is another than this one, though the index may still know this one by another
    /// uid. Of an object that is gone, who has its name now is another.
    #[must_use]
    pub fn is_another(&self, key: &ObjectKey) -> bool {
        self.is_gone || *key != self.key
    }

    /// The workspace that the spec comes to, as far as it is known.
    #[must_use]
    pub fn project(&self) -> Option<ProjectId> {
        self.place.project
    }

    /// Everything that the plan may know.
    #[must_use]
    pub fn observe(&self, ctx: &Context, desired: Option<&Desired>) -> Observed {
        let index = ctx.index();
        let project = self.project();
        let id = self.recorded(ctx).id();
        let holder = |key: &ObjectKey| Holder {
            name: (key.namespace == self.key.namespace).then(|| key.name.to_string()),
        };
        let id_holder = project.zip(id.as_ref()).and_then(|(project, id)| {
            index.id_held_by_other(project, id, &self.uid).filter(|key| self.is_another(key)).map(holder)
        });
        let is_claimed = |row: &&Row| {
            let holder = project.and_then(|project| index.id_held_by_other(project, &row.id, &self.uid));
            holder.is_some_and(|holder| self.is_another(holder))
        };
        let claimed = self.look.iter().flatten().filter(is_claimed).map(|row| row.id.clone()).collect();
        let told_so = told(&self.object) == Some(Told::MassAbsence);
        let held_by = index.held_by_other(&self.key);
        if let Some(key) = held_by {
            tracing::debug!(holder = %key, "another object holds its claim");
        }
        Observed {
            identity: Identity { proxied: self.connection.proxied, ..ctx.identity.clone() },
            bounds: ctx.bounds,
            permission: self.place.permission.clone().unwrap_or(Permission::Allowed),
            held_by: held_by.map(holder),
            id_held_by: id_holder,
            memory: self.memory.clone(),
            source: self.source.clone(),
            look: self.look.clone(),
            search: self.search.clone(),
            claimed,
            read: self.read.clone(),
            read_modified: self.read_modified,
            adoptee: self.adoptee.as_ref().map(|adoptee| (adoptee.id.clone(), adoptee.back.clone())),
            middle_held: desired.map(|desired| self.middle_held(&index, desired)).unwrap_or_default(),
            brake: project
                .is_some_and(|project| self.connection.listings.is_braked(project, id.as_ref(), told_so)),
        }
    }

    /// Who claims the paths between where the resource stands and where it is to be.
    fn middle_held(&self, index: &Index, desired: &Desired) -> MiddleHeld {
        let read = match &self.read {
            Some(ReadBack::Present(held)) => held.path.clone(),
            Some(ReadBack::Absent | ReadBack::TooYoung { .. }) | None => None,
        };
        let recorded = || self.object.status.as_ref()?.path.as_ref()?.parse().ok();
        let Some(from) = read.or_else(recorded) else { return MiddleHeld::default() };
        let held = |path: Option<ResourcePath>| {
            path.is_some_and(|path| index.path_held_by_other(desired.project, &path, &self.key, &self.uid))
        };
        let Middle { renamed, moved } = Middle::between(&from, &desired.path);
        MiddleHeld { renamed: held(renamed), moved: held(moved) }
    }

    /// Keeps what must be known after this run.
    pub fn keep_memory(&self, ctx: &Context) {
        ctx.remember(&self.uid, self.memory.clone());
    }
}
