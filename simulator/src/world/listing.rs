//! Pages of ListResources: filters, order and count, without copying what is not on the page.

use super::{Project, Resource};
use crate::flowspec::FileType;
use crate::settings::ListOrder;

/// What is asked of a listing.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// Names that contain this, whatever the case.
    pub(crate) name: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) kind: Option<FileType>,
    pub(crate) order: ListOrder,
    /// Rows before the page, and rows of it.
    pub(crate) skip: usize,
    pub(crate) take: usize,
}

/// A page, and how many rows there are in all.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Resource>,
    pub(crate) total: usize,
}

impl Project {
    pub(super) fn page(&self, filter: &Filter) -> Page {
        let name = filter.name.as_deref().unwrap_or_default().to_lowercase();
        let everything = name.is_empty() && filter.owner.is_none() && filter.kind.is_none();
        if everything && self.lag.is_empty() {
            return self.plain_page(filter);
        }
        let matches = |row: &&Resource| {
            filter.owner.as_deref().is_none_or(|owner| *row.owner == *owner)
                && filter.kind.is_none_or(|kind| row.kind == kind)
                && (name.is_empty() || row.name.to_lowercase().contains(&name))
        };
        let mut found: Vec<&Resource> = match self.names.candidates(&name) {
            Some(ids) => ids
                .iter()
                .filter_map(|id| self.files.get(id))
                .filter(|row| self.lag.is_empty() || self.lag.shown(row.id).is_none())
                .filter(matches)
                .collect(),
            None => self
                .files
                .values()
                .filter(|row| self.lag.is_empty() || self.lag.shown(row.id).is_none())
                .filter(matches)
                .collect(),
        };
        found.extend(self.lag.all_shown().filter(matches));
        match filter.order {
            ListOrder::Creation => found.sort_unstable_by_key(|row| row.id),
            ListOrder::ModifyDesc => {
                found.sort_unstable_by_key(|row| std::cmp::Reverse((row.modify_ms, row.id)));
            }
        }
        Page {
            total: found.len(),
            rows: found.into_iter().skip(filter.skip).take(filter.take).cloned().collect(),
        }
    }

    /// All files, none of them lagging: the indexes are the answer.
    fn plain_page(&self, filter: &Filter) -> Page {
        let rows = match filter.order {
            ListOrder::Creation => self
                .ids
                .iter()
                .skip(filter.skip)
                .take(filter.take)
                .filter_map(|id| self.files.get(id))
                .cloned()
                .collect(),
            ListOrder::ModifyDesc => self
                .by_modify
                .iter()
                .rev()
                .skip(filter.skip)
                .take(filter.take)
                .filter_map(|(_, id)| self.files.get(id))
                .cloned()
                .collect(),
        };
        Page { rows, total: self.files.len() }
    }
}
