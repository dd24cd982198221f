//! What many uploads at once cost the operator's process.

use super::maps::{from_map, holds, map};
use super::uploads::binary;
use crate::support::Scene;

/// Prints the peak; run it alone: `cargo test --test content -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "a figure, not a verdict"]
async fn fifty_uploads_of_900_kib_at_once() {
    const OBJECTS: u8 = 50;
    let scene = Scene::alone().await;
    for n in 0..OBJECTS {
        map(&scene, &format!("m{n}"), &[("k", &binary(900 * 1024, n))]).await;
    }
    let operator = scene.launch().with(&["--no-leader-elect"]).start();
    operator.leads().await;
    let idle = operator.memory("VmHWM");
    let objects: Vec<String> = (0..OBJECTS)
        .map(|n| from_map(&format!("a{n}"), &format!("D/{n}.jar"), &format!("m{n}"), "k").to_string())
        .collect();
    scene.kubectl.feed(&["apply", "-f", "-"], &objects.join("\n---\n")).await;
    for n in 0..OBJECTS {
        holds(&scene, &format!("a{n}"), &binary(900 * 1024, n)).await;
    }
    let peak = operator.memory("VmHWM");
    println!("{OBJECTS} uploads of 900 KiB: peak {peak} KiB, {} KiB above idle", peak - idle);
    // Of what is uploaded only a few are in memory at a time.
    assert!(peak - idle < 32 * 1024, "{} KiB", peak - idle);
}
