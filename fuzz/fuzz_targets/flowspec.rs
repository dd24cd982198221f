//! Any text is a document of one file resource that is written and read back as it was, or is refused with findings.
#![no_main]

use dataworks_core::flowspec::parse;
use dataworks_core::path::is_forbidden;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let document = match parse(text) {
        Ok(document) => document,
        Err(problems) => {
            assert!(!problems.is_empty());
            return assert!(problems.iter().all(|problem| !problem.cure.is_empty()));
        }
    };
    let printed = document.to_json();
    assert_eq!(parse(&printed).as_ref(), Ok(&document), "{printed}");
    assert!(!printed.contains('\n') && !printed.chars().any(|c| c < ' '));

    let value: Value = serde_json::from_str(&printed).unwrap();
    let resources = value["spec"]["fileResources"].as_array().unwrap();
    assert_eq!(resources.len(), 1);
    let path = document.resource.script.path.as_str();
    assert_eq!(resources[0]["script"]["path"], path);
    assert_eq!(resources[0]["name"], document.name());
    assert!(!path.chars().any(is_forbidden));
});
