//! What a thousand objects cost in memory, while they are made and after a restart.

use std::time::Instant;

use dataworks_core::api::v1alpha1::DataWorksResource;
use futures::StreamExt as _;
use kube::api::PostParams;
use serde_json::json;

use crate::operator::{self, NAMESPACE};
use crate::site::{RELEASE, Site, until};
use crate::support::admin::Admin;
use crate::support::{PROJECT, is_ready, manifest, python};

pub(crate) const OBJECTS: usize = 1000;
/// Bytes of each file: a short script.
const CONTENT: usize = 1024;
/// Requests of ours under way at a time.
const WRITERS: usize = 16;

pub(crate) async fn of_many(site: &Site, cloud: &Admin) {
    restart(site).await;
    rest(site, "memory of the leader without objects").await;

    let begun = Instant::now();
    let objects = site.objects(NAMESPACE);
    let create = |number| {
        let (objects, object) = (objects.clone(), object(number));
        async move { objects.create(&PostParams::default(), &object).await.unwrap() }
    };
    let made = futures::stream::iter(0..OBJECTS).map(create).buffer_unordered(WRITERS).count().await;
    assert_eq!(made, OBJECTS);
    for name in (0..OBJECTS).map(name) {
        let ready = |object: Option<&DataWorksResource>| object.is_some_and(is_ready);
        until(objects.clone(), &name, "it becomes ready", ready).await;
    }
    site.figures.took("  until 1,000 are Ready", begun.elapsed());
    rest(site, "memory of the leader with 1,000 just made").await;
    assert_eq!(cloud.files(PROJECT).await.len(), OBJECTS);

    restart(site).await;
    rest(site, "memory of the leader with 1,000 after a restart").await;
}

/// Notes the leader's memory when it has worked on everything: an object made last goes behind whatever was there.
async fn rest(site: &Site, figure: &str) {
    site.makes_ready(NAMESPACE, &python("fence", "Fence/fence.py")).await;
    site.cluster.kubectl(NAMESPACE).run(&["delete", "dataworksresource", "fence", "--timeout=60s"]).await;
    let leader = operator::leader(site).await;
    let bytes = operator::metric(&leader, "process_resident_memory_bytes", &[]).await;
    assert!(bytes > 0, "the metric is there");
    site.figures.add(figure, format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)));
}

/// Replaces all pods.
async fn restart(site: &Site) {
    let before = operator::pods(site).await;
    site.kubectl.run(&["rollout", "restart", &format!("deployment/{}", RELEASE)]).await;
    operator::rolled_out(site).await;
    operator::leader_after(site, &before).await;
}

fn name(number: usize) -> String {
    format!("file-{number:04}")
}

fn object(number: usize) -> DataWorksResource {
    let line = format!("print({number})\n");
    let spec = json!({
        "projectId": PROJECT,
        "path": format!("Many/{}.py", name(number)),
        "content": {"inline": line.repeat(CONTENT / line.len())},
    });
    serde_json::from_value(manifest(&name(number), &spec)).unwrap()
}
