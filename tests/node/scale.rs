//! From one pod to two: the second stands by, and the first is replaced when it is asked to go.

use std::time::Instant;

use kube::ResourceExt as _;

use crate::operator::{self, NAMESPACE};
use crate::site::Site;
use crate::support::python;

pub(crate) async fn out(site: &Site) {
    site.makes_ready(NAMESPACE, &python("alone", "Scale/alone.py")).await;
    let first = operator::leader(site).await;
    operator::apply(site, &site.chart, "replicaCount=2").await;
    assert_eq!(operator::pods(site).await.len(), 2);
    assert_eq!(operator::leader(site).await.uid(), first.uid(), "the one that was there goes on leading");

    let begun = Instant::now();
    site.kubectl.run(&["delete", "pod", &first.name_any(), "--wait=false"]).await;
    // The one that stood by, or the one that was made in its place: whichever asks first.
    operator::leader_after(site, std::slice::from_ref(&first)).await;
    site.figures.took("  until another leads when the leader is asked to go", begun.elapsed());
    let begun = Instant::now();
    site.makes_ready(NAMESPACE, &python("taken-over", "Scale/taken-over.py")).await;
    site.figures.took("  until the next object is Ready then", begun.elapsed());
    operator::rolled_out(site).await;
}
