//! Many objects of one namespace, written over a fast client.

use std::time::{Duration, Instant};

use dataworks_core::api::v1alpha1::DataWorksResource;
use futures::StreamExt as _;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use crate::support::{id, is_ready, manifest};

/// Requests of ours under way at a time.
const WRITERS: usize = 32;
/// Objects in one answer.
const PAGE: u32 = 500;
/// Bytes of each file: a short script.
const CONTENT: usize = 1024;

/// The objects `0..count` of a namespace, all in one workspace.
#[derive(Clone)]
pub(crate) struct Fleet {
    pub(crate) api: Api<DataWorksResource>,
    pub(crate) namespace: String,
    pub(crate) project: u64,
    pub(crate) count: usize,
}

impl Fleet {
    pub(crate) fn new(client: &Client, namespace: &str, project: u64, count: usize) -> Self {
        let api = Api::namespaced(client.clone(), namespace);
        Self { api, namespace: namespace.to_owned(), project, count }
    }

    /// The name of an object.
    pub(crate) fn name(number: usize) -> String {
        format!("file-{number:05}")
    }

    /// The path of its file. A MaxCompute resource has its file's name for the whole workspace, so that the namespace is
    /// part of the name, too.
    pub(crate) fn path(&self, number: usize) -> String {
        format!("{0}/{0}-{1}.py", self.namespace, Self::name(number))
    }

    /// Its manifest.
    pub(crate) fn object(&self, number: usize) -> DataWorksResource {
        let spec = json!({
            "projectId": self.project,
            "path": self.path(number),
            "content": { "inline": content(&format!("first {number}")) },
        });
        serde_json::from_value(manifest(&Self::name(number), &spec)).unwrap()
    }

    /// Creates all; `each` is told of each.
    pub(crate) async fn create(&self, each: impl AsyncFn(usize)) {
        let each = &each;
        let create = |number| async move {
            self.api.create(&PostParams::default(), &self.object(number)).await.unwrap();
            each(number).await;
        };
        self.parallel(0..self.count, create).await;
    }

    /// Edits the content of one.
    pub(crate) async fn edit(&self, number: usize, text: &str) {
        let patch = json!({ "spec": { "content": { "inline": content(&format!("{text} {number}")) } } });
        self.api.patch(&Self::name(number), &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Edits all of these.
    pub(crate) async fn edit_all(&self, numbers: impl Iterator<Item = usize>, text: &str) {
        self.parallel(numbers, |number| self.edit(number, text)).await;
    }

    /// Deletes all.
    pub(crate) async fn delete(&self) {
        let delete = |number| async move {
            self.api.delete(&Self::name(number), &DeleteParams::default()).await.unwrap();
        };
        self.parallel(0..self.count, delete).await;
    }

    /// How many there are, and how many of them are ready.
    pub(crate) async fn ready(&self) -> (usize, usize) {
        let (mut all, mut ready) = (0, 0);
        self.pages(|object| {
            all += 1;
            ready += usize::from(is_ready(object));
        })
        .await;
        (all, ready)
    }

    /// Waits until there are none.
    pub(crate) async fn gone(&self) {
        const PAUSE: Duration = Duration::from_millis(500);
        until("all are gone", PAUSE, async || (self.ready().await.0 == 0).then_some(())).await;
    }

    /// The ids of the files of these.
    pub(crate) async fn ids(&self, numbers: impl Iterator<Item = usize>) -> Vec<String> {
        let mut ids = Vec::new();
        for number in numbers {
            ids.push(id(&self.api.get(&Self::name(number)).await.unwrap()));
        }
        ids
    }

    async fn pages(&self, mut each: impl FnMut(&DataWorksResource)) {
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let page = self.api.list(&params).await.unwrap();
            page.items.iter().for_each(&mut each);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return,
            }
        }
    }

    async fn parallel<F: Future<Output = ()>>(
        &self,
        numbers: impl Iterator<Item = usize>,
        work: impl Fn(usize) -> F,
    ) {
        futures::stream::iter(numbers).map(work).buffer_unordered(WRITERS).collect::<Vec<()>>().await;
    }
}

fn content(first: &str) -> String {
    let mut text = format!("# {first}\n");
    while text.len() < CONTENT {
        text.push_str("print(\"nothing of importance\")\n");
    }
    text
}

/// Asks until there is an answer, for as long as a life may take.
pub(crate) async fn until<T>(what: &str, pause: Duration, ask: impl AsyncFn() -> Option<T>) -> T {
    const MOST: Duration = Duration::from_secs(1800);
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < MOST, "{what}");
        tokio::time::sleep(pause).await;
    }
}
