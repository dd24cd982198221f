//! The floor: what no operator can do without. For each object one call and one status write, by
//! as many workers as the operator has, over the same clients.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dataworks_core::desired::Desired;
use dataworks_core::fault::Outcome;
use dataworks_operator::controller::workers::WORKERS;
use dataworks_operator::dataworks::credentials::{CredentialSource, Credentials};
use dataworks_operator::dataworks::endpoint::Endpoint;
use dataworks_operator::dataworks::upload::UploadConfig;
use dataworks_operator::dataworks::{Client, ClientConfig, CloudClock, Transport, TransportConfig, Trust};
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::cloud::Cloud;
use crate::fleet::Fleet;
use crate::meter::Spent;
use crate::stage::Stage;

/// Creates the fleet and does the least for each object. Answers objects a second, and what that used.
pub(crate) async fn run(stage: &Stage, fleet: &Fleet) -> (f64, Spent) {
    let client = client(&stage.cloud);
    let before = stage.moment().await;
    let (sender, receiver) = mpsc::channel(fleet.count);
    let receiver = Arc::new(Mutex::new(receiver));
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let (fleet, client, receiver) = (fleet.clone(), client.clone(), Arc::clone(&receiver));
        workers.spawn(async move {
            loop {
                let next = receiver.lock().await.recv().await;
                let Some(number) = next else { return };
                least(&fleet, &client, number).await;
            }
        });
    }
    fleet.create(async |number| sender.send(number).await.unwrap()).await;
    drop(sender);
    while let Some(end) = workers.join_next().await {
        end.unwrap();
    }
    let took = begun.elapsed();
    let spent = before.until(&stage.moment().await);
    fleet.delete().await;
    (fleet.count as f64 / took.as_secs_f64(), spent)
}

async fn least(fleet: &Fleet, client: &Client, number: usize) {
    let object = fleet.object(number);
    let desired = Desired::from_spec(&object.spec).unwrap();
    let end = client.create_resource(desired.project, &desired.document_json(), None).await;
    let Outcome::Done(created) = end else { panic!("not created: {end:?}") };
    let condition = |type_: &str| {
        json!({
            "type": type_, "status": "True", "reason": "Succeeded", "observedGeneration": 1,
            "message": "The resource is in the workspace as declared.",
            "lastTransitionTime": created.date,
        })
    };
    let patch = json!({ "status": {
        "observedGeneration": 1, "id": created.id.as_str(), "requestId": created.request_id,
        "projectId": fleet.project, "path": fleet.path(number), "createTime": created.date,
        "conditions": [condition("Ready"), condition("Synced")],
    }});
    let name = Fleet::name(number);
    fleet.api.patch_status(&name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

/// The operator's own client, as `run` makes it.
fn client(cloud: &Cloud) -> Client {
    let key = Credentials {
        access_key_id: "LTAIexampleAKID".to_owned(),
        access_key_secret: "exampleSecret".to_owned().into(),
        security_token: None,
    };
    let endpoint: Endpoint = cloud.url().parse().unwrap();
    let (call_deadline, read_deadline) = (Duration::from_secs(30), Duration::from_secs(15));
    Client::new(ClientConfig {
        sts_endpoint: endpoint.clone(),
        upload: UploadConfig { open_platform: endpoint.clone(), region: None, allowed: Vec::new() },
        endpoint,
        credentials: CredentialSource::Fixed(Arc::new(key)),
        transport: Transport::new(&TransportConfig {
            call_deadline,
            read_deadline,
            proxy: None,
            trust: Trust::embedded(),
        })
        .unwrap(),
        clock: CloudClock::default(),
        observer: None,
    })
}
