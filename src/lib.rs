//! Scaffold.
pub mod dataworks;
