//! Deployment runs as the service tells of them.

use std::fmt;
use std::str::FromStr;

use k8s_openapi::jiff::Timestamp;

use crate::ids::InvalidId;

/// Longest id of a run; the service's are UUIDs.
const ID_LIMIT: usize = 64;

/// A run's id: a short text of letters, digits and `-`, as the service gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

impl RunId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let fits = (1..=ID_LIMIT).contains(&text.len());
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits && plain { Ok(Self(text.to_owned())) } else { Err(InvalidId) }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It takes a version to production.
    Online,
    /// It takes what is published away.
    Offline,
}

impl Kind {
    /// As CreatePipelineRun takes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "Online",
            Self::Offline => "Offline",
        }
    }
}

/// Who starts the stages of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The operator, one after the other.
    Normal,
    /// The service.
    Auto,
}

impl Mode {
    /// As CreatePipelineRun takes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Auto => "Auto",
        }
    }
}

/// Where a run or a stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Not begun.
    Init,
    /// Under way.
    Running,
    /// Done: the only success.
    Success,
    /// Failed.
    Fail,
    /// Ended by the service or by an approver.
    Termination,
    /// Ended by somebody.
    Cancel,
}

impl RunStatus {
    const ALL: [Self; 6] =
        [Self::Init, Self::Running, Self::Success, Self::Fail, Self::Termination, Self::Cancel];

    /// The status of this word. One that nobody knows is something that goes on.
    #[must_use]
    pub fn of(word: &str) -> Self {
        let known = Self::ALL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(word));
        known.unwrap_or(Self::Running)
    }

    /// The service's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Init => "Init",
            Self::Running => "Running",
            Self::Success => "Success",
            Self::Fail => "Fail",
            Self::Termination => "Termination",
            Self::Cancel => "Cancel",
        }
    }

    /// True when nothing follows.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Init | Self::Running => false,
            Self::Success | Self::Fail | Self::Termination | Self::Cancel => true,
        }
    }

    /// True when it ended and not well.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        match self {
            Self::Init | Self::Running | Self::Success => false,
            Self::Fail | Self::Termination | Self::Cancel => true,
        }
    }
}

/// How a stage begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StageKind {
    /// By itself.
    Build,
    /// When it is started.
    Check,
    /// When it is started; what it does cannot be taken back.
    Deploy,
    /// When a person decides.
    Person,
}

impl StageKind {
    /// The kind of a stage with this type and code. Which type a stage has that waits for a person is
    /// not documented: a type that is not known is one, and so is a code that says so.
    #[must_use]
    pub fn of(type_: &str, code: &str) -> Self {
        let code = code.to_ascii_uppercase();
        if ["APPROV", "REVIEW", "AUDIT"].iter().any(|word| code.contains(word)) {
            return Self::Person;
        }
        match type_ {
            "Build" => Self::Build,
            "Check" => Self::Check,
            "Deploy" | "Offline" | "Delete" => Self::Deploy,
            _ => Self::Person,
        }
    }
}

/// One stage of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stage {
    /// What it is called in calls.
    pub code: String,
    /// How it begins.
    pub kind: StageKind,
    /// It begins when all stages of smaller steps are done.
    pub step: i64,
    /// Where it stands.
    pub status: RunStatus,
    /// What the service says of it.
    pub message: String,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Where it stands.
    pub status: RunStatus,
    /// What the service says of it.
    pub message: String,
    /// What it was made with.
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// Its stages, by step.
    pub stages: Vec<Stage>,
}

impl Run {
    /// The stage that the run is at: the lowest that is not done.
    #[must_use]
    pub fn at(&self) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.status != RunStatus::Success)
    }

    /// The stage that can be started now: not begun, with all of smaller steps done.
    #[must_use]
    pub fn startable(&self) -> Option<&Stage> {
        let mut stages = self.stages.iter();
        let stage = stages.find(|stage| stage.status == RunStatus::Init)?;
        let ready = |other: &Stage| other.step >= stage.step || other.status == RunStatus::Success;
        self.stages.iter().all(ready).then_some(stage)
    }

    /// The stage at which it waits for a person.
    #[must_use]
    pub fn awaits_person(&self) -> Option<&Stage> {
        let waits = |stage: &&Stage| {
            stage.kind == StageKind::Person
                && (stage.status == RunStatus::Running || self.startable() == Some(*stage))
        };
        self.stages.iter().find(waits)
    }

    /// The stage that failed, while the run may still be called running.
    #[must_use]
    pub fn failed(&self) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.status.is_failure())
    }

    /// The stage of this code.
    #[must_use]
    pub fn stage(&self, code: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.code == code)
    }
}
