//! A client's side of ACS3-HMAC-SHA256, written for tests alone.

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What is signed.
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) action: &'a str,
    pub(crate) version: &'a str,
    /// Query parameters, not coded.
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a str,
    pub(crate) date: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) access_key_id: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) token: Option<&'a str>,
}

/// `key=value&…`, sorted by key, every reserved byte as `%XX`.
pub(crate) fn encode(pairs: &[(&str, &str)]) -> String {
    let mut sorted = pairs.to_vec();
    sorted.sort_unstable();
    let parts: Vec<_> = sorted
        .iter()
        .map(|(key, value)| {
            let key = utf8_percent_encode(key, RESERVED);
            format!("{key}={}", utf8_percent_encode(value, RESERVED))
        })
        .collect();
    parts.join("&")
}

/// The headers to send, `authorization` last; `host` is left to the HTTP client.
pub(crate) fn headers(request: &Unsigned<'_>) -> Vec<(String, String)> {
    let hash = hex::encode(Sha256::digest(request.body));
    let mut headers = vec![
        ("host", request.host),
        ("x-acs-action", request.action),
        ("x-acs-content-sha256", &hash),
        ("x-acs-date", request.date),
        ("x-acs-signature-nonce", request.nonce),
        ("x-acs-version", request.version),
    ];
    if request.method == "POST" {
        headers.push(("content-type", "application/x-www-form-urlencoded"));
    }
    if let Some(token) = request.token {
        headers.push(("x-acs-security-token", token));
        headers.push(("x-acs-accesskey-id", request.access_key_id));
    }
    headers.sort_unstable();
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let canonical = format!("{}\n/\n{}\n{lines}\n{names}\n{hash}", request.method, encode(request.query),);
    let text = format!("ACS3-HMAC-SHA256\n{}", hex::encode(Sha256::digest(&canonical)));
    let signature = Hmac::<Sha256>::new_from_slice(request.secret.as_bytes())
        .map(|mac| mac.chain_update(text).finalize().into_bytes())
        .map(hex::encode)
        .unwrap_or_default();
    let authorization = format!(
        "ACS3-HMAC-SHA256 Credential={},SignedHeaders={names},Signature={signature}",
        request.access_key_id
    );
    headers
        .into_iter()
        .filter(|(name, _)| *name != "host")
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .chain([("authorization".to_owned(), authorization)])
        .collect()
}
