//! The times that "never twice" rests on, named once for code, simulator, tests and model alike.

use k8s_openapi::jiff::SignedDuration;

/// Bounds within which a resource is never made twice. Each is a flag of `run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Deadline of a CreateResource call, and how long a dying connection may still deliver it.
    pub call: SignedDuration,
    /// How long the service may take to commit and to list what it did after an answer was lost.
    pub lag: SignedDuration,
    /// How long a signed request may arrive late and still be carried out.
    pub signature: SignedDuration,
    /// From the intent to the sending of the request.
    pub start: SignedDuration,
    /// How far the service's clock and ours may differ.
    pub skew: SignedDuration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            call: SignedDuration::from_secs(30),
            lag: SignedDuration::from_secs(60),
            signature: SignedDuration::from_mins(15),
            start: SignedDuration::from_secs(30),
            skew: SignedDuration::from_mins(2),
        }
    }
}
