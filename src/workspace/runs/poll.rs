//! One poll of a workspace for all objects that wait for its runs.
//!
//! Runs of a workspace come with one ListPipelineRuns; a single one, or one that is not on the page
//! with the newest, is read by its id.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dataworks_core::backoff;
use dataworks_core::fault::Fault;
use dataworks_core::ids::ProjectId;
use dataworks_core::limit::Purpose;
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::publish::{Pages, Run, RunId, Sight, page_with_newest};
use dataworks_core::state::{is_final_refusal, told};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tracing::{debug, warn};

use super::{APART, End, Runs, plus};
use crate::context::Context;
use crate::controller::places::ConnectionId;
use crate::dataworks::RunFilter;
use crate::dataworks::types::RunPage;
use crate::workspace::connection::Connection;
use crate::workspace::limiter::{Departure, Limiter};

/// How often it is asked which workspace is due.
const TICK: Duration = Duration::from_secs(1);
/// Rows of a page: the most that the service gives.
const PAGE_SIZE: u32 = 100;
/// A poll waits this long for each of its calls: others take what there is at once.
const PERMIT_PATIENCE: Duration = Duration::from_secs(10);
/// Runs that one poll reads by their ids; the others follow with the next.
const SINGLE_READS: usize = 20;

/// Polls until the process ends.
pub async fn watch(ctx: Arc<Context>) {
    loop {
        tokio::time::sleep(TICK).await;
        if !ctx.is_leading() {
            continue;
        }
        for connection in ctx.connections.all() {
            let closed = match &connection.id {
                ConnectionId::Workspace(workspace) => !ctx.index().is_open(workspace),
                ConnectionId::Default => ctx.index().closes_all(),
            };
            if closed {
                // Its objects say what they wait for.
                continue;
            }
            let busy = ctx.scheduler.has_ready(connection.limiter.sub(), |_| true);
            for project in connection.runs.begin(Timestamp::now(), busy) {
                let (ctx, connection) = (Arc::clone(&ctx), Arc::clone(&connection));
                tokio::spawn(async move { poll(&ctx, &connection, project).await });
            }
        }
    }
}

/// A poll, until it has ended in whatever way.
struct Polling<'a>(&'a Runs, ProjectId);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        if let Some(workspace) = self.0.lock().get_mut(&self.1) {
            workspace.polling = false;
        }
    }
}

async fn poll(ctx: &Arc<Context>, connection: &Connection, project: ProjectId) {
    let _polling = Polling(&connection.runs, project);
    let mut woken = BTreeSet::new();
    let end = look(connection, project, &mut woken).await;
    let now = Timestamp::now();
    let end = match end {
        Ok(()) => End::Well,
        Err(Unseen::NoPermit(at)) => {
            connection.limiter.polls_paused_until().map_or(End::Later(at), End::Paused)
        }
        Err(Unseen::Fault(fault)) => {
            warn!(
                workspace = project.get(),
                code = fault.code,
                error = fault.message,
                requestId = fault.request_id,
                "deployment runs could not be looked at"
            );
            ctx.suspect(&connection.id, project, &fault);
            let failures = connection.runs.failures(project).saturating_add(1);
            let wait = backoff::transient(&Uid::new(&project.to_string()), failures);
            let wait = SignedDuration::try_from(wait).unwrap_or(APART);
            End::Failed(connection.limiter.paused_until().unwrap_or(now).max(plus(now, wait)))
        }
    };
    woken.extend(connection.runs.end(project, end, now));
    ctx.wake(woken);
}

/// Why a poll ended before its end.
enum Unseen {
    NoPermit(Timestamp),
    Fault(Fault),
}

async fn look(
    connection: &Connection,
    project: ProjectId,
    woken: &mut BTreeSet<ObjectKey>,
) -> Result<(), Unseen> {
    let now = Timestamp::now();
    let (mut wanted, due) = connection.runs.wanted(project, now);
    debug!(workspace = project.get(), runs = wanted.len(), due, "looking at deployment runs");
    let mut seen = |run: Run, wanted: &mut Vec<RunId>| {
        if let Some(at) = wanted.iter().position(|id| *id == run.id) {
            let id = wanted.remove(at);
            woken.extend(connection.runs.saw(project, &id, Sight::Run(run), Timestamp::now()));
        }
    };
    let mut missing = due;
    if due > 1 {
        let first = page(connection, project, 1).await?;
        let pages = Pages { size: PAGE_SIZE, total: first.total };
        let newest = page_with_newest(&first.runs, pages);
        let runs = match newest {
            Some(number) => page(connection, project, number).await?.runs,
            None => first.runs,
        };
        let before = wanted.clone();
        for run in runs {
            seen(run, &mut wanted);
        }
        missing = before.iter().take(due).filter(|id| wanted.contains(id)).count();
    }
    for id in wanted.into_iter().take(missing.min(SINGLE_READS)) {
        let departure = depart(&connection.limiter).await?;
        let end = departure.with(connection.cloud.get_pipeline_run(project, &id)).await;
        let sight = match end {
            Ok(one) => Sight::Run(one.run),
            // Which code says that there is no such run is not documented.
            Err(fault) if is_final_refusal(&fault) => Sight::Gone(told(&fault)),
            Err(fault) => return Err(Unseen::Fault(fault)),
        };
        woken.extend(connection.runs.saw(project, &id, sight, Timestamp::now()));
    }
    Ok(())
}

async fn page(connection: &Connection, project: ProjectId, number: u32) -> Result<RunPage, Unseen> {
    let departure = depart(&connection.limiter).await?;
    let filter = RunFilter::default();
    let call = connection.cloud.list_pipeline_runs(project, &filter, number, PAGE_SIZE);
    departure.with(call).await.map_err(Unseen::Fault)
}

async fn depart(limiter: &Limiter) -> Result<Departure, Unseen> {
    limiter.departure_within(Purpose::Poll, PERMIT_PATIENCE).await.map_err(Unseen::NoPermit)
}
