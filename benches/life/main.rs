//! What the life of many objects costs: created, edited, watched, restarted, deleted, beside a
//! real API server and the simulator. `make bench` runs it; it measures and asserts no time.
//!
//! `N=2000,10000` says how many objects, `CROWD=10000` how many creates wait while others edit, `SAVE=1` writes the table into `docs/benchmarks.md`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "as in tests")]
#![expect(clippy::print_stdout, reason = "it reports to the person who ran it")]

mod cloud;
mod delays;
mod fleet;
mod floor;
mod life;
mod meter;
mod report;
mod stage;
#[path = "../../tests/support/mod.rs"]
mod support;

use report::Report;
use support::cluster::Cluster;

/// Objects in each life, unless `N` says otherwise.
const SIZES: &str = "2000,10000";
/// A create of this many comes first: what others take for each object is compared with it.
const SMALL: usize = 1000;

fn main() {
    // Before the runtime: it blocks.
    let cluster = Cluster::shared();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let sizes = std::env::var("N").unwrap_or_else(|_| SIZES.to_owned());
        let number = |n: &str| n.trim().parse::<usize>().expect("N is a list of numbers");
        let sizes: Vec<usize> = sizes.split(',').filter(|n| !n.is_empty()).map(number).collect();
        let mut report = Report::new(&cluster.client().await).await;
        let small = life::small(&cluster, SMALL).await;
        for n in sizes {
            report.add(n, life::whole(&cluster, n, small).await);
        }
        report
    });
    println!("{report}");
    if std::env::var("SAVE").is_ok_and(|save| save == "1") {
        report.save();
    }
}
