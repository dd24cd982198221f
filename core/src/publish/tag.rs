//! What a run's description says: whose it is and which version it publishes.
//!
//! CreatePipelineRun takes no idempotency token, and a run does not tell what it is for. The
//! description is answered again, so it stands for a token; where the service drops it, time and
//! status have to do.

use k8s_openapi::jiff::Timestamp;

use super::Kind;
use crate::object::Uid;

const WHO: &str = "dataworks-operator";
/// In the place of a version, for a run that publishes none.
const NONE: &str = "-";

/// What a description of ours says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// What the run does.
    pub kind: Kind,
    /// The object's uid.
    pub uid: String,
    /// The `specDigest` that it publishes.
    pub version: Option<String>,
    /// The `at` of the request that made it.
    pub at: String,
}

impl Tag {
    /// The tag of a request of this object.
    #[must_use]
    pub fn new(kind: Kind, uid: &Uid, version: Option<&str>, at: Timestamp) -> Self {
        Self { kind, uid: uid.to_string(), version: version.map(str::to_owned), at: at.to_string() }
    }

    /// The description.
    #[must_use]
    pub fn to_description(&self) -> String {
        let Self { kind, uid, version, at } = self;
        let version = version.as_deref().unwrap_or(NONE);
        format!("{WHO} {} object {uid} version {version} at {at}", kind.as_str())
    }

    /// What a description says; `None` for one of somebody else.
    #[must_use]
    pub fn read(description: &str) -> Option<Self> {
        let words: Vec<&str> = description.split_whitespace().collect();
        let [WHO, kind, "object", uid, "version", version, "at", at] = words.as_slice() else { return None };
        let kind = [Kind::Online, Kind::Offline].into_iter().find(|known| known.as_str() == *kind)?;
        let version = (*version != NONE).then(|| (*version).to_owned());
        Some(Self { kind, uid: (*uid).to_owned(), version, at: (*at).to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote_and_nothing_else() {
        let at = "2026-01-02T03:04:05.123456Z".parse().unwrap();
        for (kind, version) in [(Kind::Online, Some("9f86")), (Kind::Offline, None)] {
            let tag = Tag::new(kind, &Uid::new("u-1"), version, at);
            assert_eq!(Tag::read(&tag.to_description()), Some(tag));
        }
        for foreign in ["", "by hand", "dataworks-operator Online object u-1 version 9f86"] {
            assert_eq!(Tag::read(foreign), None, "{foreign}");
        }
    }
}
