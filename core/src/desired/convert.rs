//! A spec to what is wanted: every rule once more, all findings at once.
//!
//! Rule: a value that admission passes is never refused here, and the words are the same.

use super::{Desired, DesiredContent, Problem, SpecError};
use crate::api::rules::{self, Check};
use crate::api::v1alpha1::{
    AdoptionPolicy, Content, DataWorksResourceSpec, Datasource, DriftPolicy, RawDocument, ResourceDefaults,
    Storage, StorageType,
};
use crate::flowspec::kind::{FileType, engine_of};
use crate::flowspec::{MAX_INLINE_BYTES, ResourceDocument, TypedFields, document_of, parse_map, words};
use crate::ids::{Digest, ProjectId, ResourceId};
use crate::path::ResourcePath;

/// The type of data source that is assumed where none is named.
const DEFAULT_ENGINE: &str = "odps";

/// `referred` is the workspace of the object that `workspaceRef` names, and `defaults` what that fills in.
pub(super) fn from_spec(
    spec: &DataWorksResourceSpec,
    referred: Option<ProjectId>,
    defaults: &ResourceDefaults,
) -> Result<Desired, SpecError> {
    let mut findings = Findings { problems: Vec::new() };
    let project = match (spec.project_id, &spec.workspace_ref) {
        (Some(id), None) => {
            let project = ProjectId::new(id);
            findings.must(project.is_some(), "spec.projectId", &rules::PROJECT_ID);
            project
        }
        (None, Some(named)) => {
            let at = "spec.workspaceRef.name";
            findings.must(words::is_object_name(&named.name), at, &rules::OBJECT_NAME);
            if referred.is_none() {
                let wrong = "the workspace that it names is not known";
                findings.problems.push(Problem::new(at, wrong, "make the DataWorksWorkspace"));
            }
            referred
        }
        (Some(_), Some(_)) | (None, None) => {
            findings.must(false, "spec", &rules::WORKSPACE_ONE_OF);
            None
        }
    };
    let resource_id = spec.resource_id.as_deref().map(str::parse::<ResourceId>);
    findings.must(!matches!(resource_id, Some(Err(_))), "spec.resourceId", &rules::RESOURCE_ID);
    let resource_id = resource_id.and_then(Result::ok);
    let content = spec.content.as_ref().and_then(|content| findings.content(content));
    let parts = match &spec.flow_spec {
        Some(raw) => findings.raw(spec, raw, content),
        None => findings.typed(spec, defaults, content),
    };
    match (project, parts) {
        (Some(project), Some(parts)) if findings.problems.is_empty() => {
            let Parts { kind, datasource, content, document, bare } = parts;
            let desired = |datasource, content, document: ResourceDocument| Desired {
                project,
                path: document.resource.script.path.clone(),
                kind,
                command: document.resource.script.command.clone(),
                datasource,
                content,
                resource_id: resource_id.clone(),
                adoption: spec.adoption_policy.unwrap_or(AdoptionPolicy::Fail),
                drift: spec.drift_policy.unwrap_or(DriftPolicy::Correct),
                document,
                defaults: ResourceDefaults::default(),
                without_defaults: None,
            };
            let bare = bare.map(|bare| Box::new(desired(spec.datasource.clone(), content.clone(), bare)));
            let filled = desired(datasource, content, document);
            Ok(Desired { defaults: defaults.clone(), without_defaults: bare, ..filled })
        }
        _ => Err(SpecError { problems: findings.problems }),
    }
}

/// What both forms come to.
struct Parts {
    kind: FileType,
    datasource: Option<Datasource>,
    content: DesiredContent,
    document: ResourceDocument,
    /// The document without defaults and content, where it would be another.
    bare: Option<ResourceDocument>,
}

/// What the spec says, and where it is silent the defaults.
#[derive(PartialEq)]
struct Filled<'a> {
    datasource: Option<&'a Datasource>,
    owner: Option<&'a str>,
    resource_group: Option<&'a str>,
}

impl<'a> Filled<'a> {
    fn of(spec: &'a DataWorksResourceSpec, defaults: &'a ResourceDefaults) -> Self {
        let ResourceDefaults { datasource, owner, resource_group } = defaults;
        // A command is said by the spec itself, and wins over a data source of another engine.
        let engine = spec.command.as_deref().and_then(engine_of);
        let suits = |source: &&Datasource| engine.is_none_or(|engine| engine == source.type_);
        Self {
            datasource: spec.datasource.as_ref().or_else(|| datasource.as_ref().filter(suits)),
            owner: spec.owner.as_deref().or(owner.as_deref()),
            resource_group: spec.resource_group.as_deref().or(resource_group.as_deref()),
        }
    }
}

/// The content of a spec with its text where it has one.
struct Given<'a> {
    text: &'a str,
    content: DesiredContent,
}

/// Collects problems. A method that answers `None` has reported one.
struct Findings {
    problems: Vec<Problem>,
}

impl Findings {
    fn must(&mut self, holds: bool, field: &str, check: &Check) {
        if !holds {
            self.problems.push(Problem::of(field, check));
        }
    }

    fn content<'a>(&mut self, content: &'a Content) -> Option<Given<'a>> {
        match (&content.inline, &content.config_map_key_ref, &content.url) {
            (Some(text), None, None) => {
                self.must(text.len() <= MAX_INLINE_BYTES, "spec.content.inline", &rules::INLINE_BYTES);
                Some(Given { text, content: DesiredContent::Inline { digest: Digest::of(text.as_bytes()) } })
            }
            (None, Some(reference), None) => {
                let at = "spec.content.configMapKeyRef";
                let (name, key) = (&reference.name, &reference.key);
                self.must(words::is_object_name(name), &format!("{at}.name"), &rules::CONFIG_MAP_NAME);
                self.must(words::is_config_map_key(key), &format!("{at}.key"), &rules::CONFIG_MAP_KEY);
                let content = DesiredContent::ConfigMap { reference: reference.clone(), bytes: None };
                Some(Given { text: "", content })
            }
            (None, None, Some(url)) => {
                let at = "spec.content.url";
                let sha256 = url.sha256.as_deref().map(str::parse::<Digest>);
                self.must(words::is_download_url(&url.location), &format!("{at}.location"), &rules::URL);
                self.must(!matches!(sha256, Some(Err(_))), &format!("{at}.sha256"), &rules::SHA256);
                let sha256 = sha256.and_then(Result::ok);
                Some(Given {
                    text: "",
                    content: DesiredContent::Url { location: url.location.clone(), sha256 },
                })
            }
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) | (None, None, None) => {
                self.must(false, "spec.content", &rules::CONTENT_ONE_OF);
                None
            }
        }
    }

    fn typed(
        &mut self,
        spec: &DataWorksResourceSpec,
        defaults: &ResourceDefaults,
        given: Option<Given<'_>>,
    ) -> Option<Parts> {
        self.must(spec.path.is_some(), "spec.path", &rules::FORM_PATH);
        self.must(spec.content.is_some(), "spec.content", &rules::FORM_CONTENT);
        let path = spec.path.as_ref().and_then(|path| self.path(path));
        self.optional_fields(spec);
        let path = path?;
        let kind = self.kind(spec, &path)?;
        if let Some(Given { content: DesiredContent::Inline { .. }, .. }) = &given {
            let is_text = matches!(kind, FileType::Python | FileType::File);
            self.must(is_text, "spec.content", &rules::INLINE_IS_TEXT);
        }
        let filled = Filled::of(spec, defaults);
        let command = self.command(spec, filled.datasource, kind)?;
        let Given { text, content } = given?;
        let document = |filled: &Filled<'_>, command, content| {
            document_of(TypedFields {
                path: path.clone(),
                kind,
                command,
                content,
                datasource: filled.datasource,
                owner: filled.owner,
                description: spec.description.as_deref(),
                resource_group: filled.resource_group,
                storage: spec.storage.as_ref(),
            })
        };
        let none = ResourceDefaults::default();
        let own = Filled::of(spec, &none);
        let bare = if own == filled {
            None
        } else {
            Some(document(&own, self.command(spec, own.datasource, kind)?, ""))
        };
        let document = document(&filled, command, text);
        Some(Parts { kind, datasource: filled.datasource.cloned(), content, document, bare })
    }

    fn path(&mut self, path: &str) -> Option<ResourcePath> {
        path.parse().map_err(|error| self.problems.push(Problem::path("spec.path", error))).ok()
    }

    fn kind(&mut self, spec: &DataWorksResourceSpec, path: &ResourcePath) -> Option<FileType> {
        let suffix = path.suffix();
        match spec.type_.map(|declared| declared.file_type()) {
            None => Some(FileType::of_suffix(&suffix)),
            Some(Some(kind)) => {
                self.must(kind.fits_suffix(&suffix), "spec.type", &rules::TYPE_FITS_SUFFIX);
                Some(kind)
            }
            Some(None) => {
                let wrong = "type is none that this version of the operator knows";
                self.problems.push(Problem::new("spec.type", wrong, "write Python, Jar, Archive or File"));
                None
            }
        }
    }

    /// On this data source, the spec's own or the workspace's.
    fn command(
        &mut self,
        spec: &DataWorksResourceSpec,
        datasource: Option<&Datasource>,
        kind: FileType,
    ) -> Option<String> {
        let at = "spec.command";
        let engine = datasource.map_or(DEFAULT_ENGINE, |datasource| &datasource.type_);
        let Some(command) = &spec.command else {
            let derived = kind.command_on(engine);
            if derived.is_none() && spec.datasource.is_none() {
                let wrong = format!(
                    "command is missing and does not follow from the file's type on {engine}, the type of the workspace's \
                     default data source"
                );
                self.problems.push(Problem::new(at, wrong, "write command, or datasource"));
            } else {
                self.must(derived.is_some(), at, &rules::COMMAND_DERIVABLE);
            }
            return derived.map(str::to_owned);
        };
        let Some(owner) = engine_of(command) else {
            self.must(false, at, &rules::COMMAND_KNOWN);
            return None;
        };
        self.must(kind.fits_command(command), at, &rules::COMMAND_FITS_TYPE);
        let other_engine =
            datasource.is_some() && owner != engine && ["odps", "emr", "cdh"].contains(&engine);
        self.must(!other_engine, at, &rules::COMMAND_FITS_DATASOURCE);
        Some(command.clone())
    }

    fn optional_fields(&mut self, spec: &DataWorksResourceSpec) {
        if let Some(Datasource { name, type_ }) = &spec.datasource {
            self.must(words::is_word(name), "spec.datasource.name", &rules::DATASOURCE_NAME);
            self.must(words::is_datasource_type(type_), "spec.datasource.type", &rules::DATASOURCE_TYPE);
        }
        if let Some(owner) = &spec.owner {
            self.must(words::is_word(owner), "spec.owner", &rules::OWNER);
        }
        if let Some(group) = &spec.resource_group {
            self.must(words::is_identifier(group), "spec.resourceGroup", &rules::RESOURCE_GROUP);
        }
        if let Some(storage) = &spec.storage {
            self.storage(storage);
        }
    }

    fn storage(&mut self, storage: &Storage) {
        let at = "spec.storage";
        let Storage { type_, root, endpoint, bucket, addresses, hdfs_user, path: _, extension: _ } = storage;
        if *type_ == StorageType::Unsupported {
            let wrong = "type is none that this version of the operator knows";
            self.problems.push(Problem::new(format!("{at}.type"), wrong, "write local, oss or hdfs"));
        }
        let is = |kind| *type_ == kind;
        self.must(is(StorageType::Local) || root.is_none(), at, &rules::STORAGE_LOCAL);
        let of_oss = endpoint.is_some() || bucket.is_some();
        self.must(is(StorageType::Oss) || !of_oss, at, &rules::STORAGE_OSS);
        let of_hdfs = addresses.is_some() || hdfs_user.is_some();
        self.must(is(StorageType::Hdfs) || !of_hdfs, at, &rules::STORAGE_HDFS);
    }

    fn raw(
        &mut self,
        spec: &DataWorksResourceSpec,
        raw: &RawDocument,
        given: Option<Given<'_>>,
    ) -> Option<Parts> {
        let stands_beside = spec.path.is_some()
            || spec.type_.is_some()
            || spec.datasource.is_some()
            || spec.command.is_some()
            || spec.owner.is_some()
            || spec.description.is_some()
            || spec.resource_group.is_some()
            || spec.storage.is_some();
        self.must(!stands_beside, "spec.flowSpec", &rules::FORM_EXCLUSIVE);
        let parsed = parse_map(&raw.0).map_err(|problems| {
            self.problems.extend(problems.into_iter().map(|problem| problem.under("spec.flowSpec")));
        });
        let mut document = parsed.ok()?;
        let own = document.resource.script.content.clone().unwrap_or_default();
        if spec.content.is_some() {
            self.must(own.is_empty(), "spec.content", &rules::FLOW_SPEC_CONTENT);
        }
        let content = match given {
            Some(Given { text, content }) => {
                document.resource.script.content = Some(text.to_owned());
                content
            }
            None => DesiredContent::Inline { digest: Digest::of(own.as_bytes()) },
        };
        let kind = document
            .resource
            .kind
            .unwrap_or_else(|| FileType::of_suffix(&document.resource.script.path.suffix()));
        let datasource = document.resource.datasource.as_ref().and_then(|map| {
            let text = |name: &str| Some(map.get(name)?.as_str()?.to_owned());
            Some(Datasource { name: text("name")?, type_: text("type")? })
        });
        Some(Parts { kind, datasource, content, document, bare: None })
    }
}
