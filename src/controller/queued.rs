//! Tells objects that have waited long for a permit or a listing that they do, once: waiting for us
//! is never a failure, and a person should not have to guess.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dataworks_core::api::condition::{ConditionType, Reason};
use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_core::object::ObjectKey;
use dataworks_core::state::{Change, State};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tracing::debug;

use super::standing::Standing;
use crate::context::Context;
use crate::reconcile::execute::publish::paused;
use crate::reconcile::observe::Subject;
use crate::reconcile::record;

/// A wait that is worth a write.
const LONG: SignedDuration = SignedDuration::from_secs(30);
/// How often waits are looked at.
const EVERY: Duration = Duration::from_secs(10);
/// Objects told at a time: news of waiting must not become a load of its own.
const BATCH: usize = 100;

/// Tells until the process ends.
pub async fn tell(ctx: Arc<Context>) {
    let mut told: BTreeSet<ObjectKey> = BTreeSet::new();
    loop {
        tokio::time::sleep(EVERY).await;
        let before = Timestamp::now().saturating_sub(LONG).unwrap_or(Timestamp::MIN);
        let queued: BTreeSet<ObjectKey> = ctx.scheduler.waiting_since_before(before).into_iter().collect();
        let connections = ctx.connections.all().into_iter();
        let parked: BTreeSet<ObjectKey> =
            connections.flat_map(|one| one.listings.parked_since_before(before)).collect();
        told.retain(|key| queued.contains(key) || parked.contains(key));
        let new: Vec<ObjectKey> =
            queued.union(&parked).filter(|key| !told.contains(key)).take(BATCH).cloned().collect();
        for key in new {
            let waits = if parked.contains(&key) {
                Waits::ForListing
            } else {
                Waits::ForCall { objects: queued.len() }
            };
            say(&ctx, &key, waits).await;
            told.insert(key);
        }
    }
}

/// What an object waits for.
#[derive(Clone, Copy, Debug)]
enum Waits {
    ForListing,
    ForCall { objects: usize },
}

async fn say(ctx: &Context, key: &ObjectKey, waits: Waits) {
    let Ok(Some(object)) = ctx.kube.get(key).await else { return };
    if let Some(at) = ctx.read(&object) {
        // This look was the first to see a change: the watch will not tell it again.
        ctx.news(key, at);
    }
    // Should the work begin now after all, one of the two writes fails for its version and is made anew.
    let mut subject = Subject::to_tell(ctx, object);
    let (object, limiter) = (&subject.object, &subject.connection.limiter);
    let paused_until = limiter.paused_until();
    // What it waited for may have come meanwhile; what is settled waits for a routine look only.
    let standing = ctx.index().standing(key);
    if standing != Standing::Due
        || ctx.is_running(key)
        || object.metadata.deletion_timestamp.is_some()
        || says_enough(object, paused_until.is_some())
    {
        return;
    }
    let made = object.status.as_ref().is_some_and(|status| status.id.is_some());
    let state = match (paused_until, waits) {
        (Some(until), _) if publishes(object) => paused(until),
        (Some(until), _) => State::QuotaExhausted { until },
        (None, Waits::ForCall { objects }) => State::Queued {
            message: format!(
                "Waiting for a call to the service: {objects} objects share {:.1} calls a second.",
                limiter.rate()
            ),
        },
        (None, Waits::ForListing) if made => State::Recreating,
        (None, Waits::ForListing) => State::Creating {
            message: "Waiting for the listing of the workspace, which shows whether the path is free."
                .to_owned(),
        },
    };
    if let Err(error) = record::status(ctx, &mut subject, &Change { state, fact: None }).await {
        debug!(namespace = %key.namespace, name = %key.name, %error, "could not be told that it waits");
    }
}

/// A status of this generation that says why it is not ready needs no other word, but that a run is not even
/// looked at as long as the calls are used up.
fn says_enough(object: &DataWorksResource, paused: bool) -> bool {
    let Some(status) = &object.status else { return false };
    let ready = status.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str());
    if paused && publishes(object) {
        return false;
    }
    let current = status.observed_generation == object.metadata.generation;
    current && ready.is_some_and(|ready| ready.reason != Reason::Succeeded.as_str())
}

/// True while a deployment run is under way and nothing else is to be said.
fn publishes(object: &DataWorksResource) -> bool {
    let Some(status) = &object.status else { return false };
    let ready = status.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str());
    ready.is_some_and(|ready| ready.reason == Reason::Publishing.as_str())
}
