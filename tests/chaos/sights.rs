//! What the objects said, seen through a watch, and held against the cloud at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_core::ids::Digest;
use futures::StreamExt as _;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::watcher::{Config, Event, watcher};
use tokio::sync::Notify;

use super::ledger::{Edition, Ledger};
use super::plan::{Source, is_published};
use crate::support::{Scene, condition, is_current, is_ready, status};

/// An object at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) at: Timestamp,
    /// The last entry of the journal when it was seen.
    pub(crate) seq: u64,
    pub(crate) name: String,
    pub(crate) generation: i64,
    pub(crate) deleting: bool,
    /// What it declares. Where the content stands in a ConfigMap: which of it status speaks of.
    pub(crate) edition: Edition,
    /// The version of the ConfigMap that status speaks of.
    pub(crate) map: Option<String>,
    /// It says that what it declares is published.
    pub(crate) published: bool,
    pub(crate) id: Option<String>,
    /// Its status speaks of its present generation.
    pub(crate) current: bool,
    /// It says that all is as declared.
    pub(crate) ready: bool,
    /// `Ready` in words.
    pub(crate) says: String,
}

/// A `Ready` that was not true when it was seen.
#[derive(Clone, Debug)]
pub(crate) struct Lie {
    pub(crate) person: usize,
    pub(crate) told: String,
}

/// All that was seen.
#[derive(Debug, Default)]
pub(crate) struct Sights {
    pub(crate) all: Vec<Sight>,
    /// The last of each object that is there.
    pub(crate) now: BTreeMap<String, Sight>,
    pub(crate) lies: Vec<Lie>,
}

/// Someone who watches.
#[derive(Clone)]
pub(crate) struct Observer {
    scene: Rc<Scene>,
    ledger: Rc<RefCell<Ledger>>,
    pub(crate) sights: Rc<RefCell<Sights>>,
    pub(crate) changed: Rc<Notify>,
}

impl Observer {
    pub(crate) fn new(scene: &Rc<Scene>, ledger: &Rc<RefCell<Ledger>>) -> Self {
        let (scene, ledger) = (Rc::clone(scene), Rc::clone(ledger));
        Self { scene, ledger, sights: Rc::default(), changed: Rc::default() }
    }

    /// Watches until it is dropped.
    pub(crate) async fn watch(self) {
        let mut events = Box::pin(watcher(self.scene.objects(), Config::default()));
        let mut listed = BTreeSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Apply(object)) => self.see(&object),
                Ok(Event::Delete(object)) => {
                    self.sights.borrow_mut().now.remove(&object.metadata.name.unwrap());
                }
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => {
                    listed.insert(object.metadata.name.clone().unwrap());
                    self.see(&object);
                }
                Ok(Event::InitDone) => {
                    self.sights.borrow_mut().now.retain(|name, _| listed.contains(name));
                }
                Err(error) => eprintln!("the watch goes on after: {error}"),
            }
            self.changed.notify_waiters();
        }
    }

    fn see(&self, object: &DataWorksResource) {
        // The number first: what comes after it may be later than what is seen.
        let seq = self.scene.cloud.counts().last_seq;
        let ready = condition(object, "Ready");
        let (status, name) = (status(object), object.metadata.name.clone().unwrap());
        let publication = status.publication.clone().unwrap_or_default();
        let published = condition(object, "Published").is_some_and(|published| published.status == "True");
        let sight = Sight {
            at: Timestamp::now(),
            seq,
            generation: object.metadata.generation.unwrap(),
            deleting: object.metadata.deletion_timestamp.is_some(),
            edition: self.edition(object),
            map: status.content_source.and_then(|source| source.resource_version),
            published: published && publication.published_digest == status.spec_digest,
            id: status.id,
            current: is_current(object),
            ready: is_ready(object),
            says: ready.map(|c| format!("{} {}: {}", c.status, c.reason, c.message)).unwrap_or_default(),
            name,
        };
        let lie = self.lie(&sight);
        let mut sights = self.sights.borrow_mut();
        sights.lies.extend(lie.map(|told| Lie { person: sight.edition.person, told }));
        sights.now.insert(sight.name.clone(), sight.clone());
        sights.all.push(sight);
    }

    fn edition(&self, object: &DataWorksResource) -> Edition {
        let at = Edition::at(object.spec.path.as_deref().unwrap_or_default()).expect("an object of ours");
        let inline = object.spec.content.as_ref().and_then(|content| content.inline.as_deref());
        let digest = match Source::of(at.person) {
            Source::Inline => Some(Digest::of(inline.unwrap_or_default().as_bytes()).to_string()),
            Source::Text | Source::Binary => status(object).content_digest,
        };
        let ledger = self.ledger.borrow();
        let content = digest.and_then(|digest| ledger.edition(&digest, &at.path()));
        Edition { content: content.map_or(0, |edition| edition.content), ..at }
    }

    /// Why a `Ready` is not true. It is true when the cloud holds what the object declares, or what
    /// was declared since, or nothing because the object was told to go since; and when that is
    /// published, where it is wished.
    fn lie(&self, sight: &Sight) -> Option<String> {
        if !sight.ready {
            return None;
        }
        let ledger = self.ledger.borrow();
        let deleted = ledger.is_deleted(&sight.name, sight.edition);
        let Some(id) = &sight.id else { return Some("Ready without an id".to_owned()) };
        let Some(file) = self.scene.cloud.resource(id) else {
            return (!deleted).then(|| format!("Ready, and {id} is not there"));
        };
        let is_late = |held: Option<Edition>| held.is_some_and(|held| held.is_at_least(sight.edition));
        let held = ledger.edition(&file.content_sha256, &file.path);
        if !is_late(held) {
            return Some(format!("Ready with {:?}, and {id} holds {held:?}", sight.edition));
        }
        if deleted || !is_published(sight.edition.person) {
            return None;
        }
        let production = self.scene.cloud.published().into_iter().find(|held| held.id == *id);
        let held = production.and_then(|held| ledger.edition(&held.content_sha256, &held.path));
        (!is_late(held)).then(|| format!("Ready with {:?}, and {held:?} is published", sight.edition))
    }
}
