//! How the API server is reached: as a pod reaches it, or as a kubeconfig says.

use http::Uri;
use kube::Config;

/// What a kubeconfig's own `proxy-url` gives way to in kube's loader.
const PROXY_VARIABLES: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];

/// The way to the API server: always a direct one. The environment's proxy is the cloud's, and only when that is asked
/// for. No client retries by itself: a worker must not sleep for minutes behind a call that looks like one.
///
/// # Errors
/// When there is no way, or the kubeconfig names a proxy.
pub(crate) async fn infer() -> anyhow::Result<Config> {
    // Its text holds those of its causes.
    let mut config =
        Config::infer().await.map_err(|error| anyhow::anyhow!("no Kubernetes to talk to: {error}"))?;
    let set = PROXY_VARIABLES.into_iter().filter_map(|name| std::env::var(name).ok());
    go_directly(&mut config, set.filter(|text| !text.is_empty()))?;
    config.default_retry = false;
    Ok(config)
}

/// Forgets a proxy that only the environment's variables name.
fn go_directly(config: &mut Config, variables: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let first = variables.map(|text| text.parse::<Uri>().ok()).next().flatten();
    // Without its text, which may hold a password.
    anyhow::ensure!(
        config.proxy_url.is_none() || config.proxy_url == first,
        "the kubeconfig names a proxy for the API server (proxy-url), and the operator calls it directly only: take \
         proxy-url out of the kubeconfig that the operator is given"
    );
    config.proxy_url = None;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_server_is_called_directly() {
        // Rows: what kube's loader found, the variables, whether it works.
        let rows = [
            (None, &[][..], true),
            (None, &["http://proxy:3128"], true),
            (Some("http://u:secret@proxy:3128"), &["http://u:secret@proxy:3128"], true),
            (Some("http://u:secret@proxy:3128"), &["http://u:secret@proxy:3128", "http://other"], true),
            (Some("http://u:secret@proxy:3128"), &[], false),
            (Some("http://u:secret@proxy:3128"), &["http://other"], false),
        ];
        for (found, variables, works) in rows {
            let mut config = Config::new("https://api.example".parse().unwrap());
            config.proxy_url = found.map(|text| text.parse().unwrap());
            let end = go_directly(&mut config, variables.iter().map(ToString::to_string));
            assert_eq!(end.is_ok(), works, "{found:?} {variables:?}");
            if let Err(error) = end {
                assert!(!format!("{error:?}").contains("secret"), "{error:?}");
            } else {
                assert_eq!(config.proxy_url, None);
            }
        }
    }
}
