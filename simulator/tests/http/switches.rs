//! Behaviours that no source documents: each is a switch.

use std::time::Duration;

use dataworks_simulator::{
    Config, Control, DuplicatePath, ErrorAnswer, IdStyle, ListOrder, OutsideEdit, UpdateName,
};
use serde_json::json;

use crate::client::{P, PROJECT, document, entity, simulator};

fn switch(control: &Control, change: impl FnOnce(&mut dataworks_simulator::Behaviour)) {
    control.change_settings(|settings| change(&mut settings.behaviour));
}

#[tokio::test]
async fn a_path_that_is_taken() {
    let (simulator, client) = simulator(Config::default()).await;
    client.create("f/a.py", "").await.id();
    let id = client.create("f/b.py", "").await.id();
    let already = (400, "5801488441564725265");
    let answer = client.create("f/a.py", "").await;
    assert_eq!(answer.error(), already);
    assert!(answer.text.contains("already exists"), "{}", answer.text);
    let rename = [("ProjectId", P), ("Id", id.as_str()), ("Name", "a.py")];
    let answer = client.call("RenameResource", &rename).await;
    assert_eq!(answer.error(), already);

    switch(&simulator, |behaviour| {
        behaviour.already_exists = ErrorAnswer::new(409, "Taken", "taken");
    });
    assert_eq!(client.create("f/a.py", "").await.error(), (409, "Taken"));
    switch(&simulator, |behaviour| {
        behaviour.duplicate_path = DuplicatePath::Allow;
    });
    client.create("f/a.py", "").await.id();
    let third = simulator.resources(PROJECT)[2].id.clone();
    switch(&simulator, |behaviour| {
        behaviour.duplicate_path = DuplicatePath::Refuse;
    });
    let spec = document(json!({"script": {"content": "2"}}));
    let update = [("ProjectId", P), ("Id", third.as_str()), ("Spec", spec.as_str())];
    let answer = client.call("UpdateResource", &update).await;
    assert_eq!(answer.json["Success"], true, "one of two may be updated");
}

#[tokio::test]
async fn a_signature_that_is_too_old() {
    let (simulator, client) = simulator(Config::default()).await;
    let ask = async || client.call("GetProject", &[("Id", P)]).await;
    // The test's clock and the simulator's differ: within the default, beyond a shorter one.
    simulator.change_settings(|settings| settings.clock_offset_ms = 60_000);
    assert_eq!(ask().await.status, 200);
    simulator.change_settings(|settings| settings.signature_validity_ms = Some(30_000));
    assert_eq!(ask().await.error(), (400, "InvalidTimeStamp.Expired"));
}

#[tokio::test]
async fn a_name_that_is_taken() {
    let (simulator, client) = simulator(Config::default()).await;
    client.create("f/a.py", "").await.id();
    client.create("g/a.py", "").await.id();
    switch(&simulator, |behaviour| behaviour.unique_names = true);
    let answer = client.create("h/a.py", "").await;
    assert_eq!(answer.error(), (400, "5801488441564725265"));
    client.create("h/b.py", "").await.id();
}

#[tokio::test]
async fn spellings_of_ids() {
    let (simulator, client) = simulator(Config::default()).await;
    switch(&simulator, |behaviour| {
        behaviour.id_style = IdStyle::Number;
        behaviour.project_id_style = IdStyle::String;
    });
    let answer = client.create("a.py", "").await;
    let id = answer.json["Id"].as_u64().expect("a number");
    let got = client.get(&id.to_string()).await;
    assert_eq!(got.json["Resource"]["Id"], json!(id));
    assert_eq!(got.json["Resource"]["ProjectId"], P);
    let listed = client.call("ListResources", &[("ProjectId", P)]).await;
    let row = &listed.json["PagingInfo"]["Resources"][0];
    assert_eq!((&row["Id"], &row["ProjectId"]), (&json!(id), &json!(P)));
    assert!(row["Script"]["Id"].is_u64());
}

#[tokio::test]
async fn content_can_be_left_out() {
    let (simulator, client) = simulator(Config::default()).await;
    let id = client.create("a.py", "secret").await.id();
    switch(&simulator, |behaviour| {
        behaviour.get_resource_content = false;
    });
    let script = &entity(&client.get(&id).await)["script"];
    assert_eq!(script["content"], json!(null));
    assert_eq!(script["path"], "a.py");
}

#[tokio::test]
async fn another_name_in_an_update() {
    let (simulator, client) = simulator(Config::default()).await;
    let id = client.create("f/a.py", "1").await.id();
    let spec = document(json!({"name": "b.py", "script": {"path": "g/b.py", "content": "2"}}));
    let params = [("ProjectId", P), ("Id", id.as_str()), ("Spec", spec.as_str())];
    for (update_name, path) in [(UpdateName::Ignore, "f/a.py"), (UpdateName::Apply, "g/b.py")] {
        switch(&simulator, |behaviour| behaviour.update_name = update_name);
        let answer = client.call("UpdateResource", &params).await;
        assert_eq!(answer.json["Success"], true);
        let file = simulator.resource(&id).expect("the file");
        assert_eq!((file.path.as_str(), file.content.as_str()), (path, "2"));
    }
}

#[tokio::test]
async fn the_order_of_listings_and_owners() {
    let (simulator, client) = simulator(Config::default()).await;
    let first = client.create("a.py", "").await.id();
    client.create("b.py", "").await.id();
    tokio::time::sleep(Duration::from_millis(2)).await;
    let edit = OutsideEdit { content: Some("x".to_owned()), ..OutsideEdit::default() };
    simulator.edit_outside(&first, edit).expect("an edit");
    assert_eq!(client.list(&[]).await.0, ["a.py", "b.py"]);
    switch(&simulator, |behaviour| {
        behaviour.list_order = ListOrder::ModifyDesc;
        behaviour.honour_metadata_owner = false;
    });
    assert_eq!(client.list(&[]).await.0, ["a.py", "b.py"]);
    let spec = document(json!({
        "name": "c.py", "type": "python", "metadata": {"owner": "77"},
        "script": {"path": "c.py", "runtime": {"command": "ODPS_PYTHON"}},
    }));
    tokio::time::sleep(Duration::from_millis(2)).await;
    let params = [("ProjectId", P), ("Spec", spec.as_str())];
    let id = client.call("CreateResource", &params).await.id();
    assert_eq!(client.list(&[]).await.0, ["c.py", "a.py", "b.py"]);
    assert_eq!(client.list(&[("Name", ".py")]).await.0[0], "c.py");
    assert_eq!(simulator.resource(&id).expect("the file").owner, "1000");
}

#[tokio::test]
async fn readers_lag_behind() {
    let (simulator, client) = simulator(Config::default()).await;
    let old = client.create("old.py", "1").await.id();
    // Long enough that nothing becomes visible by itself while the test looks.
    simulator.change_settings(|settings| settings.list_lag_ms = 3_600_000);
    let new = client.create("new.py", "").await.id();
    let mine = [("ProjectId", P), ("Id", old.as_str())];
    let rename = [mine[0], mine[1], ("Name", "other.py")];
    let answer = client.call("RenameResource", &rename).await;
    assert_eq!(answer.json["Success"], true);
    assert_eq!(client.list(&[]).await, (vec!["old.py".to_owned()], 1));
    assert_eq!(client.list(&[("Name", "other")]).await.1, 0);
    assert_eq!(client.list(&[("Name", "old.")]).await.1, 1);
    assert_eq!(client.get(&new).await.code(), "5801488441564725318");
    client.call("DeleteResource", &mine).await;
    assert_eq!(client.list(&[]).await, (vec!["old.py".to_owned()], 1));
    assert_eq!(client.get(&old).await.status, 200);
    let answer = client.call("DeleteResource", &mine).await;
    assert_eq!(answer.code(), "5801488441564725318", "writes see the truth");
    assert_eq!(simulator.resources(PROJECT)[0].path, "new.py");
}

#[tokio::test]
async fn a_lag_ends() {
    let (simulator, client) = simulator(Config::default()).await;
    simulator.change_settings(|settings| settings.list_lag_ms = 100);
    client.create("a.py", "").await.id();
    for _ in 0..200 {
        if client.list(&[]).await.1 == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the file never appeared");
}
