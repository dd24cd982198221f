//! What a published version costs in calls, for one object and for many at once: the table of
//! docs/publishing.md.

use super::*;

/// Objects that are made at once.
const MANY: usize = 100;

/// Looks at all runs of a workspace together, by which the figure may be exceeded on a slow machine.
const LOOKS: u64 = 40;

/// How runs go in a workspace, and the calls that a version costs there: for one object, and for all of
/// [`MANY`] at once without the looks at all of them together, which are a few.
struct Row {
    name: &'static str,
    standard: bool,
    auto: AutoMode,
    one: u64,
    many: u64,
}

const ROWS: [Row; 4] = [
    Row { name: "simple mode, all by itself", standard: false, auto: AutoMode::Honour, one: 3, many: 200 },
    Row { name: "simple mode, stages started", standard: false, auto: AutoMode::Refuse, one: 7, many: 400 },
    Row {
        name: "standard mode, all by itself but the approval",
        standard: true,
        auto: AutoMode::Honour,
        one: 4,
        many: 200,
    },
    Row { name: "standard mode, stages started", standard: true, auto: AutoMode::Refuse, one: 12, many: 600 },
];

/// Approves what waits for a person, and tells the operator, until all objects are ready.
async fn publish(scene: &Scene, names: &[String], standard: bool) {
    if standard {
        for name in names {
            let waits = |object: &DataWorksResource| {
                condition(object, "Ready").is_some_and(|ready| ready.reason == "AwaitingApproval")
            };
            let run = publication(&scene.until(name, waits).await).run_id.unwrap();
            scene.cloud.decide(&run, Decision::Approve).unwrap();
            annotate(scene, name, "reconcile-requested-at", &run).await;
        }
    }
    for name in names {
        scene.ready(name).await;
    }
}

async fn count(row: &Row) {
    let scene = Scene::new().await;
    deployment(&scene, |deployment| deployment.auto = row.auto);
    if row.standard {
        standard(&scene);
    }
    let _operator = launch(&scene).start();
    // The first one teaches whether the service runs stages by itself.
    scene.kubectl.apply(&publishes("first", "one")).await;
    publish(&scene, &["first".to_owned()], row.standard).await;
    let since = scene.cloud.last();
    edit(&scene, "first", "two").await;
    scene.until("first", |object| is_current(object) && !is_ready(object)).await;
    publish(&scene, &["first".to_owned()], row.standard).await;
    let calls = run_calls(&scene, since);
    assert_eq!(calls.len() as u64, row.one, "{}: {calls:?}", row.name);

    let since = scene.cloud.last();
    let names: Vec<String> = (0..MANY).map(|n| format!("m{n}")).collect();
    let objects: Vec<String> = names.iter().map(|name| publishes(name, name).to_string()).collect();
    scene.kubectl.feed(&["apply", "-f", "-"], &objects.join("\n---\n")).await;
    publish(&scene, &names, row.standard).await;
    assert_eq!(history(&scene).len(), MANY + 2);
    let calls = run_calls(&scene, since);
    let mut by_action: BTreeMap<&str, u64> = BTreeMap::new();
    for call in &calls {
        *by_action.entry(call).or_default() += 1;
    }
    let looks = (calls.len() as u64).checked_sub(row.many);
    assert!(looks.is_some_and(|looks| looks <= LOOKS), "{}: {} calls: {by_action:?}", row.name, calls.len());
}

#[tokio::test]
async fn simple_mode_by_itself_costs_what_is_written() {
    count(&ROWS[0]).await;
}

#[tokio::test]
async fn simple_mode_with_stages_costs_what_is_written() {
    count(&ROWS[1]).await;
}

#[tokio::test]
async fn standard_mode_by_itself_costs_what_is_written() {
    count(&ROWS[2]).await;
}

#[tokio::test]
async fn standard_mode_with_stages_costs_what_is_written() {
    count(&ROWS[3]).await;
}

#[test]
fn the_table_has_these_figures() {
    let page = std::fs::read_to_string(support::file("docs/publishing.md")).unwrap();
    for Row { name, one, many, .. } in &ROWS {
        let line = format!("| {name} | {one} | {many} and a few looks |");
        assert!(page.contains(&line), "docs/publishing.md lacks {line:?}");
    }
}
