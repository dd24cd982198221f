//! The DataWorks client against a server that answers as it is told.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod answers;
mod errors;
mod listing;
mod proxy;
mod server;
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
