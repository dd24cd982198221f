//! Switches of deployment runs, and how a run goes.

use serde::{Deserialize, Serialize};

use crate::settings::ErrorAnswer;

/// How deployment runs behave. Each field that no source documents says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Deployment {
    /// How long a stage takes from its start to its end, in milliseconds.
    pub stage_ms: u64,
    /// What `RunMode=Auto` does. UNVERIFIED for resources and for each edition.
    pub auto: AutoMode,
    /// The stage of standard mode that a person must approve; absent: there is none.
    pub approval: Option<Approval>,
    /// What a second run for a resource meets while one is under way. UNVERIFIED.
    pub second_run: SecondRun,
    /// The description that a run was made with is answered again. UNVERIFIED.
    pub keeps_description: bool,
    /// `ObjectId` of ListPipelineRuns filters. UNVERIFIED.
    pub filters_by_object: bool,
    /// The order of ListPipelineRuns. UNVERIFIED.
    pub order: RunOrder,
    /// When a run takes the version of the resource that it publishes. UNVERIFIED.
    pub takes: Takes,
    /// What DeleteResource does with a resource that is published. UNVERIFIED.
    pub delete_published: DeletePublished,
    /// The stage of this code can be started and never begins.
    pub never_starts: Option<String>,
    /// The stage of this code runs and fails at its end.
    pub fails_at: Option<String>,
    /// The answer where there is nothing to publish under an id.
    pub nothing_to_publish: ErrorAnswer,
    /// The answer for a run that does not exist. UNVERIFIED.
    pub run_not_found: ErrorAnswer,
    /// The answer to what only a run that is under way can do.
    pub run_not_running: ErrorAnswer,
    /// The answer for a stage that cannot be started now. UNVERIFIED.
    pub stage_not_startable: ErrorAnswer,
    /// The answer to a second run, where that is refused. UNVERIFIED.
    pub run_exists: ErrorAnswer,
    /// The answer to deleting a published resource, where that is refused. UNVERIFIED.
    pub still_published: ErrorAnswer,
}

impl Default for Deployment {
    fn default() -> Self {
        let answer = |code: &str, message: &str| ErrorAnswer::new(400, code, message);
        Self {
            stage_ms: 0,
            auto: AutoMode::Honour,
            approval: Some(Approval::default()),
            second_run: SecondRun::Allow,
            keeps_description: true,
            filters_by_object: true,
            order: RunOrder::NewestFirst,
            takes: Takes::AtStart,
            delete_published: DeletePublished::Allow,
            never_starts: None,
            fails_at: None,
            // The `{id}` is the resource's.
            nothing_to_publish: answer("5801489541076353033", "code: 400, 未找到发布对象: [[{id}]]"),
            // Made up after the pattern of the family; nobody published the real numbers.
            run_not_found: answer("5801489541076353034", "code: 400, the pipeline run does not exist"),
            run_not_running: answer("5801489541076353035", "code: 400, 流水线不是正在运行"),
            stage_not_startable: answer(
                "5801489541076353036",
                "code: 400, the stage can not be executed in its present status",
            ),
            run_exists: answer(
                "5801489541076353037",
                "code: 400, the object is in a pipeline run that is not finished",
            ),
            still_published: answer(
                "5801488441564725300",
                "code: 400, the resource is published, take it offline first",
            ),
        }
    }
}

/// What `RunMode=Auto` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AutoMode {
    /// Stages follow each other by themselves, up to `AutoRunUntilStage`.
    Honour,
    /// It is taken and does nothing.
    Ignore,
    /// CreatePipelineRun is refused as an invalid parameter.
    Refuse,
}

/// A stage that a person must approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Approval {
    /// Its code. UNVERIFIED.
    pub code: String,
    /// Its type. UNVERIFIED.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Default for Approval {
    fn default() -> Self {
        Self { code: "PROD_APPROVE".to_owned(), kind: "Approval".to_owned() }
    }
}

/// What a second run meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SecondRun {
    /// Both go on side by side.
    Allow,
    /// It is refused with [`Deployment::run_exists`].
    Refuse,
}

/// The order of ListPipelineRuns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunOrder {
    /// The newest run first.
    NewestFirst,
    /// The oldest run first.
    OldestFirst,
}

/// When a run takes the version that it publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Takes {
    /// When it is made.
    AtStart,
    /// When its last stage begins.
    AtDeploy,
}

/// What deleting a published resource meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeletePublished {
    /// It goes, and what is published stays.
    Allow,
    /// It is refused with [`Deployment::still_published`] until an Offline run has ended.
    NeedsOffline,
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunKind {
    /// Publishes.
    Online,
    /// Takes offline.
    Offline,
}

/// Status of a run or of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunStatus {
    /// Not begun.
    Init,
    /// Under way.
    Running,
    /// Done.
    Success,
    /// Failed.
    Fail,
    /// Ended by the service or by an approver.
    Termination,
    /// Abolished.
    Cancel,
}

impl RunStatus {
    /// As it is answered.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Init => "Init",
            Self::Running => "Running",
            Self::Success => "Success",
            Self::Fail => "Fail",
            Self::Termination => "Termination",
            Self::Cancel => "Cancel",
        }
    }

    /// The status of this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Init, Self::Running, Self::Success, Self::Fail, Self::Termination, Self::Cancel]
            .into_iter()
            .find(|status| status.as_str() == word)
    }

    /// True when nothing follows.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Init | Self::Running)
    }
}

/// The stages of a run of this kind: code, name, type, and whether it begins by itself.
pub(crate) fn stages(
    kind: RunKind,
    standard: bool,
    approval: Option<&Approval>,
) -> Vec<(String, String, String, bool)> {
    let stage = |code: &str, name: &str, kind: &str, by_itself: bool| {
        (code.to_owned(), name.to_owned(), kind.to_owned(), by_itself)
    };
    let mut stages = match kind {
        RunKind::Online => vec![stage("BUILD_PACKAGE", "Build", "Build", true)],
        RunKind::Offline => vec![stage("OfflineCheck", "Offline check", "Check", true)],
    };
    if standard && kind == RunKind::Online {
        stages.push(stage("DEV_CHECK", "Check in development", "Check", false));
        stages.push(stage("DEV", "Deploy to development", "Deploy", false));
    }
    if standard && let Some(approval) = approval {
        stages.push(stage(&approval.code, "Approval", &approval.kind, true));
    }
    stages.push(stage("PROD_CHECK", "Check", "Check", false));
    stages.push(match kind {
        RunKind::Online => stage("PROD", "Deploy", "Deploy", false),
        RunKind::Offline => stage("PROD", "Offline", "Offline", false),
    });
    stages
}
