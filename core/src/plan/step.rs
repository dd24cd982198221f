//! The closed list of what can be done, and plans that several questions share.

use k8s_openapi::jiff::Timestamp;

use super::Holder;
use crate::api::condition::Reason;
use crate::desired::Desired;
use crate::ids::{Digest, ResourceId};
use crate::intent::Intent;
use crate::inventory::Row;
use crate::path::ResourcePath;
use crate::state::State;

/// One step and the reason for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What to do.
    pub step: Step,
    /// Why, for the log line.
    pub why: &'static str,
}

/// What can be done for an object. Each is at most one call to the cloud or one write to
/// Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing, not even a look later.
    Nothing,
    /// Say this in status and rest until something changes.
    Report(State),
    /// Say this in status and look again at this time.
    Wait {
        /// When to look again.
        until: Timestamp,
        /// What to say meanwhile; `None` leaves what stands there.
        state: Option<State>,
    },
    /// Say this in status and go on.
    Tell(State),
    /// Read what the ConfigMap holds.
    ReadContent,
    /// Upload what the ConfigMap holds, which has this digest.
    UploadContent(Digest),
    /// Find out whether the wanted path is free.
    Look,
    /// Write the intent and the finalizer.
    WriteIntent(Intent),
    /// Write an intent again that was taken away, and the finalizer: a request was sent for it.
    RestoreIntent(Intent),
    /// Send CreateResource for this intent.
    CreateResource(Intent),
    /// List by name, at the intent's path and the wanted one, for what an unknown create left.
    Search(Intent),
    /// Read this row to see whether it is what the intent was to make.
    ReadCandidate(Intent, ResourceId),
    /// Record this row as ours.
    RecordFound(Intent, Row),
    /// Put the finalizer back.
    AddFinalizer,
    /// Forget what status tells: it is a copy of another object's.
    ForgetCopy,
    /// Read a resource that is to become this object's.
    ReadAdoptee(ResourceId),
    /// Record a resource that was there before as this object's.
    RecordAdopted {
        /// The resource.
        id: ResourceId,
        /// Where it stands.
        at: ResourcePath,
        /// The `at` of the intent that ends with this.
        closes: Option<Timestamp>,
    },
    /// Send UpdateResource.
    UpdateResource {
        /// The resource.
        id: ResourceId,
        /// Where it stands: the document must not name another path.
        at: ResourcePath,
    },
    /// Send RenameResource.
    RenameResource {
        /// The resource.
        id: ResourceId,
        /// Its whole path after it.
        to: ResourcePath,
    },
    /// Send MoveResource.
    MoveResource {
        /// The resource.
        id: ResourceId,
        /// Its whole path after it.
        to: ResourcePath,
    },
    /// Read the resource after a write whose outcome is not known.
    ReadBack(ResourceId),
    /// Record that the resource holds what was declared.
    RecordUpdated,
    /// Record that the resource was read and is as declared.
    RecordSeen,
    /// Record that the resource was read and differs in these fields, and leave it so.
    RecordDrift(Vec<String>),
    /// Send DeleteResource.
    DeleteResource(ResourceId),
    /// Let the object go.
    RemoveFinalizer,
}

impl Step {
    /// The step's name in logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "Nothing",
            Self::Report(_) => "Report",
            Self::Wait { .. } => "Wait",
            Self::Tell(_) => "Tell",
            Self::ReadContent => "ReadContent",
            Self::UploadContent(_) => "UploadContent",
            Self::Look => "Look",
            Self::WriteIntent(_) => "WriteIntent",
            Self::RestoreIntent(_) => "RestoreIntent",
            Self::CreateResource(_) => "CreateResource",
            Self::Search(_) => "Search",
            Self::ReadCandidate(..) => "ReadCandidate",
            Self::RecordFound(..) => "RecordFound",
            Self::AddFinalizer => "AddFinalizer",
            Self::ForgetCopy => "ForgetCopy",
            Self::ReadAdoptee(_) => "ReadAdoptee",
            Self::RecordAdopted { .. } => "RecordAdopted",
            Self::UpdateResource { .. } => "UpdateResource",
            Self::RenameResource { .. } => "RenameResource",
            Self::MoveResource { .. } => "MoveResource",
            Self::ReadBack(_) => "ReadBack",
            Self::RecordUpdated => "RecordUpdated",
            Self::RecordSeen => "RecordSeen",
            Self::RecordDrift(_) => "RecordDrift",
            Self::DeleteResource(_) => "DeleteResource",
            Self::RemoveFinalizer => "RemoveFinalizer",
        }
    }
}

/// `step`, because of `why`.
pub(super) fn because(step: Step, why: &'static str) -> Plan {
    Plan { step, why }
}

pub(super) fn stalled(reason: Reason, message: String, why: &'static str) -> Plan {
    because(Step::Report(State::Stalled { reason, message, fault: None }), why)
}

pub(super) fn invalid(problem: &str) -> Plan {
    stalled(Reason::InvalidSpec, problem.to_owned(), "the spec is not valid")
}

fn name_of(holder: &Holder) -> String {
    match &holder.name {
        Some(name) => format!("DataWorksResource {name:?} of this namespace"),
        None => "another object in this cluster (the operator's log has its name)".to_owned(),
    }
}

/// Another object has recorded the very resource that this one has: somebody copied its status.
pub(super) fn id_already_managed(holder: &Holder, id: &ResourceId) -> Plan {
    let message = format!(
        "{} already manages the file {id}, which this object's status names too; nothing was sent. \
         Delete this object: the file stays the other's.",
        name_of(holder)
    );
    stalled(Reason::AlreadyManaged, message, "another object holds the id")
}

pub(super) fn already_managed(holder: &Holder, desired: &Desired) -> Plan {
    let who = name_of(holder);
    let message = format!(
        "{who} already manages {:?} in workspace {}, or a MaxCompute resource of the same name; nothing was sent. \
         Give this object another path, or delete the other one.",
        desired.path.to_string(),
        desired.project,
    );
    stalled(Reason::AlreadyManaged, message, "another object holds the claim")
}
