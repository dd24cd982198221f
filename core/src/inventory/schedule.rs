//! When a workspace is looked at next.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

/// Looks are up to this part of their distance earlier, so that workspaces and replicas do not look at
/// the same time. Never later: how long drift may go unseen is what was asked for.
const JITTER: f64 = 0.1;

/// When to look next at a workspace that was last looked at then, where looks are so far `apart`;
/// `share`, from 0 to 1, is its place among those that are due together. What was never looked at is
/// due in a whole distance: what was settled before is believed. What is overdue, as all may be after
/// a long stop, is spread over a tenth of it.
#[must_use]
pub fn next_look(looked: Option<Timestamp>, now: Timestamp, apart: SignedDuration, share: f64) -> Timestamp {
    let part = |part: f64| SignedDuration::try_from_secs_f64(apart.as_secs_f64() * part).unwrap_or(apart);
    // A time to come is a clock that was set back.
    let from = looked.map_or(now, |looked| looked.min(now));
    let due = later(from, part(1.0 - JITTER + JITTER * share));
    if due > now { due } else { later(now, part(JITTER * share)) }
}

fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}
