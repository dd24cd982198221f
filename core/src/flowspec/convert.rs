//! Typed fields to a document.
//!
//! Everything is checked before it comes here; this only says which field goes where.

use serde_json::{Map, Value, json};

use super::document::{FileResource, ResourceDocument, Script, VERSION};
use super::kind::FileType;
use super::strict;
use crate::api::v1alpha1::{Datasource, Storage, StorageType};
use crate::path::ResourcePath;

/// What the typed form says, checked and completed.
#[derive(Clone, Debug, PartialEq)]
pub struct TypedFields<'a> {
    /// The path.
    pub path: ResourcePath,
    /// The type, declared or from the suffix.
    pub kind: FileType,
    /// The command, declared or derived.
    pub command: String,
    /// The text; empty when the service downloads the file.
    pub content: &'a str,
    /// The data source.
    pub datasource: Option<&'a Datasource>,
    /// Goes to the document's metadata.
    pub owner: Option<&'a str>,
    /// Goes to the document's metadata.
    pub description: Option<&'a str>,
    /// The resource group.
    pub resource_group: Option<&'a str>,
    /// The storage.
    pub storage: Option<&'a Storage>,
}

/// The document that says the same.
#[must_use]
pub fn document_of(fields: TypedFields<'_>) -> ResourceDocument {
    let TypedFields { path, kind, command, content, datasource, owner, description, resource_group, storage } =
        fields;
    let texts = |pairs: &[(&str, Option<&str>)]| -> Map<String, Value> {
        pairs.iter().filter_map(|(name, value)| Some(((*name).to_owned(), json!((*value)?)))).collect()
    };
    ResourceDocument {
        version: VERSION.to_owned(),
        metadata: texts(&[("description", description), ("owner", owner)]),
        resource: FileResource {
            script: Script {
                content: Some(content.to_owned()),
                path,
                command,
                runtime_rest: Map::new(),
                rest: Map::new(),
            },
            kind: Some(kind),
            file: Some(file_of(storage)),
            datasource: datasource.map(|d| texts(&[("name", Some(&d.name)), ("type", Some(&d.type_))])),
            runtime_resource: resource_group.map(|group| texts(&[("resourceGroup", Some(group))])),
            rest: Map::new(),
        },
        spec_rest: Map::new(),
        rest: Map::new(),
    }
}

/// `file`: the storage, and in it the path and the suffix. Without one the engine's default, `{}`.
fn file_of(storage: Option<&Storage>) -> Map<String, Value> {
    let mut file = Map::new();
    let mut inner = Map::new();
    if let Some(Storage { type_, root, endpoint, bucket, addresses, hdfs_user, path, extension }) = storage {
        inner.insert("type".to_owned(), json!(storage_word(*type_)));
        let put = |map: &mut Map<String, Value>, name: &str, value: Option<Value>| {
            if let Some(value) = value {
                map.insert(name.to_owned(), value);
            }
        };
        put(&mut inner, "root", root.as_ref().map(|v| json!(v)));
        put(&mut inner, "endpoint", endpoint.as_ref().map(|v| json!(v)));
        put(&mut inner, "bucket", bucket.as_ref().map(|v| json!(v)));
        put(&mut inner, "addresses", addresses.as_ref().map(|v| json!(v)));
        put(&mut inner, "hdfsUser", hdfs_user.as_ref().map(|v| json!(v)));
        put(&mut file, "path", path.as_ref().map(|v| json!(v)));
        put(&mut file, "extension", extension.as_ref().map(|v| json!(v)));
    }
    file.insert("storage".to_owned(), Value::Object(inner));
    strict::sorted_map(file)
}

/// The storage type as a document spells it. What this version does not know is refused before.
fn storage_word(kind: StorageType) -> &'static str {
    match kind {
        StorageType::Local => "local",
        StorageType::Oss => "oss",
        StorageType::Hdfs => "hdfs",
        StorageType::Unsupported => "unsupported",
    }
}
