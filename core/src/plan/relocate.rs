//! A resource that stands elsewhere than declared: rename it, move it, or both.
//!
//! The id stays. With both, there is a path in between: the order is chosen so that nobody stands
//! there. The listing is by the new name, so a stranger on the way by the folder shows only in the
//! service's refusal.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::create::{at_name, taken_by_other};
use super::search::{at_path, plus};
use super::step::because;
use super::{Observed, Plan, Step};
use crate::desired::Desired;
use crate::ids::ResourceId;
use crate::mutation::{Rule, off};
use crate::path::ResourcePath;
use crate::state::State;

/// Whoever stands on both ways is looked at again after this.
const BLOCKED: SignedDuration = SignedDuration::from_mins(10);

/// The next step from `from` to the declared path.
pub(super) fn relocate(
    desired: &Desired,
    id: &ResourceId,
    from: &ResourcePath,
    observed: &Observed,
    now: Timestamp,
) -> Plan {
    let Some(rows) = &observed.look else {
        return because(Step::Look, "the new path must be known to be free");
    };
    if let Some(row) = at_name(rows, desired, Some(id)) {
        return taken_by_other(row, desired);
    }
    let to = &desired.path;
    let rename = |to: ResourcePath| Step::RenameResource { id: id.clone(), to };
    let move_ = |to: ResourcePath| Step::MoveResource { id: id.clone(), to };
    match (from.folder() == to.folder(), from.name() == to.name()) {
        (true, _) => because(rename(to.clone()), "another file name is declared"),
        (false, true) => because(move_(to.clone()), "another folder is declared"),
        (false, false) => {
            let stands =
                |path: &ResourcePath| rows.iter().any(|row| row.id != *id && at_path(row, path.as_str()));
            let Middle { renamed, moved } = Middle::between(from, to);
            let held = observed.middle_held.renamed && !off(Rule::WritesWay);
            let free = |path: &ResourcePath| !held && !stands(path);
            if let Some(path) = renamed.filter(free) {
                return because(rename(path), "another name and folder are declared: the name first");
            }
            if let Some(path) = moved.filter(|_| !observed.middle_held.moved) {
                return because(move_(path), "another name and folder are declared: the folder first");
            }
            let message = format!(
                "The file cannot go from {from} to {to}: others stand at {}/{} and at {}/{}, one of which it would pass.",
                from.folder(),
                to.name(),
                to.folder(),
                from.name(),
            );
            let wait = Step::Wait { until: plus(now, BLOCKED), state: Some(State::Updating { message }) };
            because(wait, "others stand on both ways")
        }
    }
}

/// The paths between two, by what is changed first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Middle {
    /// The old folder with the new name.
    pub renamed: Option<ResourcePath>,
    /// The new folder with the old name.
    pub moved: Option<ResourcePath>,
}

impl Middle {
    /// The two ways from one path to another; a path that is too long is no way.
    #[must_use]
    pub fn between(from: &ResourcePath, to: &ResourcePath) -> Self {
        let join = |folder: &str, name: &str| {
            let slash = if folder.is_empty() { "" } else { "/" };
            format!("{folder}{slash}{name}").parse().ok()
        };
        Self { renamed: join(from.folder(), to.name()), moved: join(to.folder(), from.name()) }
    }
}
