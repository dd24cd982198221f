//! From one pod to two: the second stands by, and takes over when the first is asked to go.

use kube::ResourceExt as _;

use crate::operator::{self, NAMESPACE};
use crate::site::Site;
use crate::support::python;

pub(crate) async fn out(site: &Site) {
    site.makes_ready(NAMESPACE, &python("alone", "Scale/alone.py")).await;
    let first = operator::leader(site).await;
    operator::apply(site, &site.chart, "replicaCount=2").await;
    let pods = operator::pods(site).await;
    assert_eq!(pods.len(), 2);
    assert_eq!(operator::leader(site).await.uid(), first.uid(), "the one that was there goes on leading");

    site.kubectl.run(&["delete", "pod", &first.name_any(), "--timeout=60s"]).await;
    let next = operator::leader_after(site, std::slice::from_ref(&first)).await;
    assert!(pods.iter().any(|pod| pod.uid() == next.uid()), "the one that stood by takes over");
    site.makes_ready(NAMESPACE, &python("taken-over", "Scale/taken-over.py")).await;
    operator::rolled_out(site).await;
}
