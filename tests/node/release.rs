//! The chart of a user, whose objects are ours: Helm waits for their files, and rolls back when one cannot be.

use crate::site::Site;
use crate::support::helm::Helm;
use crate::support::{PROJECT, file, is_ready, python, status};

/// Of that user.
const NAMESPACE: &str = "clicks";

pub(crate) async fn story(site: &Site) {
    site.namespace(NAMESPACE).await;
    let helm = Helm::new(&site.cluster, NAMESPACE).await;
    let chart = file("examples/helm-release");
    let project = format!("--set=projectId={PROJECT}");
    let install = [
        "upgrade",
        "--install",
        "files",
        &chart,
        &project,
        "--wait",
        "--rollback-on-failure",
        "--timeout=90s",
    ];
    helm.run(&install).await;
    let objects = site.objects(NAMESPACE);
    let made = objects.get("click-cleaner").await.unwrap();
    assert!(is_ready(&made), "helm ended before it was ready: {made:?}");

    // The next version declares a path that another object has.
    site.makes_ready(NAMESPACE, &python("first", "Clicks/taken.py")).await;
    let next = [
        "--set=files[0].name=shared-helpers,files[0].path=Shared/helpers.py,files[0].source=files/helpers.py",
        "--set=files[1].name=click-cleaner,files[1].path=Clicks/taken.py,files[1].source=files/cleaner.py",
    ];
    let said = helm.try_run(&[&install[..], &next].concat()).await.unwrap_err();
    assert!(said.contains("already manages"), "{said}");
    let back = objects.get("click-cleaner").await.unwrap();
    assert_eq!(status(&back).path.as_deref(), Some("Clicks/cleaner.py"));
    assert!(is_ready(&back), "the rollback waits, too: {back:?}");

    helm.run(&["uninstall", "files", "--wait", "--timeout=90s"]).await;
    site.cluster.kubectl(NAMESPACE).run(&["delete", "dataworksresource", "first", "--timeout=60s"]).await;
    assert_eq!(objects.list(&Default::default()).await.unwrap().items.len(), 0);
}
