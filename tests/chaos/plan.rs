//! What happens in a campaign: all of it chosen from the seed before it begins. How it interleaves
//! with what the operators do is another thing in every run.

use std::time::Duration;

use dataworks_simulator::{AutoMode, DeletePublished, Deployment, ErrorAnswer, Fault, FaultKind};

use crate::support::random::Random;

/// A leader that is silent for so long is replaced.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// The operators' bounds. `FAULTS` and the lag of listings stay within them: an effect comes at
/// most 0.8 s late and is listed 0.3 s after that, which a slow machine may stretch twofold.
pub(crate) const BOUNDS: [&str; 5] = [
    "--call-deadline=2s",
    "--commit-lag=3s",
    "--start-deadline=2s",
    "--signature-validity=4s",
    "--clock-skew=2m",
];
/// The same for the simulator: it refuses a signature that is older.
pub(crate) const SIGNATURE_MS: u64 = 4000;
pub(crate) const LIST_LAG_MS: u64 = 300;
/// From the moment that an operator reads what is declared until its request for a run arrives: the
/// time to send it, the validity of a signature, and the latest commit, stretched like that.
pub(crate) const MADE_WITHIN_MS: i64 = 2000 + 4000 + 2 * 800;

/// How large a campaign is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) seed: u64,
    pub(crate) objects: u64,
    pub(crate) kills: u64,
}

/// Where the content of a person's file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Inline,
    /// Text in a ConfigMap.
    Text,
    /// What is no text, in a ConfigMap: it is uploaded.
    Binary,
}

impl Source {
    /// Of this person's file, whatever the seed: also the smallest campaign has each.
    pub(crate) fn of(person: usize) -> Self {
        match person % 4 {
            2 => Self::Text,
            3 => Self::Binary,
            _ => Self::Inline,
        }
    }
}

/// Whether this person's file is to be published: a third of those of each source.
pub(crate) fn is_published(person: usize) -> bool {
    person.is_multiple_of(3)
}

/// What is done to one path of the workspace, by one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// An object for the path, which has none.
    Create,
    /// Other content.
    Edit,
    /// Another path: name, folder or both, with or without other content.
    Relocate { name: bool, folder: bool, content: bool },
    /// Deleted, and made again under its name as soon as it is gone.
    Recreate,
    /// Deleted, and at once another object for the same path.
    Succeed,
    /// Deleted for good.
    Delete,
}

/// Which of the two pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Leader,
    Standby,
}

/// What is done to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// Killed, and started again: as the same pod, as the kubelet does, or as another.
    Kill { same_pod: bool },
    /// Frozen for a while.
    Freeze { ms: u64 },
    /// Frozen for a while, and killed before it thaws.
    FreezeAndKill { ms: u64, same_pod: bool },
}

/// All that happens.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) size: Size,
    /// For each path what is done to it, each after a pause.
    pub(crate) lives: Vec<Vec<(Duration, Act)>>,
    /// What is done to the pods, each after a pause.
    pub(crate) blows: Vec<(Duration, Who, Blow)>,
    pub(crate) faults: Vec<Fault>,
    /// A person must approve each run.
    pub(crate) standard: bool,
    pub(crate) deployment: Deployment,
}

impl Plan {
    pub(crate) fn new(size: Size) -> Self {
        let mut random = Random::new(size.seed);
        let blows: Vec<_> = (0..size.kills).map(|n| blow(&mut random, n)).collect();
        let storm: Duration = blows.iter().map(|(pause, _, blow)| *pause + blow.lasts()).sum();
        let lives = (0..size.objects).map(|_| life(&mut random, storm)).collect();
        let faults = faults(&mut random);
        // By the seed's parity and not by chance: two seeds in a row have all of it.
        let standard = size.seed % 2 == 1;
        let deployment = Deployment {
            stage_ms: 200,
            auto: if size.seed % 4 < 2 { AutoMode::Refuse } else { AutoMode::Honour },
            delete_published: if standard { DeletePublished::Allow } else { DeletePublished::NeedsOffline },
            ..Deployment::default()
        };
        Self { size, lives, blows, faults, standard, deployment }
    }
}

impl Blow {
    fn lasts(self) -> Duration {
        match self {
            Self::Kill { .. } => Duration::ZERO,
            Self::Freeze { ms } | Self::FreezeAndKill { ms, .. } => Duration::from_millis(ms),
        }
    }
}

fn blow(random: &mut Random, n: u64) -> (Duration, Who, Blow) {
    let pause = Duration::from_millis(random.between(200, 1800));
    let who = if random.below(4) == 0 { Who::Standby } else { Who::Leader };
    let brief = random.between(100, 2000);
    let long = lease_ms() + random.between(1000, 3000);
    let same_pod = random.below(2) == 0;
    // Also the smallest campaign has each sort of crash, and a leader that thaws after another took
    // over.
    match n {
        0 => return (pause, Who::Leader, Blow::Kill { same_pod: true }),
        1 => return (pause, Who::Leader, Blow::Kill { same_pod: false }),
        2 => return (pause, Who::Leader, Blow::Freeze { ms: long }),
        _ => {}
    }
    let blow = match random.below(10) {
        0..=4 => Blow::Kill { same_pod },
        5 | 6 => Blow::Freeze { ms: brief },
        7 | 8 => Blow::Freeze { ms: long },
        _ => Blow::FreezeAndKill { ms: brief, same_pod },
    };
    (pause, who, blow)
}

fn lease_ms() -> u64 {
    u64::try_from(LEASE.as_millis()).unwrap()
}

/// The acts on a path, spread over the storm.
fn life(random: &mut Random, storm: Duration) -> Vec<(Duration, Act)> {
    let storm = u64::try_from(storm.as_millis()).unwrap();
    let count = random.between(4, 9);
    let mut acts = Vec::new();
    let pause = |random: &mut Random| Duration::from_millis(random.below(2 * storm / (count + 1)));
    acts.push((pause(random), Act::Create));
    for n in 1..count {
        let act = match random.below(10) {
            0..=3 => Act::Edit,
            4 | 5 => relocation(random),
            6 | 7 => Act::Recreate,
            8 => Act::Succeed,
            _ if n + 1 == count => Act::Delete,
            _ => Act::Edit,
        };
        acts.push((pause(random), act));
    }
    acts
}

fn relocation(random: &mut Random) -> Act {
    let (name, folder) = match random.below(3) {
        0 => (true, false),
        1 => (false, true),
        _ => (true, true),
    };
    Act::Relocate { name, folder, content: random.below(2) == 0 }
}

/// What the cloud does wrong, each with a probability in percent.
fn faults(random: &mut Random) -> Vec<Fault> {
    let error = |code: &str| ErrorAnswer::new(500, code, "made to fail");
    let throttle = FaultKind::Throttle { numeric: false, retry_after_ms: None, retry_after_seconds: None };
    let unavailable = ErrorAnswer::new(503, "ServiceUnavailable", "made to fail");
    let mut rules =
        vec![("*", 2, throttle), ("*", 1, FaultKind::Error(unavailable)), ("*", 1, FaultKind::Html503)];
    let writes = [
        ("CreateResource", 2),
        ("UpdateResource", 1),
        ("DeleteResource", 1),
        ("MoveResource", 1),
        ("RenameResource", 1),
        ("CreatePipelineRun", 2),
        ("ExecPipelineRunStage", 1),
        ("AbolishPipelineRun", 1),
        ("PostObject", 1),
    ];
    for (action, factor) in writes {
        rules.extend([
            (action, 3 * factor, FaultKind::Lost),
            (action, 2 * factor, FaultKind::ErrorAfter(error("InternalError.System"))),
            (action, 2 * factor, FaultKind::DropBefore),
            (action, factor, FaultKind::Garbage),
            (action, factor, FaultKind::Hang { ms: 3000, effect: true }),
            (action, factor, FaultKind::Hang { ms: 3000, effect: false }),
            (action, 2 * factor, FaultKind::LateCommit { ms: 800, hang: false }),
            (action, 10, FaultKind::Slow { ms: 500 }),
        ]);
    }
    // Nothing can be left by them; what is told by them can be missed.
    for action in ["ListPipelineRuns", "GetPipelineRun", "AuthorizeFileUpload"] {
        rules.extend([
            (action, 3, FaultKind::Error(error("InternalError.System"))),
            (action, 3, FaultKind::Lost),
            (action, 2, FaultKind::Garbage),
            (action, 1, FaultKind::Hang { ms: 3000, effect: false }),
            (action, 5, FaultKind::Slow { ms: 500 }),
        ]);
    }
    rules.push(("PostObject", 5, FaultKind::CutBody { bytes: 9_000 }));
    let rule = |(action, percent, kind): (&str, u32, FaultKind)| Fault {
        probability: Some(f64::from(percent) / 100.0),
        seed: random.next(),
        ..Fault::new(action, kind)
    };
    rules.into_iter().map(rule).collect()
}
