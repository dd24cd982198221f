//! Manifests from files and standard input, as `kubectl` reads them.
//!
//! It finds the objects of our kinds and says where each stands. It must not know whether one is
//! valid. Rules: nothing is passed over in silence, and a manifest is somebody else's text: what a
//! terminal would obey is escaped.

use std::convert::Infallible;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::str::FromStr;

use dataworks_core::api::GROUP;
use dataworks_core::api::v1alpha1::VERSION;
use serde_json::Value;

use crate::telemetry::shown;

/// Objects of a list inside a list and so on are looked for this deep.
const MAX_LIST_DEPTH: usize = 4;

/// Where manifests come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `-`.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl FromStr for Source {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "-" { Self::Stdin } else { Self::File(text.into()) })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The three streams of a command.
pub struct Streams<'a> {
    /// Read for `-`.
    pub stdin: &'a mut dyn Read,
    /// What was asked for.
    pub out: &'a mut dyn Write,
    /// Findings and notes.
    pub err: &'a mut dyn Write,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Every document is good.
    Good,
    /// Some document is not.
    Invalid,
    /// Some file could not be read, or none was given.
    Unreadable,
}

impl Exit {
    /// The exit code: 0, 1 or 2.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Invalid => 1,
            Self::Unreadable => 2,
        }
    }
}

/// One object and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// `FILE: document N (namespace/name)`.
    pub place: String,
    /// The object as written.
    pub object: Value,
}

/// The kinds that are ours.
pub(super) const KINDS: [&str; 2] = ["DataWorksResource", "DataWorksWorkspace"];

/// Calls `each` with every object of our kinds. What is no such object is noted on `err`; what
/// claims to be one of our group but is of no known kind or version is invalid.
///
/// # Errors
///
/// When a stream cannot be written.
pub fn for_each(
    sources: &[Source],
    streams: &mut Streams<'_>,
    mut each: impl FnMut(&Document, &mut Streams<'_>) -> io::Result<Exit>,
) -> io::Result<Exit> {
    if sources.is_empty() {
        writeln!(streams.err, "no file given: name one with -f, or - for standard input")?;
        return Ok(Exit::Unreadable);
    }
    let mut exit = Exit::Good;
    for source in sources {
        let text = match read(source, streams.stdin) {
            Ok(text) => text,
            Err(error) => {
                writeln!(streams.err, "{source}: cannot be read: {error}")?;
                exit = exit.max(Exit::Unreadable);
                continue;
            }
        };
        let mut number = 0;
        for parsed in parse(&text) {
            number += 1;
            let at = format!("{source}: document {number}");
            exit = exit.max(match parsed {
                Ok(value) => visit(&at, value, MAX_LIST_DEPTH, streams, &mut each)?,
                Err(message) => {
                    writeln!(streams.err, "{at}: {}", shown(&message))?;
                    Exit::Invalid
                }
            });
        }
        if number == 0 {
            writeln!(streams.err, "{source}: holds no document")?;
        }
    }
    Ok(exit)
}

fn read(source: &Source, stdin: &mut dyn Read) -> io::Result<String> {
    match source {
        Source::Stdin => {
            let mut text = String::new();
            stdin.read_to_string(&mut text)?;
            Ok(text)
        }
        Source::File(path) => std::fs::read_to_string(path),
    }
}

/// The documents of a text: YAML, or JSON objects one after the other.
fn parse(text: &str) -> Vec<Result<Value, String>> {
    if text.trim_start().starts_with('{') {
        let objects: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
        if let Ok(objects) = objects {
            return objects.into_iter().map(Ok).collect();
        }
    }
    yaml_documents(text)
        .into_iter()
        .filter_map(|document| match serde_saphyr::from_str::<Value>(document) {
            Ok(Value::Null) => None,
            Ok(value) => Some(Ok(value)),
            Err(error) => {
                let text = error.to_string();
                Some(Err(format!("is not YAML: {}", text.lines().next().unwrap_or_default())))
            }
        })
        .collect()
}

/// Splits at lines that begin with `---`, as `kubectl` does, so that one bad document does not
/// hide the others. A document without anything but comments is left out.
fn yaml_documents(text: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let (mut from, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        let next = at + line.len();
        if line.trim_end() == "---" || line.starts_with("--- ") {
            documents.push(&text[from..at]);
            from = at;
        }
        at = next;
    }
    documents.push(&text[from..]);
    let says_something =
        |line: &str| !matches!(line.trim(), "" | "---" | "...") && !line.trim().starts_with('#');
    documents.retain(|document| document.lines().any(says_something));
    documents
}

fn visit(
    at: &str,
    object: Value,
    depth: usize,
    streams: &mut Streams<'_>,
    each: &mut impl FnMut(&Document, &mut Streams<'_>) -> io::Result<Exit>,
) -> io::Result<Exit> {
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let (api_version, kind) = (shown(&text("apiVersion")), shown(&text("kind")));
    let place = format!("{at} ({})", shown(&name_of(&object)));
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    if api_version.is_empty() || kind.is_empty() {
        writeln!(streams.err, "{place}: apiVersion or kind is missing: write those of a Kubernetes object")?;
        return Ok(Exit::Invalid);
    }
    if let (true, Some(items), Some(deeper)) =
        (kind.ends_with("List"), object["items"].as_array(), depth.checked_sub(1))
    {
        let mut exit = Exit::Good;
        for item in items {
            exit = exit.max(visit(at, item.clone(), deeper, streams, each)?);
        }
        return Ok(exit);
    }
    if group != GROUP {
        writeln!(streams.err, "{place}: skipped: {kind} of {api_version} is none of ours")?;
        return Ok(Exit::Good);
    }
    if api_version != format!("{GROUP}/{VERSION}") || !KINDS.contains(&kind.as_str()) {
        let known = format!("{} of {GROUP}/{VERSION}", KINDS.join(" or "));
        writeln!(streams.err, "{place}: kind: {kind} of {api_version} is not known: write {known}")?;
        return Ok(Exit::Invalid);
    }
    each(&Document { place, object }, streams)
}

/// `namespace/name`, as far as they are there.
fn name_of(object: &Value) -> String {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    let name = if text("name").is_empty() { text("generateName") } else { text("name") };
    match (text("namespace"), name) {
        ("", "") => "without name".to_owned(),
        ("", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}
