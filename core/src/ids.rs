//! Identifiers of the cloud and of content, parsed once at the edge.
//!
//! Resource ids are 19-digit numbers, beyond what a JSON number may hold exactly: they are kept
//! as decimal text and never pass through a float.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A workspace id: a positive whole number that fits in 63 bits, as the API types it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProjectId(NonZeroU64);

impl ProjectId {
    /// The id, or `None` when it is zero, negative or beyond 63 bits.
    #[must_use]
    pub fn new(id: i64) -> Option<Self> {
        u64::try_from(id).ok().and_then(NonZeroU64::new).map(Self)
    }

    /// The number, as CreateResource's `ProjectId` takes it.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for ProjectId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse::<i64>().ok().and_then(Self::new).ok_or(InvalidId)
    }
}

/// The digits of the greatest 64-bit number.
const MOST_DIGITS: usize = 20;

/// A resource's id as the service gives it: 1 to 20 decimal digits, kept as text. In place: there are several copies for
/// each of many files.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// Zeroes behind the last, so that ids are in the order of their texts.
    digits: [u8; MOST_DIGITS],
    len: u8,
}

impl ResourceId {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let digits = self.digits.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(digits).unwrap_or_default()
    }
}

impl FromStr for ResourceId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut digits = [0; MOST_DIGITS];
        let len = u8::try_from(text.len()).map_err(|_| InvalidId)?;
        let place = digits.get_mut(..text.len()).ok_or(InvalidId)?;
        place.copy_from_slice(text.as_bytes());
        let decimal = len > 0 && place.iter().all(u8::is_ascii_digit);
        if decimal { Ok(Self { digits, len }) } else { Err(InvalidId) }
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResourceId").field(&self.as_str()).finish()
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ResourceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal id")]
pub struct InvalidId;

/// The SHA-256 of some content, shown and stored as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidDigest)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A text that is no SHA-256 in hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 of 64 hex digits")]
pub struct InvalidDigest;
