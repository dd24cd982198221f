//! What one life has: a namespace and its fleet, a cloud, an operator.

use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::fleet::{Fleet, until};
use crate::meter::Moment;
use crate::support::PROJECT;
use crate::support::cluster::Cluster;
use crate::support::operator::{Launch, Operator};

/// The workspaces of the two runs of the floor: what they make is not listed for the operator.
const FLOOR_PROJECTS: [u64; 2] = [PROJECT + 1, PROJECT + 2];
/// Far above what is possible: nothing waits for a permit.
const NO_LIMIT: &str = "--requests-per-second=100000";
/// How often it is asked whether something is done.
const PAUSE: Duration = Duration::from_millis(50);

/// A cluster, a cloud, an operator and its objects.
pub(crate) struct Stage {
    pub(crate) kube: Client,
    pub(crate) cloud: Cloud,
    pub(crate) fleet: Fleet,
    pub(crate) floors: [Fleet; 2],
    /// For the creates that wait.
    pub(crate) crowd: Fleet,
    launch: Launch,
    operator: Option<Operator>,
    metrics: String,
    http: reqwest::Client,
}

/// How an operator started.
pub(crate) struct Start {
    /// From the start of the process to leading.
    pub(crate) seconds: f64,
}

impl Stage {
    /// With namespaces of this name, and no operator yet.
    pub(crate) async fn new(cluster: &Cluster, name: &str, count: usize, crowd: usize) -> Self {
        let kube = cluster.client().await;
        let cloud = Cloud::start(&[PROJECT, FLOOR_PROJECTS[0], FLOOR_PROJECTS[1]]).await;
        let [own, floor, other] = ["", "-floor", "-crowd"].map(|part| format!("{name}{part}"));
        for namespace in [&own, &floor, &other] {
            let object: Namespace =
                serde_json::from_value(json!({ "metadata": { "name": namespace } })).unwrap();
            Api::all(kube.clone()).create(&PostParams::default(), &object).await.unwrap();
        }
        let launch = Launch::new(cluster.kubeconfig().to_owned(), cloud.url(), &[&own, &other])
            .with(&[NO_LIMIT, "--log=info"]);
        Self {
            fleet: Fleet::new(&kube, &own, PROJECT, count),
            floors: FLOOR_PROJECTS.map(|project| Fleet::new(&kube, &floor, project, count)),
            crowd: Fleet::new(&kube, &other, PROJECT, crowd),
            http: reqwest::Client::new(),
            metrics: String::new(),
            operator: None,
            launch,
            cloud,
            kube,
        }
    }

    /// Starts the operator with these flags besides, and waits until it leads.
    pub(crate) async fn start(&mut self, flags: &[&str]) -> Start {
        let begun = SystemTime::now();
        let operator = self.launch.clone().with(flags).start();
        let line = operator.says(&["\"msg\":\"leading\""]).await;
        let line: Value = serde_json::from_str(&line).unwrap();
        let led: Timestamp = line["ts"].as_str().unwrap().parse().unwrap();
        let begun = Timestamp::try_from(begun).unwrap();
        self.metrics = operator.metrics_url().await;
        self.operator = Some(operator);
        Start { seconds: led.duration_since(begun).as_secs_f64() }
    }

    /// Ends the operator as a crash does.
    pub(crate) async fn kill(&mut self) {
        self.operator.take().unwrap().kill().await;
    }

    pub(crate) fn operator(&self) -> &Operator {
        self.operator.as_ref().unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.operator().pid()
    }

    /// What was used up to now.
    pub(crate) async fn moment(&self) -> Moment {
        Moment::now(self.pid(), &self.cloud, &self.kube).await
    }

    /// The sum of the operator's series of this name whose labels hold all of `labels`.
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> u64 {
        let text = self.http.get(&self.metrics).send().await.unwrap().text().await.unwrap();
        let wanted = |line: &&str| line.starts_with(name) && labels.iter().all(|label| line.contains(label));
        text.lines().filter(wanted).map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// Successful writes of a kind so far.
    pub(crate) async fn writes(&self, verb: &str) -> u64 {
        let verb = format!("verb=\"{verb}\"");
        self.metric("dataworks_kubernetes_requests_total", &[&verb, "outcome=\"success\""]).await
    }

    /// Files made so far, whoever's.
    pub(crate) async fn made(&self) -> u64 {
        self.cloud.counts().await.effects.get("CreateResource").copied().unwrap_or(0)
    }

    /// Waits until another file is made than these.
    pub(crate) async fn makes_more_than(&self, made: u64) {
        let more = async || (self.made().await > made).then_some(());
        until("a file is made", PAUSE, more).await;
    }

    /// Waits until the operator has made `more` successful writes of a kind since there were `before`.
    pub(crate) async fn wrote(&self, verb: &str, before: u64, more: usize) {
        let enough = async || (self.writes(verb).await >= before + more as u64).then_some(());
        until("the writes are made", PAUSE, enough).await;
    }
}
