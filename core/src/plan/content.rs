//! Content that stands in a ConfigMap: read before anything is decided that rests on it, and uploaded
//! before what names it is sent, where it does not go as text.
//!
//! It must not know how a ConfigMap is read or a file uploaded.

use std::fmt;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::search::plus;
use super::step::because;
use super::{Observed, Plan, Recorded, Step};
use crate::api::condition::{ConditionType, Reason};
use crate::api::v1alpha1::ContentSource;
use crate::desired::Desired;
use crate::ids::Digest;
use crate::state::{self, PATIENCE, State};

/// What was uploaded serves this long: nobody says how long the service keeps it, and a policy for it
/// holds some minutes.
const SERVES: SignedDuration = SignedDuration::from_mins(5);
/// A ConfigMap that has been missing for long is asked for this often, in case its coming was not seen.
const MISSING_RETRY: SignedDuration = SignedDuration::from_mins(10);

/// What a run learned of the ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceRead {
    /// What is desired holds the bytes of this version.
    Read(ContentSource),
    /// There is nothing that could be sent, and why.
    Missing(String),
}

/// A file that the service is to fetch. Whoever knows its URL may read it, so that it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// What it holds.
    pub digest: Digest,
    /// Where it is, as `ResourceFile` takes it.
    pub url: String,
    /// Since when.
    pub at: Timestamp,
}

impl fmt::Debug for Uploaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploaded").field("digest", &self.digest).field("at", &self.at).finish_non_exhaustive()
    }
}

impl Uploaded {
    /// True when a call may name it for this content.
    #[must_use]
    pub fn serves(&self, digest: Digest, now: Timestamp) -> bool {
        self.digest == digest && now <= plus(self.at, SERVES)
    }
}

/// What comes before everything that rests on the content; `None`: it is known.
pub(super) fn unknown(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Option<Plan> {
    if desired.is_known() {
        return None;
    }
    Some(match &observed.source {
        Some(SourceRead::Missing(why)) => missing(why, recorded, now),
        Some(SourceRead::Read(_)) | None => because(Step::ReadContent, "its content stands in a ConfigMap"),
    })
}

fn missing(why: &str, recorded: &Recorded, now: Timestamp) -> Plan {
    let ready = state::find(&recorded.status.conditions, ConditionType::Ready);
    let told = ready
        .is_some_and(|ready| ready.status == "False" && ready.reason == Reason::DependencyNotReady.as_str());
    let until = plus(now, if told { MISSING_RETRY } else { PATIENCE });
    let kept = if recorded.id().is_some() { " The file in the workspace stays as it is." } else { "" };
    let state = State::DependencyNotReady { message: format!("{why}{kept}") };
    because(Step::Wait { until, state: Some(state) }, "there is nothing that could be sent")
}

/// The plan, or first the upload that its step needs.
pub(super) fn uploaded_first(plan: Plan, desired: &Desired, observed: &Observed, now: Timestamp) -> Plan {
    let sends =
        matches!(plan.step, Step::WriteIntent(_) | Step::CreateResource(_) | Step::UpdateResource { .. });
    let Some(digest) = desired.to_upload().filter(|_| sends) else { return plan };
    match &observed.memory.uploaded {
        Some(uploaded) if uploaded.serves(digest, now) => plan,
        Some(_) | None => because(Step::UploadContent(digest), "the service is to fetch its content"),
    }
}

/// True when the ConfigMap changed since status was written: what was refused then says nothing now.
pub(super) fn moved(recorded: &Recorded, observed: &Observed) -> bool {
    match &observed.source {
        Some(SourceRead::Read(source)) => recorded.status.content_source.as_ref() != Some(source),
        Some(SourceRead::Missing(_)) | None => false,
    }
}
