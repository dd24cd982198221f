//! Objects that this version cannot decode: told so, one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataworks_core::backoff;
use dataworks_core::object::{ObjectKey, Uid};

use super::{Context, lock};
use crate::pruned::Undecodable;
use crate::reconcile::record;

/// Objects that could not be decoded, without what they hold.
#[derive(Debug, Default)]
pub struct Untold {
    objects: BTreeMap<ObjectKey, Undecodable>,
    /// A task tells them, one after the other: there may be as many as there are objects, and each is
    /// read whole.
    is_told: bool,
    /// Times in a row that some could not be told.
    failures: u32,
}

impl Untold {
    /// The next, or the end of the task.
    fn take(&mut self) -> Option<(ObjectKey, Undecodable)> {
        let next = self.objects.pop_first();
        self.is_told = next.is_some();
        next
    }
}

impl Context {
    /// An object of a newer or broken schema, or too large a one: told in its status, and left alone.
    pub fn undecodable(self: &Arc<Self>, key: &ObjectKey, undecodable: Undecodable) {
        tracing::warn!(namespace = %key.namespace, name = %key.name, why = %undecodable, "the object cannot be decoded by this version of the operator");
        self.metrics.undecodable.inc();
        // Kept first: leading may begin between the two.
        lock(&self.untold).objects.insert(key.clone(), undecodable);
        if self.is_leading() {
            self.tell_undecodable();
        }
    }

    pub(super) fn tell_undecodable(self: &Arc<Self>) {
        {
            let mut untold = lock(&self.untold);
            if untold.is_told || untold.objects.is_empty() {
                return;
            }
            untold.is_told = true;
        }
        let ctx = Arc::clone(self);
        tokio::spawn(async move {
            let next = || lock(&ctx.untold).take();
            let mut failed = BTreeMap::new();
            while let Some((key, undecodable)) = next() {
                if !record::undecodable(&ctx, &key, &undecodable).await {
                    failed.insert(key, undecodable);
                }
            }
            ctx.tell_later(failed).await;
        });
    }

    /// Tells them again after a while, unless a newer version came.
    async fn tell_later(self: &Arc<Self>, failed: BTreeMap<ObjectKey, Undecodable>) {
        let failures = {
            let mut untold = lock(&self.untold);
            untold.failures = if failed.is_empty() { 0 } else { untold.failures.saturating_add(1) };
            untold.failures
        };
        if failed.is_empty() {
            return;
        }
        tokio::time::sleep(backoff::transient(&Uid::new("undecodable"), failures)).await;
        for (key, undecodable) in failed {
            lock(&self.untold).objects.entry(key).or_insert(undecodable);
        }
        if self.is_leading() {
            self.tell_undecodable();
        }
    }
}
