//! Every code of the service that is known, with its class and its cure: one table.
//!
//! `docs/errors.md` shows the same lines, and a test holds the two equal. What is not here is judged by
//! its HTTP status.

use crate::fault::Class;

/// The code of a call that was not sent: the operator has nothing to sign with.
pub const NO_CREDENTIALS: &str = "CredentialsUnavailable";
/// The code of a call that was not sent: the host's name cannot be resolved.
pub const HOST_UNRESOLVED: &str = "HostUnresolved";
/// The code of an upload that the storage did not take.
pub const UPLOAD_REFUSED: &str = "UploadRefused";
/// The code of an upload that was not sent: it was to go where content must not go.
pub const UPLOAD_ADDRESS_REFUSED: &str = "UploadAddressRefused";
/// The code of an upload that was not sent: nobody said for which region.
pub const NO_REGION: &str = "RegionUnknown";

/// One line of the table.
#[derive(Debug)]
pub struct Known {
    /// The code: a whole one; `Family.*` for a word and all under it; `Word*` for all that begin so; of
    /// numbers, for all of 19 digits that begin so.
    pub code: &'static str,
    /// How it is treated.
    pub class: Class,
    /// What a person does about it.
    pub cure: &'static str,
}

const fn line(code: &'static str, class: Class, cure: &'static str) -> Known {
    Known { code, class, cure }
}

const SLOWS_DOWN: &str = "nothing: the operator slows down; other callers share the account's calls";
const WAITS: &str = "wait; `CloudUnavailable` after 2 minutes; of a write the outcome is unknown";
const POLICY: &str = "grant the RAM policy (`dataworks:*`) and make the identity a member of the workspace";
const KEY: &str = "check the access key; an expired token is shown so too";
const TOKEN: &str = "renew the temporary credentials";
const TRUST: &str = "STS: let the role trust the cluster's OIDC provider and the operator's service account, and check both ARNs";
const OIDC: &str =
    "STS: check the pod's token: its audience (`sts.aliyuncs.com`), its date, and its issuer in RAM";
const SECRET: &str = "check the access key's secret, and that no proxy changes requests";
const CLOCK: &str = "set the node's clock: it is off by more than 15 minutes";
const OBJECT: &str = "change what the message names in the object";
const ENDPOINT: &str = "check the operator's endpoint: it does not know this API";
const WORKSPACE: &str = "check `spec.projectId`: there is no such workspace (`WorkspaceNotFound`)";

/// The first line that matches holds.
pub const KNOWN: &[Known] = &[
    line(
        "Throttling.Api.Risk",
        Class::Quota,
        "wait: the day's calls are used up (`QuotaExhausted`); one call an hour tries again",
    ),
    line(
        "Throttling.Resource",
        Class::Quota,
        "wait for the next month or take a higher edition (`QuotaExhausted`); one call an hour tries again",
    ),
    line("Throttling.User", Class::Throttled, SLOWS_DOWN),
    line("Throttling.Api", Class::Throttled, SLOWS_DOWN),
    line("Throttling.System", Class::Throttled, SLOWS_DOWN),
    line("Throttling.*", Class::Throttled, SLOWS_DOWN),
    line("9990020002", Class::Throttled, SLOWS_DOWN),
    line("ServiceUnavailable", Class::Transient, WAITS),
    line("InternalError.System", Class::Transient, WAITS),
    line("InternalError.UserId.Missing", Class::Transient, WAITS),
    line("InternalError.*", Class::Transient, WAITS),
    line(
        "SignatureNonceUsed",
        Class::Transient,
        "look for a proxy that sends requests twice; of a write the outcome is unknown",
    ),
    line("Forbidden.Not.Server", Class::Terminal, "set another region: the service is not in this one"),
    line("Forbidden.Access", Class::Denied, POLICY),
    line("Forbidden.RAM", Class::Denied, POLICY),
    line("Forbidden.*", Class::Denied, POLICY),
    line("ResourceNotAuthorized.Api", Class::Denied, POLICY),
    line("ResourceNotAuthorized.*", Class::Denied, POLICY),
    line("NoPermission", Class::Denied, POLICY),
    line("AuthenticationFail.NoPermission", Class::Denied, TRUST),
    line("AuthenticationFail.OIDCToken.*", Class::Denied, OIDC),
    line("AuthenticationFail.*", Class::Denied, KEY),
    line("InvalidAccessKeyId.NotFound", Class::Denied, KEY),
    line("InvalidAccessKeyId.Inactive", Class::Denied, "make the access key active again, or use another"),
    line("InvalidAccessKeyId.*", Class::Denied, KEY),
    line("InvalidSecurityToken.Expired", Class::Denied, TOKEN),
    line("InvalidSecurityToken.Malformed", Class::Denied, TOKEN),
    line("InvalidSecurityToken.MismatchWithAccessKey", Class::Denied, TOKEN),
    line("InvalidSecurityToken.*", Class::Denied, TOKEN),
    line("SignatureDoesNotMatch", Class::Denied, SECRET),
    line("IncompleteSignature", Class::Denied, SECRET),
    line("InvalidTimeStamp.Expired", Class::Terminal, CLOCK),
    line("InvalidTimeStamp.Format", Class::Terminal, CLOCK),
    line("InvalidTimeStamp.*", Class::Terminal, CLOCK),
    line("InvalidApi.NotFound", Class::Terminal, ENDPOINT),
    line("InvalidApi.*", Class::Terminal, ENDPOINT),
    line("InvalidProduct.NotFound", Class::Terminal, ENDPOINT),
    line("InvalidProduct.*", Class::Terminal, ENDPOINT),
    line("InvalidProtocol.NeedSsl", Class::Terminal, "set the operator's endpoint to https"),
    line("InvalidProtocol.*", Class::Terminal, "set the operator's endpoint to https"),
    line("InvalidProject.NotFound", Class::Terminal, WORKSPACE),
    line("1101080008", Class::Terminal, WORKSPACE),
    line(
        "9990040003",
        Class::Transient,
        "make the identity a member of the workspace: it is not visible to it (yet)",
    ),
    line("Missing*", Class::Terminal, OBJECT),
    line("InvalidParameter*", Class::Terminal, OBJECT),
    line("9990010001", Class::Terminal, "activate DataWorks for the account"),
    line(
        "5801488441564725318",
        Class::NotFound,
        "nothing: there is no such resource, and the operator acts on that",
    ),
    line("5801489541076353033", Class::Terminal, "nothing: there is nothing to publish under this id"),
    line(
        "58014884415*",
        Class::Terminal,
        "change the document: the service cannot read it or does not know its kind",
    ),
    line(
        "1201111431",
        Class::Terminal,
        "move the workspace to the new Data Studio: the call is of the old folder model",
    ),
];

/// The class of a code, or of the word in the message of a numeric one.
#[must_use]
pub fn class_of(code: &str) -> Option<Class> {
    known(code).map(|known| known.class)
}

/// What a person does about a code; nothing for one that is not known.
#[must_use]
pub fn cure_of(code: &str) -> Option<&'static str> {
    known(code).map(|known| known.cure)
}

/// The line of the table that a code is judged by, named by its code or family: closed, for metrics.
#[must_use]
pub fn line_of(code: &str) -> Option<&'static str> {
    known(code).map(|known| known.code)
}

fn known(code: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.matches(code))
}

impl Known {
    /// Whether the line is about this code.
    #[must_use]
    pub fn matches(&self, code: &str) -> bool {
        if let Some(family) = self.code.strip_suffix(".*") {
            return is_or_under(code, family);
        }
        match self.code.strip_suffix('*') {
            Some(start) if is_number(start) => code.len() == 19 && is_number(code) && code.starts_with(start),
            Some(start) => code.starts_with(start),
            None => code == self.code,
        }
    }
}

/// True of a code of DataWorks' own layers: decimal digits.
#[must_use]
pub fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `family` itself or `family.something`.
#[must_use]
pub fn is_or_under(word: &str, family: &str) -> bool {
    word.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_can_be_reached() {
        for (n, known) in KNOWN.iter().enumerate() {
            let code = match known.code.strip_suffix(".*") {
                Some(family) => format!("{family}.Other"),
                None if is_number(known.code.trim_end_matches('*')) => {
                    format!("{:0<19}", known.code.trim_end_matches('*'))
                }
                None => known.code.replace('*', "Other"),
            };
            let code = if known.code.ends_with('*') { code } else { known.code.to_owned() };
            let first = KNOWN.iter().position(|other| other.matches(&code));
            assert_eq!(first, Some(n), "{code}");
        }
    }

    #[test]
    fn a_part_of_a_code_is_not_the_code() {
        for code in
            ["", "Throttlings", "Forbiddenish", "580148844150000000", "58014884415000000000", "58014884415x"]
        {
            assert_eq!(class_of(code), None, "{code}");
        }
    }
}
