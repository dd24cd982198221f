//! What the objects said, seen through a watch, and held against the cloud at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use dataworks_core::api::v1alpha1::DataWorksResource;
use futures::StreamExt as _;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::watcher::{Config, Event, watcher};
use tokio::sync::Notify;

use super::people::{Edition, Ledger};
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
    /// What its spec declares.
    pub(crate) edition: Edition,
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
        let content = object.spec.content.as_ref().and_then(|content| content.inline.as_deref());
        let edition =
            Edition::of(content.unwrap_or_default(), object.spec.path.as_deref().unwrap_or_default());
        let sight = Sight {
            at: Timestamp::now(),
            seq,
            name: object.metadata.name.clone().unwrap(),
            generation: object.metadata.generation.unwrap(),
            deleting: object.metadata.deletion_timestamp.is_some(),
            edition: edition.expect("an object of ours"),
            id: status(object).id,
            current: is_current(object),
            ready: is_ready(object),
            says: ready.map(|c| format!("{} {}: {}", c.status, c.reason, c.message)).unwrap_or_default(),
        };
        let lie = self.lie(&sight);
        let mut sights = self.sights.borrow_mut();
        sights.lies.extend(lie.map(|told| Lie { person: sight.edition.person, told }));
        sights.now.insert(sight.name.clone(), sight.clone());
        sights.all.push(sight);
    }

    /// Why a `Ready` is not true. It is true when the cloud holds what the object declares, or what
    /// was declared since, or nothing because the object was told to go since.
    fn lie(&self, sight: &Sight) -> Option<String> {
        if !sight.ready {
            return None;
        }
        let Some(id) = &sight.id else { return Some("Ready without an id".to_owned()) };
        let Some(file) = self.scene.cloud.resource(id) else {
            let deleted = self.ledger.borrow().is_deleted(&sight.name, sight.edition);
            return (!deleted).then(|| format!("Ready, and {id} is not there"));
        };
        let held = Edition::of(&file.content, &file.path);
        let as_late = held.is_some_and(|held| held.is_at_least(sight.edition));
        (!as_late).then(|| format!("Ready with {:?}, and {id} holds {held:?}", sight.edition))
    }
}
