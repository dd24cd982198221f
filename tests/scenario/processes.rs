//! `operator`: the processes of a story.

use super::story::{Story, split, words};
use crate::support::Scene;
use crate::support::operator::SHORT_BOUNDS;

const USAGE: &str = "operator start [pod=POD] [secret=TEXT] [elect] [FLAGS], or \
                     operator kill, stop, pause, resume, ended, says TEXT, each with [pod=POD] in front of TEXT";
const POD: &str = "pod-1";

impl Story {
    pub(super) async fn operator(&mut self, rest: &str) -> Result<String, String> {
        let (order, rest) = split(rest);
        let rest = self.mask.show(rest);
        if order == "start" {
            return self.start(&words(&rest)?);
        }
        let (pod, rest) = match rest.strip_prefix("pod=") {
            Some(named) => split(named),
            None => (POD, rest.as_str()),
        };
        if !rest.is_empty() && order != "says" {
            return Err(format!("{USAGE}; not {rest:?}"));
        }
        let gone = format!("no operator runs as {pod}");
        let running = self.operators.get_mut(pod).ok_or_else(|| gone.clone())?;
        match order {
            "pause" => running.pause().await,
            "resume" => running.resume().await,
            "says" => {
                let words = words(rest)?;
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                running.says(&words).await;
            }
            "kill" => {
                let operator = self.operators.remove(pod).ok_or(gone)?;
                let log = operator.kill().await;
                self.ended.push((pod.to_owned(), log));
            }
            "stop" => running.terminate().await,
            "ended" => {}
            _ => return Err(USAGE.to_owned()),
        }
        if !["stop", "ended"].contains(&order) {
            return Ok(String::new());
        }
        let mut operator = self.operators.remove(pod).ok_or_else(|| format!("no operator runs as {pod}"))?;
        let end = operator.ended().await;
        self.ended.push((pod.to_owned(), operator.log()));
        Ok(format!("{pod} ended with {}\n", if end.success() { "success" } else { "failure" }))
    }

    fn start(&mut self, words: &[String]) -> Result<String, String> {
        let namespaces: Vec<&str> =
            self.scenes.iter().map(|(_, scene): &(_, Scene)| scene.namespace.as_str()).collect();
        let mut launch = self.here().launch_for(&namespaces).with(&SHORT_BOUNDS);
        let (mut pod, mut elect) = (POD.to_owned(), false);
        for word in words {
            match word.split_once('=') {
                Some(("pod", uid)) => {
                    uid.clone_into(&mut pod);
                    launch = launch.pod(uid);
                }
                Some(("secret", secret)) => launch = launch.secret(secret),
                None if word == "elect" => elect = true,
                _ if word.starts_with("--") => launch = launch.with(&[word]),
                _ => return Err(format!("{USAGE}; not {word:?}")),
            }
        }
        if !elect {
            launch = launch.with(&["--no-leader-elect"]);
        }
        if self.operators.contains_key(&pod) {
            return Err(format!("an operator runs as {pod}; end it, or start another with pod=POD"));
        }
        self.operators.insert(pod, launch.start());
        Ok(String::new())
    }
}
