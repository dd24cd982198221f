//! One finding about a field, in words that tell what to do.

use std::fmt;

use crate::api::rules::Check;
use crate::path::PathError;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field, such as `spec.path` or `spec.fileResources[0].name`; empty: the whole text.
    pub field: String,
    /// What is wrong.
    pub wrong: String,
    /// What to do about it.
    pub cure: String,
}

impl Problem {
    /// A finding in free words.
    #[must_use]
    pub fn new(field: impl Into<String>, wrong: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { field: field.into(), wrong: wrong.into(), cure: cure.into() }
    }

    /// A rule that admission holds too, in the same words.
    #[must_use]
    pub fn of(field: impl Into<String>, check: &Check) -> Self {
        Self::new(field, check.wrong, check.cure)
    }

    /// A path that is none.
    #[must_use]
    pub fn path(field: impl Into<String>, error: PathError) -> Self {
        Self::new(field, error.wrong(), error.cure())
    }

    /// The same finding in a document that stands under another field.
    #[must_use]
    pub fn under(self, parent: &str) -> Self {
        let field =
            if self.field.is_empty() { parent.to_owned() } else { format!("{parent}.{}", self.field) };
        Self { field, ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "{}: {}", self.wrong, self.cure)
    }
}
