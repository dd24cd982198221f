//! Content in ConfigMaps: read in each run, uploaded, named in a call, and fetched by the service.
//!
//! Of services that take what a call names this is the harshest: what was fetched once is gone, and
//! whoever names it again gets an empty file.

use dataworks_core::api::v1alpha1::{ContentSource, DataWorksResourceStatus};
use dataworks_core::desired::Desired;
use dataworks_core::ids::Digest;
use dataworks_core::plan::{SourceRead, Uploaded};

use super::World;
use super::cloud::Request;
use super::object::from_map;
use super::process::{Process, Wake};
use super::run::Run;

/// What a file holds that was to be fetched from where nothing is.
const EMPTY: u8 = 7;

/// A ConfigMap of one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Map {
    content: u8,
    pub(super) version: u8,
}

/// A file in the temporary bucket; its place in the list of all that ever were is its URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Upload {
    content: u8,
    fetched: bool,
}

/// What a run knows of its ConfigMap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Content {
    /// The version that there was when the run began.
    pub(super) begun: u8,
    read: Option<Map>,
}

impl Run {
    /// What its object declares, as far as this run knows.
    pub(super) fn desired(&self) -> &'static Desired {
        match self.content {
            None => self.object.desired(),
            Some(Content { read, .. }) => from_map(self.object.declared, read.map(|map| map.content)),
        }
    }

    pub(super) fn source(&self) -> Option<SourceRead> {
        let Map { version, .. } = self.content?.read?;
        Some(SourceRead::Read(source(version)))
    }

    /// Its ConfigMap is another version than the one that status speaks of.
    pub(super) fn has_new_content(&self) -> bool {
        let told = self.object.status.content_source.as_ref();
        matches!(self.source(), Some(SourceRead::Read(source)) if told != Some(&source))
    }

    pub(super) fn tells_source(&self, status: &mut DataWorksResourceStatus) {
        if let Some(SourceRead::Read(source)) = self.source() {
            status.content_source = Some(source);
        }
    }
}

impl World {
    /// What a run knows that begins now.
    pub(super) fn content(&self, slot: usize) -> Option<Content> {
        self.setting.uploads.then(|| Content { begun: self.maps[slot].version, read: None })
    }

    pub(super) fn read_content(&self, run: &mut Run) {
        let map = self.maps[run.object.slot];
        run.content = run.content.map(|content| Content { read: Some(map), ..content });
    }

    /// Reads it again and uploads it, unless it changed since the plan was made.
    pub(super) fn upload(&mut self, process: &mut Process, run: &mut Run, digest: Digest) {
        self.read_content(run);
        if run.desired().to_upload() != Some(digest) {
            return;
        }
        let Map { content, .. } = self.maps[run.object.slot];
        let uploaded = Uploaded { digest, url: self.uploads.len().to_string(), at: self.time() };
        self.uploads.push(Upload { content, fetched: false });
        process.recall(run.object.slot, run.object.uid).uploaded = Some(uploaded);
    }

    /// What a call sends: the content, or the number of the upload that it names.
    pub(super) fn sends(&mut self, process: &mut Process, run: &Run) -> u8 {
        let Some(digest) = run.desired().to_upload() else { return run.object.declared.content };
        let uploaded = process.recall(run.object.slot, run.object.uid).uploaded.as_ref();
        match uploaded.filter(|uploaded| uploaded.digest == digest) {
            Some(uploaded) => uploaded.url.parse().unwrap(),
            None => {
                self.breaks("a call names what is uploaded");
                0
            }
        }
    }

    /// What a call that sent this was to bring.
    pub(super) fn brings(&self, sent: u8) -> u8 {
        if self.setting.uploads { self.uploads[usize::from(sent)].content } else { sent }
    }

    /// What a file holds after a call that sent this.
    pub(super) fn fetch(&mut self, sent: u8) -> u8 {
        if !self.setting.uploads {
            return sent;
        }
        let upload = &mut self.uploads[usize::from(sent)];
        if std::mem::replace(&mut upload.fetched, true) {
            self.breaks("what was fetched is not named again");
            return EMPTY;
        }
        upload.content
    }

    /// What the object of this slot declares that its file holds.
    pub(super) fn declares(&self, slot: usize) -> u8 {
        let declared = self.objects[slot].as_ref().map_or(0, |object| object.declared.content);
        if self.setting.uploads { self.maps[slot].content } else { declared }
    }

    /// The ConfigMap is another version than the one that its object's status speaks of.
    pub(super) fn source_moved(&self, slot: usize) -> bool {
        let Some(object) = self.objects[slot].as_ref().filter(|object| !object.deleting) else {
            return false;
        };
        let told = object.status.content_source.as_ref();
        self.setting.uploads && told.is_some_and(|told| *told != source(self.maps[slot].version))
    }

    /// A change of the ConfigMap: the object is as before, and is taken up.
    pub(super) fn edit_map(&mut self, slot: usize, content: u8) {
        let Map { version, .. } = self.maps[slot];
        self.maps[slot] = Map { content, version: version + 1 };
        self.leader.wake[slot] = Wake::Now;
    }

    /// The upload at a URL, and what is still to be had there.
    pub(super) fn upload_at(&self, url: &str) -> Option<Upload> {
        self.uploads.get(url.parse::<usize>().ok()?).copied()
    }

    /// A request by what it brings, whatever number its upload has.
    pub(super) fn canonical(&self, request: Request) -> (Request, Option<Upload>) {
        let upload = |number: u8| self.uploads.get(usize::from(number)).copied();
        match request {
            Request::Create { path, content } if self.setting.uploads => {
                (Request::Create { path, content: 0 }, upload(content))
            }
            Request::Update { file, content } if self.setting.uploads => {
                (Request::Update { file, content: 0 }, upload(content))
            }
            Request::Create { .. }
            | Request::Update { .. }
            | Request::Rename { .. }
            | Request::Move { .. }
            | Request::Delete { .. } => (request, None),
        }
    }
}

fn source(version: u8) -> ContentSource {
    ContentSource { uid: Some("m".to_owned()), resource_version: Some(version.to_string()) }
}
