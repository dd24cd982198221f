//! The operator dies before and after each of its writes, and begins anew as the same pod and as
//! another: in the end there is one file for each object, as declared, and none for what is gone.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

#[path = "failpoints/sources.rs"]
mod sources;
#[path = "failpoints/stories.rs"]
mod stories;

use std::os::unix::process::ExitStatusExt as _;
use std::rc::Rc;
use std::time::Duration;

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_operator::failpoint::{Moment, Place};
use dataworks_simulator::DuplicatePath;
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use kube::core::ApiResource;
use serde_json::json;
use support::files::doubles_at_paths;
use support::operator::SHORT_BOUNDS;
use support::{Scene, manifest, poll};
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::LocalSet;

/// Lives at a time: most of a life is waiting for bounds to pass.
const AT_A_TIME: usize = 20;
/// The signal of `abort`: nothing else ends the operator with it.
const ABORTED: i32 = 6;

/// One life: where the operator dies, and as which pod it begins anew.
#[derive(Clone, Copy, Debug)]
struct Life {
    place: Place,
    moment: Moment,
    heir: &'static str,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_write_loses_and_doubles_nothing() {
    let loose = Rc::new(OnceCell::new());
    let permits = Rc::new(Semaphore::new(AT_A_TIME));
    let lives = LocalSet::new();
    let mut ends = Vec::new();
    for place in Place::ALL.iter().copied() {
        for moment in Moment::ALL {
            for heir in ["pod-1", "pod-2"] {
                let life = Life { place, moment, heir };
                let (permits, loose) = (Rc::clone(&permits), Rc::clone(&loose));
                let lived = lives.spawn_local(async move {
                    let _permit = permits.acquire().await.unwrap();
                    life.live(&loose).await;
                });
                ends.push((life, lived));
            }
        }
    }
    let failed = lives.run_until(async {
        let mut failed = Vec::new();
        for (life, lived) in ends {
            if lived.await.is_err() {
                failed.push(life);
            }
        }
        failed
    });
    let failed = failed.await;
    assert!(failed.is_empty(), "{failed:#?}");
}

impl Life {
    async fn live(self, loose: &OnceCell<Scene>) {
        let scene = match self.place {
            Place::RecordUndecodable => loose.get_or_init(loosened).await.beside().await,
            _ => Scene::new().await,
        };
        scene.cloud.change_settings(|settings| settings.behaviour.duplicate_path = DuplicatePath::Allow);
        let allowed = format!("--allowed-endpoints={}", scene.cloud.url());
        let launch = scene.launch().with(&SHORT_BOUNDS).with(&["--no-leader-elect", &allowed]);
        let launch = launch.with(stories::flags(self.place));
        let point = format!("{}/{}", self.place.name(), self.moment.name());
        let mut dying = launch.clone().failpoint(point).start();
        let dies = async {
            let end = dying.ended().await;
            assert_eq!(end.signal(), Some(ABORTED), "{self:?}: {end}");
            // The heir, for as long as the story goes on.
            launch.pod(self.heir).start()
        };
        let (_heir, ()) = tokio::join!(dies, stories::tell(&scene, self.place, self.moment));
        let calls = scene.cloud.calls_since(0);
        assert!(doubles_at_paths(&calls).is_empty(), "{self:?}: {calls:#?}");
    }
}

/// A cluster whose CRD takes any spec.
async fn loosened() -> Scene {
    let scene = Scene::alone().await;
    let crd = "customresourcedefinition/dataworksresources.dataworks.alibabacloud.com";
    let loose = json!([
        {
            "op": "replace",
            "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec",
            "value": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        },
        {"op": "remove", "path": "/spec/versions/0/selectableFields"},
    ]);
    scene.kubectl.run(&["patch", crd, "--type=json", "-p", &loose.to_string()]).await;
    let kind = ApiResource::erase::<DataWorksResource>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), &scene.namespace, &kind);
    let odd: DynamicObject =
        serde_json::from_value(manifest("odd", &json!({"projectId": "a text"}))).unwrap();
    let served = async || api.create(&PostParams::default(), &odd).await.ok();
    poll(support::DEADLINE, Duration::from_millis(100), "the loose schema is not served", served).await;
    scene
}
