//! FlowSpec: the document that says what a file resource is to be.
//!
//! A [`ResourceDocument`] holds exactly one file resource, since the service ignores every other.
//! Nothing here knows of Kubernetes objects, status or calls.

pub mod kind;
