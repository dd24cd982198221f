//! What people do to objects, all of it with the real kubectl.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::story::{Story, duration, split, words, yaml};
use crate::support::{PROJECT, manifest};

/// What a server gives an object, and no backup gives back.
const SERVERS: [&str; 6] =
    ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "namespace"];

impl Story {
    /// `apply NAME` with a spec. `a{1..3}` is three objects, and `{n}` in the spec their number.
    pub(super) async fn apply(&mut self, name: &str, body: Option<String>) -> Result<String, String> {
        let body = body.ok_or("apply NAME, and the spec indented below it")?;
        for (name, number) in expand(name)? {
            let spec = yaml(&self.mask.show(&body.replace("{n}", &number)))?;
            let mut whole = json!({"projectId": PROJECT});
            // A raw document has its content inside.
            if spec.get("flowSpec").is_none() {
                whole["content"] = json!({"inline": "print(1)\n"});
            }
            merge(&mut whole, spec);
            let (scene, name) = self.find(&name)?;
            scene.kubectl.try_run(&["apply", "-f", "-"], &manifest(name, &whole).to_string()).await?;
        }
        Ok(String::new())
    }

    /// `edit NAME PATCH`, a merge patch of the spec, on the line or below it.
    pub(super) async fn edit(&mut self, rest: &str, body: Option<String>) -> Result<String, String> {
        let (name, line) = split(rest);
        let patch = body.unwrap_or_else(|| line.to_owned());
        for (name, number) in expand(name)? {
            let patch = json!({"spec": yaml(&self.mask.show(&patch.replace("{n}", &number)))?}).to_string();
            let (scene, name) = self.find(&name)?;
            scene.kubectl.try_run(&["patch", "dwr", name, "--type=merge", "-p", &patch], "").await?;
        }
        Ok(String::new())
    }

    /// `kubectl ARGUMENTS`, with its standard input below it.
    pub(super) async fn kubectl(&mut self, rest: &str, body: Option<String>) -> Result<String, String> {
        let arguments = words(&self.mask.show(rest))?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let input = self.mask.show(&body.unwrap_or_default());
        Ok(match self.here().kubectl.try_run(&arguments, &input).await {
            Ok(said) => said,
            Err(said) => format!("{said}(kubectl failed)\n"),
        })
    }

    /// `save NAME`: as `kubectl get -o yaml` and every backup tool does.
    pub(super) async fn save(&mut self, name: &str) -> Result<String, String> {
        let object = self.object(name).await?;
        self.saved.insert(name.to_owned(), object);
        Ok(String::new())
    }

    /// `restore NAME [as NEW] [with status]`, with a merge patch of the manifest below it.
    pub(super) async fn restore(&mut self, rest: &str, body: Option<String>) -> Result<String, String> {
        let usage = "restore NAME [as NEW] [with status]";
        let words: Vec<&str> = rest.split(' ').collect();
        let (name, target, with_status) = match words[..] {
            [name] => (name, name, false),
            [name, "with", "status"] => (name, name, true),
            [name, "as", new] => (name, new, false),
            [name, "as", new, "with", "status"] => (name, new, true),
            _ => return Err(usage.to_owned()),
        };
        let mut object = self.saved.get(name).cloned().ok_or(format!("{name:?} was not saved"))?;
        let status = object.as_object_mut().and_then(|fields| fields.remove("status"));
        let metadata = object["metadata"].as_object_mut().ok_or("no metadata")?;
        metadata.retain(|field, _| !SERVERS.contains(&field.as_str()));
        let (scene, target) = self.find(target)?;
        metadata.insert("name".to_owned(), json!(target));
        if let Some(body) = body {
            merge(&mut object, yaml(&self.mask.show(&body))?);
        }
        scene.kubectl.try_run(&["create", "-f", "-"], &object.to_string()).await?;
        if with_status {
            let status = json!({"status": status}).to_string();
            let patch = ["patch", "dwr", target, "--subresource=status", "--type=merge", "-p", &status];
            scene.kubectl.try_run(&patch, "").await?;
        }
        Ok(String::new())
    }

    /// `fence`: waits until the operator has worked on everything that was changed before.
    pub(super) async fn fence(&mut self, rest: &str) -> Result<String, String> {
        if !rest.is_empty() {
            return Err("fence takes nothing".to_owned());
        }
        self.here().fence().await;
        Ok(String::new())
    }

    /// `age NAME DURATION`: moves the times in an object's status back, as if it had waited.
    pub(super) async fn age(&mut self, rest: &str) -> Result<String, String> {
        let (name, by) = split(rest);
        let by = duration(by)?;
        let mut status = self.object(name).await?["status"].take();
        let back = |time: &mut Value| {
            if let Some(at) = time.as_str().and_then(|text| text.parse::<Timestamp>().ok()) {
                *time = json!(at.saturating_sub(by).unwrap_or(Timestamp::MIN).to_string());
            }
        };
        for condition in status["conditions"].as_array_mut().into_iter().flatten() {
            back(&mut condition["lastTransitionTime"]);
        }
        if let Some(error) = status.get_mut("lastError") {
            back(&mut error["time"]);
        }
        let mut aged = Map::new();
        for field in ["conditions", "lastError"] {
            if let Some(value) = status.get(field) {
                aged.insert(field.to_owned(), value.clone());
            }
        }
        let patch = json!({"status": aged}).to_string();
        let (scene, name) = self.find(name)?;
        scene
            .kubectl
            .try_run(&["patch", "dwr", name, "--subresource=status", "--type=merge", "-p", &patch], "")
            .await?;
        Ok(String::new())
    }

    /// An object as the API server has it.
    pub(super) async fn object(&self, name: &str) -> Result<Value, String> {
        let (scene, name) = self.find(name)?;
        let said = scene.kubectl.try_run(&["get", "dwr", name, "-o", "json"], "").await?;
        serde_json::from_str(&said).map_err(|error| error.to_string())
    }
}

/// `a{1..3}`: each name with its number; other names stand for themselves.
pub(super) fn expand(name: &str) -> Result<Vec<(String, String)>, String> {
    if name.is_empty() {
        return Err("an object's NAME is missing".to_owned());
    }
    let Some((head, rest)) = name.split_once('{') else { return Ok(vec![(name.to_owned(), String::new())]) };
    let range = rest.strip_suffix('}').and_then(|range| range.split_once(".."));
    let numbers = range.and_then(|(from, to)| Some(from.parse::<u32>().ok()?..=to.parse::<u32>().ok()?));
    let numbers = numbers.ok_or(format!("{name:?} is not as NAME{{1..3}}"))?;
    Ok(numbers.map(|n| (format!("{head}{n}"), n.to_string())).collect())
}

/// A merge patch: fields replace at any depth, and null removes.
pub(super) fn merge(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (field, value) in new {
                if value.is_null() {
                    old.remove(&field);
                } else if field == "content" || field == "kind" {
                    // A choice: what is chosen now stands alone.
                    old.insert(field, value);
                } else {
                    merge(old.entry(field).or_insert(Value::Null), value);
                }
            }
        }
        (old, new) => *old = new,
    }
}
