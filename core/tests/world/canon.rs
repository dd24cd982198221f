//! When two worlds are the same: times count from now, versions only as far as they differ.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use dataworks_core::api::condition::ConditionType;
use dataworks_core::api::v1alpha1::{AttemptOutcome, DataWorksResourceStatus, Origin};
use dataworks_core::intent::Intent;
use dataworks_core::plan::{Memory, Progress, ReadBack};
use k8s_openapi::jiff::Timestamp;

use super::object::Object;
use super::process::{Process, Wake};
use super::run::Run;
use super::{SLOTS, World, seconds};

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.left, self.broken, self.jumps, self.blurred, self.kept, self.forced).hash(state);
        for object in &self.objects {
            self.feed_object(object.as_ref(), state);
        }
        let lag = seconds(Self::bounds().lag);
        for file in &self.files {
            match file.deleted {
                Some(at) if self.now >= at + lag => 0u8.hash(state),
                _ => {
                    (file.owner, file.path, file.content, file.adopted).hash(state);
                    (file.created - self.now, file.modified - self.now).hash(state);
                    (file.hidden - self.now).max(0).hash(state);
                    file.deleted.map(|at| at - self.now).hash(state);
                }
            }
        }
        self.maps.hash(state);
        for flight in &self.flights {
            (self.canonical(flight.request), flight.owner, flight.from, flight.lost).hash(state);
            (flight.sent - self.now, flight.latest - self.now).hash(state);
            (flight.orphan, flight.overtaken).hash(state);
        }
        self.feed_process(&self.leader, state);
        self.old.is_some().hash(state);
        if let Some(old) = &self.old {
            self.feed_process(old, state);
        }
    }
}

impl World {
    fn span(&self, at: Timestamp) -> i128 {
        at.duration_since(self.time()).as_micros()
    }

    fn feed_object<H: Hasher>(&self, object: Option<&Arc<Object>>, state: &mut H) {
        object.is_some().hash(state);
        let Some(object) = object else { return };
        (object.uid, object.before, object.generation, object.declared, object.deleting, object.finalizer)
            .hash(state);
        object.note.is_some().hash(state);
        if let Some(note) = &object.note {
            let intent = &note.intent;
            (&intent.object, &intent.uid, &intent.holder, &intent.path).hash(state);
            (&intent.content_sha256, &intent.spec_sha256).hash(state);
            (self.span(intent.first), self.span(intent.at)).hash(state);
        }
        object.question.hash(state);
        self.feed_status(&object.status, state);
        let since = object.status.conditions.iter().find(|c| c.type_ == ConditionType::Stalled.as_str());
        let intended = object.note.as_ref().map(|note| note.intent.at);
        since.is_some_and(|since| Some(since.last_transition_time.0) >= intended).hash(state);
    }

    fn feed_status<H: Hasher>(&self, status: &DataWorksResourceStatus, state: &mut H) {
        (status.observed_generation, &status.id, &status.path, &status.spec_digest).hash(state);
        status.content_source.as_ref().map(|source| &source.resource_version).hash(state);
        status.origin.map(|origin| origin == Origin::Adopted).hash(state);
        // All that matters of the one is whether it is later than the other.
        let known = status.modify_time.as_ref().map(|time| self.span(time.0));
        let synced = status.last_sync_time.as_ref().map(|time| self.span(time.0));
        (known, synced.filter(|synced| known.is_none_or(|known| *synced > known))).hash(state);
        if let Some(attempt) = &status.attempt {
            let at: Option<Timestamp> = attempt.at.as_deref().and_then(|at| at.parse().ok());
            let outcome = attempt.outcome.map(|outcome| match outcome {
                AttemptOutcome::Done => 0u8,
                AttemptOutcome::Refused => 1,
                AttemptOutcome::Unknown => 2,
            });
            (at.map(|at| self.span(at)), outcome, &attempt.path, attempt.refusals).hash(state);
        }
        if let Some(error) = &status.last_error {
            (&error.code, error.time.as_ref().map(|time| self.span(time.0))).hash(state);
        }
        for condition in &status.conditions {
            (&condition.type_, &condition.status, &condition.reason, condition.observed_generation)
                .hash(state);
        }
    }

    fn feed_process<H: Hasher>(&self, process: &Process, state: &mut H) {
        (process.pod, process.resumed).hash(state);
        let lag = seconds(Self::bounds().lag);
        for (number, at) in process.put.iter().chain(&process.gone).filter(|(_, at)| self.now - at <= lag) {
            (number, at - self.now).hash(state);
        }
        for slot in 0..SLOTS {
            let (uid, memory) = &process.memory[slot];
            uid.hash(state);
            self.feed_memory(memory, state);
            match process.wake[slot] {
                Wake::Never => 0i128.hash(state),
                Wake::Now => 1i128.hash(state),
                Wake::At(at) => self.span(at).hash(state),
            }
            process.runs[slot].is_some().hash(state);
            if let Some(run) = &process.runs[slot] {
                self.feed_run(run, state);
            }
        }
        if let Some(view) = &process.view {
            for object in view {
                self.feed_object(object.as_ref(), state);
            }
        }
    }

    fn feed_memory<H: Hasher>(&self, memory: &Memory, state: &mut H) {
        if let Some((at, progress)) = &memory.attempt {
            self.span(*at).hash(state);
            match progress {
                Progress::Written => 0u8.hash(state),
                Progress::Refused => 1u8.hash(state),
                Progress::Unknown { sent, already_exists } => {
                    (self.span(*sent), already_exists).hash(state);
                }
            }
        }
        if let Some(Intent { path, holder, content_sha256, spec_sha256, first, at, .. }) = &memory.lost {
            (path, holder, content_sha256, spec_sha256, self.span(*first), self.span(*at)).hash(state);
        }
        if let Some(uploaded) = &memory.uploaded {
            (self.upload_at(&uploaded.url), self.span(uploaded.at)).hash(state);
        }
        (
            memory.unknown_write.map(|at| self.span(at)),
            memory.doubt,
            memory.failures,
            memory.unknown_place,
            memory.unknown_spec,
        )
            .hash(state);
    }

    fn feed_run<H: Hasher>(&self, run: &Run, state: &mut H) {
        let live = self.objects[run.object.slot].as_ref().map(|live| live.version);
        let current = live == Some(run.object.version);
        (current, run.steps).hash(state);
        if !current {
            self.feed_object(Some(&run.object), state);
        }
        run.look
            .as_ref()
            .map(|rows| rows.iter().map(|row| (&row.id, &row.path)).collect::<Vec<_>>())
            .hash(state);
        if let Some(search) = &run.search {
            self.span(search.begun).hash(state);
            for candidate in &search.rows {
                (&candidate.row.id, &candidate.row.path, candidate.claimed, candidate.verdict).hash(state);
            }
        }
        let read = run.read.as_ref().map(|read| match read {
            ReadBack::Absent | ReadBack::TooYoung { .. } => None,
            ReadBack::Present(held) => Some((
                &held.differs,
                &held.fixed,
                held.path.as_ref().map(ToString::to_string),
                held.shows_content,
            )),
        });
        let adoptee =
            run.adoptee.as_ref().map(|(number, back, ..)| (number, matches!(back, ReadBack::Absent)));
        (read, adoptee, run.read_modified.map(|at| at - self.now)).hash(state);
        run.content.hash(state);
        if let Some(call) = &run.call {
            (self.canonical(call.request), self.span(call.sent)).hash(state);
            call.answer.map(|answer| answer.map_err(|class| class as u8)).hash(state);
        }
    }
}
