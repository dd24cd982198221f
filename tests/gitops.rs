//! What integrations/ and examples/helm-release ship, held against the schemas of Argo CD and Flux on the real API
//! server, and against the real Helm beside a running operator.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::path::Path;

use dataworks_core::api::v1alpha1::DataWorksResource;
use dataworks_operator::cli::documents::{Exit, Source, Streams};
use dataworks_operator::cli::validate;
use dataworks_simulator::ProjectConfig;
use kube::Api;
use kube::runtime::wait::{await_condition, conditions};
use serde_json::json;
use support::helm::Helm;
use support::{DEADLINE, PROJECT, Scene, file, python, script};

#[tokio::test]
async fn what_is_shipped_for_argo_cd_and_flux_fits_their_schemas() {
    let scene = Scene::new().await;
    let crds = script("dev/gitops/crds.sh", &[]).await;
    assert_eq!(crds.lines().count(), 5, "{crds}");
    for crd in crds.lines() {
        let said = scene.kubectl.run(&["apply", "--server-side", "-o", "name", "-f", crd]).await;
        let name = said.trim_end().rsplit('/').next().unwrap();
        let served = await_condition(Api::all(scene.client.clone()), name, conditions::is_crd_established());
        tokio::time::timeout(DEADLINE, served).await.expect("the kind is served").unwrap();
    }
    for namespace in ["argocd", "flux-system"] {
        let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        scene.kubectl.apply(&manifest).await;
    }
    // Namespace, file, and how many objects it holds.
    let rows = [
        ("argocd", "argocd/application.yaml", 1),
        ("argocd", "argocd/appproject.yaml", 1),
        ("argocd", "argocd/operator.yaml", 1),
        (scene.namespace.as_str(), "argocd/example", 3),
        ("flux-system", "flux/kustomization.yaml", 2),
        ("flux-system", "flux/operator.yaml", 1),
        ("flux-system", "flux/operator", 2),
    ];
    for (namespace, name, count) in rows {
        let path = file(&format!("integrations/{name}"));
        let kubectl = scene.cluster.kubectl(namespace);
        let said = kubectl.run(&["apply", "--dry-run=server", "--validate=strict", "-f", &path]).await;
        assert_eq!(said.matches("created (server dry run)").count(), count, "{name}: {said}");
    }
}

#[tokio::test]
async fn the_chart_takes_the_values_that_argo_cd_and_flux_give_it() {
    let scene = Scene::new().await;
    let helm = Helm::new(&scene.cluster, &scene.namespace).await;
    let chart = file("charts/dataworks-operator");
    let rows = [
        ("argocd/operator.yaml", "/spec/source/helm/valuesObject"),
        ("flux/operator/release.yaml", "/spec/values"),
    ];
    for (name, at) in rows {
        let text = std::fs::read_to_string(file(&format!("integrations/{name}"))).unwrap();
        let mut documents =
            text.split("\n---\n").map(|text| serde_saphyr::from_str::<serde_json::Value>(text).unwrap());
        let values = documents.find_map(|document| document.pointer(at).cloned()).expect(name);
        let folder = tempfile::tempdir().unwrap();
        let given = folder.path().join("values.json");
        std::fs::write(&given, values.to_string()).unwrap();
        let values = ["--values", given.to_str().unwrap()];
        let manifests = helm.run(&[&["template", "dataworks-operator", &chart][..], &values].concat()).await;
        assert!(manifests.contains("kind: Deployment"), "{name}: {manifests}");
    }
}

#[tokio::test]
async fn the_patches_for_argo_cd_leave_alone_what_is_there() {
    let scene = Scene::new().await;
    let scripts = ["actions", "health"].into_iter().flat_map(|what| {
        ["DataWorksResource", "DataWorksWorkspace"]
            .map(|kind| format!("resource.customizations.{what}.dataworks.alibabacloud.com_{kind}"))
    });
    let rows = [
        ("argocd-cm", "url", scripts.collect()),
        ("argocd-rbac-cm", "policy.csv", vec!["policy.dataworks.csv".to_owned()]),
    ];
    for (name, theirs, ours) in rows {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {theirs: "kept"}});
        scene.kubectl.apply(&map).await;
        let patch = file(&format!("integrations/argocd/{name}.yaml"));
        scene.kubectl.run(&["patch", "configmap", name, "--patch-file", &patch]).await;
        let after = scene.kubectl.run(&["get", "configmap", name, "-o", "json"]).await;
        let after: serde_json::Value = serde_json::from_str(&after).unwrap();
        let keys: Vec<&String> = after["data"].as_object().unwrap().keys().collect();
        assert_eq!(after["data"][theirs], "kept");
        assert_eq!(keys.len(), ours.len() + 1, "{keys:?}");
        for key in ours {
            assert!(keys.contains(&&key), "{key} in {keys:?}");
        }
    }
}

#[tokio::test]
async fn the_example_chart_is_clean_and_its_objects_are_valid() {
    let scene = Scene::new().await;
    let helm = Helm::new(&scene.cluster, &scene.namespace).await;
    let chart = file("examples/helm-release");
    helm.run(&["lint", "--strict", &chart]).await;
    let more = ["--set", "datasource=null", "--set", "deletionPolicy=Retain"];
    for extra in [&[][..], &more[..]] {
        let manifests = helm.run(&[&["template", "files", &chart][..], extra].concat()).await;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut streams = Streams { stdin: &mut manifests.as_bytes(), out: &mut out, err: &mut err };
        let exit = validate::validate(&[Source::Stdin], &mut streams).unwrap();
        assert_eq!((exit, String::from_utf8(err).unwrap().as_str()), (Exit::Good, ""));
        assert_eq!(String::from_utf8(out).unwrap().matches(": valid").count(), 2);
        scene.kubectl.feed(&["apply", "--dry-run=server", "--validate=strict", "-f", "-"], &manifests).await;
    }
    let lost = "files[0].name=a,files[0].path=XX/a.py,files[0].source=nowhere.py";
    let refused = helm.try_run(&["template", "files", &chart, "--set", lost]).await;
    assert!(refused.unwrap_err().contains("has no file \"nowhere.py\""));
}

/// What Kustomize makes of a folder: the name of the ConfigMap, and the name that the object gives.
async fn names(scene: &Scene, folder: &str) -> (String, String) {
    let built = scene.kubectl.run(&["kustomize", folder]).await;
    let documents =
        built.split("\n---\n").map(|text| serde_saphyr::from_str::<serde_json::Value>(text).unwrap());
    let documents: Vec<_> = documents.collect();
    let of_kind = |kind: &str| documents.iter().find(|document| document["kind"] == kind).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let reference = &of_kind("DataWorksResource")["spec"]["content"]["configMapKeyRef"]["name"];
    (text(&of_kind("ConfigMap")["metadata"]["name"]), text(reference))
}

#[tokio::test]
async fn kustomize_puts_the_hash_of_a_file_into_the_object_that_names_it() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let configuration = std::fs::read(file("integrations/kustomize/dataworks.yaml")).unwrap();
    for (example, name, changed) in [("pyspark", "aggregate", "aggregate.py"), ("udf-jar", "udf", "udf.jar")]
    {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(file(&format!("examples/{example}"))).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        assert_eq!(std::fs::read(folder.path().join("dataworks.yaml")).unwrap(), configuration, "{example}");
        let path = folder.path().to_str().unwrap();
        let (before, named) = names(&scene, path).await;
        assert_eq!(before, named);
        assert!(before.len() > name.len() + 1 && before.starts_with(name), "{before}");
        scene.kubectl.run(&["apply", "-k", path]).await;
        let made = scene.ready(name).await;
        let bytes = std::fs::read(folder.path().join(changed)).unwrap();
        let digest = |bytes: &[u8]| Some(dataworks_core::ids::Digest::of(bytes).to_string());
        assert_eq!(support::status(&made).content_digest, digest(&bytes));

        let more = [&bytes[..], b"\n"].concat();
        std::fs::write(folder.path().join(changed), &more).unwrap();
        assert_ne!(names(&scene, path).await.0, before, "another hash");
        scene.kubectl.run(&["apply", "-k", path]).await;
        let edited =
            scene.until(name, |object| support::status(object).content_digest == digest(&more)).await;
        assert_eq!(support::id(&edited), support::id(&made));
    }
}

/// A checkout of examples/promotion, and for each overlay one of the test's own, of this namespace and with the
/// simulator's address.
fn checkout(folder: &Path, endpoint: &str, namespaces: [(&str, &str); 2]) {
    for part in ["base", "development", "production"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
        for entry in std::fs::read_dir(file(&format!("examples/promotion/{part}"))).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.join(part).join(entry.file_name())).unwrap();
        }
    }
    let configuration = std::fs::read(file("integrations/kustomize/dataworks.yaml")).unwrap();
    assert_eq!(std::fs::read(folder.join("base/dataworks.yaml")).unwrap(), configuration);
    for (overlay, namespace) in namespaces {
        let here = folder.join("here").join(overlay);
        std::fs::create_dir_all(&here).unwrap();
        let patch = json!([{"op": "add", "path": "/spec/endpoint", "value": endpoint}]);
        let kustomization = json!({
            "namespace": namespace,
            "resources": [format!("../../{overlay}")],
            "patches": [{"target": {"kind": "DataWorksWorkspace"}, "patch": patch.to_string()}],
        });
        std::fs::write(here.join("kustomization.yaml"), kustomization.to_string()).unwrap();
    }
}

#[tokio::test]
async fn a_file_is_promoted_to_production_by_a_merge() {
    const DEVELOPMENT: u64 = 111_111;
    const PRODUCTION: u64 = 222_222;
    let scene = Scene::new().await;
    let production = scene.neighbour().await;
    for id in [DEVELOPMENT, PRODUCTION] {
        scene.cloud.add_project(ProjectConfig::new(id, format!("clicks_{id}")));
    }
    let url = scene.cloud.url();
    let namespaces = [scene.namespace.as_str(), &production.namespace];
    let launch = scene.launch_for(&namespaces).with(&["--no-leader-elect"]);
    let _operator = launch.variable("ALIBABA_CLOUD_STS_ENDPOINT", &url).start();
    let key = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "dataworks-key"},
        "stringData": {"accessKeyId": "LTAIexampleAKID", "accessKeySecret": "exampleSecret"},
    });
    for scene in [&scene, &production] {
        scene.kubectl.apply(&key).await;
    }
    // Two branches, checked out.
    let branches = tempfile::tempdir().unwrap();
    let (main, release) = (branches.path().join("main"), branches.path().join("release"));
    for branch in [&main, &release] {
        let overlays = [("development", namespaces[0]), ("production", namespaces[1])];
        checkout(branch, url.strip_prefix("http://").unwrap(), overlays);
    }
    let sync = async || {
        for (scene, branch, overlay) in
            [(&scene, &main, "development"), (&production, &release, "production")]
        {
            let folder = branch.join("here").join(overlay);
            scene.kubectl.run(&["apply", "-k", folder.to_str().unwrap()]).await;
        }
    };
    let digest = |branch: &Path| {
        let bytes = std::fs::read(branch.join("base/daily.py")).unwrap();
        Some(dataworks_core::ids::Digest::of(&bytes).to_string())
    };
    let holds = async |scene: &Scene, branch: &Path| {
        let want = digest(branch);
        let met = |object: &DataWorksResource| {
            support::is_ready(object) && support::status(object).content_digest == want
        };
        scene.until("daily", met).await
    };
    sync().await;
    let tried = holds(&scene, &main).await;
    let released = holds(&production, &release).await;
    assert_eq!(tried.spec.path, released.spec.path);
    assert_eq!(support::condition(&tried, "Published"), None);
    assert_eq!(support::condition(&released, "Published").unwrap().status, "True");
    let files = [DEVELOPMENT, PRODUCTION].map(|id| scene.cloud.resources(id));
    assert_eq!(files[0][0].path, "Clicks/daily.py");
    assert_eq!((&files[0][0].path, &files[0][0].content), (&files[1][0].path, &files[1][0].content));

    // Somebody works on it: production does not even look.
    let since = scene.cloud.counts().last_seq;
    let work = std::fs::read_to_string(main.join("base/daily.py")).unwrap() + "print(day)\n";
    std::fs::write(main.join("base/daily.py"), &work).unwrap();
    sync().await;
    holds(&scene, &main).await;
    let calls = scene.cloud.calls_since(since);
    assert!(calls.iter().all(|call| call.project != Some(PRODUCTION)), "{calls:#?}");
    assert_eq!(digest(&release), support::status(&released).content_digest);

    // The merge.
    std::fs::copy(main.join("base/daily.py"), release.join("base/daily.py")).unwrap();
    sync().await;
    let promoted = holds(&production, &release).await;
    assert_eq!(support::id(&promoted), support::id(&released));
    let history: Vec<_> = scene.cloud.published_ever().into_iter().map(|held| held.content_sha256).collect();
    let versions = [&released, &promoted].map(|object| support::status(object).content_digest.unwrap());
    assert_eq!(history, versions);
    assert_eq!(scene.cloud.runs().iter().map(|run| run.project_id).collect::<Vec<_>>(), [PRODUCTION; 2]);
}

#[tokio::test]
async fn helm_waits_for_the_files_and_rolls_back_with_our_words() {
    let scene = Scene::new().await;
    let _operator = scene.launch().start();
    let helm = Helm::new(&scene.cluster, &scene.namespace).await;
    let chart = file("examples/helm-release");
    let project = format!("projectId={PROJECT}");
    let install =
        ["upgrade", "--install", "files", &chart, "--set", &project, "--wait", "--rollback-on-failure"];
    helm.run(&[&install[..], &["--timeout", "90s"]].concat()).await;
    let made = scene.objects().get("click-cleaner").await.unwrap();
    assert!(support::is_ready(&made), "helm ended before it was ready: {made:?}");

    // Another object has the path that the next version of the chart declares.
    scene.kubectl.apply(&python("first", "Clicks/taken.py")).await;
    scene.ready("first").await;
    let moved = [
        "--set",
        "files[1].name=click-cleaner,files[1].path=Clicks/taken.py,files[1].source=files/cleaner.py",
    ];
    let first = [
        "--set",
        "files[0].name=shared-helpers,files[0].path=Shared/helpers.py,files[0].source=files/helpers.py",
    ];
    let end = helm.try_run(&[&install[..], &first, &moved, &["--timeout", "90s"]].concat()).await;
    let said = end.unwrap_err();
    assert!(said.contains("already manages"), "{said}");
    let back = scene.ready("click-cleaner").await;
    assert_eq!(support::status(&back).path.as_deref(), Some("Clicks/cleaner.py"));

    helm.run(&["uninstall", "files", "--wait", "--timeout", "90s"]).await;
    scene.gone("click-cleaner").await;
    scene.gone("shared-helpers").await;
}
