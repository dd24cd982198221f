//! The simulator's binary: arguments in, one line of JSON out, then serving until it is told to
//! stop.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use dataworks_simulator::Simulator;
use tracing::{error, info};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(arguments.log_filter()).init();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            error!(%why, "cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: cli::Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let config = arguments.into_config()?;
    let simulator = Simulator::start(config).await?;
    announce(&simulator.url());
    info!(url = simulator.url(), "ready");
    told_to_stop().await?;
    info!("stopping");
    simulator.shutdown().await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the one line that scripts read to learn the port")]
fn announce(url: &str) {
    println!("{}", serde_json::json!({ "url": url }));
}

#[cfg(unix)]
async fn told_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        pressed = tokio::signal::ctrl_c() => pressed,
    }
}

#[cfg(not(unix))]
async fn told_to_stop() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
