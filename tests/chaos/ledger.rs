//! The ledger of what people declared, and when.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::plan::Source;

/// Bytes of a content that is uploaded: enough that an upload can die half-way.
const UPLOAD_BYTES: usize = 20_000;

/// What a person declares at one time. Each number counts up over the person's life, so that of
/// two editions one is the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edition {
    pub(crate) person: usize,
    pub(crate) content: u64,
    pub(crate) folder: u64,
    pub(crate) name: u64,
}

impl Edition {
    pub(crate) fn content(self) -> Vec<u8> {
        let mut content = format!("# {} {}\n", self.person, self.content).into_bytes();
        if Source::of(self.person) == Source::Binary {
            content.resize(UPLOAD_BYTES, 0xff);
        }
        content
    }

    pub(crate) fn digest(self) -> String {
        hex::encode(Sha256::digest(self.content()))
    }

    pub(crate) fn path(self) -> String {
        let suffix = match Source::of(self.person) {
            Source::Inline | Source::Text => "py",
            Source::Binary => "jar",
        };
        format!("Chaos/{}/file-{}-{}.{suffix}", self.folder, self.person, self.name)
    }

    /// What stands at a path, whatever it holds.
    pub(crate) fn at(path: &str) -> Option<Self> {
        let (folder, name) = path.strip_prefix("Chaos/")?.split_once("/file-")?;
        let (name, _) = name.split_once('.')?;
        let (person, name) = name.split_once('-')?;
        let (person, folder, name) = (person.parse().ok()?, folder.parse().ok()?, name.parse().ok()?);
        Some(Self { person, content: 0, folder, name })
    }

    /// True when nothing in it is older than in `other`.
    pub(crate) fn is_at_least(self, other: Self) -> bool {
        self.person == other.person
            && self.content >= other.content
            && self.folder >= other.folder
            && self.name >= other.name
    }
}

/// The object of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) object: String,
    pub(crate) edition: Edition,
}

/// What was declared: written before the API server is told of it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Who declared a content first, by its digest.
    contents: BTreeMap<String, Declared>,
    /// What is to be there in the end, by person.
    pub(crate) living: BTreeMap<usize, Declared>,
    /// Objects that were told to go, with the last edition that they declared.
    deleted: Vec<Declared>,
    /// From when on each person declared what; `None`: nothing.
    times: BTreeMap<usize, Vec<(Timestamp, Option<Edition>)>>,
    /// The edition whose content is in each version of a ConfigMap.
    maps: BTreeMap<String, Edition>,
}

impl Ledger {
    /// Who declared the content with this digest, and the edition of a file that holds it there.
    pub(crate) fn declared(&self, digest: &str, path: &str) -> Option<(&str, Edition)> {
        let Declared { object, edition } = self.contents.get(digest)?;
        let at = Edition::at(path).filter(|at| at.person == edition.person)?;
        Some((object, Edition { content: edition.content, ..at }))
    }

    /// The edition of a file that holds what has this digest there.
    pub(crate) fn edition(&self, digest: &str, path: &str) -> Option<Edition> {
        self.declared(digest, path).map(|(_, edition)| edition)
    }

    pub(crate) fn declare(&mut self, object: &str, edition: Edition) {
        let declared = Declared { object: object.to_owned(), edition };
        self.contents.entry(edition.digest()).or_insert_with(|| declared.clone());
        self.living.insert(edition.person, declared);
        self.note(edition.person, Some(edition));
    }

    pub(crate) fn delete(&mut self, person: usize) {
        let gone = self.living.remove(&person).unwrap();
        self.deleted.push(gone);
        self.note(person, None);
    }

    fn note(&mut self, person: usize, edition: Option<Edition>) {
        self.times.entry(person).or_default().push((Timestamp::now(), edition));
    }

    /// A ConfigMap has this version, with the content of this edition.
    pub(crate) fn wrote_map(&mut self, version: String, edition: Edition) {
        self.maps.insert(version, edition);
    }

    /// How many versions of ConfigMaps there were.
    pub(crate) fn map_versions(&self) -> usize {
        self.maps.len()
    }

    /// The edition whose content is in this version of a ConfigMap.
    pub(crate) fn in_map(&self, version: &str) -> Option<Edition> {
        self.maps.get(version).copied()
    }

    /// True when this edition was declared at some time between the two, both in Unix milliseconds.
    pub(crate) fn was_declared(&self, edition: Edition, from: i64, to: i64) -> bool {
        let times = self.times.get(&edition.person).map(Vec::as_slice).unwrap_or_default();
        times.iter().enumerate().any(|(at, (begin, declared))| {
            let end = times.get(at + 1).map_or(i64::MAX, |(end, _)| end.as_millisecond());
            *declared == Some(edition) && begin.as_millisecond() <= to && end >= from
        })
    }

    /// True when the object that declared this edition was told to go since.
    pub(crate) fn is_deleted(&self, object: &str, edition: Edition) -> bool {
        self.deleted.iter().any(|gone| gone.object == object && gone.edition.is_at_least(edition))
    }

    /// All names that objects ever had.
    pub(crate) fn objects_of(&self, person: usize) -> BTreeSet<&str> {
        let all = self.contents.values().chain(&self.deleted);
        all.filter(|declared| declared.edition.person == person)
            .map(|declared| declared.object.as_str())
            .collect()
    }
}
