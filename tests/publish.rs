//! Publishing on a real API server: one run for each version, whatever happens on the way.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

#[path = "publish/counts.rs"]
mod counts;
#[path = "publish/ends.rs"]
mod ends;
#[path = "publish/people.rs"]
mod people;
#[path = "publish/runs.rs"]
mod runs;
#[path = "publish/trouble.rs"]
mod trouble;

use std::collections::BTreeMap;
use std::time::Duration;

use dataworks_core::api::v1alpha1::{DataWorksResource, Publication, PublicationStatus};
use dataworks_simulator::{
    AutoMode, Decision, DeletePublished, Deployment, ErrorAnswer, Fault, FaultKind, OutsideEdit,
    ProjectConfig, RunStatus, RunView, SecondRun, Takes,
};
use futures::future::join_all;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use support::operator::{Launch, SHORT_BOUNDS};
use support::{
    Ask as _, DEADLINE, PROJECT, Scene, condition, id, is_current, is_ready, manifest, message, poll, python,
    status,
};

/// A Python file that is to be published.
fn publishes(name: &str, content: &str) -> Value {
    manifest(
        name,
        &json!({
            "projectId": PROJECT,
            "path": format!("Publish/{name}.py"),
            "content": {"inline": content},
            "publish": {"policy": "OnChange"},
        }),
    )
}

fn deployment(scene: &Scene, change: impl FnOnce(&mut Deployment)) {
    scene.cloud.change_settings(|settings| change(&mut settings.behaviour.deployment));
}

/// Without a lease: what is tested here is one process after the other, however slow the machine is.
fn launch(scene: &Scene) -> Launch {
    scene.launch().with(&["--no-leader-elect"])
}

fn standard(scene: &Scene) {
    let project = ProjectConfig::new(PROJECT, "sora_finance");
    scene.cloud.add_project(ProjectConfig { dev_environment_enabled: true, ..project });
}

fn publication(object: &DataWorksResource) -> Publication {
    status(object).publication.unwrap_or_default()
}

/// What production holds of each file, by its path.
fn production(scene: &Scene) -> BTreeMap<String, String> {
    scene.cloud.published().into_iter().map(|held| (held.path, held.content)).collect()
}

/// All contents that ever were in production, in their order.
fn history(scene: &Scene) -> Vec<String> {
    scene.cloud.published_ever().into_iter().map(|held| held.content).collect()
}

/// The calls for deployment runs.
fn run_calls(scene: &Scene, since: u64) -> Vec<String> {
    let mut actions = scene.cloud.actions(since);
    actions.retain(|action| action.contains("PipelineRun"));
    actions
}

fn last_run(scene: &Scene) -> RunView {
    scene.cloud.runs().pop().expect("a run")
}

async fn annotate(scene: &Scene, name: &str, key: &str, value: &str) {
    let key = format!("dataworks.alibabacloud.com/{key}");
    let patch = json!({"metadata": {"annotations": {key: value}}});
    scene.objects().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

async fn edit(scene: &Scene, name: &str, content: &str) {
    let patch = json!({"spec": {"content": {"inline": content}}});
    scene.objects().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}
