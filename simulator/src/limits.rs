//! What an account may call: a token bucket for calls a second, and counts for day and month.

use std::collections::HashMap;

use crate::clock::{Now, day_and_month};
use crate::error::ApiError;
use crate::settings::Settings;

/// The use that each account has made.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    accounts: HashMap<String, Usage>,
}

#[derive(Debug, Default)]
struct Usage {
    bucket: Option<Bucket>,
    day: (i64, u64),
    month: (i64, u64),
}

#[derive(Debug)]
struct Bucket {
    rate: f64,
    tokens: f64,
    tick_ms: u64,
}

impl Limits {
    /// Counts a call of `account`, or refuses it. A refused call counts nowhere.
    pub(crate) fn admit(&mut self, account: &str, settings: &Settings, now: Now) -> Result<(), ApiError> {
        if !self.accounts.contains_key(account) {
            self.accounts.insert(account.to_owned(), Usage::default());
        }
        let Some(usage) = self.accounts.get_mut(account) else {
            return Ok(());
        };
        let (day, month) = day_and_month(now.wall_ms);
        if usage.day.0 != day {
            usage.day = (day, 0);
        }
        if usage.month.0 != month {
            usage.month = (month, 0);
        }
        if settings.daily_quota.is_some_and(|quota| usage.day.1 >= quota) {
            return Err(ApiError::new(
                429,
                "Throttling.Api.Risk",
                "The daily quota of OpenAPI calls is used up.",
            ));
        }
        if settings.monthly_quota.is_some_and(|quota| usage.month.1 >= quota) {
            return Err(ApiError::new(
                429,
                "Throttling.Resource",
                "The monthly quota of OpenAPI calls of this edition is used up.",
            ));
        }
        if let Some(rate) = settings.rate_limit
            && !usage.take(rate, now.tick_ms)
        {
            return Err(ApiError::throttling_user());
        }
        usage.day.1 += 1;
        usage.month.1 += 1;
        Ok(())
    }

    /// Forgets all use.
    pub(crate) fn clear(&mut self) {
        self.accounts.clear();
    }
}

impl Usage {
    fn take(&mut self, rate: f64, tick_ms: u64) -> bool {
        // A second's worth may come at once; a rate below one still lets single calls through.
        let most = rate.max(1.0);
        let fresh = || Bucket { rate, tokens: most, tick_ms };
        let bucket = self.bucket.get_or_insert_with(fresh);
        if bucket.rate != rate {
            *bucket = fresh();
        }
        let passed_ms = u32::try_from(tick_ms.saturating_sub(bucket.tick_ms)).unwrap_or(u32::MAX);
        bucket.tick_ms = tick_ms;
        bucket.tokens = (bucket.tokens + rate * f64::from(passed_ms) / 1000.0).min(most);
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(settings: &Settings, calls: &[(u64, &str)]) -> Vec<Option<String>> {
        let mut limits = Limits::default();
        calls
            .iter()
            .map(|(tick_ms, account)| {
                let now = Now { wall_ms: i64::try_from(*tick_ms).expect("small"), tick_ms: *tick_ms };
                limits.admit(account, settings, now).err().map(|error| error.code)
            })
            .collect()
    }

    #[test]
    fn a_bucket_fills_again_and_accounts_are_apart() {
        let settings = Settings { rate_limit: Some(2.0), ..Settings::default() };
        let throttled = Some("Throttling.User".to_owned());
        assert_eq!(
            codes(&settings, &[(0, "a"), (0, "a"), (0, "a"), (0, "b"), (500, "a")]),
            [None, None, throttled, None, None]
        );
    }

    #[test]
    fn quotas_end_with_their_day() {
        let day = 86_400_000;
        let settings = Settings { daily_quota: Some(1), ..Settings::default() };
        let risk = Some("Throttling.Api.Risk".to_owned());
        assert_eq!(codes(&settings, &[(0, "a"), (1, "a"), (day, "a")]), [None, risk, None]);
        let settings = Settings { monthly_quota: Some(1), ..Settings::default() };
        let used_up = Some("Throttling.Resource".to_owned());
        assert_eq!(codes(&settings, &[(0, "a"), (day, "a"), (31 * day, "a")]), [None, used_up, None]);
    }
}
