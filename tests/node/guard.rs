//! Uninstalling: refused while objects exist, because nobody would take off their finalizers, and allowed when there are
//! none.

use dataworks_core::api::crds;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use serde_json::Value;

use crate::operator;
use crate::quickstart;
use crate::site::{RELEASE, Site};
use crate::support::python;

/// Kinds that the chart has, the CRDs left out.
const KINDS: &str = "deployments,jobs,services,configmaps,serviceaccounts,poddisruptionbudgets,roles,rolebindings,\
    clusterroles,clusterrolebindings";

/// Tries it while objects of this namespace exist. Everything goes on as before, and the release can be
/// upgraded again.
pub(crate) async fn refuses(site: &Site, namespace: &str) {
    let said = site.helm.try_run(&["uninstall", RELEASE, "--wait", "--timeout=2m"]).await.unwrap_err();
    assert!(said.contains("is left") || said.contains("are left"), "it says what stands in the way: {said}");
    site.makes_ready(namespace, &python("guarded", "Guard/guarded.py")).await;
    site.cluster.kubectl(namespace).run(&["delete", "dataworksresource", "guarded", "--timeout=60s"]).await;

    // Helm has written down that it is uninstalling, and upgrades nothing that is. This is the way back.
    let revision = status(site).await["version"].to_string();
    site.helm.run(&["rollback", RELEASE, &revision, "--wait", "--timeout=2m"]).await;
    assert_eq!(status(site).await["info"]["status"], "deployed");
}

/// What Helm knows of the release.
async fn status(site: &Site) -> Value {
    serde_json::from_str(&site.helm.run(&["status", RELEASE, "--output=json"]).await).unwrap()
}

/// Deletes the objects of the trial and uninstalls it. The CRDs stay.
pub(crate) async fn lets_go(site: &Site) {
    let kubectl = site.cluster.kubectl(quickstart::NAMESPACE);
    kubectl.run(&["delete", "dataworksresource", "--all", "--timeout=120s"]).await;
    site.helm.run(&["uninstall", RELEASE, "--wait", "--timeout=2m"]).await;
    gone(site).await;
}

/// Removes the Job that a refusal leaves behind, so that it can be read.
pub(crate) async fn clears_up(site: &Site) {
    site.kubectl.run(&["delete", "job", &format!("{RELEASE}-guard"), "--timeout=60s"]).await;
}

/// Sees that of a release only the CRDs are left.
pub(crate) async fn gone(site: &Site) {
    assert!(operator::pods(site).await.is_empty());
    let there: Api<CustomResourceDefinition> = Api::all(site.client.clone());
    for crd in crds() {
        let name = crd.metadata.name.unwrap();
        let stays = there.get(&name).await.unwrap_or_else(|error| panic!("{name} does not stay: {error}"));
        assert_eq!(stays.metadata.deletion_timestamp, None, "{name}");
    }
    let left = site
        .kubectl
        .run(&["get", KINDS, "-l", &format!("app.kubernetes.io/instance={RELEASE}"), "-o", "name"])
        .await;
    assert_eq!(left, "", "of the release nothing is left");
}
