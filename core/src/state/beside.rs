//! What `Synced` tells while `Ready` stays True.

use super::{Progress, READY, Truth, Words, told};
use crate::api::RECONCILE_REQUESTED;
use crate::api::condition::Reason;
use crate::fault::Fault;
use crate::ids::ResourceId;

/// Other ids that a message names; more would only fill the status.
const NAMED: usize = 10;

pub(super) fn drifted(fields: &[String]) -> Words {
    let message = format!(
        "The file differs from what is declared in {}. It is left so: declare what it holds, mend it in the workspace, or \
         set driftPolicy: Correct for what can be changed back.",
        fields.join(", ")
    );
    beside_ready(Truth::False, Reason::Drifted, message)
}

pub(super) fn duplicate(path: &str, ids: &[ResourceId]) -> Words {
    let others: Vec<&str> = ids.iter().skip(1).take(NAMED).map(ResourceId::as_str).collect();
    let message = format!(
        "{} files stand at {path:?}: {}, which is this object's, and {}. Nothing is deleted; remove those that are not \
         wanted.",
        ids.len(),
        ids.first().map_or("", ResourceId::as_str),
        others.join(", "),
    );
    beside_ready(Truth::False, Reason::DuplicateInWorkspace, message)
}

pub(super) fn mass_absence() -> Words {
    let message = format!(
        "The listing of the workspace misses this file and so many others that none is made again. Look at the workspace; to \
         have this file made, set the annotation {RECONCILE_REQUESTED}."
    );
    beside_ready(Truth::Unknown, Reason::MassAbsence, message)
}

pub(super) fn check_failed(fault: &Fault) -> Words {
    let message = format!("The routine look at the file fails and is tried again: {}.", told(fault));
    beside_ready(Truth::Unknown, Reason::CheckFailed, message)
}

fn beside_ready(synced: Truth, reason: Reason, message: String) -> Words {
    Words {
        ready: (Truth::True, Reason::Succeeded, READY.to_owned()),
        synced: (synced, reason),
        synced_message: Some(message),
        progress: Progress::Settled,
    }
}
