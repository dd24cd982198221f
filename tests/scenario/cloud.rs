//! `cloud`: what happens to the cloud and in it, behind the operator's back.

use std::time::Duration;

use dataworks_simulator::{Fault, OutsideEdit, OutsideFile, ResourceView};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::objects::merge;
use super::story::{Story, split, words, yaml};
use crate::support::{DEADLINE, PROJECT};

const USAGE: &str = "cloud fault FAULT, mend, settings SETTINGS, key KEY, stop, start, create FILE, \
                     edit PATH CHANGE, delete PATH, or await CONDITION";
const AWAIT: &str = "cloud await faults (all are used up), ACTION [COUNT] (calls since the last `calls`), \
                     file PATH [CONTENT], or no file PATH";

impl Story {
    pub(super) async fn cloud(&mut self, rest: &str) -> Result<String, String> {
        let (order, rest) = split(rest);
        let rest = self.mask.show(rest);
        let cloud = self.here().cloud.clone();
        match order {
            "fault" => {
                cloud.add_fault(read::<Fault>(yaml(&rest)?)?);
            }
            "mend" => cloud.clear_faults(),
            "settings" => {
                let mut settings = serde_json::to_value(cloud.settings()).unwrap();
                merge(&mut settings, yaml(&rest)?);
                cloud.set_settings(read(settings)?);
            }
            "key" => {
                let mut key = serde_json::to_value(dataworks_simulator::AccessKey::default()).unwrap();
                merge(&mut key, yaml(&rest)?);
                cloud.set_access_keys(vec![read(key)?]);
            }
            "stop" => cloud.change_settings(|settings| settings.down = true),
            "start" => cloud.change_settings(|settings| settings.down = false),
            "create" => {
                let mut file = json!({"projectId": PROJECT, "content": "theirs\n"});
                merge(&mut file, yaml(&rest)?);
                cloud.create_outside(read::<OutsideFile>(file)?).map_err(|error| error.to_string())?;
            }
            "edit" => {
                let (path, change) = split(&rest);
                let change = read::<OutsideEdit>(yaml(change)?)?;
                for file in self.at(path)? {
                    cloud.edit_outside(&file.id, change.clone()).map_err(|error| error.to_string())?;
                }
            }
            "delete" => {
                // In one instant: a look between two of them would see a smaller loss than the story is about.
                let files = self.at(&rest)?;
                let ids = files.iter().map(|file| file.id.as_str());
                cloud.delete_all_outside(ids).map_err(|error| error.to_string())?;
            }
            "await" => self.expect(&rest).await?,
            _ => return Err(USAGE.to_owned()),
        }
        Ok(String::new())
    }

    /// The files at a path, or below a folder that ends in `*`.
    fn at(&self, path: &str) -> Result<Vec<ResourceView>, String> {
        let mut files = self.held();
        match path.strip_suffix('*') {
            Some(folder) => files.retain(|file| file.path.starts_with(folder)),
            None => files.retain(|file| file.path == path),
        }
        if files.is_empty() { Err(format!("no file at {path:?}")) } else { Ok(files) }
    }

    async fn expect(&self, rest: &str) -> Result<(), String> {
        let words = words(rest)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let cloud = &self.here().cloud;
        let met: Box<dyn Fn() -> bool + Send + Sync + '_> = match words[..] {
            ["faults"] => Box::new(|| {
                cloud.faults().iter().all(|(fault, used)| fault.count.is_none_or(|count| *used >= count))
            }),
            ["file", path] => Box::new(move || self.held().iter().any(|file| file.path == path)),
            ["file", path, content] => Box::new(move || {
                self.held().iter().any(|file| file.path == path && file.content.trim_end() == content)
            }),
            ["no", "file", path] => Box::new(move || self.held().iter().all(|file| file.path != path)),
            [action] => Box::new(move || self.called(action) >= 1),
            [action, count] => {
                let count: usize = count.parse().map_err(|_| AWAIT.to_owned())?;
                Box::new(move || self.called(action) >= count)
            }
            _ => return Err(AWAIT.to_owned()),
        };
        // The cloud has no watch.
        let end = tokio::time::Instant::now() + DEADLINE;
        while !met() {
            if tokio::time::Instant::now() >= end {
                return Err(format!("it never came to {rest:?}"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    fn called(&self, action: &str) -> usize {
        self.new_calls().iter().filter(|call| call.action == action).count()
    }
}

/// A value of the simulator; its message says what is allowed.
fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}
