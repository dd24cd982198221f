//! Every link within the repository leads to a file that is there, and to a heading of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use crate::markdown::{Page, pages, top};

/// How a page names what it cannot reach otherwise.
const REPOSITORY: &str = "https://github.com/dataworks-operator/dataworks-operator/";

/// What is wrong with a link, if anything is.
fn problem(page: &Page, link: &str, pages: &BTreeMap<PathBuf, Page>) -> Option<String> {
    let (target, anchor) =
        link.split_once('#').map_or((link, None), |(target, anchor)| (target, Some(anchor)));
    let path = if let Some(rest) = target.strip_prefix(REPOSITORY) {
        PathBuf::from(rest.strip_prefix("blob/main/").or_else(|| rest.strip_prefix("tree/main/"))?)
    } else if target.contains(':') {
        return None;
    } else if target.is_empty() {
        page.path.clone()
    } else {
        plain(&page.path.parent()?.join(target))
    };
    if !top().join(&path).exists() {
        return Some(format!("{} is not there", path.display()));
    }
    let anchor = anchor?;
    match pages.get(&path) {
        Some(target) if target.anchors.contains(anchor) => None,
        Some(_) => Some(format!("{} has no heading for #{anchor}", path.display())),
        None => Some(format!("{} has no headings", path.display())),
    }
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    let pages = pages();
    let (mut links, mut problems) = (0, Vec::new());
    for page in pages.values() {
        for link in &page.links {
            links += 1;
            if let Some(problem) = problem(page, link, &pages) {
                problems.push(format!("{}: {link}: {problem}", page.path.display()));
            }
        }
    }
    assert!(links > 100, "{links}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_page_is_in_the_book_once() {
    let pages = pages();
    let summary = Path::new("docs/SUMMARY.md");
    let listed: Vec<PathBuf> = pages[summary].links.iter().map(|link| Path::new("docs").join(link)).collect();
    let once: BTreeSet<&PathBuf> = listed.iter().collect();
    let written: BTreeSet<&PathBuf> =
        pages.keys().filter(|path| path.starts_with("docs") && *path != summary).collect();
    let missing: Vec<_> = written.difference(&once).collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md lacks a line for {missing:?}");
    let gone: Vec<_> = once.difference(&written).collect();
    assert!(gone.is_empty(), "docs/SUMMARY.md names pages that are not there: {gone:?}");
    assert_eq!(listed.len(), once.len(), "a page stands twice in docs/SUMMARY.md");
}
