//! The page of errors says all reasons and all known codes, and no other. No page names a metric that there is not.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;

use dataworks_core::api::condition::Reason;
use dataworks_core::codes::KNOWN;
use dataworks_core::fault::Class;

#[test]
fn every_reason_has_its_cure() {
    let page = include_str!("../../docs/errors.md");
    let (_, section) = page.split_once("## Reasons").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let told: BTreeSet<&str> = rows.map(|(reason, _)| reason).collect();
    let all: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(told, all);
}

fn treated_as(class: Class) -> &'static str {
    match class {
        Class::Throttled => "throttled",
        Class::Quota => "used up",
        Class::Transient => "may pass",
        Class::Denied => "access denied",
        Class::Terminal => "refused",
        Class::NotFound => "absence",
        Class::AlreadyExists => "taken",
    }
}

#[test]
fn the_page_of_errors_shows_every_line_and_no_other() {
    let page = include_str!("../../docs/errors.md");
    let (_, section) = page.split_once("## Codes of the service").unwrap();
    let told: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    let known: Vec<String> = KNOWN
        .iter()
        .map(|known| format!("| `{}` | {} | {} |", known.code, treated_as(known.class), known.cure))
        .collect();
    assert_eq!(told, known);
}

/// The words of a page that look like one of our metrics: not the operator's module, which log filters name.
fn metrics(page: &str) -> impl Iterator<Item = &str> {
    let words = page.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("dataworks_") && *word != "dataworks_operator")
}

#[test]
fn no_page_names_a_metric_that_is_not_in_the_table() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let table = std::fs::read_to_string(docs.join("observability.md")).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let all: BTreeSet<&str> = rows.map(|(name, _)| name).collect();
    let (mut named, mut strays) = (0, Vec::new());
    for folder in [docs.clone(), docs.join("runbooks")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|suffix| suffix != "md") {
                continue;
            }
            for name in metrics(&std::fs::read_to_string(&path).unwrap()) {
                named += 1;
                // What a query reads of a histogram; and what several begin with.
                let known = all.contains(name.strip_suffix("_bucket").unwrap_or(name));
                let begins = name.ends_with('_') && all.iter().any(|metric| metric.starts_with(name));
                if !known && !begins {
                    strays.push(format!("{}: {name}", path.display()));
                }
            }
        }
    }
    assert!(named > 50, "{named}");
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}
