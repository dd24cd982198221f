//! `wait`: until an object is as expected, by a watch.

use dataworks_core::api::v1alpha1::DataWorksResource;
use kube::runtime::wait::await_condition;
use serde_json::Value;

use super::objects::expand;
use super::show::FINALIZER;
use super::story::{Story, split, words};
use crate::support::DEADLINE;

const USAGE: &str = "wait NAME gone, released (our finalizer is off), or of its present generation: TYPE=STATUS or TYPE=STATUS/REASON of a \
                     condition, TYPE~TEXT in its message, REASON of Ready, field=VALUE or field!=VALUE of status";

/// What is waited for.
#[derive(Debug)]
enum Expected {
    /// A condition's status, or status and reason.
    Status(String, String),
    /// A part of a condition's message.
    Message(String, String),
    /// The reason of Ready.
    Reason(String),
    /// A field of status, as text; an absent one is empty.
    Field(String, String),
    /// Another value of it.
    Other(String, String),
}

impl Expected {
    fn parse(word: &str) -> Result<Self, String> {
        let upper = word.starts_with(|c: char| c.is_ascii_uppercase());
        let pair = |(left, right): (&str, &str)| (left.to_owned(), right.to_owned());
        match (
            word.split_once("!=").map(pair),
            word.split_once('=').map(pair),
            word.split_once('~').map(pair),
        ) {
            (Some((field, value)), _, _) if !upper => Ok(Self::Other(field, value)),
            (None, Some((type_, status)), _) if upper => Ok(Self::Status(type_, status)),
            (None, Some((field, value)), _) => Ok(Self::Field(field, value)),
            (None, None, Some((type_, text))) if upper => Ok(Self::Message(type_, text)),
            (None, None, None) if upper => Ok(Self::Reason(word.to_owned())),
            _ => Err(format!("{word:?}: {USAGE}")),
        }
    }

    fn holds(&self, status: &Value) -> bool {
        let condition = |type_: &str, field: &str| {
            let all = status["conditions"].as_array().into_iter().flatten();
            all.filter(|condition| condition["type"] == *type_)
                .map(|condition| plain(&condition[field]))
                .next()
                .unwrap_or_default()
        };
        match self {
            Self::Status(type_, truth) => match truth.split_once('/') {
                Some((truth, reason)) => {
                    condition(type_, "status") == truth && condition(type_, "reason") == reason
                }
                None => condition(type_, "status") == *truth,
            },
            Self::Message(type_, text) => condition(type_, "message").contains(text),
            Self::Reason(reason) => condition("Ready", "reason") == *reason,
            Self::Field(field, value) => plain(&status[field]) == *value,
            Self::Other(field, value) => plain(&status[field]) != *value,
        }
    }
}

/// A value as text; nothing for none.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Story {
    pub(super) async fn wait(&mut self, rest: &str) -> Result<String, String> {
        let (names, rest) = split(rest);
        let rest = self.mask.show(rest);
        if rest.is_empty() {
            return Err(USAGE.to_owned());
        }
        for (name, _) in expand(names)? {
            if rest == "gone" {
                self.until(&name, |object| object.is_none()).await?;
                continue;
            }
            if rest == "released" {
                let ours = |object: &DataWorksResource| {
                    object.metadata.finalizers.iter().flatten().any(|name| name == FINALIZER)
                };
                self.until(&name, |object| object.is_none_or(|object| !ours(object))).await?;
                continue;
            }
            let expected = words(&rest)?;
            let expected =
                expected.iter().map(|word| Expected::parse(word)).collect::<Result<Vec<_>, _>>()?;
            self.until(&name, |object| {
                let Some(object) = object else { return false };
                let status = serde_json::to_value(&object.status).unwrap();
                crate::support::is_current(object) && expected.iter().all(|one| one.holds(&status))
            })
            .await?;
        }
        Ok(String::new())
    }

    async fn until(
        &self,
        name: &str,
        met: impl Fn(Option<&DataWorksResource>) -> bool,
    ) -> Result<(), String> {
        let (scene, short) = self.find(name)?;
        let wait = await_condition(scene.objects(), short, &met);
        match tokio::time::timeout(DEADLINE, wait).await {
            Ok(end) => end.map(|_| ()).map_err(|error| error.to_string()),
            Err(_) => {
                let object = self.object(name).await.unwrap_or_else(Value::from);
                Err(format!(
                    "{name} never became so; it is {}",
                    serde_json::to_string_pretty(&object["status"]).unwrap()
                ))
            }
        }
    }
}
