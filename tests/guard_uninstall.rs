//! `guard-uninstall` on the real API server: who may remove the operator, and what the others are told.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::http::{StatusCode, Uri};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Api;
use kube::api::PostParams;
use kube::config::{AuthInfo, Kubeconfig};
use secrecy::SecretString;
use serde_json::json;
use support::{PROJECT, Scene, python};
use tokio::net::TcpListener;
use tokio::process::Command;

/// Its exit code, and what it said.
async fn guard(kubeconfig: &Path, args: &[&str]) -> (Option<i32>, String) {
    let end = Command::new(env!("CARGO_BIN_EXE_dataworks-operator"))
        .arg("guard-uninstall")
        .args(args)
        .env_clear()
        .env("KUBECONFIG", kubeconfig)
        // A way to the world, where nothing answers: the API server is not reached by it.
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .output()
        .await
        .unwrap();
    assert!(end.stdout.is_empty(), "{}", String::from_utf8_lossy(&end.stdout));
    (end.status.code(), String::from_utf8(end.stderr).unwrap())
}

/// In these namespaces.
async fn guard_in(scene: &Scene, namespaces: &[&Scene]) -> (Option<i32>, String) {
    let args: Vec<String> =
        namespaces.iter().map(|scene| format!("--namespace={}", scene.namespace)).collect();
    guard(scene.cluster.kubeconfig(), &args.iter().map(String::as_str).collect::<Vec<_>>()).await
}

async fn put(scene: &Scene, name: &str) {
    scene.kubectl.apply(&python(name, &format!("XX/{name}.py"))).await;
}

#[tokio::test]
async fn objects_of_the_namespaces_stand_in_the_way_until_they_are_gone() {
    let scene = Scene::new().await;
    let neighbour = scene.neighbour().await;
    assert_eq!(
        guard_in(&scene, &[&scene]).await,
        (Some(0), "No DataWorksResource is left: the operator may go.\n".to_owned())
    );

    put(&scene, "only").await;
    let (code, said) = guard_in(&scene, &[&scene]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with(&format!("1 DataWorksResource is left, {}/only. ", scene.namespace)), "{said}");
    assert_eq!(guard_in(&scene, &[&neighbour]).await.0, Some(0), "another namespace is not looked into");

    for name in ["b", "a", "c"] {
        put(&neighbour, name).await;
    }
    let (code, said) = guard_in(&scene, &[&neighbour, &scene]).await;
    assert_eq!(code, Some(1), "{said}");
    let begin = format!("4 DataWorksResources are left, the first is {}/a. ", neighbour.namespace);
    assert!(said.starts_with(&begin), "{said}");

    scene.kubectl.run(&["delete", "dwr", "--all"]).await;
    neighbour.kubectl.run(&["delete", "dwr", "--all"]).await;
    assert_eq!(guard_in(&scene, &[&neighbour, &scene]).await.0, Some(0));
}

#[tokio::test]
async fn an_object_that_waits_for_its_finalizer_is_still_left() {
    let scene = Scene::new().await;
    let mut object = python("going", "XX/going.py");
    object["metadata"]["finalizers"] = json!(["dataworks.alibabacloud.com/finalizer"]);
    scene.kubectl.apply(&object).await;
    scene.kubectl.run(&["delete", "dwr", "going", "--wait=false"]).await;
    assert_eq!(guard_in(&scene, &[&scene]).await.0, Some(1));
    let patch = r#"[{"op":"remove","path":"/metadata/finalizers"}]"#;
    scene.kubectl.run(&["patch", "dwr", "going", "--type=json", "-p", patch]).await;
    assert_eq!(guard_in(&scene, &[&scene]).await.0, Some(0));
}

async fn put_workspace(scene: &Scene, name: &str, finalizers: &[&str]) {
    let workspace = json!({
        "apiVersion": "dataworks.alibabacloud.com/v1alpha1", "kind": "DataWorksWorkspace",
        "metadata": {"name": name, "finalizers": finalizers},
        "spec": {"projectId": PROJECT, "region": "cn-shanghai"},
    });
    scene.kubectl.apply(&workspace).await;
}

#[tokio::test]
async fn a_workspace_stands_in_the_way_while_it_carries_our_finalizer() {
    let scene = Scene::new().await;
    let own = format!("--namespace={}", scene.namespace);
    let at_once = ["--retry-for=1ms", &*own];
    put_workspace(&scene, "a-free", &[]).await;
    put_workspace(&scene, "b-of-others", &["example.com/theirs"]).await;
    let kubeconfig = scene.cluster.kubeconfig();
    assert_eq!(guard(kubeconfig, &at_once).await.0, Some(0), "they need no operator");

    put_workspace(&scene, "c-held", &["example.com/theirs", "dataworks.alibabacloud.com/finalizer"]).await;
    let (code, said) = guard(kubeconfig, &at_once).await;
    assert_eq!(code, Some(1), "{said}");
    let begin = format!("1 DataWorksWorkspace with a finalizer is left, {}/c-held. ", scene.namespace);
    assert!(said.starts_with(&begin) && said.contains("try again in a moment"), "{said}");

    // Objects are told first: the workspace goes on when they do.
    put(&scene, "one").await;
    let (code, said) = guard(kubeconfig, &at_once).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("1 DataWorksResource is left, "), "{said}");
    scene.kubectl.run(&["delete", "dwr", "one"]).await;

    let patch = r#"[{"op":"replace","path":"/metadata/finalizers","value":["example.com/theirs"]}]"#;
    scene.kubectl.run(&["patch", "dww", "c-held", "--type=json", "-p", patch]).await;
    assert_eq!(guard(kubeconfig, &at_once).await.0, Some(0));
    // Nobody else takes these off.
    for name in ["b-of-others", "c-held"] {
        let patch = r#"[{"op":"remove","path":"/metadata/finalizers"}]"#;
        scene.kubectl.run(&["patch", "dww", name, "--type=json", "-p", patch]).await;
    }
}

/// A kubeconfig of a service account that may list these in its namespace, and nothing else.
async fn restricted(scene: &Scene, resources: &[&str]) -> tempfile::NamedTempFile {
    let (client, namespace) = (scene.client.clone(), scene.namespace.as_str());
    let params = PostParams::default();
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let account = serde_json::from_value(json!({"metadata": {"name": "guard"}})).unwrap();
    accounts.create(&params, &account).await.unwrap();
    let role = json!({
        "metadata": {"name": "guard"},
        "rules": [{"apiGroups": ["dataworks.alibabacloud.com"], "resources": resources, "verbs": ["list"]}],
    });
    let role: Role = serde_json::from_value(role).unwrap();
    Api::namespaced(client.clone(), namespace).create(&params, &role).await.unwrap();
    let binding = json!({
        "metadata": {"name": "guard"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "guard"},
        "subjects": [{"kind": "ServiceAccount", "name": "guard", "namespace": namespace}],
    });
    let binding: RoleBinding = serde_json::from_value(binding).unwrap();
    Api::namespaced(client, namespace).create(&params, &binding).await.unwrap();
    let request: TokenRequest = serde_json::from_value(json!({"spec": {"audiences": []}})).unwrap();
    let token =
        accounts.create_token_request("guard", &params, &request).await.unwrap().status.unwrap().token;
    let mut config = Kubeconfig::read_from(scene.cluster.kubeconfig()).unwrap();
    for user in &mut config.auth_infos {
        user.auth_info =
            Some(AuthInfo { token: Some(SecretString::from(token.clone())), ..AuthInfo::default() });
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    serde_json::to_writer(&mut file, &config).unwrap();
    file
}

#[tokio::test]
async fn the_right_to_list_is_enough_and_without_it_nothing_is_said_to_be_none() {
    let scene = Scene::new().await;
    put(&scene, "one").await;
    let kubeconfig = restricted(&scene, &["dataworksresources", "dataworksworkspaces"]).await;
    let own = format!("--namespace={}", scene.namespace);
    // Patient: the API server learns of a role a little after it was made.
    let (code, said) = guard(kubeconfig.path(), &[&own]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("1 DataWorksResource is left"), "{said}");

    let neighbour = scene.neighbour().await;
    let other = format!("--namespace={}", neighbour.namespace);
    for args in [&["--retry-for=1ms"][..], &["--retry-for=1ms", &other]] {
        let (code, said) = guard(kubeconfig.path(), args).await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("cannot be told") && said.contains("is forbidden"), "{said}");
    }

    scene.kubectl.run(&["delete", "dwr", "one"]).await;
    let (code, said) = guard(kubeconfig.path(), &[&own]).await;
    assert_eq!(code, Some(0), "{said}");
    put_workspace(&scene, "w", &["dataworks.alibabacloud.com/finalizer"]).await;
    let (code, said) = guard(kubeconfig.path(), &["--retry-for=1ms", &own]).await;
    assert_eq!(code, Some(1), "{said}");
    let patch = r#"[{"op":"remove","path":"/metadata/finalizers"}]"#;
    scene.kubectl.run(&["patch", "dww", "w", "--type=json", "-p", patch]).await;

    // The right to objects alone does not tell of workspaces.
    let objects_only = restricted(&neighbour, &["dataworksresources"]).await;
    let (code, said) = guard(objects_only.path(), &["--retry-for=15s", &other]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("whether DataWorksWorkspaces are left in namespace"), "{said}");
}

#[tokio::test]
async fn without_the_kind_nothing_is_left() {
    let scene = Scene::alone().await;
    put(&scene, "one").await;
    let kubeconfig = scene.cluster.kubeconfig().to_owned();
    let (code, said) = guard(&kubeconfig, &[]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--all --all-namespaces"), "{said}");
    scene.kubectl.run(&["delete", "crd", "dataworksresources.dataworks.alibabacloud.com"]).await;
    let none = "No DataWorksResource is left: the operator may go.\n".to_owned();
    assert_eq!(guard(&kubeconfig, &[]).await, (Some(0), none.clone()));
    assert_eq!(guard_in(&scene, &[&scene]).await, (Some(0), none));
}

#[tokio::test]
async fn an_api_server_that_is_away_is_no_answer() {
    let scene = Scene::alone().await;
    scene.cluster.stop_api_server();
    let (code, said) = guard(scene.cluster.kubeconfig(), &["--retry-for=1ms"]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cannot be told"), "{said}");
}

/// A kubeconfig that leads to something else than an API server.
async fn led_to(router: Router) -> tempfile::NamedTempFile {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": {"server": server}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
        "users": [{"name": "me", "user": {}}],
        "current-context": "it",
    });
    let mut file = tempfile::NamedTempFile::new().unwrap();
    serde_json::to_writer(&mut file, &config).unwrap();
    file
}

#[tokio::test]
async fn a_404_of_something_else_is_no_answer() {
    let not_found = Router::new().fallback(async || (StatusCode::NOT_FOUND, "404 page not found"));
    let kubeconfig = led_to(not_found).await;
    let (code, said) = guard(kubeconfig.path(), &["--retry-for=1ms"]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cannot be told"), "{said}");
}

#[tokio::test]
async fn what_may_pass_is_asked_again() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let forbidden_at_first = Router::new().fallback(async move || {
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            return (StatusCode::FORBIDDEN, "not yet".to_owned());
        }
        let list = json!({
            "apiVersion": "meta.k8s.io/v1",
            "kind": "PartialObjectMetadataList",
            "metadata": {},
            "items": [],
        });
        (StatusCode::OK, list.to_string())
    });
    let kubeconfig = led_to(forbidden_at_first).await;
    let (code, said) = guard(kubeconfig.path(), &[]).await;
    // Objects twice, then workspaces.
    assert_eq!((code, asked.load(Ordering::SeqCst)), (Some(0), 3), "{said}");
}

#[tokio::test]
async fn a_finalizer_that_is_about_to_come_off_is_waited_for() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let router = Router::new().fallback(async move |uri: Uri| {
        let of_workspaces = uri.path().ends_with("/dataworksworkspaces");
        let held = of_workspaces && count.fetch_add(1, Ordering::SeqCst) < 2;
        let workspace = json!({
            "apiVersion": "meta.k8s.io/v1",
            "kind": "PartialObjectMetadata",
            "metadata": {"namespace": "team", "name": "w", "finalizers": ["dataworks.alibabacloud.com/finalizer"]},
        });
        let list = json!({
            "apiVersion": "meta.k8s.io/v1",
            "kind": "PartialObjectMetadataList",
            "metadata": {},
            "items": if held { vec![workspace] } else { vec![] },
        });
        (StatusCode::OK, list.to_string())
    });
    let kubeconfig = led_to(router).await;
    let (code, said) = guard(kubeconfig.path(), &[]).await;
    assert_eq!((code, asked.load(Ordering::SeqCst)), (Some(0), 3), "{said}");
    assert_eq!(said, "No DataWorksResource is left: the operator may go.\n");
}
