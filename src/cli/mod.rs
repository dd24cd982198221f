//! What the binary does without a cluster: print CRDs and documents, check manifests.
//!
//! Each command is a function of readers and writers. They must not know how arguments are
//! parsed, and they touch neither the network nor the process.

pub mod crds;
pub mod documents;
pub mod flowspec;
pub mod validate;
