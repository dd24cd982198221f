//! The create intent: what an object's annotation says before a request leaves.
//!
//! CreateResource takes no idempotency token, so the intent is written first and tells whoever
//! comes later (this process, the next one, another replica) that a file may exist, where, since
//! when, and with which content. An intent is *closed* when status holds its `at` with Done or
//! Refused, else *open*.

use k8s_openapi::jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::v1alpha1::ResourceDefaults;
use crate::object::{ObjectKey, Uid};

/// The annotation's JSON.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// The cluster that wrote it: the uid of its namespace `kube-system`, or a flag's text.
    pub cluster: String,
    /// `namespace/name` of the object that it was written on.
    pub object: String,
    /// The object's uid.
    pub uid: String,
    /// The process that wrote it: the uid of its pod.
    pub holder: String,
    /// The workspace.
    pub project_id: u64,
    /// The path that the file was to get.
    pub path: String,
    /// SHA-256 of the content, absent where the operator does not know it (a URL without one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_sha256: Option<String>,
    /// `specDigest` of all that was sent, so that a file which is found needs no second write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec_sha256: Option<String>,
    /// The workspace's defaults that were part of it: whoever comes later finds the file by them, whatever the
    /// workspace says by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<ResourceDefaults>,
    /// The earliest `at` of the tries that may still have left a file.
    pub first: Timestamp,
    /// When it was written, by the service's clock; the name of this try.
    pub at: Timestamp,
}

impl Intent {
    /// The annotation's value.
    #[must_use]
    pub fn to_annotation(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What the annotation of an object means to this cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IntentNote {
    /// There is none.
    Absent,
    /// There is a text that is no intent: somebody wrote over it.
    Unreadable,
    /// Of another cluster or another object: this one is a copy, or was restored elsewhere.
    Foreign,
    /// Of this object's name, but an earlier object: restored or re-created here.
    Earlier(Intent),
    /// Of this very object.
    Own(Intent),
}

impl IntentNote {
    /// Reads the annotation of `object` with `uid` in `cluster`.
    #[must_use]
    pub fn read(annotation: Option<&str>, cluster: &str, object: &ObjectKey, uid: &Uid) -> Self {
        let Some(text) = annotation else { return Self::Absent };
        match serde_json::from_str::<Intent>(text) {
            Err(_) => Self::Unreadable,
            Ok(intent) if intent.cluster != cluster || intent.object != object.to_string() => Self::Foreign,
            Ok(intent) if *intent.uid != *uid.0 => Self::Earlier(intent),
            Ok(intent) => Self::Own(intent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent() -> Intent {
        Intent {
            cluster: "c1".into(),
            object: "ns/a".into(),
            uid: "u1".into(),
            holder: "pod".into(),
            project_id: 7,
            path: "XX/a.py".into(),
            content_sha256: Some("00".into()),
            spec_sha256: None,
            defaults: None,
            first: "2026-01-02T03:04:05Z".parse().unwrap(),
            at: "2026-01-02T03:04:05.123456Z".parse().unwrap(),
        }
    }

    #[test]
    fn says_whose_it_is() {
        let text = intent().to_annotation();
        let read = |annotation, cluster, name, uid| {
            IntentNote::read(annotation, cluster, &ObjectKey::new("ns", name), &Uid::new(uid))
        };
        let rows = [
            (read(None, "c1", "a", "u1"), IntentNote::Absent),
            (read(Some("{}"), "c1", "a", "u1"), IntentNote::Unreadable),
            (read(Some(&text), "c2", "a", "u1"), IntentNote::Foreign),
            (read(Some(&text), "c1", "b", "u1"), IntentNote::Foreign),
            (read(Some(&text), "c1", "a", "u2"), IntentNote::Earlier(intent())),
            (read(Some(&text), "c1", "a", "u1"), IntentNote::Own(intent())),
        ];
        for (got, want) in rows {
            assert_eq!(got, want);
        }
    }
}
