//! Why a spec cannot be used: every finding with field, reason and what to do.

use std::fmt;

pub use crate::flowspec::Problem;

/// Everything that is wrong with a spec. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// What was found, in the order of the fields.
    pub problems: Vec<Problem>,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SpecError {}
