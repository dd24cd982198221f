//! Content that stands in a ConfigMap: when it is read, when it is uploaded, and what is said of one that is
//! missing.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod plan_support;

use dataworks_core::api::condition::{ConditionType, Reason};
use dataworks_core::api::v1alpha1::{ContentSource, DataWorksResourceStatus};
use dataworks_core::desired::Desired;
use dataworks_core::fault::{Class, Fault};
use dataworks_core::ids::Digest;
use dataworks_core::intent::IntentNote;
use dataworks_core::plan::{
    Memory, Observed, Permission, Progress, Recorded, SourceRead, Step, Uploaded, plan,
};
use dataworks_core::state::State;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use plan_support::*;
use serde_json::json;

const BINARY: &[u8] = b"\x00\xff";

/// What an object declares whose content stands in a ConfigMap that holds this.
fn from_map(content: Option<&[u8]>) -> Desired {
    let spec = json!({
        "projectId": PROJECT,
        "path": PATH,
        "datasource": {"name": "odps_first", "type": "odps"},
        "content": {"configMapKeyRef": {"name": "m", "key": "a.py"}},
    });
    let mut desired = Desired::from_spec(&serde_json::from_value(spec).unwrap()).unwrap();
    if let Some(content) = content {
        desired.give(content).unwrap();
    }
    desired
}

fn version(text: &str) -> ContentSource {
    ContentSource { uid: Some("u".into()), resource_version: Some(text.into()) }
}

fn read(text: &str) -> Option<SourceRead> {
    Some(SourceRead::Read(version(text)))
}

fn uploaded(content: &[u8], seconds: i64) -> Memory {
    let uploaded = Uploaded { digest: Digest::of(content), url: "http://b/k".into(), at: at(seconds) };
    Memory { uploaded: Some(uploaded), ..Memory::default() }
}

/// An object whose file holds this.
fn holding(content: &[u8]) -> Recorded {
    let desired = from_map(Some(content));
    let status = DataWorksResourceStatus {
        spec_digest: Some(desired.spec_digest().to_string()),
        content_digest: desired.content_digest().map(|digest| digest.to_string()),
        content_source: Some(version("1")),
        ..made()
    };
    Recorded { status, ..open(intent(0)) }
}

fn free() -> Observed {
    Observed { look: Some(Vec::new()), source: read("1"), ..nothing_seen() }
}

fn step(desired: &Desired, recorded: &Recorded, observed: &Observed) -> Step {
    plan(Ok(desired), recorded, observed, at(10)).step
}

#[test]
fn content_is_read_before_anything_rests_on_it() {
    let unread = from_map(None);
    for recorded in [fresh(), holding(b"v1"), open(intent(0))] {
        assert_eq!(step(&unread, &recorded, &nothing_seen()), Step::ReadContent);
    }
    let named = Desired { resource_id: Some(id("9")), ..from_map(None) };
    assert_eq!(step(&named, &fresh(), &nothing_seen()), Step::ReadContent);
    let closed = Observed { permission: Permission::NamespaceNotListed, ..nothing_seen() };
    assert!(matches!(step(&unread, &fresh(), &closed), Step::Report(State::Stalled { .. })));
    let gone = Recorded { deleting: true, ..holding(b"v1") };
    assert_eq!(step(&unread, &gone, &nothing_seen()), Step::DeleteResource(id("1")), "not for a deletion");
}

#[test]
fn text_goes_in_the_document_and_all_else_is_uploaded_first() {
    let text = from_map(Some(b"v1"));
    assert!(matches!(step(&text, &fresh(), &free()), Step::WriteIntent(_)));
    let binary = from_map(Some(BINARY));
    let upload = Step::UploadContent(Digest::of(BINARY));
    assert_eq!(step(&binary, &fresh(), &Observed { look: None, ..free() }), Step::Look);
    assert_eq!(step(&binary, &fresh(), &free()), upload);
    assert_eq!(step(&binary, &holding(b"v1"), &free()), upload);
    assert!(matches!(step(&binary, &holding(BINARY), &free()), Step::Report(State::Ready)));

    let with = |memory| Observed { memory, ..free() };
    let ready = with(uploaded(BINARY, 0));
    assert!(matches!(step(&binary, &fresh(), &ready), Step::WriteIntent(_)));
    assert!(matches!(step(&binary, &holding(b"v1"), &ready), Step::UpdateResource { .. }));
    assert_eq!(step(&binary, &fresh(), &with(uploaded(b"\xff", 0))), upload, "of other content");
    assert_eq!(step(&binary, &fresh(), &with(uploaded(BINARY, -291))), upload, "too old");
    assert!(matches!(step(&binary, &fresh(), &with(uploaded(BINARY, -290))), Step::WriteIntent(_)));

    // Written, and the upload got too old before the request left.
    let Step::WriteIntent(written) = step(&binary, &fresh(), &ready) else { panic!() };
    let recorded = Recorded { finalizer: true, intent: IntentNote::Own(written.clone()), ..fresh() };
    let waiting = |memory: Memory| with(Memory { attempt: Some((written.at, Progress::Written)), ..memory });
    assert_eq!(step(&binary, &recorded, &waiting(Memory::default())), upload);
    let send = Step::CreateResource(written.clone());
    assert_eq!(step(&binary, &recorded, &waiting(uploaded(BINARY, 0))), send);
}

#[test]
fn what_a_lost_call_named_is_not_named_again() {
    let fault = Fault {
        class: Class::Transient,
        code: "ConnectionLost".into(),
        message: String::new(),
        request_id: None,
        retry_after: None,
    };
    let mut memory = uploaded(BINARY, 0);
    memory.create_refused(at(0));
    assert!(memory.uploaded.is_some(), "nothing came of a refused one");
    memory.create_unknown(&intent(0), at(0), &fault);
    assert_eq!(memory.uploaded, None);
    let mut memory = uploaded(BINARY, 0);
    memory.write_unknown(at(0), false, Digest::of(b""));
    assert_eq!(memory.uploaded, None);
    assert!(!format!("{:?}", uploaded(BINARY, 0)).contains("http"), "its URL is not shown");
}

#[test]
fn a_missing_source_is_waited_for_and_the_file_stays() {
    let missing = Observed { source: Some(SourceRead::Missing("Gone.".into())), ..nothing_seen() };
    let wait = |seconds, message: &str| Step::Wait {
        until: at(seconds),
        state: Some(State::DependencyNotReady { message: message.into() }),
    };
    let unread = from_map(None);
    assert_eq!(step(&unread, &fresh(), &missing), wait(130, "Gone."));
    let kept = "Gone. The file in the workspace stays as it is.";
    assert_eq!(step(&unread, &holding(b"v1"), &missing), wait(130, kept));
    let mut told = holding(b"v1");
    told.status.conditions = vec![Condition {
        type_: ConditionType::Ready.to_string(),
        status: "False".into(),
        reason: Reason::DependencyNotReady.to_string(),
        message: String::new(),
        observed_generation: Some(1),
        last_transition_time: Time(at(0)),
    }];
    assert_eq!(step(&unread, &told, &missing), wait(610, kept));
    let suspended = Recorded { suspend: true, ..holding(b"v1") };
    assert_eq!(step(&unread, &suspended, &missing), Step::Report(State::Suspended { pending: true }));
    let gone = Recorded { deleting: true, ..holding(b"v1") };
    assert_eq!(step(&unread, &gone, &missing), Step::DeleteResource(id("1")));
}

#[test]
fn another_version_of_the_source_is_tried_at_once_though_the_last_was_refused() {
    let mut recorded = refused(holding(b"v1"), Reason::Refused, 1, 5);
    recorded.status.content_source = Some(version("1"));
    let changed = from_map(Some(b"v2"));
    assert!(matches!(step(&changed, &recorded, &free()), Step::Wait { .. }), "the same version rests");
    let moved = Observed { source: read("2"), ..free() };
    assert!(matches!(step(&changed, &recorded, &moved), Step::UpdateResource { .. }));
}
