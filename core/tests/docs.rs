//! The page of errors says all reasons and all known codes, and no other.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

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
