//! Who tells that a workspace is not ready.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::*;

/// Has an object wait for longer than what may pass is waited for without a word.
async fn waited(scene: &Scene, name: &str) {
    let since = Timestamp::now() - SignedDuration::from_mins(10);
    let since = Timestamp::from_second(since.as_second()).unwrap().to_string();
    let ready = json!({
        "type": "Ready", "status": "Unknown", "reason": "DependencyNotReady", "message": "It waits.",
        "lastTransitionTime": since,
    });
    let change = json!({"status": {"conditions": [ready]}}).to_string();
    scene.kubectl.run(&["patch", "dwr", name, "--subresource=status", "--type=merge", "-p", &change]).await;
}

#[tokio::test]
async fn a_workspace_that_is_not_ready_has_an_event_and_its_objects_have_none() {
    let scene = Scene::under(cloud().await).await;
    for (name, workspace) in [("a", "team"), ("b", "team"), ("c", "nobody")] {
        scene.kubectl.apply(&through(name, workspace, &format!("E/{name}.py"))).await;
        waited(&scene, name).await;
    }
    // Its Secret is not there.
    scene.kubectl.apply(&keyed(&scene, "team")).await;
    let _operator = launch(&scene).start();
    says(&scene, "team", "False SecretNotFound").await;
    for name in ["a", "b", "c"] {
        scene.says(name, "False", "DependencyNotReady").await;
    }
    // Events leave in their order, so that this one comes after all that those have.
    let fence = scene.fence().await;
    let has = async |name: &str, reason: &str| {
        let events = scene.events().await;
        events.iter().filter(|event| event["regarding"]["name"] == name && event["reason"] == reason).count()
    };
    let told = async || (has(&fence, "Created").await == 1).then_some(());
    poll(DEADLINE, Duration::from_millis(50), "no event", told).await;
    assert_eq!(has("team", "SecretNotFound").await, 1);
    // That there is none of this name is its own mistake, and nobody else can tell.
    assert_eq!(has("c", "DependencyNotReady").await, 1);
    for name in ["a", "b"] {
        assert_eq!(has(name, "DependencyNotReady").await, 0, "{name}");
    }
}
