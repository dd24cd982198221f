//! What the probes judge: pure checks of what the process shows of itself.
//!
//! Liveness fails only for what a restart mends: a runner, a lease or a queue that stands still.
//! Readiness waits for the objects and for a schema that keeps what this version writes. Neither
//! leadership nor the cloud gates it: a standby is ready, and so is an operator whose cloud is down.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A runner that has not looked around for this long is stuck; it does so every 5 s, and not while
/// it waits for the last work at the end, which takes 40 s at most.
const STUCK_RUNNER: Duration = Duration::from_secs(60);
/// A lease that was not renewed for this long beyond its duration is stuck: the leader should have
/// given up long before.
const STUCK_LEASE: Duration = Duration::from_secs(5);
/// When all workers are busy, none has ended for this long and more work waits, they are stuck: every
/// call has a deadline of less than a minute.
const STUCK_QUEUE: Duration = Duration::from_secs(600);

/// What a process shows of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Since when it leads; `None`: it only watches.
    pub leading: Option<Instant>,
    /// When the runner last looked around.
    pub beat: Option<Instant>,
    /// When the runner last took something, saw an end, or saw nothing to take.
    pub moved: Option<Instant>,
    /// Work waits, and the service has not asked us to wait.
    pub could_move: bool,
    /// When the lease was last written.
    pub renewed: Option<Instant>,
    /// How long the lease lasts; `None`: there is none.
    pub lease: Option<Duration>,
}

/// What must have been seen before this process is ready.
#[derive(Debug, Default)]
pub struct Gates {
    synced: AtomicBool,
    schema: Mutex<Schema>,
}

/// What is known of the schema that the API server has of our objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Schema {
    /// Not looked at yet.
    #[default]
    Unseen,
    /// It keeps all that this version writes.
    Good,
    /// It does not, or there is none.
    Bad(String),
}

/// One check and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    name: &'static str,
    end: Result<(), String>,
}

impl Gates {
    /// All objects have been seen once.
    pub fn set_synced(&self) {
        self.synced.store(true, Ordering::SeqCst);
    }

    /// Keeps what is known of the schema. Answers whether that is news.
    pub fn set_schema(&self, schema: Schema) -> bool {
        let mut held = self.schema.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *held != schema;
        *held = schema;
        news
    }

    /// The checks of readiness.
    #[must_use]
    pub fn ready(&self) -> Vec<Check> {
        let synced = self.synced.load(Ordering::SeqCst);
        let objects = if synced { Ok(()) } else { Err("not all objects were seen yet".to_owned()) };
        let schema = match &*self.schema.lock().unwrap_or_else(PoisonError::into_inner) {
            Schema::Good => Ok(()),
            Schema::Unseen => Err("the CustomResourceDefinition was not seen yet".to_owned()),
            Schema::Bad(why) => Err(why.clone()),
        };
        vec![ping(), Check { name: "objects", end: objects }, Check { name: "schema", end: schema }]
    }
}

impl Vitals {
    /// The checks of liveness.
    #[must_use]
    pub fn alive(&self, now: Instant) -> Vec<Check> {
        vec![
            ping(),
            Check { name: "runner", end: self.silent(self.beat, now, STUCK_RUNNER, "the runner is stuck") },
            Check { name: "lease", end: self.lease(now) },
            Check { name: "queue", end: self.queue(now) },
        ]
    }

    fn lease(&self, now: Instant) -> Result<(), String> {
        let Some(lease) = self.lease else { return Ok(()) };
        self.silent(self.renewed, now, lease + STUCK_LEASE, "the lease is held and not renewed")
    }

    fn queue(&self, now: Instant) -> Result<(), String> {
        let end = self.silent(self.moved, now, STUCK_QUEUE, "work waits and nothing is taken");
        if self.could_move { end } else { Ok(()) }
    }

    /// Whether there was a sign at most this long ago, of a process that leads.
    fn silent(&self, last: Option<Instant>, now: Instant, most: Duration, what: &str) -> Result<(), String> {
        let Some(leading) = self.leading else { return Ok(()) };
        let span = now.saturating_duration_since(last.map_or(leading, |last| last.max(leading)));
        if span > most { Err(format!("{what}: for {} s", span.as_secs())) } else { Ok(()) }
    }
}

fn ping() -> Check {
    Check { name: "ping", end: Ok(()) }
}

/// Whether all checks that are not excluded are good, and the answer in the form of the API server's:
/// `ok`, or with `verbose` or a failure one check a line.
#[must_use]
pub fn told(probe: &str, checks: &[Check], verbose: bool, exclude: &[String]) -> (bool, String) {
    let is_excluded = |check: &Check| exclude.iter().any(|name| name == check.name);
    let good = checks.iter().all(|check| check.end.is_ok() || is_excluded(check));
    if good && !verbose {
        return (true, "ok".to_owned());
    }
    let mut text = String::new();
    for check in checks {
        let name = check.name;
        // Writing to a string does not fail.
        let _infallible = match &check.end {
            _ if is_excluded(check) => writeln!(text, "[+]{name} excluded: ok"),
            Ok(()) => writeln!(text, "[+]{name} ok"),
            Err(why) => writeln!(text, "[-]{name} failed: {why}"),
        };
    }
    let unknown: Vec<&str> =
        exclude.iter().map(String::as_str).filter(|n| checks.iter().all(|c| c.name != *n)).collect();
    if !unknown.is_empty() {
        // Not named: what a caller sends is not sent back.
        text.push_str("warn: some checks cannot be excluded: there are no such checks\n");
    }
    let end = if good { "passed" } else { "failed" };
    let _infallible = writeln!(text, "{probe} check {end}");
    (good, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(checks: &[Check]) -> Vec<&'static str> {
        checks.iter().filter(|check| check.end.is_err()).map(|check| check.name).collect()
    }

    async fn after(seconds: u64, vitals: impl FnOnce(Instant) -> Vitals) -> Vec<&'static str> {
        let vitals = vitals(Instant::now());
        tokio::time::advance(Duration::from_secs(seconds)).await;
        failed(&vitals.alive(Instant::now()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_that_stands_still_is_not_alive() {
        let leader = |now| Vitals {
            leading: Some(now),
            beat: Some(now),
            moved: Some(now),
            could_move: true,
            renewed: Some(now),
            lease: Some(Duration::from_secs(15)),
        };
        assert!(after(20, leader).await.is_empty());
        assert_eq!(after(21, leader).await, ["lease"]);
        assert_eq!(after(61, leader).await, ["runner", "lease"]);
        assert_eq!(after(601, leader).await, ["runner", "lease", "queue"]);
        // What is shared with nobody has no lease.
        assert_eq!(after(60, |now| Vitals { lease: None, ..leader(now) }).await, [""; 0]);
        // Nothing waits, or the service asked us to wait.
        let idle = |now| Vitals { could_move: false, lease: None, ..leader(now) };
        assert_eq!(after(601, idle).await, ["runner"]);
        // A standby does nothing of all this.
        assert_eq!(after(9999, |now| Vitals { leading: None, ..leader(now) }).await, [""; 0]);
        // The first sign of each kind is waited for from the beginning of the term on.
        let new = |now| Vitals { beat: None, moved: None, renewed: None, ..leader(now) };
        assert_eq!(after(15, new).await, [""; 0]);
        assert_eq!(after(601, new).await, ["runner", "lease", "queue"]);
    }

    #[test]
    fn ready_is_who_has_seen_objects_and_schema() {
        let gates = Gates::default();
        assert_eq!(failed(&gates.ready()), ["objects", "schema"]);
        gates.set_synced();
        assert_eq!(failed(&gates.ready()), ["schema"]);
        assert!(gates.set_schema(Schema::Good));
        assert!(!gates.set_schema(Schema::Good));
        assert_eq!(failed(&gates.ready()), [""; 0]);
        assert!(gates.set_schema(Schema::Bad("spec.path is missing".to_owned())));
        assert_eq!(failed(&gates.ready()), ["schema"]);
    }

    #[test]
    fn tells_as_the_api_server_does() {
        let bad = Check { name: "lease", end: Err("stuck: for 21 s".to_owned()) };
        let good = [ping(), Check { name: "lease", end: Ok(()) }];
        let (mixed, none) = ([ping(), bad], &[][..]);
        assert_eq!(told("livez", &good, false, none), (true, "ok".to_owned()));
        let all = "[+]ping ok\n[+]lease ok\nlivez check passed\n".to_owned();
        assert_eq!(told("livez", &good, true, none), (true, all));
        let failed = "[+]ping ok\n[-]lease failed: stuck: for 21 s\nlivez check failed\n".to_owned();
        assert_eq!(told("livez", &mixed, false, none), (false, failed));
        let without = ["lease".to_owned(), "<b>x".to_owned()];
        assert_eq!(told("livez", &mixed, false, &without), (true, "ok".to_owned()));
        let text = told("livez", &mixed, true, &without).1;
        assert_eq!(
            text,
            "[+]ping ok\n[+]lease excluded: ok\nwarn: some checks cannot be excluded: there are no such checks\n\
             livez check passed\n"
        );
    }
}
