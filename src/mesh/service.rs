//! What a node offers: services with the events they listen to and the actions they answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::error::CallError;
use super::node_id::NodeId;
use crate::telemetry::traces::TraceContext;

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
    /// Where the caller stands in its trace; `None` too while no traces are sent.
    pub caller: Option<TraceContext>,
    /// Who calls; the own node with the plain broker, which does not tell.
    pub sender: NodeId,
}

/// A service without version: all its events in one group that has its name.
#[derive(Clone)]
pub struct ServiceSpec {
    pub(super) name: String,
    pub(super) events: Vec<String>,
    pub(super) actions: Vec<(String, Handler)>,
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
