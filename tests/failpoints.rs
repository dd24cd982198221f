//! The operator dies before and after each of its writes, and begins anew as the same pod and as
//! another: in the end there is one file for each object, as declared, and none for what is gone.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_operator::failpoint::{Moment, Place};
use dataworks_simulator::{DuplicatePath, ErrorAnswer, Fault, FaultKind};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use serde_json::{Value, json};
use support::files::doubles_at_paths;
use support::operator::SHORT_BOUNDS;
use support::{Ask as _, PROJECT, Scene, condition, id, is_current, is_ready, manifest, poll, status};
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::LocalSet;

/// Lives at a time: most of a life is waiting for bounds to pass.
const AT_A_TIME: usize = 10;
/// The signal of `abort`: nothing else ends the operator with it.
const ABORTED: i32 = 6;
const NAME: &str = "one";
const PATH: &str = "Fail/one.py";
const INTENT: &str = "dataworks.alibabacloud.com/create-intent";
const LOOK: &str = "dataworks.alibabacloud.com/reconcile-requested-at";

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
        let scene = self.scene(loose).await;
        scene.cloud.change_settings(|settings| settings.behaviour.duplicate_path = DuplicatePath::Allow);
        let launch = scene.launch().with(&SHORT_BOUNDS).with(&["--no-leader-elect"]).with(self.flags());
        let point = format!("{}/{}", self.place.name(), self.moment.name());
        let mut dying = launch.clone().failpoint(point).start();
        let dies = async {
            let end = dying.ended().await;
            assert_eq!(end.signal(), Some(ABORTED), "{self:?}: {end}");
            // The heir, for as long as the story goes on.
            launch.pod(self.heir).start()
        };
        let (_heir, ()) = tokio::join!(dies, self.story(&scene));
        let calls = scene.cloud.calls_since(0);
        assert!(doubles_at_paths(&calls).is_empty(), "{self:?}: {calls:#?}");
    }

    async fn scene(self, loose: &OnceCell<Scene>) -> Scene {
        match self.place {
            Place::RecordUndecodable => loose.get_or_init(loosened).await.beside().await,
            Place::Intent
            | Place::RestoreIntent
            | Place::AddFinalizer
            | Place::RemoveFinalizer
            | Place::Create
            | Place::Update
            | Place::Delete
            | Place::DeleteSurplus
            | Place::RecordCreated
            | Place::RecordFound
            | Place::RecordUpdated
            | Place::RecordSeen
            | Place::RecordAttempt
            | Place::RecordState => Scene::new().await,
        }
    }

    fn flags(self) -> &'static [&'static str] {
        match self.place {
            // What is not known must stay so long that status tells of it.
            Place::RestoreIntent => &["--commit-lag=8s"],
            // The answer must come after the object has gone.
            Place::DeleteSurplus => &["--call-deadline=20s", "--start-deadline=20s"],
            _ => &[],
        }
    }

    /// A life of an object that passes the place.
    async fn story(self, scene: &Scene) {
        let create = |kind| scene.cloud.add_fault(Fault::new("CreateResource", kind).times(1));
        let refused = || FaultKind::Error(ErrorAnswer::new(400, "InvalidParameter", "made to fail"));
        match self.place {
            Place::Intent
            | Place::Create
            | Place::RecordCreated
            | Place::Update
            | Place::RecordUpdated
            | Place::Delete
            | Place::RemoveFinalizer => apply(scene).await,
            Place::RecordFound => {
                create(FaultKind::Lost);
                apply(scene).await;
            }
            Place::RecordSeen => {
                apply(scene).await;
                scene.ready(NAME).await;
                merge(scene, json!({"metadata": {"annotations": {LOOK: "now"}}})).await;
                let echoed = |o: &_| status(o).last_handled_reconcile_at.as_deref() == Some("now");
                scene.until(NAME, echoed).await;
            }
            Place::RecordAttempt => {
                create(refused());
                apply(scene).await;
                let told = |o: &DataWorksResource| {
                    is_current(o) && condition(o, "Ready").is_some_and(|c| c.status != "Unknown")
                };
                let object = scene.until(NAME, told).await;
                // Known as refused, or not known any more and tried again.
                assert!(is_ready(&object) || condition(&object, "Ready").unwrap().reason == "Refused");
            }
            Place::RecordState => {
                post(scene, spec_with("suspend", json!(true))).await;
                scene.says(NAME, "Unknown", "Suspended").await;
                assert_eq!(scene.cloud.counts().total, 0, "{self:?}");
                merge(scene, json!({"spec": {"suspend": false}})).await;
            }
            Place::AddFinalizer => {
                apply(scene).await;
                scene.ready(NAME).await;
                bare(scene).await;
                let held = |o: &DataWorksResource| o.metadata.finalizers.iter().flatten().count() == 1;
                scene.until(NAME, held).await;
            }
            Place::RestoreIntent => {
                create(FaultKind::LateCommit { ms: 4000, hang: false });
                apply(scene).await;
                scene.says(NAME, "Unknown", "OutcomeUnknown").await;
                merge(scene, json!({"metadata": {"annotations": {INTENT: null}}})).await;
            }
            Place::DeleteSurplus => return self.surplus(scene).await,
            Place::RecordUndecodable => {
                let odd = manifest(NAME, &json!({"projectId": "a text", "path": 7, "content": []}));
                let api = untyped(scene);
                let object: DynamicObject = serde_json::from_value(odd).unwrap();
                let made = api.create(&PostParams::default(), &object).await.unwrap();
                let told = async || {
                    let object = api.get(NAME).await.unwrap();
                    let conditions = object.data["status"]["conditions"].as_array()?.clone();
                    conditions
                        .iter()
                        .find(|c| c["type"] == "Stalled" && c["reason"] == "InvalidSpec")
                        .cloned()
                };
                poll(support::DEADLINE, Duration::from_millis(100), "it is not told", told).await;
                let mut mended: DynamicObject = serde_json::from_value(first()).unwrap();
                mended.metadata.resource_version = api.get(NAME).await.unwrap().metadata.resource_version;
                mended.metadata.uid = made.metadata.uid;
                api.replace(NAME, &PostParams::default(), &mended).await.unwrap();
            }
        }
        self.to_the_end(scene).await;
    }

    /// Edited, and deleted: every life ends like this.
    async fn to_the_end(self, scene: &Scene) {
        if self.place != Place::RecordAttempt {
            let object = scene.ready(NAME).await;
            self.one_file(scene, &object, "print(1)\n");
        }
        merge(scene, json!({"spec": {"content": {"inline": "print(2)\n"}}})).await;
        let edited = |o: &DataWorksResource| {
            is_ready(o) && o.spec.content.as_ref().unwrap().inline.as_deref() == Some("print(2)\n")
        };
        let object = scene.until(NAME, edited).await;
        self.one_file(scene, &object, "print(2)\n");
        scene.objects().delete(NAME, &DeleteParams::default()).await.unwrap();
        scene.gone(NAME).await;
        assert_eq!(scene.cloud.resources(PROJECT), [], "{self:?}");
    }

    /// A file whose object was taken away by force while it was made. Before the operator could
    /// delete it nobody knows of it any more: it stays, and is no object's.
    async fn surplus(self, scene: &Scene) {
        scene.cloud.add_fault(Fault::new("CreateResource", FaultKind::Slow { ms: 1500 }).times(1));
        apply(scene).await;
        let arrived = async || (scene.cloud.faults()[0].1 == 1).then_some(());
        poll(support::DEADLINE, Duration::from_millis(5), "no create", arrived).await;
        scene.objects().delete(NAME, &DeleteParams::default()).await.unwrap();
        merge(scene, json!({"metadata": {"finalizers": null}})).await;
        scene.gone(NAME).await;
        scene.cloud.called(0, "CreateResource").await;
        match self.moment {
            Moment::Before => {
                let left = scene.cloud.only_file();
                apply(scene).await;
                scene.says(NAME, "False", "AlreadyExists").await;
                assert_eq!(scene.cloud.only_file(), left, "{self:?}");
                scene.objects().delete(NAME, &DeleteParams::default()).await.unwrap();
                scene.gone(NAME).await;
                assert_eq!(scene.cloud.only_file(), left, "{self:?}");
            }
            Moment::After => {
                scene.cloud.called(0, "DeleteResource").await;
                apply(scene).await;
                self.to_the_end(scene).await;
            }
        }
    }

    /// Ready says what is so: the object knows its only file, which is as declared.
    fn one_file(self, scene: &Scene, object: &DataWorksResource, content: &str) {
        let file = scene.cloud.only_file();
        let held = (file.id, file.path.as_str(), file.content.as_str());
        assert_eq!(held, (id(object), PATH, content), "{self:?}");
    }
}

fn first() -> Value {
    support::python(NAME, PATH)
}

fn spec_with(field: &str, value: Value) -> Value {
    let mut object = first();
    object["spec"][field] = value;
    object
}

async fn apply(scene: &Scene) {
    post(scene, first()).await;
}

async fn post(scene: &Scene, object: Value) {
    let object: DataWorksResource = serde_json::from_value(object).unwrap();
    scene.objects().create(&PostParams::default(), &object).await.unwrap();
}

async fn merge(scene: &Scene, patch: Value) {
    scene.objects().patch(NAME, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

/// As `kubectl replace` of a manifest does: neither finalizer nor annotation is left.
async fn bare(scene: &Scene) {
    let replace = async || {
        let mut object = scene.objects().get(NAME).await.unwrap();
        object.metadata.finalizers = None;
        object.metadata.annotations = None;
        scene.objects().replace(NAME, &PostParams::default(), &object).await.ok()
    };
    poll(support::DEADLINE, Duration::from_millis(20), "it cannot be replaced", replace).await;
}

fn untyped(scene: &Scene) -> Api<DynamicObject> {
    let kind = ApiResource::erase::<DataWorksResource>(&());
    Api::namespaced_with(scene.client.clone(), &scene.namespace, &kind)
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
    let odd: DynamicObject =
        serde_json::from_value(manifest("odd", &json!({"projectId": "a text"}))).unwrap();
    let served = async || untyped(&scene).create(&PostParams::default(), &odd).await.ok();
    poll(support::DEADLINE, Duration::from_millis(100), "the loose schema is not served", served).await;
    scene
}

/// No write is forgotten: in the sources each stands inside `around`.
#[test]
fn every_write_passes_a_place() {
    let writes = [
        ".patch_metadata(",
        ".patch_status(",
        ".patch_raw_status(",
        ".create_resource(",
        ".update_resource(",
        ".delete_resource(",
        ".move_resource(",
        ".rename_resource(",
    ];
    let mut seen = 0;
    for (file, text) in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/reconcile")) {
        if file.ends_with("kube_client.rs") {
            continue;
        }
        for write in writes {
            for (at, _) in text.match_indices(write) {
                seen += 1;
                assert!(is_around(&text, at), "{file}: `{write}` outside of around(Place::…, …)");
            }
        }
    }
    assert!(seen >= 8, "the sources were found: {seen}");
}

/// True when the call at `at` is an argument of `around`, or bound to a name that is.
fn is_around(text: &str, at: usize) -> bool {
    let begin = text[..at].rfind([';', '{', '}']).map_or(0, |begin| begin + 1);
    let statement = text[begin..at].trim_start();
    if statement.contains("around(") {
        return true;
    }
    let name = statement.strip_prefix("let ").and_then(|rest| rest.split(' ').next());
    let after = text[at..].split_once(";\n").map(|(_, after)| after.trim_start()).unwrap_or_default();
    let next = after.split(';').next().unwrap_or_default();
    name.is_some_and(|name| next.contains("around(Place::") && next.contains(&format!(", {name})")))
}

fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path.to_str().unwrap().to_owned(), text));
        }
    }
    found
}
