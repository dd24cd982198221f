//! The cloud's time, learnt from its answers.
//!
//! The local clock comes in as a function; this keeps how far the cloud is ahead of it. The rule
//! it keeps: the offset moves only when an answer proves it wrong, so a good clock is left alone
//! and the time does not jitter with the whole seconds of a `Date` header.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use k8s_openapi::jiff::{SignedDuration, Timestamp};

/// Where the local time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A local clock and the cloud's lead over it. What one clone learns, all know.
#[derive(Clone)]
pub struct CloudClock {
    local: Clock,
    lead_ms: Arc<AtomicI64>,
}

impl CloudClock {
    /// Over this local clock, which is believed until an answer proves it wrong.
    #[must_use]
    pub fn new(local: Clock) -> Self {
        Self { local, lead_ms: Arc::default() }
    }

    pub(super) fn local(&self) -> Timestamp {
        (self.local)()
    }

    pub(super) fn now(&self) -> Timestamp {
        let local = self.local();
        let lead = SignedDuration::from_millis(self.lead_ms.load(Ordering::Relaxed));
        local.checked_add(lead).unwrap_or(local)
    }

    /// Takes in the `Date` of an answer to a request sent at `sent` and received at `received`,
    /// both local. Returns how far the time was off.
    ///
    /// The answer was made between those two and its date lacks up to a second, which bounds the
    /// lead from both sides.
    pub(super) fn learn(&self, date: Timestamp, sent: Timestamp, received: Timestamp) -> SignedDuration {
        let date = date.as_millisecond();
        let (low, high) = (date - received.as_millisecond(), date + 1000 - sent.as_millisecond());
        let lead = self.lead_ms.load(Ordering::Relaxed);
        // The local clock was set back while the answer was under way: proves nothing.
        if low > high || (low..=high).contains(&lead) {
            return SignedDuration::ZERO;
        }
        let middle = low.midpoint(high);
        self.lead_ms.store(middle, Ordering::Relaxed);
        SignedDuration::from_millis(middle - lead)
    }
}

/// Over the clock of this machine.
impl Default for CloudClock {
    fn default() -> Self {
        Self::new(Arc::new(Timestamp::now))
    }
}

impl fmt::Debug for CloudClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudClock").field("lead_ms", &self.lead_ms).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn the_lead_moves_only_when_an_answer_proves_it_wrong() {
        // date, sent, received -> lead after it
        let rows = [
            (10_000, 10_100, 10_300, 0),
            (10_000, 10_900, 11_000, 0),
            (3_610_000, 10_000, 10_200, 3_600_400),
            (3_620_000, 20_300, 20_700, 3_600_400),
            (30_000, 30_000, 30_200, 400),
            (50_000, 40_000, 38_000, 400),
        ];
        let clock = CloudClock::new(Arc::new(|| at(0)));
        for (date, sent, received, want) in rows {
            clock.learn(at(date), at(sent), at(received));
            assert_eq!(clock.now().as_millisecond(), want, "{date} {sent} {received}");
        }
    }
}
