//! The node, and the tools that a platform engineer has.

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Instant;

use dataworks_core::api::v1alpha1::DataWorksResource;
use futures::future::LocalBoxFuture;
use kube::runtime::wait::{Condition, await_condition};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::figures::Figures;
use crate::support::cluster::Cluster;
use crate::support::helm::Helm;
use crate::support::kubectl::Kubectl;
use crate::support::{DEADLINE, file, is_ready};

/// The release, and the name of what is in it.
pub(crate) const RELEASE: &str = "dataworks-operator";
/// Where it is installed.
pub(crate) const SYSTEM: &str = "dataworks-system";
/// Repositories of the images, whose tags are versions of the chart.
pub(crate) const OPERATOR_IMAGE: &str = "ghcr.io/dataworks-operator/dataworks-operator";
pub(crate) const SIMULATOR_IMAGE: &str = "ghcr.io/dataworks-operator/dataworks-simulator";
/// Where containerd of the node listens.
const CONTAINERD: &str = "DATAWORKS_TEST_CONTAINERD";

/// What all steps share.
pub(crate) struct Site {
    pub(crate) cluster: Cluster,
    pub(crate) client: Client,
    /// In the namespace of the release.
    pub(crate) helm: Helm,
    /// In the namespace of the release.
    pub(crate) kubectl: Kubectl,
    /// The chart of this repository.
    pub(crate) chart: String,
    pub(crate) figures: Figures,
    /// For what is written on the way.
    pub(crate) folder: TempDir,
    containerd: PathBuf,
}

impl Site {
    /// The node that the environment names, and a namespace on it that enforces the restricted profile.
    pub(crate) async fn new() -> Self {
        let cluster = Cluster::given().expect("dev/test-node.sh starts this test beside a cluster");
        let containerd = std::env::var_os(CONTAINERD).expect("the cluster has a node").into();
        let site = Self {
            client: cluster.client().await,
            helm: Helm::new(&cluster, SYSTEM).await,
            kubectl: cluster.kubectl(SYSTEM),
            cluster,
            chart: file("charts/dataworks-operator"),
            figures: Figures::default(),
            folder: tempfile::tempdir().unwrap(),
            containerd,
        };
        site.namespace(SYSTEM).await;
        site
    }

    /// Makes a namespace that enforces the restricted profile.
    pub(crate) async fn namespace(&self, name: &str) {
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        let metadata = json!({"name": name, "labels": labels});
        self.kubectl.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})).await;
    }

    /// Does a step, and notes how long it takes.
    pub(crate) async fn step<T>(&self, name: &str, step: LocalBoxFuture<'_, T>) -> T {
        eprintln!("== {name}");
        let begun = Instant::now();
        let end = step.await;
        self.figures.took(name, begun.elapsed());
        end
    }

    /// The objects of a namespace.
    pub(crate) fn objects(&self, namespace: &str) -> Api<DataWorksResource> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Applies a manifest and waits until its object is ready.
    pub(crate) async fn makes_ready(
        &self,
        namespace: &str,
        manifest: &serde_json::Value,
    ) -> DataWorksResource {
        self.cluster.kubectl(namespace).apply(manifest).await;
        let name = manifest["metadata"]["name"].as_str().unwrap();
        let ready = |object: Option<&DataWorksResource>| object.is_some_and(is_ready);
        until(self.objects(namespace), name, "it becomes ready", ready).await.unwrap()
    }

    /// containerd's own command, on what Kubernetes has there.
    pub(crate) async fn ctr(&self, args: &[&str]) -> String {
        let mut ctr = Command::new("ctr");
        ctr.arg("--address").arg(&self.containerd).args(["--namespace", "k8s.io"]).args(args);
        let end = ctr.output().await.unwrap();
        assert!(end.status.success(), "ctr {args:?}: {}", String::from_utf8_lossy(&end.stderr));
        String::from_utf8(end.stdout).unwrap()
    }
}

/// Waits until an object is as `met` says.
pub(crate) async fn until<K>(api: Api<K>, name: &str, what: &str, met: impl Condition<K>) -> Option<K>
where
    K: Clone + Debug + Send + DeserializeOwned + Resource + 'static,
{
    // It is large, and so would be all that wait for it.
    let wait = Box::pin(await_condition(api, name, met));
    let end = tokio::time::timeout(DEADLINE, wait).await;
    end.unwrap_or_else(|_| panic!("{name}: waited in vain until {what}")).unwrap()
}

/// The version of the chart, and so the tag of the images.
pub(crate) fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
