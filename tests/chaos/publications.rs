//! The part of the verdict that is about deployment runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use dataworks_simulator::{RunKind, RunView};
use k8s_openapi::jiff::Timestamp;

use super::ledger::Edition;
use super::plan::{MADE_WITHIN_MS, is_published};
use super::verdict::{Evidence, Wrong};

impl Evidence<'_> {
    /// All that does not hold of publications.
    pub(crate) fn publications(&self) -> Vec<Wrong> {
        let mut wrongs = self.second_runs();
        wrongs.extend(self.undeclared_runs());
        wrongs.extend(self.published_backwards());
        wrongs.extend(self.unpublished());
        wrongs.extend(self.left_open());
        wrongs
    }

    /// Never two runs for one version of one file, by what the operator says in their descriptions.
    fn second_runs(&self) -> Vec<Wrong> {
        let mut seen = BTreeSet::new();
        let mut wrongs = Vec::new();
        for run in self.runs {
            match version(run) {
                Some(version) if seen.insert((&run.object_id, version)) => {}
                Some(version) => {
                    let told = format!("a second run for {} in version {version}: {}", run.object_id, run.id);
                    wrongs.push((person(run), told));
                }
                None => wrongs.push((person(run), format!("run {} does not say what it is for", run.id))),
            }
        }
        wrongs
    }

    /// No run takes a version that was not declared when the operator decided to make it.
    fn undeclared_runs(&self) -> Vec<Wrong> {
        let online = self.runs.iter().filter(|run| run.kind == RunKind::Online);
        let undeclared = |run: &&RunView| {
            let edition = self.ledger.edition(&run.content_sha256, &run.path);
            !edition.is_some_and(|edition| {
                is_published(edition.person)
                    && self.ledger.was_declared(edition, run.create_time - MADE_WITHIN_MS, run.create_time)
            })
        };
        let told = |run: &RunView| {
            let edition = self.ledger.edition(&run.content_sha256, &run.path);
            (person(run), format!("run {} takes {edition:?}, which was not declared then", run.id))
        };
        online.filter(undeclared).map(told).collect()
    }

    /// Production never goes back to an older version of a file.
    fn published_backwards(&self) -> Vec<Wrong> {
        let mut last: BTreeMap<&str, Edition> = BTreeMap::new();
        let mut wrongs = Vec::new();
        for held in self.history {
            let Some(edition) = self.ledger.edition(&held.content_sha256, &held.path) else { continue };
            if let Some(before) = last.insert(&held.id, edition)
                && !edition.is_at_least(before)
            {
                let told = format!("run {} sets production back to {edition:?} from {before:?}", held.run);
                wrongs.push((edition.person, told));
            }
        }
        wrongs
    }

    /// What is to be published is, as last declared, and its object says so; nothing else is.
    fn unpublished(&self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        let published: BTreeMap<&str, _> =
            self.published.iter().map(|held| (held.id.as_str(), held)).collect();
        for (person, declared) in &self.ledger.living {
            let Some(sight) = self.sights.now.get(&declared.object) else { continue };
            let held = sight.id.as_deref().and_then(|id| published.get(id));
            let held = held.map(|held| self.ledger.edition(&held.content_sha256, &held.path));
            let want = is_published(*person).then_some(Some(declared.edition));
            if held != want || sight.published != is_published(*person) {
                let told = format!("{} says published={}, and {held:?} is", declared.object, sight.published);
                wrongs.push((*person, told));
            }
        }
        wrongs
    }

    /// In the end no run is under way: whoever approved it later would publish what nobody declares.
    fn left_open(&self) -> Vec<Wrong> {
        let open = self.runs.iter().filter(|run| !run.status.is_final());
        open.map(|run| (person(run), format!("run {} is left open", run.id))).collect()
    }

    /// What became of the runs of a person, for the story.
    pub(crate) fn runs_of(&self, of: usize) -> Vec<(Timestamp, String)> {
        let told = |run: &RunView| {
            let RunView { id, object_id, kind, status, description, .. } = run;
            let edition = self.ledger.edition(&run.content_sha256, &run.path);
            let text = format!("run     {id} {kind:?} {status:?} of {object_id} {edition:?} {description}");
            (Timestamp::from_millisecond(run.create_time).unwrap(), text)
        };
        self.runs.iter().filter(|run| person(run) == of).map(told).collect()
    }

    /// In one line.
    pub(crate) fn counts(&self) -> Counts {
        let of = |action: &str| self.calls.iter().filter(|call| call.action == action).count();
        let versions: BTreeSet<_> = self.runs.iter().map(|run| (&run.object_id, version(run))).collect();
        Counts {
            objects: self.ledger.living.len(),
            published: self.published.len(),
            runs: self.runs.len(),
            versions: versions.len(),
            finished: self.history.len(),
            abolished: of("AbolishPipelineRun"),
            stages: of("ExecPipelineRunStage"),
            uploads: of("PostObject"),
            maps: self.ledger.map_versions(),
        }
    }
}

/// What there was to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) objects: usize,
    pub(crate) published: usize,
    pub(crate) runs: usize,
    pub(crate) versions: usize,
    pub(crate) finished: usize,
    pub(crate) abolished: usize,
    pub(crate) stages: usize,
    pub(crate) uploads: usize,
    pub(crate) maps: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objects, published, runs, versions, finished, abolished, stages, uploads, maps } = self;
        write!(
            f,
            "{objects} objects in the end, {published} files published; {runs} runs for {versions} versions, {finished} of \
             them published, {abolished} calls to abolish and {stages} to start a stage; {uploads} uploads; {maps} versions of \
             ConfigMaps"
        )
    }
}

/// Whose file a run is for.
fn person(run: &RunView) -> usize {
    Edition::at(&run.path).expect("a file of ours").person
}

/// Which version of it, as the description says: a run that takes it offline is one of its own.
fn version(run: &RunView) -> Option<&str> {
    let (_, rest) = run.description.split_once(" version ")?;
    rest.split_once(' ').map(|(version, _)| version)
}

#[cfg(test)]
mod tests {
    use dataworks_simulator::{Published, RunStatus};

    use super::super::ledger::Ledger;
    use super::super::sights::Sights;
    use super::*;

    const FIRST: Edition = Edition { person: 0, content: 1, folder: 0, name: 0 };
    const SECOND: Edition = Edition { content: 2, ..FIRST };

    fn run(edition: Edition, created: i64) -> RunView {
        RunView {
            id: format!("run-{created}"),
            project_id: 1,
            object_id: "7".to_owned(),
            kind: RunKind::Online,
            status: RunStatus::Success,
            description: format!("of {edition:?} version {} at {created}", edition.content),
            path: edition.path(),
            content_sha256: edition.digest(),
            stages: Vec::new(),
            create_time: created,
        }
    }

    fn held(edition: Edition) -> Published {
        Published {
            id: "7".to_owned(),
            run: String::new(),
            path: edition.path(),
            content: String::new(),
            content_sha256: edition.digest(),
            time: 0,
        }
    }

    /// The campaign finds none of it as long as the operator is right, so that nobody would miss a check.
    #[test]
    fn a_wrong_publication_is_seen() {
        let mut ledger = Ledger::default();
        ledger.declare("o", FIRST);
        ledger.declare("o", SECOND);
        let now = Timestamp::now().as_millisecond();
        let of = |runs: &[RunView], history: &[Published]| -> Vec<String> {
            let (sights, published) = (Sights::default(), []);
            let evidence = Evidence {
                calls: &[],
                files: &[],
                runs,
                published: &published,
                history,
                sights: &sights,
                ledger: &ledger,
                logs: &[],
            };
            evidence.publications().into_iter().map(|(_, told)| told).collect()
        };
        let none: [&str; 0] = [];
        assert_eq!(of(&[run(FIRST, now), run(SECOND, now + 1)], &[held(FIRST), held(SECOND)]), none);
        let rows = [
            (vec![run(SECOND, now), run(SECOND, now + 1)], vec![], "a second run for 7 in version 2"),
            (vec![run(FIRST, now + MADE_WITHIN_MS + 1000)], vec![], "which was not declared then"),
            (vec![run(Edition { content: 3, ..FIRST }, now)], vec![], "takes None, which was not"),
            (vec![], vec![held(SECOND), held(FIRST)], "sets production back"),
            (vec![RunView { status: RunStatus::Running, ..run(SECOND, now) }], vec![], "is left open"),
            (vec![RunView { description: "?".into(), ..run(SECOND, now) }], vec![], "does not say"),
        ];
        for (runs, history, want) in rows {
            let wrongs = of(&runs, &history);
            assert!(wrongs.len() == 1 && wrongs[0].contains(want), "{want}: {wrongs:?}");
        }
    }
}
