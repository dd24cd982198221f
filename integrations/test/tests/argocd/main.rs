//! Argo CD's scripts over every phase of an object, and the files that are made from them.
//!
//! `UPDATE_FIXTURES=1` writes those files anew.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod files;
mod scripts;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// A row of the table of phases; the file says what its fields mean.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    #[serde(rename = "phase")]
    _phase: String,
    #[serde(rename = "kstatus")]
    _kstatus: String,
    #[serde(rename = "kubectl")]
    _kubectl: Option<String>,
    argocd: String,
    says: Option<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A kind that Argo CD has scripts for.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    /// Of its phases, beside the fixtures.
    table: &'static str,
    /// Of its objects, likewise.
    objects: &'static str,
    actions: &'static [&'static str],
}

const RESOURCE: Kind = Kind {
    name: "DataWorksResource",
    table: "table.yaml",
    objects: "objects",
    actions: &["reconcile", "publish", "suspend", "resume"],
};
const WORKSPACE: Kind = Kind {
    name: "DataWorksWorkspace",
    table: "workspaces.yaml",
    objects: "workspaces",
    actions: &["reconcile"],
};
const KINDS: [Kind; 2] = [RESOURCE, WORKSPACE];

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

impl Kind {
    /// Its folder, as Argo CD's own repository lays it out.
    fn folder(self) -> PathBuf {
        let customizations = "integrations/argocd/resource_customizations";
        root().join(customizations).join("dataworks.alibabacloud.com").join(self.name)
    }

    fn script(self, name: &str) -> String {
        text(&self.folder().join(name))
    }

    fn rows(self) -> Vec<Row> {
        serde_saphyr::from_str(&text(&root().join("tests/fixtures/status").join(self.table))).unwrap()
    }

    fn object_file(self, name: &str) -> PathBuf {
        root().join(format!("tests/fixtures/status/{}/{name}.yaml", self.objects))
    }

    fn object(self, name: &str) -> Value {
        yaml(&text(&self.object_file(name)))
    }
}

/// Argo CD asks no script about an object that is being deleted.
fn is_deleting(object: &Value) -> bool {
    object["metadata"].get("deletionTimestamp").is_some()
}

/// What the message of an object's `Ready` is.
fn ready_message(object: &Value) -> String {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
    ready["message"].as_str().unwrap().to_owned()
}
