//! Which proxy stands between us and the service.
//!
//! Pure: the environment is passed in. The rule it keeps: who asks whether calls go through a
//! proxy gets the answer that the connections act on, since a proxy may deliver a create late and
//! the waits of "never twice" rest on that.

use std::fmt;

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

/// An HTTP proxy and what goes through it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    url: Url,
    reach: Reach,
}

#[derive(Clone, PartialEq, Eq)]
enum Reach {
    /// Every call.
    All,
    /// Calls by https, except to the hosts of a list in the form of `NO_PROXY`.
    Https { except: String },
}

impl Proxy {
    /// A proxy for all calls, as the administrator named it.
    ///
    /// # Errors
    /// `text` is not the address of an HTTP proxy.
    pub fn always(text: &str) -> Result<Self, InvalidProxy> {
        Ok(Self { url: address(text)?, reach: Reach::All })
    }

    /// The one that the usual variables name: `HTTPS_PROXY` and `NO_PROXY`, in capitals or not,
    /// capitals first. `None` where `HTTPS_PROXY` is absent or empty. Others are not read: the
    /// service is called by https.
    ///
    /// # Errors
    /// `HTTPS_PROXY` is not the address of an HTTP proxy.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, InvalidProxy> {
        let first = |names: [&str; 2]| names.into_iter().find_map(&variable).unwrap_or_default();
        let text = first(["HTTPS_PROXY", "https_proxy"]);
        if text.trim().is_empty() {
            return Ok(None);
        }
        let except = first(["NO_PROXY", "no_proxy"]);
        Ok(Some(Self { url: address(&text)?, reach: Reach::Https { except } }))
    }

    /// Whether calls to `target` go through it.
    #[must_use]
    pub fn carries(&self, target: &Url) -> bool {
        let url = self.url.as_str();
        let matcher = match &self.reach {
            Reach::All => Matcher::builder().all(url),
            Reach::Https { except } => Matcher::builder().https(url).no(except.as_str()),
        };
        // What is no URI to the library is not sent either; a proxy makes waits longer, never shorter.
        target.as_str().parse().map_or(true, |uri| matcher.build().intercept(&uri).is_some())
    }

    /// As the connections take it.
    pub(super) fn rule(&self) -> reqwest::Result<reqwest::Proxy> {
        match &self.reach {
            Reach::All => reqwest::Proxy::all(self.url.clone()),
            Reach::Https { except } => {
                Ok(reqwest::Proxy::https(self.url.clone())?.no_proxy(reqwest::NoProxy::from_string(except)))
            }
        }
    }
}

// Its URL may hold a password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

/// Reads `http://[user:password@]host[:port]`; without a scheme http is meant, as is usual.
fn address(text: &str) -> Result<Url, InvalidProxy> {
    let text = text.trim();
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&with_scheme).map_err(InvalidProxy::Unreadable)?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(InvalidProxy::Scheme),
    }
}

/// Why a text is no proxy. The text itself is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProxy {
    /// No URL at all.
    #[error("the proxy's address is not a URL; write http://HOST:PORT")]
    Unreadable(#[source] url::ParseError),
    /// SOCKS, or something else.
    #[error("the proxy is not an HTTP proxy; its address begins with http:// or https://")]
    Scheme,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<Option<Proxy>, InvalidProxy> {
        Proxy::from_variables(|name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn carries(proxy: &Proxy, target: &str) -> bool {
        proxy.carries(&target.parse().unwrap())
    }

    #[test]
    fn the_usual_variables_are_read_as_usual() {
        assert_eq!(from(&[]), Ok(None));
        assert_eq!(from(&[("HTTPS_PROXY", " ")]), Ok(None));
        assert_eq!(from(&[("HTTP_PROXY", "http://p:1"), ("ALL_PROXY", "http://p:1")]), Ok(None));
        let same = from(&[("HTTPS_PROXY", "http://p:3128")]).unwrap();
        assert_eq!(from(&[("https_proxy", "p:3128")]).unwrap(), same);
        assert_eq!(from(&[("HTTPS_PROXY", "p:3128"), ("https_proxy", "http://other")]).unwrap(), same);
        assert_eq!(from(&[("HTTPS_PROXY", "socks5://p:1")]), Err(InvalidProxy::Scheme));
        assert!(matches!(from(&[("HTTPS_PROXY", "http://p:x")]), Err(InvalidProxy::Unreadable(_))));
    }

    #[test]
    fn no_proxy_names_what_is_called_directly() {
        let rows = [
            ("", true),
            ("dataworks.cn-shanghai.aliyuncs.com", false),
            (".aliyuncs.com", false),
            ("aliyuncs.com, example.com", false),
            ("example.com", true),
            ("cn-shanghai.aliyuncs.co", true),
            ("*", false),
        ];
        for (except, through) in rows {
            let proxy = from(&[("HTTPS_PROXY", "http://p:3128"), ("NO_PROXY", except)]).unwrap().unwrap();
            assert_eq!(carries(&proxy, "https://dataworks.cn-shanghai.aliyuncs.com/"), through, "{except}");
        }
        let proxy = from(&[("HTTPS_PROXY", "http://p:3128"), ("no_proxy", "10.0.0.0/8")]).unwrap().unwrap();
        assert!(!carries(&proxy, "https://10.1.2.3:8443/"));
        assert!(carries(&proxy, "https://11.1.2.3:8443/"));
        // The simulator's: HTTPS_PROXY does not speak of it.
        assert!(!carries(&proxy, "http://11.1.2.3/"));
    }

    #[test]
    fn a_proxy_that_was_named_carries_all() {
        let proxy = Proxy::always("http://user:hush@p:3128").unwrap();
        assert!(carries(&proxy, "https://dataworks.aliyuncs.com/"));
        assert!(carries(&proxy, "http://127.0.0.1:1/"));
        assert!(!format!("{proxy:?}").contains("hush"));
        assert_eq!(Proxy::always("socks5://p"), Err(InvalidProxy::Scheme));
    }
}
