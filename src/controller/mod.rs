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
pub mod workers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dataworks_core::backoff;
use dataworks_core::limit::Purpose;
use dataworks_core::object::Uid;
use dataworks_core::queue::{After, Lane, SubQueue, Taken};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, error, info};

use crate::context::Context;
use crate::reconcile::{Again, End, broken_off, reconcile, span};
use crate::workspace::limiter::{Limiter, Permit, until};
use standing::Standing;
use workers::{WORKERS, may_begin};

/// The runner looks around at least this often, so that the watchdog can tell that it lives.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What is under work.
type Running = JoinSet<(Taken, End)>;

/// Runs until `stop`, then waits for what is under way, at most `grace`.
pub async fn run(ctx: Arc<Context>, stop: CancellationToken, grace: Duration) {
    ctx.lead();
    let mut running = Running::new();
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
    ctx.stop();
    info!(underWay = running.len(), "stopping: what is under way is finished");
    let finish = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, finish).await.is_err() {
        error!("work under way did not end in time; what it left is found at the next start");
    }
}

/// Starts what can be started. Answers when to look again.
fn dispatch(ctx: &Arc<Context>, running: &mut Running) -> Option<Timestamp> {
    let before = running.len();
    let next = fill(ctx, running);
    if running.len() > before || running.len() < WORKERS {
        ctx.moved();
    }
    next
}

/// Work that needs no call and each budget take turns, who has least under work first: what floods or hangs one
/// must not keep the workers from the others.
fn fill(ctx: &Arc<Context>, running: &mut Running) -> Option<Timestamp> {
    let limiters = ctx.connections.limiters();
    let mut no_sweeps = BTreeMap::new();
    loop {
        let mut round = Round { ctx, running, no_sweeps: &mut no_sweeps, begun: false, next: None };
        let with_limiter = limiters.iter().map(|limiter| (limiter.sub(), Some(limiter)));
        let mut ready: Vec<_> = with_limiter
            .chain([(SubQueue::FREE, None)])
            .filter(|(sub, _)| round.has_ready(*sub))
            .map(|(sub, limiter)| (ctx.running_of(sub), sub, limiter))
            .collect();
        ready.sort_by_key(|(under_work, sub, _)| (*under_work, *sub));
        for (under_work, sub, limiter) in ready {
            if round.running.len() >= WORKERS {
                return None;
            }
            if may_begin(under_work, round.running.len()) {
                round.begin(sub, limiter);
            }
        }
        if !round.begun {
            return round.next.into_iter().chain(ctx.scheduler.next_at()).min();
        }
    }
}

/// One turn of each budget.
struct Round<'a> {
    ctx: &'a Arc<Context>,
    running: &'a mut Running,
    /// Budgets that have no calls for routine looks before these times.
    no_sweeps: &'a mut BTreeMap<SubQueue, Timestamp>,
    begun: bool,
    /// When a budget has a permit again.
    next: Option<Timestamp>,
}

impl Round<'_> {
    fn has_ready(&self, sub: SubQueue) -> bool {
        let swept_out = self.no_sweeps.contains_key(&sub);
        self.ctx.scheduler.has_ready(sub, |lane| lane != Lane::Sweep || !swept_out)
    }

    /// Starts one object of a budget, if there is a permit for it.
    fn begin(&mut self, sub: SubQueue, limiter: Option<&Limiter>) {
        let swept_out = self.no_sweeps.contains_key(&sub);
        let of = |lane: Lane| lane != Lane::Sweep || !swept_out;
        let Some(limiter) = limiter else {
            if let Some(taken) = self.ctx.scheduler.take(sub, of) {
                self.begun = true;
                start(self.ctx, self.running, taken, Permit::none());
            }
            return;
        };
        if let Some(at) = limiter.others_first() {
            self.next = self.next.into_iter().chain([at]).min();
            return;
        }
        let (mut permit, taken) = match limiter.try_permit(Purpose::Work) {
            Ok(permit) => (permit, self.ctx.scheduler.take(sub, of)),
            Err(at) => match take_begun(self.ctx, limiter) {
                Some((permit, taken)) => (permit, Some(taken)),
                None => {
                    self.next = self.next.into_iter().chain([at]).min();
                    return;
                }
            },
        };
        self.begun = true;
        let Some(taken) = taken else { return };
        if taken.lane == Lane::Sweep
            && let Err(at) = permit.for_sweep()
        {
            // Not put behind by what people wait for: the sweeps' part of the calls is used up.
            self.no_sweeps.insert(sub, at);
            let due = self.ctx.due(&taken.key, taken.lane, at);
            self.ctx.scheduler.done(&taken.key, After::InPlace(due));
            return;
        }
        start(self.ctx, self.running, taken, permit);
    }
}

/// Where the day's calls are used up but for the reserve: an object with something begun.
fn take_begun(ctx: &Context, limiter: &Limiter) -> Option<(Permit, Taken)> {
    let permit = limiter.try_permit(Purpose::Finish).ok()?;
    let taken = ctx.scheduler.take_where(limiter.sub(), |key| ctx.has_begun(key))?;
    Some((permit, taken))
}

fn start(ctx: &Arc<Context>, running: &mut Running, taken: Taken, permit: Permit) {
    // Woken for something that is settled by now: no read, no permit.
    let standing = ctx.index().standing(&taken.key);
    match standing {
        Standing::Due => {}
        Standing::Settled if ctx.has_business(&taken.key) => {}
        Standing::Settled => return ctx.scheduler.done(&taken.key, After::Nothing),
        // What was lost with many others is asked for, though its object rests since an edit of it had nowhere to go.
        Standing::Resting(at) if at > Timestamp::now() && !ctx.is_doubted(&taken.key) => {
            let due = ctx.due(&taken.key, Lane::Retry, at);
            return ctx.scheduler.done(&taken.key, After::Again(due));
        }
        Standing::Resting(_) => {}
    }
    let waited = Timestamp::now().duration_since(taken.since);
    ctx.metrics.queue_wait.observe(waited.as_secs_f64());
    permit.waited(waited.unsigned_abs());
    ctx.begin(&taken.key, taken.sub);
    let ctx = Arc::clone(ctx);
    running.spawn(async move {
        let key = &taken.key;
        let begun = tokio::time::Instant::now();
        let span = span(key);
        let work = std::panic::AssertUnwindSafe(reconcile(&ctx, key, permit).instrument(span.clone()));
        let end = match futures::FutureExt::catch_unwind(work).await {
            Ok(end) => end,
            Err(_) => {
                ctx.metrics.panics.inc();
                span.in_scope(|| error!("a reconcile panicked"));
                broken_off(&ctx, key)
            }
        };
        ctx.metrics.reconciled(end.ended(Timestamp::now()), begun.elapsed());
        (taken, end)
    });
}

/// Puts an object back into the queue as its run wished, or because it changed meanwhile.
fn settle(ctx: &Context, ended: Result<(Taken, End), tokio::task::JoinError>) {
    ctx.moved();
    let Ok((taken, end)) = ended else { return };
    let key = &taken.key;
    let changed = ctx.end(key, end.fingerprint);
    let now = Timestamp::now();
    let after = match end.again {
        Again::InPlace(_) | Again::Parked if changed => After::InPlace(ctx.due(key, Lane::Edit, now)),
        _ if changed => After::Again(ctx.due(key, Lane::Edit, now)),
        Again::Never => After::Nothing,
        Again::At(at, lane) => After::Again(ctx.due(key, lane, at)),
        Again::InPlace(at) => After::InPlace(ctx.due(key, taken.lane, at)),
        Again::Parked => After::Parked,
        Again::AfterFailure => {
            let uid = end.uid.unwrap_or_else(|| Uid::new(&key.to_string()));
            let wait = SignedDuration::try_from(backoff::transient(&uid, end.failures)).unwrap_or_default();
            let at = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
            After::Again(ctx.due(key, Lane::Retry, at))
        }
    };
    if matches!(after, After::Again(_) | After::InPlace(_)) {
        ctx.metrics.queue_retries.inc();
    }
    ctx.scheduler.done(key, after);
}
