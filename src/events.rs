//! Kubernetes events on transitions, never one per try.
//!
//! Events wait in a bounded queue and leave at a bounded rate: news must not become a load. What
//! does not fit is counted and dropped; status holds the truth.

use std::sync::Arc;

use dataworks_core::api::condition::{ConditionType, Reason};
use dataworks_core::api::v1alpha1::{
    DataWorksResource, DataWorksResourceStatus, DataWorksWorkspace, DataWorksWorkspaceStatus, Origin,
    PublicationStatus,
};
use dataworks_core::ids::ProjectId;
use dataworks_core::plan::Permission;
use k8s_controller::events::{Event, EventRecorder, EventType, Reporter};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Client;
use kube::core::{ObjectMeta, PartialObjectMeta, PartialObjectMetaExt as _};
use tokio::sync::mpsc;
use tracing::debug;

use crate::metrics::{Drift, Metrics};
use crate::workspace::limiter::Limiter;

/// Events that may wait.
const WAITING: usize = 256;
/// Events a second, with a second's worth at once.
const PER_SECOND: f64 = 20.0;
/// The reason of an event that says that what others changed was undone.
const DRIFT_CORRECTED: &str = "DriftCorrected";
/// The same where the file was gone: another one was made.
const RECREATED: &str = "Recreated";

/// Whom an event is about.
#[derive(Debug)]
enum About {
    Resource(PartialObjectMeta<DataWorksResource>),
    Workspace(PartialObjectMeta<DataWorksWorkspace>),
}

type Item = (About, Event);

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

    /// Tells what changed between two statuses, if it is worth telling; `way`: whether the object's connection may be used.
    pub fn transition(
        &self,
        object: &DataWorksResource,
        before: &DataWorksResourceStatus,
        after: &DataWorksResourceStatus,
        way: Option<&Permission>,
    ) {
        if let Some(event) = told(before, after, way) {
            self.publish(object, event);
        }
        let project = after.project_id.or(object.spec.project_id).and_then(ProjectId::new);
        if let (Some(drift), Some(project)) = (drift(before, after), project) {
            self.metrics.drifted(project, drift);
        }
    }

    /// Tells that an object went, and its file with it: deleted by this request, or found to be gone.
    pub fn deleted(&self, object: &DataWorksResource, id: &str, request: Option<&str>) {
        self.publish(object, event(EventType::Normal, "Deleted", "Delete", gone(id, request)));
    }

    /// Tells that an object went and its file stays.
    pub fn kept(&self, object: &DataWorksResource) {
        let id = object.status.as_ref().and_then(|status| status.id.clone()).unwrap_or_default();
        let note = format!(
            "The resource {id} stays in the workspace: deletionPolicy is Retain, or the object was suspended."
        );
        self.publish(object, event(EventType::Normal, "Retained", "Delete", note));
    }

    /// Tells what changed between two statuses of a workspace, if it is worth telling: once for all its objects.
    pub fn workspace(
        &self,
        object: &DataWorksWorkspace,
        before: &DataWorksWorkspaceStatus,
        after: &DataWorksWorkspaceStatus,
    ) {
        if let Some(event) = workspace_told(before, after) {
            self.queue((About::Workspace(named(&object.metadata).into_request_partial()), event));
        }
    }

    fn publish(&self, object: &DataWorksResource, event: Event) {
        self.queue((About::Resource(named(&object.metadata).into_request_partial()), event));
    }

    fn queue(&self, item: Item) {
        if self.sender.try_send(item).is_err() {
            self.metrics.events_dropped.inc();
        }
    }
}

/// Only what names the object: no annotation and no spec waits in the queue.
fn named(metadata: &ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        name: metadata.name.clone(),
        namespace: metadata.namespace.clone(),
        uid: metadata.uid.clone(),
        ..ObjectMeta::default()
    }
}

async fn send(recorder: EventRecorder, mut receiver: mpsc::Receiver<Item>) {
    let limiter = Limiter::new(PER_SECOND, None);
    while let Some((about, event)) = receiver.recv().await {
        let _leaves = limiter.departure().await;
        let end = match &about {
            About::Resource(object) => recorder.publish(object, &event).await,
            About::Workspace(object) => recorder.publish(object, &event).await,
        };
        if let Err(error) = end {
            debug!(%error, reason = event.reason, "an event could not be sent");
        }
    }
}

fn event(type_: EventType, reason: &str, action: &str, note: String) -> Event {
    Event { type_, reason: reason.to_owned(), action: action.to_owned(), note: Some(note), related: None }
}

fn gone(id: &str, request: Option<&str>) -> String {
    match request {
        Some(request) => format!("Deleted resource {id} (request {request})."),
        None => format!("Resource {id} is gone: an earlier request deleted it, or others did."),
    }
}

/// The event of a change of status; pure. A workspace that is not ready has an event of its own, and a thousand objects
/// that wait for it have none.
fn told(
    before: &DataWorksResourceStatus,
    after: &DataWorksResourceStatus,
    way: Option<&Permission>,
) -> Option<Event> {
    let shared = way.is_some_and(Permission::is_told_by_workspace);
    let own = |event: &Event| !shared || event.reason != Reason::DependencyNotReady.as_str();
    done(before, after).or_else(|| trouble(before, after).filter(own))
}

/// What was done to the resource.
fn done(before: &DataWorksResourceStatus, after: &DataWorksResourceStatus) -> Option<Event> {
    let id = after.id.as_ref()?;
    let path = after.path.as_deref().unwrap_or_default();
    let news =
        |reason: &str, action: &str, note: String| Some(event(EventType::Normal, reason, action, note));
    if before.id.as_ref() != Some(id) {
        if after.origin == Some(Origin::Adopted) {
            return news("Adopted", "Adopt", format!("Adopted resource {id}, which stood at {path:?}."));
        }
        let request = after.request_id.as_ref().filter(|request| before.request_id.as_ref() != Some(request));
        // Status names the one that was lost until the next one is recorded.
        let lost = before.id.as_ref();
        let place = lost.map(|lost| format!(" in place of {lost}, which is gone")).unwrap_or_default();
        let note = match request {
            Some(request) => format!("Created resource {id}{place} (request {request})."),
            None => format!("Found resource {id}, which a create whose answer was lost had made{place}."),
        };
        return news(if lost.is_some() { RECREATED } else { "Created" }, "Create", note);
    }
    if after.path != before.path {
        return news("Moved", "Move", format!("Resource {id} stands at {path:?} now."));
    }
    if after.spec_digest != before.spec_digest {
        return news("Updated", "Update", format!("Updated resource {id}."));
    }
    let published = |status: &DataWorksResourceStatus| {
        let record = status.publication.as_ref()?;
        Some((record.published_digest.clone()?, record.run_id.clone()?))
    };
    if let Some((_, run)) = published(after).filter(|now| published(before).as_ref() != Some(now))
        && after.publication.as_ref().and_then(|record| record.status) == Some(PublicationStatus::Success)
    {
        return news("Published", "Publish", format!("Published resource {id} by deployment run {run}."));
    }
    // Written, and what is declared is what it was before.
    let written = after.request_id != before.request_id || after.last_sync_time != before.last_sync_time;
    let note = format!("Resource {id} was changed by others and is again as declared.");
    if written { news(DRIFT_CORRECTED, "Update", note) } else { None }
}

/// What stands in the way, or differs beside a `Ready` that is True.
fn trouble(before: &DataWorksResourceStatus, after: &DataWorksResourceStatus) -> Option<Event> {
    let find = |status: &DataWorksResourceStatus, type_: ConditionType| -> Option<Condition> {
        status.conditions.iter().find(|condition| condition.type_ == type_.as_str()).cloned()
    };
    let changed = |type_: ConditionType, now: &Condition| {
        find(before, type_).is_none_or(|was| was.reason != now.reason || was.status != now.status)
    };
    let warning = |now: Condition| Some(event(EventType::Warning, &now.reason, "Reconcile", now.message));
    let ready = find(after, ConditionType::Ready)?;
    let stalled = find(after, ConditionType::Stalled).is_some();
    let bad = stalled || ready.status == "False" || ready.reason == Reason::OutcomeUnknown.as_str();
    if bad && changed(ConditionType::Ready, &ready) && ready.reason != Reason::Deleting.as_str() {
        return warning(ready);
    }
    let waits = ready.reason == Reason::AwaitingApproval.as_str();
    if waits && changed(ConditionType::Ready, &ready) {
        return Some(event(EventType::Normal, &ready.reason, "Publish", ready.message));
    }
    let synced = find(after, ConditionType::Synced)?;
    let differs = ready.status == "True" && synced.status != "True";
    if differs && changed(ConditionType::Synced, &synced) { warning(synced) } else { None }
}

/// The event of a change of a workspace's status: when it turns ready, for each new trouble, and when too many of its
/// files are gone; pure.
fn workspace_told(before: &DataWorksWorkspaceStatus, after: &DataWorksWorkspaceStatus) -> Option<Event> {
    let news = |type_: ConditionType| -> Option<Condition> {
        let find = |status: &DataWorksWorkspaceStatus| {
            status.conditions.iter().find(|condition| condition.type_ == type_.as_str()).cloned()
        };
        let now = find(after)?;
        find(before).is_none_or(|was| was.status != now.status || was.reason != now.reason).then_some(now)
    };
    if let Some(absence) = news(ConditionType::MassAbsence).filter(|absence| absence.status == "True") {
        return Some(event(EventType::Warning, &absence.reason, "Look", absence.message));
    }
    let now = news(ConditionType::Ready)?;
    match now.status.as_str() {
        "True" => Some(event(EventType::Normal, "Ready", "Connect", now.message)),
        "False" => Some(event(EventType::Warning, &now.reason, "Connect", now.message)),
        _ => None,
    }
}

/// What a change of status says of a difference between what is declared and what is there; pure.
fn drift(before: &DataWorksResourceStatus, after: &DataWorksResourceStatus) -> Option<Drift> {
    if done(before, after).is_some_and(|event| [DRIFT_CORRECTED, RECREATED].contains(&&*event.reason)) {
        return Some(Drift::Corrected);
    }
    let differs = |status: &DataWorksResourceStatus| {
        let synced = status.conditions.iter().find(|c| c.type_ == ConditionType::Synced.as_str())?;
        let reason = synced.reason.parse::<Reason>().ok()?;
        let differs = matches!(
            reason,
            Reason::Drifted
                | Reason::NotFoundInWorkspace
                | Reason::DuplicateInWorkspace
                | Reason::MassAbsence
        );
        (differs && synced.status != "True").then_some(reason)
    };
    let now = differs(after)?;
    (differs(before) != Some(now)).then_some(Drift::Reported)
}

#[cfg(test)]
mod tests;
