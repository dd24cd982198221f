//! Runs that go well: what they cost, how far they go, and which stages are started.

use super::*;

#[tokio::test]
async fn a_version_is_published_once_and_then_costs_nothing() {
    let scene = Scene::new().await;
    let operator = launch(&scene).start();
    scene.kubectl.apply(&publishes("a", "one")).await;
    let object = scene.ready("a").await;
    assert_eq!(condition(&object, "Published").unwrap().status, "True");
    assert_eq!(production(&scene), [("Publish/a.py".to_owned(), "one".to_owned())].into());
    let record = publication(&object);
    assert_eq!(record.status, Some(PublicationStatus::Success));
    assert_eq!(
        (record.published_digest, record.run_id),
        (status(&object).spec_digest, Some(last_run(&scene).id))
    );
    assert_eq!(record.request, None);
    assert_eq!(run_calls(&scene, 0), ["ListPipelineRuns", "CreatePipelineRun", "GetPipelineRun"]);

    let (since, version) = (scene.cloud.last(), scene.version("a").await);
    edit(&scene, "a", "two").await;
    scene.ready("a").await;
    assert_ne!(scene.version("a").await, version);
    assert_eq!(
        scene.cloud.actions(since),
        ["UpdateResource", "ListPipelineRuns", "CreatePipelineRun", "GetPipelineRun"]
    );
    assert_eq!(history(&scene), ["one", "two"]);

    // Nothing changes: neither a look nor a restart costs a call or a write.
    let (since, version) = (scene.cloud.last(), scene.version("a").await);
    operator.stop().await;
    let _again = launch(&scene).start();
    scene.fence().await;
    assert_eq!(run_calls(&scene, since), [] as [&str; 0]);
    assert_eq!(scene.calls_about(since, "Publish/a.py"), [] as [&str; 0]);
    assert_eq!(scene.version("a").await, version);
    let events = scene.events().await;
    let published = events.iter().filter(|event| event["reason"] == "Published").count();
    assert!(published >= 1, "{events:#?}");
}

#[tokio::test]
async fn stages_are_started_one_at_a_time_where_the_service_does_not() {
    for auto in [AutoMode::Ignore, AutoMode::Refuse] {
        let scene = Scene::new().await;
        deployment(&scene, |deployment| deployment.auto = auto);
        let _operator = launch(&scene).start();
        scene.kubectl.apply(&publishes("a", "one")).await;
        scene.ready("a").await;
        assert_eq!(history(&scene), ["one"]);
        let counts = scene.cloud.counts();
        let of = |action: &str| counts.by_action.get(action).copied().unwrap_or(0);
        assert_eq!(of("ExecPipelineRunStage"), 2);
        assert_eq!(of("CreatePipelineRun"), if auto == AutoMode::Refuse { 2 } else { 1 });
        assert_eq!(of("ListPipelineRuns"), 1);
        assert!(of("GetPipelineRun") <= 7, "{counts:?}");
        assert_eq!(scene.cloud.runs().len(), 1);
        if auto == AutoMode::Refuse {
            // It is known by now: the next version asks for the plain mode at once.
            let since = scene.cloud.last();
            edit(&scene, "a", "two").await;
            scene.until("a", |object| is_ready(object) && history(&scene).len() == 2).await;
            let creates = run_calls(&scene, since).iter().filter(|call| *call == "CreatePipelineRun").count();
            assert_eq!(creates, 1);
        }
    }
}

#[tokio::test]
async fn a_run_goes_as_far_as_is_wished() {
    let scene = Scene::new().await;
    standard(&scene);
    let _operator = launch(&scene).start();
    let mut object = publishes("a", "one");
    object["spec"]["publish"]["untilStage"] = json!("DEV");
    scene.kubectl.apply(&object).await;
    let ready = scene.ready("a").await;
    assert_eq!(publication(&ready).stage.as_deref(), Some("DEV"));
    assert_eq!(production(&scene), BTreeMap::new());
    object["spec"]["publish"]["untilStage"] = json!("NOWHERE");
    scene.kubectl.apply(&object).await;
    let failed = scene.says("a", "False", "PublicationFailed").await;
    assert!(message(&failed).contains("no stage \"NOWHERE\""), "{}", message(&failed));
    assert!(scene.cloud.runs().iter().all(|run| run.status == RunStatus::Cancel), "none is left to wait");
    let wrong = publishes("b", "one");
    let mut wrong = wrong;
    wrong["spec"]["publish"]["untilStage"] = json!("a stage");
    let refused = scene.kubectl.try_run(&["apply", "-f", "-"], &wrong.to_string()).await.unwrap_err();
    assert!(refused.contains("untilStage is no code of a stage"), "{refused}");
}
