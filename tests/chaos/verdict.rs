//! What must hold of a campaign, and the story of each object for which it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use dataworks_simulator::{Call, Published, ResourceView, RunView};
use k8s_openapi::jiff::Timestamp;

use super::ledger::{Edition, Ledger};
use super::plan::Source;
use super::sights::{Sight, Sights};
use crate::support::files::{doubles, doubles_at_paths};

/// Stories told at most, and lines of each: the first usually explains the rest.
const STORIES: usize = 5;
const LINES: usize = 150;

/// Everything that is judged.
pub(crate) struct Evidence<'a> {
    pub(crate) calls: &'a [Call],
    pub(crate) files: &'a [ResourceView],
    pub(crate) runs: &'a [RunView],
    /// What is published now, and all that ever was.
    pub(crate) published: &'a [Published],
    pub(crate) history: &'a [Published],
    pub(crate) sights: &'a Sights,
    pub(crate) ledger: &'a Ledger,
    pub(crate) logs: &'a [(String, String)],
}

/// A person for whom something does not hold, and what.
pub(crate) type Wrong = (usize, String);

impl Evidence<'_> {
    /// All that does not hold.
    pub(crate) fn wrongs(&self) -> Vec<Wrong> {
        let mut wrongs = self.doubles();
        wrongs.extend(self.orphans());
        wrongs.extend(self.restless());
        wrongs.extend(self.set_back());
        wrongs.extend(self.misread());
        wrongs.extend(self.publications());
        let lies = self.sights.lies.iter();
        wrongs.extend(lies.map(|lie| (lie.person, format!("a false Ready: {}", lie.told))));
        wrongs
    }

    /// Never, at no instant, two files of ours for one object or one path.
    fn doubles(&self) -> Vec<Wrong> {
        let object = |call| self.declared(call).map(|(object, _)| object);
        let both = doubles(self.calls, object).into_iter().chain(doubles_at_paths(self.calls));
        let told = |(call, owner): (&Call, &str)| {
            let (_, edition) = self.declared(call)?;
            Some((edition.person, format!("a double: call {} gives {owner} a second file", call.seq)))
        };
        both.filter_map(told).collect()
    }

    /// Every file is the recorded one of a living object.
    fn orphans(&self) -> Vec<Wrong> {
        let known: BTreeSet<&str> =
            self.sights.now.values().filter_map(|sight| sight.id.as_deref()).collect();
        let unknown = self.files.iter().filter(|file| !known.contains(file.id.as_str()));
        let told = |file: &ResourceView| {
            let edition = Edition::at(&file.path).expect("a file of ours");
            (edition.person, format!("an orphan: {} at {}", file.id, file.path))
        };
        unknown.map(told).collect()
    }

    /// Every object that is to be there is there, at rest, and its file is as declared; no other is.
    fn restless(&self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        let files: BTreeMap<&str, &ResourceView> =
            self.files.iter().map(|file| (file.id.as_str(), file)).collect();
        for (person, declared) in &self.ledger.living {
            let Some(sight) = self.sights.now.get(&declared.object) else {
                wrongs.push((*person, format!("{} is not there", declared.object)));
                continue;
            };
            if sight.edition != declared.edition || !sight.ready || sight.deleting {
                wrongs.push((*person, format!("{} does not come to rest: {}", declared.object, sight.says)));
                continue;
            }
            let file = sight.id.as_deref().and_then(|id| files.get(id));
            let held = file.and_then(|file| self.ledger.edition(&file.content_sha256, &file.path));
            if held != Some(declared.edition) {
                wrongs.push((*person, format!("{} is Ready, and its file is {held:?}", declared.object)));
            }
        }
        let living: BTreeSet<&str> =
            self.ledger.living.values().map(|declared| declared.object.as_str()).collect();
        for sight in self.sights.now.values().filter(|sight| !living.contains(sight.name.as_str())) {
            wrongs.push((sight.edition.person, format!("{} does not go: {}", sight.name, sight.says)));
        }
        wrongs
    }

    /// No call takes a file back behind an edition that its object had shown as Ready.
    fn set_back(&self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        let mut shown: BTreeMap<&str, Edition> = BTreeMap::new();
        let mut sights = self.sights.all.iter().filter(|sight| sight.ready).peekable();
        for call in self.calls.iter().filter(|call| call.effect) {
            while let Some(sight) = sights.next_if(|sight| sight.seq < call.seq) {
                let best = shown.entry(sight.id.as_deref().unwrap_or_default()).or_insert(sight.edition);
                *best = sight.edition.max(*best);
            }
            let before = call.id.as_deref().and_then(|id| shown.get(id));
            if let (Some((_, edition)), Some(before)) = (self.declared(call), before)
                && !edition.is_at_least(*before)
            {
                let told = format!("call {} sets its file back to {edition:?} from {before:?}", call.seq);
                wrongs.push((edition.person, told));
            }
        }
        wrongs
    }

    /// An object that is Ready holds what is in the version of its ConfigMap that it speaks of.
    fn misread(&self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        for sight in self.sights.all.iter().filter(|sight| sight.ready) {
            let Some(map) = &sight.map else {
                if Source::of(sight.edition.person) != Source::Inline {
                    wrongs.push((sight.edition.person, format!("{} is Ready without a source", sight.name)));
                }
                continue;
            };
            let there = self.ledger.in_map(map).map(|edition| edition.content);
            if there != Some(sight.edition.content) {
                let told = format!(
                    "{} is Ready with {:?}, of a ConfigMap with {there:?}",
                    sight.name, sight.edition
                );
                wrongs.push((sight.edition.person, told));
            }
        }
        wrongs
    }

    /// Who declared what a call has left in its file, and as which edition it stands there.
    fn declared(&self, call: &Call) -> Option<(&str, Edition)> {
        self.ledger.declared(call.content_sha256.as_deref()?, call.path.as_deref()?)
    }

    /// Tells the wrongs, and of the first persons all that is known, in the order of time.
    pub(crate) fn tell(&self, wrongs: &[Wrong]) -> String {
        let mut text = String::new();
        for (person, what) in wrongs {
            let _ = writeln!(text, "person {person}: {what}");
        }
        let persons: BTreeSet<usize> = wrongs.iter().map(|(person, _)| *person).collect();
        for person in persons.into_iter().take(STORIES) {
            let _ = writeln!(text, "\n--- the story of person {person}:\n{}", self.story(person));
        }
        text
    }

    fn story(&self, person: usize) -> String {
        let mut lines = self.calls_about(person);
        lines.extend(self.runs_of(person));
        for sight in self.sights.all.iter().filter(|sight| sight.edition.person == person) {
            let Sight { name, generation, deleting, edition, id, current, says, .. } = sight;
            let text = format!(
                "object  {name} generation={generation} deleting={deleting} {edition:?} id={id:?} current={current} {says}"
            );
            lines.push((sight.at, text));
        }
        let objects = self.ledger.objects_of(person);
        let about = |line: &&str| objects.iter().any(|object| line.contains(&format!("/{object}\"")));
        for (pod, log) in self.logs {
            for line in log.lines().filter(about) {
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

    fn calls_about(&self, person: usize) -> Vec<(Timestamp, String)> {
        let file = format!("file-{person}-");
        let named = |text: &Option<String>| text.as_deref().is_some_and(|text| text.contains(&file));
        let is_named = |call: &&Call| named(&call.name) || named(&call.path);
        // Calls for runs name an id only.
        let ids: BTreeSet<&str> =
            self.calls.iter().filter(is_named).filter_map(|call| call.id.as_deref()).collect();
        let about = |call: &&Call| is_named(call) || call.id.as_deref().is_some_and(|id| ids.contains(id));
        let told = |call: &Call| {
            let edition = self.declared(call).map(|(_, edition)| edition);
            let Call { seq, action, outcome, effect, id, code, .. } = call;
            let text =
                format!("cloud   {seq} {action} {outcome:?} effect={effect} {edition:?} {id:?} {code:?}");
            (Timestamp::from_millisecond(call.time).unwrap(), text)
        };
        self.calls.iter().filter(about).map(told).collect()
    }
}
