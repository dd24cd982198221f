//! Keeps credentials that end fresh: one task fetches, callers look at what it holds.
//!
//! It must not know how a provider gets them. The rules it keeps: one fetch at a time, however many
//! callers wait; what is held is used until it ends, also while a renewal fails; a failed fetch is
//! tried again later and later, never by a caller. How long credentials hold is counted from the
//! service's own time and by a clock that nobody sets.

use std::sync::Arc;
use std::time::Duration;

use dataworks_core::backoff;
use dataworks_core::fault::{Class, Fault};
use dataworks_core::object::Uid;
use k8s_openapi::jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::{
    AccountRole, ChainedRole, CredentialError, Credentials, InstanceRole, OidcRole, Reach, Temporary,
    instance, role,
};
use crate::dataworks::Client;
use crate::dataworks::endpoint::Endpoint;
use crate::dataworks::error::code;
use crate::dataworks::types::Assumed;

/// Credentials are renewed at least so long before they end, where they last long enough: time for many
/// tries, and for a person to see the alert.
const MARGIN: Duration = Duration::from_secs(600);
/// Up to half as much more, so that not all processes renew at once.
const MARGIN_SPREAD: f64 = 0.5;
/// Credentials are not used in the last part of their life: a request takes its time, too.
const LAST_PART: Duration = Duration::from_secs(10);
/// A `Date` lacks up to a second, which is missing at the end.
const LACKING: Duration = Duration::from_secs(1);
/// Between two fetches at least.
const LEAST_WAIT: Duration = Duration::from_secs(1);
/// Failed fetches in a row after which the wait does not grow any more: it is some 40 s then.
const MOST_FAILURES: u32 = 6;
/// The service's refusal of a key causes a fetch at most this often.
const REFUSALS_APART: Duration = Duration::from_secs(30);

/// Who gives credentials that end.
#[derive(Debug)]
pub enum Provider {
    /// STS, for the pod's token.
    Role {
        /// The role and the token.
        role: OidcRole,
        /// Where STS is.
        endpoint: Endpoint,
        /// The way there.
        reach: Reach,
    },
    /// STS, for a token that is asked for.
    Account {
        /// The role, and who gives the token.
        role: AccountRole,
        /// Where STS is.
        endpoint: Endpoint,
        /// The way there.
        reach: Reach,
    },
    /// STS, for other credentials.
    Chained {
        /// The role.
        role: ChainedRole,
        /// Who has these credentials and knows the way.
        client: Client,
    },
    /// The metadata service of the ECS instance.
    Instance {
        /// The role.
        role: InstanceRole,
        /// Where the service is.
        endpoint: Endpoint,
        /// The way there.
        reach: Reach,
    },
}

impl Provider {
    async fn fetch(&self) -> Result<Temporary, CredentialError> {
        match self {
            Self::Role { role, endpoint, reach } => role::assume(role, endpoint, reach).await,
            Self::Account { role, endpoint, reach } => role::assume_as(role, endpoint, reach).await,
            Self::Chained { role, client } => {
                let assumed = client.assume_role(role).await;
                let assumed = assumed.map_err(|fault| CredentialError::NotGiven { service: "STS", fault })?;
                let Assumed { credentials, expires, date, request_id: _ } = assumed;
                Ok(Temporary { credentials, expires, given: date })
            }
            Self::Instance { role, endpoint, reach } => instance::fetch(role, endpoint, reach).await,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Role { .. } | Self::Account { .. } => "rrsa",
            Self::Chained { .. } => "assume-role",
            Self::Instance { .. } => "ecs",
        }
    }
}

/// Credentials that are renewed as long as this lives. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Renewal {
    shared: Arc<Shared>,
    _task: Arc<AbortOnDropHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    provider: Provider,
    /// What jitter is drawn from.
    salt: Uid,
    state: watch::Sender<State>,
    returns: watch::Sender<u64>,
    /// Rung when a refusal asks for a fetch.
    asked: Notify,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    /// Why the last fetch failed, if it did.
    trouble: Option<CredentialError>,
    /// When a refusal last asked for a fetch.
    refused_at: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    credentials: Arc<Credentials>,
    expires: Timestamp,
    /// Not used from then on.
    until: Instant,
    /// The service does not take them any more.
    refused: bool,
}

impl State {
    /// What a caller gets; `None`: wait for the fetch under way.
    fn verdict(&self, now: Instant) -> Option<Result<&Arc<Credentials>, &CredentialError>> {
        match (&self.held, &self.trouble) {
            (Some(held), _) if !held.refused && now < held.until => Some(Ok(&held.credentials)),
            (_, Some(trouble)) => Some(Err(trouble)),
            (_, None) => None,
        }
    }
}

impl Renewal {
    /// Begins to fetch. `salt` is different for each process.
    #[must_use]
    pub fn start(provider: Provider, salt: Uid) -> Self {
        let shared = Arc::new(Shared {
            provider,
            salt,
            state: watch::Sender::default(),
            returns: watch::Sender::default(),
            asked: Notify::new(),
        });
        let task = tokio::spawn(keep(Arc::clone(&shared)));
        Self { shared, _task: Arc::new(AbortOnDropHandle::new(task)) }
    }

    pub(super) async fn current(&self) -> Result<Arc<Credentials>, CredentialError> {
        let mut state = self.shared.state.subscribe();
        loop {
            match state.borrow_and_update().verdict(Instant::now()) {
                Some(Ok(credentials)) => return Ok(Arc::clone(credentials)),
                Some(Err(trouble)) => return Err(trouble.clone()),
                None => {}
            }
            state.changed().await.map_err(|_| CredentialError::Stopping)?;
        }
    }

    pub(super) async fn replaced(&self, refused: &Arc<Credentials>) -> bool {
        let now = Instant::now();
        let asks = self.shared.state.send_if_modified(|state| {
            let recently = state.refused_at.is_some_and(|at| now - at < REFUSALS_APART);
            match &mut state.held {
                Some(held) if Arc::ptr_eq(&held.credentials, refused) && !held.refused && !recently => {
                    held.refused = true;
                    state.refused_at = Some(now);
                    true
                }
                Some(_) | None => false,
            }
        });
        if asks {
            self.shared.asked.notify_one();
        }
        let mut state = self.shared.state.subscribe();
        loop {
            {
                let state = state.borrow_and_update();
                match &state.held {
                    // The same key again is nothing new.
                    Some(held) if !Arc::ptr_eq(&held.credentials, refused) => {
                        return held.credentials.access_key_id != refused.access_key_id;
                    }
                    Some(held) if held.refused && state.trouble.is_none() => {}
                    Some(_) | None => return false,
                }
            }
            if state.changed().await.is_err() {
                return false;
            }
        }
    }

    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.shared.state.borrow().held.as_ref().map(|held| held.expires)
    }

    pub(super) fn returns(&self) -> watch::Receiver<u64> {
        self.shared.returns.subscribe()
    }
}

/// The one who fetches.
async fn keep(shared: Arc<Shared>) {
    let mut failures: u32 = 0;
    let mut fetches: u32 = 0;
    loop {
        let begun = Instant::now();
        fetches = fetches.wrapping_add(1);
        let fetched = shared.provider.fetch().await.and_then(|temporary| shared.hold(temporary, begun));
        let wait = match fetched {
            Ok(left) => {
                failures = 0;
                renew_after(left, backoff::share(&shared.salt, fetches))
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                let wait = backoff::transient(&shared.salt, failures.min(MOST_FAILURES));
                shared.fail(error, failures, wait);
                wait
            }
        };
        shared.rest(begun + wait, failures == 0).await;
    }
}

/// When to fetch anew credentials that hold for `left`; `share` from 0 to 1 spreads it.
fn renew_after(left: Duration, share: f64) -> Duration {
    let margin = MARGIN.mul_f64(1.0 + share * MARGIN_SPREAD).min(left / 3);
    left.saturating_sub(margin).max(LEAST_WAIT)
}

/// For how long credentials are used that hold for `left`.
fn usable_for(left: Duration) -> Duration {
    left.saturating_sub(LAST_PART.min(left / 10).max(LACKING))
}

impl Shared {
    /// Keeps new credentials. Answers how long they hold.
    fn hold(&self, temporary: Temporary, begun: Instant) -> Result<Duration, CredentialError> {
        let Temporary { credentials, expires, given } = temporary;
        let left = Duration::try_from(expires.duration_since(given)).unwrap_or_default();
        if left.is_zero() {
            return Err(ended(self.provider.name()));
        }
        let held = Held {
            credentials: Arc::new(credentials),
            expires,
            until: begun + usable_for(left),
            refused: false,
        };
        let mut returned = false;
        self.state.send_modify(|state| {
            returned = !matches!(state.verdict(Instant::now()), Some(Ok(_)));
            state.held = Some(held);
            state.trouble = None;
        });
        info!(provider = self.provider.name(), %expires, "credentials renewed");
        if returned {
            self.returns.send_modify(|count| *count = count.wrapping_add(1));
        }
        Ok(left)
    }

    fn fail(&self, error: CredentialError, failures: u32, wait: Duration) {
        let usable = matches!(self.state.borrow().verdict(Instant::now()), Some(Ok(_)));
        warn!(
            provider = self.provider.name(),
            %error,
            requestId = error.request_id(),
            attempt = failures,
            nextSeconds = wait.as_secs(),
            usable,
            "credentials cannot be had"
        );
        self.state.send_modify(|state| state.trouble = Some(error));
    }

    /// Waits until then, or until a refusal asks for a fetch, where those are listened to.
    async fn rest(&self, until: Instant, listens: bool) {
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                () = self.asked.notified(), if listens => {
                    if self.state.borrow().held.as_ref().is_some_and(|held| held.refused) {
                        return;
                    }
                }
            }
        }
    }
}

fn ended(service: &'static str) -> CredentialError {
    let fault = Fault {
        class: Class::Transient,
        code: code::UNREADABLE.to_owned(),
        message: "the credentials had ended when they came".to_owned(),
        request_id: None,
        retry_after: None,
    };
    CredentialError::NotGiven { service, fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_used_until_it_ends_whatever_became_of_its_renewal() {
        let now = Instant::now();
        let held = |left: u64, refused| {
            Some(Held {
                credentials: Arc::new(Credentials {
                    access_key_id: String::new(),
                    access_key_secret: String::new().into(),
                    security_token: None,
                }),
                expires: Timestamp::MAX,
                until: now + Duration::from_secs(left),
                refused,
            })
        };
        let rows = [
            (None, false, "wait"),
            (None, true, "error"),
            (held(1, false), false, "good"),
            (held(1, false), true, "good"),
            (held(0, false), false, "wait"),
            (held(0, false), true, "error"),
            (held(1, true), false, "wait"),
            (held(1, true), true, "error"),
        ];
        for (n, (held, failed, want)) in rows.into_iter().enumerate() {
            let trouble = failed.then_some(CredentialError::Stopping);
            let state = State { held, trouble, refused_at: None };
            let found = match state.verdict(now) {
                Some(Ok(_)) => "good",
                Some(Err(_)) => "error",
                None => "wait",
            };
            assert_eq!(found, want, "row {n}");
        }
    }

    #[test]
    fn credentials_are_renewed_well_before_they_end_and_not_all_at_once() {
        // left, share -> renewed after, used for
        let rows = [
            (3600, 0.0, 3000, 3590),
            (3600, 1.0, 2700, 3590),
            (43_200, 0.5, 42_450, 43_190),
            (900, 0.0, 600, 890),
            (900, 1.0, 600, 890),
            (60, 0.5, 40, 54),
            (1, 0.5, 1, 0),
        ];
        for (left, share, renewed, used) in rows {
            let left = Duration::from_secs(left);
            assert_eq!(renew_after(left, share).as_secs(), renewed, "{left:?} {share}");
            assert_eq!(usable_for(left).as_secs(), used, "{left:?} {share}");
            assert!(renew_after(left, share) <= left);
        }
    }
}
