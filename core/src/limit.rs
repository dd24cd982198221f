//! How fast one account may be called, and how often in a day: a token bucket that learns from
//! throttling, with a count that starts anew at midnight UTC.
//!
//! A permit is taken before a call and given back when none was made. Throttled answers halve the
//! rate; good ones raise it again slowly. It must not know what is called, only how often.
//!
//! A bucket of our own because no kept rate limiter can take a permit back and change its rate in
//! place, and both are what the queue rests on.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

/// The slowest that throttling makes us: a call in ten seconds, so that recovery is noticed.
const SLOWEST: f64 = 0.1;
/// Throttled answers within this time of a slow-down belong to the same burst.
const SAME_BURST: Duration = Duration::from_secs(1);
/// Good answers that bring a halved rate back to what is configured.
const RECOVERY_CALLS: f64 = 200.0;

/// Calls of one day (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970-01-01.
    pub number: i64,
    /// Calls made on it.
    pub used: u64,
}

impl Day {
    /// A day without calls yet: that of `now`.
    #[must_use]
    pub fn of(now: Timestamp) -> Self {
        Self { number: now.as_second().div_euclid(DAY_SECONDS), used: 0 }
    }

    /// When it ends.
    #[must_use]
    pub fn end(self) -> Timestamp {
        Timestamp::from_second((self.number + 1).saturating_mul(DAY_SECONDS)).unwrap_or(Timestamp::MAX)
    }
}

const DAY_SECONDS: i64 = 24 * 3600;

/// A token bucket with a pause.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Calls a second that an administrator allows.
    configured: f64,
    /// Calls a second at present.
    rate: f64,
    tokens: f64,
    refilled: Timestamp,
    paused_until: Option<Timestamp>,
    slowed: Option<Timestamp>,
    per_day: Option<u64>,
    day: Day,
}

impl Bucket {
    /// A full bucket of `per_second` calls; values below the slowest rate count as that.
    #[must_use]
    pub fn new(per_second: f64, per_day: Option<u64>, now: Timestamp) -> Self {
        let configured = per_second.max(SLOWEST);
        Self {
            configured,
            rate: configured,
            tokens: capacity(configured),
            refilled: now,
            paused_until: None,
            slowed: None,
            per_day,
            day: Day::of(now),
        }
    }

    /// A permit for one call, or the time at which to ask again.
    ///
    /// # Errors
    /// The time at which a permit will be there if nobody else takes it.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if let Some(until) = self.paused_until {
            if now < until {
                return Err(until);
            }
            self.paused_until = None;
        }
        self.turn(now);
        if self.spent() {
            return Err(self.day.end());
        }
        self.refill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            self.day.used += 1;
            return Ok(());
        }
        Err(later(now, Duration::from_secs_f64((1.0 - self.tokens) / self.rate)))
    }

    /// Puts a permit back that no call was made with.
    pub fn give_back(&mut self) {
        self.tokens = (self.tokens + 1.0).min(capacity(self.rate));
        self.day.used = self.day.used.saturating_sub(1);
    }

    /// The calls of today.
    #[must_use]
    pub fn day(&self) -> Day {
        self.day
    }

    /// Adds calls that an earlier process made today; those of another day are forgotten.
    pub fn resume(&mut self, earlier: Day) {
        if earlier.number == self.day.number {
            self.day.used = self.day.used.saturating_add(earlier.used);
        }
    }

    fn turn(&mut self, now: Timestamp) {
        let today = Day::of(now);
        if today.number > self.day.number {
            self.day = today;
        }
    }

    fn spent(&self) -> bool {
        self.per_day.is_some_and(|limit| self.day.used >= limit)
    }

    /// Learns from a good answer.
    pub fn succeeded(&mut self) {
        self.rate = (self.rate + self.configured / RECOVERY_CALLS).min(self.configured);
    }

    /// Learns from a throttled answer, and waits as long as it asked for.
    pub fn throttled(&mut self, retry_after: Option<Duration>, now: Timestamp) {
        let same_burst = self.slowed.is_some_and(|at| now < later(at, SAME_BURST));
        if !same_burst {
            self.refill(now);
            self.rate = (self.rate / 2.0).max(SLOWEST);
            self.slowed = Some(now);
        }
        self.tokens = 0.0;
        if let Some(wait) = retry_after {
            self.pause(later(now, wait));
        }
    }

    /// Lets no call pass before `until`. A longer pause is kept.
    pub fn pause(&mut self, until: Timestamp) {
        self.paused_until = Some(self.paused_until.map_or(until, |held| held.max(until)));
    }

    /// Until when no call passes, if it is paused.
    #[must_use]
    pub fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        let day = (self.spent() && now < self.day.end()).then(|| self.day.end());
        self.paused_until.filter(|until| now < *until).max(day)
    }

    /// Calls a second at present.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    fn refill(&mut self, now: Timestamp) {
        let passed = now.duration_since(self.refilled).as_secs_f64();
        if passed > 0.0 {
            self.tokens = (self.tokens + passed * self.rate).min(capacity(self.rate));
            self.refilled = now;
        }
    }
}

/// A second's worth of calls may go at once, at least one.
fn capacity(rate: f64) -> f64 {
    rate.max(1.0)
}

fn later(at: Timestamp, wait: Duration) -> Timestamp {
    at.saturating_add(
        k8s_openapi::jiff::SignedDuration::try_from(wait).unwrap_or(k8s_openapi::jiff::SignedDuration::MAX),
    )
    .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + n).unwrap()
    }

    fn calls(bucket: &mut Bucket, from: i64, to: i64) -> usize {
        (from..to).step_by(10).filter(|t| bucket.take(ms(*t)).is_ok()).count()
    }

    #[test]
    fn lets_through_what_is_configured() {
        let mut bucket = Bucket::new(5.0, None, ms(0));
        assert_eq!(calls(&mut bucket, 0, 10_000), 5 + 49, "a burst of a second's worth, then the rate");
    }

    #[test]
    fn says_when_to_ask_again() {
        let mut bucket = Bucket::new(2.0, None, ms(0));
        bucket.take(ms(0)).unwrap();
        bucket.take(ms(0)).unwrap();
        assert_eq!(bucket.take(ms(0)), Err(ms(500)));
        assert_eq!(bucket.take(ms(500)), Ok(()));
    }

    #[test]
    fn a_permit_that_was_given_back_can_be_taken_again() {
        let mut bucket = Bucket::new(1.0, None, ms(0));
        bucket.take(ms(0)).unwrap();
        bucket.give_back();
        assert_eq!(bucket.take(ms(0)), Ok(()));
    }

    #[test]
    fn throttling_halves_once_a_burst_and_success_recovers() {
        let mut bucket = Bucket::new(8.0, None, ms(0));
        for t in [0, 100, 200] {
            bucket.throttled(None, ms(t));
        }
        assert!((bucket.rate() - 4.0).abs() < 1e-9);
        for _ in 0..200 {
            bucket.succeeded();
        }
        assert!((bucket.rate() - 8.0).abs() < 1e-9);
    }

    #[test]
    fn waits_as_long_as_it_is_asked_to() {
        let mut bucket = Bucket::new(8.0, None, ms(0));
        bucket.throttled(Some(Duration::from_secs(3)), ms(0));
        assert_eq!(bucket.take(ms(2_999)), Err(ms(3_000)));
        assert_eq!(bucket.take(ms(3_000)), Ok(()));
    }

    #[test]
    fn a_day_has_so_many_calls_and_the_next_has_them_again() {
        let hour = |n: i64| Timestamp::from_second(1_767_225_600 + n * 3600).unwrap();
        let mut bucket = Bucket::new(100.0, Some(3), hour(1));
        bucket.resume(Day { number: Day::of(hour(1)).number, used: 1 });
        bucket.resume(Day { number: Day::of(hour(1)).number - 1, used: 9 });
        assert_eq!([bucket.take(hour(1)), bucket.take(hour(1))], [Ok(()), Ok(())]);
        assert_eq!(bucket.take(hour(2)), Err(hour(24)), "used up until midnight");
        assert_eq!(bucket.paused_until(hour(2)), Some(hour(24)));
        bucket.give_back();
        assert_eq!(bucket.take(hour(2)), Ok(()), "what was given back can be used");
        assert_eq!(bucket.take(hour(24)), Ok(()));
        assert_eq!(bucket.day().used, 1);
    }
}
