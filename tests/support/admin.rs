//! The admin API of a simulator that is a process of its own.

use dataworks_simulator::{Call, Counts, ResourceView};
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Where it is, and how it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    url: String,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Asked {
    counts: Counts,
    calls: Vec<Call>,
}

#[derive(Deserialize)]
struct State {
    resources: Vec<ResourceView>,
}

impl Admin {
    /// Of the simulator at this URL, asked without a proxy.
    pub(crate) fn new(url: String) -> Self {
        Self { url, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// Where its API is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// All calls so far.
    pub(crate) async fn counts(&self) -> Counts {
        self.asked(u64::MAX).await.counts
    }

    /// The calls after a number.
    pub(crate) async fn calls_since(&self, since: u64) -> Vec<Call> {
        self.asked(since).await.calls
    }

    /// The files of a workspace, as they truly are.
    pub(crate) async fn files(&self, project: u64) -> Vec<ResourceView> {
        let state: State = answer(self.http.get(self.path(&format!("state?project={project}")))).await;
        state.resources
    }

    /// A stranger changes a file.
    pub(crate) async fn edit_outside(&self, id: &str) {
        self.put(&format!("resources/{id}"), &json!({ "content": "theirs" })).await;
    }

    /// Changes some settings.
    pub(crate) async fn settings(&self, change: &Value) {
        self.put("settings", change).await;
    }

    async fn asked(&self, since: u64) -> Asked {
        answer(self.http.get(self.path(&format!("calls?since={since}")))).await
    }

    async fn put(&self, path: &str, body: &Value) {
        let put = self.http.put(self.path(path)).header("content-type", "application/json");
        answer::<Value>(put.body(body.to_string())).await;
    }

    fn path(&self, path: &str) -> String {
        format!("{}/_simulator/{path}", self.url)
    }
}

async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> T {
    let answer = request.send().await.unwrap().error_for_status().unwrap();
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}
