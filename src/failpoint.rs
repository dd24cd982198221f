//! Places at which a test may end the process as a crash does: before and after each write.
//!
//! Only the cargo feature `failpoints` compiles the ends in, and it is in no default and no
//! release: without it [`around`] is the write alone. With it the variable `DATAWORKS_FAILPOINT`
//! names one place and moment, such as `create/before`, and the process aborts when it first comes
//! there. Every write to the cloud or to an object goes through [`around`]; `tests/failpoints.rs`
//! holds that none is left out and that each place is really reached.

use dataworks_core::state::{Change, Fact};

/// Defines [`Place`] with its closed list, so that none is forgotten in it.
macro_rules! places {
    ($($(#[$doc:meta])* $place:ident = $name:literal,)+) => {
        /// A write.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Place {
            $($(#[$doc])* $place,)+
        }

        impl Place {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$place,)+];

            /// Its name in `DATAWORKS_FAILPOINT`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$place => $name,)+
                }
            }
        }
    };
}

places! {
    /// The intent of a create, with the finalizer.
    Intent = "intent",
    /// An intent that was taken away is written again.
    RestoreIntent = "restore-intent",
    /// The finalizer alone.
    AddFinalizer = "add-finalizer",
    /// The finalizer is taken off.
    RemoveFinalizer = "remove-finalizer",
    /// A file is uploaded for the service to fetch.
    Upload = "upload",
    /// CreateResource.
    Create = "create",
    /// UpdateResource.
    Update = "update",
    /// RenameResource.
    Rename = "rename",
    /// MoveResource.
    Move = "move",
    /// DeleteResource.
    Delete = "delete",
    /// DeleteResource for a resource that nobody owns.
    DeleteSurplus = "delete-surplus",
    /// The id that CreateResource answered with.
    RecordCreated = "record-created",
    /// What a search found.
    RecordFound = "record-found",
    /// An update that was carried out.
    RecordUpdated = "record-updated",
    /// A rename or a move that was carried out.
    RecordMoved = "record-moved",
    /// A resource that was there before and is the object's now.
    RecordAdopted = "record-adopted",
    /// A copy's status is forgotten.
    RecordForgotten = "record-forgotten",
    /// A look whose finds are left as they are.
    RecordLooked = "record-looked",
    /// A look that found all as declared.
    RecordSeen = "record-seen",
    /// The outcome of a try that made nothing, or that is not known.
    RecordAttempt = "record-attempt",
    /// CreatePipelineRun.
    CreateRun = "create-run",
    /// ExecPipelineRunStage.
    StartStage = "start-stage",
    /// AbolishPipelineRun.
    AbolishRun = "abolish-run",
    /// What is to be published, or how that stands.
    RecordPublication = "record-publication",
    /// The finalizer of a workspace, put on or taken off.
    HoldWorkspace = "hold-workspace",
    /// How a workspace stands.
    RecordWorkspace = "record-workspace",
    /// A state without a new fact.
    RecordState = "record-state",
    /// The state of an object that cannot be decoded.
    RecordUndecodable = "record-undecodable",
}

impl Place {
    /// The place of a write of status.
    #[must_use]
    pub fn of(change: &Change) -> Self {
        match &change.fact {
            Some(Fact::Created { .. }) => Self::RecordCreated,
            Some(Fact::Found { .. }) => Self::RecordFound,
            Some(Fact::Updated { .. }) => Self::RecordUpdated,
            Some(Fact::Moved { .. }) => Self::RecordMoved,
            Some(Fact::Adopted { .. }) => Self::RecordAdopted,
            Some(Fact::Forgotten) => Self::RecordForgotten,
            Some(Fact::Looked { .. }) => Self::RecordLooked,
            Some(Fact::Seen { .. }) => Self::RecordSeen,
            Some(Fact::Attempted { .. }) => Self::RecordAttempt,
            Some(Fact::Publication(_)) => Self::RecordPublication,
            None => Self::RecordState,
        }
    }
}

/// On which side of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing was sent yet.
    Before,
    /// It has ended, and nothing was made of its end yet.
    After,
}

impl Moment {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Before, Self::After];

    /// Its name in `DATAWORKS_FAILPOINT`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// Does a write between its two moments.
pub async fn around<T>(place: Place, write: impl Future<Output = T>) -> T {
    pass(place, Moment::Before);
    let end = write.await;
    pass(place, Moment::After);
    end
}

#[cfg(not(feature = "failpoints"))]
fn pass(_place: Place, _moment: Moment) {}

#[cfg(feature = "failpoints")]
fn pass(place: Place, moment: Moment) {
    static CHOSEN: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var("DATAWORKS_FAILPOINT").ok());
    if CHOSEN.as_deref() == Some(&format!("{}/{}", place.name(), moment.name())) {
        tracing::error!(place = place.name(), moment = moment.name(), "ending here, as asked");
        std::process::abort();
    }
}
