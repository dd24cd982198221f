//! Deployment runs: the ways through one, and each switch of what no source documents.

use dataworks_simulator::{
    Approval, AutoMode, Config, Control, Decision, DeletePublished, Deployment, Fault, FaultKind,
    ProjectConfig, RunOrder, RunStatus, SecondRun, Takes,
};
use serde_json::{Value, json};

use crate::client::{Client, P, PROJECT, document, simulator};

fn switch(control: &Control, change: impl FnOnce(&mut Deployment)) {
    control.change_settings(|settings| change(&mut settings.behaviour.deployment));
}

fn standard(control: &Control) {
    let project = ProjectConfig::new(PROJECT, "sora_finance");
    control.add_project(ProjectConfig { dev_environment_enabled: true, ..project });
}

async fn start(client: &Client, id: &str, more: &[(&str, &str)]) -> String {
    let ids = format!("[\"{id}\",\"1\"]");
    let mut params = vec![("ProjectId", P), ("Type", "Online"), ("ObjectIds", ids.as_str())];
    params.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    params.extend(more);
    client.call("CreatePipelineRun", &params).await.id()
}

async fn run(client: &Client, run: &str) -> Value {
    client.call("GetPipelineRun", &[("ProjectId", P), ("Id", run)]).await.json["Pipeline"].clone()
}

async fn stages(client: &Client, id: &str) -> Vec<String> {
    let run = run(client, id).await;
    let stages = run["Stages"].as_array().expect("stages");
    stages.iter().map(|stage| format!("{}={}", stage["Code"], stage["Status"]).replace('"', "")).collect()
}

async fn exec(client: &Client, run: &str, code: &str) -> (u16, String) {
    let answer = client.call("ExecPipelineRunStage", &[("ProjectId", P), ("Id", run), ("Code", code)]).await;
    (answer.status, answer.code().to_owned())
}

#[tokio::test]
async fn one_stage_at_a_time_takes_a_version_to_production() {
    let (simulator, client) = simulator(Config::default()).await;
    let id = client.create("f/a.py", "one").await.id();
    let first = start(&client, &id, &[]).await;
    // The version was taken: a later edit is not in it.
    let spec = document(json!({"script": {"content": "two"}}));
    client.call("UpdateResource", &[("ProjectId", P), ("Id", &id), ("Spec", &spec)]).await;
    let early = exec(&client, &first, "PROD").await;
    assert_eq!(early, (400, "5801489541076353036".to_owned()), "a stage may not be skipped");
    assert_eq!(exec(&client, &first, "PROD_CHECK").await.0, 200);
    let again = exec(&client, &first, "PROD_CHECK").await;
    assert_eq!(again.0, 400, "nor repeated");
    assert_eq!(simulator.published(), []);
    assert_eq!(exec(&client, &first, "PROD").await.0, 200);
    assert_eq!(run(&client, &first).await["Status"], "Success");
    let published = simulator.published();
    assert_eq!(published.len(), 1);
    assert_eq!((published[0].content.as_str(), &published[0].run), ("one", &first));
    let ended = exec(&client, &first, "PROD").await;
    assert_eq!(ended, (400, "5801489541076353035".to_owned()));
    assert_eq!(exec(&client, "no-such-run", "PROD").await.1, "5801489541076353034");
}

#[tokio::test]
async fn stages_take_their_time_and_may_fail_or_never_begin() {
    let (simulator, client) = simulator(Config::default()).await;
    let id = client.create("f/a.py", "one").await.id();
    switch(&simulator, |deployment| {
        deployment.stage_ms = 60_000;
        deployment.fails_at = Some("PROD_CHECK".to_owned());
    });
    let slow = start(&client, &id, &[("RunMode", "Auto")]).await;
    let later = |ms| simulator.change_settings(|settings| settings.clock_offset_ms = ms);
    assert_eq!(stages(&client, &slow).await, ["BUILD_PACKAGE=Running", "PROD_CHECK=Init", "PROD=Init"]);
    later(61_000);
    assert_eq!(stages(&client, &slow).await[1], "PROD_CHECK=Running");
    later(122_000);
    assert_eq!(stages(&client, &slow).await, ["BUILD_PACKAGE=Success", "PROD_CHECK=Fail", "PROD=Init"]);
    assert_eq!(run(&client, &slow).await["Status"], "Fail");
    switch(&simulator, |deployment| {
        *deployment = Deployment { never_starts: Some("PROD_CHECK".to_owned()), ..Deployment::default() };
    });
    let stuck = start(&client, &id, &[]).await;
    assert_eq!(exec(&client, &stuck, "PROD_CHECK").await.0, 200, "only triggered");
    assert_eq!(stages(&client, &stuck).await[1], "PROD_CHECK=Init");
}

#[tokio::test]
async fn a_person_approves_refuses_or_cancels() {
    let (simulator, client) = simulator(Config::default()).await;
    standard(&simulator);
    let id = client.create("f/a.py", "one").await.id();
    for (decision, status, published) in [
        (Decision::Approve, RunStatus::Success, 1),
        (Decision::Refuse, RunStatus::Termination, 1),
        (Decision::Cancel, RunStatus::Cancel, 1),
    ] {
        let waits = start(&client, &id, &[("RunMode", "Auto")]).await;
        let shown = stages(&client, &waits).await;
        assert_eq!(
            shown[..4],
            ["BUILD_PACKAGE=Success", "DEV_CHECK=Success", "DEV=Success", "PROD_APPROVE=Running"]
        );
        let refused = exec(&client, &waits, "PROD_APPROVE").await;
        assert_eq!(refused.0, 400, "no call stands for a person");
        simulator.decide(&waits, decision).expect("it waits");
        let view = simulator.runs().pop().expect("a run");
        assert_eq!(view.status, status);
        let file = simulator.resource(&id).expect("a file");
        assert_eq!((&view.path, &view.content_sha256), (&file.path, &file.content_sha256));
        let held = simulator.published_ever();
        assert_eq!(held.len(), published);
        assert_eq!(held[0].content_sha256, file.content_sha256);
        simulator.decide(&waits, decision).expect_err("it was decided");
    }
    // Over HTTP the same.
    let waits = start(&client, &id, &[("RunMode", "Auto")]).await;
    let path = format!("runs/{waits}");
    assert_eq!(client.admin("POST", &path, Some(json!({"decision": "approve"}))).await.0, 200);
    assert_eq!(client.admin("POST", &path, Some(json!({"decision": "approve"}))).await.0, 409);
    // Somebody publishes it by hand.
    let (_, made) = client.admin("POST", "runs", Some(json!({"objectId": id}))).await;
    let by_hand = stages(&client, made["id"].as_str().expect("an id")).await;
    assert_eq!(by_hand[3], "PROD_APPROVE=Running");
    assert_eq!(client.admin("POST", "runs", Some(json!({"objectId": "1"}))).await.0, 404);
    let (_, held) = client.admin("GET", "runs", None).await;
    assert_eq!(held["history"].as_array().expect("an array").len(), 2);
    assert_eq!(held["runs"].as_array().expect("an array").len(), 5);
}

#[tokio::test]
async fn runs_are_listed_by_object_status_and_order() {
    let (simulator, client) = simulator(Config::default()).await;
    let (a, b) = (client.create("a.py", "").await.id(), client.create("b.py", "").await.id());
    let first = start(&client, &a, &[("Description", "mine")]).await;
    let second = start(&client, &b, &[("RunMode", "Auto")]).await;
    let list = async |more: &[(&str, &str)]| {
        let mut params = vec![("ProjectId", P)];
        params.extend(more);
        let paging = client.call("ListPipelineRuns", &params).await.json["PagingInfo"].clone();
        let rows = paging["PipelineRuns"].as_array().expect("rows").clone();
        rows.into_iter().map(|row| row["Id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list(&[]).await, [second.clone(), first.clone()]);
    assert_eq!(list(&[("ObjectId", &a)]).await, std::slice::from_ref(&first));
    assert_eq!(list(&[("Status", "Running")]).await, std::slice::from_ref(&first));
    assert_eq!(list(&[("PageSize", "1"), ("PageNumber", "2")]).await, std::slice::from_ref(&first));
    assert_eq!(run(&client, &first).await["Description"], "mine");
    switch(&simulator, |deployment| {
        deployment.order = RunOrder::OldestFirst;
        deployment.filters_by_object = false;
        deployment.keeps_description = false;
    });
    assert_eq!(list(&[("ObjectId", &a)]).await, [first, second]);
    let silent = start(&client, &a, &[("Description", "mine")]).await;
    assert_eq!(run(&client, &silent).await["Description"], "");
    // A listing that lags; reading by id does not.
    simulator.change_settings(|settings| settings.list_lag_ms = 60_000);
    let late = start(&client, &b, &[]).await;
    assert!(!list(&[]).await.contains(&late));
    assert_eq!(run(&client, &late).await["Id"], late.as_str());
}

#[tokio::test]
async fn what_is_not_documented_is_a_switch() {
    let (simulator, client) = simulator(Config::default()).await;
    let id = client.create("f/a.py", "one").await.id();
    let ids = format!("[\"{id}\"]");
    let online = [("ProjectId", P), ("Type", "Online"), ("ObjectIds", ids.as_str()), ("RunMode", "Auto")];

    switch(&simulator, |deployment| deployment.auto = AutoMode::Ignore);
    let ignored = start(&client, &id, &[("RunMode", "Auto")]).await;
    assert_eq!(stages(&client, &ignored).await[1], "PROD_CHECK=Init");
    switch(&simulator, |deployment| deployment.second_run = SecondRun::Refuse);
    let answer = client.call("CreatePipelineRun", &online).await;
    assert_eq!(answer.error(), (400, "5801489541076353037"));
    switch(&simulator, |deployment| {
        *deployment = Deployment { auto: AutoMode::Refuse, ..Deployment::default() }
    });
    assert_eq!(client.call("CreatePipelineRun", &online).await.error(), (400, "InvalidParameter"));

    switch(&simulator, |deployment| {
        *deployment = Deployment {
            takes: Takes::AtDeploy,
            delete_published: DeletePublished::NeedsOffline,
            ..Deployment::default()
        };
    });
    let late = start(&client, &id, &[("RunMode", "Auto"), ("AutoRunUntilStage", "PROD_CHECK")]).await;
    let spec = document(json!({"script": {"content": "two"}}));
    client.call("UpdateResource", &[("ProjectId", P), ("Id", &id), ("Spec", &spec)]).await;
    assert_eq!(exec(&client, &late, "PROD").await.0, 200);
    assert_eq!(simulator.published()[0].content, "two", "the last stage takes what is there");

    let delete = [("ProjectId", P), ("Id", id.as_str())];
    assert_eq!(client.call("DeleteResource", &delete).await.error(), (400, "5801488441564725300"));
    let offline = start(&client, &id, &[("Type", "Offline"), ("RunMode", "Auto")]).await;
    assert_eq!(run(&client, &offline).await["Status"], "Success");
    assert_eq!(simulator.published(), []);
    assert_eq!(client.call("DeleteResource", &delete).await.status, 200);
    let answer = client.call("CreatePipelineRun", &online).await;
    assert_eq!(answer.error(), (400, "5801489541076353033"));
    assert!(answer.text.contains(&format!("[[\\\"{id}\\\"]]")), "{}", answer.text);
}

#[tokio::test]
async fn faults_break_calls_for_runs_by_the_resource_s_name() {
    let (simulator, client) = simulator(Config::default()).await;
    standard(&simulator);
    switch(&simulator, |deployment| {
        deployment.approval = Some(Approval { code: "REVIEW".to_owned(), kind: "Check".to_owned() });
    });
    let id = client.create("f/a.py", "one").await.id();
    simulator.add_fault(Fault::new("CreatePipelineRun", FaultKind::Lost).named("f/a.py").times(1));
    let ids = format!("[\"{id}\"]");
    let params = [("ProjectId", P), ("Type", "Online"), ("ObjectIds", ids.as_str())];
    client.send("CreatePipelineRun", &params).await.expect_err("a lost answer");
    let lost = simulator.runs();
    assert_eq!(lost.len(), 1, "it was carried out");
    assert_eq!(lost[0].stages[3].code, "REVIEW");
    simulator.add_fault(Fault::new("ExecPipelineRunStage", FaultKind::DropBefore).named("f/a.py").times(1));
    let exec = [("ProjectId", P), ("Id", lost[0].id.as_str()), ("Code", "DEV_CHECK")];
    client.send("ExecPipelineRunStage", &exec).await.expect_err("no answer");
    assert_eq!(simulator.runs()[0].stages[1].status, RunStatus::Init);
}
