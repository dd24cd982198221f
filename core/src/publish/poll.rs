//! How often runs are looked at, and where they are listed.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::Run;

/// Soon after something happened.
const SHORTEST: SignedDuration = SignedDuration::from_secs(5);
/// Where nothing has happened for long.
const LONGEST: SignedDuration = SignedDuration::from_mins(10);
/// Where a person must decide.
const PERSON: SignedDuration = SignedDuration::from_hours(1);

/// How long after a look the next one is due, when the last change was `since` before it: 5 s that
/// double to 10 min, or 1 h while a person must decide.
#[must_use]
pub fn poll_after(since: SignedDuration, person: bool) -> SignedDuration {
    if person { PERSON } else { since.clamp(SHORTEST, LONGEST) }
}

/// What the first page of a listing shows of the order of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// Rows of a full page.
    pub size: u32,
    /// Rows of the whole listing.
    pub total: u64,
}

/// The page that holds the newest runs, when that is not the first: the order of the listing is not
/// documented.
#[must_use]
pub fn page_with_newest(first: &[Run], pages: Pages) -> Option<u32> {
    let created = |run: Option<&Run>| run.map_or(Timestamp::MIN, |run| run.created);
    let oldest_first = created(first.first()) < created(first.last());
    let last = u32::try_from(pages.total.div_ceil(u64::from(pages.size.max(1)))).unwrap_or(u32::MAX);
    (oldest_first && last > 1).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::super::RunStatus;
    use super::*;

    #[test]
    fn looks_grow_rare_where_nothing_happens() {
        let rows = [
            (0, false, 5),
            (5, false, 5),
            (40, false, 40),
            (599, false, 599),
            (9_000, false, 600),
            (0, true, 3600),
        ];
        for (since, person, want) in rows {
            assert_eq!(poll_after(SignedDuration::from_secs(since), person), SignedDuration::from_secs(want));
        }
    }

    #[test]
    fn the_newest_runs_are_on_the_first_or_the_last_page() {
        let run = |second| Run {
            id: "r".parse().unwrap(),
            status: RunStatus::Running,
            message: String::new(),
            description: String::new(),
            created: Timestamp::from_second(second).unwrap(),
            stages: Vec::new(),
        };
        let pages = |total| Pages { size: 100, total };
        assert_eq!(page_with_newest(&[run(2), run(1)], pages(250)), None);
        assert_eq!(page_with_newest(&[run(1), run(2)], pages(250)), Some(3));
        assert_eq!(page_with_newest(&[run(1), run(2)], pages(2)), None);
        assert_eq!(page_with_newest(&[], pages(0)), None);
    }
}
