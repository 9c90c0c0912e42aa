//! What `$node` offers, as INFO lists it.

use serde_json::{Map, Value, json};

/// Options that the listing actions take: name, whether it is a switch that is on by default.
type Options = &'static [(&'static str, bool)];

const ONLY: [(&str, bool); 4] = [
    ("onlyLocal", false),
    ("skipInternal", false),
    ("withEndpoints", false),
    ("onlyAvailable", false),
];
const ACTIONS: [(&str, Option<Options>); 6] = [
    (
        "list",
        Some(&[("withServices", false), ("onlyAvailable", false)]),
    ),
    (
        "services",
        Some(&[
            ("onlyLocal", false),
            ("skipInternal", false),
            ("withActions", false),
            ("withEvents", false),
            ("onlyAvailable", false),
            ("grouping", true),
        ]),
    ),
    ("actions", Some(&ONLY)),
    ("events", Some(&ONLY)),
    ("health", None),
    ("options", Some(&[])),
];

/// Full names of what it answers.
pub(crate) fn offered() -> impl Iterator<Item = String> {
    ACTIONS.iter().map(|(name, _)| format!("$node.{name}"))
}

/// The service as INFO lists it.
pub(crate) fn info() -> Value {
    let mut actions = Map::new();
    for (name, options) in ACTIONS {
        let full = format!("$node.{name}");
        let mut entry = Map::new();
        entry.insert("cache".to_owned(), false.into());
        entry.insert("tracing".to_owned(), false.into());
        if let Some(options) = options {
            let params = options.iter().map(|(option, on)| {
                (
                    (*option).to_owned(),
                    json!({ "type": "boolean", "optional": true, "convert": true, "default": on }),
                )
            });
            entry.insert("params".to_owned(), Value::Object(params.collect()));
        }
        entry.insert("rawName".to_owned(), name.into());
        entry.insert("name".to_owned(), full.as_str().into());
        actions.insert(full, Value::Object(entry));
    }
    json!({ "name": "$node", "fullName": "$node", "settings": {}, "metadata": {}, "actions": actions, "events": {} })
}
