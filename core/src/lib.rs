//! What the operator decides, apart from everything it touches.
//!
//! This crate has no I/O, no clock and no async: every decision is a function of values, so it
//! can be tested by tables and checked by a model. It must not know how a request is sent, how
//! an object is watched or what time it is.

pub mod api;
pub mod backoff;
pub mod bounds;
pub mod codes;
pub mod desired;
pub mod fault;
pub mod flowspec;
pub mod guard;
pub mod ids;
pub mod intent;
pub mod inventory;
pub mod limit;
pub mod mutation;
pub mod object;
pub mod ownership;
pub mod path;
pub mod plan;
pub mod publish;
pub mod queue;
pub mod state;
pub mod workspace;
