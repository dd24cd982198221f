//! The table of errors: what each code, status and text becomes for a read and for a create.

use std::time::Duration;

use dataworks_core::fault::{Class, Fault, Outcome};

use super::server::{Reply, Server};
use super::{id, project};

use Certainty::{Refused, Unknown};
use Class::{AlreadyExists, Denied, NotFound, Quota, Terminal, Throttled, Transient};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certainty {
    Refused,
    Unknown,
}

/// code, message, HTTP status, class, what a create makes of it.
const TABLE: &[(&str, &str, u16, Class, Certainty)] = &[
    ("Throttling.User", "flow control", 429, Throttled, Refused),
    ("Throttling.Api", "", 429, Throttled, Refused),
    ("Throttling.System", "", 429, Throttled, Refused),
    ("Throttling.User", "", 400, Throttled, Refused),
    ("9990020002", "Throttling.User", 400, Throttled, Refused),
    ("9990020002", "code: 400, Throttling.User", 400, Throttled, Refused),
    ("9990020002", "Throttling.Api.Risk", 400, Quota, Refused),
    ("9990020002", "", 400, Throttled, Refused),
    ("Throttling.Api.Risk", "", 429, Quota, Refused),
    ("Throttling.Resource", "", 429, Quota, Refused),
    ("Throttling", "", 400, Throttled, Refused),
    ("Throttling.Other", "", 503, Throttled, Refused),
    ("Throttlings", "", 400, Terminal, Refused),
    ("SomethingElse", "", 429, Throttled, Refused),
    ("ServiceUnavailable", "", 503, Transient, Unknown),
    ("InternalError.System", "", 500, Transient, Unknown),
    ("InternalError.UserId.Missing", "", 500, Transient, Unknown),
    ("InternalError", "", 500, Transient, Unknown),
    ("InternalError", "", 400, Transient, Unknown),
    ("9990000001", "InternalError.System", 400, Transient, Unknown),
    ("Forbidden.Not.Server", "", 500, Terminal, Refused),
    ("Forbidden.Access", "", 403, Denied, Refused),
    ("ResourceNotAuthorized.Api", "", 403, Denied, Refused),
    ("NoPermission", "", 403, Denied, Refused),
    ("Forbidden.RAM", "", 403, Denied, Refused),
    ("Forbidden", "", 400, Denied, Refused),
    ("InvalidAccessKeyId.NotFound", "", 404, Denied, Refused),
    ("InvalidAccessKeyId.NotFound", "", 400, Denied, Refused),
    ("InvalidAccessKeyId.Inactive", "", 403, Denied, Refused),
    ("InvalidSecurityToken.Expired", "", 400, Denied, Refused),
    ("InvalidSecurityToken.Malformed", "", 400, Denied, Refused),
    ("InvalidSecurityToken.MismatchWithAccessKey", "", 400, Denied, Refused),
    ("SignatureDoesNotMatch", "", 400, Denied, Refused),
    ("IncompleteSignature", "", 400, Denied, Refused),
    ("InvalidTimeStamp.Expired", "", 400, Terminal, Refused),
    ("InvalidTimeStamp.Format", "", 400, Terminal, Refused),
    ("SignatureNonceUsed", "", 400, Transient, Unknown),
    ("MissingSpec", "", 400, Terminal, Refused),
    ("InvalidParameter", "", 400, Terminal, Refused),
    ("InvalidParameter.Spec", "", 400, Terminal, Refused),
    ("InvalidApi.NotFound", "", 404, Terminal, Refused),
    ("InvalidProduct.NotFound", "", 404, Terminal, Refused),
    ("InvalidProtocol.NeedSsl", "", 404, Terminal, Refused),
    ("9990010001", "", 400, Terminal, Refused),
    ("9990040003", "", 400, Transient, Refused),
    ("1101080008", "", 400, Terminal, Refused),
    ("InvalidProject.NotFound", "", 404, Terminal, Refused),
    ("5801488441564725318", "", 400, NotFound, Refused),
    ("5801488441564725318", "no such", 500, NotFound, Refused),
    ("5801489541076353033", "code: 400, 未找到发布对象: [[1]]", 400, Terminal, Refused),
    ("5801488441500000005", "0x5083000000000005", 400, Terminal, Refused),
    ("1201111431", "", 400, Terminal, Refused),
    // Beyond the table.
    ("SomethingElse", "", 400, Terminal, Refused),
    ("SomethingElse", "", 404, Terminal, Refused),
    ("SomethingElse", "", 401, Denied, Refused),
    ("SomethingElse", "", 500, Transient, Unknown),
    ("5801488888888888888", "", 500, Transient, Unknown),
    ("Resource.AlreadyExists", "", 400, AlreadyExists, Unknown),
    ("5801488441500000099", "the file already exists", 400, AlreadyExists, Unknown),
    ("InvalidParameter", "code: 400, 文件已存在", 400, AlreadyExists, Unknown),
    ("DuplicateName", "", 409, AlreadyExists, Unknown),
    ("InternalError", "Duplicate entry", 500, AlreadyExists, Unknown),
];

fn body(code: &str, message: &str) -> String {
    serde_json::json!({"RequestId": "R", "HostId": "h", "Code": code, "Message": message}).to_string()
}

async fn answering(status: u16, headers: &'static str, body: String) -> Server {
    Server::start(move |_| Reply::new(status, headers, &body)).await
}

async fn read(server: &Server) -> Fault {
    server.client().get_resource(project(), &id()).await.unwrap_err()
}

async fn create(server: &Server) -> (Certainty, Fault) {
    match server.client().create_resource(project(), "{}", None).await {
        Outcome::Refused(fault) => (Refused, fault),
        Outcome::Unknown(fault) => (Unknown, fault),
        Outcome::Done(created) => panic!("{created:?}"),
    }
}

#[tokio::test]
async fn every_line_of_the_table() {
    for &(code, message, status, class, certainty) in TABLE {
        let server = answering(status, "", body(code, message)).await;
        let (got, fault) = create(&server).await;
        let row = format!("{code} {message} {status}");
        assert_eq!((got, fault.class, fault.code.as_str()), (certainty, class, code), "{row}");
        assert_eq!(fault.request_id.as_deref(), Some("R"), "{row}");
        assert_eq!(read(&server).await.class, class, "{row}");
        assert_eq!(server.seen().len(), 2, "{row}");
    }
}

#[tokio::test]
async fn other_writes_know_that_a_name_is_taken() {
    let server = answering(400, "", body("Resource.AlreadyExists", "")).await;
    let outcome = server.client().rename_resource(project(), &id(), "a.py").await;
    assert!(matches!(&outcome, Outcome::Refused(f) if f.class == AlreadyExists), "{outcome:?}");
}

#[tokio::test]
async fn a_success_that_says_false_is_a_refusal() {
    let rows = [
        (r#"{"RequestId":"R","Success":false}"#, "Unsuccessful", Terminal, Refused),
        (r#"{"RequestId":"R","Success":"false"}"#, "Unsuccessful", Terminal, Refused),
        (r#"{"RequestId":"R","Success":false,"Code":"X.Y"}"#, "X.Y", Terminal, Refused),
        (r#"{"requestId":"R","success":false,"code":9990020002}"#, "9990020002", Throttled, Refused),
        (r#"{"RequestId":"R","Success":false,"Code":"InternalError"}"#, "InternalError", Transient, Unknown),
        (r#"{"RequestId":"R"}"#, "UnreadableAnswer", Transient, Unknown),
    ];
    for (body, code, class, certainty) in rows {
        let server = answering(200, "", body.to_owned()).await;
        let got = match server.client().delete_resource(project(), &id()).await {
            Outcome::Refused(fault) => (Refused, fault),
            Outcome::Unknown(fault) => (Unknown, fault),
            Outcome::Done(written) => panic!("{written:?}"),
        };
        assert_eq!((got.0, got.1.class, got.1.code.as_str()), (certainty, class, code), "{body}");
    }
}

#[tokio::test]
async fn a_create_is_refused_only_when_the_answer_is_clear() {
    let rows = [
        (r#"{"RequestId":"R","Success":false}"#, "Unsuccessful", Refused),
        (r#"{"RequestId":"R","Code":"Throttling.User"}"#, "Throttling.User", Refused),
        (r#"{"RequestId":"R","Code":"200","Success":true}"#, "UnreadableAnswer", Unknown),
        (r#"{"RequestId":"R","Success":false,"Id":"1"}"#, "Unsuccessful", Unknown),
        (r#"{"RequestId":"R","Success":false,"Code":"Name.AlreadyExists"}"#, "Name.AlreadyExists", Unknown),
    ];
    for (body, code, certainty) in rows {
        let server = answering(200, "", body.to_owned()).await;
        let (got, fault) = create(&server).await;
        assert_eq!((got, fault.code.as_str()), (certainty, code), "{body}");
    }
}

#[tokio::test]
async fn waits_are_taken_from_either_header_and_bounded() {
    let rows = [
        ("x-acs-retry-after: 2000\r\n", Some(Duration::from_secs(2))),
        ("x-acs-retry-after: 999999\r\n", Some(Duration::from_secs(120))),
        ("x-acs-retry-after: 0\r\nretry-after: 3\r\n", Some(Duration::from_secs(3))),
        ("retry-after: 999999\r\n", Some(Duration::from_secs(3600))),
        ("retry-after: Tue, 15 Nov 1994 08:12:31 GMT\r\n", None),
        ("x-acs-retry-after: -1\r\n", None),
        ("", None),
    ];
    for (headers, want) in rows {
        let server = answering(429, headers, body("Throttling.User", "")).await;
        assert_eq!(read(&server).await.retry_after, want, "{headers}");
    }
    // A wait makes an error of the client that nothing else is known of a throttling one.
    let server = answering(400, "x-acs-retry-after: 5\r\n", body("SomethingElse", "")).await;
    assert_eq!(read(&server).await.class, Throttled);
}

#[tokio::test]
async fn texts_are_clean_and_short() {
    let rows = [
        ("code: 400, plain", "plain".to_owned()),
        ("code: x, plain", "code: x, plain".to_owned()),
        (" a\u{0}b\u{1b}[31mc\u{202e}d\u{2066}e\nf\u{9f}g ", "ab[31mcde fg".to_owned()),
        (&"é".repeat(400), "é".repeat(256)),
        (&format!("a{}", "中".repeat(400)), format!("a{}", "中".repeat(170))),
    ];
    for (said, want) in rows {
        let server = answering(400, "", body("X", said)).await;
        let message = read(&server).await.message;
        assert_eq!(message, want);
        assert!(message.len() <= 512);
    }
}

/// A character that is left out of what is shown must not hide a secret from who looks for it.
#[tokio::test]
async fn a_secret_with_a_control_character_in_it_is_found() {
    let said = "your secret is ex\u{0}ample\u{202e}Secret, exampleSe\u{7f}cret.";
    let server = answering(400, "", body("X", said)).await;
    assert_eq!(read(&server).await.message, "your secret is [redacted], [redacted].");
}

#[tokio::test]
async fn a_refused_signature_does_not_repeat_what_was_signed() {
    let said = "server CanonicalRequest is [POST\n/\n\nx-acs-security-token:of-another-shape]";
    for code in ["SignatureDoesNotMatch", "IncompleteSignature"] {
        let server = answering(400, "", body(code, said)).await;
        let message = read(&server).await.message;
        assert!(message.contains("secret") && !message.contains("shape"), "{message}");
    }
}
