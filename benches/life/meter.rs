//! What a process and an API server say of themselves, and the difference of two moments.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kube::Client;

use crate::cloud::Cloud;

/// Clock ticks a second in `/proc`; the same on every Linux that Rust runs on.
const TICKS: f64 = 100.0;
/// A process is at rest when it used no tick for this long.
const REST: Duration = Duration::from_secs(1);
/// It is not waited for longer.
const REST_MOST: Duration = Duration::from_secs(30);
const MIB: f64 = 1024.0;

/// CPU seconds that a process has used.
pub(crate) fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name is in brackets and may hold anything; user and system time are fields 14 and 15.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |place: usize| fields[place - 3].parse::<f64>().unwrap();
    (ticks(14) + ticks(15)) / TICKS
}

/// MiB of a line of `/proc/PID/status`: `VmRSS` now, `VmHWM` at most.
pub(crate) fn memory(pid: u32, line: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with(line)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / MIB
}

/// Waits until a process is at rest. Answers its CPU seconds by then.
pub(crate) async fn at_rest(pid: u32) -> f64 {
    let begun = Instant::now();
    let mut used = cpu(pid);
    loop {
        tokio::time::sleep(REST).await;
        let now = cpu(pid);
        if now - used < 1.5 / TICKS || begun.elapsed() > REST_MOST {
            return now;
        }
        used = now;
    }
}

/// What was used up to a moment.
pub(crate) struct Moment {
    cpu: f64,
    server_cpu: f64,
    calls: BTreeMap<String, u64>,
    requests: BTreeMap<String, u64>,
}

/// What was used between two moments.
pub(crate) struct Spent {
    pub(crate) cpu: f64,
    server_cpu: f64,
    calls: BTreeMap<String, u64>,
    requests: BTreeMap<String, u64>,
}

impl Moment {
    /// Now, of the operator with this pid.
    pub(crate) async fn now(pid: u32, cloud: &Cloud, kube: &Client) -> Self {
        let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
        let metrics = kube.request_text(request).await.unwrap();
        let calls = cloud.counts().await.by_action;
        Self { cpu: cpu(pid), server_cpu: server_cpu(&metrics), calls, requests: requests(&metrics) }
    }

    /// What was used from this moment to `end`.
    pub(crate) fn until(&self, end: &Self) -> Spent {
        Spent {
            cpu: end.cpu - self.cpu,
            server_cpu: end.server_cpu - self.server_cpu,
            calls: difference(&self.calls, &end.calls),
            requests: difference(&self.requests, &end.requests),
        }
    }
}

impl Spent {
    /// All calls to the cloud.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.values().sum()
    }

    /// Milliseconds of the API server's CPU for each of `count`, those for the bench's own requests among them.
    pub(crate) fn server_for_each(&self, count: usize) -> String {
        format!("{:.2}", self.server_cpu * 1000.0 / count as f64)
    }

    /// Calls for each of `count`, by action.
    pub(crate) fn calls_for_each(&self, count: usize) -> String {
        for_each(&self.calls, count)
    }

    /// Requests of the API server's clients for each of `count`, without those that we made.
    pub(crate) fn requests_for_each(&self, count: usize, ours: &[(&str, usize)]) -> String {
        for_each(&self.theirs(ours), count)
    }

    /// Writes to our objects, without those that we made.
    pub(crate) fn writes(&self, ours: &[(&str, usize)]) -> u64 {
        let writes = |name: &&String| name.starts_with("PATCH") || name.starts_with("PUT");
        let theirs = self.theirs(ours);
        theirs.iter().filter(|(name, _)| writes(name) && name.contains("object")).map(|(_, n)| n).sum()
    }

    fn theirs(&self, ours: &[(&str, usize)]) -> BTreeMap<String, u64> {
        let mut requests = self.requests.clone();
        for (name, count) in ours {
            let left = requests.remove(*name).unwrap_or(0).saturating_sub(*count as u64);
            if left > 0 {
                requests.insert((*name).to_owned(), left);
            }
        }
        requests
    }
}

fn difference(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let more = |(name, count): (&String, &u64)| {
        let more = count - before.get(name).copied().unwrap_or(0);
        (more > 0).then(|| (name.clone(), more))
    };
    after.iter().filter_map(more).collect()
}

fn for_each(counts: &BTreeMap<String, u64>, count: usize) -> String {
    let one = |(name, n): (&String, &u64)| format!("{} {name}", amount(*n as f64 / count as f64));
    let all: Vec<String> = counts.iter().map(one).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn amount(value: f64) -> String {
    if (value - value.round()).abs() < 0.0005 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// What the API server has been asked for objects of our kind and for events, by verb. Leases and
/// the like are a matter of time, not of objects.
fn requests(text: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("apiserver_request_total{")) {
        let label = |name: &str| {
            let at = line.find(&format!("{name}=\""))? + name.len() + 2;
            line[at..].split('"').next()
        };
        let what = match (label("resource"), label("subresource")) {
            (Some("dataworksresources"), Some("status")) => "object status",
            (Some("dataworksresources"), _) => "object",
            (Some("events"), _) => "event",
            _ => continue,
        };
        let name = format!("{} {what}", label("verb").unwrap_or_default());
        let count = line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
        *counts.entry(name).or_insert(0) += count as u64;
    }
    // They come and go with the operator, not with its objects.
    counts.retain(|name, _| !name.starts_with("WATCH") && !name.starts_with("LIST"));
    counts
}

/// CPU seconds that the API server has used, as it says itself.
fn server_cpu(text: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with("process_cpu_seconds_total ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}
