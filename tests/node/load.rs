//! Objects that are made one after the other while something happens to the operator, and the reckoning: each object has
//! exactly one file, each file was made once, none was taken back.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_simulator::Call;
use futures::future::LocalBoxFuture;
use futures::{FutureExt as _, TryStreamExt as _};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tokio::sync::Notify;

use crate::operator::NAMESPACE;
use crate::site::{Site, until};
use crate::support::admin::Admin;
use crate::support::files::doubles_at_paths;
use crate::support::{PROJECT, id, is_ready, python, status};

/// Objects that are made at the least.
const LEAST: usize = 200;
/// Objects that are not ready, at the most: the next is made when one becomes ready.
const BACKLOG: usize = 30;
/// What each call takes: so long that creates are under way at every moment.
const LATENCY_MS: u32 = 1000;
/// For all of it; far beyond what it takes.
const DEADLINE: Duration = Duration::from_secs(300);
/// The label that says which load an object belongs to.
const LABEL: &str = "load";

/// Objects of one name.
pub(crate) struct Load<'a> {
    site: &'a Site,
    cloud: &'a Admin,
    name: &'static str,
    objects: Api<DataWorksResource>,
    /// The last call before it.
    since: u64,
}

/// How far it is.
#[derive(Default)]
struct Progress {
    made: Cell<usize>,
    ready: RefCell<BTreeSet<String>>,
    /// How many were made when the event ended.
    over: Cell<Option<usize>>,
    changed: Notify,
}

impl<'a> Load<'a> {
    /// Nothing is made yet.
    pub(crate) async fn new(site: &'a Site, cloud: &'a Admin, name: &'static str) -> Self {
        cloud.settings(&json!({ "latencyMs": LATENCY_MS })).await;
        let since = cloud.counts().await.last_seq;
        Self { site, cloud, name, objects: site.objects(NAMESPACE), since }
    }

    /// Makes objects from before `event` begins until after it has ended, waits until all are ready, and reckons.
    pub(crate) fn during<'s>(&'s self, event: impl Future<Output = ()> + 's) -> LocalBoxFuture<'s, ()> {
        self.made_during(event).boxed_local()
    }

    async fn made_during(&self, event: impl Future<Output = ()>) {
        let progress = Progress::default();
        let begun = Notify::new();
        let event = async {
            begun.notified().await;
            event.await;
            progress.over.set(Some(progress.made.get()));
            progress.changed.notify_one();
        };
        let all = async { tokio::join!(self.make(&progress, &begun), event) };
        tokio::select! {
            end = tokio::time::timeout(DEADLINE, all) => {
                assert!(end.is_ok(), "{}: {}", self.name, progress.tell());
            }
            end = self.observe(&progress) => panic!("the watch ended: {end:?}"),
        }
        self.reckon(progress.made.get()).await;
    }

    async fn make(&self, progress: &Progress, begun: &Notify) {
        loop {
            let (made, ready) = (progress.made.get(), progress.ready.borrow().len());
            // More than the backlog after the event: one at the least became ready after it.
            let enough = progress.over.get().is_some_and(|then| made > (then + BACKLOG).max(LEAST));
            if enough && made == ready {
                return;
            }
            if enough || made.saturating_sub(ready) >= BACKLOG {
                progress.changed.notified().await;
                continue;
            }
            let name = format!("{}-{made:04}", self.name);
            let mut object = python(&name, &format!("{}/{name}.py", self.name));
            object["metadata"]["labels"] = json!({ LABEL: self.name });
            let object: DataWorksResource = serde_json::from_value(object).unwrap();
            self.objects.create(&PostParams::default(), &object).await.unwrap();
            progress.made.set(made + 1);
            // More than the backlog: creates are under way.
            if made == 2 * BACKLOG {
                begun.notify_one();
            }
        }
    }

    async fn observe(&self, progress: &Progress) -> Result<(), watcher::Error> {
        let config = watcher::Config::default().labels(&format!("{LABEL}={}", self.name));
        let mut objects = pin!(watcher(self.objects.clone(), config).default_backoff().applied_objects());
        while let Some(object) = objects.try_next().await? {
            if is_ready(&object) && progress.ready.borrow_mut().insert(object.name_any()) {
                progress.changed.notify_one();
            }
        }
        Ok(())
    }

    async fn reckon(&self, made: usize) {
        let chosen = ListParams::default().labels(&format!("{LABEL}={}", self.name));
        let objects = self.objects.list(&chosen).await.unwrap().items;
        let folder = format!("{}/", self.name);
        let known: BTreeSet<(String, String)> =
            objects.iter().map(|object| (status(object).path.expect("a path"), id(object))).collect();
        let files = self.cloud.files(PROJECT).await.into_iter();
        let files: BTreeSet<(String, String)> =
            files.filter(|file| file.path.starts_with(&folder)).map(|file| (file.path, file.id)).collect();
        assert_eq!(known, files, "each object has its file, and no file is without");
        assert_eq!(files.len(), made, "none is lost");

        let calls = self.cloud.calls_since(self.since).await;
        assert_eq!(calls.first().map(|call| call.seq), Some(self.since + 1), "the journal has all calls");
        let doubles = doubles_at_paths(&calls);
        assert!(doubles.is_empty(), "{doubles:#?}");
        let ours = |call: &&Call| call.path.as_ref().is_some_and(|path| path.starts_with(&folder));
        let effects: Vec<&str> =
            calls.iter().filter(|call| call.effect).filter(ours).map(|call| call.action.as_str()).collect();
        assert_eq!(effects, vec!["CreateResource"; made], "each was made once, and left alone");
        // A file whose create was never answered has no request's id.
        let found = objects.iter().filter(|object| status(object).request_id.is_none()).count();
        self.site
            .figures
            .add(&format!("  objects made in {:?}, found again", self.name), format!("{made}, {found}"));
    }
}

impl Progress {
    fn tell(&self) -> String {
        format!(
            "{} were made, {} are ready, over: {:?}",
            self.made.get(),
            self.ready.borrow().len(),
            self.over.get()
        )
    }
}

/// Deletes all objects, and their files with them.
pub(crate) async fn deleted(site: &Site, cloud: &Admin) {
    cloud.settings(&json!({ "latencyMs": 0 })).await;
    let objects = site.objects(NAMESPACE);
    let all = objects.list(&ListParams::default()).await.unwrap();
    objects.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    for object in all {
        until(objects.clone(), &object.name_any(), "it goes", |object: Option<&_>| object.is_none()).await;
    }
    let files = cloud.files(PROJECT).await;
    assert!(files.is_empty(), "{files:#?}");
}
