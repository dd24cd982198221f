//! Content that is uploaded: what goes, when, how often, and that nothing of it is shown.

use dataworks_simulator::{Fault, FaultKind};

use super::maps::{digest, from_map, holds, map};
use crate::support::operator::SHORT_BOUNDS;
use crate::support::{Ask as _, PROJECT, Scene, id, status};

/// Bytes that are no text.
pub(crate) fn binary(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|n| u8::try_from(n % 251).unwrap() ^ seed).chain([0xff]).collect()
}

#[tokio::test]
async fn what_is_no_short_text_is_uploaded_first() {
    let scene = Scene::new().await;
    let operator = scene.launch().start();
    // A ConfigMap holds 1 MiB in all.
    let (jar, long) = (binary(1_048_575, 0), "a".repeat(131_073).into_bytes());
    let (short, odd) = (long[1..].to_vec(), b"print('\xe9')\n".to_vec());
    let rows = [("jar", "D/jar.jar", &jar), ("odd", "D/odd.py", &odd), ("long", "D/long.py", &long)];
    for (name, path, bytes) in rows {
        map(&scene, name, &[("k", bytes)]).await;
        let since = scene.cloud.last();
        scene.kubectl.apply(&from_map(name, path, name, "k")).await;
        let made = holds(&scene, name, bytes).await;
        let file = scene.cloud.resource(&id(&made)).unwrap();
        assert_eq!((Some(file.content_sha256), file.file_bytes), (digest(bytes), Some(bytes.len())));
        assert_eq!(file.content, "");
        let mut actions = scene.cloud.actions(since);
        actions.retain(|action| action != "ListResources");
        assert_eq!(actions, ["AuthorizeFileUpload", "PostObject", "CreateResource"], "{name}");
    }
    // As text when it becomes short enough, and by upload again.
    let since = scene.cloud.last();
    map(&scene, "long", &[("k", &short)]).await;
    holds(&scene, "long", &short).await;
    map(&scene, "long", &[("k", &long)]).await;
    holds(&scene, "long", &long).await;
    let actions = ["UpdateResource", "AuthorizeFileUpload", "PostObject", "UpdateResource"];
    assert_eq!(scene.cloud.actions(since), actions);

    let log = operator.log();
    let calls = scene.cloud.calls_since(0).into_iter().filter(|call| call.action == "PostObject");
    let keys: Vec<String> = calls.map(|call| call.name.unwrap()).collect();
    assert_eq!(keys.len(), 4);
    for part in keys.iter().map(String::as_str).chain(["LTAIossSimulator", "print(", "aaaaaaaaaa"]) {
        assert!(!log.contains(part), "{part} is in the log");
    }
    for name in ["jar", "odd", "long"] {
        let shown = scene.kubectl.run(&["get", "dwr", name, "-o", "json"]).await;
        assert!(!keys.iter().any(|key| shown.contains(key.as_str())), "{shown}");
    }
}

#[tokio::test]
async fn a_refused_call_names_the_same_upload_again() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let throttle = FaultKind::Throttle { numeric: false, retry_after_ms: None, retry_after_seconds: None };
    scene.cloud.add_fault(Fault::new("CreateResource", throttle.clone()).times(2));
    scene.cloud.add_fault(Fault::new("UpdateResource", throttle).times(2));
    let (one, two) = (binary(1000, 1), binary(1000, 2));
    map(&scene, "m", &[("k", &one)]).await;
    scene.kubectl.apply(&from_map("a", "D/a.jar", "m", "k")).await;
    holds(&scene, "a", &one).await;
    map(&scene, "m", &[("k", &two)]).await;
    holds(&scene, "a", &two).await;
    assert_eq!(scene.cloud.calls_of("CreateResource"), 3);
    assert_eq!(scene.cloud.calls_of("UpdateResource"), 3);
    assert_eq!(scene.cloud.calls_of("PostObject"), 2);
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_makes_one_file_that_holds_what_is_declared() {
    let scene = Scene::new().await;
    let _operator = scene.launch().with(&SHORT_BOUNDS).start();
    let bytes = binary(1000, 1);
    for (name, kind) in [("lost", FaultKind::Lost), ("dropped", FaultKind::DropBefore)] {
        scene.cloud.add_fault(Fault::new("CreateResource", kind).times(1));
        map(&scene, name, &[("k", &bytes)]).await;
        let since = scene.cloud.last();
        scene.kubectl.apply(&from_map(name, &format!("D/{name}.jar"), name, "k")).await;
        let made = holds(&scene, name, &bytes).await;
        let files = scene.cloud.resources(PROJECT);
        let named: Vec<_> = files.iter().filter(|file| file.name == format!("{name}.jar")).collect();
        assert_eq!(named.len(), 1, "{name}");
        assert_eq!((&named[0].id, Some(named[0].content_sha256.clone())), (&id(&made), digest(&bytes)));
        // The service may have taken away what the lost call named.
        let uploads = scene.cloud.actions(since).iter().filter(|action| *action == "PostObject").count();
        assert_eq!(uploads, 2, "{name}");
    }
}

#[tokio::test]
async fn an_update_whose_answer_is_lost_ends_with_what_is_declared() {
    let scene = Scene::new().await;
    let _operator = scene.launch().with(&SHORT_BOUNDS).start();
    let (one, two) = (binary(1000, 1), binary(1000, 2));
    map(&scene, "m", &[("k", &one)]).await;
    scene.kubectl.apply(&from_map("a", "D/a.jar", "m", "k")).await;
    let made = holds(&scene, "a", &one).await;
    for (bytes, kind) in [(&two, FaultKind::Lost), (&one, FaultKind::DropBefore)] {
        scene.cloud.add_fault(Fault::new("UpdateResource", kind).times(1));
        map(&scene, "m", &[("k", bytes)]).await;
        let now = holds(&scene, "a", bytes).await;
        let file = scene.cloud.only_file();
        assert_eq!((file.id, Some(file.content_sha256)), (id(&made), status(&now).content_digest));
    }
}
