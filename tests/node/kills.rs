//! The leader ends in the middle of creates: its pod is deleted without grace, or its process is killed on the node.

use std::time::Instant;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt as _;

use crate::load::Load;
use crate::operator;
use crate::site::{Site, until};
use crate::support::admin::Admin;

/// `kubectl delete pod --grace-period=0 --force`: the object is gone at once, whatever the process still does.
pub(crate) async fn pod(site: &Site, cloud: &Admin) {
    let load = Load::new(site, cloud, "force").await;
    load.during(async {
        let leader = operator::leader(site).await;
        let begun = Instant::now();
        site.kubectl.run(&["delete", "pod", &leader.name_any(), "--grace-period=0", "--force"]).await;
        operator::leader_after(site, std::slice::from_ref(&leader)).await;
        site.figures.took("  until another leads when the leader is deleted by force", begun.elapsed());
        operator::rolled_out(site).await;
    })
    .await;
}

/// SIGKILL behind Kubernetes' back, as the kernel sends it when memory runs out.
pub(crate) async fn process(site: &Site, cloud: &Admin) {
    let load = Load::new(site, cloud, "kill").await;
    // Whether a create was under way at that instant is luck: the figures tell how many were.
    load.during(async {
        let leader = operator::leader(site).await;
        let id = status(&leader).and_then(|status| status.container_id.clone()).expect("it runs");
        let id = id.trim_start_matches("containerd://");
        site.ctr(&["tasks", "kill", "--signal", "SIGKILL", id]).await;
        restarted(site, &leader).await;
        operator::leader(site).await;
    })
    .await;
}

/// Waits until its container has been started again and is ready.
async fn restarted(site: &Site, pod: &Pod) {
    let before = status(pod).map_or(0, |status| status.restart_count);
    let again = |pod: Option<&Pod>| {
        pod.and_then(status).is_some_and(|status| status.restart_count > before && status.ready)
    };
    until(operator::pods_api(site), &pod.name_any(), "its container is started again", again).await;
}

fn status(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}
