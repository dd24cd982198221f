//! Condition types and reasons, as closed enums: part of the API, no literal twice.
//!
//! It must not know when a condition holds; that is decided from a state elsewhere.

use std::fmt;
use std::str::FromStr;

/// A word that is not in the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a word of this list")]
pub struct UnknownWord;

/// A closed enum whose variants are their own text.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// All of them, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it stands in a status.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or(UnknownWord)
            }
        }
    };
}

words! {
    /// The `type` of a condition.
    ConditionType {
        /// The file is in the workspace as declared.
        Ready,
        /// What the workspace holds is what was declared, as of the last look.
        Synced,
        /// What is declared is published; present only where that is wished.
        Published,
        /// So many files of a workspace were gone at once that none was made again; said by a workspace. True: none is;
        /// False: a person asked for them. Gone when it is over.
        MassAbsence,
        /// Work goes on; present only while true.
        Reconciling,
        /// Nothing will happen until something is changed; present only while true.
        Stalled,
    }
}

words! {
    /// The `reason` of a condition.
    Reason {
        /// Done, nothing is pending.
        Succeeded,
        /// The file is being made.
        Creating,
        /// The file is being brought to what is declared.
        Updating,
        /// The last try failed, the next one is coming.
        ProgressingWithRetry,
        /// A create was sent and its outcome is not known yet.
        OutcomeUnknown,
        /// A deployment run is under way.
        Publishing,
        /// A deployment run waits for a person.
        AwaitingApproval,
        /// A deployment run failed.
        PublicationFailed,
        /// Waits for its turn.
        Queued,
        /// The calls of the day are used up.
        QuotaExhausted,
        /// The service cannot be reached or fails.
        CloudUnavailable,
        /// The service asks to slow down.
        Throttled,
        /// The credentials are refused or lack a right.
        AccessDenied,
        /// What the object refers to is not there, not ready, or cannot be used.
        DependencyNotReady,
        /// Another object of the cluster holds this resource.
        AlreadyManaged,
        /// The path is taken by a file that is not ours.
        AlreadyExists,
        /// The file that is to be adopted differs in what cannot be changed, or stands elsewhere.
        NotAdoptable,
        /// A create may have made one of several files, or one that differs.
        AmbiguousCreate,
        /// The namespace may not use the connection.
        ConnectionNotAllowed,
        /// The Secret with the credentials is not there.
        SecretNotFound,
        /// The Secret lacks a key, or holds what cannot be a key.
        SecretInvalid,
        /// The operator may not read the Secret, or ask for a token of the ServiceAccount.
        SecretForbidden,
        /// The endpoint is none that the operator calls.
        EndpointNotAllowed,
        /// The project is another one than recorded.
        WorkspaceChanged,
        /// The workspace does not exist or is not visible.
        WorkspaceNotFound,
        /// The workspace is there and takes no changes.
        WorkspaceNotAvailable,
        /// `spec.suspend` is set.
        Suspended,
        /// The file was deleted outside and is being made again.
        Recreating,
        /// The workspace does not hold the file.
        NotFound,
        /// The workspace does not hold the file, and it is not to be made.
        NotFoundInWorkspace,
        /// Others changed the file, and it is not to be brought back.
        Drifted,
        /// Another file stands at the same path.
        DuplicateInWorkspace,
        /// So many files are gone that none is made again.
        MassAbsence,
        /// The routine look at the file failed.
        CheckFailed,
        /// The object is being deleted.
        Deleting,
        /// The object cannot be deleted yet.
        DeletionBlocked,
        /// The spec cannot be turned into a document.
        InvalidSpec,
        /// The service refused the document.
        Refused,
        /// The create intent on the object cannot be read.
        IntentUnreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
        }
        for kind in ConditionType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert_eq!("succeeded".parse::<Reason>(), Err(UnknownWord));
    }
}
