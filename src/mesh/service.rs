//! What a node offers: services with the events they listen to and the actions they answer.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::json;
use serde_json::value::RawValue;

use super::error::CallError;
use super::node_id::NodeId;
use super::node_service;
use super::registry::Pattern;

/// A future that is boxed, as handlers return it.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// What a handler answers: `None` is Moleculer's undefined.
pub type Answer = Result<Option<Box<RawValue>>, CallError>;

/// An action's handler.
pub type Handler = Arc<dyn Fn(Request) -> BoxFuture<Answer> + Send + Sync>;

/// A call that came here.
#[derive(Debug)]
pub struct Request {
    /// `service.action`.
    pub action: String,
    /// The JSON array of arguments; `null` when the caller sent none.
    pub params: Box<RawValue>,
    /// What travels beside them.
    pub meta: Option<Box<RawValue>>,
    /// Who calls; the own node with the plain broker, which does not tell.
    pub sender: NodeId,
}

/// A service without version: all its events in one group that has its name.
#[derive(Clone)]
pub struct ServiceSpec {
    name: String,
    events: Vec<String>,
    actions: Vec<(String, Handler)>,
}

impl std::fmt::Debug for ServiceSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceSpec")
            .field("name", &self.name)
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

impl ServiceSpec {
    /// A service that offers nothing yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            events: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Listens to one more event; Moleculer's wildcards are understood.
    #[must_use]
    pub fn event(mut self, name: impl Into<String>) -> Self {
        self.events.push(name.into());
        self
    }

    /// Listens to more events.
    #[must_use]
    pub fn events<I: IntoIterator<Item = S>, S: Into<String>>(mut self, names: I) -> Self {
        self.events.extend(names.into_iter().map(Into::into));
        self
    }

    /// Answers `<service>.<name>`.
    #[must_use]
    pub fn action<F, Fut>(mut self, name: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        self.actions.push((
            name.into(),
            Arc::new(move |request| Box::pin(handler(request))),
        ));
        self
    }

    /// What it answers, without its own name.
    pub(crate) fn actions(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().map(|(name, _)| name.as_str())
    }

    /// The service's name, which is also its group.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// All services of the own node, ready to be asked.
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
    /// Of a Moleculer node: with `$node`.
    pub(crate) fn new(specs: &[ServiceSpec], seq: u64) -> Self {
        Self::with(vec![node_service::info()], specs, seq)
    }

    /// Of a node of the plain broker.
    pub(crate) fn plain(specs: &[ServiceSpec], seq: u64) -> Self {
        Self::with(Vec::new(), specs, seq)
    }

    fn with(mut services: Vec<serde_json::Value>, specs: &[ServiceSpec], seq: u64) -> Self {
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

    /// No services at all: what a leaving node says of itself.
    pub(crate) fn none(seq: u64) -> Self {
        Self {
            seq,
            info: "[]".to_owned(),
            handlers: HashMap::new(),
            exact: HashMap::new(),
            patterns: Vec::new(),
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
