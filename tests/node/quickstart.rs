//! What the quickstart promises: one `helm install`, no cloud account, and the examples become ready.

use std::time::Instant;

use crate::cloud;
use crate::site::{RELEASE, Site};
use crate::support::{PROJECT, file, python};

/// Of the examples.
pub(crate) const NAMESPACE: &str = "default";

/// Installs with a simulator, in a namespace that enforces the restricted profile.
pub(crate) async fn install(site: &Site) {
    let begun = Instant::now();
    let trial = ["--set=simulator.enabled=true", "--set=connection.namespaces={*}"];
    site.helm.run(&[&["install", RELEASE, &site.chart, "--wait", "--timeout=3m"][..], &trial].concat()).await;
    site.figures.took("from helm install to available", begun.elapsed());
    site.makes_ready(NAMESPACE, &python("first", "Trial/first.py")).await;
    site.figures.took("from helm install to the first Ready", begun.elapsed());
    site.cluster.kubectl(NAMESPACE).run(&["delete", "dataworksresource", "first", "--timeout=60s"]).await;
}

/// Applies examples/ and awaits them as a user does.
pub(crate) async fn examples(site: &Site) {
    let kubectl = site.cluster.kubectl(NAMESPACE);
    let said = kubectl.run(&["apply", "-f", &file("examples")]).await;
    let made = said
        .lines()
        .filter(|line| line.starts_with("dataworksresource") && line.ends_with(" created"))
        .count();
    assert!(made > 0, "{said}");
    kubectl.run(&["wait", "dataworksresource", "--all", "--for=condition=Ready", "--timeout=120s"]).await;
    let cloud = cloud::of_service(site, crate::site::SYSTEM, &format!("{RELEASE}-simulator")).await;
    assert_eq!(cloud.files(PROJECT).await.len(), made, "each has its file");
}
