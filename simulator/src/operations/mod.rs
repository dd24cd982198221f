//! The operations: parameters in, effect on the world, answer out.
//!
//! One function for each operation, and one lock taken in it: nothing here waits. Signatures,
//! limits and faults are decided before; how answers travel is decided after.

mod identity;
mod params;
mod pipelines;
mod reads;
mod upload;
mod writes;

use std::sync::Mutex;

use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::Now;
use crate::cloud::{Cloud, lock};
use crate::error::ApiError;
use crate::flowspec::Entity;
use crate::settings::{IdStyle, Settings};
use crate::world::World;
pub(crate) use identity::Metadata;
pub(crate) use params::Params;
pub(crate) use upload::{Upload, error_xml, form};
pub(crate) use writes::build;

/// Version of the DataWorks operations.
const DATAWORKS: &str = "2024-05-18";
/// Version of the STS operations.
const STS: &str = "2015-04-01";
/// Version of the Open Platform's operations.
const OPEN_PLATFORM: &str = "2019-12-19";

/// An operation that the simulator carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    CreateResource,
    UpdateResource,
    DeleteResource,
    MoveResource,
    RenameResource,
    GetResource,
    ListResources,
    GetProject,
    CreatePipelineRun,
    GetPipelineRun,
    ListPipelineRuns,
    ExecPipelineRunStage,
    AbolishPipelineRun,
    ListPipelineRunItems,
    GetCallerIdentity,
    AssumeRole,
    AssumeRoleWithOidc,
    AuthorizeFileUpload,
    /// A form that OSS takes; it is not signed like the others.
    PostObject,
    Metadata(Metadata),
}

impl Action {
    /// The signed operation of the headers `x-acs-action` and `x-acs-version`.
    pub(crate) fn parse(name: &str, version: &str) -> Option<Self> {
        let action = match name {
            "CreateResource" => Self::CreateResource,
            "UpdateResource" => Self::UpdateResource,
            "DeleteResource" => Self::DeleteResource,
            "MoveResource" => Self::MoveResource,
            "RenameResource" => Self::RenameResource,
            "GetResource" => Self::GetResource,
            "ListResources" => Self::ListResources,
            "GetProject" => Self::GetProject,
            "CreatePipelineRun" => Self::CreatePipelineRun,
            "GetPipelineRun" => Self::GetPipelineRun,
            "ListPipelineRuns" => Self::ListPipelineRuns,
            "ExecPipelineRunStage" => Self::ExecPipelineRunStage,
            "AbolishPipelineRun" => Self::AbolishPipelineRun,
            "ListPipelineRunItems" => Self::ListPipelineRunItems,
            "GetCallerIdentity" => Self::GetCallerIdentity,
            "AssumeRole" => Self::AssumeRole,
            "AuthorizeFileUpload" => Self::AuthorizeFileUpload,
            _ => return None,
        };
        let right = match action {
            Self::GetCallerIdentity | Self::AssumeRole => STS,
            Self::AuthorizeFileUpload => OPEN_PLATFORM,
            _ => DATAWORKS,
        };
        (version == right).then_some(action)
    }

    /// True when the parameters come in a form by POST.
    pub(crate) fn is_write(self) -> bool {
        matches!(
            self,
            Self::CreateResource
                | Self::UpdateResource
                | Self::DeleteResource
                | Self::MoveResource
                | Self::RenameResource
                | Self::CreatePipelineRun
                | Self::ExecPipelineRunStage
                | Self::AbolishPipelineRun
        )
    }

    /// True when some of its parameters come in the query of a POST.
    pub(crate) fn is_split(self) -> bool {
        self == Self::ExecPipelineRunStage
    }

    /// True when it counts among the calls of DataWorks.
    pub(crate) fn is_dataworks(self) -> bool {
        !matches!(
            self,
            Self::GetCallerIdentity
                | Self::AssumeRole
                | Self::AssumeRoleWithOidc
                | Self::AuthorizeFileUpload
                | Self::PostObject
                | Self::Metadata(_)
        )
    }

    /// Status and content type of a success that is answered as it stands, without the shape of an
    /// API's answer.
    pub(crate) fn plain(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Metadata(_) => Some((200, "text/plain")),
            Self::PostObject => Some((201, "application/xml")),
            _ => None,
        }
    }
}

/// A call whose parameters were taken from the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) action: Action,
    pub(crate) params: Params,
    /// The account of the key that signed.
    pub(crate) account: String,
    /// Where it was asked.
    pub(crate) host: String,
    /// The file of a form.
    pub(crate) file: Option<Upload>,
}

/// What a call touches, as far as its parameters tell: for faults and for the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    pub(crate) project: Option<u64>,
    pub(crate) id: Option<u64>,
    pub(crate) name: Option<String>,
}

/// A call that succeeded.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    /// The answer as a JSON object, without `RequestId`. Text, since a page of a hundred rows is
    /// written several times faster than it is built as a tree of values.
    pub(crate) answer: String,
    /// True when a resource has changed.
    pub(crate) effect: bool,
    /// The resource, where the call made it.
    pub(crate) id: Option<u64>,
    /// Path and content's SHA-256 of the resource as the call left it.
    pub(crate) left: Option<(String, String)>,
}

impl Done {
    fn read(answer: &impl Serialize) -> Self {
        Self { answer: to_json(answer), effect: false, id: None, left: None }
    }

    fn success(left: Option<(String, String)>) -> Self {
        Self { answer: to_json(&json!({"Success": true})), effect: true, id: None, left }
    }
}

impl Request {
    /// What the call touches.
    pub(crate) fn touches(&self, world: &Mutex<World>) -> Touched {
        let number = |name| self.params.get(name).and_then(|text| text.parse().ok());
        let mut touched = match self.action {
            Action::GetProject => Touched { project: number("Id"), ..Touched::default() },
            Action::CreatePipelineRun => {
                Touched { project: number("ProjectId"), id: pipelines::first_object(self), name: None }
            }
            Action::GetPipelineRun | Action::ExecPipelineRunStage | Action::AbolishPipelineRun => {
                let object = self.params.get("Id").and_then(|id| lock(world).object_of(id));
                Touched { project: number("ProjectId"), id: object, name: None }
            }
            _ => Touched { project: number("ProjectId"), id: number("Id"), name: None },
        };
        touched.name = match self.action {
            Action::CreateResource => self
                .params
                .get("Spec")
                .and_then(|text| Entity::parse(text).ok())
                .and_then(|entity| Some(entity.columns().ok()?.path.to_owned())),
            Action::ListResources => self.params.get("Name").map(str::to_owned),
            Action::PostObject => self.params.get("key").map(str::to_owned),
            _ => touched.id.and_then(|id| Some(lock(world).get(id)?.path.to_string())),
        };
        touched
    }

    /// Carries the call out.
    pub(crate) fn perform(&self, cloud: &Cloud, settings: &Settings, now: Now) -> Result<Done, ApiError> {
        let world = &cloud.world;
        match self.action {
            Action::CreateResource => writes::create(self, cloud, settings, now),
            Action::UpdateResource => writes::update(self, cloud, settings, now),
            Action::DeleteResource => writes::delete(self, world, settings, now),
            Action::MoveResource => writes::r#move(self, world, settings, now),
            Action::RenameResource => writes::rename(self, world, settings, now),
            Action::GetResource => reads::resource(self, world, settings, now),
            Action::ListResources => reads::list(self, world, settings, now),
            Action::GetProject => reads::project(self, world, settings),
            Action::CreatePipelineRun => pipelines::create(self, world, settings, now),
            Action::GetPipelineRun => pipelines::get(self, world, settings, now),
            Action::ListPipelineRuns => pipelines::list(self, world, settings, now),
            Action::ExecPipelineRunStage => pipelines::exec_stage(self, world, settings, now),
            Action::AbolishPipelineRun => pipelines::abolish(self, world, settings, now),
            Action::ListPipelineRunItems => pipelines::items(self, world, settings, now),
            Action::GetCallerIdentity => Ok(reads::identity(&self.account)),
            Action::AssumeRole => identity::assume_other_role(self, cloud, settings, now),
            Action::AuthorizeFileUpload => upload::authorize(self, cloud, settings, now),
            Action::PostObject => upload::post(self, cloud, now),
            Action::AssumeRoleWithOidc => identity::assume_role(self, cloud, settings, now),
            Action::Metadata(asked) => identity::metadata(asked, self, cloud, settings, now),
        }
    }
}

/// JSON of a value whose writing cannot fail: maps with text keys, and no number but whole ones.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// An id as answers write it.
fn id_value(id: u64, style: IdStyle) -> Value {
    match style {
        IdStyle::String => id.to_string().into(),
        IdStyle::Number => id.into(),
    }
}
