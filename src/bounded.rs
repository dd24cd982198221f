//! A JSON value that is read no further than a limit.
//!
//! The API server takes 1.5 MB of unknown fields in a raw document, and as a tree they are many
//! times that: a list of small numbers 30 times. Nobody needs so much beside the content, which is
//! limited by itself. The rule it keeps: what is beyond the limit is passed over without being
//! built, and the text around it is read on.

use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Values of a spec, lists and objects included: one that uses every field has some 40.
pub const MAX_VALUES: usize = 10_000;
/// Bytes of all texts and names of a spec: twice the longest content, and as much again for the rest.
pub const MAX_TEXT: usize = 3 * 131_072;

/// A value, or nothing where there was more than [`MAX_VALUES`] or [`MAX_TEXT`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounded(pub Option<Value>);

impl<'de> Deserialize<'de> for Bounded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let left = Left { values: Cell::new(MAX_VALUES), text: Cell::new(MAX_TEXT) };
        let value = Reader { left: &left }.deserialize(deserializer)?;
        Ok(Self(value))
    }
}

/// What may still be taken.
struct Left {
    values: Cell<usize>,
    text: Cell<usize>,
}

impl Left {
    /// Once something was refused, nothing more is taken.
    fn take(of: &Cell<usize>, count: usize) -> Option<()> {
        let left = of.get().checked_sub(count);
        of.set(left.unwrap_or(0));
        left.map(|_| ())
    }

    fn text(&self, text: &str) -> Option<String> {
        Self::take(&self.text, text.len()).map(|()| text.to_owned())
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    left: &'a Left,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        if Left::take(&self.left.values, 1).is_none() {
            return IgnoredAny::deserialize(deserializer).map(|_| None);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Option<Value>, E> {
        Ok(Some(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Option<Value>, E> {
        Ok(Some(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Option<Value>, E> {
        Ok(Some(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Option<Value>, E> {
        Ok(Some(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Option<Value>, E> {
        Ok(Some(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Option<Value>, E> {
        Ok(self.left.text(value).map(Value::from))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<Value>, A::Error> {
        let mut array = Some(Vec::new());
        while let Some(item) = items.next_element_seed(self)? {
            match (&mut array, item) {
                (Some(array), Some(item)) => array.push(item),
                // Dropped at once: the rest is still to be read.
                _ => array = None,
            }
        }
        Ok(array.map(Value::Array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Option<Value>, A::Error> {
        let mut object = Some(Map::new());
        while let Some(name) = fields.next_key_seed(Name { left: self.left })? {
            let value = fields.next_value_seed(self)?;
            match (&mut object, name, value) {
                (Some(object), Some(name), Some(value)) => {
                    object.insert(name, value);
                }
                _ => object = None,
            }
        }
        Ok(object.map(Value::Object))
    }
}

/// The name of a field.
struct Name<'a> {
    left: &'a Left,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<String>, E> {
        Ok(self.left.text(name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Option<Value> {
        serde_json::from_str::<Bounded>(text).unwrap().0
    }

    #[test]
    fn what_is_within_the_limit_is_as_it_was() {
        for value in [
            json!(null),
            json!({ "a": [1, -2, 3.5, true, null, "x\n", { "b": {} }], "c": u64::MAX, "d": i64::MIN }),
            json!(["x".repeat(MAX_TEXT)]),
            json!(vec![0; MAX_VALUES - 1]),
        ] {
            assert_eq!(read(&value.to_string()), Some(value.clone()));
            assert_eq!(serde_json::from_value::<Bounded>(value.clone()).unwrap().0, Some(value));
        }
    }

    #[test]
    fn what_is_beyond_it_is_nothing_and_ends_where_it_ends() {
        let many: Vec<Value> = (0..MAX_VALUES).map(|n| json!({ n.to_string(): [] })).collect();
        for value in [
            json!(vec![0; MAX_VALUES]),
            json!({ "a": { "b": vec![0; MAX_VALUES] }, "c": "after" }),
            json!(many),
            json!("x".repeat(MAX_TEXT + 1)),
            json!({ "x".repeat(MAX_TEXT): 0, "y": 0 }),
            json!([["x".repeat(MAX_TEXT)], "y"]),
        ] {
            assert_eq!(read(&value.to_string()), None);
        }
        let (Bounded(value), after): (Bounded, u8) =
            serde_json::from_str(&json!([vec![0; MAX_VALUES], 7]).to_string()).unwrap();
        assert_eq!((value, after), (None, 7));
    }

    #[test]
    fn what_is_no_json_is_refused_beyond_the_limit_too() {
        let mut text = json!(vec![0; 2 * MAX_VALUES]).to_string();
        text.truncate(text.len() - 1);
        assert!(serde_json::from_str::<Bounded>(&text).is_err());
    }
}
