//! Scaffold.

pub mod cli;
