//! The brake of one workspace: what routine looks miss is not made again while it holds.
//!
//! It holds from the look that misses too much until a look shows otherwise; a person may except what is gone by then.
//! It must not know objects beyond their names.

use std::collections::HashSet;

use dataworks_core::ids::ResourceId;
use dataworks_core::inventory::MassAbsence;
use dataworks_core::workspace::Absence;

/// Whether lost resources are made again.
#[derive(Debug, Default)]
pub(super) struct Brake {
    state: State,
    /// Made again all the same: a person asked for them. By id, so that what is made again and is lost once more is not.
    asked: HashSet<ResourceId>,
}

#[derive(Debug, Default)]
enum State {
    /// This process has not looked yet.
    #[default]
    Unseen,
    /// They are.
    Off,
    /// They are not; with what the look missed, where it was a look of this process.
    On(Option<MassAbsence>),
}

impl Brake {
    /// What a person asked for.
    pub(super) fn asked(&self) -> &HashSet<ResourceId> {
        &self.asked
    }

    /// A routine look missed so much, or not so much; what `is_there` is listed again.
    pub(super) fn looked(&mut self, missed: Option<&MassAbsence>, is_there: impl Fn(&ResourceId) -> bool) {
        self.asked.retain(|id| !is_there(id));
        self.state = missed.map_or(State::Off, |missed| State::On(Some(missed.clone())));
    }

    /// It held when an earlier process ended.
    pub(super) fn resume(&mut self) {
        self.state = State::On(None);
    }

    /// A person asked for what is gone, and for these, of which their objects say so.
    pub(super) fn ask(&mut self, told: impl IntoIterator<Item = ResourceId>) {
        let missed = match std::mem::replace(&mut self.state, State::Off) {
            State::On(Some(missed)) => missed.gone,
            State::On(None) | State::Off | State::Unseen => Vec::new(),
        };
        self.asked = missed.into_iter().map(|(_, id)| id).chain(told).collect();
    }

    /// Nothing is gone that was not made again, or that objects still want.
    pub(super) fn release(&mut self) {
        *self = Self { state: State::Off, asked: HashSet::new() };
    }

    /// Whether a lost resource stays lost; `told`: its object says so.
    pub(super) fn holds(&self, id: Option<&ResourceId>, told: bool) -> bool {
        match self.state {
            State::Unseen => told,
            State::Off => false,
            State::On(_) => id.is_none_or(|id| !self.asked.contains(id)),
        }
    }

    /// For the workspace's status; that a person asked counts while there is something asked for.
    pub(super) fn absence(&self) -> Absence {
        match &self.state {
            State::Unseen | State::On(None) => Absence::Unseen,
            State::On(Some(missed)) => Absence::found(missed),
            State::Off if self.asked.is_empty() => Absence::Over,
            State::Off => Absence::Asked,
        }
    }
}

#[cfg(test)]
mod tests {
    use dataworks_core::object::ObjectKey;

    use super::*;

    fn id(n: u64) -> ResourceId {
        n.to_string().parse().unwrap()
    }

    fn missed(ids: std::ops::Range<u64>) -> MassAbsence {
        let gone = ids.map(|n| (ObjectKey::new("ns", &n.to_string()), id(n))).collect();
        MassAbsence { of: 30, gone }
    }

    /// Whether it holds for these: 1, which was asked for, and 20, which was not.
    fn holds(brake: &Brake) -> [bool; 2] {
        [1, 20].map(|n| brake.holds(Some(&id(n)), false))
    }

    #[test]
    fn it_holds_for_all_but_what_a_person_asked_for() {
        let mut brake = Brake::default();
        assert_eq!([false, true].map(|told| brake.holds(Some(&id(1)), told)), [false, true]);
        assert_eq!(brake.absence(), Absence::Unseen);
        brake.looked(Some(&missed(0..14)), |_| false);
        assert_eq!((holds(&brake), brake.holds(None, false)), ([true; 2], true));
        assert!(matches!(brake.absence(), Absence::Found { gone: 14, of: 30, .. }));

        // Those that the look missed, and one of which its object tells.
        brake.ask([id(15)]);
        assert_eq!(brake.asked().len(), 15);
        assert_eq!((holds(&brake), brake.absence()), ([false; 2], Absence::Asked));

        // Others are gone: it holds again, but not for the first.
        brake.looked(Some(&missed(15..30)), |found| *found == id(2));
        assert_eq!(holds(&brake), [false, true]);
        assert!(!brake.asked().contains(&id(2)), "it is listed again");

        brake.looked(None, |_| false);
        assert_eq!((holds(&brake), brake.absence()), ([false; 2], Absence::Asked));
        brake.release();
        assert_eq!((holds(&brake), brake.absence()), ([false; 2], Absence::Over));
    }

    #[test]
    fn what_an_earlier_process_found_holds_until_the_first_look() {
        let mut brake = Brake::default();
        brake.resume();
        assert_eq!((holds(&brake), brake.absence()), ([true; 2], Absence::Unseen));
        brake.ask([id(1)]);
        assert_eq!((holds(&brake), brake.absence()), ([false; 2], Absence::Asked));
    }
}
