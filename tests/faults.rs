//! Bad input and a bad cloud: what an object says, and what the cloud holds in the end.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use dataworks_simulator::{ErrorAnswer, Fault, FaultKind, IdStyle, ProjectConfig};
use serde_json::json;
use support::operator::SHORT_BOUNDS;
use support::{
    Ask as _, PROJECT, Scene, condition, id, is_current, is_ready, manifest, message, poll, python, status,
};

const HOUR_MS: i64 = 3_600_000;

fn error(status: u16, code: &str) -> ErrorAnswer {
    ErrorAnswer::new(status, code, "made to fail")
}

/// As the simulator answers to a second file at a path.
fn already_exists() -> ErrorAnswer {
    dataworks_simulator::Behaviour::default().already_exists
}

/// Whatever happens to the answer of the first create, there is one file in the end, and the
/// object knows it.
#[tokio::test]
async fn a_create_whose_answer_is_bad_makes_one_file() {
    let scene = Scene::new().await;
    let _operator = scene.launch().with(&SHORT_BOUNDS).with(&["--commit-lag=4s"]).start();
    // Name, what happens to the call, how many requests arrive in all.
    let rows = [
        ("lost-after", FaultKind::Lost, 1),
        ("lost-before", FaultKind::DropBefore, 2),
        ("error-after", FaultKind::ErrorAfter(error(500, "InternalError.System")), 1),
        ("error-before", FaultKind::Error(error(503, "ServiceUnavailable")), 2),
        ("exists-after", FaultKind::ErrorAfter(already_exists()), 1),
        ("garbage", FaultKind::Garbage, 1),
        ("proxy-page", FaultKind::Html503, 2),
        ("silence-after", FaultKind::Hang { ms: 4000, effect: true }, 1),
        ("silence-before", FaultKind::Hang { ms: 4000, effect: false }, 2),
        ("late", FaultKind::LateCommit { ms: 1500, hang: true }, 1),
    ];
    for (name, kind, _) in rows.clone() {
        scene.cloud.add_fault(Fault::new("CreateResource", kind).named(format!("/{name}.py")).times(1));
        scene.kubectl.apply(&python(name, &format!("Bad/{name}.py"))).await;
    }
    for (name, _, requests) in rows {
        let object = scene.ready(name).await;
        let files = scene.cloud.resources(PROJECT);
        let files: Vec<_> = files.iter().filter(|file| file.name == format!("{name}.py")).collect();
        assert_eq!(files.len(), 1, "{name}: {files:#?}");
        assert_eq!(files[0].id, id(&object), "{name}");
        let calls = scene.calls_about(0, &format!("Bad/{name}.py"));
        let creates = calls.iter().filter(|action| *action == "CreateResource").count();
        // A late commit has an entry of its own.
        let landed = usize::from(name == "late");
        assert_eq!(creates, requests + landed, "{name}: {calls:?}");
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_told_with_the_time_of_its_end() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    scene.cloud.add_fault(Fault::new("CreateResource", FaultKind::DropBefore).times(1));
    scene.kubectl.apply(&python("unsure", "U/a.py")).await;
    let object = scene.says("unsure", "Unknown", "OutcomeUnknown").await;
    assert!(message(&object).contains("U/a.py"), "{}", message(&object));
    assert!(condition(&object, "Reconciling").is_some() && condition(&object, "Stalled").is_none());
    assert_eq!(scene.cloud.calls_of("CreateResource"), 1, "not sent again within the bounds");

    // Deleted meanwhile, it stays until no request can arrive any more; Retain lets it go.
    scene.kubectl.run(&["delete", "dwr", "unsure", "--wait=false"]).await;
    scene.says("unsure", "False", "Deleting").await;
    let retain = r#"{"spec":{"deletionPolicy":"Retain"}}"#;
    scene.kubectl.run(&["patch", "dwr", "unsure", "--type=merge", "-p", retain]).await;
    scene.gone("unsure").await;
}

#[tokio::test]
async fn a_create_refused_as_a_duplicate_is_not_taken_for_ours() {
    let scene = Scene::new().await;
    let _operator = scene.launch().with(&SHORT_BOUNDS).start();
    let fault = Fault::new("CreateResource", FaultKind::Error(already_exists()));
    scene.cloud.add_fault(fault);
    scene.kubectl.apply(&python("twin", "E/a.py")).await;
    let object = scene.says("twin", "False", "AlreadyExists").await;
    assert!(condition(&object, "Stalled").is_some());
    assert_eq!((status(&object).id, scene.cloud.resource_count(PROJECT)), (None, 0));
}

#[tokio::test]
async fn updates_and_deletes_whose_answers_are_bad_are_looked_after() {
    let scene = Scene::new().await;
    let _operator = scene.launch().with(&SHORT_BOUNDS).start();
    let rows = [
        ("lost-after", FaultKind::Lost),
        ("lost-before", FaultKind::DropBefore),
        ("error-after", FaultKind::ErrorAfter(error(500, "InternalError.System"))),
        ("error-before", FaultKind::Error(error(500, "InternalError.System"))),
        ("garbage", FaultKind::Garbage),
        ("silence", FaultKind::Hang { ms: 4000, effect: false }),
    ];
    for (name, _) in &rows {
        scene.kubectl.apply(&python(name, &format!("Upd/{name}.py"))).await;
    }
    let mut ids = Vec::new();
    for (name, kind) in &rows {
        ids.push(id(&scene.ready(name).await));
        for action in ["UpdateResource", "DeleteResource"] {
            let fault = Fault::new(action, kind.clone()).named(format!("/{name}.py")).times(1);
            scene.cloud.add_fault(fault);
        }
        let edit = r#"{"spec":{"content":{"inline":"print(2)\n"}}}"#;
        scene.kubectl.run(&["patch", "dwr", name, "--type=merge", "-p", edit]).await;
    }
    for ((name, _), id_before) in rows.iter().zip(&ids) {
        let object = scene.until(name, |o| o.metadata.generation == Some(2) && is_ready(o)).await;
        assert_eq!(id(&object), *id_before, "{name}");
        let file = scene.cloud.resource(id_before).unwrap();
        assert_eq!(file.content, "print(2)\n", "{name}");
        scene.kubectl.run(&["delete", "dwr", name, "--wait=false"]).await;
    }
    for (name, _) in &rows {
        scene.gone(name).await;
    }
    assert_eq!(scene.cloud.resources(PROJECT), []);
}

#[tokio::test]
async fn a_throttling_cloud_delays_and_fails_nothing() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let throttle = |numeric| FaultKind::Throttle { numeric, retry_after_ms: None, retry_after_seconds: None };
    scene.cloud.add_fault(Fault::new("*", throttle(false)).times(4));
    scene.cloud.add_fault(Fault::new("*", throttle(true)).times(4));
    for n in 0..5 {
        scene.kubectl.apply(&python(&format!("slow-{n}"), &format!("Th/{n}.py"))).await;
    }
    for n in 0..5 {
        scene.ready(&format!("slow-{n}")).await;
    }
    assert_eq!(scene.cloud.resource_count(PROJECT), 5);
    assert_eq!(scene.cloud.faults().iter().map(|(_, used)| used).sum::<u64>(), 8, "all were used up");
}

#[tokio::test]
async fn a_wrong_key_says_what_to_check_and_never_shows_a_secret() {
    let scene = Scene::new().await;
    let operator = scene.launch().secret("notTheSecretOfThisKey").start();
    scene.kubectl.apply(&python("denied", "K/a.py")).await;
    let object = scene.says("denied", "Unknown", "AccessDenied").await;
    assert!(message(&object).contains("access key"), "{}", message(&object));
    assert!(status(&object).last_error.is_some());
    let shown = scene.kubectl.run(&["get", "dwr,events", "-o", "yaml"]).await;
    for text in [shown, operator.log()] {
        assert!(!text.contains("notTheSecretOfThisKey"));
    }
    operator.kill().await;
    // With the right key it goes on.
    let _operator = scene.launch().start();
    scene.ready("denied").await;
    scene.cloud.only_file();
}

#[tokio::test]
async fn a_clock_that_is_off_is_learned() {
    for offset in [HOUR_MS, -HOUR_MS] {
        let scene = Scene::new().await;
        scene.cloud.change_settings(|settings| settings.clock_offset_ms = offset);
        let _operator = scene.launch().with(&SHORT_BOUNDS).start();
        scene.kubectl.apply(&python("plain", "Clock/plain.py")).await;
        scene.ready("plain").await;
        // Also what is judged by times works: a file that a lost create made is found.
        scene.cloud.add_fault(Fault::new("CreateResource", FaultKind::Lost).times(1));
        scene.kubectl.apply(&python("lost", "Clock/lost.py")).await;
        scene.ready("lost").await;
        assert_eq!(scene.cloud.resource_count(PROJECT), 2, "{offset}");
    }
}

#[tokio::test]
async fn a_cloud_that_is_down_at_the_start_is_waited_for() {
    let scene = Scene::new().await;
    scene.cloud.change_settings(|settings| settings.down = true);
    let operator = scene.launch().start();
    scene.kubectl.apply(&python("patient", "Down/a.py")).await;
    operator.says(&["a call failed", "\"attempt\":2"]).await;
    scene.cloud.change_settings(|settings| settings.down = false);
    scene.ready("patient").await;
    assert_eq!(scene.cloud.calls_of("CreateResource"), 1);
}

#[tokio::test]
async fn a_refused_document_is_sent_again_only_when_it_changes() {
    let scene = Scene::new().await;
    let operator = scene.launch().start();
    let fault = Fault::new("CreateResource", FaultKind::Error(error(400, "InvalidParameter")));
    scene.cloud.add_fault(fault.named("No/a.py").times(1));
    scene.kubectl.apply(&python("refused", "No/a.py")).await;
    let object = scene.says("refused", "False", "Refused").await;
    assert!(condition(&object, "Stalled").is_some());
    assert!(message(&object).contains("InvalidParameter"), "{}", message(&object));
    assert!(status(&object).last_error.unwrap().request_id.is_some());

    let since = scene.cloud.last();
    scene.kubectl.run(&["label", "dwr", "refused", "team=data"]).await;
    scene.fence().await;
    assert_eq!(scene.calls_about(since, "a.py"), [""; 0], "a label is no change of it");
    // Nor is a restart.
    operator.kill().await;
    let _operator = scene.launch().start();
    scene.fence().await;
    assert_eq!(scene.calls_about(since, "a.py"), [""; 0]);

    let edit = r#"{"spec":{"content":{"inline":"better"}}}"#;
    scene.kubectl.run(&["patch", "dwr", "refused", "--type=merge", "-p", edit]).await;
    let object = scene.ready("refused").await;
    assert_eq!(status(&object).last_error, None);
    assert_eq!(scene.cloud.resource(&id(&object)).unwrap().content, "better");
}

#[tokio::test]
async fn a_workspace_that_does_not_exist_is_named() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let spec = json!({"projectId": 999, "path": "a.py", "content": {"inline": "1"}});
    scene.kubectl.apply(&manifest("nowhere", &spec)).await;
    let object = scene.says("nowhere", "False", "WorkspaceNotFound").await;
    assert!(message(&object).contains("projectId"), "{}", message(&object));
    scene.fence().await;
    scene.kubectl.run(&["delete", "dwr", "nowhere", "--wait=false"]).await;
    scene.gone("nowhere").await;
}

#[tokio::test]
async fn ids_written_as_numbers_lose_no_digit() {
    let scene = Scene::new().await;
    scene.cloud.change_settings(|settings| {
        settings.behaviour.id_style = IdStyle::Number;
        settings.behaviour.project_id_style = IdStyle::String;
    });
    let _operator = scene.launch().with(&SHORT_BOUNDS).start();
    scene.cloud.add_fault(Fault::new("CreateResource", FaultKind::Lost).named("lost").times(1));
    for name in ["answered", "lost"] {
        scene.kubectl.apply(&python(name, &format!("N/{name}.py"))).await;
        let object = scene.ready(name).await;
        assert_eq!(id(&object).len(), 19, "{}", id(&object));
        assert_eq!(scene.cloud.resource(&id(&object)).unwrap().name, format!("{name}.py"));
        scene.kubectl.run(&["delete", "dwr", name, "--wait=false"]).await;
        scene.gone(name).await;
    }
    assert_eq!(scene.cloud.resources(PROJECT), []);
}

#[tokio::test]
async fn texts_arrive_as_they_are() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let limit = 131_072;
    let rows = [
        ("chinese", "数据/清洗/用户行为.py", "# 清洗用户行为\nprint(\"你好 😀\")\n".to_owned()),
        ("crlf", "Texts/crlf.py", "print(1)\r\n\tprint(2)\r\n\u{feff}".to_owned()),
        ("signs", "Texts/a b+c&d=e%41.py", "a=1&b=%41+ ~*'()\"\\\n".to_owned()),
        ("full", "Texts/full.py", "é".repeat(limit / 2)),
    ];
    for (name, path, text) in &rows {
        let spec = json!({"projectId": PROJECT, "path": path, "content": {"inline": text}});
        scene.kubectl.feed(&["create", "-f", "-"], &manifest(name, &spec).to_string()).await;
        let object = scene.ready(name).await;
        let file = scene.cloud.resource(&id(&object)).unwrap();
        assert_eq!((file.path.as_str(), file.content == *text), (*path, true), "{name}");
        assert_eq!(status(&object).content_digest, Some(file.content_sha256), "{name}");
    }
    for (name, text) in [("bytes", "é".repeat(limit / 2) + "x"), ("chars", "x".repeat(limit + 1))] {
        let spec = json!({"projectId": PROJECT, "path": "Texts/more.py", "content": {"inline": text}});
        let said = scene.kubectl.try_run(&["create", "-f", "-"], &manifest(name, &spec).to_string()).await;
        let said = said.expect_err("one byte more is refused");
        assert!(said.contains("spec.content.inline"), "{said}");
    }
}

#[tokio::test]
async fn an_object_that_cannot_be_read_stops_no_other() {
    let scene = Scene::alone().await;
    let crd = "customresourcedefinition/dataworksresources.dataworks.alibabacloud.com";
    // A CRD of another version, or a broken one: any spec is taken.
    let loose = json!([
        {
            "op": "replace",
            "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec",
            "value": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        },
        {"op": "remove", "path": "/spec/versions/0/selectableFields"},
    ]);
    scene.kubectl.run(&["patch", crd, "--type=json", "-p", &loose.to_string()]).await;
    let odd = manifest("odd", &json!({"projectId": "a text", "path": 7, "content": []}));
    let made = poll(
        support::DEADLINE,
        std::time::Duration::from_millis(200),
        "the loose schema is not served",
        async || scene.kubectl.try_run(&["create", "-f", "-"], &odd.to_string()).await.ok(),
    );
    made.await;
    scene.kubectl.apply(&python("before", "Odd/before.py")).await;

    let _operator = scene.launch().start();
    scene.ready("before").await;
    let told = [
        "wait",
        "dwr/odd",
        "--for=jsonpath={.status.conditions[?(@.type==\"Stalled\")].reason}=InvalidSpec",
        "--timeout=120s",
    ];
    scene.kubectl.run(&told).await;
    scene.kubectl.apply(&python("after", "Odd/after.py")).await;
    scene.ready("after").await;

    let mended = python("odd", "Odd/odd.py");
    scene.kubectl.feed(&["replace", "-f", "-"], &mended.to_string()).await;
    let object = scene.ready("odd").await;
    assert!(is_current(&object));
    assert_eq!(scene.cloud.resource_count(PROJECT), 3);
}

/// What is done to an object while its create is under way is done as soon as that has ended.
#[tokio::test]
async fn an_edit_and_a_deletion_during_a_create_are_not_forgotten() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let slow = Fault::new("CreateResource", FaultKind::Slow { ms: 20_000 });
    scene.cloud.add_fault(slow);
    let spec = |name: &str, text: &str| {
        manifest(
            name,
            &json!({"projectId": PROJECT, "path": format!("W/{name}.py"), "content": {"inline": text}}),
        )
    };
    for name in ["edited", "deleted"] {
        scene.kubectl.apply(&spec(name, "1")).await;
    }
    let arrived = async || (scene.cloud.faults()[0].1 == 2).then_some(());
    poll(support::DEADLINE, std::time::Duration::from_millis(5), "no creates", arrived).await;
    scene.kubectl.apply(&spec("edited", "2")).await;
    scene.kubectl.run(&["delete", "dwr", "deleted", "--wait=false"]).await;
    assert_eq!(scene.cloud.resource_count(PROJECT), 0, "both creates are still under way");

    scene.gone("deleted").await;
    let object = scene.until("edited", |o| o.metadata.generation == Some(2) && is_ready(o)).await;
    let file = scene.cloud.only_file();
    assert_eq!((file.id.clone(), file.content.as_str()), (id(&object), "2"));
}

/// Its object went by force while it was made, and cannot be deleted at once: by then another object has it.
#[tokio::test]
async fn a_surplus_file_that_another_object_adopts_is_left_to_it() {
    let scene = Scene::new().await;
    let operator = scene.launch().start();
    scene.cloud.add_fault(Fault::new("CreateResource", FaultKind::Slow { ms: 10_000 }).times(1));
    let down = FaultKind::Error(error(503, "ServiceUnavailable"));
    scene.cloud.add_fault(Fault::new("DeleteResource", down).times(4));
    scene.kubectl.apply(&python("a", "S/a.py")).await;
    let arrived = async || (scene.cloud.faults()[0].1 == 1).then_some(());
    poll(support::DEADLINE, std::time::Duration::from_millis(5), "no create", arrived).await;
    scene.kubectl.run(&["delete", "dwr", "a", "--wait=false"]).await;
    let freed = r#"{"metadata":{"finalizers":null}}"#;
    scene.kubectl.run(&["patch", "dwr", "a", "--type=merge", "--patch", freed]).await;
    scene.gone("a").await;
    scene.cloud.called(0, "DeleteResource").await;
    let mut adopting = python("b", "S/a.py");
    adopting["spec"]["adoptionPolicy"] = json!("Adopt");
    scene.kubectl.apply(&adopting).await;
    let adopted = scene.ready("b").await;
    operator.says(&["another object has the surplus resource by now"]).await;
    assert_eq!(scene.cloud.only_file().id, id(&adopted));
}

/// A copy's status names the workspace of the original: what its own create left, in the workspace that it is edited to,
/// is deleted there.
#[tokio::test]
async fn what_a_copy_may_have_made_is_deleted_where_it_was_made() {
    const ELSEWHERE: u64 = 654_321;
    let scene = Scene::new().await;
    scene.cloud.add_project(ProjectConfig::new(ELSEWHERE, "elsewhere"));
    let launch = scene.launch().with(&["--call-deadline=10s", "--commit-lag=1s"]);
    let operator = launch.start();
    scene.kubectl.apply(&python("a", "C/a.py")).await;
    let original = scene.ready("a").await;
    operator.kill().await;
    let mut copy = python("b", "C/b.py");
    copy["spec"]["projectId"] = json!(ELSEWHERE);
    copy["metadata"]["annotations"] = json!(original.metadata.annotations);
    scene.kubectl.apply(&copy).await;
    let told = json!({"status": status(&original)}).to_string();
    scene.kubectl.run(&["patch", "dwr", "b", "--subresource=status", "--type=merge", "--patch", &told]).await;

    let hang = FaultKind::Hang { ms: 30_000, effect: true };
    scene.cloud.add_fault(Fault::new("CreateResource", hang).times(1));
    let _operator = launch.start();
    let arrived = async || (scene.cloud.faults()[0].1 == 1).then_some(());
    poll(support::DEADLINE, std::time::Duration::from_millis(5), "no create", arrived).await;
    scene.kubectl.run(&["delete", "dwr", "b", "--wait=false"]).await;
    scene.gone("b").await;
    assert_eq!(scene.cloud.resources(ELSEWHERE), []);
    assert_eq!(scene.cloud.only_file().id, id(&original));
}
