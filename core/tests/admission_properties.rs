//! Admission and conversion hold the same rules: what one takes, the other takes.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use dataworks_core::api::v1alpha1::DataWorksResourceSpec;
use dataworks_core::desired::Desired;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use support::Admission;

/// Texts made of the pieces that rules look at.
fn text() -> impl Strategy<Value = String> {
    let pieces = [
        "a", "Z", "9", "_", "-", ".", "..", "/", "//", " ", "\u{a0}", "\u{3000}", "\u{e9}", "\n", "\u{7f}",
        "\u{85}", "\u{202e}", ".py", ".JAR", ".tar.gz", ".gz", "http://", "https://", "@", "?", "#", "odps",
        "emr", "ODPS_JAR",
    ];
    prop::collection::vec(select(pieces.to_vec()), 0..5).prop_map(|pieces| pieces.concat())
}

fn path() -> impl Strategy<Value = String> {
    let suffixes = [".py", ".PY", ".jar", ".zip", ".tar.gz", ".txt", ""];
    prop_oneof![3 => select(suffixes.to_vec()).prop_map(|suffix| format!("XX/a{suffix}")), 1 => text()]
}

fn datasource() -> impl Strategy<Value = Value> {
    let types = ["odps", "emr", "cdh", "hologres"].map(str::to_owned).to_vec();
    let type_ = prop_oneof![4 => select(types), 1 => text()];
    let name = prop_oneof![4 => Just("d".to_owned()), 1 => text()];
    (name, type_).prop_map(|(name, type_)| json!({"name": name, "type": type_}))
}

fn command() -> impl Strategy<Value = String> {
    let known = [
        "ODPS_PYTHON",
        "ODPS_JAR",
        "ODPS_ARCHIVE",
        "ODPS_FILE",
        "EMR_JAR",
        "EMR_FILE",
        "CDH_JAR",
        "CDH_FILE",
    ];
    prop_oneof![9 => select(known.map(str::to_owned).to_vec()), 1 => text()]
}

fn content() -> impl Strategy<Value = Value> {
    let location = prop_oneof![2 => Just("https://example.com/a".to_owned()), 2 => text().prop_map(|t| format!("http://{t}")), 1 => text()];
    let sha256 = option::of(prop_oneof![Just("aB".repeat(32)), text()]);
    let url = (location, sha256).prop_map(|(location, sha256)| match sha256 {
        Some(sha256) => json!({"location": location, "sha256": sha256}),
        None => json!({"location": location}),
    });
    prop_oneof![
        4 => url.prop_map(|url| json!({"url": url})),
        4 => text().prop_map(|text| json!({"inline": text})),
        1 => Just(json!({})),
        1 => Just(json!({"inline": "", "url": {"location": "https://example.com"}})),
    ]
}

fn typed() -> impl Strategy<Value = Value> {
    let types = select(vec!["Python", "Jar", "Archive", "File"]);
    let storage = select(vec![
        json!({"type": "local", "root": "/x"}),
        json!({"type": "oss", "root": "/x"}),
        json!({"type": "hdfs", "hdfsUser": "u"}),
        json!({"type": "local", "bucket": "b"}),
    ]);
    let rare = (option::weighted(0.2, text()), option::weighted(0.2, text()), option::weighted(0.2, storage));
    let often = (
        option::weighted(0.9, path()),
        option::of(types),
        option::of(datasource()),
        option::weighted(0.3, command()),
    );
    (often, option::weighted(0.9, content()), rare, -1_i64..3).prop_map(|(often, content, rare, project)| {
        let (path, type_, datasource, command) = often;
        let (owner, group, storage) = rare;
        let mut spec = json!({
            "path": path, "type": type_, "datasource": datasource, "command": command, "content": content,
            "owner": owner, "resourceGroup": group, "storage": storage, "projectId": project.max(0),
        });
        spec.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        spec
    })
}

fn raw() -> impl Strategy<Value = Value> {
    let type_ = option::of(
        prop_oneof![4 => select(vec!["python", "jar", "archive", "file"]).prop_map(str::to_owned), 1 => text()],
    );
    let own_name = option::weighted(0.1, text());
    let text_of_script = option::of(select(vec!["", "x"]));
    let parts = (path(), own_name, type_, command(), option::of(datasource()), text_of_script);
    (parts, option::of(content()), select(vec!["", "1.1.0"]), option::weighted(0.1, text())).prop_map(
        |((path, name, type_, command, datasource, text), content, version, owner)| {
            let name = name.unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default().to_owned());
            let mut script = json!({"path": path, "content": text, "runtime": {"command": command}});
            script.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            let mut resource =
                json!({"name": name, "type": type_, "script": script, "datasource": datasource});
            resource.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            let document =
                json!({"version": version, "kind": "Resource", "spec": {"fileResources": [resource]}});
            let mut spec = json!({"projectId": 1, "flowSpec": document, "content": content, "owner": owner});
            spec.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            spec
        },
    )
}

thread_local! {
    static ADMISSION: Admission = Admission::new();
}

fn agree(spec: &Value) -> Result<(), TestCaseError> {
    let object = json!({
        "apiVersion": "dataworks.alibabacloud.com/v1alpha1",
        "kind": "DataWorksResource",
        "metadata": {"name": "a"},
        "spec": spec,
    });
    let refusals = ADMISSION.with(|admission| admission.refusals(&object, None));
    let parsed: DataWorksResourceSpec = serde_json::from_value(spec.clone()).unwrap();
    let desired = Desired::from_spec(&parsed);
    prop_assert_eq!(
        refusals.is_empty(),
        desired.is_ok(),
        "{}\nadmission {:?}\nconversion {:?}",
        spec,
        refusals,
        desired
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn typed_specs(spec in typed()) {
        agree(&spec)?;
    }

    #[test]
    fn raw_specs(spec in raw()) {
        agree(&spec)?;
    }
}
