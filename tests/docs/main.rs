//! The documents hold: links lead somewhere, manifests are valid, flags exist, no page is forgotten.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod claims;
mod configuration;
mod links;
mod manifests;
mod markdown;
