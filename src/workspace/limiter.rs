//! The call budget of one account and region, shared by everything that calls.
//!
//! A permit is held before a call and comes back by itself when none was made.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dataworks_core::fault::{Class, Fault};
use dataworks_core::limit::{Bucket, Day};
use dataworks_core::state::quota_until;
use k8s_openapi::jiff::Timestamp;

/// Hands out permits.
#[derive(Clone, Debug)]
pub struct Limiter {
    bucket: Arc<Mutex<Bucket>>,
}

/// The right to make one call. Dropped unused, it is given back.
#[derive(Debug)]
pub struct Permit {
    limiter: Option<Limiter>,
}

impl Permit {
    /// No permit: for work that needs no call.
    #[must_use]
    pub fn none() -> Self {
        Self { limiter: None }
    }

    /// True when it was not used up.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.limiter.is_some()
    }

    /// Uses it up; false when there was none.
    #[must_use]
    pub fn spend(&mut self) -> bool {
        self.limiter.take().is_some()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(limiter) = self.limiter.take() {
            limiter.lock().give_back();
        }
    }
}

impl Limiter {
    /// A limiter of so many calls a second, and so many a day (UTC).
    #[must_use]
    pub fn new(per_second: f64, per_day: Option<u64>) -> Self {
        Self { bucket: Arc::new(Mutex::new(Bucket::new(per_second, per_day, Timestamp::now()))) }
    }

    /// The calls of today.
    #[must_use]
    pub fn day(&self) -> Day {
        self.lock().day()
    }

    /// Adds calls that an earlier process made today.
    pub fn resume(&self, earlier: Day) {
        self.lock().resume(earlier);
    }

    /// A permit, or when to ask again.
    ///
    /// # Errors
    /// The time at which a permit will be there if nobody else takes it.
    pub fn try_permit(&self) -> Result<Permit, Timestamp> {
        self.lock().take(Timestamp::now())?;
        Ok(Permit { limiter: Some(self.clone()) })
    }

    /// Waits for a permit, but no longer than `most`: the object of work that is under way may
    /// change meanwhile, and a pause of the connection may last for hours.
    ///
    /// # Errors
    /// When to ask again.
    pub async fn permit_within(&self, most: Duration) -> Result<Permit, Timestamp> {
        let end = tokio::time::Instant::now() + most;
        loop {
            let at = match self.try_permit() {
                Ok(permit) => return Ok(permit),
                Err(at) => at,
            };
            if tokio::time::Instant::now() + until(at) > end {
                return Err(at);
            }
            tokio::time::sleep(until(at)).await;
        }
    }

    /// Waits for a permit, however long. For tasks of their own only.
    pub async fn permit(&self) -> Permit {
        loop {
            match self.try_permit() {
                Ok(permit) => return permit,
                Err(at) => tokio::time::sleep(until(at)).await,
            }
        }
    }

    /// Learns from the end of a call.
    pub fn learn(&self, fault: Option<&Fault>) {
        let now = Timestamp::now();
        let mut bucket = self.lock();
        match fault {
            None => bucket.succeeded(),
            Some(fault) => match fault.class {
                Class::Throttled => bucket.throttled(fault.retry_after, now),
                Class::Quota => bucket.pause(quota_until(fault, now)),
                Class::Transient
                | Class::Denied
                | Class::Terminal
                | Class::NotFound
                | Class::AlreadyExists => {}
            },
        }
    }

    /// Until when no call passes, if the quota is used up or the service asked us to wait.
    #[must_use]
    pub fn paused_until(&self) -> Option<Timestamp> {
        self.lock().paused_until(Timestamp::now())
    }

    /// Calls a second at present.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.lock().rate()
    }

    fn lock(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long it is until then, never negative.
#[must_use]
pub fn until(at: Timestamp) -> Duration {
    at.duration_since(Timestamp::now()).try_into().unwrap_or(Duration::ZERO)
}
