//! What a workspace fills in: for what is made only, and kept for as long as it is there.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod plan_support;

use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::{
    Attempt, AttemptOutcome, DataWorksResourceSpec, DataWorksResourceStatus, ResourceDefaults,
};
use dataworks_core::desired::Desired;
use dataworks_core::ids::{Digest, ProjectId};
use dataworks_core::intent::{Intent, IntentNote};
use dataworks_core::plan::{Recorded, Step, plan};
use dataworks_core::state::{Change, Fact, Sent, State, next};
use plan_support::*;
use serde_json::{Value, json};

fn defaults(datasource: &str, engine: &str) -> ResourceDefaults {
    serde_json::from_value(json!({
        "datasource": {"name": datasource, "type": engine}, "owner": "1000", "resourceGroup": "G_1",
    }))
    .unwrap()
}

fn old() -> ResourceDefaults {
    defaults("old_source", "odps")
}

fn new() -> ResourceDefaults {
    defaults("new_source", "odps")
}

fn spec(fields: &Value) -> DataWorksResourceSpec {
    let mut spec = json!({"workspaceRef": {"name": "w"}, "path": PATH, "content": {"inline": "v1"}});
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

/// What an object with these fields declares where the workspace fills in that.
fn filled(fields: &Value, defaults: &ResourceDefaults) -> Desired {
    Desired::in_workspace(&spec(fields), ProjectId::new(7), defaults).unwrap()
}

/// Data source, owner, resource group and command as they are sent.
fn shown(desired: &Desired) -> Value {
    let document: Value = serde_json::from_str(&desired.document_json()).unwrap();
    let file = &document["spec"]["fileResources"][0];
    json!([
        file["datasource"]["name"],
        document["metadata"]["owner"],
        file["runtimeResource"]["resourceGroup"],
        file["script"]["runtime"]["command"],
    ])
}

#[test]
fn what_the_spec_says_wins() {
    let emr = defaults("spark", "emr");
    let rows = [
        ("nothing", json!({}), old(), json!(["old_source", "1000", "G_1", "ODPS_PYTHON"])),
        (
            "all",
            json!({"datasource": {"name": "own", "type": "odps"}, "owner": "2000", "resourceGroup": "G_2"}),
            old(),
            json!(["own", "2000", "G_2", "ODPS_PYTHON"]),
        ),
        ("its owner", json!({"owner": "2000"}), old(), json!(["old_source", "2000", "G_1", "ODPS_PYTHON"])),
        (
            "a command of the default's engine",
            json!({"command": "EMR_FILE"}),
            emr.clone(),
            json!(["spark", "1000", "G_1", "EMR_FILE"]),
        ),
        (
            "a command of another engine",
            json!({"command": "ODPS_PYTHON"}),
            emr.clone(),
            json!([null, "1000", "G_1", "ODPS_PYTHON"]),
        ),
        (
            "a jar, whose command follows",
            json!({"path": "a.jar", "content": {"url": {"location": "https://example.com/a.jar"}}}),
            emr.clone(),
            json!(["spark", "1000", "G_1", "EMR_JAR"]),
        ),
        ("no defaults", json!({}), ResourceDefaults::default(), json!([null, null, null, "ODPS_PYTHON"])),
    ];
    for (name, fields, defaults, want) in rows {
        let desired = filled(&fields, &defaults);
        assert_eq!(shown(&desired), want, "{name}");
        assert_eq!(desired.defaults, defaults, "{name}");
        // Without them it is as it would be in a workspace that has none.
        let mut bare = desired;
        bare.drop_defaults();
        assert_eq!(bare, filled(&fields, &ResourceDefaults::default()), "{name}");
    }
    let problem = Desired::in_workspace(&spec(&json!({})), ProjectId::new(7), &emr).unwrap_err().to_string();
    assert!(problem.contains("spec.command") && problem.contains("default data source"), "{problem}");
}

#[test]
fn a_whole_document_says_all_itself() {
    let document = json!({"version": "1.1.0", "kind": "Resource", "spec": {"fileResources": [{
        "name": "a.py", "type": "python",
        "script": {"content": "v1", "path": PATH, "runtime": {"command": "ODPS_PYTHON"}},
    }]}});
    let raw = json!({"workspaceRef": {"name": "w"}, "flowSpec": document});
    let raw: DataWorksResourceSpec = serde_json::from_value(raw).unwrap();
    let desired = Desired::in_workspace(&raw, ProjectId::new(7), &old()).unwrap();
    assert_eq!(shown(&desired), json!([null, null, null, "ODPS_PYTHON"]));
    assert_eq!(desired.without_defaults, None);
}

/// A status after what was made with these.
fn made(defaults: &ResourceDefaults) -> DataWorksResourceStatus {
    let fact = Fact::Created {
        at: at(0),
        id: id("5"),
        request_id: "R".to_owned(),
        date: at(1),
        sent: Sent::of(&filled(&json!({}), defaults)),
    };
    let change = Change { state: State::Ready, fact: Some(fact) };
    next(&DataWorksResourceStatus::default(), &change, 1, at(1))
}

fn intending(defaults: Option<ResourceDefaults>) -> Intent {
    let declared = filled(&json!({}), &defaults.clone().unwrap_or_default());
    Intent { spec_sha256: Some(declared.spec_digest().to_string()), defaults, ..intent(0) }
}

#[test]
fn what_counts_is_what_the_file_was_made_with() {
    let none = ResourceDefaults::default();
    let own = |defaults| IntentNote::Own(intending(defaults));
    let refused = DataWorksResourceStatus {
        attempt: Some(Attempt {
            at: Some(at(0).to_string()),
            outcome: Some(AttemptOutcome::Refused),
            ..Attempt::default()
        }),
        ..DataWorksResourceStatus::default()
    };
    let earlier = || IntentNote::Earlier(Intent { uid: "gone".into(), ..intending(Some(old())) });
    let wiped = DataWorksResourceStatus::default;
    // name, intent, status, what counts while the workspace says `new`
    let rows = [
        ("nothing was tried", IntentNote::Absent, wiped(), new()),
        ("made", own(Some(old())), made(&old()), old()),
        ("made, and the annotation is gone", IntentNote::Absent, made(&old()), old()),
        ("made without any", own(None), made(&none), none.clone()),
        ("status was wiped", own(Some(old())), wiped(), old()),
        ("wiped, and made without any", own(None), wiped(), none.clone()),
        ("came back from a backup without status", earlier(), wiped(), old()),
        ("nothing came of the try", own(Some(old())), refused, new()),
        ("a copy of another object", IntentNote::Foreign, made(&old()), new()),
    ];
    for (name, intent, status, want) in rows {
        let recorded = Recorded { intent, status, finalizer: true, ..fresh() };
        assert_eq!(recorded.defaults(&new()), want, "{name}");
    }
}

#[test]
fn a_change_of_defaults_is_no_edit() {
    let recorded = Recorded {
        intent: IntentNote::Own(intending(Some(old()))),
        status: made(&old()),
        finalizer: true,
        ..fresh()
    };
    let desired = filled(&json!({}), &recorded.defaults(&new()));
    assert_eq!(plan(Ok(&desired), &recorded, &nothing_seen(), at(10)).step, Step::Report(State::Ready));
    // An own field that says the same is none either, and one that says otherwise is.
    let same = json!({"datasource": {"name": "old_source", "type": "odps"}, "resourceGroup": "G_1"});
    let same = filled(&same, &recorded.defaults(&new()));
    assert_eq!(plan(Ok(&same), &recorded, &nothing_seen(), at(10)).step, Step::Report(State::Ready));
    let owner = filled(&json!({"owner": "2000"}), &recorded.defaults(&new()));
    let step = plan(Ok(&owner), &recorded, &nothing_seen(), at(10)).step;
    assert!(matches!(step, Step::UpdateResource { .. }), "{step:?}");
    let other = filled(&json!({"datasource": {"name": "own", "type": "odps"}}), &recorded.defaults(&new()));
    let step = plan(Ok(&other), &recorded, &nothing_seen(), at(10)).step;
    let Step::Report(State::Stalled { reason: Reason::InvalidSpec, message, fault: None }) = step else {
        panic!("{step:?}")
    };
    assert!(message.contains("\"old_source\"") && message.contains("\"own\""), "{message}");
}

#[test]
fn a_wiped_status_is_found_again_with_what_the_file_was_made_with() {
    let recorded = open(intending(Some(old())));
    let desired = filled(&json!({}), &recorded.defaults(&new()));
    let Some(intent) = recorded.open_intent().cloned() else { panic!("the intent is open") };
    let sent = Sent::of_intent(&intent, &desired, PATH, true);
    assert_eq!(sent.spec, Some(desired.spec_digest()), "it would be sent once more");
    let found = Fact::Found { at: intent.at, id: id("5"), created: at(0), modified: at(0), sent };
    let change = Change { state: State::Ready, fact: Some(found) };
    let status = next(&DataWorksResourceStatus::default(), &change, 1, at(10));
    assert_eq!(status.defaults, Some(old()));
    let recorded = Recorded { status, ..recorded };
    let desired = filled(&json!({}), &recorded.defaults(&new()));
    assert_eq!(plan(Ok(&desired), &recorded, &nothing_seen(), at(11)).step, Step::Report(State::Ready));
}

#[test]
fn an_intent_says_what_it_was_made_with() {
    let desired = filled(&json!({}), &new());
    let mut seen = nothing_seen();
    seen.look = Some(Vec::new());
    let step = plan(Ok(&desired), &fresh(), &seen, at(0)).step;
    let Step::WriteIntent(intent) = step else { panic!("{step:?}") };
    assert_eq!(intent.defaults, Some(new()));
    let digest: Digest = intent.spec_sha256.unwrap().parse().unwrap();
    assert_eq!(digest, desired.spec_digest());
}

#[test]
fn what_was_refused_is_sent_again_at_once_where_the_workspace_makes_another_document_of_it() {
    let status = DataWorksResourceStatus {
        attempt: Some(attempt(0, AttemptOutcome::Refused)),
        ..DataWorksResourceStatus::default()
    };
    let of_the_old = Recorded { status, ..open(intending(Some(old()))) };
    let recorded = refused(of_the_old, Reason::Refused, 1, 5);
    let step = |workspace: &ResourceDefaults| {
        let desired = filled(&json!({}), &recorded.defaults(workspace));
        plan(Ok(&desired), &recorded, &nothing_seen(), at(10)).step
    };
    let rests = step(&old());
    assert!(matches!(rests, Step::Wait { state: None, .. }), "{rests:?}");
    assert_eq!(step(&new()), Step::Look);
}
