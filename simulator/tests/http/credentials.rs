//! Temporary credentials: who gets them, how they are spelled, and that they end.

use dataworks_simulator::{AccessKey, Config, ErrorAnswer, Fault, FaultKind, Simulator};
use serde_json::{Value, json};

use crate::client::{Answer, Client, P, simulator};
use crate::signer::encode;

const ROLE: &str = "acs:ram::1000:role/dataworks-operator";
const PROVIDER: &str = "acs:ram::1000:oidc-provider/ack-rrsa-c1";

/// A JWT that says this; nobody signed it.
fn token(says: &Value) -> String {
    use base64::Engine as _;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(says.to_string());
    format!("eyJhbGciOiJSUzI1NiJ9.{payload}.c2ln")
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn good() -> String {
    token(&json!({"aud": ["sts.aliyuncs.com"], "exp": now() + 600, "sub": "system:serviceaccount:a:b"}))
}

/// A call that asks for the role with this token and some parameters changed.
async fn assume(simulator: &Simulator, token: &str, changed: &[(&str, &str)]) -> Answer {
    let mut params = vec![
        ("RoleArn", ROLE),
        ("OIDCProviderArn", PROVIDER),
        ("OIDCToken", token),
        ("RoleSessionName", "s"),
        ("DurationSeconds", "900"),
    ];
    for (name, value) in changed {
        params.retain(|(known, _)| known != name);
        params.push((name, value));
    }
    let query = encode(&[("Action", "AssumeRoleWithOIDC"), ("Version", "2015-04-01"), ("Format", "JSON")]);
    let request = reqwest::Client::new().post(format!("{}/?{query}", simulator.url()));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(encode(&params));
    read(request.send().await.expect("an answer")).await
}

async fn read(response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("a body");
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer { status, headers, text, json }
}

/// The key of an answer.
fn key(credentials: &Value) -> AccessKey {
    let text = |name: &str| credentials[name].as_str().expect(name).to_owned();
    AccessKey {
        access_key_id: text("AccessKeyId"),
        secret: text("AccessKeySecret"),
        security_token: Some(text("SecurityToken")),
        ..AccessKey::default()
    }
}

#[tokio::test]
async fn a_token_that_is_trusted_gives_a_key_that_works_until_it_ends() {
    let (simulator, mut client) = simulator(Config::default()).await;
    simulator.change_settings(|settings| settings.sts.lifetime_ms = Some(60_000));
    let answer = assume(&simulator, &good(), &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["AssumedRoleUser"]["Arn"], format!("{ROLE}/s"));
    assert_eq!(answer.json["OIDCTokenInfo"]["Subject"], "system:serviceaccount:a:b");
    client.key = key(&answer.json["Credentials"]);
    assert!(client.key.access_key_id.starts_with("STS."));
    let ask = async |client: &Client| client.call("GetProject", &[("Id", P)]).await;
    assert_eq!(ask(&client).await.status, 200);

    simulator.change_settings(|settings| settings.clock_offset_ms = 61_000);
    assert_eq!(ask(&client).await.error(), (400, "InvalidSecurityToken.Expired"));
    simulator.change_settings(|settings| {
        settings.behaviour.expired_token = ErrorAnswer::new(404, "InvalidAccessKeyId.NotFound", "gone");
    });
    assert_eq!(ask(&client).await.error(), (404, "InvalidAccessKeyId.NotFound"));
    let calls: Vec<_> = simulator.calls_since(0).into_iter().map(|call| call.action).collect();
    assert_eq!(calls, ["AssumeRoleWithOIDC", "GetProject", "GetProject", "GetProject"]);
    let shown = format!("{:?}", simulator.calls_since(0));
    assert!(!shown.contains(&client.key.secret) && !shown.contains("CAIS"));
}

#[tokio::test]
async fn who_is_not_trusted_gets_nothing() {
    let (simulator, _) = simulator(Config::default()).await;
    simulator.change_settings(|settings| settings.sts.subject = Some("system:serviceaccount:a:b".to_owned()));
    let says = |change: Value| {
        let mut says =
            json!({"aud": "sts.aliyuncs.com", "exp": now() + 600, "sub": "system:serviceaccount:a:b"});
        for (name, value) in change.as_object().expect("an object") {
            says[name] = value.clone();
        }
        token(&says)
    };
    let fail = "AuthenticationFail.";
    let rows = [
        (says(json!({})), ("RoleArn", "acs:ram::1000:role/other"), 401, format!("{fail}NoPermission")),
        (says(json!({})), ("OIDCProviderArn", "other"), 401, format!("{fail}NoPermission")),
        (says(json!({"sub": "other"})), ("Format", "JSON"), 401, format!("{fail}NoPermission")),
        (says(json!({"exp": now() - 1})), ("Format", "JSON"), 401, format!("{fail}OIDCToken.Expired")),
        (says(json!({"aud": "other"})), ("Format", "JSON"), 401, format!("{fail}OIDCToken.AudienceNotMatch")),
        ("no.jwt".to_owned(), ("Format", "JSON"), 401, format!("{fail}OIDCToken.Invalid")),
        ("x".repeat(20_001), ("Format", "JSON"), 400, "InvalidParameter".to_owned()),
        (String::new(), ("Format", "JSON"), 400, "MissingOIDCToken".to_owned()),
        (says(json!({})), ("DurationSeconds", "899"), 400, "InvalidParameter".to_owned()),
    ];
    for (token, changed, status, code) in rows {
        let answer = assume(&simulator, &token, &[changed]).await;
        assert_eq!(answer.error(), (status, code.as_str()), "{changed:?}");
    }
    simulator.change_settings(|settings| settings.sts.oidc_tokens = Some(vec!["only this".to_owned()]));
    let answer = assume(&simulator, &says(json!({})), &[]).await;
    assert_eq!(answer.error(), (401, "AuthenticationFail.OIDCToken.Invalid"));
    simulator.add_fault(Fault::new("AssumeRoleWithOIDC", FaultKind::Html503).times(1));
    assert_eq!(assume(&simulator, "only this", &[]).await.status, 503);
}

#[tokio::test]
async fn the_vendors_requests_are_understood() {
    let (simulator, _) = simulator(Config::default()).await;
    for name in
        ["sts-assume-role-with-oidc", "sts-assume-role-with-oidc-sdk", "sts-assume-role-with-oidc-vpc"]
    {
        let file = format!("{}/../tests/fixtures/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let vector: Value = serde_json::from_str(&std::fs::read_to_string(file).expect(name)).expect(name);
        let request = &vector["requests"][0];
        let method = request["method"].as_str().expect(name).parse().expect(name);
        let url = format!("{}/?{}", simulator.url(), request["query"].as_str().expect(name));
        let answer = reqwest::Client::new().request(method, url).send().await.expect(name);
        let answer = read(answer).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        // What the vendor's libraries read of it.
        let (theirs, ours) = (request["response"]["body"].as_str().expect(name), &answer.json);
        let theirs: Value = serde_json::from_str(theirs).expect(name);
        for field in theirs["Credentials"].as_object().expect(name).keys() {
            assert!(ours["Credentials"][field].is_string(), "{name}: {field}");
        }
    }
}

#[tokio::test]
async fn the_metadata_service_gives_the_instances_role_to_who_has_a_token() {
    let (simulator, mut client) = simulator(Config::default()).await;
    let http = reqwest::Client::new();
    let url = |path: &str| format!("{}/latest/{path}", simulator.url());
    let roles = url("meta-data/ram/security-credentials/");
    let asked = http.put(url("api/token")).header("x-aliyun-ecs-metadata-token-ttl-seconds", "60");
    let token = read(asked.send().await.expect("an answer")).await.text;
    let get = async |url: &str, token: &str| {
        let request = http.get(url).header("x-aliyun-ecs-metadata-token", token);
        read(request.send().await.expect("an answer")).await
    };
    assert_eq!(get(&roles, "other").await.status, 403);
    assert_eq!(read(http.get(&roles).send().await.expect("an answer")).await.status, 403);
    let role = get(&roles, &token).await.text;
    assert_eq!(role, "dataworks-operator");
    let answer = get(&format!("{roles}{role}"), &token).await;
    assert_eq!((answer.status, answer.json["Code"].as_str()), (200, Some("Success")));
    let again = get(&format!("{roles}{role}"), &token).await;
    assert_eq!(answer.json["AccessKeyId"], again.json["AccessKeyId"], "it is handed out for a while");
    client.key = key(&answer.json);
    assert_eq!(client.call("GetProject", &[("Id", P)]).await.status, 200);
    assert_eq!(get(&format!("{roles}other"), &token).await.status, 404);
    simulator.change_settings(|settings| settings.clock_offset_ms = 4 * 3_600_000);
    let later = get(&format!("{roles}{role}"), &token).await;
    assert_ne!(answer.json["AccessKeyId"], later.json["AccessKeyId"]);
    simulator.change_settings(|settings| settings.metadata.tokens = false);
    let refused = http.put(url("api/token")).send().await.expect("an answer");
    assert_eq!(refused.status().as_u16(), 404);
}
