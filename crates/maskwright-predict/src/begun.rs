//! What a folder of results was begun with, beside what is asked for now.

use serde_json::{Map, Value};

/// The first value that differs: its name with dots, and both; null for one that is not there.
pub fn difference(one: &Value, other: &Value) -> Option<(String, Value, Value)> {
    differing("", one, other)
}

fn differing(at: &str, one: &Value, other: &Value) -> Option<(String, Value, Value)> {
    let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    match (one, other) {
        (Value::Object(ones), Value::Object(others)) => {
            let mut keys = ones.keys().chain(others.keys().filter(|key| !ones.contains_key(*key)));
            let value = |values: &Map<String, Value>, key: &String| {
                values.get(key).cloned().unwrap_or_default()
            };
            keys.find_map(|key| differing(&below(key), &value(ones, key), &value(others, key)))
        }
        (Value::Array(ones), Value::Array(others)) if ones.len() == others.len() => {
            let mut pairs = ones.iter().zip(others).enumerate();
            pairs.find_map(|(at, (one, other))| differing(&below(&at.to_string()), one, other))
        }
        _ if one == other => None,
        _ => Some((at.into(), one.clone(), other.clone())),
    }
}
