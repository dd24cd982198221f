//! The story of an installation, on a real node: the images run in pods that the restricted profile allows, Helm installs,
//! upgrades and uninstalls the chart, and whoever leads is moved, deleted and killed in between.
//!
//! Each step begins with what the one before has left. Figures are printed at the end and never judged: how fast a node
//! is, is not what is tested here. `dev/test-node.sh` brings the node up.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

#[path = "node/cloud.rs"]
mod cloud;
#[path = "node/figures.rs"]
mod figures;
#[path = "node/guard.rs"]
mod guard;
#[path = "node/kills.rs"]
mod kills;
#[path = "node/load.rs"]
mod load;
#[path = "node/memory.rs"]
mod memory;
#[path = "node/operator.rs"]
mod operator;
#[path = "node/quickstart.rs"]
mod quickstart;
#[path = "node/reinstall.rs"]
mod reinstall;
#[path = "node/release.rs"]
mod release;
#[path = "node/scale.rs"]
mod scale;
#[path = "node/site.rs"]
mod site;
#[path = "node/upgrade.rs"]
mod upgrade;
#[path = "node/wreck.rs"]
mod wreck;

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_lives_on_a_node() {
    let site = Site::new().await;
    let end = AssertUnwindSafe(story(&site).boxed_local()).catch_unwind().await;
    site.figures.print();
    if let Err(panic) = end {
        wreck::show(&site).await;
        std::panic::resume_unwind(panic);
    }
}

async fn story(site: &Site) {
    // A trial: the chart brings a simulator of its own.
    site.step("install for a trial", quickstart::install(site).boxed_local()).await;
    site.step("a user's chart, and its rollback", release::story(site).boxed_local()).await;
    site.step("examples", quickstart::examples(site).boxed_local()).await;
    site.step("uninstall refused", guard::refuses(site, quickstart::NAMESPACE).boxed_local()).await;
    site.step("uninstall of what is empty", guard::lets_go(site).boxed_local()).await;

    // From here on the cloud outlives the operator.
    let cloud = site.step("a cloud beside it", cloud::start(site).boxed_local()).await;
    site.step("install again, over its own CRDs", operator::install(site).boxed_local()).await;
    site.step("a second pod, and a takeover", scale::out(site).boxed_local()).await;
    site.step("upgrade during creates", upgrade::rolls(site, &cloud).boxed_local()).await;
    site.step("leader deleted during creates", kills::pod(site, &cloud).boxed_local()).await;
    site.step("leader killed during creates", kills::process(site, &cloud).boxed_local()).await;
    site.step("everything deleted", load::deleted(site, &cloud).boxed_local()).await;
    site.step("a thousand objects", memory::of_many(site, &cloud).boxed_local()).await;
    site.step("uninstall refused once more", guard::refuses(site, operator::NAMESPACE).boxed_local()).await;
    site.step("reinstall without a write", reinstall::finds_everything(site, &cloud).boxed_local()).await;
}
