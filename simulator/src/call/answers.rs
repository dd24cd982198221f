//! What is answered to a call, and what is written down of it.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use serde_json::json;
use tracing::debug;

use super::{Context, Errors, Reply};
use crate::clock::http_date;
use crate::cloud::lock;
use crate::error::ApiError;
use crate::journal::{Call, Outcome};
use crate::operations::{Done, error_xml};

impl Context {
    pub(super) fn refuse(&self, error: &ApiError, hints: &[(&'static str, Option<u64>)]) -> Reply {
        self.answer_error(error, None, hints)
    }

    /// `done`: what was carried out in spite of the error.
    pub(super) fn answer_error(
        &self,
        error: &ApiError,
        done: Option<&Done>,
        hints: &[(&'static str, Option<u64>)],
    ) -> Reply {
        let mut call = self.entry(Outcome::Error);
        call.http_status = Some(error.status);
        call.code = Some(error.code.clone());
        self.write(done.map_or(call.clone(), |done| left(call, done)));
        match self.errors {
            Errors::Json => {}
            Errors::Xml => {
                let xml = error_xml(error, &self.host, &self.request_id);
                return self.respond(error.status, "application/xml", xml, hints);
            }
            Errors::Html => {
                let page = format!("<html><body><h1>{}</h1></body></html>", error.status);
                return self.respond(error.status, "text/html", page, hints);
            }
        }
        let recommend = format!(
            "https://api.aliyun.com/troubleshoot?q={}&product=dataworks-public&requestId={}",
            error.code, self.request_id
        );
        let answer = json!({
            "HostId": self.host,
            "Code": error.code,
            "Message": error.message,
            "Recommend": recommend,
        });
        self.json(error.status, &answer.to_string(), hints)
    }

    /// Answers with a JSON object, after the request's id.
    pub(super) fn json(&self, status: u16, answer: &str, hints: &[(&'static str, Option<u64>)]) -> Reply {
        let rest = answer.strip_prefix('{').unwrap_or("}");
        let body = format!("{{\"RequestId\":\"{}\",{rest}", self.request_id);
        self.respond(status, "application/json;charset=utf-8", body, hints)
    }

    pub(super) fn respond(
        &self,
        status: u16,
        content_type: &'static str,
        body: String,
        hints: &[(&'static str, Option<u64>)],
    ) -> Reply {
        let mut response = Response::new(Body::from(body));
        if let Ok(status) = status.try_into() {
            *response.status_mut() = status;
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let now = self.cloud.now(&self.settings);
        if let Ok(date) = http_date(now.wall_ms).try_into() {
            headers.insert(header::DATE, date);
        }
        if let Ok(id) = self.request_id.as_str().try_into() {
            headers.insert("x-acs-request-id", id);
        }
        for (name, value) in hints {
            if let Some(value) = value {
                headers.insert(*name, HeaderValue::from(*value));
            }
        }
        Reply::Answer(response)
    }

    pub(super) fn record_done(&self, outcome: Outcome, status: Option<u16>, done: &Done) {
        let mut call = self.entry(outcome);
        call.http_status = status;
        self.write(left(call, done));
    }

    pub(super) fn record(&self, outcome: Outcome, status: Option<u16>, error: Option<&ApiError>) {
        let mut call = self.entry(outcome);
        call.http_status = status;
        call.code = error.map(|error| error.code.clone());
        self.write(call);
    }

    fn entry(&self, outcome: Outcome) -> Call {
        Call {
            seq: 0,
            time: self.arrived.wall_ms,
            action: self.action.clone(),
            project: self.touched.project,
            id: self.touched.id.map(|id| id.to_string()),
            name: self.touched.name.clone(),
            http_status: None,
            code: None,
            request_id: self.request_id.clone(),
            outcome,
            effect: false,
            path: None,
            content_sha256: None,
        }
    }

    fn write(&self, call: Call) {
        debug!(
            action = call.action,
            project = call.project,
            id = call.id,
            status = call.http_status,
            code = call.code,
            outcome = ?call.outcome,
            effect = call.effect,
            request_id = call.request_id,
            "call"
        );
        lock(&self.cloud.journal).record(call);
    }
}

/// The entry with what the call has done.
fn left(call: Call, done: &Done) -> Call {
    let (path, content_sha256) = done.left.clone().unzip();
    Call { effect: done.effect, path, content_sha256, ..call }
}
