//! Any text is a path with every property that is promised, or none, with a clean word on why.
#![no_main]

use dataworks_core::path::{MAX_NAME_BYTES, MAX_PATH_BYTES, ResourcePath, claim_key, is_forbidden};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let path = match text.parse::<ResourcePath>() {
        Ok(path) => path,
        Err(error) => return assert!(!error.to_string().chars().any(is_forbidden)),
    };
    assert_eq!(path.as_str(), text);
    assert!((1..=MAX_PATH_BYTES).contains(&text.len()));
    assert!(!text.chars().any(is_forbidden));
    assert!(text.split('/').all(|segment| !matches!(segment, "" | "." | "..")));

    let whole = match path.folder() {
        "" => path.name().to_owned(),
        folder => format!("{folder}/{}", path.name()),
    };
    assert_eq!(whole, text);
    assert!((1..=MAX_NAME_BYTES).contains(&path.name().len()) && !path.name().contains('/'));
    let suffix = path.suffix();
    assert!(suffix.is_empty() || suffix.starts_with('.') && path.name().to_lowercase().ends_with(&suffix));

    // As it stands in an object's JSON, and back.
    let json = serde_json::to_string(&path).unwrap();
    assert_eq!(serde_json::from_str::<ResourcePath>(&json).unwrap(), path);

    // Two spellings of one file have one key, so a key is its own key.
    let key = path.claim_key();
    assert_eq!(claim_key(&key), key);
    assert_eq!(claim_key(&text.to_lowercase()), key);
    assert!(key.ends_with(&path.name_claim_key()));
});
