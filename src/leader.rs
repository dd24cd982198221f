//! Leadership: only the leader writes to the cloud, and a lost lease ends the process at once.

use std::time::Duration;

use k8s_controller::LeaderElection;
use kube::Client;
use tokio_util::sync::CancellationToken;
use tracing::error;

/// The lease and its deadlines, client-go's defaults: a paused leader is replaced after
/// `LEASE`; it gives up by itself after `RENEW`.
const LEASE: Duration = Duration::from_secs(15);
const RENEW: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(2);

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

/// Waits for the lease and does `work` under it. `work` must end by itself soon after `stop`.
pub async fn lead(
    client: Client,
    namespace: &str,
    lease: &str,
    identity: &str,
    stop: &CancellationToken,
    work: impl Future<Output = ()>,
) -> Term {
    let election = LeaderElection::new(client, namespace, lease, identity)
        .with_lease_duration(LEASE)
        .with_renew_deadline(RENEW)
        .with_retry_period(RETRY);
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
