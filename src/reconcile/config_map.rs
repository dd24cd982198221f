//! One key of a ConfigMap, read live.
//!
//! Of a ConfigMap that holds many files only the wanted one is built; the others are passed over.

use std::fmt;

use dataworks_core::api::v1alpha1::{ConfigMapKeyRef, ContentSource};
use k8s_openapi::ByteString;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

/// What a ConfigMap says of one of its keys.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigMapKey {
    /// Which version says it.
    pub source: ContentSource,
    /// What the key holds; `None`: there is no such key.
    pub bytes: Option<Vec<u8>>,
}

impl fmt::Debug for ConfigMapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.bytes.as_ref().map(Vec::len);
        f.debug_struct("ConfigMapKey").field("source", &self.source).field("bytes", &length).finish()
    }
}

/// Reads the JSON of a ConfigMap.
///
/// # Errors
/// When it is none.
pub fn key_of(text: &str, reference: &ConfigMapKeyRef) -> Result<ConfigMapKey, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    Root { key: &reference.key }.deserialize(&mut reader)
}

struct Root<'a> {
    key: &'a str,
}

impl<'de> DeserializeSeed<'de> for Root<'_> {
    type Value = ConfigMapKey;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ConfigMapKey, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Root<'_> {
    type Value = ConfigMapKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a ConfigMap")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ConfigMapKey, A::Error> {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Metadata {
            uid: Option<String>,
            resource_version: Option<String>,
        }
        let (mut metadata, mut bytes) = (Metadata::default(), None);
        while let Some(field) = map.next_key::<String>()? {
            match field.as_str() {
                "metadata" => metadata = map.next_value()?,
                "data" => bytes = map.next_value_seed(Only { key: self.key, read: text })?.or(bytes),
                "binaryData" => bytes = map.next_value_seed(Only { key: self.key, read: binary })?.or(bytes),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let Metadata { uid, resource_version } = metadata;
        Ok(ConfigMapKey { source: ContentSource { uid, resource_version }, bytes })
    }
}

/// One entry of a map, read by `read`.
struct Only<'a, T> {
    key: &'a str,
    read: fn(T) -> Vec<u8>,
}

fn text(text: String) -> Vec<u8> {
    text.into_bytes()
}

fn binary(bytes: ByteString) -> Vec<u8> {
    bytes.0
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Only<'_, T> {
    type Value = Option<Vec<u8>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        // Null where there is none.
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Only<'_, T> {
    type Value = Option<Vec<u8>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.key {
                found = Some((self.read)(map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_is_read_whichever_way_it_stands() {
        let rows = [
            (r#""data":{"a.py":"é\n","b":"x"}"#, "a.py", Some("é\n".as_bytes())),
            (r#""data":{"b":"x"},"binaryData":{"a.jar":"AP8="}"#, "a.jar", Some(&[0, 255][..])),
            (r#""binaryData":{"a.jar":"AP8="},"data":null"#, "a.jar", Some(&[0, 255])),
            (r#""data":{"a.py":""}"#, "a.py", Some(b"")),
            (r#""data":{"b":"x"}"#, "a.py", None),
            (r#""immutable":true"#, "a.py", None),
        ];
        for (inner, key, want) in rows {
            let text = format!(
                r#"{{"kind":"ConfigMap","metadata":{{"uid":"u","resourceVersion":"7","labels":{{}}}},{inner}}}"#
            );
            let reference = ConfigMapKeyRef { name: "m".to_owned(), key: key.to_owned() };
            let got = key_of(&text, &reference).unwrap();
            assert_eq!(got.bytes.as_deref(), want, "{inner}");
            let ContentSource { uid, resource_version } = got.source;
            assert_eq!((uid.as_deref(), resource_version.as_deref()), (Some("u"), Some("7")));
        }
        let reference = ConfigMapKeyRef { name: "m".to_owned(), key: "a".to_owned() };
        assert!(key_of("[]", &reference).is_err());
        assert!(key_of(r#"{"binaryData":{"a":"no base64!"}}"#, &reference).is_err());
    }
}
