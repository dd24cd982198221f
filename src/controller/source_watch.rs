//! The watch of ConfigMaps: their metadata only, and of that only which version there is.
//!
//! It feeds the index and pushes the objects that a change concerns; it must not read what a ConfigMap
//! holds. An operator that may not list them works all the same: then a change is not seen, and whoever
//! refers to one is told so when it is read.

use std::sync::Arc;

use futures::{StreamExt as _, pin_mut};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Error, Event};
use tracing::warn;

use super::sources::{Version, Versions};
use crate::context::Context;
use crate::pruned::ConfigMapVersion;

/// ConfigMaps a page: the text of a page is held whole, and metadata alone may fill an object of 1.5 MB.
const PAGE_SIZE: u32 = 10;
/// Changes within this become one edit: each costs a call.
pub const COALESCE: SignedDuration = SignedDuration::from_secs(1);

/// Watches one namespace, or all (`None`), until the process ends. `synced` is called when all ConfigMaps
/// have been seen once, or when they may not be seen.
pub async fn watch(
    ctx: Arc<Context>,
    client: kube::Client,
    namespace: Option<String>,
    synced: impl Fn() + Send,
) {
    let api: Api<ConfigMapVersion> = match &namespace {
        Some(name) => Api::namespaced(client, name),
        None => Api::all(client),
    };
    let config = watcher::Config::default().page_size(PAGE_SIZE);
    let stream = watcher::watcher(api, config).default_backoff();
    pin_mut!(stream);
    let mut listed = Versions::new();
    while let Some(event) = stream.next().await {
        match event {
            Err(error) if is_forbidden(&error) => {
                warn!(namespace, %error, "the operator may not watch ConfigMaps: their changes are not seen");
                synced();
            }
            Err(error) => warn!(%error, "the watch of ConfigMaps failed and is begun again"),
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(map)) => {
                if let Some((namespace, name, version)) = parts(&map) {
                    ctx.index().sources().list(&mut listed, namespace, name, version);
                }
            }
            Ok(Event::InitDone) => {
                let whom =
                    ctx.index().sources_mut().listed(namespace.as_deref(), std::mem::take(&mut listed));
                ctx.edited(whom, Timestamp::now());
                synced();
            }
            Ok(Event::Apply(map)) => tell(&ctx, &map, true),
            Ok(Event::Delete(map)) => tell(&ctx, &map, false),
        }
    }
}

fn tell(ctx: &Context, map: &ConfigMapVersion, is_there: bool) {
    let Some((namespace, name, version)) = parts(map) else { return };
    let whom = ctx.index().sources_mut().changed(namespace, name, is_there.then_some(version));
    let at = Timestamp::now().saturating_add(COALESCE).unwrap_or(Timestamp::MAX);
    ctx.edited(whom, at);
}

fn parts(map: &ConfigMapVersion) -> Option<(&str, &str, Version<'_>)> {
    let metadata = &map.metadata;
    let version =
        Version { uid: metadata.uid.as_deref()?, resource_version: metadata.resource_version.as_deref()? };
    Some((metadata.namespace.as_deref()?, metadata.name.as_deref()?, version))
}

fn is_forbidden(error: &Error) -> bool {
    match error {
        Error::InitialListFailed(kube::Error::Api(status))
        | Error::WatchStartFailed(kube::Error::Api(status)) => status.is_forbidden(),
        Error::WatchError(status) => status.is_forbidden(),
        Error::InitialListFailed(_)
        | Error::WatchStartFailed(_)
        | Error::WatchFailed(_)
        | Error::NoResourceVersion => false,
    }
}
