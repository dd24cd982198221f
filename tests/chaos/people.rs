//! Those who apply, edit, move and delete objects, each with one file in mind, whose content stands in
//! the object or in a ConfigMap of its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use dataworks_core::api::v1alpha1::DataWorksResource;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};

use super::ledger::{Edition, Ledger};
use super::plan::{Act, Source, is_published};
use crate::support::{PROJECT, Scene, manifest, poll};

/// An object takes so long at most to go: several takeovers, each with the longest wait.
const GONE: Duration = Duration::from_secs(300);
/// Of every ConfigMap.
const KEY: &str = "k";

/// One person.
pub(crate) struct Person {
    scene: Rc<Scene>,
    ledger: Rc<RefCell<Ledger>>,
    edition: Edition,
    objects: u64,
    /// The present object's ConfigMap is there.
    has_map: bool,
}

impl Person {
    pub(crate) fn new(scene: &Rc<Scene>, ledger: &Rc<RefCell<Ledger>>, person: usize) -> Self {
        let edition = Edition { person, content: 0, folder: 0, name: 0 };
        Self { scene: Rc::clone(scene), ledger: Rc::clone(ledger), edition, objects: 0, has_map: false }
    }

    /// Does all that is planned.
    pub(crate) async fn live(mut self, acts: Vec<(Duration, Act)>) {
        for (pause, act) in acts {
            tokio::time::sleep(pause).await;
            match act {
                Act::Create => self.create().await,
                Act::Edit => self.edit(false, false, true).await,
                Act::Relocate { name, folder, content } => self.edit(name, folder, content).await,
                Act::Recreate => {
                    self.delete().await;
                    self.gone().await;
                    self.create().await;
                }
                Act::Succeed => {
                    self.delete().await;
                    self.objects += 1;
                    // The object that goes may still look at its own.
                    self.has_map = false;
                    self.create().await;
                }
                Act::Delete => self.delete().await,
            }
        }
    }

    fn object(&self) -> String {
        format!("o{}-{}", self.edition.person, self.objects)
    }

    fn declare(&mut self) {
        self.ledger.borrow_mut().declare(&self.object(), self.edition);
    }

    async fn create(&mut self) {
        self.edition.content += 1;
        self.declare();
        let mut spec = json!({"projectId": PROJECT, "path": self.edition.path(), "content": self.content()});
        if is_published(self.edition.person) {
            spec["publish"] = json!({"policy": "OnChange"});
        }
        let object: DataWorksResource = serde_json::from_value(manifest(&self.object(), &spec)).unwrap();
        // An object without its ConfigMap waits for it.
        let waits = !self.has_map && self.edition.person % 8 < 4;
        if !waits {
            self.write_map().await;
        }
        self.scene.objects().create(&PostParams::default(), &object).await.unwrap();
        if waits {
            self.write_map().await;
        }
    }

    async fn edit(&mut self, name: bool, folder: bool, content: bool) {
        self.edition.content += u64::from(content);
        if content && Source::of(self.edition.person) != Source::Inline {
            self.declare();
            self.write_map().await;
            if !name && !folder {
                return;
            }
        }
        self.edition.name += u64::from(name);
        self.edition.folder += u64::from(folder);
        self.declare();
        let spec = json!({"path": self.edition.path(), "content": self.content()});
        let patch = Patch::Merge(json!({"spec": spec}));
        self.scene.objects().patch(&self.object(), &PatchParams::default(), &patch).await.unwrap();
    }

    fn content(&self) -> Value {
        match Source::of(self.edition.person) {
            Source::Inline => json!({"inline": String::from_utf8(self.edition.content()).unwrap()}),
            Source::Text | Source::Binary => json!({"configMapKeyRef": {"name": self.object(), "key": KEY}}),
        }
    }

    /// Writes the ConfigMap of the present object, if its content stands in one.
    async fn write_map(&mut self) {
        let content = self.edition.content();
        let mut map = ConfigMap::default();
        map.metadata.name = Some(self.object());
        match Source::of(self.edition.person) {
            Source::Inline => return,
            Source::Text => {
                map.data = Some(BTreeMap::from([(KEY.to_owned(), String::from_utf8(content).unwrap())]));
            }
            Source::Binary => {
                map.binary_data = Some(BTreeMap::from([(KEY.to_owned(), ByteString(content))]));
            }
        }
        let maps: Api<ConfigMap> = Api::namespaced(self.scene.client.clone(), &self.scene.namespace);
        let params = PatchParams::apply("chaos").force();
        let written = maps.patch(&self.object(), &params, &Patch::Apply(map)).await.unwrap();
        self.ledger.borrow_mut().wrote_map(written.metadata.resource_version.unwrap(), self.edition);
        self.has_map = true;
    }

    async fn delete(&mut self) {
        self.ledger.borrow_mut().delete(self.edition.person);
        // By version. Without one the API server may overlook a finalizer that was added after it had
        // read the object, and takes it away at once; with a crash on top of that, before the operator
        // could take the file back, nobody knows of the file any more.
        let delete = async || {
            let objects = self.scene.objects();
            let metadata = objects.get(&self.object()).await.unwrap().metadata;
            let version = Preconditions { resource_version: metadata.resource_version, uid: metadata.uid };
            let params = DeleteParams { preconditions: Some(version), ..DeleteParams::default() };
            match objects.delete(&self.object(), &params).await {
                Ok(_) => Some(()),
                Err(kube::Error::Api(status)) if status.is_conflict() => None,
                Err(error) => panic!("{} cannot be deleted: {error}", self.object()),
            }
        };
        poll(GONE, Duration::from_millis(10), "it is changed all the time", delete).await;
    }

    async fn gone(&self) {
        let object = self.object();
        let gone = |o: Option<&DataWorksResource>| o.is_none();
        let wait = tokio::time::timeout(GONE, await_condition(self.scene.objects(), &object, gone));
        wait.await.unwrap_or_else(|_| panic!("{object} does not go")).unwrap();
    }
}
