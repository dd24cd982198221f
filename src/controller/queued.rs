//! Tells objects that have waited long for a permit or a listing that they do, once: waiting for us
//! is never a failure, and a person should not have to guess.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use dataworks_core::api::condition::{ConditionType, Reason};
use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_core::object::ObjectKey;
use dataworks_core::state::{Change, State};
use futures::StreamExt as _;
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
/// Writes at a time: one after the other, a slow API server would stretch a round over its end.
const WRITES: usize = 4;

/// An object that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    /// When it was first seen to wait long.
    since: Timestamp,
    is_told: bool,
}

/// Tells until the process ends.
pub async fn tell(ctx: Arc<Context>) {
    let mut all: BTreeMap<ObjectKey, Waiting> = BTreeMap::new();
    loop {
        tokio::time::sleep(EVERY).await;
        let now = Timestamp::now();
        let before = now.saturating_sub(LONG).unwrap_or(Timestamp::MIN);
        let queued: BTreeSet<ObjectKey> = ctx.scheduler.waiting_since_before(before).into_iter().collect();
        let connections = ctx.connections.all().into_iter();
        let parked: BTreeSet<ObjectKey> =
            connections.flat_map(|one| one.listings.parked_since_before(before)).collect();
        all.retain(|key, _| queued.contains(key) || parked.contains(key));
        for key in queued.union(&parked) {
            all.entry(key.clone()).or_insert(Waiting { since: now, is_told: false });
        }
        let news = next(&all, BATCH);
        let ctx = &ctx;
        let tell = |key: &ObjectKey| {
            let waits = if parked.contains(key) {
                Waits::ForListing
            } else {
                Waits::ForCall { objects: queued.len() }
            };
            let key = key.clone();
            async move { say(ctx, &key, waits).await }
        };
        futures::stream::iter(news.iter().map(tell)).buffer_unordered(WRITES).collect::<()>().await;
        for key in news {
            if let Some(waiting) = all.get_mut(&key) {
                waiting.is_told = true;
            }
        }
    }
}

/// Who is told next: namespaces take turns, so that the many of one do not keep a few of another waiting for a word;
/// within a namespace the longest wait comes first. What a namespace was told before counts as its turns.
fn next(all: &BTreeMap<ObjectKey, Waiting>, most: usize) -> Vec<ObjectKey> {
    let mut turns: BTreeMap<&str, usize> = BTreeMap::new();
    for key in all.iter().filter(|(_, waiting)| waiting.is_told).map(|(key, _)| key) {
        *turns.entry(&key.namespace).or_default() += 1;
    }
    let mut untold: Vec<(Timestamp, &ObjectKey)> = all
        .iter()
        .filter(|(_, waiting)| !waiting.is_told)
        .map(|(key, waiting)| (waiting.since, key))
        .collect();
    untold.sort_unstable();
    let mut order: Vec<(usize, Timestamp, &ObjectKey)> = Vec::with_capacity(untold.len());
    for (since, key) in untold {
        let turn = turns.entry(&key.namespace).or_default();
        *turn += 1;
        order.push((*turn, since, key));
    }
    order.sort_unstable();
    order.into_iter().take(most).map(|(_, _, key)| key.clone()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Who waits, since when, and whether that was told.
    fn all(rows: &[(&str, &str, i64, bool)]) -> BTreeMap<ObjectKey, Waiting> {
        let waiting = |since, is_told| Waiting { since: Timestamp::from_second(since).unwrap(), is_told };
        rows.iter()
            .map(|(namespace, name, since, told)| (ObjectKey::new(namespace, name), waiting(*since, *told)))
            .collect()
    }

    #[test]
    fn namespaces_take_turns_and_the_longest_wait_comes_first() {
        let rows = [
            ("nobody waits", all(&[]), 3, ""),
            ("no more than asked for", all(&[("a", "1", 0, false), ("a", "2", 0, false)]), 1, "a/1"),
            (
                "the longest wait first",
                all(&[("a", "1", 9, false), ("a", "2", 5, false), ("a", "3", 7, false)]),
                3,
                "a/2 a/3 a/1",
            ),
            (
                "many of one namespace and one of another, which waits since later",
                all(&[
                    ("a", "1", 0, false),
                    ("a", "2", 0, false),
                    ("a", "3", 0, false),
                    ("z", "1", 9, false),
                ]),
                2,
                "a/1 z/1",
            ),
            (
                "who was told much before comes after who was not",
                all(&[("a", "1", 0, true), ("a", "2", 0, false), ("z", "1", 9, false), ("z", "2", 9, false)]),
                3,
                "z/1 a/2 z/2",
            ),
            ("who was told is not told again", all(&[("a", "1", 0, true), ("b", "1", 0, true)]), 9, ""),
        ];
        for (name, all, most, want) in rows {
            let told: Vec<String> = next(&all, most).iter().map(ToString::to_string).collect();
            assert_eq!(told.join(" "), want, "{name}");
        }
    }

    #[test]
    fn the_one_of_a_namespace_is_told_at_once_behind_ten_thousand_of_another() {
        let many = (0..10_000).map(|n| ObjectKey::new("a", &format!("{n:05}")));
        let waiting = Waiting { since: Timestamp::UNIX_EPOCH, is_told: false };
        let mut all: BTreeMap<ObjectKey, Waiting> = many.map(|key| (key, waiting)).collect();
        all.insert(ObjectKey::new("z", "one"), waiting);
        assert!(next(&all, BATCH).contains(&ObjectKey::new("z", "one")));
    }
}
