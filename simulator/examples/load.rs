//! How many signed calls a second the simulator takes on this machine.
//!
//! `cargo run --release -p dataworks-simulator --example load -- [CALLS] [CONNECTIONS]`
//!
//! Creates files, reads them by name, and lists pages, over keep-alive connections. The client
//! runs in the same process and signs every call, so that the simulator alone would do better.

#![expect(clippy::print_stdout, reason = "it reports to the person who ran it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use dataworks_simulator::{Config, Simulator};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

#[path = "../tests/support/signer.rs"]
mod signer;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const PROJECT: &str = "123456";

#[derive(Clone, Copy, Debug)]
enum Kind {
    Create,
    ByName,
    Page,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| match arguments.next() {
        Some(text) => text.parse(),
        None => Ok(default),
    };
    let (calls, connections) = (number(100_000)?, number(64)?);
    let simulator = Simulator::start(Config::default()).await?;
    let host = simulator.address().to_string();
    for (kind, calls) in [(Kind::Create, calls), (Kind::ByName, calls / 2), (Kind::Page, calls / 10)] {
        let begin = Instant::now();
        fire(kind, &host, calls, connections).await?;
        let seconds = begin.elapsed().as_secs_f64();
        println!("{kind:?}: {calls} calls, {:.0} a second", calls as f64 / seconds);
    }
    println!("files: {}", simulator.resource_count(123_456));
    Ok(())
}

/// Sends `calls` calls of a kind over some connections.
async fn fire(kind: Kind, host: &str, calls: usize, connections: usize) -> Result<(), Failure> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let (next, host) = (Arc::clone(&next), host.to_owned());
        tasks.spawn(async move {
            let mut stream = BufReader::new(TcpStream::connect(&host).await?);
            stream.get_ref().set_nodelay(true)?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= calls {
                    return Ok::<_, Failure>(());
                }
                stream.write_all(&request(kind, number, &host)).await?;
                finish(&mut stream).await?;
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(())
}

fn request(kind: Kind, number: usize, host: &str) -> Vec<u8> {
    let name = format!("file-{number:07}.py");
    let spec = json!({
        "version": "1.1.0", "kind": "Resource",
        "spec": {"fileResources": [{
            "name": name, "type": "python", "file": {"storage": {}},
            "script": {"content": "print('hello')\n", "path": format!("load/{name}"),
                       "runtime": {"command": "ODPS_PYTHON"}},
            "datasource": {"name": "odps_first", "type": "odps"},
        }]},
    })
    .to_string();
    let page = (number % 500 + 1).to_string();
    let (method, action, params) = match kind {
        Kind::Create => ("POST", "CreateResource", vec![("Spec", spec.as_str())]),
        Kind::ByName => ("GET", "ListResources", vec![("Name", name.as_str())]),
        Kind::Page => ("GET", "ListResources", vec![("PageSize", "100"), ("PageNumber", page.as_str())]),
    };
    let params = [params, vec![("ProjectId", PROJECT)]].concat();
    let coded = signer::encode(&params);
    let (query, body, target) = match method {
        "GET" => (params.as_slice(), "", format!("/?{coded}")),
        _ => (&[][..], coded.as_str(), "/".to_owned()),
    };
    let now = jiff::Timestamp::now().as_second();
    let date = jiff::Timestamp::from_second(now).map(|time| time.to_string());
    let headers = signer::headers(&signer::Unsigned {
        method,
        host,
        action,
        version: "2024-05-18",
        query,
        body,
        date: &date.unwrap_or_default(),
        nonce: &uuid::Uuid::new_v4().to_string(),
        access_key_id: "LTAIexampleAKID",
        secret: "exampleSecret",
        token: None,
    });
    let mut text = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    text.into_bytes()
}

/// Reads an answer, which must be a success with a known length.
async fn finish(stream: &mut BufReader<TcpStream>) -> Result<(), Failure> {
    let mut length = 0;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let status = line.clone();
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        match line.trim_end().split_once(": ") {
            Some(("content-length", value)) => length = value.parse()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    if !status.starts_with("HTTP/1.1 200") {
        let text = String::from_utf8_lossy(&body).into_owned();
        return Err(format!("{}: {text}", status.trim_end()).into());
    }
    Ok(())
}
