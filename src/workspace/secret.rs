//! An access key in a Secret: read once, and again whenever the Secret changes.
//!
//! Only the one Secret that is named is asked for, by its name, so that a Role can be limited to it. Where it may be
//! read but not watched, it is read again every while. The rules it keeps: nothing that stands in a Secret is told, but
//! the names of its keys; what it held is dropped when something else stands there.

use std::sync::Arc;
use std::time::Duration;

use dataworks_core::object::ObjectKey;
use futures::{StreamExt as _, pin_mut};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{WatchEvent, WatchParams};
use secrecy::SecretString;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use crate::dataworks::credentials::Credentials;

/// The keys of the Secret.
const ID: &str = "accessKeyId";
const SECRET: &str = "accessKeySecret";
const TOKEN: &str = "securityToken";
/// Longest value taken, in bytes: temporary tokens have some 1,000.
const LONGEST: usize = 16 * 1024;
/// A Secret that cannot be watched is read again so often.
const POLL: Duration = Duration::from_secs(15);
/// Between two reads at least.
const LEAST: Duration = Duration::from_secs(1);
/// Deadline of a read, and of the first answer to a watch.
const DEADLINE: Duration = Duration::from_secs(15);
/// Seconds that a watch lasts on the server; kube's own longest is 295.
const WATCH_SECONDS: u32 = 240;
/// The same here, where the server does not end it.
const WATCH: Duration = Duration::from_secs(260);

/// What to do about a right that is missing in a namespace: `binding` is what the chart makes where an administrator
/// lists one.
#[must_use]
pub fn allow(binding: &str, namespace: &str) -> String {
    format!(
        "an administrator allows it with the RoleBinding {binding:?} in namespace {namespace:?}, which the chart makes for \
         each of its rbac.secretNamespaces"
    )
}

/// What a Secret gives.
#[derive(Clone, Debug)]
pub enum Key {
    /// An access key.
    Given(Arc<Credentials>),
    /// There is no such Secret.
    Absent,
    /// It does not hold one.
    Invalid(String),
    /// It may not be read.
    Forbidden,
    /// It could not be read; it may be there.
    Unread,
}

impl Key {
    fn kind(&self) -> &'static str {
        match self {
            Self::Given(_) => "given",
            Self::Absent => "absent",
            Self::Invalid(_) => "invalid",
            Self::Forbidden => "forbidden",
            Self::Unread => "unread",
        }
    }
}

/// A Secret that is looked after.
#[derive(Debug)]
pub struct Watched {
    /// Its name.
    pub name: String,
    seen: watch::Receiver<Option<Key>>,
    _task: AbortOnDropHandle<()>,
}

impl Watched {
    /// Begins to look after a Secret of the namespace of `workspace`.
    #[must_use]
    pub fn start(kube: kube::Client, workspace: &ObjectKey, name: &str) -> Self {
        let (sender, seen) = watch::channel(None);
        let secrets: Api<Secret> = Api::namespaced(kube, &workspace.namespace);
        let task = tokio::spawn(keep(secrets, name.to_owned(), sender));
        Self { name: name.to_owned(), seen, _task: AbortOnDropHandle::new(task) }
    }

    /// What it gives now; waits for the first read.
    pub async fn current(&mut self) -> Key {
        let seen = self.seen.wait_for(Option::is_some).await;
        // That marks it seen: what comes after is news.
        let key = seen.ok().and_then(|seen| seen.clone());
        key.unwrap_or(Key::Unread)
    }

    /// Ends when it gives something else than what was last asked for.
    pub async fn changed(&mut self) {
        if self.seen.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn keep(secrets: Api<Secret>, name: String, sender: watch::Sender<Option<Key>>) {
    let mut told: Option<(&'static str, Option<String>)> = None;
    loop {
        let begun = Instant::now();
        let (key, version) = read(&secrets, &name).await;
        let readable = !matches!(key, Key::Forbidden | Key::Unread);
        // What was read before holds while nobody can say otherwise, and the same again is no news.
        let passing = matches!(key, Key::Unread) && told.is_some();
        let now = Some((key.kind(), version.clone()));
        if now != told && !passing {
            told = now;
            sender.send_replace(Some(key));
        }
        let pause = if readable && changes(&secrets, &name, version.as_deref()).await { LEAST } else { POLL };
        tokio::time::sleep_until(begun + pause).await;
    }
}

/// What stands there, and its version.
async fn read(secrets: &Api<Secret>, name: &str) -> (Key, Option<String>) {
    match tokio::time::timeout(DEADLINE, secrets.get_opt(name)).await {
        Ok(Ok(Some(secret))) => {
            let version = secret.metadata.resource_version.clone();
            (taken(name, secret).map_or_else(Key::Invalid, |key| Key::Given(Arc::new(key))), version)
        }
        Ok(Ok(None)) => (Key::Absent, None),
        Ok(Err(kube::Error::Api(status))) if status.is_forbidden() => (Key::Forbidden, None),
        Ok(Err(error)) => {
            debug!(%error, "a Secret could not be read");
            (Key::Unread, None)
        }
        Err(_) => (Key::Unread, None),
    }
}

/// Waits for another version. False when that cannot be waited for.
async fn changes(secrets: &Api<Secret>, name: &str, version: Option<&str>) -> bool {
    let params = WatchParams::default()
        .fields(&format!("metadata.name={name}"))
        .timeout(WATCH_SECONDS)
        .disable_bookmarks();
    // Not from the Secret's own version: it may be older than all that the API server remembers.
    let begun = tokio::time::timeout(DEADLINE, secrets.watch_metadata(&params, "0")).await;
    let Ok(Ok(events)) = begun else { return false };
    pin_mut!(events);
    let next = async {
        while let Some(event) = events.next().await {
            match event {
                Ok(WatchEvent::Added(meta) | WatchEvent::Modified(meta)) => {
                    if meta.metadata.resource_version.as_deref() != version {
                        return true;
                    }
                }
                Ok(WatchEvent::Deleted(_)) => return true,
                Ok(WatchEvent::Bookmark(_)) => {}
                Ok(WatchEvent::Error(_)) | Err(_) => return false,
            }
        }
        // It ended in time.
        true
    };
    tokio::time::timeout(WATCH, next).await.unwrap_or(true)
}

/// The access key in a Secret, or what is wrong with it. White space around a value is dropped: a Secret made from a
/// file often ends in a newline.
fn taken(name: &str, secret: Secret) -> Result<Credentials, String> {
    let data = secret.data.unwrap_or_default();
    let value = |key: &str| -> Result<Option<String>, String> {
        let Some(ByteString(bytes)) = data.get(key) else { return Ok(None) };
        let unusable = |why| format!("Key {key} of Secret {name:?} {why}.");
        if bytes.len() > LONGEST {
            return Err(unusable("is too long"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| unusable("holds no text"))?.trim();
        if text.chars().any(|c| !c.is_ascii_graphic()) {
            return Err(unusable("holds spaces or other characters that no access key has"));
        }
        Ok((!text.is_empty()).then(|| text.to_owned()))
    };
    let needed = |key: &str| {
        value(key)?.ok_or_else(|| {
            format!("Secret {name:?} has no key {key}, or an empty one. It needs {ID} and {SECRET}, and for temporary \
                     credentials {TOKEN}.")
        })
    };
    Ok(Credentials {
        access_key_id: needed(ID)?,
        access_key_secret: needed(SECRET)?.into(),
        security_token: value(TOKEN)?.map(SecretString::from),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn check(data: &[(&str, &[u8])]) -> Result<String, String> {
        let data: BTreeMap<String, ByteString> =
            data.iter().map(|(key, value)| ((*key).to_owned(), ByteString(value.to_vec()))).collect();
        let key = taken("s", Secret { data: Some(data), ..Secret::default() })?;
        let token = key.security_token.map_or_else(String::new, |token| token.expose_secret().to_owned());
        Ok(format!("{} {} {token}", key.access_key_id, key.access_key_secret.expose_secret()))
    }

    #[test]
    fn a_secret_holds_a_key_or_says_what_is_missing() {
        let long = "x".repeat(LONGEST + 1);
        let (id, secret): (&[u8], &[u8]) = (b"LTAI1", b"hush");
        type Row<'a> = (&'a [(&'a str, &'a [u8])], Result<&'a str, &'a str>);
        let rows: [Row<'_>; 9] = [
            (&[(ID, id), (SECRET, secret)], Ok("LTAI1 hush ")),
            (&[(ID, b" LTAI1\n"), (SECRET, b"hush\n"), (TOKEN, b"t")], Ok("LTAI1 hush t")),
            (&[(ID, id), (SECRET, secret), (TOKEN, b"")], Ok("LTAI1 hush ")),
            (&[(SECRET, secret)], Err("has no key accessKeyId")),
            (&[(ID, id)], Err("has no key accessKeySecret")),
            (&[(ID, id), (SECRET, b" \n")], Err("has no key accessKeySecret")),
            (&[(ID, id), (SECRET, b"hu sh")], Err("Key accessKeySecret of Secret \"s\" holds spaces")),
            (&[(ID, id), (SECRET, &[0xff])], Err("holds no text")),
            (&[(ID, id), (SECRET, long.as_bytes())], Err("is too long")),
        ];
        for (data, want) in rows {
            match (check(data), want) {
                (Ok(found), Ok(want)) => assert_eq!(found, want),
                (Err(found), Err(want)) => {
                    assert!(found.contains(want) && !found.contains("hu"), "{found}");
                }
                (found, want) => panic!("{found:?}, not {want:?}"),
            }
        }
    }
}
