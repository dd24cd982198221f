//! What the index keeps of one version of an object.

use std::sync::Arc;

use dataworks_core::api::CREATE_INTENT;
use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::{ContentSource, DataWorksResource, DeletionPolicy};
use dataworks_core::desired::Desired;
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::inventory::Told;
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::ownership::{Claim, Claimant, Class};
use dataworks_core::path::claim_key;
use dataworks_core::plan::Permission;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;

use super::{Index, Origin};
use crate::controller::places::{ConnectionId, Place};
use crate::controller::sources::Version as SourceVersion;
use crate::controller::standing::{
    Standing, claims, created, fingerprint, is_refused, is_untouched, modified, recorded, recorded_project,
    shown, standing, told,
};
use crate::controller::tally::{Shown, Truth};

#[derive(Debug)]
pub(super) struct Row {
    pub(super) uid: Uid,
    pub(super) version: Option<u64>,
    pub(super) seen: Timestamp,
    /// The same of the version before, where the watch told of this one.
    pub(super) seen_before: Option<Timestamp>,
    pub(super) born_here: bool,
    pub(super) created: Timestamp,
    pub(super) connection: ConnectionId,
    pub(super) project: Option<ProjectId>,
    /// What the spec wants, then what status holds.
    pub(super) claims: Vec<(Claim, Class)>,
    /// A write that takes what it wants is under way.
    pub(super) reserved: bool,
    /// It may use its connection.
    pub(super) permitted: bool,
    /// Its namespace or workspace may not use the connection at all, whatever else stands in the way.
    pub(super) barred: bool,
    /// Its spec says something usable.
    pub(super) valid: bool,
    /// It has a trace of its own in the workspace.
    pub(super) rooted: bool,
    /// Our finalizer is on it.
    pub(super) holds: bool,
    /// The resource and its last change that we know of.
    pub(super) resource: Option<(ResourceId, Timestamp)>,
    /// When this version was taken in it was to be given a resource, and nothing stood in the way.
    pub(super) to_be_made: bool,
    pub(super) path: Option<String>,
    pub(super) told: Option<Told>,
    /// The ConfigMap that its content is taken from, and which version of it status speaks of.
    pub(super) source: Option<(Arc<str>, Option<u64>)>,
    /// Status tells what became of the content as it was then.
    pub(super) tells_of_content: bool,
    /// Whatever its connection, work on it needs no call.
    pub(super) idle: bool,
    pub(super) deleting: bool,
    pub(super) shown: Shown,
    /// Since when it is being deleted, while it holds its file.
    pub(super) leaving: Option<Timestamp>,
    pub(super) standing: Standing,
    pub(super) fingerprint: u64,
}

impl Row {
    pub(super) fn needs_no_call(&self) -> bool {
        self.idle || !self.permitted
    }

    /// Its wishes count.
    pub(super) fn entitled(&self) -> bool {
        self.rooted || self.permitted && self.valid
    }

    /// Whether its claims of this class count; `proven`: its connection worked on its workspace once.
    pub(super) fn counts(&self, class: Class, proven: bool) -> bool {
        match class {
            Class::Recorded => self.entitled(),
            // Who may write the object may write the annotation, too.
            Class::Intent | Class::Restored => self.entitled() && !self.barred && (self.permitted || proven),
            Class::Wanted => self.permitted && self.valid && proven,
        }
    }

    pub(super) fn already_managed(&self) -> bool {
        self.shown.reason == Some(Reason::AlreadyManaged)
    }

    pub(super) fn claimant(&self, key: &ObjectKey) -> Claimant {
        let counted = |class: Class| if self.reserved { class.min(Class::Intent) } else { class };
        Claimant {
            uid: self.uid.clone(),
            created: self.created,
            key: key.clone(),
            claims: self.claims.iter().map(|(claim, class)| (*claim, counted(*class))).collect(),
        }
    }
}

/// Which version it is, and since when this process knows that it is so.
#[derive(Debug)]
pub(super) struct Sight {
    uid: Uid,
    version: Option<u64>,
    seen: Timestamp,
    seen_before: Option<Timestamp>,
    born_here: bool,
}

impl Sight {
    /// `before` is what was known of the same object.
    pub(super) fn of(
        object: &DataWorksResource,
        uid: Uid,
        version: Option<u64>,
        before: Option<&Row>,
        origin: Origin,
        now: Timestamp,
    ) -> Self {
        let unchanged = before.is_some_and(|row| row.version == version && version.is_some());
        // Nobody else can have changed it before an own write that named the version before it.
        let ours = unchanged || origin == Origin::Written;
        // But what refused it may be over: only a listing from after that can tell.
        let refused = origin == Origin::Written && is_refused(object);
        let seen = match before.filter(|_| ours && !refused) {
            // The watch was faster than the answer to our own write.
            Some(row) if origin == Origin::Written && unchanged => row.seen_before.unwrap_or(row.seen),
            Some(row) => row.seen,
            None => now,
        };
        let seen_before = before.filter(|_| origin == Origin::Watched && !unchanged).map(|row| row.seen);
        let first = object.metadata.generation.unwrap_or(0) <= 1;
        let born_here = match before {
            Some(row) => row.born_here && first && is_untouched(object),
            None => origin == Origin::Watched && first && !object.annotations().contains_key(CREATE_INTENT),
        };
        Self { uid, version, seen, seen_before, born_here }
    }
}

impl Index {
    fn source<'a>(&self, object: &'a DataWorksResource) -> Option<(Arc<str>, Option<u64>)> {
        let reference = object.spec.content.as_ref()?.config_map_key_ref.as_ref()?;
        let version = |source: &'a ContentSource| {
            let ContentSource { uid, resource_version } = source;
            let text = |field: &'a Option<String>| field.as_deref().unwrap_or_default();
            self.sources.mark(SourceVersion { uid: text(uid), resource_version: text(resource_version) })
        };
        Some((reference.name.as_str().into(), read_from(object).map(version)))
    }

    pub(super) fn row(
        &self,
        object: &DataWorksResource,
        key: &ObjectKey,
        sight: Sight,
        now: Timestamp,
    ) -> Row {
        let Sight { uid, version, seen, seen_before, born_here } = sight;
        let recorded = recorded(object, &self.cluster);
        let Place { connection, project, permission, defaults } =
            self.places.place(key, &object.spec, recorded_project(object), recorded.deleting);
        let desired = Desired::in_workspace(&object.spec, project, &recorded.defaults(&defaults)).ok();
        let id = recorded.id();
        let claims = claims(desired.as_ref(), project, &recorded, id.as_ref());
        let retained = recorded.deletion == DeletionPolicy::Retain;
        let idle = recorded.suspend
            || desired.is_none() && !recorded.deleting
            || recorded.deleting && (retained || !recorded.finalizer);
        let standing = standing(object, &recorded, desired.is_some(), permission.as_ref(), self.lag, now);
        let to_be_made = id.is_none() && !recorded.deleting && !idle && standing == Standing::Due;
        Row {
            version,
            seen,
            seen_before,
            born_here,
            created: created(object),
            connection,
            project,
            claims,
            reserved: false,
            permitted: permission == Some(Permission::Allowed),
            barred: matches!(permission, Some(Permission::NamespaceNotListed | Permission::ProjectNotListed)),
            valid: desired.is_some(),
            rooted: id.is_some() || recorded.open_intent().is_some(),
            holds: recorded.finalizer,
            to_be_made,
            resource: id.map(|id| (id, modified(object))),
            path: object.status.as_ref().and_then(|status| status.path.as_deref()).map(claim_key),
            told: told(object),
            source: self.source(object),
            tells_of_content: shown(object).ready == Truth::True || read_from(object).is_some(),
            idle,
            deleting: recorded.deleting,
            shown: shown(object),
            leaving: object
                .metadata
                .deletion_timestamp
                .as_ref()
                .map(|time| time.0)
                .filter(|_| recorded.finalizer),
            standing,
            fingerprint: fingerprint(object),
            uid,
        }
    }
}

fn read_from(object: &DataWorksResource) -> Option<&ContentSource> {
    object.status.as_ref()?.content_source.as_ref()
}
