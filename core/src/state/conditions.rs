//! The conditions of a status: what is said of them, and what is set.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::message::fit;
use super::{Progress, Truth, Waited, Words};
use crate::api::condition::{ConditionType, Reason};
use crate::api::v1alpha1::DataWorksResourceStatus;

/// How long Ready has been other than True for a reason that may pass. What waits for us is not counted, but by the first
/// tale of a failure: its time of transition is then still that of the wait.
pub(super) fn waited(before: &DataWorksResourceStatus) -> Waited {
    let Some(ready) = find(&before.conditions, ConditionType::Ready) else { return Waited::default() };
    let since = Some(ready.last_transition_time.0);
    let reason = ready.reason.parse();
    match ready.status.as_str() {
        "Unknown" if matches!(reason, Ok(Reason::ProgressingWithRetry)) || is_passing(reason) => {
            Waited { unknown_since: since, false_since: None }
        }
        "False" if is_passing(reason) => Waited { unknown_since: None, false_since: since },
        _ => Waited::default(),
    }
}

fn is_passing<E>(reason: Result<Reason, E>) -> bool {
    match reason {
        Ok(
            Reason::CloudUnavailable | Reason::Throttled | Reason::AccessDenied | Reason::DependencyNotReady,
        ) => true,
        Ok(_) | Err(_) => false,
    }
}

/// A condition by its type.
#[must_use]
pub(crate) fn find(conditions: &[Condition], type_: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == type_.as_str())
}

/// Sets ours and leaves others' alone; a transition time moves only when the status flips.
pub(super) fn set_all(conditions: &mut Vec<Condition>, words: &Words, generation: i64, now: Timestamp) {
    let (ready, ready_reason, message) = &words.ready;
    let (synced, synced_reason) = &words.synced;
    set(conditions, ConditionType::Ready, *ready, ready_reason.as_str(), message, generation, now);
    let synced_message = match &words.synced_message {
        Some(own) => own.as_str(),
        None if *synced == *ready => message.as_str(),
        None => synced_message(*synced, message),
    };
    set(conditions, ConditionType::Synced, *synced, synced_reason.as_str(), synced_message, generation, now);
    let progress = [
        (ConditionType::Reconciling, words.progress == Progress::Reconciling),
        (ConditionType::Stalled, words.progress == Progress::Stalled),
    ];
    for (type_, holds) in progress {
        if holds {
            set(conditions, type_, Truth::True, ready_reason.as_str(), message, generation, now);
        } else {
            conditions.retain(|condition| condition.type_ != type_.as_str());
        }
    }
}

fn synced_message(synced: Truth, ready: &str) -> &str {
    match synced {
        Truth::True => "What was sent is what is declared.",
        Truth::False | Truth::Unknown => ready,
    }
}

pub(crate) fn set(
    conditions: &mut Vec<Condition>,
    type_: ConditionType,
    truth: Truth,
    reason: &str,
    message: &str,
    generation: i64,
    now: Timestamp,
) {
    let flipped = find(conditions, type_).is_none_or(|before| before.status != truth.as_str());
    let since = match find(conditions, type_) {
        Some(before) if !flipped => before.last_transition_time.clone(),
        Some(_) | None => Time(super::whole(now)),
    };
    let condition = Condition {
        last_transition_time: since,
        message: fit(message).into_owned(),
        observed_generation: Some(generation),
        reason: reason.to_owned(),
        status: truth.as_str().to_owned(),
        type_: type_.as_str().to_owned(),
    };
    match conditions.iter_mut().find(|before| before.type_ == type_.as_str()) {
        Some(before) => *before = condition,
        None => conditions.push(condition),
    }
}
