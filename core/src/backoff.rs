//! How long to wait after failures: doubling, bounded, with a jitter that needs no randomness.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::object::Uid;

/// First wait after a failure that may pass by itself.
const TRANSIENT_FIRST: Duration = Duration::from_secs(1);
/// Longest wait after such failures: a person who mends something waits no longer than this.
const TRANSIENT_MOST: Duration = Duration::from_secs(300);
/// First wait before a refused document is sent again, and the longest.
const REFUSED_FIRST: Duration = Duration::from_secs(3600);
const REFUSED_MOST: Duration = Duration::from_secs(24 * 3600);
/// First wait before what no watch tells of is read again: who gave the right for it looks whether it helped.
const UNWATCHED_FIRST: Duration = Duration::from_secs(15);
/// The longest: a thousand such cost the API server three reads a second.
const UNWATCHED_MOST: Duration = Duration::from_secs(300);

/// The wait after the `failures`th transient failure in a row (1 is the first): 1 s doubling to
/// 5 min, each stretched by up to a fifth, differently for each object and always the same.
#[must_use]
pub fn transient(uid: &Uid, failures: u32) -> Duration {
    jittered(doubling(TRANSIENT_FIRST, TRANSIENT_MOST, failures), uid, failures)
}

/// The wait before a document that was definitely refused `refusals` times is sent again: 1 h
/// doubling to 24 h, stretched by up to a fifth.
#[must_use]
pub fn refused(uid: &Uid, refusals: u32) -> Duration {
    jittered(doubling(REFUSED_FIRST, REFUSED_MOST, refusals), uid, refusals)
}

/// The wait before a path that was found taken `times` times in a row is looked at again. The first is `lag`, how late
/// the service lists what was done, since the file may be one that is gone; the later ones are those of a refused
/// document.
#[must_use]
pub fn taken(uid: &Uid, times: u32, lag: Duration) -> Duration {
    match times {
        0 | 1 => jittered(lag, uid, times),
        more => refused(uid, more - 1),
    }
}

/// The wait before what was read from the cluster `times` times in a row, with no watch to tell of a change, is read again:
/// 15 s doubling to 5 min, stretched by up to a fifth.
#[must_use]
pub fn unwatched(uid: &Uid, times: u32) -> Duration {
    jittered(doubling(UNWATCHED_FIRST, UNWATCHED_MOST, times), uid, times)
}

fn doubling(first: Duration, most: Duration, count: u32) -> Duration {
    let factor = 1u32.checked_shl(count.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(most)
}

fn jittered(wait: Duration, uid: &Uid, salt: u32) -> Duration {
    wait.mul_f64(1.0 + share(uid, salt) / 5.0)
}

/// A number from 0 to 1 that is different for each uid and salt, and always the same for both.
#[must_use]
pub fn share(uid: &Uid, salt: u32) -> f64 {
    let hash = Sha256::new().chain_update(uid.0.as_bytes()).chain_update(salt.to_be_bytes()).finalize();
    f64::from(u16::from_be_bytes([hash[0], hash[1]])) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_within_its_bounds() {
        let uid = Uid::new("8b0f");
        let rows =
            [(1, 1, 1.2), (2, 2, 2.4), (5, 16, 19.2), (9, 256, 307.2), (10, 300, 360.0), (40, 300, 360.0)];
        for (failures, least, most) in rows {
            let wait = transient(&uid, failures).as_secs_f64();
            assert!(wait >= f64::from(least) && wait <= most, "{failures}: {wait}");
        }
        assert!(refused(&uid, 1) >= REFUSED_FIRST && refused(&uid, 100) <= REFUSED_MOST.mul_f64(1.2));
        for (times, seconds) in [(0, 15), (1, 15), (2, 30), (5, 240), (6, 300), (u32::MAX, 300)] {
            let (wait, least) = (unwatched(&uid, times), Duration::from_secs(seconds));
            assert!(wait >= least && wait <= least.mul_f64(1.2), "{times}: {wait:?}");
        }
    }

    #[test]
    fn a_path_that_is_taken_is_soon_looked_at_once_more() {
        let (uid, lag) = (Uid::new("8b0f"), Duration::from_secs(60));
        let first = taken(&uid, 1, lag);
        assert!(first >= lag && first <= lag.mul_f64(1.2), "{first:?}");
        assert_eq!(taken(&uid, 2, lag), refused(&uid, 1));
        assert_eq!(taken(&uid, 9, lag), refused(&uid, 8));
    }

    #[test]
    fn spreads_objects_and_repeats_itself() {
        let waits: std::collections::BTreeSet<Duration> =
            (0..50).map(|n| transient(&Uid::new(&format!("uid-{n}")), 9)).collect();
        assert!(waits.len() > 40);
        assert_eq!(transient(&Uid::new("a"), 3), transient(&Uid::new("a"), 3));
    }
}
