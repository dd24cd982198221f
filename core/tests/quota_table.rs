//! The table of editions in docs/workspaces.md, computed by the code that keeps to it.
//!
//! `UPDATE_DOCS=1` writes it anew.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use dataworks_core::api::v1alpha1::Edition;
use dataworks_core::limit::{looks_apart, sweeps_a_day};
use k8s_openapi::jiff::SignedDuration;

/// Files of one call of a listing.
const PAGE: u64 = 100;
/// Intervals that a person would write, in minutes.
const INTERVALS: [i64; 9] = [60, 120, 180, 240, 360, 480, 720, 1440, 2880];
/// Days of a month, for what the service gives by the month.
const MONTH: u64 = 30;

/// Calls that a month has without being charged or refused, as the service's price list says; and workspaces of so many
/// files in all.
const EDITIONS: [(&str, Edition, u64, &[u64]); 4] = [
    ("Basic", Edition::Basic, 3_100, &[100, 400, 1_200]),
    ("Standard", Edition::Standard, 100_000, &[1_000, 10_000, 50_000]),
    ("Professional", Edition::Professional, 500_000, &[1_000, 10_000, 100_000]),
    ("Enterprise", Edition::Enterprise, 1_000_000, &[10_000, 100_000]),
];

fn number(count: u64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

/// The calls of a day that there are: the limit that the operator keeps, or the month's free calls in even parts.
fn a_day(edition: Edition, month: u64) -> u64 {
    edition.requests_per_day().unwrap_or(month / MONTH)
}

/// The shortest interval at which looks take no more than their part of the day.
fn shortest(pages: u64, share: u64) -> i64 {
    let fits = |minutes: &&i64| {
        let wanted = SignedDuration::from_mins(**minutes);
        looks_apart(wanted, pages, Some(share)) == Some(wanted)
    };
    *INTERVALS.iter().find(fits).unwrap()
}

/// So long do a thousand new files take: a call each, by the second or by the day.
fn a_thousand(edition: Edition, left: u64) -> String {
    match edition.requests_per_day() {
        Some(_) => format!("{} days", 1_000_u64.div_ceil(left)),
        None => {
            let seconds = 1_000.0 / edition.requests_per_second();
            format!("{:.0} min", (seconds / 60.0).ceil())
        }
    }
}

fn rows() -> String {
    let row = |name: &str, edition: Edition, month: u64, files: u64| {
        let (day, pages) = (a_day(edition, month), files.div_ceil(PAGE));
        let share = sweeps_a_day(day);
        let minutes = shortest(pages, share);
        let looks = pages * 1440 / u64::try_from(minutes).unwrap();
        assert!(looks <= share, "{name}, {files}: {looks} of {share}");
        let limit = if edition.requests_per_day().is_some() { "" } else { " free" };
        let left = day - looks;
        format!(
            "| {name} | {}{limit} | {} | {} | `{}h` | {} | {} | {} |\n",
            number(day),
            number(files),
            number(pages),
            minutes / 60,
            number(looks),
            number(left),
            a_thousand(edition, left),
        )
    };
    EDITIONS
        .iter()
        .flat_map(|(name, edition, month, sizes)| {
            sizes.iter().map(move |files| row(name, *edition, *month, *files))
        })
        .collect()
}

#[test]
fn the_table_of_editions_is_what_the_budget_does() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/workspaces.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let (begin, end) = ("<!-- table of editions -->\n", "<!-- end of table of editions -->\n");
    let (before, rest) = page.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let head = "| edition | calls a day | files in all workspaces | a look costs | `driftInterval` | looks cost a day | left for \
                changes | 1,000 new files take |\n|---|---|---|---|---|---|---|---|\n";
    let text = format!("{before}{begin}{head}{}{end}{after}", rows());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap();
    assert!(found == text, "docs/workspaces.md is stale: run the core's tests with UPDATE_DOCS=1");
    // What stands beside the table.
    let most = sweeps_a_day(Edition::Basic.requests_per_day().unwrap()) * PAGE;
    assert!(page.contains(&format!("more than {} files", number(most))), "{most}");
}
