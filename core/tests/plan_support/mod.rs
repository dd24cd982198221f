//! Objects, intents, rows and observations in as few words as a table needs.
#![allow(dead_code, reason = "each test takes what it needs")]

use dataworks_core::api::condition::{ConditionType, Reason};
use dataworks_core::api::v1alpha1::{
    Attempt, AttemptOutcome, DataWorksResourceStatus, DeletionPolicy, LastError,
};
use dataworks_core::bounds::Bounds;
use dataworks_core::desired::{Desired, Held};
use dataworks_core::ids::ResourceId;
use dataworks_core::intent::{Intent, IntentNote};
use dataworks_core::inventory::Row;
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::plan::{
    Candidate, Holder, Identity, Memory, MiddleHeld, Observed, Permission, ReadVerdict, Recorded, Search,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub(crate) const PATH: &str = "XX/a.py";
pub(crate) const CLUSTER: &str = "cluster-1";
pub(crate) const POD: &str = "pod-1";
pub(crate) const UID: &str = "uid-1";
pub(crate) const PROJECT: u64 = 7;

/// So many seconds after the beginning of the story.
pub(crate) fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    start + SignedDuration::from_secs(seconds)
}

pub(crate) fn id(text: &str) -> ResourceId {
    text.parse().unwrap()
}

/// What an object with this content declares.
pub(crate) fn desired(content: &str) -> Desired {
    declaring(content, &json!({}))
}

/// What an object with this content and these fields declares.
pub(crate) fn declaring(content: &str, fields: &Value) -> Desired {
    let mut spec = json!({
        "projectId": PROJECT,
        "path": PATH,
        "datasource": {"name": "odps_first", "type": "odps"},
        "content": {"inline": content},
    });
    for (name, value) in fields.as_object().unwrap() {
        spec[name] = value.clone();
    }
    Desired::from_spec(&serde_json::from_value(spec).unwrap()).unwrap()
}

/// What an object with this path and content declares.
pub(crate) fn desired_at(path: &str, content: &str) -> Desired {
    declaring(content, &json!({"path": path}))
}

/// An intent for content `v1`, written by this pod at `seconds`.
pub(crate) fn intent(seconds: i64) -> Intent {
    let declared = desired("v1");
    Intent {
        cluster: CLUSTER.into(),
        object: "ns/a".into(),
        uid: UID.into(),
        holder: POD.into(),
        project_id: PROJECT,
        path: PATH.into(),
        content_sha256: declared.content_digest().map(|digest| digest.to_string()),
        spec_sha256: Some(declared.spec_digest().to_string()),
        defaults: None,
        first: at(seconds),
        at: at(seconds),
    }
}

/// The same, after an earlier try at `first` that may have left a file.
pub(crate) fn intent_since(first: i64, seconds: i64) -> Intent {
    Intent { first: at(first), ..intent(seconds) }
}

/// The same, for other content.
pub(crate) fn intent_for(content: &str, seconds: i64) -> Intent {
    let declared = desired(content);
    Intent {
        content_sha256: declared.content_digest().map(|digest| digest.to_string()),
        spec_sha256: Some(declared.spec_digest().to_string()),
        ..intent(seconds)
    }
}

pub(crate) fn by_pod(holder: &str, intent: Intent) -> Intent {
    Intent { holder: holder.into(), ..intent }
}

/// A MaxCompute Python file of `odps_first`, made at `seconds`.
pub(crate) fn row(id_text: &str, path: &str, seconds: i64) -> Row {
    Row {
        id: id(id_text),
        path: path.into(),
        name: path.rsplit('/').next().unwrap().into(),
        kind: "Python".into(),
        datasource: Some("odps_first".into()),
        command: "ODPS_PYTHON".into(),
        created: at(seconds),
        modified: at(seconds),
    }
}

pub(crate) fn candidate(row: Row, verdict: Option<ReadVerdict>) -> Candidate {
    Candidate { row, claimed: false, verdict }
}

pub(crate) fn search(begun: i64, rows: Vec<Candidate>) -> Option<Search> {
    Some(Search { begun: at(begun), rows })
}

pub(crate) fn holder(name: Option<&str>) -> Option<Holder> {
    Some(Holder { name: name.map(Into::into) })
}

/// An object that was just applied.
pub(crate) fn fresh() -> Recorded {
    Recorded {
        key: ObjectKey::new("ns", "a"),
        uid: Uid::new(UID),
        generation: 1,
        deleting: false,
        finalizer: false,
        intent: IntentNote::Absent,
        deletion: DeletionPolicy::Delete,
        suspend: false,
        requested: false,
        status: DataWorksResourceStatus::default(),
    }
}

/// An object with an intent of its own that status does not close.
pub(crate) fn open(intent: Intent) -> Recorded {
    Recorded { finalizer: true, intent: IntentNote::Own(intent), ..fresh() }
}

/// The status of an object that made `v1` as resource 1 with the intent of `at(0)`.
pub(crate) fn made() -> DataWorksResourceStatus {
    DataWorksResourceStatus {
        observed_generation: Some(1),
        id: Some("1".into()),
        project_id: Some(7),
        path: Some(PATH.into()),
        spec_digest: Some(desired("v1").spec_digest().to_string()),
        attempt: Some(attempt(0, AttemptOutcome::Done)),
        ..DataWorksResourceStatus::default()
    }
}

/// The object of [`made`].
pub(crate) fn ready() -> Recorded {
    Recorded { status: made(), ..open(intent(0)) }
}

pub(crate) fn attempt(seconds: i64, outcome: AttemptOutcome) -> Attempt {
    Attempt { at: Some(at(seconds).to_string()), outcome: Some(outcome), ..Attempt::default() }
}

/// What status says after the `count`th refusal, at `seconds`.
pub(crate) fn refused(recorded: Recorded, reason: Reason, count: i32, seconds: i64) -> Recorded {
    let mut status = recorded.status.clone();
    status.observed_generation = Some(recorded.generation);
    status.attempt.get_or_insert_default().refusals = Some(count);
    status.last_error = Some(LastError { time: Some(Time(at(seconds))), ..LastError::default() });
    status.conditions = vec![Condition {
        type_: ConditionType::Stalled.to_string(),
        status: "True".into(),
        reason: reason.to_string(),
        message: String::new(),
        observed_generation: Some(recorded.generation),
        last_transition_time: Time(at(seconds)),
    }];
    Recorded { status, ..recorded }
}

/// Whose `Synced` says this.
pub(crate) fn telling(recorded: Recorded, reason: Reason) -> Recorded {
    let mut status = recorded.status.clone();
    status.conditions = vec![Condition {
        type_: ConditionType::Synced.to_string(),
        status: "False".into(),
        reason: reason.to_string(),
        message: String::new(),
        observed_generation: Some(recorded.generation),
        last_transition_time: Time(at(0)),
    }];
    Recorded { status, ..recorded }
}

/// Nothing was looked at, and nothing stands in the way.
pub(crate) fn nothing_seen() -> Observed {
    Observed {
        identity: Identity { cluster: CLUSTER.into(), holder: POD.into(), proxied: false },
        bounds: Bounds::default(),
        permission: Permission::Allowed,
        held_by: None,
        id_held_by: None,
        memory: Memory::default(),
        source: None,
        look: None,
        search: None,
        claimed: Vec::new(),
        read: None,
        read_modified: None,
        adoptee: None,
        middle_held: MiddleHeld::default(),
        brake: false,
    }
}

/// A resource that was read and holds all that is declared, its content too.
pub(crate) fn as_declared() -> Held {
    Held { shows_content: true, ..Held::default() }
}

/// One that was read and holds other content.
pub(crate) fn otherwise() -> Held {
    Held { differs: vec!["script.content".into()], ..as_declared() }
}
