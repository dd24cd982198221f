//! The phases of a life, in order, and what is measured in each.

use std::time::Instant;

use crate::delays;
use crate::floor;
use crate::meter::{at_rest, memory};
use crate::report::Figures;
use crate::stage::Stage;
use crate::support::cluster::Cluster;

/// Creates that wait while others edit, where the life is large enough.
const CROWD: usize = 10_000;
/// Calls a second while they wait.
const CROWDED_RATE: &str = "--requests-per-second=20";
/// Between two routine looks, while looks are measured.
const LOOK_SECONDS: u32 = 5;
/// One of the objects of so many is edited.
const EDITED: usize = 10;

/// Creates `n` objects and deletes them. Answers milliseconds for each object's creation.
pub(crate) async fn small(cluster: &Cluster, n: usize) -> f64 {
    eprintln!("--- {n} objects, created only");
    let mut stage = Stage::new(cluster, "small", n, 0).await;
    stage.start(&[]).await;
    let used = at_rest(stage.pid()).await;
    let begun = Instant::now();
    stage.fleet.create(async |_| {}).await;
    stage.wrote("patch_status", 0, n).await;
    let each = begun.elapsed().as_secs_f64() * 1000.0 / n as f64;
    let used = (at_rest(stage.pid()).await - used) * 1000.0 / n as f64;
    let peak = memory(stage.pid(), "VmHWM");
    eprintln!("{each:.2} ms, {used:.2} ms of the operator's CPU for each; peak {peak:.1} MiB");
    delete(&stage).await;
    each
}

/// The whole life of `n` objects; `small` is what [`small`] answered.
pub(crate) async fn whole(cluster: &Cluster, n: usize, small: f64) -> Figures {
    eprintln!("--- {n} objects");
    let mut figures = Figures::default();
    let given = std::env::var("CROWD").map(|crowd| crowd.parse().expect("CROWD is a number"));
    let crowd = given.unwrap_or(n.min(CROWD));
    let mut stage = Stage::new(cluster, &format!("life-{n}"), n, crowd).await;
    stage.start(&[]).await;
    creates(&stage, small, &mut figures).await;
    edits(&stage, &mut figures).await;
    restart(&mut stage, &mut figures).await;
    looks(&mut stage, &mut figures).await;
    queued(&mut stage, &mut figures).await;
    deletes(&mut stage, &mut figures).await;
    figures
}

async fn creates(stage: &Stage, small: f64, figures: &mut Figures) {
    let n = stage.fleet.count;
    let (floor_before, floor_spent) = floor::run(stage, &stage.floors[0]).await;
    at_rest(stage.pid()).await;
    let before = stage.moment().await;
    let begun = Instant::now();
    stage.fleet.create(async |_| {}).await;
    stage.wrote("patch_status", 0, n).await;
    let seconds = begun.elapsed().as_secs_f64();
    at_rest(stage.pid()).await;
    let spent = before.until(&stage.moment().await);
    let memory_after = (memory(stage.pid(), "VmHWM"), memory(stage.pid(), "VmRSS"));
    let (floor_after, _) = floor::run(stage, &stage.floors[1]).await;
    assert_eq!(stage.fleet.ready().await, (n, n), "all are ready");

    let (rate, floor) = (n as f64 / seconds, f64::midpoint(floor_before, floor_after));
    let each = seconds * 1000.0 / n as f64;
    figures.add("create: first object to last Ready, s", "", format!("{seconds:.1}"));
    figures.add("create: objects/s", "", format!("{rate:.0}"));
    figures.add("floor before and after: objects/s", "", format!("{floor_before:.0}, {floor_after:.0}"));
    figures.add("create: share of the floor", "≥ 0.7", format!("{:.2}", rate / floor));
    figures.add("create: time for each object, to that of 1000", "≤ 1.2", format!("{:.2}", each / small));
    figures.add("create: operator's CPU, s", "", format!("{:.2}", spent.cpu));
    figures.add(
        "create: operator's CPU for each, ms",
        "≤ 0.6",
        format!("{:.2}", spent.cpu * 1000.0 / n as f64),
    );
    figures.add(
        "create: API server's CPU for each, ms: floor, here",
        "",
        format!("{}, {}", floor_spent.server_for_each(n), spent.server_for_each(n)),
    );
    figures.add("create: calls for each", "1.02", spent.calls_for_each(n));
    figures.add(
        "create: requests to Kubernetes for each",
        "2 writes",
        spent.requests_for_each(n, &[("POST object", n)]),
    );
    figures.add("memory at its peak, MiB", "≤ 24 at 2000, ≤ 45 at 10000", format!("{:.1}", memory_after.0));
    figures.add("memory at rest after it, MiB", "", format!("{:.1}", memory_after.1));
}

async fn edits(stage: &Stage, figures: &mut Figures) {
    let n = stage.fleet.count / EDITED;
    let before = stage.moment().await;
    let written = stage.writes("patch_status").await;
    let begun = Instant::now();
    stage.fleet.edit_all(0..n, "second").await;
    stage.wrote("patch_status", written, n).await;
    let seconds = begun.elapsed().as_secs_f64();
    at_rest(stage.pid()).await;
    let spent = before.until(&stage.moment().await);
    figures.add("edit: objects/s", "", format!("{:.0}", n as f64 / seconds));
    figures.add("edit: operator's CPU for each, ms", "", format!("{:.2}", spent.cpu * 1000.0 / n as f64));
    figures.add("edit: API server's CPU for each, ms", "", spent.server_for_each(n));
    figures.add("edit: calls for each", "1", spent.calls_for_each(n));
    figures.add(
        "edit: requests to Kubernetes for each",
        "1 write",
        spent.requests_for_each(n, &[("PATCH object", n)]),
    );
    figures.add("edit to its call while idle, ms, p50 and p99", "", delays::of_edits(stage, "third").await);
}

async fn restart(stage: &mut Stage, figures: &mut Figures) {
    let before = stage.moment().await;
    stage.kill().await;
    let start = stage.start(&[]).await;
    let cpu = at_rest(stage.pid()).await;
    let spent = before.until(&stage.moment().await);
    figures.add("restart after a crash: start to leading, s", "", format!("{:.2}", start.seconds));
    figures.add("restart: operator's CPU until it rests, s", "≤ 0.3", format!("{cpu:.2}"));
    figures.add("restart: calls, writes", "0, 0", format!("{}, {}", spent.calls(), spent.writes(&[])));
    let (peak, rest) = (memory(stage.pid(), "VmHWM"), memory(stage.pid(), "VmRSS"));
    figures.add("restart: memory at its peak and at rest, MiB", "", format!("{peak:.1}, {rest:.1}"));
}

/// Routine looks: what they cost, what an edit waits for meanwhile, and when drift is mended.
async fn looks(stage: &mut Stage, figures: &mut Figures) {
    stage.kill().await;
    stage.start(&[&format!("--drift-interval={LOOK_SECONDS}s")]).await;
    delays::looked(stage, 1).await;
    let before = stage.moment().await;
    delays::looked(stage, 2).await;
    let spent = before.until(&stage.moment().await);
    let pages = stage.fleet.count.div_ceil(100);
    figures.add("a look while nothing changed: calls", &format!("N/100 ({pages})"), spent.calls());
    figures.add("a look: writes", "0", spent.writes(&[]));
    figures.add("a look: operator's CPU, s", "", format!("{:.2}", spent.cpu));
    figures.add(
        "an idle hour, reckoned from a look: calls, CPU s",
        "N/100",
        format!("{}, {:.2}", spent.calls(), spent.cpu),
    );
    let delay = delays::of_edits(stage, "fourth").await;
    figures.add("edit to its call while looking, ms, p50 and p99", "p99 ≤ 60", delay);
    let (mean, most) = delays::of_mending(stage).await;
    figures.add(
        "drift: outside edit to its mending, s, mean and most",
        &format!("about {LOOK_SECONDS} s and a look of {pages} s"),
        format!("{mean:.1}, {most:.1}"),
    );
    let (peak, rest) = (memory(stage.pid(), "VmHWM"), memory(stage.pid(), "VmRSS"));
    figures.add("memory with a listing at hand, peak and now, MiB", "", format!("{peak:.1}, {rest:.1}"));
}

/// Edits while many creates wait for permits, in another namespace.
async fn queued(stage: &mut Stage, figures: &mut Figures) {
    stage.kill().await;
    stage.start(&[CROWDED_RATE]).await;
    let (quiet, made) = (stage.moment().await, stage.made().await);
    stage.crowd.create(async |_| {}).await;
    // First they wait for a listing of the workspace, outside of the queue.
    stage.makes_more_than(made).await;
    let waiting = stage.metric("workqueue_depth", &[]).await;
    let before = stage.moment().await;
    let delay = delays::of_edits(stage, "fifth").await;
    let after = stage.moment().await;
    let still = stage.metric("workqueue_depth", &[]).await;
    figures.add(
        "edit to its call while creates of another namespace wait at 20 calls/s, ms, p50 and p99",
        "",
        format!("{delay} ({waiting} to {still} waiting)"),
    );
    figures.add("calls until the first of them is made", "", quiet.until(&before).calls_for_each(1));
    figures.add("calls meanwhile", "", before.until(&after).calls_for_each(1));
}

async fn deletes(stage: &mut Stage, figures: &mut Figures) {
    stage.kill().await;
    // Most of the crowd was not made yet and goes at once; the rest goes before anything is measured.
    stage.crowd.delete().await;
    stage.start(&[]).await;
    stage.crowd.gone().await;
    at_rest(stage.pid()).await;
    let n = stage.fleet.count;
    let before = stage.moment().await;
    let begun = Instant::now();
    delete(stage).await;
    let seconds = begun.elapsed().as_secs_f64();
    at_rest(stage.pid()).await;
    let spent = before.until(&stage.moment().await);
    figures.add("delete: objects/s", "600", format!("{:.0}", n as f64 / seconds));
    figures.add("delete: operator's CPU for each, ms", "", format!("{:.2}", spent.cpu * 1000.0 / n as f64));
    figures.add("delete: API server's CPU for each, ms", "", spent.server_for_each(n));
    figures.add("delete: calls for each", "1", spent.calls_for_each(n));
    figures.add(
        "delete: requests to Kubernetes for each",
        "1 write",
        spent.requests_for_each(n, &[("DELETE object", n)]),
    );
}

async fn delete(stage: &Stage) {
    let patches = stage.writes("patch").await;
    stage.fleet.delete().await;
    stage.wrote("patch", patches, stage.fleet.count).await;
    assert_eq!(stage.fleet.ready().await.0, 0, "all are gone");
}
