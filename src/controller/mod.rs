//! The runner: takes what is due, with a call permit in hand, and works on it, so many at a time.
//!
//! It must not know what the work is. It stops taking when it is told to, and ends when what was
//! begun has ended.

pub mod index;
pub mod places;
pub mod policy;
pub mod queued;
pub mod scheduler;
pub mod source_watch;
pub mod sources;
pub mod standing;
pub mod tally;
pub mod watch;

use std::sync::Arc;
use std::time::Duration;

use dataworks_core::backoff;
use dataworks_core::limit::Purpose;
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::queue::{Lane, SubQueue, Taken};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, error, info};

use crate::context::Context;
use crate::reconcile::{Again, End, reconcile, span};
use crate::workspace::limiter::{Limiter, Permit, until};
use standing::Standing;

/// Objects under work at a time. Each waits for the network nearly all its time; more would only
/// queue at the limiter.
pub const WORKERS: usize = 64;
/// Of these, those that one budget's work may take where others wait, too: a service that hangs for one must not
/// stop all.
const WORKERS_OF_ONE: usize = 48;
/// The runner looks around at least this often, so that the watchdog can tell that it lives.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Runs until `stop`, then waits for what is under way, at most `grace`.
pub async fn run(ctx: Arc<Context>, stop: CancellationToken, grace: Duration) {
    ctx.lead();
    let mut running: JoinSet<(ObjectKey, End)> = JoinSet::new();
    while !stop.is_cancelled() {
        ctx.beat();
        let next = dispatch(&ctx, &mut running);
        let pause = next.map_or(HEARTBEAT, |at| until(at).min(HEARTBEAT));
        tokio::select! {
            () = stop.cancelled() => {}
            () = ctx.scheduler.rung() => {}
            Some(ended) = running.join_next(), if !running.is_empty() => settle(&ctx, ended),
            () = tokio::time::sleep(pause) => {}
        }
        while let Some(ended) = running.try_join_next() {
            settle(&ctx, ended);
        }
    }
    info!(underWay = running.len(), "stopping: what is under way is finished");
    let finish = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, finish).await.is_err() {
        error!("work under way did not end in time; what it left is found at the next start");
    }
}

/// Starts what can be started. Answers when to look again.
fn dispatch(ctx: &Arc<Context>, running: &mut JoinSet<(ObjectKey, End)>) -> Option<Timestamp> {
    let before = running.len();
    let next = fill(ctx, running);
    if running.len() > before || running.len() < WORKERS {
        ctx.moved();
    }
    next
}

fn fill(ctx: &Arc<Context>, running: &mut JoinSet<(ObjectKey, End)>) -> Option<Timestamp> {
    while running.len() < WORKERS {
        if let Some(taken) = ctx.scheduler.take(SubQueue::FREE) {
            start(ctx, running, taken, Permit::none());
            continue;
        }
        let (begun, next) = fill_one(ctx, running);
        if !begun {
            return next.into_iter().chain(ctx.scheduler.next_at()).min();
        }
    }
    None
}

/// Starts what each budget has a permit for, one object of each. Answers whether there was any, else when to look
/// again.
fn fill_one(ctx: &Arc<Context>, running: &mut JoinSet<(ObjectKey, End)>) -> (bool, Option<Timestamp>) {
    let limiters = ctx.connections.limiters();
    let waiting: Vec<&Limiter> = limiters.iter().filter(|one| ctx.scheduler.has_ready(one.sub())).collect();
    let (mut begun, mut next) = (false, None);
    for limiter in &waiting {
        if running.len() >= WORKERS || waiting.len() > 1 && ctx.running_of(limiter.sub()) >= WORKERS_OF_ONE {
            continue;
        }
        let (mut permit, taken) = match limiter.try_permit(Purpose::Work) {
            Ok(permit) => (permit, ctx.scheduler.take(limiter.sub())),
            Err(at) => match take_begun(ctx, limiter) {
                Some((permit, taken)) => (permit, Some(taken)),
                None => {
                    next = next.into_iter().chain([at]).min();
                    continue;
                }
            },
        };
        begun = true;
        let Some(taken) = taken else { continue };
        if taken.lane == Lane::Sweep
            && let Err(at) = permit.for_sweep()
        {
            // Not put behind by what people wait for: the sweeps' part of the calls is used up.
            let due = ctx.due(&taken.key, taken.lane, at);
            ctx.scheduler.done(&taken.key, Some(due));
            continue;
        }
        start(ctx, running, taken, permit);
    }
    (begun, next)
}

/// Where the day's calls are used up but for the reserve: an object with something begun.
fn take_begun(ctx: &Context, limiter: &Limiter) -> Option<(Permit, Taken)> {
    let permit = limiter.try_permit(Purpose::Finish).ok()?;
    let taken = ctx.scheduler.take_where(limiter.sub(), |key| ctx.has_begun(key))?;
    Some((permit, taken))
}

fn start(ctx: &Arc<Context>, running: &mut JoinSet<(ObjectKey, End)>, taken: Taken, permit: Permit) {
    // Woken for something that is settled by now: no read, no permit.
    let standing = ctx.index().standing(&taken.key);
    match standing {
        Standing::Due => {}
        Standing::Settled if ctx.has_business(&taken.key) => {}
        Standing::Settled => return ctx.scheduler.done(&taken.key, None),
        // What was lost with many others is asked for, though its object rests since an edit of it had nowhere to go.
        Standing::Resting(at) if at > Timestamp::now() && !ctx.is_doubted(&taken.key) => {
            let due = ctx.due(&taken.key, Lane::Retry, at);
            return ctx.scheduler.done(&taken.key, Some(due));
        }
        Standing::Resting(_) => {}
    }
    let waited = Timestamp::now().duration_since(taken.since);
    ctx.metrics.queue_wait.observe(waited.as_secs_f64());
    permit.waited(waited.unsigned_abs());
    ctx.begin(&taken.key, taken.sub);
    let ctx = Arc::clone(ctx);
    running.spawn(async move {
        let key = taken.key;
        let begun = tokio::time::Instant::now();
        let span = span(&key);
        let work = std::panic::AssertUnwindSafe(reconcile(&ctx, &key, permit).instrument(span.clone()));
        let end = match futures::FutureExt::catch_unwind(work).await {
            Ok(end) => end,
            Err(_) => {
                ctx.metrics.panics.inc();
                span.in_scope(|| error!("a reconcile panicked"));
                End::unseen(Again::AfterFailure)
            }
        };
        ctx.metrics.reconciled(end.ended(Timestamp::now()), begun.elapsed());
        (key, end)
    });
}

/// Puts an object back into the queue as its run wished, or because it changed meanwhile.
fn settle(ctx: &Context, ended: Result<(ObjectKey, End), tokio::task::JoinError>) {
    ctx.moved();
    let Ok((key, end)) = ended else { return };
    let changed = ctx.end(&key, end.fingerprint);
    let now = Timestamp::now();
    let again = match end.again {
        Again::Never => None,
        Again::At(at, lane) => Some((at, lane)),
        Again::AfterFailure => {
            let uid = end.uid.unwrap_or_else(|| Uid::new(&key.to_string()));
            let wait = SignedDuration::try_from(backoff::transient(&uid, end.failures)).unwrap_or_default();
            Some((now.saturating_add(wait).unwrap_or(Timestamp::MAX), Lane::Retry))
        }
    };
    let again = if changed { Some((now, Lane::Edit)) } else { again };
    if again.is_some() {
        ctx.metrics.queue_retries.inc();
    }
    ctx.scheduler.done(&key, again.map(|(at, lane)| ctx.due(&key, lane, at)));
}
