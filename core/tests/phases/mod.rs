//! One object for each phase that status can show, made by the code that writes status.

pub(crate) mod story;

use dataworks_core::api::condition::Reason;
use dataworks_core::api::v1alpha1::{Publication, PublicationStatus, RunMode, RunType};
use dataworks_core::desired::Held;
use dataworks_core::fault::{Class, Fault};
use dataworks_core::intent::IntentNote;
use dataworks_core::inventory::Row;
use dataworks_core::plan::{
    Listing, NotReady, Permission, Progress, ReadBack, ReadVerdict, SourceRead, Unready,
};
use dataworks_core::state::State;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use crate::plan_support::{candidate, holder, row};
use story::{ID, OTHER_ID, PATH, Story, at, fault};

/// All of them.
pub(crate) fn all() -> Vec<Story> {
    [on_the_way(), waiting(), settled(), publishing(), suspended(), stopped(), going()].concat()
}

/// Work goes on, or is about to begin.
fn on_the_way() -> Vec<Story> {
    let another = json!({"content": {"inline": "print(2)\n"}});
    vec![
        Story::applied("just-applied"),
        Story::applied("creating").says(State::Creating {
            message: "Waiting for the listing of the workspace, which shows whether the path is free.".into(),
        }),
        Story::made("edited").edited(&another),
        Story::made("updating")
            .edited(&another)
            .seeing(|seen| {
                seen.memory.unknown_write = Some(at(601));
                seen.read =
                    Some(ReadBack::Present(Held { differs: vec!["script.content".into()], ..held() }));
            })
            .planned(),
        Story::made("moving")
            .edited(&json!({"path": "YY/a.py"}))
            .says(State::Updating { message: "The file is on its way; it stands at YY/a.py.".into() }),
        Story::made("recreating").later(3600).says(State::Recreating),
        lost("outcome-unknown", 32, Vec::new()).planned(),
    ]
}

/// A call failed, or has to wait for its turn.
fn waiting() -> Vec<Story> {
    let down = || fault(Class::Transient, "ServiceUnavailable", "The request has failed");
    let throttled =
        || fault(Class::Throttled, "Throttling.User", "Request was denied due to user flow control");
    let denied =
        || fault(Class::Denied, "Forbidden.NoPermission", "The caller lacks dataworks:CreateResource");
    let failing =
        |name, fault: Fault, seconds| Story::applied(name).fails(&fault).later(seconds).fails(&fault);
    vec![
        Story::applied("queued").says(State::Queued {
            message: "Waiting for a call to the service: 240 objects share 3.0 calls a second.".into(),
        }),
        Story::applied("quota-exhausted").fails(&fault(
            Class::Quota,
            "Throttling.Api.Risk",
            "The calls of the day are used up",
        )),
        Story::applied("retrying").fails(&down()),
        Story::applied("throttled").fails(&throttled()),
        failing("retrying-for-2-minutes", down(), 130),
        failing("throttled-for-2-minutes", throttled(), 130),
        Story::applied("access-denied").fails(&denied()),
        failing("access-denied-for-2-minutes", denied(), 130),
        failing("access-denied-for-15-minutes", denied(), 130).later(800).fails(&denied()),
        depending("dependency-not-ready"),
        depending("dependency-not-ready-for-2-minutes").later(130).planned(),
        without_source("dependency-missing").planned(),
        without_source("dependency-missing-for-2-minutes").planned().later(130).planned(),
    ]
}

/// Whose content is to come from a ConfigMap that is not there.
fn without_source(name: &'static str) -> Story {
    let reference = json!({"configMapKeyRef": {"name": "cleaner", "key": "a.py"}});
    Story::applied(name).declaring(&json!({ "content": reference })).seeing(|seen| {
        let why = "There is no ConfigMap \"cleaner\" in this namespace. It goes on when there is one.";
        seen.source = Some(SourceRead::Missing(why.into()));
    })
}

/// The file is there, whatever else there is to tell.
fn settled() -> Vec<Story> {
    let listed =
        |listing| move |seen: &mut dataworks_core::plan::Observed| seen.memory.listing = Some(listing);
    vec![
        Story::made("ready"),
        Story::made("drifted")
            .declaring(&json!({"driftPolicy": "Report"}))
            .later(3600)
            .says(State::Drifted { fields: vec!["script.content".into()] }),
        Story::made("duplicate-in-workspace")
            .later(3600)
            .seeing(listed(Listing::Twins))
            .seeing(|seen| seen.look = Some(vec![file(ID), file(OTHER_ID)]))
            .planned(),
        Story::made("mass-absence").later(3600).seeing(listed(Listing::MassAbsence)).planned(),
        Story::made("check-failed").later(3600).says(State::CheckFailed {
            fault: fault(Class::Transient, "ServiceUnavailable", "The request has failed"),
        }),
    ]
}

/// The file is there, and is to be published.
fn publishing() -> Vec<Story> {
    let run = "1d1a4ba8-0000-4000-8000-00000000abcd";
    let digest = || Story::made("digest").desired().spec_digest().to_string();
    let record = |stage: &str, status| Publication {
        run_id: Some(run.into()),
        type_: Some(RunType::Online),
        digest: Some(digest()),
        mode: Some(RunMode::Auto),
        stage: Some(stage.into()),
        status: Some(status),
        time: Some(Time(at(20))),
        ..Publication::default()
    };
    let says = |reason, message: &str| State::Publishing { reason, message: message.into() };
    let done = record("PROD", PublicationStatus::Success);
    let failed = record("PROD_CHECK", PublicationStatus::Fail);
    vec![
        Story::made("publishing").publishing(
            record("PROD_CHECK", PublicationStatus::Running),
            says(Reason::Publishing, &format!("The deployment run {run} is under way, at stage PROD_CHECK.")),
        ),
        Story::made("awaiting-approval").publishing(
            record("PROD_APPROVE", PublicationStatus::AwaitingApproval),
            says(
                Reason::AwaitingApproval,
                &format!("The deployment run {run} waits at stage PROD_APPROVE for a person."),
            ),
        ),
        Story::made("published")
            .publishing(Publication { published_digest: Some(digest()), ..done }, State::Ready),
        Story::made("publication-failed").publishing(
            Publication {
                message: Some(format!("The deployment run {run} failed at stage PROD_CHECK.")),
                ..failed
            },
            State::Ready,
        ),
    ]
}

fn suspended() -> Vec<Story> {
    let suspend = json!({"suspend": true});
    vec![
        Story::made("suspended").edited(&suspend).planned(),
        Story::made("suspended-with-changes")
            .edited(&json!({"suspend": true, "content": {"inline": "print(2)\n"}}))
            .planned(),
        Story::applied("suspended-before-it-was-made").declaring(&suspend).planned(),
    ]
}

/// Nothing will happen until something is changed.
fn stopped() -> Vec<Story> {
    let named = json!({"resourceId": OTHER_ID});
    let adoptee = |read: ReadBack| {
        move |seen: &mut dataworks_core::plan::Observed| {
            seen.adoptee = Some((OTHER_ID.parse().unwrap(), read))
        }
    };
    let mut unreadable = Story::applied("intent-unreadable");
    unreadable.recorded.finalizer = true;
    unreadable.recorded.intent = IntentNote::Unreadable;
    unreadable.intent = Some("{}".into());
    let mut elsewhere = Story::made("workspace-changed").later(600);
    elsewhere.recorded.status.project_id = Some(654_321);
    let of_another_engine = ReadBack::Present(Held { fixed: vec!["type".into()], ..held() });
    vec![
        Story::applied("refused").fails(&fault(
            Class::Terminal,
            "1101080005",
            "The datasource odps_first does not exist",
        )),
        Story::applied("workspace-not-found").fails(&fault(
            Class::Terminal,
            "1101080008",
            "The project 123456 does not exist",
        )),
        Story::made("invalid-spec").edited(&named).planned(),
        Story::applied("already-managed").seeing(|seen| seen.held_by = holder(Some("first"))).planned(),
        Story::applied("already-exists").seeing(|seen| seen.look = Some(vec![file(OTHER_ID)])).planned(),
        adopting("not-adoptable", &named).seeing(adoptee(of_another_engine)).planned(),
        adopting("not-found-in-workspace", &named).seeing(adoptee(ReadBack::Absent)).planned(),
        Story::made("gone-and-reported")
            .declaring(&json!({"driftPolicy": "Report"}))
            .later(3600)
            .seeing(|seen| {
                seen.memory.doubt = true;
                seen.read = Some(ReadBack::Absent);
            })
            .planned(),
        lost("ambiguous-create", 92, vec![file(ID), file(OTHER_ID)]).planned(),
        Story::applied("connection-not-allowed")
            .seeing(|seen| seen.permission = Permission::NamespaceNotListed)
            .planned(),
        elsewhere.planned(),
        unreadable.planned(),
        Story::made("mass-absence-and-edited")
            .later(3600)
            .seeing(|seen| seen.memory.listing = Some(Listing::MassAbsence))
            .planned()
            .edited(&json!({"content": {"inline": "print(2)\n"}}))
            .seeing(|seen| seen.brake = true)
            .planned(),
    ]
}

/// The object is being deleted.
fn going() -> Vec<Story> {
    vec![
        Story::made("deleting")
            .deleted()
            .seeing(|seen| {
                seen.memory.unknown_write = Some(at(601));
                seen.read = Some(ReadBack::Present(held()));
            })
            .planned(),
        Story::made("deletion-blocked")
            .deleted()
            .seeing(|seen| seen.permission = Permission::NamespaceNotListed)
            .planned(),
        lost("deletion-ambiguous", 92, vec![file(ID), file(OTHER_ID)]).planned().deleted().planned(),
    ]
}

/// An object whose create was not answered, and what a search shows.
fn lost(name: &'static str, begun: i64, rows: Vec<Row>) -> Story {
    let story = Story::applied(name).intending().seeing(|seen| {
        seen.memory.attempt = Some((at(1), Progress::Unknown { sent: at(1), already_exists: false }));
        seen.search = Some(dataworks_core::plan::Search {
            begun: at(begun),
            rows: rows.into_iter().map(|row| candidate(row, Some(ReadVerdict::AsIntended))).collect(),
        });
    });
    story.later(begun - 2)
}

/// An object that is to take over the file that its spec names.
fn adopting(name: &'static str, fields: &serde_json::Value) -> Story {
    let mut story = Story::applied(name).declaring(fields);
    story.recorded.finalizer = true;
    story
}

/// An object whose DataWorksWorkspace does not exist.
fn depending(name: &'static str) -> Story {
    let unready = Unready { name: "analytics".into(), why: NotReady::Absent };
    let mut story = Story::applied(name);
    story.spec["workspaceRef"] = json!({"name": "analytics"});
    story.spec.as_object_mut().unwrap().remove("projectId");
    story.seeing(|seen| seen.permission = Permission::WorkspaceNotReady(unready)).planned()
}

/// A file of the workspace at the object's path.
fn file(id: &str) -> Row {
    Row { created: at(2), modified: at(2), ..row(id, PATH, 0) }
}

/// What the file holds when it is as declared.
fn held() -> Held {
    Held { path: Some(PATH.parse().unwrap()), shows_content: true, ..Held::default() }
}

/// The name of a state's variant.
macro_rules! variants {
    ($($variant:ident),+ $(,)?) => {
        pub(crate) const VARIANTS: &[&str] = &[$(stringify!($variant)),+];

        pub(crate) fn variant(state: &State) -> &'static str {
            match state { $(State::$variant { .. } => stringify!($variant)),+ }
        }
    };
}

// A variant that is missing here does not compile.
variants! {
    Ready, Drifted, Duplicate, MassAbsence, CheckFailed, Suspended, Creating, Updating, Publishing, Queued, QuotaExhausted,
    OutcomeUnknown, Recreating, DependencyNotReady, Retrying, Denied, Stalled, Taken, Deleting, DeletionBlocked,
    DeletionAmbiguous,
}

/// The reasons that conditions give.
pub(crate) fn reasons(story: &Story) -> Vec<Reason> {
    let conditions = story.recorded.status.conditions.iter();
    conditions.map(|condition| condition.reason.parse().unwrap()).collect()
}
