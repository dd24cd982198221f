//! The admin API under `/_simulator/`: [`Control`] over HTTP. The crate's README shows every
//! request.

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::{AccessKey, ProjectConfig};
use crate::control::{Control, NoSuchResource, OutsideEdit, OutsideFile, Reset, ResourceView};
use crate::faults::Fault;
use crate::runs::{Decision, NoSuchRun};
use crate::settings::Settings;

/// The longest body: a file with room for its JSON.
const MOST_BODY_BYTES: usize = 16 * 1024 * 1024;

pub(crate) fn router(control: Control) -> Router {
    let routes = Router::new()
        .route("/state", get(state))
        .route("/calls", get(calls))
        .route("/reset", post(reset))
        .route("/settings", get(settings).put(change_settings))
        .route("/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/keys", put(set_keys))
        .route("/projects", post(add_project))
        .route("/runs", get(runs).post(run))
        .route("/runs/{id}", post(decide))
        .route("/resources", post(create))
        .route("/resources/{id}", get(resource).put(edit).delete(delete))
        .layer(DefaultBodyLimit::max(MOST_BODY_BYTES))
        .with_state(control);
    Router::new().nest("/_simulator", routes)
}

/// A refusal of the admin API.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

impl From<NoSuchResource> for Refusal {
    fn from(error: NoSuchResource) -> Self {
        Self(StatusCode::NOT_FOUND, error.to_string())
    }
}

impl From<NoSuchRun> for Refusal {
    fn from(error: NoSuchRun) -> Self {
        Self(StatusCode::CONFLICT, error.to_string())
    }
}

type Answer<T> = Result<Json<T>, Refusal>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StateQuery {
    /// Only this workspace.
    project: Option<u64>,
    /// False: workspaces and numbers only.
    resources: Option<bool>,
}

#[derive(Debug, Serialize)]
struct StateView {
    now: i64,
    projects: Vec<crate::control::ProjectView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Vec<ResourceView>>,
}

async fn state(State(control): State<Control>, Query(query): Query<StateQuery>) -> Json<StateView> {
    let mut projects = control.projects();
    projects.retain(|project| query.project.is_none_or(|id| id == project.config.id));
    let resources = query
        .resources
        .unwrap_or(true)
        .then(|| projects.iter().flat_map(|project| control.resources(project.config.id)).collect());
    Json(StateView { now: control.now_ms(), projects, resources })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallsQuery {
    since: Option<u64>,
}

async fn calls(State(control): State<Control>, Query(query): Query<CallsQuery>) -> Json<Value> {
    let calls = control.calls_since(query.since.unwrap_or(0));
    Json(json!({"counts": control.counts(), "calls": calls}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetBody {
    what: Option<Reset>,
}

async fn reset(State(control): State<Control>, body: Option<Json<ResetBody>>) -> Json<Value> {
    let what = body.and_then(|Json(body)| body.what);
    control.reset(what.unwrap_or(Reset::Counts));
    Json(json!({}))
}

async fn settings(State(control): State<Control>) -> Json<Settings> {
    Json(control.settings())
}

/// Fields that are present replace, at any depth; absent ones stay.
async fn change_settings(State(control): State<Control>, Json(change): Json<Value>) -> Answer<Settings> {
    let wrong = |error: serde_json::Error| Refusal(StatusCode::BAD_REQUEST, error.to_string());
    let mut value = serde_json::to_value(control.settings()).map_err(wrong)?;
    merge(&mut value, change);
    let settings: Settings = serde_json::from_value(value).map_err(wrong)?;
    control.set_settings(settings.clone());
    Ok(Json(settings))
}

fn merge(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in new {
                merge(old.entry(name).or_insert(Value::Null), value);
            }
        }
        (old, new) => *old = new,
    }
}

async fn faults(State(control): State<Control>) -> Json<Value> {
    let rules: Vec<_> =
        control.faults().into_iter().map(|(fault, used)| json!({"fault": fault, "used": used})).collect();
    Json(json!({"faults": rules}))
}

async fn add_faults(State(control): State<Control>, Json(body): Json<Value>) -> Answer<Value> {
    // Not an untagged enum: its message would not say which field is wrong.
    let wrong = |error: serde_json::Error| Refusal(StatusCode::BAD_REQUEST, error.to_string());
    let rules: Vec<Fault> = match body {
        Value::Array(_) => serde_json::from_value(body).map_err(wrong)?,
        one => vec![serde_json::from_value(one).map_err(wrong)?],
    };
    for rule in rules {
        if !control.add_fault(rule) {
            let why = "there are too many rules".to_owned();
            return Err(Refusal(StatusCode::CONFLICT, why));
        }
    }
    Ok(Json(json!({})))
}

async fn clear_faults(State(control): State<Control>) -> Json<Value> {
    control.clear_faults();
    Json(json!({}))
}

async fn set_keys(State(control): State<Control>, Json(keys): Json<Vec<AccessKey>>) -> Json<Value> {
    control.set_access_keys(keys);
    Json(json!({}))
}

async fn add_project(State(control): State<Control>, Json(project): Json<ProjectConfig>) -> Json<Value> {
    control.add_project(project);
    Json(json!({}))
}

async fn runs(State(control): State<Control>) -> Json<Value> {
    let (published, history) = (control.published(), control.published_ever());
    Json(json!({"runs": control.runs(), "published": published, "history": history}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OutsideRun {
    /// The file's id.
    object_id: String,
}

async fn run(State(control): State<Control>, Json(run): Json<OutsideRun>) -> Answer<Value> {
    let id = control.run_outside(&run.object_id)?;
    Ok(Json(json!({"id": id})))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Verdict {
    decision: Decision,
}

async fn decide(
    State(control): State<Control>,
    Path(id): Path<String>,
    Json(verdict): Json<Verdict>,
) -> Answer<Value> {
    control.decide(&id, verdict.decision)?;
    Ok(Json(json!({})))
}

async fn create(State(control): State<Control>, Json(file): Json<OutsideFile>) -> Answer<Value> {
    let id = control.create_outside(file)?;
    Ok(Json(json!({"id": id})))
}

async fn resource(State(control): State<Control>, Path(id): Path<String>) -> Answer<ResourceView> {
    let missing = || Refusal(StatusCode::NOT_FOUND, format!("no resource {id}"));
    control.resource(&id).map(Json).ok_or_else(missing)
}

async fn edit(
    State(control): State<Control>,
    Path(id): Path<String>,
    Json(change): Json<OutsideEdit>,
) -> Answer<Value> {
    control.edit_outside(&id, change)?;
    Ok(Json(json!({})))
}

async fn delete(State(control): State<Control>, Path(id): Path<String>) -> Answer<Value> {
    control.delete_outside(&id)?;
    Ok(Json(json!({})))
}
