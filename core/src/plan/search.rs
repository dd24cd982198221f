//! After a create whose outcome is not known: which row is ours, and when none will come.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Identity, Memory, Progress};
use crate::bounds::Bounds;
use crate::desired::{Desired, DesiredContent};
use crate::ids::{Digest, ResourceId};
use crate::intent::Intent;
use crate::inventory::Row;
use crate::mutation::{Rule, off};
use crate::path::claim_key;

/// A listing by name for an open intent, begun at `begun`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// When the listing began.
    pub begun: Timestamp,
    /// The rows at the intent's path or the wanted one.
    pub rows: Vec<Candidate>,
}

/// A row that the search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The row.
    pub row: Row,
    /// Another object claims its id.
    pub claimed: bool,
    /// What reading it showed.
    pub verdict: Option<ReadVerdict>,
}

/// What reading a candidate showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadVerdict {
    /// It is what the intent was to make, with the content of the intent.
    AsIntended,
    /// It is what the object declares now, or its content cannot be seen: ours, to be written.
    AsDeclared,
    /// It differs from both in this field.
    Differs(&'static str),
    /// It is gone meanwhile.
    Gone,
}

/// What a search says.
pub(super) enum Finding {
    /// Read this one first.
    Read(ResourceId),
    /// Exactly this one is ours.
    Ours(Row),
    /// Several, or one that is not what was to be made: a person must say.
    Ambiguous(Vec<ResourceId>),
    /// None; these rows stand at the path and are strangers'.
    None(Vec<Row>),
}

/// Judges what a search found. `read` is false where only the uid differs: the content of an
/// earlier object's file is its own.
pub(super) fn judge(search: &Search, intent: &Intent, bounds: &Bounds, read: bool) -> Finding {
    let (inside, outside): (Vec<&Candidate>, Vec<&Candidate>) = search
        .rows
        .iter()
        .filter(|candidate| !candidate.claimed || off(Rule::SearchClaims))
        .filter(|candidate| candidate.verdict != Some(ReadVerdict::Gone))
        .partition(|candidate| in_window(&candidate.row, intent, bounds));
    match inside.as_slice() {
        [] => Finding::None(outside.into_iter().map(|candidate| candidate.row.clone()).collect()),
        [only] => match only.verdict {
            None if read && !off(Rule::SearchRead) => Finding::Read(only.row.id.clone()),
            Some(ReadVerdict::Differs(_)) => Finding::Ambiguous(vec![only.row.id.clone()]),
            Some(ReadVerdict::AsIntended | ReadVerdict::AsDeclared | ReadVerdict::Gone) | None => {
                Finding::Ours(only.row.clone())
            }
        },
        [_, _, ..] => Finding::Ambiguous(inside.iter().map(|candidate| candidate.row.id.clone()).collect()),
    }
}

fn in_window(row: &Row, intent: &Intent, bounds: &Bounds) -> bool {
    let from = minus(intent.first, bounds.skew);
    // LAG too: a late commit may be dated when it was committed.
    let until = plus(intent.at, bounds.start + bounds.signature + bounds.lag + bounds.skew);
    (from..=until).contains(&row.created) || off(Rule::SearchTime)
}

/// From when on the last request of this intent can no longer arrive and what it made is listed.
pub(super) fn settled_at(
    intent: &Intent,
    memory: &Memory,
    identity: &Identity,
    bounds: &Bounds,
) -> Timestamp {
    if off(Rule::SearchWait) {
        return intent.at;
    }
    let sent = match memory.attempt {
        Some((at, Progress::Unknown { sent, .. })) if at == intent.at => Some(sent),
        Some((_, Progress::Unknown { .. } | Progress::Written | Progress::Refused)) | None => None,
    };
    if identity.proxied {
        return plus(intent.at, bounds.start + bounds.signature + bounds.lag);
    }
    match sent {
        Some(sent) => plus(sent, bounds.call + bounds.lag),
        // A dead process of this pod: its connections died with it.
        None if intent.holder == identity.holder => plus(intent.at, bounds.start + bounds.call + bounds.lag),
        None => plus(intent.at, bounds.start + bounds.signature + bounds.lag),
    }
}

/// When a file that was made but not listed yet is listed at the latest, if the request was
/// carried out when it was sent.
pub(super) fn listed_at(intent: &Intent, memory: &Memory, bounds: &Bounds) -> Timestamp {
    let sent = match memory.attempt {
        Some((at, Progress::Unknown { sent, .. })) if at == intent.at => sent,
        Some((_, Progress::Unknown { .. } | Progress::Written | Progress::Refused)) | None => {
            plus(intent.at, bounds.start)
        }
    };
    plus(sent, bounds.lag)
}

/// What a candidate is, by what GetResource's `Spec` says of it. `desired` may be missing where
/// an object with an invalid spec is being deleted.
#[must_use]
pub fn compare(intent: &Intent, desired: Option<&Desired>, spec: &str) -> ReadVerdict {
    let document: Value = serde_json::from_str(spec).unwrap_or(Value::Null);
    let resource = &document["spec"]["fileResources"][0];
    if !resource.is_object() {
        // An answer that shows no resource is no sign that this one is ours.
        return ReadVerdict::Differs("document");
    }
    let text = |value: &Value| value.as_str().map(str::to_lowercase);
    if let Some(desired) = desired {
        let kind = desired.kind.as_str();
        if text(&resource["type"]).is_some_and(|found| found != kind) {
            return ReadVerdict::Differs("type");
        }
        let command = desired.command.to_lowercase();
        if text(&resource["script"]["runtime"]["command"]).is_some_and(|found| found != command) {
            return ReadVerdict::Differs("command");
        }
    }
    let Some(content) = resource["script"]["content"].as_str().filter(|content| !content.is_empty()) else {
        return ReadVerdict::AsDeclared;
    };
    if let Some(DesiredContent::ConfigMap { bytes: Some(bytes), .. }) =
        desired.map(|desired| &desired.content)
        && !bytes.is_text
    {
        // What the service shows of such a file is not the file.
        return ReadVerdict::AsDeclared;
    }
    let found = Digest::of(content.as_bytes());
    let intended: Option<Digest> = intent.content_sha256.as_deref().and_then(|hex| hex.parse().ok());
    if intended == Some(found) {
        ReadVerdict::AsIntended
    } else if desired.and_then(Desired::content_digest) == Some(found) || intended.is_none() {
        ReadVerdict::AsDeclared
    } else {
        ReadVerdict::Differs("content")
    }
}

/// True when a row stands at one of these paths.
#[must_use]
pub fn at_path(row: &Row, path: &str) -> bool {
    claim_key(&row.path) == claim_key(path)
}

pub(super) fn plus(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}

pub(super) fn minus(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.saturating_sub(span).unwrap_or(Timestamp::MIN)
}
