//! The shapes of answers on the wire, read once into the values of `types`.
//!
//! Pure. It must not know how an answer came here or what an unreadable one means: it gives
//! `None`. Ids, times and owners may arrive as numbers or as text; a whole number is taken exactly
//! and a float is refused, since a 19-digit id does not survive one. Unknown fields are ignored, a
//! missing list is empty.

use std::fmt;

use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Unexpected, Visitor};
use serde_json::Value;

use super::error::{CODE_LIMIT, TEXT_LIMIT, clean};
use super::key::Shown;
use super::types::{
    Assumed, CallerIdentity, Created, Page, Project, Resource, ResourceRow, RowDatasource, UploadTicket,
    Written,
};

/// Reads CreateResource's answer, or `None` when it says no id.
pub(super) fn created(body: &[u8], date: Timestamp) -> Option<Created> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        #[serde(deserialize_with = "request_id")]
        request_id: String,
        #[serde(deserialize_with = "text_or_integer")]
        id: String,
        success: Option<Value>,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let said_no = answer.success.as_ref().is_some_and(|said| !is_true(said));
    let id = answer.id.parse().ok().filter(|_| !said_no)?;
    Some(Created { id, request_id: answer.request_id, date })
}

/// Reads any other write's answer, or `None` when it does not say that it was carried out.
pub(super) fn written(body: &[u8], date: Timestamp) -> Option<Written> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        #[serde(deserialize_with = "request_id")]
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
        #[serde(deserialize_with = "request_id")]
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
        #[serde(deserialize_with = "request_id")]
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
        #[serde(deserialize_with = "request_id")]
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
        // They are written into status.
        name: clean(&project.name, TEXT_LIMIT),
        display_name: project.display_name.map(|name| clean(&name, TEXT_LIMIT)),
        owner: project.owner,
        status: clean(&project.status, CODE_LIMIT),
        dev_environment_enabled: project.dev_environment_enabled.as_ref().map(is_true),
        request_id,
        date,
    })
}

/// Reads AuthorizeFileUpload's answer, or `None` when a field of it could not stand in a form.
pub(super) fn upload_ticket(body: &[u8], _: Timestamp) -> Option<UploadTicket> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        #[serde(deserialize_with = "request_id")]
        request_id: String,
        access_key_id: String,
        bucket: String,
        endpoint: String,
        encoded_policy: String,
        signature: String,
        object_key: String,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let Answer { request_id, access_key_id, bucket, endpoint, encoded_policy, signature, object_key } =
        answer;
    let ticket = UploadTicket {
        access_key_id,
        bucket,
        endpoint,
        policy: encoded_policy,
        signature,
        key: object_key,
        request_id,
    };
    ticket.is_sound().then_some(ticket)
}

/// Reads GetCallerIdentity's answer.
pub(super) fn caller_identity(body: &[u8], date: Timestamp) -> Option<CallerIdentity> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        #[serde(deserialize_with = "request_id")]
        request_id: String,
        #[serde(deserialize_with = "text_or_integer")]
        account_id: String,
        arn: Option<String>,
        identity_type: Option<String>,
    }
    let Answer { request_id, account_id, arn, identity_type } = serde_json::from_slice(body).ok()?;
    Some(CallerIdentity { account_id, arn, identity_type, request_id, date })
}

/// Reads AssumeRole's answer.
pub(super) fn assumed(body: &[u8], date: Timestamp) -> Option<Assumed> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        #[serde(deserialize_with = "request_id")]
        request_id: String,
        credentials: Shown,
    }
    let Answer { request_id, credentials } = serde_json::from_slice(body).ok()?;
    let (credentials, expires) = credentials.taken()?;
    Some(Assumed { credentials, expires, request_id, date })
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

/// An id to show: one that is none must not spoil the status that it is written into.
pub(super) fn request_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(clean(&String::deserialize(deserializer)?, CODE_LIMIT))
}

pub(super) fn text_or_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_any(TextOrInteger)
}

#[derive(Deserialize)]
struct Wrapped(#[serde(deserialize_with = "text_or_integer")] String);

pub(super) fn optional_text_or_integer<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|Wrapped(text)| text))
}

pub(super) fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = text_or_integer(deserializer)?;
    text.parse()
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &"Unix milliseconds"))
}
