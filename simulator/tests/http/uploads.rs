//! Uploads: what the bucket takes, and what a `ResourceFile` then finds.

use std::fmt::Write as _;

use dataworks_simulator::{Config, DeadUrl, Fault, FaultKind, Outcome};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::{Answer, Client, P, PROJECT, entity, simulator, spec};

const FIELDS: [(&str, &str); 4] = [
    ("OSSAccessKeyId", "AccessKeyId"),
    ("Signature", "Signature"),
    ("key", "ObjectKey"),
    ("policy", "EncodedPolicy"),
];

async fn authorize(client: &Client) -> Value {
    let mut asked = client.again();
    asked.version = "2019-12-19";
    let params = [("Product", "dataworks-public"), ("RegionId", "cn-shanghai")];
    let answer = asked.call("AuthorizeFileUpload", &params).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

fn form(ticket: &Value, bytes: &[u8]) -> Vec<u8> {
    let mut head = String::new();
    for (name, from) in FIELDS {
        let value = ticket[from].as_str().expect("a text");
        let _ = write!(head, "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    head.push_str(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\nContent-Type: \r\n\r\n",
    );
    [head.as_bytes(), bytes, b"\r\n--b--\r\n"].concat()
}

fn url(ticket: &Value) -> String {
    let part = |name: &str| ticket[name].as_str().expect("a text").to_owned();
    format!("http://{}.{}/{}", part("Bucket"), part("Endpoint"), part("ObjectKey"))
}

async fn create(client: &Client, path: &str, url: &str) -> Answer {
    let spec = spec(path, "");
    client.call("CreateResource", &[("ProjectId", P), ("Spec", &spec), ("ResourceFile", url)]).await
}

#[tokio::test]
async fn what_is_uploaded_is_what_the_file_holds() {
    let (simulator, client) = simulator(Config::default()).await;
    let ticket = authorize(&client).await;
    let bytes = [b"\x00\xff\r\n--c".as_slice(), &[7; 100_000]].concat();
    let posted = client.post_form("b", form(&ticket, &bytes)).await.unwrap();
    assert_eq!(posted.status, 201, "{}", posted.text);
    let id = create(&client, "a.py", &url(&ticket)).await.id();
    let file = simulator.resource(&id).unwrap();
    let digest = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
    assert_eq!((file.content_sha256, file.file_bytes), (digest(&bytes), Some(bytes.len())));
    // Text of its own takes its place, be it empty.
    for text in ["print(1)\n", ""] {
        let document = spec("a.py", text);
        let update = [("ProjectId", P), ("Id", &id), ("Spec", &document)];
        client.call("UpdateResource", &update).await;
        let file = simulator.resource(&id).unwrap();
        assert_eq!((file.content_sha256, file.file_bytes), (digest(text.as_bytes()), None));
    }
    assert_eq!(simulator.counts().by_action["AuthorizeFileUpload"], 1);
    let named = simulator.calls_since(0).into_iter().find(|call| call.action == "PostObject").unwrap();
    assert_eq!((named.http_status, named.content_sha256), (Some(201), Some(digest(&bytes))));
}

#[tokio::test]
async fn a_form_is_held_to_its_policy() {
    let (simulator, client) = simulator(Config::default()).await;
    let ticket = authorize(&client).await;
    let with = |name: &str, value: &str| {
        let mut other = ticket.clone();
        other[name] = json!(value);
        form(&other, b"x")
    };
    let whole = form(&ticket, b"x");
    let rows = [
        ("another key", with("ObjectKey", "mine"), (403, "AccessDenied")),
        ("another signature", with("Signature", "AAAA"), (403, "SignatureDoesNotMatch")),
        ("another policy", with("EncodedPolicy", "e30="), (403, "SignatureDoesNotMatch")),
        ("another signer", with("AccessKeyId", "LTAI"), (403, "InvalidAccessKeyId")),
        ("cut", whole[..whole.len() - 8].to_vec(), (400, "MalformedPOSTRequest")),
        ("too large", form(&ticket, &[0; 101]), (400, "EntityTooLarge")),
    ];
    simulator.change_settings(|settings| settings.upload.max_bytes = 100);
    let small = authorize(&client).await;
    for (what, body, (status, code)) in rows {
        let body = if what == "too large" { form(&small, &[0; 101]) } else { body };
        let answer = client.post_form("b", body).await.unwrap();
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        assert!(answer.text.contains(&format!("<Code>{code}</Code>")), "{what}: {}", answer.text);
    }
    simulator.change_settings(|settings| settings.upload.policy_validity_ms = 0);
    let late = authorize(&client).await;
    let answer = client.post_form("b", form(&late, b"x")).await.unwrap();
    assert!(answer.text.contains("Policy expired"), "{}", answer.text);
    assert_eq!(create(&client, "a.py", &url(&ticket)).await.error(), (400, "5801488441564725266"));
    assert_eq!(simulator.resource_count(PROJECT), 0);
}

#[tokio::test]
async fn an_upload_that_is_cut_off_stores_nothing() {
    let (simulator, client) = simulator(Config::default()).await;
    simulator.add_fault(Fault::new("PostObject", FaultKind::CutBody { bytes: 50_000 }).times(1));
    let ticket = authorize(&client).await;
    let body = form(&ticket, &[1; 400_000]);
    assert!(client.post_form("b", body.clone()).await.is_err());
    let last = simulator.calls_since(0).pop().unwrap();
    assert_eq!((last.action.as_str(), last.outcome), ("PostObject", Outcome::Unanswered));
    assert_eq!(create(&client, "a.py", &url(&ticket)).await.error(), (400, "5801488441564725266"));
    assert_eq!(client.post_form("b", body).await.unwrap().status, 201);
    create(&client, "a.py", &url(&ticket)).await.id();
}

#[tokio::test]
async fn urls_that_are_dead_and_texts_that_are_shown_are_switches() {
    let (simulator, client) = simulator(Config::default()).await;
    let dead = "https://example.com/gone.py";
    let held = create(&client, "a.py", dead).await.id();
    assert_eq!(simulator.resource(&held).unwrap().file_bytes, None);
    simulator.change_settings(|settings| settings.behaviour.dead_urls = vec![dead.to_owned()]);
    assert_eq!(create(&client, "b.py", dead).await.error(), (400, "5801488441564725266"));
    simulator.change_settings(|settings| settings.behaviour.dead_url = DeadUrl::Empty);
    let empty = create(&client, "b.py", dead).await.id();
    assert_eq!(simulator.resource(&empty).unwrap().file_bytes, Some(0));

    simulator.change_settings(|settings| {
        settings.upload.bucket = Some("op-sh-example".to_owned());
        settings.upload.endpoint = Some("oss-cn-shanghai.aliyuncs.com".to_owned());
    });
    let ticket = authorize(&client).await;
    assert!(url(&ticket).starts_with("http://op-sh-example.oss-cn-shanghai.aliyuncs.com/dataworks-public/"));
    simulator.change_settings(|settings| settings.upload = Default::default());
    let ticket = authorize(&client).await;
    assert_eq!(client.post_form("b", form(&ticket, b"text")).await.unwrap().status, 201);
    let id = create(&client, "c.py", &url(&ticket)).await.id();
    assert_eq!(entity(&client.get(&id).await)["script"]["content"], "");
    simulator.change_settings(|settings| settings.behaviour.shows_uploaded_text = true);
    assert_eq!(entity(&client.get(&id).await)["script"]["content"], "text");
}
