//! Starts the parts of the operator, and ends them in order.

mod cloud;
mod parts;
mod watches;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::parts::Parts;
use self::watches::Kind;
use crate::cli::RunArgs;
use crate::context::Context;
use crate::controller::places::ConnectionId;
use crate::controller::{self, queued};
use crate::essential;
use crate::health::Gates;
use crate::http::{self, Shown};
use crate::leader::{self, Election, Term};
use crate::metrics::Metrics;
use crate::metrics::process::Process;
use crate::schema;
use crate::telemetry::level::{self, Levels};
use crate::workspace::budget::Store;
use crate::workspace::drift;
use crate::workspace::guard;
use crate::workspace::runs::poll;

/// Added to the deadline of a create for the writes that follow it.
const GRACE: Duration = Duration::from_secs(10);

/// Runs the operator until a signal or the loss of the lease.
///
/// # Errors
/// When it cannot start, or lost the lease.
pub async fn run(args: RunArgs, levels: Levels) -> anyhow::Result<()> {
    let process = Process::starting_now();
    let metrics = Arc::new(Metrics::new(&args.lease_name));
    tokio::spawn(level::watch(levels, Arc::clone(&metrics)));
    let parts = Parts::build(&args, metrics).await?;
    let gates = Arc::new(Gates::default());
    let shown = Shown { ctx: Arc::clone(&parts.ctx), gates: Arc::clone(&gates), process };
    http::serve(shown, args.health_address, args.metrics_address)
        .await
        .context("an HTTP address cannot be listened on")?;

    let stop = CancellationToken::new();
    tokio::spawn(signals(stop.clone()));
    essential::spawn(schema::watch(parts.calling.clone(), Arc::clone(&gates)));
    // First the workspaces: what objects of theirs claim rests on them.
    for kind in [Kind::Workspaces, Kind::Resources] {
        let synced = watches::start(&parts.ctx, &parts.watching, &args.watch_namespaces, kind);
        tokio::select! {
            () = synced.notified() => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
    gates.set_synced();
    start_looking(&parts.ctx);
    reconcile(parts, &args, stop).await
}

/// What goes on beside the work, whether we lead or not.
fn start_looking(ctx: &Arc<Context>) {
    essential::spawn(queued::tell(Arc::clone(ctx)));
    essential::spawn(watch_credentials(Arc::clone(ctx)));
    essential::spawn(poll::watch(Arc::clone(ctx)));
    essential::spawn(guard::watch(Arc::clone(ctx)));
    essential::spawn(drift::watch(Arc::clone(ctx), ConnectionId::Default));
}

/// Works while we lead, until told to stop and what was begun has ended.
async fn reconcile(parts: Parts, args: &RunArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let Parts { ctx, calling, watching: _, namespace, lease } = parts;
    let grace = Duration::try_from(ctx.bounds.call).unwrap_or_default() + GRACE;
    let budget = Store::new(calling.clone(), &namespace, format!("{}-budget", args.lease_name));
    let stopped = stop.clone();
    let over = tokio::spawn(async move {
        stopped.cancelled().await;
        tokio::time::sleep(grace).await;
    });
    let work = async {
        controller::run(Arc::clone(&ctx), stop.clone(), grace).await;
        ctx.surpluses.finish(async { _ = over.await }).await;
    };
    let work = Box::pin(budget.keep(&ctx, &stop, work));
    if args.no_leader_elect {
        work.await;
        return Ok(());
    }
    let election = Election {
        namespace: &namespace,
        lease: &args.lease_name,
        identity: &ctx.identity.holder,
        duration: lease,
    };
    match leader::lead(calling, election, &ctx.pulse, &stop, work).await {
        Term::Ended | Term::NeverLed => Ok(()),
        Term::Lost => anyhow::bail!("the lease is lost; another process may lead now"),
    }
}

/// Wakes what failed for want of credentials whenever there are some again.
async fn watch_credentials(ctx: Arc<Context>) {
    let Some(mut returns) = ctx.connections.default().cloud.credentials().returns() else { return };
    while returns.changed().await.is_ok() {
        ctx.credentials_returned(&ConnectionId::Default);
    }
}

/// The first signal stops, the second ends.
async fn signals(stop: CancellationToken) {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        warn!("signals cannot be listened to");
        return;
    };
    loop {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        if stop.is_cancelled() {
            std::process::exit(130);
        }
        // First: a log that nobody reads any more must not keep us from stopping.
        stop.cancel();
        info!("stopping");
    }
}
