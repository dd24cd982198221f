//! Content from ConfigMaps: as text or uploaded, changed, missing, and on a bad day.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

#[path = "content/figures.rs"]
mod figures;
#[path = "content/maps.rs"]
mod maps;
#[path = "content/trouble.rs"]
mod trouble;
#[path = "content/uploads.rs"]
mod uploads;
