//! The shell of the operator: everything that touches the network, the clock or a task.
//!
//! What is decided is in `dataworks_core`. [`app`] puts the parts together; [`controller`] says
//! which object is worked on; [`reconcile`] works on it; [`workspace`] holds what belongs to a
//! connection; [`dataworks`] is the cloud.

pub mod app;
pub mod bounded;
pub mod cli;
pub mod context;
pub mod controller;
pub mod dataworks;
mod essential;
mod events;
pub mod failpoint;
pub mod health;
pub mod http;
mod kube_config;
pub mod leader;
pub mod metrics;
pub mod pruned;
pub mod reconcile;
pub mod schema;
pub mod telemetry;
pub mod workspace;
