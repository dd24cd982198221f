//! What is shown when a step failed: pods, events, and the last that each container said.

use crate::cloud;
use crate::site::{SYSTEM, Site};

/// Prints it; what cannot be had is left out.
pub(crate) async fn show(site: &Site) {
    ask(site, SYSTEM, &["get", "pods", "--all-namespaces", "-o", "wide"]).await;
    ask(site, SYSTEM, &["get", "lease,deployments,jobs"]).await;
    ask(
        site,
        SYSTEM,
        &["get", "events", "--all-namespaces", "--sort-by=.lastTimestamp", "--field-selector=type=Warning"],
    )
    .await;
    let objects = site
        .kubectl
        .try_run(&["get", "dataworksresources", "--all-namespaces"], "")
        .await
        .unwrap_or_default();
    let unready: Vec<&str> = objects.lines().filter(|line| !line.contains(" True ")).collect();
    eprintln!("--- objects that are not ready\n{}", unready.join("\n"));
    for namespace in [SYSTEM, cloud::NAMESPACE] {
        let pods = site.cluster.kubectl(namespace).try_run(&["get", "pods", "-o", "name"], "").await;
        for pod in pods.unwrap_or_default().lines() {
            ask(site, namespace, &["describe", pod]).await;
            ask(site, namespace, &["logs", pod, "--all-containers", "--tail=60"]).await;
            ask(site, namespace, &["logs", pod, "--all-containers", "--tail=60", "--previous"]).await;
        }
    }
}

async fn ask(site: &Site, namespace: &str, args: &[&str]) {
    if let Ok(said) = site.cluster.kubectl(namespace).try_run(args, "").await {
        eprintln!("--- {namespace}: kubectl {}\n{said}", args.join(" "));
    }
}
