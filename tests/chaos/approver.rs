//! The one who approves deployment runs, in a workspace where somebody must.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use dataworks_simulator::{Decision, RunView};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::sights::Sights;
use crate::support::Scene;

/// Between two looks at the workspace.
const PAUSE: Duration = Duration::from_millis(250);
/// A run lies about for so long before it is approved.
const LIES_MS: i64 = 1_500;

/// Approves what waits for it, if it is for a file that an object declares: what is left behind must
/// be ended by the operator.
pub(crate) struct Approver {
    scene: Rc<Scene>,
    sights: Rc<RefCell<Sights>>,
    approved: u64,
}

impl Approver {
    pub(crate) fn new(scene: &Rc<Scene>, sights: &Rc<RefCell<Sights>>) -> Self {
        Self { scene: Rc::clone(scene), sights: Rc::clone(sights), approved: 0 }
    }

    /// Works until it is dropped.
    pub(crate) async fn live(mut self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = self.scene.cloud.now_ms();
            let open = self.scene.cloud.runs().into_iter();
            for run in open.filter(|run| !run.status.is_final() && run.create_time + LIES_MS < now) {
                self.look_at(&run).await;
            }
        }
    }

    async fn look_at(&mut self, run: &RunView) {
        let of_object = |sights: &Sights| {
            let mut living = sights.now.values().filter(|sight| !sight.deleting);
            living.find(|sight| sight.id.as_ref() == Some(&run.object_id)).map(|sight| sight.name.clone())
        };
        let Some(object) = of_object(&self.sights.borrow()) else { return };
        // Of all stages only the one that waits for a person can be approved.
        if self.scene.cloud.decide(&run.id, Decision::Approve).is_err() {
            return;
        }
        // Nobody waits an hour for the operator to look again.
        self.approved += 1;
        let key = "dataworks.alibabacloud.com/reconcile-requested-at";
        let patch = json!({"metadata": {"annotations": {key: self.approved.to_string()}}});
        // The object may have gone meanwhile.
        drop(self.scene.objects().patch(&object, &PatchParams::default(), &Patch::Merge(patch)).await);
    }
}
