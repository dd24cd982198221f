//! The binary: it says where it listens, serves, and stops when told to.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_dataworks-simulator"))
}

#[tokio::test]
async fn it_announces_itself_and_ends_on_sigterm() {
    let mut child = binary()
        .args(["--project", "7=seven", "--latency-ms", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("its output");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let ready: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let url = ready["url"].as_str().expect("a URL");
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let client = reqwest::Client::builder().no_proxy().build().expect("one");
    let state = client.get(format!("{url}/_simulator/state"));
    let text = state.send().await.expect("an answer").text().await;
    assert!(text.expect("a body").contains("\"name\":\"seven\""));
    drop(client);

    let id = child.id().to_string();
    let told = Command::new("kill").args(["-TERM", &id]).status();
    assert!(told.expect("kill").success());
    let status = child.wait().expect("an end");
    assert!(status.success(), "{status}");
}

#[test]
fn it_says_what_is_wrong() {
    let rows: [(&[&str], &str); 4] = [
        (&["--listen", "0.0.0.0:0"], "not a loopback address"),
        (&["--project", "abc"], "not a workspace id"),
        (&["--config", "no-such-file.json"], "cannot be read"),
        (&["--help"], "/_simulator/"),
    ];
    for (arguments, want) in rows {
        let output = binary().args(arguments).output().expect("the binary");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains(want), "{arguments:?}: {text}");
        assert_eq!(output.status.success(), arguments == ["--help"]);
    }
}
