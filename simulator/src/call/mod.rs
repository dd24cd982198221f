//! The way of one call: who, allowed, broken, carried out, answered, written down.
//!
//! It runs as a task of its own, so that a caller that goes away does not stop what it asked for:
//! neither does it with the real service.

mod answers;
mod unsigned;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{Response, header};
use uuid::Uuid;

pub(crate) use self::unsigned::is_upload;
use self::unsigned::{ASSUME_ROLE, POST_OBJECT, assumes_role, of_form, of_metadata, of_sts};
use crate::clock::Now;
use crate::cloud::Cloud;
use crate::error::ApiError;
use crate::faults::{FaultKind, Target};
use crate::journal::Outcome;
use crate::operations::{Action, Done, Metadata, Params, Request, Touched};
use crate::settings::Settings;
use crate::signature::{VALIDITY_MS, Wire, verify};

/// The longest that a fault may hold a call.
const MOST_WAIT: Duration = Duration::from_secs(3600);

/// What the connection does.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Sends this.
    Answer(Response<Body>),
    /// Closes without a word.
    Close,
}

/// How errors are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errors {
    /// As the API does.
    Json,
    /// As OSS does.
    Xml,
    /// As a page.
    Html,
}

/// One call on its way.
struct Context {
    cloud: Arc<Cloud>,
    settings: Arc<Settings>,
    action: String,
    errors: Errors,
    touched: Touched,
    host: String,
    request_id: String,
    arrived: Now,
}

/// Takes a whole request and says what to do with its connection.
pub(crate) async fn answer(cloud: Arc<Cloud>, parts: Parts, body: Bytes) -> Reply {
    let settings = cloud.settings();
    let text = |name: &str| {
        let value = parts.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    };
    let metadata = Metadata::of(&parts.method, parts.uri.path());
    let assumes = metadata.is_none() && assumes_role(&parts, &body);
    let uploads = metadata.is_none() && is_upload(&parts);
    let action = match metadata {
        Some((asked, _)) => asked.name(),
        None if uploads => POST_OBJECT,
        None if assumes => ASSUME_ROLE,
        None => text("x-acs-action"),
    };
    let mut context = Context {
        arrived: cloud.now(&settings),
        action: action.to_owned(),
        errors: match (metadata.is_some(), uploads) {
            (true, _) => Errors::Html,
            (false, true) => Errors::Xml,
            (false, false) => Errors::Json,
        },
        touched: Touched::default(),
        host: text("host").to_owned(),
        request_id: Uuid::new_v4().to_string().to_uppercase(),
        cloud,
        settings,
    };
    if context.settings.down {
        context.record(Outcome::Unanswered, None, None);
        return Reply::Close;
    }
    pause(context.settings.latency_ms).await;
    let admitted = match metadata {
        Some((asked, role)) => Ok(of_metadata(asked, role, &parts)),
        None if uploads => of_form(text("content-type"), &context.host, &body),
        None if assumes => of_sts(&parts, &body),
        None => context.admit(&parts, &body),
    };
    let request = match admitted {
        Ok(request) => request,
        Err(error) => return context.refuse(&error, &[]),
    };
    context.touched = request.touches(&context.cloud.world);
    if request.action.is_dataworks()
        && let Err(error) = context.cloud.admit(&request.account, &context.settings, context.arrived)
    {
        return context.refuse(&error, &[]);
    }
    match context.fault() {
        Some(fault) => context.broken(request, fault).await,
        None => context.carry_out(&request),
    }
}

impl Context {
    /// Signature, nonce, operation and parameters, in the order of a gateway.
    fn admit(&self, parts: &Parts, body: &[u8]) -> Result<Request, ApiError> {
        let now = self.arrived;
        let query = parts.uri.query().unwrap_or("");
        let wire =
            Wire { method: &parts.method, path: parts.uri.path(), query, headers: &parts.headers, body };
        let keys = self.cloud.keys();
        let validity_ms = self.settings.signature_validity_ms.unwrap_or(VALIDITY_MS);
        let caller = verify(&wire, &keys, now.wall_ms, validity_ms).map_err(|error| match &*error.code {
            "InvalidSecurityToken.Expired" => (&self.settings.behaviour.expired_token).into(),
            _ => error,
        })?;
        let version = parts.headers.get("x-acs-version");
        let version = version.and_then(|value| value.to_str().ok()).unwrap_or("");
        if !self.cloud.first_use(caller.nonce) {
            return Err(ApiError::new(
                400,
                "SignatureNonceUsed",
                "Specified signature nonce was used already.",
            ));
        }
        let action = Action::parse(&self.action, version)
            .filter(|_| parts.uri.path() == "/")
            .ok_or_else(|| ApiError::new(404, "InvalidApi.NotFound", "Specified api is not found."))?;
        let account = caller.key.account_id.clone();
        let wrong_method =
            || ApiError::new(405, "UnsupportedHTTPMethod", "The operation does not take this HTTP method.");
        let params = match (action.is_write(), parts.method.as_str()) {
            (true, "POST") => {
                let form = parts.headers.get(header::CONTENT_TYPE);
                let form = form
                    .is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
                match form {
                    true => body,
                    false => b"".as_slice(),
                }
            }
            (false, "GET") => query.as_bytes(),
            (false, "POST") if matches!(action, Action::GetCallerIdentity | Action::AssumeRole) => {
                query.as_bytes()
            }
            _ => return Err(wrong_method()),
        };
        let params = match action.is_split() {
            true => Params::parse_both(query, params)?,
            false => Params::parse(params)?,
        };
        Ok(Request { action, params, account, host: self.host.clone(), file: None })
    }

    fn fault(&self) -> Option<FaultKind> {
        self.cloud.pick_fault(&Target {
            action: &self.action,
            project: self.touched.project,
            name: self.touched.name.as_deref(),
        })
    }

    /// The effect, now.
    fn perform(&mut self, request: &Request) -> Result<Done, ApiError> {
        let now = self.cloud.now(&self.settings);
        let done = request.perform(&self.cloud, &self.settings, now)?;
        if let Some(id) = done.id {
            self.touched.id = Some(id);
        }
        Ok(done)
    }

    fn carry_out(mut self, request: &Request) -> Reply {
        match self.perform(request) {
            Ok(done) => {
                let plain = request.action.plain();
                self.record_done(Outcome::Ok, Some(plain.map_or(200, |(status, _)| status)), &done);
                match plain {
                    Some((status, content_type)) => self.respond(status, content_type, done.answer, &[]),
                    None => self.json(200, &done.answer, &[]),
                }
            }
            Err(error) => self.refuse(&error, &[]),
        }
    }

    async fn broken(mut self, request: Request, fault: FaultKind) -> Reply {
        match fault {
            FaultKind::Throttle { numeric, retry_after_ms, retry_after_seconds } => {
                let error = match numeric {
                    true => ApiError::throttling_numeric(),
                    false => ApiError::throttling_user(),
                };
                let hints = [("x-acs-retry-after", retry_after_ms), ("retry-after", retry_after_seconds)];
                self.refuse(&error, &hints)
            }
            FaultKind::Error(answer) => self.refuse(&ApiError::from(&answer), &[]),
            FaultKind::ErrorAfter(answer) => match self.perform(&request) {
                Ok(done) => self.answer_error(&ApiError::from(&answer), Some(&done), &[]),
                Err(error) => self.refuse(&error, &[]),
            },
            FaultKind::Lost => {
                self.vanish(Some(&request));
                Reply::Close
            }
            FaultKind::DropBefore => {
                self.vanish(None);
                Reply::Close
            }
            FaultKind::LateCommit { ms, hang } => {
                self.record(Outcome::Postponed, None, None);
                let late = tokio::spawn(self.land(request, ms));
                if hang {
                    // Its only failure is a panic, after which closing is right as well.
                    let _ = late.await;
                }
                Reply::Close
            }
            FaultKind::Hang { ms, effect } => {
                self.vanish(effect.then_some(&request));
                pause(ms).await;
                Reply::Close
            }
            FaultKind::Slow { ms } => {
                pause(ms).await;
                self.carry_out(&request)
            }
            // Its time is before the body is whole.
            FaultKind::CutBody { .. } => self.carry_out(&request),
            FaultKind::Garbage => match self.perform(&request) {
                Ok(done) => {
                    self.record_done(Outcome::Garbage, Some(200), &done);
                    let body = "{\"RequestId\":\"".to_owned();
                    self.respond(200, "application/json", body, &[])
                }
                Err(error) => self.refuse(&error, &[]),
            },
            FaultKind::Html503 => {
                self.record(Outcome::Garbage, Some(503), None);
                let body = "<html><body><h1>503 Service Unavailable</h1></body></html>";
                self.respond(503, "text/html", body.to_owned(), &[])
            }
        }
    }

    /// No answer; the effect only with a request.
    fn vanish(&mut self, request: Option<&Request>) {
        match request.map(|request| self.perform(request)) {
            Some(Ok(done)) => self.record_done(Outcome::Unanswered, None, &done),
            Some(Err(_)) | None => self.record(Outcome::Unanswered, None, None),
        }
    }

    /// The effect of a call whose caller has gone.
    async fn land(mut self, request: Request, ms: u64) {
        pause(ms).await;
        self.arrived = self.cloud.now(&self.settings);
        match self.perform(&request) {
            Ok(done) => self.record_done(Outcome::Landed, None, &done),
            Err(error) => self.record(Outcome::Landed, None, Some(&error)),
        }
    }
}

/// Writes down an upload that was cut off half-way.
pub(crate) fn cut_off(cloud: Arc<Cloud>, parts: &Parts) {
    let settings = cloud.settings();
    let host = parts.headers.get("host").and_then(|value| value.to_str().ok()).unwrap_or("");
    let context = Context {
        arrived: cloud.now(&settings),
        action: POST_OBJECT.to_owned(),
        errors: Errors::Xml,
        touched: Touched::default(),
        host: host.to_owned(),
        request_id: Uuid::new_v4().to_string().to_uppercase(),
        cloud,
        settings,
    };
    context.record(Outcome::Unanswered, None, None);
}

async fn pause(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms).min(MOST_WAIT)).await;
    }
}
