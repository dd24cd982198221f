//! The vendor's own Python SDK drives every operation. It is installed once, pinned, into the
//! repository's cache; a machine without Python fails this test rather than skipping it.

#![expect(clippy::expect_used, clippy::panic, reason = "what helps tests fails like tests")]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dataworks_simulator::{Config, Simulator};

const REQUIREMENTS: &str = include_str!("sdk/requirements.txt");

fn run(what: &str, command: &mut Command) -> Output {
    let output =
        command.output().unwrap_or_else(|error| panic!("{what}: {command:?} cannot be started: {error}"));
    assert!(
        output.status.success(),
        "{what}: {command:?} failed\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Where environments are kept: `python/` in the cache of the repository or of the developer.
fn cache() -> PathBuf {
    let base = std::env::var_os("DATAWORKS_DEV_CACHE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache"), PathBuf::from);
    base.join("python")
}

/// The Python of an environment that has exactly the requirements.
fn python() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    REQUIREMENTS.hash(&mut hasher);
    let home = cache().join(format!("sdk-{:016x}", hasher.finish()));
    let interpreter = home.join("bin/python");
    // Written last: an installation that was interrupted is begun again.
    let complete = home.join("complete");
    if complete.exists() {
        return interpreter;
    }
    if home.exists() {
        std::fs::remove_dir_all(&home).expect("an unfinished environment can be removed");
    }
    std::fs::create_dir_all(cache()).expect("the cache can be made");
    run("this test needs python3 with venv", Command::new("python3").args(["-m", "venv"]).arg(&home));
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/requirements.txt");
    run(
        "the vendor's SDK is installed from the package index",
        Command::new(&interpreter)
            .args(["-m", "pip", "install", "--quiet", "--no-deps"])
            .args(["--disable-pip-version-check", "--requirement"])
            .arg(requirements),
    );
    run("the pinned packages fit together", Command::new(&interpreter).args(["-m", "pip", "check"]));
    std::fs::write(complete, "").expect("the mark can be written");
    interpreter
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendor_s_sdk_drives_every_operation() {
    let simulator = Simulator::start(Config::default()).await.expect("a simulator");
    let url = simulator.url();
    let output = tokio::task::spawn_blocking(move || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/drive.py");
        run("the vendor's SDK", Command::new(python()).arg(script).arg(url))
    })
    .await
    .expect("the script's thread");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.ends_with("passed\n"), "{text}");
}
