//! The simulator over real HTTP, with a signer of the tests' own.

#![expect(clippy::expect_used, clippy::panic, reason = "what helps tests fails like tests")]

mod admin;
mod calls;
mod client;
mod credentials;
mod faults;
mod operations;
mod pipelines;
#[path = "../support/signer.rs"]
mod signer;
mod switches;
mod uploads;
