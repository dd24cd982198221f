use std::collections::BTreeMap;

use serde_json::{Value, json};

use dataworks_core::api::v1alpha1::DeletionPolicy;
use dataworks_core::api::{CREATE_INTENT, FINALIZER, RECONCILE_REQUESTED};

use super::super::places::{Gate, Site};
use super::super::sources::Version as SourceVersion;
use super::super::standing::STALLED_RETRY;
use super::*;

const CLUSTER: &str = "c1";
const LAG: SignedDuration = SignedDuration::from_secs(60);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_000_000 + second).unwrap()
}

fn index() -> Index {
    let mut index = Index::new(CLUSTER.to_owned(), Policy::new(&["*".to_owned()], &[]), LAG);
    index.prove(&ConnectionId::Default, ProjectId::new(7).unwrap());
    index
}

/// An object `ns/name` of version `version`, created at second `version`, with `changes` merged in.
fn object(name: &str, version: u64, changes: Value) -> DataWorksResource {
    let mut value = json!({
        "apiVersion": "dataworks.alibabacloud.com/v1alpha1", "kind": "DataWorksResource",
        "metadata": {
            "namespace": "ns", "name": name, "uid": format!("uid-{name}"), "generation": 1,
            "resourceVersion": version.to_string(), "creationTimestamp": at(0).to_string(),
        },
        "spec": { "projectId": 7, "path": format!("XX/{name}.py"), "content": { "inline": "x" } },
    });
    merge(&mut value, changes);
    serde_json::from_value(value).unwrap()
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn condition(type_: &str, truth: &str, reason: &str) -> Value {
    json!({ "type": type_, "status": truth, "reason": reason, "message": "", "lastTransitionTime": at(0).to_string() })
}

/// What a ready object has.
fn ready() -> Value {
    json!({
        "metadata": { "finalizers": [FINALIZER] },
        "status": { "observedGeneration": 1, "id": "1", "conditions": [condition("Ready", "True", "Succeeded")] },
    })
}

fn stalled(reason: &str) -> Value {
    json!({ "status": {
        "observedGeneration": 1,
        "conditions": [condition("Ready", "False", reason), condition("Stalled", "True", reason)],
    } })
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("ns", name)
}

#[test]
fn another_version_of_its_config_map_is_something_to_do() {
    let reference =
        json!({"spec": {"content": {"inline": null, "configMapKeyRef": {"name": "m", "key": "k"}}}});
    let made = |version, told: Option<&str>| {
        let mut object = object("a", version, ready());
        let source = told.map(|told| json!({"uid": "u", "resourceVersion": told}));
        let mut value = serde_json::to_value(&object).unwrap();
        merge(&mut value, reference.clone());
        value["status"]["contentSource"] = source.unwrap_or_default();
        object = serde_json::from_value(value).unwrap();
        object
    };
    let version = |text| SourceVersion { uid: "u", resource_version: text };
    let mut index = index();
    index.apply(&made(1, Some("1")), Origin::Listed, at(1));
    assert_eq!(index.standing(&key("a")), Standing::Settled, "nothing is known of ConfigMaps yet");
    assert!(index.sources_mut().listed(None, Default::default()).is_empty());
    assert_eq!(index.standing(&key("a")), Standing::Due, "it is gone");
    let whom = index.sources_mut().changed("ns", "m", Some(version("1")));
    assert_eq!(whom, BTreeSet::from([key("a")]));
    assert_eq!(index.standing(&key("a")), Standing::Settled, "as status says");
    index.sources_mut().changed("ns", "m", Some(version("2")));
    assert_eq!(index.standing(&key("a")), Standing::Due);
    assert_eq!(index.all_due(at(2)), [(key("a"), at(2))]);
    index.apply(&made(2, Some("2")), Origin::Written, at(3));
    assert_eq!(index.standing(&key("a")), Standing::Settled);
    index.apply(&made(3, None), Origin::Watched, at(4));
    assert_eq!(index.standing(&key("a")), Standing::Due, "ready, and of which version is not said");
    // One that was never allowed to look is not due for it.
    let mut closed = serde_json::to_value(object("b", 1, stalled("ConnectionNotAllowed"))).unwrap();
    merge(&mut closed, reference);
    index.apply(&serde_json::from_value(closed).unwrap(), Origin::Listed, at(5));
    let before = index.standing(&key("b"));
    index.sources_mut().changed("ns", "m", Some(version("3")));
    assert_eq!(index.standing(&key("b")), before);
    index.remove(&key("a"));
    index.remove(&key("b"));
    assert!(index.sources_mut().changed("ns", "m", None).is_empty());
}

#[test]
fn says_whether_there_is_something_to_do() {
    let later = at(0).checked_add(STALLED_RETRY).unwrap();
    let with = |mut base: Value, changes: Value| {
        merge(&mut base, changes);
        base
    };
    let rows = [
        ("just applied", json!({ "status": { "observedGeneration": -1 } }), Standing::Due),
        ("ready", ready(), Standing::Settled),
        (
            "ready, and a look is asked for",
            with(ready(), json!({ "metadata": { "annotations": { RECONCILE_REQUESTED: "now" } } })),
            Standing::Due,
        ),
        (
            "ready, and the look was taken",
            with(
                ready(),
                json!({
                    "metadata": { "annotations": { RECONCILE_REQUESTED: "now" } },
                    "status": { "lastHandledReconcileAt": "now" },
                }),
            ),
            Standing::Settled,
        ),
        ("edited", with(ready(), json!({ "metadata": { "generation": 2 } })), Standing::Due),
        (
            "its finalizer was dropped",
            with(ready(), json!({ "metadata": { "finalizers": [] } })),
            Standing::Due,
        ),
        (
            "being deleted",
            with(ready(), json!({ "metadata": { "deletionTimestamp": at(9).to_string() } })),
            Standing::Due,
        ),
        (
            "being deleted, held by others only",
            with(
                ready(),
                json!({ "metadata": { "deletionTimestamp": at(9).to_string(), "finalizers": ["x/y"] } }),
            ),
            Standing::Settled,
        ),
        (
            "its status was wiped",
            json!({ "metadata": { "finalizers": [FINALIZER] }, "status": {} }),
            Standing::Due,
        ),
        ("refused by the service", stalled("Refused"), Standing::Resting(later)),
        ("refused for a namespace that is allowed now", stalled("ConnectionNotAllowed"), Standing::Due),
        ("refused for a spec that is good now", stalled("InvalidSpec"), Standing::Due),
        ("its ambiguous intent was removed", stalled("AmbiguousCreate"), Standing::Due),
        ("behind a holder that is gone", stalled("AlreadyManaged"), Standing::Due),
    ];
    for (name, changes, want) in rows {
        let mut index = index();
        index.apply(&object("a", 5, changes), Origin::Listed, at(1));
        assert_eq!(index.standing(&key("a")), want, "{name}");
    }
}

#[test]
fn only_news_makes_an_object_due() {
    let mut index = index();
    let first = object("a", 5, json!({}));
    assert_eq!(index.apply(&first, Origin::Watched, at(1)).due, Some(at(1)), "new");
    assert_eq!(index.apply(&first, Origin::Watched, at(2)).due, None, "the same version again");
    let labelled = object("a", 6, json!({ "metadata": { "labels": { "x": "y" } } }));
    assert_eq!(index.apply(&labelled, Origin::Watched, at(3)).due, None, "a label");
    let edited = object("a", 7, json!({ "metadata": { "generation": 2 } }));
    assert_eq!(index.apply(&edited, Origin::Watched, at(4)).due, Some(at(4)), "an edit");
    assert_eq!(index.apply(&first, Origin::Watched, at(5)).due, None, "an older version");
    let own = object("a", 8, ready());
    index.apply(&own, Origin::Written, at(6));
    assert_eq!(index.apply(&own, Origin::Watched, at(7)).due, None, "the echo of our own write");
}

#[test]
fn knows_since_when_a_version_stands() {
    let mut index = index();
    index.apply(&object("a", 5, json!({})), Origin::Watched, at(1));
    index.apply(&object("a", 5, json!({})), Origin::Written, at(9));
    assert_eq!(index.version(&key("a")).map(|v| (v.seen, v.born_here)), Some((at(1), true)));
    let asked = json!({ "metadata": { "annotations": { RECONCILE_REQUESTED: "now" } } });
    let made = json!({ "status": { "id": "1" } });
    let unknown = json!({ "status": { "attempt": { "at": "2026-01-02T03:04:05Z", "outcome": "Unknown" } } });
    let changes = [
        ("asked", asked, Origin::Watched),
        ("made", made, Origin::Written),
        ("unknown", unknown, Origin::Written),
        ("ambiguous", stalled("AmbiguousCreate"), Origin::Written),
    ];
    for (name, change, origin) in changes {
        index.apply(&object(name, 5, json!({})), Origin::Watched, at(1));
        index.apply(&object(name, 6, change), origin, at(2));
        assert_eq!(index.version(&key(name)).map(|v| v.born_here), Some(false), "{name}");
    }
    index.apply(&object("a", 6, json!({ "metadata": { "generation": 2 } })), Origin::Watched, at(20));
    assert_eq!(index.version(&key("a")).map(|v| (v.seen, v.born_here)), Some((at(20), false)));
    index.apply(&object("b", 5, json!({})), Origin::Listed, at(1));
    assert_eq!(index.version(&key("b")).map(|v| v.born_here), Some(false), "it was there before us");
}

#[test]
fn wakes_who_waits_when_the_holder_goes() {
    let path = json!({ "spec": { "path": "XX/same.py" } });
    let mut index = index();
    index.apply(&object("a", 5, path.clone()), Origin::Watched, at(1));
    let mut second = stalled("AlreadyManaged");
    merge(&mut second, path);
    index.apply(&object("b", 6, second), Origin::Watched, at(2));
    assert_eq!(index.held_by_other(&key("b")), Some(&key("a")));
    assert_eq!((index.standing(&key("b")), index.needs_no_call(&key("b"))), (Standing::Settled, true));
    assert_eq!(index.remove(&key("a")), BTreeSet::from([key("b")]));
    assert_eq!(index.standing(&key("b")), Standing::Due);
}

/// Its claim is free, but nobody was to be woken yet when the holder went.
#[test]
fn a_holder_that_goes_while_it_is_being_told_of_is_not_waited_for() {
    let mut index = index();
    let same = json!({ "spec": { "path": "XX/same.py" } });
    let mut holder = ready();
    merge(&mut holder, same.clone());
    merge(&mut holder, json!({ "status": { "path": "XX/same.py" } }));
    index.apply(&object("a", 5, holder), Origin::Watched, at(1));
    index.apply(&object("b", 6, same.clone()), Origin::Watched, at(1));
    assert_eq!(index.held_by_other(&key("b")), Some(&key("a")));
    assert_eq!(index.remove(&key("a")), BTreeSet::new(), "the status of b does not speak of it yet");
    let mut told = stalled("AlreadyManaged");
    merge(&mut told, same);
    let applied = index.apply(&object("b", 7, told.clone()), Origin::Written, at(2));
    assert_eq!(applied.woken, BTreeSet::from([key("b")]));
    // Told while the holder is there: nothing more to do.
    let mut index = self::index();
    let mut holder = ready();
    merge(&mut holder, json!({ "spec": { "path": "XX/same.py" }, "status": { "path": "XX/same.py" } }));
    index.apply(&object("a", 5, holder), Origin::Watched, at(1));
    let applied = index.apply(&object("b", 7, told), Origin::Written, at(2));
    assert_eq!(applied.woken, BTreeSet::new());
}

#[test]
fn wakes_who_waits_before_any_connection_worked() {
    let path = json!({ "spec": { "path": "XX/same.py" } });
    let holder = |changes: Value| {
        let mut object = ready();
        merge(&mut object, json!({ "status": { "path": "XX/same.py" } }));
        merge(&mut object, changes);
        object
    };
    let holding = || {
        let mut index = Index::new(CLUSTER.to_owned(), Policy::new(&["*".to_owned()], &[]), LAG);
        index.apply(&object("a", 5, holder(path.clone())), Origin::Listed, at(1));
        let mut second = stalled("AlreadyManaged");
        merge(&mut second, path.clone());
        index.apply(&object("b", 6, second), Origin::Listed, at(1));
        assert_eq!(index.standing(&key("b")), Standing::Settled);
        index
    };
    assert_eq!(holding().remove(&key("a")), BTreeSet::from([key("b")]), "the holder goes");
    let moved = json!({ "spec": { "path": "XX/other.py" }, "status": { "path": "XX/other.py" } });
    let elsewhere = object("a", 7, holder(moved));
    let applied = holding().apply(&elsewhere, Origin::Watched, at(2));
    assert_eq!(applied.woken, BTreeSet::from([key("b")]), "the holder goes elsewhere");
}

#[test]
fn a_reserved_claim_is_not_taken_by_an_older_object() {
    let mut index = index();
    let path = |created: i64| json!({ "spec": { "path": "XX/same.py" }, "metadata": { "creationTimestamp": at(created).to_string() } });
    index.apply(&object("younger", 5, path(50)), Origin::Watched, at(1));
    assert!(index.reserve(&key("younger")).is_some());
    index.apply(&object("older", 6, path(10)), Origin::Watched, at(2));
    assert!(index.reserve(&key("older")).is_none(), "the younger one is about to write its intent");
    assert_eq!(index.held_by_other(&key("younger")), None);
    // Nor by an edit of the younger one, a label's or the word that it waits, while its write is on its way.
    index.apply(&object("younger", 7, path(50)), Origin::Watched, at(3));
    assert!(index.reserve(&key("older")).is_none());
    // When that has ended, its own word counts again: the older one is woken, and comes first.
    let mut told = stalled("AlreadyManaged");
    merge(&mut told, path(10));
    index.apply(&object("older", 8, told), Origin::Watched, at(4));
    assert_eq!(index.release(&key("younger")), BTreeSet::from([key("older")]));
    assert!(index.reserve(&key("older")).is_some());
    assert_eq!(index.release(&key("younger")), BTreeSet::new(), "it holds nothing");
}

#[test]
fn what_an_earlier_object_of_the_name_tried_to_make_comes_before_a_wish() {
    let path = |path: &str, created: i64| json!({ "spec": { "path": path }, "metadata": { "creationTimestamp": at(created).to_string() } });
    let restored = |status: Value| {
        let intent = json!({
            "cluster": CLUSTER, "object": "ns/restored", "uid": "uid-before", "holder": "pod", "projectId": 7,
            "path": "XX/same.py", "first": at(0).to_string(), "at": at(0).to_string(),
        });
        let mut changes = path("XX/other.py", 50);
        let annotations = json!({ "metadata": { "annotations": { CREATE_INTENT: intent.to_string() } } });
        merge(&mut changes, annotations);
        merge(&mut changes, status);
        object("restored", 6, changes)
    };
    let mut index = index();
    index.apply(&object("older", 5, path("XX/same.py", 10)), Origin::Listed, at(1));
    index.apply(&restored(json!({})), Origin::Listed, at(1));
    assert_eq!(index.held_by_other(&key("older")), Some(&key("restored")));
    assert_eq!(index.held_by_other(&key("restored")), None);
    assert!(index.reserve(&key("older")).is_none());
    // Once it has its file, that says where it stands.
    index.apply(&restored(json!({ "status": { "id": "1", "path": "XX/other.py" } })), Origin::Written, at(2));
    assert_eq!(index.held_by_other(&key("older")), None);
}

#[test]
fn wishes_count_only_where_the_connection_worked() {
    let mut index = Index::new(CLUSTER.to_owned(), Policy::new(&["*".to_owned()], &[]), LAG);
    let path = |created: i64| json!({ "spec": { "path": "XX/same.py" }, "metadata": { "creationTimestamp": at(created).to_string() } });
    index.apply(&object("a", 5, path(1)), Origin::Watched, at(1));
    index.apply(&object("b", 6, path(2)), Origin::Watched, at(1));
    assert_eq!(index.held_by_other(&key("b")), None, "a squatter without access blocks nobody");
    index.prove(&ConnectionId::Default, ProjectId::new(7).unwrap());
    assert_eq!(index.held_by_other(&key("b")), Some(&key("a")));
}

#[test]
fn a_namespace_that_may_not_use_the_connection_claims_nothing() {
    let mut index = Index::new(CLUSTER.to_owned(), Policy::new(&["other".to_owned()], &[]), LAG);
    index.prove(&ConnectionId::Default, ProjectId::new(7).unwrap());
    let path = |namespace: &str, created: i64| {
        json!({
            "spec": { "path": "XX/same.py" },
            "metadata": { "namespace": namespace, "creationTimestamp": at(created).to_string() },
        })
    };
    index.apply(&object("a", 5, path("ns", 1)), Origin::Watched, at(1));
    index.apply(&object("b", 6, path("other", 2)), Origin::Watched, at(1));
    assert_eq!(index.held_by_other(&ObjectKey::new("other", "b")), None);
}

#[test]
fn counts_what_is_to_be_made() {
    let project = ProjectId::new(7).unwrap();
    let mut index = index();
    index.apply(&object("a", 5, json!({})), Origin::Watched, at(1));
    index.apply(&object("b", 6, json!({})), Origin::Watched, at(1));
    assert_eq!(index.pending(&ConnectionId::Default, project), 2);
    index.apply(&object("a", 7, ready()), Origin::Written, at(2));
    assert_eq!(index.pending(&ConnectionId::Default, project), 1);
    for (version, name, changes) in [
        (8, "c", stalled("AlreadyExists")),
        (9, "d", json!({ "spec": { "suspend": true } })),
        (10, "e", json!({ "spec": { "path": "" } })),
    ] {
        index.apply(&object(name, version, changes), Origin::Watched, at(3));
        assert_eq!(index.pending(&ConnectionId::Default, project), 1, "{name} asks for no listing");
    }
    index.remove(&key("b"));
    assert_eq!(index.pending(&ConnectionId::Default, project), 0);
    assert!(index.pending.is_empty(), "nothing is kept of a workspace with nothing to make");
}

#[test]
fn a_version_of_our_own_is_as_old_as_the_one_it_was_decided_on() {
    let key = ObjectKey::new("ns", "a");
    let seen = |index: &Index| index.version(&key).unwrap().seen;
    let written = object("a", 2, json!({ "metadata": { "finalizers": [FINALIZER] } }));
    // The answer first, the watch first, and another's change.
    for (origins, want) in [
        (vec![Origin::Written, Origin::Watched], at(1)),
        (vec![Origin::Watched, Origin::Written], at(1)),
        (vec![Origin::Watched], at(3)),
    ] {
        let mut index = index();
        index.apply(&object("a", 1, json!({})), Origin::Watched, at(1));
        for origin in &origins {
            index.apply(&written, *origin, at(3));
        }
        assert_eq!(seen(&index), want, "{origins:?}");
    }
}

#[test]
fn after_a_refusal_only_a_later_listing_tells() {
    let refusal = object("a", 2, json!({ "status": { "attempt": { "refusals": 1 } } }));
    for origins in [[Origin::Written, Origin::Watched], [Origin::Watched, Origin::Written]] {
        let mut index = index();
        index.apply(&object("a", 1, json!({})), Origin::Watched, at(1));
        for origin in origins {
            index.apply(&refusal, origin, at(3));
        }
        let version = index.version(&key("a")).unwrap();
        assert_eq!((version.seen, version.born_here), (at(3), false), "{origins:?}");
    }
}

/// All that is kept of an object is shown here, so that what is shown is as long for any content.
#[test]
fn nothing_that_is_kept_grows_with_the_content() {
    let held = |content: &str, more: Value| {
        let mut index = index();
        let changes = json!({ "spec": { "content": { "inline": content } } });
        index.apply(&object("a", 1, changes.clone()), Origin::Watched, at(1));
        let mut ready = ready();
        merge(&mut ready, changes);
        merge(&mut ready, more);
        index.apply(&object("a", 2, ready), Origin::Watched, at(1));
        let text = format!("{index:?}");
        assert!(!text.contains("hunter2"));
        // Of the same length, but for digests of another number of digits.
        text.chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect::<String>()
            .replace("00", "0")
            .len()
    };
    let small = held("hunter2", json!({}));
    let more = json!({
        "metadata": { "annotations": { "note": "hunter2".repeat(30_000) }, "labels": { "l": "hunter2" } },
        "spec": { "description": "hunter2".repeat(1000), "owner": "hunter2" },
    });
    let large = held(&"hunter2".repeat(18_000), more);
    assert!(large.abs_diff(small) < 64, "{small} {large}");
}

/// An object that names a DataWorksWorkspace.
fn through(name: &str, version: u64, workspace: &str, changes: Value) -> DataWorksResource {
    let mut value = json!({ "spec": { "projectId": null, "workspaceRef": { "name": workspace } } });
    merge(&mut value, changes);
    object(name, version, value)
}

fn site(id: i64, gate: Gate) -> Option<Site> {
    Some(Site { project: ProjectId::new(id).unwrap(), gate })
}

fn shut() -> Gate {
    Gate::Closed { why: "why".to_owned(), deletes: false }
}

#[test]
fn who_waits_for_a_workspace_is_woken_by_it_and_who_is_settled_is_not() {
    let mut index = index();
    let mut settled = ready();
    merge(&mut settled, json!({ "status": { "projectId": 7 } }));
    index.set_workspace(&key("w"), site(7, Gate::Unseen));
    index.apply(&through("new", 1, "w", json!({})), Origin::Watched, at(1));
    index.apply(&through("settled", 2, "w", settled), Origin::Watched, at(2));
    index.apply(&through("other", 3, "v", json!({})), Origin::Watched, at(3));
    assert!(index.needs_no_call(&key("new")), "nothing can be called");
    let steps = [
        ("opened", site(7, Gate::Open), &["new"][..], false),
        ("the same again", site(7, Gate::Open), &[], false),
        ("closed", site(7, shut()), &["new"], true),
        ("open again", site(7, Gate::Open), &["new"], false),
        // Its claims rest on the workspace: it has to be judged anew.
        ("made anew for another workspace", site(8, Gate::Open), &["new", "settled"], false),
        ("gone", None, &["new", "settled"], true),
    ];
    for (name, site, woken, free) in steps {
        let woken: BTreeSet<ObjectKey> = woken.iter().map(|name| key(name)).collect();
        assert_eq!(index.set_workspace(&key("w"), site), woken, "{name}");
        assert_eq!(index.needs_no_call(&key("new")), free, "{name}");
    }
    assert_eq!(index.standing(&key("settled")), Standing::Due);
}

#[test]
fn who_cannot_use_a_workspace_claims_nothing_there() {
    let mut index = index();
    let path = json!({ "spec": { "path": "XX/same.py" } });
    let w = ConnectionId::Workspace(key("w"));
    index.set_workspace(&key("w"), site(7, shut()));
    index.apply(&through("a-squatter", 1, "w", path.clone()), Origin::Watched, at(1));
    index.apply(&object("good", 2, path), Origin::Watched, at(2));
    assert_eq!(index.held_by_other(&key("good")), None);
    // That another connection worked there proves nothing for this one.
    index.set_workspace(&key("w"), site(7, Gate::Open));
    assert_eq!(index.held_by_other(&key("good")), None);
    index.prove(&w, ProjectId::new(7).unwrap());
    assert_eq!(index.held_by_other(&key("good")), Some(&key("a-squatter")), "the first by uid");
    index.set_workspace(&key("w"), site(7, shut()));
    assert_eq!(index.held_by_other(&key("good")), None);
}

#[test]
fn counts_who_names_a_workspace_and_who_holds_a_file() {
    let mut index = index();
    let counts = |index: &Index| {
        let References { counts, holding } = index.references(&key("w"));
        (counts.total, counts.not_ready, holding)
    };
    let touched =
        |index: &mut Index| index.take_touched().into_iter().map(|key| key.name.to_string()).collect();
    index.apply(&through("a", 1, "w", json!({})), Origin::Watched, at(1));
    assert_eq!(counts(&index), (1, 1, 0));
    let once: Vec<String> = touched(&mut index);
    assert_eq!(once, ["w"]);
    index.apply(&through("b", 2, "w", ready()), Origin::Watched, at(2));
    index.apply(&through("a", 3, "w", ready()), Origin::Watched, at(3));
    assert_eq!(counts(&index), (2, 0, 2));
    assert_eq!(index.first_holding(&key("w")), Some(&key("a")));
    let _told: Vec<String> = touched(&mut index);
    index.apply(&through("a", 4, "w", ready()), Origin::Watched, at(4));
    let none: Vec<String> = touched(&mut index);
    assert_eq!(none, [""; 0], "nothing is different");
    index.apply(&through("a", 5, "v", ready()), Origin::Watched, at(5));
    assert_eq!(counts(&index), (1, 0, 1));
    let both: Vec<String> = touched(&mut index);
    assert_eq!(both, ["v", "w"]);
    index.remove(&key("b"));
    assert_eq!((counts(&index), index.first_holding(&key("w"))), ((0, 0, 0), None));
}

#[test]
fn a_workspace_is_reached_by_each_connection_that_has_a_resource_in_it() {
    let mut index = index();
    index.set_workspace(&key("w"), site(7, Gate::Open));
    index.set_workspace(&key("v"), site(8, Gate::Open));
    for name in ["a", "b"] {
        index.apply(&object(name, 1, ready()), Origin::Listed, at(0));
    }
    index.apply(&through("c", 1, "w", ready()), Origin::Listed, at(0));
    index.apply(&through("made-nothing", 1, "v", json!({})), Origin::Listed, at(0));
    let both = BTreeSet::from([ConnectionId::Default, ConnectionId::Workspace(key("w"))]);
    assert_eq!(index.reached(), BTreeMap::from([(ProjectId::new(7).unwrap(), both)]));
}

#[test]
fn work_goes_one_way_only() {
    let project = |id| ProjectId::new(id).unwrap();
    let w = ConnectionId::Workspace(key("w"));
    let mut index = index();
    index.set_workspace(&key("w"), site(8, Gate::Open));
    index.apply(&object("a", 1, json!({})), Origin::Listed, at(0));
    index.apply(&through("b", 1, "w", json!({})), Origin::Listed, at(0));
    let (a, b) = ([key("a")], [key("b")]);
    let rows = [
        ("its own way", &a[..], &ConnectionId::Default, 7, true),
        ("another workspace", &a[..], &ConnectionId::Default, 8, false),
        ("another connection", &a[..], &w, 7, false),
        ("by a workspace", &b[..], &w, 8, true),
        ("nothing", &[], &w, 8, false),
    ];
    for (name, keys, connection, id, want) in rows {
        assert_eq!(index.any_goes_to(keys, connection, project(id)), want, "{name}");
    }
    assert!(index.any_goes_to(&[key("gone"), key("a"), key("b")], &w, project(8)), "one of several");
}

#[test]
fn another_workspace_in_the_spec_takes_no_file_there_and_leaves_its_own_held() {
    let mut index = index();
    index.prove(&ConnectionId::Default, ProjectId::new(9).unwrap());
    let holds = |project: i64, id: &str| {
        let mut changes = ready();
        merge(&mut changes, json!({"status": {"projectId": project, "path": "XX/s.py", "id": id}}));
        changes
    };
    let wants = |project: i64| json!({"spec": {"projectId": project, "path": "XX/s.py"}});
    let younger = json!({"metadata": {"creationTimestamp": at(50).to_string()}});
    let object = |name, changes: &[Value]| {
        let mut all = json!({});
        for change in changes {
            merge(&mut all, change.clone());
        }
        object(name, 1, all)
    };
    // The oldest has its file in 7, and names 9 by now, where another has one.
    index.apply(&object("a", &[holds(7, "1"), wants(9)]), Origin::Listed, at(60));
    index.apply(&object("b", &[holds(9, "2"), wants(9), younger.clone()]), Origin::Listed, at(60));
    index.apply(&object("c", &[wants(7), younger]), Origin::Watched, at(60));
    assert_eq!(index.held_by_other(&key("b")), None);
    assert_eq!(index.held_by_other(&key("a")), Some(&key("b")));
    assert_eq!(index.held_by_other(&key("c")), Some(&key("a")), "what a has in 7 is held");
    let (seven, id) = (ProjectId::new(7).unwrap(), "1".parse().unwrap());
    assert_eq!(index.id_held_by_other(seven, &id, &Uid::new("uid-c")), Some(&key("a")));
}

#[test]
fn a_create_that_was_only_written_down_holds_nothing_where_none_may_be_sent() {
    let forged = |project: u64| {
        let intent = json!({
            "cluster": CLUSTER, "object": "ns/a", "uid": "uid-a", "holder": "pod-1", "projectId": project,
            "path": "XX/s.py", "first": at(0).to_string(), "at": at(0).to_string(),
        });
        object("a", 1, json!({"metadata": {"annotations": {CREATE_INTENT: intent.to_string()}}}))
    };
    let wants = json!({
        "metadata": {"namespace": "open", "creationTimestamp": at(50).to_string()}, "spec": {"path": "XX/s.py"},
    });
    let b = ObjectKey::new("open", "b");
    let a = key("a");
    // Rows: which namespaces may use the connection, the intent's workspace, who holds the path.
    let rows = [("*", 7, Some(&a)), ("open", 7, None), ("*", 9, None)];
    for (open, project, holder) in rows {
        let mut index = Index::new(CLUSTER.to_owned(), Policy::new(&[open.to_owned()], &[]), LAG);
        index.prove(&ConnectionId::Default, ProjectId::new(7).unwrap());
        index.apply(&forged(project), Origin::Listed, at(60));
        index.apply(&object("b", 1, wants.clone()), Origin::Watched, at(60));
        assert_eq!(index.held_by_other(&b), holder, "{open} {project}");
    }
}

#[test]
fn where_the_file_of_before_came_from_says_nothing_of_the_one_that_is_made_again() {
    let adopted = json!({"status": {"origin": "Adopted", "projectId": 7, "path": "XX/a.py"}});
    let made_again = |outcome: &str| {
        let mut changes = ready();
        merge(&mut changes, adopted.clone());
        merge(
            &mut changes,
            json!({"status": {"attempt": {"at": at(5).to_string(), "outcome": outcome, "path": "XX/a.py"}}}),
        );
        object("a", 1, changes)
    };
    // Rows: how the last create ended, what becomes of the file.
    for (outcome, kept) in [("Done", true), ("Unknown", false)] {
        let recorded = super::super::standing::recorded(&made_again(outcome), CLUSTER);
        assert_eq!(recorded.deletion == DeletionPolicy::Retain, kept, "{outcome}");
    }
}
