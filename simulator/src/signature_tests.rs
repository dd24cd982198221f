//! The check against every signed DataWorks request that the vendor's SDK was captured sending.

use axum::http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::*;

const TOKEN: &str = "CAISexample+Token/with=signs==";

struct Request {
    name: String,
    method: Method,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    fn verdict(&self, keys: &[AccessKey], now_ms: i64) -> Result<u128, String> {
        let wire = Wire {
            method: &self.method,
            path: "/",
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        };
        verify(&wire, keys, now_ms, VALIDITY_MS).map(|caller| caller.nonce).map_err(|error| error.code)
    }
}

fn keys() -> Vec<AccessKey> {
    vec![AccessKey::default(), AccessKey { security_token: Some(TOKEN.to_owned()), ..AccessKey::default() }]
}

fn now_ms() -> i64 {
    parse_iso("2026-01-02T03:04:05Z").expect("a date")
}

fn captured() -> Vec<Request> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/vectors");
    let mut requests = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the vectors") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a vector");
        let vector: Value = serde_json::from_str(&text).expect("JSON");
        for request in vector["requests"].as_array().into_iter().flatten() {
            let headers = request["headers"].as_object().expect("headers");
            if !headers.contains_key("authorization") {
                continue;
            }
            // Uploaded bytes aside, bodies of signed requests are text.
            let body = request["body"].as_str().expect("a text body");
            requests.push(Request {
                name: vector["name"].as_str().expect("a name").to_owned(),
                method: request["method"].as_str().expect("method").parse().expect("one"),
                query: request["query"].as_str().expect("query").to_owned(),
                headers: headers
                    .iter()
                    .map(|(name, value)| {
                        let name: HeaderName = name.parse().expect("a header name");
                        let value = value.as_str().expect("text");
                        (name, HeaderValue::from_str(value).expect("a header value"))
                    })
                    .collect(),
                body: body.as_bytes().to_vec(),
            });
        }
    }
    requests
}

fn one(name: &str) -> Request {
    captured().into_iter().find(|request| request.name == name).expect(name)
}

/// A byte that is neither what stood there nor anything that decodes to the same.
fn other(byte: u8) -> u8 {
    if byte == b'y' { b'x' } else { b'y' }
}

#[test]
fn every_captured_request_is_accepted() {
    let requests = captured();
    assert!(requests.len() >= 40, "only {} vectors", requests.len());
    for request in requests {
        let verdict = request.verdict(&keys(), now_ms());
        assert!(verdict.is_ok(), "{}: {verdict:?}", request.name);
    }
}

#[test]
fn one_changed_byte_of_query_body_or_method_is_refused() {
    for mut request in captured() {
        for at in 0..request.query.len() {
            let whole = request.query.clone();
            let mut bytes = whole.clone().into_bytes();
            bytes[at] = other(bytes[at]);
            request.query = String::from_utf8(bytes).expect("ASCII");
            let verdict = request.verdict(&keys(), now_ms());
            assert!(verdict.is_err(), "{}: {}", request.name, request.query);
            request.query = whole;
        }
        // Long bodies: a few hundred places are as good as all.
        let step = request.body.len() / 200 + 1;
        for at in (0..request.body.len()).step_by(step) {
            let byte = request.body[at];
            request.body[at] = other(byte);
            let verdict = request.verdict(&keys(), now_ms());
            assert!(verdict.is_err(), "{}: body byte {at}", request.name);
            request.body[at] = byte;
        }
        request.body.push(b' ');
        assert!(request.verdict(&keys(), now_ms()).is_err());
        request.body.pop();
        request.method = Method::PUT;
        assert!(request.verdict(&keys(), now_ms()).is_err());
    }
}

#[test]
fn one_changed_byte_of_a_signed_header_is_refused() {
    for mut request in captured() {
        let authorization = request.headers["authorization"].to_str().expect("text");
        let list = authorization
            .split_once("SignedHeaders=")
            .and_then(|(_, rest)| rest.split_once(','))
            .expect("a list")
            .0;
        let mut names: Vec<_> = list.split(';').map(str::to_owned).collect();
        names.push("authorization".to_owned());
        for name in names {
            let whole = request.headers[&name].clone();
            for at in 0..whole.len() {
                let mut bytes = whole.as_bytes().to_vec();
                bytes[at] = other(bytes[at]);
                let changed = HeaderValue::from_bytes(&bytes).expect("a value");
                request.headers.insert(name.parse::<HeaderName>().expect("a name"), changed);
                let verdict = request.verdict(&keys(), now_ms());
                assert!(verdict.is_err(), "{}: {name} byte {at}", request.name);
            }
            request.headers.insert(name.parse::<HeaderName>().expect("a name"), whole);
        }
        assert!(request.verdict(&keys(), now_ms()).is_ok());
    }
}

#[test]
fn refusals_have_the_contract_s_codes() {
    let check = |what: &str, request: &Request, keys: &[AccessKey], now_ms: i64, code: &str| {
        assert_eq!(request.verdict(keys, now_ms), Err(code.to_owned()), "{what}");
    };
    let plain = one("get-resource");
    let sts = one("get-resource-sts");
    let static_key = [AccessKey::default()];
    let temporary = |expires_at_ms| {
        [AccessKey { security_token: Some(TOKEN.to_owned()), expires_at_ms, ..AccessKey::default() }]
    };
    let wrong_secret = [AccessKey { secret: "other".to_owned(), ..AccessKey::default() }];
    let inactive = [AccessKey { inactive: true, ..AccessKey::default() }];
    let validity_ms = i64::try_from(VALIDITY_MS).expect("minutes");
    let late = now_ms() + validity_ms + 1;
    check("late", &plain, &static_key, late, "InvalidTimeStamp.Expired");
    let early = now_ms() - validity_ms - 1;
    check("early", &plain, &static_key, early, "InvalidTimeStamp.Expired");
    check("no key", &plain, &[], now_ms(), "InvalidAccessKeyId.NotFound");
    check("secret", &plain, &wrong_secret, now_ms(), "SignatureDoesNotMatch");
    check("off", &plain, &inactive, now_ms(), "InvalidAccessKeyId.Inactive");
    let mismatch = "InvalidSecurityToken.MismatchWithAccessKey";
    check("token", &sts, &static_key, now_ms(), mismatch);
    check("no token", &plain, &temporary(None), now_ms(), "MissingSecurityToken");
    let ended = temporary(Some(now_ms()));
    check("ended", &sts, &ended, now_ms(), "InvalidSecurityToken.Expired");
    let lasting = temporary(Some(now_ms() + 1));
    assert!(sts.verdict(&lasting, now_ms()).is_ok());
    assert!(plain.verdict(&static_key, now_ms() + validity_ms).is_ok());
}

#[test]
fn unsigned_or_missing_headers_are_refused() {
    for name in ALWAYS_SIGNED {
        let mut request = one("get-resource");
        let whole = request.headers["authorization"].to_str().expect("text");
        let without = whole.replace(&format!("{name};"), "").replace(&format!(";{name}"), "");
        let value = HeaderValue::from_str(&without).expect("a value");
        request.headers.insert("authorization", value);
        let verdict = request.verdict(&keys(), now_ms());
        assert_eq!(verdict, Err("IncompleteSignature".to_owned()), "{name}");

        let mut request = one("get-resource");
        request.headers.remove(name);
        assert!(request.verdict(&keys(), now_ms()).is_err(), "{name}");
    }
    let mut request = one("get-resource");
    request.headers.remove("authorization");
    let verdict = request.verdict(&keys(), now_ms());
    assert_eq!(verdict, Err("IncompleteSignature".to_owned()));
}
