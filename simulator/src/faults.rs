//! Rules that break calls on demand. They are tried in the order in which they were added; the
//! first that applies to a call decides, and only that one is used up.

use serde::{Deserialize, Serialize};

use crate::settings::ErrorAnswer;

/// Rules that can stand at once.
const MOST_RULES: usize = 1000;

/// A rule: which calls it breaks, how often, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// The operation, such as `CreateResource`; `*` for all.
    #[serde(default = "any_action")]
    pub action: String,
    /// Only calls on this workspace.
    #[serde(default)]
    pub project: Option<u64>,
    /// Only calls whose resource has this in its path or name. For ListResources: in `Name`.
    #[serde(default)]
    pub name: Option<String>,
    /// Calls that match before the first is broken.
    #[serde(default)]
    pub after: u64,
    /// How many calls are broken; absent: until the rules are cleared.
    #[serde(default)]
    pub count: Option<u64>,
    /// Breaks a matching call with this probability (0 to 1); absent: always.
    #[serde(default)]
    pub probability: Option<f64>,
    /// Where the random numbers of `probability` begin; the same seed gives the same run.
    #[serde(default)]
    pub seed: u64,
    /// What happens to a call.
    pub kind: FaultKind,
}

fn any_action() -> String {
    "*".to_owned()
}

impl Fault {
    /// A rule for all calls of `action` (`*` for all operations).
    pub fn new(action: impl Into<String>, kind: FaultKind) -> Self {
        Self {
            action: action.into(),
            project: None,
            name: None,
            after: 0,
            count: None,
            probability: None,
            seed: 0,
            kind,
        }
    }

    /// The same rule, used up after `count` calls.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// The same rule, for resources with `part` in their path or name.
    #[must_use]
    pub fn named(mut self, part: impl Into<String>) -> Self {
        self.name = Some(part.into());
        self
    }

    fn matches(&self, call: &Target<'_>) -> bool {
        (self.action == "*" || self.action == call.action)
            && self.project.is_none_or(|id| call.project == Some(id))
            && self.name.as_deref().is_none_or(|part| call.name.is_some_and(|name| name.contains(part)))
    }
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum FaultKind {
    /// Refused as too fast, without effect.
    #[serde(rename_all = "camelCase")]
    Throttle {
        /// `9990020002` with HTTP 400 instead of `Throttling.User` with 429.
        #[serde(default)]
        numeric: bool,
        /// Sends `x-acs-retry-after` (milliseconds).
        #[serde(default)]
        retry_after_ms: Option<u64>,
        /// Sends `Retry-After` (seconds).
        #[serde(default)]
        retry_after_seconds: Option<u64>,
    },
    /// Answers this error; nothing has happened.
    Error(ErrorAnswer),
    /// Answers this error although the call was carried out.
    ErrorAfter(ErrorAnswer),
    /// Carried out; then the connection is closed without an answer.
    Lost,
    /// The connection is closed without an answer; nothing has happened.
    DropBefore,
    /// No answer now; the call is carried out later, whatever the caller does meanwhile.
    LateCommit {
        /// When it is carried out, in milliseconds from now.
        ms: u64,
        /// Keeps the connection open, silent, until then; otherwise it is closed at once.
        #[serde(default)]
        hang: bool,
    },
    /// Silence, then the connection is closed.
    Hang {
        /// How long, in milliseconds.
        ms: u64,
        /// Carried out at the beginning, or not at all.
        #[serde(default)]
        effect: bool,
    },
    /// Carried out and answered, later.
    Slow {
        /// How much later, in milliseconds.
        ms: u64,
    },
    /// PostObject only: the connection is closed when so much of the body has arrived.
    CutBody {
        /// How much, in bytes.
        bytes: u64,
    },
    /// Carried out; the answer is HTTP 200 with a body that is not JSON.
    Garbage,
    /// HTTP 503 with an HTML page, as from a proxy; nothing has happened.
    Html503,
}

/// What rules look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) action: &'a str,
    pub(crate) project: Option<u64>,
    pub(crate) name: Option<&'a str>,
}

/// A rule with its state.
#[derive(Clone, Debug)]
struct Rule {
    fault: Fault,
    skipped: u64,
    used: u64,
    random: u64,
}

/// The rules that stand.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
}

impl Faults {
    /// Adds a rule; false when there are too many.
    pub(crate) fn add(&mut self, fault: Fault) -> bool {
        if self.rules.len() >= MOST_RULES {
            return false;
        }
        let random = fault.seed;
        self.rules.push(Rule { fault, skipped: 0, used: 0, random });
        true
    }

    /// Removes all rules.
    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rules, and how often each was used.
    pub(crate) fn list(&self) -> Vec<(Fault, u64)> {
        self.rules.iter().map(|rule| (rule.fault.clone(), rule.used)).collect()
    }

    /// The fault for a call, counted as used.
    pub(crate) fn pick(&mut self, call: &Target<'_>) -> Option<FaultKind> {
        self.pick_where(call, |kind| !matches!(kind, FaultKind::CutBody { .. }))
    }

    /// After how many bytes the body of a call is cut off, counted as used.
    pub(crate) fn pick_cut(&mut self, call: &Target<'_>) -> Option<u64> {
        match self.pick_where(call, |kind| matches!(kind, FaultKind::CutBody { .. }))? {
            FaultKind::CutBody { bytes } => Some(bytes),
            _ => None,
        }
    }

    fn pick_where(&mut self, call: &Target<'_>, counts: impl Fn(&FaultKind) -> bool) -> Option<FaultKind> {
        self.rules.iter_mut().find_map(|rule| {
            let spent = rule.fault.count.is_some_and(|count| rule.used >= count);
            if spent || !counts(&rule.fault.kind) || !rule.fault.matches(call) {
                return None;
            }
            if rule.skipped < rule.fault.after {
                rule.skipped += 1;
                return None;
            }
            if let Some(probability) = rule.fault.probability
                && next_random(&mut rule.random) >= probability
            {
                return None;
            }
            rule.used += 1;
            Some(rule.fault.kind.clone())
        })
    }
}

/// SplitMix64 as a number in 0..1: few lines, and the same on every machine.
fn next_random(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    // 32 bits are enough for a probability, and convert without loss.
    f64::from(u32::try_from(mixed >> 32).unwrap_or(u32::MAX)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(fault: Fault, calls: &[(&str, u64, &str)]) -> Vec<bool> {
        let mut faults = Faults::default();
        assert!(faults.add(fault));
        calls
            .iter()
            .map(|(action, project, name)| {
                let target = Target { action, project: Some(*project), name: Some(name) };
                faults.pick(&target).is_some()
            })
            .collect()
    }

    #[test]
    fn rules_match_and_are_used_up() {
        let calls = [
            ("CreateResource", 1, "x/a.py"),
            ("GetResource", 1, "x/a.py"),
            ("CreateResource", 2, "x/b.py"),
            ("CreateResource", 1, "x/b.py"),
        ];
        let rule = || Fault::new("CreateResource", FaultKind::Lost);
        let rows = [
            ("all of an action", rule(), [true, false, true, true]),
            ("everything", Fault::new("*", FaultKind::Lost), [true, true, true, true]),
            ("twice", rule().times(2), [true, false, true, false]),
            ("by name", rule().named("b.p"), [false, false, true, true]),
            ("by project", Fault { project: Some(1), ..rule() }, [true, false, false, true]),
            ("after the first", Fault { after: 1, ..rule() }, [false, false, true, true]),
            ("never", Fault { probability: Some(0.0), ..rule() }, [false, false, false, false]),
            ("always", Fault { probability: Some(1.0), ..rule() }, [true, false, true, true]),
        ];
        for (name, fault, want) in rows {
            assert_eq!(broken(fault, &calls), want, "{name}");
        }
    }

    #[test]
    fn a_seed_repeats_itself() {
        let rule = Fault { probability: Some(0.3), seed: 7, ..Fault::new("*", FaultKind::Lost) };
        let calls = [("CreateResource", 1, "a"); 1000];
        let first = broken(rule.clone(), &calls);
        assert_eq!(first, broken(rule, &calls));
        let hits = first.iter().filter(|hit| **hit).count();
        assert!((250..350).contains(&hits), "{hits}");
    }
}
