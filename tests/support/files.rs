//! What the journal tells of the files that were made: whether two ever lived at a time for one
//! owner, be it a path or an object.

use std::collections::BTreeMap;

use dataworks_simulator::Call;

/// The calls that gave an owner a second living file. `owner` says whose a file is after a call
/// that made or changed it. What was done outside has no entry in the journal. Deployment runs
/// change no file.
pub(crate) fn doubles<'a>(
    calls: &'a [Call],
    owner: impl Fn(&'a Call) -> Option<&'a str>,
) -> Vec<(&'a Call, &'a str)> {
    let mut living: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    let mut found = Vec::new();
    for call in calls.iter().filter(|call| call.effect && call.action.ends_with("Resource")) {
        let id = call.id.as_deref().expect("an effect has a file");
        if call.path.is_none() {
            living.remove(id);
            continue;
        }
        let owner = owner(call);
        let has_it = |(other, its): (&&str, &Option<&str>)| **other != *id && *its == owner;
        if let Some(owner) = owner
            && living.insert(id, Some(owner)) != Some(Some(owner))
            && living.iter().any(has_it)
        {
            found.push((call, owner));
        }
    }
    found
}

/// The calls that made a second living file at a path.
pub(crate) fn doubles_at_paths(calls: &[Call]) -> Vec<(&Call, &str)> {
    doubles(calls, |call| call.path.as_deref())
}
