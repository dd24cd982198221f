//! Who pays for calls, and how many there are: one budget for each identity in each region.
//!
//! Workspaces of one payer share its budget, whatever namespace they are in. It must not know how an identity is had.
//! The rule it keeps: what several ask for is the least of it, and what an administrator asks for his own identity
//! nobody changes.

use std::collections::BTreeMap;

use dataworks_core::ids::Digest;
use dataworks_core::limit::{Day, Shut};
use dataworks_core::object::ObjectKey;
use dataworks_core::queue::SubQueue;
use k8s_openapi::jiff::Timestamp;
use prometheus_client::metrics::histogram::Histogram;

use super::limiter::Limiter;

/// The sub-queue of the default connection's limiter; those of others follow.
const DEFAULT_SUB: u32 = 1;

/// Budgets without anybody who uses them, of which the day is kept: those with most calls.
const MOST_EARLIER: usize = 1_000;
/// Limiters that are held here of a budget that nobody else uses: one by its payer, one for the work that waits.
const OWN_HOLDERS: usize = 2;

/// Who is called as whom: what a budget belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Payer {
    /// The account, or what stands for it where it is not known.
    pub identity: Identity,
    /// The service in a region, whatever network it is reached through.
    pub realm: String,
}

/// Whose calls are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// An account.
    Account(String),
    /// An access key of an account that is not known.
    Key(String),
}

/// How many calls are asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// A second.
    pub per_second: f64,
    /// A day.
    pub per_day: Option<u64>,
}

impl Figures {
    /// Of both the smaller.
    fn least(self, other: Self) -> Self {
        Self {
            per_second: self.per_second.min(other.per_second),
            per_day: self.per_day.into_iter().chain(other.per_day).min(),
        }
    }
}

/// What stands for a budget or a workspace where its name must not or cannot: a part of a digest, in hex.
pub type Tag = String;

/// What was done of a budget, and what the service said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The calls of a day.
    pub day: Day,
    /// Whether they are used up.
    pub shut: Option<Shut>,
}

impl Payer {
    /// What stands for it.
    #[must_use]
    pub fn tag(&self) -> Tag {
        let Self { identity, realm } = self;
        let (kind, name) = match identity {
            Identity::Account(account) => ("account", account),
            Identity::Key(key) => ("key", key),
        };
        tag(&format!("{kind}/{name}/{realm}"))
    }
}

/// What stands for a DataWorksWorkspace.
#[must_use]
pub fn tag_of(workspace: &ObjectKey) -> Tag {
    tag(&workspace.to_string())
}

fn tag(text: &str) -> Tag {
    let mut tag = Digest::of(text.as_bytes()).to_string();
    tag.truncate(16);
    tag
}

/// A budget, and what those that share it ask for.
#[derive(Debug)]
struct Shared {
    limiter: Limiter,
    /// By workspace; none: the administrator's figures hold.
    asked: Option<BTreeMap<ObjectKey, Figures>>,
    /// Nobody used it when that was last asked.
    idle: bool,
}

impl Shared {
    fn configure(&self) {
        let all = self.asked.iter().flatten().map(|(_, figures)| *figures);
        if let Some(Figures { per_second, per_day }) = all.reduce(Figures::least) {
            self.limiter.configure(per_second, per_day);
        }
    }
}

/// All budgets.
#[derive(Debug)]
pub struct Payers {
    /// The default connection's.
    default: Limiter,
    /// The payer under whom that was found to be.
    of_default: Option<Payer>,
    shared: BTreeMap<Payer, Shared>,
    /// All others, those too that were not let go yet: work may still wait for one that nobody uses any more.
    limiters: Vec<Limiter>,
    subs: u32,
    /// What was done today with budgets that there are not: by an earlier process, or before they were let go.
    earlier: BTreeMap<Tag, Spent>,
    waits: Histogram,
}

impl Payers {
    /// One budget, that of the default connection; `waits` measures the waits for permits.
    #[must_use]
    pub fn new(figures: Figures, waits: Histogram) -> Self {
        let Figures { per_second, per_day } = figures;
        let default = Limiter::new(per_second, per_day).of(SubQueue(DEFAULT_SUB)).measured(waits.clone());
        Self {
            default,
            of_default: None,
            shared: BTreeMap::new(),
            limiters: Vec::new(),
            subs: DEFAULT_SUB,
            earlier: BTreeMap::new(),
            waits,
        }
    }

    /// The default connection's.
    #[must_use]
    pub fn default(&self) -> &Limiter {
        &self.default
    }

    /// All, each once, the default connection's first.
    #[must_use]
    pub fn all(&self) -> Vec<Limiter> {
        std::iter::once(&self.default).chain(&self.limiters).cloned().collect()
    }

    /// Whether it is known who pays for the default connection.
    #[must_use]
    pub fn knows_default(&self) -> bool {
        self.of_default.is_some()
    }

    /// The default connection is paid for by this one: workspaces of the same share its budget.
    pub fn set_default(&mut self, payer: Payer) {
        if self.of_default.as_ref() != Some(&payer) {
            self.shared
                .insert(payer.clone(), Shared { limiter: self.default.clone(), asked: None, idle: false });
            self.of_default = Some(payer);
        }
    }

    /// The budget of a workspace that is paid for by this one and asks for so many calls.
    pub fn budget(&mut self, workspace: &ObjectKey, payer: Payer, figures: Figures) -> Limiter {
        self.leave(workspace);
        if !self.shared.contains_key(&payer) {
            let limiter = self.open(&payer, figures);
            self.shared.insert(payer.clone(), Shared { limiter, asked: Some(BTreeMap::new()), idle: false });
        }
        let Some(shared) = self.shared.get_mut(&payer) else { return self.default.clone() };
        if let Some(asked) = &mut shared.asked {
            asked.insert(workspace.clone(), figures);
        }
        shared.configure();
        shared.limiter.clone()
    }

    fn open(&mut self, payer: &Payer, Figures { per_second, per_day }: Figures) -> Limiter {
        self.subs += 1;
        let limiter = Limiter::new(per_second, per_day).of(SubQueue(self.subs)).measured(self.waits.clone());
        if let Some(Spent { day, shut }) = self.earlier.remove(&payer.tag()) {
            limiter.resume(day, shut);
        }
        self.limiters.push(limiter.clone());
        limiter
    }

    /// What the workspace asked for counts no longer.
    pub fn leave(&mut self, workspace: &ObjectKey) {
        for shared in self.shared.values_mut() {
            if shared.asked.as_mut().is_some_and(|asked| asked.remove(workspace).is_some()) {
                shared.configure();
            }
        }
    }

    /// Lets budgets go that nobody has used, this time and the last time, and whose sub-queue `closes`. What was done with
    /// them today is kept: whoever takes one up again goes on there. What was learnt of how often the service lets
    /// itself be called is not.
    pub fn let_go(&mut self, closes: impl Fn(SubQueue) -> bool) {
        let today = Day::of(Timestamp::now()).number;
        let mut gone = BTreeMap::new();
        self.shared.retain(|payer, Shared { limiter, asked, idle }| {
            let unused = asked.as_ref().is_some_and(BTreeMap::is_empty) && limiter.holders() <= OWN_HOLDERS;
            let again = std::mem::replace(idle, unused) && unused;
            let leaves = again && closes(limiter.sub());
            if leaves {
                gone.insert(payer.tag(), Spent { day: limiter.day(), shut: limiter.shut() });
            }
            !leaves
        });
        // What was of a payer whom the default connection turned out to have is among these only.
        self.limiters.retain(|limiter| limiter.holders() > 1 || !closes(limiter.sub()));
        self.earlier.extend(gone);
        // Of another day only a month's end is worth keeping.
        self.earlier
            .retain(|_, spent| spent.day.number == today && spent.day.used > 0 || spent.shut.is_some());
        self.forget_the_least();
    }

    /// Whoever makes workspaces with one key after the other, and deletes them, fills neither memory nor the ConfigMap.
    fn forget_the_least(&mut self) {
        let over = self.earlier.len().saturating_sub(MOST_EARLIER);
        let mut least: Vec<(u64, Tag)> =
            self.earlier.iter().map(|(tag, spent)| (spent.day.used, tag.clone())).collect();
        least.sort_unstable();
        for (_, tag) in least.into_iter().take(over) {
            self.earlier.remove(&tag);
        }
    }

    /// Takes over what an earlier process did.
    pub fn resume(&mut self, earlier: BTreeMap<Tag, Spent>) {
        self.earlier = earlier;
    }

    /// What was done of all budgets but the default connection's.
    #[must_use]
    pub fn spent(&self) -> BTreeMap<Tag, Spent> {
        let others = self.shared.iter().filter(|(_, shared)| !shared.limiter.is(&self.default));
        let spent = |limiter: &Limiter| Spent { day: limiter.day(), shut: limiter.shut() };
        let mut all = self.earlier.clone();
        all.extend(others.map(|(payer, shared)| (payer.tag(), spent(&shared.limiter))));
        all
    }
}

#[cfg(test)]
mod tests {
    use dataworks_core::limit::Purpose;

    use super::*;

    fn payers() -> Payers {
        Payers::new(asks(3.0, None), Histogram::new([1.0]))
    }

    fn asks(per_second: f64, per_day: Option<u64>) -> Figures {
        Figures { per_second, per_day }
    }

    fn payer(account: &str, realm: &str) -> Payer {
        Payer { identity: Identity::Account(account.to_owned()), realm: realm.to_owned() }
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    fn shows(limiter: &Limiter) -> (f64, Option<u64>) {
        (limiter.rate(), limiter.per_day())
    }

    #[test]
    fn who_pays_together_shares_and_the_least_holds() {
        let mut payers = payers();
        let one = payers.budget(&key("a"), payer("1", "x"), asks(10.0, None));
        assert_eq!(shows(&one), (10.0, None));
        let two = payers.budget(&key("b"), payer("1", "x"), asks(2.0, Some(80)));
        assert!(one.is(&two) && one.sub() == two.sub());
        assert_eq!(shows(&one), (2.0, Some(80)));
        for other in [payer("2", "x"), payer("1", "y")] {
            let other = payers.budget(&key("c"), other, asks(5.0, None));
            assert!(!other.is(&one) && other.sub() != one.sub());
        }
        // Who goes, or goes elsewhere, asks for nothing any more.
        payers.leave(&key("b"));
        assert_eq!(shows(&one), (10.0, None));
        let _elsewhere = payers.budget(&key("a"), payer("2", "x"), asks(1.0, None));
        assert_eq!(shows(&payers.budget(&key("d"), payer("2", "x"), asks(9.0, None))), (1.0, None));
        // Work may wait for each that ever was.
        assert_eq!(payers.all().len(), 4);
    }

    #[test]
    fn nobody_changes_the_calls_of_the_operators_own_identity() {
        let mut payers = payers();
        assert!(!payers.knows_default());
        payers.set_default(payer("1", "x"));
        let shared = payers.budget(&key("a"), payer("1", "x"), asks(0.1, Some(1)));
        assert!(shared.is(payers.default()));
        assert_eq!(shows(&shared), (3.0, None));
        assert_eq!(payers.spent(), BTreeMap::new());
    }

    #[test]
    fn what_was_spent_outlives_the_process_and_names_nobody() {
        let mut first = payers();
        let limiter = first.budget(&key("a"), payer("1234567890123456", "x"), asks(3.0, Some(80)));
        assert!(limiter.try_permit(Purpose::Work).unwrap().spend().is_some());
        let kept = first.spent();
        assert_eq!(kept.values().map(|spent| spent.day.used).collect::<Vec<_>>(), [1]);
        assert!(kept.keys().all(|tag| tag.len() == 16 && !tag.contains("1234567890")), "{kept:?}");
        let mut second = payers();
        second.resume(kept.clone());
        assert_eq!(second.spent(), kept, "nobody has asked yet");
        let limiter = second.budget(&key("b"), payer("1234567890123456", "x"), asks(3.0, Some(80)));
        assert_eq!(limiter.day().used, 1);
        assert_eq!(second.budget(&key("c"), payer("2", "x"), asks(3.0, None)).day().used, 0);
    }

    #[test]
    fn what_nobody_uses_is_let_go_and_its_day_is_not_forgotten() {
        let mut payers = payers();
        let limiter = payers.budget(&key("a"), payer("1", "x"), asks(3.0, Some(80)));
        assert!(limiter.try_permit(Purpose::Work).unwrap().spend().is_some());
        let there = |payers: &Payers| payers.all().len() - 1;
        let pass = |payers: &mut Payers, empty: bool| {
            payers.let_go(|_| empty);
            there(payers)
        };
        assert_eq!([pass(&mut payers, true), pass(&mut payers, true)], [1, 1], "its workspace is there");
        payers.leave(&key("a"));
        assert_eq!([pass(&mut payers, true), pass(&mut payers, true)], [1, 1], "a call is under way");
        let spent = payers.spent();
        drop(limiter);
        assert_eq!([pass(&mut payers, false), pass(&mut payers, false)], [1, 1], "work waits for it");
        assert_eq!([pass(&mut payers, true), there(&payers)], [0, 0]);
        assert_eq!(payers.spent(), spent, "it still stands where it is kept");

        // Whoever deletes his workspace and makes it again has no other day.
        let again = payers.budget(&key("a"), payer("1", "x"), asks(3.0, Some(80)));
        assert_eq!((again.day().used, payers.spent()), (1, spent));

        // One that is taken up in between is not idle.
        let _other = payers.budget(&key("b"), payer("2", "x"), asks(3.0, None));
        payers.leave(&key("a"));
        drop(again);
        assert_eq!(pass(&mut payers, true), 2, "the first time");
        drop(payers.budget(&key("a"), payer("1", "x"), asks(3.0, Some(80))));
        assert_eq!([pass(&mut payers, true), pass(&mut payers, true)], [2, 2]);
    }

    #[test]
    fn of_thousands_that_came_and_went_those_with_most_calls_are_kept() {
        let mut payers = payers();
        let number = Day::of(Timestamp::now()).number;
        let spent = |used| Spent { day: Day { number, used, swept: 0 }, shut: None };
        let many = (0..3_000).map(|n| (format!("{n:04}"), spent(n % 2)));
        payers.resume(many.chain([("much".to_owned(), spent(50))]).collect());
        payers.let_go(|_| true);
        let kept = payers.spent();
        assert_eq!((kept.len(), kept["much"].day.used), (MOST_EARLIER, 50));
        assert!(kept.values().all(|spent| spent.day.used > 0), "what called nothing is forgotten");
    }

    #[test]
    fn of_another_day_nothing_is_kept_but_a_months_end() {
        let mut payers = payers();
        let day = Day { number: 1, used: 5, swept: 0 };
        let shut =
            Shut { quota: dataworks_core::limit::Quota::Month, assumed: 5, probe: Timestamp::UNIX_EPOCH };
        let old = Spent { day, shut: None };
        let month = Spent { day, shut: Some(shut) };
        payers.resume(BTreeMap::from([("old".to_owned(), old), ("month".to_owned(), month)]));
        payers.let_go(|_| true);
        assert_eq!(payers.spent(), BTreeMap::from([("month".to_owned(), month)]));
    }
}
