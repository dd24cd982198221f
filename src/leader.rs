//! Leadership: only the leader writes to the cloud, and a lost lease ends the process at once.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_controller::LeaderElection;
use kube::Client;
use tokio_util::sync::CancellationToken;
use tracing::error;

/// Of a lease's duration: a leader that cannot renew gives up after two thirds, and both sides try
/// every 2/15. With the default of 15 s these are client-go's 10 s and 2 s.
const RENEW: (u32, u32) = (2, 3);
const RETRY: (u32, u32) = (2, 15);

/// How a term ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// The work ended by itself, and the lease was released.
    Ended,
    /// The lease was lost: the process must end at once.
    Lost,
    /// The process was stopped before it led.
    NeverLed,
}

/// Tells whether this process ran on, or stood still for so long that another may lead by now: frozen
/// with its node, or starved. What it had decided before must not be sent after.
#[derive(Debug)]
pub struct Pulse {
    /// The last sign of life; `None` from the first gap on.
    last: Mutex<Option<Instant>>,
    /// A gap may be so long: less than the lease.
    most: Duration,
}

impl Pulse {
    /// Of a leader whose lease lasts `duration`.
    #[must_use]
    pub fn under(duration: Duration) -> Self {
        Self { last: Mutex::new(Some(Instant::now())), most: duration * RENEW.0 / RENEW.1 }
    }

    /// Of a process that shares its work with nobody.
    #[must_use]
    pub fn alone() -> Self {
        Self { last: Mutex::new(Some(Instant::now())), most: Duration::MAX }
    }

    /// How long the lease lasts that this process works under; `None`: there is none.
    #[must_use]
    pub fn lease(&self) -> Option<Duration> {
        (self.most < Duration::MAX).then(|| self.most * RENEW.1 / RENEW.0)
    }

    /// The lease is fresh: what was before does not count.
    fn begin(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// A sign of life. False when the one before is too long ago, and from then on.
    pub fn beat(&self, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = last.filter(|last| now.saturating_duration_since(*last) <= self.most).map(|_| now);
        last.is_some()
    }

    /// Beats until there was a gap.
    async fn gap(&self) {
        // Often enough that a late tick is no gap.
        let every = (self.most / 8).clamp(Duration::from_millis(100), Duration::from_secs(1));
        while self.beat(Instant::now()) {
            tokio::time::sleep(every).await;
        }
    }
}

/// Who asks for which lease.
#[derive(Clone, Copy, Debug)]
pub struct Election<'a> {
    /// Namespace of the lease.
    pub namespace: &'a str,
    /// Name of the lease.
    pub lease: &'a str,
    /// The uid of this pod.
    pub identity: &'a str,
    /// A leader that is silent for so long is replaced.
    pub duration: Duration,
}

/// Waits for the lease and does `work` under it, as long as `pulse` has no gap. `work` must end by
/// itself soon after `stop`.
pub async fn lead(
    client: Client,
    election: Election<'_>,
    pulse: &Pulse,
    stop: &CancellationToken,
    work: impl Future<Output = ()>,
) -> Term {
    let Election { namespace, lease, identity, duration } = election;
    let election = LeaderElection::new(client, namespace, lease, identity)
        .with_lease_duration(duration)
        .with_renew_deadline(duration * RENEW.0 / RENEW.1)
        .with_retry_period(duration * RETRY.0 / RETRY.1);
    let leading = std::cell::Cell::new(false);
    let term = election.with_lease(async {
        leading.set(true);
        pulse.begin();
        tokio::select! {
            () = work => Term::Ended,
            () = pulse.gap() => {
                error!("the process stood still for too long");
                Term::Lost
            }
        }
    });
    let not_needed = async {
        stop.cancelled().await;
        if leading.get() {
            // The work ends by itself, and its end releases the lease.
            std::future::pending::<()>().await;
        }
    };
    let end = tokio::select! {
        end = term => end.unwrap_or(Term::Lost),
        () = not_needed => Term::NeverLed,
    };
    if end == Term::Lost {
        error!("the lease is lost");
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_never_forgotten() {
        let pulse = Pulse::under(Duration::from_secs(15));
        let begin = Instant::now();
        let beats = [0, 9, 19, 30, 31, 32].map(|second| pulse.beat(begin + Duration::from_secs(second)));
        assert_eq!(beats, [true, true, true, false, false, false]);
        let alone = Pulse::alone();
        assert!(alone.beat(begin) && alone.beat(begin + Duration::from_secs(3600)));
    }
}
