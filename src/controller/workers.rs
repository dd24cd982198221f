//! How many workers one budget's work may take.

/// Objects under work at a time. Each waits for the network nearly all its time; more would only
/// queue at the limiter.
pub const WORKERS: usize = 64;

/// Whether a budget with so many objects under work, of so many in all, may have one more: it may have three
/// quarters of what the others leave. So what hangs for one, or for several, or a flood of what may not even call,
/// leaves workers to whoever comes next.
#[must_use]
pub fn may_begin(own: usize, all: usize) -> bool {
    let left = WORKERS.saturating_sub(all.saturating_sub(own));
    own < (left * 3).div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets each begin what it may, who has fewest first, until nobody may.
    fn fill(under_work: &mut [usize]) {
        loop {
            let mut order: Vec<usize> = (0..under_work.len()).collect();
            order.sort_by_key(|n| under_work[*n]);
            let all = |under_work: &[usize]| under_work.iter().sum::<usize>();
            let may = |n: &usize| all(under_work) < WORKERS && may_begin(under_work[*n], all(under_work));
            let Some(n) = order.into_iter().find(may) else { return };
            under_work[n] += 1;
        }
    }

    #[test]
    fn one_alone_has_most() {
        let mut under_work = [0];
        fill(&mut under_work);
        assert_eq!(under_work, [48]);
    }

    #[test]
    fn who_comes_after_several_that_hang_begins_at_once() {
        let mut under_work = vec![];
        for _ in 0..4 {
            under_work.push(0);
            fill(&mut under_work);
            assert!(*under_work.last().unwrap() > 0, "{under_work:?}");
        }
    }

    #[test]
    fn many_that_come_together_share_evenly_and_leave_some() {
        for (budgets, each) in [(2, 28), (3, 20), (5, 12)] {
            let mut under_work = vec![0; budgets];
            fill(&mut under_work);
            assert!(under_work.iter().all(|one| one.abs_diff(each) <= 1), "{under_work:?}");
            assert!(under_work.iter().sum::<usize>() < WORKERS, "{under_work:?}");
        }
    }
}
