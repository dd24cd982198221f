//! The DataWorks client against a server that answers as it is told.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod answers;
mod binary;
mod errors;
mod listing;
mod proxy;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod transport;
mod upload;

use dataworks_core::ids::{ProjectId, ResourceId};

fn project() -> ProjectId {
    ProjectId::new(123_456).unwrap()
}

fn id() -> ResourceId {
    "6314788648976303104".parse().unwrap()
}
