//! Signatures, bodies, queries and answers against requests captured from the vendor's SDK.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with the client's tests, which use the rest")]
#[path = "client/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dataworks_core::fault::Outcome;
use dataworks_core::ids::ProjectId;
use dataworks_core::object::Uid;
use dataworks_core::publish::{Kind, Mode, RunStatus};
use dataworks_operator::dataworks::credentials::{
    CredentialError, CredentialSource, Credentials, InstanceRole, OidcRole, Provider, Reach, Renewal,
};
use dataworks_operator::dataworks::encode::{Pair, canonical_query, form};
use dataworks_operator::dataworks::sign::{Signable, payload_hash, sign};
use dataworks_operator::dataworks::types::ListFilter;
use dataworks_operator::dataworks::{Client, ClientConfig, NewRun, RunFilter};
use k8s_openapi::jiff::Timestamp;
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use server::{Reply, SECRET, Seen, Server, config, credentials, transport};

const TOKEN: &str = "CAISexample+Token/with=signs==";

/// Requests that are not signed with ACS3, and why.
const UNSIGNED: &[(&str, &str)] = &[
    ("create-resource-upload", "the OSS form carries its own policy signature"),
    ("create-resource-upload-denied", "the OSS form carries its own policy signature"),
    ("create-resource-upload-text", "the OSS form carries its own policy signature"),
    ("credentials-uri", "a plain GET"),
    ("imds-v1-fallback", "instance metadata is not signed"),
    ("imds-v2", "instance metadata is not signed"),
    ("imds-v2-named-role", "instance metadata is not signed"),
    ("imds-v2-only", "instance metadata is not signed"),
    ("sts-assume-role-chained", "the older HMAC-SHA1 signature, which is not used"),
    ("sts-assume-role-with-oidc", "the OIDC token stands for a signature"),
    ("sts-assume-role-with-oidc-refused", "the OIDC token stands for a signature"),
    ("sts-assume-role-with-oidc-sdk", "the OIDC token stands for a signature"),
    ("sts-assume-role-with-oidc-vpc", "the OIDC token stands for a signature"),
    ("update-resource-upload", "the OSS form carries its own policy signature"),
];

/// Signed vectors of operations that the client does not send in this form, and why. Their
/// signature and encoding are checked all the same.
const NOT_SENT: &[(&str, &str)] = &[
    ("create-pipeline-run-two-ids", "the service takes only one"),
    ("create-resource-upload", "its form is held against the client's in src/dataworks/upload.rs"),
    ("create-resource-upload-denied", "its form is held against the client's in src/dataworks/upload.rs"),
    ("create-resource-upload-text", "its form is held against the client's in src/dataworks/upload.rs"),
    ("get-resource-no-project", "the workspace is always sent"),
    ("list-projects-arrays-booleans", "workspaces are not listed"),
    ("list-resources-awkward-name", "the page is always sent"),
    ("list-resources-empty-name", "the page is always sent"),
    ("sts-assume-role-sdk", "no chained roles"),
    ("update-resource-upload", "its form is held against the client's in src/dataworks/upload.rs"),
];

fn vectors() -> Vec<Value> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/vectors");
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(|f| f.unwrap().path()).collect();
    names.sort();
    names
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "json") && !path.ends_with("index.json"))
        .map(|path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
        .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text {key}"))
}

fn is_acs3(request: &Value) -> bool {
    request["signing"]["algorithm"] == "ACS3-HMAC-SHA256"
}

fn decoded(query: &str) -> Vec<(String, String)> {
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8().unwrap().into_owned();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

fn query(seen: &Seen) -> &str {
    seen.target.split_once('?').map_or("", |(_, query)| query)
}

fn borrowed(pairs: &[(String, String)]) -> Vec<Pair<'_>> {
    // Reversed, so that the order of the wire is not that of the input.
    pairs.iter().rev().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

fn names(rows: &[(&str, &str)]) -> BTreeSet<String> {
    rows.iter().map(|(name, _)| (*name).to_owned()).collect()
}

#[test]
fn signatures_and_encodings_are_the_vendors() {
    let (mut checked, mut unsigned) = (0, BTreeSet::new());
    for vector in vectors() {
        let name = text(&vector, "name");
        for request in vector["requests"].as_array().unwrap() {
            if !is_acs3(request) {
                unsigned.insert(name.to_owned());
                continue;
            }
            check_signature(name, request);
            checked += 1;
        }
    }
    assert_eq!(unsigned, names(UNSIGNED));
    assert_eq!(checked, 53);
}

fn check_signature(name: &str, request: &Value) {
    let signing = &request["signing"];
    let query = decoded(text(request, "query"));
    assert_eq!(form(&borrowed(&query)), text(request, "query"), "{name}");
    assert_eq!(canonical_query(&borrowed(&query)), text(signing, "canonical_query"), "{name}");

    let body = text(request, "body");
    if let Some(pairs) = request["form"].as_array() {
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|pair| serde_json::from_value(pair.clone()).unwrap()).collect();
        assert_eq!(form(&borrowed(&pairs)), body, "{name}");
    }
    let hash = payload_hash(body.as_bytes());
    assert_eq!(hash, text(signing, "hashed_payload"), "{name}");

    let headers: Vec<Pair<'_>> = signing["signed_headers"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|header| header.as_str().unwrap())
        .map(|header| (header, text(&request["headers"], header)))
        .collect();
    let signable = Signable {
        method: text(request, "method"),
        query: &borrowed(&query),
        headers: &headers,
        payload_hash: &hash,
    };
    let signed = sign(&signable, "LTAIexampleAKID", &SECRET.to_owned().into());
    assert_eq!(signed.canonical_request, text(signing, "canonical_request"), "{name}");
    assert_eq!(signed.string_to_sign, text(signing, "string_to_sign"), "{name}");
    assert_eq!(signed.signature, text(signing, "signature"), "{name}");
    assert_eq!(signed.authorization, text(signing, "authorization"), "{name}");
}

#[tokio::test]
async fn the_client_sends_what_the_vendors_sdk_sends() {
    let (mut sent, mut left_out) = (0, BTreeSet::new());
    for vector in vectors() {
        let name = text(&vector, "name");
        let requests = vector["requests"].as_array().unwrap();
        if !requests.iter().any(is_acs3) {
            continue;
        }
        if names(NOT_SENT).contains(name) {
            left_out.insert(name.to_owned());
            continue;
        }
        let [request] = requests.as_slice() else { panic!("{name}: more than one request") };
        check_call(name, &vector, request).await;
        sent += 1;
    }
    assert_eq!(left_out, names(NOT_SENT));
    assert!(sent >= 31, "{sent}");
}

async fn check_call(name: &str, vector: &Value, request: &Value) {
    let response = &request["response"];
    let (status, body) = (response["status"].as_u64().unwrap(), text(response, "body").to_owned());
    let status = u16::try_from(status).unwrap();
    let headers: String = response["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.as_str().unwrap()))
        .collect();
    let server = Server::start(move |_| Reply::new(status, &headers, &body)).await;
    let token = request["headers"]["x-acs-security-token"].as_str().map(|_| TOKEN);
    let client = Client::new(ClientConfig { credentials: credentials(token), ..config(&server.url) });

    let code = call(&client, text(vector, "operation"), &vector["input"]).await;
    let sdk_code = vector["sdk_error"]["code"].as_str();
    match (code.as_deref(), sdk_code) {
        (Some("Http502"), None) => assert_eq!(name, "error-not-json"),
        (ours, theirs) => assert_eq!(ours, theirs, "{name}"),
    }

    let seen = server.seen();
    let [seen] = seen.as_slice() else { panic!("{name}: {} requests", seen.len()) };
    assert_eq!(seen.method, text(request, "method"), "{name}");
    assert_eq!(query(seen), text(request, "query"), "{name}");
    assert_eq!(seen.body, text(request, "body"), "{name}");
    for header in [
        "x-acs-action",
        "x-acs-version",
        "content-type",
        "x-acs-content-sha256",
        "x-acs-security-token",
        "x-acs-accesskey-id",
        "accept",
    ] {
        assert_eq!(seen.header(header), request["headers"][header].as_str(), "{name} {header}");
    }
    check_own_signature(name, seen);
}

/// What was signed is what arrived, and all that must be signed is.
fn check_own_signature(name: &str, seen: &Seen) {
    let authorization = seen.header("authorization").unwrap();
    let signed = authorization.split_once("SignedHeaders=").unwrap().1.split_once(',').unwrap().0;
    let headers: Vec<Pair<'_>> =
        signed.split(';').map(|header| (header, seen.header(header).unwrap())).collect();
    for (header, _) in &seen.headers {
        let must = header == "host" || header == "content-type" || header.starts_with("x-acs-");
        assert_eq!(must, headers.iter().any(|(name, _)| name == header), "{name} {header}");
    }
    let query = decoded(query(seen));
    let signable = Signable {
        method: &seen.method,
        query: &borrowed(&query),
        headers: &headers,
        payload_hash: &payload_hash(seen.body.as_bytes()),
    };
    let ours = sign(&signable, "LTAIexampleAKID", &SECRET.to_owned().into());
    assert_eq!(ours.authorization, authorization, "{name}");
}

/// Makes the call and gives the fault's code.
async fn call(client: &Client, operation: &str, input: &Value) -> Option<String> {
    let project = || ProjectId::new(input["project_id"].as_i64().unwrap()).unwrap();
    let id = || text(input, "id").parse().unwrap();
    let file = input["resource_file"].as_str();
    let optional = |key: &str| input[key].as_str().map(str::to_owned);
    let number = |key: &str| u32::try_from(input[key].as_u64().unwrap()).unwrap();
    match operation {
        "CreateResource" => code(client.create_resource(project(), text(input, "spec"), file).await),
        "UpdateResource" => code(client.update_resource(project(), &id(), text(input, "spec"), file).await),
        "DeleteResource" => code(client.delete_resource(project(), &id()).await),
        "MoveResource" => code(client.move_resource(project(), &id(), text(input, "path")).await),
        "RenameResource" => code(client.rename_resource(project(), &id(), text(input, "name")).await),
        "GetResource" => client.get_resource(project(), &id()).await.err().map(|f| f.code),
        "GetProject" => {
            let id = ProjectId::new(input["id"].as_i64().unwrap()).unwrap();
            client.get_project(id).await.err().map(|f| f.code)
        }
        "AuthorizeFileUpload" => client.authorize_file_upload().await.err().map(|f| f.code),
        "ListResources" => {
            let filter =
                ListFilter { name: optional("name"), owner: optional("owner"), type_: optional("type") };
            let (page, size) = (number("page_number"), number("page_size"));
            client.list_resources(project(), &filter, page, size).await.err().map(|f| f.code)
        }
        other => call_of_run(client, other, input).await,
    }
}

/// The same for the operations of deployment runs.
async fn call_of_run(client: &Client, operation: &str, input: &Value) -> Option<String> {
    let project = ProjectId::new(input["project_id"].as_i64().unwrap()).unwrap();
    let run = |key: &str| text(input, key).parse().unwrap();
    let number = |key: &str| u32::try_from(input[key].as_u64().unwrap()).unwrap();
    match operation {
        "CreatePipelineRun" => {
            let object = input["object_ids"][0].as_str().unwrap().parse().unwrap();
            let mode = if input["run_mode"] == "Auto" { Mode::Auto } else { Mode::Normal };
            let new = NewRun {
                kind: if input["type"] == "Offline" { Kind::Offline } else { Kind::Online },
                object: &object,
                description: input["description"].as_str().unwrap_or(""),
                mode,
                until_stage: input["auto_run_until_stage"].as_str(),
            };
            code(client.create_pipeline_run(project, &new).await)
        }
        "GetPipelineRun" => client.get_pipeline_run(project, &run("id")).await.err().map(|f| f.code),
        "ListPipelineRuns" => {
            let filter = RunFilter {
                object: input["object_id"].as_str().map(|id| id.parse().unwrap()),
                creator: input["creator"].as_str().map(str::to_owned),
                status: input["status"].as_str().map(RunStatus::of),
            };
            let (page, size) = (number("page_number"), number("page_size"));
            client.list_pipeline_runs(project, &filter, page, size).await.err().map(|f| f.code)
        }
        "ExecPipelineRunStage" => {
            code(client.exec_pipeline_run_stage(project, &run("id"), text(input, "code")).await)
        }
        "AbolishPipelineRun" => code(client.abolish_pipeline_run(project, &run("id")).await),
        "ListPipelineRunItems" => {
            let (page, size) = (number("page_number"), number("page_size"));
            let items = client.list_pipeline_run_items(project, &run("pipeline_run_id"), page, size).await;
            items.err().map(|f| f.code)
        }
        other => panic!("no method for {other}"),
    }
}

fn code<T>(outcome: Outcome<T>) -> Option<String> {
    match outcome {
        Outcome::Done(_) => None,
        Outcome::Refused(fault) | Outcome::Unknown(fault) => Some(fault.code),
    }
}

fn vector(name: &str) -> Value {
    vectors().into_iter().find(|vector| vector["name"] == name).unwrap()
}

/// A server that gives the recorded answers in turn, the last one for ever.
async fn replay(requests: &[Value]) -> Server {
    let answers: Vec<(u16, String)> = requests
        .iter()
        .map(|request| &request["response"])
        .map(|answer| {
            (answer["status"].as_u64().unwrap().try_into().unwrap(), text(answer, "body").to_owned())
        })
        .collect();
    let count = AtomicUsize::new(0);
    Server::start(move |_| {
        let n = count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        Reply::new(answers[n].0, "", &answers[n].1)
    })
    .await
}

async fn fetched(provider: Provider) -> Result<Arc<Credentials>, CredentialError> {
    CredentialSource::Renewed(Renewal::start(provider, Uid::new("a-process"))).current().await
}

fn reach() -> Reach {
    let clock = Arc::new(|| "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap());
    Reach::new(transport(Duration::from_secs(20)), clock, None)
}

fn check_credentials(name: &str, vector: &Value, credentials: &Credentials) {
    let wanted = match &vector["sdk_result"]["Credentials"] {
        Value::Null => &vector["sdk_result"],
        inner => inner,
    };
    assert_eq!(credentials.access_key_id, text(wanted, "AccessKeyId"), "{name}");
    assert_eq!(credentials.access_key_secret.expose_secret(), text(wanted, "AccessKeySecret"), "{name}");
    let token = credentials.security_token.as_ref().map(|token| token.expose_secret());
    assert_eq!(token, Some(text(wanted, "SecurityToken")), "{name}");
}

#[tokio::test]
async fn a_role_is_assumed_with_what_the_vendors_libraries_send() {
    for name in
        ["sts-assume-role-with-oidc", "sts-assume-role-with-oidc-sdk", "sts-assume-role-with-oidc-refused"]
    {
        let vector = vector(name);
        let requests = vector["requests"].as_array().unwrap();
        let server = replay(requests).await;
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token");
        let input = |keys: [&str; 2]| keys.iter().find_map(|key| vector["input"][key].as_str()).unwrap();
        fs::write(&token_file, input(["oidc_token", "oidctoken"])).unwrap();
        let role = OidcRole {
            role_arn: text(&vector["input"], "role_arn").to_owned(),
            provider_arn: input(["oidc_provider_arn", "oidcprovider_arn"]).to_owned(),
            token_file,
            session_name: text(&vector["input"], "role_session_name").to_owned(),
        };
        let endpoint = server.url.parse().unwrap();
        let end = fetched(Provider::Role { role, endpoint, reach: reach() }).await;
        match end {
            Ok(credentials) => check_credentials(name, &vector, &credentials),
            Err(error) => {
                assert_eq!(name, "sts-assume-role-with-oidc-refused");
                assert_eq!(
                    error.to_string(),
                    "STS: AuthenticationFail.OIDCToken.Expired (This JWT is expired)"
                );
            }
        }
        let seen = server.seen();
        assert_eq!((seen[0].method.as_str(), seen[0].header("authorization")), ("POST", None), "{name}");
        // The same parameters; ours with the token in the body, and that is where most of them are.
        let ours: BTreeSet<_> =
            [decoded(query(&seen[0])), decoded(&seen[0].body)].concat().into_iter().collect();
        let theirs = decoded(text(&requests[0], "query"));
        let theirs = theirs.into_iter().filter(|(key, _)| key != "SignatureNonce");
        let theirs = theirs.map(|(key, value)| match key.as_str() {
            "Format" => (key, value.to_uppercase()),
            _ => (key, value),
        });
        assert_eq!(ours, theirs.collect::<BTreeSet<_>>(), "{name}");
        assert!(!query(&seen[0]).contains("OIDCToken"), "{name}");
    }
}

#[tokio::test]
async fn the_metadata_service_is_asked_as_the_vendors_libraries_ask() {
    for name in ["imds-v2", "imds-v2-named-role", "imds-v2-only"] {
        let vector = vector(name);
        let mut requests = vector["requests"].as_array().unwrap().clone();
        if name == "imds-v2" {
            // One token does for both of ours.
            requests.remove(2);
        }
        let server = replay(&requests).await;
        let role = InstanceRole { name: vector["input"]["role_name"].as_str().map(str::to_owned) };
        let endpoint = server.url.parse().unwrap();
        let end = fetched(Provider::Instance { role, endpoint, reach: reach() }).await;
        match end {
            Ok(credentials) => check_credentials(name, &vector, &credentials),
            Err(error) => {
                assert_eq!(name, "imds-v2-only");
                assert!(error.to_string().starts_with("the metadata service: Http404"), "{error}");
            }
        }
        let seen = server.seen();
        assert_eq!(seen.len(), requests.len(), "{name}");
        for (ours, theirs) in seen.iter().zip(&requests) {
            assert_eq!(ours.method, text(theirs, "method"), "{name}");
            assert_eq!(ours.target, text(theirs, "path"), "{name}");
            for header in ["x-aliyun-ecs-metadata-token", "x-aliyun-ecs-metadata-token-ttl-seconds"] {
                assert_eq!(ours.header(header), theirs["headers"][header].as_str(), "{name} {header}");
            }
        }
    }
}
