//! Whatever a spec says, its document reads back as the same.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use dataworks_core::api::v1alpha1::DataWorksResourceSpec;
use dataworks_core::desired::Desired;
use dataworks_core::flowspec::parse;
use proptest::prelude::*;
use serde_json::json;

proptest! {
    #[test]
    fn a_document_reads_back(folder in "[a-z\u{e9}]{1,8}", stem in "[^/\\p{C}]{1,12}", text in "\\PC{0,64}", owner in proptest::option::of("[0-9]{1,8}")) {
        let mut value = json!({"projectId": 1, "path": format!("{folder}/{stem}.py"), "content": {"inline": text}});
        if let Some(owner) = owner {
            value["owner"] = json!(owner);
        }
        let spec: DataWorksResourceSpec = serde_json::from_value(value).unwrap();
        let desired = Desired::from_spec(&spec).unwrap();
        let read = parse(&desired.document_json()).unwrap();
        prop_assert_eq!(&read, &desired.document);
        prop_assert_eq!(desired.matches_spec_text(&read.to_json()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn reading_any_text_ends(text in "\\PC{0,200}") {
        let _any = parse(&text);
    }
}
