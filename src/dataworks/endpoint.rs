//! Where requests go: region and network to host, or an address an administrator gave.
//!
//! Pure: nothing is resolved or contacted. The rule it keeps: credentials never travel in plain
//! text beyond this machine, so plain http is for loopback addresses only, unless the
//! administrator has said otherwise for a simulator.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// The host that serves regions without one of their own.
pub const CENTRAL_ENDPOINT: &str = "https://dataworks.aliyuncs.com";
/// Regions that are served by the central host, which has no VPC name.
const CENTRAL: [&str; 6] =
    ["cn-qingdao", "cn-huhehaote", "cn-wuhan", "cn-zhangbei", "ap-south-1", "ap-southeast-2"];

/// Longest region id taken: a DNS label.
const REGION_LENGTH: usize = 63;

/// Which network the endpoint is reached through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// The internet.
    Public,
    /// The region's own network, reachable from a VPC in the same region only.
    Vpc,
}

/// Where plain http may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// To this machine.
    Loopback,
    /// Anywhere: for a simulator in a cluster, where nothing is secret.
    Anywhere,
}

/// A region id such as `cn-shanghai`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Region(String);

impl Region {
    /// Whether it begins like every region, with two letters of a country or continent: `oss-cn-shanghai` does not,
    /// and hosts under it are anybody's.
    #[must_use]
    pub fn is_geographic(&self) -> bool {
        let (place, rest) = self.0.split_once('-').unwrap_or_default();
        place.len() == 2 && place.bytes().all(|b| b.is_ascii_lowercase()) && !rest.is_empty()
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let label = (1..=REGION_LENGTH).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if label { Ok(Self(text.to_owned())) } else { Err(InvalidEndpoint::Region) }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address of an API: scheme and authority, path `/`, nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    url: Url,
}

impl Endpoint {
    /// The DataWorks endpoint of a region. Regions that this code does not know follow the rule
    /// of the known ones.
    ///
    /// # Errors
    /// [`InvalidEndpoint::NoVpc`] when the region is served by the central host only.
    pub fn dataworks(region: &Region, network: Network) -> Result<Self, InvalidEndpoint> {
        let central = CENTRAL.contains(&region.as_str());
        match (network, central) {
            (Network::Public, true) => CENTRAL_ENDPOINT.parse(),
            (Network::Vpc, true) => Err(InvalidEndpoint::NoVpc { region: region.to_string() }),
            (Network::Public, false) => format!("https://dataworks.{region}.aliyuncs.com").parse(),
            (Network::Vpc, false) => format!("https://dataworks-vpc.{region}.aliyuncs.com").parse(),
        }
    }

    /// The endpoint that somebody names who is no administrator: a host of the service itself, or one of those that
    /// an administrator allowed.
    #[must_use]
    pub fn named(host: &str, allowed: &[Self]) -> Option<Self> {
        let by_administrator = allowed.iter().find(|endpoint| endpoint.host() == host);
        if let Some(endpoint) = by_administrator {
            return Some(endpoint.clone());
        }
        let labels = host.strip_suffix(".aliyuncs.com")?;
        let (service, region) = labels.split_once('.').unwrap_or((labels, ""));
        let known = matches!((service, region), ("dataworks", "")) || {
            matches!(service, "dataworks" | "dataworks-vpc")
                && region.parse::<Region>().is_ok_and(|region| region.is_geographic())
        };
        if known { format!("https://{host}").parse().ok() } else { None }
    }

    /// What it has in common with the endpoints of the same service in the same region, whatever network they are
    /// reached through.
    #[must_use]
    pub fn realm(&self) -> String {
        let host = self.host();
        let rest = host.strip_prefix("dataworks-vpc.").or_else(|| host.strip_prefix("dataworks."));
        rest.map_or_else(|| host.clone(), str::to_owned)
    }

    /// The STS endpoint of a region; without a region the central one, which is public only.
    ///
    /// # Errors
    /// [`InvalidEndpoint::NoRegion`] for the VPC network without a region.
    pub fn sts(region: Option<&Region>, network: Network) -> Result<Self, InvalidEndpoint> {
        match (region, network) {
            (None, Network::Public) => "https://sts.aliyuncs.com".parse(),
            (None, Network::Vpc) => Err(InvalidEndpoint::NoRegion),
            (Some(region), Network::Public) => format!("https://sts.{region}.aliyuncs.com").parse(),
            (Some(region), Network::Vpc) => format!("https://sts-vpc.{region}.aliyuncs.com").parse(),
        }
    }

    /// The address, with `/` as its path.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The value of the `host` header: with the port, unless it is the scheme's own.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    /// Reads `https://host[:port]`, `http://` for a loopback host, or a host alone, which means
    /// https.
    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        Self::parse(text, PlainHttp::Loopback)
    }
}

impl Endpoint {
    /// Reads what `from_str` reads, and plain http to wherever it is allowed.
    ///
    /// # Errors
    /// [`InvalidEndpoint`].
    pub fn parse(text: &str, plain: PlainHttp) -> Result<Self, InvalidEndpoint> {
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let url = Url::parse(&with_scheme).map_err(InvalidEndpoint::Unreadable)?;
        match url.scheme() {
            "https" => {}
            "http" if plain == PlainHttp::Anywhere || is_loopback(&url) => {}
            "http" => return Err(InvalidEndpoint::PlainHttp),
            _ => return Err(InvalidEndpoint::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidEndpoint::UserInfo);
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidEndpoint::MoreThanHost);
        }
        Ok(Self { url })
    }

    /// Whether signatures and documents leave this machine readable by everyone on the way.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.url.scheme() == "http" && !is_loopback(&self.url)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

// `localhost` is not asked of a resolver that could say otherwise: RFC 6761 binds it to loopback.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// Why a text is no endpoint. The text itself is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEndpoint {
    /// No URL at all.
    #[error("the endpoint is not a URL; write https://HOST or HOST")]
    Unreadable(#[source] url::ParseError),
    /// Neither https nor http.
    #[error("the endpoint's scheme is not https")]
    Scheme,
    /// Plain http to another machine.
    #[error(
        "plain http is allowed to a loopback address only; write https:// (to a simulator: --allow-plain-http)"
    )]
    PlainHttp,
    /// A user name or password.
    #[error("the endpoint holds a user name or password; credentials are set elsewhere")]
    UserInfo,
    /// A path, query or fragment.
    #[error("the endpoint holds more than host and port; remove its path, query and fragment")]
    MoreThanHost,
    /// Not shaped like a region id.
    #[error("not a region id; write one such as cn-shanghai")]
    Region,
    /// The region has no VPC endpoint.
    #[error("the region {region} has no VPC endpoint; use the public network or set an endpoint")]
    NoVpc {
        /// The region.
        region: String,
    },
    /// STS in a VPC is regional.
    #[error("the VPC endpoint of STS needs a region")]
    NoRegion,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_lead_to_their_hosts() {
        let rows = [
            ("cn-shanghai", Network::Public, Ok("https://dataworks.cn-shanghai.aliyuncs.com")),
            ("cn-shanghai", Network::Vpc, Ok("https://dataworks-vpc.cn-shanghai.aliyuncs.com")),
            ("xx-new-9", Network::Vpc, Ok("https://dataworks-vpc.xx-new-9.aliyuncs.com")),
            ("cn-qingdao", Network::Public, Ok("https://dataworks.aliyuncs.com")),
            ("cn-qingdao", Network::Vpc, Err(InvalidEndpoint::NoVpc { region: "cn-qingdao".to_owned() })),
        ];
        for (region, network, want) in rows {
            let got = Endpoint::dataworks(&region.parse().unwrap(), network);
            assert_eq!(got.map(|e| e.to_string()), want.map(str::to_owned), "{region}");
        }
        let region: Region = "cn-beijing".parse().unwrap();
        let sts = |region, network| Endpoint::sts(region, network).map(|e| e.host());
        assert_eq!(sts(None, Network::Public).unwrap(), "sts.aliyuncs.com");
        assert_eq!(sts(None, Network::Vpc), Err(InvalidEndpoint::NoRegion));
        assert_eq!(sts(Some(&region), Network::Public).unwrap(), "sts.cn-beijing.aliyuncs.com");
        assert_eq!(sts(Some(&region), Network::Vpc).unwrap(), "sts-vpc.cn-beijing.aliyuncs.com");
    }

    #[test]
    fn a_region_cannot_reach_out_of_its_label() {
        for text in ["", "CN", "a.evil.com/", "a/b", "a#", "-a", "a-", "a@b", "a:1"] {
            assert_eq!(text.parse::<Region>(), Err(InvalidEndpoint::Region), "{text:?}");
        }
    }

    #[test]
    fn addresses_are_https_or_loopback_and_nothing_more() {
        let rows = [
            ("https://example.com", Ok("example.com")),
            ("https://example.com:443/", Ok("example.com")),
            ("https://example.com:8443", Ok("example.com:8443")),
            ("dataworks.example.com", Ok("dataworks.example.com")),
            ("http://127.0.0.1:8080", Ok("127.0.0.1:8080")),
            ("http://127.9.9.9", Ok("127.9.9.9")),
            ("http://[::1]:8080", Ok("[::1]:8080")),
            ("http://localhost:8080", Ok("localhost:8080")),
            ("http://localhost.example.com", Err(InvalidEndpoint::PlainHttp)),
            ("http://10.0.0.1", Err(InvalidEndpoint::PlainHttp)),
            ("http://example.com", Err(InvalidEndpoint::PlainHttp)),
            ("ftp://example.com", Err(InvalidEndpoint::Scheme)),
            ("https://u:p@example.com", Err(InvalidEndpoint::UserInfo)),
            ("https://u@example.com", Err(InvalidEndpoint::UserInfo)),
            ("https://example.com/x", Err(InvalidEndpoint::MoreThanHost)),
            ("https://example.com?x", Err(InvalidEndpoint::MoreThanHost)),
            ("https://example.com/#x", Err(InvalidEndpoint::MoreThanHost)),
            ("", Err(InvalidEndpoint::Unreadable(url::ParseError::EmptyHost))),
        ];
        for (text, want) in rows {
            let got = text.parse::<Endpoint>().map(|e| e.host());
            assert_eq!(got, want.map(str::to_owned), "{text:?}");
        }
    }

    #[test]
    fn who_is_no_administrator_names_the_service_itself_or_what_was_allowed() {
        let allowed: Vec<Endpoint> = ["http://127.0.0.1:8080", "https://dataworks.internal.example.com"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        let rows = [
            ("dataworks.cn-shanghai.aliyuncs.com", Some("https://dataworks.cn-shanghai.aliyuncs.com")),
            (
                "dataworks-vpc.cn-shanghai.aliyuncs.com",
                Some("https://dataworks-vpc.cn-shanghai.aliyuncs.com"),
            ),
            ("dataworks.aliyuncs.com", Some("https://dataworks.aliyuncs.com")),
            ("127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("dataworks.internal.example.com", Some("https://dataworks.internal.example.com")),
            ("127.0.0.1", None),
            ("127.0.0.1:8081", None),
            ("localhost", None),
            ("100.100.100.200", None),
            ("169.254.169.254", None),
            ("0x64646464", None),
            ("metadata.google.internal", None),
            ("kubernetes.default.svc", None),
            ("example.com", None),
            ("dataworks-vpc.aliyuncs.com", None),
            // Buckets and functions of anybody.
            ("dataworks.evil.oss-cn-shanghai.aliyuncs.com", None),
            ("dataworks-evil.oss-cn-shanghai.aliyuncs.com", None),
            ("dataworks.oss-cn-shanghai.aliyuncs.com", None),
            ("evil.cn-shanghai.fc.aliyuncs.com", None),
            ("dataworks.cn-shanghai.aliyuncs.com.example.com", None),
            ("dataworks.cn-shanghai.aliyuncs.com:8443", None),
            ("aliyuncs.com", None),
            (".aliyuncs.com", None),
        ];
        for (host, want) in rows {
            let found = Endpoint::named(host, &allowed).map(|endpoint| endpoint.to_string());
            assert_eq!(found.as_deref(), want, "{host}");
        }
    }

    #[test]
    fn networks_of_one_region_are_one_realm() {
        let realm = |text: &str| text.parse::<Endpoint>().unwrap().realm();
        assert_eq!(
            realm("dataworks.cn-shanghai.aliyuncs.com"),
            realm("dataworks-vpc.cn-shanghai.aliyuncs.com")
        );
        assert_ne!(realm("dataworks.cn-shanghai.aliyuncs.com"), realm("dataworks.cn-beijing.aliyuncs.com"));
        assert_ne!(realm("http://127.0.0.1:1"), realm("http://127.0.0.1:2"));
    }

    #[test]
    fn plain_http_leaves_this_machine_only_where_it_is_allowed() {
        let rows = [
            ("http://simulator.dataworks-system:8080", Ok(("simulator.dataworks-system:8080", true))),
            ("http://10.0.0.1", Ok(("10.0.0.1", true))),
            ("http://127.0.0.1:8080", Ok(("127.0.0.1:8080", false))),
            ("https://example.com", Ok(("example.com", false))),
            ("ftp://example.com", Err(InvalidEndpoint::Scheme)),
            ("http://u:p@example.com", Err(InvalidEndpoint::UserInfo)),
        ];
        for (text, want) in rows {
            let got = Endpoint::parse(text, PlainHttp::Anywhere).map(|e| (e.host(), e.is_exposed()));
            assert_eq!(got, want.map(|(host, exposed)| (host.to_owned(), exposed)), "{text:?}");
        }
    }
}
