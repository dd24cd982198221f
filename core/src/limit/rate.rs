//! How many calls a second: as many as are configured, or as the service was seen to bear.
//!
//! The law is CUBIC's, which networks use for the same question. A throttled answer lowers the rate
//! and leaves its height behind as a *ceiling*; from there the rate climbs fast to just below the
//! ceiling, lingers, and then probes beyond it, ever faster, because a ceiling that is no longer
//! met has gone. Halving at each throttled answer and climbing evenly would either be throttled all
//! the time or use half of what there is.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::{back, later};

/// The slowest that throttling makes us: a call in ten seconds, so that recovery is noticed.
pub(super) const SLOWEST: f64 = 0.1;
/// The rate after a throttled answer, of the rate before it, where the ceiling is about known.
const LOWERED: f64 = 0.85;
/// The same where it is not: too few good answers came since the last slow-down, or none was throttled
/// before.
const HALVED: f64 = 0.5;
/// So many good answers since a slow-down show that the rate was not far off.
const SETTLED: u32 = 10;
/// Seconds of good answers from a slow-down to the ceiling.
const TO_CEILING: f64 = 30.0;
/// The climb is at least as steep as from this part of the configured rate below the ceiling: a rate
/// that was pressed down to nearly nothing is back in minutes.
const LEAST_CLIMB: f64 = 0.02;
/// Throttled answers so soon after a slow-down belong to its burst, whenever their calls left:
/// answers overtake each other.
const SAME_BURST: Duration = Duration::from_millis(250);

/// What is known of the service's bounds since the last slow-down.
#[derive(Clone, Copy, Debug)]
struct Climb {
    slowed: Timestamp,
    /// The rate that was throttled.
    ceiling: f64,
    /// How far below it the rate fell.
    depth: f64,
    /// Seconds along the climb, and when the last answer moved us on.
    along: f64,
    moved: Timestamp,
    good: u32,
}

impl Climb {
    fn rate(&self) -> f64 {
        self.ceiling + self.depth * ((self.along - TO_CEILING) / TO_CEILING).powi(3)
    }
}

/// The rate at present. It keeps no list of the calls under way: each answer comes with the time at which its
/// call left, so that one that never comes blurs nothing.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    configured: f64,
    now: f64,
    climb: Option<Climb>,
}

impl Rate {
    pub(super) fn new(configured: f64) -> Self {
        let configured = configured.max(SLOWEST);
        Self { configured, now: configured, climb: None }
    }

    /// Another rate is configured: without a climb under way it holds at once.
    pub(super) fn configure(&mut self, configured: f64) {
        self.configured = configured.max(SLOWEST);
        self.now = if self.climb.is_none() { self.configured } else { self.now.min(self.configured) };
    }

    /// Calls a second at present.
    pub(super) fn per_second(&self) -> f64 {
        self.now
    }

    /// The clock was set back by so much.
    pub(super) fn set_back(&mut self, step: SignedDuration) {
        if let Some(climb) = &mut self.climb {
            climb.slowed = back(climb.slowed, step);
            climb.moved = back(climb.moved, step);
        }
    }

    /// Climbs by a good answer to a call that left at `left`.
    pub(super) fn good(&mut self, left: Timestamp, now: Timestamp) {
        let Some(climb) = &mut self.climb else { return };
        if left <= climb.slowed {
            return;
        }
        // An idle connection learns nothing: it climbs by the time that its calls are apart at most.
        let most = 1.0 + 2.0 / self.now;
        climb.along += now.duration_since(climb.moved).as_secs_f64().clamp(0.0, most);
        climb.moved = now;
        climb.good = climb.good.saturating_add(1);
        self.now = climb.rate().clamp(SLOWEST, self.configured);
    }

    /// Slows down for a throttled answer to a call that left at `left`, once for all calls that were
    /// under way together. Answers whether it did.
    pub(super) fn throttled(&mut self, left: Timestamp, now: Timestamp) -> bool {
        let before = self.climb;
        let known = before.is_some_and(|climb| climb.good >= SETTLED);
        if let Some(climb) = before
            && (now < later(climb.slowed, SAME_BURST) || left <= climb.slowed)
        {
            return false;
        }
        let ceiling = self.now;
        self.now = (ceiling * if known { LOWERED } else { HALVED }).max(SLOWEST);
        let depth = (ceiling - self.now).max(self.configured * LEAST_CLIMB);
        self.climb = Some(Climb { slowed: now, ceiling, depth, along: 0.0, moved: now, good: 0 });
        true
    }
}
