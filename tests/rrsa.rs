//! An operator without a key: it has the role that its pod's token stands for.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::time::Duration;

use dataworks_simulator::AccessKey;
use k8s_openapi::jiff::Timestamp;
use serde_json::json;
use support::operator::{Launch, Operator};
use support::{Ask as _, DEADLINE, Scene, id, message, poll, python, wrote};
use tempfile::TempDir;

const STS: &str = "AssumeRoleWithOIDC";
const TOKEN: &str = "the-token-of-the-pod";

/// A pod's folder with its token, which STS takes, and the operator in it.
fn pod(scene: &Scene) -> (TempDir, Launch) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    scene.cloud.change_settings(|settings| settings.sts.oidc_tokens = Some(vec![TOKEN.to_owned()]));
    let settings = scene.cloud.settings().sts;
    let launch = scene
        .launch()
        .keyless()
        .variable("ALIBABA_CLOUD_ROLE_ARN", &settings.role_arn)
        .variable("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", &settings.oidc_provider_arn)
        .variable("ALIBABA_CLOUD_OIDC_TOKEN_FILE", file.to_str().unwrap())
        .variable("ALIBABA_CLOUD_STS_ENDPOINT", &scene.cloud.url())
        .variable("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "true");
    (folder, launch)
}

/// Waits until the role was assumed so many times.
async fn assumed(scene: &Scene, times: u64) {
    let enough = async || (scene.cloud.calls_of(STS) >= times).then_some(());
    poll(DEADLINE, Duration::from_millis(50), "the role is not assumed", enough).await;
}

/// When the credentials end, by the metric.
async fn expiry(operator: &Operator) -> Option<f64> {
    let metrics = operator.metrics().await;
    let line =
        metrics.lines().find(|line| line.starts_with("dataworks_credentials_expiry_timestamp_seconds "));
    line.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn credentials_end_and_are_renewed_and_nothing_else_happens() {
    let scene = Scene::new().await;
    scene.cloud.change_settings(|settings| settings.sts.lifetime_ms = Some(6000));
    let (_folder, launch) = pod(&scene);
    let operator = launch.start();
    scene.kubectl.apply(&python("a", "D/a.py")).await;
    let made = scene.ready("a").await;

    wrote(&operator, 2).await;
    let (since, version, writes) = (scene.cloud.last(), scene.version("a").await, operator.writes().await);
    let before = scene.cloud.calls_of(STS);
    assumed(&scene, before + 3).await;
    assert!(
        scene.cloud.actions(since).iter().all(|action| action == STS),
        "{:?}",
        scene.cloud.actions(since)
    );
    assert_eq!((scene.version("a").await, operator.writes().await), (version, writes));
    assert_eq!(scene.cloud.counts().by_code, [].into(), "nothing was refused");
    let now = Timestamp::now().as_duration().as_secs_f64();
    let end = expiry(&operator).await.unwrap();
    assert!((now - 60.0..now + 7.0).contains(&end), "{end} is not about {now}");

    let mut edited = python("a", "D/a.py");
    edited["spec"]["content"] = json!({"inline": "print(2)\n"});
    scene.kubectl.apply(&edited).await;
    let updated = scene.ready("a").await;
    assert_eq!((id(&updated), scene.cloud.only_file().content), (id(&made), "print(2)\n".to_owned()));
    let log = operator.kill().await;
    assert!(log.contains("credentials renewed"), "the log was not read");
    for secret in [TOKEN, "CAIS"] {
        assert!(!log.contains(secret), "a token is in the log");
    }
}

#[tokio::test]
async fn a_role_that_is_not_trusted_is_told_and_its_mending_is_noticed() {
    let scene = Scene::new().await;
    let (_folder, launch) = pod(&scene);
    let trusted = scene.cloud.settings().sts.oidc_provider_arn;
    scene.cloud.change_settings(|settings| settings.sts.oidc_provider_arn = "another".to_owned());
    let operator = launch.start();
    scene.kubectl.apply(&python("a", "D/a.py")).await;
    let denied = scene.says("a", "Unknown", "AccessDenied").await;
    let text = message(&denied);
    assert!(
        text.contains("STS: AuthenticationFail.NoPermission") && text.contains("no credentials"),
        "{text}"
    );
    assert_eq!(scene.cloud.counts().total, scene.cloud.calls_of(STS), "nothing was sent without credentials");
    assert_eq!((operator.probe("/livez").await.0, operator.probe("/readyz").await.0), (200, 200));
    assert_eq!(expiry(&operator).await, None);
    assert_eq!(operator.metric("dataworks_api_calls_today", &[]).await, 0, "no call of the day was used");

    scene.cloud.change_settings(|settings| settings.sts.oidc_provider_arn = trusted);
    operator.says(&["there are credentials again", "\"objects\":1"]).await;
    scene.ready("a").await;
}

#[tokio::test]
async fn a_key_that_was_taken_away_is_replaced_at_once() {
    let scene = Scene::new().await;
    let (_folder, launch) = pod(&scene);
    let _operator = launch.start();
    scene.kubectl.apply(&python("a", "D/a.py")).await;
    scene.ready("a").await;
    assert_eq!(scene.cloud.calls_of(STS), 1);
    scene.cloud.set_access_keys(vec![AccessKey::default()]);
    let mut edited = python("a", "D/a.py");
    edited["spec"]["content"] = json!({"inline": "print(2)\n"});
    scene.kubectl.apply(&edited).await;
    scene.ready("a").await;
    assert_eq!(scene.cloud.only_file().content, "print(2)\n");
    assert_eq!(scene.cloud.calls_of(STS), 2);
}

#[tokio::test]
async fn half_a_role_is_no_reason_to_take_another_identity() {
    let scene = Scene::new().await;
    let launch = scene
        .launch()
        .keyless()
        .variable("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1000:role/dataworks-operator")
        .variable("ALIBABA_CLOUD_ECS_METADATA", "dataworks-operator")
        .variable("DATAWORKS_ECS_METADATA_ENDPOINT", &scene.cloud.url());
    let _operator = launch.start();
    scene.kubectl.apply(&python("a", "D/a.py")).await;
    let denied = scene.says("a", "Unknown", "AccessDenied").await;
    assert!(message(&denied).contains("ALIBABA_CLOUD_OIDC_PROVIDER_ARN"), "{}", message(&denied));
    assert_eq!(scene.cloud.counts().total, 0, "nobody was asked");
}

#[tokio::test]
async fn the_role_of_the_instance_is_taken_where_it_is_named() {
    let scene = Scene::new().await;
    let launch = scene
        .launch()
        .keyless()
        .variable("ALIBABA_CLOUD_ECS_METADATA", "*")
        .variable("DATAWORKS_ECS_METADATA_ENDPOINT", &scene.cloud.url());
    let _operator = launch.start();
    scene.kubectl.apply(&python("a", "D/a.py")).await;
    scene.ready("a").await;
    assert_eq!(
        scene.cloud.actions(0)[..3],
        ["PutMetadataToken", "GetMetadataRole", "GetMetadataCredentials"]
    );
}
