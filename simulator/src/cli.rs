//! Command line and environment of the binary.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use dataworks_simulator::{AccessKey, Config, ProjectConfig};
use tracing_subscriber::EnvFilter;

/// The DataWorks resource API (OpenAPI 2024-05-18) on this machine: real signatures, real state,
/// faults on demand.
///
/// It prints one line of JSON with its URL when it is ready, and logs to standard error. Point a
/// client's endpoint at the URL, use the access key below, and read or change everything under
/// URL/_simulator/. It keeps everything in memory and stops on SIGTERM.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  \
    dataworks-simulator --listen 127.0.0.1:8080 --project 123456=sora_finance\n  \
    dataworks-simulator --rate-limit 5 --daily-quota 100 --latency-ms 80\n  \
    curl -s http://127.0.0.1:8080/_simulator/state\n  \
    curl -s http://127.0.0.1:8080/_simulator/faults -H 'content-type: application/json' \\\n    \
    -d '{\"action\":\"CreateResource\",\"count\":1,\"kind\":\"lost\"}'"
)]
pub(crate) struct Arguments {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:0]
    #[arg(long, env = "DATAWORKS_SIMULATOR_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// Allow an address that others can reach; the admin API has no authentication
    #[arg(long, env = "DATAWORKS_SIMULATOR_ALLOW_NON_LOOPBACK")]
    allow_non_loopback: bool,

    /// A JSON file with the whole configuration; the flags here win over it
    #[arg(long, env = "DATAWORKS_SIMULATOR_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// A workspace that exists at the start; may be repeated [default: 123456=sora_finance]
    #[arg(
        long = "project",
        env = "DATAWORKS_SIMULATOR_PROJECTS",
        value_name = "ID[=NAME]",
        value_delimiter = ',',
        value_parser = parse_project
    )]
    projects: Vec<ProjectConfig>,

    /// The AccessKey id that may call [default: LTAIexampleAKID]
    #[arg(long, env = "DATAWORKS_SIMULATOR_ACCESS_KEY_ID", value_name = "ID")]
    access_key_id: Option<String>,

    /// Its secret [default: exampleSecret]
    #[arg(
        long,
        env = "DATAWORKS_SIMULATOR_ACCESS_KEY_SECRET",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    access_key_secret: Option<String>,

    /// The account that the key belongs to [default: 1000]
    #[arg(long, env = "DATAWORKS_SIMULATOR_ACCOUNT_ID", value_name = "ID")]
    account_id: Option<String>,

    /// Milliseconds that each call takes
    #[arg(long, env = "DATAWORKS_SIMULATOR_LATENCY_MS", value_name = "MS")]
    latency_ms: Option<u64>,

    /// Calls a second of the account; more are answered Throttling.User [default: no limit]
    #[arg(long, env = "DATAWORKS_SIMULATOR_RATE_LIMIT", value_name = "CALLS")]
    rate_limit: Option<f64>,

    /// Calls a day of the account; more are answered Throttling.Api.Risk [default: no limit]
    #[arg(long, env = "DATAWORKS_SIMULATOR_DAILY_QUOTA", value_name = "CALLS")]
    daily_quota: Option<u64>,

    /// Calls a month of the account; more are answered Throttling.Resource [default: no limit]
    #[arg(long, env = "DATAWORKS_SIMULATOR_MONTHLY_QUOTA", value_name = "CALLS")]
    monthly_quota: Option<u64>,

    /// Milliseconds until ListResources and GetResource show a change
    #[arg(long, env = "DATAWORKS_SIMULATOR_LIST_LAG_MS", value_name = "MS")]
    list_lag_ms: Option<u64>,

    /// Milliseconds by which the simulator's clock is ahead (negative: behind)
    #[arg(long, env = "DATAWORKS_SIMULATOR_CLOCK_OFFSET_MS", value_name = "MS", allow_hyphen_values = true)]
    clock_offset_ms: Option<i64>,

    /// What to log, such as `info` or `dataworks_simulator=debug` (one line for each call)
    #[arg(long, env = "DATAWORKS_SIMULATOR_LOG", default_value = "info", value_name = "FILTER")]
    log: String,
}

/// Why the arguments make no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("the file {} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// The file is not a configuration.
    #[error("the file {} is not a configuration: {source}", path.display())]
    Parse { path: PathBuf, source: serde_json::Error },
}

impl Arguments {
    /// What to log; a filter that does not parse logs at `info`.
    pub(crate) fn log_filter(&self) -> EnvFilter {
        EnvFilter::try_new(&self.log).unwrap_or_else(|_| EnvFilter::new("info"))
    }

    /// The file, if any, with the flags over it.
    pub(crate) fn into_config(self) -> Result<Config, ConfigError> {
        let mut config = match self.config {
            Some(path) => read(path)?,
            None => Config::default(),
        };
        if let Some(listen) = self.listen {
            config.listen = listen;
        }
        config.allow_non_loopback |= self.allow_non_loopback;
        if !self.projects.is_empty() {
            config.projects = self.projects;
        }
        if self.access_key_id.is_some() || self.access_key_secret.is_some() {
            // A key on the command line is the only one: the well-known default must not stay.
            let key = AccessKey::default();
            config.access_keys = vec![AccessKey {
                access_key_id: self.access_key_id.unwrap_or(key.access_key_id.clone()),
                secret: self.access_key_secret.unwrap_or(key.secret.clone()),
                ..key
            }];
        }
        if let Some(account_id) = self.account_id {
            for key in &mut config.access_keys {
                key.account_id.clone_from(&account_id);
            }
        }
        let settings = &mut config.settings;
        if let Some(ms) = self.latency_ms {
            settings.latency_ms = ms;
        }
        settings.rate_limit = self.rate_limit.or(settings.rate_limit);
        settings.daily_quota = self.daily_quota.or(settings.daily_quota);
        settings.monthly_quota = self.monthly_quota.or(settings.monthly_quota);
        if let Some(ms) = self.list_lag_ms {
            settings.list_lag_ms = ms;
        }
        if let Some(ms) = self.clock_offset_ms {
            settings.clock_offset_ms = ms;
        }
        Ok(config)
    }
}

fn read(path: PathBuf) -> Result<Config, ConfigError> {
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(ConfigError::Read { path, source }),
    };
    serde_json::from_str(&text).map_err(|source| ConfigError::Parse { path, source })
}

fn parse_project(text: &str) -> Result<ProjectConfig, String> {
    let (id, name) = text.split_once('=').unwrap_or((text, ""));
    let id: u64 =
        id.parse().map_err(|_| format!("{id:?} is not a workspace id: it must be a whole number"))?;
    let name = match name {
        "" => format!("workspace_{id}"),
        name => name.to_owned(),
    };
    Ok(ProjectConfig::new(id, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_defaults() {
        let arguments = [
            "dataworks-simulator",
            "--project=7",
            "--project=8=eight",
            "--access-key-id=LTAIother",
            "--rate-limit=5",
            "--clock-offset-ms=-1000",
        ];
        let config =
            Arguments::try_parse_from(arguments).expect("arguments").into_config().expect("a configuration");
        assert_eq!(config.projects, [ProjectConfig::new(7, "workspace_7"), ProjectConfig::new(8, "eight")]);
        assert_eq!(config.access_keys.len(), 1);
        assert_eq!(config.access_keys[0].access_key_id, "LTAIother");
        assert_eq!(config.settings.rate_limit, Some(5.0));
        assert_eq!(config.settings.clock_offset_ms, -1000);
    }

    #[test]
    fn a_workspace_must_be_a_number() {
        assert!(Arguments::try_parse_from(["dataworks-simulator", "--project=abc"]).is_err());
    }
}
