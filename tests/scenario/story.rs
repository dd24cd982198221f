//! What one story has for itself, and which part carries out which command.

use std::collections::BTreeMap;
use std::path::Path;

use dataworks_simulator::ResourceView;
use k8s_openapi::jiff::SignedDuration;
use serde_json::Value;

use super::mask::Mask;
use super::script::Command;
use crate::support::operator::Operator;
use crate::support::{PROJECT, Scene};

/// The first word of each command.
const COMMANDS: &str = "apply, edit, kubectl, namespace, save, restore, wait, fence, age, show, events, \
                        operator, cloud, pass, files, calls, apiserver";
/// The folder of the files of `fence`, which no transcript shows.
pub(super) const FENCES: &str = "Fences/";

/// A story under way.
pub(crate) struct Story {
    /// What is told and hidden.
    pub(crate) mask: Mask,
    /// Namespaces by the script's word; the first is `here`.
    pub(super) scenes: Vec<(String, Scene)>,
    /// Running operators by pod.
    pub(super) operators: BTreeMap<String, Operator>,
    /// Logs of those that ended, by pod.
    pub(super) ended: Vec<(String, String)>,
    /// Objects as `save` found them, by name.
    pub(super) saved: BTreeMap<String, Value>,
    /// The last call that `calls` told.
    pub(super) told: u64,
}

impl Story {
    /// With a namespace and a cloud, on a cluster of its own where it is `alone`.
    pub(crate) async fn begin(alone: bool) -> Self {
        let scene = if alone { Scene::alone().await } else { Scene::new().await };
        let mut mask = Mask::new();
        mask.namespace("here", &scene.namespace);
        Self {
            mask,
            scenes: vec![("here".to_owned(), scene)],
            operators: BTreeMap::new(),
            ended: Vec::new(),
            saved: BTreeMap::new(),
            told: 0,
        }
    }

    /// Carries out a command; its answer is what the transcript shows.
    pub(crate) async fn command(&mut self, command: &Command) -> Result<String, String> {
        let (word, rest) = split(&command.text);
        let body = command.body();
        let takes_block = ["apply", "edit", "kubectl", "restore"].contains(&word);
        if body.is_some() && !takes_block {
            return Err(format!("{word} takes no block; apply, edit, kubectl and restore do"));
        }
        match word {
            "apply" => self.apply(rest, body).await,
            "edit" => self.edit(rest, body).await,
            "kubectl" => self.kubectl(rest, body).await,
            "namespace" => self.namespace(rest).await,
            "save" => self.save(rest).await,
            "restore" => self.restore(rest, body).await,
            "wait" => self.wait(rest).await,
            "fence" => self.fence(rest).await,
            "age" => self.age(rest).await,
            "show" => self.show(rest).await,
            "events" => self.events(rest).await,
            "operator" => self.operator(rest).await,
            "cloud" => self.cloud(rest).await,
            "pass" => self.pass(rest),
            "files" => self.files(rest),
            "calls" => self.calls(rest),
            "apiserver" => self.apiserver(rest).await,
            _ => Err(format!("no command {word:?}; there are {COMMANDS}")),
        }
    }

    /// The first namespace.
    pub(super) fn here(&self) -> &Scene {
        &self.scenes[0].1
    }

    /// The scene of an object: `NAME`, or `@WORD/NAME` in another namespace.
    pub(super) fn find<'a>(&self, name: &'a str) -> Result<(&Scene, &'a str), String> {
        let Some(full) = name.strip_prefix('@') else { return Ok((self.here(), name)) };
        let (word, name) = full.split_once('/').ok_or(format!("{name:?} is not @NAMESPACE/NAME"))?;
        let found = self.scenes.iter().find(|(known, _)| known == word);
        found
            .map(|(_, scene)| (scene, name))
            .ok_or(format!("no namespace @{word}; `namespace {word}` makes it"))
    }

    async fn namespace(&mut self, word: &str) -> Result<String, String> {
        if word.is_empty() || !word.chars().all(|c| c.is_ascii_lowercase()) {
            return Err("namespace WORD, of small letters".to_owned());
        }
        let scene = self.here().neighbour().await;
        self.mask.namespace(word, &scene.namespace);
        self.scenes.push((word.to_owned(), scene));
        Ok(String::new())
    }

    fn pass(&mut self, rest: &str) -> Result<String, String> {
        let ms = i64::try_from(duration(rest)?.as_millis()).map_err(|_| "too long".to_owned())?;
        self.here().cloud.change_settings(|settings| settings.clock_offset_ms += ms);
        Ok(String::new())
    }

    async fn apiserver(&mut self, rest: &str) -> Result<String, String> {
        let cluster = self.here().cluster.clone();
        let order = match rest {
            "restart" => crate::support::cluster::Cluster::restart_api_server,
            "stop" => crate::support::cluster::Cluster::stop_api_server,
            "start" => crate::support::cluster::Cluster::start_api_server,
            _ => return Err("apiserver restart, stop or start".to_owned()),
        };
        tokio::task::spawn_blocking(move || order(&cluster)).await.map_err(|error| error.to_string())?;
        Ok(String::new())
    }

    /// The files of the cloud's workspaces, without those of `fence`.
    pub(super) fn held(&self) -> Vec<ResourceView> {
        let cloud = &self.here().cloud;
        let mut files: Vec<_> =
            cloud.projects().iter().flat_map(|project| cloud.resources(project.config.id)).collect();
        files.retain(|file| !file.path.starts_with(FENCES));
        files.sort_by_key(|file| (file.project_id != PROJECT, file.path.clone(), file.id.clone()));
        files
    }

    /// Writes the operators' logs where they can be read, and says where.
    pub(crate) fn keep_logs(&self, name: &str) -> String {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scenarios");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.log"));
        let running = self.operators.iter().map(|(pod, operator)| (pod.clone(), operator.log()));
        let logs: String =
            self.ended.iter().cloned().chain(running).map(|(pod, log)| format!("--- {pod}\n{log}")).collect();
        std::fs::write(&path, logs).unwrap();
        format!("The operators' logs are in {}.", path.display())
    }
}

/// The first word, and the rest.
pub(super) fn split(text: &str) -> (&str, &str) {
    text.split_once(' ').map_or((text, ""), |(word, rest)| (word, rest.trim()))
}

/// Words as a shell reads them.
pub(super) fn words(text: &str) -> Result<Vec<String>, String> {
    shell_words::split(text).map_err(|error| format!("{text:?}: {error}"))
}

/// A duration such as `90s` or `24h`.
pub(super) fn duration(text: &str) -> Result<SignedDuration, String> {
    text.parse().map_err(|_| format!("{text:?} is not a duration such as 90s, 10m or 24h"))
}

/// YAML or JSON.
pub(super) fn yaml(text: &str) -> Result<Value, String> {
    serde_saphyr::from_str(text).map_err(|error| format!("{text:?}: {error}"))
}
