//! Real parts for tests: a Kubernetes API server, kubectl, the operator's binary, and the
//! simulator as the cloud. Start, stop, kill and wait; what is expected stands in the tests.

#![allow(dead_code, unused_imports, reason = "each test binary uses its part of it")]

pub(crate) mod admin;
pub(crate) mod cloud;
pub(crate) mod cluster;
pub(crate) mod files;
pub(crate) mod helm;
pub(crate) mod kubectl;
pub(crate) mod operator;
pub(crate) mod random;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dataworks_core::api::v1alpha1::{DataWorksResource, DataWorksResourceStatus};
use dataworks_simulator::Simulator;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::PostParams;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::{Value, json};

pub(crate) use cloud::{Ask, PROJECT};
use cluster::Cluster;
use kubectl::Kubectl;
use operator::{Launch, Operator};
use tokio::process::Command;

/// What is waited for has failed when it takes longer; far beyond what it takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// What one test has for itself: a namespace and a cloud.
pub(crate) struct Scene {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) kubectl: Kubectl,
    pub(crate) cloud: Arc<Simulator>,
}

impl Scene {
    /// On the shared cluster.
    pub(crate) async fn new() -> Self {
        Self::under(cloud::start().await).await
    }

    /// On a cluster of its own.
    pub(crate) async fn alone() -> Self {
        let cluster = tokio::task::spawn_blocking(Cluster::private).await.unwrap();
        Self::on(cluster, Arc::new(cloud::start().await)).await
    }

    /// On the shared cluster, with this cloud.
    pub(crate) async fn under(cloud: Simulator) -> Self {
        let cluster = tokio::task::spawn_blocking(Cluster::shared).await.unwrap();
        Self::on(cluster, Arc::new(cloud)).await
    }

    /// Another namespace of the same cluster, with the same cloud.
    pub(crate) async fn neighbour(&self) -> Self {
        Self::on(Arc::clone(&self.cluster), Arc::clone(&self.cloud)).await
    }

    /// Another namespace of the same cluster, with a cloud of its own.
    pub(crate) async fn beside(&self) -> Self {
        Self::on(Arc::clone(&self.cluster), Arc::new(cloud::start().await)).await
    }

    async fn on(cluster: Arc<Cluster>, cloud: Arc<Simulator>) -> Self {
        let client = cluster.client().await;
        let namespace = new_namespace(&client).await;
        let kubectl = cluster.kubectl(&namespace);
        Self { cluster, client, namespace, kubectl, cloud }
    }

    /// An operator for the namespace.
    pub(crate) fn launch(&self) -> Launch {
        self.launch_for(&[&self.namespace])
    }

    /// An operator for these namespaces.
    pub(crate) fn launch_for(&self, namespaces: &[&str]) -> Launch {
        Launch::new(self.cluster.kubeconfig().to_owned(), &self.cloud.url(), namespaces)
    }

    /// The objects of the namespace.
    pub(crate) fn objects(&self) -> Api<DataWorksResource> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Waits until an object is as `met` says.
    pub(crate) async fn until(
        &self,
        name: &str,
        met: impl Fn(&DataWorksResource) -> bool,
    ) -> DataWorksResource {
        let holds = |object: Option<&DataWorksResource>| object.is_some_and(&met);
        let wait = await_condition(self.objects(), name, holds);
        if let Ok(end) = tokio::time::timeout(DEADLINE, wait).await {
            return end.unwrap().unwrap();
        }
        let object = self.objects().get_opt(name).await.unwrap();
        panic!("{name} is not as expected: {}", serde_json::to_string_pretty(&object).unwrap());
    }

    /// Waits until an object is ready in its present generation.
    pub(crate) async fn ready(&self, name: &str) -> DataWorksResource {
        self.until(name, is_ready).await
    }

    /// Waits until an object's `Ready` has this status and reason in its present generation.
    pub(crate) async fn says(&self, name: &str, truth: &str, reason: &str) -> DataWorksResource {
        let met = |object: &DataWorksResource| {
            is_current(object)
                && condition(object, "Ready").is_some_and(|c| c.status == truth && c.reason == reason)
        };
        self.until(name, met).await
    }

    /// Waits until there is no object of this name.
    pub(crate) async fn gone(&self, name: &str) {
        let wait = await_condition(self.objects(), name, |o: Option<&DataWorksResource>| o.is_none());
        tokio::time::timeout(DEADLINE, wait).await.expect("the object goes").unwrap();
    }

    /// Waits until the operator has worked on everything that was changed before: a new object
    /// goes through all of it, behind whatever was there. Answers its name.
    pub(crate) async fn fence(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("fence-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.kubectl.apply(&python(&name, &format!("Fences/{name}.py"))).await;
        self.ready(&name).await;
        name
    }

    /// The calls after number `since` that were about this path or name.
    pub(crate) fn calls_about(&self, since: u64, part: &str) -> Vec<String> {
        let calls = self.cloud.calls_since(since).into_iter();
        let about = calls.filter(|call| call.name.as_deref().is_some_and(|name| name.contains(part)));
        about.map(|call| call.action).collect()
    }

    /// The events of the namespace, as they stand.
    pub(crate) async fn events(&self) -> Vec<Value> {
        let text = self.kubectl.run(&["get", "events.events.k8s.io", "-o", "json"]).await;
        let list: Value = serde_json::from_str(&text).unwrap();
        list["items"].as_array().unwrap().clone()
    }

    /// The version of an object: it moves with every write.
    pub(crate) async fn version(&self, name: &str) -> String {
        self.objects().get(name).await.unwrap().metadata.resource_version.unwrap()
    }
}

/// Where a file of this repository is.
pub(crate) fn file(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).to_str().unwrap().to_owned()
}

/// Runs one of this repository's build scripts; its standard output.
pub(crate) async fn script(name: &str, args: &[&str]) -> String {
    let end = Command::new(file(name)).args(args).output().await.unwrap();
    assert!(end.status.success(), "{name}: {}", String::from_utf8_lossy(&end.stderr));
    String::from_utf8(end.stdout).unwrap()
}

/// Makes a namespace that nobody has used.
async fn new_namespace(client: &Client) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let name = format!("t{now}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let namespace = serde_json::from_value::<Namespace>(json!({"metadata": {"name": name}})).unwrap();
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    name
}

/// A manifest with this spec.
pub(crate) fn manifest(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "dataworks.alibabacloud.com/v1alpha1",
        "kind": "DataWorksResource",
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// A Python file at a path.
pub(crate) fn python(name: &str, path: &str) -> Value {
    manifest(name, &json!({"projectId": PROJECT, "path": path, "content": {"inline": "print(1)\n"}}))
}

/// Its status.
pub(crate) fn status(object: &DataWorksResource) -> DataWorksResourceStatus {
    object.status.clone().unwrap_or_default()
}

/// Its id; there must be one.
pub(crate) fn id(object: &DataWorksResource) -> String {
    status(object).id.expect("an id")
}

/// One of its conditions.
pub(crate) fn condition(object: &DataWorksResource, type_: &str) -> Option<Condition> {
    status(object).conditions.into_iter().find(|condition| condition.type_ == type_)
}

/// The message of its `Ready`.
pub(crate) fn message(object: &DataWorksResource) -> String {
    condition(object, "Ready").map(|condition| condition.message).unwrap_or_default()
}

/// True when its status speaks of its present generation.
pub(crate) fn is_current(object: &DataWorksResource) -> bool {
    status(object).observed_generation == object.metadata.generation
}

/// True when it is ready in its present generation.
pub(crate) fn is_ready(object: &DataWorksResource) -> bool {
    is_current(object) && condition(object, "Ready").is_some_and(|condition| condition.status == "True")
}

/// Asks again and again until there is an answer. For what has no watch.
pub(crate) async fn poll<T>(
    deadline: Duration,
    pause: Duration,
    missing: &str,
    ask: impl AsyncFn() -> Option<T>,
) -> T {
    let end = tokio::time::Instant::now() + deadline;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < end, "{missing}");
        tokio::time::sleep(pause).await;
    }
}

/// Waits until an operator has made so many writes; more are seen by the caller.
pub(crate) async fn wrote(operator: &Operator, count: u64) {
    let enough = async || (operator.writes().await >= count).then_some(());
    poll(DEADLINE, Duration::from_millis(50), "too few writes", enough).await;
}
