//! STS and the metadata service that fail, and a token that ends under way.

use dataworks_simulator::{Fault, FaultKind};
use serde_json::json;

use super::support::{PROJECT, Scene, condition, id, is_current, message, python};
use super::{AccessKey, THEIRS, workspace};
use super::{
    OTHER_PROJECT, cloud, keyed, launch, owner, patch, ready, says, secret, theirs, through, until, waits,
};

const STS: &str = "AssumeRoleWithOIDC";

/// A workspace with a role that trusts the account `robot`, which is there.
async fn with_role(scene: &Scene) {
    scene.kubectl.run(&["create", "serviceaccount", "robot"]).await;
    let subject = format!("system:serviceaccount:{}:robot", scene.namespace);
    scene.cloud.change_settings(|settings| {
        settings.sts.role_arn = "acs:ram::2000:role/team".to_owned();
        settings.sts.subject = Some(subject);
    });
    let rrsa = json!({"credentials": {"rrsa": {
        "roleArn": "acs:ram::2000:role/team", "serviceAccountName": "robot",
        "oidcProviderArn": scene.cloud.settings().sts.oidc_provider_arn,
    }}});
    scene.kubectl.apply(&workspace(scene, "team", OTHER_PROJECT, &rrsa)).await;
}

#[tokio::test]
async fn a_token_that_ends_under_way_is_had_anew_and_closes_nothing() {
    let scene = Scene::under(cloud().await).await;
    let operator = launch(&scene).start();
    with_role(&scene).await;
    scene.kubectl.apply(&through("a", "team", "E/a.py")).await;
    let made = scene.ready("a").await;
    assert_eq!(scene.cloud.calls_of(STS), 1);
    // What was signed with the token arrives after its end.
    scene.cloud.set_access_keys(vec![AccessKey::default(), theirs("theirSecret")]);
    patch(&scene, "dwr", "a", &json!({"spec": {"content": {"inline": "print(2)\n"}}})).await;
    scene.ready("a").await;
    assert_eq!(scene.cloud.resource(&id(&made)).unwrap().content, "print(2)\n");
    assert_eq!(scene.cloud.calls_of(STS), 2);
    assert!(!operator.log().contains("the workspace is not ready"));
}

#[tokio::test]
async fn sts_that_is_away_is_waited_for_and_other_teams_go_on() {
    let scene = Scene::under(cloud().await).await;
    scene.cloud.add_fault(Fault::new(STS, FaultKind::DropBefore));
    let _operator = launch(&scene).start();
    with_role(&scene).await;
    scene.kubectl.apply(&through("a", "team", "E/a.py")).await;
    let (_, why) = ready(&says(&scene, "team", "Unknown ProgressingWithRetry").await);
    assert!(why.contains("CredentialsUnavailable"), "{why}");
    waits(&scene, "a").await;
    scene.kubectl.apply(&secret("key", THEIRS, "theirSecret")).await;
    scene.kubectl.apply(&keyed(&scene, "other")).await;
    scene.kubectl.apply(&through("b", "other", "E/b.py")).await;
    scene.ready("b").await;
    let of_role = scene.cloud.calls_since(0).into_iter().filter(|call| call.action == "GetProject");
    assert_eq!(of_role.count(), 1, "the other team's only");
    scene.cloud.clear_faults();
    let made = scene.ready("a").await;
    assert_eq!(owner(&scene, &id(&made)), (OTHER_PROJECT, "2000".to_owned()));
    until(&scene, "team", |team| ready(team).0 == "True Succeeded").await;
}

#[tokio::test]
async fn without_its_metadata_service_the_operator_sends_nothing_for_itself() {
    let scene = Scene::under(cloud().await).await;
    // Nobody is there.
    let address = "http://127.0.0.1:1";
    let _operator = launch(&scene)
        .keyless()
        .variable("ALIBABA_CLOUD_ECS_METADATA", "*")
        .variable("DATAWORKS_ECS_METADATA_ENDPOINT", address)
        .start();
    scene.kubectl.apply(&python("a", "E/a.py")).await;
    let told = |object: &_| {
        is_current(object)
            && condition(object, "Ready")
                .is_some_and(|c| c.status == "Unknown" && c.message.contains("metadata"))
    };
    let object = scene.until("a", told).await;
    assert!(message(&object).contains("CredentialsUnavailable"), "{}", message(&object));
    assert_eq!(scene.cloud.counts().total, 0, "something was sent");
    // Who brings his own key needs no metadata service.
    scene.kubectl.apply(&secret("key", THEIRS, "theirSecret")).await;
    scene.kubectl.apply(&keyed(&scene, "team")).await;
    scene.kubectl.apply(&through("b", "team", "E/b.py")).await;
    scene.ready("b").await;
}

/// By more than the service takes. The first call is none of STS, which would tell the time.
#[tokio::test]
async fn a_clock_that_is_off_by_an_hour_keeps_no_workspace_from_work() {
    let scene = Scene::under(cloud().await).await;
    scene.cloud.change_settings(|settings| settings.clock_offset_ms = 3_600_000);
    let _operator = launch(&scene).start();
    scene.kubectl.apply(&workspace(&scene, "one", PROJECT, &json!({}))).await;
    says(&scene, "one", "True Succeeded").await;
}
