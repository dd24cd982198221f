//! The call budget of one account and region, shared by everything that calls.
//!
//! A permit is held before a call and comes back by itself when none was made. A call is made with the
//! [`Departure`] that a permit is spent for, and what its end says of the budget is learnt there: no caller can
//! forget it. What a day's calls may be used for is the core's: see [`Purpose`].

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dataworks_core::codes::{HOST_UNRESOLVED, NO_CREDENTIALS};
use dataworks_core::fault::{Class, Ended, Fault};
use dataworks_core::limit::{Bucket, Day, Purpose, Quota, Shut, Ticket, sweeps_a_day};
use dataworks_core::queue::SubQueue;
use dataworks_core::state::quota_until;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::Instant;

/// A permit that is later than this is not only behind others.
const A_WHILE: Duration = Duration::from_secs(60);

/// Hands out permits.
#[derive(Clone, Debug)]
pub struct Limiter {
    bucket: Arc<Mutex<Bucket>>,
    sub: SubQueue,
    /// How many wait for a permit to go on with what they began.
    unfinished: Arc<AtomicUsize>,
    /// Seconds from wish to permit, where they are measured.
    waits: Option<Histogram>,
}

/// The right to make one call. Dropped unused, it is given back.
#[derive(Debug)]
pub struct Permit {
    held: Option<(Limiter, Ticket)>,
}

impl Permit {
    /// No permit: for work that needs no call.
    #[must_use]
    pub fn none() -> Self {
        Self { held: None }
    }

    /// True when it was not used up.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// The same, unless it is of another budget than the call that it is to be used for.
    #[must_use]
    pub fn for_limiter(self, limiter: &Limiter) -> Self {
        let fits = self.held.as_ref().is_none_or(|(held, _)| held.is(limiter));
        if fits { self } else { Self::none() }
    }

    /// Uses it up for a call that leaves now; `None` when there was none.
    #[must_use]
    pub fn spend(&mut self) -> Option<Departure> {
        let (limiter, ticket) = self.held.take()?;
        Some(Departure { limiter, ticket, left: Timestamp::now() })
    }

    /// It was waited for so long.
    pub fn waited(&self, span: Duration) {
        if let Some((limiter, _)) = &self.held {
            limiter.waited(span);
        }
    }

    /// Makes it a sweep's, to be used for a read that a routine look caused.
    ///
    /// # Errors
    /// When sweeps may call again.
    pub fn for_sweep(&mut self) -> Result<(), Timestamp> {
        let Some((limiter, ticket)) = &mut self.held else { return Ok(()) };
        limiter.lock().rebook(ticket, Timestamp::now())
    }
}

/// One that waits to go on with what it began.
struct Unfinished(Arc<AtomicUsize>);

impl Unfinished {
    fn one_of(all: &Arc<AtomicUsize>) -> Self {
        all.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(all))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A call that leaves with the permit that was spent for it. One that is given up on its way, or whose answer is lost,
/// teaches nothing.
#[derive(Debug)]
#[must_use = "the call is made with it"]
pub struct Departure {
    limiter: Limiter,
    ticket: Ticket,
    left: Timestamp,
}

impl Departure {
    /// Makes the call, and learns from its end.
    pub async fn with<T: Ended>(self, call: impl Future<Output = T>) -> T {
        let end = call.await;
        self.limiter.learn(self.ticket, self.left, end.fault());
        end
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some((limiter, ticket)) = self.held.take() {
            limiter.lock().give_back(ticket);
        }
    }
}

impl Limiter {
    /// A limiter of so many calls a second, and so many a day (UTC).
    #[must_use]
    pub fn new(per_second: f64, per_day: Option<u64>) -> Self {
        let bucket = Bucket::new(per_second, per_day, Timestamp::now());
        let unfinished = Arc::new(AtomicUsize::new(0));
        Self { bucket: Arc::new(Mutex::new(bucket)), sub: SubQueue::FREE, unfinished, waits: None }
    }

    /// The same, for the work that waits in this sub-queue.
    #[must_use]
    pub fn of(self, sub: SubQueue) -> Self {
        Self { sub, ..self }
    }

    /// Where the work waits that its permits are for.
    #[must_use]
    pub fn sub(&self) -> SubQueue {
        self.sub
    }

    /// Whether both hand out permits of one budget.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bucket, &other.bucket)
    }

    /// How many there are of this one, each with somebody who may take permits or holds one.
    #[must_use]
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.bucket)
    }

    /// Changes how many calls there are; what was learnt and counted stays.
    pub fn configure(&self, per_second: f64, per_day: Option<u64>) {
        self.lock().configure(per_second, per_day, Timestamp::now());
    }

    /// The same, with the waits for its permits measured.
    #[must_use]
    pub fn measured(self, waits: Histogram) -> Self {
        Self { waits: Some(waits), ..self }
    }

    /// A permit was waited for so long.
    pub fn waited(&self, span: Duration) {
        if let Some(waits) = &self.waits {
            waits.observe(span.as_secs_f64());
        }
    }

    /// The calls of today.
    #[must_use]
    pub fn day(&self) -> Day {
        self.lock().day(Timestamp::now())
    }

    /// The day's limit, configured or shown by the service.
    #[must_use]
    pub fn per_day(&self) -> Option<u64> {
        self.lock().per_day()
    }

    /// What the service said of used-up calls, while it holds.
    #[must_use]
    pub fn shut(&self) -> Option<Shut> {
        self.lock().shut()
    }

    /// How many calls sweeps have left today; `None`: as many as they like.
    #[must_use]
    pub fn sweeps_left(&self) -> Option<u64> {
        self.lock().sweeps_left(Timestamp::now())
    }

    /// How many calls sweeps have on a whole day; `None`: as many as they like.
    #[must_use]
    pub fn sweeps_a_day(&self) -> Option<u64> {
        self.per_day().map(sweeps_a_day)
    }

    /// Adds what an earlier process did today and knew of the quota.
    pub fn resume(&self, earlier: Day, shut: Option<Shut>) {
        self.lock().resume(earlier, shut, Timestamp::now());
    }

    /// A permit, or when to ask again.
    ///
    /// # Errors
    /// The time at which a permit will be there if nobody else takes it.
    pub fn try_permit(&self, purpose: Purpose) -> Result<Permit, Timestamp> {
        let ticket = self.lock().take(purpose, Timestamp::now())?;
        Ok(Permit { held: Some((self.clone(), ticket)) })
    }

    /// When to ask again for a permit to begin something, while somebody waits to go on with what he began: he comes
    /// first. So little is under way at a time where permits are few, and what comes next is the queue's to say.
    #[must_use]
    pub fn others_first(&self) -> Option<Timestamp> {
        let waits = self.unfinished.load(Ordering::SeqCst) > 0;
        let next = SignedDuration::try_from(Duration::from_secs_f64(1.0 / self.rate())).unwrap_or_default();
        waits.then(|| Timestamp::now().saturating_add(next).unwrap_or(Timestamp::MAX))
    }

    /// Waits for a permit, but no longer than `most`: what it is for may change meanwhile, and a pause of the connection
    /// may last for hours.
    ///
    /// # Errors
    /// When to ask again.
    pub async fn permit_within(&self, purpose: Purpose, most: Duration) -> Result<Permit, Timestamp> {
        let ticket = self.ticket_within(purpose, most).await?;
        Ok(Permit { held: Some((self.clone(), ticket)) })
    }

    /// The same for a call that leaves at once.
    ///
    /// # Errors
    /// When to ask again.
    pub async fn departure_within(&self, purpose: Purpose, most: Duration) -> Result<Departure, Timestamp> {
        let ticket = self.ticket_within(purpose, most).await?;
        Ok(Departure { limiter: self.clone(), ticket, left: Timestamp::now() })
    }

    async fn ticket_within(&self, purpose: Purpose, most: Duration) -> Result<Ticket, Timestamp> {
        let begun = Instant::now();
        let _waits = (purpose == Purpose::Finish).then(|| Unfinished::one_of(&self.unfinished));
        let end = begun + most;
        loop {
            let taken = self.lock().take(purpose, Timestamp::now());
            let at = match taken {
                Ok(ticket) => {
                    self.waited(begun.elapsed());
                    return Ok(ticket);
                }
                Err(at) => at,
            };
            if Instant::now() + until(at) > end {
                return Err(at);
            }
            tokio::time::sleep(until(at)).await;
        }
    }

    /// Waits, however long, until a call may leave that goes on with work under way. For tasks of their own only.
    pub async fn departure(&self) -> Departure {
        let begun = Instant::now();
        loop {
            let taken = self.lock().take(Purpose::Finish, Timestamp::now());
            match taken {
                Ok(ticket) => {
                    self.waited(begun.elapsed());
                    return Departure { limiter: self.clone(), ticket, left: Timestamp::now() };
                }
                Err(at) => tokio::time::sleep(until(at)).await,
            }
        }
    }

    /// Learns from the end of a call that left at `left`.
    fn learn(&self, ticket: Ticket, left: Timestamp, fault: Option<&Fault>) {
        let now = Timestamp::now();
        let mut bucket = self.lock();
        match fault {
            None => bucket.succeeded(left, now),
            // Nothing was sent, so nothing of the day is used.
            Some(fault) if [NO_CREDENTIALS, HOST_UNRESOLVED].contains(&fault.code.as_str()) => {
                bucket.give_back(ticket);
            }
            Some(fault) => match fault.class {
                Class::Throttled => bucket.throttled(left, fault.retry_after, now),
                Class::Quota => {
                    let quota = Quota::of(fault).unwrap_or(Quota::Day);
                    bucket.used_up(quota, quota_until(fault, now), now);
                }
                // What the service answers so was let through.
                Class::NotFound | Class::AlreadyExists => bucket.succeeded(left, now),
                // They say nothing of how often we call.
                Class::Transient | Class::Denied | Class::Terminal => {}
            },
        }
    }

    /// Until when no work begins, if the quota is used up or the service asked us to wait.
    #[must_use]
    pub fn paused_until(&self) -> Option<Timestamp> {
        self.lock().paused_until(Timestamp::now())
    }

    /// Until when nothing that runs by itself is looked at: for want of calls of the day, or because of a pause.
    #[must_use]
    pub fn polls_paused_until(&self) -> Option<Timestamp> {
        let later = |at: &Timestamp| until(*at) > A_WHILE;
        self.paused_until().or_else(|| self.try_permit(Purpose::Poll).err().filter(later))
    }

    /// When a call was last answered well.
    #[must_use]
    pub fn last_good(&self) -> Option<Timestamp> {
        self.lock().last_good()
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

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn who_goes_on_with_what_he_began_comes_before_who_begins() {
        let limiter = Limiter::new(1.0, None);
        let _departed = limiter.departure().await;
        let mut going_on = Box::pin(limiter.permit_within(Purpose::Finish, Duration::from_secs(5)));
        assert!(going_on.as_mut().now_or_never().is_none(), "it waits");
        // There is one again, and it is not taken yet.
        limiter.configure(1_000.0, None);
        while limiter.try_permit(Purpose::Work).is_err() {
            tokio::task::yield_now().await;
        }
        assert!(limiter.others_first().is_some());
        drop(going_on);
        assert_eq!(limiter.others_first(), None, "nobody waits any more");
    }

    fn fault(class: Class, code: &str) -> Fault {
        Fault { class, code: code.to_owned(), message: String::new(), request_id: None, retry_after: None }
    }

    /// The rate of 8 a second and the calls of the day, after one call that ended so; `None`: it was given up.
    async fn after(end: Option<Result<(), Fault>>) -> (f64, u64) {
        let limiter = Limiter::new(8.0, Some(80));
        let departure = limiter.departure().await;
        match end {
            Some(end) => _ = departure.with(async { end }).await,
            None => drop(departure),
        }
        (limiter.rate(), limiter.day().used)
    }

    #[tokio::test]
    async fn every_call_that_is_made_teaches() {
        let rows = [
            ("good", Some(Ok(())), (8.0, 1)),
            ("throttled", Some(Err(fault(Class::Throttled, "Throttling.User"))), (4.0, 1)),
            ("nothing was sent", Some(Err(fault(Class::Denied, NO_CREDENTIALS))), (8.0, 0)),
            ("no answer", Some(Err(fault(Class::Transient, "TimedOut"))), (8.0, 1)),
            ("given up", None, (8.0, 1)),
        ];
        for (name, end, want) in rows {
            assert_eq!(after(end).await, want, "{name}");
        }
        let limiter = Limiter::new(8.0, None);
        let unknown: dataworks_core::fault::Outcome<()> =
            dataworks_core::fault::Outcome::Unknown(fault(Class::Throttled, "Throttling"));
        _ = limiter.departure().await.with(async { unknown }).await;
        assert!((limiter.rate() - 4.0).abs() < 1e-9, "a write of unknown outcome, too: {}", limiter.rate());
    }
}
