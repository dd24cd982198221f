//! Codes of the service that a change of the object does not mend, and what does.

use crate::codes::{NO_CREDENTIALS, NO_REGION, UPLOAD_ADDRESS_REFUSED};
use crate::fault::{Class, Fault};

/// Codes that say that the workspace is not there or not visible.
pub(crate) const NO_WORKSPACE: [&str; 3] = ["1101080008", "InvalidProject.NotFound", "9990040003"];
/// What to do about refusals that no change of the object mends, by code.
pub(super) fn not_the_objects_fault(code: &str) -> Option<&'static str> {
    let cures = [
        ("InvalidTimeStamp", "Set the clock of the operator's node; it is off by more than 15 minutes."),
        ("InvalidProtocol.NeedSsl", "Set the operator's endpoint to https."),
        ("Forbidden.Not.Server", "The service is not offered in the operator's region; set another region."),
        ("InvalidApi.NotFound", "Check the operator's endpoint: it does not know this API."),
        ("InvalidProduct.NotFound", "Check the operator's endpoint: it does not know this API."),
        (
            UPLOAD_ADDRESS_REFUSED,
            "If that address is to be trusted with content, an administrator can add it to DATAWORKS_ALLOWED_ENDPOINTS.",
        ),
        (NO_REGION, "Set DATAWORKS_REGION."),
        ("9990010001", "Activate DataWorks for the account."),
    ];
    cures.into_iter().find(|(prefix, _)| code.starts_with(prefix)).map(|(_, cure)| cure)
}

/// True when what failed would fail for every call of the connection: its credentials, or that the workspace is there
/// and visible. What is a matter of one right alone looks the same.
#[must_use]
pub fn is_connections_fault(fault: &Fault) -> bool {
    fault.class == Class::Denied
        || fault.code == NO_CREDENTIALS
        || NO_WORKSPACE.contains(&fault.code.as_str())
}

/// True when the service does not take the key or its token, whatever was asked for and by whom.
#[must_use]
pub fn is_about_the_key(code: &str) -> bool {
    ["InvalidAccessKeyId", "InvalidSecurityToken"]
        .iter()
        .any(|family| code.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// True when the workspace is not there or not visible.
#[must_use]
pub fn says_no_workspace(fault: &Fault) -> bool {
    NO_WORKSPACE.contains(&fault.code.as_str())
}

/// True when the service itself refuses what was asked for, and would refuse it of any operator that is set up as it
/// should be. Of a page on the way, or where something outside of the object is to be mended, that is not known.
#[must_use]
pub fn is_final_refusal(fault: &Fault) -> bool {
    matches!(fault.class, Class::Terminal | Class::NotFound | Class::AlreadyExists)
        && !fault.code.starts_with("Http")
        && !is_connections_fault(fault)
        && !is_operators_fault(&fault.code)
}

/// True when a refusal with this code is mended outside the object: in the operator's settings or in
/// the workspace. Such refusals do not count against the document.
#[must_use]
pub fn is_operators_fault(code: &str) -> bool {
    NO_WORKSPACE.contains(&code) || not_the_objects_fault(code).is_some()
}
