//! The DataWorks OpenAPI 2024-05-18 on loopback, for tests, demonstrations and CI.
//!
//! It keeps real state, checks real ACS3-HMAC-SHA256 signatures, and breaks on demand: lost
//! answers, late commits, throttling, quotas, a listing that lags. Every behaviour of the service
//! that is not documented is a switch ([`Behaviour`]).
//!
//! The rule it keeps: nothing here is shared with the operator. A mistake in one of them must not
//! be able to hide behind the same mistake in the other.
//!
//! A map of the crate, from the wire inwards:
//!
//! - `server`: connections; `call`: the way of one call; `admin`: the JSON API for tests
//! - `signature`, `nonces`, `percent`: who calls, rebuilt from the wire
//! - `limits`, `faults`: what is refused or broken before, during or after the effect
//! - `operations`: parameters in, answer out; `flowspec`: the document; `deployment`: how runs go
//! - `bucket`, `multipart`: what is uploaded before a call names it
//! - `world`: workspaces, files and runs, with their indexes
//! - `journal`: what was asked; `cloud`: all shared parts; `control`, `runs`: the typed door for
//!   tests
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use dataworks_simulator::{Config, Fault, FaultKind, Simulator};
//!
//! let simulator = Simulator::start(Config::default()).await?;
//! simulator.add_fault(Fault::new("CreateResource", FaultKind::Lost).times(1));
//! println!("the operator's endpoint: {}", simulator.url());
//! # Ok(())
//! # }
//! ```

mod admin;
mod bucket;
mod call;
mod clock;
mod cloud;
pub mod config;
pub mod control;
pub mod deployment;
mod error;
pub mod faults;
mod flowspec;
pub mod journal;
mod limits;
mod multipart;
mod nonces;
mod operations;
mod percent;
mod runs;
mod server;
pub mod settings;
mod signature;
mod world;

pub use config::{AccessKey, Config, DataSource, ProjectConfig};
pub use control::{Control, NoSuchResource, OutsideEdit, OutsideFile, ProjectView, Reset, ResourceView};
pub use deployment::{
    Approval, AutoMode, DeletePublished, Deployment, RunKind, RunOrder, RunStatus, SecondRun, Takes,
};
pub use faults::{Fault, FaultKind};
pub use journal::{Call, Counts, Outcome};
pub use runs::{Decision, NoSuchRun, RunView, StageView};
pub use server::Simulator;
pub use settings::{
    Behaviour, DeadUrl, DuplicatePath, ErrorAnswer, IdStyle, ListOrder, MetadataSettings, Settings,
    StsSettings, UpdateName, UploadSettings,
};
pub use world::Published;

/// The examples of the README are compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
