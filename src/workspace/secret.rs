//! An access key in a Secret: read once, and again whenever the Secret changes.
//!
//! Only the one Secret that is named is asked for, by its name, so that a Role can be limited to it. Where it may be
//! read but not watched, it is read again every while; where it may not be read, more and more seldom, and at once when
//! a person asks. The rules it keeps: nothing that stands in a Secret is told, but the names of its keys; what it held is
//! dropped when something else stands there; few are held whole at a time, however many workspaces name one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dataworks_core::backoff;
use dataworks_core::object::{ObjectKey, Uid};
use futures::{StreamExt as _, pin_mut};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{WatchEvent, WatchParams};
use secrecy::SecretString;
use tokio::sync::{Notify, Semaphore, watch};
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
/// Secrets that are read at a time. One may have 1.5 MB, and is there as text and decoded while it is read.
const READERS: usize = 4;
/// Most metadata, in bytes of JSON, of a Secret that is watched: the buffer of a watch keeps the size of the longest event
/// that it has seen, and the first event is what the Secret has now. `kubectl apply` keeps a copy of the data there.
const MOST_WATCHED: usize = 64 * 1024;
/// A Secret that may be read and not watched is read again so often.
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

/// The Secrets of the cluster, for all who look after one. Cheap to clone.
#[derive(Clone)]
pub struct Secrets {
    kube: kube::Client,
    readers: Arc<Semaphore>,
}

impl Secrets {
    /// By a client that has no deadline for what it reads, since a watch may be silent for minutes.
    #[must_use]
    pub fn new(kube: kube::Client) -> Self {
        Self { kube, readers: Arc::new(Semaphore::new(READERS)) }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// A Secret that is looked after.
#[derive(Debug)]
pub struct Watched {
    /// Its name.
    pub name: String,
    seen: watch::Receiver<Option<Key>>,
    asked: Arc<Notify>,
    _task: AbortOnDropHandle<()>,
}

impl Watched {
    /// Begins to look after a Secret of the namespace of `workspace`.
    #[must_use]
    pub fn start(secrets: &Secrets, workspace: &ObjectKey, name: &str) -> Self {
        let (sender, seen) = watch::channel(None);
        let asked = Arc::new(Notify::new());
        let one = One {
            api: Api::namespaced(secrets.kube.clone(), &workspace.namespace),
            readers: Arc::clone(&secrets.readers),
            name: name.to_owned(),
            salt: Uid::new(&workspace.to_string()),
        };
        let task = tokio::spawn(one.keep(sender, Arc::clone(&asked)));
        Self { name: name.to_owned(), seen, asked, _task: AbortOnDropHandle::new(task) }
    }

    /// Has it read again soon, where that would take a while by itself.
    pub fn ask(&self) {
        self.asked.notify_one();
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

/// What one Secret was found to be.
struct Seen {
    key: Key,
    version: Option<String>,
    /// Whether it can be told by a watch that it changes.
    watchable: bool,
}

impl Seen {
    fn nothing(key: Key, watchable: bool) -> Self {
        Self { key, version: None, watchable }
    }
}

/// One Secret, and how it is read.
struct One {
    api: Api<Secret>,
    readers: Arc<Semaphore>,
    name: String,
    /// What jitter is drawn from.
    salt: Uid,
}

impl One {
    async fn keep(self, sender: watch::Sender<Option<Key>>, asked: Arc<Notify>) {
        let mut told: Option<(&'static str, Option<String>)> = None;
        // Reads in a row after which nothing was watched.
        let mut unwatched: u32 = 0;
        loop {
            let begun = Instant::now();
            let Seen { key, version, watchable } = self.read().await;
            // What was read before holds while nobody can say otherwise, and the same again is no news.
            let passing = matches!(key, Key::Unread) && told.is_some();
            let now = Some((key.kind(), version.clone()));
            if now != told && !passing {
                told = now;
                sender.send_replace(Some(key));
            }
            let pause = if watchable {
                unwatched = 0;
                if self.changes(version.as_deref()).await { LEAST } else { POLL }
            } else {
                unwatched = unwatched.saturating_add(1);
                backoff::unwatched(&self.salt, unwatched)
            };
            tokio::time::sleep_until(begun + LEAST).await;
            tokio::select! {
                () = tokio::time::sleep_until(begun + pause) => {}
                () = asked.notified() => {}
            }
        }
    }

    /// What stands there.
    async fn read(&self) -> Seen {
        // Held until the Secret is dropped.
        let Ok(_reader) = self.readers.acquire().await else { return Seen::nothing(Key::Unread, false) };
        match tokio::time::timeout(DEADLINE, self.api.get_opt(&self.name)).await {
            Ok(Ok(Some(secret))) => {
                let version = secret.metadata.resource_version.clone();
                let watchable = size(&secret.metadata) <= MOST_WATCHED;
                let key =
                    taken(&self.name, secret).map_or_else(Key::Invalid, |key| Key::Given(Arc::new(key)));
                Seen { key, version, watchable }
            }
            Ok(Ok(None)) => Seen::nothing(Key::Absent, true),
            Ok(Err(kube::Error::Api(status))) if status.is_forbidden() => {
                Seen::nothing(Key::Forbidden, false)
            }
            Ok(Err(error)) => {
                debug!(%error, "a Secret could not be read");
                Seen::nothing(Key::Unread, false)
            }
            Err(_) => Seen::nothing(Key::Unread, false),
        }
    }

    /// Waits for another version. False when that cannot be waited for.
    async fn changes(&self, version: Option<&str>) -> bool {
        let params = WatchParams::default()
            .fields(&format!("metadata.name={}", self.name))
            .timeout(WATCH_SECONDS)
            .disable_bookmarks();
        // Not from the Secret's own version: it may be older than all that the API server remembers.
        let begun = tokio::time::timeout(DEADLINE, self.api.watch_metadata(&params, "0")).await;
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
}

/// Bytes of metadata as JSON.
fn size(metadata: &ObjectMeta) -> usize {
    serde_json::to_vec(metadata).map_or(usize::MAX, |text| text.len())
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
mod tests;
