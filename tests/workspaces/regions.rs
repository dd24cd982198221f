//! A region that there is not: its host has no address.

use serde_json::json;

use super::support::{Ask as _, Scene};
use super::{
    THEIRS, cloud, delete, gone, keyed, launch, ready, says, secret, through, told, waits_for, workspace,
};

const NOWHERE: &str = "xx-nowhere-1";

#[tokio::test]
async fn a_region_that_there_is_not_says_so_and_what_to_do() {
    let scene = Scene::under(cloud().await).await;
    // Without a word on STS, which is then asked in the region.
    let operator = scene.launch().start();
    scene.kubectl.apply(&secret("key", THEIRS, "theirSecret")).await;
    scene.kubectl.run(&["create", "serviceaccount", "robot"]).await;
    let role = json!({"credentials": {"rrsa": {
        "roleArn": "acs:ram::2000:role/team", "serviceAccountName": "robot",
        "oidcProviderArn": "acs:ram::2000:oidc-provider/x",
    }}});
    for (mut object, host) in [
        (keyed(&scene, "team"), "dataworks.xx-nowhere-1.aliyuncs.com"),
        (workspace(&scene, "role", 7, &role), "sts.xx-nowhere-1.aliyuncs.com"),
    ] {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        object["spec"].as_object_mut().unwrap().remove("endpoint");
        object["spec"]["region"] = json!(NOWHERE);
        scene.kubectl.apply(&object).await;
        let team = says(&scene, &name, "Unknown ProgressingWithRetry").await;
        let (_, why) = ready(&team);
        for part in [host, "Is the region's name right? spec.region is \"xx-nowhere-1\"", "create it anew"] {
            assert!(why.contains(part), "{name}: {part}: {why}");
        }
        assert_eq!(told(&team).last_error.unwrap().code.as_deref(), Some("HostUnresolved"));
    }
    scene.kubectl.apply(&through("a", "team", "N/a.py")).await;
    waits_for(&scene, "a", "The DataWorksWorkspace \"team\" is not ready: The name of the host").await;
    assert_eq!(scene.cloud.actions(0), [""; 0], "a call was made");

    // The cure of the message: what it says is so, and what it asks for helps.
    let other = json!({"spec": {"region": "cn-shanghai"}}).to_string();
    let refused = scene.kubectl.try_run(&["patch", "dww", "team", "--type=merge", "-p", &other], "").await;
    assert!(refused.unwrap_err().contains("region"), "it can be changed");
    delete(&scene, "dww", "team").await;
    gone(&scene, "team").await;
    operator.kill().await;
    let _operator = launch(&scene).pod("pod-2").start();
    scene.kubectl.apply(&keyed(&scene, "team")).await;
    scene.ready("a").await;
}
