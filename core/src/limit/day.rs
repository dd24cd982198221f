//! How many calls a day, and for whom.
//!
//! The day's calls are divided so that no kind of work can use up what another needs:
//!
//! - **Sweeps** (routine listings and the reads they cause) get at most 15 of 100, and one call a
//!   second; what they leave is anybody's. When their part is used up they wait for the next day
//!   while edits go on.
//! - **Polls** of what runs by itself leave 20 of 100 to work, so that a run which takes long does not
//!   keep people's edits from being sent.
//! - **Work** that people wait for gets all but a reserve of 5 of 100.
//! - The **reserve** is for work that was begun: the second call of a run (the create after its
//!   look, the update after its read), and the delete, search or read that a lost answer left to be
//!   done. Without it a day could end between the two calls of a create, and the outcome would stay
//!   unknown until midnight.
//!
//! Days are UTC. When the service itself says that the day's or the month's calls are used up, the
//! count at that moment is taken for the limit of that day, and one call an hour probes whether it
//! still holds: nobody tells in which time zone the service's day ends, or what others used.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::{back, later};
use crate::fault::{Class, Fault};

const DAY_SECONDS: i64 = 24 * 3600;
/// Of a day's 100 calls, what sweeps may use at most.
const SWEEPS_OF_100: u64 = 15;
/// Of a day's 100 calls, what polls leave to work.
const EDITS_OF_100: u64 = 20;
/// Of a day's 100 calls, what is kept for work that was begun.
const RESERVE_OF_100: u64 = 5;
/// A used-up quota is probed this often.
const PROBE: Duration = Duration::from_hours(1);
/// Between two calls of sweeps.
const SWEEPS_APART: Duration = Duration::from_secs(1);

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A routine look, or a read that it caused.
    Sweep,
    /// A look at what runs by itself.
    Poll,
    /// Something that a person waits for.
    Work,
    /// The rest of work that was begun.
    Finish,
}

/// Calls of one day (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970-01-01.
    pub number: i64,
    /// Calls made on it.
    pub used: u64,
    /// Those of them that sweeps made.
    pub swept: u64,
}

impl Day {
    /// A day without calls yet: that of `now`.
    #[must_use]
    pub fn of(now: Timestamp) -> Self {
        Self { number: now.as_second().div_euclid(DAY_SECONDS), used: 0, swept: 0 }
    }

    /// When it ends.
    #[must_use]
    pub fn end(self) -> Timestamp {
        let next = self.number.saturating_add(1).saturating_mul(DAY_SECONDS);
        Timestamp::from_second(next).unwrap_or(Timestamp::MAX)
    }
}

/// Whose calls are used up, by the service's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// The day's.
    Day,
    /// The month's.
    Month,
}

impl Quota {
    /// Which one a fault speaks of, if of any.
    #[must_use]
    pub fn of(fault: &Fault) -> Option<Self> {
        let month =
            [&fault.code, &fault.message].into_iter().any(|text| text.contains("Throttling.Resource"));
        (fault.class == Class::Quota).then_some(if month { Self::Month } else { Self::Day })
    }
}

/// The service said that its calls are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shut {
    /// Which calls.
    pub quota: Quota,
    /// Our count when it said so: the limit that this day is taken to have.
    pub assumed: u64,
    /// When one call may try again.
    pub probe: Timestamp,
}

/// The right to one call, as it was booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// What for.
    pub purpose: Purpose,
    /// Of a probe: the time it was due at.
    probe: Option<Timestamp>,
}

/// The books of a day.
#[derive(Clone, Debug)]
pub(super) struct Books {
    per_day: Option<u64>,
    day: Day,
    shut: Option<Shut>,
    /// Since when; what left before it says nothing about it.
    shut_at: Timestamp,
    next_sweep: Timestamp,
}

impl Books {
    pub(super) fn new(per_day: Option<u64>, now: Timestamp) -> Self {
        Self { per_day, day: Day::of(now), shut: None, shut_at: now, next_sweep: Timestamp::MIN }
    }

    pub(super) fn configure(&mut self, per_day: Option<u64>) {
        self.per_day = per_day;
    }

    pub(super) fn day(&self) -> Day {
        self.day
    }

    pub(super) fn shut(&self) -> Option<Shut> {
        self.shut
    }

    /// The day's limit: the configured one, or the lower one that the service showed.
    pub(super) fn limit(&self) -> Option<u64> {
        let assumed = self.shut.filter(|shut| shut.quota == Quota::Day).map(|shut| shut.assumed);
        self.per_day.into_iter().chain(assumed).min()
    }

    /// Begins a new day where one has begun.
    pub(super) fn turn(&mut self, now: Timestamp) {
        let today = Day::of(now);
        if today.number > self.day.number {
            self.day = today;
            self.shut = self.shut.filter(|shut| shut.quota == Quota::Month);
        }
    }

    /// The clock was set back by so much, to `now`. What was counted on a day that is still to come was counted today.
    pub(super) fn set_back(&mut self, step: SignedDuration, now: Timestamp) {
        self.day.number = self.day.number.min(Day::of(now).number);
        self.shut_at = back(self.shut_at, step);
        self.next_sweep = back(self.next_sweep, step);
        if let Some(shut) = &mut self.shut {
            shut.probe = back(shut.probe, step);
        }
    }

    /// When a call for this may be made, if not now.
    fn closed(&self, purpose: Purpose, now: Timestamp) -> Option<Timestamp> {
        let part = |percent: u64| self.per_day.map(|limit| limit * percent / 100);
        let reserve = match purpose {
            Purpose::Finish => None,
            Purpose::Work | Purpose::Sweep => part(RESERVE_OF_100),
            Purpose::Poll => part(EDITS_OF_100),
        };
        let reserve = reserve.unwrap_or(0);
        let open = self.per_day.map(|limit| limit - reserve);
        let swept =
            purpose == Purpose::Sweep && part(SWEEPS_OF_100).is_some_and(|part| self.day.swept >= part);
        if swept || open.is_some_and(|open| self.day.used >= open) {
            return Some(self.day.end());
        }
        if let Some(shut) = self.shut.filter(|shut| now < shut.probe) {
            let end = (shut.quota == Quota::Day).then(|| self.day.end());
            return Some(end.map_or(shut.probe, |end| end.min(shut.probe)));
        }
        (purpose == Purpose::Sweep && now < self.next_sweep).then_some(self.next_sweep)
    }

    /// Until when no work is begun, for want of calls.
    pub(super) fn used_up_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.closed(Purpose::Work, now).filter(|until| now < *until)
    }

    /// Whether a call for this may be made.
    pub(super) fn check(&self, purpose: Purpose, now: Timestamp) -> Result<(), Timestamp> {
        self.closed(purpose, now).map_or(Ok(()), Err)
    }

    pub(super) fn book(&mut self, purpose: Purpose, now: Timestamp) -> Ticket {
        self.day.used += 1;
        if purpose == Purpose::Sweep {
            self.sweeps(now);
        }
        let probe = self.shut.as_mut().map(|shut| std::mem::replace(&mut shut.probe, later(now, PROBE)));
        Ticket { purpose, probe }
    }

    fn sweeps(&mut self, now: Timestamp) {
        self.day.swept += 1;
        self.next_sweep = later(now, SWEEPS_APART);
    }

    /// Books a call that was to be work as a sweep's.
    pub(super) fn rebook(&mut self, ticket: &mut Ticket, now: Timestamp) -> Result<(), Timestamp> {
        if ticket.purpose != Purpose::Sweep {
            // Its own call is in the count already, and the probe, if it is one, is its own.
            let mut without = self.clone();
            without.put_back(*ticket);
            without.check(Purpose::Sweep, now)?;
            self.sweeps(now);
            ticket.purpose = Purpose::Sweep;
        }
        Ok(())
    }

    pub(super) fn put_back(&mut self, ticket: Ticket) {
        self.day.used = self.day.used.saturating_sub(1);
        if ticket.purpose == Purpose::Sweep {
            self.day.swept = self.day.swept.saturating_sub(1);
            self.next_sweep = Timestamp::MIN;
        }
        if let (Some(shut), Some(probe)) = (&mut self.shut, ticket.probe) {
            shut.probe = probe;
        }
    }

    /// The service said that its calls are used up.
    pub(super) fn refused(&mut self, quota: Quota, until: Timestamp, now: Timestamp) {
        // The refused one is not among the calls that were made.
        let count = self.day.used.saturating_sub(1);
        let probe = until.max(later(now, PROBE));
        if self.shut.is_none() {
            self.shut_at = now;
        }
        let before = self.shut.filter(|shut| shut.quota == quota);
        self.shut = Some(Shut {
            quota,
            assumed: before.map_or(count, |shut| shut.assumed.min(count)),
            probe: before.map_or(probe, |shut| shut.probe.max(probe)),
        });
    }

    /// A good answer to a call that left at `left`: after the service shut, only a probe can be that.
    pub(super) fn good(&mut self, left: Timestamp) {
        if left > self.shut_at {
            self.shut = None;
        }
    }

    /// Takes over what an earlier process knew; of another day only a month's end.
    pub(super) fn resume(&mut self, earlier: Day, shut: Option<Shut>, now: Timestamp) {
        let today = earlier.number == self.day.number;
        if today {
            self.day.used = self.day.used.saturating_add(earlier.used);
            self.day.swept = self.day.swept.saturating_add(earlier.swept);
        }
        if let Some(shut) = shut.filter(|shut| today || shut.quota == Quota::Month) {
            // Whatever was written there, nothing waits longer than for the next probe.
            self.shut = Some(Shut { probe: shut.probe.min(later(now, PROBE)), ..shut });
            self.shut_at = now;
        }
    }

    /// How many calls sweeps have left today; `None`: as many as they like.
    pub(super) fn sweeps_left(&self) -> Option<u64> {
        let limit = self.per_day?;
        let share = sweeps_a_day(limit).saturating_sub(self.day.swept);
        let open = limit - limit * RESERVE_OF_100 / 100;
        Some(share.min(open.saturating_sub(self.day.used)))
    }
}

/// How many of a day's calls sweeps may use.
#[must_use]
pub fn sweeps_a_day(per_day: u64) -> u64 {
    per_day * SWEEPS_OF_100 / 100
}

/// How far apart the looks at each workspace have to be, when a look at all of them reads `pages`
/// pages and sweeps may make `share` calls a day: as wanted, or as much longer as that takes. `None`
/// when there can be none.
#[must_use]
pub fn looks_apart(wanted: SignedDuration, pages: u64, share: Option<u64>) -> Option<SignedDuration> {
    let Some(share) = share else { return Some(wanted) };
    let needed = i64::try_from(pages).ok()?.checked_mul(DAY_SECONDS)?;
    let apart =
        needed.checked_add(i64::try_from(share).ok()? - 1)?.checked_div(i64::try_from(share).ok()?)?;
    Some(wanted.max(SignedDuration::from_secs(apart)))
}
