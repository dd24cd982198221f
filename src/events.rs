//! Kubernetes events on transitions, never one per try.
//!
//! Events wait in a bounded queue and leave at a bounded rate: news must not become a load. What
//! does not fit is counted and dropped; status holds the truth.

use std::sync::Arc;

use dataworks_core::api::condition::ConditionType;
use dataworks_core::api::v1alpha1::{DataWorksResource, DataWorksResourceStatus};
use k8s_controller::events::{Event, EventRecorder, EventType, Reporter};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Client;
use kube::core::{ObjectMeta, PartialObjectMeta, PartialObjectMetaExt as _};
use tokio::sync::mpsc;
use tracing::debug;

use crate::metrics::Metrics;
use crate::workspace::limiter::Limiter;

/// Events that may wait.
const WAITING: usize = 256;
/// Events a second, with a second's worth at once.
const PER_SECOND: f64 = 20.0;

type Item = (PartialObjectMeta<DataWorksResource>, Event);

/// Where events go.
#[derive(Clone, Debug)]
pub struct Events {
    sender: mpsc::Sender<Item>,
    metrics: Arc<Metrics>,
}

impl Events {
    /// Events over this client, sent by a task of their own.
    #[must_use]
    pub fn start(client: Client, instance: &str, metrics: Arc<Metrics>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let reporter = Reporter {
            controller: "dataworks.alibabacloud.com/operator".to_owned(),
            instance: Some(instance.to_owned()),
        };
        tokio::spawn(send(EventRecorder::new(client, reporter), receiver));
        Self { sender, metrics }
    }

    /// Tells what changed between two statuses, if it is worth telling.
    pub fn transition(
        &self,
        object: &DataWorksResource,
        before: &DataWorksResourceStatus,
        after: &DataWorksResourceStatus,
    ) {
        if let Some(event) = told(before, after) {
            self.publish(object, event);
        }
    }

    /// Tells that an object went and its file stays.
    pub fn kept(&self, object: &DataWorksResource) {
        let id = object.status.as_ref().and_then(|status| status.id.clone()).unwrap_or_default();
        let note = format!(
            "The resource {id} stays in the workspace: deletionPolicy is Retain, or the object was suspended."
        );
        self.publish(object, event(EventType::Normal, "Retained", "Delete", note));
    }

    fn publish(&self, object: &DataWorksResource, event: Event) {
        // Only what names the object: no annotation and no spec waits in the queue.
        let meta = ObjectMeta {
            name: object.metadata.name.clone(),
            namespace: object.metadata.namespace.clone(),
            uid: object.metadata.uid.clone(),
            ..ObjectMeta::default()
        };
        if self.sender.try_send((meta.into_request_partial(), event)).is_err() {
            self.metrics.events_dropped.inc();
        }
    }
}

async fn send(recorder: EventRecorder, mut receiver: mpsc::Receiver<Item>) {
    let limiter = Limiter::new(PER_SECOND, None);
    while let Some((object, event)) = receiver.recv().await {
        let _spent = limiter.permit().await.spend();
        if let Err(error) = recorder.publish(&object, &event).await {
            debug!(%error, reason = event.reason, "an event could not be sent");
        }
    }
}

fn event(type_: EventType, reason: &str, action: &str, note: String) -> Event {
    Event { type_, reason: reason.to_owned(), action: action.to_owned(), note: Some(note), related: None }
}

/// The event of a change of status; pure.
fn told(before: &DataWorksResourceStatus, after: &DataWorksResourceStatus) -> Option<Event> {
    if let Some(id) = after.id.as_ref().filter(|id| before.id.as_ref() != Some(id)) {
        let request = after.request_id.as_ref().filter(|request| before.request_id.as_ref() != Some(request));
        let note = match request {
            Some(request) => format!("Created resource {id} (request {request})."),
            None => format!("Found resource {id}, which a create whose answer was lost had made."),
        };
        return Some(event(EventType::Normal, "Created", "Create", note));
    }
    if after.spec_digest != before.spec_digest && after.id.is_some() {
        let id = after.id.clone().unwrap_or_default();
        return Some(event(EventType::Normal, "Updated", "Update", format!("Updated resource {id}.")));
    }
    if after.request_id != before.request_id && after.id.is_some() {
        let id = after.id.clone().unwrap_or_default();
        let note = format!("Resource {id} was changed by others and is again as declared.");
        return Some(event(EventType::Normal, "DriftCorrected", "Update", note));
    }
    let ready = |status: &DataWorksResourceStatus| -> Option<Condition> {
        status.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str()).cloned()
    };
    let now = ready(after)?;
    let stalled = after.conditions.iter().any(|condition| condition.type_ == ConditionType::Stalled.as_str());
    let was = ready(before);
    let same = was.is_some_and(|was| was.reason == now.reason && was.status == now.status);
    let bad = stalled || now.status == "False" || now.reason == "OutcomeUnknown";
    (bad && !same && now.reason != "Deleting")
        .then(|| event(EventType::Warning, &now.reason, "Reconcile", now.message))
}

#[cfg(test)]
mod tests {
    use dataworks_core::api::v1alpha1::DataWorksResourceStatus as Status;
    use serde_json::{Value, json};

    use super::*;

    fn status(value: Value) -> Status {
        serde_json::from_value(value).unwrap()
    }

    fn ready(truth: &str, reason: &str) -> Value {
        json!([{
            "type": "Ready", "status": truth, "reason": reason, "message": "m",
            "lastTransitionTime": "2026-01-02T03:04:05Z"
        }])
    }

    #[test]
    fn tells_transitions_and_nothing_else() {
        let made = json!({ "id": "1", "requestId": "A", "specDigest": "x", "conditions": ready("True", "Succeeded") });
        let with = |changes: Value| {
            let mut value = made.clone();
            value.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            value
        };
        let failing = json!({ "conditions": ready("False", "CloudUnavailable") });
        let rows = [
            ("made", json!({}), made.clone(), Some("Created")),
            ("found, without a request of ours", json!({}), json!({ "id": "1" }), Some("Created")),
            ("updated", made.clone(), with(json!({ "requestId": "B", "specDigest": "y" })), Some("Updated")),
            ("mended", made.clone(), with(json!({ "requestId": "B" })), Some("DriftCorrected")),
            ("nothing new", made.clone(), made.clone(), None),
            (
                "a try that may pass",
                json!({}),
                json!({ "conditions": ready("Unknown", "ProgressingWithRetry") }),
                None,
            ),
            ("failing", json!({}), failing.clone(), Some("CloudUnavailable")),
            ("failing as before", failing.clone(), failing, None),
            (
                "lost",
                json!({}),
                json!({ "conditions": ready("Unknown", "OutcomeUnknown") }),
                Some("OutcomeUnknown"),
            ),
            ("deleting", made.clone(), with(json!({ "conditions": ready("False", "Deleting") })), None),
        ];
        for (name, before, after, want) in rows {
            let got = told(&status(before), &status(after)).map(|event| event.reason);
            assert_eq!(got.as_deref(), want, "{name}");
        }
    }
}
