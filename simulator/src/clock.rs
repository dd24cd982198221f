//! The simulator's clock, and the two spellings of time that the wire knows.
//!
//! Wall time can be fixed or shifted by tests; it dates files, answers and signatures. Ticks only
//! ever move forward, so that a shifted clock does not disturb lags and rate limits.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One look at the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// Unix time in milliseconds, as the simulator believes it to be.
    pub(crate) wall_ms: i64,
    /// Milliseconds since the start; never goes back.
    pub(crate) tick_ms: u64,
}

/// Where [`Now`] comes from.
#[derive(Debug)]
pub(crate) struct Clock {
    fixed_ms: Option<i64>,
    start: Instant,
}

impl Clock {
    /// A clock that shows `fixed_ms` forever, or real time.
    pub(crate) fn new(fixed_ms: Option<i64>) -> Self {
        Self { fixed_ms, start: Instant::now() }
    }

    /// The time, shifted by `offset_ms`.
    pub(crate) fn now(&self, offset_ms: i64) -> Now {
        let real = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        };
        let tick = self.start.elapsed().as_millis();
        Now {
            wall_ms: self.fixed_ms.unwrap_or_else(real).saturating_add(offset_ms).max(0),
            tick_ms: u64::try_from(tick).unwrap_or(u64::MAX),
        }
    }
}

/// The value of a `Date` header.
pub(crate) fn http_date(wall_ms: i64) -> String {
    // httpdate panics beyond the year 9999.
    const LAST_SECOND: u64 = 253_402_300_799;
    let seconds = u64::try_from(wall_ms / 1000).unwrap_or(0).min(LAST_SECOND);
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Reads `2026-01-02T03:04:05Z`, the only form that the signature allows, as Unix milliseconds.
pub(crate) fn parse_iso(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 20 {
        return None;
    }
    for (at, mark) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')] {
        if bytes[at] != mark {
            return None;
        }
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        bytes[from..to]
            .iter()
            .try_fold(0_i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(seconds * 1000)
}

/// The moment in the form that [`parse_iso`] reads; what is below a second is dropped.
pub(crate) fn iso(wall_ms: i64) -> String {
    let (year, month, day) = civil(wall_ms.div_euclid(86_400_000));
    let second = wall_ms.div_euclid(1000).rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Days since 1970-01-01 and the month, counted from year 0, of a moment (UTC).
pub(crate) fn day_and_month(wall_ms: i64) -> (i64, i64) {
    let day = wall_ms.div_euclid(86_400_000);
    let (year, month, _) = civil(day);
    (day, year * 12 + month)
}

/// The inverse of [`days_from_civil`], counted in years that begin in March.
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_times() {
        let rows = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-01-02T03:04:05Z", Some(1_767_323_045_000)),
            ("2024-02-29T23:59:59Z", Some(1_709_251_199_000)),
            ("2026-01-02T03:04:05", None),
            ("2026-01-02 03:04:05Z", None),
            ("2026-13-02T03:04:05Z", None),
            ("2026-01-02T03:04:0xZ", None),
            ("", None),
        ];
        for (text, want) in rows {
            assert_eq!(parse_iso(text), want, "{text}");
            assert!(want.is_none_or(|ms| iso(ms) == text), "{text}");
        }
    }

    #[test]
    fn months_change_on_the_first() {
        let at = |text| day_and_month(parse_iso(text).expect(text));
        let (last_day, january) = at("2026-01-31T23:59:59Z");
        let (first_day, february) = at("2026-02-01T00:00:00Z");
        assert_eq!((first_day - last_day, february - january), (1, 1));
        assert_eq!(at("2026-02-28T00:00:00Z").1, february);
        assert_eq!(at("2025-02-28T00:00:00Z").1 + 12, february);
    }

    #[test]
    fn http_dates() {
        assert_eq!(http_date(1_767_323_045_000), "Fri, 02 Jan 2026 03:04:05 GMT");
    }
}
