//! The operator's and the tenants' rights: as the chart renders them, and as a real API server enforces them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{DEADLINE, Scene, poll, python};

const TOP: &str = env!("CARGO_MANIFEST_DIR");

/// What the chart renders for a namespace.
async fn rendered(values: &str, namespace: &str, more: &[String]) -> Vec<Value> {
    let (values, namespace, more) = (values.to_owned(), namespace.to_owned(), more.to_vec());
    let render = move || {
        let built = Command::new(Path::new(TOP).join("dev/tools/build.sh"))
            .arg("helm")
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(built.status.success(), "dev/tools/build.sh: {}", built.status);
        let tools = String::from_utf8(built.stdout).unwrap();
        let chart = Path::new(TOP).join("charts/dataworks-operator");
        let out = Command::new(Path::new(tools.trim_end()).join("helm"))
            .args(["template", &namespace])
            .arg(&chart)
            .args(["--namespace", &namespace, "--values"])
            .arg(chart.join(format!("ci/{values}-values.yaml")))
            .args(&more)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    let text = tokio::task::spawn_blocking(render).await.unwrap();
    let documents = text.split("\n---\n").filter(|text| text.lines().any(|line| line.starts_with("kind:")));
    documents.map(|text| serde_saphyr::from_str(text).unwrap()).collect()
}

fn is(object: &Value, kinds: &[&str]) -> bool {
    kinds.iter().any(|kind| object["kind"] == *kind)
}

fn words(rule: &Value, field: &str) -> Vec<String> {
    let words = rule[field].as_array().into_iter().flatten();
    words.map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// Everything that no role of the chart may hold, whatever it is for.
#[tokio::test]
async fn no_role_of_the_chart_reaches_a_secret_or_more_than_is_named() {
    for values in ["default", "full", "namespaced"] {
        let roles: Vec<Value> = rendered(values, "release", &[])
            .await
            .into_iter()
            .filter(|object| is(object, &["Role", "ClusterRole"]))
            .collect();
        assert!(roles.len() >= 2, "{values}: {}", roles.len());
        for role in &roles {
            let name = &role["metadata"]["name"];
            assert!(role.get("aggregationRule").is_none(), "{values} {name}");
            for rule in role["rules"].as_array().unwrap() {
                let all: Vec<String> =
                    ["apiGroups", "resources", "verbs"].iter().flat_map(|field| words(rule, field)).collect();
                assert!(all.iter().all(|word| !word.contains('*')), "{values} {name}: {rule}");
                let forbidden = [
                    "secrets",
                    "pods",
                    "pods/exec",
                    "pods/attach",
                    "pods/portforward",
                    "serviceaccounts",
                    "serviceaccounts/token",
                    "nodes",
                    "impersonate",
                    "escalate",
                    "bind",
                ];
                let found = forbidden.iter().find(|word| all.iter().any(|held| held == *word));
                assert_eq!(found, None, "{values} {name}: {rule}");
                // What is not ours is named one by one, but for what cannot be.
                let groups = words(rule, "apiGroups");
                let named = !words(rule, "resourceNames").is_empty();
                let ours = groups == ["dataworks.alibabacloud.com"] || groups == ["events.k8s.io"];
                // ConfigMaps hold what no Secret would, and objects of every namespace may name theirs.
                let reads = ["get", "list", "watch"];
                let content = words(rule, "resources") == ["configmaps"] && words(rule, "verbs") == reads;
                let creates = words(rule, "verbs") == ["create"];
                assert!(ours || named || content || creates, "{values} {name}: {rule}");
            }
        }
    }
}

/// The roles and bindings of the chart, applied; answers the operator's user name and the chart's name.
async fn bound(scene: &Scene, values: &str, more: &[String]) -> (String, String) {
    let objects = rendered(values, &scene.namespace, more).await;
    let kinds = ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
    let rights: Vec<&Value> = objects
        .iter()
        .filter(|object| is(object, &kinds) && object["metadata"]["annotations"]["helm.sh/hook"].is_null())
        .collect();
    for object in &rights {
        // Some stand where an administrator listed a namespace.
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or(&scene.namespace);
        scene.kubectl.feed(&["apply", "--namespace", namespace, "-f", "-"], &object.to_string()).await;
    }
    let deployment = objects.iter().find(|object| is(object, &["Deployment"])).unwrap();
    let account = deployment["spec"]["template"]["spec"]["serviceAccountName"].as_str().unwrap();
    let name = deployment["metadata"]["name"].as_str().unwrap().to_owned();
    (format!("system:serviceaccount:{}:{account}", scene.namespace), name)
}

impl Scene {
    /// The cluster as this user sees it.
    fn kubeconfig_as(&self, user: &str) -> tempfile::NamedTempFile {
        let kubeconfig = tempfile::NamedTempFile::new().unwrap();
        let text = std::fs::read_to_string(self.cluster.kubeconfig()).unwrap();
        let mut config: Value = serde_saphyr::from_str(&text).unwrap();
        config["users"][0]["user"]["as"] = json!(user);
        std::fs::write(kubeconfig.path(), config.to_string()).unwrap();
        kubeconfig
    }
}

/// What the API server says to a user: `yes` or `no`.
async fn may(scene: &Scene, user: &str, args: &[&str]) -> bool {
    let user = format!("--as={user}");
    let all = [&["auth", "can-i"], args, &[&*user, "--as-group=system:authenticated"]].concat();
    match scene.kubectl.try_run(&all, "").await {
        Ok(said) => said.trim() == "yes",
        // `no` ends with 1; anything else is no answer.
        Err(said) => {
            assert!(!said.to_lowercase().contains("error:"), "{said}");
            false
        }
    }
}

/// No Secret of any namespace, by review and by trying.
async fn sees_no_secret(scene: &Scene, other: &Scene, user: &str) {
    for verb in ["get", "list", "watch", "create", "update", "patch", "delete"] {
        for namespace in [&*scene.namespace, &other.namespace, "kube-system"] {
            assert!(
                !may(scene, user, &[verb, "secrets", "-n", namespace]).await,
                "{user}: {verb} in {namespace}"
            );
        }
        assert!(!may(scene, user, &[verb, "secrets", "--all-namespaces"]).await, "{user}: {verb}");
    }
    for args in [&["get", "secret", "theirs", "-o", "yaml"][..], &["get", "secrets", "-o", "yaml"]] {
        let user = format!("--as={user}");
        let said = other.kubectl.try_run(&[args, &[&*user]].concat(), "").await.unwrap_err();
        assert!(said.contains("Forbidden") || said.contains("forbidden"), "{said}");
        assert!(!said.contains("aHVudGVyMg"), "{said}");
    }
}

#[tokio::test]
async fn the_charts_rights_are_enough_and_reach_no_secret() {
    let scene = Scene::new().await;
    let other = scene.neighbour().await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs"}, "stringData": {"key": "hunter2"},
    });
    other.kubectl.apply(&secret).await;
    other.kubectl.run(&["get", "secret", "theirs"]).await;

    let (user, name) = bound(&scene, "default", &[]).await;
    // The question is answered at all.
    for (args, want) in [
        (&["patch", "dataworksresources", "--subresource=status", "--all-namespaces"][..], true),
        (&["update", "dataworksresources", "--all-namespaces"], false),
        (&["delete", "dataworksresources", "--all-namespaces"], false),
        (&["create", "dataworksresources", "--all-namespaces"], false),
    ] {
        assert_eq!(may(&scene, &user, args).await, want, "{args:?}");
    }
    sees_no_secret(&scene, &other, &user).await;

    // With these rights and no others it does its work.
    let kubeconfig = scene.kubeconfig_as(&user);
    let launch = scene.launch_for(&[&scene.namespace, &other.namespace]).kubeconfig(kubeconfig.path());
    let operator = launch.with(&["--requests-per-day=1000", &format!("--lease-name={name}")]).start();
    for scene in [&scene, &other] {
        let map =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"k": "1"}});
        scene.kubectl.apply(&map).await;
        let mut made = python("made", &format!("R/{}.py", scene.namespace));
        made["spec"]["content"] = json!({"configMapKeyRef": {"name": "m", "key": "k"}});
        scene.kubectl.apply(&made).await;
        scene.ready("made").await;
        let told =
            async || scene.events().await.iter().any(|event| event["reason"] == "Created").then_some(());
        poll(DEADLINE, Duration::from_millis(100), "the event is not there", told).await;
        scene.kubectl.run(&["delete", "dwr", "made", "--wait=false"]).await;
        scene.gone("made").await;
    }
    let stopped = operator.log();
    assert!(operator.stop().await.success());
    assert!(!stopped.to_lowercase().contains("forbidden"), "{stopped}");

    // Who may edit objects, and nothing more, sees no Secret either, and writes no status.
    for role in ["view", "edit"] {
        let binding = format!("--clusterrole={name}-{role}");
        scene.kubectl.run(&["create", "rolebinding", role, &binding, "--user=tenant"]).await;
    }
    assert!(may(&scene, "tenant", &["create", "dataworksresources"]).await);
    assert!(!may(&other, "tenant", &["get", "dataworksresources"]).await);
    for verb in ["patch", "update"] {
        assert!(
            !may(&scene, "tenant", &[verb, "dataworksresources", "--subresource=status"]).await,
            "{verb}"
        );
    }
    sees_no_secret(&scene, &other, "tenant").await;
}

#[tokio::test]
async fn without_the_right_to_configmaps_who_needs_one_is_told_and_others_work() {
    let scene = Scene::new().await;
    let (user, name) = bound(&scene, "default", &[]).await;
    let roles = scene.kubectl.run(&["get", "clusterrole", &name, "-o", "json"]).await;
    let roles: Value = serde_json::from_str(&roles).unwrap();
    let at =
        roles["rules"].as_array().unwrap().iter().position(|rule| rule["resources"] == json!(["configmaps"]));
    let taken = json!([{"op": "remove", "path": format!("/rules/{}", at.unwrap())}]).to_string();
    scene.kubectl.run(&["patch", "clusterrole", &name, "--type=json", "-p", &taken]).await;
    let kubeconfig = scene.kubeconfig_as(&user);
    let operator =
        scene.launch().kubeconfig(kubeconfig.path()).with(&[&format!("--lease-name={name}")]).start();
    let mut wants = python("wants", "R/wants.py");
    wants["spec"]["content"] = json!({"configMapKeyRef": {"name": "m", "key": "k"}});
    scene.kubectl.apply(&wants).await;
    let told = scene.says("wants", "Unknown", "DependencyNotReady").await;
    let said = crate::support::message(&told);
    assert!(said.contains("cannot be read") && said.contains("get, list and watch of configmaps"), "{said}");
    scene.fence().await;
    operator.says(&["may not watch ConfigMaps"]).await;
}

#[tokio::test]
async fn rights_by_namespace_end_there() {
    let scene = Scene::new().await;
    let other = scene.neighbour().await;
    let only = format!("watchNamespaces={{{}}}", scene.namespace);
    let (user, _) = bound(
        &scene,
        "namespaced",
        &["--set".to_owned(), only, "--set".to_owned(), "serviceAccount.create=true".to_owned()],
    )
    .await;
    assert!(may(&scene, &user, &["patch", "dataworksresources"]).await);
    for args in [&["get", "dataworksresources"][..], &["patch", "dataworksresources", "--subresource=status"]]
    {
        assert!(!may(&other, &user, args).await, "{args:?}");
    }
    sees_no_secret(&scene, &other, &user).await;
}

/// A workspace whose key is in a Secret, and the Secret.
async fn keyed(scene: &Scene) {
    let host = scene.cloud.url().strip_prefix("http://").unwrap().to_owned();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"},
        "stringData": {"accessKeyId": "LTAIexampleAKID", "accessKeySecret": "exampleSecret"},
    });
    let workspace = json!({
        "apiVersion": "dataworks.alibabacloud.com/v1alpha1", "kind": "DataWorksWorkspace",
        "metadata": {"name": "team"},
        "spec": {"projectId": 123_456, "region": "cn-shanghai", "endpoint": host,
                 "credentials": {"secretRef": {"name": "key"}}},
    });
    scene.kubectl.apply(&secret).await;
    scene.kubectl.apply(&workspace).await;
}

/// Waits until the workspace's Ready has this reason; its message.
async fn reads(scene: &Scene, reason: &str) -> String {
    let path = "{.status.conditions[?(@.type==\"Ready\")].reason}";
    let wanted = format!("--for=jsonpath={path}={reason}");
    scene.kubectl.run(&["wait", "dww/team", &wanted, "--timeout=120s"]).await;
    let path = "jsonpath={.status.conditions[?(@.type==\"Ready\")].message}";
    scene.kubectl.run(&["get", "dww", "team", "-o", path]).await
}

#[tokio::test]
async fn secrets_are_read_where_an_administrator_lists_the_namespace_and_nowhere_else() {
    let scene = Scene::new().await;
    let other = scene.neighbour().await;
    let (user, name) = bound(&scene, "default", &[]).await;
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    let text = std::fs::read_to_string(scene.cluster.kubeconfig()).unwrap();
    let mut config: Value = serde_saphyr::from_str(&text).unwrap();
    config["users"][0]["user"]["as"] = json!(user);
    std::fs::write(kubeconfig.path(), config.to_string()).unwrap();
    let url = scene.cloud.url();
    let _operator = scene
        .launch_for(&[&scene.namespace, &other.namespace])
        .kubeconfig(kubeconfig.path())
        .with(&[&format!("--lease-name={name}"), &format!("--allowed-endpoints={url}")])
        .variable("ALIBABA_CLOUD_STS_ENDPOINT", &url)
        .start();
    for scene in [&scene, &other] {
        keyed(scene).await;
        let told = reads(scene, "SecretForbidden").await;
        assert!(told.contains(&format!("RoleBinding \"{name}-credentials\"")), "{told}");
    }
    let listed = format!("rbac.secretNamespaces={{{}}}", other.namespace);
    bound(&scene, "default", &["--set".to_owned(), listed]).await;
    reads(&other, "Succeeded").await;
    for (args, want) in [
        (["get", "secrets", "-n", &other.namespace], true),
        (["list", "secrets", "-n", &other.namespace], false),
        (["update", "secrets", "-n", &other.namespace], false),
        (["get", "secrets", "-n", &scene.namespace], false),
        (["get", "secrets", "-n", "kube-system"], false),
    ] {
        assert_eq!(may(&scene, &user, &args).await, want, "{args:?}");
    }
    reads(&scene, "SecretForbidden").await;
}
