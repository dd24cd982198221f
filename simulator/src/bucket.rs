//! The temporary bucket that files are uploaded to before a call names them: what AuthorizeFileUpload
//! hands out, what PostObject brings, and what CreateResource then finds.
//!
//! It knows neither HTTP nor workspaces. The rule it keeps: an object is stored only under a policy that
//! this bucket signed, for that key and no other, before the policy ends.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::clock::{Now, iso, parse_iso};
use crate::error::ApiError;
use crate::settings::UploadSettings;

/// The key that forms are signed with; it is handed out, and nobody has its secret.
const ACCESS_KEY_ID: &str = "LTAIossSimulator";
/// Bytes of all objects; the oldest go first, as they do with the service after a while.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// An uploaded file. Cheap to clone; its bytes are never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoredFile {
    pub(crate) bytes: Bytes,
    pub(crate) sha256: Arc<str>,
}

impl StoredFile {
    pub(crate) fn new(bytes: Bytes) -> Self {
        let sha256 = hex::encode(Sha256::digest(&bytes)).into();
        Self { bytes, sha256 }
    }
}

impl std::fmt::Debug for StoredFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredFile").field("bytes", &self.bytes.len()).field("sha256", &self.sha256).finish()
    }
}

/// The objects, by the URL that a call names them with.
#[derive(Debug)]
pub(crate) struct Bucket {
    secret: String,
    objects: HashMap<String, StoredFile>,
    order: VecDeque<String>,
    held: usize,
}

impl Default for Bucket {
    fn default() -> Self {
        let secret = Uuid::new_v4().simple().to_string();
        Self { secret, objects: HashMap::new(), order: VecDeque::new(), held: 0 }
    }
}

impl Bucket {
    /// What AuthorizeFileUpload answers; asked for at `host`.
    pub(crate) fn authorize(&self, product: &str, host: &str, settings: &UploadSettings, now: Now) -> Value {
        let (bucket, endpoint) = address(host, settings);
        // With what a URL would have to code, as the service's keys may have it.
        let key = format!("{product}/1000/{}/é obj+1.bin", Uuid::new_v4().simple());
        let end = now.wall_ms.saturating_add(i64::try_from(settings.policy_validity_ms).unwrap_or(i64::MAX));
        let policy = json!({
            "expiration": iso(end),
            "conditions": [["eq", "$key", key], ["content-length-range", 0, settings.max_bytes]],
        });
        let policy = STANDARD.encode(policy.to_string());
        json!({
            "AccessKeyId": ACCESS_KEY_ID,
            "Bucket": bucket,
            "Endpoint": endpoint,
            "EncodedPolicy": policy,
            "Signature": STANDARD.encode(self.sign(&policy)),
            "ObjectKey": key,
            "UseAccelerate": false,
        })
    }

    /// Whether a form may store so many bytes.
    pub(crate) fn admit(&self, form: &Form<'_>, bytes: usize, now: Now) -> Result<(), ApiError> {
        let denied =
            |why: &str| ApiError::new(403, "AccessDenied", format!("Invalid according to Policy: {why}."));
        if form.access_key_id != ACCESS_KEY_ID {
            return Err(ApiError::new(
                403,
                "InvalidAccessKeyId",
                "The OSS Access Key Id you provided does not exist.",
            ));
        }
        if STANDARD.decode(form.signature).ok() != Some(self.sign(form.policy)) {
            let why = "The request signature we calculated does not match the signature you provided.";
            return Err(ApiError::new(403, "SignatureDoesNotMatch", why));
        }
        let policy: Value = STANDARD
            .decode(form.policy)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or_else(|| ApiError::new(400, "InvalidPolicyDocument", "The policy is not JSON."))?;
        let end = policy["expiration"].as_str().and_then(parse_iso);
        if end.is_none_or(|end| end <= now.wall_ms) {
            return Err(denied("Policy expired"));
        }
        if policy["conditions"][0][2] != form.key {
            return Err(denied("Policy Condition failed: [\"eq\", \"$key\"]"));
        }
        let most = policy["conditions"][1][2].as_u64().unwrap_or(0);
        if u64::try_from(bytes).unwrap_or(u64::MAX) > most {
            let why = "Your proposed upload exceeds the maximum allowed object size.";
            return Err(ApiError::new(400, "EntityTooLarge", why));
        }
        Ok(())
    }

    /// Stores an object; what is there under its name is replaced.
    pub(crate) fn put(&mut self, url: String, file: StoredFile) {
        self.held += file.bytes.len();
        if let Some(old) = self.objects.insert(url.clone(), file) {
            self.held -= old.bytes.len();
        } else {
            self.order.push_back(url);
        }
        while self.held > MOST_BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            self.held -= self.objects.remove(&oldest).map_or(0, |file| file.bytes.len());
        }
    }

    /// The object that a URL names.
    pub(crate) fn get(&self, url: &str) -> Option<StoredFile> {
        self.objects.get(url).cloned()
    }

    /// Removes all objects.
    pub(crate) fn clear(&mut self) {
        self.objects.clear();
        self.order.clear();
        self.held = 0;
    }

    fn sign(&self, policy: &str) -> Vec<u8> {
        // HMAC takes keys of any length.
        let mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes());
        mac.map(|mac| mac.chain_update(policy).finalize().into_bytes().to_vec()).unwrap_or_default()
    }
}

/// The fields of a form that say whether it may store.
#[derive(Clone, Copy)]
pub(crate) struct Form<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) policy: &'a str,
    pub(crate) key: &'a str,
}

/// Bucket and endpoint: as they are set, else such that `bucket.endpoint` is `host` again.
fn address(host: &str, settings: &UploadSettings) -> (String, String) {
    let (first, rest) = host.split_once('.').unwrap_or(("bucket", host));
    let pick = |set: &Option<String>, own: &str| set.clone().unwrap_or_else(|| own.to_owned());
    (pick(&settings.bucket, first), pick(&settings.endpoint, rest))
}

/// Whether a URL is one of this bucket, asked at `host`.
pub(crate) fn is_own(url: &str, host: &str, settings: &UploadSettings) -> bool {
    let (bucket, endpoint) = address(host, settings);
    url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).is_some_and(|(authority, _)| {
        authority.strip_prefix(bucket.as_str()).and_then(|rest| rest.strip_prefix('.'))
            == Some(endpoint.as_str())
    })
}
