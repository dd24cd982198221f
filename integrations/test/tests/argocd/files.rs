//! The files that are made from the scripts and the objects: what Argo CD's own tests read, the patch of its
//! ConfigMap, and the part of an `ArgoCD` object of argocd-operator.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use dataworks_core::api::{PUBLISH_REQUESTED, RECONCILE_REQUESTED};
use dataworks_integrations::{action, discovery, health};
use serde_json::{Value, json};

use super::{KINDS, Kind, RESOURCE, WORKSPACE, is_deleting, root, text, yaml};

const NOTE: &str =
    "# Generated from resource_customizations/ (UPDATE_FIXTURES=1 cargo test -p dataworks-integrations).\n";

fn fresh(file: &Path, text: &str) {
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let found = std::fs::read_to_string(file).unwrap_or_default();
    assert!(found == text, "{} is stale: run this test with UPDATE_FIXTURES=1", file.display());
}

/// No other files than these.
fn only(folder: &Path, names: &BTreeSet<String>) {
    let files = std::fs::read_dir(folder).unwrap();
    let found = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(*names, found, "{}", folder.display());
}

#[test]
fn the_health_test_of_argo_cd_is_fresh() {
    for kind in KINDS {
        let script = kind.script("health.lua");
        let (mut tests, mut names) = (Vec::new(), BTreeSet::new());
        for row in kind.rows() {
            let object = kind.object(&row.name);
            if is_deleting(&object) {
                continue;
            }
            let file = format!("{}.yaml", row.name);
            fresh(&kind.folder().join("testdata").join(&file), &text(&kind.object_file(&row.name)));
            let said = health(&script, &object).unwrap();
            tests.push(json!({
                "inputPath": format!("testdata/{file}"),
                "healthStatus": {"status": said.status, "message": said.message},
            }));
            names.insert(file);
        }
        only(&kind.folder().join("testdata"), &names);
        fresh(&kind.folder().join("health_test.yaml"), &format!("{NOTE}{}", dump(&json!({"tests": tests}))));
    }
}

#[test]
fn the_action_test_of_argo_cd_is_fresh() {
    let rows = [
        ("ready", "reconcile", "reconciled"),
        ("published", "publish", "published-again"),
        ("ready", "suspend", "suspended"),
        ("suspended", "resume", "resumed"),
    ];
    let objects = ["ready", "published", "publishing", "publication-failed", "suspended"];
    actions_are_fresh(RESOURCE, &objects, &rows);
    actions_are_fresh(WORKSPACE, &["ready"], &rows[..1]);
}

/// `rows` are an object, an action and the name of what becomes of it.
fn actions_are_fresh(kind: Kind, objects: &[&str], rows: &[(&str, &str, &str)]) {
    let folder = kind.folder().join("actions/testdata");
    let (mut names, mut offers, mut tests) = (BTreeSet::new(), Vec::new(), Vec::new());
    for name in objects {
        let file = format!("{name}-object.yaml");
        fresh(&folder.join(&file), &text(&kind.object_file(name)));
        let found = discovery(&kind.script("actions/discovery.lua"), &kind.object(name)).unwrap();
        let result: Vec<Value> =
            found.iter().map(|(name, offer)| json!({"name": name, "disabled": offer.disabled})).collect();
        offers.push(json!({"inputPath": format!("testdata/{file}"), "result": result}));
        names.insert(file);
    }
    for (name, act, outcome) in rows {
        let script = kind.script(&format!("actions/{act}/action.lua"));
        let mut after = action(&script, &kind.object(name)).unwrap();
        // Argo CD's test knows no other time than this.
        for wish in [RECONCILE_REQUESTED, PUBLISH_REQUESTED] {
            if let Some(time) = after["metadata"]["annotations"].get_mut(wish) {
                *time = json!("0001-01-01T00:00:00Z");
            }
        }
        let file = format!("{outcome}.yaml");
        fresh(&folder.join(&file), &format!("{NOTE}{}", dump(&after)));
        tests.push(json!({
            "action": act,
            "inputPath": format!("testdata/{name}-object.yaml"),
            "expectedOutputPath": format!("testdata/{file}"),
        }));
        names.insert(file);
    }
    only(&folder, &names);
    let test = json!({"discoveryTests": offers, "actionTests": tests});
    fresh(&kind.folder().join("actions/action_test.yaml"), &format!("{NOTE}{}", dump(&test)));
}

#[test]
fn the_patch_of_the_config_map_is_fresh() {
    let file = root().join("integrations/argocd/argocd-cm.yaml");
    let key = |what: &str, kind: Kind| {
        format!("resource.customizations.{what}.dataworks.alibabacloud.com_{}", kind.name)
    };
    let mut text =
        format!("{NOTE}# kubectl patch configmap argocd-cm -n argocd --patch-file argocd-cm.yaml\ndata:\n");
    for kind in KINDS {
        let (health, actions) = (block(&kind.script("health.lua"), 4), block(&actions(kind), 4));
        let (of_health, of_actions) = (key("health", kind), key("actions", kind));
        write!(text, "  {of_health}: |\n{health}  {of_actions}: |\n{actions}").unwrap();
    }
    fresh(&file, &text);
    let read = yaml(&text);
    for kind in KINDS {
        let data = |what: &str| read["data"][key(what, kind)].as_str().unwrap().to_owned();
        assert_eq!(data("health"), kind.script("health.lua"));
        holds_the_scripts(kind, &data("actions"));
    }
}

#[test]
fn the_part_for_argocd_operator_is_fresh() {
    let file = root().join("integrations/argocd/argocd-operator.yaml");
    let entry = |kind: Kind, what: &str, script: &str| {
        format!(
            "    - group: dataworks.alibabacloud.com\n      kind: {}\n      {what}: |\n{}",
            kind.name,
            block(script, 8)
        )
    };
    let checks: String = KINDS.iter().map(|kind| entry(*kind, "check", &kind.script("health.lua"))).collect();
    let all: String = KINDS.iter().map(|kind| entry(*kind, "action", &actions(*kind))).collect();
    let text = format!(
        "{NOTE}# kubectl patch argocd NAME -n NAMESPACE --type merge --patch-file argocd-operator.yaml\n\
         # A list is replaced as a whole: add what yours already holds.\n\
         spec:\n  resourceHealthChecks:\n{checks}  resourceActions:\n{all}"
    );
    fresh(&file, &text);
    let spec = &yaml(&text)["spec"];
    for (at, kind) in KINDS.into_iter().enumerate() {
        assert_eq!(spec["resourceHealthChecks"][at]["check"], json!(kind.script("health.lua")));
        holds_the_scripts(kind, spec["resourceActions"][at]["action"].as_str().unwrap());
    }
}

/// Argo CD's form of actions in one text.
fn actions(kind: Kind) -> String {
    let discovery = kind.script("actions/discovery.lua");
    let mut text = format!("discovery.lua: |\n{}definitions:\n", block(&discovery, 2));
    for name in kind.actions {
        let script = kind.script(&format!("actions/{name}/action.lua"));
        write!(text, "- name: {name}\n  action.lua: |\n{}", block(&script, 4)).unwrap();
    }
    text
}

fn holds_the_scripts(kind: Kind, actions: &str) {
    let actions = yaml(actions);
    assert_eq!(actions["discovery.lua"], json!(kind.script("actions/discovery.lua")));
    let definitions = actions["definitions"].as_array().unwrap();
    let names: Vec<&str> = definitions.iter().map(|found| found["name"].as_str().unwrap()).collect();
    assert_eq!(names, kind.actions);
    for (name, found) in kind.actions.iter().zip(definitions) {
        assert_eq!(found["action.lua"], json!(kind.script(&format!("actions/{name}/action.lua"))));
    }
    let folders = std::fs::read_dir(kind.folder().join("actions")).unwrap().map(|entry| entry.unwrap());
    let folders = folders.filter(|entry| entry.path().join("action.lua").exists());
    let found: BTreeSet<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(found, kind.actions.iter().map(|name| (*name).to_owned()).collect(), "actions with a script");
}

/// The lines of a text, moved to the right, as YAML's literal form wants them.
fn block(text: &str, indent: usize) -> String {
    let line = |line: &str| {
        if line.is_empty() { "\n".to_owned() } else { format!("{}{line}\n", " ".repeat(indent)) }
    };
    text.lines().map(line).collect()
}

fn dump(value: &Value) -> String {
    serde_saphyr::to_string(value).unwrap()
}
