//! The sources themselves: no write to the cloud or to an object stands outside of `around`. The count of calls in a
//! ConfigMap, which may be late by minutes, is none.

use std::path::Path;

/// No write is forgotten: in the sources each stands inside `around`.
#[test]
fn every_write_passes_a_place() {
    let writes = [
        ".patch_metadata(",
        ".patch_status(",
        ".patch_raw_status(",
        ".patch_workspace(",
        ".patch_workspace_status(",
        ".post_object(",
        ".create_resource(",
        ".update_resource(",
        ".delete_resource(",
        ".move_resource(",
        ".rename_resource(",
        ".create_pipeline_run(",
        ".exec_pipeline_run_stage(",
        ".abolish_pipeline_run(",
    ];
    let mut seen = 0;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (file, text) in ["reconcile", "workspace"].iter().flat_map(|folder| sources(&source.join(folder))) {
        if file.ends_with("kube_client.rs") {
            continue;
        }
        for write in writes {
            for (at, _) in text.match_indices(write) {
                seen += 1;
                assert!(is_around(&text, at), "{file}: `{write}` outside of around(Place::…, …)");
            }
        }
    }
    assert!(seen >= 14, "the sources were found: {seen}");
}

/// True when the call at `at` is an argument of `around`, or bound to a name that is.
fn is_around(text: &str, at: usize) -> bool {
    let begin = text[..at].rfind([';', '{', '}']).map_or(0, |begin| begin + 1);
    let statement = text[begin..at].trim_start();
    if statement.contains("around(") {
        return true;
    }
    let name = statement.strip_prefix("let ").and_then(|rest| rest.split(' ').next());
    let after = text[at..].split_once(";\n").map(|(_, after)| after.trim_start()).unwrap_or_default();
    let next = after.split(';').next().unwrap_or_default();
    let passed = |name: &str| [format!(", {name})"), format!(", departure.with({name}))")];
    name.is_some_and(|name| {
        next.contains("around(Place::") && passed(name).iter().any(|passed| next.contains(passed))
    })
}

fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path.to_str().unwrap().to_owned(), text));
        }
    }
    found
}
