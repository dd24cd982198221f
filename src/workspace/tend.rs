//! Looks after one DataWorksWorkspace: credentials, one GetProject for all its objects, its finalizer and status.
//!
//! Everything is done here and in this order: look, let objects in or keep them out, tell. A look is one call; there
//! is one when the spec, the credentials or the service changed, when a person asks, when a call of an object failed
//! for a cause that concerns all, and again and again while the workspace is not ready. Objects of one that is not ready
//! make no call. The last good connection is kept while the object exists, for objects that are being deleted:
//! whoever deletes a namespace takes the Secret first.

use std::sync::Arc;
use std::time::Duration;

use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::{
    CallCounts, DataWorksWorkspace, DataWorksWorkspaceSpec, DataWorksWorkspaceStatus, ProjectFacts,
};
use dataworks_core::api::{FINALIZER, RECONCILE_REQUESTED, REQUEST_CHARACTERS};
use dataworks_core::backoff;
use dataworks_core::ids::ProjectId;
use dataworks_core::limit::Purpose;
use dataworks_core::object::{ObjectKey, Uid};
use dataworks_core::state::merge_patch;
use dataworks_core::workspace::{Facts, Verdict, next};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::Bell;
use super::keyring::Keyring;
use super::listing::Listings;
use super::payers::Identity;
use super::runs::Runs;
use crate::context::Context;
use crate::controller::index::References;
use crate::controller::places::{ConnectionId, Gate, Site};
use crate::dataworks::CloudClock;
use crate::dataworks::credentials::Credentials;
use crate::dataworks::endpoint::Endpoint;
use crate::failpoint::{Place, around};
use crate::reconcile::kube_client::CallError;

/// A look for a suspicion is made at most this often: what ails one object alone does not show there.
const SUSPICIONS_APART: Duration = Duration::from_secs(10);
/// Where looks show nothing again and again, they are made more and more seldom, down to this.
const SUSPICIONS_APART_MOST: Duration = Duration::from_secs(900);
/// How many objects there are is brought up to date in status at most this often.
const NUMBERS_APART: Duration = Duration::from_secs(30);
/// Calls and looks alone, so often: those of an account move for all of its workspaces with each call of one.
const CALLS_APART: Duration = Duration::from_mins(10);
/// Whose key it is is asked again after this, doubling.
const IDENTIFY_FIRST: Duration = Duration::from_secs(60);
const IDENTIFY_MOST: Duration = Duration::from_hours(1);
/// A write that failed is tried again after this.
const WRITE_RETRY: Duration = Duration::from_secs(2);

/// What is known of the workspace by now.
pub(super) struct Tended {
    pub(super) ctx: Arc<Context>,
    pub(super) key: ObjectKey,
    uid: Uid,
    pub(super) keyring: Keyring,
    verdict: Option<Verdict>,
    /// The generation that the verdict is of.
    generation: Option<i64>,
    project: Option<ProjectFacts>,
    /// It was ready once.
    was_good: bool,
    failures: u32,
    looked: Instant,
    /// How far apart looks for suspicions are.
    apart: Duration,
    /// When to look again by itself.
    due: Option<Instant>,
    /// When status was last written.
    told: Option<Instant>,
    /// When to write again what waits.
    tell_at: Option<Instant>,
    /// The wish for a look that was last taken.
    request: Option<String>,
    pub(super) listings: Arc<Listings>,
    /// What is gone is to be made again, and the objects were not told yet.
    pub(super) again: bool,
    pub(super) runs: Arc<Runs>,
    /// The service's time, and where.
    pub(super) clock: Option<(Endpoint, CloudClock)>,
    /// Whose the last key was.
    pub(super) identity: Option<(Arc<Credentials>, Identity)>,
    /// What the next look is for.
    pub(super) purpose: Purpose,
    /// When to ask again whose it is, and how often that could not be told.
    identify_at: Option<Instant>,
    unidentified: u32,
}

/// Looks after it until the object is gone or the process ends.
pub async fn tend(
    ctx: Arc<Context>,
    key: ObjectKey,
    mut object: watch::Receiver<Arc<DataWorksWorkspace>>,
    bell: Arc<Bell>,
) {
    let uid = Uid::new(object.borrow().metadata.uid.as_deref().unwrap_or_default());
    let mut tended = Tended {
        listings: Arc::new(listings(&ctx, &key, &object.borrow().spec)),
        again: false,
        runs: Arc::default(),
        request: object.borrow().status.as_ref().and_then(|status| status.last_handled_reconcile_at.clone()),
        ctx,
        key,
        uid,
        keyring: Keyring::default(),
        verdict: None,
        generation: None,
        project: None,
        was_good: false,
        failures: 0,
        looked: Instant::now(),
        apart: SUSPICIONS_APART,
        due: None,
        told: None,
        tell_at: None,
        clock: None,
        identity: None,
        purpose: Purpose::Finish,
        identify_at: None,
        unidentified: 0,
    };
    tended.resume_absence(&object.borrow());
    let mut changed = true;
    let mut suspected = false;
    loop {
        let live = Arc::clone(&object.borrow_and_update());
        let now = Instant::now();
        if tended.identify_at.is_some_and(|at| at <= now) {
            tended.identify_at = None;
            if tended.identify_again().await {
                tended.unidentified = 0;
                changed = true;
            }
        }
        suspected |= bell.take_suspicion();
        let rested = now.duration_since(tended.looked) >= tended.apart;
        let due = tended.due.is_some_and(|due| due <= now);
        let news = changed || due || tended.is_news(&live);
        if news || suspected && rested {
            // One that is closed is not worth the calls that are kept for work that was begun; one that is open must not be
            // closed for want of a call.
            let again = tended.verdict.as_ref().is_some_and(|verdict| !verdict.is_open());
            let asked = changed || tended.is_news(&live);
            tended.purpose = if again && !asked { Purpose::Poll } else { Purpose::Finish };
            suspected = false;
            tended.look(&live).await;
            let vain = !news && tended.verdict.as_ref().is_some_and(Verdict::is_open);
            let longer = (tended.apart * 2).min(SUSPICIONS_APART_MOST);
            tended.apart = if vain { longer } else { SUSPICIONS_APART };
        }
        tended.settle(&live).await;
        let suspicion = suspected.then(|| tended.looked + tended.apart);
        let wake =
            tended.due.into_iter().chain(tended.tell_at).chain(tended.identify_at).chain(suspicion).min();
        let sleep = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        changed = tokio::select! {
            end = object.changed() => {
                if end.is_err() {
                    return;
                }
                false
            }
            () = bell.rung() => false,
            () = tended.keyring.changed() => true,
            () = sleep => false,
        };
    }
}

/// Listings that go on where an earlier process was.
fn listings(ctx: &Context, key: &ObjectKey, spec: &DataWorksWorkspaceSpec) -> Listings {
    let listings = Listings::new(ctx.bounds.lag);
    if let Some((project, at)) = ProjectId::new(spec.project_id).zip(ctx.connections.looked_earlier(key)) {
        listings.resume([(project, at)].into());
    }
    listings
}

/// The wish for a look now, as status echoes it.
fn request(object: &DataWorksWorkspace) -> Option<String> {
    let wish = object.annotations().get(RECONCILE_REQUESTED)?;
    Some(wish.chars().take(REQUEST_CHARACTERS).collect())
}

impl Tended {
    /// Whether the object says something that was not looked at yet.
    fn is_news(&self, object: &DataWorksWorkspace) -> bool {
        self.generation != object.metadata.generation || self.is_asked(object)
    }

    /// Whether a person asked for a look that was not taken yet.
    fn is_asked(&self, object: &DataWorksWorkspace) -> bool {
        let wish = request(object);
        wish.is_some() && wish != self.request
    }

    /// Looks at it, and says when to look again.
    async fn look(&mut self, object: &DataWorksWorkspace) {
        let before = self.verdict.as_ref().is_some_and(Verdict::is_open);
        if self.is_asked(object) {
            // What that brings is told by the keyring, and looked at once more.
            self.keyring.ask();
        }
        let verdict = match self.judge(&object.spec).await {
            Ok(project) => {
                self.project = Some(project);
                Verdict::Ready
            }
            Err(verdict) => verdict,
        };
        self.looked = Instant::now();
        self.failures = if verdict.is_open() { 0 } else { self.failures.saturating_add(1) };
        let backoff = backoff::transient(&self.uid, self.failures);
        let backoff = SignedDuration::try_from(backoff).unwrap_or_default();
        let wait = verdict.wait(self.failures, backoff, Timestamp::now());
        self.due = wait.map(|wait| self.looked + Duration::try_from(wait).unwrap_or_default());
        if before != verdict.is_open() || self.verdict.is_none() {
            let why = verdict.message();
            if verdict.is_open() {
                info!(namespace = %self.key.namespace, name = %self.key.name, "the workspace is ready");
            } else {
                warn!(namespace = %self.key.namespace, name = %self.key.name, why, "the workspace is not ready");
            }
        }
        self.was_good |= verdict.is_open();
        self.generation = object.metadata.generation;
        if self.is_asked(object) {
            self.answer_absence(object);
        }
        self.request = request(object);
        self.verdict = Some(verdict);
    }

    /// Whose key it is could not be told: that is asked again, of STS alone.
    pub(super) fn unidentified(&mut self) {
        let wait = IDENTIFY_FIRST.saturating_mul(1 << self.unidentified.min(8)).min(IDENTIFY_MOST);
        self.unidentified = self.unidentified.saturating_add(1);
        self.identify_at = Some(Instant::now() + wait);
    }

    /// Lets objects in or keeps them out, with the finalizer, and tells.
    async fn settle(&mut self, object: &DataWorksWorkspace) {
        let Some(verdict) = self.verdict.clone() else { return };
        let references = self.ctx.index().references(&self.key);
        let deleting = object.metadata.deletion_timestamp.is_some();
        let held = object.finalizers().iter().any(|name| name == FINALIZER);
        self.tell_at = None;
        let wants = if deleting { references.holding > 0 } else { references.counts.total > 0 };
        if held != wants && !(deleting && wants) {
            match self.finalizer(object, wants).await {
                // The watch brings the new version.
                Ok(()) | Err(CallError::Conflict | CallError::Gone) => {}
                Err(error) => {
                    warn!(namespace = %self.key.namespace, name = %self.key.name, %error, "the finalizer of a workspace could not be written");
                    self.tell_at = Some(Instant::now() + WRITE_RETRY);
                }
            }
            if wants && !verdict.is_open() {
                self.open(object, &verdict, deleting);
            }
            if wants || deleting {
                return;
            }
        }
        self.open(object, &verdict, deleting);
        if verdict.is_open() {
            self.make_again(object);
        }
        self.tell(object, verdict, &references, deleting).await;
    }

    fn open(&self, object: &DataWorksWorkspace, verdict: &Verdict, deleting: bool) {
        let gate = match verdict {
            Verdict::Ready if deleting => {
                Gate::Closed { why: "It is being deleted.".to_owned(), deletes: true }
            }
            // Whom it must not go without, it cannot: not before the finalizer is on it.
            Verdict::Ready if object.finalizers().iter().all(|name| name != FINALIZER) => Gate::Unused,
            Verdict::Ready => Gate::Open,
            verdict => Gate::Closed { why: verdict.message(), deletes: self.was_good && may_delete(verdict) },
        };
        let site = ProjectId::new(object.spec.project_id).map(|project| Site { project, gate });
        self.ctx.set_workspace(&self.key, site);
    }

    async fn finalizer(&self, object: &DataWorksWorkspace, wants: bool) -> Result<(), CallError> {
        let mut finalizers: Vec<String> =
            object.finalizers().iter().filter(|name| *name != FINALIZER).cloned().collect();
        if wants {
            finalizers.push(FINALIZER.to_owned());
        }
        let version = object.resource_version();
        let metadata = json!({ "finalizers": finalizers, "resourceVersion": version });
        around(Place::HoldWorkspace, self.ctx.kube.patch_workspace(&self.key, metadata)).await
    }

    /// Writes status where it differs; numbers alone only every while.
    async fn tell(
        &mut self,
        object: &DataWorksWorkspace,
        verdict: Verdict,
        references: &References,
        deleting: bool,
    ) {
        let first = || self.ctx.index().first_holding(&self.key).map(|first| first.name.to_string());
        let verdict = match deleting.then(first).flatten() {
            Some(first) => Verdict::Leaving { count: references.holding, first },
            None => verdict,
        };
        let facts = Facts {
            verdict,
            project: self.project.clone(),
            resources: references.counts,
            calls: self.calls(),
            inventory: self.listings.looked().values().max().copied(),
            request: self.request.clone(),
            absence: self.absence(object, references),
        };
        let before = object.status.clone().unwrap_or_default();
        let generation = object.metadata.generation.unwrap_or(0);
        let after = next(&before, &facts, generation, Timestamp::now());
        let (was, is) = (value(&before), value(&after));
        let Some(patch) = merge_patch(&was, &is) else { return self.tell_later() };
        let only = |names: &[&str]| {
            patch.as_object().is_some_and(|patch| patch.keys().all(|key| names.contains(&key.as_str())))
        };
        // What is used up, or is there again, is news.
        let apart = if used_up(&before) != used_up(&after) {
            Duration::ZERO
        } else if only(&["calls", "inventoryTime"]) {
            CALLS_APART
        } else if only(&["calls", "inventoryTime", "resources"]) {
            NUMBERS_APART
        } else {
            Duration::ZERO
        };
        if let Some(told) = self.told
            && told.elapsed() < apart
        {
            self.tell_at = Some(told + apart);
            return;
        }
        let version = object.resource_version().unwrap_or_default();
        let write = self.ctx.kube.patch_workspace_status(&self.key, &version, &patch);
        match around(Place::RecordWorkspace, write).await {
            Ok(()) => {
                self.told = Some(Instant::now());
                self.ctx.events.workspace(object, &before, &after);
            }
            // The watch brings the version that is there.
            Err(CallError::Conflict | CallError::Gone) => {}
            Err(error) => {
                warn!(namespace = %self.key.namespace, name = %self.key.name, %error, "the status of a workspace could not be written");
                self.tell_at = Some(Instant::now() + WRITE_RETRY);
                return;
            }
        }
        self.tell_later();
    }

    /// What fails is called so after a while, and numbers move.
    fn tell_later(&mut self) {
        self.tell_at = Some(Instant::now() + NUMBERS_APART);
    }

    fn calls(&self) -> Option<CallCounts> {
        let connection = self.ctx.connections.get(&ConnectionId::Workspace(self.key.clone()))?;
        let (day, limit) = (connection.limiter.day(), connection.limiter.per_day());
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let left = limit.map(|limit| number(limit.saturating_sub(day.used)));
        Some(CallCounts { today: number(day.used), left })
    }
}

fn used_up(status: &DataWorksWorkspaceStatus) -> bool {
    status.calls.as_ref().is_some_and(|calls| calls.left == Some(0))
}

/// Whether the last good connection is good enough for what is being deleted: whoever takes the credentials away from
/// the cluster does not take the files away, and what the service refuses would be refused again.
fn may_delete(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Ready | Verdict::Retrying { .. } | Verdict::Leaving { .. } => true,
        Verdict::Closed { reason, .. } => {
            matches!(reason, Reason::SecretNotFound | Reason::SecretInvalid | Reason::SecretForbidden)
        }
    }
}

fn value(status: &impl serde::Serialize) -> Value {
    serde_json::to_value(status).unwrap_or(Value::Null)
}
