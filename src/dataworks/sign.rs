//! ACS3-HMAC-SHA256, the signature of a request.
//!
//! Pure: method, query, headers, payload hash and key in, signature out. It must not know which
//! operation is signed, what the time is or where the key comes from. The path is always `/`, as
//! it is for every RPC-style operation. The rule it keeps: the header pairs given here are the
//! ones that are sent, and all of them are signed.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::encode::{Pair, canonical_query};

/// The name of the algorithm, in the authorization header and in the string to sign.
const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// What is signed.
pub struct Signable<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The query's raw pairs. A form's pairs are not among them: the payload hash covers those.
    pub query: &'a [Pair<'a>],
    /// The headers to sign: lower-case names, in any order.
    pub headers: &'a [Pair<'a>],
    /// Hex SHA-256 of the body, as in `x-acs-content-sha256`.
    pub payload_hash: &'a str,
}

/// A signature with what led to it. Has no `Debug`: the canonical request holds the security
/// token.
pub struct Signature {
    /// The text whose hash is signed.
    pub canonical_request: String,
    /// The text that is signed.
    pub string_to_sign: String,
    /// The signature in hex.
    pub signature: String,
    /// The value of the `authorization` header.
    pub authorization: String,
}

/// Hex SHA-256 of a body.
#[must_use]
pub fn payload_hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

/// Signs a request with a key pair.
#[must_use]
pub fn sign(request: &Signable<'_>, access_key_id: &str, secret: &SecretString) -> Signature {
    let mut headers: Vec<&Pair<'_>> = request.headers.iter().collect();
    headers.sort_by_key(|(name, _)| *name);
    let signed_headers = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");

    let mut canonical_request = String::with_capacity(1024);
    canonical_request.push_str(request.method);
    canonical_request.push_str("\n/\n");
    canonical_request.push_str(&canonical_query(request.query));
    canonical_request.push('\n');
    for (name, value) in headers {
        canonical_request.extend([name, ":", value.trim(), "\n"]);
    }
    canonical_request.extend(["\n", &signed_headers, "\n", request.payload_hash]);

    let hash = hex::encode(Sha256::digest(canonical_request.as_bytes()));
    let string_to_sign = format!("{ALGORITHM}\n{hash}");
    let signature = hex::encode(hmac(secret, string_to_sign.as_bytes()));
    let authorization = format!(
        "{ALGORITHM} Credential={access_key_id},SignedHeaders={signed_headers},Signature={signature}"
    );
    Signature { canonical_request, string_to_sign, signature, authorization }
}

// The key's set-up is two rounds of SHA-256, a fraction of what one request costs: keeping it
// between calls would not pay for a second copy of the secret in memory.
#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn hmac(secret: &SecretString, text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}
