//! A listing of several pages, some rows of which cannot be read.

use dataworks_core::inventory::Held;
use dataworks_core::object::ObjectKey;
use dataworks_operator::dataworks::types::ListFilter;
use dataworks_operator::workspace::limiter::{Limiter, Permit};
use dataworks_operator::workspace::listing::{Errand, Listings, Unlisted};
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
