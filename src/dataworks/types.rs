//! The shapes of answers, parsed once into types that cannot be wrong.
//!
//! Pure. It must not know how an answer came here. Ids, times and owners may arrive as numbers
//! or as text; a whole number is taken exactly and a float is refused, since a 19-digit id does
//! not survive one. Unknown fields are ignored and a missing list is empty.
//! A document is never shown: `Debug` gives its length.

use std::fmt;

use dataworks_core::ids::{ProjectId, ResourceId};
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Unexpected, Visitor};
use serde_json::Value;

/// A resource that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The id that the service gave it.
    pub id: ResourceId,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// A write that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// What GetResource says of a resource.
#[derive(Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its id.
    pub id: ResourceId,
    /// Its workspace.
    pub project_id: ProjectId,
    /// Its file name.
    pub name: String,
    /// The account id of its owner.
    pub owner: Option<String>,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed, by whomever.
    pub modify_time: Timestamp,
    /// The FlowSpec document: holds the content, so it is never shown.
    pub spec: String,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource")
            .field("id", &self.id)
            .field("project_id", &self.project_id)
            .field("name", &self.name)
            .field("owner", &self.owner)
            .field("create_time", &self.create_time)
            .field("modify_time", &self.modify_time)
            .field("spec_bytes", &self.spec.len())
            .field("request_id", &self.request_id)
            .field("date", &self.date)
            .finish()
    }
}

/// Which resources to list. An absent field does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Part of a name: the service matches it loosely.
    pub name: Option<String>,
    /// An owner's account id.
    pub owner: Option<String>,
    /// `Python`, `Jar`, `Archive` or `File`.
    pub type_: Option<String>,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The rows that could be read.
    pub rows: Vec<ResourceRow>,
    /// How many rows of this page could not be read: with any, the page proves no absence.
    pub unreadable: usize,
    /// How many rows the whole listing has.
    pub total: u64,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// One resource as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceRow {
    /// Its id.
    pub id: ResourceId,
    /// Its workspace.
    pub project_id: ProjectId,
    /// Its file name.
    pub name: String,
    /// The account id of its owner.
    pub owner: Option<String>,
    /// Its type as the service spells it: compare without case.
    pub type_: String,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed, by whomever.
    pub modify_time: Timestamp,
    /// Where it is installed.
    pub datasource: Option<RowDatasource>,
    /// Its path in the workspace, file name last.
    pub path: String,
    /// Its runtime command.
    pub command: Option<String>,
}

/// A row's data source.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RowDatasource {
    /// Its name.
    pub name: String,
    /// Its type as the service spells it: compare without case.
    #[serde(rename = "Type", default)]
    pub type_: Option<String>,
}

/// What GetProject says of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// Its display name.
    pub display_name: Option<String>,
    /// The account id of its owner.
    pub owner: Option<String>,
    /// `Available`, or why it takes no writes.
    pub status: String,
    /// Whether it has a development environment (standard mode).
    pub dev_environment_enabled: Option<bool>,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// Who a key belongs to, as STS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The Alibaba Cloud account.
    pub account_id: String,
    /// The ARN of the user or the assumed role.
    pub arn: Option<String>,
    /// `Account`, `RAMUser` or `AssumedRoleUser`.
    pub identity_type: Option<String>,
    /// The service's request id.
    pub request_id: String,
    /// The service's time of the answer: whole seconds, rounded down.
    pub date: Timestamp,
}

/// Reads CreateResource's answer, or `None` when it says no id.
pub(super) fn created(body: &[u8], date: Timestamp) -> Option<Created> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        request_id: String,
        #[serde(deserialize_with = "text_or_integer")]
        id: String,
        success: Option<bool>,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let id = answer.id.parse().ok().filter(|_| answer.success != Some(false))?;
    Some(Created { id, request_id: answer.request_id, date })
}

/// Reads any other write's answer, or `None` when it does not say that it was carried out.
pub(super) fn written(body: &[u8], date: Timestamp) -> Option<Written> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        request_id: String,
        success: Value,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    is_true(&answer.success).then_some(Written { request_id: answer.request_id, date })
}

/// `true`, or the same word in a string, in any case.
pub(super) fn is_true(value: &Value) -> bool {
    value.as_bool().or_else(|| Some(value.as_str()?.eq_ignore_ascii_case("true"))).unwrap_or(false)
}

/// Reads GetResource's answer.
pub(super) fn resource(body: &[u8], date: Timestamp) -> Option<Resource> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        request_id: String,
        resource: Inner,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Inner {
        #[serde(deserialize_with = "text_or_integer")]
        id: String,
        #[serde(deserialize_with = "text_or_integer")]
        project_id: String,
        name: String,
        #[serde(default, deserialize_with = "optional_text_or_integer")]
        owner: Option<String>,
        #[serde(deserialize_with = "milliseconds")]
        create_time: Timestamp,
        #[serde(deserialize_with = "milliseconds")]
        modify_time: Timestamp,
        spec: String,
    }
    let Answer { request_id, resource } = serde_json::from_slice(body).ok()?;
    Some(Resource {
        id: resource.id.parse().ok()?,
        project_id: resource.project_id.parse().ok()?,
        name: resource.name,
        owner: resource.owner,
        create_time: resource.create_time,
        modify_time: resource.modify_time,
        spec: resource.spec,
        request_id,
        date,
    })
}

/// Reads one page of ListResources.
pub(super) fn page(body: &[u8], date: Timestamp) -> Option<Page> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        request_id: String,
        paging_info: PagingInfo,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct PagingInfo {
        #[serde(default, deserialize_with = "optional_text_or_integer")]
        total_count: Option<String>,
        resources: Option<Vec<Value>>,
    }
    let Answer { request_id, paging_info } = serde_json::from_slice(body).ok()?;
    let listed = paging_info.resources.unwrap_or_default();
    let total = match paging_info.total_count {
        Some(count) => count.parse().ok()?,
        None if listed.is_empty() => 0,
        None => return None,
    };
    let count = listed.len();
    let rows: Vec<ResourceRow> = listed.into_iter().filter_map(row).collect();
    Some(Page { unreadable: count - rows.len(), rows, total, request_id, date })
}

fn row(value: Value) -> Option<ResourceRow> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Row {
        #[serde(deserialize_with = "text_or_integer")]
        id: String,
        #[serde(deserialize_with = "text_or_integer")]
        project_id: String,
        name: String,
        #[serde(default, deserialize_with = "optional_text_or_integer")]
        owner: Option<String>,
        #[serde(rename = "Type")]
        type_: String,
        #[serde(deserialize_with = "milliseconds")]
        create_time: Timestamp,
        #[serde(deserialize_with = "milliseconds")]
        modify_time: Timestamp,
        data_source: Option<RowDatasource>,
        script: Script,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Script {
        path: String,
        runtime: Option<Runtime>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Runtime {
        command: Option<String>,
    }
    let row: Row = serde_json::from_value(value).ok()?;
    Some(ResourceRow {
        id: row.id.parse().ok()?,
        project_id: row.project_id.parse().ok()?,
        name: row.name,
        owner: row.owner,
        type_: row.type_,
        create_time: row.create_time,
        modify_time: row.modify_time,
        datasource: row.data_source,
        path: row.script.path,
        command: row.script.runtime.and_then(|runtime| runtime.command),
    })
}

/// Reads GetProject's answer.
pub(super) fn project(body: &[u8], date: Timestamp) -> Option<Project> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        request_id: String,
        project: Inner,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Inner {
        #[serde(deserialize_with = "text_or_integer")]
        id: String,
        name: String,
        display_name: Option<String>,
        #[serde(default, deserialize_with = "optional_text_or_integer")]
        owner: Option<String>,
        status: String,
        dev_environment_enabled: Option<Value>,
    }
    let Answer { request_id, project } = serde_json::from_slice(body).ok()?;
    Some(Project {
        id: project.id.parse().ok()?,
        name: project.name,
        display_name: project.display_name,
        owner: project.owner,
        status: project.status,
        dev_environment_enabled: project.dev_environment_enabled.as_ref().map(is_true),
        request_id,
        date,
    })
}

/// Reads GetCallerIdentity's answer.
pub(super) fn caller_identity(body: &[u8], date: Timestamp) -> Option<CallerIdentity> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        request_id: String,
        #[serde(deserialize_with = "text_or_integer")]
        account_id: String,
        arn: Option<String>,
        identity_type: Option<String>,
    }
    let Answer { request_id, account_id, arn, identity_type } = serde_json::from_slice(body).ok()?;
    Some(CallerIdentity { account_id, arn, identity_type, request_id, date })
}

struct TextOrInteger;

impl Visitor<'_> for TextOrInteger {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a whole number")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_u64<E>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_i64<E>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }
}

fn text_or_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_any(TextOrInteger)
}

#[derive(Deserialize)]
struct Wrapped(#[serde(deserialize_with = "text_or_integer")] String);

fn optional_text_or_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|Wrapped(text)| text))
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = text_or_integer(deserializer)?;
    text.parse()
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &"Unix milliseconds"))
}
