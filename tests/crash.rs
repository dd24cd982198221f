//! Crashes, pauses and restarts of the operator and of the API server: never two files for one
//! object, and none lost.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_simulator::{Fault, FaultKind};
use kube::api::{ListParams, PostParams};
use support::operator::SHORT_BOUNDS;
use support::random::Random;
use support::{Ask as _, PROJECT, Scene, id, is_ready, poll, python, wrote};

/// Makes objects `PREFIX-0` to `PREFIX-(count-1)` without waiting for anything.
async fn create(scene: &Scene, prefix: &str, count: usize) {
    let objects = scene.objects();
    for n in 0..count {
        let name = format!("{prefix}-{n}");
        let object: DataWorksResource =
            serde_json::from_value(python(&name, &format!("{prefix}/{name}.py"))).unwrap();
        objects.create(&PostParams::default(), &object).await.unwrap();
    }
}

/// Waits until the objects of a prefix are ready, and holds them to their files: one each.
async fn one_file_each(scene: &Scene, prefix: &str, count: usize) {
    for n in 0..count {
        scene.ready(&format!("{prefix}-{n}")).await;
    }
    let objects = scene.objects().list(&ListParams::default()).await.unwrap();
    let ours = |name: &str| name.starts_with(&format!("{prefix}-"));
    let known: BTreeSet<(String, String)> = objects
        .iter()
        .filter(|object| ours(object.metadata.name.as_deref().unwrap()))
        .map(|object| (object.metadata.name.clone().unwrap(), id(object)))
        .collect();
    let files: BTreeSet<(String, String)> = scene
        .cloud
        .resources(PROJECT)
        .into_iter()
        .map(|file| (file.name.trim_end_matches(".py").to_owned(), file.id))
        .filter(|(name, _)| ours(name))
        .collect();
    assert_eq!(known, files);
    assert_eq!(files.len(), count);
}

/// The worst moment: the file is made, the answer is on its way.
#[tokio::test]
async fn a_crash_between_create_and_record_finds_the_file() {
    for (pod, effect) in [("pod-1", true), ("pod-2", true), ("pod-1", false), ("pod-2", false)] {
        let scene = Scene::new().await;
        let launch = scene.launch().with(&SHORT_BOUNDS).with(&["--no-leader-elect"]);
        let hang = FaultKind::Hang { ms: 20_000, effect };
        scene.cloud.add_fault(Fault::new("CreateResource", hang).times(1));
        let operator = launch.clone().with(&["--call-deadline=30s"]).start();
        scene.kubectl.apply(&python("hit", "Crash/a.py")).await;
        // The intent is written before the request leaves; the fault is used up when it arrived.
        let arrived = async || (scene.cloud.faults()[0].1 == 1).then_some(());
        poll(support::DEADLINE, Duration::from_millis(5), "no create", arrived).await;
        operator.kill().await;
        assert_eq!(scene.cloud.resource_count(PROJECT), usize::from(effect), "{pod} {effect}");

        let _operator = launch.pod(pod).start();
        let object = scene.ready("hit").await;
        assert_eq!(id(&object), scene.cloud.only_file().id, "{pod} {effect}");
        let creates = scene.cloud.counts().effects["CreateResource"];
        assert_eq!(creates, 1, "{pod} {effect}");
    }
}

#[tokio::test]
async fn crashes_at_any_moment_lose_and_double_nothing() {
    let scene = Scene::new().await;
    // One call takes as long as a crash needs to fall into it.
    scene.cloud.change_settings(|settings| settings.latency_ms = 15);
    let launch = scene.launch().with(&SHORT_BOUNDS).with(&[
        "--call-deadline=1s",
        "--start-deadline=1s",
        "--no-leader-elect",
    ]);
    let mut random = Random::new(47);
    for round in 0..10 {
        let prefix = format!("r{round}");
        // After so many calls of this round and a moment more, wherever that is: it makes a look and
        // four creates at the least.
        let (since, calls) = (scene.cloud.counts().total, random.below(5));
        let operator = launch.start();
        create(&scene, &prefix, 4).await;
        let enough = async || (scene.cloud.counts().total >= since + calls).then_some(());
        poll(support::DEADLINE, Duration::from_millis(2), "too few calls", enough).await;
        tokio::time::sleep(Duration::from_millis(random.below(20))).await;
        operator.kill().await;
    }
    let _operator = launch.start();
    for round in 0..10 {
        one_file_each(&scene, &format!("r{round}"), 4).await;
    }
    assert_eq!(scene.cloud.resource_count(PROJECT), 40);
    assert_eq!(scene.cloud.counts().effects.get("DeleteResource"), None, "none was made and taken back");
}

#[tokio::test]
async fn a_frozen_leader_is_replaced_and_ends_when_it_thaws() {
    let scene = Scene::new().await;
    let launch = scene.launch().with(&SHORT_BOUNDS);
    let mut first = launch.start();
    first.leads().await;
    // It freezes with a create under way, whose answer it will find when it thaws.
    scene.cloud.add_fault(Fault::new("CreateResource", FaultKind::Slow { ms: 500 }).times(1));
    scene.kubectl.apply(&python("frozen", "Freeze/a.py")).await;
    let arrived = async || (scene.cloud.faults()[0].1 == 1).then_some(());
    poll(support::DEADLINE, Duration::from_millis(5), "no create", arrived).await;
    first.pause().await;

    let second = launch.pod("pod-2").start();
    let object = scene.ready("frozen").await;
    assert_eq!(id(&object), scene.cloud.only_file().id);
    second.leads().await;
    scene.kubectl.apply(&python("thawed", "Freeze/b.py")).await;
    first.resume().await;
    let end = first.ended().await;
    assert!(!end.success(), "a lost lease is a failure: {end}");
    scene.ready("thawed").await;
    scene.fence().await;
    assert_eq!(scene.cloud.counts().effects["CreateResource"], 3, "one each, with the fence");
    assert_eq!(scene.cloud.resource_count(PROJECT), 3);
}

#[tokio::test]
async fn a_stop_finishes_what_is_under_way_and_hands_over() {
    let scene = Scene::new().await;
    scene.cloud.change_settings(|settings| settings.latency_ms = 100);
    let launch = scene.launch().with(&["--requests-per-second=3"]);
    let first = launch.start();
    first.leads().await;
    let second = launch.clone().pod("pod-2").start();
    second.says(&["attempting to acquire leadership lease"]).await;
    create(&scene, "stop", 40).await;
    scene.cloud.called(0, "CreateResource").await;
    let end = first.stop().await;
    assert!(end.success(), "{end}");
    let left = 40 - scene.cloud.resource_count(PROJECT);
    assert!(left > 0, "it was stopped in the middle");

    second.leads().await;
    one_file_each(&scene, "stop", 40).await;
    assert_eq!(scene.cloud.calls_of("CreateResource"), 40, "none was sent twice");
    let recorded = second.log().matches("what a lost create made").count();
    assert_eq!(recorded, 0, "what was under way was recorded before the end");
}

#[tokio::test]
async fn an_api_server_that_restarts_loses_nothing() {
    let scene = Scene::alone().await;
    scene.cloud.change_settings(|settings| settings.latency_ms = 20);
    let _operator = scene.launch().with(&["--no-leader-elect", "--requests-per-second=20"]).start();
    create(&scene, "api", 40).await;
    scene.cloud.called(0, "CreateResource").await;
    let cluster = scene.cluster.clone();
    tokio::task::spawn_blocking(move || cluster.restart_api_server()).await.unwrap();
    let back = async || scene.objects().get("api-0").await.ok();
    poll(support::DEADLINE, Duration::from_millis(100), "the API server stays away", back).await;
    one_file_each(&scene, "api", 40).await;
    assert_eq!(scene.cloud.counts().effects["CreateResource"], 40);
}

#[tokio::test]
async fn a_restart_with_nothing_to_do_does_nothing() {
    let scene = Scene::new().await;
    let operator = scene.launch().start();
    create(&scene, "calm", 10).await;
    one_file_each(&scene, "calm", 10).await;
    operator.kill().await;
    let versions = async || {
        let list = scene.objects().list(&ListParams::default()).await.unwrap();
        let calm = list.into_iter().filter(|o| o.metadata.name.as_ref().unwrap().starts_with("calm"));
        calm.map(|object| (object.metadata.name.unwrap(), object.metadata.resource_version.unwrap()))
            .collect::<Vec<_>>()
    };
    let before = (versions().await, scene.cloud.counts().total);

    let operator = scene.launch().start();
    operator.leads().await;
    assert_eq!((versions().await, scene.cloud.counts().total), before);
    // It does work: on what is new, and on nothing else.
    let fence = scene.fence().await;
    let about_others = scene.cloud.calls_since(0).into_iter().skip(usize::try_from(before.1).unwrap());
    let others: Vec<_> =
        about_others.filter(|call| call.name.as_deref().is_some_and(|name| !name.contains(&fence))).collect();
    assert!(others.is_empty(), "{others:?}");
    assert_eq!(versions().await, before.0);
    wrote(&operator, 2).await;
    assert_eq!(operator.writes().await, 2, "the fence's");
    assert!(is_ready(&scene.objects().get("calm-0").await.unwrap()));
}

/// The API server reads an object before it deletes it, and overlooks a finalizer that is added in between.
#[tokio::test]
async fn objects_that_are_deleted_as_soon_as_they_are_made_leave_no_file() {
    let scene = Scene::new().await;
    let _operator = scene.launch().with(&support::operator::SHORT_BOUNDS).start();
    scene.fence().await;
    let fences = scene.cloud.resource_count(PROJECT);
    scene.cloud.add_fault(Fault::new("CreateResource", FaultKind::Lost));
    let objects = scene.objects();
    let lives = (0..200).map(|n| {
        let objects = objects.clone();
        async move {
            let name = format!("brief-{n}");
            let object = serde_json::from_value(python(&name, &format!("B/{name}.py"))).unwrap();
            objects.create(&kube::api::PostParams::default(), &object).await.unwrap();
            // Not at once: when the finalizer is on its way.
            tokio::time::sleep(Duration::from_micros(300 * (n % 40))).await;
            objects.delete(&name, &kube::api::DeleteParams::default()).await.unwrap();
        }
    });
    futures::StreamExt::for_each_concurrent(futures::stream::iter(lives), 8, |life| life).await;
    for n in 0..200 {
        scene.gone(&format!("brief-{n}")).await;
    }
    scene.cloud.clear_faults();
    scene.fence().await;
    let left = async || (scene.cloud.resource_count(PROJECT) == fences + 1).then_some(());
    poll(support::DEADLINE, Duration::from_millis(100), "files are left", left).await;
}
