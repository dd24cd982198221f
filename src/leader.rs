//! Leadership: only the leader writes to the cloud, and a lost lease ends the process at once.

use std::time::Duration;

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

/// Waits for the lease and does `work` under it. A leader that is silent for `duration` is replaced.
/// `work` must end by itself soon after `stop`.
pub async fn lead(
    client: Client,
    namespace: &str,
    lease: &str,
    identity: &str,
    duration: Duration,
    stop: &CancellationToken,
    work: impl Future<Output = ()>,
) -> Term {
    let election = LeaderElection::new(client, namespace, lease, identity)
        .with_lease_duration(duration)
        .with_renew_deadline(duration * RENEW.0 / RENEW.1)
        .with_retry_period(duration * RETRY.0 / RETRY.1);
    let leading = std::cell::Cell::new(false);
    let term = election.with_lease(async {
        leading.set(true);
        work.await;
    });
    let not_needed = async {
        stop.cancelled().await;
        if leading.get() {
            // The work ends by itself, and its end releases the lease.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        end = term => match end {
            Some(()) => Term::Ended,
            None => {
                error!("the lease is lost");
                Term::Lost
            }
        },
        () = not_needed => Term::NeverLed,
    }
}
