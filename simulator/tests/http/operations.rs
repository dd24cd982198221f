//! What each operation does and answers.

use dataworks_simulator::{Config, ProjectConfig};
use serde_json::{Value, json};

use crate::client::{P, PROJECT, document, entity, simulator, spec};

#[tokio::test]
async fn a_file_lives_from_create_to_delete() {
    let (simulator, client) = simulator(Config::default()).await;
    let id = client.create("f/a.py", "print(1)\n").await.id();
    assert_eq!(id.len(), 19);

    let got = client.get(&id).await;
    let resource = &got.json["Resource"];
    assert_eq!(resource["Id"], json!(id));
    assert_eq!(resource["ProjectId"], json!(PROJECT));
    assert_eq!(resource["Name"], "a.py");
    assert_eq!(resource["Owner"], "1000");
    assert_eq!(resource["CreateTime"], resource["ModifyTime"]);
    let file = entity(&got);
    assert_eq!(file["id"], json!(id));
    assert_eq!(file["script"]["content"], "print(1)\n");
    assert!(file["script"]["id"].is_string(), "{file}");
    assert_eq!(file["file"], Value::Null);
    assert_eq!(file["metadata"]["project"]["mode"], "SIMPLE");

    let listed = client.call("ListResources", &[("ProjectId", P)]).await;
    let paging = &listed.json["PagingInfo"];
    assert_eq!((&paging["PageNumber"], &paging["PageSize"]), (&json!(1), &json!(10)));
    let row = &paging["Resources"][0];
    assert_eq!(row["DataSource"], json!({"Name": "odps_first", "Type": "odps"}));
    assert_eq!(row["Script"]["Path"], "f/a.py");
    assert_eq!(row["Script"]["Runtime"]["Command"], "ODPS_PYTHON");
    assert_eq!((&row["Type"], &row["Id"]), (&json!("Python"), &json!(id)));

    let mine = [("ProjectId", P), ("Id", id.as_str())];
    let with = |name, value| [mine[0], mine[1], (name, value)];
    let moved = client.call("MoveResource", &with("Path", "g/h")).await;
    assert_eq!(moved.json["Success"], true);
    let renamed = client.call("RenameResource", &with("Name", "b.py")).await;
    assert_eq!(renamed.json["Success"], true);
    let file = simulator.resource(&id).expect("the file");
    assert_eq!((file.path.as_str(), file.name.as_str()), ("g/h/b.py", "b.py"));
    assert_eq!(file.content, "print(1)\n");
    client.call("MoveResource", &with("Path", "")).await;
    assert_eq!(simulator.resource(&id).expect("the file").path, "b.py");

    let deleted = client.call("DeleteResource", &mine).await;
    assert_eq!(deleted.json["Success"], true);
    for action in ["DeleteResource", "GetResource"] {
        let gone = client.call(action, &mine).await;
        assert_eq!(gone.error(), (400, "5801488441564725318"), "{action}");
    }
    assert_eq!(simulator.resource_count(PROJECT), 0);
    assert_eq!(simulator.counts().effects["MoveResource"], 2);
}

#[tokio::test]
async fn create_reads_the_first_file_only_and_leniently() {
    let (simulator, client) = simulator(Config::default()).await;
    let one = json!({
        "name": "a.jar", "type": "JAR", "nonsense": {"x": 1},
        "script": {"path": "a.jar", "runtime": {"command": "EMR_JAR"}},
        "datasource": {"name": "emr_0", "type": "emr"},
        "metadata": {"owner": "77"},
    });
    let two = json!({
        "version": "1.1.0", "kind": "Resource",
        "spec": {"fileResources": [one, {"name": "ignored"}]},
    });
    let params =
        [("ProjectId", P), ("Spec", &two.to_string()), ("ResourceFile", "https://example.com/a.jar")];
    let id = client.call("CreateResource", &params).await.id();
    let file = simulator.resource(&id).expect("the file");
    assert_eq!((file.kind.as_str(), file.owner.as_str()), ("Jar", "77"));
    assert_eq!(file.datasource.name, "emr_0");
    assert_eq!(file.resource_file.as_deref(), Some("https://example.com/a.jar"));
    assert!(!file.spec.contains("nonsense"), "{}", file.spec);
    assert_eq!(simulator.resource_count(PROJECT), 1);
}

#[tokio::test]
async fn refusals_of_create() {
    let (simulator, client) = simulator(Config::default()).await;
    let wrong_path = json!({
        "name": "a.py", "type": "python",
        "script": {"path": "b.py", "runtime": {"command": "ODPS_PYTHON"}},
    });
    let rows = [
        ("project", "1", spec("a.py", ""), "1101080008", "workspace"),
        ("no number", "x", spec("a.py", ""), "InvalidParameter", "ProjectId"),
        ("no spec", P, String::new(), "MissingSpec", "Spec"),
        ("not JSON", P, "{".to_owned(), "5801488441564725253", "0x5083000000000005"),
        (
            "kind",
            P,
            r#"{"kind":"Node","spec":{}}"#.to_owned(),
            "5801488441564725253",
            "spec kind and request not match",
        ),
        ("path", P, document(wrong_path), "5801488441564725253", "Script path must end with node name"),
    ];
    for (what, project, spec, code, message) in rows {
        let params = [("ProjectId", project), ("Spec", &spec)];
        let answer = client.call("CreateResource", &params).await;
        assert_eq!(answer.error(), (400, code), "{what}: {}", answer.text);
        assert!(answer.text.contains(message), "{what}: {}", answer.text);
        for field in ["RequestId", "HostId", "Message", "Recommend"] {
            assert!(answer.json[field].is_string(), "{what}: {field}");
        }
    }
    assert_eq!(simulator.resource_count(PROJECT), 0);
    assert!(simulator.counts().effects.is_empty());
}

#[tokio::test]
async fn update_replaces_what_is_present() {
    let (simulator, client) = simulator(Config::default()).await;
    let id = client.create("f/a.py", "1").await.id();
    let update = |resource: Value| {
        let (client, id) = (&client, id.as_str());
        async move {
            let spec = document(resource);
            let params = [("ProjectId", P), ("Id", id), ("Spec", spec.as_str())];
            client.call("UpdateResource", &params).await
        }
    };
    let answer = update(json!({"script": {"content": "2"}})).await;
    assert_eq!(answer.json["Success"], true, "{}", answer.text);
    let file = simulator.resource(&id).expect("the file");
    assert_eq!((file.content.as_str(), file.path.as_str()), ("2", "f/a.py"));
    update(json!({"datasource": {"name": "odps_2", "type": "odps"}})).await;
    let file = simulator.resource(&id).expect("the file");
    assert_eq!((file.content.as_str(), file.datasource.name.as_str()), ("2", "odps_2"));
    let answer = update(json!({"name": "b.py"})).await;
    assert_eq!(answer.error(), (400, "5801488441564725253"));
}

#[tokio::test]
async fn listings_filter_and_page() {
    let (_simulator, client) = simulator(Config::default()).await;
    for number in 0..25 {
        client.create(&format!("f/File-{number:03}.py"), "").await.id();
    }
    let (paths, total) = client.list(&[("PageNumber", "3")]).await;
    assert_eq!((paths.len(), total), (0, 25));
    let pages = [("PageNumber", "3"), ("PageSize", "10")];
    let (paths, total) = client.list(&pages).await;
    assert_eq!((paths.len(), total), (5, 25));
    assert_eq!(paths[0], "f/File-020.py");
    let rows = [
        (("Name", "file-01"), 10),
        (("Name", "1"), 12),
        (("Name", ""), 25),
        (("Name", "f/"), 0),
        (("Name", "missing"), 0),
        (("Owner", "1000"), 25),
        (("Owner", "1"), 0),
        (("Type", "python"), 25),
        (("Type", "Jar"), 0),
    ];
    for (filter, want) in rows {
        let (paths, total) = client.list(&[filter]).await;
        assert_eq!((paths.len() as u64, total), (want, want), "{filter:?}");
    }
    for wrong in [("PageSize", "101"), ("PageSize", "0"), ("PageNumber", "x"), ("Type", "Sql")] {
        let answer = client.call("ListResources", &[("ProjectId", P), wrong]).await;
        assert_eq!(answer.error(), (400, "InvalidParameter"), "{wrong:?}");
    }
    let answer = client.call("ListResources", &[("ProjectId", "1")]).await;
    assert_eq!(answer.error(), (400, "1101080008"));
}

#[tokio::test]
async fn projects_and_identity() {
    let standard = ProjectConfig { dev_environment_enabled: true, ..ProjectConfig::new(7, "seven") };
    let frozen = ProjectConfig { status: "Frozen".to_owned(), ..ProjectConfig::new(8, "eight") };
    let config = Config { projects: vec![standard, frozen], ..Config::default() };
    let (_simulator, mut client) = simulator(config).await;
    let answer = client.call("GetProject", &[("Id", "7")]).await;
    let project = &answer.json["Project"];
    assert_eq!((&project["Id"], &project["Name"]), (&json!(7), &json!("seven")));
    assert_eq!(project["DevEnvironmentEnabled"], true);
    assert_eq!(project["Status"], "Available");
    let answer = client.call("GetProject", &[("Id", "9")]).await;
    assert_eq!(answer.error(), (400, "1101080008"));
    let spec = spec("a.py", "");
    let params = [("ProjectId", "8"), ("Spec", spec.as_str())];
    let answer = client.call("CreateResource", &params).await;
    assert_eq!(answer.error(), (400, "InvalidProject.Status"));

    client.version = "2015-04-01";
    for method in ["GET", "POST"] {
        client.method = Some(method);
        let answer = client.call("GetCallerIdentity", &[]).await;
        assert_eq!(answer.json["AccountId"], "1000", "{}", answer.text);
        assert_eq!(answer.json["Arn"], "acs:ram::1000:root");
    }
}

#[tokio::test]
async fn a_resource_belongs_to_its_workspace() {
    let config = Config {
        projects: vec![ProjectConfig::new(PROJECT, "a"), ProjectConfig::new(7, "b")],
        ..Config::default()
    };
    let (_simulator, client) = simulator(config).await;
    let id = client.create("a.py", "").await.id();
    for action in ["GetResource", "DeleteResource"] {
        let answer = client.call(action, &[("ProjectId", "7"), ("Id", &id)]).await;
        assert_eq!(answer.error(), (400, "5801488441564725318"), "{action}");
    }
    let answer = client.call("GetResource", &[("Id", &id)]).await;
    assert_eq!(answer.status, 200);
}
