//! FlowSpec: the document that says what a file resource is to be.
//!
//! A [`ResourceDocument`] holds exactly one file resource, since the service ignores every other.
//! Nothing here knows of Kubernetes objects, status or calls.

mod convert;
mod document;
pub mod kind;
mod parse;
mod problem;
mod strict;
pub(crate) mod words;

pub use convert::{TypedFields, document_of};
pub use document::{FileResource, ResourceDocument, Script, VERSION};
pub(crate) use parse::MAX_INLINE_BYTES;
pub use parse::{parse, parse_map};
pub use problem::Problem;
