//! The operator's release against the simulator beside it: its values, its pods, and which of them leads.

use std::path::PathBuf;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::json;

use crate::cloud;
use crate::site::{RELEASE, SYSTEM, Site, until};
use crate::support::operator::sum;

/// Whose objects it works on.
pub(crate) const NAMESPACE: &str = "team";
/// Calls a second: enough for a thousand objects in a minute.
const PER_SECOND: u32 = 50;
/// The port of metrics, as the chart has it.
const METRICS: u16 = 8080;
const SECRET: &str = "dataworks-credentials";

/// What is the same at each install and upgrade: bounds that fit into a test, so that a create whose outcome is unknown
/// is settled within seconds.
pub(crate) fn values(site: &Site) -> String {
    let values = json!({
        "connection": {
            "existingSecret": {"name": SECRET},
            "namespaces": [NAMESPACE],
            "requestsPerSecond": PER_SECOND,
        },
        // The chart takes no endpoint without TLS for its own.
        "extraEnv": [
            {"name": "DATAWORKS_ENDPOINT", "value": cloud::endpoint()},
            {"name": "DATAWORKS_ALLOW_PLAIN_HTTP", "value": "true"},
        ],
        "bounds": {
            "callDeadline": "5s",
            "commitLag": "2s",
            "signatureValidity": format!("{}s", cloud::SIGNATURE_SECONDS),
            "startDeadline": "5s",
            "clockSkew": "5s",
        },
    });
    let file: PathBuf = site.folder.path().join("values.json");
    std::fs::write(&file, values.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

/// `helm upgrade --install` of a chart with one setting more, until all of it is as the chart says.
pub(crate) async fn apply(site: &Site, chart: &str, set: &str) {
    let values = values(site);
    let args =
        ["upgrade", "--install", RELEASE, chart, "--wait", "--timeout=3m", "--values", &values, "--set", set];
    site.helm.run(&args).await;
}

/// Installs one pod.
pub(crate) async fn install(site: &Site) {
    site.namespace(NAMESPACE).await;
    let secret = Secret {
        string_data: Some(
            [("accessKeyId", "LTAIexampleAKID"), ("accessKeySecret", "exampleSecret")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
        ),
        metadata: kube::api::ObjectMeta { name: Some(SECRET.to_owned()), ..Default::default() },
        ..Secret::default()
    };
    Api::namespaced(site.client.clone(), SYSTEM).create(&Default::default(), &secret).await.unwrap();
    apply(site, &site.chart, "replicaCount=1").await;
}

/// The pods of the release that are there to stay.
pub(crate) async fn pods(site: &Site) -> Vec<Pod> {
    let chosen = ListParams::default()
        .labels(&format!("app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=controller"));
    let mut pods = pods_api(site).list(&chosen).await.unwrap().items;
    pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    pods
}

pub(crate) fn pods_api(site: &Site) -> Api<Pod> {
    Api::namespaced(site.client.clone(), SYSTEM)
}

/// Waits until a pod leads that is none of these; answers it.
pub(crate) async fn leader_after(site: &Site, gone: &[Pod]) -> Pod {
    let leases: Api<Lease> = Api::namespaced(site.client.clone(), SYSTEM);
    let another = |lease: Option<&Lease>| {
        holder(lease).is_some_and(|uid| gone.iter().all(|pod| pod.uid().as_ref() != Some(&uid)))
    };
    let lease = until(leases, RELEASE, "another pod leads", another).await;
    let uid = holder(lease.as_ref());
    let pods = pods_api(site).list(&ListParams::default()).await.unwrap();
    pods.into_iter().find(|pod| pod.uid() == uid).expect("the leader is one of the pods")
}

/// The pod that leads.
pub(crate) async fn leader(site: &Site) -> Pod {
    leader_after(site, &[]).await
}

/// The sum of a metric of a pod; see [`sum`].
pub(crate) async fn metric(pod: &Pod, name: &str, labels: &[&str]) -> u64 {
    let address = pod.status.as_ref().and_then(|status| status.pod_ip.clone()).expect("it has an address");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{address}:{METRICS}/metrics")).send().await.unwrap();
    sum(&answer.error_for_status().unwrap().text().await.unwrap(), name, labels)
}

fn holder(lease: Option<&Lease>) -> Option<String> {
    lease?.spec.as_ref()?.holder_identity.clone().filter(|uid| !uid.is_empty())
}

/// Waits until all pods are as the Deployment says.
pub(crate) async fn rolled_out(site: &Site) {
    site.kubectl.run(&["rollout", "status", &format!("deployment/{RELEASE}"), "--timeout=120s"]).await;
}
