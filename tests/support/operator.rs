//! The operator as a child process: start, stop, pause, kill.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{DEADLINE, poll};

/// How an operator is started.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    kubeconfig: PathBuf,
    pod: String,
    secret: Option<String>,
    failpoint: Option<String>,
    variables: Vec<(&'static str, String)>,
    args: Vec<String>,
}

/// Bounds that fit into a test: a create whose outcome is unknown is settled within seconds.
pub(crate) const SHORT_BOUNDS: [&str; 5] = [
    "--call-deadline=2s",
    "--commit-lag=1s",
    "--start-deadline=2s",
    "--signature-validity=3s",
    "--clock-skew=2m",
];

impl Launch {
    /// For these namespaces, against the service at `endpoint`.
    pub(crate) fn new(kubeconfig: PathBuf, endpoint: &str, namespaces: &[&str]) -> Self {
        let list = namespaces.join(",");
        let args = [
            "run".to_owned(),
            format!("--endpoint={endpoint}"),
            format!("--upload-endpoint={endpoint}"),
            format!("--allowed-endpoints={endpoint}"),
            "--region=cn-shanghai".to_owned(),
            format!("--watch-namespaces={list}"),
            format!("--default-connection-namespaces={list}"),
            format!("--lease-namespace={}", namespaces[0]),
            "--health-address=127.0.0.1:0".to_owned(),
            "--metrics-address=127.0.0.1:0".to_owned(),
            "--requests-per-second=200".to_owned(),
            "--log=info,dataworks_operator=debug".to_owned(),
        ];
        let secret = Some("exampleSecret".to_owned());
        Self {
            kubeconfig,
            pod: "pod-1".to_owned(),
            secret,
            failpoint: None,
            variables: Vec::new(),
            args: args.to_vec(),
        }
    }

    /// As another pod.
    pub(crate) fn pod(mut self, uid: &str) -> Self {
        uid.clone_into(&mut self.pod);
        self
    }

    /// With another access key secret.
    pub(crate) fn secret(mut self, secret: &str) -> Self {
        self.secret = Some(secret.to_owned());
        self
    }

    /// Without an access key.
    pub(crate) fn keyless(mut self) -> Self {
        self.secret = None;
        self
    }

    /// As somebody else to the API server.
    pub(crate) fn kubeconfig(mut self, path: &std::path::Path) -> Self {
        path.clone_into(&mut self.kubeconfig);
        self
    }

    /// To end where this says. Only a binary with the feature `failpoints` does.
    pub(crate) fn failpoint(mut self, point: String) -> Self {
        self.failpoint = Some(point);
        self
    }

    /// With this variable in its environment.
    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// With these flags; one that was given before is replaced.
    pub(crate) fn with(mut self, flags: &[&str]) -> Self {
        for flag in flags {
            let name = flag.split('=').next().unwrap();
            self.args.retain(|old| old.split('=').next() != Some(name));
            self.args.push((*flag).to_owned());
        }
        self
    }

    /// Without these flags.
    pub(crate) fn without(mut self, flags: &[&str]) -> Self {
        self.args.retain(|given| given.split('=').next().is_none_or(|name| !flags.contains(&name)));
        self
    }

    /// Starts it.
    pub(crate) fn start(&self) -> Operator {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("stderr");
        let child = Command::new(env!("CARGO_BIN_EXE_dataworks-operator"))
            .args(&self.args)
            .env_clear()
            .env("KUBECONFIG", &self.kubeconfig)
            .env("POD_UID", &self.pod)
            // A way to the world, where nothing answers: neither the API server nor the cloud is reached by it unasked.
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .envs(self.secret.iter().map(|_| ("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIexampleAKID")))
            .envs(self.secret.iter().map(|secret| ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret)))
            .envs(self.failpoint.iter().map(|point| ("DATAWORKS_FAILPOINT", point)))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Operator { child, log, _folder: folder, pod: self.pod.clone() }
    }
}

/// A running operator. Dropped, it is killed; when the test failed, its log is shown.
#[derive(Debug)]
pub(crate) struct Operator {
    child: Child,
    log: PathBuf,
    _folder: TempDir,
    pod: String,
}

impl Operator {
    /// Kills it as a crash does. Answers all that it logged.
    pub(crate) async fn kill(mut self) -> String {
        self.child.kill().await.unwrap();
        self.log()
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        self.terminate().await;
        self.ended().await
    }

    /// Asks it to stop.
    pub(crate) async fn terminate(&self) {
        self.signal("TERM").await;
    }

    /// Stops it in its tracks, as a frozen node does.
    pub(crate) async fn pause(&self) {
        self.signal("STOP").await;
    }

    /// Lets it go on.
    pub(crate) async fn resume(&self) {
        self.signal("CONT").await;
    }

    /// Waits for its end, however long it runs.
    pub(crate) async fn exited(&mut self) -> ExitStatus {
        self.child.wait().await.unwrap()
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        tokio::time::timeout(DEADLINE, self.child.wait()).await.expect("it ends").unwrap()
    }

    /// Asks it to read its files again.
    pub(crate) async fn hang_up(&self) {
        self.signal("HUP").await;
    }

    async fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let end = Command::new("kill").args(["-s", name, &pid]).status().await.unwrap();
        assert!(end.success(), "kill -s {name}");
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// Waits for a line of its log that has all of `words`.
    pub(crate) async fn says(&self, words: &[&str]) -> String {
        let find = || {
            let log = self.log();
            log.lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned)
        };
        let missing = format!("{words:?} is not in the log");
        poll(DEADLINE, Duration::from_millis(20), &missing, async || find()).await
    }

    /// Waits until it has seen all objects and leads.
    pub(crate) async fn leads(&self) {
        self.says(&["\"msg\":\"leading\""]).await;
    }

    /// The sum of a metric's series whose labels hold all of `labels`.
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> u64 {
        sum(&self.metrics().await, name, labels)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// All its metrics.
    pub(crate) async fn metrics(&self) -> String {
        let answer = reqwest::get(self.metrics_url().await).await.unwrap();
        answer.error_for_status().unwrap().text().await.unwrap()
    }

    /// Where its metrics are.
    pub(crate) async fn metrics_url(&self) -> String {
        format!("http://{}/metrics", self.serves("metrics").await)
    }

    /// The answer of a probe: its status and text.
    pub(crate) async fn probe(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.serves("probes").await);
        let answer = reqwest::get(url).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The address at which something is served.
    pub(crate) async fn serves(&self, what: &str) -> String {
        let line = self.says(&["serving HTTP", &format!("\"what\":\"{what}\"")]).await;
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        line["address"].as_str().unwrap().to_owned()
    }

    /// A line of its process's status in kibibytes, such as `VmHWM`, the most memory that it ever had.
    pub(crate) fn memory(&self, line: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = text.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    /// Writes to objects and their status that were made so far.
    pub(crate) async fn writes(&self) -> u64 {
        self.metric("dataworks_kubernetes_requests_total", &["verb=\"patch"]).await
    }
}

/// The sum of a metric's series whose labels hold all of `labels`.
pub(crate) fn sum(metrics: &str, name: &str, labels: &[&str]) -> u64 {
    let value = |line: &str| line.rsplit(' ').next().and_then(|text| text.parse::<u64>().ok());
    let wanted = |line: &&str| line.starts_with(name) && labels.iter().all(|label| line.contains(label));
    metrics.lines().filter(wanted).filter_map(value).sum()
}

impl Drop for Operator {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(150)..].join("\n");
            // Ended by itself, or by whom it may be: without a word of its own that would look like silence.
            let ended =
                self.child.try_wait().ok().flatten().map_or("running".to_owned(), |end| end.to_string());
            eprintln!("--- {} ({ended}) said at the end:\n{tail}\n---", self.pod);
        }
    }
}
