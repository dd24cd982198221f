//! The watch: every version of every object, pruned to an index row.
//!
//! It feeds the index and pushes what is due; it must not read, write or decide. An object that
//! cannot be decoded is kept apart and does not stop the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_core::object::{ObjectKey, Uid};
use futures::{StreamExt as _, pin_mut};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event};
use tracing::{debug, info, warn};

use super::index::Origin;
use super::standing::key_of;
use crate::context::Context;
use crate::pruned;
use crate::reconcile::vanished::{take_back, was_overlooked};

type Pruned = pruned::Pruned<DataWorksResource>;

/// Objects a page: the text of a page is held whole, and the API server takes objects of 1.5 MB. Lists
/// are not streamed: such a list may begin with an older state than the one that was seen before.
const PAGE_SIZE: u32 = 10;

/// Watches one namespace, or all (`None`), until the process ends. `synced` is called when all
/// objects have been seen once.
pub async fn watch(
    ctx: Arc<Context>,
    client: kube::Client,
    namespace: Option<String>,
    synced: impl Fn() + Send,
) {
    let api: Api<Pruned> = match &namespace {
        Some(name) => Api::namespaced(client, name),
        None => Api::all(client),
    };
    let config = watcher::Config::default().page_size(PAGE_SIZE);
    let stream = watcher::watcher(api, config).default_backoff();
    pin_mut!(stream);
    let mut relist: Option<BTreeSet<ObjectKey>> = None;
    while let Some(event) = stream.next().await {
        match event {
            Err(error) => warn!(%error, "the watch failed and is begun again"),
            Ok(Event::Init) => relist = Some(BTreeSet::new()),
            Ok(Event::InitApply(pruned)) => {
                if let Some(key) = take_in(&ctx, pruned, Origin::Listed)
                    && let Some(seen) = &mut relist
                {
                    seen.insert(key);
                }
            }
            Ok(Event::InitDone) => {
                vanished(&ctx, namespace.as_deref(), &relist.take().unwrap_or_default());
                synced();
            }
            Ok(Event::Apply(pruned)) => {
                take_in(&ctx, pruned, Origin::Watched);
            }
            Ok(Event::Delete(pruned)) => {
                if let Some(key) = key(&pruned) {
                    let uid = uid(&pruned);
                    let memory = ctx.memory(&uid);
                    ctx.gone(&key, &uid);
                    if let Ok(object) = pruned.0
                        && ctx.is_leading()
                        && was_overlooked(&object)
                    {
                        take_back(&ctx, key, object, memory);
                    }
                }
            }
        }
    }
}

/// Takes in a version and pushes what it makes due.
fn take_in(ctx: &Arc<Context>, pruned: Pruned, origin: Origin) -> Option<ObjectKey> {
    let key = key(&pruned)?;
    let object = match pruned.0 {
        Ok(object) => object,
        Err(invalid) => {
            ctx.undecodable(&key, invalid);
            return Some(key);
        }
    };
    let applied = ctx.index().apply(&object, origin, Timestamp::now());
    if let Some(at) = applied.due {
        ctx.news(&key, at);
    }
    ctx.wake(applied.woken);
    ctx.tell_workspaces();
    Some(key)
}

/// Objects that a list no longer holds are deleted, however that was missed.
fn vanished(ctx: &Context, namespace: Option<&str>, seen: &BTreeSet<ObjectKey>) {
    let gone: Vec<(ObjectKey, Uid)> = {
        let index = ctx.index();
        let in_scope = |key: &&ObjectKey| namespace.is_none_or(|name| *key.namespace == *name);
        let missing = index.keys().filter(in_scope).filter(|key| !seen.contains(key));
        missing.filter_map(|key| Some((key.clone(), index.uid(key)?))).collect()
    };
    info!(namespace, objects = seen.len(), vanished = gone.len(), "all objects seen");
    for (key, uid) in gone {
        debug!(namespace = %key.namespace, name = %key.name, "vanished");
        ctx.gone(&key, &uid);
    }
}

fn uid(pruned: &Pruned) -> Uid {
    let metadata = match &pruned.0 {
        Ok(object) => &object.metadata,
        Err(invalid) => &invalid.metadata,
    };
    Uid::new(metadata.uid.as_deref().unwrap_or_default())
}

fn key(pruned: &Pruned) -> Option<ObjectKey> {
    match &pruned.0 {
        Ok(object) => Some(key_of(object)),
        Err(invalid) => {
            let (namespace, name) =
                (invalid.metadata.namespace.as_deref()?, invalid.metadata.name.as_deref()?);
            Some(ObjectKey::new(namespace, name))
        }
    }
}
