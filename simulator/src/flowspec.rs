//! The document of a file resource, read the way the service reads it: the first file resource
//! counts, what is unknown is dropped without a word, what is needed is checked.
//!
//! It knows the document only: not where the file lives, nor what else is there.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The fields of a file resource that are kept, each with the fields kept in it (empty: all).
const KNOWN: [(&str, &[&str]); 7] = [
    ("name", &[]),
    ("type", &[]),
    ("script", &["path", "content", "language", "runtime", "parameters"]),
    ("file", &["storage", "path", "extension"]),
    ("datasource", &["name", "type", "subType", "config"]),
    ("runtimeResource", &["resourceGroup", "resourceGroupId", "cu"]),
    ("metadata", &[]),
];

/// What a file is to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FileType {
    Python,
    Jar,
    Archive,
    File,
}

impl FileType {
    const ALL: [Self; 4] = [Self::Python, Self::Jar, Self::Archive, Self::File];

    /// In any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text))
    }

    /// The spelling of listings.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Jar => "Jar",
            Self::Archive => "Archive",
            Self::File => "File",
        }
    }
}

/// Why a document is refused; the text follows the vendor's code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SpecError {
    #[error("the document does not parse as JSON")]
    NotJson,
    #[error("spec kind and request not match")]
    Kind,
    #[error("the document has no file resource")]
    Empty,
    #[error("the field {0} is missing or of another type")]
    Field(&'static str),
    #[error("the value of type is not one of python, jar, archive, file")]
    Type,
    #[error("Script path must end with node name")]
    Path,
}

/// A file resource as declared: known fields only, type in lower case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entity {
    pub(crate) version: String,
    fields: Map<String, Value>,
}

/// The fields of a complete file resource that the service looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Columns<'a> {
    pub(crate) name: &'a str,
    pub(crate) path: &'a str,
    pub(crate) kind: FileType,
    pub(crate) command: &'a str,
    pub(crate) datasource: Option<(&'a str, &'a str)>,
    pub(crate) owner: Option<&'a str>,
}

impl Entity {
    /// Reads a `Spec` parameter.
    pub(crate) fn parse(text: &str) -> Result<Self, SpecError> {
        let mut document: Value = serde_json::from_str(text).map_err(|_| SpecError::NotJson)?;
        if !document.is_object() {
            return Err(SpecError::NotJson);
        }
        if document["kind"].as_str() != Some("Resource") {
            return Err(SpecError::Kind);
        }
        let version = document["version"].as_str().unwrap_or("1.1.0").to_owned();
        let owner = document["metadata"]["owner"].take();
        let first = document["spec"]["fileResources"].get_mut(0).map(Value::take);
        let Some(Value::Object(mut given)) = first else {
            return Err(SpecError::Empty);
        };
        let mut fields = Map::new();
        for (name, inner) in KNOWN {
            let Some(value) = given.remove(name).filter(|value| !value.is_null()) else {
                continue;
            };
            let value = match value {
                Value::Object(object) if !inner.is_empty() => object
                    .into_iter()
                    .filter(|(name, value)| inner.contains(&name.as_str()) && !value.is_null())
                    .collect(),
                other => other,
            };
            fields.insert(name.to_owned(), value);
        }
        let mut entity = Self { version, fields };
        entity.normalise(owner)?;
        Ok(entity)
    }

    /// Reads what [`Entity::text`] wrote.
    pub(crate) fn stored(version: &str, text: &str) -> Self {
        let fields = serde_json::from_str(text).unwrap_or_default();
        Self { version: version.to_owned(), fields }
    }

    fn normalise(&mut self, document_owner: Value) -> Result<(), SpecError> {
        if let Some(kind) = self.fields.get("type") {
            let kind = kind.as_str().and_then(FileType::parse);
            let kind = kind.ok_or(SpecError::Type)?.as_str().to_ascii_lowercase();
            self.fields.insert("type".to_owned(), kind.into());
        }
        if let Some(file) = self.object("file") {
            file.retain(|_, value| !value.as_object().is_some_and(Map::is_empty));
            if file.is_empty() {
                self.fields.remove("file");
            }
        }
        if document_owner.is_string() {
            let metadata = self.fields.entry("metadata").or_insert_with(|| json!({}));
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.entry("owner").or_insert(document_owner);
            }
        }
        Ok(())
    }

    /// The fields that a file cannot be without, or which one is wrong.
    pub(crate) fn columns(&self) -> Result<Columns<'_>, SpecError> {
        let text = |value: &'_ Value| -> bool { value.as_str().is_some_and(|s| !s.is_empty()) };
        let field = |path: &'static str| -> Result<&str, SpecError> {
            self.at(path).filter(|value| text(value)).and_then(Value::as_str).ok_or(SpecError::Field(path))
        };
        let columns = Columns {
            name: field("name")?,
            path: field("script.path")?,
            kind: FileType::parse(field("type")?).ok_or(SpecError::Type)?,
            command: field("script.runtime.command")?,
            datasource: match self.fields.contains_key("datasource") {
                true => Some((field("datasource.name")?, field("datasource.type")?)),
                false => None,
            },
            owner: self.at("metadata.owner").and_then(Value::as_str),
        };
        if file_name(columns.path) != columns.name {
            return Err(SpecError::Path);
        }
        Ok(columns)
    }

    fn at(&self, path: &str) -> Option<&Value> {
        let mut parts = path.split('.');
        let first = self.fields.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }

    fn object(&mut self, name: &str) -> Option<&mut Map<String, Value>> {
        self.fields.get_mut(name)?.as_object_mut()
    }

    /// The content as declared; nothing for a file that came from a URL without it.
    pub(crate) fn content(&self) -> &str {
        self.at("script.content").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it says anything of the content, be it that there is none.
    pub(crate) fn has_content(&self) -> bool {
        self.at("script.content").is_some_and(Value::is_string)
    }

    /// What an oss or hdfs file says of its storage.
    pub(crate) fn storage_type(&self) -> &str {
        self.at("file.storage.type").and_then(Value::as_str).unwrap_or("local")
    }

    /// Takes all fields that `other` has; those it lacks stay.
    pub(crate) fn merge(&mut self, other: Self) {
        merge_maps(&mut self.fields, other.fields);
    }

    /// Takes back the fields that only Rename, Move or a new file may set.
    pub(crate) fn keep_identity_of(&mut self, old: &Self) {
        for name in ["name", "type"] {
            if let Some(value) = old.fields.get(name) {
                self.fields.insert(name.to_owned(), value.clone());
            }
        }
        for name in ["path", "runtime"] {
            let value = old.fields.get("script").and_then(|script| script.get(name));
            if let (Some(value), Some(script)) = (value.cloned(), self.object("script")) {
                script.insert(name.to_owned(), value);
            }
        }
    }

    /// Sets the path, and the name that ends it.
    pub(crate) fn set_path(&mut self, path: &str) {
        self.fields.insert("name".to_owned(), file_name(path).into());
        self.set_script("path", path);
    }

    /// Sets the content.
    pub(crate) fn set_content(&mut self, content: &str) {
        self.set_script("content", content);
    }

    /// Sets the owner.
    pub(crate) fn set_owner(&mut self, owner: &str) {
        let metadata = self.fields.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("owner".to_owned(), owner.into());
        }
    }

    /// Sets the data source.
    pub(crate) fn set_datasource(&mut self, name: &str, kind: &str) {
        self.fields.insert("datasource".to_owned(), json!({"name": name, "type": kind}));
    }

    fn set_script(&mut self, name: &str, value: &str) {
        let script = self.fields.entry("script").or_insert_with(|| json!({}));
        if let Some(script) = script.as_object_mut() {
            script.insert(name.to_owned(), value.into());
        }
    }

    /// For storing; [`Entity::stored`] reads it again.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(&self.fields).unwrap_or_default()
    }

    /// The document as GetResource answers it.
    pub(crate) fn document(mut self, facts: &Facts<'_>) -> String {
        let version = std::mem::take(&mut self.version);
        self.fields.insert("id".to_owned(), facts.id.clone());
        if let Some(script) = self.object("script") {
            script.insert("id".to_owned(), facts.script_id.clone());
            if !facts.with_content {
                script.remove("content");
            }
        }
        let metadata = self.fields.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("owner".to_owned(), facts.owner.into());
            metadata.insert("ownerName".to_owned(), facts.owner.into());
            let project = json!({
                "mode": facts.mode,
                "projectId": facts.project_id.to_string(),
                "projectIdentifier": facts.project_name,
            });
            metadata.insert("project".to_owned(), project);
        }
        json!({
            "version": version,
            "kind": "Resource",
            "spec": {"fileResources": [self.fields]},
        })
        .to_string()
    }
}

/// What the service adds to a document that it answers.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) id: Value,
    pub(crate) script_id: Value,
    pub(crate) owner: &'a str,
    pub(crate) project_id: u64,
    pub(crate) project_name: &'a str,
    pub(crate) mode: &'a str,
    pub(crate) with_content: bool,
}

/// The last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A path from a folder, as MoveResource takes it, and a file name. No folder is the root.
pub(crate) fn join(folder: &str, name: &str) -> String {
    match folder.trim_matches('/') {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// The folder of a path, empty for the root.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn merge_maps(old: &mut Map<String, Value>, new: Map<String, Value>) {
    for (name, value) in new {
        match (old.get_mut(&name), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge_maps(old, new),
            (_, value) => {
                old.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
#[path = "flowspec_tests.rs"]
mod tests;
