//! What a transcript tells: objects, events, files and calls.

use std::time::Duration;

use dataworks_simulator::{Call, Outcome};
use serde_json::Value;

use super::story::{FENCES, Story, split};
use crate::support::{DEADLINE, PROJECT, poll};

/// Fields of status that tell nothing to a reader: they differ from run to run, or stand for what
/// is shown.
const UNTOLD: [&str; 8] = [
    "observedGeneration",
    "requestId",
    "contentDigest",
    "specDigest",
    "createTime",
    "modifyTime",
    "lastSyncTime",
    "conditions",
];
pub(super) const FINALIZER: &str = "dataworks.alibabacloud.com/finalizer";
const INTENT: &str = "dataworks.alibabacloud.com/create-intent";
/// A longer text is cut.
const MOST_TEXT: usize = 60;

impl Story {
    /// `show NAME`: what its status says, and what of ours is in its metadata.
    pub(super) async fn show(&mut self, name: &str) -> Result<String, String> {
        let object = self.object(name).await?;
        let (metadata, status) = (&object["metadata"], &object["status"]);
        let mut text =
            format!("generation {}, observed {}", metadata["generation"], status["observedGeneration"]);
        let finalizers = metadata["finalizers"].as_array();
        let marks = [
            ("finalizer", finalizers.is_some_and(|all| all.iter().any(|one| one == FINALIZER))),
            ("create-intent", !metadata["annotations"][INTENT].is_null()),
            ("being deleted", !metadata["deletionTimestamp"].is_null()),
        ];
        for (mark, _) in marks.iter().filter(|(_, is)| *is) {
            text.push_str(&format!(", {mark}"));
        }
        text.push('\n');
        for (field, value) in status.as_object().into_iter().flatten() {
            if !UNTOLD.contains(&field.as_str()) {
                text.push_str(&format!("{field}: {}\n", told(field, value)));
            }
        }
        let mut before = String::new();
        for condition in status["conditions"].as_array().into_iter().flatten() {
            let word = |field: &str| condition[field].as_str().unwrap_or("-").to_owned();
            // Most say why in the words of Ready.
            let message = word("message");
            let shown = if message == before { "(the same)" } else { &message };
            text.push_str(&format!("{}={} {}: {shown}\n", word("type"), word("status"), word("reason")));
            before = message;
        }
        Ok(text)
    }

    /// `events NAME REASON`: waits for an event of this reason, and tells all.
    pub(super) async fn events(&mut self, rest: &str) -> Result<String, String> {
        let (name, reason) = split(rest);
        if reason.is_empty() {
            return Err("events NAME REASON, the reason of the last one to come".to_owned());
        }
        let (scene, name) = self.find(name)?;
        let selector = format!("involvedObject.name={name}");
        let list = async || {
            let said =
                scene.kubectl.run(&["get", "events", "--field-selector", &selector, "-o", "json"]).await;
            let list: Value = serde_json::from_str(&said).unwrap();
            let mut events = list["items"].as_array().cloned().unwrap_or_default();
            events.sort_by_key(|event| event["eventTime"].as_str().map(str::to_owned));
            events.iter().any(|event| event["reason"] == *reason).then_some(events)
        };
        let events =
            poll(DEADLINE, Duration::from_millis(100), &format!("no event {reason} of {name}"), list).await;
        let word = |event: &Value, field: &str| event[field].as_str().unwrap_or("-").to_owned();
        Ok(events
            .iter()
            .map(|event| {
                format!("{} {}: {}\n", word(event, "type"), word(event, "reason"), word(event, "message"))
            })
            .collect())
    }

    /// `files`: what the cloud holds, by path.
    pub(super) fn files(&mut self, rest: &str) -> Result<String, String> {
        if !rest.is_empty() {
            return Err("files takes nothing".to_owned());
        }
        let files = self.held();
        if files.is_empty() {
            return Ok("no files\n".to_owned());
        }
        let line = |file: &dataworks_simulator::ResourceView| {
            let mut line = format!("{} {} {} {}", file.id, file.path, file.kind, file.datasource.name);
            if file.project_id != PROJECT {
                line.push_str(&format!(" in workspace {}", file.project_id));
            }
            if file.owner == "2000" {
                line.push_str(" of a stranger");
            }
            line + &format!(": {}\n", cut(&format!("{:?}", file.content)))
        };
        Ok(files.iter().map(line).collect())
    }

    /// `calls [writes|fold] [sorted]`: those since the last `calls`.
    pub(super) fn calls(&mut self, rest: &str) -> Result<String, String> {
        let usage = "calls [writes|fold] [sorted]: writes leaves reads out, fold tells each read once";
        let (rest, sorted) = match rest.strip_suffix("sorted") {
            Some(rest) => (rest.trim_end(), true),
            None => (rest, false),
        };
        if !["", "writes", "fold"].contains(&rest) {
            return Err(usage.to_owned());
        }
        let calls = self.new_calls();
        self.told = self.here().cloud.counts().last_seq;
        let mut lines: Vec<String> = Vec::new();
        for call in &calls {
            let reads = call.action.starts_with("List") || call.action.starts_with("Get");
            // Only reads: that a write is made once is what most stories are about.
            let line =
                if reads && rest == "fold" { format!("{} ×n\n", line(call)) } else { line(call) + "\n" };
            if reads && (rest == "writes" || rest == "fold" && lines.contains(&line)) {
                continue;
            }
            lines.push(line);
        }
        if sorted {
            lines.sort();
        }
        if lines.is_empty() {
            return Ok("no calls\n".to_owned());
        }
        Ok(lines.concat())
    }

    /// The calls since the last `calls`, without those about the files of `fence`.
    pub(super) fn new_calls(&self) -> Vec<Call> {
        let mut calls = self.here().cloud.calls_since(self.told);
        calls.retain(|call| {
            !call.name.as_deref().is_some_and(|name| name.starts_with(FENCES) || name.starts_with("fence-"))
        });
        calls
    }
}

fn line(call: &Call) -> String {
    let mut line = call.action.clone();
    for word in [&call.name, &call.id].into_iter().flatten() {
        line.push_str(&format!(" {word}"));
    }
    if let Some(path) =
        call.path.as_ref().filter(|_| ["MoveResource", "RenameResource"].contains(&&*call.action))
    {
        line.push_str(&format!(" to {path}"));
    }
    if let Some(project) = call.project.filter(|project| *project != PROJECT) {
        line.push_str(&format!(" in workspace {project}"));
    }
    let effect = if call.effect { "carried out" } else { "not carried out" };
    let end = match call.outcome {
        Outcome::Ok => "ok".to_owned(),
        Outcome::Error => {
            let status = call.http_status.map(|status| status.to_string()).unwrap_or_default();
            let error = [status, call.code.clone().unwrap_or_default()].join(" ");
            if call.effect { format!("{error}, carried out") } else { error }
        }
        Outcome::Garbage => format!("unreadable answer, {effect}"),
        Outcome::Unanswered => format!("no answer, {effect}"),
        Outcome::Postponed => "no answer, to be carried out later".to_owned(),
        Outcome::Landed => "carried out now".to_owned(),
    };
    format!("{line}: {end}")
}

/// A field of status in a few words.
fn told(field: &str, value: &Value) -> String {
    match (field, value) {
        (_, Value::String(text)) => text.clone(),
        ("lastError", error) => {
            let word = |field: &str| error[field].as_str().unwrap_or("-").to_owned();
            format!("{}: {}", word("code"), word("message"))
        }
        ("attempt", attempt) => {
            let outcome = attempt["outcome"].as_str().map(str::to_owned);
            let refusals = attempt["refusals"].as_i64().map(|count| format!("refusals in a row: {count}"));
            outcome.into_iter().chain(refusals).collect::<Vec<_>>().join(", ")
        }
        ("datasource", source) => {
            format!("{} ({})", source["name"].as_str().unwrap_or("-"), source["type"].as_str().unwrap_or("-"))
        }
        (_, value) => value.to_string(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_TEXT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
