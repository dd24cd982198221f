//! The chart and `deploy/` on the real API server: taken without a warning where only restricted pods may be, the same
//! when applied again, and changed by an overlay as it says. Helm's own installation is another test's.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Args as _, Command as Clap};
use dataworks_core::api::crds;
use dataworks_operator::cli::RunArgs;
use dataworks_operator::cli::documents::{Exit, Source, Streams};
use dataworks_operator::cli::validate::validate;
use kube::Api;
use kube::runtime::wait::{await_condition, conditions};
use serde_json::{Value, json};
use support::kubectl::Kubectl;
use support::{DEADLINE, Scene};
use tokio::process::Command;

/// Where everything of the operator's is rendered to, and what the namespaced values watch.
const NAMESPACES: [&str; 3] = ["dataworks-system", "analytics", "finance"];

/// Each folder that `kubectl apply -k` takes.
const FOLDERS: [&str; 3] = ["deploy", "deploy/simulator", "examples/kustomize"];

const CRDS: [&str; 2] =
    ["dataworksresources.dataworks.alibabacloud.com", "dataworksworkspaces.dataworks.alibabacloud.com"];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(file(name)).unwrap()).unwrap()
}

/// Runs a program of this repository's build scripts; its standard output.
async fn script(name: &str, args: &[&str]) -> String {
    let end = Command::new(file(name)).args(args).output().await.unwrap();
    assert!(end.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&end.stderr));
    String::from_utf8(end.stdout).unwrap()
}

/// The names of the values in `ci/`.
fn shapes() -> Vec<String> {
    let folder = std::fs::read_dir(file("charts/dataworks-operator/ci")).unwrap();
    let names = folder.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.strip_suffix("-values.yaml").unwrap().to_owned()).collect()
}

/// kubectl for manifests that name their own namespaces.
fn kubectl(scene: &Scene) -> Kubectl {
    scene.cluster.kubectl("")
}

/// Namespaces in which only restricted pods may be, and whoever declares others is warned.
async fn restrict(scene: &Scene) {
    let namespace = read("deploy/namespace/namespace.yaml");
    for name in NAMESPACES {
        let mut namespace = namespace.clone();
        namespace["metadata"]["name"] = json!(name);
        kubectl(scene).apply(&namespace).await;
    }
}

/// Has the API server judge manifests without keeping them; a warning is an error.
async fn judge(scene: &Scene, manifests: &str) -> Result<String, String> {
    let args = ["apply", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "-f", "-"];
    kubectl(scene).try_run(&args, manifests).await
}

/// So many objects are in the manifests.
fn count(manifests: &str) -> usize {
    manifests.lines().filter(|line| line.starts_with("kind: ")).count()
}

#[tokio::test]
async fn whatever_is_rendered_is_taken_without_a_warning_under_the_restricted_profile() {
    let scene = Scene::new().await;
    restrict(&scene).await;
    for crd in script("dev/gitops/crds.sh", &["prometheus"]).await.lines() {
        let said = kubectl(&scene).run(&["apply", "--server-side", "-o", "name", "-f", crd]).await;
        let name = said.trim_end().rsplit('/').next().unwrap();
        let served = await_condition(Api::all(scene.client.clone()), name, conditions::is_crd_established());
        tokio::time::timeout(DEADLINE, served).await.expect("the kind is served").unwrap();
    }

    let mut rows = Vec::new();
    for shape in shapes() {
        rows.push((shape.clone(), script("dev/chart.sh", &["render", &shape]).await));
    }
    let pods = "serviceMonitor.enabled=false,podMonitor.enabled=true";
    let alerts =
        "prometheusRule.disabled={DataWorksEventsDropped},prometheusRule.additionalRuleLabels.team=data";
    let monitors = ["render", "full", "--set", pods, "--set", alerts];
    rows.push(("full with other monitors and alerts".to_owned(), script("dev/chart.sh", &monitors).await));
    for folder in FOLDERS {
        let built = kubectl(&scene).run(&["kustomize", file(folder).to_str().unwrap()]).await;
        rows.push((folder.to_owned(), built));
    }
    // As a remote base it is alone.
    let alone = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-r").arg(file("deploy")).arg(alone.path()).status().await.unwrap();
    assert!(copied.success());
    let alone = kubectl(&scene).run(&["kustomize", alone.path().join("deploy").to_str().unwrap()]).await;
    assert!(rows.contains(&("deploy".to_owned(), alone)), "deploy/ is not complete by itself");
    assert!(rows.len() >= 9, "{rows:?}");
    for (name, manifests) in &rows {
        let said = judge(&scene, manifests).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(said.matches("(server dry run)").count(), count(manifests), "{name}: {said}");
        assert!(count(manifests) > 8, "{name}: {manifests}");
    }

    // The judge is awake.
    let (_, default) = rows.iter().find(|(name, _)| name == "default").unwrap();
    let bad = [
        ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "would violate PodSecurity"),
        (
            "enableServiceLinks:",
            "enableServiceLink:",
            "unknown field \"spec.template.spec.enableServiceLink\"",
        ),
    ];
    for (from, to, want) in bad {
        let said = judge(&scene, &default.replace(from, to)).await.unwrap_err();
        assert!(said.contains(want), "{said}");
    }
}

/// Runs git in a folder, as nobody in particular.
async fn git(folder: &Path, args: &[&str]) {
    let who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.com", "-c", "commit.gpgSign=false"];
    let end = Command::new("git").current_dir(folder).args(who).args(args).output().await.unwrap();
    assert!(end.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&end.stderr));
}

/// As docs/installation.md names it, with a repository on this machine in place of the one on the network.
#[tokio::test]
async fn the_folder_is_a_base_for_a_repository_of_the_users_own() {
    if Command::new("git").arg("--version").output().await.is_err() {
        eprintln!("left out: git is not installed, and kustomize needs it for a remote base");
        return;
    }
    let scene = Scene::new().await;
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copied = Command::new("cp").arg("-r").arg(file("deploy")).arg(ours.path()).status().await.unwrap();
    assert!(copied.success());
    for args in
        [&["init", "--quiet"][..], &["add", "."], &["commit", "--quiet", "--message=all"], &["tag", "v1"]]
    {
        git(ours.path(), args).await;
    }
    let page = std::fs::read_to_string(file("docs/installation.md")).unwrap();
    let (_, base) =
        page.split_once("the base is `https://github.com/dataworks-operator/dataworks-operator").unwrap();
    let (base, _) = base.split_once("REVISION`").unwrap();
    let base = format!("file://{}{base}v1", ours.path().display());
    let overlay = json!({"resources": [base], "images": [{"name": "unused", "newTag": "1"}]});
    std::fs::write(theirs.path().join("kustomization.yaml"), overlay.to_string()).unwrap();
    let remote = kubectl(&scene).run(&["kustomize", theirs.path().to_str().unwrap()]).await;
    let local = kubectl(&scene).run(&["kustomize", file("deploy").to_str().unwrap()]).await;
    assert_eq!(remote, local);
}

/// The objects of a folder as the cluster has them, by kind and name, without what the API server itself writes into them.
async fn objects(kubectl: &Kubectl, folder: &str) -> BTreeMap<String, Value> {
    let list = kubectl.run(&["get", "-o", "json", "-k", folder]).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    let items = list["items"].as_array().unwrap().iter().cloned().map(|mut object| {
        let name =
            format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        object.as_object_mut().unwrap().remove("status");
        for field in ["resourceVersion", "managedFields", "annotations"] {
            object["metadata"].as_object_mut().unwrap().remove(field);
        }
        (name, object)
    });
    items.collect()
}

fn container(objects: &BTreeMap<String, Value>) -> &Value {
    &objects["Deployment/dataworks-operator"]["spec"]["template"]["spec"]["containers"][0]
}

/// The settings that a Deployment's container takes, with their name.
fn settings(objects: &BTreeMap<String, Value>) -> (String, Value) {
    let name = container(objects)["envFrom"][0]["configMapRef"]["name"].as_str().unwrap().to_owned();
    let data = objects[&format!("ConfigMap/{name}")].get("data").cloned().unwrap_or_default();
    (name, data)
}

/// The variables that `run` reads, with their defaults.
fn variables() -> BTreeMap<String, Option<String>> {
    let command = RunArgs::augment_args(Clap::new("run"));
    let flags = command.get_arguments().map(|flag| {
        let default = flag.get_default_values().first().map(|value| value.to_str().unwrap().to_owned());
        (flag.get_env().unwrap().to_str().unwrap().to_owned(), default)
    });
    flags.collect()
}

/// On an empty cluster of its own.
async fn a_folder_and_its_overlay_are_applied(mode: &[&str]) {
    let scene = Scene::alone().await;
    let kubectl = kubectl(&scene);
    // An API server that is asked to delete a kind which it has just begun to serve may try again minutes later only.
    kubectl.run(&["get", "dataworksresources,dataworksworkspaces", "--all-namespaces"]).await;
    kubectl.run(&[&["delete", "crd"][..], &CRDS].concat()).await;
    let (base, overlay) = (file("deploy"), file("examples/kustomize"));
    let (base, overlay) = (base.to_str().unwrap(), overlay.to_str().unwrap());
    let apply = async |folder: &str| {
        let args = ["apply", "--validate=strict", "--warnings-as-errors", "-k", folder];
        kubectl.run(&[&args[..], mode].concat()).await
    };

    let said = apply(base).await;
    let first = objects(&kubectl, base).await;
    assert_eq!(first.len(), said.lines().count(), "{said}");
    let wait = ["wait", "--for=condition=Established", "--timeout=60s", "crd"];
    kubectl.run(&[&wait[..], &CRDS].concat()).await;
    assert_eq!(settings(&first).1, Value::Null, "nothing is decided for the user");

    apply(base).await;
    assert_eq!(objects(&kubectl, base).await, first, "applied again");

    apply(overlay).await;
    let mut changed = objects(&kubectl, overlay).await;
    assert_eq!(container(&changed)["image"], "registry.example.com/dataworks-operator:0.1.0");
    assert_eq!(container(&changed)["resources"]["limits"]["memory"], "512Mi");
    let (name, data) = settings(&changed);
    assert_ne!(name, settings(&first).0, "pods are replaced when a setting changes");
    assert_eq!(
        data,
        json!({
            "DATAWORKS_REGION": "cn-shanghai",
            "DATAWORKS_EDITION": "Enterprise",
            "DATAWORKS_DEFAULT_CONNECTION_NAMESPACES": "analytics,finance",
            "DATAWORKS_DEFAULT_CONNECTION_PROJECTS": "123456",
        })
    );
    // What stands in the Deployment itself would win over the settings.
    let set: BTreeSet<&str> = container(&changed)["env"].as_array().unwrap().iter().map(name_of).collect();
    let known = variables();
    for variable in data.as_object().unwrap().keys() {
        assert!(known.contains_key(variable), "nothing reads {variable}");
        assert!(!set.contains(variable.as_str()), "{variable} is set in the Deployment");
    }
    // And nothing else.
    changed.remove(&format!("ConfigMap/{name}"));
    changed.remove("Deployment/dataworks-operator");
    for (name, object) in &changed {
        assert_eq!(Some(object), first.get(name), "{name}");
    }
    assert_eq!(changed.len() + 2, first.len());

    let without_crds = ["-l", "app.kubernetes.io/component!=crds", "--wait=false", "-o", "name"];
    let said = kubectl.run(&[&["delete", "-k", overlay][..], &without_crds].concat()).await;
    assert_eq!(said.lines().count(), first.len() - CRDS.len(), "{said}");
    kubectl.run(&[&["get", "crd"][..], &CRDS].concat()).await;
}

fn name_of(variable: &Value) -> &str {
    variable["name"].as_str().unwrap()
}

#[tokio::test]
async fn a_folder_and_its_overlay_are_applied_by_the_server() {
    a_folder_and_its_overlay_are_applied(&["--server-side"]).await;
}

#[tokio::test]
async fn a_folder_and_its_overlay_are_applied_by_the_client() {
    a_folder_and_its_overlay_are_applied(&[]).await;
}

/// `deploy/` leaves variables out that the chart sets, so that `settings.env` may set them.
#[test]
fn what_deploy_leaves_out_are_the_operators_own_defaults() {
    let env = |name: &str| -> BTreeMap<String, Value> {
        let text = std::fs::read_to_string(file(name)).unwrap();
        let deployments = text.split("\n---\n").filter(|part| part.contains("\nkind: Deployment\n"));
        let deployments = deployments.map(|part| serde_saphyr::from_str::<Value>(part).unwrap());
        let containers =
            deployments.map(|object| object["spec"]["template"]["spec"]["containers"][0].clone());
        let operator = containers.into_iter().find(|container| container["name"] == "operator").unwrap();
        let variables = operator["env"].as_array().unwrap().iter();
        variables.map(|variable| (name_of(variable).to_owned(), variable["value"].clone())).collect()
    };
    let (chart, known) = (env("tests/fixtures/chart/default.yaml"), variables());
    for name in ["deploy/operator.yaml", "deploy/simulator/operator.yaml"] {
        let deploy = env(name);
        let left_out: Vec<_> = chart.iter().filter(|(name, _)| !deploy.contains_key(*name)).collect();
        assert!(left_out.len() > 8, "{left_out:?}");
        for (variable, value) in left_out.into_iter().filter(|(name, _)| *name != "DATAWORKS_REGION") {
            assert_eq!(value.as_str(), known[variable].as_deref(), "{name}: {variable}");
        }
    }
}

#[test]
fn what_helm_and_artifact_hub_read_is_right() {
    let chart = read("charts/dataworks-operator/Chart.yaml");
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    let oldest = chart["kubeVersion"].as_str().unwrap();
    let oldest = oldest.strip_prefix(">=").and_then(|text| text.strip_suffix(".0-0")).unwrap();
    let page = std::fs::read_to_string(file("docs/versions.md")).unwrap();
    assert!(
        page.contains(&format!("| below {oldest} | not supported |")),
        "{oldest} is not what docs/versions.md says"
    );
    let note = |name: &str| -> Value {
        let text = chart["annotations"][format!("artifacthub.io/{name}")].as_str().unwrap();
        serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    for change in note("changes").as_array().unwrap() {
        let kinds = ["added", "changed", "deprecated", "removed", "fixed", "security"];
        assert!(
            kinds.iter().any(|kind| change["kind"] == *kind) && change["description"].is_string(),
            "{change}"
        );
    }
    for image in note("images").as_array().unwrap() {
        let tag = image["image"].as_str().unwrap().rsplit(':').next().unwrap();
        assert_eq!(chart["appVersion"], tag, "{image}");
    }
    for link in note("links").as_array().unwrap() {
        let url = link["url"].as_str().unwrap();
        let ours = url.split_once("/blob/main/").map(|(_, path)| file(path));
        assert!(ours.is_none_or(|path| path.is_file()), "{link}");
    }
    let listed = note("crds");
    let listed: Vec<&str> = listed.as_array().unwrap().iter().map(name_of).collect();
    assert_eq!(listed, crds().iter().map(|crd| crd.metadata.name.as_deref().unwrap()).collect::<Vec<_>>());
    for example in note("crdsExamples").as_array().unwrap() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let text = example.to_string();
        let mut streams = Streams { stdin: &mut text.as_bytes(), out: &mut out, err: &mut err };
        let exit = validate(&[Source::Stdin], &mut streams).unwrap();
        assert_eq!((exit, String::from_utf8(err).unwrap().as_str()), (Exit::Good, ""), "{text}");
    }
}
