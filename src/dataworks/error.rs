//! What an answer that is no success means.
//!
//! Pure: status, headers and body in, class and outcome out. It must not know who asked or what
//! will be done about it. The rules it keeps: the code decides before the HTTP status; only a
//! definite code is NotFound; of an answer that is not the API's JSON nothing is kept but its
//! status and length; whatever leaves here is clean text of bounded length.

use std::time::Duration;

use dataworks_core::codes::{class_of, is_number, is_or_under};
use dataworks_core::fault::{Class, Fault, Outcome};
use serde_json::{Map, Value};

use super::answer::is_true;

/// Longest text of the service that is kept, in bytes: a condition's message stays readable.
pub(super) const TEXT_LIMIT: usize = 512;
/// Longest code or request id that is kept, in bytes: known ones are below 50.
pub(super) const CODE_LIMIT: usize = 128;
/// Longest wait that `x-acs-retry-after` may ask for: what the vendor's SDK allows.
const ACS_WAIT_LIMIT: Duration = Duration::from_millis(120_000);
/// Longest wait that `Retry-After` may ask for: a wrong header must not stop an object for long.
const HTTP_WAIT_LIMIT: Duration = Duration::from_hours(1);

/// Codes of ours, where the service gave none.
pub(super) mod code {
    /// Nothing was sent.
    pub(in super::super) const CONNECTION_FAILED: &str = "ConnectionFailed";
    /// Nothing was sent: the host's name means nothing here.
    pub(in super::super) const HOST_UNRESOLVED: &str = dataworks_core::codes::HOST_UNRESOLVED;
    /// The connection broke after the request may have been sent.
    pub(in super::super) const CONNECTION_LOST: &str = "ConnectionLost";
    /// The deadline passed after the request may have been sent.
    pub(in super::super) const TIMED_OUT: &str = "TimedOut";
    /// There was nothing to sign with.
    pub(in super::super) const NO_CREDENTIALS: &str = dataworks_core::codes::NO_CREDENTIALS;
    /// A success that cannot be read.
    pub(in super::super) const UNREADABLE: &str = "UnreadableAnswer";
    /// An answer beyond the size limit.
    pub(in super::super) const TOO_LARGE: &str = "AnswerTooLarge";
    /// The storage did not take an upload.
    pub(in super::super) const UPLOAD_REFUSED: &str = dataworks_core::codes::UPLOAD_REFUSED;
    /// An upload was to go where content must not go.
    pub(in super::super) const UPLOAD_ADDRESS_REFUSED: &str = dataworks_core::codes::UPLOAD_ADDRESS_REFUSED;
    /// Nobody said which region uploads are for.
    pub(in super::super) const NO_REGION: &str = dataworks_core::codes::NO_REGION;
    /// `Success: false` without a code.
    pub(super) const UNSUCCESSFUL: &str = "Unsuccessful";
}

/// All codes of ours.
pub const OWN_CODES: [&str; 11] = [
    code::CONNECTION_FAILED,
    code::HOST_UNRESOLVED,
    code::CONNECTION_LOST,
    code::TIMED_OUT,
    code::NO_CREDENTIALS,
    code::UNREADABLE,
    code::TOO_LARGE,
    code::UPLOAD_REFUSED,
    code::UPLOAD_ADDRESS_REFUSED,
    code::NO_REGION,
    code::UNSUCCESSFUL,
];

/// What was asked, as far as it matters for what a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing changes.
    Read,
    /// Something that exists changes.
    Write,
    /// Something new comes to be.
    Create,
}

/// Whether a failed request may have had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    /// Definitely not.
    Nothing,
    /// Nobody knows.
    Doubt,
}

/// A fault, and whether the request may have had its effect all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) certainty: Certainty,
}

impl Failure {
    /// A failure that no answer of the service stands behind.
    pub(super) fn of_ours(class: Class, code: &str, message: &str, certainty: Certainty) -> Self {
        let fault = Fault {
            class,
            code: code.to_owned(),
            message: clean(message, TEXT_LIMIT),
            request_id: None,
            retry_after: None,
        };
        Self { fault, certainty }
    }

    pub(super) fn outcome<T>(self) -> Outcome<T> {
        match self.certainty {
            Certainty::Nothing => Outcome::Refused(self.fault),
            Certainty::Doubt => Outcome::Unknown(self.fault),
        }
    }
}

/// Judges an answer that is not the success that was asked for.
pub(super) fn judge(
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
    secrets: &[&str],
    effect: Effect,
) -> Failure {
    let object = match serde_json::from_slice::<Map<String, Value>>(body) {
        Ok(object) => object,
        Err(_) => return foreign(status, retry_after, body.len()),
    };
    let said_code = field(&object, "Code", "code");
    let said_message = field(&object, "Message", "message");
    let message = without_status_prefix(&said_message);
    let known = class_of_code(&said_code, message);
    let success = (200..300).contains(&status);
    let says_no =
        ["Success", "success"].iter().find_map(|key| object.get(*key)).is_some_and(|said| !is_true(said));
    if success && !says_no && known.is_none() {
        let mut failure = foreign(status, retry_after, body.len());
        failure.fault.request_id = request_id(&object);
        return failure;
    }
    let hint = retry_after.is_some() && (400..500).contains(&status);
    let class = known.unwrap_or_else(|| class_of_status(status, hint));
    let shown = if is_about_signature(&said_code) {
        // The service repeats the canonical request here, which holds the security token.
        "the signature was not accepted: the AccessKey secret is wrong, or something on the way \
         changed the request"
            .to_owned()
    } else {
        told(message, secrets, TEXT_LIMIT)
    };
    let shown_code = told(&said_code, secrets, CODE_LIMIT);
    let code = match (shown_code.is_empty(), success) {
        (false, _) => shown_code,
        (true, true) => code::UNSUCCESSFUL.to_owned(),
        (true, false) => format!("Http{status}"),
    };
    // "It failed, and here is its id" contradicts itself.
    let contradiction = effect == Effect::Create && success && !field(&object, "Id", "id").is_empty();
    let certainty = match contradiction {
        true => Certainty::Doubt,
        false => certainty(status, word_of(&said_code, message), known, class, effect),
    };
    let request_id = request_id(&object);
    Failure { fault: Fault { class, code, message: shown, request_id, retry_after }, certainty }
}

/// An answer that is not the API's: a proxy's page, an empty one, a cut one.
fn foreign(status: u16, retry_after: Option<Duration>, length: usize) -> Failure {
    let success = (200..300).contains(&status);
    let class = if success { Class::Transient } else { class_of_status(status, false) };
    let code = if success { code::UNREADABLE.to_owned() } else { format!("Http{status}") };
    let message = format!("HTTP {status} with {length} bytes that are not an answer of the API");
    let certainty = certainty(status, "", None, class, Effect::Write);
    Failure { fault: Fault { class, code, message, request_id: None, retry_after }, certainty }
}

fn certainty(status: u16, word: &str, known: Option<Class>, class: Class, effect: Effect) -> Certainty {
    let doubt = match known {
        Some(Class::AlreadyExists) => effect == Effect::Create || status >= 500,
        Some(Class::Transient) => {
            status >= 500 || word == "SignatureNonceUsed" || is_or_under(word, "InternalError")
        }
        Some(Class::Throttled | Class::Quota | Class::Denied | Class::Terminal | Class::NotFound) => false,
        // A success that says nothing, a redirect, a time-out at a gateway: who knows. With
        // `Success: false` a 200 is a refusal.
        None => match status {
            200..300 => class == Class::Transient,
            408 | 499 => true,
            400..500 => false,
            _ => true,
        },
    };
    if doubt { Certainty::Doubt } else { Certainty::Nothing }
}

fn class_of_status(status: u16, wait_hint: bool) -> Class {
    match status {
        429 => Class::Throttled,
        _ if wait_hint => Class::Throttled,
        401 | 403 => Class::Denied,
        408 | 499 | 500.. => Class::Transient,
        _ => Class::Terminal,
    }
}

/// The class that code and message settle by themselves. A numeric code keeps its word in the
/// message, and the word says more than the number.
fn class_of_code(code: &str, message: &str) -> Option<Class> {
    let by_code = class_of(word_of(code, message)).or_else(|| class_of(code));
    match by_code {
        Some(class @ (Class::Throttled | Class::Quota | Class::Denied | Class::NotFound)) => Some(class),
        Some(Class::Transient | Class::Terminal | Class::AlreadyExists) | None => {
            says_already_exists(code, message).then_some(Class::AlreadyExists).or(by_code)
        }
    }
}

/// The word that names the error: the code, or of a numeric one the message's first word.
fn word_of<'a>(code: &'a str, message: &'a str) -> &'a str {
    if is_number(code) { first_word(message) } else { code }
}

fn first_word(message: &str) -> &str {
    let end = message.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(message.len());
    message[..end].trim_end_matches('.')
}

// No code for this is known, so any of the ways to say it counts: to take it for something else
// could make a second file.
fn says_already_exists(code: &str, message: &str) -> bool {
    [code, message].into_iter().any(|text| {
        let text = text.to_ascii_lowercase();
        ["alreadyexist", "already exist", "已存在", "duplicate"].iter().any(|way| text.contains(way))
    })
}

pub(super) fn is_clock(code: &str) -> bool {
    is_or_under(code, "InvalidTimeStamp")
}

/// Whether the service does not take the key or its token, whoever signed with it.
pub(super) fn is_about_key(code: &str) -> bool {
    ["InvalidSecurityToken", "InvalidAccessKeyId"].iter().any(|family| is_or_under(code, family))
}

fn is_about_signature(code: &str) -> bool {
    matches!(code, "SignatureDoesNotMatch" | "IncompleteSignature")
}

/// A text field under either spelling; a number is taken as text.
fn field(object: &Map<String, Value>, upper: &str, lower: &str) -> String {
    match object.get(upper).or(object.get(lower)) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => String::new(),
    }
}

fn request_id(object: &Map<String, Value>) -> Option<String> {
    let id = clean(&field(object, "RequestId", "requestId"), CODE_LIMIT);
    (!id.is_empty()).then_some(id)
}

/// Drops `code: 400, ` from the front.
fn without_status_prefix(message: &str) -> &str {
    message
        .strip_prefix("code: ")
        .and_then(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(", "))
        .unwrap_or(message)
}

// Before any cut: the rest of a token that was cut in half would not be found. After the characters that are left out:
// one within a token would hide it.
fn told(text: &str, secrets: &[&str], limit: usize) -> String {
    clean(&without_secrets(&clean(text, usize::MAX), secrets), limit)
}

fn without_secrets(text: &str, secrets: &[&str]) -> String {
    secrets
        .iter()
        .filter(|secret| !secret.is_empty())
        .fold(text.to_owned(), |text, secret| text.replace(secret, "[redacted]"))
}

/// Text that can be shown: no control or bidi characters, line breaks as spaces, at most `limit`
/// bytes and whole characters.
pub(super) fn clean(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for c in text.trim().chars() {
        let shown = match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                continue;
            }
            c if c.is_control() => continue,
            c => c,
        };
        if out.len() + shown.len_utf8() > limit {
            break;
        }
        out.push(shown);
    }
    out
}

/// How long the service asked to wait: `x-acs-retry-after` in milliseconds before `Retry-After`
/// in seconds. Zero, a date or anything else is no wish.
pub(super) fn retry_after(acs: Option<&str>, http: Option<&str>) -> Option<Duration> {
    let positive = |text: &str| text.trim().parse::<u64>().ok().filter(|n| *n > 0);
    let acs = acs.and_then(positive).map(|ms| Duration::from_millis(ms).min(ACS_WAIT_LIMIT));
    acs.or_else(|| http.and_then(positive).map(|s| Duration::from_secs(s).min(HTTP_WAIT_LIMIT)))
}
