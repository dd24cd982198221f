//! What the journal tells of the files that were made: when each lived, and whether two ever lived
//! at a time for one path.

use std::collections::BTreeMap;

use dataworks_simulator::Call;

/// The moments at which a second file of ours lived at a path, each told in words. Counts what the
/// calls of the service did; what was done outside has no entry in the journal.
pub(crate) fn doubles(calls: &[Call]) -> Vec<String> {
    let mut living: BTreeMap<&str, &str> = BTreeMap::new();
    let mut found = Vec::new();
    for call in calls.iter().filter(|call| call.effect) {
        let Some(id) = call.id.as_deref() else { continue };
        match call.action.as_str() {
            "CreateResource" => {
                let path = call.name.as_deref().expect("a file that was made has a path");
                if let Some(first) = living.iter().find(|(_, at)| **at == path).map(|(id, _)| *id) {
                    found.push(format!("call {}: {id} was made at {path} beside {first}", call.seq));
                }
                living.insert(id, path);
            }
            "DeleteResource" => {
                living.remove(id);
            }
            _ => {}
        }
    }
    found
}
