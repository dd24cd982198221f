//! The simulator over real HTTP, with a signer of the tests' own.

mod admin;
mod calls;
mod client;
mod faults;
mod operations;
#[path = "../support/signer.rs"]
mod signer;
mod switches;
