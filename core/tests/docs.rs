//! The page of reasons says all of them, and no other.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use dataworks_core::api::condition::Reason;

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
