//! What becomes of a run whose version, wish or object is no more.

use super::*;

#[tokio::test]
async fn an_edit_ends_the_run_of_the_version_before_it() {
    for takes in [Takes::AtStart, Takes::AtDeploy] {
        let scene = Scene::new().await;
        standard(&scene);
        deployment(&scene, |deployment| {
            deployment.takes = takes;
            deployment.second_run = SecondRun::Refuse;
        });
        let _operator = launch(&scene).start();
        scene.kubectl.apply(&publishes("a", "one")).await;
        scene.says("a", "Unknown", "AwaitingApproval").await;
        let first = last_run(&scene).id;
        edit(&scene, "a", "two").await;
        let next = |object: &DataWorksResource| {
            is_current(object)
                && condition(object, "Ready").is_some_and(|c| c.reason == "AwaitingApproval")
                && publication(object).run_id.is_some_and(|run| run != first)
        };
        let object = scene.until("a", next).await;
        assert_eq!(publication(&object).digest, status(&object).spec_digest);
        let runs = scene.cloud.runs();
        assert_eq!(runs.len(), 2, "{takes:?}");
        assert_eq!(runs[0].status, RunStatus::Cancel, "nobody can approve it any more");
        scene.cloud.decide(&runs[1].id, Decision::Approve).unwrap();
        annotate(&scene, "a", "reconcile-requested-at", "now").await;
        scene.ready("a").await;
        assert_eq!(history(&scene), ["two"], "{takes:?}");
    }
}

#[tokio::test]
async fn what_is_no_more_to_be_published_is_abolished() {
    let scene = Scene::new().await;
    standard(&scene);
    let _operator = launch(&scene).start();
    scene.kubectl.apply(&publishes("a", "one")).await;
    scene.says("a", "Unknown", "AwaitingApproval").await;
    scene
        .objects()
        .patch("a", &PatchParams::default(), &Patch::Merge(json!({"spec": {"publish": null}})))
        .await
        .unwrap();
    let object = scene.ready("a").await;
    assert_eq!(condition(&object, "Published"), None);
    assert_eq!(last_run(&scene).status, RunStatus::Cancel);
    // Nor is that of an object that goes.
    scene.kubectl.apply(&publishes("b", "one")).await;
    scene.says("b", "Unknown", "AwaitingApproval").await;
    scene.objects().delete("b", &DeleteParams::default()).await.unwrap();
    scene.gone("b").await;
    assert_eq!(last_run(&scene).status, RunStatus::Cancel);
    assert_eq!(history(&scene), [] as [&str; 0]);
    assert_eq!(scene.cloud.only_file().path, "Publish/a.py");
}

#[tokio::test]
async fn what_is_published_is_taken_offline_where_the_service_wants_it() {
    let scene = Scene::new().await;
    let _operator = launch(&scene).start();
    for (name, wants) in [("plain", DeletePublished::Allow), ("wanted", DeletePublished::NeedsOffline)] {
        deployment(&scene, |deployment| deployment.delete_published = wants);
        scene.kubectl.apply(&publishes(name, name)).await;
        scene.ready(name).await;
        let since = scene.cloud.last();
        scene.objects().delete(name, &DeleteParams::default()).await.unwrap();
        scene.gone(name).await;
        let calls = scene.cloud.actions(since);
        match wants {
            DeletePublished::Allow => assert_eq!(calls, ["DeleteResource"]),
            DeletePublished::NeedsOffline => assert_eq!(
                calls,
                [
                    "DeleteResource",
                    "ListPipelineRuns",
                    "CreatePipelineRun",
                    "GetPipelineRun",
                    "DeleteResource"
                ]
            ),
        }
    }
    assert_eq!(production(&scene).into_values().collect::<Vec<_>>(), ["plain"], "which the service keeps");
    assert_eq!(scene.cloud.resources(PROJECT), []);

    // It cannot be taken offline: said, and the way out works.
    scene.kubectl.apply(&publishes("stuck", "s")).await;
    scene.ready("stuck").await;
    deployment(&scene, |deployment| deployment.fails_at = Some("PROD".to_owned()));
    scene.objects().delete("stuck", &DeleteParams::default()).await.unwrap();
    let blocked = scene.says("stuck", "False", "DeletionBlocked").await;
    assert!(message(&blocked).contains("could not be taken offline"), "{}", message(&blocked));
    let retain = Patch::Merge(json!({"spec": {"deletionPolicy": "Retain"}}));
    scene.objects().patch("stuck", &PatchParams::default(), &retain).await.unwrap();
    scene.gone("stuck").await;
    assert_eq!(scene.cloud.only_file().path, "Publish/stuck.py");
}

#[tokio::test]
async fn a_run_that_was_stopped_on_its_way_is_not_left_for_others() {
    let scene = Scene::new().await;
    standard(&scene);
    let operator = launch(&scene).start();
    let until_dev = |name: &str| {
        let mut object = publishes(name, "one");
        object["spec"]["publish"]["untilStage"] = json!("DEV");
        object
    };
    scene.kubectl.apply(&until_dev("a")).await;
    scene.ready("a").await;
    assert_eq!(last_run(&scene).status, RunStatus::Running, "it stands after DEV");
    // Not to be published any more.
    let since = scene.cloud.last();
    let no_more = Patch::Merge(json!({"spec": {"publish": null}}));
    scene.objects().patch("a", &PatchParams::default(), &no_more).await.unwrap();
    scene.ready("a").await;
    assert_eq!(last_run(&scene).status, RunStatus::Cancel);
    assert_eq!(scene.cloud.actions(since), ["AbolishPipelineRun"]);
    let ended = operator.metric("dataworks_publications_total", &["outcome=\"success\""]).await;
    assert_eq!(ended, 1, "there was one run");
    // Wished again: there is nothing left to go on with, and nothing to make.
    scene.kubectl.apply(&until_dev("a")).await;
    scene.ready("a").await;
    assert_eq!(scene.cloud.runs().len(), 1);

    // And of one that goes.
    scene.kubectl.apply(&until_dev("b")).await;
    scene.ready("b").await;
    let since = scene.cloud.last();
    scene.objects().delete("b", &DeleteParams::default()).await.unwrap();
    scene.gone("b").await;
    assert_eq!(scene.cloud.actions(since), ["AbolishPipelineRun", "DeleteResource"]);
    assert!(scene.cloud.runs().iter().all(|run| run.status == RunStatus::Cancel));
    assert_eq!(history(&scene), [] as [&str; 0]);
}
