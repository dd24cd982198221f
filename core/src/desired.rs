//! What is wanted, parsed: a spec that cannot be wrong any more.
//!
//! It must not know what exists in the cloud nor what was recorded. Rule: equal
//! [`Desired::spec_digest`]s mean that there is nothing to send.

mod compare;
mod convert;
mod problem;

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::api::v1alpha1::{
    AdoptionPolicy, ConfigMapKeyRef, DataWorksResourceSpec, Datasource, DriftPolicy, ResourceDefaults,
};
use crate::flowspec::kind::FileType;
use crate::flowspec::{MAX_INLINE_BYTES, ResourceDocument};
use crate::ids::{Digest, ProjectId, ResourceId};
use crate::path::ResourcePath;

pub use compare::AnswerError;
pub use problem::{Problem, SpecError};

/// One file resource, as declared.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// The workspace.
    pub project: ProjectId,
    /// The path in the workspace.
    pub path: ResourcePath,
    /// The type, declared or from the suffix.
    pub kind: FileType,
    /// The runtime command, declared or derived.
    pub command: String,
    /// The data source; `None`: the workspace's default.
    pub datasource: Option<Datasource>,
    /// What the file holds.
    pub content: DesiredContent,
    /// The document that says all of it to the service.
    pub document: ResourceDocument,
    /// The resource that is to be managed; `None`: the one that is made, or found at the path.
    pub resource_id: Option<ResourceId>,
    /// What happens when the path is taken.
    pub adoption: AdoptionPolicy,
    /// What happens when others change the file.
    pub drift: DriftPolicy,
    /// The defaults of the workspace that were filled in where the spec is silent.
    pub defaults: ResourceDefaults,
    /// The same without them and without content, where they make a difference.
    pub without_defaults: Option<Box<Desired>>,
}

/// What the file holds. Text itself stands in the document only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DesiredContent {
    /// Text in the document's `script.content`.
    Inline {
        /// The SHA-256 of its UTF-8 bytes.
        digest: Digest,
    },
    /// What a key of a ConfigMap holds.
    ConfigMap {
        /// The key.
        reference: ConfigMapKeyRef,
        /// What is known of its bytes; `None` until they were read.
        bytes: Option<ContentBytes>,
    },
    /// A file that the service downloads.
    Url {
        /// The URL, as `ResourceFile` takes it.
        location: String,
        /// The declared SHA-256 of the file, not checked by anybody.
        sha256: Option<Digest>,
    },
}

/// What is known of bytes that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentBytes {
    /// Their SHA-256.
    pub digest: Digest,
    /// They are UTF-8, so that what the service answers can be compared with them.
    pub is_text: bool,
    /// They do not go as text in the document.
    pub uploads: bool,
}

/// What a document of the service holds of what is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Declared fields that differ and that UpdateResource changes.
    pub differs: Vec<String>,
    /// Declared fields that differ and that no call changes.
    pub fixed: Vec<String>,
    /// Where the file stands; `None`: the document does not say.
    pub path: Option<ResourcePath>,
    /// The document shows the content: without it nobody can say that it is as declared.
    pub shows_content: bool,
}

impl Held {
    /// The name and the path are no fields here: they are `path`.
    fn split(differing: Vec<String>, shows_content: bool, path: Option<ResourcePath>) -> Self {
        let is_place = |field: &String| matches!(field.as_str(), "name" | "script.path");
        let is_fixed = |field: &String| {
            field == "type"
                || ["script.runtime", "datasource", "runtimeResource", "file"].iter().any(|part| {
                    field
                        .strip_prefix(part)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                })
        };
        let (fixed, differs) =
            differing.into_iter().filter(|field| !is_place(field)).partition(|field| is_fixed(field));
        Self { differs, fixed, path, shows_content }
    }
}

impl Desired {
    /// Parses a spec. Admission has checked most of it, but not for objects that are older than
    /// a rule.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, with the field, the reason and what to do.
    pub fn from_spec(spec: &DataWorksResourceSpec) -> Result<Self, SpecError> {
        convert::from_spec(spec, None, &ResourceDefaults::default())
    }

    /// The same of a spec that may name its workspace by an object, which is this one with these defaults.
    ///
    /// # Errors
    ///
    /// As [`Desired::from_spec`].
    pub fn in_workspace(
        spec: &DataWorksResourceSpec,
        project: Option<ProjectId>,
        defaults: &ResourceDefaults,
    ) -> Result<Self, SpecError> {
        convert::from_spec(spec, project, defaults)
    }

    /// The defaults, as an intent and status keep them.
    #[must_use]
    pub fn kept_defaults(&self) -> Option<ResourceDefaults> {
        (self.defaults != ResourceDefaults::default()).then(|| self.defaults.clone())
    }

    /// What is there already has what it has: nothing is filled in for it.
    pub fn drop_defaults(&mut self) {
        self.defaults = ResourceDefaults::default();
        if let Some(mut bare) = self.without_defaults.take() {
            bare.content = self.content.clone();
            bare.document.resource.script.content = self.document.resource.script.content.take();
            *self = *bare;
        }
    }

    /// The document as `Spec` takes it: JSON without white space, always the same for the same
    /// object.
    #[must_use]
    pub fn document_json(&self) -> String {
        self.document.to_json()
    }

    /// The document for UpdateResource, which leaves alone what is not named: without the data
    /// source and the resource group, which cannot change here and which the service may have
    /// corrected and would refuse in their old form. More in them is sent: it may have changed.
    #[must_use]
    pub fn update_json(&self) -> String {
        let only = |fields: &Map<String, Value>, names: &[&str]| {
            fields.keys().all(|key| names.contains(&key.as_str()))
        };
        let mut document = self.document.clone();
        document.resource.datasource.take_if(|fields| only(fields, &["name", "type"]));
        document.resource.runtime_resource.take_if(|fields| only(fields, &["resourceGroup"]));
        document.to_json()
    }

    /// The key of a ConfigMap that holds the content.
    #[must_use]
    pub fn reference(&self) -> Option<&ConfigMapKeyRef> {
        match &self.content {
            DesiredContent::ConfigMap { reference, .. } => Some(reference),
            DesiredContent::Inline { .. } | DesiredContent::Url { .. } => None,
        }
    }

    /// False until the content of a ConfigMap was given.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !matches!(&self.content, DesiredContent::ConfigMap { bytes: None, .. })
    }

    /// Takes what the key of the ConfigMap holds. It goes as text in the document where it is text of a type
    /// that can be written inline, and no longer than that may be; else it is to be uploaded.
    ///
    /// # Errors
    /// Why these bytes cannot be such a file.
    pub fn give(&mut self, content: &[u8]) -> Result<(), &'static str> {
        let DesiredContent::ConfigMap { bytes, .. } = &mut self.content else { return Ok(()) };
        let takes_text = matches!(self.kind, FileType::Python | FileType::File);
        if content.is_empty() && !takes_text {
            return Err("is empty, which no jar and no archive can be");
        }
        let text = std::str::from_utf8(content).ok();
        let sent = text.filter(|text| takes_text && text.len() <= MAX_INLINE_BYTES);
        let known =
            ContentBytes { digest: Digest::of(content), is_text: text.is_some(), uploads: sent.is_none() };
        *bytes = Some(known);
        self.document.resource.script.content = Some(sent.unwrap_or_default().to_owned());
        Ok(())
    }

    /// Takes it that the content is not known any more.
    pub fn take_content(&mut self) {
        if let DesiredContent::ConfigMap { bytes, .. } = &mut self.content {
            *bytes = None;
            self.document.resource.script.content = Some(String::new());
        }
    }

    /// The SHA-256 of what has to be uploaded before a call can name it.
    #[must_use]
    pub fn to_upload(&self) -> Option<Digest> {
        match &self.content {
            DesiredContent::ConfigMap { bytes: Some(bytes), .. } if bytes.uploads => Some(bytes.digest),
            DesiredContent::ConfigMap { .. } | DesiredContent::Inline { .. } | DesiredContent::Url { .. } => {
                None
            }
        }
    }

    /// What the service's document says of all that is declared.
    #[must_use]
    pub fn held_by(&self, answer_spec: &str) -> Held {
        let shows_content = match &self.content {
            DesiredContent::Inline { .. } => compare::shows_content(answer_spec),
            DesiredContent::ConfigMap { bytes, .. } => {
                bytes.is_some_and(|bytes| bytes.is_text) && compare::shows_content(answer_spec)
            }
            DesiredContent::Url { .. } => false,
        };
        match self.matches_spec_text(answer_spec) {
            Ok(differing) => Held::split(differing, shows_content, compare::path_of(answer_spec)),
            // An answer that shows no file resource proves nothing.
            Err(_) => Held::default(),
        }
    }

    /// The same, at another path: what is sent while the file has not been moved yet.
    #[must_use]
    pub fn at(&self, path: &ResourcePath) -> Self {
        let mut other = self.clone();
        other.path = path.clone();
        other.document.resource.script.path = path.clone();
        other
    }

    /// The declared URL for `ResourceFile`; `None` when the content stands elsewhere.
    #[must_use]
    pub fn resource_file(&self) -> Option<&str> {
        match &self.content {
            DesiredContent::Inline { .. } | DesiredContent::ConfigMap { .. } => None,
            DesiredContent::Url { location, .. } => Some(location),
        }
    }

    /// The SHA-256 of the content where it is known.
    #[must_use]
    pub fn content_digest(&self) -> Option<Digest> {
        match &self.content {
            DesiredContent::Inline { digest } => Some(*digest),
            DesiredContent::ConfigMap { bytes, .. } => bytes.map(|bytes| bytes.digest),
            DesiredContent::Url { sha256, .. } => *sha256,
        }
    }

    /// The SHA-256 of what the service is told and of the URL's declared digest: a new digest at
    /// the same URL is new content. What a ConfigMap holds counts by its digest, whichever way it goes.
    #[must_use]
    pub fn spec_digest(&self) -> Digest {
        let mut told = String::new();
        let parts = match &self.content {
            DesiredContent::Inline { .. } => [Some(self.document_json()), None, None, None],
            DesiredContent::Url { location, sha256 } => {
                let sha256 = sha256.map(|digest| digest.to_string());
                [Some(self.document_json()), Some(location.clone()), sha256, None]
            }
            DesiredContent::ConfigMap { bytes, .. } => {
                let mut document = self.document.clone();
                document.resource.script.content = Some(String::new());
                let digest = bytes.map(|bytes| bytes.digest.to_string());
                [Some(document.to_json()), None, None, Some(digest.unwrap_or_default())]
            }
        };
        // Each part with its length, so that no two lists of parts read the same.
        let parts = match parts {
            [a, b, c, None] => vec![a, b, c],
            [a, b, c, d] => vec![a, b, c, d],
        };
        for part in parts {
            let length = part.as_ref().map_or_else(|| "-".to_owned(), |p| p.len().to_string());
            let _infallible = writeln!(told, "{length}:{}", part.unwrap_or_default());
        }
        Digest::of(told.as_bytes())
    }

    /// The declared fields in which a document of the service differs, by their place in the file
    /// resource (`script.path`). Case of type and storage type, empty objects and everything that
    /// was not declared do not count; nor do content, owner and description that the answer does
    /// not hold.
    ///
    /// # Errors
    ///
    /// When the answer is no document with one file resource.
    pub fn matches_spec_text(&self, answer_spec: &str) -> Result<Vec<String>, AnswerError> {
        compare::differences(self, answer_spec)
    }
}
