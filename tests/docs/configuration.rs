//! The tables of flags are those of the program, and no page names a variable that nothing reads.
//!
//! `UPDATE_DOCS=1` writes the tables anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::{Args as _, Command};
use dataworks_operator::cli::RunArgs;
use regex::Regex;

use crate::markdown::{pages, top};

/// Read by others than the operator: the simulator, and scripts and tests of this repository.
const OF_OTHERS: [&str; 3] = ["DATAWORKS_SIMULATOR_", "DATAWORKS_DEV_", "DATAWORKS_TEST_"];

/// The flags under a heading of `--help`, as a table.
fn table(command: &Command, heading: Option<&str>) -> String {
    let mut table = "| flag | variable | default | meaning |\n|---|---|---|---|\n".to_owned();
    for flag in command.get_arguments().filter(|flag| flag.get_help_heading() == heading) {
        let variable = flag.get_env().unwrap().to_str().unwrap();
        let defaults: Vec<String> =
            flag.get_default_values().iter().map(|value| format!("`{}`", value.to_str().unwrap())).collect();
        let default = if flag.get_action().takes_values() { defaults.join(", ") } else { String::new() };
        let help = flag.get_help().unwrap().to_string().replace('|', "\\|");
        let _ = writeln!(table, "| `--{}` | `{variable}` | {default} | {help} |", flag.get_long().unwrap());
    }
    table
}

#[test]
fn the_tables_of_flags_are_fresh() {
    let command = RunArgs::augment_args(Command::new("run"));
    let file = top().join("docs/configuration.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let mut wanted = page.clone();
    for (mark, heading) in [("flags", None), ("bounds", Some("Bounds (advanced)"))] {
        let (before, rest) = wanted.split_once(&format!("<!-- {mark} -->\n")).unwrap();
        let (_, after) = rest.split_once("<!-- end -->\n").unwrap();
        wanted = format!("{before}<!-- {mark} -->\n\n{}\n<!-- end -->\n{after}", table(&command, heading));
    }
    for flag in command.get_arguments() {
        assert!(wanted.contains(&format!("| `--{}` |", flag.get_long().unwrap())), "{flag} is in no table");
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap();
    assert!(found == wanted, "docs/configuration.md is stale: run `make reference`");
}

#[test]
fn every_variable_in_the_documents_is_read_by_something() {
    let command = RunArgs::augment_args(Command::new("run"));
    let read: BTreeSet<String> =
        command.get_arguments().filter_map(|flag| Some(flag.get_env()?.to_str()?.to_owned())).collect();
    let word = Regex::new(r"\bDATAWORKS_[A-Z_]*[A-Z]\b").unwrap();
    let mut seen = BTreeSet::new();
    for page in pages().values() {
        for name in word.find_iter(&page.text).map(|found| found.as_str()) {
            let known = read.contains(name) || OF_OTHERS.iter().any(|prefix| name.starts_with(prefix));
            assert!(known, "{}: nothing reads {name}", page.path.display());
            seen.insert(name.to_owned());
        }
    }
    assert!(seen.len() > 10, "{seen:?}");
}
