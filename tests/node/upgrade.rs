//! An upgrade to another version of the chart and the image: the pods roll while objects are created.

use crate::load::Load;
use crate::operator;
use crate::site::{OPERATOR_IMAGE, Site, version};
use crate::support::admin::Admin;

/// Of the chart that comes after this one.
const NEXT: &str = "0.1.1-next";

pub(crate) async fn rolls(site: &Site, cloud: &Admin) {
    let folder = site.folder.path().to_str().unwrap();
    let versions = ["--version", NEXT, "--app-version", NEXT];
    site.helm.run(&[&["package", &site.chart, "--destination", folder][..], &versions].concat()).await;
    let [old, new] = [version(), NEXT].map(|tag| format!("{OPERATOR_IMAGE}:{tag}"));
    site.ctr(&["images", "tag", &old, &new]).await;

    let chart = format!("{folder}/dataworks-operator-{NEXT}.tgz");
    let before = operator::pods(site).await;
    let load = Load::new(site, cloud, "upgrade").await;
    load.during(async {
        operator::apply(site, &chart, "replicaCount=2").await;
        operator::leader_after(site, &before).await;
    })
    .await;
    for pod in operator::pods(site).await {
        assert_eq!(pod.spec.unwrap().containers[0].image.as_deref(), Some(new.as_str()));
    }
}
