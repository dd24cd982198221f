//! The watch of DataWorksWorkspaces. One that cannot be decoded is told in the log and left alone; it does not stop
//! the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use dataworks_core::api::v1alpha1::DataWorksWorkspace;
use dataworks_core::object::ObjectKey;
use futures::{StreamExt as _, pin_mut};
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt as _};
use tracing::{info, warn};

use crate::context::Context;

/// Objects a page.
const PAGE_SIZE: u32 = 50;

/// Watches one namespace, or all (`None`), until the process ends. `synced` is called when all
/// objects have been seen once.
pub async fn watch(
    ctx: Arc<Context>,
    client: kube::Client,
    namespace: Option<String>,
    synced: impl Fn() + Send,
) {
    let kind = ApiResource::erase::<DataWorksWorkspace>(&());
    let api: Api<DynamicObject> = match &namespace {
        Some(name) => Api::namespaced_with(client, name, &kind),
        None => Api::all_with(client, &kind),
    };
    let config = watcher::Config::default().page_size(PAGE_SIZE);
    let stream = watcher::watcher(api, config).default_backoff();
    pin_mut!(stream);
    let mut relist: Option<BTreeSet<ObjectKey>> = None;
    while let Some(event) = stream.next().await {
        match event {
            Err(error) => warn!(%error, "the watch of workspaces failed and is begun again"),
            Ok(Event::Init) => relist = Some(BTreeSet::new()),
            Ok(Event::InitApply(object)) => {
                let key = take_in(&ctx, object);
                if let Some(seen) = &mut relist {
                    seen.insert(key);
                }
            }
            Ok(Event::InitDone) => {
                let seen = relist.take().unwrap_or_default();
                let in_scope =
                    |key: &ObjectKey| namespace.as_ref().is_none_or(|name| *key.namespace == **name);
                for key in ctx.workspaces.keys() {
                    if in_scope(&key) && !seen.contains(&key) {
                        ctx.workspaces.gone(&ctx, &key);
                    }
                }
                info!(namespace, workspaces = seen.len(), "all workspaces seen");
                synced();
            }
            Ok(Event::Apply(object)) => {
                take_in(&ctx, object);
            }
            Ok(Event::Delete(object)) => ctx.workspaces.gone(&ctx, &key_of(&object)),
        }
    }
}

fn take_in(ctx: &Arc<Context>, mut object: DynamicObject) -> ObjectKey {
    object.metadata.managed_fields = None;
    let key = key_of(&object);
    match object.try_parse::<DataWorksWorkspace>() {
        Ok(parsed) => ctx.workspaces.seen(ctx, &key, parsed),
        Err(_) => {
            // What it holds instead is not told.
            warn!(namespace = %key.namespace, name = %key.name, "the workspace cannot be decoded by this version of the operator");
            ctx.workspaces.gone(ctx, &key);
        }
    }
    key
}

fn key_of(object: &DynamicObject) -> ObjectKey {
    ObjectKey::new(&object.namespace().unwrap_or_default(), &object.name_any())
}
