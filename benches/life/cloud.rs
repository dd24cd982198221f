//! The simulator as a process of its own, so that its work does not count as the operator's.

use std::ops::Deref;
use std::path::Path;
use std::process::Stdio;

use dataworks_simulator::{Config, ProjectConfig, Settings};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::admin::Admin;

/// What each call takes before its effect.
pub(crate) const LATENCY_MS: u64 = 20;
/// Calls that the journal keeps: more than one life makes.
const JOURNAL: usize = 1_000_000;

/// A running simulator. It ends when this is dropped.
pub(crate) struct Cloud {
    admin: Admin,
    _process: Child,
    _stdout: BufReader<ChildStdout>,
    _folder: TempDir,
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
        let admin = Admin::new(ready["url"].as_str().unwrap().to_owned());
        Self { admin, _process: process, _stdout: stdout, _folder: folder }
    }
}

/// What it is asked.
impl Deref for Cloud {
    type Target = Admin;

    fn deref(&self) -> &Admin {
        &self.admin
    }
}
