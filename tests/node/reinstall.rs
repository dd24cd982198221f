//! The operator goes without its objects and comes back: it finds everything, and writes nothing.

use std::collections::BTreeSet;
use std::time::Instant;

use kube::ResourceExt as _;
use kube::api::ListParams;

use crate::guard;
use crate::memory::OBJECTS;
use crate::operator::{self, NAMESPACE};
use crate::site::{RELEASE, Site};
use crate::support::admin::Admin;
use crate::support::{PROJECT, id, python};

pub(crate) async fn finds_everything(site: &Site, cloud: &Admin) {
    let (objects, files) = (objects(site).await, cloud.files(PROJECT).await);
    assert_eq!(objects.len(), OBJECTS);
    // What the guard says to do when the objects are to stay.
    site.helm.run(&["uninstall", RELEASE, "--no-hooks", "--wait", "--timeout=2m"]).await;
    guard::clears_up(site).await;
    guard::gone(site).await;
    assert_eq!(self::objects(site).await, objects, "the objects stay as they are");
    assert_eq!(cloud.files(PROJECT).await, files, "and so do the files");

    let since = cloud.counts().await.last_seq;
    operator::apply(site, &site.chart, "replicaCount=2").await;
    let begun = Instant::now();
    // It goes through the same queue, behind all that was there.
    site.makes_ready(NAMESPACE, &python("last", "Reinstall/last.py")).await;
    site.figures.took("  until the next object is Ready then", begun.elapsed());
    let leader = operator::leader(site).await;
    let known = operator::metric(&leader, "dataworks_resources", &["ready=\"True\""]).await;
    assert_eq!(known, OBJECTS as u64 + 1, "all are known");
    let calls = cloud.calls_since(since).await;
    let writes: Vec<_> = calls.iter().filter(|call| call.effect).map(|call| call.path.as_deref()).collect();
    assert_eq!(writes, [Some("Reinstall/last.py")]);
    site.figures.add("  calls after a reinstall with 1,000 objects", calls.len());

    let mut after = self::objects(site).await;
    after.retain(|(name, ..)| name != "last");
    assert_eq!(after, objects, "nor was an object written");
}

/// Name, id and version of each object: the version moves with every write.
async fn objects(site: &Site) -> BTreeSet<(String, String, Option<String>)> {
    let objects = site.objects(NAMESPACE).list(&ListParams::default()).await.unwrap();
    objects.iter().map(|object| (object.name_any(), id(object), object.resource_version())).collect()
}
