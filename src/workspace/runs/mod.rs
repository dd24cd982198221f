//! The deployment runs that objects wait for: who waits, what was seen, and when one looks again.
//!
//! An object that waits for a run is parked, not held by a worker; a [`poll`] that shows the run changed
//! wakes it. It must not know what a run is for, nor start or end anything.

pub mod poll;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dataworks_core::ids::ProjectId;
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::publish::{Memory, RunId, Sight, poll_after};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

/// Polls of one workspace are at least this far apart, whatever its runs do.
const APART: SignedDuration = SignedDuration::from_secs(5);
/// Edits that wait for a call let a poll that is due wait so long.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);
/// How a run was seen is kept so long for those that were told of it.
const FORGOTTEN: SignedDuration = SignedDuration::from_mins(10);

/// A run that somebody waits for.
#[derive(Debug)]
struct Watched {
    /// Who waits. Whoever is told waits no more, until it says so again: nothing is polled for objects that
    /// have other cares by then.
    keys: BTreeSet<ObjectKey>,
    /// When it last changed, as far as is known.
    since: Timestamp,
    person: bool,
    sight: Option<Sight>,
    /// When those that wait were last told of it.
    told: Option<Timestamp>,
}

impl Watched {
    /// When those that wait are told of it again, changed or not.
    fn due(&self) -> Timestamp {
        match self.told {
            Some(told) => plus(told, poll_after(told.duration_since(self.since), self.person)),
            None => plus(self.since, APART),
        }
    }
}

fn due_of<'a>((run, watched): (&'a RunId, &Watched)) -> (Timestamp, &'a RunId) {
    (watched.due(), run)
}

/// One workspace.
#[derive(Debug, Default)]
struct Workspace {
    watched: HashMap<RunId, Watched>,
    polled: Option<Timestamp>,
    /// After a poll that failed.
    not_before: Option<Timestamp>,
    failures: u32,
    polling: bool,
    /// `RunMode=Auto` was refused here.
    no_auto: bool,
}

impl Workspace {
    fn due(&self) -> Option<Timestamp> {
        let waited = self.watched.values().filter(|watched| !watched.keys.is_empty());
        let due = waited.map(Watched::due).min()?;
        let apart = self.polled.map_or(Timestamp::MIN, |polled| plus(polled, APART));
        Some(due.max(apart).max(self.not_before.unwrap_or(Timestamp::MIN)))
    }
}

/// How a poll ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All were seen that were to be.
    Well,
    /// Others took the calls; it goes on at this time.
    Later(Timestamp),
    /// There are no calls for it before this time.
    Paused(Timestamp),
    /// A call failed; the next try is at this time.
    Failed(Timestamp),
}

/// The runs of all workspaces of a connection, and what is remembered of publications.
#[derive(Debug, Default)]
pub struct Runs {
    workspaces: Mutex<HashMap<ProjectId, Workspace>>,
    memories: Mutex<HashMap<Uid, Memory>>,
    /// The last wish of each object that made its run be looked at at once.
    hurried: Mutex<HashMap<Uid, u64>>,
}

impl Runs {
    /// What this process remembers of an object's publication.
    #[must_use]
    pub fn memory(&self, uid: &Uid) -> Memory {
        guard(&self.memories).get(uid).cloned().unwrap_or_default()
    }

    /// Keeps what is to be remembered.
    pub fn remember(&self, uid: &Uid, memory: Memory) {
        let mut memories = guard(&self.memories);
        if memory == Memory::default() {
            memories.remove(uid);
        } else {
            memories.insert(uid.clone(), memory);
        }
    }

    /// How a run was last seen.
    #[must_use]
    pub fn sight(&self, project: ProjectId, run: &RunId) -> Option<Sight> {
        self.lock().get(&project)?.watched.get(run)?.sight.clone()
    }

    /// `RunMode=Auto` is worth a try in this workspace.
    #[must_use]
    pub fn auto(&self, project: ProjectId) -> bool {
        self.lock().get(&project).is_none_or(|workspace| !workspace.no_auto)
    }

    /// It is not.
    pub fn refuse_auto(&self, project: ProjectId) {
        self.lock().entry(project).or_default().no_auto = true;
    }

    /// An object waits for a run, which last changed `ago`.
    pub fn watch(&self, project: ProjectId, run: &RunId, key: &ObjectKey, ago: SignedDuration, person: bool) {
        let since = Timestamp::now().saturating_sub(ago).unwrap_or(Timestamp::MIN);
        let mut all = self.lock();
        let workspace = all.entry(project).or_default();
        // An object waits for one run.
        for (other, watched) in &mut workspace.watched {
            if other != run {
                watched.keys.remove(key);
            }
        }
        let watched = workspace.watched.entry(run.clone()).or_insert_with(|| Watched {
            keys: BTreeSet::new(),
            since,
            person,
            sight: None,
            told: None,
        });
        watched.since = since;
        watched.person = person;
        watched.keys.insert(key.clone());
    }

    /// Nobody waits for a run any more.
    pub fn forget(&self, project: ProjectId, run: &RunId) {
        if let Some(workspace) = self.lock().get_mut(&project) {
            workspace.watched.remove(run);
        }
    }

    /// How a run was seen is not so any more.
    pub fn forget_sight(&self, project: ProjectId, run: &RunId) {
        let mut all = self.lock();
        if let Some(watched) = all.get_mut(&project).and_then(|workspace| workspace.watched.get_mut(run)) {
            (watched.sight, watched.told) = (None, None);
            watched.since = Timestamp::now();
        }
    }

    /// A person wished something of an object: its run is looked at now, once for each wish, of which a hash tells one
    /// from another.
    pub fn hurry(&self, project: ProjectId, run: &RunId, uid: &Uid, wish: u64) {
        if guard(&self.hurried).insert(uid.clone(), wish) == Some(wish) {
            return;
        }
        let mut all = self.lock();
        if let Some(watched) = all.get_mut(&project).and_then(|workspace| workspace.watched.get_mut(run)) {
            (watched.sight, watched.told, watched.since) = (None, None, Timestamp::MIN);
        }
    }

    /// An object is gone.
    pub fn gone(&self, key: &ObjectKey, uid: &Uid) {
        for workspace in self.lock().values_mut() {
            workspace.watched.retain(|_, watched| {
                watched.keys.remove(key);
                !watched.keys.is_empty()
            });
        }
        guard(&self.memories).remove(uid);
        guard(&self.hurried).remove(uid);
    }

    /// Workspaces whose runs are to be looked at now. Where edits wait for calls, only those that have
    /// waited long.
    fn begin(&self, now: Timestamp, busy: bool) -> Vec<ProjectId> {
        let mut all = self.lock();
        let late = if busy { PATIENCE } else { SignedDuration::ZERO };
        let due = |workspace: &Workspace| {
            !workspace.polling && workspace.due().is_some_and(|due| plus(due, late) <= now)
        };
        let due = all.iter_mut().filter(|(_, workspace)| due(workspace));
        due.map(|(project, workspace)| {
            workspace.polling = true;
            *project
        })
        .collect()
    }

    /// The runs of a workspace that are waited for, those that are due first, and how many those are.
    fn wanted(&self, project: ProjectId, now: Timestamp) -> (Vec<RunId>, usize) {
        let all = self.lock();
        let Some(workspace) = all.get(&project) else { return (Vec::new(), 0) };
        let mut runs: Vec<(Timestamp, &RunId)> =
            workspace.watched.iter().filter(|(_, watched)| !watched.keys.is_empty()).map(due_of).collect();
        runs.sort();
        let due = runs.iter().filter(|(due, _)| *due <= now).count();
        (runs.into_iter().map(|(_, run)| run.clone()).collect(), due)
    }

    /// Takes in how a run was seen. Answers whom that concerns.
    fn saw(&self, project: ProjectId, run: &RunId, sight: Sight, now: Timestamp) -> BTreeSet<ObjectKey> {
        let mut all = self.lock();
        let watched = all.get_mut(&project).and_then(|workspace| workspace.watched.get_mut(run));
        let Some(watched) = watched else { return BTreeSet::new() };
        let changed = watched.sight.as_ref() != Some(&sight);
        if changed && watched.sight.is_some() {
            watched.since = now;
        }
        watched.sight = Some(sight);
        if watched.keys.is_empty() {
            // Whoever waits for it next is told at once.
            watched.told = None;
            return BTreeSet::new();
        }
        if !changed && watched.due() > now {
            return BTreeSet::new();
        }
        watched.told = Some(now);
        std::mem::take(&mut watched.keys)
    }

    /// Takes in how a poll ended; the next begins when [`Polling`] is dropped. Answers who waited in vain and is to say so.
    fn end(&self, project: ProjectId, end: End, now: Timestamp) -> BTreeSet<ObjectKey> {
        let mut all = self.lock();
        let Some(workspace) = all.get_mut(&project) else { return BTreeSet::new() };
        workspace.polled = Some(now);
        let (not_before, failures, vain) = match end {
            End::Well => (None, 0, false),
            End::Later(at) => (Some(at), workspace.failures, false),
            End::Paused(at) => (Some(at), workspace.failures, true),
            End::Failed(at) => (Some(at), workspace.failures.saturating_add(1), true),
        };
        workspace.not_before = not_before;
        workspace.failures = failures;
        let recent = |watched: &Watched| watched.told.is_none_or(|told| plus(told, FORGOTTEN) > now);
        workspace.watched.retain(|_, watched| !watched.keys.is_empty() || recent(watched));
        let empty = workspace.watched.is_empty() && !workspace.no_auto;
        let due = workspace.watched.values().filter(|watched| vain && watched.due() <= now);
        let woken = due.flat_map(|watched| watched.keys.iter().cloned()).collect();
        if empty {
            all.remove(&project);
        }
        woken
    }

    fn failures(&self, project: ProjectId) -> u32 {
        self.lock().get(&project).map_or(0, |workspace| workspace.failures)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, Workspace>> {
        guard(&self.workspaces)
    }
}

fn plus(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}

/// What these locks guard is whole whenever it is not locked: a poisoned one is as good.
fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
