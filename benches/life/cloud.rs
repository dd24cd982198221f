//! The simulator as a process of its own, so that its work does not count as the operator's, and
//! its admin API.

use std::path::Path;
use std::process::Stdio;

use dataworks_simulator::{Call, Config, Counts, ProjectConfig, Settings};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// What each call takes before its effect.
pub(crate) const LATENCY_MS: u64 = 20;
/// Calls that the journal keeps: more than one life makes.
const JOURNAL: usize = 1_000_000;

/// A running simulator. It ends when this is dropped.
pub(crate) struct Cloud {
    url: String,
    http: reqwest::Client,
    _process: Child,
    _stdout: BufReader<ChildStdout>,
    _folder: TempDir,
}

#[derive(Deserialize)]
struct Asked {
    counts: Counts,
    calls: Vec<Call>,
}

impl Cloud {
    /// With these workspaces.
    pub(crate) async fn start(projects: &[u64]) -> Self {
        let config = Config {
            projects: projects.iter().map(|id| ProjectConfig::new(*id, format!("workspace_{id}"))).collect(),
            settings: Settings { latency_ms: LATENCY_MS, ..Settings::default() },
            journal_capacity: JOURNAL,
            ..Config::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        std::fs::write(&file, serde_json::to_vec(&config).unwrap()).unwrap();
        // Cargo puts all programs of the workspace beside each other.
        let program =
            Path::new(env!("CARGO_BIN_EXE_dataworks-operator")).with_file_name("dataworks-simulator");
        let mut process = Command::new(program)
            .arg("--config")
            .arg(&file)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the simulator is built: cargo build --release --workspace --bins");
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).await.unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let url = ready["url"].as_str().unwrap().to_owned();
        let http = reqwest::Client::new();
        Self { url, http, _process: process, _stdout: stdout, _folder: folder }
    }

    /// Where its API is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// All calls so far.
    pub(crate) async fn counts(&self) -> Counts {
        self.asked(u64::MAX).await.counts
    }

    /// The calls after a number.
    pub(crate) async fn calls_since(&self, since: u64) -> Vec<Call> {
        self.asked(since).await.calls
    }

    async fn asked(&self, since: u64) -> Asked {
        let url = format!("{}/_simulator/calls?since={since}", self.url);
        let answer = self.http.get(url).send().await.unwrap().error_for_status().unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// A stranger changes a file.
    pub(crate) async fn edit_outside(&self, id: &str) {
        let url = format!("{}/_simulator/resources/{id}", self.url);
        let edit = self.http.put(url).header("content-type", "application/json");
        let edit = edit.body(json!({ "content": "theirs" }).to_string()).send().await.unwrap();
        edit.error_for_status().unwrap();
    }
}
