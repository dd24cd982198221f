//! What comes before an operation: signature, nonce, clock, limits.

use dataworks_simulator::{AccessKey, Config, Settings};
use serde_json::json;

use crate::client::{P, simulator};

#[tokio::test]
async fn wrong_callers_are_refused() {
    let (simulator, mut client) = simulator(Config::default()).await;
    let list = [("ProjectId", P)];
    client.key.secret = "wrong".to_owned();
    let answer = client.call("ListResources", &list).await;
    assert_eq!(answer.error(), (400, "SignatureDoesNotMatch"));
    client.key.access_key_id = "LTAInobody".to_owned();
    let answer = client.call("ListResources", &list).await;
    assert_eq!(answer.error(), (404, "InvalidAccessKeyId.NotFound"));
    client.key = AccessKey::default();
    let answer = client.call("NoSuchThing", &[]).await;
    assert_eq!(answer.error(), (404, "InvalidApi.NotFound"));
    client.version = "2020-05-18";
    let answer = client.call("ListResources", &list).await;
    assert_eq!(answer.error(), (404, "InvalidApi.NotFound"));
    client.version = "2024-05-18";
    client.method = Some("POST");
    let answer = client.call("ListResources", &list).await;
    assert_eq!(answer.error(), (405, "UnsupportedHTTPMethod"));
    assert_eq!(simulator.counts().total, 5);
}

#[tokio::test]
async fn a_nonce_works_once() {
    let (_simulator, mut client) = simulator(Config::default()).await;
    client.nonce = Some("once".to_owned());
    let first = client.call("ListResources", &[("ProjectId", P)]).await;
    assert_eq!(first.status, 200);
    let second = client.call("ListResources", &[("ProjectId", P)]).await;
    assert_eq!(second.error(), (400, "SignatureNonceUsed"));
}

#[tokio::test]
async fn the_clock_of_the_simulator_counts() {
    let (simulator, mut client) = simulator(Config::default()).await;
    let hour_ms = 3_600_000;
    simulator.change_settings(|settings| settings.clock_offset_ms = hour_ms);
    let answer = client.call("ListResources", &[("ProjectId", P)]).await;
    assert_eq!(answer.error(), (400, "InvalidTimeStamp.Expired"));
    let date = answer.headers["date"].to_str().expect("text");
    let date = httpdate::parse_http_date(date).expect("a date");
    let ahead = date.duration_since(std::time::SystemTime::now()).expect("ahead");
    assert!((3590..=3600).contains(&ahead.as_secs()), "{ahead:?}");
    client.clock_offset_s = 3600;
    let answer = client.call("ListResources", &[("ProjectId", P)]).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn keys_can_be_changed() {
    let (simulator, mut client) = simulator(Config::default()).await;
    let temporary = AccessKey {
        access_key_id: "STS.one".to_owned(),
        security_token: Some("token".to_owned()),
        ..AccessKey::default()
    };
    simulator.set_access_keys(vec![temporary.clone()]);
    let list = [("ProjectId", P)];
    let answer = client.call("ListResources", &list).await;
    assert_eq!(answer.error(), (404, "InvalidAccessKeyId.NotFound"));
    client.key = temporary;
    assert_eq!(client.call("ListResources", &list).await.status, 200);
    client.key.security_token = Some("other".to_owned());
    let answer = client.call("ListResources", &list).await;
    assert_eq!(answer.error(), (400, "InvalidSecurityToken.MismatchWithAccessKey"));
}

#[tokio::test]
async fn rates_and_quotas_of_an_account() {
    let rows = [
        (json!({"rateLimit": 1}), "Throttling.User"),
        (json!({"dailyQuota": 1}), "Throttling.Api.Risk"),
        (json!({"monthlyQuota": 1}), "Throttling.Resource"),
    ];
    for (settings, code) in rows {
        let settings: Settings = serde_json::from_value(settings).expect("settings");
        let config = Config { settings, ..Config::default() };
        let (simulator, mut client) = simulator(config).await;
        assert_eq!(client.call("GetProject", &[("Id", P)]).await.status, 200);
        let answer = client.create("f/a.py", "").await;
        assert_eq!(answer.error(), (429, code));
        let calls = simulator.calls_since(1);
        assert_eq!(calls[0].name.as_deref(), Some("f/a.py"));
        assert_eq!((calls[0].project, calls[0].effect), (Some(123_456), false));
        client.version = "2015-04-01";
        let answer = client.call("GetCallerIdentity", &[]).await;
        assert_eq!(answer.status, 200, "STS does not count");
    }
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let (simulator, client) = simulator(Config::default()).await;
    let large = "x".repeat(9 * 1024 * 1024);
    // Refused while it is still being sent: an answer or a broken connection, never an effect.
    if let Ok(answer) = client.send("CreateResource", &[("Spec", &large)]).await {
        assert_eq!(answer.status, 413);
    }
    assert_eq!(simulator.counts().total, 0);
}

#[tokio::test]
async fn others_cannot_reach_it_by_default() {
    let config = Config { listen: "0.0.0.0:0".parse().expect("an address"), ..Config::default() };
    let error = dataworks_simulator::Simulator::start(config.clone()).await;
    assert!(error.is_err());
    let config = Config { allow_non_loopback: true, ..config };
    assert!(dataworks_simulator::Simulator::start(config).await.is_ok());
}
