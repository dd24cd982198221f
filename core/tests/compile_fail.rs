//! What must not compile.
#![allow(missing_docs)]

#[test]
fn a_document_cannot_hold_two_resources() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
