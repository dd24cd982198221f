//! What must hold of a campaign, and the story of each object for which it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use dataworks_simulator::{Call, ResourceView};
use k8s_openapi::jiff::Timestamp;

use super::people::{Edition, Ledger, path};
use super::sights::{Sight, Sights};
use crate::support::files::{doubles, doubles_at_paths};

/// Stories told at most, and lines of each: what comes first usually explains the rest.
const STORIES: usize = 5;
const LINES: usize = 150;

/// Everything that is judged.
pub(crate) struct Evidence<'a> {
    pub(crate) calls: &'a [Call],
    pub(crate) files: &'a [ResourceView],
    pub(crate) sights: &'a Sights,
    pub(crate) ledger: &'a Ledger,
    pub(crate) logs: &'a [(String, String)],
}

/// A path for which something does not hold, and what.
type Wrong = (usize, String);

impl Evidence<'_> {
    /// All that does not hold.
    pub(crate) fn wrongs(&self) -> Vec<Wrong> {
        let mut wrongs = self.doubles();
        wrongs.extend(self.orphans());
        wrongs.extend(self.restless());
        wrongs.extend(self.set_back());
        wrongs.extend(self.sights.lies.iter().map(|lie| (lie.path, format!("a false Ready: {}", lie.told))));
        wrongs
    }

    /// Never, at no instant, two files of ours for one object or one path.
    fn doubles(&self) -> Vec<Wrong> {
        let object = |call| self.declared(call).map(|(name, _)| name);
        let both = doubles(self.calls, object).into_iter().chain(doubles_at_paths(self.calls));
        let told = |(call, owner): (&Call, &str)| {
            let (_, edition) = self.declared(call)?;
            Some((edition.path, format!("a double: call {} gives {owner} a second file", call.seq)))
        };
        both.filter_map(told).collect()
    }

    /// Every file is the recorded one of a living object.
    fn orphans(&self) -> Vec<Wrong> {
        let known: BTreeSet<&str> =
            self.sights.now.values().filter_map(|sight| sight.id.as_deref()).collect();
        let unknown = self.files.iter().filter(|file| !known.contains(file.id.as_str()));
        let told = |file: &ResourceView| {
            let edition = Edition::of(&file.content).expect("a content of ours");
            (edition.path, format!("an orphan: {} at {}", file.id, file.path))
        };
        unknown.map(told).collect()
    }

    /// Every object that is to be there is there, at rest, and its file is as declared; no other is.
    fn restless(&self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        let files: BTreeMap<&str, &ResourceView> =
            self.files.iter().map(|file| (file.id.as_str(), file)).collect();
        for (at, declared) in &self.ledger.living {
            let Some(sight) = self.sights.now.get(&declared.name) else {
                wrongs.push((*at, format!("{} is not there", declared.name)));
                continue;
            };
            if sight.edition != declared.edition || !sight.ready || sight.deleting {
                wrongs.push((*at, format!("{} does not come to rest: {}", declared.name, sight.says)));
                continue;
            }
            let file = sight.id.as_deref().and_then(|id| files.get(id));
            let held = file.map(|file| (Edition::of(&file.content), file.path.as_str()));
            if held != Some((Some(declared.edition), path(*at).as_str())) {
                wrongs.push((*at, format!("{} is Ready, and its file is {held:?}", declared.name)));
            }
        }
        let living: BTreeSet<&str> =
            self.ledger.living.values().map(|declared| declared.name.as_str()).collect();
        for sight in self.sights.now.values().filter(|sight| !living.contains(sight.name.as_str())) {
            wrongs.push((sight.edition.path, format!("{} does not go: {}", sight.name, sight.says)));
        }
        wrongs
    }

    /// No call takes a file back behind an edition that its object had shown as Ready.
    fn set_back(&self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        let mut shown: BTreeMap<&str, u64> = BTreeMap::new();
        let mut sights = self.sights.all.iter().filter(|sight| sight.ready).peekable();
        for call in self.calls.iter().filter(|call| call.effect) {
            while let Some(sight) = sights.next_if(|sight| sight.seq < call.seq) {
                let best = shown.entry(sight.id.as_deref().unwrap_or_default()).or_default();
                *best = sight.edition.number.max(*best);
            }
            let before = call.id.as_deref().and_then(|id| shown.get(id));
            if let (Some((_, edition)), Some(before)) = (self.declared(call), before)
                && edition.number < *before
            {
                let told =
                    format!("call {} sets it back to edition {} after {before}", call.seq, edition.number);
                wrongs.push((edition.path, told));
            }
        }
        wrongs
    }

    /// Who declared what a call has left in its file.
    fn declared(&self, call: &Call) -> Option<(&str, Edition)> {
        let declared = self.ledger.by_digest(call.content_sha256.as_deref()?)?;
        Some((&declared.name, declared.edition))
    }

    /// Tells the first wrongs with all that is known of their paths, in the order of time.
    pub(crate) fn tell(&self, wrongs: &[Wrong]) -> String {
        let mut text = String::new();
        for (path, what) in wrongs {
            let _ = writeln!(text, "path {path}: {what}");
        }
        let paths: BTreeSet<usize> = wrongs.iter().map(|(path, _)| *path).collect();
        for path in paths.into_iter().take(STORIES) {
            let _ = writeln!(text, "\n--- the story of path {path}:\n{}", self.story(path));
        }
        text
    }

    fn story(&self, n: usize) -> String {
        let mut lines: Vec<(Timestamp, String)> = Vec::new();
        let at = path(n);
        let ids: BTreeSet<&str> = self
            .calls
            .iter()
            .filter(|call| call.name.as_deref() == Some(&at) || call.path.as_deref() == Some(&at))
            .filter_map(|call| call.id.as_deref())
            .collect();
        for call in self.calls {
            let about = call.name.as_deref() == Some(&at)
                || call.name.as_deref() == at.rsplit('/').next()
                || call.id.as_deref().is_some_and(|id| ids.contains(id));
            if about {
                let edition = self.declared(call).map(|(_, edition)| edition.number);
                let time = Timestamp::from_millisecond(call.time).unwrap();
                lines.push((
                    time,
                    format!(
                        "cloud   {} {} {:?} effect={} edition={edition:?} id={:?} code={:?}",
                        call.seq, call.action, call.outcome, call.effect, call.id, call.code
                    ),
                ));
            }
        }
        for sight in self.sights.all.iter().filter(|sight| sight.edition.path == n) {
            let Sight { name, generation, deleting, edition, id, current, says, .. } = sight;
            lines.push((sight.at, format!(
                "object  {name} generation={generation} deleting={deleting} edition={} id={id:?} current={current} {says}",
                edition.number
            )));
        }
        for (pod, log) in self.logs {
            for line in log.lines().filter(|line| line.contains(&format!("/o{n}-"))) {
                let time = line.split('"').find_map(|part| part.parse::<Timestamp>().ok());
                lines.push((time.unwrap_or(Timestamp::MIN), format!("{pod:7} {line}")));
            }
        }
        lines.sort();
        let skipped = lines.len().saturating_sub(LINES);
        let mut text = format!("({skipped} earlier lines are left out)\n");
        for (time, line) in &lines[skipped..] {
            let _ = writeln!(text, "{time} {}", line.chars().take(420).collect::<String>());
        }
        text
    }
}
