//! What broken connections and wrong answers become, and that nothing is sent twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dataworks_core::fault::{Class, Fault, Outcome};
use dataworks_operator::dataworks::credentials::{CredentialError, CredentialSource};
use dataworks_operator::dataworks::types::Created;
use dataworks_operator::dataworks::{BODY_LIMIT, Client, ClientConfig, CloudClock};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::server::{Reply, Server, config, credentials, transport};
use super::{id, project};

const DONE: &str = r#"{"RequestId":"R","Success":true}"#;
const MADE: &str = r#"{"RequestId":"R","Id":"1"}"#;

async fn create(client: &Client) -> Outcome<Created> {
    client.create_resource(project(), "{}", None).await
}

fn unknown<T: std::fmt::Debug>(outcome: Outcome<T>) -> Fault {
    match outcome {
        Outcome::Unknown(fault) => fault,
        Outcome::Done(_) | Outcome::Refused(_) => panic!("not unknown: {outcome:?}"),
    }
}

fn refused<T: std::fmt::Debug>(outcome: Outcome<T>) -> Fault {
    match outcome {
        Outcome::Refused(fault) => fault,
        Outcome::Done(_) | Outcome::Unknown(_) => panic!("not refused: {outcome:?}"),
    }
}

#[tokio::test]
async fn a_request_that_never_left_is_refused() {
    let refusing = "http://127.0.0.1:1";
    let plain = Server::start(|_| Reply::new(200, "", MADE)).await;
    let no_tls = plain.url.replace("http:", "https:");
    let nowhere = "https://no-such-host.invalid";
    for (url, code) in
        [(refusing, "ConnectionFailed"), (&no_tls, "ConnectionFailed"), (nowhere, "HostUnresolved")]
    {
        let fault = refused(create(&Client::new(config(url))).await);
        assert_eq!((fault.class, fault.code.as_str()), (Class::Transient, code), "{url}");
    }
    assert_eq!(plain.seen().len(), 0);
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_doubt() {
    let unread = Server::closing().await;
    let fault = unknown(create(&unread.client()).await);
    assert_eq!((fault.class, fault.code.as_str()), (Class::Transient, "ConnectionLost"));
    assert_eq!(unread.connections(), 1);

    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"RequestId\"";
    for reply in [|| Reply::Close, || Reply::SendAndClose(String::new())] {
        let server = Server::start(move |_| reply()).await;
        assert_eq!(unknown(create(&server.client()).await).code, "ConnectionLost");
        let fault = server.client().get_resource(project(), &id()).await.unwrap_err();
        assert_eq!((fault.class, fault.code.as_str()), (Class::Transient, "ConnectionLost"));
        assert_eq!((server.seen().len(), server.connections()), (2, 2));
    }
    let cut = Server::start(move |_| Reply::SendAndClose(head.to_owned())).await;
    assert_eq!(unknown(create(&cut.client()).await).code, "ConnectionLost");
    assert_eq!(cut.seen().len(), 1);
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"RequestId\"";
    for reply in [|_: &str| Reply::Hang, |head: &str| Reply::SendThenStall(head.to_owned())] {
        let server = Server::start(move |_| reply(head)).await;
        let transport = transport(Duration::from_secs(1));
        let client = Client::new(ClientConfig { transport, ..config(&server.url) });
        assert_eq!(unknown(create(&client).await).code, "TimedOut");
        assert_eq!(unknown(client.delete_resource(project(), &id()).await).code, "TimedOut");
        let fault = client.get_resource(project(), &id()).await.unwrap_err();
        assert_eq!((fault.class, fault.code.as_str()), (Class::Transient, "TimedOut"));
        assert_eq!(server.seen().len(), 3);
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", BODY_LIMIT + 1);
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
    let chunked = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}", chunk.repeat(9));
    for text in [announced, chunked] {
        let server = Server::start(move |_| Reply::SendThenStall(text.clone())).await;
        assert_eq!(unknown(create(&server.client()).await).code, "AnswerTooLarge");
    }
}

#[tokio::test]
async fn foreign_answers_keep_only_status_and_length() {
    // status, headers, body, code, class
    let rows = [
        (200, "", "<html>hush", "UnreadableAnswer", Class::Transient),
        (200, "", "", "UnreadableAnswer", Class::Transient),
        (200, "", "{}", "UnreadableAnswer", Class::Transient),
        (200, "", "[]", "UnreadableAnswer", Class::Transient),
        (200, "", r#"{"RequestId":"R","Id":1.5}"#, "UnreadableAnswer", Class::Transient),
        (200, "", r#"{"RequestId":"R","Id":"hush"}"#, "UnreadableAnswer", Class::Transient),
        (204, "", "", "UnreadableAnswer", Class::Transient),
        (302, "location: /hush\r\n", "hush", "Http302", Class::Terminal),
        (503, "", "<html>hush</html>", "Http503", Class::Transient),
        (502, "", "", "Http502", Class::Transient),
        (408, "", "hush", "Http408", Class::Transient),
    ];
    for (status, headers, body, code, class) in rows {
        let server = Server::start(move |_| Reply::new(status, headers, body)).await;
        let fault = unknown(create(&server.client()).await);
        assert_eq!((fault.code.as_str(), fault.class), (code, class), "{status} {body}");
        assert!(!fault.message.contains("hush"), "{fault:?}");
        assert!(fault.message.contains(&body.len().to_string()), "{fault:?}");
        assert_eq!(server.seen().len(), 1, "{status} {body}");
    }
}

#[tokio::test]
async fn a_create_has_its_own_connection_and_reads_share_one() {
    let server =
        Server::start(|seen| Reply::new(200, "", if seen.body.contains("Spec=") { MADE } else { DONE }))
            .await;
    let client = server.client();
    for _ in 0..3 {
        assert!(matches!(client.delete_resource(project(), &id()).await, Outcome::Done(_)));
    }
    assert_eq!(server.connections(), 1);
    for _ in 0..3 {
        assert!(matches!(create(&client).await, Outcome::Done(_)));
    }
    assert_eq!((server.connections(), server.seen().len()), (4, 6));
    let nonces: std::collections::HashSet<_> =
        server.seen().iter().map(|seen| seen.header("x-acs-signature-nonce").unwrap().to_owned()).collect();
    assert_eq!(nonces.len(), 6);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_sends_nothing_twice() {
    let server = Server::start(|_| {
        let length = DONE.len();
        Reply::SendAndClose(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{DONE}"))
    })
    .await;
    let client = server.client();
    for _ in 0..20 {
        let _either = client.delete_resource(project(), &id()).await;
    }
    let mut nonces: Vec<_> =
        server.seen().iter().map(|seen| seen.header("x-acs-signature-nonce").unwrap().to_owned()).collect();
    let all = nonces.len();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), all);
}

#[tokio::test]
async fn a_clock_that_is_an_hour_off_is_corrected_by_the_first_answer() {
    let server = Server::start(|seen| {
        let now = Timestamp::now();
        let date = now.strftime("date: %a, %d %b %Y %H:%M:%S GMT\r\n").to_string();
        let theirs: Timestamp = seen.header("x-acs-date").unwrap().parse().unwrap();
        if now.duration_since(theirs).abs() > SignedDuration::from_mins(15) {
            let body = r#"{"RequestId":"R","Code":"InvalidTimeStamp.Expired","Message":"old"}"#;
            return Reply::new(400, &date, body);
        }
        Reply::new(200, &date, MADE)
    })
    .await;
    let slow = CloudClock::new(Arc::new(|| Timestamp::now() - SignedDuration::from_hours(1)));
    let client = Client::new(ClientConfig { clock: slow.clone(), ..config(&server.url) });
    // Both were signed with the wrong time, and only one of them is the first to learn of it.
    let (first, second) = tokio::join!(create(&client), create(&client));
    for outcome in [first, second] {
        let fault = refused(outcome);
        assert_eq!((fault.class, fault.code.as_str()), (Class::Transient, "InvalidTimeStamp.Expired"));
    }
    let Outcome::Done(created) = create(&client).await else { panic!("not done") };
    for time in [created.date, client.cloud_now()] {
        assert!(Timestamp::now().duration_since(time).abs() < SignedDuration::from_secs(30));
    }
    // Another client of the same clock has not to learn it again.
    let other = Client::new(ClientConfig { clock: slow, ..config(&server.url) });
    assert!(matches!(create(&other).await, Outcome::Done(_)));
}

#[tokio::test]
async fn the_page_of_a_proxy_does_not_teach_the_time() {
    let old = "date: Tue, 15 Nov 1994 08:12:31 GMT\r\n";
    let server = Server::start(move |_| Reply::new(502, old, "<html>")).await;
    let client = server.client();
    unknown(create(&client).await);
    assert!(Timestamp::now().duration_since(client.cloud_now()) < SignedDuration::from_secs(30));
}

#[tokio::test]
async fn without_usable_credentials_nothing_is_sent() {
    let server = Server::start(|_| Reply::new(200, "", MADE)).await;
    let missing = CredentialSource::Absent(CredentialError::NotConfigured);
    for (source, says) in
        [(missing, "ALIBABA_CLOUD_ACCESS_KEY_ID"), (credentials(Some("a\nb")), "security-token")]
    {
        let client = Client::new(ClientConfig { credentials: source, ..config(&server.url) });
        let fault = refused(create(&client).await);
        assert_eq!((fault.class, fault.code.as_str()), (Class::Denied, "CredentialsUnavailable"));
        assert!(fault.message.contains(says), "{fault:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn each_call_leaves_one_record() {
    let server = Server::start(|_| Reply::new(200, "", MADE)).await;
    let records = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (sink, called) = (Arc::clone(&records), Arc::new(AtomicBool::new(false)));
    let flag = Arc::clone(&called);
    let client = Client::new(ClientConfig {
        observer: Some(Arc::new(move |record| {
            flag.store(true, Ordering::SeqCst);
            sink.lock().unwrap().push((record.action, record.status, record.code.clone()));
        })),
        ..config(&server.url)
    });
    let _made = create(&client).await;
    let _unreadable = client.get_project(project()).await;
    assert!(called.load(Ordering::SeqCst));
    let unreadable = Some("UnreadableAnswer".to_owned());
    assert_eq!(
        *records.lock().unwrap(),
        [("CreateResource", Some(200), None), ("GetProject", Some(200), unreadable)]
    );
}
