//! The smallest merge patch between two values.

use serde_json::{Map, Value};

/// The JSON merge patch (RFC 7386) that makes `before` into `after`, or `None` when they are
/// equal. Lists are replaced whole; what is missing from `after` becomes null.
#[must_use]
pub fn merge_patch(before: &Value, after: &Value) -> Option<Value> {
    if before == after {
        return None;
    }
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return Some(after.clone());
    };
    let mut patch = Map::new();
    for (key, value) in after {
        match before.get(key) {
            Some(old) => {
                if let Some(inner) = merge_patch(old, value) {
                    patch.insert(key.clone(), inner);
                }
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn says_only_what_differs() {
        let rows = [
            (json!({"a": 1}), json!({"a": 1}), None),
            (
                json!({"a": 1, "b": {"c": 1, "d": 2}}),
                json!({"b": {"c": 1}}),
                Some(json!({"a": null, "b": {"d": null}})),
            ),
            (json!({}), json!({"l": [1]}), Some(json!({"l": [1]}))),
            (json!({"l": [1, 2]}), json!({"l": [2]}), Some(json!({"l": [2]}))),
        ];
        for (before, after, want) in rows {
            assert_eq!(merge_patch(&before, &after), want, "{before} -> {after}");
        }
    }
}
