//! The raw form: a document as the user wrote it.
//!
//! The schema declares the parts that rules look at and keeps everything else.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::rules::{self, Check};

/// A FlowSpec document of `kind: Resource`, not yet parsed.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(transparent)]
pub struct RawDocument(pub Map<String, Value>);

impl JsonSchema for RawDocument {
    fn schema_name() -> Cow<'static, str> {
        "RawDocument".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": true,
            "required": ["version", "kind", "spec"],
            "properties": {
                "version": text("The version of the format. Example: `1.1.0`.", 32, &[&rules::FLOW_SPEC_VERSION]),
                "kind": {
                    "description": "Always `Resource`. Example: `Resource`.",
                    "type": "string",
                    "enum": ["Resource"]
                },
                "spec": {
                    "description": "The document's body.",
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": true,
                    "required": ["fileResources"],
                    "properties": {
                        "fileResources": {
                            "description": "Exactly one file resource: the service would ignore a second.",
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 1,
                            "x-kubernetes-list-type": "atomic",
                            "items": file_resource()
                        }
                    }
                }
            }
        })
    }
}

fn file_resource() -> Value {
    serde_json::json!({
        "description": "The file resource.",
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "required": ["name", "script"],
        "x-kubernetes-validations": Check::to_json(&[&rules::FLOW_SPEC_NAME, &rules::FLOW_SPEC_TYPE_FITS, &rules::FLOW_SPEC_COMMAND_FITS]),
        "properties": {
            "name": text("The file name with its suffix, the last segment of script.path. Another name renames the file; its suffix is immutable. Example: `file.py`.", 255, &[]),
            "type": text("The type: `python`, `jar`, `archive` or `file`. Absent: the service's choice. Example: `python`. Immutable.", 16, &[&rules::FLOW_SPEC_TYPE]),
            "script": {
                "description": "Path, content and command.",
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true,
                "required": ["path", "runtime"],
                "properties": {
                    "path": text("The path in the workspace, the name last; at most 1024 bytes. Another folder moves the file, another name renames it; the suffix is immutable. Example: `Folder/file.py`.", 1024, rules::PATH_RULES),
                    "content": text("The file's text, at most 131072 bytes of UTF-8. Absent or empty: spec.content, or an empty file. Example: `print(1)`.", 131_072, &[&rules::INLINE_BYTES]),
                    "runtime": {
                        "description": "What runs the file.",
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": true,
                        "required": ["command"],
                        "properties": {
                            "command": text("The runtime command. Example: `ODPS_PYTHON`. Immutable.", 64, &[&rules::COMMAND_KNOWN])
                        }
                    }
                }
            },
            "file": {
                "description": "Where the engine keeps the file. Absent: the engine's default.",
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true,
                "properties": {
                    "storage": {
                        "description": "The storage; empty: the engine's default.",
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": true,
                        "properties": {
                            "type": text("`local`, `oss` or `hdfs`. Example: `hdfs`.", 16, &[&rules::FLOW_SPEC_STORAGE])
                        }
                    }
                }
            },
            "datasource": {
                "description": "The engine's data source. Absent: the workspace's default. Immutable once set.",
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true,
                "required": ["name", "type"],
                "properties": {
                    "name": text("Its name in the workspace. Example: `odps_first`.", 255, &[&rules::DATASOURCE_NAME]),
                    "type": text("Its type. Example: `odps`.", 64, &[&rules::DATASOURCE_TYPE])
                }
            }
        }
    })
}

fn text(description: &str, max_length: u32, checks: &[&Check]) -> Value {
    let mut schema = serde_json::json!({
        "description": description,
        "type": "string",
        "maxLength": max_length,
    });
    if !checks.is_empty() {
        schema["x-kubernetes-validations"] = Check::to_json(checks);
    }
    schema
}
