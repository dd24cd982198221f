//! Those who approve, refuse, cancel, and publish by hand.

use super::*;

#[tokio::test]
async fn a_person_s_word_is_waited_for_and_followed() {
    let scene = Scene::new().await;
    standard(&scene);
    let _operator = launch(&scene).start();
    scene.kubectl.apply(&publishes("a", "one")).await;
    let waits = scene.says("a", "Unknown", "AwaitingApproval").await;
    assert_eq!(condition(&waits, "Synced").unwrap().status, "True");
    assert_eq!(condition(&waits, "Published").unwrap().reason, "AwaitingApproval");
    assert!(message(&waits).contains("approve or refuse it"), "{}", message(&waits));
    assert_eq!(publication(&waits).stage.as_deref(), Some("PROD_APPROVE"));
    assert_eq!(production(&scene), BTreeMap::new());
    scene.cloud.decide(&last_run(&scene).id, Decision::Approve).unwrap();
    // A person need not wait for the hourly look.
    annotate(&scene, "a", "reconcile-requested-at", "now").await;
    scene.ready("a").await;
    assert_eq!(history(&scene), ["one"]);
    assert_eq!(scene.cloud.runs().len(), 1);
}

#[tokio::test]
async fn what_was_refused_or_cancelled_is_not_asked_for_again_by_itself() {
    for (decision, ended) in
        [(Decision::Refuse, PublicationStatus::Termination), (Decision::Cancel, PublicationStatus::Cancel)]
    {
        let scene = Scene::new().await;
        standard(&scene);
        let operator = launch(&scene).start();
        scene.kubectl.apply(&publishes("a", "one")).await;
        scene.says("a", "Unknown", "AwaitingApproval").await;
        scene.cloud.decide(&last_run(&scene).id, decision).unwrap();
        annotate(&scene, "a", "reconcile-requested-at", "now").await;
        let failed = scene.says("a", "False", "PublicationFailed").await;
        assert_eq!(publication(&failed).status, Some(ended));
        assert_eq!(condition(&failed, "Stalled").unwrap().status, "True");
        assert_eq!(condition(&failed, "Published").unwrap().status, "False");
        // Nor by a restart.
        let (since, version) = (scene.cloud.last(), scene.version("a").await);
        operator.kill().await;
        let _again = launch(&scene).start();
        scene.fence().await;
        assert_eq!(run_calls(&scene, since), [] as [&str; 0]);
        assert_eq!(scene.version("a").await, version);
        // A person asks for it.
        annotate(&scene, "a", "publish-requested-at", "again").await;
        scene.says("a", "Unknown", "AwaitingApproval").await;
        assert_eq!(scene.cloud.runs().len(), 2);
        scene.cloud.decide(&last_run(&scene).id, Decision::Approve).unwrap();
        annotate(&scene, "a", "reconcile-requested-at", "once more").await;
        let object = scene.ready("a").await;
        assert_eq!(status(&object).last_handled_publish_at.as_deref(), Some("again"));
        assert_eq!(history(&scene), ["one"]);
    }
}

#[tokio::test]
async fn a_status_that_was_lost_finds_its_run_again() {
    let scene = Scene::new().await;
    standard(&scene);
    let operator = launch(&scene).start();
    scene.kubectl.apply(&python("a", "Publish/a.py")).await;
    scene.ready("a").await;
    operator.stop().await;
    // Somebody publishes it in the console, here with the operator's own means.
    scene.kubectl.apply(&publishes("a", "one")).await;
    let other = launch(&scene).start();
    scene.says("a", "Unknown", "AwaitingApproval").await;
    other.kill().await;
    let theirs = last_run(&scene).id;
    let forget = json!({"status": {"publication": null}});
    scene.objects().patch_status("a", &PatchParams::default(), &Patch::Merge(forget)).await.unwrap();
    // What its description says is the same object's: it is found again, not made twice.
    let _operator = launch(&scene).start();
    let found = |object: &DataWorksResource| publication(object).run_id.as_ref() == Some(&theirs);
    scene.until("a", found).await;
    assert_eq!(scene.cloud.runs().len(), 1);
    scene.cloud.decide(&theirs, Decision::Approve).unwrap();
    annotate(&scene, "a", "reconcile-requested-at", "now").await;
    scene.ready("a").await;
    assert_eq!(history(&scene), ["one"]);
}

#[tokio::test]
async fn what_somebody_publishes_by_hand_comes_before_what_is_declared() {
    let scene = Scene::new().await;
    standard(&scene);
    let _operator = launch(&scene).start();
    scene.kubectl.apply(&python("a", "Publish/a.py")).await;
    let file = status(&scene.ready("a").await).id.unwrap();
    let theirs = scene.cloud.run_outside(&file).unwrap();
    scene.kubectl.apply(&publishes("a", "one")).await;
    let not_ours = |object: &DataWorksResource| message(object).contains("not this object's");
    let waits = scene.until("a", not_ours).await;
    assert!(message(&waits).contains(&theirs), "{}", message(&waits));
    assert_eq!(condition(&waits, "Ready").unwrap().reason, "Publishing");
    // An edit does not end it either.
    edit(&scene, "a", "two").await;
    scene.until("a", |object| is_current(object) && not_ours(object)).await;
    let calls = run_calls(&scene, 0);
    let touches = |call: &&String| !call.starts_with("List") && !call.starts_with("Get");
    assert_eq!(calls.iter().find(touches), None, "{calls:?}");
    // What its maker wants is done first, and then what is declared.
    scene.cloud.decide(&theirs, Decision::Approve).unwrap();
    annotate(&scene, "a", "reconcile-requested-at", "now").await;
    scene.says("a", "Unknown", "AwaitingApproval").await;
    let ours = last_run(&scene).id;
    assert_ne!(ours, theirs);
    scene.cloud.decide(&ours, Decision::Approve).unwrap();
    annotate(&scene, "a", "reconcile-requested-at", "once more").await;
    scene.ready("a").await;
    // Theirs took the file as it was when they made it.
    assert_eq!(history(&scene), ["print(1)\n", "two"]);
    assert_eq!(scene.cloud.runs().len(), 2);
}

#[tokio::test]
async fn what_others_changed_or_deleted_is_published_again() {
    let scene = Scene::new().await;
    let _operator = launch(&scene).with(&["--drift-interval=1s", "--commit-lag=1s"]).start();
    scene.kubectl.apply(&publishes("a", "one")).await;
    let made = id(&scene.ready("a").await);
    // Times have whole seconds: what others do in the second of our own write is taken for ours.
    scene.cloud.change_settings(|settings| settings.clock_offset_ms = 5_000);
    let edit = OutsideEdit { content: Some("theirs".to_owned()), ..OutsideEdit::default() };
    scene.cloud.edit_outside(&made, edit).unwrap();
    let published = async |times: usize| {
        let done = async || (history(&scene).len() == times).then_some(());
        poll(DEADLINE, Duration::from_millis(50), "it is not published again", done).await;
        scene.ready("a").await
    };
    assert_eq!(id(&published(2).await), made);
    scene.cloud.delete_outside(&made).unwrap();
    assert_ne!(id(&published(3).await), made);
    assert_eq!(history(&scene), ["one"; 3]);
    assert_eq!(scene.cloud.runs().len(), 3);
}

#[tokio::test]
async fn a_strangers_run_is_waited_for_and_not_touched() {
    let scene = Scene::new().await;
    standard(&scene);
    let operator = launch(&scene).start();
    scene.kubectl.apply(&publishes("a", "one")).await;
    scene.says("a", "Unknown", "AwaitingApproval").await;
    let run = last_run(&scene).id;
    // An object of the same name that was made anew: the run is another's.
    operator.kill().await;
    let forget = json!({"metadata": {"finalizers": null}, "spec": {"deletionPolicy": "Retain"}});
    scene.objects().patch("a", &PatchParams::default(), &Patch::Merge(forget)).await.unwrap();
    scene.objects().delete("a", &DeleteParams::default()).await.unwrap();
    scene.gone("a").await;
    let _operator = launch(&scene).start();
    let mut object = publishes("a", "one");
    object["spec"]["adoptionPolicy"] = json!("Adopt");
    scene.kubectl.apply(&object).await;
    let waits = scene.until("a", |object| message(object).contains("is not this object's")).await;
    assert!(message(&waits).contains(&run), "{}", message(&waits));
    assert_eq!(last_run(&scene).status, RunStatus::Running);
    scene.cloud.decide(&run, Decision::Refuse).unwrap();
    annotate(&scene, "a", "reconcile-requested-at", "refused").await;
    scene.says("a", "Unknown", "AwaitingApproval").await;
    assert_ne!(last_run(&scene).id, run);
}

/// The service does not show what a jar holds, so that a look could not tell it from another.
#[tokio::test]
async fn a_look_at_content_that_is_not_shown_asks_nobody_again() {
    let scene = Scene::new().await;
    standard(&scene);
    let _operator = launch(&scene).start();
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "binaryData": {"k": "UEsF/w=="},
    });
    scene.kubectl.apply(&map).await;
    let mut object = publishes("a", "");
    object["spec"]["path"] = json!("Publish/a.jar");
    object["spec"]["content"] = json!({"configMapKeyRef": {"name": "m", "key": "k"}});
    scene.kubectl.apply(&object).await;
    let waits = scene.says("a", "Unknown", "AwaitingApproval").await;
    let run = publication(&waits).run_id;
    let since = scene.cloud.last();
    for wish in ["once", "twice"] {
        annotate(&scene, "a", "reconcile-requested-at", wish).await;
        let looked =
            |object: &DataWorksResource| status(object).last_handled_reconcile_at.as_deref() == Some(wish);
        scene.until("a", looked).await;
    }
    scene.cloud.decide(run.as_ref().unwrap(), Decision::Approve).unwrap();
    annotate(&scene, "a", "reconcile-requested-at", "approved").await;
    let object = scene.ready("a").await;
    assert_eq!((publication(&object).run_id, scene.cloud.runs().len()), (run, 1));
    let calls = scene.cloud.actions(since);
    assert!(calls.iter().all(|call| call.starts_with("Get") || call.starts_with("List")), "{calls:?}");
}
