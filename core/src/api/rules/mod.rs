//! Every admission rule with its message, named.
//!
//! A [`Check`] is one rule in two places: as CEL in the schema, where the API server evaluates it,
//! and as text in the conversion, which decides the same again for objects that never passed
//! admission. Rule: the message is written once, here or in `path`. It must not know who applies it.

#[macro_use]
mod cel;
mod content;
mod flow_spec;
mod kind;
mod object;
mod optional;
mod path;
mod workspace;

use kube::core::{Message, Rule};
use serde_json::Value;

use crate::path::PathError;
pub use content::*;
pub use flow_spec::*;
pub use kind::*;
pub use object::*;
pub use optional::*;
pub use path::*;
pub use workspace::*;

/// One rule: what CEL says and what a person reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// The CEL expression, with `self` bound to the value where the rule stands.
    pub cel: &'static str,
    /// What is wrong.
    pub wrong: &'static str,
    /// What to do about it.
    pub cure: &'static str,
    /// The field that is to blame, as a path from where the rule stands (`.type`); empty: itself.
    pub blames: &'static str,
}

impl Check {
    const fn new(cel: &'static str, wrong: &'static str, cure: &'static str) -> Self {
        Self { cel, wrong, cure, blames: "" }
    }

    const fn at(blames: &'static str, cel: &'static str, wrong: &'static str, cure: &'static str) -> Self {
        Self { cel, wrong, cure, blames }
    }

    const fn path(cel: &'static str, error: PathError) -> Self {
        Self::new(cel, error.wrong(), error.cure())
    }

    /// The message, as admission shows it.
    #[must_use]
    pub fn message(&self) -> String {
        format!("{}: {}", self.wrong, self.cure)
    }

    /// The rules as `x-kubernetes-validations`.
    #[must_use]
    pub fn to_json(checks: &[&Self]) -> Value {
        checks
            .iter()
            .map(|check| {
                let mut rule = serde_json::json!({"rule": check.cel, "message": check.message()});
                if !check.blames.is_empty() {
                    rule["fieldPath"] = check.blames.into();
                }
                rule
            })
            .collect()
    }
}

impl From<&Check> for Rule {
    fn from(check: &Check) -> Self {
        let rule = Rule::new(check.cel).message(Message::Message(check.message()));
        if check.blames.is_empty() { rule } else { rule.field_path(check.blames) }
    }
}

const KEEP: &str = "put the old value back, or make a new object for the new one";
const SUFFIX_KEEP: &str = "end the path with the old suffix, or make a new object for the new file";
const COMMAND_TYPE_CURE: &str =
    "take the command that ends in the type; EMR_FILE and CDH_FILE run all but jars";
