//! Documents against the JSON Schema files in `docs/schemas`.
//!
//! Of JSON Schema it knows the keywords that our files use, and refuses a file with any other: nothing that a schema says goes
//! unchecked.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::Path;

use serde_json::Value;

/// Keywords that ask nothing of a document.
const WORDS: [&str; 3] = ["$schema", "title", "description"];

/// Expects `document` to be what `docs/schemas/NAME.json` says.
pub(crate) fn check(name: &str, document: &Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).expect("a schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    let found = wrong(&schema, document);
    assert!(found.is_empty(), "{name}: {found}\n{document:#}");
}

/// Adds what is wrong with `value`, which is at `place` of its document.
fn compare(schema: &Value, value: &Value, place: &str, wrong: &mut Vec<String>) {
    let keywords = schema.as_object().expect("a schema is an object");
    for (keyword, asked) in keywords {
        let said = match keyword.as_str() {
            "type" => !types(asked).any(|name| is_of(value, name)),
            "const" => value != asked,
            "enum" => !asked.as_array().expect("a list").contains(value),
            "minimum" => value.as_f64().is_some_and(|value| Some(value) < asked.as_f64()),
            // Of an object alone.
            "required" if !value.is_object() => false,
            "required" => {
                let names = asked.as_array().expect("a list").iter().filter_map(Value::as_str);
                let missing: Vec<&str> = names.filter(|name| value.get(name).is_none()).collect();
                if !missing.is_empty() {
                    wrong.push(format!("{place}: {missing:?} are missing"));
                }
                false
            }
            "additionalProperties" => {
                let known = &schema["properties"];
                let pairs = value.as_object().into_iter().flatten();
                let more = pairs.filter(|(name, _)| known.get(name.as_str()).is_none());
                match asked {
                    Value::Bool(false) => {
                        let more: Vec<&String> = more.map(|(name, _)| name).collect();
                        if !more.is_empty() {
                            wrong.push(format!("{place}: {more:?} are in no schema"));
                        }
                    }
                    // A map: what all of its values are.
                    schema => more.for_each(|(name, value)| {
                        compare(schema, value, &format!("{place}/{name}"), wrong);
                    }),
                }
                false
            }
            "properties" => {
                for (name, schema) in asked.as_object().expect("an object") {
                    if let Some(value) = value.get(name) {
                        compare(schema, value, &format!("{place}/{name}"), wrong);
                    }
                }
                false
            }
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                items.for_each(|(at, item)| compare(asked, item, &format!("{place}/{at}"), wrong));
                false
            }
            word => {
                assert!(WORDS.contains(&word), "{word}: a keyword that this check does not know");
                false
            }
        };
        if said {
            wrong.push(format!("{place}: expected {keyword} {asked}, found {value}"));
        }
    }
}

/// The names that a `type` has: one, or a list.
fn types(asked: &Value) -> impl Iterator<Item = &str> {
    let one = std::slice::from_ref(asked);
    asked.as_array().map_or(one, Vec::as_slice).iter().filter_map(Value::as_str)
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => panic!("{name}: no type of JSON Schema"),
    }
}

/// What is wrong with a document, by a schema.
pub(crate) fn wrong(schema: &Value, document: &Value) -> String {
    let mut wrong = Vec::new();
    compare(schema, document, "", &mut wrong);
    wrong.join("; ")
}
