//! Which signature nonces were seen: each may be used once while its date is valid.

use std::collections::{HashSet, VecDeque};

/// Nonces kept. At a thousand calls a second the signature window of 15 minutes on both sides of
/// the clock holds 1.8 million nonces; kept as 16 bytes of their hash they cost at most some
/// 100 MB, and only in runs that send that many calls.
const CAPACITY: usize = 1 << 21;

/// A bounded memory of nonces, the oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    seen: HashSet<u128>,
    order: VecDeque<u128>,
}

impl Nonces {
    /// True when `digest` (128 bits of the hash of access key and nonce) was not seen before.
    pub(crate) fn first_use(&mut self, digest: u128) -> bool {
        if !self.seen.insert(digest) {
            return false;
        }
        self.order.push_back(digest);
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_counts_once() {
        let mut nonces = Nonces::default();
        assert!(nonces.first_use(1));
        assert!(nonces.first_use(2));
        assert!(!nonces.first_use(1));
    }
}
