//! Any spec becomes one document that a reader takes for the same, or is refused with findings; and any text that a
//! service answers with can be compared with it.
//!
//! The input is a spec in JSON, a line end, and the document of the answer.
#![no_main]

use dataworks_core::api::v1alpha1::DataWorksResourceSpec;
use dataworks_core::desired::Desired;
use dataworks_core::flowspec::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (spec, answer) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(spec) = serde_json::from_str::<DataWorksResourceSpec>(spec) else { return };
    let desired = match Desired::from_spec(&spec) {
        Ok(desired) => desired,
        Err(error) => return assert!(!error.problems.is_empty()),
    };
    let printed = desired.document_json();
    assert_eq!(parse(&printed).as_ref(), Ok(&desired.document), "{printed}");
    assert_eq!(desired.document.resource.script.path, desired.path);

    // What was sent is what is there.
    let held = desired.held_by(&printed);
    assert_eq!((held.differs.as_slice(), held.fixed.as_slice()), (&[][..], &[][..]), "{printed}");
    let _any = desired.held_by(answer);

    // A restart reads the same object and must see the same digest.
    let again: DataWorksResourceSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
    assert_eq!(Desired::from_spec(&again).as_ref(), Ok(&desired));
    assert_eq!(Desired::from_spec(&again).map(|again| again.spec_digest()), Ok(desired.spec_digest()));
});
