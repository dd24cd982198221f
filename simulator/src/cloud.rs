//! Everything that calls share, each part behind a short lock of its own.
//!
//! No lock is held across an await, and no two at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use uuid::Uuid;

use crate::bucket::Bucket;
use crate::clock::{Clock, Now};
use crate::config::{AccessKey, Config};
use crate::error::ApiError;
use crate::faults::{FaultKind, Faults, Target};
use crate::journal::Journal;
use crate::limits::Limits;
use crate::nonces::Nonces;
use crate::settings::Settings;
use crate::world::World;

/// How long a key that has ended is still known as one that has.
const FORGOTTEN_MS: i64 = 3_600_000;

/// The shared parts.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) config: Config,
    clock: Clock,
    settings: RwLock<Arc<Settings>>,
    keys: RwLock<Arc<[AccessKey]>>,
    /// What the metadata service handed out last, and the token that it wants.
    instance: Mutex<Option<AccessKey>>,
    metadata_token: String,
    pub(crate) world: Mutex<World>,
    pub(crate) bucket: Mutex<Bucket>,
    pub(crate) limits: Mutex<Limits>,
    nonces: Mutex<Nonces>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) journal: Mutex<Journal>,
}

impl Cloud {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            clock: Clock::new(config.fixed_time_ms),
            settings: RwLock::new(Arc::new(config.settings.clone())),
            keys: RwLock::new(config.access_keys.clone().into()),
            instance: Mutex::default(),
            metadata_token: format!("AQAE{}==", Uuid::new_v4().simple()),
            world: Mutex::new(World::new(&config.projects)),
            bucket: Mutex::default(),
            limits: Mutex::default(),
            nonces: Mutex::default(),
            faults: Mutex::default(),
            journal: Mutex::new(Journal::new(config.journal_capacity)),
            config,
        }
    }

    pub(crate) fn now(&self, settings: &Settings) -> Now {
        self.clock.now(settings.clock_offset_ms)
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&settings)
    }

    pub(crate) fn set_settings(&self, settings: Settings) {
        let mut current = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(settings);
    }

    pub(crate) fn keys(&self) -> Arc<[AccessKey]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_keys(&self, keys: Vec<AccessKey>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
    }

    /// One more key that may call, until it ends; those that ended an hour ago are forgotten.
    pub(crate) fn add_key(&self, key: AccessKey, now: Now) {
        let recent = |key: &&AccessKey| key.expires_at_ms.is_none_or(|end| end > now.wall_ms - FORGOTTEN_MS);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let others = keys.iter().filter(|known| known.access_key_id != key.access_key_id).filter(recent);
        *keys = others.cloned().chain([key.clone()]).collect();
    }

    /// The key of the instance's role: the one that it has, while that will do, else a new one.
    pub(crate) fn instance_key(
        &self,
        will_do: impl Fn(&AccessKey) -> bool,
        new: impl FnOnce() -> AccessKey,
    ) -> AccessKey {
        let mut held = lock(&self.instance);
        match &*held {
            Some(key) if will_do(key) => key.clone(),
            _ => held.insert(new()).clone(),
        }
    }

    /// The token that the metadata service hands out.
    pub(crate) fn metadata_token(&self) -> &str {
        &self.metadata_token
    }

    /// True when a nonce was not used before; it is used now.
    pub(crate) fn first_use(&self, nonce: u128) -> bool {
        lock(&self.nonces).first_use(nonce)
    }

    pub(crate) fn admit(&self, account: &str, settings: &Settings, now: Now) -> Result<(), ApiError> {
        lock(&self.limits).admit(account, settings, now)
    }

    pub(crate) fn pick_fault(&self, target: &Target<'_>) -> Option<FaultKind> {
        lock(&self.faults).pick(target)
    }

    /// After how many bytes of its body an upload is cut off, if it is.
    pub(crate) fn pick_cut(&self) -> Option<usize> {
        let bytes =
            lock(&self.faults).pick_cut(&Target { action: "PostObject", project: None, name: None })?;
        Some(usize::try_from(bytes).unwrap_or(usize::MAX))
    }
}

/// A lock whose holder panicked is taken all the same: the parts are consistent after each line,
/// and a test that fails should show its own failure.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
