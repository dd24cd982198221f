//! The routine look at each workspace: one listing for all its objects.
//!
//! It raises doubts about single objects and leaves what follows to their reconciles. It must not
//! read or change a resource.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dataworks_core::ids::{Digest, ProjectId};
use dataworks_core::plan::Listing;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tracing::{error, info, warn};

use super::limiter::Permit;
use super::listing::Purpose;
use crate::context::{Context, Doubt};

/// How often it is asked which workspace is due.
const TICK: Duration = Duration::from_secs(1);

/// Looks at every workspace about once in `interval`, each at its own time, until the process
/// ends. A start begins no listing at once: what was settled before it is believed.
pub async fn watch(ctx: Arc<Context>, interval: SignedDuration) {
    let mut next: HashMap<ProjectId, Timestamp> = HashMap::new();
    let mut round: u32 = 0;
    loop {
        tokio::time::sleep(TICK).await;
        if !ctx.is_leading() {
            continue;
        }
        let now = Timestamp::now();
        let projects = ctx.index().projects();
        next.retain(|project, _| projects.contains(project));
        for project in projects {
            let due =
                *next.entry(project).or_insert_with(|| later(now, spread(interval, project, &ctx, round)));
            if due > now {
                continue;
            }
            round = round.wrapping_add(1);
            next.insert(project, later(now, spread(interval, project, &ctx, round)));
            look(&ctx, project).await;
        }
    }
}

async fn look(ctx: &Arc<Context>, project: ProjectId) {
    if !ctx.listings.begin_routine(project) {
        return;
    }
    let sweep = ctx.listings.sweep(&ctx.cloud, &ctx.limiter, Permit::none(), project, Purpose::Drift);
    let end = sweep.await;
    let listed = end.is_ok();
    let woken = match end {
        Ok(woken) => woken,
        Err((woken, fault)) => {
            warn!(%project, code = fault.code, message = fault.message, "a routine listing failed");
            woken
        }
    };
    ctx.wake(woken);
    if !listed {
        return;
    }
    ctx.proved(project);
    let held = ctx.index().held(project);
    let found = ctx.listings.difference(project, &held);
    info!(%project, objects = held.len(), changed = found.changed.len(), missing = found.missing.len(), "looked for drift");
    ctx.listings.brake(project, found.mass_absence);
    if found.mass_absence {
        error!(
            %project, missing = found.missing.len(),
            "so many resources are gone that none is made again until a person asks for it object by object"
        );
    }
    let lost = if found.mass_absence { Doubt::Listing(Listing::MassAbsence) } else { Doubt::Resource };
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

/// From 0.9 to 1.1 of the interval, by workspace, process and round: workspaces and replicas do
/// not look at the same time.
fn spread(interval: SignedDuration, project: ProjectId, ctx: &Context, round: u32) -> SignedDuration {
    let seed = Digest::of(format!("{project}/{}/{round}", ctx.identity.holder).as_bytes());
    let fraction = f64::from(seed.as_bytes()[0]) / f64::from(u8::MAX);
    SignedDuration::try_from_secs_f64(interval.as_secs_f64() * (0.9 + fraction / 5.0)).unwrap_or(interval)
}

fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}
