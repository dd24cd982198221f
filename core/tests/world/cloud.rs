//! The cloud: its files, what is on its way to it, and what its listings show.

use dataworks_core::fault::Class;
use dataworks_core::ids::ResourceId;
use dataworks_core::inventory::Row;
use k8s_openapi::jiff::SignedDuration;

use super::object::{PATHS, document};
use super::process::Process;
use super::{STRANGE, World, seconds};
use crate::plan_support::{at, id, row};

/// Nobody of ours.
pub(super) const STRANGER: u8 = 0;

/// A file, by its place in the list of all that ever were.
pub(super) type Number = u8;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct File {
    /// The uid of the object that it was made for, or [`STRANGER`].
    pub(super) owner: u8,
    pub(super) path: u8,
    pub(super) content: u8,
    /// It was a stranger's before.
    pub(super) adopted: bool,
    pub(super) created: i64,
    pub(super) modified: i64,
    /// Until then a listing may not show it.
    pub(super) hidden: i64,
    /// When it was deleted, if it was; until then and LAG later a listing may show it.
    pub(super) deleted: Option<i64>,
}

impl File {
    pub(super) fn of_stranger(path: u8, created: i64) -> Self {
        Self {
            owner: STRANGER,
            path,
            content: STRANGE,
            adopted: false,
            created,
            modified: created,
            hidden: created,
            deleted: None,
        }
    }

    pub(super) fn lives(&self) -> bool {
        self.deleted.is_none()
    }
}

/// `content` is the number of an upload, where content is uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Request {
    Create {
        path: u8,
        content: u8,
    },
    Update {
        file: Number,
        content: u8,
    },
    /// Its name becomes that of this path.
    Rename {
        file: Number,
        to: u8,
    },
    /// Its folder becomes that of this path.
    Move {
        file: Number,
        to: u8,
    },
    Delete {
        file: Number,
    },
}

impl Request {
    /// Both change the content, the name or the folder of one file.
    fn changes_what(self, other: Self) -> bool {
        match (self, other) {
            (Self::Update { file: one, .. }, Self::Update { file: other, .. })
            | (Self::Rename { file: one, .. }, Self::Rename { file: other, .. })
            | (Self::Move { file: one, .. }, Self::Move { file: other, .. }) => one == other,
            (_, _) => false,
        }
    }
}

/// A request that is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flight {
    pub(super) request: Request,
    /// The uid of the object that it was sent for.
    pub(super) owner: u8,
    pub(super) sent: i64,
    /// When it is carried out and listed at the latest.
    pub(super) latest: i64,
    /// Who waits for the answer: a pod and a slot.
    pub(super) from: Option<(u8, usize)>,
    /// Nobody counts on it: it may arrive at any time until then.
    pub(super) lost: bool,
    /// The process that sent it is gone, or was paused: who writes next does not know of it.
    pub(super) orphan: bool,
    /// A write of the same that was sent after it was carried out before it.
    pub(super) overtaken: bool,
}

/// A request was carried out: on which file, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Done {
    pub(super) file: Number,
    pub(super) date: i64,
}

/// What the service answers.
pub(super) type Answer = Result<Done, Class>;

pub(super) fn number(id: &ResourceId) -> Number {
    id.as_str().parse::<u8>().unwrap() - 1
}

pub(super) fn full_id(number: Number) -> ResourceId {
    id(&(number + 1).to_string())
}

impl World {
    pub(super) fn file(&self, number: Number) -> Option<&File> {
        self.files.get(usize::from(number)).filter(|file| file.lives())
    }

    /// What GetResource says of it.
    pub(super) fn document(&self, file: &File) -> &'static str {
        document(file.path, file.content, self.setting.mute)
    }

    pub(super) fn live_of(&self, owner: u8) -> impl Iterator<Item = (Number, &File)> {
        let numbered = self.files.iter().enumerate();
        numbered
            .filter(move |(_, file)| file.owner == owner && file.lives())
            .map(|(number, file)| (u8::try_from(number).unwrap(), file))
    }

    /// How long a request of a process that is there may take to be carried out and listed.
    pub(super) fn reach(&self, gone: bool) -> i64 {
        let bounds = Self::bounds();
        let late = if gone || self.setting.proxied { bounds.signature } else { bounds.call };
        seconds(late + bounds.lag)
    }

    pub(super) fn send(&mut self, request: Request, owner: u8, process: &Process, slot: usize) {
        let latest = self.now + self.reach(false);
        self.flights.push(Flight {
            request,
            owner,
            sent: self.now,
            latest,
            from: Some((process.pod, slot)),
            lost: false,
            orphan: false,
            overtaken: false,
        });
    }

    /// The request at this place in the list arrives.
    pub(super) fn arrives(&mut self, index: usize) -> (Flight, Answer) {
        let flight = self.flights.remove(index);
        self.holds_order(&flight);
        let answer = self.carry_out(&flight);
        // They stand in the order in which they were sent.
        for earlier in self.flights[..index].iter_mut().filter(|_| answer.is_ok() && !flight.orphan) {
            earlier.overtaken |= earlier.request.changes_what(flight.request);
        }
        (flight, answer)
    }

    /// What is late by less than CALL is waited for by the process that sent it. What is later is mended by the next
    /// look at the file, as all that others change.
    fn holds_order(&mut self, flight: &Flight) {
        let found = |file: Number| self.file(file);
        let undoes = match flight.request {
            Request::Update { file, content } => {
                found(file).is_some_and(|file| file.content != self.brings(content))
            }
            Request::Rename { file, to } => found(file).is_some_and(|file| file.path % 2 != to % 2),
            Request::Move { file, to } => found(file).is_some_and(|file| file.path / 2 != to / 2),
            Request::Create { .. } | Request::Delete { .. } => false,
        };
        let awaited = !flight.orphan && self.now < flight.sent + seconds(Self::bounds().call);
        if undoes && awaited && flight.overtaken {
            self.breaks("a late write undoes no newer one");
        }
    }

    /// Carries a request out, and holds the first promises: never two, hands off others' files.
    fn carry_out(&mut self, flight: &Flight) -> Answer {
        let now = self.now;
        match flight.request {
            Request::Create { path, content } => {
                if self.setting.unique && self.files.iter().any(|file| file.lives() && file.path == path) {
                    return Err(Class::AlreadyExists);
                }
                let long_ago = |file: &File| file.owner == STRANGER && file.created < -1000;
                if self.files.iter().any(|file| file.lives() && file.path == path && long_ago(file)) {
                    self.breaks("a path that is known to be taken is left alone");
                }
                let content = self.fetch(content);
                // Who hears of it corrects the listings by it; LAG holds for everybody else.
                let listed = now + seconds(Self::bounds().lag);
                let hidden = if flight.lost { flight.latest.min(listed) } else { listed };
                self.files.push(File {
                    owner: flight.owner,
                    path,
                    content,
                    adopted: false,
                    created: now,
                    modified: now,
                    hidden,
                    deleted: None,
                });
                let object = self.objects.iter().flatten().find(|object| object.uid == flight.owner);
                let before = object.map_or(STRANGER, |object| object.before);
                let restored = before != STRANGER && self.live_of(before).any(|(_, file)| file.path == path);
                if restored || self.live_of(flight.owner).count() > 1 {
                    self.breaks("never two files for one object");
                }
                Ok(Done { file: u8::try_from(self.files.len() - 1).unwrap(), date: now })
            }
            Request::Rename { file, to } => {
                let path = self.file(file).map_or(to, |file| file.path / 2 * 2 + to % 2);
                self.place(file, path, flight.owner)
            }
            Request::Move { file, to } => {
                let path = self.file(file).map_or(to, |file| to / 2 * 2 + file.path % 2);
                self.place(file, path, flight.owner)
            }
            Request::Update { file, content } => {
                self.touch(file, flight.owner)?;
                let content = self.fetch(content);
                let found = &mut self.files[usize::from(file)];
                found.content = content;
                found.modified = now.max(found.modified + 1);
                Ok(Done { file, date: found.modified })
            }
            Request::Delete { file } => {
                self.touch(file, flight.owner)?;
                if self.files[usize::from(file)].adopted {
                    self.breaks("an adopted file is never deleted");
                }
                self.files[usize::from(file)].deleted = Some(now);
                Ok(Done { file, date: now })
            }
        }
    }

    fn place(&mut self, file: Number, path: u8, owner: u8) -> Answer {
        self.touch(file, owner)?;
        let others = || self.files.iter().enumerate().filter(|(number, _)| *number != usize::from(file));
        if self.setting.unique && others().any(|(_, other)| other.lives() && other.path == path) {
            return Err(Class::AlreadyExists);
        }
        let found = &mut self.files[usize::from(file)];
        found.path = path;
        found.modified = self.now.max(found.modified + 1);
        Ok(Done { file, date: found.modified })
    }

    fn touch(&mut self, file: Number, by: u8) -> Result<(), Class> {
        let owner = self.file(file).ok_or(Class::NotFound)?.owner;
        if owner == STRANGER {
            self.breaks("a stranger's file is never touched");
        } else if owner != by && !self.objects.iter().flatten().any(|o| o.uid == owner && o.before == by) {
            // What was sent for an object before it was restored may still arrive.
            self.breaks("another object's file is never touched");
        }
        Ok(())
    }

    /// What a listing shows, corrected by what this process did itself. A `stale` one hides and
    /// shows all that it may.
    pub(super) fn rows(&self, process: &Process, stale: bool) -> Vec<Row> {
        let lag = seconds(Self::bounds().lag);
        let shown = |(number, file): &(usize, &File)| {
            let number = u8::try_from(*number).unwrap();
            let listed = match file.deleted {
                Some(at) => stale && self.now < at + lag,
                None => !stale || file.hidden <= self.now,
            };
            let own =
                |list: &[(Number, i64)]| list.iter().any(|(own, at)| *own == number && self.now - at <= lag);
            (listed || own(&process.put)) && !own(&process.gone)
        };
        self.files.iter().enumerate().filter(shown).map(|(number, file)| self.row(number, file)).collect()
    }

    fn row(&self, number: usize, file: &File) -> Row {
        let made = at(file.created) + SignedDuration::from_secs(self.setting.clock);
        Row {
            id: full_id(u8::try_from(number).unwrap()),
            created: made,
            modified: at(file.modified),
            ..row("1", PATHS[usize::from(file.path)], 0)
        }
    }
}
