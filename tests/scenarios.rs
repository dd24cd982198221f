//! Stories: scripts of what people and clouds do, with golden transcripts of what came of it.
//!
//! `tests/scenarios/README.md` has the commands. `UPDATE_SCENARIOS=1` writes the transcripts anew,
//! `SCENARIO=name` runs one script.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod scenario;
mod support;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

/// Stories told at a time: each has an operator, and most of its time it waits.
const AT_A_TIME: usize = 4;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_A_TIME);
    if let Some(name) = std::env::var("SCENARIO").ok().filter(|name| !name.is_empty()) {
        arguments.filter = Some(name);
        arguments.exact = true;
    }
    let trials = files("txt").into_iter().map(|script| {
        let name = script.file_stem().unwrap().to_string_lossy().into_owned();
        Trial::test(name, move || tell(&script))
    });
    let whole = Trial::test("every-transcript-has-its-script", every_transcript_has_its_script);
    libtest_mimic::run(&arguments, trials.chain([whole]).collect()).exit_code()
}

/// The files of the folder with this extension.
fn files(extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

fn every_transcript_has_its_script() -> Result<(), Failed> {
    let left: Vec<PathBuf> =
        files("golden").into_iter().filter(|golden| !golden.with_extension("txt").exists()).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("no script for {left:?}").into()) }
}

/// Tells one story and compares it with its golden transcript.
fn tell(script: &Path) -> Result<(), Failed> {
    let golden = script.with_extension("golden");
    let told = scenario::run(script)?;
    if std::env::var_os("UPDATE_SCENARIOS").is_some() {
        std::fs::write(golden, told.transcript)?;
        return Ok(());
    }
    let wanted = std::fs::read_to_string(&golden).unwrap_or_default();
    if told.transcript == wanted {
        return Ok(());
    }
    let diff = similar::TextDiff::from_lines(&wanted, &told.transcript);
    let diff = diff.unified_diff().context_radius(5).header("golden", "told").to_string();
    Err(format!("{}\n{}\nUPDATE_SCENARIOS=1 writes it anew.", diff, told.logs).into())
}
