//! The admin API, request by request.

use dataworks_simulator::Config;
use serde_json::json;

use crate::client::{P, PROJECT, simulator};

#[tokio::test]
async fn state_and_outside_edits() {
    let (simulator, client) = simulator(Config::default()).await;
    let file = json!({"projectId": PROJECT, "path": "f/a.jar", "type": "jar", "content": "x"});
    let (status, made) = client.admin("POST", "resources", Some(file)).await;
    assert_eq!(status, 200, "{made}");
    let id = made["id"].as_str().expect("an id");
    let one = format!("resources/{id}");

    let (_, state) = client.admin("GET", "state", None).await;
    assert_eq!(state["projects"][0]["id"], json!(PROJECT));
    assert_eq!(state["projects"][0]["resources"], 1);
    let resource = &state["resources"][0];
    assert_eq!((&resource["path"], &resource["type"]), (&json!("f/a.jar"), &json!("Jar")));
    assert_eq!(resource["command"], "ODPS_JAR");
    assert_eq!(resource["owner"], "2000");
    assert_eq!(resource["contentSha256"], "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
    let (_, short) = client.admin("GET", "state?resources=false", None).await;
    assert!(short["resources"].is_null());

    let edit = json!({"content": "y", "path": "g/b.jar", "owner": "3000"});
    let (status, _) = client.admin("PUT", &one, Some(edit)).await;
    assert_eq!(status, 200);
    let (_, resource) = client.admin("GET", &one, None).await;
    assert_eq!((&resource["content"], &resource["owner"]), (&json!("y"), &json!("3000")));
    assert_eq!(client.list(&[("Name", "b.jar")]).await.0, ["g/b.jar"]);

    assert_eq!(client.admin("DELETE", &one, None).await.0, 200);
    assert_eq!(client.admin("DELETE", &one, None).await.0, 404);
    assert_eq!(client.get(id).await.code(), "5801488441564725318");
    assert!(simulator.counts().effects.is_empty(), "outside edits are no calls");

    let project = json!({"id": 7, "name": "seven"});
    assert_eq!(client.admin("POST", "projects", Some(project)).await.0, 200);
    assert_eq!(client.call("GetProject", &[("Id", "7")]).await.status, 200);
}

#[tokio::test]
async fn calls_and_reset() {
    let (_simulator, client) = simulator(Config::default()).await;
    let id = client.create("a.py", "not to be seen").await.id();
    client.create("a.py", "").await;
    let (_, calls) = client.admin("GET", "calls", None).await;
    let counts = &calls["counts"];
    assert_eq!(counts["byAction"], json!({"CreateResource": 2}));
    assert_eq!(counts["byOutcome"], json!({"ok": 1, "error": 1}));
    assert_eq!(counts["byCode"], json!({"5801488441564725265": 1}));
    assert_eq!(counts["effects"], json!({"CreateResource": 1}));
    let first = &calls["calls"][0];
    assert_eq!((&first["id"], &first["name"]), (&json!(id), &json!("a.py")));
    assert_eq!((&first["httpStatus"], &first["effect"]), (&json!(200), &json!(true)));
    assert_eq!(first["path"], "a.py");
    // SHA-256 of the content.
    assert_eq!(first["contentSha256"], "a42e226b6d57a94735c639a6f29974c88d7b55a726a879d2b59ba5e9417b5668");
    assert!(calls["calls"][1]["path"].is_null(), "nothing was changed");
    assert!(!calls.to_string().contains("not to be seen"));
    let (_, later) = client.admin("GET", "calls?since=1", None).await;
    assert_eq!(later["calls"].as_array().map(Vec::len), Some(1));

    assert_eq!(client.admin("POST", "reset", None).await.0, 200);
    let (_, calls) = client.admin("GET", "calls", None).await;
    assert_eq!((&calls["counts"]["total"], &calls["calls"]), (&json!(0), &json!([])));
    assert_eq!(client.get(&id).await.status, 200);
    let all = Some(json!({"what": "all"}));
    assert_eq!(client.admin("POST", "reset", all).await.0, 200);
    assert_eq!(client.get(&id).await.status, 400);
    assert_ne!(client.create("a.py", "").await.id(), id, "ids are not given twice");
}

#[tokio::test]
async fn settings_and_faults() {
    let (_simulator, client) = simulator(Config::default()).await;
    let change = json!({"listLagMs": 5, "behaviour": {"idStyle": "number"}});
    let (status, settings) = client.admin("PUT", "settings", Some(change)).await;
    assert_eq!(status, 200);
    assert_eq!(settings["behaviour"]["idStyle"], "number");
    assert_eq!(settings["behaviour"]["duplicatePath"], "refuse");
    assert_eq!(client.admin("GET", "settings", None).await.1, settings);
    let wrong = Some(json!({"listLag": 5}));
    assert_eq!(client.admin("PUT", "settings", wrong).await.0, 400);

    let kinds = [
        json!({"throttle": {"numeric": true, "retryAfterMs": 10}}),
        json!({"error": {"status": 500, "code": "InternalError"}}),
        json!({"errorAfter": {"status": 500, "code": "InternalError"}}),
        json!("lost"),
        json!("dropBefore"),
        json!({"lateCommit": {"ms": 10}}),
        json!({"hang": {"ms": 10, "effect": true}}),
        json!({"slow": {"ms": 10}}),
        json!("garbage"),
        json!("html503"),
    ];
    for kind in &kinds {
        let rule = json!({"action": "MoveResource", "count": 1, "kind": kind});
        let (status, answer) = client.admin("POST", "faults", Some(rule)).await;
        assert_eq!(status, 200, "{kind}: {answer}");
    }
    let (_, listed) = client.admin("GET", "faults", None).await;
    let rules = listed["faults"].as_array().expect("rules");
    let back: Vec<_> = rules.iter().map(|rule| rule["fault"]["kind"].clone()).collect();
    assert_eq!(back.len(), kinds.len());
    assert_eq!((&back[3], &back[7]), (&kinds[3], &kinds[7]));
    let wrong = json!({"action": "*", "times": 1, "kind": "lost"});
    let (status, answer) = client.admin("POST", "faults", Some(wrong)).await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().is_some_and(|text| text.contains("times")), "{answer}");

    let all = Some(json!([{"kind": "html503"}]));
    assert_eq!(client.admin("POST", "faults", all).await.0, 200);
    assert_eq!(client.call("GetProject", &[("Id", P)]).await.status, 503);
    assert_eq!(client.admin("DELETE", "faults", None).await.0, 200);
    assert_eq!(client.call("GetProject", &[("Id", P)]).await.status, 200);
}
