//! What a process remembers of unfinished business with an object.

use k8s_openapi::jiff::Timestamp;

use super::{Recorded, Uploaded};
use crate::api::v1alpha1::AttemptOutcome;
use crate::fault::{Class, Fault};
use crate::ids::Digest;
use crate::intent::Intent;
use crate::mutation::{Rule, off};
use crate::state::{Fact, State};

/// Where the try of an intent stands, as this process remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// The intent was written by this process and no request was sent for it.
    Written,
    /// The request was sent at this time and its outcome is not known.
    Unknown {
        /// When the request was begun.
        sent: Timestamp,
        /// The answer was "already exists".
        already_exists: bool,
    },
    /// Definitely nothing came of it.
    Refused,
}

/// What this process remembers of unfinished business with an object; lost with the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The try of the intent with this `at`.
    pub attempt: Option<(Timestamp, Progress)>,
    /// That intent, while its outcome is not known: the annotation may be taken away meanwhile.
    pub lost: Option<Intent>,
    /// A write to the resource whose outcome is not known, begun at this time.
    pub unknown_write: Option<Timestamp>,
    /// That write was a rename or a move.
    pub unknown_place: bool,
    /// The digest of what status would hold had that write been answered; `None`: what is declared.
    pub unknown_spec: Option<Digest>,
    /// The resource may not be as recorded: an update was answered "not found", or a listing shows
    /// it changed or gone.
    pub doubt: bool,
    /// What was uploaded for it and not named in a call that may have been carried out: the service may
    /// take away what it has fetched.
    pub uploaded: Option<Uploaded>,
    /// What the last listing showed, where a read would tell nothing more.
    pub listing: Option<Listing>,
    /// Failures that may pass by themselves, in a row, without those that are ours to wait for.
    pub failures: u32,
    /// When the first failure of the row was.
    pub failing_since: Option<Timestamp>,
}

/// What a listing shows of an object's resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Listing {
    /// It is there, as recorded.
    Present,
    /// There may be another file at its path, or no longer.
    Twins,
    /// It is gone, with so many others that the listing is rather to be doubted.
    MassAbsence,
}

/// What became of a call, in the words of the plan's memory: remembers what the next plan of this
/// process must know.
impl Memory {
    /// The intent `at` was written and nothing sent.
    pub fn wrote_intent(&mut self, at: Timestamp) {
        self.attempt = Some((at, Progress::Written));
        self.lost = None;
    }

    /// CreateResource for this intent, begun at `sent`, ended without a known outcome.
    pub fn create_unknown(&mut self, intent: &Intent, sent: Timestamp, fault: &Fault) {
        if off(Rule::Outcomes) {
            return self.create_refused(intent.at);
        }
        let already_exists = fault.class == Class::AlreadyExists;
        self.attempt = Some((intent.at, Progress::Unknown { sent, already_exists }));
        self.lost = Some(intent.clone());
        self.uploaded = None;
    }

    /// CreateResource for the intent `at` was definitely refused.
    pub fn create_refused(&mut self, at: Timestamp) {
        self.attempt = Some((at, Progress::Refused));
        self.lost = None;
    }

    /// What status is to tell of a create whose outcome is not known, whatever else it tells: a later process finds the
    /// file by it when the annotation is gone. Nothing where it tells the outcome already.
    #[must_use]
    pub fn unknown_create(&self, recorded: &Recorded) -> Option<Fact> {
        let intent = self.lost.as_ref().filter(|intent| recorded.ended(intent).is_none())?;
        let path = Some(intent.path.clone());
        Some(Fact::Attempted { at: intent.at, outcome: AttemptOutcome::Unknown, path })
    }

    /// This process wrote the intent `at` and knows that nothing came of it.
    #[must_use]
    pub fn sent_nothing(&self, at: Timestamp) -> bool {
        match self.attempt {
            Some((named, Progress::Written | Progress::Refused)) => named == at,
            Some((_, Progress::Unknown { .. })) | None => false,
        }
    }

    /// True while the outcome of a write of this process is not known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        let create = match self.attempt {
            Some((_, Progress::Unknown { .. })) => true,
            Some((_, Progress::Written | Progress::Refused)) | None => false,
        };
        create || self.unknown_write.is_some()
    }

    /// A write to the resource, begun at `sent`, ended without a known outcome.
    pub fn write_unknown(&mut self, sent: Timestamp, place: bool, spec: Digest) {
        if off(Rule::Writes) {
            return self.refused();
        }
        self.unknown_write = Some(sent);
        self.unknown_place = place;
        self.unknown_spec = Some(spec);
        self.uploaded = None;
    }

    /// A call of this class failed at `now`; another of its connection was last answered well at `last_good`. Answers
    /// since when it is a failure: used-up calls are waited for, and what is throttled among good answers only waits
    /// longer than they.
    pub fn failed(&mut self, class: Class, last_good: Option<Timestamp>, now: Timestamp) -> Timestamp {
        if class == Class::Quota {
            self.failing_since = None;
            return now;
        }
        let mut since = self.failing_since.unwrap_or(now);
        if class == Class::Throttled {
            since = since.max(last_good.unwrap_or(since));
        } else {
            self.failures = self.failures.saturating_add(1);
        }
        self.failing_since = Some(since);
        since
    }

    /// Something was done, and status could not be told of it.
    pub fn unrecorded(&mut self) {
        self.refused();
        self.doubt = true;
    }

    /// The object was definitely refused, and status tells so: nothing is unfinished but a create whose outcome is not
    /// known.
    pub fn refused(&mut self) {
        let Self { attempt, lost, .. } = std::mem::take(self);
        if lost.is_some() {
            (self.attempt, self.lost) = (attempt, lost);
        }
    }

    /// Status tells that the object stands so. A create whose outcome is not known stays so, unless that ends with this or is for
    /// a person to tell; another write is kept where what is suspended or stalled may go on while it can still arrive.
    pub fn finished(&mut self, state: &State) {
        let Self { attempt, lost, unknown_write, unknown_place, unknown_spec, .. } = std::mem::take(self);
        let ends = state.is_question() || matches!(state, State::Taken { closes: Some(_), .. });
        if lost.is_some() && !ends {
            (self.attempt, self.lost) = (attempt, lost);
        }
        if matches!(state, State::Suspended { .. } | State::Stalled { .. }) {
            (self.unknown_write, self.unknown_place) = (unknown_write, unknown_place);
            self.unknown_spec = unknown_spec;
        }
    }

    /// Nothing is unfinished any more.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_waits_for_us_is_no_failure_of_the_object() {
        use Class::{Quota, Throttled, Transient};
        type Failure = (i64, Class, Option<i64>);
        // The calls that failed: when, how, and when one of the connection was last answered well. Then since when it is a
        // failure, and how many there were.
        let rows: &[(&str, &[Failure], i64, u32)] = &[
            ("as long as it fails", &[(10, Transient, None), (40, Transient, Some(30))], 10, 2),
            ("throttled, and so are all", &[(10, Throttled, None), (140, Throttled, None)], 10, 0),
            ("throttled, and others are not", &[(10, Throttled, None), (140, Throttled, Some(130))], 130, 0),
            ("an older good answer", &[(10, Throttled, Some(5)), (140, Throttled, Some(5))], 10, 0),
            (
                "throttled among good answers, then failing",
                &[(10, Throttled, None), (140, Throttled, Some(130)), (150, Transient, Some(149))],
                130,
                1,
            ),
            (
                "used up in between",
                &[(10, Transient, None), (20, Quota, None), (9_000, Throttled, None)],
                9_000,
                1,
            ),
        ];
        for (name, failures, since, count) in rows {
            let mut memory = Memory::default();
            let told =
                failures.iter().map(|(now, class, good)| memory.failed(*class, good.map(at), at(*now)));
            assert_eq!(told.last(), Some(at(*since)), "{name}");
            assert_eq!(memory.failures, *count, "{name}");
        }
    }
}
