//! How a workspace's status follows from what was seen.

use super::*;
use crate::api::RECONCILE_REQUESTED;
use crate::inventory::MassAbsence;
use crate::object::ObjectKey;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_000_000 + second).unwrap()
}

fn fault(class: Class, code: &str) -> Fault {
    Fault {
        class,
        code: code.to_owned(),
        message: "said.".to_owned(),
        request_id: Some("R".to_owned()),
        retry_after: None,
    }
}

fn facts(verdict: Verdict) -> Facts {
    Facts {
        verdict,
        project: None,
        resources: ResourceCounts::default(),
        calls: None,
        inventory: None,
        request: None,
        absence: Absence::Unseen,
    }
}

/// Ready's status and reason, and whether it is `R`econciling or `S`talled.
fn shown(status: &DataWorksWorkspaceStatus) -> String {
    let find = |type_: ConditionType| state::find(&status.conditions, type_);
    let ready = find(ConditionType::Ready).unwrap();
    let mark = |type_: ConditionType, mark: &'static str| find(type_).map_or("", |_| mark);
    format!(
        "{} {} {}{}",
        ready.status,
        ready.reason,
        mark(ConditionType::Reconciling, "R"),
        mark(ConditionType::Stalled, "S")
    )
}

#[test]
fn every_fault_has_its_reason_and_its_patience() {
    // class, code, at once, after two minutes, the wait in seconds
    let rows = [
        (Class::Transient, "TimedOut", "Unknown ProgressingWithRetry R", "False CloudUnavailable R", (7, 7)),
        (Class::Throttled, "Throttling.User", "Unknown ProgressingWithRetry R", "False Throttled R", (7, 7)),
        (
            Class::Quota,
            "Throttling.Api.Risk",
            "Unknown QuotaExhausted R",
            "Unknown QuotaExhausted R",
            (3600, 3600),
        ),
        (Class::Denied, "Forbidden.RAM", "False AccessDenied S", "False AccessDenied S", (30, 3600)),
        (Class::Denied, NO_CREDENTIALS, "False AccessDenied S", "False AccessDenied S", (30, 30)),
        (
            Class::Terminal,
            "1101080008",
            "False WorkspaceNotFound S",
            "False WorkspaceNotFound S",
            (300, 3600),
        ),
        (
            Class::Transient,
            "9990040003",
            "False WorkspaceNotFound S",
            "False WorkspaceNotFound S",
            (300, 3600),
        ),
        (Class::Terminal, "InvalidApi.NotFound", "False Refused S", "False Refused S", (300, 3600)),
    ];
    for (class, code, first, later, wait) in rows {
        let verdict = Verdict::of_fault(&fault(class, code), 7, "cn-shanghai", at(0));
        assert!(!verdict.is_open(), "{code}");
        let before = DataWorksWorkspaceStatus::default();
        let soon = next(&before, &facts(verdict.clone()), 1, at(0));
        assert_eq!(shown(&soon), first, "{code}");
        assert_eq!(soon.last_error.as_ref().unwrap().code.as_deref(), Some(code));
        assert_eq!(next(&soon, &facts(verdict.clone()), 1, at(119)), soon, "{code}: nothing new");
        assert_eq!(shown(&next(&soon, &facts(verdict.clone()), 1, at(120))), later, "{code}");
        let waits = |failures| verdict.wait(failures, SignedDuration::from_secs(7), at(0)).unwrap().as_secs();
        assert_eq!((waits(1), waits(40)), wait, "{code}");
        assert!(!verdict.message().contains("said.)"), "{}", verdict.message());
        let good = next(&soon, &facts(Verdict::Ready), 1, at(1));
        assert_eq!((shown(&good).as_str(), good.last_error), ("True Succeeded ", None), "{code}");
    }
}

#[test]
fn what_was_ready_is_given_time_again() {
    let good = next(&DataWorksWorkspaceStatus::default(), &facts(Verdict::Ready), 1, at(0));
    let verdict = Verdict::of_fault(&fault(Class::Transient, "TimedOut"), 7, "x", at(0));
    let failing = next(&good, &facts(verdict), 1, at(1000));
    assert_eq!(shown(&failing), "Unknown ProgressingWithRetry R");
}

#[test]
fn used_up_calls_are_no_failure_that_has_lasted() {
    let verdict = |class, code| facts(Verdict::of_fault(&fault(class, code), 7, "x", at(0)));
    let used_up = verdict(Class::Quota, "Throttling.Api.Risk");
    let waiting = next(&DataWorksWorkspaceStatus::default(), &used_up, 1, at(0));
    assert_eq!(shown(&waiting), "Unknown QuotaExhausted R");
    let failing = next(&waiting, &verdict(Class::Transient, "TimedOut"), 1, at(36_000));
    assert_eq!(shown(&failing), "Unknown ProgressingWithRetry R");
}

#[test]
fn what_is_not_told_anew_stays() {
    let project = ProjectFacts { name: Some("p".to_owned()), mode: None };
    let calls = CallCounts { today: 3, left: Some(77) };
    let first = Facts {
        project: Some(project.clone()),
        calls: Some(calls),
        inventory: Some(at(5)),
        request: Some("now".to_owned()),
        ..facts(Verdict::Ready)
    };
    let told = next(&DataWorksWorkspaceStatus::default(), &first, 1, at(9));
    let later = next(&told, &facts(Verdict::Leaving { count: 2, first: "a".to_owned() }), 2, at(10));
    assert_eq!(shown(&later), "False Deleting R");
    assert_eq!((later.project, later.calls), (Some(project), Some(calls)));
    assert_eq!((later.inventory_time, later.observed_generation), (Some(Time(at(5))), Some(2)));
    assert_eq!(later.last_handled_reconcile_at.as_deref(), Some("now"));
}

#[test]
fn a_mass_absence_is_told_beside_ready_until_it_is_over() {
    let gone = ["b", "a", "d", "c"].map(|name| (ObjectKey::new("ns", name), "1".parse().unwrap())).to_vec();
    let found = Absence::found(&MassAbsence { of: 5, gone });
    let absent = |absence: Absence| Facts { absence, ..facts(Verdict::Ready) };
    let told = |status: &DataWorksWorkspaceStatus| {
        let condition = state::find(&status.conditions, ConditionType::MassAbsence)?;
        Some((format!("{} {}", condition.status, condition.reason), condition.last_transition_time.0))
    };
    let good = next(&DataWorksWorkspaceStatus::default(), &absent(Absence::Over), 1, at(0));
    assert_eq!((told(&good), absence_told(&good)), (None, None));
    let braked = next(&good, &absent(found.clone()), 1, at(10));
    assert_eq!(
        (told(&braked), absence_told(&braked)),
        (Some(("True MassAbsence".to_owned(), at(10))), Some(AbsenceTold::Braked))
    );
    assert_eq!(shown(&braked), "True Succeeded ", "it can be worked with");
    let said = &state::find(&braked.conditions, ConditionType::MassAbsence).unwrap().message;
    for part in ["4 of 5 files", "those of \"b\", \"a\", \"d\":", RECONCILE_REQUESTED] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Found again, and after a restart: nothing new.
    assert_eq!(next(&braked, &absent(found), 1, at(20)), braked);
    assert_eq!(next(&braked, &absent(Absence::Unseen), 1, at(20)), braked);
    let asked = next(&braked, &absent(Absence::Asked), 1, at(30));
    assert_eq!(
        (told(&asked), absence_told(&asked)),
        (Some(("False Recreating".to_owned(), at(30))), Some(AbsenceTold::Asked))
    );
    assert_eq!(next(&asked, &absent(Absence::Unseen), 1, at(40)), asked);
    for before in [braked, asked] {
        assert_eq!(told(&next(&before, &absent(Absence::Over), 1, at(50))), None);
    }
}
