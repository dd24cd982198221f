//! Those who apply, edit and delete objects, one for each path; and the ledger of what they declared.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use dataworks_core::api::v1alpha1::DataWorksResource;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::plan::Act;
use crate::support::{Scene, python};

/// An object takes so long at most to go: several takeovers, each with the longest wait.
const GONE: Duration = Duration::from_secs(300);

/// What one content says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edition {
    pub(crate) path: usize,
    /// Counts up over all objects of the path.
    pub(crate) number: u64,
}

impl Edition {
    fn content(self) -> String {
        format!("# {} {}\n", self.path, self.number)
    }

    /// The edition of a content.
    pub(crate) fn of(content: &str) -> Option<Self> {
        let (path, number) = content.strip_prefix("# ")?.trim_end().split_once(' ')?;
        Some(Self { path: path.parse().ok()?, number: number.parse().ok()? })
    }
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) edition: Edition,
}

/// What was declared: written before the API server is told of it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The editions by the digest of their content, each with the object that declared it.
    pub(crate) editions: BTreeMap<String, Declared>,
    /// What is to be there in the end.
    pub(crate) living: BTreeMap<usize, Declared>,
    /// Objects that were told to go, as the name and the last edition that they declared.
    pub(crate) deleted: BTreeSet<(String, Edition)>,
}

impl Ledger {
    pub(crate) fn by_digest(&self, digest: &str) -> Option<&Declared> {
        self.editions.get(digest)
    }

    fn declare(&mut self, name: &str, edition: Edition) {
        let declared = Declared { name: name.to_owned(), edition };
        let digest = hex::encode(Sha256::digest(edition.content().as_bytes()));
        self.editions.insert(digest, declared.clone());
        self.living.insert(edition.path, declared);
    }

    fn delete(&mut self, path: usize) {
        let gone = self.living.remove(&path).unwrap();
        self.deleted.insert((gone.name, gone.edition));
    }

    /// True when the object that declared this edition, or a later one of its own, was told to go.
    pub(crate) fn is_deleted(&self, name: &str, edition: Edition) -> bool {
        self.deleted
            .iter()
            .any(|(gone, last)| gone == name && last.path == edition.path && last.number >= edition.number)
    }
}

/// The path of a number.
pub(crate) fn path(n: usize) -> String {
    format!("Chaos/{:02}/file-{n}.py", n % 7)
}

/// One person.
pub(crate) struct Person {
    pub(crate) scene: Rc<Scene>,
    pub(crate) ledger: Rc<RefCell<Ledger>>,
    pub(crate) path: usize,
    edition: u64,
    names: u64,
}

impl Person {
    pub(crate) fn new(scene: Rc<Scene>, ledger: Rc<RefCell<Ledger>>, path: usize) -> Self {
        Self { scene, ledger, path, edition: 0, names: 0 }
    }

    /// Does all that is planned for the path.
    pub(crate) async fn live(mut self, acts: Vec<(Duration, Act)>) {
        for (pause, act) in acts {
            tokio::time::sleep(pause).await;
            match act {
                Act::Create => self.create().await,
                Act::Edit => self.edit().await,
                Act::Recreate => {
                    let name = self.delete().await;
                    let gone =
                        await_condition(self.scene.objects(), &name, |o: Option<&DataWorksResource>| {
                            o.is_none()
                        });
                    tokio::time::timeout(GONE, gone)
                        .await
                        .unwrap_or_else(|_| panic!("{name} does not go"))
                        .unwrap();
                    self.create().await;
                }
                Act::Succeed => {
                    self.delete().await;
                    self.names += 1;
                    self.create().await;
                }
                Act::Delete => drop(self.delete().await),
            }
        }
    }

    fn name(&self) -> String {
        format!("o{}-{}", self.path, self.names)
    }

    fn declare(&mut self) -> Edition {
        self.edition += 1;
        let edition = Edition { path: self.path, number: self.edition };
        self.ledger.borrow_mut().declare(&self.name(), edition);
        edition
    }

    async fn create(&mut self) {
        let edition = self.declare();
        let mut object = python(&self.name(), &path(self.path));
        object["spec"]["content"] = json!({"inline": edition.content()});
        let object: DataWorksResource = serde_json::from_value(object).unwrap();
        self.scene.objects().create(&PostParams::default(), &object).await.unwrap();
    }

    async fn edit(&mut self) {
        let content = self.declare().content();
        let patch = Patch::Merge(json!({"spec": {"content": {"inline": content}}}));
        self.scene.objects().patch(&self.name(), &PatchParams::default(), &patch).await.unwrap();
    }

    async fn delete(&mut self) -> String {
        self.ledger.borrow_mut().delete(self.path);
        self.scene.objects().delete(&self.name(), &DeleteParams::default()).await.unwrap();
        self.name()
    }
}
