//! Answers with awkward but allowed input.

use dataworks_core::fault::{Class, Outcome};
use dataworks_operator::dataworks::types::ListFilter;
use serde_json::{Value, json};

use super::server::{Reply, Server};
use super::{id, project};

async fn answering(body: String) -> Server {
    Server::start(move |_| Reply::new(200, "", &body)).await
}

fn row(change: impl FnOnce(&mut Value)) -> Value {
    let mut row = json!({
        "Id": "6314788648976303104", "Name": "a.py", "Owner": "1000", "ProjectId": 123_456,
        "Type": "Python", "CreateTime": 1_724_505_917_000_u64, "ModifyTime": "1724505917001",
        "DataSource": {"Name": "odps_first", "Type": "odps"}, "Unknown": [1.5],
        "Script": {"Id": 1, "Path": "x/a.py", "Runtime": {"Command": "ODPS_PYTHON"}},
    });
    change(&mut row);
    row
}

#[tokio::test]
async fn ids_are_exact_as_text_and_as_number() {
    let rows = [
        (r#""9223372036854775807""#, Some("9223372036854775807")),
        ("9223372036854775807", Some("9223372036854775807")),
        ("18446744073709551615", Some("18446744073709551615")),
        ("18446744073709551616", None),
        ("9.2e18", None),
        ("-1", None),
        ("null", None),
        ("true", None),
        (r#""""#, None),
    ];
    for (id, want) in rows {
        let server = answering(format!(r#"{{"RequestId":"R","Id":{id}}}"#)).await;
        match (server.client().create_resource(project(), "{}", None).await, want) {
            (Outcome::Done(created), Some(want)) => assert_eq!(created.id.as_str(), want),
            (Outcome::Unknown(fault), None) => assert_eq!(fault.code, "UnreadableAnswer", "{id}"),
            (outcome, _) => panic!("{id}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn rows_that_cannot_be_read_are_counted() {
    let rows = [
        row(|_| ()),
        row(|r| {
            r["Id"] = json!(6_314_788_648_976_303_104_u64);
            r["ProjectId"] = json!("123456");
            r["Owner"] = json!(1000);
        }),
        row(|r| {
            for field in ["DataSource", "Owner"] {
                r[field] = Value::Null;
            }
            r["Script"]["Runtime"] = Value::Null;
        }),
        row(|r| r["Id"] = json!(1.5)),
        row(|r| r["Script"] = Value::Null),
        row(|r| r["CreateTime"] = json!("soon")),
        json!("no row"),
    ];
    let body = json!({"RequestId": "R", "PagingInfo": {"TotalCount": "7", "Resources": rows}});
    let server = answering(body.to_string()).await;
    let filter = ListFilter::default();
    let page = server.client().list_resources(project(), &filter, 1, 100).await.unwrap();
    assert_eq!((page.rows.len(), page.unreadable, page.total), (3, 4, 7));
    assert_eq!(page.rows[0], page.rows[1]);
    assert_eq!(page.rows[0].modify_time.as_millisecond(), 1_724_505_917_001);
    assert_eq!(page.rows[0].command.as_deref(), Some("ODPS_PYTHON"));
    assert_eq!(page.rows[2].datasource, None);
}

#[tokio::test]
async fn a_missing_list_is_empty_but_a_missing_page_is_no_answer() {
    let rows = [
        (r#"{"RequestId":"R","PagingInfo":{"TotalCount":0}}"#, Some(0)),
        (r#"{"RequestId":"R","PagingInfo":{"TotalCount":3,"Resources":null}}"#, Some(3)),
        (r#"{"RequestId":"R","PagingInfo":{}}"#, Some(0)),
        (r#"{"RequestId":"R","PagingInfo":{"Resources":[{}]}}"#, None),
        (r#"{"RequestId":"R"}"#, None),
    ];
    for (body, total) in rows {
        let server = answering(body.to_owned()).await;
        let page = server.client().list_resources(project(), &ListFilter::default(), 1, 10).await;
        match (page, total) {
            (Ok(page), Some(total)) => assert_eq!(page.total, total, "{body}"),
            (Err(fault), None) => {
                assert_eq!((fault.class, fault.code.as_str()), (Class::Transient, "UnreadableAnswer"));
            }
            (page, _) => panic!("{body}: {page:?}"),
        }
    }
}

#[tokio::test]
async fn a_resource_project_and_identity_are_read() {
    let server = Server::start(|seen| {
        let body = match seen.header("x-acs-action").unwrap() {
            "GetResource" => json!({"RequestId": "R", "Resource": {
                "Id": 6_314_788_648_976_303_104_u64, "ProjectId": "123456", "Name": "a.py",
                "CreateTime": "1724505917000", "ModifyTime": 1_724_505_917_000_u64, "Spec": "{}"}}),
            "GetProject" => json!({"RequestId": "R", "Project": {
                "Id": "123456", "Name": "n", "Owner": 1000, "Status": "Available",
                "DevEnvironmentEnabled": "True"}}),
            _ => json!({"RequestId": "R", "AccountId": 1000, "Arn": "acs:ram::1000:user/u"}),
        };
        Reply::new(200, "date: Tue, 15 Nov 1994 08:12:31 GMT\r\n", &body.to_string())
    })
    .await;
    let client = server.client();
    let resource = client.get_resource(project(), &id()).await.unwrap();
    assert_eq!((resource.id, resource.project_id), (id(), project()));
    assert_eq!(resource.date.to_string(), "1994-11-15T08:12:31Z");
    let found = client.get_project(project()).await.unwrap();
    assert_eq!((found.owner.as_deref(), found.dev_environment_enabled), (Some("1000"), Some(true)));
    let identity = client.get_caller_identity().await.unwrap();
    assert_eq!(identity.account_id, "1000");
    let seen = server.seen().pop().unwrap();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/"));
    assert_eq!(seen.header("x-acs-version"), Some("2015-04-01"));
    assert_eq!(seen.header("content-type"), None);
}

/// It is written into status, whose schema takes 128 characters: an id that could not be recorded would be lost.
/// What is written into status and messages.
#[tokio::test]
async fn words_of_workspaces_and_runs_are_clean_and_short() {
    let said = format!("a\n\u{1b}[31m\u{202e}{}", "é".repeat(500));
    let (text, code) = (format!("a [31m{}", "é".repeat(253)), format!("a [31m{}", "é".repeat(61)));
    let workspace = json!({"Id": 1, "Name": said, "DisplayName": said, "Status": said});
    let server = answering(json!({"RequestId": "R", "Project": workspace}).to_string()).await;
    let found = server.client().get_project(project()).await.unwrap();
    assert_eq!(
        (found.name, found.display_name, found.status),
        (text.clone(), Some(text.clone()), code.clone())
    );

    let item = json!({"Id": "1", "Name": said, "Status": said, "Message": said});
    let paging = json!({"TotalCount": 1, "PipelineRunItems": [item]});
    let server = answering(json!({"RequestId": "R", "PagingInfo": paging}).to_string()).await;
    let page =
        server.client().list_pipeline_run_items(project(), &"r".parse().unwrap(), 1, 10).await.unwrap();
    let item = page.items.into_iter().next().unwrap();
    assert_eq!((item.name, item.status, item.message), (text.clone(), code, text));
}

#[tokio::test]
async fn request_ids_of_good_answers_are_clean_and_short() {
    let said = format!("a\n\u{1b}[31m\u{202e}{}", "é".repeat(500_000));
    let server = answering(json!({"RequestId": said, "Id": "1", "Success": true}).to_string()).await;
    let Outcome::Done(created) = server.client().create_resource(project(), "{}", None).await else {
        panic!("the file was made")
    };
    let Outcome::Done(written) = server.client().delete_resource(project(), &id()).await else {
        panic!("the file was deleted")
    };
    for shown in [created.request_id, written.request_id] {
        assert_eq!(shown, format!("a [31m{}", "é".repeat(61)));
    }
}
