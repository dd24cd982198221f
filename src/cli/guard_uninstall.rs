//! `guard-uninstall`: says whether the operator may go, for a hook that runs before its chart does.
//!
//! It counts objects, by a page of one object's metadata for each namespace, then the workspaces that
//! carry the operator's finalizer, and writes nothing. The rule it keeps: only a definite answer lets
//! the operator go; what cannot be asked is no "none".

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use dataworks_core::api::FINALIZER;
use dataworks_core::api::v1alpha1::{DataWorksResource, DataWorksWorkspace};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::jiff::SignedDuration;
use kube::api::{ListParams, ObjectList};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::run::duration;
use crate::kube_config;

/// Deadline of a look into one namespace, or all.
const DEADLINE: Duration = Duration::from_secs(15);
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);
/// Workspaces a page, of which each is looked at: some hundred KiB of metadata.
const PAGE: u32 = 100;

/// Arguments of `guard-uninstall`.
#[derive(Args, Clone, Debug)]
pub struct GuardArgs {
    /// A namespace that is looked into. Can be repeated. Absent: all.
    #[arg(long = "namespace", value_name = "NAMESPACE")]
    pub namespaces: Vec<String>,

    /// How long an API server is asked again that does not answer, or does not know yet that we may
    /// ask: roles that were made a moment ago take effect a little later.
    ///
    /// As long it is waited for finalizers of workspaces whose objects are all gone: the operator takes
    /// them off a moment after the last one.
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = duration)]
    pub retry_for: SignedDuration,
}

/// What the operator is still needed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Needing {
    /// Objects, which may have a file and a finalizer.
    #[default]
    Resources,
    /// Workspaces that carry the finalizer.
    Workspaces,
}

/// The objects that are left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Of what.
    pub needing: Needing,
    /// How many.
    pub count: u64,
    /// True where there may be more than `count`: the API server did not say how many.
    pub at_least: bool,
    /// One of them, as namespace/name.
    pub first: Option<String>,
    /// The namespaces that were looked into; none: all.
    pub namespaces: Vec<String>,
}

impl Left {
    /// True when nothing stands in the way.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.count == 0
    }

    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.at_least |= other.at_least;
        if self.first.is_none() {
            self.first = other.first;
        }
    }

    fn delete_them(&self) -> String {
        match self.namespaces.as_slice() {
            [] => "kubectl delete dataworksresources --all --all-namespaces".to_owned(),
            [one] => format!("kubectl delete dataworksresources --all --namespace {one}"),
            [first, ..] => format!(
                "kubectl delete dataworksresources --all --namespace {first}, and the same in {}",
                self.namespaces[1..].join(", ")
            ),
        }
    }

    fn what_to_do(&self) -> String {
        match self.needing {
            Needing::Resources => format!(
                "Without the operator nobody takes off their finalizers, and deleting them hangs. Delete them first: {}. \
                 Their files go with them, unless they say deletionPolicy: Retain. To remove the operator and leave them \
                 as they are,",
                self.delete_them()
            ),
            Needing::Workspaces => format!(
                "No object is left that names them, so the operator takes the finalizer {FINALIZER} off by itself: see \
                 that it runs, and try again in a moment. Without the operator nobody does, and deleting them or their \
                 namespace hangs. To remove the operator all the same,"
            ),
        }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = &self.first else {
            return f.write_str("No DataWorksResource is left: the operator may go.");
        };
        let (one, many) = match self.needing {
            Needing::Resources => ("DataWorksResource is", "DataWorksResources are"),
            Needing::Workspaces => {
                ("DataWorksWorkspace with a finalizer is", "DataWorksWorkspaces with a finalizer are")
            }
        };
        match (self.count, self.at_least) {
            (1, false) => write!(f, "1 {one} left, {first}.")?,
            (count, false) => write!(f, "{count} {many} left, the first is {first}.")?,
            (count, true) => write!(f, "More than {count} {many} left, one is {first}.")?,
        }
        write!(
            f,
            " {} uninstall without hooks (helm uninstall --no-hooks) or set uninstallGuard.enabled to false.",
            self.what_to_do()
        )
    }
}

/// Looks what is left.
///
/// # Errors
/// When that cannot be told.
pub async fn guard_uninstall(args: &GuardArgs) -> anyhow::Result<Left> {
    let mut config = kube_config::infer().await?;
    config.read_timeout = Some(DEADLINE);
    let client = Client::try_from(config)?;
    let end = Instant::now() + Duration::try_from(args.retry_for)?;
    loop {
        let left = everywhere(&client, Needing::Resources, &args.namespaces, end).await?;
        if !left.is_nothing() {
            return Ok(left);
        }
        let left = everywhere(&client, Needing::Workspaces, &args.namespaces, end).await?;
        if left.is_nothing() || Instant::now() + PAUSE > end {
            return Ok(left);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks into all of these namespaces; where none is given, into all that there are.
async fn everywhere(
    client: &Client,
    needing: Needing,
    namespaces: &[String],
    end: Instant,
) -> anyhow::Result<Left> {
    let mut left = Left { needing, namespaces: namespaces.to_vec(), ..Left::default() };
    if namespaces.is_empty() {
        left.add(patient(client, needing, None, end).await?);
    }
    for namespace in namespaces {
        left.add(patient(client, needing, Some(namespace), end).await?);
    }
    Ok(left)
}

/// Looks into one namespace, or all, until there is an answer or the time is over.
async fn patient(
    client: &Client,
    needing: Needing,
    namespace: Option<&str>,
    end: Instant,
) -> anyhow::Result<Left> {
    loop {
        let why = match tokio::time::timeout(DEADLINE, look(client, needing, namespace)).await {
            Ok(Ok(left)) => return Ok(left),
            Ok(Err(kube::Error::Api(status))) => format!("{} ({})", status.message, status.code),
            Ok(Err(error)) => format!("{:#}", anyhow::Error::from(error)),
            Err(_) => format!("no answer within {} s", DEADLINE.as_secs()),
        };
        if Instant::now() + PAUSE > end {
            let place =
                namespace.map_or_else(|| "all namespaces".to_owned(), |name| format!("namespace {name}"));
            let kind = match needing {
                Needing::Resources => "DataWorksResources",
                Needing::Workspaces => "DataWorksWorkspaces",
            };
            return Err(anyhow::anyhow!(why)).with_context(|| {
                format!(
                    "whether {kind} are left in {place} cannot be told (to uninstall all the same: \
                     helm uninstall --no-hooks)"
                )
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn look(client: &Client, needing: Needing, namespace: Option<&str>) -> Result<Left, kube::Error> {
    match needing {
        Needing::Resources => any(client, namespace).await,
        Needing::Workspaces => held(client, namespace).await,
    }
}

/// The first object, and how many more there are.
async fn any(client: &Client, namespace: Option<&str>) -> Result<Left, kube::Error> {
    let params = ListParams::default().limit(1);
    let Some(page) = page::<DataWorksResource>(client, namespace, &params).await? else {
        return Ok(Left::default());
    };
    let more = page.metadata.continue_.is_some_and(|token| !token.is_empty());
    let rest = page.metadata.remaining_item_count.and_then(|count| u64::try_from(count).ok());
    Ok(Left {
        count: counted(page.items.len()).saturating_add(rest.unwrap_or_default()),
        at_least: more && rest.is_none(),
        first: page.items.first().map(named),
        ..Left::default()
    })
}

/// The workspaces that carry our finalizer. Their metadata has to be read to tell; the deadline of the look bounds how
/// many pages there can be.
async fn held(client: &Client, namespace: Option<&str>) -> Result<Left, kube::Error> {
    let mut left = Left::default();
    let mut params = ListParams::default().limit(PAGE);
    while let Some(page) = page::<DataWorksWorkspace>(client, namespace, &params).await? {
        let held =
            page.items.iter().filter(|object| object.finalizers().iter().any(|name| name == FINALIZER));
        for object in held {
            left.count += 1;
            left.first.get_or_insert_with(|| named(object));
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    Ok(left)
}

/// One page of metadata; `None`: the API server does not know the kind.
async fn page<K>(
    client: &Client,
    namespace: Option<&str>,
    params: &ListParams,
) -> Result<Option<ObjectList<PartialObjectMeta<K>>>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + fmt::Debug + DeserializeOwned,
{
    let api: Api<K> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    match api.list_metadata(params).await {
        Ok(page) => Ok(Some(page)),
        // Not of the objects, which would be an empty list, but of the kind. Its code alone tells: a path that is not
        // served is answered by a bare text.
        Err(kube::Error::Api(status)) if status.code == 404 && is_unknown::<K>(client).await? => Ok(None),
        Err(error) => Err(error),
    }
}

fn counted(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

fn named<K>(object: &PartialObjectMeta<K>) -> String {
    let name = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}/{}", name(&object.metadata.namespace), name(&object.metadata.name))
}

/// Whether the API server, asked what it serves, does not name this kind. Anything on the way may answer a 404.
async fn is_unknown<K: Resource<DynamicType = ()>>(client: &Client) -> Result<bool, kube::Error> {
    let groups = client.list_api_groups().await?.groups;
    let ours = groups.iter().find(|group| group.name == K::group(&()));
    let version = K::version(&());
    if !ours.is_some_and(|group| group.versions.iter().any(|served| served.version == version)) {
        return Ok(true);
    }
    let kinds = client.list_api_group_resources(&K::api_version(&())).await?.resources;
    Ok(kinds.iter().all(|kind| kind.name != K::plural(&())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(count: u64, at_least: bool, namespaces: &[&str]) -> Left {
        let namespaces = namespaces.iter().map(|name| (*name).to_owned()).collect();
        Left {
            needing: Needing::Resources,
            count,
            at_least,
            first: Some("team/hello".to_owned()),
            namespaces,
        }
    }

    #[test]
    fn it_says_how_many_which_and_what_to_do() {
        let all = "kubectl delete dataworksresources --all";
        let rows = [
            (
                left(1, false, &[]),
                "1 DataWorksResource is left, team/hello. Without",
                "--all --all-namespaces.",
            ),
            (
                left(3, false, &["team"]),
                "3 DataWorksResources are left, the first is team/hello.",
                "--namespace team.",
            ),
            (left(1, true, &[]), "More than 1 DataWorksResources are left, one is team/hello.", all),
            (left(2, false, &["a", "b", "c"]), "2 ", "--namespace a, and the same in b, c."),
        ];
        for (left, begin, part) in rows {
            let text = left.to_string();
            assert!(text.starts_with(begin) && text.contains(part), "{text}");
            assert!(
                text.contains("deletionPolicy: Retain") && text.contains("uninstallGuard.enabled"),
                "{text}"
            );
        }
        for needing in [Needing::Resources, Needing::Workspaces] {
            let none = Left { needing, ..Left::default() }.to_string();
            assert_eq!(none, "No DataWorksResource is left: the operator may go.");
        }
    }

    #[test]
    fn of_workspaces_it_says_to_wait_and_not_to_delete() {
        let rows = [
            (1, "1 DataWorksWorkspace with a finalizer is left, team/hello. No object"),
            (3, "3 DataWorksWorkspaces with a finalizer are left, the first is team/hello. No object"),
        ];
        for (count, begin) in rows {
            let text = Left { needing: Needing::Workspaces, ..left(count, false, &["team"]) }.to_string();
            assert!(text.starts_with(begin), "{text}");
            assert!(
                text.contains("see that it runs, and try again") && text.contains("--no-hooks"),
                "{text}"
            );
            assert!(!text.contains("kubectl delete"), "{text}");
        }
    }

    #[test]
    fn namespaces_add_up() {
        let mut sum = Left::default();
        sum.add(Left::default());
        sum.add(left(2, false, &[]));
        sum.add(Left { first: Some("other/one".to_owned()), ..left(1, true, &[]) });
        assert_eq!(sum, left(3, true, &[]));
    }
}
