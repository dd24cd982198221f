//! The rows that are held, found by id, by path and by name.
//!
//! Each is kept once, and the tables hold nothing but pointers to it: a workspace may have many thousands.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use super::Row;
use crate::ids::ResourceId;
use crate::path::claim_key;

#[derive(Debug, Default)]
pub(super) struct Rows {
    by_id: HashTable<Arc<Row>>,
    by_path: HashTable<Arc<Row>>,
    by_name: HashTable<Arc<Row>>,
    hasher: RandomState,
}

impl Rows {
    pub(super) fn get(&self, id: &ResourceId) -> Option<&Row> {
        self.by_id.find(self.hasher.hash_one(id), |row| row.id == *id).map(Arc::as_ref)
    }

    /// The rows at this path, compared without case and Unicode form.
    pub(super) fn at_path(&self, path: &str) -> impl Iterator<Item = &Arc<Row>> {
        alike(&self.by_path, &self.hasher, path, path_of)
    }

    /// The rows with this file name, compared in the same way.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &Arc<Row>> {
        alike(&self.by_name, &self.hasher, name, name_of)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn clear(&mut self) {
        for table in [&mut self.by_id, &mut self.by_path, &mut self.by_name] {
            table.clear();
        }
    }

    /// Takes in a row, in place of one with its id.
    pub(super) fn put(&mut self, row: &Arc<Row>) {
        self.take_out(&row.id);
        let Self { by_id, by_path, by_name, hasher } = self;
        insert(by_id, row, |row| hasher.hash_one(&row.id));
        insert(by_path, row, |row| hasher.hash_one(claim_key(path_of(row))));
        insert(by_name, row, |row| hasher.hash_one(claim_key(name_of(row))));
    }

    pub(super) fn take_out(&mut self, id: &ResourceId) {
        let Self { by_id, by_path, by_name, hasher } = self;
        let Some(row) = remove(by_id, hasher, id, id) else { return };
        remove(by_path, hasher, &claim_key(path_of(&row)), id);
        remove(by_name, hasher, &claim_key(name_of(&row)), id);
    }
}

fn path_of(row: &Row) -> &str {
    &row.path
}

fn name_of(row: &Row) -> &str {
    &row.name
}

fn alike<'a>(
    table: &'a HashTable<Arc<Row>>,
    hasher: &RandomState,
    text: &str,
    of: fn(&Row) -> &str,
) -> impl Iterator<Item = &'a Arc<Row>> {
    let key = claim_key(text);
    table.iter_hash(hasher.hash_one(&key)).filter(move |row| claim_key(of(row)) == key)
}

fn insert(table: &mut HashTable<Arc<Row>>, row: &Arc<Row>, hash: impl Fn(&Arc<Row>) -> u64) {
    table.insert_unique(hash(row), Arc::clone(row), hash);
}

/// Takes out the row of this id from among those with this key.
fn remove<K: Hash + ?Sized>(
    table: &mut HashTable<Arc<Row>>,
    hasher: &RandomState,
    key: &K,
    id: &ResourceId,
) -> Option<Arc<Row>> {
    let found = table.find_entry(hasher.hash_one(key), |row| row.id == *id).ok()?;
    Some(found.remove().0)
}
