//! The two ports that anybody may reach: what they tell, whom they refuse, and that nobody can block them for good.

use std::time::Duration;

use dataworks_simulator::AccessKey;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::operator::Operator;
use crate::support::{DEADLINE, PROJECT, Scene, manifest, poll};

/// What stands in an object, its name and the credentials, and must come out of no port.
const MARKS: [&str; 13] = [
    "hunter2",
    "0bjectname",
    "Hidden",
    "t0psecret",
    "LTAImarked",
    "k3ysecret",
    "t0kenmark",
    "s3cretname",
    "LTAIworkmark",
    "w0rksecret",
    "w0rktoken",
    "r0lename",
    "ext3rnalid",
];
/// Of these nothing may be in the log either.
const SECRETS: [&str; 6] = ["hunter2", "k3ysecret", "t0kenmark", "w0rksecret", "w0rktoken", "ext3rnalid"];
/// The workspaces' own names are labels.
const SHOWN: [&str; 2] = ["shownname-key", "shownname-role"];
/// A role that stands in a workspace.
const ROLE: &str = "acs:ram::2000:role/r0lename";
/// What is sent along with requests.
const SENT: &str = "3choed";

/// An operator that has worked with everything that is marked.
async fn marked(scene: &Scene) -> Operator {
    let key = |id: &str, secret: &str, token: &str| AccessKey {
        access_key_id: id.to_owned(),
        secret: secret.to_owned(),
        security_token: Some(token.to_owned()),
        ..AccessKey::default()
    };
    let (own, of_team) =
        (key("LTAImarked", "k3ysecret", "t0kenmark"), key("LTAIworkmark", "w0rksecret", "w0rktoken"));
    scene.cloud.set_access_keys(vec![own, of_team]);
    scene.cloud.change_settings(|settings| {
        settings.sts.role_arn = ROLE.to_owned();
        settings.sts.external_id = Some("ext3rnalid".to_owned());
    });
    let operator = scene
        .launch()
        .with(&[&format!("--assume-roles={}={ROLE}", scene.namespace)])
        .variable("ALIBABA_CLOUD_STS_ENDPOINT", &scene.cloud.url())
        .secret("k3ysecret")
        .variable("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAImarked")
        .variable("ALIBABA_CLOUD_SECURITY_TOKEN", "t0kenmark")
        .start();
    let spec = json!({
        "projectId": PROJECT, "path": "Hidden/t0psecret.py", "description": "hunter2",
        "content": {"inline": "password = 'hunter2'\n"},
    });
    scene.kubectl.apply(&manifest("0bjectname", &spec)).await;
    scene.ready("0bjectname").await;
    let url = json!({"url": {"location": "https://example.com/Hidden?token=hunter2"}});
    let spec = json!({"projectId": PROJECT, "path": "Hidden/url.py", "content": url});
    scene.kubectl.apply(&manifest("0bjectname-url", &spec)).await;
    scene.ready("0bjectname-url").await;
    workspaces(scene).await;
    operator
}

/// One with a key in a Secret and one with a role, each with an object that lives by it.
async fn workspaces(scene: &Scene) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3cretname"},
        "stringData": {
            "accessKeyId": "LTAIworkmark", "accessKeySecret": "w0rksecret", "securityToken": "w0rktoken",
        },
    });
    scene.kubectl.apply(&secret).await;
    let host = scene.cloud.url().strip_prefix("http://").unwrap().to_owned();
    let credentials = [
        json!({"secretRef": {"name": "s3cretname"}}),
        json!({"assumeRole": {"roleArn": ROLE, "externalId": "ext3rnalid"}}),
    ];
    for (name, credentials) in SHOWN.iter().zip(credentials) {
        let workspace = json!({
            "apiVersion": "dataworks.alibabacloud.com/v1alpha1", "kind": "DataWorksWorkspace",
            "metadata": {"name": name},
            "spec": {
                "projectId": PROJECT, "region": "cn-shanghai", "endpoint": host, "credentials": credentials,
            },
        });
        scene.kubectl.apply(&workspace).await;
        let object = format!("0bjectname-of-{name}");
        let spec = json!({
            "workspaceRef": {"name": name}, "path": format!("Hidden/{name}.py"),
            "content": {"inline": "password = 'hunter2'\n"},
        });
        scene.kubectl.apply(&manifest(&object, &spec)).await;
        scene.ready(&object).await;
    }
}

/// Sends bytes and reads whatever comes back until the other side is done.
async fn ask(address: &str, request: &[u8]) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // It may be refused before all of it is sent.
        let _cut = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::time::timeout(DEADLINE, exchange).await.expect("the connection is closed")
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
        .into_bytes()
}

fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

#[tokio::test]
async fn the_ports_tell_nothing_of_objects_and_credentials_and_take_no_orders() {
    let scene = Scene::new().await;
    let operator = marked(&scene).await;
    let known = ["/livez", "/readyz", "/healthz", "/metrics"];
    let paths = [
        "/livez?verbose",
        "/readyz?verbose",
        "/healthz?verbose&exclude=3choed",
        "/metrics?name=3choed",
        "/",
        "/3choed",
        "/debug/pprof/",
        "/metrics/3choed",
        "/..",
        "/../../proc/self/environ",
        "/%2e%2e/%2e%2e/proc/self/environ",
        "//metrics",
        "/metrics%00",
        "/METRICS",
        "*",
        "http://example.com/metrics",
    ];
    let mut answers = Vec::new();
    for what in ["probes", "metrics"] {
        let address = operator.serves(what).await;
        let mut served = 0;
        for path in known.iter().chain(&paths) {
            for method in ["GET", "HEAD"] {
                let answer = ask(&address, &request(method, path, "", "")).await;
                let code = status(&answer).unwrap_or_else(|| panic!("{method} {path}: {answer:?}"));
                served += usize::from(code == 200);
                assert!(matches!(code, 200 | 400 | 404), "{method} {path}: {answer}");
                if method == "HEAD" {
                    assert!(answer.ends_with("\r\n\r\n"), "{path}: {answer}");
                }
                answers.push(answer);
            }
            for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "3CHOED"] {
                let answer = ask(&address, &request(method, path, "x: 3choed\r\n", "3choed")).await;
                let code = status(&answer).unwrap_or_else(|| panic!("{method} {path}: {answer:?}"));
                assert!(matches!(code, 400 | 404 | 405), "{method} {path}: {answer}");
                answers.push(answer);
            }
        }
        assert!(served >= 4, "{what}: {served}");
        let huge = format!("x: {}\r\n", SENT.repeat(100_000));
        let many = "x: 3choed\r\n".repeat(10_000);
        for headers in [huge, many] {
            let answer = ask(&address, &request("GET", "/metrics", &headers, "")).await;
            assert!(matches!(status(&answer), None | Some(431)), "{answer}");
            answers.push(answer);
        }
        let long = format!("/{}", SENT.repeat(100_000));
        let answer = ask(&address, &request("GET", &long, "", "")).await;
        assert!(matches!(status(&answer), None | Some(414 | 431)), "{answer}");
        answers.push(answer);
        answers.push(ask(&address, b"3choed\r\n\r\n").await);
        answers.push(ask(&address, &[0x16, 3, 1, 2, 0, 1, 0, 1]).await);
        answers.push(ask(&address, &request("POST", "/metrics", "", &SENT.repeat(1_000_000))).await);
    }
    let shown = |words: &str| answers.iter().any(|answer| answer.contains(words));
    assert!(shown("dataworks_resources{"), "the metrics were among them");
    for name in SHOWN {
        assert!(shown(&format!("name=\"{name}\"")), "{name}");
    }
    for answer in &answers {
        for mark in MARKS.iter().chain(&[SENT]) {
            assert!(!answer.to_lowercase().contains(&mark.to_lowercase()), "{mark} is shown: {answer}");
        }
    }
    // The marks were there to be shown, and the log has no secret either.
    let log = operator.kill().await;
    assert!(log.contains("0bjectname"), "{log}");
    for mark in SECRETS {
        assert!(!log.contains(mark), "{mark} is in the log");
    }
}

/// Descriptors that the process has open.
fn open(operator: &Operator) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", operator.pid())).unwrap().count()
}

#[tokio::test]
async fn slow_callers_are_few_and_do_not_stay() {
    const CALLERS: usize = 150;
    /// As `src/http.rs` has it.
    const MOST: usize = 64;
    let scene = Scene::new().await;
    let operator = scene.launch().start();
    operator.leads().await;
    let (probes, metrics) = (operator.serves("probes").await, operator.serves("metrics").await);
    let before = open(&operator);
    let mut callers = Vec::new();
    for n in 0..CALLERS {
        let mut stream = TcpStream::connect(&probes).await.unwrap();
        // Nothing at all, half a head, and a head whose body never comes.
        let begin: &[u8] = match n % 3 {
            0 => b"",
            1 => b"GET /livez HTTP/1.1\r\nx: ",
            _ => b"POST /livez HTTP/1.1\r\ncontent-length: 1000\r\nx: ",
        };
        stream.write_all(begin).await.unwrap();
        callers.push(stream);
    }
    let taken = async || (open(&operator) >= before + MOST).then_some(());
    poll(DEADLINE, Duration::from_millis(20), "they are not taken", taken).await;
    // The other port serves meanwhile; and some descriptors more for the API server and the cloud.
    let answer = ask(&metrics, &request("GET", "/metrics", "", "")).await;
    assert_eq!(status(&answer), Some(200), "{answer}");
    assert!(open(&operator) <= before + MOST + 8, "{} of {before}", open(&operator));

    // Who goes on dripping bytes is ended like who is silent: a deadline, not a pause, is what counts.
    let drip = async {
        loop {
            for stream in &mut callers {
                let _ended = stream.write_all(b"y").await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let probed = async {
        let answer = ask(&probes, &request("GET", "/livez", "", "")).await;
        assert_eq!((status(&answer), answer.ends_with("ok")), (Some(200), true), "{answer}");
    };
    tokio::select! {
        _never = drip => {}
        () = probed => {}
    }
    for mut stream in callers {
        let mut rest = Vec::new();
        let end = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut rest)).await;
        let _closed_or_reset = end.expect("every caller is ended");
    }
}
