//! What a workspace fills in: new files get it, and keep it.

use dataworks_simulator::{DataSource, OutsideFile};
use serde_json::{Value, json};

use super::support::{Ask as _, Scene, id, manifest, message, status};
use super::{PROJECT, cloud, launch, patch, says, through, until, workspace};

/// Defaults of which each field tells which ones they are.
fn defaults(name: &str) -> Value {
    json!({
        "datasource": {"name": format!("{name}_source"), "type": "odps"},
        "owner": format!("{name}-owner"),
        "resourceGroup": format!("{name}_group"),
    })
}

/// An object with these fields beside the path.
fn file(name: &str, fields: &Value) -> Value {
    let mut spec = json!({
        "workspaceRef": {"name": "team"}, "path": format!("D/{name}.py"), "content": {"inline": "print(1)\n"},
    });
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    manifest(name, &spec)
}

/// Data source, owner and resource group of the file of an object.
async fn has(scene: &Scene, name: &str) -> [Value; 3] {
    let file = scene.cloud.resource(&id(&scene.ready(name).await)).unwrap();
    let document: Value = serde_json::from_str(&file.spec).unwrap();
    let group = document["spec"]["fileResources"][0]["runtimeResource"]["resourceGroup"].clone();
    [json!(file.datasource.name), json!(file.owner), group]
}

/// Has the workspace say other defaults, and waits until that was seen.
async fn change(scene: &Scene, defaults: &Value) {
    patch(scene, "dww", "team", &json!({"spec": {"defaults": defaults}})).await;
    until(scene, "team", |team| {
        super::told(team).observed_generation == team.metadata.generation
            && super::ready(team).0 == "True Succeeded"
    })
    .await;
}

#[tokio::test]
async fn what_a_workspace_fills_in_is_for_new_files_and_stays_with_them() {
    let scene = Scene::under(cloud().await).await;
    let launch = launch(&scene);
    let operator = launch.start();
    let first = workspace(&scene, "team", PROJECT, &json!({"defaults": defaults("first")}));
    scene.kubectl.apply(&first).await;
    scene.kubectl.apply(&through("a", "team", "D/a.py")).await;
    scene.kubectl.apply(&file("own", &json!({"owner": "2000"}))).await;
    assert_eq!(has(&scene, "a").await, ["first_source", "first-owner", "first_group"]);
    assert_eq!(has(&scene, "own").await, ["first_source", "2000", "first_group"]);
    let kept = serde_json::to_value(status(&scene.ready("a").await).defaults).unwrap();
    assert_eq!(kept, defaults("first"));

    change(&scene, &defaults("second")).await;
    let (since, version) = (scene.cloud.last(), scene.version("a").await);
    scene.kubectl.apply(&through("b", "team", "D/b.py")).await;
    assert_eq!(has(&scene, "b").await, ["second_source", "second-owner", "second_group"]);
    // An edit is sent with what the file was made with.
    patch(&scene, "dwr", "own", &json!({"spec": {"content": {"inline": "print(2)\n"}}})).await;
    assert_eq!(has(&scene, "own").await, ["first_source", "2000", "first_group"]);
    assert_eq!(scene.calls_about(since, "a.py"), [""; 0]);
    assert_eq!(scene.version("a").await, version, "an object was written for a default");

    // A restart does not know how it was.
    assert!(operator.stop().await.success());
    let since = scene.cloud.last();
    let operator = launch.pod("pod-2").start();
    operator.leads().await;
    scene.kubectl.apply(&through("fence", "team", "D/fence.py")).await;
    scene.ready("fence").await;
    let actions = scene.cloud.actions(since);
    assert!(
        actions.iter().all(|action| !["UpdateResource", "GetResource"].contains(&&**action)),
        "{actions:?}"
    );
    assert_eq!(scene.version("a").await, version);

    // Nor does a status that was wiped; the intent does.
    let wipe = r#"[{"op":"replace","path":"/status","value":{}}]"#;
    scene.kubectl.run(&["patch", "dwr", "a", "--subresource=status", "--type=json", "-p", wipe]).await;
    assert_eq!(has(&scene, "a").await, ["first_source", "first-owner", "first_group"]);
    assert_eq!(serde_json::to_value(status(&scene.ready("a").await).defaults).unwrap(), defaults("first"));
    let actions = scene.cloud.actions(since);
    assert_eq!(actions.iter().filter(|action| *action == "UpdateResource").count(), 0, "{actions:?}");

    // Another data source than the file has cannot be had any more.
    let other = json!({"spec": {"datasource": {"name": "own", "type": "odps"}}});
    patch(&scene, "dwr", "a", &other).await;
    let told = message(&scene.says("a", "False", "InvalidSpec").await);
    assert!(told.contains("\"first_source\""), "{told}");
}

#[tokio::test]
async fn what_is_adopted_keeps_what_it_has_and_gets_nothing_filled_in() {
    let scene = Scene::under(cloud().await).await;
    let _operator = launch(&scene).start();
    let theirs = |path: &str| OutsideFile {
        datasource: Some(DataSource { name: "theirs".to_owned(), kind: "odps".to_owned() }),
        ..OutsideFile::new(PROJECT, path, "print(1)\n")
    };
    scene.cloud.create_outside(theirs("D/a.py")).unwrap();
    let named = scene.cloud.create_outside(theirs("D/named.py")).unwrap();
    scene.kubectl.apply(&workspace(&scene, "team", PROJECT, &json!({"defaults": defaults("first")}))).await;
    scene.kubectl.apply(&file("a", &json!({"adoptionPolicy": "Adopt"}))).await;
    scene.kubectl.apply(&file("named", &json!({"resourceId": named}))).await;
    scene.kubectl.apply(&file("new", &json!({"adoptionPolicy": "Adopt"}))).await;
    assert_eq!(has(&scene, "a").await, [json!("theirs"), json!("2000"), Value::Null]);
    assert_eq!(has(&scene, "named").await, [json!("theirs"), json!("2000"), Value::Null]);
    assert_eq!(has(&scene, "new").await, ["first_source", "first-owner", "first_group"]);
    assert_eq!(status(&scene.ready("a").await).defaults, None);
    // Without a status they are adopted again, and are no other files than before.
    for name in ["a", "named"] {
        let wipe = r#"[{"op":"replace","path":"/status","value":{}}]"#;
        scene.kubectl.run(&["patch", "dwr", name, "--subresource=status", "--type=json", "-p", wipe]).await;
        assert_eq!(has(&scene, name).await, [json!("theirs"), json!("2000"), Value::Null]);
    }
    assert_eq!(scene.cloud.calls_of("UpdateResource"), 0);
}

#[tokio::test]
async fn a_default_that_hinders_a_new_file_is_mended_in_the_workspace() {
    let scene = Scene::under(cloud().await).await;
    let _operator = launch(&scene).start();
    let emr = json!({"datasource": {"name": "spark", "type": "emr"}});
    scene.kubectl.apply(&workspace(&scene, "team", PROJECT, &json!({"defaults": emr}))).await;
    says(&scene, "team", "True Succeeded").await;
    scene.kubectl.apply(&through("a", "team", "D/a.py")).await;
    let told = message(&scene.says("a", "False", "InvalidSpec").await);
    assert!(told.contains("default data source"), "{told}");
    change(&scene, &json!({"datasource": {"name": "second_source", "type": "odps"}})).await;
    assert_eq!(has(&scene, "a").await[0], "second_source");
    // What cannot be sent is refused at admission.
    for (wrong, why) in [
        (json!({"owner": "two words"}), "owner is empty or has spaces"),
        (json!({"resourceGroup": "a b"}), "resourceGroup is no identifier"),
        (json!({"datasource": {"name": "x", "type": "EMR"}}), "datasource.type is not a word in lower case"),
    ] {
        let object = workspace(&scene, "wrong", PROJECT, &json!({"defaults": wrong})).to_string();
        let refused = scene.kubectl.try_run(&["apply", "-f", "-"], &object).await.unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}
