//! What can happen next: what goes on by itself, what the cloud may choose, and what goes wrong.

use std::sync::Arc;

use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::AttemptOutcome;
use dataworks_core::fault::Class;
use dataworks_core::intent::IntentNote;
use k8s_openapi::jiff::SignedDuration;

use super::cloud::{File, Flight, Number, Request, STRANGER};
use super::object::{Object, PATHS, Question};
use super::process::{Pod, Process, Wake};
use super::run::How;
use super::{SLOTS, World, seconds};

/// What somebody else does to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    /// Declares this content.
    Edit(u8),
    /// Declares this path.
    Path(u8),
    /// Declares `adoptionPolicy: Adopt`.
    Adopt,
    /// Names the first file of all in `spec.resourceId`.
    Name,
    /// Suspends or resumes it.
    Suspend(bool),
    /// Sets `deletionPolicy: Retain`.
    Retain,
    /// Takes its status away.
    WipeStatus,
    /// Replaces its metadata: no finalizer, no annotation.
    Replace,
    /// Takes its finalizers off and deletes it, while a create of it is under way.
    Force,
    /// Puts it back from a backup, under a new uid, with its annotation and without status.
    Restore,
    /// Makes one again under a name that is free.
    Recreate,
    /// Makes a second one with annotation and status of the first, for this path.
    Copy(u8),
}

/// What strangers do in the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outside {
    /// Deletes our file.
    Delete(Number),
    /// Writes other content into our file.
    Edit(Number),
    /// Makes a file at this path.
    Make(u8),
    /// Deletes the file that a stranger made.
    TakeBack(Number),
    /// Nothing, but a listing makes it look as if.
    Doubt(usize),
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// The leader's next step for this object.
    Step(usize, How),
    /// The paused process' next step.
    Old(usize, How),
    /// This request arrives and, where somebody waits for it, is answered.
    Deliver(usize),
    /// A proxy sent it twice, and the second answer is heard.
    Twice(usize),
    /// It is refused: for now, or for good.
    Refuse(usize, bool),
    /// Its answer is lost: it may still arrive, or `true`: it never does.
    Lose(usize, bool),
    /// The leader is lost, and `true`: what it sent never arrives.
    Crash(Pod, bool),
    /// The leader is paused and replaced.
    Pause,
    /// Work takes longer than START, an answer as long as CALL.
    Slow,
    /// Time goes by until something is due.
    Tick,
    /// The routine look finds what does not stand as recorded.
    Sweep,
    Change(usize, Change),
    /// Somebody deletes the object.
    Delete(usize),
    Outside(Outside),
}

impl World {
    /// What goes on by itself when nobody interferes.
    pub(crate) fn progress(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(index) = self.overdue() {
            return vec![Action::Deliver(index)];
        }
        for slot in 0..SLOTS {
            match &self.leader.runs[slot] {
                Some(run) if run.call.is_some() => {
                    let from = Some((self.leader.pod, slot));
                    actions.extend(self.flights.iter().position(|f| f.from == from).map(Action::Deliver));
                }
                Some(_) => actions.push(Action::Step(slot, How::Fine)),
                None if self.due(slot) => actions.push(Action::Step(slot, How::Fine)),
                None => {}
            }
        }
        if actions.is_empty() {
            if self.next_instant().is_some_and(|next| next > self.now) {
                actions.push(Action::Tick);
            } else if self.flights.is_empty() && self.next_instant().is_none() && !self.drifted().is_empty() {
                actions.push(Action::Sweep);
            }
        }
        actions
    }

    /// Nothing goes on, and nothing will by itself.
    pub(crate) fn is_quiet(&self) -> bool {
        self.flights.is_empty() && self.progress().is_empty()
    }

    /// A request is on its way and nothing makes it arrive: the world itself does not go on.
    pub(crate) fn is_stuck(&self) -> bool {
        !self.flights.is_empty() && self.progress().is_empty()
    }

    /// A request that nobody counts on and that can arrive no later than now.
    fn overdue(&self) -> Option<usize> {
        self.flights.iter().position(|flight| flight.lost && flight.latest <= self.now)
    }

    fn due(&self, slot: usize) -> bool {
        if self.objects[slot].is_none() {
            return false;
        }
        let woken = match self.leader.wake[slot] {
            Wake::Never => false,
            Wake::Now => true,
            Wake::At(at) => at <= self.time() && !self.may_rest(slot),
        };
        woken || self.verdict_moved(slot)
    }

    fn next_instant(&self) -> Option<i64> {
        let wakes = (0..SLOTS).filter_map(|slot| match self.leader.wake[slot] {
            Wake::At(at) if self.objects[slot].is_some() && !self.may_rest(slot) => {
                let span = i64::try_from(at.duration_since(self.time()).as_micros()).unwrap();
                Some(self.now + (span + 999_999).div_euclid(1_000_000))
            }
            Wake::At(_) | Wake::Never | Wake::Now => None,
        });
        wakes.chain(self.flights.iter().map(|flight| flight.latest)).min()
    }

    /// Everything that can happen.
    pub(crate) fn actions(&self, changes: &[Change], actions: &mut Vec<Action>) {
        if self.broken.is_some() {
            return;
        }
        actions.extend(self.progress());
        if self.overdue().is_some() {
            return;
        }
        for (index, flight) in self.flights.iter().enumerate() {
            if flight.lost {
                actions.push(Action::Deliver(index));
            }
        }
        for slot in 0..SLOTS {
            let works = self.leader.runs[slot].as_ref().is_some_and(|run| run.call.is_none());
            if works || self.leader.runs[slot].is_none() && self.due(slot) {
                actions.push(Action::Step(slot, How::Stale));
            }
            // No answer comes before the lost lease ends the process.
            let acts = |old: &Process| {
                old.runs[slot].as_ref().is_some_and(|run| {
                    !old.resumed || run.call.as_ref().is_none_or(|call| call.answer.is_some())
                })
            };
            if self.old.as_ref().is_some_and(acts) {
                actions.extend([Action::Old(slot, How::Fine), Action::Old(slot, How::Stale)]);
            }
        }
        for (slot, object) in self.objects.iter().enumerate() {
            if self.left.deletions > 0 && object.as_ref().is_some_and(|object| !object.deleting) {
                actions.push(Action::Delete(slot));
            }
        }
        if self.left.events > 0 {
            self.interference(changes, actions);
        }
    }

    fn interference(&self, changes: &[Change], actions: &mut Vec<Action>) {
        let working = self.leader.runs.iter().flatten().count() > 0;
        let waits = |flight: &Flight| flight.from.is_some_and(|(pod, _)| pod == self.leader.pod);
        if self.left.faults > 0 {
            for (index, flight) in self.flights.iter().enumerate().filter(|(_, flight)| waits(flight)) {
                actions.extend([Action::Lose(index, false), Action::Lose(index, true)]);
                actions.extend([Action::Refuse(index, false), Action::Refuse(index, true)]);
                let create = matches!(flight.request, Request::Create { .. });
                if create && self.setting.unique && self.setting.proxied {
                    actions.push(Action::Twice(index));
                }
            }
            for slot in 0..SLOTS {
                if self.leader.runs[slot].as_ref().is_some_and(|run| run.call.is_none()) {
                    actions.extend([Action::Step(slot, How::Fails), Action::Step(slot, How::Unheard)]);
                }
            }
        }
        let waiting = self.leader.wake.iter().any(|wake| matches!(wake, Wake::At(_)));
        if self.left.crashes > 0 && (working || waiting) {
            for pod in [Pod::Same, Pod::Other] {
                actions.push(Action::Crash(pod, false));
                if self.flights.iter().any(waits) {
                    actions.push(Action::Crash(pod, true));
                }
            }
        }
        if self.left.pauses > 0 && working && self.old.is_none() {
            actions.push(Action::Pause);
        }
        if self.left.slow > 0 && working {
            actions.push(Action::Slow);
        }
        if self.left.changes > 0 {
            for slot in 0..SLOTS {
                actions.extend(changes.iter().map(|change| Action::Change(slot, *change)));
            }
        }
        if self.left.outside > 0 {
            self.strangers(actions);
        }
    }

    fn strangers(&self, actions: &mut Vec<Action>) {
        for (number, file) in self.files.iter().enumerate().filter(|(_, file)| file.lives()) {
            let number = u8::try_from(number).unwrap();
            if file.owner == STRANGER {
                actions.push(Action::Outside(Outside::TakeBack(number)));
            } else {
                actions.push(Action::Outside(Outside::Delete(number)));
                actions.push(Action::Outside(Outside::Edit(number)));
            }
        }
        // Where no content is shown, one of the create's very time is taken for what it left.
        if !self.setting.mute {
            actions.push(Action::Outside(Outside::Make(0)));
        }
        actions.push(Action::Outside(Outside::Doubt(0)));
    }

    /// What is so after this; `None` where it is not possible or makes no difference.
    pub(crate) fn after(&self, action: Action) -> Option<Self> {
        let mut world = self.clone();
        let left = &mut world.left;
        let of_kind = match action {
            Action::Step(_, How::Fails | How::Unheard)
            | Action::Twice(_)
            | Action::Refuse(..)
            | Action::Lose(..) => Some(&mut left.faults),
            Action::Crash(..) => Some(&mut left.crashes),
            Action::Pause => Some(&mut left.pauses),
            Action::Slow => Some(&mut left.slow),
            Action::Change(..) => Some(&mut left.changes),
            Action::Outside(_) => Some(&mut left.outside),
            Action::Delete(_) => {
                left.deletions -= 1;
                None
            }
            Action::Step(_, How::Fine | How::Stale)
            | Action::Old(..)
            | Action::Deliver(_)
            | Action::Tick
            | Action::Sweep => None,
        };
        if let Some(kind) = of_kind {
            *kind -= 1;
            left.events -= 1;
            world.jumps = 0;
        }
        if !world.does(action) {
            return None;
        }
        // Likewise where nobody hears of it at all.
        let unheard = world.flights.iter().filter(|flight| flight.lost).map(|flight| 1 << flight.owner);
        world.kept |= unheard.fold(0, |all, owner| all | owner) & world.forced;
        Some(world)
    }

    fn does(&mut self, action: Action) -> bool {
        match action {
            Action::Step(slot, how) => self.as_leader(|world, leader| world.step(leader, slot, how)),
            Action::Old(slot, how) => {
                let Some(mut old) = self.old.take() else { return false };
                old.resumed = true;
                let before = self.versions;
                let mattered = self.step(&mut old, slot, how);
                self.stays_silent(&mut old);
                if self.versions != before {
                    // The leader's watch tells of it.
                    self.wake(slot);
                }
                self.old = old.runs.iter().any(Option::is_some).then_some(old);
                mattered
            }
            Action::Deliver(index) => {
                let (flight, answer) = self.arrives(index);
                self.answer(flight.from, answer)
            }
            Action::Twice(index) => {
                let (flight, answer) = self.arrives(index);
                // Who takes finalizers off by hand is helped only by the process that hears of the file.
                self.kept |= self.forced & (1 << flight.owner);
                answer.is_ok() && self.answer(flight.from, Err(Class::AlreadyExists))
            }
            Action::Refuse(index, for_good) => {
                let flight = self.flights.remove(index);
                let class = if for_good { Class::Terminal } else { Class::Transient };
                self.answer(flight.from, Err(class))
            }
            Action::Lose(index, never) => {
                let from = self.flights[index].from;
                if never {
                    self.flights.remove(index);
                }
                let Some((_, slot)) = from else { return false };
                self.as_leader(|world, leader| world.step(leader, slot, How::Fine))
            }
            Action::Crash(pod, never) => {
                self.crash(pod, never);
                true
            }
            Action::Pause => {
                self.pause();
                true
            }
            Action::Slow => self.slow(),
            Action::Tick => {
                self.jumps += 1;
                let Some(next) = self.next_instant() else { return false };
                self.now = next;
                self.old.take_if(|old| old.resumed);
                true
            }
            Action::Sweep => {
                self.jumps += 1;
                for slot in self.drifted() {
                    self.doubts(slot);
                }
                true
            }
            Action::Change(slot, change) => self.change(slot, change),
            Action::Delete(slot) => self.delete(slot),
            Action::Outside(outside) => self.outside(outside),
        }
    }

    fn as_leader(&mut self, work: impl FnOnce(&mut Self, &mut Process) -> bool) -> bool {
        let mut leader = std::mem::replace(&mut self.leader, Process::new(0));
        let end = work(self, &mut leader);
        self.leader = leader;
        end
    }

    /// Tells the answer to whoever waits for it.
    fn answer(&mut self, from: Option<(u8, usize)>, answer: super::cloud::Answer) -> bool {
        let Some((pod, slot)) = from else { return true };
        let takes = |process: &mut Process| {
            if let Some(call) = process.runs[slot].as_mut().and_then(|run| run.call.as_mut()) {
                call.answer = Some(answer);
            }
        };
        if pod == self.leader.pod {
            takes(&mut self.leader);
            return self.as_leader(|world, leader| world.step(leader, slot, How::Fine));
        }
        if let Some(old) = self.old.as_mut().filter(|old| old.pod == pod) {
            // It goes on when it is no longer paused.
            takes(old);
        }
        true
    }

    fn slow(&mut self) -> bool {
        let bounds = Self::bounds();
        let waits = self.flights.iter().find(|f| f.from.is_some_and(|(pod, _)| pod == self.leader.pod));
        let target = match waits {
            Some(flight) => flight.sent + seconds(bounds.call),
            None => self.now + seconds(bounds.start) + 1,
        };
        let lost = self.flights.iter().filter(|flight| flight.lost).map(|flight| flight.latest).min();
        let target = lost.map_or(target, |lost| lost.min(target));
        let later = target > self.now;
        self.old.take_if(|old| old.resumed);
        self.now = self.now.max(target);
        later
    }

    /// Settled objects whose files are not as recorded.
    fn drifted(&self) -> Vec<usize> {
        let drifted = |slot: &usize| {
            let Some(object) = &self.objects[*slot] else { return false };
            let settled = object.ready().is_some_and(|(status, _)| status == "True");
            let id = object.recorded().id();
            let (Some(id), true) = (id, settled && !object.declared.suspend && !object.deleting) else {
                return false;
            };
            let known = object.status.modify_time.as_ref().map(|time| time.0);
            match self.file(super::cloud::number(&id)) {
                None => true,
                Some(file) => known.is_some_and(|known| {
                    crate::plan_support::at(file.modified) >= known + SignedDuration::from_secs(1)
                }),
            }
        };
        (0..SLOTS).filter(drifted).collect()
    }

    fn doubts(&mut self, slot: usize) {
        if let Some(object) = &self.objects[slot] {
            self.leader.recall(slot, object.uid).doubt = true;
            self.leader.wake[slot] = Wake::Now;
        }
    }

    fn delete(&mut self, slot: usize) -> bool {
        let Some(object) = self.objects[slot].clone() else { return false };
        if !object.finalizer && (object.status.attempt.is_some() || object.status.id.is_some()) {
            // Nobody holds it back and nobody would know: outside of what is promised.
            return false;
        }
        let changed = self.replace(slot, |object| {
            object.deleting = true;
            object.generation += 1;
        });
        self.leader.wake[slot] = Wake::Now;
        changed.is_some()
    }

    /// Changes the object, within what is promised: what would make everybody forget the file is
    /// left out.
    fn change(&mut self, slot: usize, change: Change) -> bool {
        if let Change::Recreate = change {
            let forced = |flight: &Flight| self.forced & (1 << flight.owner) != 0;
            if self.objects[slot].is_some() || slot > 0 || self.flights.iter().any(forced) {
                return false;
            }
            self.uids += 1;
            let uid = self.uids;
            self.put_object(Object::new(slot, uid));
            return true;
        }
        let Some(object) = self.objects[slot].clone() else { return false };
        match change {
            Change::Edit(content) if content == self.declares(slot) => return false,
            Change::Edit(content) if self.setting.uploads => self.edit_map(slot, content),
            Change::Edit(content) => self.edit(slot, |object| object.declared.content = content),
            Change::Path(path) if path != object.declared.path => {
                // Moved before, and moved on before anybody saw where it stands.
                if *object.status == Default::default() && !self.is_in_sight(&object, path) {
                    return false;
                }
                self.edit(slot, |object| object.declared.path = path)
            }
            Change::Adopt if !object.declared.adopt => self.edit(slot, |object| object.declared.adopt = true),
            // While another waits for that very file it would wait for ever.
            Change::Name if !object.declared.named && self.objects[1].is_none() => {
                self.edit(slot, |object| object.declared.named = true)
            }
            Change::Suspend(suspend) if suspend != object.declared.suspend => {
                self.edit(slot, |object| object.declared.suspend = suspend)
            }
            Change::Retain if !object.declared.retain => {
                self.edit(slot, |object| object.declared.retain = true)
            }
            Change::Path(_)
            | Change::Adopt
            | Change::Name
            | Change::Suspend(_)
            | Change::Retain
            | Change::Recreate => return false,
            Change::WipeStatus => {
                // Status is all that is left of what was done: nobody could know any more.
                // So is it of a file on its way by two steps: it may stand where nobody looks for it.
                let own = match object.recorded().intent {
                    IntentNote::Own(intent) => {
                        let from = PATHS.iter().position(|path| *path == intent.path).unwrap();
                        let to = usize::from(object.declared.path);
                        (from / 2 == to / 2 || from % 2 == to % 2)
                            && self.is_in_sight(&object, object.declared.path)
                    }
                    IntentNote::Absent
                    | IntentNote::Unreadable
                    | IntentNote::Foreign
                    | IntentNote::Earlier(_) => false,
                };
                if !own || *object.status == Default::default() {
                    return false;
                }
                self.blurred = true;
                self.replace(slot, |object| {
                    object.status = Arc::default();
                    object.question = Question::None;
                });
            }
            Change::Replace => {
                let done = object.recorded().open_intent().is_none();
                let outcome = object.status.attempt.as_ref().and_then(|attempt| attempt.outcome);
                let told = outcome == Some(AttemptOutcome::Unknown);
                // A copy without its annotation tells as if what its status names were its own.
                let copied = object.recorded().intent == IntentNote::Foreign;
                let recorded = object.status.id.is_some() && !copied;
                // Of an object that is deleted only the deletion asks.
                let asked = match object.question {
                    Question::Now if object.deleting => self.complaint(slot) == Some(Reason::DeletionBlocked),
                    Question::Now | Question::Before => !object.deleting,
                    Question::None => false,
                };
                // Without a trace in status a file that was lost is forgotten for good.
                if !(recorded && done || told || asked) || object.note.is_none() {
                    return false;
                }
                // Replaced while it is being deleted, it would be gone: there only the annotation is taken.
                if object.deleting && !asked {
                    return false;
                }
                self.blurred |= !done;
                // Whoever takes the annotation off after that has looked: what is left is not the object's.
                if asked {
                    for file in self.files.iter_mut().filter(|file| file.owner == object.uid) {
                        file.owner = STRANGER;
                    }
                }
                self.replace(slot, |object| {
                    object.note = None;
                    object.question = Question::None;
                    object.finalizer &= object.deleting;
                });
            }
            Change::Force => {
                let from = Some((self.leader.pod, slot));
                let creates = |f: &Flight| f.from == from && matches!(f.request, Request::Create { .. });
                // What it leaves then looks like the work of whoever wants the path next.
                if !self.flights.iter().any(creates) || self.objects[1].is_some() {
                    return false;
                }
                self.objects[slot] = None;
                self.forced |= 1 << object.uid;
            }
            Change::Restore => {
                if object.note.is_none() || !self.flights.is_empty() {
                    return false;
                }
                self.restore(slot, object.uid);
            }
            Change::Copy(path) => {
                if slot > 0
                    || object.declared.named
                    || self.objects[1].is_some()
                    || object.note.is_none()
                    || object.deleting
                {
                    return false;
                }
                self.uids += 1;
                let mut copy = Object::new(1, self.uids);
                copy.declared = super::object::Declared { path, ..object.declared };
                copy.finalizer = object.finalizer;
                copy.note.clone_from(&object.note);
                copy.status.clone_from(&object.status);
                self.put_object(copy);
                return true;
            }
        }
        self.leader.wake[slot] = Wake::Now;
        true
    }

    /// Whether the file of an object stands, and will stand, where one looks who knows only the intent and this path.
    fn is_in_sight(&self, object: &Object, declared: u8) -> bool {
        let IntentNote::Own(intent) = object.recorded().intent else { return true };
        let at = |path: u8| path == declared || PATHS[usize::from(path)] == intent.path;
        let mut files = self.files.iter().filter(|file| file.lives() && file.owner == object.uid);
        let mut flights = self.flights.iter().filter(|flight| flight.owner == object.uid);
        // What a run decided before is still sent.
        let mut runs = std::iter::once(&self.leader)
            .chain(&self.old)
            .filter_map(|process| process.runs[object.slot].as_ref())
            .filter(|run| run.object.uid == object.uid);
        runs.all(|run| at(run.object.declared.path))
            && files.all(|file| at(file.path))
            && flights.all(|flight| match flight.request {
                Request::Rename { to, .. } | Request::Move { to, .. } => at(to),
                Request::Create { .. } | Request::Update { .. } | Request::Delete { .. } => true,
            })
    }

    fn edit(&mut self, slot: usize, edit: impl FnOnce(&mut Object)) {
        self.replace(slot, |object| {
            edit(object);
            object.generation += 1;
        });
    }

    fn put_object(&mut self, mut object: Object) {
        self.versions += 1;
        object.version = self.versions;
        let slot = object.slot;
        self.objects[slot] = Some(Arc::new(object));
        self.leader.wake[slot] = Wake::Now;
    }

    fn restore(&mut self, slot: usize, before: u8) {
        self.uids += 1;
        let uid = self.uids;
        // A backup takes longer to be put back than a listing lags and than a run lasts.
        self.now += seconds(Self::bounds().lag);
        self.leader.runs[slot] = None;
        self.old.take_if(|old| old.resumed);
        self.replace(slot, |object| {
            *object = Object {
                declared: object.declared,
                finalizer: object.finalizer,
                note: object.note.clone(),
                before,
                ..Object::new(slot, uid)
            };
        });
        // Until the new object finds it, the file is nobody's.
        self.kept |= 1 << before;
    }

    fn outside(&mut self, outside: Outside) -> bool {
        let now = self.now;
        match outside {
            Outside::Delete(number) | Outside::TakeBack(number) => {
                self.files[usize::from(number)].deleted = Some(now);
            }
            Outside::Edit(number) => {
                let id = super::cloud::full_id(number);
                let known = |object: &Arc<Object>| object.recorded().id() == Some(id.clone());
                self.blurred |= !self.objects.iter().flatten().any(known);
                let file = &mut self.files[usize::from(number)];
                file.content = super::STRANGE - 1;
                file.modified = now.max(file.modified + 1);
            }
            Outside::Make(path) => {
                let taken = self.files.iter().any(|file| file.lives() && file.path == path);
                if taken && self.setting.unique {
                    return false;
                }
                self.files.push(File::of_stranger(path, now));
            }
            Outside::Doubt(slot) => self.doubts(slot),
        }
        true
    }
}
