//! Uploads: where content goes, what of the storage's answer counts, and what never leaves.

use bytes::Bytes;
use dataworks_core::fault::{Class, Fault};
use dataworks_operator::dataworks::upload::UploadConfig;
use dataworks_operator::dataworks::{Client, ClientConfig};
use serde_json::json;

use super::server::{Reply, Server, config};

/// An answer that names this place for the upload.
fn ticket(bucket: &str, endpoint: &str) -> String {
    json!({
        "RequestId": "R", "AccessKeyId": "LTAI", "Bucket": bucket, "Endpoint": endpoint, "EncodedPolicy": "e30=",
        "Signature": "c2ln", "ObjectKey": "dataworks-public/a", "UseAccelerate": "false",
    })
    .to_string()
}

/// A service that authorizes uploads to itself, and a storage that answers with this.
async fn storage(status: u16, headers: &'static str) -> Server {
    Server::start(move |seen| match seen.method.as_str() {
        "GET" => {
            let host = seen.header("host").unwrap().to_owned();
            let (bucket, endpoint) = host.split_once('.').unwrap();
            Reply::new(200, "", &ticket(bucket, endpoint))
        }
        _ => Reply::new(status, headers, "<Error><Code>hush</Code></Error>"),
    })
    .await
}

async fn upload(client: &Client, content: &[u8]) -> Result<String, Fault> {
    let ticket = client.authorize_file_upload().await?;
    client.post_object(&ticket, Bytes::copy_from_slice(content)).await?;
    Ok(ticket.resource_file())
}

#[tokio::test]
async fn the_form_arrives_whole_and_says_how_long_it_is() {
    let server = storage(201, "").await;
    let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let url = upload(&server.client(), &content).await.unwrap();
    assert_eq!(url, format!("{}/dataworks-public/a", server.url));
    let seen = server.seen();
    let posted = &seen[1];
    assert_eq!(posted.header("content-length"), Some(posted.bytes.len().to_string().as_str()));
    assert_eq!(posted.header("transfer-encoding"), None);
    assert_eq!(posted.header("authorization"), None);
    let (_, boundary) = posted.header("content-type").unwrap().split_once("boundary=").unwrap();
    let tail = format!("\r\n--{boundary}--\r\n");
    let file = posted.bytes.strip_suffix(tail.as_bytes()).unwrap();
    assert!(file.ends_with(&content));
}

#[tokio::test]
async fn of_the_storages_answer_only_the_status_counts() {
    let rows = [
        (403, Class::Transient),
        (404, Class::Transient),
        (503, Class::Transient),
        (400, Class::Terminal),
        (413, Class::Terminal),
    ];
    for (status, class) in rows {
        let server = storage(status, "").await;
        let fault = upload(&server.client(), b"x").await.unwrap_err();
        assert_eq!((fault.class, fault.code.as_str()), (class, "UploadRefused"), "{status}");
        assert_eq!(fault.message, format!("the storage answered the upload with HTTP {status}"));
    }
    let server = storage(204, "").await;
    assert!(upload(&server.client(), b"x").await.is_ok());
}

#[tokio::test]
async fn content_goes_nowhere_else() {
    let stranger = storage(201, "").await;
    let (bucket, endpoint) = stranger.url.strip_prefix("http://").unwrap().split_once('.').unwrap();
    let places =
        [(bucket, endpoint), ("op-sh", "oss-cn-shanghai.aliyuncs.com.evil.example"), ("localhost", "")];
    for (bucket, endpoint) in places {
        let answer = ticket(bucket, if endpoint.is_empty() { "x" } else { endpoint });
        let server = Server::start(move |_| Reply::new(200, "", &answer)).await;
        let fault = upload(&server.client(), b"x").await.unwrap_err();
        assert_eq!((fault.class, fault.code.as_str()), (Class::Terminal, "UploadAddressRefused"));
        assert_eq!(server.seen().len(), 1);
    }
    // Not by a redirect either.
    let moved = Box::leak(format!("location: {}/\r\n", stranger.url).into_boxed_str());
    let server = storage(307, moved).await;
    assert_eq!(upload(&server.client(), b"x").await.unwrap_err().code, "UploadRefused");
    assert_eq!(stranger.seen().len(), 0);
}

#[tokio::test]
async fn without_a_region_or_a_readable_ticket_nothing_is_sent() {
    let server = storage(201, "").await;
    let base = config(&server.url);
    let upload_config = UploadConfig { region: None, ..base.upload.clone() };
    let fault = upload(&Client::new(ClientConfig { upload: upload_config, ..base }), b"x").await.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (Class::Terminal, "RegionUnknown"));
    assert_eq!(server.seen().len(), 0);
    let answer = ticket("op-sh", "oss-cn-shanghai.aliyuncs.com").replace("public/a", "public/a\\r\\n");
    let server = Server::start(move |_| Reply::new(200, "", &answer)).await;
    assert_eq!(upload(&server.client(), b"x").await.unwrap_err().code, "UnreadableAnswer");
    assert_eq!(server.seen().len(), 1);
}
