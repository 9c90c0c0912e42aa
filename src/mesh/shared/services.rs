//! The services of the own node, ready to be asked.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;

use super::pattern::Pattern;
use crate::mesh::service::{Handler, ServiceSpec};

/// See the module.
pub(crate) struct LocalServices {
    /// Version of the list, as INFO carries it.
    pub(crate) seq: u64,
    /// `INFO.services`, a JSON array.
    pub(crate) info: String,
    handlers: HashMap<String, Handler>,
    exact: HashMap<String, Vec<String>>,
    patterns: Vec<(Pattern, String)>,
}

impl LocalServices {
    /// The broker's own, as INFO lists them, and these.
    pub(crate) fn new(
        mut services: Vec<serde_json::Value>,
        specs: &[ServiceSpec],
        seq: u64,
    ) -> Self {
        let mut handlers = HashMap::new();
        let mut exact: HashMap<String, Vec<String>> = HashMap::new();
        let mut patterns = Vec::new();
        for spec in specs {
            let mut actions = serde_json::Map::new();
            for (name, handler) in &spec.actions {
                let full = format!("{}.{name}", spec.name);
                actions.insert(full.clone(), json!({ "rawName": name, "name": full }));
                handlers.insert(full, Arc::clone(handler));
            }
            let mut events = serde_json::Map::new();
            for name in &spec.events {
                // Those of the registry are told here and nowhere else: nobody may send them.
                if name.starts_with('$') {
                    continue;
                }
                events.insert(name.clone(), json!({ "name": name }));
                let pattern = Pattern::new(name);
                if pattern.is_exact() {
                    exact
                        .entry(name.clone())
                        .or_default()
                        .push(spec.name.clone());
                } else {
                    patterns.push((pattern, spec.name.clone()));
                }
            }
            services.push(json!({
                "name": spec.name, "fullName": spec.name, "settings": {}, "metadata": {},
                "actions": actions, "events": events,
            }));
        }
        Self {
            seq,
            info: serde_json::Value::Array(services).to_string(),
            handlers,
            exact,
            patterns,
        }
    }

    /// What they answer: `service.action`.
    pub(crate) fn actions(&self) -> impl Iterator<Item = &str> {
        self.handlers.keys().map(String::as_str)
    }

    /// What they listen to: group and event name, wildcards and all.
    pub(crate) fn events(&self) -> impl Iterator<Item = (&str, &str)> {
        let exact = self.exact.iter().flat_map(|(event, groups)| {
            groups
                .iter()
                .map(move |group| (group.as_str(), event.as_str()))
        });
        let patterns = self
            .patterns
            .iter()
            .map(|(pattern, group)| (group.as_str(), pattern.text()));
        exact.chain(patterns)
    }

    pub(crate) fn handler(&self, action: &str) -> Option<&Handler> {
        self.handlers.get(action)
    }

    /// The services that listen to the event, each as often as it does.
    pub(crate) fn groups<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a str> {
        let patterns = self
            .patterns
            .iter()
            .filter(move |(pattern, _)| pattern.matches(event))
            .map(|(_, group)| group);
        let exact = self.exact.get(event).into_iter().flatten();
        exact.chain(patterns).map(String::as_str)
    }

    /// Whether a service of these groups (empty: any) listens to the event.
    pub(crate) fn listens<S: AsRef<str>>(&self, event: &str, groups: &[S]) -> bool {
        let wanted =
            |group: &String| groups.is_empty() || groups.iter().any(|g| g.as_ref() == group);
        self.exact
            .get(event)
            .is_some_and(|listening| listening.iter().any(wanted))
            || self
                .patterns
                .iter()
                .any(|(pattern, group)| wanted(group) && pattern.matches(event))
    }
}
