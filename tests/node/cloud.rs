//! The simulator in the cluster, beside the release: what it holds outlives an uninstall.

use k8s_openapi::api::core::v1::Service;
use kube::Api;
use serde_json::{Value, json};

use crate::site::{SIMULATOR_IMAGE, Site, version};
use crate::support::admin::Admin;

/// Of the simulator.
pub(crate) const NAMESPACE: &str = "dataworks-cloud";
/// Of all that it is made of.
const NAME: &str = "simulator";
const PORT: u16 = 8080;
/// Calls that the journal keeps: more than the story makes.
const JOURNAL: usize = 100_000;
/// How long a signature is accepted. The bounds of the operator say the same.
pub(crate) const SIGNATURE_SECONDS: u32 = 10;

/// Where the operator finds it.
pub(crate) fn endpoint() -> String {
    format!("http://{NAME}.{NAMESPACE}.svc")
}

/// Starts it, in a namespace that enforces the restricted profile.
pub(crate) async fn start(site: &Site) -> Admin {
    site.namespace(NAMESPACE).await;
    let kubectl = site.cluster.kubectl(NAMESPACE);
    for manifest in manifests() {
        kubectl.apply(&manifest).await;
    }
    kubectl.run(&["rollout", "status", &format!("deployment/{NAME}"), "--timeout=120s"]).await;
    of_service(site, NAMESPACE, NAME).await
}

/// The simulator behind a Service, asked from the node.
pub(crate) async fn of_service(site: &Site, namespace: &str, name: &str) -> Admin {
    let services: Api<Service> = Api::namespaced(site.client.clone(), namespace);
    let spec = services.get(name).await.unwrap().spec.unwrap();
    let port = spec.ports.unwrap()[0].port;
    Admin::new(format!("http://{}:{port}", spec.cluster_ip.unwrap()))
}

fn manifests() -> [Value; 3] {
    let config = json!({
        "listen": format!("0.0.0.0:{PORT}"),
        "allowNonLoopback": true,
        "journalCapacity": JOURNAL,
        "settings": {
            "signatureValidityMs": SIGNATURE_SECONDS * 1000,
            // Refusing would hide what must never be tried.
            "behaviour": {"duplicatePath": "allow"},
        },
    });
    let labels = json!({"app": NAME});
    let metadata = json!({"name": NAME});
    let container = json!({
        "name": NAME,
        "image": format!("{SIMULATOR_IMAGE}:{}", version()),
        "imagePullPolicy": "IfNotPresent",
        "args": ["--config=/etc/simulator/config.json"],
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/simulator", "readOnly": true}],
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    });
    let pod = json!({
        "automountServiceAccountToken": false,
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": NAME}}],
    });
    let template = json!({"metadata": {"labels": labels}, "spec": pod});
    [
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
            "data": {"config.json": config.to_string()},
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": PORT}]},
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        }),
    ]
}
