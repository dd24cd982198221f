//! What of the default connection is closed because every call would fail, and when one call looks again.
//!
//! Objects tell what their calls met with; who looks tells what he saw. It must not know objects, nor how one looks. A
//! key that the service does not know closes all of it, a workspace that is not there closes itself alone. What may be
//! a matter of one right only is looked at before anything is closed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::backoff;
use crate::codes::NO_CREDENTIALS;
use crate::fault::Fault;
use crate::ids::ProjectId;
use crate::object::Uid;
use crate::state::{is_about_the_key, is_connections_fault, says_no_workspace};
use crate::workspace::Verdict;

/// Looks that show nothing are this far apart at first, twice as far each time, and at most so far.
const APART: SignedDuration = SignedDuration::from_secs(10);
const APART_MOST: SignedDuration = SignedDuration::from_mins(15);

/// What is closed, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// The whole connection.
    pub all: Option<Arc<Fault>>,
    /// Workspaces of it.
    pub projects: BTreeMap<ProjectId, Arc<Fault>>,
}

impl Closed {
    /// Why this workspace is closed, if it is.
    #[must_use]
    pub fn of(&self, project: ProjectId) -> Option<&Arc<Fault>> {
        self.all.as_ref().or_else(|| self.projects.get(&project))
    }
}

/// Something that is closed.
#[derive(Clone, Debug)]
struct Shut {
    fault: Arc<Fault>,
    /// Looks that failed, in a row.
    failures: u32,
    looked: Timestamp,
    due: Timestamp,
}

/// A workspace that is open, of which it was said that it might better not be.
#[derive(Clone, Debug)]
struct Suspected {
    looked: Option<Timestamp>,
    apart: SignedDuration,
    due: Option<Timestamp>,
}

/// The state of the default connection.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// The key is refused; this workspace is asked for to see whether it still is.
    all: Option<(ProjectId, Shut)>,
    projects: BTreeMap<ProjectId, Shut>,
    suspected: BTreeMap<ProjectId, Suspected>,
}

impl Guard {
    /// What is closed.
    #[must_use]
    pub fn closed(&self) -> Closed {
        Closed {
            all: self.all.as_ref().map(|(_, shut)| Arc::clone(&shut.fault)),
            projects: self.projects.iter().map(|(id, shut)| (*id, Arc::clone(&shut.fault))).collect(),
        }
    }

    /// A call for an object in this workspace failed. Answers whether something new has to be done.
    pub fn suspect(&mut self, project: ProjectId, fault: &Fault, now: Timestamp) -> bool {
        // Nothing was sent without credentials.
        if !is_connections_fault(fault) || fault.code == NO_CREDENTIALS || self.closed().of(project).is_some()
        {
            return false;
        }
        if is_about_the_key(&fault.code) {
            // A token that is renewed is no such fault.
            self.all = Some((project, shut(project, fault, 0, now)));
            return true;
        }
        if says_no_workspace(fault) {
            self.suspected.remove(&project);
            self.projects.insert(project, shut(project, fault, 0, now));
            return true;
        }
        let fresh = Suspected { looked: None, apart: APART, due: None };
        let suspected = self.suspected.entry(project).or_insert(fresh);
        let rested = suspected.looked.map(|looked| plus(looked, suspected.apart));
        let news = suspected.due.is_none();
        suspected.due.get_or_insert(rested.map_or(now, |rested| rested.max(now)));
        news
    }

    /// A person asks for a look at this workspace, or (`None`) there may be another key by now. Answers whether there
    /// is something to look at.
    pub fn ask(&mut self, project: Option<ProjectId>, now: Timestamp) -> bool {
        let soon = |shut: &mut Shut| shut.due = shut.due.min(plus(shut.looked, APART).max(now));
        let shut: Vec<&mut Shut> = match (&mut self.all, project) {
            (Some((_, shut)), _) => vec![shut],
            (None, Some(project)) => self.projects.get_mut(&project).into_iter().collect(),
            (None, None) => self.projects.values_mut().collect(),
        };
        let asked = !shut.is_empty();
        shut.into_iter().for_each(soon);
        asked
    }

    /// The next look.
    #[must_use]
    pub fn next(&self) -> Option<(Timestamp, ProjectId)> {
        if let Some((project, shut)) = &self.all {
            return Some((shut.due, *project));
        }
        let closed = self.projects.iter().map(|(project, shut)| (shut.due, *project));
        let suspected = self.suspected.iter().filter_map(|(project, one)| Some((one.due?, *project)));
        closed.chain(suspected).min()
    }

    /// The workspaces that objects are in: nobody looks at others.
    pub fn keep(&mut self, wanted: &BTreeSet<ProjectId>) {
        self.projects.retain(|project, _| wanted.contains(project));
        self.suspected.retain(|project, _| wanted.contains(project));
        if let Some((project, _)) = &mut self.all
            && !wanted.contains(project)
        {
            match wanted.first() {
                Some(other) => *project = *other,
                None => self.all = None,
            }
        }
    }

    /// There was no permit for the look before this time.
    pub fn postpone(&mut self, project: ProjectId, until: Timestamp) {
        if let Some((_, shut)) = &mut self.all {
            shut.due = until;
        } else if let Some(shut) = self.projects.get_mut(&project) {
            shut.due = until;
        } else if let Some(suspected) = self.suspected.get_mut(&project) {
            suspected.due = Some(until);
        }
    }

    /// What the look at this workspace showed.
    pub fn looked(&mut self, project: ProjectId, seen: Result<(), &Fault>, now: Timestamp) {
        match seen {
            Ok(()) => {
                let closed = self.all.take().is_some() | self.projects.remove(&project).is_some();
                self.vain(project, closed, now);
            }
            Err(fault) if is_connections_fault(fault) && is_about_the_key(&fault.code) => {
                let failures = self.all.as_ref().map_or(0, |(_, before)| before.failures.saturating_add(1));
                self.suspected.remove(&project);
                self.all = Some((project, shut(project, fault, failures, now)));
            }
            Err(fault) if is_connections_fault(fault) && fault.code != NO_CREDENTIALS => {
                // Whoever may not enter was known at the door.
                self.all = None;
                self.suspected.remove(&project);
                let failures =
                    self.projects.get(&project).map_or(0, |before| before.failures.saturating_add(1));
                self.projects.insert(project, shut(project, fault, failures, now));
            }
            // It says nothing of what is asked.
            Err(fault) => {
                let before = match &mut self.all {
                    Some((_, before)) => Some(before),
                    None => self.projects.get_mut(&project),
                };
                match before {
                    Some(before) => {
                        let Shut { due, failures, .. } =
                            shut(project, fault, before.failures.saturating_add(1), now);
                        *before = Shut { due, failures, looked: now, fault: Arc::clone(&before.fault) };
                    }
                    None => self.vain(project, false, now),
                }
            }
        }
    }

    fn vain(&mut self, project: ProjectId, closed: bool, now: Timestamp) {
        let Some(suspected) = self.suspected.get_mut(&project) else { return };
        if closed {
            self.suspected.remove(&project);
            return;
        }
        if suspected.looked.is_some() {
            suspected.apart = (suspected.apart * 2).min(APART_MOST);
        }
        (suspected.looked, suspected.due) = (Some(now), None);
    }
}

fn shut(project: ProjectId, fault: &Fault, failures: u32, now: Timestamp) -> Shut {
    let salt = Uid::new(&project.to_string());
    let looks = failures.saturating_add(1);
    let backoff = SignedDuration::try_from(backoff::transient(&salt, looks)).unwrap_or(APART_MOST);
    let id = i64::try_from(project.get()).unwrap_or(i64::MAX);
    let wait = Verdict::of_fault(fault, id, "", now).wait(looks, backoff, now).unwrap_or(backoff);
    Shut { fault: Arc::new(fault.clone()), failures, looked: now, due: plus(now, wait) }
}

fn plus(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Class;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_000_000 + second).unwrap()
    }

    fn project(id: i64) -> ProjectId {
        ProjectId::new(id).unwrap()
    }

    fn fault(class: Class, code: &str) -> Fault {
        let (code, message) = (code.to_owned(), "said".to_owned());
        Fault { class, code, message, request_id: None, retry_after: None }
    }

    fn key() -> Fault {
        fault(Class::Denied, "InvalidAccessKeyId.Inactive")
    }

    fn right() -> Fault {
        fault(Class::Denied, "Forbidden.RAM")
    }

    fn nowhere() -> Fault {
        fault(Class::Terminal, "1101080008")
    }

    fn busy() -> Fault {
        fault(Class::Transient, "TimedOut")
    }

    /// The codes that all, and workspaces 1 and 2, are closed for; and seconds to the next look and its workspace.
    fn shown(guard: &Guard) -> String {
        let closed = guard.closed();
        let why = |fault: Option<&Arc<Fault>>| fault.map_or("-".to_owned(), |fault| fault.code.clone());
        let next = guard.next().map(|(due, project)| (due.duration_since(at(0)).as_secs(), project.get()));
        let (one, two) = (closed.projects.get(&project(1)), closed.projects.get(&project(2)));
        format!("{} {} {} {next:?}", why(closed.all.as_ref()), why(one), why(two))
    }

    #[test]
    fn what_calls_met_with_closes_no_more_than_it_must() {
        // fault, then what is closed and looked at
        let rows = [
            (key(), true, "InvalidAccessKeyId.Inactive - - Some((30, 1))"),
            (
                fault(Class::Denied, "InvalidSecurityToken.Expired"),
                true,
                "InvalidSecurityToken.Expired - - Some((30, 1))",
            ),
            (nowhere(), true, "- 1101080008 - Some((300, 1))"),
            (right(), true, "- - - Some((0, 1))"),
            (fault(Class::Denied, "SignatureDoesNotMatch"), true, "- - - Some((0, 1))"),
            (fault(Class::Denied, NO_CREDENTIALS), false, "- - - None"),
            (busy(), false, "- - - None"),
            (fault(Class::Transient, "InvalidSecurityToken.Expired"), false, "- - - None"),
            (fault(Class::Quota, "Throttling.Api.Risk"), false, "- - - None"),
            (fault(Class::Terminal, "9990040002"), false, "- - - None"),
        ];
        for (fault, news, want) in rows {
            let mut guard = Guard::default();
            assert_eq!(guard.suspect(project(1), &fault, at(0)), news, "{}", fault.code);
            assert_eq!(shown(&guard), want, "{}", fault.code);
            assert!(!guard.suspect(project(1), &fault, at(0)), "{}: once is enough", fault.code);
        }
    }

    #[test]
    fn one_look_after_another_until_it_is_mended() {
        let mut guard = Guard::default();
        guard.suspect(project(1), &key(), at(0));
        assert!(!guard.suspect(project(2), &nowhere(), at(1)), "all is closed already");
        let mut waits = Vec::new();
        let mut now = 0;
        for _ in 0..12 {
            let (due, one) = guard.next().unwrap();
            assert_eq!(one, project(1));
            waits.push(due.duration_since(at(now)).as_secs());
            now = due.duration_since(at(0)).as_secs();
            guard.looked(one, Err(&key()), at(now));
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600, 3600]);
        // What says nothing of the key opens nothing.
        guard.looked(project(1), Err(&busy()), at(now));
        assert!(shown(&guard).starts_with("InvalidAccessKeyId.Inactive - -"), "{}", shown(&guard));
        guard.looked(project(1), Ok(()), at(now));
        assert_eq!(shown(&guard), "- - - None");
        // A token that ended is renewed: the look says nothing.
        guard.suspect(project(1), &right(), at(now));
        guard.looked(project(1), Err(&fault(Class::Transient, "InvalidSecurityToken.Expired")), at(now));
        assert_eq!(shown(&guard), "- - - None");
    }

    #[test]
    fn who_is_known_and_may_not_enter_one_workspace_may_enter_others() {
        let mut guard = Guard::default();
        guard.suspect(project(1), &key(), at(0));
        guard.looked(project(1), Err(&right()), at(30));
        assert_eq!(shown(&guard), "- Forbidden.RAM - Some((60, 1))");
        guard.suspect(project(2), &nowhere(), at(31));
        assert_eq!(shown(&guard), "- Forbidden.RAM 1101080008 Some((60, 1))");
        guard.looked(project(1), Ok(()), at(60));
        assert_eq!(shown(&guard), "- - 1101080008 Some((331, 2))");
        // The key ends: one look does for all, and what was closed before stays so.
        guard.looked(project(2), Err(&key()), at(331));
        assert_eq!(shown(&guard), "InvalidAccessKeyId.Inactive - 1101080008 Some((361, 2))");
    }

    #[test]
    fn a_matter_of_one_right_is_looked_at_more_and_more_seldom() {
        let mut guard = Guard::default();
        let mut looks = Vec::new();
        for second in 0..4000 {
            guard.suspect(project(1), &right(), at(second));
            let (due, one) = guard.next().unwrap();
            if due <= at(second) {
                looks.push(second);
                guard.looked(one, Ok(()), at(second));
            }
            assert_eq!(guard.closed(), Closed::default());
        }
        assert_eq!(looks, [0, 10, 30, 70, 150, 310, 630, 1270, 2170, 3070, 3970]);
    }

    #[test]
    fn asking_makes_a_look_come_sooner_and_not_a_storm() {
        let mut guard = Guard::default();
        assert!(!guard.ask(Some(project(1)), at(0)) && !guard.ask(None, at(0)));
        guard.suspect(project(1), &nowhere(), at(0));
        assert!(!guard.ask(Some(project(2)), at(1)), "that one is open");
        assert!(guard.ask(Some(project(1)), at(1)));
        assert_eq!(guard.next(), Some((at(10), project(1))));
        guard.ask(None, at(200));
        assert_eq!(guard.next(), Some((at(10), project(1))), "not later for it");
        guard.postpone(project(1), at(77));
        assert_eq!(guard.next(), Some((at(77), project(1))));
    }

    #[test]
    fn nobody_looks_at_what_nobody_is_in() {
        let mut guard = Guard::default();
        guard.suspect(project(1), &nowhere(), at(0));
        guard.suspect(project(2), &key(), at(1));
        guard.keep(&[project(1)].into());
        assert_eq!(guard.next().map(|(_, one)| one), Some(project(1)), "another one does");
        guard.keep(&BTreeSet::new());
        assert_eq!(shown(&guard), "- - - None");
    }
}
