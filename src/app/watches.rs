//! Starts the watches, and tells when each has its first list.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kube::Client as KubeClient;
use tokio::sync::Notify;

use crate::context::Context;
use crate::controller::{source_watch, watch};
use crate::essential;
use crate::workspace::watch as workspaces;

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Workspaces,
    Resources,
}

/// Starts the watches of a kind in these namespaces, or in all where none is named. Tells when all have begun with a
/// whole list.
pub(super) fn start(
    ctx: &Arc<Context>,
    client: &KubeClient,
    namespaces: &[String],
    kind: Kind,
) -> Arc<Notify> {
    let scopes: Vec<Option<String>> =
        if namespaces.is_empty() { vec![None] } else { namespaces.iter().cloned().map(Some).collect() };
    // Objects have their ConfigMaps beside them.
    let watches = match kind {
        Kind::Workspaces => 1,
        Kind::Resources => 2,
    };
    let left = Arc::new(AtomicUsize::new(watches * scopes.len()));
    let done = Arc::new(Notify::new());
    let synced = || {
        let (left, done) = (Arc::clone(&left), Arc::clone(&done));
        let first = AtomicUsize::new(0);
        move || {
            if first.fetch_add(1, Ordering::SeqCst) == 0 && left.fetch_sub(1, Ordering::SeqCst) == 1 {
                done.notify_one();
            }
        }
    };
    for scope in scopes {
        let (ctx, client) = (Arc::clone(ctx), client.clone());
        match kind {
            Kind::Workspaces => {
                essential::spawn(workspaces::watch(ctx, client, scope, synced()));
            }
            Kind::Resources => {
                let (sources, other) = (Arc::clone(&ctx), client.clone());
                essential::spawn(watch::watch(ctx, client, scope.clone(), synced()));
                essential::spawn(source_watch::watch(sources, other, scope, synced()));
            }
        }
    }
    done
}
