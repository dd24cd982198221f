//! A document has a place for one file resource and takes no list of them.

use dataworks_core::flowspec::{FileResource, ResourceDocument};

fn two(document: ResourceDocument, first: FileResource, second: FileResource) -> ResourceDocument {
    ResourceDocument { resource: vec![first, second], ..document }
}

fn main() {}
