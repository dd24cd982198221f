//! One call from parameters to a judged answer: sign, send once, read, report.
//!
//! The only place that puts credentials, clock and connection together. It must not know what an
//! operation is for. The rule it keeps: date and nonce are new for each send, and each call
//! leaves exactly one record.

use std::sync::Arc;
use std::time::Duration;

use dataworks_core::fault::{Class, Fault};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Request};
use secrecy::ExposeSecret as _;
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::Inner;
use super::credentials::Credentials;
use super::encode::{self, Pair};
use super::endpoint::Endpoint;
use super::error::{Certainty, Effect, Failure, code, is_about_key, is_clock, judge};
use super::sign::{Signable, payload_hash, sign};
use super::transport::{Answer, Connection, SendError};
use super::types::Answered;
use crate::telemetry::SPANS;

/// The content type of a form.
const FORM: &str = "application/x-www-form-urlencoded";
/// A clock that is off by less than this is not worth a word.
const WORTH_TELLING: SignedDuration = SignedDuration::from_secs(60);

/// What became of one call, for logs and metrics. Holds nothing of the request but its action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// The operation, such as `CreateResource`.
    pub action: &'static str,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// The class of the fault; `None` is success.
    pub class: Option<Class>,
    /// The service's code, or one of ours.
    pub code: Option<String>,
    /// The service's request id, when there was an answer of its own.
    pub request_id: Option<String>,
    /// From before credentials were fetched to the last byte.
    pub duration: Duration,
}

impl CallRecord {
    /// Tells of the call.
    pub(super) fn report(&self, observer: Option<&Observer>) {
        tracing::debug!(
            action = self.action,
            status = self.status,
            code = self.code,
            requestId = self.request_id,
            durationMs = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
            "call",
        );
        if let Some(observer) = observer {
            observer(self);
        }
    }
}

/// Called with the record of each call.
pub type Observer = Arc<dyn Fn(&CallRecord) + Send + Sync>;

/// Which API is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    DataWorks,
    Sts,
    OpenPlatform,
}

impl Service {
    fn version(self) -> &'static str {
        match self {
            Self::DataWorks => "2024-05-18",
            Self::Sts => "2015-04-01",
            Self::OpenPlatform => "2019-12-19",
        }
    }
}

/// One call. Has no `Debug`: parameters hold documents.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) service: Service,
    pub(super) action: &'static str,
    pub(super) effect: Effect,
    pub(super) parameters: &'a [Pair<'a>],
    /// What travels in the query of a form's request.
    pub(super) query: &'a [Pair<'a>],
}

impl<'a> Call<'a> {
    pub(super) fn new(action: &'static str, effect: Effect, parameters: &'a [Pair<'a>]) -> Self {
        Self { service: Service::DataWorks, action, effect, parameters, query: &[] }
    }

    // Reads of DataWorks are GETs; its writes are forms; STS takes a POST with a query.
    fn method(&self) -> Method {
        match (self.service, self.effect) {
            (Service::DataWorks, Effect::Read) | (Service::OpenPlatform, _) => Method::GET,
            (Service::DataWorks, Effect::Write | Effect::Create) | (Service::Sts, _) => Method::POST,
        }
    }

    fn is_form(&self) -> bool {
        self.service == Service::DataWorks && self.effect != Effect::Read
    }
}

impl Inner {
    /// Makes a call and reads its success with `read`, which gives `None` for what is none.
    pub(super) async fn call<T>(
        &self,
        call: &Call<'_>,
        read: fn(&[u8], Timestamp) -> Option<T>,
    ) -> Result<T, Failure>
    where
        T: Answered,
    {
        let started = Instant::now();
        let mut status = None;
        let span = span(call);
        let result = self.exchange(call, started, &mut status, read).instrument(span.clone()).await;
        let (fault, request_id) = match &result {
            Ok(answer) => (None, Some(answer.request_id())),
            Err(failure) => (Some(&failure.fault), failure.fault.request_id.as_deref()),
        };
        self.report(call, started, status, fault, request_id);
        span.record("dataworks.request_id", request_id);
        span.record("http.response.status_code", status);
        if let Some(fault) = fault {
            span.record("otel.status_code", "error");
            span.record("dataworks.code", &fault.code);
        }
        result
    }

    async fn exchange<T>(
        &self,
        call: &Call<'_>,
        started: Instant,
        status: &mut Option<u16>,
        read: fn(&[u8], Timestamp) -> Option<T>,
    ) -> Result<T, Failure> {
        let (connection, allowed) = match call.effect {
            Effect::Read => (Connection::Pooled, self.transport.read_deadline),
            Effect::Write => (Connection::Pooled, self.transport.call_deadline),
            Effect::Create => (Connection::Fresh, self.transport.call_deadline),
        };
        let deadline = started + allowed;
        let credentials = self.credentials(deadline).await?;
        let endpoint = match call.service {
            Service::DataWorks => &self.endpoint,
            Service::Sts => &self.sts_endpoint,
            Service::OpenPlatform => &self.upload.open_platform,
        };
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let signed_at = self.clock.now();
        let request = build(call, endpoint, &credentials, signed_at, &nonce)?;

        let sent = self.clock.local();
        let answer = self.transport.send(request, connection, deadline).await.map_err(unanswered)?;
        let received = self.clock.local();
        *status = Some(answer.status);

        let date = answer.date.unwrap_or_else(|| self.clock.now());
        let success = (200..300).contains(&answer.status);
        let result = match success.then(|| read(&answer.body, date)).flatten() {
            Some(value) => Ok(value),
            None => Err(failed(&answer, &credentials, call.effect, signed_at)),
        };
        let result = match result {
            Err(failure) if is_about_key(&failure.fault.code) => {
                Err(self.after_refusal(failure, &credentials, deadline).await)
            }
            other => other,
        };
        // Only the API's own answers teach the time: the page of some proxy may say anything.
        let theirs = result.as_ref().err().is_none_or(|f| f.fault.request_id.is_some());
        if let Some(date) = answer.date.filter(|_| theirs) {
            let off = self.clock.learn(date, sent, received).abs();
            if off > WORTH_TELLING {
                tracing::warn!(offSeconds = off.as_secs(), "clock corrected");
            }
        }
        result
    }

    async fn credentials(&self, deadline: Instant) -> Result<Arc<Credentials>, Failure> {
        let none =
            |class, message: &str| Failure::of_ours(class, code::NO_CREDENTIALS, message, Certainty::Nothing);
        match tokio::time::timeout_at(deadline, self.credentials.current()).await {
            Ok(Ok(credentials)) => Ok(credentials),
            Ok(Err(error)) => {
                let mut failure = none(error.class(), &error.to_string());
                failure.fault.request_id = error.request_id().map(str::to_owned);
                Err(failure)
            }
            Err(_elapsed) => Err(none(Class::Transient, "no credentials before the deadline")),
        }
    }

    /// The service does not know the key or its token any more. Where there are others now, the next
    /// try is signed with those.
    async fn after_refusal(
        &self,
        mut failure: Failure,
        refused: &Arc<Credentials>,
        deadline: Instant,
    ) -> Failure {
        let replaced = tokio::time::timeout_at(deadline, self.credentials.replaced(refused)).await;
        if replaced == Ok(true) && failure.certainty == Certainty::Nothing {
            failure.fault.class = Class::Transient;
            "the temporary credentials were not accepted any more; they are renewed for the next call"
                .clone_into(&mut failure.fault.message);
        }
        failure
    }

    pub(super) fn report(
        &self,
        call: &Call<'_>,
        started: Instant,
        status: Option<u16>,
        fault: Option<&Fault>,
        request_id: Option<&str>,
    ) {
        let record = CallRecord {
            action: call.action,
            status,
            class: fault.map(|fault| fault.class),
            code: fault.map(|fault| fault.code.clone()),
            request_id: request_id.map(str::to_owned),
            duration: started.elapsed(),
        };
        record.report(self.observer.as_ref());
    }
}

/// The span of a call, for traces only.
fn span(call: &Call<'_>) -> Span {
    if !cfg!(feature = "otlp") {
        return Span::none();
    }
    tracing::info_span!(
        target: SPANS,
        "call",
        otel.name = call.action,
        otel.kind = "client",
        otel.status_code = Empty,
        http.response.status_code = Empty,
        dataworks.request_id = Empty,
        dataworks.code = Empty,
    )
}

fn failed(answer: &Answer, credentials: &Credentials, effect: Effect, signed_at: Timestamp) -> Failure {
    let token = credentials.security_token.as_ref().map_or("", |token| token.expose_secret());
    let secrets = [credentials.access_key_secret.expose_secret(), token];
    let mut failure = judge(answer.status, answer.retry_after, &answer.body, &secrets, effect);
    if is_clock(&failure.fault.code) && failure.fault.request_id.is_some() {
        // The date of this answer is learnt, so that the next call is signed with a good time.
        let off = answer.date.map(|date| date.duration_since(signed_at).abs());
        if off.is_some_and(|off| off > WORTH_TELLING) {
            failure.fault.class = Class::Transient;
            "this machine's clock disagrees with the cloud's; corrected for the next call"
        } else {
            "the cloud refused the request's time; compare this machine's clock with the true time"
        }
        .clone_into(&mut failure.fault.message);
    }
    failure
}

pub(super) fn unanswered(error: SendError) -> Failure {
    let (class, code, message, certainty) = match error {
        SendError::NotConnected(step) => {
            (Class::Transient, code::CONNECTION_FAILED, step, Certainty::Nothing)
        }
        SendError::Unresolved => {
            (Class::Transient, code::HOST_UNRESOLVED, "the host name cannot be resolved", Certainty::Nothing)
        }
        SendError::TimedOut => {
            (Class::Transient, code::TIMED_OUT, "no answer before the deadline", Certainty::Doubt)
        }
        SendError::Lost(step) => (Class::Transient, code::CONNECTION_LOST, step, Certainty::Doubt),
        SendError::TooLarge => {
            (Class::Transient, code::TOO_LARGE, "the answer is larger than 8 MiB", Certainty::Doubt)
        }
    };
    Failure::of_ours(class, code, message, certainty)
}

/// The signed request. Pure: time and nonce are given.
fn build(
    call: &Call<'_>,
    endpoint: &Endpoint,
    credentials: &Credentials,
    now: Timestamp,
    nonce: &str,
) -> Result<Request, Failure> {
    let method = call.method();
    let mut url = endpoint.url().clone();
    let (query, body) = if call.is_form() {
        (call.query, encode::form(call.parameters))
    } else {
        (call.parameters, String::new())
    };
    if !query.is_empty() {
        url.set_query(Some(&encode::form(query)));
    }
    let host = endpoint.host();
    let date = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let hash = payload_hash(body.as_bytes());
    let mut headers = vec![
        ("host", host.as_str()),
        ("x-acs-action", call.action),
        ("x-acs-version", call.service.version()),
        ("x-acs-date", &date),
        ("x-acs-signature-nonce", nonce),
        ("x-acs-content-sha256", &hash),
    ];
    if call.is_form() {
        headers.push(("content-type", FORM));
    }
    if let Some(token) = &credentials.security_token {
        headers.push(("x-acs-security-token", token.expose_secret()));
        headers.push(("x-acs-accesskey-id", &credentials.access_key_id));
    }
    let signable = Signable { method: method.as_str(), query, headers: &headers, payload_hash: &hash };
    let signed = sign(&signable, &credentials.access_key_id, &credentials.access_key_secret);
    headers.push(("authorization", &signed.authorization));
    headers.push(("accept", "application/json"));

    let mut request = Request::new(method, url);
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(value).map_err(|_| unusable(name))?;
        value.set_sensitive(matches!(name, "authorization" | "x-acs-security-token"));
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    if call.is_form() {
        *request.body_mut() = Some(body.into());
    }
    Ok(request)
}

// Only the credentials are not of our own making.
fn unusable(header: &str) -> Failure {
    let message = format!("the credentials hold a character that the header {header} cannot carry");
    Failure::of_ours(Class::Denied, code::NO_CREDENTIALS, &message, Certainty::Nothing)
}
