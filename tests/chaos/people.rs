//! Those who apply, edit, move and delete objects, each with one file in mind; and the ledger of
//! what they declared.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use dataworks_core::api::v1alpha1::DataWorksResource;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::plan::Act;
use crate::support::{Scene, poll, python};

/// An object takes so long at most to go: several takeovers, each with the longest wait.
const GONE: Duration = Duration::from_secs(300);

/// What a person declares at one time. Each number counts up over the person's life, so that of
/// two editions one is the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edition {
    pub(crate) person: usize,
    pub(crate) content: u64,
    pub(crate) folder: u64,
    pub(crate) name: u64,
}

impl Edition {
    fn content(self) -> String {
        format!("# {} {}\n", self.person, self.content)
    }

    pub(crate) fn path(self) -> String {
        format!("Chaos/{}/file-{}-{}.py", self.folder, self.person, self.name)
    }

    /// What a file says of itself, by what it holds and where it stands.
    pub(crate) fn of(content: &str, path: &str) -> Option<Self> {
        let (person, content) = content.strip_prefix("# ")?.trim_end().split_once(' ')?;
        let (folder, name) = path.strip_prefix("Chaos/")?.split_once("/file-")?;
        let name = name.strip_prefix(person)?.strip_prefix('-')?.strip_suffix(".py")?;
        Some(Self {
            person: person.parse().ok()?,
            content: content.parse().ok()?,
            folder: folder.parse().ok()?,
            name: name.parse().ok()?,
        })
    }

    /// True when nothing in it is older than in `other`.
    pub(crate) fn is_at_least(self, other: Self) -> bool {
        self.person == other.person
            && self.content >= other.content
            && self.folder >= other.folder
            && self.name >= other.name
    }
}

/// The object of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) object: String,
    pub(crate) edition: Edition,
}

/// What was declared: written before the API server is told of it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Who declared a content first, by its digest.
    contents: BTreeMap<String, Declared>,
    /// What is to be there in the end, by person.
    pub(crate) living: BTreeMap<usize, Declared>,
    /// Objects that were told to go, with the last edition that they declared.
    deleted: Vec<Declared>,
}

impl Ledger {
    /// Who declared the content with this digest, and the edition of a file that holds it there.
    pub(crate) fn declared(&self, digest: &str, path: &str) -> Option<(&str, Edition)> {
        let declared = self.contents.get(digest)?;
        Some((&declared.object, Edition::of(&declared.edition.content(), path)?))
    }

    fn declare(&mut self, object: &str, edition: Edition) {
        let declared = Declared { object: object.to_owned(), edition };
        let digest = hex::encode(Sha256::digest(edition.content().as_bytes()));
        self.contents.entry(digest).or_insert_with(|| declared.clone());
        self.living.insert(edition.person, declared);
    }

    fn delete(&mut self, person: usize) {
        let gone = self.living.remove(&person).unwrap();
        self.deleted.push(gone);
    }

    /// True when the object that declared this edition was told to go since.
    pub(crate) fn is_deleted(&self, object: &str, edition: Edition) -> bool {
        self.deleted.iter().any(|gone| gone.object == object && gone.edition.is_at_least(edition))
    }

    /// All names that objects ever had.
    pub(crate) fn objects_of(&self, person: usize) -> BTreeSet<&str> {
        let all = self.contents.values().chain(&self.deleted);
        all.filter(|declared| declared.edition.person == person)
            .map(|declared| declared.object.as_str())
            .collect()
    }
}

/// One person.
pub(crate) struct Person {
    scene: Rc<Scene>,
    ledger: Rc<RefCell<Ledger>>,
    edition: Edition,
    objects: u64,
}

impl Person {
    pub(crate) fn new(scene: &Rc<Scene>, ledger: &Rc<RefCell<Ledger>>, person: usize) -> Self {
        let edition = Edition { person, content: 0, folder: 0, name: 0 };
        Self { scene: Rc::clone(scene), ledger: Rc::clone(ledger), edition, objects: 0 }
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
        let mut object = python(&self.object(), &self.edition.path());
        object["spec"]["content"] = self.content();
        let object: DataWorksResource = serde_json::from_value(object).unwrap();
        self.scene.objects().create(&PostParams::default(), &object).await.unwrap();
    }

    async fn edit(&mut self, name: bool, folder: bool, content: bool) {
        self.edition.name += u64::from(name);
        self.edition.folder += u64::from(folder);
        self.edition.content += u64::from(content);
        self.declare();
        let spec = json!({"path": self.edition.path(), "content": self.content()});
        let patch = Patch::Merge(json!({"spec": spec}));
        self.scene.objects().patch(&self.object(), &PatchParams::default(), &patch).await.unwrap();
    }

    fn content(&self) -> Value {
        json!({"inline": self.edition.content()})
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
