//! Manifests in the documents are what `validate` takes.

use dataworks_operator::cli::documents::{Exit, Source, Streams};
use dataworks_operator::cli::validate::validate;

use crate::markdown::pages;

#[test]
fn every_manifest_of_ours_is_valid() {
    let mut count = 0;
    for page in pages().values() {
        let manifests = page.blocks.iter().filter(|(language, text)| {
            language == "yaml"
                && text.lines().any(|line| line.starts_with("apiVersion: dataworks.alibabacloud.com/"))
        });
        for (_, text) in manifests {
            count += 1;
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut stdin = text.as_bytes();
            let mut streams = Streams { stdin: &mut stdin, out: &mut out, err: &mut err };
            let exit = validate(&[Source::Stdin], &mut streams).unwrap();
            let findings = String::from_utf8(err).unwrap();
            assert_eq!(exit, Exit::Good, "{}: {findings}\n{text}", page.path.display());
        }
    }
    assert!(count > 2, "{count}");
}
