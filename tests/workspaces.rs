//! Workspaces as objects: whose credentials, which endpoint, what waits for what.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "workspaces/absence.rs"]
mod absence;
#[path = "workspaces/default_connection.rs"]
mod default_connection;
#[path = "workspaces/defaults.rs"]
mod defaults;
#[path = "workspaces/events.rs"]
mod events;
#[path = "workspaces/faults.rs"]
mod faults;
#[path = "workspaces/regions.rs"]
mod regions;
mod support;

use std::time::{Duration, Instant};

use dataworks_core::api::v1alpha1::{DataWorksWorkspace, DataWorksWorkspaceStatus};
use dataworks_simulator::{AccessKey, Config, ProjectConfig, Simulator};
use kube::Api;
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};
use support::operator::{Launch, Operator};
use support::{
    Ask as _, DEADLINE, PROJECT, Scene, condition, id, is_current, manifest, message, poll, status,
};

const FINALIZER: &str = "dataworks.alibabacloud.com/finalizer";
/// The key of the second account.
const THEIRS: &str = "LTAItheirs";
/// Their workspace.
const OTHER_PROJECT: u64 = 654_321;

/// A cloud with two accounts, each with a key and a workspace.
async fn cloud() -> Simulator {
    let config = Config {
        access_keys: vec![AccessKey::default(), theirs("theirSecret")],
        projects: vec![
            ProjectConfig::new(PROJECT, "sora_finance"),
            ProjectConfig { dev_environment_enabled: true, ..ProjectConfig::new(OTHER_PROJECT, "theirs") },
        ],
        ..Config::default()
    };
    Simulator::start(config).await.unwrap()
}

fn theirs(secret: &str) -> AccessKey {
    AccessKey {
        access_key_id: THEIRS.to_owned(),
        secret: secret.to_owned(),
        account_id: "2000".to_owned(),
        ..AccessKey::default()
    }
}

/// The cloud's host and port, as a workspace names it.
fn host(scene: &Scene) -> String {
    scene.cloud.url().strip_prefix("http://").unwrap().to_owned()
}

/// An operator that lets workspaces name the simulator, for whom STS is there as well.
fn launch(scene: &Scene) -> Launch {
    let url = scene.cloud.url();
    let allowed = format!("--allowed-endpoints={url}");
    scene.launch().with(&[&allowed]).variable("ALIBABA_CLOUD_STS_ENDPOINT", &url)
}

/// A workspace object with these fields beside the usual ones.
fn workspace(scene: &Scene, name: &str, project: u64, more: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "dataworks.alibabacloud.com/v1alpha1",
        "kind": "DataWorksWorkspace",
        "metadata": {"name": name},
        "spec": {"projectId": project, "region": "cn-shanghai", "endpoint": host(scene)},
    });
    object["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object
}

/// One with the key in a Secret.
fn keyed(scene: &Scene, name: &str) -> Value {
    workspace(scene, name, OTHER_PROJECT, &json!({"credentials": {"secretRef": {"name": "key"}}}))
}

fn secret(name: &str, id: &str, secret: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
        "stringData": {"accessKeyId": id, "accessKeySecret": secret},
    })
}

/// A file by the way of a workspace object.
fn through(name: &str, workspace: &str, path: &str) -> Value {
    manifest(
        name,
        &json!({"workspaceRef": {"name": workspace}, "path": path, "content": {"inline": "print(1)\n"}}),
    )
}

fn workspaces(scene: &Scene) -> Api<DataWorksWorkspace> {
    Api::namespaced(scene.client.clone(), &scene.namespace)
}

fn told(object: &DataWorksWorkspace) -> DataWorksWorkspaceStatus {
    object.status.clone().unwrap_or_default()
}

/// Status and reason of Ready in the present generation, and its message.
fn ready(object: &DataWorksWorkspace) -> (String, String) {
    let status = told(object);
    let current = status.observed_generation == object.metadata.generation;
    let ready = status.conditions.into_iter().find(|c| c.type_ == "Ready").filter(|_| current);
    ready.map(|c| (format!("{} {}", c.status, c.reason), c.message)).unwrap_or_default()
}

/// Waits until a workspace is as `met` says.
async fn until(scene: &Scene, name: &str, met: impl Fn(&DataWorksWorkspace) -> bool) -> DataWorksWorkspace {
    let holds = |object: Option<&DataWorksWorkspace>| object.is_some_and(&met);
    let wait = await_condition(workspaces(scene), name, holds);
    if let Ok(end) = tokio::time::timeout(DEADLINE, wait).await {
        return end.unwrap().unwrap();
    }
    let object = workspaces(scene).get_opt(name).await.unwrap();
    panic!("{name} is not as expected: {}", serde_json::to_string_pretty(&object).unwrap());
}

/// Waits until a workspace's Ready says this, such as `True Succeeded`.
async fn says(scene: &Scene, name: &str, want: &str) -> DataWorksWorkspace {
    until(scene, name, |object| ready(object).0 == want).await
}

/// Waits until an object says that it waits for its workspace.
async fn waits(scene: &Scene, name: &str) -> String {
    waits_for(scene, name, "").await
}

/// Waits until an object says that it waits for its workspace, in a message that begins with this.
async fn waits_for(scene: &Scene, name: &str, begins: &str) -> String {
    let met = |object: &_| {
        is_current(object)
            && condition(object, "Ready")
                .is_some_and(|c| c.reason == "DependencyNotReady" && c.message.starts_with(begins))
    };
    message(&scene.until(name, met).await)
}

async fn patch(scene: &Scene, kind: &str, name: &str, patch: &Value) {
    scene.kubectl.run(&["patch", kind, name, "--type=merge", "-p", &patch.to_string()]).await;
}

async fn delete(scene: &Scene, kind: &str, name: &str) {
    scene.kubectl.run(&["delete", kind, name, "--wait=false"]).await;
}

async fn gone(scene: &Scene, name: &str) {
    let wait = await_condition(workspaces(scene), name, |o: Option<&DataWorksWorkspace>| o.is_none());
    tokio::time::timeout(DEADLINE, wait).await.expect("the workspace goes").unwrap();
}

/// The account of the key that owns what was made.
fn owner(scene: &Scene, file: &str) -> (u64, String) {
    let file = scene.cloud.resource(file).unwrap();
    (file.project_id, file.owner)
}

#[tokio::test]
async fn an_object_lives_by_the_credentials_of_its_workspace() {
    let scene = Scene::under(cloud().await).await;
    // Nothing of the default connection is open.
    let operator = launch(&scene).with(&["--default-connection-namespaces="]).start();
    scene.kubectl.apply(&through("a", "team", "W/a.py")).await;
    assert!(waits(&scene, "a").await.starts_with("There is no DataWorksWorkspace \"team\""));

    scene.kubectl.apply(&keyed(&scene, "team")).await;
    let (_, why) = ready(&says(&scene, "team", "False SecretNotFound").await);
    assert!(why.contains("Secret \"key\""), "{why}");
    assert_eq!(scene.cloud.actions(0), [""; 0], "a call was made");

    scene.kubectl.apply(&secret("key", THEIRS, "theirSecret")).await;
    let made = scene.ready("a").await;
    assert_eq!(owner(&scene, &id(&made)), (OTHER_PROJECT, "2000".to_owned()));
    assert_eq!(status(&made).project_id, Some(i64::try_from(OTHER_PROJECT).unwrap()));
    let team = says(&scene, "team", "True Succeeded").await;
    let project = told(&team).project.unwrap();
    assert_eq!(project.name.as_deref(), Some("theirs"));
    assert_eq!(serde_json::to_value(project.mode).unwrap(), "Standard");
    // One look at the workspace, one listing, one create; whose key it is costs none of DataWorks.
    let actions = scene.cloud.actions(0);
    assert_eq!(
        actions,
        ["GetCallerIdentity", "GetCallerIdentity", "GetProject", "ListResources", "CreateResource"]
    );
    assert!(team.metadata.finalizers.unwrap().contains(&FINALIZER.to_owned()));

    patch(&scene, "dwr", "a", &json!({"spec": {"content": {"inline": "print(2)\n"}}})).await;
    scene.ready("a").await;
    assert_eq!(scene.cloud.resources(OTHER_PROJECT)[0].content, "print(2)\n");
    delete(&scene, "dwr", "a").await;
    scene.gone("a").await;
    assert_eq!(scene.cloud.resources(OTHER_PROJECT).len(), 0);
    until(&scene, "team", |team| team.metadata.finalizers.as_ref().is_none_or(Vec::is_empty)).await;
    let log = operator.kill().await;
    assert!(!log.contains("theirSecret"), "the log tells the secret");
}

#[tokio::test]
async fn a_rotated_secret_takes_effect_at_once_and_nothing_else_is_called_meanwhile() {
    let scene = Scene::under(cloud().await).await;
    let operator = launch(&scene).start();
    scene.kubectl.apply(&secret("key", THEIRS, "theirSecret")).await;
    scene.kubectl.apply(&keyed(&scene, "team")).await;
    for n in 0..3 {
        scene.kubectl.apply(&through(&format!("a{n}"), "team", &format!("R/a{n}.py"))).await;
        scene.ready(&format!("a{n}")).await;
    }
    let (since, settled) = (scene.cloud.last(), scene.version("a0").await);
    scene.kubectl.apply(&secret("key", THEIRS, "rotten-9")).await;
    let (_, why) = ready(&says(&scene, "team", "False AccessDenied").await);
    assert!(why.contains("SignatureDoesNotMatch") && !why.contains("rotten-9"), "{why}");
    // Edited, new and to be deleted: all wait, and say what for.
    patch(&scene, "dwr", "a1", &json!({"spec": {"content": {"inline": "print(2)\n"}}})).await;
    scene.kubectl.apply(&through("a3", "team", "R/a3.py")).await;
    for name in ["a1", "a3"] {
        let told = waits(&scene, name).await;
        assert!(
            told.starts_with("The DataWorksWorkspace \"team\" is not ready: The service refuses"),
            "{told}"
        );
    }
    delete(&scene, "dwr", "a2").await;
    scene.says("a2", "False", "DeletionBlocked").await;
    let actions = scene.cloud.actions(since);
    assert!(
        actions.iter().all(|action| action == "GetProject" || action == "GetCallerIdentity"),
        "{actions:?}"
    );
    assert_eq!(scene.version("a0").await, settled, "a settled object was written");
    let events = scene.events().await;
    let about = |kind: &str, reason: &str| {
        events.iter().filter(|e| e["regarding"]["kind"] == kind && e["reason"] == reason).count()
    };
    assert_eq!(
        (about("DataWorksWorkspace", "AccessDenied"), about("DataWorksResource", "AccessDenied")),
        (1, 0)
    );

    // Another key of the same account.
    scene.cloud.set_access_keys(vec![AccessKey::default(), theirs("new")]);
    scene.kubectl.apply(&secret("key", THEIRS, "new")).await;
    let rotated = Instant::now();
    says(&scene, "team", "True Succeeded").await;
    println!(
        "from another key to the first call that succeeds, and told so: {} ms",
        rotated.elapsed().as_millis()
    );
    for name in ["a1", "a3"] {
        scene.ready(name).await;
    }
    scene.gone("a2").await;
    assert_eq!(scene.version("a0").await, settled);
    let told = operator.log() + &serde_json::to_string(&scene.events().await).unwrap();
    assert!(!told.contains("theirSecret"), "a secret is told");
}

#[tokio::test]
async fn who_deletes_the_secret_first_still_gets_his_files_deleted() {
    let scene = Scene::under(cloud().await).await;
    let _operator = launch(&scene).start();
    scene.kubectl.apply(&secret("key", THEIRS, "theirSecret")).await;
    scene.kubectl.apply(&keyed(&scene, "team")).await;
    for name in ["a", "b"] {
        scene.kubectl.apply(&through(name, "team", &format!("S/{name}.py"))).await;
        scene.ready(name).await;
    }
    scene.kubectl.run(&["delete", "secret", "key"]).await;
    says(&scene, "team", "False SecretNotFound").await;
    patch(&scene, "dwr", "b", &json!({"spec": {"content": {"inline": "print(2)\n"}}})).await;
    waits(&scene, "b").await;
    // As the deletion of a namespace does.
    delete(&scene, "dww", "team").await;
    let (_, why) = ready(&says(&scene, "team", "False Deleting").await);
    assert!(why.contains("2 objects have a file here, the first is \"a\""), "{why}");
    scene.kubectl.apply(&through("late", "team", "S/late.py")).await;
    waits(&scene, "late").await;
    for name in ["a", "b"] {
        delete(&scene, "dwr", name).await;
        scene.gone(name).await;
    }
    gone(&scene, "team").await;
    assert_eq!(scene.cloud.resources(OTHER_PROJECT).len(), 0);
    // It waited for one that is being deleted: the message follows.
    waits_for(&scene, "late", "There is no").await;
}

#[tokio::test]
async fn an_object_may_change_its_way_and_not_its_workspace() {
    let scene = Scene::under(cloud().await).await;
    let _operator = launch(&scene).start();
    scene.kubectl.apply(&workspace(&scene, "same", PROJECT, &json!({}))).await;
    scene.kubectl.apply(&secret("key", THEIRS, "theirSecret")).await;
    scene.kubectl.apply(&keyed(&scene, "other")).await;
    scene.kubectl.apply(&support::python("a", "C/a.py")).await;
    let made = id(&scene.ready("a").await);
    let since = scene.cloud.last();

    let to = |name: &str| json!({"spec": {"projectId": null, "workspaceRef": {"name": name}}});
    patch(&scene, "dwr", "a", &to("same")).await;
    assert_eq!(id(&scene.ready("a").await), made);
    patch(&scene, "dwr", "a", &json!({"spec": {"projectId": PROJECT, "workspaceRef": null}})).await;
    assert_eq!(id(&scene.ready("a").await), made);
    says(&scene, "other", "True Succeeded").await;
    patch(&scene, "dwr", "a", &to("other")).await;
    scene.says("a", "False", "WorkspaceChanged").await;
    delete(&scene, "dwr", "a").await;
    let blocked = message(&scene.says("a", "False", "DeletionBlocked").await);
    assert!(blocked.contains(&format!("is in workspace {PROJECT}")), "{blocked}");
    let writes = ["CreateResource", "UpdateResource", "DeleteResource"];
    let actions = scene.cloud.actions(since);
    assert!(!actions.iter().any(|action| writes.contains(&&**action)), "{actions:?}");
    patch(&scene, "dwr", "a", &to("same")).await;
    scene.gone("a").await;
    assert_eq!(scene.cloud.resources(PROJECT).len(), 0);
}

#[tokio::test]
async fn the_operators_identity_is_had_where_its_connection_is_and_nowhere_else() {
    let scene = Scene::under(cloud().await).await;
    let other = scene.neighbour().await;
    let launch = scene.launch_for(&[&scene.namespace, &other.namespace]);
    let only = format!("--default-connection-namespaces={}", other.namespace);
    let allowed = format!("--allowed-endpoints={}", scene.cloud.url());
    let _operator = launch.with(&[&only, &allowed]).start();
    for scene in [&scene, &other] {
        scene.kubectl.apply(&workspace(scene, "plain", PROJECT, &json!({}))).await;
        scene.kubectl.apply(&through("a", "plain", &format!("O/{}.py", scene.namespace))).await;
    }
    other.ready("a").await;
    let (_, why) = ready(&says(&scene, "plain", "False ConnectionNotAllowed").await);
    assert!(why.contains("DATAWORKS_DEFAULT_CONNECTION_NAMESPACES"), "{why}");
    waits(&scene, "a").await;
    // A workspace of another namespace cannot be named.
    let named = through("b", &format!("{}/plain", other.namespace), "O/b.py").to_string();
    let refused = scene.kubectl.try_run(&["apply", "-f", "-"], &named).await.unwrap_err();
    assert!(refused.contains("name is no name of a Kubernetes object"), "{refused}");
    assert_eq!(scene.cloud.resources(PROJECT).len(), 1);
}

#[tokio::test]
async fn addresses_of_a_machine_or_the_cluster_are_not_called() {
    let scene = Scene::under(cloud().await).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let _operator = launch(&scene).start();
    let places = [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        "100.100.100.200".to_owned(),
        "169.254.169.254".to_owned(),
        "kubernetes.default.svc".to_owned(),
        "dataworks.oss-cn-shanghai.aliyuncs.com".to_owned(),
    ];
    for (n, endpoint) in places.iter().enumerate() {
        let name = format!("w{n}");
        scene.kubectl.apply(&workspace(&scene, &name, PROJECT, &json!({"endpoint": endpoint}))).await;
        let (_, why) = ready(&says(&scene, &name, "False EndpointNotAllowed").await);
        assert!(why.contains(endpoint) && why.contains("--allowed-endpoints"), "{why}");
    }
    assert_eq!(scene.cloud.actions(0), [""; 0]);
    let connected = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(connected.is_err(), "somebody connected");
}

#[tokio::test]
async fn a_role_for_an_account_of_the_namespace_needs_no_key() {
    let scene = Scene::under(cloud().await).await;
    let subject = format!("system:serviceaccount:{}:robot", scene.namespace);
    scene.cloud.change_settings(|settings| {
        settings.sts.role_arn = "acs:ram::2000:role/team".to_owned();
        settings.sts.subject = Some(subject);
    });
    let provider = scene.cloud.settings().sts.oidc_provider_arn;
    let _operator = launch(&scene).with(&["--default-connection-namespaces="]).start();
    let rrsa = |account: &str| {
        json!({"credentials": {"rrsa": {
            "roleArn": "acs:ram::2000:role/team", "oidcProviderArn": provider, "serviceAccountName": account,
        }}})
    };
    scene.kubectl.apply(&workspace(&scene, "team", OTHER_PROJECT, &rrsa("robot"))).await;
    scene.kubectl.apply(&through("a", "team", "T/a.py")).await;
    let (_, why) = ready(&says(&scene, "team", "False AccessDenied").await);
    assert!(why.contains("there is no ServiceAccount \"robot\""), "{why}");
    scene.kubectl.run(&["create", "serviceaccount", "robot"]).await;
    let made = scene.ready("a").await;
    assert_eq!(owner(&scene, &id(&made)), (OTHER_PROJECT, "2000".to_owned()));
    // Not for another account, though the role is the same.
    scene.kubectl.run(&["create", "serviceaccount", "other"]).await;
    scene.kubectl.apply(&workspace(&scene, "thief", OTHER_PROJECT, &rrsa("other"))).await;
    let (_, why) = ready(&says(&scene, "thief", "False AccessDenied").await);
    assert!(why.contains("AuthenticationFail.NoPermission"), "{why}");
}

#[tokio::test]
async fn a_role_is_assumed_where_an_administrator_opened_it() {
    const ROLE: &str = "acs:ram::2000:role/team";
    let scene = Scene::under(cloud().await).await;
    let other = scene.neighbour().await;
    scene.cloud.change_settings(|settings| {
        settings.sts.role_arn = ROLE.to_owned();
        settings.sts.external_id = Some("team".to_owned());
    });
    let url = scene.cloud.url();
    let roles = format!("--assume-roles={}={ROLE}", scene.namespace);
    let _operator = scene
        .launch_for(&[&scene.namespace, &other.namespace])
        .with(&[&format!("--allowed-endpoints={url}"), &roles, "--default-connection-namespaces="])
        .variable("ALIBABA_CLOUD_STS_ENDPOINT", &url)
        .start();
    let role = json!({"credentials": {"assumeRole": {"roleArn": ROLE, "externalId": "team"}}});
    for scene in [&scene, &other] {
        scene.kubectl.apply(&workspace(scene, "team", OTHER_PROJECT, &role)).await;
        scene.kubectl.apply(&through("a", "team", &format!("U/{}.py", scene.namespace))).await;
    }
    let made = scene.ready("a").await;
    assert_eq!(owner(&scene, &id(&made)), (OTHER_PROJECT, "2000".to_owned()));
    let (_, why) = ready(&says(&other, "team", "False ConnectionNotAllowed").await);
    assert!(why.contains("DATAWORKS_ASSUME_ROLES"), "{why}");
    assert_eq!(scene.cloud.calls_of("AssumeRole"), 1);
    // Without the external id the role does not trust.
    let without = json!({"credentials": {"assumeRole": {"roleArn": ROLE}}});
    scene.kubectl.apply(&workspace(&scene, "without", OTHER_PROJECT, &without)).await;
    says(&scene, "without", "False AccessDenied").await;
}

#[tokio::test]
async fn a_workspace_that_is_not_there_or_not_available_says_so() {
    let scene = Scene::under(cloud().await).await;
    scene
        .cloud
        .add_project(ProjectConfig { status: "Forbidden".to_owned(), ..ProjectConfig::new(7, "frozen") });
    let _operator = launch(&scene).start();
    scene.kubectl.apply(&workspace(&scene, "missing", 8, &json!({}))).await;
    scene.kubectl.apply(&through("a", "missing", "V/a.py")).await;
    scene.kubectl.apply(&workspace(&scene, "frozen", 7, &json!({}))).await;
    let missing = says(&scene, "missing", "False WorkspaceNotFound").await;
    assert!(ready(&missing).1.contains("no workspace 8 in region cn-shanghai"), "{}", ready(&missing).1);
    assert_eq!(told(&missing).last_error.unwrap().code.as_deref(), Some("1101080008"));
    assert!(ready(&says(&scene, "frozen", "False WorkspaceNotAvailable").await).1.contains("\"Forbidden\""));
    waits(&scene, "a").await;
    assert_eq!(scene.cloud.actions(0), ["GetProject", "GetProject"]);
    // It is made, and a person asks for a look.
    scene.cloud.add_project(ProjectConfig::new(8, "new"));
    let ask = "dataworks.alibabacloud.com/reconcile-requested-at=now";
    scene.kubectl.run(&["annotate", "dww", "missing", ask]).await;
    until(&scene, "missing", |object| told(object).last_handled_reconcile_at.as_deref() == Some("now")).await;
    scene.ready("a").await;
}

#[tokio::test]
async fn a_key_that_goes_bad_in_the_cloud_closes_the_workspace_by_one_call() {
    let scene = Scene::under(cloud().await).await;
    let operator = launch(&scene).start();
    scene.kubectl.apply(&secret("key", THEIRS, "theirSecret")).await;
    scene.kubectl.apply(&keyed(&scene, "team")).await;
    scene.kubectl.apply(&through("a", "team", "X/a.py")).await;
    scene.ready("a").await;
    scene
        .cloud
        .set_access_keys(vec![AccessKey::default(), AccessKey { inactive: true, ..theirs("theirSecret") }]);
    patch(&scene, "dwr", "a", &json!({"spec": {"content": {"inline": "print(2)\n"}}})).await;
    says(&scene, "team", "False AccessDenied").await;
    waits(&scene, "a").await;
    let since = scene.cloud.last();
    for n in 0..20 {
        scene.kubectl.apply(&through(&format!("b{n}"), "team", &format!("X/b{n}.py"))).await;
        waits(&scene, &format!("b{n}")).await;
    }
    let probes = scene.cloud.actions(since);
    assert!(
        probes.iter().all(|action| action == "GetProject" || action == "GetCallerIdentity"),
        "{probes:?}"
    );
    scene.cloud.set_access_keys(vec![AccessKey::default(), theirs("theirSecret")]);
    // The looks at a workspace that is refused grow rare.
    let ask = "dataworks.alibabacloud.com/reconcile-requested-at=now";
    scene.kubectl.run(&["annotate", "dww", "team", ask]).await;
    says(&scene, "team", "True Succeeded").await;
    scene.ready("a").await;
    scene.ready("b19").await;
    drop(operator);
}

#[tokio::test]
async fn a_restart_costs_one_call_for_each_workspace_and_writes_nothing() {
    let scene = Scene::under(cloud().await).await;
    let launch = launch(&scene);
    let operator = launch.start();
    scene.kubectl.apply(&workspace(&scene, "one", PROJECT, &json!({}))).await;
    scene.kubectl.apply(&workspace(&scene, "two", OTHER_PROJECT, &json!({}))).await;
    for n in 0..10 {
        let workspace = ["one", "two"][n % 2];
        scene.kubectl.apply(&through(&format!("a{n}"), workspace, &format!("Y/a{n}.py"))).await;
    }
    for n in 0..10 {
        scene.ready(&format!("a{n}")).await;
    }
    let all = |object: &DataWorksWorkspace| {
        told(object).resources.is_some_and(|counts| (counts.total, counts.not_ready) == (5, 0))
    };
    until(&scene, "one", all).await;
    until(&scene, "two", all).await;
    assert!(operator.stop().await.success());
    let (since, version) = (scene.cloud.last(), scene.version("a0").await);
    let operator = launch.pod("pod-2").start();
    operator.leads().await;
    let looked = async || (scene.cloud.calls_of("GetProject") >= 4).then_some(());
    poll(DEADLINE, Duration::from_millis(50), "the workspaces are not looked at", looked).await;
    let fence = through("fence", "one", "Y/fence.py");
    scene.kubectl.apply(&fence).await;
    scene.ready("fence").await;
    let actions = scene.cloud.actions(since);
    let count = |action: &str| actions.iter().filter(|one| *one == action).count();
    assert_eq!(
        (count("GetProject"), count("GetResource"), count("UpdateResource")),
        (2, 0, 0),
        "{actions:?}"
    );
    assert_eq!(scene.version("a0").await, version);
}

#[tokio::test]
async fn claims_hold_across_workspace_objects_of_one_workspace() {
    let scene = Scene::under(cloud().await).await;
    let other = scene.neighbour().await;
    let allowed = format!("--allowed-endpoints={}", scene.cloud.url());
    let url = scene.cloud.url();
    let _operator = scene
        .launch_for(&[&scene.namespace, &other.namespace])
        .with(&[&allowed])
        .variable("ALIBABA_CLOUD_STS_ENDPOINT", &url)
        .start();
    scene.kubectl.apply(&workspace(&scene, "mine", OTHER_PROJECT, &json!({}))).await;
    scene.kubectl.apply(&through("a", "mine", "Z/a.py")).await;
    scene.ready("a").await;
    // The same workspace by other credentials, and by none that work.
    other.kubectl.apply(&secret("key", THEIRS, "theirSecret")).await;
    other.kubectl.apply(&keyed(&other, "theirs")).await;
    other.kubectl.apply(&secret("bad", THEIRS, "bad")).await;
    let bad = json!({"credentials": {"secretRef": {"name": "bad"}}});
    other.kubectl.apply(&workspace(&other, "bad", OTHER_PROJECT, &bad)).await;
    other.kubectl.apply(&through("a", "theirs", "Z/a.py")).await;
    let managed = message(&other.says("a", "False", "AlreadyManaged").await);
    assert!(managed.contains("another object in this cluster"), "{managed}");
    // Who has no way in claims nothing: the path stays free for others.
    other.kubectl.apply(&through("squatter", "bad", "Z/b.py")).await;
    waits(&other, "squatter").await;
    scene.kubectl.apply(&through("b", "mine", "Z/b.py")).await;
    scene.ready("b").await;
    assert_eq!(scene.cloud.resources(OTHER_PROJECT).len(), 2);
}

/// Calls that a workspace says it has left today.
async fn left(scene: &Scene, name: &str) -> Option<i64> {
    told(&workspaces(scene).get(name).await.unwrap()).calls.and_then(|calls| calls.left)
}

#[tokio::test]
async fn workspaces_of_one_account_share_its_calls_and_those_of_another_do_not() {
    let scene = Scene::under(cloud().await).await;
    let operator: Operator = launch(&scene).start();
    scene.kubectl.apply(&secret("key", THEIRS, "theirSecret")).await;
    let with =
        |per_day: u64| json!({"requestsPerDay": per_day, "credentials": {"secretRef": {"name": "key"}}});
    scene.kubectl.apply(&workspace(&scene, "few", OTHER_PROJECT, &with(5))).await;
    says(&scene, "few", "True Succeeded").await;
    scene.kubectl.apply(&workspace(&scene, "many", PROJECT, &with(1000))).await;
    says(&scene, "many", "True Succeeded").await;
    // Two looks of five: the smaller figure holds for both.
    assert_eq!(left(&scene, "many").await, Some(3));
    // Who names the account and is not of it has no say.
    let named = json!({"requestsPerDay": 1, "credentials": {"rrsa": {
        "roleArn": "acs:ram::2000:role/x", "oidcProviderArn": "acs:ram::2000:oidc-provider/x",
        "serviceAccountName": "none",
    }}});
    scene.kubectl.apply(&workspace(&scene, "thief", OTHER_PROJECT, &named)).await;
    says(&scene, "thief", "False AccessDenied").await;
    let bad = json!({"requestsPerDay": 1, "credentials": {"secretRef": {"name": "bad"}}});
    scene.kubectl.apply(&secret("bad", THEIRS, "guessed")).await;
    scene.kubectl.apply(&workspace(&scene, "guesser", OTHER_PROJECT, &bad)).await;
    says(&scene, "guesser", "False AccessDenied").await;
    assert_eq!(operator.metric("dataworks_workspace_api_calls_left_today", &["name=\"many\""]).await, 3);
    scene.kubectl.apply(&through("a", "many", "B/a.py")).await;
    scene.ready("a").await;
    scene.kubectl.apply(&through("b", "few", "B/b.py")).await;
    let waits = async || {
        let waiting = operator.metric("workqueue_depth", &[]).await
            + operator.metric("dataworks_queue_delayed", &[]).await;
        (waiting >= 1).then_some(())
    };
    poll(DEADLINE, Duration::from_millis(50), "nothing waits", waits).await;
    // The operator's own account goes on.
    scene.kubectl.apply(&support::python("c", "B/c.py")).await;
    scene.ready("c").await;
    let good = scene.cloud.calls_since(0).into_iter().filter(|call| call.code.is_none());
    let calls = good.filter(|call| call.action != "GetCallerIdentity");
    // Five of theirs, and the operator's own listing and create.
    assert!(calls.count() <= 5 + 2, "{:?}", scene.cloud.actions(0));
    assert_eq!(scene.cloud.resources(OTHER_PROJECT).len(), 0);
}

#[tokio::test]
async fn each_workspace_tells_how_far_its_own_looks_are_apart() {
    let scene = Scene::under(cloud().await).await;
    let operator = launch(&scene).start();
    scene.kubectl.apply(&secret("key", THEIRS, "theirSecret")).await;
    let seldom = json!({"driftInterval": "8h", "credentials": {"secretRef": {"name": "key"}}});
    scene.kubectl.apply(&workspace(&scene, "team", OTHER_PROJECT, &seldom)).await;
    scene.kubectl.apply(&through("a", "team", "B/a.py")).await;
    scene.kubectl.apply(&support::python("b", "B/b.py")).await;
    scene.ready("a").await;
    scene.ready("b").await;
    let interval = |project: u64, seconds: &str| {
        format!("\ndataworks_inventory_interval_seconds{{workspace=\"{project}\"}} {seconds}\n")
    };
    let want = [interval(OTHER_PROJECT, "28800.0"), interval(PROJECT, "3600.0")];
    let shown = async || {
        let text = operator.metrics().await;
        want.iter().all(|line| text.contains(line)).then_some(())
    };
    poll(DEADLINE, Duration::from_millis(50), "the intervals are not told", shown).await;
}

#[tokio::test]
async fn the_teams_of_the_example_are_accepted() {
    // Its namespaces have names that others may use, too.
    let scene = Scene::alone().await;
    let file = |name: &str| support::file(&format!("examples/teams/{name}.yaml"));
    for team in ["analytics", "sales", "risk"] {
        // The namespace is in the file, and has to be there for what stands in it.
        scene.kubectl.run(&["create", "namespace", team]).await;
        let kubectl = scene.cluster.kubectl(team);
        let said = kubectl.run(&["apply", "--dry-run=server", "-f", &file(team)]).await;
        assert!(said.contains("dataworksworkspace.dataworks.alibabacloud.com/main created"), "{said}");
        assert!(said.contains("dataworksresource.dataworks.alibabacloud.com"), "{said}");
    }
}

#[tokio::test]
async fn people_find_their_way_around_workspaces() {
    let scene = Scene::under(cloud().await).await;
    let _operator = launch(&scene).start();
    scene.kubectl.apply(&workspace(&scene, "plain", PROJECT, &json!({}))).await;
    says(&scene, "plain", "True Succeeded").await;
    let wide = scene.kubectl.run(&["get", "dww", "-o", "wide"]).await;
    for word in
        ["CALLS-TODAY", "CALLS-LEFT", "INVENTORY", "MODE", "plain", "cn-shanghai", "Simple", "Succeeded"]
    {
        assert!(wide.contains(word), "{word}: {wide}");
    }
    scene.kubectl.run(&["wait", "dww/plain", "--for=condition=Ready", "--timeout=60s"]).await;
    let said = scene.kubectl.run(&["explain", "dww.spec.credentials"]).await;
    assert!(said.contains("secretRef") && said.contains("assumeRole"), "{said}");
}
