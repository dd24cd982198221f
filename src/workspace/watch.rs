//! The watch of DataWorksWorkspaces. One that cannot be decoded is told in the log and left alone; it does not stop
//! the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use dataworks_core::api::v1alpha1::DataWorksWorkspace;
use dataworks_core::object::ObjectKey;
use futures::{StreamExt as _, pin_mut};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt as _};
use tracing::{info, warn};

use crate::context::Context;
use crate::pruned::Pruned;

/// Objects a page: the text of a page is held whole, and metadata alone may fill an object of 1.5 MB.
const PAGE_SIZE: u32 = 10;

/// Watches one namespace, or all (`None`), until the process ends. `synced` is called when all
/// objects have been seen once.
pub async fn watch(
    ctx: Arc<Context>,
    client: kube::Client,
    namespace: Option<String>,
    synced: impl Fn() + Send,
) {
    let api: Api<Pruned<DataWorksWorkspace>> = match &namespace {
        Some(name) => Api::namespaced(client, name),
        None => Api::all(client),
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

fn take_in(ctx: &Arc<Context>, pruned: Pruned<DataWorksWorkspace>) -> ObjectKey {
    let key = key_of(&pruned);
    match pruned.0 {
        Ok(object) => ctx.workspaces.seen(ctx, &key, object),
        Err(why) => {
            warn!(namespace = %key.namespace, name = %key.name, %why, "the workspace cannot be decoded by this version of the operator");
            ctx.workspaces.gone(ctx, &key);
        }
    }
    key
}

fn key_of(pruned: &Pruned<DataWorksWorkspace>) -> ObjectKey {
    ObjectKey::new(&pruned.namespace().unwrap_or_default(), &pruned.name_any())
}
