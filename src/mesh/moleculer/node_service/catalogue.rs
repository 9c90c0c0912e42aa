//! What `$node` offers, as INFO lists it.

use serde_json::{Map, Value, json};

/// What an action takes.
enum Params {
    /// Nothing that is checked.
    Any,
    /// Switches: name, whether it is on by default.
    Switches(&'static [(&'static str, bool)]),
    /// Names, one or several each.
    Names(&'static [&'static str]),
}

const ONLY: Params = Params::Switches(&[
    ("onlyLocal", false),
    ("skipInternal", false),
    ("withEndpoints", false),
    ("onlyAvailable", false),
]);
const ACTIONS: [(&str, Params); 7] = [
    (
        "list",
        Params::Switches(&[("withServices", false), ("onlyAvailable", false)]),
    ),
    (
        "services",
        Params::Switches(&[
            ("onlyLocal", false),
            ("skipInternal", false),
            ("withActions", false),
            ("withEvents", false),
            ("onlyAvailable", false),
            ("grouping", true),
        ]),
    ),
    ("actions", ONLY),
    ("events", ONLY),
    ("health", Params::Any),
    ("options", Params::Switches(&[])),
    ("metrics", Params::Names(&["types", "includes", "excludes"])),
];

impl Params {
    /// As Moleculer's validator has them.
    fn rules(&self) -> Option<Value> {
        let rules: Map<String, Value> = match self {
            Self::Any => return None,
            Self::Switches(switches) => switches
                .iter()
                .map(|(name, on)| {
                    let rule = json!({ "type": "boolean", "optional": true, "convert": true, "default": on });
                    ((*name).to_owned(), rule)
                })
                .collect(),
            Self::Names(names) => names
                .iter()
                .map(|name| {
                    let rules = json!([{ "type": "string" }, { "type": "array", "items": "string" }]);
                    ((*name).to_owned(), json!({ "type": "multi", "optional": true, "rules": rules }))
                })
                .collect(),
        };
        Some(Value::Object(rules))
    }
}

/// Full names of what it answers.
pub(crate) fn offered() -> impl Iterator<Item = String> {
    ACTIONS.iter().map(|(name, _)| format!("$node.{name}"))
}

/// The service as INFO lists it.
pub(crate) fn info() -> Value {
    let mut actions = Map::new();
    for (name, params) in ACTIONS {
        let full = format!("$node.{name}");
        let mut entry = Map::new();
        entry.insert("cache".to_owned(), false.into());
        entry.insert("tracing".to_owned(), false.into());
        if let Some(rules) = params.rules() {
            entry.insert("params".to_owned(), rules);
        }
        entry.insert("rawName".to_owned(), name.into());
        entry.insert("name".to_owned(), full.as_str().into());
        actions.insert(full, Value::Object(entry));
    }
    json!({ "name": "$node", "fullName": "$node", "settings": {}, "metadata": {}, "actions": actions, "events": {} })
}
