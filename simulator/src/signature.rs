//! ACS3-HMAC-SHA256 from the other side: is this request what the holder of the key signed?
//!
//! Everything is rebuilt from the bytes that arrived: the query is decoded and coded again, the
//! body is hashed, the headers are taken as the request says they were signed. It knows neither
//! time (passed in) nor which nonces were seen (the caller keeps them).

use axum::http::{HeaderMap, Method};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::clock::parse_iso;
use crate::config::AccessKey;
use crate::error::ApiError;
use crate::percent;

/// How far a request's date may be off, both ways, unless the settings say otherwise.
pub(crate) const VALIDITY_MS: u64 = 15 * 60 * 1000;

/// Headers that must be signed for the signature to mean anything.
const ALWAYS_SIGNED: [&str; 6] =
    ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"];

/// Names that may stand in `SignedHeaders`.
const MOST_SIGNED_HEADERS: usize = 64;

/// A request as it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// Who signed a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) key: &'a AccessKey,
    /// 128 bits that stand for key and nonce together.
    pub(crate) nonce: u128,
}

/// Checks a request against the keys that are known.
pub(crate) fn verify<'a>(
    wire: &Wire<'_>,
    keys: &'a [AccessKey],
    now_ms: i64,
    validity_ms: u64,
) -> Result<Caller<'a>, ApiError> {
    let claim = Claim::parse(single(wire.headers, "authorization")?.trim())?;
    for name in ALWAYS_SIGNED {
        if !claim.signed.contains(&name) {
            return Err(incomplete(&format!("the header {name} is not signed")));
        }
    }
    let date = single(wire.headers, "x-acs-date")?;
    let date_ms = parse_iso(date).ok_or_else(|| {
        ApiError::new(
            400,
            "InvalidTimeStamp.Format",
            "The x-acs-date must have the form YYYY-MM-DDThh:mm:ssZ.",
        )
    })?;
    if date_ms.abs_diff(now_ms) > validity_ms {
        return Err(ApiError::new(
            400,
            "InvalidTimeStamp.Expired",
            format!("The x-acs-date is more than {} s off the server's time.", validity_ms / 1000),
        ));
    }
    let key = find_key(&claim, wire.headers, keys, now_ms)?;
    let body_hash = single(wire.headers, "x-acs-content-sha256")?;
    if body_hash != hex::encode(Sha256::digest(wire.body)) {
        return Err(mismatch("x-acs-content-sha256 is not the body's hash"));
    }
    let canonical = canonical_request(wire, &claim, body_hash)?;
    let hashed = hex::encode(Sha256::digest(canonical.as_bytes()));
    let mut mac = Hmac::<Sha256>::new_from_slice(key.secret.as_bytes())
        .map_err(|_| mismatch("the key cannot be used"))?;
    mac.update(b"ACS3-HMAC-SHA256\n");
    mac.update(hashed.as_bytes());
    if mac.verify_slice(&claim.signature).is_err() {
        return Err(mismatch("the request is not what the key's holder signed"));
    }
    let nonce = single(wire.headers, "x-acs-signature-nonce")?;
    if nonce.is_empty() {
        return Err(incomplete("x-acs-signature-nonce is empty"));
    }
    Ok(Caller { key, nonce: nonce_digest(&key.access_key_id, nonce) })
}

/// The `Authorization` header, taken apart.
struct Claim<'h> {
    access_key_id: &'h str,
    signed: Vec<&'h str>,
    signed_text: &'h str,
    signature: Vec<u8>,
}

impl<'h> Claim<'h> {
    fn parse(text: &'h str) -> Result<Self, ApiError> {
        let rest = text
            .strip_prefix("ACS3-HMAC-SHA256 ")
            .ok_or_else(|| incomplete("Authorization is not of ACS3-HMAC-SHA256"))?;
        let (mut id, mut signed, mut signature) = (None, None, None);
        for part in rest.split(',') {
            match part.trim().split_once('=') {
                Some(("Credential", value)) => id = Some(value),
                Some(("SignedHeaders", value)) => signed = Some(value),
                Some(("Signature", value)) => signature = Some(value),
                _ => return Err(incomplete("Authorization has an unknown part")),
            }
        }
        let (Some(access_key_id), Some(signed_text), Some(signature)) = (id, signed, signature) else {
            return Err(incomplete("Authorization lacks a part"));
        };
        let signed: Vec<_> = signed_text.split(';').collect();
        let in_order = signed.windows(2).all(|pair| pair[0] < pair[1]);
        if !in_order || signed.len() > MOST_SIGNED_HEADERS {
            return Err(incomplete("SignedHeaders are not in order"));
        }
        Ok(Self {
            access_key_id,
            signed,
            signed_text,
            signature: hex::decode(signature).map_err(|_| mismatch("the signature is not hexadecimal"))?,
        })
    }
}

/// The key of the claim whose token, or lack of one, the request has.
fn find_key<'a>(
    claim: &Claim<'_>,
    headers: &HeaderMap,
    keys: &'a [AccessKey],
    now_ms: i64,
) -> Result<&'a AccessKey, ApiError> {
    let token = match headers.contains_key("x-acs-security-token") {
        true => Some(single(headers, "x-acs-security-token")?),
        false => None,
    };
    if token.is_some() && !claim.signed.contains(&"x-acs-security-token") {
        return Err(incomplete("the header x-acs-security-token is not signed"));
    }
    let mut known = keys.iter().filter(|key| key.access_key_id == claim.access_key_id).peekable();
    if known.peek().is_none() {
        return Err(ApiError::new(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."));
    }
    let Some(key) = known.find(|key| key.security_token.as_deref() == token) else {
        return Err(match token {
            Some(_) => ApiError::new(
                400,
                "InvalidSecurityToken.MismatchWithAccessKey",
                "The security token does not belong to the access key.",
            ),
            None => {
                ApiError::new(400, "MissingSecurityToken", "SecurityToken is mandatory for this access key.")
            }
        });
    };
    if key.inactive {
        return Err(ApiError::new(403, "InvalidAccessKeyId.Inactive", "The access key is disabled."));
    }
    if key.expires_at_ms.is_some_and(|end| end <= now_ms) {
        return Err(ApiError::new(400, "InvalidSecurityToken.Expired", "The security token has expired."));
    }
    Ok(key)
}

fn canonical_request(wire: &Wire<'_>, claim: &Claim<'_>, body_hash: &str) -> Result<String, ApiError> {
    let mut text = String::with_capacity(1024);
    text.push_str(wire.method.as_str());
    text.push('\n');
    text.push_str(wire.path);
    text.push('\n');
    let mut query = percent::pairs(wire.query.as_bytes());
    query.sort_by(|left, right| left.0.cmp(&right.0));
    for (at, (key, value)) in query.iter().enumerate() {
        if at > 0 {
            text.push('&');
        }
        percent::encode_into(key, &mut text);
        text.push('=');
        percent::encode_into(value, &mut text);
    }
    text.push('\n');
    for name in &claim.signed {
        text.push_str(name);
        text.push(':');
        text.push_str(single(wire.headers, name)?.trim());
        text.push('\n');
    }
    text.push('\n');
    text.push_str(claim.signed_text);
    text.push('\n');
    text.push_str(body_hash);
    Ok(text)
}

/// A header that is there once, as text. Two of a name leave open which one was signed.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, ApiError> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(incomplete(&format!("the header {name} must be there, once")));
    };
    // Header values are bytes; anything else than ASCII would need a rule that nobody wrote.
    std::str::from_utf8(value.as_bytes()).map_err(|_| incomplete(&format!("the header {name} is not text")))
}

fn nonce_digest(access_key_id: &str, nonce: &str) -> u128 {
    let digest = Sha256::new()
        .chain_update(access_key_id.as_bytes())
        .chain_update([0])
        .chain_update(nonce.as_bytes())
        .finalize();
    digest.iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

fn incomplete(why: &str) -> ApiError {
    ApiError::new(400, "IncompleteSignature", format!("The signature is not complete: {why}."))
}

fn mismatch(why: &str) -> ApiError {
    ApiError::new(
        400,
        "SignatureDoesNotMatch",
        format!("Specified signature is not matched with our calculation: {why}."),
    )
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
