//! The offline commands, from text to text.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use dataworks_operator::cli::documents::{Exit, Source, Streams};
use dataworks_operator::cli::{crds, flowspec, validate};

type Command = fn(&[Source], &mut Streams<'_>) -> io::Result<Exit>;

/// Exit, standard output and standard error of a command over standard input.
fn run(command: Command, input: &str) -> (Exit, String, String) {
    run_on(command, &[Source::Stdin], input)
}

fn run_on(command: Command, sources: &[Source], input: &str) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut stdin = input.as_bytes();
    let exit = command(sources, &mut Streams { stdin: &mut stdin, out: &mut out, err: &mut err }).unwrap();
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

const GOOD: &str = r#"
apiVersion: dataworks.alibabacloud.com/v1alpha1
kind: DataWorksResource
metadata: {name: good, namespace: team}
spec: {projectId: 1, path: XX/a.py, datasource: {name: o, type: odps}, content: {inline: "print(1)\n"}}
"#;
const BAD: &str = r"
apiVersion: dataworks.alibabacloud.com/v1alpha1
kind: DataWorksResource
metadata: {name: bad}
spec: {projectId: 0, path: /a.py, content: {}}
";
const OTHER: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {}}\n";

#[test]
fn a_good_manifest_is_valid() {
    assert_eq!(
        run(validate::validate, GOOD),
        (Exit::Good, "stdin: document 1 (team/good): valid\n".to_owned(), String::new())
    );
}

#[test]
fn every_finding_of_a_bad_manifest_has_its_place() {
    let (exit, out, err) = run(validate::validate, &format!("{GOOD}---\n{OTHER}---\n# nothing\n---\n{BAD}"));
    assert_eq!(exit, Exit::Invalid);
    assert_eq!(out, "stdin: document 1 (team/good): valid\n");
    let mut lines: Vec<&str> = err.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "stdin: document 2 (c): skipped: ConfigMap of v1 is none of ours",
            "stdin: document 3 (bad): spec.content: content needs exactly one of inline, configMapKeyRef and url: write inline for text, configMapKeyRef for a key of a ConfigMap, or url for a file to download",
            "stdin: document 3 (bad): spec.path: the path begins with '/', but paths are relative to the workspace: remove the leading '/'",
            "stdin: document 3 (bad): spec.projectId: projectId is not positive: write the workspace's id, a number from 1, as the console shows it",
        ]
    );
}

#[test]
fn unknown_fields_and_wrong_types_are_findings() {
    let text = GOOD.replace("projectId: 1", "projectId: one, pathh: x").replace("name: good", "name: Good_1");
    let (exit, out, err) = run(validate::validate, &text);
    assert_eq!((exit, out.as_str()), (Exit::Invalid, ""));
    let place = "stdin: document 1 (team/Good_1)";
    for finding in [
        "spec.projectId: Invalid value: \"string\": spec.projectId in body must be of type integer: \"string\"",
        "spec.pathh: unknown field",
        "metadata.name: \"Good_1\" is no name of an object",
    ] {
        assert!(err.contains(&format!("{place}: {finding}")), "{err}");
    }
}

#[test]
fn one_bad_document_hides_no_other() {
    let (exit, out, err) = run(validate::validate, &format!("a: [\n---\n{GOOD}"));
    assert_eq!((exit, out.as_str()), (Exit::Invalid, "stdin: document 2 (team/good): valid\n"));
    assert!(err.starts_with("stdin: document 1: is not YAML: "), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}

#[test]
fn kinds_and_versions_of_our_group_must_be_known() {
    let (exit, _, err) = run(validate::validate, &GOOD.replace("v1alpha1", "v2"));
    assert_eq!(exit, Exit::Invalid);
    assert!(
        err.contains("(team/good): kind: DataWorksResource of dataworks.alibabacloud.com/v2 is not known"),
        "{err}"
    );
    let (exit, _, err) = run(validate::validate, "a: 1");
    assert_eq!(exit, Exit::Invalid);
    assert!(err.contains("apiVersion or kind is missing"), "{err}");
}

#[test]
fn json_one_after_the_other_and_lists_are_read() {
    let object = |name: &str| {
        format!(
            r#"{{"apiVersion":"dataworks.alibabacloud.com/v1alpha1","kind":"DataWorksResource","metadata":{{"name":"{name}"}},"spec":{{"projectId":1,"path":"{name}.py","owner":null,"content":{{"inline":""}}}}}}"#
        )
    };
    let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{},{}]}}"#, object("b"), object("c"));
    let (exit, out, err) = run(validate::validate, &format!("{}\n{list}", object("a")));
    assert_eq!((exit, err.as_str()), (Exit::Good, ""));
    assert_eq!(
        out,
        "stdin: document 1 (a): valid\nstdin: document 2 (b): valid\nstdin: document 2 (c): valid\n"
    );
}

#[test]
fn what_cannot_be_read_is_told_apart() {
    let missing = Source::File("no/such/file.yaml".into());
    let (exit, out, err) = run_on(validate::validate, &[missing, Source::Stdin], GOOD);
    assert_eq!((exit, out.as_str()), (Exit::Unreadable, "stdin: document 1 (team/good): valid\n"));
    assert!(err.starts_with("no/such/file.yaml: cannot be read: "), "{err}");
    assert_eq!(run_on(validate::validate, &[], "").0, Exit::Unreadable);
    assert_eq!([Exit::Good, Exit::Invalid, Exit::Unreadable].map(Exit::code), [0, 1, 2]);
    assert_eq!("-".parse(), Ok(Source::Stdin));
}

#[test]
fn the_largest_content_passes() {
    let text = "x = 1\n".repeat(131_072 / 6);
    let manifest = GOOD.replace("\"print(1)\\n\"", &serde_json::to_string(&text).unwrap());
    assert_eq!(run(validate::validate, &manifest).0, Exit::Good);
}

#[test]
fn a_manifest_becomes_its_document() {
    let (exit, out, err) = run(flowspec::flowspec, GOOD);
    assert_eq!((exit, err.as_str()), (Exit::Good, ""));
    assert_eq!(
        out,
        concat!(
            r#"{"version":"1.1.0","kind":"Resource","spec":{"fileResources":[{"name":"a.py","#,
            r#""script":{"content":"print(1)\n","path":"XX/a.py","runtime":{"command":"ODPS_PYTHON"}},"#,
            r#""type":"python","file":{"storage":{}},"datasource":{"name":"o","type":"odps"}}]}}"#,
            "\n"
        )
    );
    let map = GOOD.replace("inline: \"print(1)\\n\"", "configMapKeyRef: {name: m, key: a.py}");
    let (exit, out, err) = run(flowspec::flowspec, &map);
    assert_eq!(
        (exit, err.as_str()),
        (Exit::Good, "stdin: document 1 (team/good): content: key a.py of ConfigMap m, not read here\n")
    );
    assert!(out.contains(r#""content":"","path":"XX/a.py""#), "{out}");
    let (exit, out, err) = run(flowspec::flowspec, BAD);
    assert_eq!((exit, out.as_str()), (Exit::Invalid, ""));
    assert_eq!(err.lines().count(), 3, "{err}");
}

#[test]
fn every_example_is_valid_and_on_its_own_path() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut paths, mut count) = (BTreeSet::new(), 0);
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "yaml")) {
        let sources = [Source::File(file.clone())];
        let (exit, _, err) = run_on(validate::validate, &sources, "");
        assert_eq!((exit, err.as_str()), (Exit::Good, ""), "{}", file.display());
        for line in run_on(flowspec::flowspec, &sources, "").1.lines() {
            let document: serde_json::Value = serde_json::from_str(line).unwrap();
            paths.insert(document["spec"]["fileResources"][0]["script"]["path"].to_string());
            count += 1;
        }
    }
    assert!(count >= 5, "{count}");
    assert_eq!(paths.len(), count);
}

#[test]
fn crds_are_what_the_folder_holds() {
    let mut out = Vec::new();
    crds::crds(&mut out).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let file = |kind: &str| {
        std::fs::read_to_string(folder.join(format!("dataworks.alibabacloud.com_{kind}.yaml"))).unwrap()
    };
    let all = format!("{}---\n{}", file("dataworksresources"), file("dataworksworkspaces"));
    assert_eq!(String::from_utf8(out).unwrap(), all);
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 2);
}

/// Whose manifest it is, is not asked: it comes by a pull request, and what is said of it goes to a terminal.
#[test]
fn no_manifest_gives_orders_to_the_terminal() {
    let orders = "x\u{1b}[2J\u{9b}31m\r\n::error::forged\u{202e}\u{2028}";
    let is_order = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let api = "dataworks.alibabacloud.com/v1alpha1";
    let object = |kind: &str, name: &str, spec: serde_json::Value| {
        serde_json::json!({
            "apiVersion": if kind == "DataWorksResource" { api } else { kind }, "kind": kind,
            "metadata": {"name": name, "namespace": name}, "spec": spec,
        })
    };
    let url = format!("https://example.com/{}", orders.replace(['\r', '\n', '\u{1b}'], ""));
    let good = serde_json::json!({"projectId": 1, "path": "a.jar", "content": {"url": {"location": url}}});
    let raw = serde_json::json!({"projectId": 1, "flowSpec": {orders: orders, "kind": orders, "spec": {orders: 1}}});
    let rows = [
        object("DataWorksResource", orders, good.clone()).to_string(),
        object("DataWorksResource", "url", good).to_string(),
        object("DataWorksResource", "raw", raw).to_string(),
        object(
            "DataWorksResource",
            "odd",
            serde_json::json!({orders: orders, "path": orders, "type": orders}),
        )
        .to_string(),
        object("DataWorksResource", "odd", serde_json::json!(orders)).to_string(),
        object(orders, orders, serde_json::json!({})).to_string(),
        object(&format!("{api}x"), orders, serde_json::json!({})).to_string(),
        "a: \u{1b}[2J\u{9b}: b: {".to_owned(),
        format!("? {orders}"),
    ];
    for input in rows {
        for command in [validate::validate as Command, flowspec::flowspec] {
            let (_, out, err) = run(command, &input);
            let line = |line: &str| assert!(!line.chars().any(is_order), "{line:?}");
            err.lines().for_each(line);
            assert!(err.lines().chain(out.lines()).all(|line| !line.starts_with("::error")), "{err}");
            // The document is data: it is as it would be sent, and one line of JSON.
            for line in out.lines().filter(|line| line.starts_with('{')) {
                serde_json::from_str::<serde_json::Value>(line).unwrap();
            }
        }
    }
}

#[test]
fn more_than_the_operator_takes_is_told() {
    let with = |more: serde_json::Value| {
        serde_json::json!({
            "apiVersion": "dataworks.alibabacloud.com/v1alpha1", "kind": "DataWorksResource", "metadata": {"name": "n"},
            "spec": {"projectId": 1, "flowSpec": {"version": "1.1.0", "kind": "Resource", "more": more, "spec": {
                "fileResources": [{"name": "a.py", "script": {"path": "a.py", "runtime": {"command": "ODPS_PYTHON"}}}],
            }}},
        })
    };
    let (exit, _, err) = run(validate::validate, &with(serde_json::json!(vec![0; 9_000])).to_string());
    assert_eq!((exit, err.as_str()), (Exit::Good, ""));
    for more in [serde_json::json!(vec![0; 10_000]), serde_json::json!("x".repeat(400_000))] {
        let (exit, _, err) = run(validate::validate, &with(more).to_string());
        assert_eq!(exit, Exit::Invalid);
        assert!(err.contains("spec: holds more than 10000 values"), "{err}");
    }
}
