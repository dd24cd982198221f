//! What status says in each phase, exactly; when its times move; and that it says nothing twice.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod plan_support;

use std::time::Duration;

use dataworks_core::api::condition::{ConditionType, Reason};
use dataworks_core::api::v1alpha1::{
    AttemptOutcome, DataWorksResourceStatus, Origin, Publication, PublicationRequest, PublicationStatus,
};
use dataworks_core::desired::Desired;
use dataworks_core::fault::{Class, Fault};
use dataworks_core::ids::ProjectId;
use dataworks_core::publish::{self, Kind, Wish};
use dataworks_core::state::{Change, Fact, Sent, State, next};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use plan_support::{PATH, at, attempt, desired, id, made};

const GENERATION: i64 = 3;
const REQUEST_ID: &str = "0BF3FA48-4A0B-5D5C-A8C5-EF5C6C2B1F8D";

fn fault(class: Class, code: &str) -> Fault {
    Fault {
        class,
        code: code.into(),
        // Some of the service's texts repeat the request id.
        message: format!("It failed. RequestId: {REQUEST_ID}."),
        request_id: Some(REQUEST_ID.into()),
        retry_after: None,
    }
}

fn retrying(class: Class) -> State {
    State::Retrying { fault: fault(class, "Busy"), update: false, since: None }
}

fn retrying_update(class: Class) -> State {
    State::Retrying { fault: fault(class, "Busy"), update: true, since: None }
}

fn denied() -> State {
    State::Denied { fault: fault(Class::Denied, "Forbidden"), since: None }
}

fn stalled(reason: Reason) -> State {
    State::Stalled { reason, message: "Mend it.".into(), fault: None }
}

fn refused() -> State {
    State::of_fault(&fault(Class::Terminal, "1101080005"), false, None, at(0))
}

fn taken() -> State {
    State::Taken { message: "Taken.".into(), closes: None }
}

fn after(before: &DataWorksResourceStatus, state: State, now: Timestamp) -> DataWorksResourceStatus {
    next(before, &Change { state, fact: None }, GENERATION, now)
}

/// `Ready`, `Synced` and the third condition as `type=status(reason)`, or `-` where it is not.
fn said(status: &DataWorksResourceStatus) -> String {
    let condition = |name: ConditionType| {
        let found = status.conditions.iter().find(|condition| condition.type_ == name.as_str());
        found.map(|c| format!("{}={}({})", c.type_, c.status, c.reason))
    };
    let [ready, synced, reconciling, stalled] =
        [ConditionType::Ready, ConditionType::Synced, ConditionType::Reconciling, ConditionType::Stalled]
            .map(condition);
    assert!(reconciling.is_none() || stalled.is_none(), "both: {status:?}");
    let third = reconciling.or(stalled).unwrap_or_else(|| "-".into());
    format!("{} {} {third}", ready.unwrap(), synced.unwrap())
}

/// Every state, as it is on the first day.
fn states() -> Vec<State> {
    let message = || String::from("Wait.");
    vec![
        State::Ready,
        State::Drifted { fields: vec!["script.content".into()] },
        State::Duplicate { path: PATH.into(), ids: vec![id("1"), id("2")] },
        State::MassAbsence,
        State::CheckFailed { fault: fault(Class::Transient, "Busy") },
        State::Suspended { pending: false },
        State::Suspended { pending: true },
        State::Creating { message: message() },
        State::Updating { message: message() },
        State::Queued { message: message() },
        State::QuotaExhausted { until: at(3600) },
        State::OutcomeUnknown { path: PATH.into(), project: ProjectId::new(7).unwrap(), until: at(90) },
        State::Recreating,
        retrying(Class::Transient),
        retrying_update(Class::Transient),
        retrying(Class::Throttled),
        denied(),
        State::DependencyNotReady { message: message() },
        stalled(Reason::InvalidSpec),
        refused(),
        taken(),
        State::Deleting { message: message() },
        State::DeletionBlocked { message: message(), fault: Some(fault(Class::Denied, "Forbidden")) },
        State::DeletionAmbiguous { message: message() },
    ]
}

#[test]
fn each_phase_says_what_the_table_says() {
    let message = || String::from("Wait.");
    let unknown = ("Unknown", 0);
    let passing = ("False", 0);
    // What Ready was and since when (seconds), the state, seconds now, and the conditions.
    let rows = [
        (
            unknown,
            State::Creating { message: message() },
            0,
            "Ready=Unknown(Creating) Synced=Unknown(Creating) Reconciling=True(Creating)",
        ),
        (unknown, State::Ready, 0, "Ready=True(Succeeded) Synced=True(Succeeded) -"),
        (
            unknown,
            State::Drifted { fields: vec!["script.content".into()] },
            0,
            "Ready=True(Succeeded) Synced=False(Drifted) -",
        ),
        (
            unknown,
            State::Duplicate { path: PATH.into(), ids: vec![id("1"), id("2")] },
            0,
            "Ready=True(Succeeded) Synced=False(DuplicateInWorkspace) -",
        ),
        (unknown, State::MassAbsence, 0, "Ready=True(Succeeded) Synced=Unknown(MassAbsence) -"),
        (
            unknown,
            State::CheckFailed { fault: fault(Class::Transient, "Busy") },
            0,
            "Ready=True(Succeeded) Synced=Unknown(CheckFailed) -",
        ),
        (
            unknown,
            stalled(Reason::NotFoundInWorkspace),
            0,
            "Ready=False(NotFoundInWorkspace) Synced=False(NotFoundInWorkspace) Stalled=True(NotFoundInWorkspace)",
        ),
        (
            unknown,
            State::Updating { message: message() },
            0,
            "Ready=Unknown(Updating) Synced=False(Updating) Reconciling=True(Updating)",
        ),
        (
            unknown,
            retrying(Class::Transient),
            119,
            "Ready=Unknown(ProgressingWithRetry) Synced=Unknown(ProgressingWithRetry) Reconciling=True(ProgressingWithRetry)",
        ),
        (
            unknown,
            retrying_update(Class::Transient),
            119,
            "Ready=Unknown(ProgressingWithRetry) Synced=Unknown(ProgressingWithRetry) Reconciling=True(ProgressingWithRetry)",
        ),
        (
            unknown,
            retrying(Class::Throttled),
            119,
            "Ready=Unknown(ProgressingWithRetry) Synced=Unknown(ProgressingWithRetry) Reconciling=True(ProgressingWithRetry)",
        ),
        (
            unknown,
            retrying(Class::NotFound),
            119,
            "Ready=Unknown(ProgressingWithRetry) Synced=Unknown(ProgressingWithRetry) Reconciling=True(ProgressingWithRetry)",
        ),
        (
            unknown,
            State::OutcomeUnknown { path: PATH.into(), project: ProjectId::new(7).unwrap(), until: at(90) },
            9999,
            "Ready=Unknown(OutcomeUnknown) Synced=Unknown(OutcomeUnknown) Reconciling=True(OutcomeUnknown)",
        ),
        (
            unknown,
            State::Queued { message: message() },
            99_999,
            "Ready=Unknown(Queued) Synced=Unknown(Queued) Reconciling=True(Queued)",
        ),
        (
            unknown,
            State::QuotaExhausted { until: at(3600) },
            99_999,
            "Ready=Unknown(QuotaExhausted) Synced=Unknown(QuotaExhausted) Reconciling=True(QuotaExhausted)",
        ),
        (
            unknown,
            State::DependencyNotReady { message: message() },
            119,
            "Ready=Unknown(DependencyNotReady) Synced=Unknown(DependencyNotReady) Reconciling=True(DependencyNotReady)",
        ),
        (
            unknown,
            State::DependencyNotReady { message: message() },
            120,
            "Ready=False(DependencyNotReady) Synced=Unknown(DependencyNotReady) Reconciling=True(DependencyNotReady)",
        ),
        (
            unknown,
            retrying(Class::Transient),
            120,
            "Ready=False(CloudUnavailable) Synced=Unknown(CloudUnavailable) Reconciling=True(CloudUnavailable)",
        ),
        (
            unknown,
            retrying_update(Class::Transient),
            120,
            "Ready=False(CloudUnavailable) Synced=Unknown(CloudUnavailable) Reconciling=True(CloudUnavailable)",
        ),
        (
            unknown,
            retrying(Class::Throttled),
            120,
            "Ready=False(Throttled) Synced=Unknown(Throttled) Reconciling=True(Throttled)",
        ),
        (
            passing,
            retrying(Class::Transient),
            1,
            "Ready=False(CloudUnavailable) Synced=Unknown(CloudUnavailable) Reconciling=True(CloudUnavailable)",
        ),
        (
            passing,
            State::Queued { message: message() },
            9999,
            "Ready=Unknown(Queued) Synced=Unknown(Queued) Reconciling=True(Queued)",
        ),
        (
            unknown,
            denied(),
            119,
            "Ready=Unknown(AccessDenied) Synced=Unknown(AccessDenied) Reconciling=True(AccessDenied)",
        ),
        (
            unknown,
            denied(),
            120,
            "Ready=False(AccessDenied) Synced=Unknown(AccessDenied) Reconciling=True(AccessDenied)",
        ),
        (
            passing,
            denied(),
            779,
            "Ready=False(AccessDenied) Synced=Unknown(AccessDenied) Reconciling=True(AccessDenied)",
        ),
        (
            passing,
            denied(),
            780,
            "Ready=False(AccessDenied) Synced=Unknown(AccessDenied) Stalled=True(AccessDenied)",
        ),
        (unknown, refused(), 0, "Ready=False(Refused) Synced=False(Refused) Stalled=True(Refused)"),
        (
            unknown,
            State::of_fault(&fault(Class::Terminal, "1101080008"), false, None, at(0)),
            0,
            "Ready=False(WorkspaceNotFound) Synced=False(WorkspaceNotFound) Stalled=True(WorkspaceNotFound)",
        ),
        (
            unknown,
            taken(),
            0,
            "Ready=False(AlreadyExists) Synced=False(AlreadyExists) Stalled=True(AlreadyExists)",
        ),
        (
            unknown,
            stalled(Reason::AlreadyManaged),
            0,
            "Ready=False(AlreadyManaged) Synced=False(AlreadyManaged) Stalled=True(AlreadyManaged)",
        ),
        (
            unknown,
            stalled(Reason::AmbiguousCreate),
            0,
            "Ready=False(AmbiguousCreate) Synced=False(AmbiguousCreate) Stalled=True(AmbiguousCreate)",
        ),
        (
            unknown,
            stalled(Reason::ConnectionNotAllowed),
            0,
            "Ready=False(ConnectionNotAllowed) Synced=False(ConnectionNotAllowed) Stalled=True(ConnectionNotAllowed)",
        ),
        (
            unknown,
            stalled(Reason::WorkspaceChanged),
            0,
            "Ready=False(WorkspaceChanged) Synced=False(WorkspaceChanged) Stalled=True(WorkspaceChanged)",
        ),
        (
            unknown,
            stalled(Reason::InvalidSpec),
            0,
            "Ready=False(InvalidSpec) Synced=False(InvalidSpec) Stalled=True(InvalidSpec)",
        ),
        (unknown, State::Suspended { pending: false }, 0, "Ready=True(Suspended) Synced=True(Suspended) -"),
        (
            unknown,
            State::Suspended { pending: true },
            0,
            "Ready=Unknown(Suspended) Synced=False(Suspended) -",
        ),
        (
            unknown,
            State::Recreating,
            0,
            "Ready=Unknown(Recreating) Synced=False(NotFound) Reconciling=True(Recreating)",
        ),
        (
            unknown,
            State::Deleting { message: message() },
            0,
            "Ready=False(Deleting) Synced=Unknown(Deleting) Reconciling=True(Deleting)",
        ),
        (
            unknown,
            State::DeletionBlocked { message: message(), fault: None },
            0,
            "Ready=False(DeletionBlocked) Synced=Unknown(DeletionBlocked) Stalled=True(DeletionBlocked)",
        ),
    ];
    for ((ready, since), state, now, want) in rows {
        let reason = if ready == "False" { Reason::AccessDenied } else { Reason::ProgressingWithRetry };
        let before = DataWorksResourceStatus {
            conditions: vec![condition("Ready", ready, reason.as_str(), since)],
            ..made()
        };
        let name = format!("{state:?}");
        let status = after(&before, state, at(now));
        assert_eq!(said(&status), want, "{name}");
        assert_eq!(status.observed_generation, Some(GENERATION), "{name}");
        for condition in &status.conditions {
            assert_eq!(condition.observed_generation, Some(GENERATION), "{name}: {condition:?}");
            assert!(!condition.message.is_empty(), "{name}: {condition:?}");
        }
    }
}

fn condition(type_: &str, status: &str, reason: &str, since: i64) -> Condition {
    Condition {
        type_: type_.into(),
        status: status.into(),
        reason: reason.into(),
        message: "Before.".into(),
        observed_generation: Some(1),
        last_transition_time: Time(at(since)),
    }
}

fn since(status: &DataWorksResourceStatus, type_: &str) -> Timestamp {
    status.conditions.iter().find(|condition| condition.type_ == type_).unwrap().last_transition_time.0
}

/// The story of one object: seconds, state, conditions, and since when Ready is what it is.
fn check_story(story: Vec<(i64, State, &str, i64)>) {
    let mut status = DataWorksResourceStatus::default();
    for (now, state, want, ready_since) in story {
        status = after(&status, state, at(now));
        assert_eq!(said(&status), want, "at {now}");
        assert_eq!(since(&status, "Ready"), at(ready_since), "Ready at {now}");
    }
}

const RETRYING: &str = "Ready=Unknown(ProgressingWithRetry) Synced=Unknown(ProgressingWithRetry) Reconciling=True(ProgressingWithRetry)";
const UNAVAILABLE: &str =
    "Ready=False(CloudUnavailable) Synced=Unknown(CloudUnavailable) Reconciling=True(CloudUnavailable)";
const READY: &str = "Ready=True(Succeeded) Synced=True(Succeeded) -";

#[test]
fn a_fault_that_passes() {
    check_story(vec![
        (0, retrying(Class::Transient), RETRYING, 0),
        (60, retrying(Class::Transient), RETRYING, 0),
        (119, retrying_update(Class::Transient), RETRYING, 0),
        (120, retrying(Class::Transient), UNAVAILABLE, 120),
        (9000, retrying(Class::Transient), UNAVAILABLE, 120),
        (9001, State::Ready, READY, 9001),
        (9999, State::Ready, READY, 9001),
        (10_000, retrying_update(Class::Transient), RETRYING, 10_000),
    ]);
}

#[test]
fn what_waited_for_us_has_not_failed_meanwhile() {
    for reason in [Reason::Queued, Reason::QuotaExhausted, Reason::Creating, Reason::OutcomeUnknown] {
        let waited = DataWorksResourceStatus {
            conditions: vec![condition("Ready", "Unknown", reason.as_str(), 0)],
            ..made()
        };
        let first = after(&waited, retrying(Class::Transient), at(36_000));
        assert_eq!(said(&first), RETRYING, "{reason}");
        // Where it is known since when, that counts, whatever status told meanwhile.
        for (since, want) in [(35_990, RETRYING), (35_880, UNAVAILABLE)] {
            let fault = fault(Class::Transient, "Busy");
            let state = State::Retrying { fault, update: false, since: Some(at(since)) };
            assert_eq!(said(&after(&waited, state.clone(), at(36_000))), want, "{reason} {since}");
            assert_eq!(said(&after(&first, state, at(36_000))), want, "{reason} {since}, told before");
        }
    }
}

#[test]
fn access_denied_becomes_a_stop_after_a_quarter_of_an_hour() {
    let said = |ready, third| {
        format!("Ready={ready}(AccessDenied) Synced=Unknown(AccessDenied) {third}=True(AccessDenied)")
    };
    let (unknown, refused, stopped) =
        (said("Unknown", "Reconciling"), said("False", "Reconciling"), said("False", "Stalled"));
    check_story(vec![
        (0, denied(), &unknown, 0),
        (119, denied(), &unknown, 0),
        (120, denied(), &refused, 120),
        (899, denied(), &refused, 120),
        (900, denied(), &stopped, 120),
        (99_999, denied(), &stopped, 120),
        (100_000, State::Ready, READY, 100_000),
        (100_060, denied(), &unknown, 100_060),
    ]);
}

#[test]
fn a_time_moves_only_when_its_own_status_flips() {
    let first = after(&DataWorksResourceStatus::default(), State::Creating { message: "1".into() }, at(0));
    let second = after(&first, State::Updating { message: "2".into() }, at(9));
    let times = ["Ready", "Synced", "Reconciling"].map(|type_| since(&second, type_));
    assert_eq!(times, [at(0), at(9), at(0)]);
    let third = after(&second, State::Ready, at(20));
    let fourth = after(&third, State::Suspended { pending: false }, at(30));
    assert_eq!(["Ready", "Synced"].map(|type_| since(&fourth, type_)), [at(20), at(20)]);
}

#[test]
fn the_same_again_is_no_difference() {
    for before in [DataWorksResourceStatus::default(), made()] {
        for state in states() {
            let counted = matches!(&state, State::Taken { .. } | State::Stalled { fault: Some(_), .. });
            let once = after(&before, state.clone(), at(100));
            // Not so late that patience ends.
            let mut twice = after(&once, state.clone(), at(160));
            if counted {
                let refusals = |status: &DataWorksResourceStatus| status.attempt.as_ref().unwrap().refusals;
                assert_eq!((refusals(&once), refusals(&twice)), (Some(1), Some(2)), "{state:?}");
                assert_eq!(twice.last_error.as_ref().unwrap().time, Some(Time(at(160))), "{state:?}");
                twice.attempt.clone_from(&once.attempt);
                twice.last_error.clone_from(&once.last_error);
            }
            assert_eq!(twice, once, "{state:?}");
        }
    }
}

#[test]
fn the_same_fact_again_is_no_difference() {
    let declared = desired("v2");
    let sent = || Sent::of(&declared);
    let facts = [
        Fact::Created { at: at(60), id: id("2"), request_id: "r".into(), date: at(61), sent: sent() },
        Fact::Found { at: at(60), id: id("2"), created: at(61), modified: at(62), sent: sent() },
        Fact::Updated { request_id: Some("r".into()), date: at(61), sent: sent() },
        Fact::Attempted { at: at(60), outcome: AttemptOutcome::Unknown, path: Some("XX/b.py".into()) },
    ];
    for fact in facts {
        let change = Change { state: State::Ready, fact: Some(fact) };
        let once = next(&made(), &change, GENERATION, at(100));
        assert_ne!(once, made());
        assert_eq!(next(&once, &change, GENERATION, at(160)), once, "{change:?}");
    }
}

#[test]
fn what_was_learned_is_kept() {
    let declared = desired("v2");
    let sent = Sent::of(&declared);
    let change = |fact| Change { state: State::Ready, fact: Some(fact) };
    let fact = Fact::Created { at: at(60), id: id("2"), request_id: "r".into(), date: at(61), sent };
    let created = next(&DataWorksResourceStatus::default(), &change(fact), GENERATION, at(62));
    let mut want = DataWorksResourceStatus {
        last_handled_reconcile_at: None,
        last_handled_publish_at: None,
        publication: None,
        observed_generation: Some(GENERATION),
        id: Some("2".into()),
        origin: Some(Origin::Created),
        request_id: Some("r".into()),
        project_id: Some(7),
        path: Some(PATH.into()),
        type_: Some(declared.kind.into()),
        datasource: declared.datasource.clone(),
        defaults: None,
        content_digest: declared.content_digest().map(|digest| digest.to_string()),
        content_source: None,
        spec_digest: Some(declared.spec_digest().to_string()),
        create_time: Some(Time(at(61))),
        modify_time: Some(Time(at(61))),
        last_sync_time: Some(Time(at(61))),
        attempt: Some(attempt(60, AttemptOutcome::Done)),
        last_error: None,
        conditions: created.conditions.clone(),
    };
    assert_eq!(created, want);

    // Of a file that was found only the id is certain, unless it is as intended.
    let sent = Sent::of_intent(&plan_support::intent(60), &declared, PATH, false);
    let fact = Fact::Found { at: at(60), id: id("3"), created: at(70), modified: at(71), sent };
    let found = next(&created, &change(fact), GENERATION, at(90));
    want.id = Some("3".into());
    (want.content_digest, want.spec_digest) = (None, None);
    (want.create_time, want.modify_time) = (Some(Time(at(70))), Some(Time(at(71))));
    want.last_sync_time = Some(Time(at(70)));
    assert_eq!(found, want);
}

#[test]
fn a_file_that_was_made_or_written_anew_is_not_published() {
    let (now, other) = (desired("v1"), desired("v2"));
    let digest = |declared: &Desired| Some(declared.spec_digest().to_string());
    let published = |status| Publication {
        run_id: Some("r".into()),
        digest: digest(&now),
        published_digest: digest(&now),
        status: Some(status),
        ..Publication::default()
    };
    let (done, runs) = (PublicationStatus::Success, PublicationStatus::Running);
    let failed = PublicationStatus::Termination;
    let asked = Publication {
        request: Some(PublicationRequest::default()),
        ..published(PublicationStatus::Requested)
    };
    let made_as = |name: &str| Fact::Created {
        at: at(60),
        id: id(name),
        request_id: "r".into(),
        date: at(61),
        sent: Sent::of(&now),
    };
    let found =
        Fact::Found { at: at(60), id: id("9"), created: at(61), modified: at(62), sent: Sent::of(&now) };
    let adopted =
        Fact::Adopted { closes: None, id: id("9"), created: at(61), modified: at(62), sent: Sent::of(&now) };
    let updated =
        |declared: &Desired| Fact::Updated { request_id: None, date: at(61), sent: Sent::of(declared) };
    let moved = Fact::Moved { date: at(61), sent: Sent::of(&now) };
    let seen = Fact::Seen { modified: at(61), sent: Sent::of(&now) };
    let unpublished = |record| Some(Publication { published_digest: None, ..record });
    let rows = [
        ("another file", published(done), made_as("9"), None),
        ("another file was found", published(runs), found, None),
        ("another file was adopted", published(failed), adopted, None),
        ("the same file", published(done), made_as("1"), Some(published(done))),
        ("edited", published(done), updated(&other), Some(published(done))),
        ("what others wrote is undone", published(done), updated(&now), unpublished(published(done))),
        ("what others moved is undone", published(done), moved, unpublished(published(done))),
        ("only looked at", published(done), seen, Some(published(done))),
        // What an approver refused he is not asked for again.
        ("undone after a failure", published(failed), updated(&now), unpublished(published(failed))),
        (
            "undone while a run is under way: it may hold what others wrote",
            published(runs),
            updated(&now),
            Some(Publication { digest: None, published_digest: None, ..published(runs) }),
        ),
        ("undone before a run was made", asked.clone(), updated(&now), unpublished(asked)),
    ];
    for (name, publication, fact, want) in rows {
        let before =
            DataWorksResourceStatus { publication: Some(publication), spec_digest: digest(&now), ..made() };
        let change = Change { state: State::Ready, fact: Some(fact) };
        assert_eq!(next(&before, &change, GENERATION, at(90)).publication, want, "{name}");
    }
}

#[test]
fn ready_waits_for_no_publication_of_what_is_not_as_declared() {
    let declared = desired("v1");
    let wish = Wish {
        kind: Some(Kind::Online),
        deleting: false,
        version: Some(declared.spec_digest().to_string()),
        until_stage: None,
        requested: true,
    };
    let rows = [
        (State::Ready, "Unknown Publishing", "Unknown Publishing"),
        (
            State::Duplicate { path: PATH.into(), ids: vec![id("1"), id("8")] },
            "Unknown Publishing",
            "Unknown Publishing",
        ),
        (State::Drifted { fields: vec!["script.content".into()] }, "True Succeeded", "Unknown Drifted"),
        (State::MassAbsence, "True Succeeded", "Unknown MassAbsence"),
    ];
    for (state, ready, published) in rows {
        let mut status = after(&made(), state.clone(), at(90));
        publish::tell(&made(), &mut status, Some(&wish), GENERATION, at(90));
        let says = |type_| {
            let said = status.conditions.iter().find(|condition| condition.type_ == type_).unwrap();
            format!("{} {}", said.status, said.reason)
        };
        assert_eq!((says("Ready").as_str(), says("Published").as_str()), (ready, published), "{state:?}");
    }
}

#[test]
fn what_was_adopted_moved_or_copied_is_told() {
    let declared = desired("v1");
    let change = |fact| Change { state: State::Ready, fact: Some(fact) };
    let adopted = Fact::Adopted {
        closes: Some(at(60)),
        id: id("5"),
        created: at(-900),
        modified: at(-800),
        sent: Sent { spec: None, ..Sent::of(&declared) },
    };
    let adopted = next(&DataWorksResourceStatus::default(), &change(adopted), GENERATION, at(62));
    assert_eq!((adopted.id.as_deref(), adopted.origin), (Some("5"), Some(Origin::Adopted)));
    assert_eq!((&adopted.spec_digest, &adopted.last_sync_time), (&None, &None));
    assert_eq!(
        adopted.attempt,
        Some(attempt(60, AttemptOutcome::Done)),
        "an id beside an open intent is no id"
    );

    let there = declared.at(&"YY/b.py".parse().unwrap());
    let moved =
        next(&made(), &change(Fact::Moved { date: at(70), sent: Sent::of(&there) }), GENERATION, at(71));
    assert_eq!(moved.path.as_deref(), Some("YY/b.py"));
    assert_eq!(moved.spec_digest, Some(there.spec_digest().to_string()));
    assert_eq!(moved.request_id, made().request_id, "a move is neither a create nor an update");

    let looked = next(&made(), &change(Fact::Looked { modified: at(80) }), GENERATION, at(81));
    assert_eq!((looked.modify_time, looked.spec_digest), (Some(Time(at(80))), made().spec_digest));

    let forgotten = next(&made(), &change(Fact::Forgotten), GENERATION, at(90));
    assert_eq!((forgotten.id, forgotten.path, forgotten.attempt), (None, None, None));
    assert!(!forgotten.conditions.is_empty());
}

#[test]
fn synced_alone_tells_what_leaves_the_object_ready() {
    let drifted = State::Drifted { fields: vec!["script.content".into(), "metadata.owner".into()] };
    let status = after(&made(), drifted, at(10));
    let message = |name: ConditionType| {
        status.conditions.iter().find(|c| c.type_ == name.as_str()).map(|c| c.message.clone()).unwrap()
    };
    assert_eq!(message(ConditionType::Ready), "The resource is in the workspace as declared.");
    assert!(message(ConditionType::Synced).contains("in script.content, metadata.owner."));
    let twin = State::Duplicate { path: PATH.into(), ids: vec![id("1"), id("2")] };
    let status = after(&made(), twin, at(10));
    let synced = status.conditions.iter().find(|c| c.type_ == ConditionType::Synced.as_str()).unwrap();
    assert!(synced.message.starts_with("2 files stand at \"XX/a.py\": 1, which is this object's, and 2."));
}

#[test]
fn refusals_are_of_one_document() {
    let count = |status: &DataWorksResourceStatus| status.attempt.as_ref().and_then(|a| a.refusals);
    let twice = after(&after(&made(), refused(), at(0)), refused(), at(9));
    assert_eq!(count(&twice), Some(2));
    let waiting = after(&twice, retrying(Class::Transient), at(10));
    assert_eq!(count(&waiting), Some(2), "a fault that passes ends nothing");
    let edited = next(&waiting, &Change { state: retrying(Class::Transient), fact: None }, 4, at(11));
    assert_eq!(count(&edited), None, "another document was not refused");
    let again = next(&twice, &Change { state: refused(), fact: None }, 4, at(11));
    assert_eq!(count(&again), Some(1), "the first refusal of another document");
    assert_eq!(count(&after(&twice, State::Ready, at(12))), None, "success ends them");
}

#[test]
fn taken_closes_the_intent_that_ended_with_it() {
    let state = State::Taken { message: "Taken.".into(), closes: Some(at(60)) };
    let status = after(&made(), state, at(99));
    let mut want = attempt(60, AttemptOutcome::Refused);
    want.refusals = Some(1);
    assert_eq!(status.attempt, Some(want));
    assert_eq!(after(&made(), taken(), at(99)).attempt.unwrap().at, made().attempt.unwrap().at);
}

#[test]
fn the_last_error_changes_with_code_or_message_only() {
    let with = |code: &str, message: &str, request_id: &str| {
        let fault = Fault {
            class: Class::Transient,
            code: code.into(),
            message: message.into(),
            request_id: Some(request_id.into()),
            retry_after: Some(Duration::from_secs(1)),
        };
        State::Retrying { fault, update: false, since: None }
    };
    let first = after(&made(), with("Busy", "m", "r1"), at(0)).last_error;
    // Code, message and request id of the next fault; whether it takes the place of the first.
    let rows = [("Busy", "m", "r2", false), ("Busy", "n", "r2", true), ("Late", "m", "r2", true)];
    for (code, message, request_id, replaced) in rows {
        let before = after(&made(), with("Busy", "m", "r1"), at(0));
        let second = after(&before, with(code, message, request_id), at(9)).last_error;
        assert_eq!(second != first, replaced, "{code} {message}");
        if replaced {
            assert_eq!(second.unwrap().request_id.as_deref(), Some("r2"));
        }
    }
    let failing = after(&made(), with("Busy", "m", "r1"), at(0));
    assert_eq!(after(&failing, State::Queued { message: "q".into() }, at(1)).last_error, first);
    assert_eq!(after(&failing, State::Ready, at(1)).last_error, None);
    // A text that repeats the request id is the same text each time.
    let before = after(&made(), with("Busy", "RequestId: r1", "r1"), at(0));
    let second = after(&before, with("Busy", "RequestId: r2", "r2"), at(9));
    assert_eq!(second, before);
}

#[test]
fn no_condition_tells_a_request_id() {
    for state in states() {
        let status = after(&after(&made(), state.clone(), at(0)), state.clone(), at(9999));
        for condition in &status.conditions {
            assert!(!condition.message.contains(REQUEST_ID), "{state:?}: {}", condition.message);
        }
        if state.fault().is_some() {
            let error = status.last_error.unwrap();
            assert_eq!(error.request_id.as_deref(), Some(REQUEST_ID), "{state:?}");
        }
    }
}

#[test]
fn conditions_of_others_are_left_alone() {
    let theirs = [condition("Audited", "True", "ByHand", -9), condition("Billed", "False", "Never", -9)];
    for state in states() {
        let before = DataWorksResourceStatus { conditions: theirs.to_vec(), ..made() };
        let status = after(&after(&before, state.clone(), at(0)), State::Ready, at(9));
        assert_eq!(status.conditions[..2], theirs, "{state:?}");
        let ours: Vec<&str> = status.conditions[2..].iter().map(|c| c.type_.as_str()).collect();
        assert_eq!(ours, ["Ready", "Synced"], "{state:?}");
    }
}
