//! Looks for all objects of the default connection whether their calls can succeed again.
//!
//! What is closed and when to look is the core's. A look is one GetProject; what it shows opens or closes the way for
//! all, so that a bad key costs a call now and then and not one for each object.

use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dataworks_core::fault::Fault;
use dataworks_core::guard as core;
use dataworks_core::ids::ProjectId;
use dataworks_core::limit::Purpose;
use k8s_openapi::jiff::Timestamp;
use tokio::sync::Notify;
use tracing::{info, warn};

use super::limiter::until;
use crate::context::Context;
use crate::controller::places::ConnectionId;

/// A look waits for its permit so long.
const PERMIT_PATIENCE: Duration = Duration::from_secs(10);

/// What is known of the default connection by now.
#[derive(Debug, Default)]
pub struct Guard {
    state: Mutex<core::Guard>,
    rung: Notify,
}

impl Guard {
    /// A call for an object in this workspace failed.
    pub fn suspect(&self, ctx: &Context, project: ProjectId, fault: &Fault) {
        if self.lock().suspect(project, fault, Timestamp::now()) {
            self.tell(ctx);
            self.rung.notify_one();
        }
    }

    /// A person asks for a look at this workspace, or (`None`) there may be other credentials.
    pub fn ask(&self, project: Option<ProjectId>) {
        if self.lock().ask(project, Timestamp::now()) {
            self.rung.notify_one();
        }
    }

    /// Opens and closes the way for objects as it stands now.
    fn tell(&self, ctx: &Context) {
        // Under the lock: of two at a time, the later one has the last word.
        let state = self.lock();
        let closed = state.closed();
        let (was_shut, is_shut) = (ctx.index().closes_all(), closed.all.as_ref().map(|fault| &*fault.code));
        match (was_shut, is_shut) {
            (false, Some(code)) => {
                warn!(
                    code,
                    "the default connection's key is refused: nothing is sent but a look now and then"
                );
            }
            (true, None) => info!("the default connection's key is taken again"),
            (false, None) | (true, Some(_)) => {}
        }
        ctx.set_closed(closed);
    }

    fn lock(&self) -> MutexGuard<'_, core::Guard> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks whenever there is a reason to, until the process ends.
pub async fn watch(ctx: Arc<Context>) {
    loop {
        let due = ctx.guard.lock().next();
        match due {
            Some((at, _)) if at > Timestamp::now() => {
                tokio::select! {
                    () = ctx.guard.rung.notified() => {}
                    () = tokio::time::sleep(until(at)) => {}
                }
            }
            Some(_) => look(&ctx).await,
            None => ctx.guard.rung.notified().await,
        }
    }
}

/// One look, at what is due.
async fn look(ctx: &Arc<Context>) {
    let named = ctx.index().named_by_default();
    let due = {
        let mut state = ctx.guard.lock();
        state.keep(&named);
        state.next().filter(|(at, _)| *at <= Timestamp::now())
    };
    if let Some((_, project)) = due {
        let connection = ctx.connections.default();
        let departure = connection.limiter.departure_within(Purpose::Work, PERMIT_PATIENCE).await;
        let departure = match departure {
            Ok(departure) => departure,
            Err(until) => {
                ctx.guard.lock().postpone(project, until);
                return;
            }
        };
        let answer = departure.with(connection.cloud.get_project(project)).await;
        if answer.is_ok() {
            ctx.proved(&ConnectionId::Default, project);
            connection.listings.forgive(project);
        }
        let seen = answer.as_ref().map(|_| ());
        if let Err(fault) = seen {
            warn!(
                workspace = project.get(),
                code = fault.code,
                error = fault.message,
                "a look at a workspace failed"
            );
        }
        ctx.guard.lock().looked(project, seen, Timestamp::now());
    }
    ctx.guard.tell(ctx);
}
