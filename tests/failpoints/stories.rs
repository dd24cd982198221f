//! For each place a story of an object that passes it.

use std::time::Duration;

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_core::ids::Digest;
use dataworks_core::intent::Intent;
use dataworks_operator::failpoint::{Moment, Place};
use dataworks_simulator::{
    AccessKey, AutoMode, Decision, ErrorAnswer, Fault, FaultKind, OutsideEdit, OutsideFile, ProjectConfig,
};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use serde_json::{Value, json};

use crate::support::{
    Ask as _, DEADLINE, PROJECT, Scene, condition, id, is_current, is_ready, manifest, poll, python, status,
};

pub(crate) const NAME: &str = "one";
pub(crate) const PATH: &str = "Fail/one.py";
const INTENT: &str = "dataworks.alibabacloud.com/create-intent";
const LOOK: &str = "dataworks.alibabacloud.com/reconcile-requested-at";

/// Flags without which a story cannot be told.
pub(crate) fn flags(place: Place) -> &'static [&'static str] {
    match place {
        // What is not known must stay so long that status tells of it.
        Place::RestoreIntent => &["--commit-lag=8s"],
        // The answer must come after the object has gone.
        Place::DeleteSurplus => &["--call-deadline=20s", "--start-deadline=20s"],
        _ => &[],
    }
}

/// Tells the story up to its end, at which there is nothing any more: neither object nor file.
pub(crate) async fn tell(scene: &Scene, place: Place, moment: Moment) {
    match place {
        Place::Intent
        | Place::Create
        | Place::RecordCreated
        | Place::Update
        | Place::RecordUpdated
        | Place::Delete
        | Place::RemoveFinalizer => apply(scene, first()).await,
        Place::RecordFound => {
            break_create(scene, FaultKind::Lost);
            apply(scene, first()).await;
        }
        Place::RestoreIntent => {
            break_create(scene, FaultKind::LateCommit { ms: 4000, hang: false });
            apply(scene, first()).await;
            scene.says(NAME, "Unknown", "OutcomeUnknown").await;
            merge(scene, json!({"metadata": {"annotations": {INTENT: null}}})).await;
        }
        Place::Upload => return uploaded(scene).await,
        Place::RecordAttempt => return refused(scene).await,
        Place::RecordSeen => {
            apply(scene, first()).await;
            as_declared(scene, "print(1)\n").await;
            look(scene).await;
        }
        Place::RecordLooked => reported(scene).await,
        Place::RecordState => {
            apply(scene, first_with("suspend", json!(true))).await;
            scene.says(NAME, "Unknown", "Suspended").await;
            assert_eq!(scene.cloud.counts().total, 0);
            merge(scene, json!({"spec": {"suspend": false}})).await;
        }
        Place::AddFinalizer => {
            apply(scene, first()).await;
            as_declared(scene, "print(1)\n").await;
            replace_bare(scene).await;
            let held = |o: &DataWorksResource| o.metadata.finalizers.iter().flatten().count() == 1;
            scene.until(NAME, held).await;
        }
        Place::Rename | Place::Move | Place::RecordMoved => {
            apply(scene, first()).await;
            as_declared(scene, "print(1)\n").await;
            merge(scene, json!({"spec": {"path": "Elsewhere/other.py"}})).await;
        }
        Place::RecordAdopted => {
            scene.cloud.create_outside(OutsideFile::new(PROJECT, PATH, "theirs")).unwrap();
            apply(scene, adopting()).await;
        }
        Place::RecordForgotten => copied(scene).await,
        Place::CreateRun | Place::StartStage | Place::RecordPublication => return published(scene).await,
        Place::AbolishRun => return overtaken(scene).await,
        Place::HoldWorkspace | Place::RecordWorkspace => return tended(scene).await,
        Place::RecordUndecodable => undecodable(scene).await,
        Place::DeleteSurplus => return surplus(scene, moment).await,
    }
    as_declared(scene, "print(1)\n").await;
    to_the_end(scene).await;
}

/// A file by the way of a workspace object, which goes after it.
async fn tended(scene: &Scene) {
    let url = scene.cloud.url();
    let AccessKey { access_key_id, secret, .. } = AccessKey::default();
    let key = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"},
        "stringData": {"accessKeyId": access_key_id, "accessKeySecret": secret},
    });
    let workspace = json!({
        "apiVersion": "dataworks.alibabacloud.com/v1alpha1", "kind": "DataWorksWorkspace", "metadata": {"name": NAME},
        "spec": {
            "projectId": PROJECT, "region": "cn-shanghai", "endpoint": url.strip_prefix("http://").unwrap(),
            "credentials": {"secretRef": {"name": "key"}},
        },
    });
    for object in [key, workspace] {
        scene.kubectl.apply(&object).await;
    }
    let content = json!({"inline": "print(1)\n"});
    apply(scene, manifest(NAME, &json!({"workspaceRef": {"name": NAME}, "path": PATH, "content": content})))
        .await;
    as_declared(scene, "print(1)\n").await;
    to_the_end(scene).await;
    scene.kubectl.run(&["delete", "dataworksworkspace", NAME, "--timeout=60s"]).await;
}

/// Content that has to be uploaded, changed once.
async fn uploaded(scene: &Scene) {
    let maps: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let map = |bytes: &[u8]| {
        let keys = [("k".to_owned(), ByteString(bytes.to_vec()))];
        let mut map = ConfigMap { binary_data: Some(keys.into()), ..ConfigMap::default() };
        map.metadata.name = Some(NAME.to_owned());
        map
    };
    let holds = async |bytes: &[u8]| {
        let digest = Digest::of(bytes).to_string();
        let told = |o: &DataWorksResource| is_ready(o) && status(o).content_digest.as_ref() == Some(&digest);
        let object = scene.until(NAME, told).await;
        let file = scene.cloud.only_file();
        assert_eq!((file.id, file.content_sha256), (id(&object), digest));
    };
    maps.create(&PostParams::default(), &map(b"\xff1")).await.unwrap();
    let content = json!({"configMapKeyRef": {"name": NAME, "key": "k"}});
    apply(scene, manifest(NAME, &json!({"projectId": PROJECT, "path": PATH, "content": content}))).await;
    holds(b"\xff1").await;
    maps.replace(NAME, &PostParams::default(), &map(b"\xff2")).await.unwrap();
    holds(b"\xff2").await;
    scene.objects().delete(NAME, &DeleteParams::default()).await.unwrap();
    scene.gone(NAME).await;
    assert_eq!(scene.cloud.resources(PROJECT), []);
}

/// Edited, and deleted.
async fn to_the_end(scene: &Scene) {
    merge(scene, json!({"spec": {"content": {"inline": "print(2)\n"}}})).await;
    as_declared(scene, "print(2)\n").await;
    scene.objects().delete(NAME, &DeleteParams::default()).await.unwrap();
    scene.gone(NAME).await;
    assert_eq!(scene.cloud.resources(PROJECT), []);
}

/// Waits until the object says that this content is there, which is then so: in its only file, at
/// its path.
async fn as_declared(scene: &Scene, content: &str) {
    let declares = |o: &DataWorksResource| {
        is_ready(o) && o.spec.content.as_ref().and_then(|c| c.inline.as_deref()) == Some(content)
    };
    let object = scene.until(NAME, declares).await;
    let file = scene.cloud.only_file();
    let held = (file.id, Some(file.path), file.content.as_str());
    assert_eq!(held, (id(&object), object.spec.path.clone(), content));
}

/// A create that the service refuses: known as refused, or tried again when nobody knows.
async fn refused(scene: &Scene) {
    break_create(scene, FaultKind::Error(ErrorAnswer::new(400, "InvalidParameter", "made to fail")));
    apply(scene, first()).await;
    let told =
        |o: &DataWorksResource| is_current(o) && condition(o, "Ready").is_some_and(|c| c.status != "Unknown");
    let object = scene.until(NAME, told).await;
    assert!(is_ready(&object) || condition(&object, "Ready").unwrap().reason == "Refused");
    to_the_end(scene).await;
}

/// A change by others that is told and left.
async fn reported(scene: &Scene) {
    apply(scene, first_with("driftPolicy", json!("Report"))).await;
    as_declared(scene, "print(1)\n").await;
    let edit = |content: &str| OutsideEdit { content: Some(content.to_owned()), ..OutsideEdit::default() };
    let file = scene.cloud.only_file().id;
    scene.cloud.edit_outside(&file, edit("theirs")).unwrap();
    look(scene).await;
    let drifted = |o: &DataWorksResource| condition(o, "Synced").is_some_and(|c| c.reason == "Drifted");
    scene.until(NAME, drifted).await;
    assert_eq!(scene.cloud.only_file().content, "theirs");
    scene.cloud.edit_outside(&file, edit("print(1)\n")).unwrap();
}

/// A copy of an object of another cluster, with its status, that adopts the file at its path.
async fn copied(scene: &Scene) {
    scene.cloud.create_outside(OutsideFile::new(PROJECT, PATH, "theirs")).unwrap();
    let intent = Intent {
        cluster: "another".to_owned(),
        object: "default/original".to_owned(),
        uid: "another".to_owned(),
        holder: "another".to_owned(),
        project_id: PROJECT,
        path: PATH.to_owned(),
        content_sha256: None,
        spec_sha256: None,
        defaults: None,
        first: Timestamp::UNIX_EPOCH,
        at: Timestamp::UNIX_EPOCH,
    };
    let mut copy = adopting();
    copy["metadata"]["annotations"] = json!({INTENT: intent.to_annotation()});
    copy["spec"]["suspend"] = json!(true);
    apply(scene, copy).await;
    let restored = Patch::Merge(json!({"status": {"id": "7"}}));
    scene.objects().patch_status(NAME, &PatchParams::default(), &restored).await.unwrap();
    merge(scene, json!({"spec": {"suspend": false}})).await;
}

/// An object that this version cannot read, and that is mended.
async fn undecodable(scene: &Scene) {
    let kind = ApiResource::erase::<DataWorksResource>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), &scene.namespace, &kind);
    let odd = manifest(NAME, &json!({"projectId": "a text", "path": 7, "content": []}));
    api.create(&PostParams::default(), &serde_json::from_value(odd).unwrap()).await.unwrap();
    let told = async || {
        let object = api.get(NAME).await.unwrap();
        let conditions = object.data["status"]["conditions"].as_array()?.clone();
        conditions.into_iter().find(|c| c["type"] == "Stalled" && c["reason"] == "InvalidSpec")
    };
    poll(DEADLINE, Duration::from_millis(100), "it is not told", told).await;
    let mended = async || {
        let mut mended: DynamicObject = serde_json::from_value(first()).unwrap();
        mended.metadata.resource_version = api.get(NAME).await.unwrap().metadata.resource_version;
        api.replace(NAME, &PostParams::default(), &mended).await.ok()
    };
    poll(DEADLINE, Duration::from_millis(20), "it cannot be replaced", mended).await;
}

/// A file that is published stage by stage: one run for each version, whatever happened.
async fn published(scene: &Scene) {
    scene.cloud.change_settings(|settings| settings.behaviour.deployment.auto = AutoMode::Ignore);
    apply(scene, first_with("publish", json!({"policy": "OnChange"}))).await;
    as_declared(scene, "print(1)\n").await;
    to_the_end(scene).await;
    let history: Vec<String> = scene.cloud.published_ever().into_iter().map(|held| held.content).collect();
    assert_eq!(history, ["print(1)\n", "print(2)\n"]);
    assert_eq!(scene.cloud.runs().len(), 2, "one run for each version");
}

/// A run that waits for a person, of a version that is not declared any more.
async fn overtaken(scene: &Scene) {
    let project = ProjectConfig::new(PROJECT, "sora_finance");
    scene.cloud.add_project(ProjectConfig { dev_environment_enabled: true, ..project });
    apply(scene, first_with("publish", json!({"policy": "OnChange"}))).await;
    scene.says(NAME, "Unknown", "AwaitingApproval").await;
    merge(scene, json!({"spec": {"content": {"inline": "print(2)\n"}}})).await;
    let second = async || scene.cloud.runs().get(1).map(|run| run.id.clone());
    let second = poll(DEADLINE, Duration::from_millis(100), "no second run", second).await;
    let waits = |object: &DataWorksResource| {
        let run = status(object).publication.and_then(|record| record.run_id);
        run.as_ref() == Some(&second)
            && condition(object, "Ready").is_some_and(|ready| ready.reason == "AwaitingApproval")
    };
    scene.until(NAME, waits).await;
    scene.cloud.decide(&second, Decision::Approve).unwrap();
    look(scene).await;
    to_the_end(scene).await;
    let history: Vec<String> = scene.cloud.published_ever().into_iter().map(|held| held.content).collect();
    assert_eq!(history, ["print(2)\n"], "never what is not declared");
    assert_eq!(scene.cloud.runs().len(), 2, "one run for each version");
}

/// A file whose object was taken away by force while it was made. Before the operator could
/// delete it nobody knows of it any more: it stays, and is no object's.
async fn surplus(scene: &Scene, moment: Moment) {
    break_create(scene, FaultKind::Slow { ms: 10_000 });
    apply(scene, first()).await;
    let arrived = async || (scene.cloud.faults()[0].1 == 1).then_some(());
    poll(DEADLINE, Duration::from_millis(5), "no create", arrived).await;
    scene.objects().delete(NAME, &DeleteParams::default()).await.unwrap();
    merge(scene, json!({"metadata": {"finalizers": null}})).await;
    scene.gone(NAME).await;
    scene.cloud.called(0, "CreateResource").await;
    match moment {
        Moment::Before => {
            let left = scene.cloud.only_file();
            apply(scene, first()).await;
            scene.says(NAME, "False", "AlreadyExists").await;
            scene.objects().delete(NAME, &DeleteParams::default()).await.unwrap();
            scene.gone(NAME).await;
            assert_eq!(scene.cloud.only_file(), left);
        }
        Moment::After => {
            scene.cloud.called(0, "DeleteResource").await;
            apply(scene, first()).await;
            as_declared(scene, "print(1)\n").await;
            to_the_end(scene).await;
        }
    }
}

fn first() -> Value {
    python(NAME, PATH)
}

fn first_with(field: &str, value: Value) -> Value {
    let mut object = first();
    object["spec"][field] = value;
    object
}

/// What it adopts goes with it.
fn adopting() -> Value {
    let mut object = first_with("adoptionPolicy", json!("Adopt"));
    object["spec"]["deletionPolicy"] = json!("Delete");
    object
}

fn break_create(scene: &Scene, kind: FaultKind) {
    scene.cloud.add_fault(Fault::new("CreateResource", kind).times(1));
}

async fn apply(scene: &Scene, object: Value) {
    let object: DataWorksResource = serde_json::from_value(object).unwrap();
    scene.objects().create(&PostParams::default(), &object).await.unwrap();
}

async fn merge(scene: &Scene, patch: Value) {
    scene.objects().patch(NAME, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

/// Asks for a look and waits for its end.
async fn look(scene: &Scene) {
    merge(scene, json!({"metadata": {"annotations": {LOOK: "now"}}})).await;
    let echoed = |o: &_| status(o).last_handled_reconcile_at.as_deref() == Some("now");
    scene.until(NAME, echoed).await;
}

/// As `kubectl replace` of a manifest does: neither finalizer nor annotation is left.
async fn replace_bare(scene: &Scene) {
    let replace = async || {
        let mut object = scene.objects().get(NAME).await.unwrap();
        object.metadata.finalizers = None;
        object.metadata.annotations = None;
        scene.objects().replace(NAME, &PostParams::default(), &object).await.ok()
    };
    poll(DEADLINE, Duration::from_millis(20), "it cannot be replaced", replace).await;
}
