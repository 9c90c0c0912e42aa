//! The methods and publications of one session that are on their way to the server or live there.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use compact_str::CompactString;
use tokio::time::Instant;

use super::names::Names;
use super::subs::{Asked, Subs};
use super::traced::Traced;
use crate::config::ServerUrl;
use crate::ddp::DdpError;
use crate::ddp::glance::{Fields, text};
use crate::ddp::message::{Receipt, result_error, updated};
use crate::telemetry::metrics;

/// How many requests of one session may wait for the server's answer, as in the mesh mode (reference/ddp.md, "Messages").
const MAX_WAITING: usize = 2000;

/// What all sessions have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) names: Names,
    /// The server that is asked.
    pub(super) server: ServerUrl,
    /// Of the ids of publications.
    pub(super) hasher: RandomState,
    /// `DDP_MAX_SUBSCRIPTIONS`.
    pub(super) max_subscriptions: usize,
}

/// What one session asked for.
#[derive(Debug)]
pub(super) struct Calls {
    /// Not answered yet, oldest first.
    open: VecDeque<Call>,
    subs: Subs,
    methods_open: usize,
    /// Methods whose `result` has come and whose `updated` has not, oldest first.
    half_answered: VecDeque<CompactString>,
    common: Arc<Common>,
}

/// A method or a publication that a client asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    /// Its session.
    pub(super) session: &'a str,
    pub(super) id: &'a str,
    /// The method, or the publication.
    pub(super) name: &'a str,
    /// The whole message.
    pub(super) message: &'a str,
}

/// What became of a request.
#[derive(Debug, Clone, Copy)]
enum Outcome<'a> {
    Done,
    /// The server's `error`, as it is written.
    Refused(&'a [u8]),
    /// The edge gave it up: a code that says why.
    Failed(&'a str),
}

#[derive(Debug)]
struct Call {
    kind: Kind,
    id: CompactString,
    /// Whether its `updated` has come: a server may send it before the `result`.
    updated: bool,
    /// When it was passed on, and what it was, where somebody reads that.
    timed: Option<(Instant, CompactString)>,
    /// Where it is traced.
    traced: Option<Box<Traced>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Method,
    Sub,
}

impl Calls {
    pub(super) fn new(common: Arc<Common>) -> Self {
        Self {
            open: VecDeque::new(),
            subs: Subs::default(),
            methods_open: 0,
            half_answered: VecDeque::new(),
            common,
        }
    }

    /// Whether no method waits for its `result` or its `updated`.
    pub(super) fn is_idle(&self) -> bool {
        self.has_results() && self.half_answered.is_empty()
    }

    /// Whether no method waits for its `result`: the server is done with all of them.
    pub(super) fn has_results(&self) -> bool {
        self.methods_open == 0
    }

    /// A method is to be passed on.
    ///
    /// # Errors
    /// What it is answered instead.
    pub(super) fn method(&mut self, request: Request<'_>) -> Result<(), DdpError> {
        self.begin(Kind::Method, request)
    }

    /// A publication is asked for.
    ///
    /// # Errors
    /// What it is answered instead.
    pub(super) fn sub(&mut self, request: Request<'_>) -> Result<(), DdpError> {
        if self.is_full() {
            return Err(DdpError::too_many_requests());
        }
        let most = self.common.max_subscriptions;
        if request.id.is_empty() {
            // Meteor has one more each time, never says that it is ready, and cannot end it.
            return match self.subs.ask(rand::random(), most) {
                Asked::TooMany => Err(DdpError::too_many_requests()),
                Asked::New | Asked::Again => Ok(()),
            };
        }
        match self.subs.ask(self.hash(request.id), most) {
            Asked::New => self.begin(Kind::Sub, request),
            // Nobody answers it: it would be open for ever.
            Asked::Again => Ok(()),
            Asked::TooMany => Err(DdpError::too_many_requests()),
        }
    }

    /// The client wants a publication no more. One that is not ready yet is given up: nobody counts it. Says whether this is
    /// to be passed on.
    pub(super) fn unsub(&mut self, id: &str) -> bool {
        let open = self.take_one(Kind::Sub, id);
        let most = self.common.max_subscriptions;
        self.subs.leave(self.hash(id), open.is_none(), most)
    }

    /// The server ends a publication, or refuses it with this `error`.
    pub(super) fn nosub(&mut self, id: &str, error: Option<&[u8]>) {
        if self.subs.end(self.hash(id)) {
            self.end(Kind::Sub, id, error.into());
        }
    }

    /// The result of a method came, or its `error`.
    pub(super) fn result(&mut self, id: &str, error: Option<&[u8]>) {
        let Some(call) = self.take_one(Kind::Method, id) else {
            return;
        };
        if !call.updated {
            // A server that never says `updated` is not remembered without end.
            if self.half_answered.len() >= MAX_WAITING {
                self.half_answered.pop_front();
            }
            self.half_answered.push_back(call.id.clone());
        }
        call.end(&self.common.names, error.into());
    }

    /// The server says that all is published that a method wrote: before its result, or behind it.
    pub(super) fn updated(&mut self, id: &str) {
        if let Some(at) = self.half_answered.iter().position(|half| half == id) {
            self.half_answered.remove(at);
            if self.half_answered.is_empty() {
                self.half_answered = VecDeque::new();
            }
            return;
        }
        let is_it = |call: &&mut Call| call.kind == Kind::Method && call.id == id && !call.updated;
        if let Some(call) = self.open.iter_mut().find(is_it) {
            call.updated = true;
        }
    }

    /// A publication is ready.
    pub(super) fn ready(&mut self, id: &str) {
        self.subs.ready(self.hash(id));
        self.end(Kind::Sub, id, Outcome::Done);
    }

    fn begin(&mut self, kind: Kind, request: Request<'_>) -> Result<(), DdpError> {
        if self.is_full() {
            return Err(DdpError::too_many_requests());
        }
        let (names, server) = (&self.common.names, &self.common.server);
        let Request { session, name, .. } = request;
        let traced = match kind {
            Kind::Method => Traced::method(names, server, name, session),
            Kind::Sub => Traced::publication(names, server, name, session, request.message),
        };
        self.methods_open += usize::from(kind == Kind::Method);
        self.open.push_back(Call {
            kind,
            id: request.id.into(),
            updated: false,
            timed: metrics::enabled().then(|| (Instant::now(), request.name.into())),
            traced,
        });
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.open.len() >= MAX_WAITING
    }

    /// How an id is known to [`Subs`].
    fn hash(&self, id: &str) -> u64 {
        self.common.hasher.hash_one(id)
    }

    fn take_one(&mut self, kind: Kind, id: &str) -> Option<Call> {
        let is_it = |call: &Call| call.kind == kind && call.id == id;
        let at = self.open.iter().position(is_it)?;
        let call = self.open.remove(at)?;
        self.methods_open -= usize::from(kind == Kind::Method);
        if self.open.is_empty() {
            self.open = VecDeque::new();
        }
        Some(call)
    }

    fn end(&mut self, kind: Kind, id: &str, outcome: Outcome<'_>) {
        if let Some(call) = self.take_one(kind, id) {
            call.end(&self.common.names, outcome);
        }
    }

    /// Nobody answers what is open: it has failed, as the code `why` says.
    pub(super) fn fail(&mut self, why: &str) {
        for call in self.take() {
            call.end(&self.common.names, Outcome::Failed(why));
        }
    }

    /// Forgets what is open; answers what refuses it, in order. Of what the server said half, the other half is said.
    pub(super) fn refuse(&mut self, error: &DdpError) -> Vec<Vec<u8>> {
        let (common, code) = (self.common.clone(), error.code.to_string());
        let halves = std::mem::take(&mut self.half_answered);
        let refuse = |call: Call| {
            let (kind, updated) = (call.kind, call.updated);
            let id = String::from(call.id.as_str());
            call.end(&common.names, Outcome::Failed(&code));
            match kind {
                Kind::Method if updated => vec![result_error(&id, error)],
                Kind::Method => Receipt::Method(id).refusal(error),
                Kind::Sub => Receipt::Sub(id).refusal(error),
            }
        };
        let refused = self.take().into_iter().flat_map(refuse);
        let halves = halves.iter().map(|id| updated(id));
        halves.chain(refused).collect()
    }

    fn take(&mut self) -> VecDeque<Call> {
        self.methods_open = 0;
        self.half_answered = VecDeque::new();
        std::mem::take(&mut self.open)
    }
}

impl Call {
    fn end(self, names: &Names, outcome: Outcome<'_>) {
        if self.timed.is_none() && self.traced.is_none() {
            return;
        }
        let error = outcome.code();
        let error = error.as_deref();
        if let Some((since, name)) = &self.timed {
            match self.kind {
                Kind::Method => {
                    metrics::method_answered(names.known_method(name), error, since.elapsed());
                }
                Kind::Sub => {
                    let name = names.known_publication(name);
                    metrics::subscription_answered(name, error, since.elapsed());
                }
            }
        }
        if let Some(traced) = self.traced {
            traced.end(error);
        }
    }
}

impl<'a> From<Option<&'a [u8]>> for Outcome<'a> {
    fn from(error: Option<&'a [u8]>) -> Self {
        error.map_or(Self::Done, Self::Refused)
    }
}

impl<'a> Outcome<'a> {
    /// What went wrong, as a code; empty where the server's error has none.
    fn code(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Done => None,
            Self::Failed(why) => Some(why.into()),
            Self::Refused(error) => {
                let code = Fields::of(error).find(|(key, _)| *key == b"error");
                let number = |value| std::str::from_utf8(value).map(Cow::Borrowed).ok();
                let code = code.and_then(|(_, value)| text(value).or_else(|| number(value)));
                Some(code.unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests;
