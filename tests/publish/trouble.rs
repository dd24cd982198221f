//! Bad days: runs that fail or stand still, answers that are lost, processes that die, days that end.

use super::*;

#[tokio::test]
async fn a_run_that_fails_says_where_and_why() {
    let scene = Scene::new().await;
    deployment(&scene, |deployment| {
        deployment.fails_at = Some("PROD".to_owned());
        deployment.stage_ms = 1_000;
    });
    let _operator = launch(&scene).start();
    scene.kubectl.apply(&publishes("a", "one")).await;
    let failed = scene.says("a", "False", "PublicationFailed").await;
    assert!(
        message(&failed).contains("failed at stage PROD: the check found an error"),
        "{}",
        message(&failed)
    );
    // An edit is another version, and another try.
    deployment(&scene, |deployment| deployment.fails_at = None);
    edit(&scene, "a", "two").await;
    scene.until("a", |object| is_ready(object) && history(&scene) == ["two"]).await;
    assert_eq!(scene.cloud.runs().len(), 2);
}

#[tokio::test]
async fn a_stage_that_never_starts_is_told_and_not_pushed() {
    let scene = Scene::new().await;
    deployment(&scene, |deployment| {
        deployment.auto = AutoMode::Ignore;
        deployment.never_starts = Some("PROD_CHECK".to_owned());
    });
    let _operator = launch(&scene).start();
    scene.kubectl.apply(&publishes("a", "one")).await;
    let started =
        |object: &DataWorksResource| publication(object).status == Some(PublicationStatus::Starting);
    let object = scene.until("a", started).await;
    assert_eq!(publication(&object).stage.as_deref(), Some("PROD_CHECK"));
    assert!(message(&object).contains("stage PROD_CHECK is started"), "{}", message(&object));
    let since = scene.cloud.last();
    for _ in 0..2 {
        let before = scene.cloud.last();
        scene.cloud.called(before, "GetPipelineRun").await;
    }
    assert!(!run_calls(&scene, since).contains(&"CreatePipelineRun".to_owned()));
    assert_eq!(scene.cloud.calls_of("ExecPipelineRunStage"), 1, "it may not be repeated");
    scene.cloud.decide(&last_run(&scene).id, Decision::Cancel).unwrap();
    scene.says("a", "False", "PublicationFailed").await;
}

#[tokio::test]
async fn a_stage_that_the_service_refuses_to_start_waits_for_a_person() {
    let scene = Scene::new().await;
    deployment(&scene, |deployment| deployment.auto = AutoMode::Refuse);
    let no = FaultKind::Error(ErrorAnswer::new(400, "5801489541076353036", "not by you"));
    scene.cloud.add_fault(Fault::new("ExecPipelineRunStage", no).times(3));
    let _operator = launch(&scene).start();
    scene.kubectl.apply(&publishes("a", "one")).await;
    let waits = scene.says("a", "Unknown", "AwaitingApproval").await;
    assert!(
        message(&waits).contains("refuses to start it: 5801489541076353036 (not by you)"),
        "{}",
        message(&waits)
    );
    assert_eq!(scene.cloud.calls_of("ExecPipelineRunStage"), 3);
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_run() {
    for (kind, keeps, creates) in [
        (FaultKind::Lost, true, 1),
        (FaultKind::Lost, false, 1),
        (FaultKind::DropBefore, true, 2),
        (FaultKind::Garbage, true, 1),
        (FaultKind::LateCommit { ms: 500, hang: false }, true, 1),
    ] {
        let scene = Scene::new().await;
        deployment(&scene, |deployment| deployment.keeps_description = keeps);
        scene.cloud.add_fault(Fault::new("CreatePipelineRun", kind.clone()).times(1));
        let _operator = launch(&scene).with(&SHORT_BOUNDS).start();
        scene.kubectl.apply(&publishes("a", "one")).await;
        scene.ready("a").await;
        assert_eq!(history(&scene), ["one"], "{kind:?}");
        assert_eq!(scene.cloud.runs().len(), 1, "{kind:?}");
        assert_eq!(scene.cloud.calls_of("CreatePipelineRun"), creates, "{kind:?}");
    }
}

/// The worst moments: a request is on its way, carried out or not, and the process dies.
#[tokio::test]
async fn a_crash_in_the_middle_of_a_call_makes_no_second_run() {
    let crash = async |action: &str, heir: &str, effect: bool| {
        let scene = Scene::new().await;
        deployment(&scene, |deployment| deployment.auto = AutoMode::Ignore);
        let launch = launch(&scene).with(&SHORT_BOUNDS);
        scene.cloud.add_fault(Fault::new(action, FaultKind::Hang { ms: 20_000, effect }).times(1));
        let operator = launch.clone().with(&["--call-deadline=30s"]).start();
        scene.kubectl.apply(&publishes("a", "one")).await;
        let arrived = async || (scene.cloud.faults()[0].1 == 1).then_some(());
        poll(DEADLINE, Duration::from_millis(5), "no call", arrived).await;
        operator.kill().await;
        let _operator = launch.pod(heir).start();
        scene.ready("a").await;
        assert_eq!(history(&scene), ["one"], "{action} {heir} {effect}");
        assert_eq!(scene.cloud.runs().len(), 1, "{action} {heir} {effect}");
    };
    // Each in a namespace and with a cloud of its own: they wait for most of a minute.
    let actions = ["CreatePipelineRun", "ExecPipelineRunStage", "ListPipelineRuns"];
    let crashes = actions.into_iter().flat_map(|action| [(action, "pod-1", true), (action, "pod-2", false)]);
    join_all(crashes.map(|(action, heir, effect)| crash(action, heir, effect))).await;
}

#[tokio::test]
async fn a_day_that_ends_in_the_middle_of_a_run_makes_no_second_one() {
    let scene = Scene::new().await;
    deployment(&scene, |deployment| deployment.auto = AutoMode::Ignore);
    let operator = launch(&scene).start();
    scene.kubectl.apply(&publishes("a", "one")).await;
    scene.cloud.called(0, "CreatePipelineRun").await;
    let used = scene.cloud.counts().total;
    scene.cloud.change_settings(|settings| settings.daily_quota = Some(used));
    let waits = scene.says("a", "Unknown", "QuotaExhausted").await;
    assert_eq!(condition(&waits, "Synced").unwrap().status, "True");
    let run = publication(&waits).run_id.unwrap();
    // The next day: by a new process, since nobody waits here for an hour.
    operator.kill().await;
    scene.cloud.change_settings(|settings| settings.daily_quota = None);
    let _next = launch(&scene).start();
    let object = scene.ready("a").await;
    assert_eq!(publication(&object).run_id, Some(run));
    assert_eq!((scene.cloud.runs().len(), history(&scene)), (1, vec!["one".to_owned()]));
}

/// The ConfigMap that holds the content.
async fn map(scene: &Scene, content: &str) {
    let metadata = json!({"name": "m"});
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": content}});
    scene.kubectl.apply(&map).await;
}

#[tokio::test]
async fn content_that_is_taken_away_leaves_what_is_published_and_what_is_under_way() {
    let scene = Scene::new().await;
    standard(&scene);
    let _operator = launch(&scene).start();
    let mut object = publishes("a", "");
    object["spec"]["content"] = json!({"configMapKeyRef": {"name": "m", "key": "k"}});
    map(&scene, "one").await;
    scene.kubectl.apply(&object).await;
    scene.says("a", "Unknown", "AwaitingApproval").await;
    // While a person is asked: nobody knows what is declared, so that nothing is ended.
    scene.kubectl.run(&["delete", "configmap", "m"]).await;
    let waits = scene.says("a", "Unknown", "DependencyNotReady").await;
    assert!(message(&waits).ends_with("The file in the workspace stays as it is."), "{}", message(&waits));
    scene.cloud.decide(&last_run(&scene).id, Decision::Approve).unwrap();
    map(&scene, "one").await;
    annotate(&scene, "a", "reconcile-requested-at", "now").await;
    scene.ready("a").await;
    assert_eq!(history(&scene), ["one"]);
    // While it is published: so it stays, and what comes back as it was is not published again.
    let since = scene.cloud.last();
    scene.kubectl.run(&["delete", "configmap", "m"]).await;
    let waits = scene.says("a", "Unknown", "DependencyNotReady").await;
    assert_eq!(condition(&waits, "Published").unwrap().status, "Unknown");
    map(&scene, "one").await;
    scene.ready("a").await;
    assert_eq!(run_calls(&scene, since), [] as [&str; 0]);
    assert_eq!((scene.cloud.runs().len(), history(&scene)), (1, vec!["one".to_owned()]));
    // Other content is another version.
    map(&scene, "two").await;
    scene.says("a", "Unknown", "AwaitingApproval").await;
    assert_eq!(scene.cloud.runs().len(), 2);
}

#[tokio::test]
async fn a_look_that_the_way_to_the_service_spoils_ends_no_run() {
    let scene = Scene::new().await;
    standard(&scene);
    let operator = launch(&scene).start();
    scene.kubectl.apply(&publishes("a", "one")).await;
    scene.says("a", "Unknown", "AwaitingApproval").await;
    let run = last_run(&scene).id;
    // A page of a proxy, and a clock that is off: neither says anything of the run.
    for (status, code) in [(404, ""), (400, "InvalidTimeStamp.Expired")] {
        let answer = ErrorAnswer::new(status, code, "made to fail");
        scene.cloud.add_fault(Fault::new("GetPipelineRun", FaultKind::Error(answer)).times(1));
        let since = scene.cloud.last();
        annotate(&scene, "a", "reconcile-requested-at", code).await;
        let looked = async || (run_calls(&scene, since).len() >= 2).then_some(());
        poll(DEADLINE, Duration::from_millis(50), "it is not looked at again", looked).await;
    }
    scene.cloud.decide(&run, Decision::Approve).unwrap();
    annotate(&scene, "a", "reconcile-requested-at", "approved").await;
    let object = scene.ready("a").await;
    assert_eq!((publication(&object).run_id, scene.cloud.runs().len()), (Some(run), 1));
    drop(operator);
}
