//! What a workspace says when so many of its files are gone at once that none is made again.
//!
//! A condition beside `Ready`: the workspace can be worked with, and everything else goes on. It must not know how it
//! was found, nor what keeps the files from being made.

use crate::api::RECONCILE_REQUESTED;
use crate::api::condition::{ConditionType, Reason};
use crate::api::v1alpha1::DataWorksWorkspaceStatus;
use crate::inventory::MassAbsence;
use crate::state::{self, Truth};

/// Objects that a message names; more would only fill the status.
const NAMED: usize = 3;

/// Whether so many of its files are gone at once that none is made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Nobody has looked yet: what was said before is believed.
    Unseen,
    /// It is not so, or not any more.
    Over,
    /// It is.
    Found {
        /// How many are gone.
        gone: usize,
        /// Of how many.
        of: usize,
        /// Some of the objects whose files they are.
        first: Vec<String>,
    },
    /// It was, a person asked for all of them, and they are not all there yet.
    Asked,
}

impl Absence {
    /// Of these objects.
    #[must_use]
    pub fn found(absence: &MassAbsence) -> Self {
        let MassAbsence { of, gone } = absence;
        let first = gone.iter().take(NAMED).map(|(key, _)| key.name.to_string()).collect();
        Self::Found { gone: gone.len(), of: *of, first }
    }

    /// What the condition says: whether none is made again, why, and what to do.
    pub(super) fn words(&self) -> Option<(Truth, Reason, String)> {
        match self {
            Self::Unseen | Self::Over => None,
            Self::Found { gone, of, first } => {
                let first: Vec<String> = first.iter().map(|name| format!("{name:?}")).collect();
                let message = format!(
                    "{gone} of {of} files are gone at once, the first are those of {}: none of them is made again, and \
                     everything else goes on. Find out who deleted them. To have all of them made again, set the \
                     annotation {RECONCILE_REQUESTED} on this object, or for single ones on their DataWorksResources. It \
                     is over by itself when they are listed again, or when their objects are deleted.",
                    first.join(", "),
                );
                Some((Truth::True, Reason::MassAbsence, message))
            }
            Self::Asked => {
                let message =
                    "A person asked for the files that were gone at once: they are made again, and the \
                               DataWorksResources say how far that is."
                        .to_owned();
                Some((Truth::False, Reason::Recreating, message))
            }
        }
    }
}

/// What a status says of a mass absence: that none is made again, or that a person asked for all.
#[must_use]
pub fn absence_told(status: &DataWorksWorkspaceStatus) -> Option<AbsenceTold> {
    let told = state::find(&status.conditions, ConditionType::MassAbsence)?;
    Some(if told.status == Truth::True.as_str() { AbsenceTold::Braked } else { AbsenceTold::Asked })
}

/// See [`absence_told`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbsenceTold {
    /// None is made again.
    Braked,
    /// All are.
    Asked,
}
