//! Finding names that contain a text without reading all of them.
//!
//! A name is kept under each run of four bytes in it. A search takes the rarest run of the text
//! that it looks for and compares only the names found there.

use std::collections::{BTreeSet, HashMap};

const RUN: usize = 4;

/// Ids by the runs of their lower-case names.
#[derive(Debug, Default)]
pub(super) struct Names {
    runs: HashMap<[u8; RUN], BTreeSet<u64>>,
}

impl Names {
    pub(super) fn insert(&mut self, id: u64, name: &str) {
        for run in runs(name.to_lowercase().as_bytes()) {
            self.runs.entry(run).or_default().insert(id);
        }
    }

    pub(super) fn remove(&mut self, id: u64, name: &str) {
        for run in runs(name.to_lowercase().as_bytes()) {
            if let Some(ids) = self.runs.get_mut(&run) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.runs.remove(&run);
                }
            }
        }
    }

    /// Ids among which are all whose name contains `part` (in lower case); nothing when `part` is
    /// too short to tell.
    pub(super) fn candidates(&self, part: &str) -> Option<Vec<u64>> {
        let mut rarest: Option<&BTreeSet<u64>> = None;
        for run in runs(part.as_bytes()) {
            let Some(ids) = self.runs.get(&run) else {
                return Some(Vec::new());
            };
            if rarest.is_none_or(|found| ids.len() < found.len()) {
                rarest = Some(ids);
            }
        }
        rarest.map(|ids| ids.iter().copied().collect())
    }
}

fn runs(bytes: &[u8]) -> impl Iterator<Item = [u8; RUN]> + '_ {
    bytes.windows(RUN).filter_map(|run| run.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_follow_the_names() {
        let mut names = Names::default();
        names.insert(1, "File-0001.py");
        names.insert(2, "file-0002.py");
        names.insert(3, "other.jar");
        assert_eq!(names.candidates("file-0002.py"), Some(vec![2]));
        assert_eq!(names.candidates("file"), Some(vec![1, 2]));
        assert_eq!(names.candidates("nothing"), Some(vec![]));
        assert_eq!(names.candidates("py"), None);
        names.remove(2, "file-0002.py");
        assert_eq!(names.candidates("file"), Some(vec![1]));
    }
}
