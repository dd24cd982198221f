//! What the simulator was asked: counts of everything, and the last calls one by one.
//!
//! It holds no content: ids, paths, digests and codes only.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// A call, or a late effect of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Position in the journal; the first is 1.
    pub seq: u64,
    /// When it arrived, Unix milliseconds of the simulator's clock.
    pub time: i64,
    /// The operation.
    pub action: String,
    /// The workspace that it named.
    pub project: Option<u64>,
    /// The id that it named, or got.
    pub id: Option<String>,
    /// The resource's path, or the name that was asked for.
    pub name: Option<String>,
    /// The status of the answer; absent when none was sent.
    pub http_status: Option<u16>,
    /// The error code of the answer.
    pub code: Option<String>,
    /// The id of the answer, also of one that was lost.
    pub request_id: String,
    /// What became of it.
    pub outcome: Outcome,
    /// True when this entry changed a resource.
    pub effect: bool,
    /// Where the resource that it changed is since then; absent when it is gone.
    pub path: Option<String>,
    /// Hexadecimal SHA-256 of what that resource holds since then.
    pub content_sha256: Option<String>,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Answered with success.
    Ok,
    /// Answered with an error.
    Error,
    /// Answered with something unreadable.
    Garbage,
    /// Not answered; `effect` tells whether it was carried out.
    Unanswered,
    /// Not answered, and to be carried out later.
    Postponed,
    /// A postponed call was carried out now. Not counted as a call.
    Landed,
}

/// Counts since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// All calls that arrived.
    pub total: u64,
    /// Calls by operation.
    pub by_action: BTreeMap<String, u64>,
    /// Entries by outcome.
    pub by_outcome: BTreeMap<Outcome, u64>,
    /// Calls by error code answered.
    pub by_code: BTreeMap<String, u64>,
    /// Changes of resources by operation.
    pub effects: BTreeMap<String, u64>,
    /// The number of the last entry.
    pub last_seq: u64,
}

/// Different operations and codes counted; more come only from a caller that makes them up.
const MOST_KEYS: usize = 200;

/// The journal.
#[derive(Debug)]
pub(crate) struct Journal {
    capacity: usize,
    counts: Counts,
    recent: VecDeque<Call>,
}

impl Journal {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, counts: Counts::default(), recent: VecDeque::new() }
    }

    /// Appends an entry; its number is set here.
    pub(crate) fn record(&mut self, mut call: Call) {
        let counts = &mut self.counts;
        counts.last_seq += 1;
        call.seq = counts.last_seq;
        *counts.by_outcome.entry(call.outcome).or_default() += 1;
        if call.outcome != Outcome::Landed {
            counts.total += 1;
            count(&mut counts.by_action, &call.action);
        }
        if let Some(code) = &call.code {
            count(&mut counts.by_code, code);
        }
        if call.effect {
            count(&mut counts.effects, &call.action);
        }
        if self.capacity == 0 {
            return;
        }
        if self.recent.len() >= self.capacity {
            self.recent.pop_front();
        }
        self.recent.push_back(call);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts.clone()
    }

    /// The entries kept whose number is greater than `seq`, oldest first.
    pub(crate) fn since(&self, seq: u64) -> Vec<Call> {
        let begin = self.recent.partition_point(|call| call.seq <= seq);
        self.recent.range(begin..).cloned().collect()
    }

    /// Zeroes the counts and empties the journal; numbers go on, so that a reader's `since` holds.
    pub(crate) fn clear(&mut self) {
        self.counts = Counts { last_seq: self.counts.last_seq, ..Counts::default() };
        self.recent.clear();
    }
}

fn count(map: &mut BTreeMap<String, u64>, key: &str) {
    if let Some(count) = map.get_mut(key) {
        *count += 1;
    } else if map.len() < MOST_KEYS {
        map.insert(key.to_owned(), 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_bounded_and_counts_go_on() {
        let mut journal = Journal::new(2);
        for outcome in [Outcome::Ok, Outcome::Postponed, Outcome::Landed] {
            journal.record(Call {
                seq: 0,
                time: 0,
                action: "CreateResource".to_owned(),
                project: None,
                id: None,
                name: None,
                http_status: None,
                code: None,
                request_id: String::new(),
                outcome,
                effect: outcome != Outcome::Postponed,
                path: None,
                content_sha256: None,
            });
        }
        let seen: Vec<_> = journal.since(0).into_iter().map(|call| call.seq).collect();
        assert_eq!(seen, [2, 3]);
        assert_eq!(journal.since(2).len(), 1);
        let counts = journal.counts();
        assert_eq!((counts.total, counts.by_action["CreateResource"]), (2, 2));
        assert_eq!((counts.effects["CreateResource"], counts.last_seq), (2, 3));
        journal.clear();
        assert_eq!((journal.counts().total, journal.counts().last_seq), (0, 3));
    }
}
