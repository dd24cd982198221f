//! What belongs to a connection rather than to an object: its budget of calls and the listings of
//! its workspaces.

pub mod budget;
pub mod drift;
pub mod limiter;
pub mod listing;
pub mod runs;
