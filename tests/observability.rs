//! What the operator shows of itself: metrics, probes and logs, and what it does not.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dataworks_simulator::OutsideEdit;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};
use support::operator::Operator;
use support::{DEADLINE, PROJECT, Scene, id, manifest, poll, python, status};

/// What stands in an object and must stand nowhere else.
const SECRET: &str = "password=hunter2-AKIAexample";
const SECRET_PATH: &str = "Hidden/top-secret-plan.py";

/// Of each metric its type and the names of its labels.
type Described = BTreeMap<String, (String, BTreeSet<String>)>;

/// What a scrape holds, as Prometheus reads it.
fn scraped(text: &str) -> Described {
    let mut all = Described::new();
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, type_) = described.split_once(' ').unwrap();
            let name = if type_ == "counter" { format!("{name}_total") } else { name.to_owned() };
            let again = all.insert(name.clone(), (type_.to_owned(), BTreeSet::new()));
            assert!(again.is_none(), "{name} is described twice");
        } else if !line.starts_with('#') {
            let (series, _value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let base = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
            let name = base.filter(|base| all.contains_key(*base)).unwrap_or(name);
            let (_, held) = all.get_mut(name).unwrap_or_else(|| panic!("{line} is not described"));
            let names = labels.split("\",").filter_map(|label| label.split_once("=\"")).map(|(name, _)| name);
            held.extend(names.filter(|name| *name != "le").map(str::to_owned));
        }
    }
    all
}

/// What the documentation says there is.
fn documented() -> Described {
    let text = include_str!("../docs/observability.md");
    let code = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.split('|').collect();
        let [name, type_, labels, _meaning, _end] = cells[..] else { return None };
        let labels = labels.split(',').map(code).filter(|label| !label.is_empty()).collect();
        Some((code(name), (type_.trim().to_owned(), labels)))
    };
    text.split("\n## ").find(|part| part.starts_with("Metrics\n")).unwrap().lines().filter_map(row).collect()
}

/// A leader with an object that was made, changed by others and mended.
async fn lived(scene: &Scene) -> Operator {
    let url = scene.cloud.url();
    let allowed = format!("--allowed-endpoints={url}");
    let operator = scene.launch().with(&["--requests-per-day=1000", &allowed]).start();
    let host = url.strip_prefix("http://").unwrap();
    let workspace = json!({
        "apiVersion": "dataworks.alibabacloud.com/v1alpha1", "kind": "DataWorksWorkspace", "metadata": {"name": "w"},
        "spec": {"projectId": PROJECT, "region": "cn-shanghai", "endpoint": host},
    });
    scene.kubectl.apply(&workspace).await;
    let spec = json!({"projectId": PROJECT, "path": SECRET_PATH, "content": {"inline": SECRET}});
    scene.kubectl.apply(&manifest("plan", &spec)).await;
    let made = scene.ready("plan").await;
    let edit = OutsideEdit { content: Some("theirs".to_owned()), ..OutsideEdit::default() };
    scene.cloud.edit_outside(&id(&made), edit).unwrap();
    let annotation = "dataworks.alibabacloud.com/reconcile-requested-at=now";
    scene.kubectl.run(&["annotate", "dwr", "plan", annotation]).await;
    scene.until("plan", |object| status(object).last_handled_reconcile_at.as_deref() == Some("now")).await;
    // One that is left as others made it.
    let spec = json!({
        "projectId": PROJECT, "path": "X/told.py", "content": {"inline": "ours"}, "driftPolicy": "Report"
    });
    scene.kubectl.apply(&manifest("told", &spec)).await;
    let made = scene.ready("told").await;
    let edit = OutsideEdit { content: Some("theirs".to_owned()), ..OutsideEdit::default() };
    scene.cloud.edit_outside(&id(&made), edit).unwrap();
    scene.kubectl.run(&["annotate", "dwr", "told", annotation]).await;
    scene.until("told", |object| status(object).last_handled_reconcile_at.as_deref() == Some("now")).await;
    // Its looks are planned once a second, and the workspace is looked at by a task of its own.
    let names = ["dataworks_inventory_interval_seconds{", "dataworks_workspace_api_calls_left_today{"];
    let all = async || {
        let text = operator.metrics().await;
        names.iter().all(|name| text.contains(name)).then_some(())
    };
    poll(DEADLINE, Duration::from_millis(50), "no looks are planned", all).await;
    operator
}

#[tokio::test]
async fn metrics_are_as_documented_and_hold_no_content() {
    let scene = Scene::new().await;
    let operator = lived(&scene).await;
    let text = operator.metrics().await;
    let mut expected = documented();
    // An AccessKey does not end: tests/rrsa.rs has a role.
    for name in ["dataworks_credentials_expiry_timestamp_seconds", "dataworks_credentials_requests_total"] {
        assert!(expected.remove(name).is_some(), "{name} is documented");
    }
    assert_eq!(scraped(&text), expected);

    let one = async |name: &str, labels: &[&str]| operator.metric(name, labels).await;
    let namespace = format!("namespace=\"{}\"", scene.namespace);
    let workspace = format!("workspace=\"{PROJECT}\"");
    let stands = [&*namespace, &workspace, "ready=\"True\"", "reason=\"Succeeded\""];
    assert_eq!(one("dataworks_resources{", &stands).await, 2);
    let told = [&*namespace, &workspace, "reason=\"Drifted\""];
    assert_eq!(one("dataworks_resources_out_of_sync{", &told).await, 1);
    assert!(
        text.contains(&format!("\ndataworks_inventory_interval_seconds{{{workspace}}} 3600.0\n")),
        "{text}"
    );
    for outcome in ["corrected", "reported"] {
        let labels = [&*workspace, &format!("outcome=\"{outcome}\"")];
        assert_eq!(one("dataworks_drift_total", &labels).await, 1, "{outcome}");
    }
    let creates = ["action=\"CreateResource\"", "code=\"ok\""];
    assert_eq!(one("dataworks_api_requests_total", &creates).await, 2);
    assert_eq!(one("leader_election_master_status", &["name=\"dataworks-operator\""]).await, 1);
    // The watch, the lease and the writes of status go through the same counter.
    for (method, code) in [("GET", "200"), ("POST", "201"), ("PUT", "200"), ("PATCH", "200")] {
        let labels = [format!("method=\"{method}\""), format!("code=\"{code}\"")];
        // The lease is renewed every two seconds.
        let counted =
            async || (one("rest_client_requests_total", &[&labels[0], &labels[1]]).await > 0).then_some(());
        poll(DEADLINE, Duration::from_millis(50), &labels.join(" "), counted).await;
    }
    let (used, left) =
        (one("dataworks_api_calls_today", &[]).await, one("dataworks_api_calls_left_today", &[]).await);
    assert_eq!(used + left, 1000);
    assert_eq!(used, scene.cloud.counts().total);

    let mut shown = text;
    for path in
        ["/livez?verbose", "/readyz?verbose", "/healthz?verbose", "/livez?exclude=hunter2", "/metrics", "/"]
    {
        shown += &operator.probe(path).await.1;
    }
    let log = operator.kill().await;
    for part in ["hunter2", "top-secret", "Hidden", "\"plan\""] {
        assert!(!shown.contains(part), "{part} is shown");
    }
    assert!(!log.contains("hunter2"), "content is in the log");
}

#[tokio::test]
async fn a_standby_is_ready_and_tells_of_no_objects() {
    let scene = Scene::new().await;
    let leader = lived(&scene).await;
    let standby = scene.launch().pod("pod-2").start();
    let ready = async || (standby.probe("/readyz").await == (200, "ok".to_owned())).then_some(());
    poll(DEADLINE, Duration::from_millis(50), "it is not ready", ready).await;
    let checks = "[+]ping ok\n[+]runner ok\n[+]lease ok\n[+]queue ok\nlivez check passed\n";
    for operator in [&leader, &standby] {
        assert_eq!(operator.probe("/livez").await, (200, "ok".to_owned()));
        assert_eq!(operator.probe("/livez?verbose").await, (200, checks.to_owned()));
        assert_eq!(operator.probe("/healthz?verbose=true").await, (200, checks.to_owned()));
    }
    let excluded = standby.probe("/readyz?verbose&exclude=schema").await.1;
    assert_eq!(excluded, "[+]ping ok\n[+]objects ok\n[+]schema excluded: ok\nreadyz check passed\n");
    let text = standby.metrics().await;
    assert!(text.contains("leader_election_master_status{name=\"dataworks-operator\"} 0"), "{text}");
    for name in ["dataworks_resources", "dataworks_inventory_age_seconds", "dataworks_api_calls_today"] {
        assert!(!text.contains(name), "{name}");
    }
}

#[tokio::test]
async fn an_older_schema_makes_it_not_ready_until_the_new_one_is_applied() {
    let scene = Scene::alone().await;
    let crds: Api<CustomResourceDefinition> = Api::all(scene.client.clone());
    let name = "dataworksresources.dataworks.alibabacloud.com";
    let good = crds.get(name).await.unwrap();
    let mut older = serde_json::to_value(&good).unwrap();
    let status = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties";
    older.pointer_mut(status).unwrap().as_object_mut().unwrap().remove("attempt").unwrap();
    let older: CustomResourceDefinition = serde_json::from_value(older).unwrap();
    crds.replace(name, &PostParams::default(), &older).await.unwrap();

    let operator = scene.launch().start();
    let says = async |end: u16, word: &str| {
        let found = async || {
            let (status, text) = operator.probe("/readyz?verbose").await;
            (status == end && text.contains(word)).then_some(text)
        };
        poll(DEADLINE, Duration::from_millis(100), word, found).await
    };
    let text =
        says(503, "[-]schema failed: the CustomResourceDefinition of DataWorksResource is older").await;
    assert!(text.contains("it has no status.attempt;"), "{text}");
    let mut present = crds.get(name).await.unwrap();
    present.spec = good.spec;
    crds.replace(name, &PostParams::default(), &present).await.unwrap();
    says(200, "[+]schema ok").await;
}

#[tokio::test]
async fn logs_have_stable_keys_and_a_level_that_can_be_changed() {
    let scene = Scene::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log-level");
    let launch = scene.launch().with(&["--log=info", &format!("--log-file={}", file.display())]);
    let operator = launch.start();
    scene.kubectl.apply(&python("a", "L/a.py")).await;
    let made = scene.ready("a").await;
    let line = operator.says(&["\"msg\":\"created\""]).await;
    let line: Value = serde_json::from_str(&line).unwrap();
    let held: BTreeSet<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    let keys = [
        "ts",
        "level",
        "msg",
        "logger",
        "controller",
        "namespace",
        "name",
        "generation",
        "reconcileID",
        "workspace",
        "action",
        "requestId",
        "id",
        "why",
    ];
    assert_eq!(held, BTreeSet::from(keys));
    let told = ["level", "controller", "namespace", "name", "action"].map(|key| line[key].as_str().unwrap());
    assert_eq!(told, ["info", "dataworksresource", &scene.namespace, "a", "CreateResource"]);
    assert_eq!((&line["generation"], &line["workspace"]), (&json!(1), &json!(PROJECT)));
    assert_eq!(line["why"], "the intent is written");
    assert_eq!(line["requestId"].as_str(), status(&made).request_id.as_deref());

    // One line for a change, and none for what was looked at on the way.
    let about = |log: &str| log.lines().filter(|line| line.contains("\"name\":\"a\"")).count();
    assert_eq!(about(&operator.log()), 1, "{}", operator.log());

    std::fs::write(&file, "inof").unwrap();
    operator.hang_up().await;
    operator.says(&["the log filter is not changed", "\\\"inof\\\" is no level"]).await;
    assert_eq!(operator.metric("dataworks_config_reload_failures_total", &[]).await, 1);
    // Without a signal: the file is read every few seconds.
    std::fs::write(&file, "info,dataworks_operator=debug\n").unwrap();
    operator.says(&["the log filter was changed", "\"filter\":\"info,dataworks_operator=debug\""]).await;
    scene.kubectl.apply(&python("b", "L/b.py")).await;
    scene.ready("b").await;
    let keys =
        ["\"name\":\"b\"", "\"action\":\"CreateResource\"", "\"durationMs\":", "\"requestId\":", "\"debug\""];
    operator.says(&keys).await;
    for line in operator.log().lines() {
        let keys: Vec<&str> =
            line.split(",\"").filter_map(|part| part.split_once("\":")).map(|(key, _)| key).collect();
        let once: BTreeSet<&&str> = keys.iter().collect();
        assert_eq!(once.len(), keys.len(), "a key stands there twice: {line}");
        let line: Value = serde_json::from_str(line).unwrap();
        for key in ["ts", "level", "msg", "logger"] {
            assert!(line[key].is_string(), "{key} in {line}");
        }
    }
}
