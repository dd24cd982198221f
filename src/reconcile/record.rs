//! Writes what was decided and learned into the object: status, annotation, finalizer.
//!
//! Each write names the version that it was decided on. What the cloud did must not be lost: a
//! created id is written until it stands there or the object is gone.

use std::sync::Arc;
use std::time::Duration;

use dataworks_core::api::condition::{ConditionType, Reason};
use dataworks_core::api::v1alpha1::{
    DataWorksResource, DataWorksResourceStatus, Publication, PublicationStatus, RunType,
};
use dataworks_core::api::{CREATE_INTENT, FINALIZER};
use dataworks_core::ids::ResourceId;
use dataworks_core::intent::{Intent, IntentNote};
use dataworks_core::object::ObjectKey;
use dataworks_core::plan::SourceRead;
use dataworks_core::publish;
use dataworks_core::state::{Change, Fact, merge_patch, next};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use tracing::{info, warn};

use super::kube_client::CallError;
use super::observe::Subject;
use super::surplus;
use crate::bounded::{MAX_TEXT, MAX_VALUES};
use crate::context::Context;
use crate::controller::standing::{publish_request, request, wish};
use crate::failpoint::{Place, around};
use crate::pruned::{Undecodable, Why};

/// Pauses between tries to record an id: short at first, since a conflict is over at once.
const RECORD_PAUSE_FIRST: Duration = Duration::from_millis(50);
const RECORD_PAUSE_MOST: Duration = Duration::from_secs(5);

/// Writes status when it differs. Answers whether it was written.
///
/// # Errors
/// When the write failed; the object is then to be looked at again.
pub async fn status(ctx: &Context, subject: &mut Subject, change: &Change) -> Result<bool, CallError> {
    if subject.is_gone {
        return Ok(false);
    }
    let before = subject.object.status.clone().unwrap_or_default();
    let generation = subject.object.metadata.generation.unwrap_or(0);
    let after = told(subject, &before, change, generation);
    let told = value(&after);
    let Some(patch) = merge_patch(&value(&before), &told) else { return Ok(false) };
    let version = subject.object.resource_version().unwrap_or_default();
    let written = around(Place::of(change), ctx.kube.patch_status(&subject.key, &version, &patch)).await?;
    ctx.events.transition(&subject.object, &before, &after, subject.place.permission.as_ref());
    wrote_status(ctx, subject, written, told);
    Ok(true)
}

/// The status after a change that was made for this generation, with what a person asked for and how the
/// publication stands.
fn told(
    subject: &Subject,
    before: &DataWorksResourceStatus,
    change: &Change,
    generation: i64,
) -> DataWorksResourceStatus {
    let (object, now) = (&subject.object, subject.connection.cloud.cloud_now());
    let mut after = next(before, change, generation, now);
    echo(&mut after, subject, change);
    looked(&mut after, subject);
    if matches!(&change.fact, Some(Fact::Publication(record)) if answers(record, &after, object)) {
        after.last_handled_publish_at = publish_request(object);
    }
    let wish = wish(object, after.last_handled_publish_at.as_deref());
    publish::tell(before, &mut after, wish.as_ref(), generation, now);
    after
}

/// Whether a publication has ended that is what a person asked for.
fn answers(record: &Publication, after: &DataWorksResourceStatus, object: &DataWorksResource) -> bool {
    let until = object.spec.publishes().map(|publish| &publish.until_stage);
    let as_wished = record.digest == after.spec_digest && until == Some(&record.until_stage);
    let offline = record.type_ == Some(RunType::Offline);
    record.status.is_some_and(PublicationStatus::is_final) && (as_wished || offline)
}

/// Says that the look which a person asked for was taken.
fn echo(after: &mut DataWorksResourceStatus, subject: &Subject, change: &Change) {
    if change.state.answers_request()
        && let Some(wish) = request(&subject.object)
    {
        after.last_handled_reconcile_at = Some(wish);
    }
}

/// Says which version of its ConfigMap was looked at, so that only another one is looked at again.
fn looked(after: &mut DataWorksResourceStatus, subject: &Subject) {
    let content = subject.object.spec.content.as_ref();
    match (content.and_then(|content| content.config_map_key_ref.as_ref()), &subject.source) {
        (None, _) | (Some(_), Some(SourceRead::Missing(_))) => after.content_source = None,
        (Some(_), Some(SourceRead::Read(source))) => after.content_source = Some(source.clone()),
        (Some(_), None) => {}
    }
}

/// Adds the finalizer and the create intent in one write.
///
/// # Errors
/// When the write failed; it may have been made all the same.
pub async fn intent(
    ctx: &Context,
    subject: &mut Subject,
    intent: &Intent,
    place: Place,
) -> Result<(), CallError> {
    if subject.is_gone {
        // What is left to do for it goes by what it had.
        subject.object.annotations_mut().insert(CREATE_INTENT.to_owned(), intent.to_annotation());
        return Ok(());
    }
    let mut finalizers = subject.object.finalizers().to_vec();
    if !finalizers.iter().any(|name| name == FINALIZER) {
        finalizers.push(FINALIZER.to_owned());
    }
    let annotations = json!({ CREATE_INTENT: intent.to_annotation() });
    metadata(ctx, subject, place, json!({ "finalizers": finalizers, "annotations": annotations })).await
}

/// Puts our finalizer on, and takes off an intent that came with a copy.
///
/// # Errors
/// When the write failed.
pub async fn add_finalizer(ctx: &Context, subject: &mut Subject) -> Result<(), CallError> {
    let mut finalizers = subject.object.finalizers().to_vec();
    if !finalizers.iter().any(|name| name == FINALIZER) {
        finalizers.push(FINALIZER.to_owned());
    }
    let mut change = json!({ "finalizers": finalizers });
    if subject.recorded(ctx).intent == IntentNote::Foreign {
        change["annotations"] = json!({ CREATE_INTENT: null });
    }
    metadata(ctx, subject, Place::AddFinalizer, change).await
}

/// Takes our finalizer off and leaves others' alone.
///
/// # Errors
/// When the write failed. An object that is gone is no failure.
pub async fn remove_finalizer(ctx: &Context, subject: &mut Subject) -> Result<(), CallError> {
    if subject.is_gone {
        return Ok(());
    }
    let finalizers: Vec<&String> =
        subject.object.finalizers().iter().filter(|name| *name != FINALIZER).collect();
    let finalizers = json!({ "finalizers": finalizers });
    match metadata(ctx, subject, Place::RemoveFinalizer, finalizers).await {
        Err(CallError::Gone) => Ok(()),
        end => end,
    }
}

async fn metadata(
    ctx: &Context,
    subject: &mut Subject,
    place: Place,
    mut metadata: Value,
) -> Result<(), CallError> {
    metadata["resourceVersion"] = json!(subject.object.resource_version());
    let written = around(place, ctx.kube.patch_metadata(&subject.key, metadata)).await?;
    subject.object.metadata = written;
    ctx.wrote(&subject.object);
    Ok(())
}

/// Records the id that CreateResource answered with, whatever happens to the object meanwhile.
/// Not cancelled by a shutdown; tried until it is written, or the object is gone or another, in
/// which case the resource that was just made is surplus and is deleted by its id.
pub async fn created(ctx: &Arc<Context>, subject: &mut Subject, change: &Change, id: &ResourceId) {
    // What was sent is what this generation declares, whatever is declared by the time it is recorded.
    let generation = subject.object.metadata.generation.unwrap_or(0);
    let mut pause = RECORD_PAUSE_FIRST;
    loop {
        let before = subject.object.status.clone().unwrap_or_default();
        let after = told(subject, &before, change, generation);
        let told = value(&after);
        let patch = merge_patch(&value(&before), &told).unwrap_or_else(|| json!({}));
        let version = subject.object.resource_version().unwrap_or_default();
        match around(Place::of(change), ctx.kube.patch_status(&subject.key, &version, &patch)).await {
            Ok(written) => {
                ctx.events.transition(&subject.object, &before, &after, subject.place.permission.as_ref());
                wrote_status(ctx, subject, written, told);
                return;
            }
            Err(CallError::Conflict | CallError::Gone) => {}
            Err(error) => warn!(%id, %error, "the id could not be recorded yet"),
        }
        match ctx.kube.get(&subject.key).await {
            Ok(live) => match still_ours(live, subject, id) {
                Ours::Yes(object) => subject.object = *object,
                Ours::Recorded(object) => {
                    subject.object = *object;
                    ctx.wrote(&subject.object);
                    return;
                }
                Ours::Restored => {
                    info!(%id, "the object was restored meanwhile and finds its resource itself");
                    return;
                }
                Ours::Surplus => return surplus::take_back(ctx, subject, id).await,
            },
            Err(error) => warn!(%id, %error, "the object cannot be read"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RECORD_PAUSE_MOST);
    }
}

enum Ours {
    /// The same object without an id: try again.
    Yes(Box<DataWorksResource>),
    /// The id stands there: an earlier try got through.
    Recorded(Box<DataWorksResource>),
    /// Another object of this name, which came back with our intent or has found the resource: it
    /// is that object's.
    Restored,
    /// The object is gone, or another one, or has another resource.
    Surplus,
}

fn still_ours(live: Option<DataWorksResource>, subject: &Subject, id: &ResourceId) -> Ours {
    let Some(live) = live else { return Ours::Surplus };
    if live.metadata.uid != subject.object.metadata.uid {
        let intent = live.annotations().get(CREATE_INTENT);
        let intent = intent.and_then(|text| serde_json::from_str::<Intent>(text).ok());
        let finds = intent.is_some_and(|intent| *intent.uid == *subject.uid.0);
        let found = live.status.is_some_and(|status| status.id.as_deref() == Some(id.as_str()));
        return if finds || found { Ours::Restored } else { Ours::Surplus };
    }
    let before = subject.object.status.as_ref().and_then(|status| status.id.clone());
    match live.status.as_ref().and_then(|status| status.id.as_deref()) {
        Some(recorded) if recorded == id.as_str() => Ours::Recorded(Box::new(live)),
        // A resource that is being made again because the recorded one is gone.
        Some(recorded) if Some(recorded) == before.as_deref() => Ours::Yes(Box::new(live)),
        Some(_) => Ours::Surplus,
        None => Ours::Yes(Box::new(live)),
    }
}

/// Says in the status of an object that cannot be decoded that it cannot. The same every time, so
/// that saying it again changes nothing. False when it is to be said again.
pub async fn undecodable(ctx: &Context, key: &ObjectKey, undecodable: &Undecodable) -> bool {
    let Undecodable { why, metadata } = undecodable;
    let message = match why {
        Why::Schema(_) => {
            "This version of the operator cannot read the object: it is of a newer schema, or was stored \
             before the present one. Upgrade the operator, or apply the object again."
                .to_owned()
        }
        Why::TooMuch => format!(
            "The object holds more than the operator takes: {MAX_VALUES} values and {MAX_TEXT} bytes of text in spec. \
             Take out of spec.flowSpec what is no part of the document."
        ),
    };
    let since = metadata.creation_timestamp.clone();
    let condition = |type_: ConditionType, status: &str| {
        json!({
            "type": type_.as_str(), "status": status, "reason": Reason::InvalidSpec.as_str(), "message": message,
            "observedGeneration": metadata.generation, "lastTransitionTime": since,
        })
    };
    let ours = ConditionType::ALL;
    let is_ours = |condition: &Value| ours.iter().any(|type_| condition["type"] == type_.as_str());
    let told = async {
        let (version, mut conditions) = ctx.kube.raw_conditions(key).await?;
        if metadata.resource_version.as_ref() != Some(&version) {
            // It was mended meanwhile, or the watch is about to tell of the next that cannot be decoded.
            return Ok(());
        }
        // Others' are kept: a merge patch replaces the whole list.
        conditions.retain(|condition| !is_ours(condition));
        conditions
            .extend([condition(ConditionType::Ready, "False"), condition(ConditionType::Stalled, "True")]);
        let status = json!({ "observedGeneration": metadata.generation, "conditions": conditions });
        around(Place::RecordUndecodable, ctx.kube.patch_raw_status(key, &version, &status)).await
    };
    match told.await {
        // The watch brings the version that is there.
        Ok(()) | Err(CallError::Conflict | CallError::Gone) => true,
        Err(error) => {
            warn!(namespace = %key.namespace, name = %key.name, %error, "an undecodable object could not be told so");
            matches!(error, CallError::Refused(_))
        }
    }
}

/// What the object is after a write of status: the version was the one that was read, so that
/// nothing else of it moved.
fn wrote_status(ctx: &Context, subject: &mut Subject, metadata: ObjectMeta, told: Value) {
    subject.object.metadata = metadata;
    // Read back from its JSON: times are as the API server has them, in whole seconds.
    subject.object.status = serde_json::from_value(told).ok();
    ctx.wrote(&subject.object);
}

fn value(status: &impl serde::Serialize) -> Value {
    serde_json::to_value(status).unwrap_or(Value::Null)
}
