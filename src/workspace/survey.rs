//! What there is to look at by each connection, and how many calls one look at all of it takes, read off the index once a
//! second for all who ask.
//!
//! Each connection has a task that asks every second, and what it asks for takes a look at every object: asked for by
//! each for itself, a thousand connections would look at a thousand times all objects each second, under the lock that
//! all work needs. It must not know what is due.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dataworks_core::ids::ProjectId;
use dataworks_core::queue::SubQueue;
use tokio::time::Instant;

use crate::context::Context;
use crate::controller::places::ConnectionId;

/// What was read off is believed so long: as often as it is asked which workspace is due.
const BELIEVED: Duration = Duration::from_secs(1);

/// What was last read off.
#[derive(Debug, Default)]
pub struct Survey {
    last: Mutex<Option<(Instant, Arc<Overview>)>>,
}

/// All connections at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Overview {
    projects: BTreeMap<ConnectionId, BTreeSet<ProjectId>>,
    /// By the sub-queue of the budget, of which there is one for each.
    pages: BTreeMap<SubQueue, u64>,
}

impl Survey {
    /// How things stand, at most a second ago.
    pub fn overview(&self, ctx: &Context) -> Arc<Overview> {
        self.believed(Instant::now(), || {
            let reached = ctx.index().reached();
            let mut overview = Overview::of(reached);
            for connection in ctx.connections.all() {
                let pages = |project| connection.listings.pages(project);
                overview.add(&connection.id, connection.limiter.sub(), pages);
            }
            overview
        })
    }

    /// What was read off last, or, where that was too long ago, what is read off now. Who asks meanwhile waits for that.
    fn believed(&self, now: Instant, read: impl FnOnce() -> Overview) -> Arc<Overview> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, overview)) = &*last
            && now.saturating_duration_since(*at) < BELIEVED
        {
            return Arc::clone(overview);
        }
        let overview = Arc::new(read());
        *last = Some((now, Arc::clone(&overview)));
        overview
    }
}

impl Overview {
    fn of(reached: BTreeMap<ProjectId, BTreeSet<ConnectionId>>) -> Self {
        let mut projects: BTreeMap<ConnectionId, BTreeSet<ProjectId>> = BTreeMap::new();
        for (project, by) in reached {
            for id in by {
                projects.entry(id).or_default().insert(project);
            }
        }
        Self { projects, pages: BTreeMap::new() }
    }

    /// Counts the pages of a connection to those of the budget that it looks with.
    fn add(&mut self, connection: &ConnectionId, budget: SubQueue, pages: impl Fn(ProjectId) -> u64) {
        let own = self.projects.get(connection).into_iter().flatten();
        *self.pages.entry(budget).or_default() += own.map(|project| pages(*project)).sum::<u64>();
    }

    /// The workspaces in which objects own resources that are reached by this connection.
    #[must_use]
    pub fn projects_of(&self, connection: &ConnectionId) -> BTreeSet<ProjectId> {
        self.projects.get(connection).cloned().unwrap_or_default()
    }

    /// The pages of one look at everything that shares this budget; `None`: it is newer than the overview.
    #[must_use]
    pub fn pages(&self, budget: SubQueue) -> Option<u64> {
        self.pages.get(&budget).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use dataworks_core::object::ObjectKey;

    use super::*;

    fn project(id: i64) -> ProjectId {
        ProjectId::new(id).unwrap()
    }

    #[test]
    fn who_shares_a_budget_shares_the_pages_of_all_and_looks_at_its_own_workspaces() {
        let by = |name: &str| ConnectionId::Workspace(ObjectKey::new("ns", name));
        let (a, b, c) = (by("a"), by("b"), by("c"));
        let reached = [
            (1, vec![ConnectionId::Default]),
            (10, vec![a.clone(), b.clone()]),
            (100, vec![b.clone()]),
            (1000, vec![by("nobody")]),
        ];
        let reached = reached.into_iter().map(|(id, by)| (project(id), by.into_iter().collect())).collect();
        let mut overview = Overview::of(reached);
        for (id, budget) in [(&ConnectionId::Default, 1), (&a, 2), (&b, 2), (&c, 3)] {
            // Each workspace has as many pages as its id says.
            overview.add(id, SubQueue(budget), ProjectId::get);
        }
        let rows = [
            (ConnectionId::Default, 1, vec![1], Some(1)),
            (a, 2, vec![10], Some(120)),
            (b, 2, vec![10, 100], Some(120)),
            (c, 3, vec![], Some(0)),
            (by("new"), 4, vec![], None),
        ];
        for (id, budget, projects, pages) in rows {
            let projects = projects.into_iter().map(project).collect();
            assert_eq!(overview.projects_of(&id), projects, "{id:?}");
            assert_eq!(overview.pages(SubQueue(budget)), pages, "{id:?}");
        }
    }

    #[test]
    fn what_was_read_off_serves_all_who_ask_within_a_second() {
        let (survey, reads, begun) = (Survey::default(), Cell::new(0_u32), Instant::now());
        let ask = |after: Duration| {
            survey.believed(begun + after, || {
                reads.set(reads.get() + 1);
                Overview::default()
            });
        };
        for connection in 0..1000 {
            ask(Duration::from_micros(900 * connection));
        }
        assert_eq!(reads.get(), 1);
        for second in 1..=3 {
            ask(BELIEVED * second);
        }
        assert_eq!(reads.get(), 4);
    }
}
