//! What status says of a publication: the condition `Published`, and `Ready` that waits for it.

use k8s_openapi::jiff::Timestamp;

use super::{Kind, Wish};
use crate::api::condition::{ConditionType, Reason};
use crate::api::v1alpha1::{DataWorksResourceStatus, Publication, PublicationStatus, RunType};
use crate::state::{Truth, find, set};

/// How far a publication is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as wished.
    Published,
    /// It failed, and nothing follows by itself.
    Failed,
    /// Something is to be done.
    Pending,
}

/// Whether this version is published as far as wished.
#[must_use]
pub fn verdict(
    record: &Publication,
    version: Option<&str>,
    until_stage: Option<&str>,
    requested: bool,
) -> Verdict {
    let goes_on = record.status.is_some_and(|status| !status.is_final());
    if requested || goes_on || record.request.is_some() || version.is_none() {
        return Verdict::Pending;
    }
    let last = record.digest.as_deref() == version && record.type_ != Some(RunType::Offline);
    let as_far = record.until_stage.as_deref() == until_stage;
    match record.status {
        Some(PublicationStatus::Fail | PublicationStatus::Termination | PublicationStatus::Cancel)
            if last && as_far =>
        {
            Verdict::Failed
        }
        _ if record.published_digest.as_deref() == version && (as_far || !last) => Verdict::Published,
        _ => Verdict::Pending,
    }
}

/// Lets `Ready` wait for the publication, and says how it stands in `Published`. `after` is the status
/// that says where the object stands without it.
pub fn tell(
    before: &DataWorksResourceStatus,
    after: &mut DataWorksResourceStatus,
    wish: Option<&Wish>,
    generation: i64,
    now: Timestamp,
) {
    let Some(wish) = wish.filter(|wish| wish.kind == Some(Kind::Online)) else {
        return after.conditions.retain(|condition| condition.type_ != ConditionType::Published.as_str());
    };
    let Some(ready) = find(&after.conditions, ConditionType::Ready).cloned() else { return };
    let record = after.publication.clone().unwrap_or_default();
    let version = after.spec_digest.as_deref();
    let verdict = verdict(&record, version, wish.until_stage.as_deref(), wish.requested);
    let other = find(&after.conditions, ConditionType::Synced)
        .filter(|synced| synced.status != "True" && synced.reason != Reason::DuplicateInWorkspace.as_str())
        .map(|synced| (synced.reason.clone(), synced.message.clone()));
    let suspended = ready.reason == Reason::Suspended.as_str();
    let mut say = |type_, truth, reason: &str, message: &str| {
        // A time moves only when the status flips against what stood there before.
        if let Some(old) = find(&before.conditions, type_).cloned() {
            match after.conditions.iter_mut().find(|now| now.type_ == old.type_) {
                Some(now) => *now = old,
                None => after.conditions.push(old),
            }
        }
        set(&mut after.conditions, type_, truth, reason, message, generation, now);
    };
    if ready.status != "True" || suspended && verdict != Verdict::Published {
        return say(ConditionType::Published, Truth::Unknown, &ready.reason, &ready.message);
    }
    match verdict {
        Verdict::Pending if let Some((reason, message)) = other => {
            // What is not as declared is not published, and `Ready` does not wait for that.
            say(ConditionType::Published, Truth::Unknown, &reason, &message);
        }
        Verdict::Published => {
            let reason = Reason::Succeeded.as_str();
            say(ConditionType::Published, Truth::True, reason, "What is declared is published.");
        }
        Verdict::Failed => {
            let said = record.message.unwrap_or_else(|| "The deployment run failed.".to_owned());
            let message = format!(
                "{said} The file is in the workspace as declared, but this version is not published. It is not tried again by \
                 itself: change the object, or set the annotation {}.",
                crate::api::PUBLISH_REQUESTED
            );
            let reason = Reason::PublicationFailed.as_str();
            for type_ in [ConditionType::Ready, ConditionType::Published] {
                say(type_, Truth::False, reason, &message);
            }
            say(ConditionType::Stalled, Truth::True, reason, &message);
        }
        Verdict::Pending => {
            let (reason, message) = going_on(before, after_digest(before, version));
            for type_ in [ConditionType::Ready, ConditionType::Published] {
                say(type_, Truth::Unknown, &reason, &message);
            }
            say(ConditionType::Reconciling, Truth::True, &reason, &message);
        }
    }
}

/// True when the version is the one that status spoke of before.
fn after_digest(before: &DataWorksResourceStatus, version: Option<&str>) -> bool {
    before.spec_digest.as_deref() == version
}

/// What was said of a publication that goes on stays said.
fn going_on(before: &DataWorksResourceStatus, same: bool) -> (String, String) {
    let said = find(&before.conditions, ConditionType::Published)
        .filter(|said| same && said.status == "Unknown")
        .filter(|said| {
            [Reason::Publishing, Reason::AwaitingApproval].iter().any(|reason| reason.as_str() == said.reason)
        });
    match said {
        Some(said) => (said.reason.clone(), said.message.clone()),
        None => (
            Reason::Publishing.as_str().to_owned(),
            "The file is in the workspace as declared, and is published now.".to_owned(),
        ),
    }
}
