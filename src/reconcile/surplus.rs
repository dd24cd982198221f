//! A resource that was made for an object which was gone, or had another, by the time its id could be recorded: it is
//! deleted by its id. The same tasks take back the files of objects that are gone themselves.
//!
//! Only this process knows of it. So it is tried at once; where a permit is not near, or that fails, in a task of its
//! own: no worker waits for hours. A stop waits for these tasks as it does for work, and what is left then is told.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use dataworks_core::api::v1alpha1::{DeletionPolicy, Origin};
use dataworks_core::backoff;
use dataworks_core::fault::{Class, Outcome};
use dataworks_core::ids::{ProjectId, ResourceId};
use dataworks_core::inventory::Own;
use dataworks_core::limit::Purpose;
use dataworks_core::object::Uid;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, error, info, warn};

use super::observe::Subject;
use crate::context::Context;
use crate::failpoint::{Place, around};
use crate::workspace::connection::Connection;
use crate::workspace::limiter::Departure;

/// Tries to delete it: with the waits between them about 20 minutes, after which a person is told instead.
const TRIES: u32 = 12;
/// A run waits this long for the permit of the first try.
const PERMIT_PATIENCE: Duration = Duration::from_secs(5);

/// The deletions under way in tasks of their own.
#[derive(Debug, Default)]
pub struct Surpluses {
    tasks: TaskTracker,
    over: CancellationToken,
}

impl Surpluses {
    /// Waits for them, but no longer than for `over`: what is left then is told by each.
    pub async fn finish(&self, over: impl Future<Output = ()>) {
        self.tasks.close();
        tokio::select! {
            biased;
            () = self.tasks.wait() => return,
            () = over => self.over.cancel(),
        }
        self.tasks.wait().await;
    }

    /// Runs `work` to its end, or `left` where the process stops before.
    pub fn spawn(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
        left: impl FnOnce() + Send + 'static,
    ) {
        let over = self.over.clone();
        let task = async move {
            tokio::select! {
                biased;
                () = work => {}
                () = over.cancelled() => left(),
            }
        };
        self.tasks.spawn(task.in_current_span());
    }
}

/// Takes it back, unless its object retains it.
pub async fn take_back(ctx: &Arc<Context>, subject: &Subject, id: &ResourceId) {
    let Some(project) = subject.project() else { return };
    if subject.object.spec.deletion(Some(Origin::Created)) == DeletionPolicy::Retain {
        return orphan(ctx, id, "its object is gone and retains it");
    }
    let (connection, uid) = (Arc::clone(&subject.connection), subject.uid.clone());
    let surplus = Surplus { connection, project, id: id.clone(), uid };
    let near = surplus.connection.limiter.departure_within(Purpose::Finish, PERMIT_PATIENCE).await;
    let tried = match near {
        Ok(departure) => match surplus.try_now(ctx, departure).await {
            Try::Over => return,
            Try::Failed => 1,
        },
        Err(_later) => 0,
    };
    let (other, id) = (Arc::clone(ctx), id.clone());
    let left =
        move || orphan(&other, &id, "its object is gone and the process stops before it could be deleted");
    ctx.surpluses.spawn(surplus.delete_later(Arc::clone(ctx), tried), left);
}

fn orphan(ctx: &Context, id: &ResourceId, why: &str) {
    ctx.metrics.orphans.inc();
    error!(%id, why, "an orphan");
}

/// How a try to delete it ended.
enum Try {
    /// It is gone, or no longer ours to delete.
    Over,
    /// It is to be tried again.
    Failed,
}

struct Surplus {
    connection: Arc<Connection>,
    project: ProjectId,
    id: ResourceId,
    /// Of the object that it was made for.
    uid: Uid,
}

impl Surplus {
    async fn delete_later(self, ctx: Arc<Context>, tried: u32) {
        for failures in tried..TRIES {
            if failures > 0 {
                tokio::time::sleep(backoff::transient(&self.uid, failures)).await;
            }
            let departure = self.connection.limiter.departure().await;
            match self.try_now(&ctx, departure).await {
                Try::Over => return,
                Try::Failed => {}
            }
        }
        orphan(&ctx, &self.id, "its object is gone and it cannot be deleted");
    }

    /// One try, where it is still to be deleted and we still may.
    async fn try_now(&self, ctx: &Context, departure: Departure) -> Try {
        // It may be another's by now: of one that was restored, or that adopts what stands at its path.
        let holder = ctx.index().id_held_by_other(self.project, &self.id, &self.uid).cloned();
        if let Some(holder) = holder {
            info!(id = %self.id, %holder, "another object has the surplus resource by now");
            return Try::Over;
        }
        if !ctx.pulse.beat(std::time::Instant::now()) {
            orphan(ctx, &self.id, "its object is gone, and another process may lead by now");
            return Try::Over;
        }
        if self.delete(ctx, departure).await { Try::Over } else { Try::Failed }
    }

    /// Answers whether it is gone.
    async fn delete(&self, ctx: &Context, departure: Departure) -> bool {
        let Self { connection, project, id, uid: _ } = self;
        let call = departure.with(connection.cloud.delete_resource(*project, id));
        match around(Place::DeleteSurplus, call).await {
            Outcome::Done(_) => {}
            Outcome::Refused(fault) if fault.class == Class::NotFound => {}
            Outcome::Refused(fault) | Outcome::Unknown(fault) => {
                warn!(%id, code = fault.code, "a surplus resource could not be deleted yet");
                return false;
            }
        }
        ctx.record(connection, *project, Own::Deleted(id.clone()));
        info!(%id, "deleted a surplus resource: its object is gone or has another");
        true
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_stop_waits_for_what_ends_and_tells_what_is_left() {
        let surpluses = Surpluses::default();
        let (tell, told) = oneshot::channel();
        let done = async { tell.send("done").unwrap() };
        surpluses.spawn(tokio::task::yield_now().then(|()| done), || panic!("it is not left"));
        surpluses.finish(std::future::pending()).await;
        assert_eq!(told.await, Ok("done"));

        let surpluses = Surpluses::default();
        let (tell, told) = oneshot::channel();
        surpluses.spawn(std::future::pending(), || tell.send("left").unwrap());
        surpluses.finish(std::future::ready(())).await;
        assert_eq!(told.await, Ok("left"));
    }
}
