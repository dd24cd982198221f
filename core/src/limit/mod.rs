//! How fast one account may be called, and how often in a day.
//!
//! A permit is taken before a call and given back when none was made. A token bucket spaces the
//! calls; its [`rate`] learns from throttled and good answers; the [`day`] has books of its own, in
//! which sweeps, work and work that was begun are told apart. It must not know what is called, only
//! how often and what for.
//!
//! A bucket of our own because no kept rate limiter can take a permit back and change its rate in
//! place, and both are what the queue rests on.

mod day;
mod rate;

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use day::Books;
pub use day::{Day, Purpose, Quota, Shut, Ticket, looks_apart, sweeps_a_day};
use rate::Rate;

/// A clock that goes back by less was read by one who waited for his turn.
const SET_BACK: SignedDuration = SignedDuration::from_secs(1);

/// A token bucket with a pause.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: Rate,
    tokens: f64,
    refilled: Timestamp,
    /// The clock when it was last looked at.
    seen: Timestamp,
    paused_until: Option<Timestamp>,
    last_good: Option<Timestamp>,
    books: Books,
}

impl Bucket {
    /// A full bucket of `per_second` calls; values below the slowest rate count as that.
    #[must_use]
    pub fn new(per_second: f64, per_day: Option<u64>, now: Timestamp) -> Self {
        let rate = Rate::new(per_second);
        Self {
            tokens: capacity(rate.per_second()),
            rate,
            refilled: now,
            seen: now,
            paused_until: None,
            last_good: None,
            books: Books::new(per_day, now),
        }
    }

    /// Changes how many calls there are; what was learnt and counted stays.
    pub fn configure(&mut self, per_second: f64, per_day: Option<u64>, now: Timestamp) {
        self.follow(now);
        self.refill(now);
        self.rate.configure(per_second);
        self.tokens = self.tokens.min(capacity(self.rate.per_second()));
        self.books.configure(per_day);
    }

    /// A permit for one call, or the time at which to ask again.
    ///
    /// # Errors
    /// The time at which a permit will be there if nobody else takes it.
    pub fn take(&mut self, purpose: Purpose, now: Timestamp) -> Result<Ticket, Timestamp> {
        self.follow(now);
        if let Some(until) = self.paused_until {
            if now < until {
                return Err(until);
            }
            self.paused_until = None;
        }
        self.books.turn(now);
        self.books.check(purpose, now)?;
        self.refill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(self.books.book(purpose, now));
        }
        Err(later(now, Duration::from_secs_f64((1.0 - self.tokens) / self.rate.per_second())))
    }

    /// Puts a permit back that no call was made with.
    pub fn give_back(&mut self, ticket: Ticket) {
        self.tokens = (self.tokens + 1.0).min(capacity(self.rate.per_second()));
        self.books.put_back(ticket);
    }

    /// Books a permit as a sweep's.
    ///
    /// # Errors
    /// When sweeps may call again; the permit is as it was.
    pub fn rebook(&mut self, ticket: &mut Ticket, now: Timestamp) -> Result<(), Timestamp> {
        self.follow(now);
        self.books.turn(now);
        self.books.rebook(ticket, now)
    }

    /// The calls of today.
    pub fn day(&mut self, now: Timestamp) -> Day {
        self.follow(now);
        self.books.turn(now);
        self.books.day()
    }

    /// The day's limit, configured or shown by the service.
    #[must_use]
    pub fn per_day(&self) -> Option<u64> {
        self.books.limit()
    }

    /// How many calls sweeps have left today; `None`: as many as they like.
    pub fn sweeps_left(&mut self, now: Timestamp) -> Option<u64> {
        self.follow(now);
        self.books.turn(now);
        self.books.sweeps_left()
    }

    /// What the service said of used-up calls, while it holds.
    #[must_use]
    pub fn shut(&self) -> Option<Shut> {
        self.books.shut()
    }

    /// Adds what an earlier process did today and knew of the quota.
    pub fn resume(&mut self, earlier: Day, shut: Option<Shut>, now: Timestamp) {
        self.follow(now);
        self.books.turn(now);
        self.books.resume(earlier, shut, now);
    }

    /// Learns from a good answer to a call that left at `left`.
    pub fn succeeded(&mut self, left: Timestamp, now: Timestamp) {
        self.follow(now);
        self.refill(now);
        self.rate.good(left, now);
        self.books.good(left);
        self.last_good = Some(now);
    }

    /// Learns from a throttled answer to a call that left at `left`, and waits as long as it asked for.
    pub fn throttled(&mut self, left: Timestamp, retry_after: Option<Duration>, now: Timestamp) {
        self.follow(now);
        self.refill(now);
        if self.rate.throttled(left, now) {
            self.tokens = 0.0;
        }
        if let Some(wait) = retry_after {
            self.pause(later(now, wait));
        }
    }

    /// The service said that the day's or the month's calls are used up. One call an hour tries
    /// again, not before `until`.
    pub fn used_up(&mut self, quota: Quota, until: Timestamp, now: Timestamp) {
        self.follow(now);
        self.books.turn(now);
        self.books.refused(quota, until, now);
    }

    /// Lets no call pass before `until`. A longer pause is kept.
    pub fn pause(&mut self, until: Timestamp) {
        self.paused_until = Some(self.paused_until.map_or(until, |held| held.max(until)));
    }

    /// Until when no work begins, if the quota is used up or the service asked for a pause.
    pub fn paused_until(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.follow(now);
        self.paused_until.filter(|until| now < *until).max(self.books.used_up_until(now))
    }

    /// When a call was last answered well.
    #[must_use]
    pub fn last_good(&self) -> Option<Timestamp> {
        self.last_good
    }

    /// Calls a second at present.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate.per_second()
    }

    /// A clock that was set back takes all times with it: else what is let through would wait as long as that, and what is
    /// learnt would be of the future.
    fn follow(&mut self, now: Timestamp) {
        let step = self.seen.duration_since(now);
        self.seen = now;
        if step < SET_BACK {
            return;
        }
        self.refilled = back(self.refilled, step);
        self.paused_until = self.paused_until.map(|at| back(at, step));
        self.last_good = self.last_good.map(|at| back(at, step));
        self.rate.set_back(step);
        self.books.set_back(step, now);
    }

    /// Adds what has come in since, at the rate that held until now: before every change of it.
    fn refill(&mut self, now: Timestamp) {
        // Callers read the clock before they come to the bucket.
        let passed = now.duration_since(self.refilled).as_secs_f64().max(0.0);
        let rate = self.rate.per_second();
        self.tokens = (self.tokens + passed * rate).min(capacity(rate));
        self.refilled = now;
    }
}

fn back(at: Timestamp, step: SignedDuration) -> Timestamp {
    at.saturating_sub(step).unwrap_or(Timestamp::MIN)
}

/// A second's worth of calls may go at once, at least one.
fn capacity(rate: f64) -> f64 {
    rate.max(1.0)
}

fn later(at: Timestamp, wait: Duration) -> Timestamp {
    at.saturating_add(SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod service_tests;
#[cfg(test)]
mod tests;
