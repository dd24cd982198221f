//! What the binary can be asked to do, and how it ends.
//!
//! The offline commands are functions of readers and writers; they touch neither the network nor
//! the process.

pub mod crds;
pub mod documents;
pub mod flowspec;
pub mod guard_uninstall;
mod run;
pub mod validate;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use documents::{Exit, Source, Streams};
use guard_uninstall::{GuardArgs, guard_uninstall};
pub use run::{AssumableRole, BoundsArgs, Edition, RunArgs};

/// Makes Alibaba Cloud DataWorks file resources declarative: one DataWorksResource, one file.
#[derive(Debug, Parser)]
#[command(name = "dataworks-operator", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the controller until it is stopped (in a cluster, or with KUBECONFIG).
    Run(Box<RunArgs>),
    /// Print the CustomResourceDefinitions: dataworks-operator crds | kubectl apply -f -
    Crds,
    /// Print the FlowSpec documents that manifests become, without a cluster or an account.
    Flowspec(Files),
    /// Check manifests as admission would, without a cluster. Exits with 1 when one is not valid.
    Validate(Files),
    /// Look whether objects are left that need the operator, before it is removed. Exits with 1 when
    /// there are, with 2 when that cannot be told.
    GuardUninstall(GuardArgs),
}

#[derive(Debug, clap::Args)]
struct Files {
    /// A file with one or many YAML or JSON documents; - for standard input. Can be repeated.
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    files: Vec<Source>,
}

/// Parses the arguments and does what they say.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => run(*args),
        Command::Crds => ended(crds::crds(&mut io::stdout().lock()).map(|()| Exit::Good)),
        Command::Flowspec(files) => with_streams(|streams| flowspec::flowspec(&files.files, streams)),
        Command::Validate(files) => with_streams(|streams| validate::validate(&files.files, streams)),
        Command::GuardUninstall(args) => guard(&args),
    }
}

fn run(args: RunArgs) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let begun = {
        let _inside = runtime.enter();
        crate::telemetry::init(args.log_format, &args.log, args.log_file.clone())
    };
    let (levels, traces) = match begun {
        Ok(begun) => begun,
        Err(error) => return failed(&error),
    };
    let end = runtime.block_on(crate::app::run(args, levels));
    if end.is_ok() {
        // Not where the lease is lost: then nothing may go on.
        traces.finish();
    }
    // What was not finished in its grace must not outlive the lease by another moment.
    runtime.shutdown_background();
    match end {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn guard(args: &GuardArgs) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(guard_uninstall(args)) {
        Ok(left) => {
            let _unwritable = writeln!(io::stderr(), "{left}");
            if left.is_nothing() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            failed(&error);
            ExitCode::from(2)
        }
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    // Not much is left to do when standard error is gone.
    let _unwritable = writeln!(io::stderr(), "dataworks-operator: {error:#}");
    ExitCode::FAILURE
}

fn with_streams(command: impl FnOnce(&mut Streams<'_>) -> io::Result<Exit>) -> ExitCode {
    let (mut stdin, mut out, mut err) = (io::stdin().lock(), io::stdout().lock(), io::stderr().lock());
    ended(command(&mut Streams { stdin: &mut stdin, out: &mut out, err: &mut err }))
}

fn ended(end: io::Result<Exit>) -> ExitCode {
    match end {
        Ok(exit) => ExitCode::from(exit.code()),
        // `| head` closes the pipe; that is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => failed(&error.into()),
    }
}
