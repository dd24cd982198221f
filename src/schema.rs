//! Looks whether the API server's schema of our objects keeps all that this version reads and writes.
//!
//! A field that the schema does not have is dropped from a write without a word, the record of a
//! create as well. It is read from the OpenAPI document, which every account may read, so that no
//! right on CustomResourceDefinitions is needed. It must not decide what follows.

use std::sync::Arc;
use std::time::Duration;

use dataworks_core::api;
use dataworks_core::api::v1alpha1::DataWorksResource;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Client, Resource as _};
use serde_json::Value;
use tracing::{debug, error, info};

use crate::health::{Gates, Schema};

/// How often it is looked at while it is not good, and when it is.
const SOON: Duration = Duration::from_secs(5);
const LATER: Duration = Duration::from_secs(300);
/// Deadline of a look.
const DEADLINE: Duration = Duration::from_secs(15);
/// Fields named in a message.
const NAMED: usize = 5;

/// Keeps the gate up to date until the process ends. A look that fails changes nothing.
pub async fn watch(client: Client, gates: Arc<Gates>) {
    let expected = expected();
    loop {
        let mut pause = SOON;
        match tokio::time::timeout(DEADLINE, look(&client, &expected)).await {
            Ok(Ok(schema)) => {
                if schema == Schema::Good {
                    pause = LATER;
                }
                if gates.set_schema(schema.clone()) {
                    match schema {
                        Schema::Bad(why) => error!(error = why, "the CustomResourceDefinition does not fit"),
                        Schema::Good | Schema::Unseen => info!("the CustomResourceDefinition fits"),
                    }
                }
            }
            Ok(Err(error)) => debug!(%error, "the schema cannot be read"),
            Err(_) => debug!("the schema could not be read in time"),
        }
        tokio::time::sleep(pause).await;
    }
}

/// The schemas in our own CustomResourceDefinitions, by kind.
fn expected() -> Vec<(String, Value)> {
    let of = |crd: &CustomResourceDefinition| (crd.spec.names.kind.clone(), api::schema_of(crd));
    api::crds().iter().map(of).collect()
}

async fn look(client: &Client, expected: &[(String, Value)]) -> Result<Schema, kube::Error> {
    let (group, version) = (DataWorksResource::group(&()), DataWorksResource::version(&()));
    let path = format!("/openapi/v3/apis/{group}/{version}");
    let request = http::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    let document: Value = match client.request(request).await {
        Ok(document) => document,
        // By its number: for a group that it does not know the server answers with a bare text.
        Err(kube::Error::Api(status)) if status.code == 404 => Value::Null,
        Err(error) => return Err(error),
    };
    let judged = expected.iter().map(|(kind, schema)| judge(&document, kind, schema));
    Ok(judged.into_iter().find(|schema| *schema != Schema::Good).unwrap_or(Schema::Good))
}

fn judge(document: &Value, kind: &str, expected: &Value) -> Schema {
    let version = DataWorksResource::version(&());
    let is_ours = |schema: &&Value| {
        let kinds = schema["x-kubernetes-group-version-kind"].as_array();
        kinds.is_some_and(|kinds| kinds.iter().any(|named| named["kind"] == kind))
    };
    let schemas = document["components"]["schemas"].as_object();
    let Some(served) = schemas.and_then(|schemas| schemas.values().find(is_ours)) else {
        return Schema::Bad(format!("there is no CustomResourceDefinition of {kind} in version {version}"));
    };
    let mut fields = Vec::new();
    for part in ["spec", "status"] {
        missing(&expected["properties"][part], &served["properties"][part], part, &mut fields);
    }
    if fields.is_empty() {
        return Schema::Good;
    }
    let more =
        if fields.len() > NAMED { format!(" and {} more", fields.len() - NAMED) } else { String::new() };
    fields.truncate(NAMED);
    Schema::Bad(format!(
        "the CustomResourceDefinition of {kind} is older than the operator: it has no {}{more}; apply the one of this \
         version",
        fields.join(", ")
    ))
}

/// Adds the fields of `expected` that `served` does not have.
fn missing(expected: &Value, served: &Value, path: &str, fields: &mut Vec<String>) {
    if served.is_null() {
        fields.push(path.to_owned());
        return;
    }
    for (name, schema) in expected["properties"].as_object().into_iter().flatten() {
        missing(schema, &served["properties"][name], &format!("{path}.{name}"), fields);
    }
    if expected["items"].is_object() {
        missing(&expected["items"], &served["items"], &format!("{path}[]"), fields);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KIND: &str = "DataWorksResource";

    fn document(schema: &Value) -> Value {
        let mut schema = schema.clone();
        schema["x-kubernetes-group-version-kind"] = json!([{
            "group": "dataworks.alibabacloud.com", "version": "v1alpha1", "kind": "DataWorksResource"
        }]);
        json!({ "components": { "schemas": { "a": {}, "b": schema } } })
    }

    #[test]
    fn a_schema_that_would_drop_fields_is_told() {
        let (_, expected) = super::expected().remove(0);
        assert!(expected["properties"]["status"]["properties"]["attempt"]["properties"]["at"].is_object());
        assert_eq!(judge(&document(&expected), KIND, &expected), Schema::Good);

        let mut newer = expected.clone();
        newer["properties"]["spec"]["properties"]["later"] = json!({ "type": "string" });
        assert_eq!(judge(&document(&newer), KIND, &expected), Schema::Good);

        let mut older = expected.clone();
        older["properties"]["status"]["properties"]["attempt"]["properties"]
            .as_object_mut()
            .unwrap()
            .remove("at");
        let conditions =
            &mut older["properties"]["status"]["properties"]["conditions"]["items"]["properties"];
        conditions.as_object_mut().unwrap().remove("reason");
        let Schema::Bad(why) = judge(&document(&older), KIND, &expected) else { panic!("it is not good") };
        assert!(why.contains("it has no status.attempt.at, status.conditions[].reason;"), "{why}");

        for none in [Value::Null, json!({ "components": { "schemas": { "a": {} } } })] {
            assert!(matches!(judge(&none, KIND, &expected), Schema::Bad(_)), "{none}");
        }
    }
}
