//! A document as somebody wrote it, read strictly.
//!
//! The service takes almost anything and drops what it does not understand; here every doubt is
//! a [`Problem`] with the field's place in the document. Unknown fields are no doubt: they are
//! carried along.

use serde_json::{Map, Value};

use super::document::{FileResource, ResourceDocument, Script};
use super::kind::FileType;
use super::problem::Problem;
use super::{strict, words};
use crate::api::rules;
use crate::path::ResourcePath;

/// Where the file resource stands in a document.
const RESOURCE: &str = "spec.fileResources[0]";
/// The longest text of a document, in bytes of UTF-8, as the schema allows it too.
pub(crate) const MAX_INLINE_BYTES: usize = 131_072;

/// Reads a document from JSON text.
///
/// # Errors
///
/// Everything that is wrong, by field.
pub fn parse(text: &str) -> Result<ResourceDocument, Vec<Problem>> {
    if text.starts_with('\u{feff}') {
        return Err(vec![Problem::new("", "the text begins with a byte order mark", "remove it")]);
    }
    let value = strict::value_of(text).map_err(|error| {
        vec![Problem::new("", format!("the text is not JSON ({error})"), "write one JSON object")]
    })?;
    match value {
        Value::Object(map) => parse_map(&map),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(vec![Problem::new("", "the text is no JSON object", "write one JSON object")])
        }
    }
}

/// Reads a document from an object that is already decoded.
///
/// # Errors
///
/// Everything that is wrong, by field.
pub fn parse_map(map: &Map<String, Value>) -> Result<ResourceDocument, Vec<Problem>> {
    let mut reader = Reader { problems: Vec::new() };
    let document = reader.document(strict::sorted_map(map.clone()));
    match document {
        Some(document) if reader.problems.is_empty() => Ok(document),
        Some(_) | None => Err(reader.problems),
    }
}

/// Collects problems. A method that answers `None` has reported one.
struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn document(&mut self, map: Map<String, Value>) -> Option<ResourceDocument> {
        let mut fields = Fields { at: String::new(), map };
        let version = self.text(&mut fields, "version", "write the version of the format, such as 1.1.0");
        if version.as_deref() == Some("") {
            self.problems.push(Problem::of("version", &rules::FLOW_SPEC_VERSION));
        }
        let kind = self.text(&mut fields, "kind", "write Resource");
        if kind.is_some_and(|kind| kind != "Resource") {
            self.problems.push(Problem::new("kind", "kind is not Resource", "write Resource"));
        }
        let metadata = self.optional_object(&mut fields, "metadata");
        let spec = self.object(&mut fields, "spec");
        self.no_misspelling(&fields, &["version", "kind", "metadata", "spec"]);
        let mut spec = spec?;
        let resource = self.only_resource(&mut spec);
        self.no_misspelling(&spec, &["fileResources"]);
        Some(ResourceDocument {
            version: version?,
            metadata: metadata.unwrap_or_default(),
            resource: self.resource(resource?)?,
            spec_rest: spec.map,
            rest: fields.map,
        })
    }

    /// The one file resource of `spec`.
    fn only_resource(&mut self, spec: &mut Fields) -> Option<Fields> {
        let at = "spec.fileResources";
        let problem = match spec.map.remove("fileResources") {
            None => Problem::new(at, "fileResources is missing", "write a list with one file resource"),
            Some(Value::Array(mut items)) => match (items.pop(), items.len()) {
                (Some(Value::Object(map)), 0) => {
                    return Some(Fields { at: RESOURCE.to_owned(), map });
                }
                (Some(_), 0) => Problem::new(RESOURCE, "the file resource is no object", "write an object"),
                (Some(_), more) => Problem::new(
                    at,
                    format!("fileResources holds {} file resources", more + 1),
                    "leave one: the service ignores the others; make an object for each",
                ),
                (None, _) => Problem::new(at, "fileResources is empty", "write one file resource"),
            },
            Some(_) => Problem::new(at, "fileResources is no list", "write a list with one file resource"),
        };
        self.problems.push(problem);
        None
    }

    fn resource(&mut self, mut fields: Fields) -> Option<FileResource> {
        let name = self.text(&mut fields, "name", "write the file name, the last segment of script.path");
        let kind = self.kind(&mut fields);
        let file = self.optional_object(&mut fields, "file");
        if let Some(file) = &file {
            self.storage(file);
        }
        let datasource = self.datasource(&mut fields);
        let runtime_resource = self.optional_object(&mut fields, "runtimeResource");
        let script = self.object(&mut fields, "script");
        let known = ["name", "type", "file", "datasource", "runtimeResource", "script"];
        self.no_misspelling(&fields, &known);
        let script = self.script(script?)?;
        if name? != script.path.name() {
            self.problems.push(Problem::of(format!("{RESOURCE}.name"), &rules::FLOW_SPEC_NAME));
        }
        let suffix = script.path.suffix();
        if kind.is_some_and(|kind| !kind.fits_suffix(&suffix)) {
            self.problems.push(Problem::of(format!("{RESOURCE}.type"), &rules::FLOW_SPEC_TYPE_FITS));
        }
        let runs = kind.unwrap_or_else(|| FileType::of_suffix(&suffix));
        if super::kind::engine_of(&script.command).is_some() && !runs.fits_command(&script.command) {
            let at = format!("{RESOURCE}.script.runtime.command");
            self.problems.push(Problem::of(at, &rules::FLOW_SPEC_COMMAND_FITS));
        }
        Some(FileResource { script, kind, file, datasource, runtime_resource, rest: fields.map })
    }

    fn kind(&mut self, fields: &mut Fields) -> Option<FileType> {
        let declared = fields.map.remove("type")?;
        let kind = FileType::ALL.into_iter().find(|kind| declared == kind.as_str());
        if kind.is_none() {
            self.problems.push(Problem::of(fields.place("type"), &rules::FLOW_SPEC_TYPE));
        }
        kind
    }

    fn script(&mut self, mut fields: Fields) -> Option<Script> {
        let content = self.content(&mut fields);
        let path = self.text(&mut fields, "path", "write the path in the workspace, such as Folder/file.py");
        let runtime = self.object(&mut fields, "runtime");
        self.no_misspelling(&fields, &["content", "path", "runtime"]);
        let path = path.and_then(|path| match path.parse::<ResourcePath>() {
            Ok(path) => Some(path),
            Err(error) => {
                self.problems.push(Problem::path(fields.place("path"), error));
                None
            }
        });
        let mut runtime = runtime?;
        let command = self.text(&mut runtime, "command", "write the runtime command, such as ODPS_PYTHON");
        self.no_misspelling(&runtime, &["command"]);
        let command = command?;
        if super::kind::engine_of(&command).is_none() {
            self.problems.push(Problem::of(runtime.place("command"), &rules::COMMAND_KNOWN));
        }
        Some(Script { content, path: path?, command, runtime_rest: runtime.map, rest: fields.map })
    }

    fn content(&mut self, fields: &mut Fields) -> Option<String> {
        match fields.map.remove("content")? {
            Value::String(text) => {
                if text.len() > MAX_INLINE_BYTES {
                    self.problems.push(Problem::of(fields.place("content"), &rules::INLINE_BYTES));
                }
                Some(text)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.problems.push(Problem::new(
                    fields.place("content"),
                    "content is no text",
                    "write the file's text, or leave content out",
                ));
                None
            }
        }
    }

    fn storage(&mut self, file: &Map<String, Value>) {
        let at = format!("{RESOURCE}.file.storage");
        match file.get("storage") {
            None => {}
            Some(Value::Object(storage)) => {
                let known = ["local", "oss", "hdfs"];
                if storage.get("type").is_some_and(|kind| !known.iter().any(|known| kind == known)) {
                    self.problems.push(Problem::of(format!("{at}.type"), &rules::FLOW_SPEC_STORAGE));
                }
            }
            Some(_) => {
                self.problems.push(Problem::new(at, "storage is no object", "write {}, or leave it out"))
            }
        }
    }

    fn datasource(&mut self, fields: &mut Fields) -> Option<Map<String, Value>> {
        let at = fields.place("datasource");
        let map = self.optional_object(fields, "datasource")?;
        let mut check = |name: &str, rule: &rules::Check, is_good: fn(&str) -> bool| {
            if !map.get(name).and_then(Value::as_str).is_some_and(is_good) {
                self.problems.push(Problem::of(format!("{at}.{name}"), rule));
            }
        };
        check("name", &rules::DATASOURCE_NAME, words::is_word);
        check("type", &rules::DATASOURCE_TYPE, words::is_datasource_type);
        Some(map)
    }

    fn text(&mut self, fields: &mut Fields, name: &str, cure: &str) -> Option<String> {
        let wrong = match fields.map.remove(name) {
            Some(Value::String(text)) => return Some(text),
            Some(_) => format!("{name} is no text"),
            None => format!("{name} is missing"),
        };
        self.problems.push(Problem::new(fields.place(name), wrong, cure));
        None
    }

    fn object(&mut self, fields: &mut Fields, name: &str) -> Option<Fields> {
        let at = fields.place(name);
        if !fields.map.contains_key(name) {
            self.problems.push(Problem::new(at, format!("{name} is missing"), "write an object"));
            return None;
        }
        self.optional_object(fields, name).map(|map| Fields { at, map })
    }

    fn optional_object(&mut self, fields: &mut Fields, name: &str) -> Option<Map<String, Value>> {
        match fields.map.remove(name)? {
            Value::Object(map) => Some(map),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                let wrong = format!("{name} is no object");
                self.problems.push(Problem::new(fields.place(name), wrong, "write an object"));
                None
            }
        }
    }

    /// A left-over field that is a known one in another case would be read by some and dropped by
    /// others.
    fn no_misspelling(&mut self, fields: &Fields, known: &[&str]) {
        for name in fields.map.keys() {
            if let Some(right) = known.iter().find(|known| known.eq_ignore_ascii_case(name)) {
                let wrong = format!("{name} is not how the field is spelt");
                self.problems.push(Problem::new(fields.place(name), wrong, format!("write {right}")));
            }
        }
    }
}

/// An object of the document and where it stands.
struct Fields {
    at: String,
    map: Map<String, Value>,
}

impl Fields {
    fn place(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }
}
