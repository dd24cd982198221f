//! Rules of "never twice" that a test switches off, to see that the model misses each.
//!
//! A rule is asked for at the one place that keeps it: most in the plan, and those of the shell in what the tests have
//! in its stead. Only the cargo feature `mutations` can switch one off. It is in no default, and a release does not
//! compile with it: without it [`off`] is known to be false, and nothing of the question is left.

#[cfg(all(feature = "mutations", not(debug_assertions)))]
compile_error!("the feature `mutations` takes promises away: it is for tests, and in no release");

/// A rule, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Intent: it is written before the request is sent.
    Intent,
    /// Look: the path is seen to be free before that.
    Look,
    /// Outcomes: what is not known counts as neither done nor refused.
    Outcomes,
    /// Whose intent: beside a copy's intent an id is not trusted.
    WhoseCopy,
    /// Whose intent: beside an open intent of our own no id is trusted.
    WhoseOpen,
    /// Search: a candidate is of the create's time.
    SearchTime,
    /// Search: a candidate is claimed by nobody.
    SearchClaims,
    /// Search: a candidate is read.
    SearchRead,
    /// Search: another is made only when the last request can no longer arrive.
    SearchWait,
    /// Search: and only when one that began after that found nothing.
    SearchAfter,
    /// Record: what was made is recorded whatever became of the object, or taken back.
    Record,
    /// Delete: what a lost create may have left is searched for.
    DeleteSearch,
    /// Delete: when it is not known what became of a delete, a read decides.
    DeleteRead,
    /// Leadership: who lost the lease goes on no more.
    Leadership,
    /// Leadership: who stood still for so long that another may lead sends nothing.
    LeadershipSends,
    /// Other writes: what is not known counts as neither done nor refused.
    Writes,
    /// Other writes: after one of which that is not known the next waits until it can no longer arrive.
    WritesWait,
    /// Other writes: on its way by two steps a file stands on no path that another object claims.
    WritesWay,
    /// Recreate: gone is what GetResource does not find, whatever a listing shows.
    Recreate,
}

/// True while a test does without this rule.
#[cfg(not(feature = "mutations"))]
#[must_use]
pub const fn off(_rule: Rule) -> bool {
    false
}

#[cfg(feature = "mutations")]
pub use switch::{off, without};

#[cfg(feature = "mutations")]
mod switch {
    use std::cell::Cell;

    use super::Rule;

    thread_local! {
        /// Of this thread only: a checker has several, and tests run beside each other.
        static OFF: Cell<Option<Rule>> = const { Cell::new(None) };
    }

    /// True while a test does without this rule.
    #[must_use]
    pub fn off(rule: Rule) -> bool {
        OFF.get() == Some(rule)
    }

    /// Does something without this rule, or with all of them.
    pub fn without<T>(rule: Option<Rule>, work: impl FnOnce() -> T) -> T {
        let before = OFF.replace(rule);
        let end = work();
        OFF.set(before);
        end
    }
}
