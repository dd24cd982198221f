//! What the scripts make of every phase.

use std::collections::BTreeMap;

use dataworks_core::api::{PUBLISH_REQUESTED, RECONCILE_REQUESTED};
use dataworks_integrations::{Health, Offer, action, discovery, health};
use serde_json::{Value, json};

use super::{KINDS, RESOURCE, WORKSPACE, is_deleting, ready_message};

/// Argo CD's health of an object: its own rule for deletion, then the script.
fn argocd(script: &str, object: &Value) -> Health {
    if is_deleting(object) {
        return Health { status: "Progressing".into(), message: "Pending deletion".into() };
    }
    health(script, object).unwrap()
}

#[test]
fn health_is_what_the_table_says() {
    for kind in KINDS {
        let script = kind.script("health.lua");
        for row in kind.rows() {
            let object = kind.object(&row.name);
            let message = row.says.unwrap_or_else(|| ready_message(&object));
            assert_eq!(argocd(&script, &object), Health { status: row.argocd, message }, "{}", row.name);
        }
    }
}

#[test]
fn an_object_without_status_or_conditions_is_on_its_way() {
    for kind in KINDS {
        let script = kind.script("health.lua");
        let ready = kind.object("ready");
        let without = |name: &str| {
            let mut object = ready.clone();
            object["status"].as_object_mut().unwrap().remove(name);
            object
        };
        let mut bare = ready.clone();
        bare.as_object_mut().unwrap().remove("status");
        let mut others = ready.clone();
        others["status"]["conditions"] = json!([{"type": "Audited", "status": "True"}]);
        for object in [bare, without("observedGeneration"), without("conditions"), others] {
            assert_eq!(health(&script, &object).unwrap().status, "Progressing", "{object}");
        }
    }
    let (script, mut told) = (RESOURCE.script("health.lua"), RESOURCE.object("ready"));
    told["spec"]["suspend"] = json!(true);
    told.as_object_mut().unwrap().remove("status");
    assert_eq!(health(&script, &told).unwrap().status, "Suspended");
}

#[test]
fn an_object_that_stopped_is_degraded_whatever_ready_says() {
    for (kind, status) in KINDS.into_iter().flat_map(|kind| ["True", "Unknown"].map(|status| (kind, status)))
    {
        let mut object = kind.object("refused");
        let conditions = object["status"]["conditions"].as_array_mut().unwrap();
        conditions.iter_mut().find(|condition| condition["type"] == "Ready").unwrap()["status"] =
            json!(status);
        let said = health(&kind.script("health.lua"), &object).unwrap();
        assert_eq!(said.status, "Degraded", "{}: Ready is {status}", kind.name);
    }
}

#[test]
fn the_actions_that_can_be_taken_follow_from_spec_and_status() {
    let of_workspaces = discovery(&WORKSPACE.script("actions/discovery.lua"), &WORKSPACE.object("ready"));
    let reconcile = BTreeMap::from([("reconcile".to_owned(), Offer { disabled: false })]);
    assert_eq!(of_workspaces.unwrap(), reconcile);
    let script = RESOURCE.script("actions/discovery.lua");
    for row in RESOURCE.rows() {
        let mut object = RESOURCE.object(&row.name);
        let suspended = object["spec"]["suspend"] == json!(true);
        let offer = |disabled| Offer { disabled };
        let want = |publish: bool| {
            BTreeMap::from([
                ("reconcile".to_owned(), offer(suspended)),
                ("publish".to_owned(), offer(!publish)),
                ("suspend".to_owned(), offer(suspended)),
                ("resume".to_owned(), offer(!suspended)),
            ])
        };
        object["spec"].as_object_mut().unwrap().remove("publish");
        assert_eq!(discovery(&script, &object).unwrap(), want(false), "{}, without publish", row.name);
        // What is Healthy is as declared, and of this version.
        object["spec"]["publish"] = json!({"policy": "OnChange"});
        let ended = row.argocd == "Healthy" || row.name == "publication-failed";
        assert_eq!(discovery(&script, &object).unwrap(), want(ended), "{}", row.name);
    }
}

#[test]
fn actions_change_one_field_and_nothing_else() {
    let script = |name: &str| RESOURCE.script(&format!("actions/{name}/action.lua"));
    let (suspend, resume) = (script("suspend"), script("resume"));
    for row in RESOURCE.rows() {
        let before = RESOURCE.object(&row.name);
        let mut want = before.clone();
        want["spec"]["suspend"] = json!(true);
        assert_eq!(action(&suspend, &before).unwrap(), want, "{}: suspend", row.name);

        want["spec"].as_object_mut().unwrap().remove("suspend");
        assert_eq!(action(&resume, &before).unwrap(), want, "{}: resume", row.name);
    }
}

#[test]
fn reconcile_and_publish_set_their_annotations_to_the_time() {
    let reconcile = ("reconcile", RECONCILE_REQUESTED);
    let actions = [(RESOURCE, reconcile), (RESOURCE, ("publish", PUBLISH_REQUESTED)), (WORKSPACE, reconcile)];
    let rows =
        actions.into_iter().flat_map(|(kind, act)| kind.rows().into_iter().map(move |row| (kind, act, row)));
    for (kind, (act, wish), row) in rows {
        let act = kind.script(&format!("actions/{act}/action.lua"));
        let before = kind.object(&row.name);
        let mut after = action(&act, &before).unwrap();
        let annotations = after["metadata"]["annotations"].as_object_mut().unwrap();
        let time = annotations.remove(wish).unwrap();
        let shape: String =
            time.as_str().unwrap().chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00Z", "{time}");
        if annotations.is_empty() {
            after["metadata"].as_object_mut().unwrap().remove("annotations");
        }
        assert_eq!(after, before, "{}", row.name);
    }
}
