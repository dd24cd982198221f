//! A listing of several pages, some rows of which cannot be read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dataworks_core::inventory::{Held, Own, Row, Version};
use dataworks_core::object::ObjectKey;
use dataworks_operator::dataworks::types::ListFilter;
use dataworks_operator::workspace::limiter::{Limiter, Permit};
use dataworks_operator::workspace::listing::{Answer, Errand, Listings, Unlisted};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::project;
use super::server::{Reply, Seen, Server};

/// Files of the workspace, and the one that cannot be read.
const FILES: u64 = 150;
const BROKEN: u64 = 7;

fn row(n: u64) -> Value {
    let created = if n == BROKEN { json!("soon") } else { json!(1_724_505_917_000_u64) };
    json!({
        "Id": n.to_string(), "Name": format!("{n}.py"), "ProjectId": 123_456, "Type": "Python",
        "CreateTime": created, "ModifyTime": 1_724_505_917_001_u64,
        "Script": {"Path": format!("x/{n}.py"), "Runtime": {"Command": "ODPS_PYTHON"}},
    })
}

/// A page as it was asked for, of all files or of those whose name is like the wanted one.
fn page(seen: &Seen) -> Reply {
    let query = reqwest::Url::parse(&format!("http://x{}", seen.target)).unwrap();
    let parameter =
        |name: &str| query.query_pairs().find_map(|(key, value)| (key == name).then(|| value.into_owned()));
    let number: usize = parameter("PageNumber").unwrap().parse().unwrap();
    let like = parameter("Name");
    let files = (1..=FILES).filter(|n| like.as_ref().is_none_or(|like| format!("{n}.py").contains(like)));
    let files: Vec<u64> = files.collect();
    let rows: Vec<Value> = files.iter().skip((number - 1) * 100).take(100).map(|n| row(*n)).collect();
    let body = json!({"RequestId": "R", "PagingInfo": {"TotalCount": files.len(), "Resources": rows}});
    Reply::new(200, "", &body.to_string())
}

fn held(n: u64) -> Held {
    Held {
        key: ObjectKey::new("ns", &n.to_string()),
        id: n.to_string().parse().unwrap(),
        modified: Timestamp::UNIX_EPOCH,
        path: None,
        told: None,
        settled: true,
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_hides_no_other_page() {
    let server = Server::start(page).await;
    let (client, limiter) = (server.client(), Limiter::new(1_000.0, None));
    let listings = Listings::new(SignedDuration::ZERO);
    assert!(listings.begin_routine(project()));
    let errand = Errand::Drift { page: &|_| (), busy: &|| false };
    listings.sweep(&client, &limiter, Permit::none(), project(), errand).await.unwrap();
    assert_eq!(server.seen().len(), 2, "both pages are read");
    let found = listings.difference(project(), &[held(1), held(BROKEN), held(FILES)]);
    assert_eq!(found.changed, [held(1).key, held(FILES).key], "the second page is looked at");
    assert_eq!(found.missing, [], "what cannot be read is not gone");
    assert_eq!(listings.unreadable().into_iter().collect::<Vec<_>>(), [(project(), 1)]);
    assert_eq!(
        client.list_resources(project(), &ListFilter::default(), 1, 100).await.unwrap().rows.len(),
        99
    );
}

#[tokio::test]
async fn a_listing_by_name_with_such_a_row_is_read_on_and_proves_no_absence() {
    let server = Server::start(page).await;
    let (client, limiter) = (server.client(), Limiter::new(1_000.0, None));
    let listings = Listings::new(SignedDuration::ZERO);
    let by_name =
        async |name| listings.by_name(&client, &limiter, &mut Permit::none(), project(), name).await;
    let Err(Unlisted::Incomplete(_)) = by_name(".py").await else { panic!("150 files are like that") };
    assert_eq!(server.seen().len(), 2, "both pages are read");
    let rows = by_name("150").await.unwrap();
    assert_eq!(rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["150.py"]);
}

/// Files that come with each page, by our doing or by another's.
#[tokio::test]
async fn a_listing_that_our_own_files_spoilt_is_read_again_but_not_for_ever() {
    for (ours, again) in [(true, 2), (false, 0)] {
        let listings = Arc::new(Listings::new(SignedDuration::ZERO));
        let (count, here) = (AtomicU64::new(FILES), Arc::clone(&listings));
        let server = Server::start(move |_| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            if ours {
                here.record(project(), Own::Put(Arc::new(own(number))));
            }
            let rows: Vec<Value> = (1..=100).map(row).collect();
            let paging = json!({"TotalCount": number, "Resources": rows});
            Reply::new(200, "", &json!({"RequestId": "R", "PagingInfo": paging}).to_string())
        })
        .await;
        let (client, limiter) = (server.client(), Limiter::new(1_000.0, None));
        let key = ObjectKey::new("ns", "a");
        let seen = Timestamp::now();
        let version = Version { seen, created: seen, born_here: false };
        let ask = || listings.ask(project(), &key, ("x/a.py", "a.py"), &version, 50);
        for n in 0..=again {
            assert!(matches!(ask(), Answer::Parked { start: true }), "{ours} {n}: all wait for a listing");
            let end = listings.sweep(&client, &limiter, Permit::none(), project(), Errand::Look).await;
            assert_eq!(end.unwrap().len(), 1, "{ours} {n}");
        }
        assert!(matches!(ask(), Answer::ListByName), "{ours}: it is given up");
    }
}

fn own(number: u64) -> Row {
    Row {
        id: number.to_string().parse().unwrap(),
        path: format!("y/{number}.py"),
        name: format!("{number}.py"),
        kind: "Python".to_owned(),
        datasource: None,
        command: "PYTHON".to_owned(),
        created: Timestamp::now(),
        modified: Timestamp::now(),
    }
}
