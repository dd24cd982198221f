//! Publishing on a real API server: one run for each version, whatever happens on the way.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use dataworks_core::api::v1alpha1::{DataWorksResource, Publication, PublicationStatus};
use dataworks_simulator::{
    AutoMode, Decision, DeletePublished, Deployment, ErrorAnswer, Fault, FaultKind, OutsideEdit,
    ProjectConfig, RunStatus, RunView, SecondRun, Takes,
};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use support::operator::{Launch, SHORT_BOUNDS};
use support::{
    Ask as _, DEADLINE, PROJECT, Scene, condition, id, is_current, is_ready, manifest, message, poll, python,
    status,
};

/// A Python file that is to be published.
fn publishes(name: &str, content: &str) -> Value {
    manifest(
        name,
        &json!({
            "projectId": PROJECT,
            "path": format!("Publish/{name}.py"),
            "content": {"inline": content},
            "publish": {"policy": "OnChange"},
        }),
    )
}

fn deployment(scene: &Scene, change: impl FnOnce(&mut Deployment)) {
    scene.cloud.change_settings(|settings| change(&mut settings.behaviour.deployment));
}

/// Without a lease: what is tested here is one process after the other, however slow the machine is.
fn launch(scene: &Scene) -> Launch {
    scene.launch().with(&["--no-leader-elect"])
}

fn standard(scene: &Scene) {
    let project = ProjectConfig::new(PROJECT, "sora_finance");
    scene.cloud.add_project(ProjectConfig { dev_environment_enabled: true, ..project });
}

fn publication(object: &DataWorksResource) -> Publication {
    status(object).publication.unwrap_or_default()
}

/// What production holds of each file, by its path.
fn production(scene: &Scene) -> BTreeMap<String, String> {
    scene.cloud.published().into_iter().map(|held| (held.path, held.content)).collect()
}

/// All contents that ever were in production, in their order.
fn history(scene: &Scene) -> Vec<String> {
    scene.cloud.published_ever().into_iter().map(|held| held.content).collect()
}

/// The calls for deployment runs.
fn run_calls(scene: &Scene, since: u64) -> Vec<String> {
    let mut actions = scene.cloud.actions(since);
    actions.retain(|action| action.contains("PipelineRun"));
    actions
}

fn last_run(scene: &Scene) -> RunView {
    scene.cloud.runs().pop().expect("a run")
}

async fn annotate(scene: &Scene, name: &str, key: &str, value: &str) {
    let key = format!("dataworks.alibabacloud.com/{key}");
    let patch = json!({"metadata": {"annotations": {key: value}}});
    scene.objects().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

async fn edit(scene: &Scene, name: &str, content: &str) {
    let patch = json!({"spec": {"content": {"inline": content}}});
    scene.objects().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

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
    for action in ["CreatePipelineRun", "ExecPipelineRunStage", "ListPipelineRuns"] {
        for (heir, effect) in [("pod-1", true), ("pod-2", false)] {
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
        }
    }
}

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

#[tokio::test]
async fn many_runs_are_polled_together() {
    const COUNT: usize = 30;
    let scene = Scene::new().await;
    deployment(&scene, |deployment| deployment.stage_ms = 4_000);
    let _operator = launch(&scene).start();
    for n in 0..COUNT {
        scene.kubectl.apply(&publishes(&format!("m{n}"), &format!("{n}"))).await;
    }
    for n in 0..COUNT {
        scene.ready(&format!("m{n}")).await;
    }
    assert_eq!(history(&scene).len(), COUNT);
    let counts = scene.cloud.counts();
    let of = |action: &str| counts.by_action.get(action).copied().unwrap_or(0);
    assert_eq!(of("CreatePipelineRun"), COUNT as u64);
    let looks = of("ListPipelineRuns") - COUNT as u64 + of("GetPipelineRun");
    assert!(looks < COUNT as u64, "polls for all together, not for each: {looks}");
}
