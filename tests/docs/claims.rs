//! Each claim of the security page names a test that is there.

use std::path::Path;

use crate::markdown::{pages, top};

#[test]
fn every_claim_names_a_test_that_is_there() {
    let pages = pages();
    let page = &pages[Path::new("docs/security.md")];
    let (_, section) = page.text.split_once("\n## Claims and their tests\n").unwrap();
    let mut count = 0;
    for row in section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| claim")) {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let tests: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test: {row}");
        for test in tests {
            count += 1;
            let (file, name) = test.split_once("::").unwrap_or((test, ""));
            let text = std::fs::read_to_string(top().join(file)).unwrap_or_default();
            let there =
                if name.is_empty() { !text.is_empty() } else { text.contains(&format!("fn {name}(")) };
            assert!(there, "there is no {test}");
        }
    }
    assert!(count > 20, "{count}");
}
