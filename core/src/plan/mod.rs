//! What to do next for one object: a pure function of what is desired, recorded and observed.
//!
//! [`plan`] names one [`Step`] and the *why* of it; the shell carries the step out, adds what it
//! learned to the observations and asks again. A plan may ask for a look ([`Step::Look`],
//! [`Step::Search`], [`Step::ReadBack`]); it never looks itself. No I/O, no clock, no async: every
//! rule is a row of a table, and a model can check the same function.

mod adopt;
mod content;
mod create;
mod delete;
mod memory;
mod open;
mod relocate;
mod search;
mod step;
mod update;
mod workspace;

use std::sync::Arc;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::condition::{ConditionType, Reason};
use crate::api::v1alpha1::{
    AttemptOutcome, DataWorksResourceStatus, DeletionPolicy, Origin, ResourceDefaults,
};
use crate::backoff;
use crate::bounds::Bounds;
use crate::desired::{Desired, Held};
use crate::fault::Fault;
use crate::ids::ResourceId;
use crate::intent::{Intent, IntentNote};
use crate::inventory::Row;
use crate::mutation::{Rule, off};
use crate::object::{ObjectKey, Uid};
use crate::path::ResourcePath;
use crate::state;
pub use content::{SourceRead, Uploaded};
pub use create::not_allowed;
pub use memory::{Listing, Memory, Progress};
pub use relocate::Middle;
pub use search::{Candidate, ReadVerdict, Search, at_path, compare};
pub use step::{Plan, Step};

/// Who we are, for intents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster: the uid of its namespace `kube-system`, or a flag's text.
    pub cluster: String,
    /// This pod's uid; another process with the same one is dead.
    pub holder: String,
    /// An HTTP proxy stands between us and the service: it may deliver late.
    pub proxied: bool,
}

/// What the object itself says.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Namespace and name.
    pub key: ObjectKey,
    /// `metadata.uid`.
    pub uid: Uid,
    /// `metadata.generation`.
    pub generation: i64,
    /// True when it has a deletionTimestamp.
    pub deleting: bool,
    /// True when it has our finalizer.
    pub finalizer: bool,
    /// The create intent.
    pub intent: IntentNote,
    /// What becomes of the file, known even where the rest of the spec is not valid.
    pub deletion: DeletionPolicy,
    /// `spec.suspend`, likewise.
    pub suspend: bool,
    /// A person asked for a look now, and that is not answered yet.
    pub requested: bool,
    /// `.status`.
    pub status: DataWorksResourceStatus,
}

impl Recorded {
    /// The recorded id, where it may be trusted. Beside a copy's annotation it is another's. Beside
    /// an intent of our own it is what that intent made, or nothing: an intent is written only
    /// when there is no resource, so an id from before it is gone, or was a copy's. So it is where status tells of a
    /// try whose annotation was taken away.
    #[must_use]
    pub fn id(&self) -> Option<ResourceId> {
        let trusted = match &self.intent {
            IntentNote::Foreign => off(Rule::WhoseCopy),
            IntentNote::Absent => self.told_unknown().is_none(),
            IntentNote::Unreadable | IntentNote::Earlier(_) => true,
            IntentNote::Own(intent) => {
                off(Rule::WhoseOpen) || self.ended(intent) == Some(AttemptOutcome::Done)
            }
        };
        if trusted { self.status.id.as_deref()?.parse().ok() } else { None }
    }

    /// Where the recorded resource came from. That of one that is gone says nothing of the one that is made in its place.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.status.origin.filter(|_| self.id().is_some())
    }

    /// The intent of this very object that status does not close.
    #[must_use]
    pub fn open_intent(&self) -> Option<&Intent> {
        let IntentNote::Own(intent) = &self.intent else { return None };
        self.ended(intent).is_none().then_some(intent)
    }

    /// Which intent had an outcome that is not known, as status tells.
    fn told_unknown(&self) -> Option<Timestamp> {
        let attempt = self.status.attempt.as_ref()?;
        let unknown = attempt.outcome == Some(AttemptOutcome::Unknown);
        attempt.at.as_deref().filter(|_| unknown)?.parse().ok()
    }

    /// The workspace's defaults that count for the object: those that its file was made with, or may have been made
    /// with by a try that is not closed; `now`, what the workspace says, while there is neither.
    #[must_use]
    pub fn defaults(&self, now: &ResourceDefaults) -> ResourceDefaults {
        let kept = |kept: &Option<ResourceDefaults>| kept.clone().unwrap_or_default();
        if self.id().is_some() {
            return kept(&self.status.defaults);
        }
        match (&self.intent, self.open_intent()) {
            (_, Some(intent)) | (IntentNote::Earlier(intent), None) => kept(&intent.defaults),
            (
                IntentNote::Absent | IntentNote::Unreadable | IntentNote::Foreign | IntentNote::Own(_),
                None,
            ) => now.clone(),
        }
    }

    /// How status says that this intent ended. A later one that ended closes it as well, since no
    /// intent is renewed before the one in front of it is settled: an old annotation may come
    /// back with a manifest that somebody kept.
    fn ended(&self, intent: &Intent) -> Option<AttemptOutcome> {
        let attempt = self.status.attempt.as_ref()?;
        let at: Timestamp = attempt.at.as_deref()?.parse().ok()?;
        match attempt.outcome? {
            outcome @ (AttemptOutcome::Done | AttemptOutcome::Refused) if at >= intent.at => Some(outcome),
            AttemptOutcome::Done | AttemptOutcome::Refused | AttemptOutcome::Unknown => None,
        }
    }

    /// Until when a document that was definitely refused rests; only while status still tells of that refusal.
    /// Another fault since then has its own, shorter waits, and a person who asks for a look now need
    /// not wait at all.
    #[must_use]
    pub fn refused_until(&self, lag: SignedDuration) -> Option<Timestamp> {
        let status = &self.status;
        if self.requested || status.observed_generation != Some(self.generation) {
            return None;
        }
        let stalled = state::find(&status.conditions, ConditionType::Stalled)?;
        let times = status.attempt.as_ref()?.refusals.filter(|n| *n > 0)?;
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        let reason: Reason = stalled.reason.parse().ok()?;
        let rests_long =
            [Reason::Refused, Reason::WorkspaceNotFound, Reason::NotAdoptable, Reason::NotFoundInWorkspace];
        let wait = if reason == Reason::AlreadyExists {
            backoff::taken(&self.uid, times, lag.unsigned_abs())
        } else if rests_long.contains(&reason) {
            backoff::refused(&self.uid, times)
        } else {
            return None;
        };
        let at = status.last_error.as_ref()?.time.as_ref()?.0;
        Some(search::plus(at, wait.try_into().unwrap_or(SignedDuration::MAX)))
    }
}

/// Whether the object's connection may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Allowed,
    /// The object's namespace is not on the operator's list of the default connection.
    NamespaceNotListed,
    /// The workspace is not on that list.
    ProjectNotListed,
    /// Every call would fail with this, so none is made until one look shows that it is over.
    Closed(Arc<Fault>),
    /// The DataWorksWorkspace that the object names cannot be worked with now.
    WorkspaceNotReady(Unready),
}

impl Permission {
    /// What stands in the way, where a DataWorksWorkspace tells it for all its objects. Of the default connection, and of
    /// a workspace that is not there, nobody but the objects themselves can tell.
    #[must_use]
    pub fn is_told_by_workspace(&self) -> bool {
        match self {
            Self::WorkspaceNotReady(Unready { why, .. }) => match why {
                NotReady::Told(_) => true,
                NotReady::Absent | NotReady::Unseen => false,
            },
            Self::Allowed | Self::NamespaceNotListed | Self::ProjectNotListed | Self::Closed(_) => false,
        }
    }
}

/// Why a DataWorksWorkspace cannot be worked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: NotReady,
}

/// See [`Unready`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// There is no such object.
    Absent,
    /// This process has not looked at it yet, and is about to.
    Unseen,
    /// In the words of its own status.
    Told(String),
}

/// Another object that holds what this one claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its name, when it is of the same namespace; other namespaces are not told.
    pub name: Option<String>,
}

/// What GetResource said of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadBack {
    /// The resource is definitely not there.
    Absent,
    /// It was not found, and is so young that the service may not show it yet.
    TooYoung {
        /// From when on not finding it means that it is not there.
        until: Timestamp,
    },
    /// It is there, and holds this of what is declared.
    Present(Held),
}

impl ReadBack {
    /// The same resource after an update that was answered, sent with the path `at`.
    #[must_use]
    pub fn updated(self, at: &ResourcePath) -> Option<Self> {
        let Self::Present(Held { fixed, .. }) = self else { return None };
        Some(Self::Present(Held { differs: Vec::new(), fixed, path: Some(at.clone()), shows_content: true }))
    }
}

/// Who stands between the old path and the new one, by what is changed first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MiddleHeld {
    /// Another object claims the old folder with the new name.
    pub renamed: bool,
    /// Another object claims the new folder with the old name.
    pub moved: bool,
}

/// The facts that a plan is made from; what is `None` was not looked at yet.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Who we are.
    pub identity: Identity,
    /// The times that "never twice" rests on.
    pub bounds: Bounds,
    /// Whether the object's connection may be used.
    pub permission: Permission,
    /// Who holds what this object claims, if another.
    pub held_by: Option<Holder>,
    /// Who holds this object's recorded id, if another.
    pub id_held_by: Option<Holder>,
    /// What this process remembers.
    pub memory: Memory,
    /// The ConfigMap that holds the content.
    pub source: Option<SourceRead>,
    /// Rows at the wanted path or of the wanted name, from a listing that may speak for this
    /// object.
    pub look: Option<Vec<Row>>,
    /// The search for an open intent.
    pub search: Option<Search>,
    /// Of the rows of `look`, those that other objects claim.
    pub claimed: Vec<ResourceId>,
    /// The read of the recorded resource.
    pub read: Option<ReadBack>,
    /// When the recorded resource last changed, as that read says.
    pub read_modified: Option<Timestamp>,
    /// The read of a resource that is to become this object's.
    pub adoptee: Option<(ResourceId, ReadBack)>,
    /// Who claims the paths between the recorded and the declared one.
    pub middle_held: MiddleHeld,
    /// So many resources of the workspace are gone that none is made again.
    pub brake: bool,
}

/// What is wanted, or why the spec says nothing usable.
pub type Wanted<'a> = Result<&'a Desired, &'a str>;

/// The next step for an object, and why.
///
/// `wanted` is what its spec says, or the text of what is wrong with it; `now` is the service's
/// time.
#[must_use]
pub fn plan(wanted: Wanted<'_>, recorded: &Recorded, observed: &Observed, now: Timestamp) -> Plan {
    if recorded.deleting {
        return delete::plan(wanted.ok(), recorded, observed, now);
    }
    let desired = match (wanted, &observed.permission) {
        (Ok(desired), _) => desired,
        // Which workspace it is, is not known either.
        (Err(_), Permission::WorkspaceNotReady(unready)) => {
            return workspace::not_ready(unready, recorded, now);
        }
        (
            Err(problem),
            Permission::Allowed
            | Permission::NamespaceNotListed
            | Permission::ProjectNotListed
            | Permission::Closed(_),
        ) => return step::invalid(problem),
    };
    if let Some(holder) = &observed.held_by {
        return step::already_managed(holder, desired);
    }
    if let Some(plan) = open::forgotten(recorded, observed) {
        return plan;
    }
    let plan = match recorded.id() {
        Some(id) => update::plan(desired, &id, recorded, observed, now),
        None => match &desired.resource_id {
            Some(named) => adopt::named(named, desired, recorded, observed, now),
            None => create::plan(desired, recorded, observed, now),
        },
    };
    content::uploaded_first(plan, desired, observed, now)
}
