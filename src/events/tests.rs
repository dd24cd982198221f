use dataworks_core::api::v1alpha1::DataWorksResourceStatus as Status;
use serde_json::{Value, json};

use super::*;

fn status(value: Value) -> Status {
    serde_json::from_value(value).unwrap()
}

fn ready(truth: &str, reason: &str) -> Value {
    json!([{
        "type": "Ready", "status": truth, "reason": reason, "message": "m",
        "lastTransitionTime": "2026-01-02T03:04:05Z"
    }])
}

#[test]
fn tells_transitions_and_nothing_else() {
    let made =
        json!({ "id": "1", "requestId": "A", "specDigest": "x", "conditions": ready("True", "Succeeded") });
    let with = |changes: Value| {
        let mut value = made.clone();
        value.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        value
    };
    let mut drifted = ready("True", "Succeeded");
    drifted.as_array_mut().unwrap().push(json!({
        "type": "Synced", "status": "False", "reason": "Drifted", "message": "m",
        "lastTransitionTime": "2026-01-02T03:04:05Z"
    }));
    let failing = json!({ "conditions": ready("False", "CloudUnavailable") });
    let rows = [
        ("made", json!({}), made.clone(), Some("Created")),
        ("found, without a request of ours", json!({}), json!({ "id": "1" }), Some("Created")),
        (
            "made again",
            made.clone(),
            with(json!({ "id": "2", "requestId": "B", "createTime": "2026-01-02T03:04:05Z" })),
            Some("Recreated"),
        ),
        ("made again, and its answer was lost", made.clone(), with(json!({ "id": "2" })), Some("Recreated")),
        (
            "adopted in its place",
            made.clone(),
            with(json!({ "id": "2", "origin": "Adopted" })),
            Some("Adopted"),
        ),
        ("a copy forgets", made.clone(), json!({}), None),
        ("updated", made.clone(), with(json!({ "requestId": "B", "specDigest": "y" })), Some("Updated")),
        ("mended", made.clone(), with(json!({ "requestId": "B" })), Some("DriftCorrected")),
        ("moved", made.clone(), with(json!({ "path": "D/b.py", "specDigest": "y" })), Some("Moved")),
        (
            "moved back",
            made.clone(),
            with(json!({ "lastSyncTime": "2026-01-02T03:04:05Z" })),
            Some("DriftCorrected"),
        ),
        ("adopted", json!({}), json!({ "id": "1", "origin": "Adopted" }), Some("Adopted")),
        ("drift that is left", made.clone(), with(json!({ "conditions": drifted })), Some("Drifted")),
        (
            "told so before",
            with(json!({ "conditions": drifted })),
            with(json!({ "conditions": drifted })),
            None,
        ),
        (
            "published",
            made.clone(),
            with(json!({ "publication": {"publishedDigest": "x", "runId": "r", "status": "Success"} })),
            Some("Published"),
        ),
        (
            "its next run failed",
            with(json!({ "publication": {"publishedDigest": "x", "runId": "r", "status": "Success"} })),
            with(json!({ "publication": {"publishedDigest": "x", "runId": "s", "status": "Fail"} })),
            None,
        ),
        (
            "waits for a person",
            made.clone(),
            with(json!({ "conditions": ready("Unknown", "AwaitingApproval") })),
            Some("AwaitingApproval"),
        ),
        ("nothing new", made.clone(), made.clone(), None),
        (
            "a try that may pass",
            json!({}),
            json!({ "conditions": ready("Unknown", "ProgressingWithRetry") }),
            None,
        ),
        ("failing", json!({}), failing.clone(), Some("CloudUnavailable")),
        ("failing as before", failing.clone(), failing, None),
        (
            "lost",
            json!({}),
            json!({ "conditions": ready("Unknown", "OutcomeUnknown") }),
            Some("OutcomeUnknown"),
        ),
        ("deleting", made.clone(), with(json!({ "conditions": ready("False", "Deleting") })), None),
    ];
    for (name, before, after, want) in rows {
        let got = told(&status(before), &status(after), None).map(|event| event.reason);
        assert_eq!(got.as_deref(), want, "{name}");
    }
}

#[test]
fn who_waits_for_a_workspace_that_tells_why_tells_nothing_himself() {
    use dataworks_core::plan::{NotReady, Unready};
    let unready = |why| Permission::WorkspaceNotReady(Unready { name: "w".to_owned(), why });
    let refused = || NotReady::Told("The key is refused.".to_owned());
    let waits = || json!({ "conditions": ready("False", "DependencyNotReady") });
    let blocked = || json!({ "id": "1", "conditions": ready("False", "DeletionBlocked") });
    let made = || json!({ "id": "1", "conditions": ready("False", "DependencyNotReady") });
    let rows = [
        ("a workspace that is not ready", json!({}), waits(), Some(unready(refused())), None),
        (
            "one that is not there",
            json!({}),
            waits(),
            Some(unready(NotReady::Absent)),
            Some("DependencyNotReady"),
        ),
        ("another dependency", json!({}), waits(), Some(Permission::Allowed), Some("DependencyNotReady")),
        ("no way at all", json!({}), waits(), None, Some("DependencyNotReady")),
        (
            "a deletion, which hangs",
            json!({ "id": "1" }),
            blocked(),
            Some(unready(refused())),
            Some("DeletionBlocked"),
        ),
        ("what was done before", json!({}), made(), Some(unready(refused())), Some("Created")),
    ];
    for (name, before, after, way, want) in rows {
        let got = told(&status(before), &status(after), way.as_ref()).map(|event| event.reason);
        assert_eq!(got.as_deref(), want, "{name}");
    }
}

#[test]
fn says_which_resource_took_the_place_of_which() {
    let status = |id: &str, request: &str| status(json!({ "id": id, "requestId": request }));
    let rows = [
        (Status::default(), status("2", "B"), "Created resource 2 (request B)."),
        (status("1", "A"), status("2", "B"), "Created resource 2 in place of 1, which is gone (request B)."),
        (
            status("1", "A"),
            status("2", "A"),
            "Found resource 2, which a create whose answer was lost had made in place of 1, which is gone.",
        ),
    ];
    for (before, after, want) in rows {
        assert_eq!(told(&before, &after, None).and_then(|event| event.note).as_deref(), Some(want));
    }
    assert_eq!(gone("1", Some("B")), "Deleted resource 1 (request B).");
    assert_eq!(gone("1", None), "Resource 1 is gone: an earlier request deleted it, or others did.");
}

#[test]
fn counts_what_others_changed_once() {
    let made =
        json!({ "id": "1", "requestId": "A", "specDigest": "x", "conditions": ready("True", "Succeeded") });
    let with = |changes: Value| {
        let mut value = made.clone();
        value.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        value
    };
    let synced = |reason: &str, truth: &str| {
        let mut conditions = ready("True", "Succeeded");
        conditions.as_array_mut().unwrap().push(json!({
            "type": "Synced", "status": truth, "reason": reason, "message": "m",
            "lastTransitionTime": "2026-01-02T03:04:05Z"
        }));
        json!({ "conditions": conditions })
    };
    let rows = [
        ("made", json!({}), made.clone(), None),
        ("updated", made.clone(), with(json!({ "requestId": "B", "specDigest": "y" })), None),
        ("mended", made.clone(), with(json!({ "requestId": "B" })), Some(Drift::Corrected)),
        ("made again", made.clone(), with(json!({ "id": "2", "requestId": "B" })), Some(Drift::Corrected)),
        ("adopted instead", made.clone(), with(json!({ "id": "2", "origin": "Adopted" })), None),
        ("left", made.clone(), with(synced("Drifted", "False")), Some(Drift::Reported)),
        ("left as before", with(synced("Drifted", "False")), with(synced("Drifted", "False")), None),
        ("gone", made.clone(), with(synced("MassAbsence", "Unknown")), Some(Drift::Reported)),
        ("not looked at", made.clone(), with(synced("CheckFailed", "Unknown")), None),
    ];
    for (name, before, after, want) in rows {
        assert_eq!(drift(&status(before), &status(after)), want, "{name}");
    }
}
