//! Objects as the API server holds them, and what they say and claim.

use std::sync::{Arc, LazyLock, OnceLock};

use dataworks_core::api::condition::{ConditionType, Reason};
use dataworks_core::api::v1alpha1::{DataWorksResourceStatus, DeletionPolicy, Origin};
use dataworks_core::desired::Desired;
use dataworks_core::ids::ProjectId;
use dataworks_core::intent::{Intent, IntentNote};
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::ownership::{Claim, Claimant, Claims, Class, at as standing_at, wanted};
use dataworks_core::path::ResourcePath;
use dataworks_core::plan::Recorded;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use super::{SLOTS, STRANGE, World};
use crate::plan_support::{CLUSTER, PROJECT, at, declaring};

/// Two names in two folders, the folder first.
pub(super) const PATHS: [&str; 4] = ["XX/a.py", "XX/b.py", "YY/a.py", "YY/b.py"];

/// What the spec says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Declared {
    pub(super) path: u8,
    pub(super) content: u8,
    pub(super) suspend: bool,
    pub(super) retain: bool,
    /// `adoptionPolicy: Adopt`.
    pub(super) adopt: bool,
    /// `spec.resourceId` names the first file of all.
    pub(super) named: bool,
}

/// The annotation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Note {
    pub(super) text: Arc<str>,
    pub(super) intent: Intent,
}

/// One version of an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object {
    pub(super) slot: usize,
    pub(super) uid: u8,
    /// The uid that it had before it was restored, or 0.
    pub(super) before: u8,
    pub(super) version: u32,
    pub(super) generation: i64,
    pub(super) declared: Declared,
    pub(super) deleting: bool,
    pub(super) finalizer: bool,
    pub(super) note: Option<Arc<Note>>,
    pub(super) status: Arc<DataWorksResourceStatus>,
    /// What a lost create left was asked of a person.
    pub(super) question: Question,
    pub(super) read: Read,
}

/// Whether a person was asked what a lost create left, and has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question {
    None,
    /// Status has told something else since.
    Before,
    Now,
}

/// What is read from a version that changes no more; a copy of it is read anew.
#[derive(Debug, Default)]
pub(super) struct Read {
    recorded: OnceLock<Box<Recorded>>,
    claimant: OnceLock<Box<Claimant>>,
}

impl Clone for Read {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Read {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Whether there is something to do, as the index judges it.
pub(super) enum Standing {
    Settled,
    Resting,
    Due,
}

impl Object {
    /// As it was just applied.
    pub(super) fn new(slot: usize, uid: u8) -> Self {
        Self {
            slot,
            uid,
            before: 0,
            version: 0,
            generation: 1,
            declared: Declared {
                path: u8::try_from(slot).unwrap(),
                content: 0,
                suspend: false,
                retain: false,
                adopt: false,
                named: false,
            },
            deleting: false,
            finalizer: false,
            note: None,
            status: Arc::default(),
            question: Question::None,
            read: Read::default(),
        }
    }

    pub(super) fn key(&self) -> ObjectKey {
        ObjectKey::new("ns", ["a", "b"][self.slot])
    }

    pub(super) fn full_uid(&self) -> Uid {
        full_uid(self.uid)
    }

    pub(super) fn desired(&self) -> &'static Desired {
        declares(self.declared)
    }

    pub(super) fn recorded(&self) -> Recorded {
        let (key, uid) = (self.key(), self.full_uid());
        let mut recorded = Recorded {
            intent: IntentNote::read(self.note.as_ref().map(|note| &*note.text), CLUSTER, &key, &uid),
            key,
            uid,
            generation: self.generation,
            deleting: self.deleting,
            finalizer: self.finalizer,
            deletion: DeletionPolicy::Delete,
            suspend: self.declared.suspend,
            requested: false,
            status: (*self.status).clone(),
        };
        recorded.deletion = match recorded.origin() {
            Some(Origin::Adopted) => DeletionPolicy::Retain,
            Some(Origin::Created) | None if self.declared.retain => DeletionPolicy::Retain,
            Some(Origin::Created) | None => DeletionPolicy::Delete,
        };
        recorded
    }

    /// The same of a version that changes no more, read once.
    pub(super) fn known(self: &Arc<Self>) -> &Recorded {
        self.read.recorded.get_or_init(|| Box::new(self.recorded()))
    }

    /// What is adopted stays, and what the spec says so of.
    pub(super) fn deletion(&self) -> DeletionPolicy {
        self.recorded().deletion
    }

    pub(super) fn intends(&mut self, intent: &Intent) {
        // Status may be read late: what it asks is answered though another try is under way.
        let asks = self.ready().is_some_and(|(_, reason)| reason == Reason::AmbiguousCreate);
        self.question = if asks { Question::Now } else { Question::None };
        self.finalizer = true;
        self.note = Some(Arc::new(Note { text: intent.to_annotation().into(), intent: intent.clone() }));
    }

    fn condition(&self, type_: ConditionType) -> Option<(&str, Reason)> {
        let found = self.status.conditions.iter().find(|condition| condition.type_ == type_.as_str())?;
        Some((&found.status, found.reason.parse().ok()?))
    }

    pub(super) fn ready(&self) -> Option<(&str, Reason)> {
        self.condition(ConditionType::Ready)
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.condition(ConditionType::Stalled).is_some()
    }

    pub(super) fn standing(self: &Arc<Self>) -> Standing {
        let recorded = self.known();
        if self.deleting {
            return if self.finalizer { Standing::Due } else { Standing::Settled };
        }
        if self.status.observed_generation != Some(self.generation) {
            return Standing::Due;
        }
        let id = recorded.id();
        if id.is_some() && !self.finalizer && !self.is_stalled() {
            return Standing::Due;
        }
        match self.ready() {
            Some(("True", _)) if id.is_some() && recorded.open_intent().is_none() => Standing::Settled,
            Some(("Unknown", Reason::Suspended)) if self.declared.suspend => Standing::Settled,
            Some((_, reason)) if self.is_stalled() => {
                let waits_for_a_change =
                    [Reason::AlreadyManaged, Reason::WorkspaceChanged, Reason::InvalidSpec];
                let is_looked_for = reason == Reason::NotFoundInWorkspace && id.is_some();
                if waits_for_a_change.contains(&reason) || is_looked_for {
                    Standing::Settled
                } else if reason == Reason::AmbiguousCreate && self.note.is_none() {
                    Standing::Due
                } else {
                    Standing::Resting
                }
            }
            Some(_) | None => Standing::Due,
        }
    }

    fn claimant(self: &Arc<Self>) -> &Claimant {
        self.read.claimant.get_or_init(|| Box::new(self.claims()))
    }

    fn claims(self: &Arc<Self>) -> Claimant {
        let recorded = self.known();
        let project = project();
        let mut claims: Vec<(Claim, Class)> = Vec::new();
        let mut add = |more: Vec<Claim>, class: Class| {
            for claim in more {
                if claims.iter().all(|(held, _)| *held != claim) {
                    claims.push((claim, class));
                }
            }
        };
        if let Some(id) = recorded.id() {
            add(vec![Claim::id(project, &id)], Class::Recorded);
            if let Some(path) = self.status.path.as_ref().and_then(|path| path.parse().ok()) {
                add(standing_at(self.desired(), project, &path), Class::Recorded);
            }
        }
        if let Some(path) = recorded.open_intent().and_then(|intent| intent.path.parse().ok()) {
            add(standing_at(self.desired(), project, &path), Class::Intent);
        }
        if let (IntentNote::Earlier(intent), None) = (&recorded.intent, recorded.id())
            && let Ok(path) = intent.path.parse()
        {
            add(standing_at(self.desired(), project, &path), Class::Restored);
        }
        add(wanted(self.desired()), Class::Wanted);
        Claimant { uid: self.full_uid(), created: at(self.uid.into()), key: self.key(), claims }
    }
}

/// Who holds what among these objects.
pub(super) struct Holders<'a> {
    claims: Claims,
    claimants: [Option<&'a Claimant>; SLOTS],
}

impl<'a> Holders<'a> {
    pub(super) fn of(objects: &'a [Option<Arc<Object>>; SLOTS]) -> Self {
        let claimants = objects.each_ref().map(|object| object.as_ref().map(Object::claimant));
        let mut claims = Claims::default();
        for claimant in claimants.iter().flatten() {
            let _woken = claims.set(Claimant::clone(claimant));
        }
        Self { claims, claimants }
    }

    /// Another object holds what the one in this slot claims.
    pub(super) fn held(&self, slot: usize) -> bool {
        self.claimants[slot].is_some_and(|claimant| self.claims.held_above(claimant).is_some())
    }

    /// Another object holds this id.
    pub(super) fn id_held(&self, id: &dataworks_core::ids::ResourceId, object: &Object) -> bool {
        let holder = self.claims.recorded_holder(Claim::id(project(), id), &object.full_uid());
        holder.is_some_and(|holder| *holder != object.key())
    }
}

impl Holders<'_> {
    /// Another object holds this path.
    pub(super) fn path_held(&self, path: Option<ResourcePath>, object: &Object) -> bool {
        path.is_some_and(|path| {
            let holder = self.claims.holder_of(Claim::path(project(), &path), &object.full_uid());
            holder.is_some_and(|holder| *holder != object.key())
        })
    }
}

fn project() -> ProjectId {
    ProjectId::new(i64::try_from(PROJECT).unwrap()).unwrap()
}

pub(super) fn full_uid(uid: u8) -> Uid {
    Uid::new(&format!("uid-{uid}"))
}

/// What an object with this spec declares; made once, since it is asked for all the time.
pub(super) fn declares(declared: Declared) -> &'static Desired {
    static ALL: LazyLock<Vec<Desired>> = LazyLock::new(|| {
        let mut all = Vec::new();
        for path in PATHS {
            for content in 0..=STRANGE {
                for (adopt, named) in [(false, false), (false, true), (true, false), (true, true)] {
                    let policy = if adopt { "Adopt" } else { "Fail" };
                    let mut fields = json!({"path": path, "adoptionPolicy": policy});
                    if named {
                        fields["resourceId"] = "1".into();
                    }
                    all.push(declaring(&format!("v{content}"), &fields));
                }
            }
        }
        all
    });
    let policy = usize::from(declared.adopt) * 2 + usize::from(declared.named);
    &ALL[(usize::from(declared.path) * usize::from(STRANGE + 1) + usize::from(declared.content)) * 4 + policy]
}

/// What it declares where its content stands in a ConfigMap that holds this, or was not read yet.
pub(super) fn from_map(declared: Declared, content: Option<u8>) -> &'static Desired {
    static ALL: LazyLock<Vec<Desired>> = LazyLock::new(|| {
        let mut all = Vec::new();
        for path in PATHS {
            let content = json!({"configMapKeyRef": {"name": "m", "key": "k"}});
            let unread = declaring("", &json!({"path": path, "content": content}));
            all.push(unread.clone());
            for content in 0..=STRANGE {
                let mut given = unread.clone();
                // No text, so that it has to be uploaded.
                given.give(&[0xff, content]).unwrap();
                all.push(given);
            }
        }
        all
    });
    let given = content.map_or(0, |content| usize::from(content) + 1);
    &ALL[usize::from(declared.path) * usize::from(STRANGE + 2) + given]
}

/// The document that the service answers for such a file, with or without its content.
pub(super) fn document(path: u8, content: u8, mute: bool) -> &'static str {
    static ALL: LazyLock<[Vec<String>; 2]> = LazyLock::new(|| {
        let plain = Object::new(0, 1).declared;
        let paths = 0..u8::try_from(PATHS.len()).unwrap();
        let all =
            paths.flat_map(|path| (0..=STRANGE).map(move |content| Declared { path, content, ..plain }));
        let shown: Vec<String> = all.map(|declared| declares(declared).document_json()).collect();
        let mute = |document: &String| {
            let mut document: serde_json::Value = serde_json::from_str(document).unwrap();
            document["spec"]["fileResources"][0]["script"]["content"] = "".into();
            document.to_string()
        };
        let muted = shown.iter().map(mute).collect();
        [shown, muted]
    });
    &ALL[usize::from(mute)][usize::from(path) * usize::from(STRANGE + 1) + usize::from(content)]
}

/// The number of this path.
pub(super) fn path_number(path: &ResourcePath) -> u8 {
    u8::try_from(PATHS.iter().position(|known| *known == path.as_str()).unwrap()).unwrap()
}

/// A status without what no decision is made from, so that fewer states differ.
pub(super) fn coarse(status: DataWorksResourceStatus) -> DataWorksResourceStatus {
    let mut status =
        DataWorksResourceStatus { request_id: None, create_time: None, content_digest: None, ..status };
    let refused = status.attempt.as_ref().is_some_and(|attempt| attempt.refusals.is_some());
    status.last_error.take_if(|_| !refused);
    if let Some(error) = &mut status.last_error {
        error.message = None;
    }
    for condition in &mut status.conditions {
        condition.message.clear();
        // Since when it asks a person decides.
        if condition.reason != Reason::AmbiguousCreate.as_str() {
            condition.last_transition_time = Time(Timestamp::UNIX_EPOCH);
        }
    }
    status
}

impl World {
    /// A version of the object in this slot that nobody has written yet, for whoever changes it.
    pub(super) fn replace(&mut self, slot: usize, edit: impl FnOnce(&mut Object)) -> Option<Arc<Object>> {
        let mut object = (**self.objects[slot].as_ref()?).clone();
        edit(&mut object);
        self.versions += 1;
        object.version = self.versions;
        let object = Arc::new(object);
        let ends = object.deleting && !object.finalizer;
        self.objects[slot] = (!ends).then(|| object.clone());
        Some(object)
    }

    /// The object's status says otherwise than the claims do now.
    pub(super) fn verdict_moved(&self, slot: usize) -> bool {
        let Some(object) = &self.objects[slot] else { return false };
        let says = object.ready().is_some_and(|(_, reason)| reason == Reason::AlreadyManaged);
        let alone = self.objects.iter().flatten().count() < 2;
        !object.deleting && if alone { says } else { says != Holders::of(&self.objects).held(slot) }
    }
}
