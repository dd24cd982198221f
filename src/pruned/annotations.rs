//! The annotations of an object that somebody here asks for. All others are passed over without being built.

use std::collections::BTreeMap;
use std::fmt;

use dataworks_core::api::{CREATE_INTENT, PUBLISH_REQUESTED, RECONCILE_REQUESTED, REQUEST_CHARACTERS};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

/// What is read of them, a wish no further than it counts; `None` where there are none at all.
#[derive(Default)]
pub(super) struct Annotations(pub(super) Option<BTreeMap<String, String>>);

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnnotationsRead)
    }
}

struct AnnotationsRead;

impl<'de> Visitor<'de> for AnnotationsRead {
    type Value = Annotations;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("annotations")
    }

    fn visit_unit<E>(self) -> Result<Annotations, E> {
        Ok(Annotations(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Annotations, A::Error> {
        let mut read = BTreeMap::new();
        while let Some(name) = all.next_key::<String>()? {
            match name.as_str() {
                CREATE_INTENT => {
                    let _earlier = read.insert(name, all.next_value()?);
                }
                RECONCILE_REQUESTED | PUBLISH_REQUESTED => {
                    let wish: String = all.next_value()?;
                    let _earlier = read.insert(name, wish.chars().take(REQUEST_CHARACTERS).collect());
                }
                _ => {
                    let _unread: IgnoredAny = all.next_value()?;
                }
            }
        }
        Ok(Annotations(Some(read)))
    }
}
