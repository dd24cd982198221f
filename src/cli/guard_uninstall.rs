//! `guard-uninstall`: says whether the operator may go, for a hook that runs before its chart does.
//!
//! It counts, by a page of one object's metadata for each namespace, and writes nothing. The rule it
//! keeps: only a definite answer lets the operator go; what cannot be asked is no "none".

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use dataworks_core::api::v1alpha1::DataWorksResource;
use k8s_openapi::jiff::SignedDuration;
use kube::api::ListParams;
use kube::{Api, Client, Resource as _};
use tokio::time::Instant;

use super::run::duration;
use crate::kube_config;

/// Deadline of a page of one object.
const DEADLINE: Duration = Duration::from_secs(15);
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Arguments of `guard-uninstall`.
#[derive(Args, Clone, Debug)]
pub struct GuardArgs {
    /// A namespace that is looked into. Can be repeated. Absent: all.
    #[arg(long = "namespace", value_name = "NAMESPACE")]
    pub namespaces: Vec<String>,

    /// How long an API server is asked again that does not answer, or does not know yet that we may
    /// ask: roles that were made a moment ago take effect a little later.
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = duration)]
    pub retry_for: SignedDuration,
}

/// The objects that are left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
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
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = &self.first else {
            return f.write_str("No DataWorksResource is left: the operator may go.");
        };
        match (self.count, self.at_least) {
            (1, false) => write!(f, "1 DataWorksResource is left, {first}.")?,
            (count, false) => write!(f, "{count} DataWorksResources are left, the first is {first}.")?,
            (count, true) => write!(f, "More than {count} DataWorksResources are left, one is {first}.")?,
        }
        write!(
            f,
            " Without the operator nobody takes off their finalizers, and deleting them hangs. Delete them first: {}. \
             Their files go with them, unless they say deletionPolicy: Retain. To remove the operator and leave them \
             as they are, uninstall without hooks (helm uninstall --no-hooks) or set uninstallGuard.enabled to false.",
            self.delete_them()
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
    let mut left = Left { namespaces: args.namespaces.clone(), ..Left::default() };
    if args.namespaces.is_empty() {
        left.add(patient(&client, None, end).await?);
    }
    for namespace in &args.namespaces {
        left.add(patient(&client, Some(namespace), end).await?);
    }
    Ok(left)
}

/// Looks into one namespace, or all, until there is an answer or the time is over.
async fn patient(client: &Client, namespace: Option<&str>, end: Instant) -> anyhow::Result<Left> {
    let api: Api<DataWorksResource> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    loop {
        let why = match tokio::time::timeout(DEADLINE, look(client, &api)).await {
            Ok(Ok(left)) => return Ok(left),
            Ok(Err(kube::Error::Api(status))) => format!("{} ({})", status.message, status.code),
            Ok(Err(error)) => format!("{:#}", anyhow::Error::from(error)),
            Err(_) => format!("no answer within {} s", DEADLINE.as_secs()),
        };
        if Instant::now() + PAUSE > end {
            let place =
                namespace.map_or_else(|| "all namespaces".to_owned(), |name| format!("namespace {name}"));
            return Err(anyhow::anyhow!(why)).with_context(|| {
                format!(
                    "whether DataWorksResources are left in {place} cannot be told (to uninstall all the same: \
                     helm uninstall --no-hooks)"
                )
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn look(client: &Client, api: &Api<DataWorksResource>) -> Result<Left, kube::Error> {
    let page = match api.list_metadata(&ListParams::default().limit(1)).await {
        Ok(page) => page,
        // Not of the objects, which would be an empty list, but of the kind. Its code alone tells: a path that is not
        // served is answered by a bare text.
        Err(kube::Error::Api(status)) if status.code == 404 && is_unknown(client).await? => {
            return Ok(Left::default());
        }
        Err(error) => return Err(error),
    };
    let more = page.metadata.continue_.is_some_and(|token| !token.is_empty());
    let rest = page.metadata.remaining_item_count.and_then(|count| u64::try_from(count).ok());
    let first = page.items.first().map(|object| {
        let meta = object.meta();
        let name = |part: &Option<String>| part.clone().unwrap_or_default();
        format!("{}/{}", name(&meta.namespace), name(&meta.name))
    });
    Ok(Left {
        count: u64::try_from(page.items.len()).unwrap_or(u64::MAX).saturating_add(rest.unwrap_or_default()),
        at_least: more && rest.is_none(),
        first,
        namespaces: Vec::new(),
    })
}

/// Whether the API server, asked what it serves, does not name our kind. Anything on the way may answer a 404.
async fn is_unknown(client: &Client) -> Result<bool, kube::Error> {
    let groups = client.list_api_groups().await?.groups;
    let ours = groups.iter().find(|group| group.name == DataWorksResource::group(&()));
    let version = DataWorksResource::version(&());
    if !ours.is_some_and(|group| group.versions.iter().any(|served| served.version == version)) {
        return Ok(true);
    }
    let kinds = client.list_api_group_resources(&DataWorksResource::api_version(&())).await?.resources;
    Ok(kinds.iter().all(|kind| kind.name != DataWorksResource::plural(&())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(count: u64, at_least: bool, namespaces: &[&str]) -> Left {
        let namespaces = namespaces.iter().map(|name| (*name).to_owned()).collect();
        Left { count, at_least, first: Some("team/hello".to_owned()), namespaces }
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
        assert_eq!(Left::default().to_string(), "No DataWorksResource is left: the operator may go.");
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
