//! A workspace: region, endpoint, credentials, budget.

use super::{Check, KEEP};

/// A region's id.
pub const REGION: Check = Check::new(
    "self.matches('^[a-z]{2}-[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    "region is no region's id",
    "write one such as cn-shanghai",
);
/// The region stays.
pub const REGION_IMMUTABLE: Check = Check::new("self == oldSelf", "region is immutable", KEEP);
/// An endpoint is a host.
pub const ENDPOINT_HOST: Check = Check::new(
    r"self.matches(r'^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?$')",
    "endpoint is no host in lower case",
    "write the host alone, without https:// and without a path, such as dataworks.cn-shanghai.aliyuncs.com",
);
/// An endpoint says the network.
pub const ENDPOINT_OR_NETWORK: Check = Check::at(
    ".network",
    "!has(self.endpoint) || !has(self.network)",
    "network stands beside endpoint, which decides it",
    "remove one of them",
);
/// One source of credentials.
pub const CREDENTIALS_ONE_OF: Check = Check::new(
    "[has(self.secretRef), has(self.rrsa), has(self.assumeRole)].filter(x, x).size() == 1",
    "credentials need exactly one of secretRef, rrsa and assumeRole",
    "write one of them, or leave credentials out to use the operator's identity where that is allowed",
);
/// The operator's identity has the operator's budget.
pub const BUDGET_NEEDS_CREDENTIALS: Check = Check::new(
    "has(self.credentials) || !(has(self.edition) || has(self.requestsPerSecond) || has(self.requestsPerDay))",
    "edition, requestsPerSecond and requestsPerDay belong to credentials, and there are none",
    "remove them: without credentials the calls are the operator's, whose administrator sets how many there are",
);
/// Calls a second.
pub const REQUESTS_PER_SECOND: Check = Check::new(
    "self >= 1 && self <= 50",
    "requestsPerSecond is not from 1 to 50",
    "write how many calls a second the account bears in this region beside its other callers, or leave it out",
);
/// Calls a day.
pub const REQUESTS_PER_DAY: Check = Check::new(
    "self >= 1",
    "requestsPerDay is not positive",
    "write how many calls a day the account bears in this region beside its other callers, or leave it out",
);
/// A duration of one unit.
pub const DRIFT_INTERVAL: Check = Check::new(
    "self.matches('^[1-9][0-9]{0,5}[smh]$')",
    "driftInterval is no duration",
    "write a whole number with s, m or h, such as 30m or 6h",
);
/// A RAM role.
pub const ROLE_ARN: Check = Check::new(
    "self.matches('^acs:ram::[0-9]{1,20}:role/[A-Za-z0-9._-]{1,64}$')",
    "roleArn is no ARN of a RAM role",
    "write it as RAM shows it, such as acs:ram::1234567890123456:role/dataworks",
);
/// An OIDC provider of RAM.
pub const OIDC_PROVIDER_ARN: Check = Check::new(
    "self.matches('^acs:ram::[0-9]{1,20}:oidc-provider/[A-Za-z0-9._-]{1,128}$')",
    "oidcProviderArn is no ARN of an OIDC provider",
    "write it as RAM shows it, such as acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123",
);
/// An external id.
pub const EXTERNAL_ID: Check = Check::new(
    "self.matches('^[A-Za-z0-9=,.@:/_-]{2,}$')",
    "externalId is no external id",
    "write 2 to 1224 letters, digits and = , . @ : / - _ as the role's trust policy has it, or leave it out",
);
