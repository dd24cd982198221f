//! The parts of the scenario runner.

mod cloud;
mod mask;
mod objects;
mod processes;
mod script;
mod show;
mod story;
mod wait;

use std::panic::AssertUnwindSafe;
use std::path::Path;

use futures::FutureExt as _;

use crate::support::DEADLINE;

use script::{Command, Item};
use story::Story;

/// A story that was told to its end.
pub(crate) struct Told {
    /// What a reader sees.
    pub(crate) transcript: String,
    /// Where the operators' logs are, for somebody who asks why.
    pub(crate) logs: String,
}

/// Runs a script.
///
/// # Errors
/// What failed, with file and line.
pub(crate) fn run(script: &Path) -> Result<Told, String> {
    let name = script.file_stem().unwrap().to_string_lossy();
    let shown = format!("tests/scenarios/{name}.txt");
    let text = std::fs::read_to_string(script).map_err(|error| format!("{shown}: {error}"))?;
    let items = script::parse(&text).map_err(|error| format!("{shown}: {error}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let alone =
            items.iter().any(|item| matches!(item, Item::Command(c) if c.text.starts_with("apiserver ")));
        let mut story = Story::begin(alone).await;
        let mut transcript = String::new();
        for item in &items {
            match item {
                Item::Text(line) => transcript.push_str(&format!("{line}\n")),
                Item::Command(command) => {
                    transcript.push_str(&echo(command));
                    match obey(&mut story, command).await {
                        Ok(output) => {
                            for line in story.mask.hide(&output).lines() {
                                transcript.push_str(&format!("  {line}\n"));
                            }
                        }
                        Err(error) => {
                            let logs = story.keep_logs(&name);
                            return Err(format!(
                                "{shown}:{}: {error}\n\nSo far:\n{transcript}\n{logs}",
                                command.line
                            ));
                        }
                    }
                }
            }
        }
        let logs = story.keep_logs(&name);
        Ok(Told { transcript, logs })
    })
}

/// A command with an end: kubectl may wait for ever.
async fn obey(story: &mut Story, command: &Command) -> Result<String, String> {
    let work = AssertUnwindSafe(story.command(command)).catch_unwind();
    match tokio::time::timeout(DEADLINE * 2, work).await {
        Ok(end) => end.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))),
        Err(_) => Err("it does not end".to_owned()),
    }
}

fn echo(command: &Command) -> String {
    let mut text = format!("> {}\n", command.text);
    for line in &command.block {
        text.push_str(&format!("> {line}\n"));
    }
    text
}

/// What a panic said. The parts of the test support panic where a story cannot go on.
fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}
