//! The routine look at each workspace: one listing for all its objects.
//!
//! It raises doubts about single objects and leaves what follows to their reconciles. It must not
//! read or change a resource.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dataworks_core::ids::{Digest, ProjectId, ResourceId};
use dataworks_core::inventory::{MassAbsence, Row, next_look, outdated};
use dataworks_core::limit::looks_apart;
use dataworks_core::object::ObjectKey;
use dataworks_core::plan::Listing;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tracing::{error, info, warn};

use super::connection::Connection;
use super::limiter::Permit;
use super::listing::Errand;
use super::survey::Overview;
use crate::context::{Context, Doubt};
use crate::controller::places::ConnectionId;

/// How often it is asked which workspace is due.
const TICK: Duration = Duration::from_secs(1);

/// Looks at every workspace of a connection about once in its interval, or as much more seldom as the day's calls
/// ask for, each at its own time, until the process ends. A start begins no listing at once: what was settled
/// before it is believed, and the looks go on where they were.
pub async fn watch(ctx: Arc<Context>, id: ConnectionId) {
    let mut next: HashMap<ProjectId, Timestamp> = HashMap::new();
    let mut round: u32 = 0;
    let mut told: Option<Option<SignedDuration>> = None;
    loop {
        tokio::time::sleep(TICK).await;
        if !ctx.is_leading() {
            continue;
        }
        let Some(connection) = ctx.connections.get(&id) else { continue };
        let now = Timestamp::now();
        let overview = ctx.survey.overview(&ctx);
        // A budget that is newer than that is in the next one.
        let Some(pages) = overview.pages(connection.limiter.sub()) else { continue };
        let projects = open_projects(&ctx, &id, &overview);
        next.retain(|project, _| projects.contains(project));
        let apart = looks_apart(connection.interval, pages, connection.limiter.sweeps_a_day());
        if told.replace(apart) != Some(apart) {
            connection.listings.set_looks_apart(apart);
            tell(connection.interval, apart, pages);
        }
        let Some(apart) = apart else { continue };
        let looked = connection.listings.looked();
        for project in projects {
            let at = |looked, round| next_look(looked, now, apart, share(project, &ctx, round));
            let due = *next.entry(project).or_insert_with(|| at(looked.get(&project).copied(), round));
            // The interval of a workspace may be made shorter.
            let latest = now.saturating_add(apart).unwrap_or(Timestamp::MAX);
            if due > latest {
                next.insert(project, at(looked.get(&project).copied(), round));
            }
            if due > now {
                continue;
            }
            round = round.wrapping_add(1);
            // Also where this one fails.
            next.insert(project, at(None, round));
            if let Some(tomorrow) = until_calls_suffice(&connection, project) {
                next.insert(project, tomorrow.min(latest));
                continue;
            }
            look(&ctx, &connection, project).await;
        }
    }
}

/// The workspaces of a connection that may be looked at now.
fn open_projects(ctx: &Context, id: &ConnectionId, overview: &Overview) -> BTreeSet<ProjectId> {
    let mut projects = overview.projects_of(id);
    let index = ctx.index();
    match id {
        ConnectionId::Workspace(workspace) if !index.is_open(workspace) => BTreeSet::new(),
        ConnectionId::Workspace(_) => projects,
        ConnectionId::Default => {
            projects.retain(|project| !index.is_closed(*project));
            projects
        }
    }
}

async fn look(ctx: &Arc<Context>, connection: &Connection, project: ProjectId) {
    let Connection { id, cloud, limiter, listings, .. } = connection;
    if !listings.begin_routine(project) {
        return;
    }
    // Doubted already: what the end of the listing says of them is older than that.
    let doubted: Mutex<HashSet<ObjectKey>> = Mutex::default();
    let page = |rows: &[Row]| {
        let ids: HashSet<&ResourceId> = rows.iter().map(|row| &row.id).collect();
        let held = ctx.index().held_where(id, project, |id| ids.contains(id));
        for key in outdated(&held, rows) {
            ctx.doubt(&key, Doubt::Resource);
            doubted.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        }
    };
    let errand = Errand::Drift { page: &page, busy: &|| ctx.has_doubts(id, project) };
    let end = listings.sweep(cloud, limiter, Permit::none(), project, errand).await;
    let doubted = doubted.into_inner().unwrap_or_else(PoisonError::into_inner);
    let listed = end.is_ok();
    let woken = match end {
        Ok(woken) => woken,
        Err((woken, fault)) => {
            ctx.suspect(id, project, &fault);
            warn!(
                workspace = project.get(),
                code = fault.code,
                error = fault.message,
                "a routine listing failed"
            );
            woken
        }
    };
    ctx.wake(woken);
    if !listed {
        return;
    }
    ctx.proved(id, project);
    let held = ctx.index().held(id, project);
    let mut found = listings.difference(project, &held);
    found.changed.retain(|key| !doubted.contains(key));
    let changed = found.changed.len() + doubted.len();
    info!(
        workspace = project.get(),
        objects = held.len(),
        changed,
        missing = found.missing.len(),
        "looked for drift"
    );
    if let ConnectionId::Workspace(workspace) = id {
        ctx.workspaces.looked(workspace);
    }
    let lost = match &found.mass_absence {
        Some(MassAbsence { of, gone }) => {
            error!(
                workspace = project.get(),
                gone = gone.len(),
                of,
                "so many resources are gone that none is made again until a person asks for it"
            );
            Doubt::Listing(Listing::MassAbsence)
        }
        None => Doubt::Resource,
    };
    let news = [
        (&found.changed, Doubt::Resource),
        (&found.missing, lost),
        (&found.present, Doubt::Listing(Listing::Present)),
        (&found.twins, Doubt::Listing(Listing::Twins)),
    ];
    for (keys, doubt) in news {
        for key in keys {
            ctx.doubt(key, doubt);
        }
    }
}

/// When today's calls do not suffice for a listing of the workspace: the next day.
fn until_calls_suffice(connection: &Connection, project: ProjectId) -> Option<Timestamp> {
    let pages = connection.listings.pages(project);
    let left = connection.limiter.sweeps_left().filter(|left| *left < pages)?;
    let share = connection.limiter.sweeps_a_day().unwrap_or(left);
    if share < pages {
        warn!(
            workspace = project.get(),
            pages,
            share,
            "the workspace has more pages than routine looks may read in a day: it is not looked at"
        );
    } else {
        info!(workspace = project.get(), pages, left, "routine looks have used up their calls of today");
    }
    Some(connection.limiter.day().end())
}

fn tell(wanted: SignedDuration, apart: Option<SignedDuration>, pages: u64) {
    match apart {
        None => warn!("the calls of a day are too few for routine looks: there are none"),
        Some(apart) if apart > wanted => {
            info!(wanted = %wanted, apart = %apart, pages, "looking more seldom than wanted, to fit into the day's calls");
        }
        Some(_) => {}
    }
}

/// A place from 0 to 1, by workspace, process and round: workspaces and replicas do not look at the
/// same time.
fn share(project: ProjectId, ctx: &Context, round: u32) -> f64 {
    let seed = Digest::of(format!("{project}/{}/{round}", ctx.identity.holder).as_bytes());
    f64::from(seed.as_bytes()[0]) / f64::from(u8::MAX)
}
