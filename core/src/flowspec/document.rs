//! The document itself: one file resource, its known fields typed, the others carried along.
//!
//! Rule: it is written the same way every time: known fields in the order of the reference,
//! unknown ones after them by name.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::kind::FileType;
use crate::path::ResourcePath;

/// The version of documents that the operator makes itself.
pub const VERSION: &str = "1.1.0";

/// A document of `kind: Resource`. It has a place for one file resource:
///
/// ```
/// use dataworks_core::flowspec::{FileResource, ResourceDocument};
///
/// fn one_file(document: ResourceDocument, file: FileResource) -> ResourceDocument {
///     ResourceDocument { resource: file, ..document }
/// }
/// ```
///
/// and not for a list of them, of which the service would drop all but the first:
///
/// ```compile_fail,E0308
/// use dataworks_core::flowspec::{FileResource, ResourceDocument};
///
/// fn two_files(document: ResourceDocument, first: FileResource, second: FileResource) -> ResourceDocument {
///     ResourceDocument { resource: vec![first, second], ..document }
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceDocument {
    /// The version of the format.
    pub version: String,
    /// `metadata` of the document: owner, description and what else was there.
    pub metadata: Map<String, Value>,
    /// The file resource.
    pub resource: FileResource,
    /// Unknown fields of `spec`.
    pub spec_rest: Map<String, Value>,
    /// Unknown fields of the document.
    pub rest: Map<String, Value>,
}

/// The file resource of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct FileResource {
    /// Content and command. The path is here and gives the name.
    pub script: Script,
    /// The type; `None`: not declared.
    pub kind: Option<FileType>,
    /// Where the engine keeps the file; `None`: not declared.
    pub file: Option<Map<String, Value>>,
    /// The data source; `None`: the workspace's default.
    pub datasource: Option<Map<String, Value>>,
    /// What runs it; `None`: the workspace's choice.
    pub runtime_resource: Option<Map<String, Value>>,
    /// Unknown fields.
    pub rest: Map<String, Value>,
}

/// Content, path and command.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The text; empty with a `ResourceFile`; `None`: not declared.
    pub content: Option<String>,
    /// The path, whose last segment is the resource's name.
    pub path: ResourcePath,
    /// The runtime command.
    pub command: String,
    /// Unknown fields of `runtime`.
    pub runtime_rest: Map<String, Value>,
    /// Unknown fields.
    pub rest: Map<String, Value>,
}

impl ResourceDocument {
    /// The document as JSON without white space.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Maps have text keys and numbers are finite, so nothing here can fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The file name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.resource.script.path.name()
    }
}

/// The document as it stands on the wire; the only place where one resource becomes a list.
#[derive(Serialize)]
struct WireDocument<'a> {
    version: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    metadata: &'a Map<String, Value>,
    spec: WireSpec<'a>,
    #[serde(flatten)]
    rest: &'a Map<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireSpec<'a> {
    file_resources: [WireResource<'a>; 1],
    #[serde(flatten)]
    rest: &'a Map<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireResource<'a> {
    name: &'a str,
    script: WireScript<'a>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datasource: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime_resource: Option<&'a Map<String, Value>>,
    #[serde(flatten)]
    rest: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct WireScript<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    path: &'a str,
    runtime: WireRuntime<'a>,
    #[serde(flatten)]
    rest: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct WireRuntime<'a> {
    command: &'a str,
    #[serde(flatten)]
    rest: &'a Map<String, Value>,
}

impl Serialize for ResourceDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { version, metadata, resource, spec_rest, rest } = self;
        let FileResource { script, kind, file, datasource, runtime_resource, rest: resource_rest } = resource;
        let Script { content, path, command, runtime_rest, rest: script_rest } = script;
        WireDocument {
            version,
            kind: "Resource",
            metadata,
            spec: WireSpec {
                file_resources: [WireResource {
                    name: path.name(),
                    script: WireScript {
                        content: content.as_deref(),
                        path: path.as_str(),
                        runtime: WireRuntime { command, rest: runtime_rest },
                        rest: script_rest,
                    },
                    kind: kind.map(FileType::as_str),
                    file: file.as_ref(),
                    datasource: datasource.as_ref(),
                    runtime_resource: runtime_resource.as_ref(),
                    rest: resource_rest,
                }],
                rest: spec_rest,
            },
            rest,
        }
        .serialize(serializer)
    }
}
