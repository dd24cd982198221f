//! What happens to one object, told in the operator's own steps: what is recorded, what the plan says of
//! it, and what status says then.

use dataworks_core::api::v1alpha1::{
    DataWorksResource, DataWorksResourceStatus, Publication, ResourceDefaults,
};
use dataworks_core::api::{CREATE_INTENT, FINALIZER};
use dataworks_core::desired::Desired;
use dataworks_core::fault::{Class, Fault};
use dataworks_core::intent::{Intent, IntentNote};
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::plan::{Observed, Plan, Recorded, Step, plan};
use dataworks_core::publish::{Kind, Wish, tell};
use dataworks_core::state::{Change, Fact, Sent, State, next};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::plan_support;

pub(crate) const PATH: &str = "XX/a.py";
pub(crate) const ID: &str = "6314788648976303104";
pub(crate) const OTHER_ID: &str = "6314788648976303111";
const UID: &str = "5d1e8f0a-3b7c-4f29-9a66-0c2d4e6f8a10";
const POD: &str = "9c2b7d4e-1a5f-4c83-b0d9-7e6a5f4c3b21";
const CLUSTER: &str = "2f6c1b8d-7e4a-4d15-8c93-a1b2c3d4e5f6";
const REQUEST_ID: &str = "0BF3FA48-4A0B-5D5C-A8C5-EF5C6C2B1F8D";

/// One object from its beginning to the phase that it is to show.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) name: &'static str,
    /// What the API server holds, but for its status and its generation.
    pub(crate) spec: Value,
    pub(crate) recorded: Recorded,
    pub(crate) observed: Observed,
    /// The annotation of the intent.
    pub(crate) intent: Option<String>,
    /// Every state that was told on the way.
    pub(crate) told: Vec<State>,
    now: i64,
}

/// So many seconds after the object was made.
pub(crate) fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
    start + SignedDuration::from_secs(seconds)
}

/// A failed call.
pub(crate) fn fault(class: Class, code: &str, message: &str) -> Fault {
    Fault {
        class,
        code: code.into(),
        message: message.into(),
        request_id: Some(REQUEST_ID.into()),
        retry_after: None,
    }
}

impl Story {
    /// An object that was just applied: its status is the CRD's default.
    pub(crate) fn applied(name: &'static str) -> Self {
        let identity =
            dataworks_core::plan::Identity { cluster: CLUSTER.into(), holder: POD.into(), proxied: false };
        Self {
            name,
            spec: json!({
                "projectId": 123_456,
                "path": PATH,
                "datasource": {"name": "odps_first", "type": "odps"},
                "content": {"inline": "print(1)\n"},
            }),
            recorded: Recorded {
                key: ObjectKey::new("analytics", name),
                uid: Uid::new(UID),
                status: DataWorksResourceStatus {
                    observed_generation: Some(-1),
                    ..DataWorksResourceStatus::default()
                },
                ..plan_support::fresh()
            },
            observed: Observed { identity, ..plan_support::nothing_seen() },
            intent: None,
            told: Vec::new(),
            now: 2,
        }
    }

    /// The same, after its file was made.
    pub(crate) fn made(name: &'static str) -> Self {
        let story = Self::applied(name).intending();
        let fact = Fact::Created {
            at: at(1),
            id: ID.parse().unwrap(),
            request_id: REQUEST_ID.into(),
            date: at(2),
            sent: Sent::of(&story.desired()),
        };
        story.record(State::Ready, Some(fact))
    }

    /// With an intent of its own that was just written.
    pub(crate) fn intending(mut self) -> Self {
        let desired = self.desired();
        let intent = Intent {
            cluster: CLUSTER.into(),
            object: self.recorded.key.to_string(),
            uid: UID.into(),
            holder: POD.into(),
            project_id: desired.project.get(),
            path: desired.path.to_string(),
            content_sha256: desired.content_digest().map(|digest| digest.to_string()),
            spec_sha256: Some(desired.spec_digest().to_string()),
            defaults: None,
            first: at(1),
            at: at(1),
        };
        self.recorded.finalizer = true;
        self.intent = Some(intent.to_annotation());
        self.recorded.intent = IntentNote::Own(intent);
        self
    }

    /// With these fields declared from the beginning.
    pub(crate) fn declaring(mut self, fields: &Value) -> Self {
        for (name, value) in fields.as_object().unwrap() {
            self.spec[name] = value.clone();
        }
        self.recorded.suspend = self.spec["suspend"] == json!(true);
        self
    }

    /// Edited: another generation.
    pub(crate) fn edited(self, fields: &Value) -> Self {
        let mut story = self.declaring(fields).later(600);
        story.recorded.generation += 1;
        story
    }

    /// With a deletionTimestamp, which the API server counts as another generation.
    pub(crate) fn deleted(self) -> Self {
        let mut story = self.later(600);
        story.recorded.generation += 1;
        story.recorded.deleting = true;
        story
    }

    /// So many seconds later.
    pub(crate) fn later(mut self, seconds: i64) -> Self {
        self.now += seconds;
        self
    }

    /// With these observations.
    pub(crate) fn seeing(mut self, see: impl FnOnce(&mut Observed)) -> Self {
        see(&mut self.observed);
        self
    }

    /// Status says what the plan makes of it; the plan must tell a state, not ask for a call.
    pub(crate) fn planned(self) -> Self {
        let desired = self.desired();
        let Plan { step, why } = plan(Ok(&desired), &self.recorded, &self.observed, self.now());
        let name = step.name();
        let (Step::Report(state) | Step::Wait { state: Some(state), .. }) = step else {
            panic!("{}: {name} ({why}) tells no state", self.name)
        };
        self.says(state)
    }

    /// Status says this.
    pub(crate) fn says(self, state: State) -> Self {
        self.record(state, None)
    }

    /// Status says that a call failed; `update` when the resource exists.
    pub(crate) fn fails(self, fault: &Fault) -> Self {
        let update = self.recorded.status.id.is_some();
        let state = State::of_fault(fault, update, None, self.now());
        self.says(state)
    }

    /// With `publish` in its spec, and status says how that stands.
    pub(crate) fn publishing(mut self, publication: Publication, state: State) -> Self {
        self.spec["publish"] = json!({"policy": "OnChange"});
        let before = self.recorded.status.clone();
        let fact = Fact::Publication(Box::new(publication));
        let mut story = self.record(state, Some(fact));
        let wish = Wish {
            kind: Some(Kind::Online),
            deleting: false,
            version: None,
            until_stage: None,
            requested: false,
        };
        let (generation, now) = (story.recorded.generation, story.now());
        tell(&before, &mut story.recorded.status, Some(&wish), generation, now);
        story
    }

    fn record(mut self, state: State, fact: Option<Fact>) -> Self {
        let change = Change { state, fact };
        self.recorded.status = next(&self.recorded.status, &change, self.recorded.generation, self.now());
        self.told.push(change.state);
        self
    }

    pub(crate) fn desired(&self) -> Desired {
        let spec = serde_json::from_value(self.spec.clone()).unwrap();
        {
            let project = dataworks_core::ids::ProjectId::new(123_456);
            Desired::in_workspace(&spec, project, &ResourceDefaults::default()).unwrap()
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        at(self.now)
    }

    /// The object as the API server would answer it.
    pub(crate) fn object(&self) -> Value {
        let mut metadata = json!({
            "name": self.name,
            "namespace": &*self.recorded.key.namespace,
            "uid": UID,
            "creationTimestamp": at(0).to_string(),
            "generation": self.recorded.generation,
        });
        if let Some(intent) = &self.intent {
            metadata["annotations"] = json!({CREATE_INTENT: intent});
        }
        if self.recorded.finalizer {
            metadata["finalizers"] = json!([FINALIZER]);
        }
        if self.recorded.deleting {
            metadata["deletionTimestamp"] = json!(self.now().to_string());
            metadata["deletionGracePeriodSeconds"] = json!(0);
        }
        let object = json!({
            "apiVersion": "dataworks.alibabacloud.com/v1alpha1",
            "kind": "DataWorksResource",
            "metadata": metadata,
            "spec": self.spec,
            "status": self.recorded.status,
        });
        let _readable: DataWorksResource = serde_json::from_value(object.clone()).unwrap();
        object
    }
}
