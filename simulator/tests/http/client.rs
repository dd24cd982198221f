//! A small signed client, and documents to send with it.

use std::time::Duration;

use dataworks_simulator::{AccessKey, Config, Simulator};
use serde_json::{Value, json};

use crate::signer::{Unsigned, encode, headers};

pub(crate) const PROJECT: u64 = 123_456;
pub(crate) const P: &str = "123456";

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.json["Code"].as_str().unwrap_or("")
    }

    /// Status and code together, for asserts.
    pub(crate) fn error(&self) -> (u16, &str) {
        (self.status, self.code())
    }

    pub(crate) fn id(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json["Id"].as_str().expect("an id").to_owned()
    }
}

/// A client with a key. Its fields are open: tests sign wrongly on purpose.
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    pub(crate) key: AccessKey,
    pub(crate) nonce: Option<String>,
    pub(crate) clock_offset_s: i64,
    pub(crate) version: &'static str,
    pub(crate) method: Option<&'static str>,
}

pub(crate) async fn simulator(config: Config) -> (Simulator, Client) {
    let simulator = Simulator::start(config).await.expect("a simulator");
    let client = Client::new(&simulator);
    (simulator, client)
}

impl Client {
    pub(crate) fn new(simulator: &Simulator) -> Self {
        Self {
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(20))
                .build()
                .expect("a client"),
            url: simulator.url(),
            key: AccessKey::default(),
            nonce: None,
            clock_offset_s: 0,
            version: "2024-05-18",
            method: None,
        }
    }

    /// The same client once more.
    pub(crate) fn again(&self) -> Self {
        Self {
            http: self.http.clone(),
            url: self.url.clone(),
            key: self.key.clone(),
            nonce: self.nonce.clone(),
            clock_offset_s: self.clock_offset_s,
            version: self.version,
            method: self.method,
        }
    }

    /// A call that is answered.
    pub(crate) async fn call(&self, action: &str, params: &[(&str, &str)]) -> Answer {
        self.send(action, params).await.expect("an answer")
    }

    pub(crate) async fn send(&self, action: &str, params: &[(&str, &str)]) -> Result<Answer, reqwest::Error> {
        let reads = [
            "GetResource",
            "ListResources",
            "GetProject",
            "GetCallerIdentity",
            "AuthorizeFileUpload",
            "GetPipelineRun",
            "ListPipelineRuns",
            "ListPipelineRunItems",
        ];
        let method = self.method.unwrap_or(match reads.contains(&action) {
            true => "GET",
            false => "POST",
        });
        let form = encode(params);
        let (query, body) = match method {
            "GET" => (params, String::new()),
            _ => (&[][..], form.clone()),
        };
        let now = jiff::Timestamp::now().as_second() + self.clock_offset_s;
        let date = jiff::Timestamp::from_second(now).expect("a time").to_string();
        let random = uuid::Uuid::new_v4().to_string();
        let signed = headers(&Unsigned {
            method,
            host: self.url.trim_start_matches("http://"),
            action,
            version: self.version,
            query,
            body: &body,
            date: &date,
            nonce: self.nonce.as_deref().unwrap_or(&random),
            access_key_id: &self.key.access_key_id,
            secret: &self.key.secret,
            token: self.key.security_token.as_deref(),
        });
        let mut request = match method {
            "GET" => self.http.get(format!("{}/?{form}", self.url)),
            _ => self.http.post(format!("{}/", self.url)).body(body),
        };
        for (name, value) in signed {
            request = request.header(name, value);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, headers, text, json })
    }

    /// A form as it stands, not signed.
    pub(crate) async fn post_form(&self, boundary: &str, body: Vec<u8>) -> Result<Answer, reqwest::Error> {
        let form = self.http.post(format!("{}/", self.url)).body(body);
        let form = form.header("content-type", format!("multipart/form-data; boundary={boundary}"));
        let response = form.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        Ok(Answer { status, headers, text, json: Value::Null })
    }

    pub(crate) async fn create(&self, path: &str, content: &str) -> Answer {
        let spec = spec(path, content);
        self.call("CreateResource", &[("ProjectId", P), ("Spec", &spec)]).await
    }

    pub(crate) async fn get(&self, id: &str) -> Answer {
        self.call("GetResource", &[("ProjectId", P), ("Id", id)]).await
    }

    /// Paths and total of a listing.
    pub(crate) async fn list(&self, more: &[(&str, &str)]) -> (Vec<String>, u64) {
        let mut params = vec![("ProjectId", P), ("PageSize", "100")];
        params.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        params.extend(more);
        let answer = self.call("ListResources", &params).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let paging = &answer.json["PagingInfo"];
        let rows = paging["Resources"].as_array().expect("rows");
        let path = |row: &Value| row["Script"]["Path"].as_str().expect("a path").to_owned();
        let total = paging["TotalCount"].as_u64().expect("a total");
        (rows.iter().map(path).collect(), total)
    }

    /// The admin API: status and JSON.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}/_simulator/{path}", self.url);
        let method = method.parse().expect("a method");
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

/// A Python file's document without a data source.
pub(crate) fn spec(path: &str, content: &str) -> String {
    document(json!({
        "name": path.rsplit('/').next(),
        "script": {"content": content, "path": path, "runtime": {"command": "ODPS_PYTHON"}},
        "type": "python",
        "file": {"storage": {}},
    }))
}

pub(crate) fn document(resource: Value) -> String {
    json!({"version": "1.1.0", "kind": "Resource", "spec": {"fileResources": [resource]}}).to_string()
}

/// The file resource in the document that GetResource answered.
pub(crate) fn entity(answer: &Answer) -> Value {
    let spec = answer.json["Resource"]["Spec"].as_str().expect("a spec");
    let document: Value = serde_json::from_str(spec).expect("JSON");
    document["spec"]["fileResources"][0].clone()
}
