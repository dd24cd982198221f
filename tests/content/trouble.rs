//! Uploads on a bad day, URLs that lead nowhere, and ConfigMaps that may not be read.

use dataworks_simulator::{DeadUrl, Fault, FaultKind};
use serde_json::json;

use super::maps::{from_map, holds, map};
use super::uploads::binary;
use crate::support::{Ask as _, PROJECT, Scene, manifest, message, status};

#[tokio::test]
async fn an_upload_that_dies_half_way_is_made_again_from_the_beginning() {
    let scene = Scene::new().await;
    let operator = scene.launch().start();
    let bytes = binary(900_000, 3);
    scene.cloud.add_fault(Fault::new("PostObject", FaultKind::CutBody { bytes: 450_000 }).times(2));
    map(&scene, "m", &[("k", &bytes)]).await;
    scene.kubectl.apply(&from_map("a", "D/a.jar", "m", "k")).await;
    holds(&scene, "a", &bytes).await;
    assert_eq!(scene.cloud.calls_of("PostObject"), 3);
    assert_eq!(scene.cloud.calls_of("AuthorizeFileUpload"), 3, "a policy is used once");
    assert_eq!(scene.cloud.calls_of("CreateResource"), 1);
    let failed = ["action=\"PostObject\"", "code=\"ConnectionLost\""];
    assert_eq!(operator.metric("dataworks_api_requests_total", &failed).await, 2);
}

#[tokio::test]
async fn a_policy_that_has_ended_is_asked_for_anew() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    scene.cloud.change_settings(|settings| settings.upload.policy_validity_ms = 0);
    let bytes = binary(1000, 3);
    map(&scene, "m", &[("k", &bytes)]).await;
    scene.kubectl.apply(&from_map("a", "D/a.jar", "m", "k")).await;
    let waits = scene.says("a", "Unknown", "ProgressingWithRetry").await;
    assert!(
        message(&waits).contains("UploadRefused (the storage answered the upload with HTTP 403)"),
        "{}",
        message(&waits)
    );
    scene.cloud.change_settings(|settings| settings.upload.policy_validity_ms = 600_000);
    holds(&scene, "a", &bytes).await;
}

#[tokio::test]
async fn content_is_not_sent_where_nobody_allowed_it() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let stranger = scene.beside().await;
    let host = stranger.cloud.address().to_string();
    let (bucket, endpoint) = host.split_once('.').unwrap();
    scene.cloud.change_settings(|settings| {
        settings.upload.bucket = Some(bucket.to_owned());
        settings.upload.endpoint = Some(endpoint.to_owned());
    });
    let bytes = binary(1000, 3);
    map(&scene, "m", &[("k", &bytes)]).await;
    scene.kubectl.apply(&from_map("a", "D/a.jar", "m", "k")).await;
    let refused = scene.says("a", "False", "Refused").await;
    assert!(
        message(&refused).contains(&format!("the service named {host} for the upload")),
        "{}",
        message(&refused)
    );
    assert!(message(&refused).contains("DATAWORKS_ALLOWED_ENDPOINTS"), "{}", message(&refused));
    assert_eq!(stranger.cloud.actions(0), [""; 0]);
    assert_eq!(scene.cloud.calls_of("CreateResource"), 0);
    // What the ConfigMap holds now is another matter, which is looked at at once.
    scene.cloud.change_settings(|settings| settings.upload = Default::default());
    let other = binary(1000, 4);
    map(&scene, "m", &[("k", &other)]).await;
    holds(&scene, "a", &other).await;
}

#[tokio::test]
async fn a_url_that_leads_nowhere_is_told_and_never_asked_by_us() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let dead = "https://example.com/gone.py";
    scene.cloud.change_settings(|settings| settings.behaviour.dead_urls = vec![dead.to_owned()]);
    let url = |sha256: Option<&str>| {
        let url = json!({"location": dead, "sha256": sha256});
        manifest("a", &json!({"projectId": PROJECT, "path": "D/a.py", "content": {"url": url}}))
    };
    scene.kubectl.apply(&url(None)).await;
    let refused = scene.says("a", "False", "Refused").await;
    assert!(message(&refused).contains("the resource file cannot be downloaded"), "{}", message(&refused));
    scene.cloud.change_settings(|settings| settings.behaviour.dead_url = DeadUrl::Empty);
    // A declared digest is new content: it is sent at once.
    let sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    scene.kubectl.apply(&url(Some(sha256))).await;
    let made = scene.ready("a").await;
    assert_eq!(status(&made).content_digest.as_deref(), Some(sha256));
}

#[tokio::test]
async fn an_empty_jar_is_none() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    map(&scene, "m", &[("k", b"")]).await;
    scene.kubectl.apply(&from_map("a", "D/a.jar", "m", "k")).await;
    let waits = scene.says("a", "Unknown", "DependencyNotReady").await;
    assert_eq!(
        message(&waits),
        "The key \"k\" of ConfigMap \"m\" is empty, which no jar and no archive can be."
    );
    assert_eq!(scene.cloud.actions(0), [""; 0]);
    // Nor is one that is in use emptied.
    let bytes = binary(1000, 3);
    map(&scene, "m", &[("k", &bytes)]).await;
    holds(&scene, "a", &bytes).await;
    let since = scene.cloud.last();
    map(&scene, "m", &[("k", b"")]).await;
    let waits = scene.says("a", "Unknown", "DependencyNotReady").await;
    assert!(message(&waits).ends_with("The file in the workspace stays as it is."), "{}", message(&waits));
    assert_eq!(scene.cloud.actions(since), [""; 0]);
    assert_eq!(Some(scene.cloud.only_file().content_sha256), status(&waits).content_digest);
}
