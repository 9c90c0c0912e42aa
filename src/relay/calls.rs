//! The methods and publications of one session that are on their way to the server or live there.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use compact_str::CompactString;
use tokio::time::Instant;

use crate::ddp::DdpError;
use crate::ddp::message::Receipt;
use crate::telemetry::metrics;

/// How many requests of one session may wait for the server's answer, as in the mesh mode (reference/ddp.md, "Messages").
const MAX_WAITING: usize = 2000;

/// What all sessions have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) names: Names,
    /// Of the ids of publications.
    pub(super) hasher: RandomState,
    /// `DDP_MAX_SUBSCRIPTIONS`.
    pub(super) max_subscriptions: usize,
}

/// Which names may be labels: a client chooses what it calls.
#[derive(Clone, Copy)]
pub struct Names {
    /// A method that this service knows.
    pub method: fn(&str) -> bool,
    /// A publication that this service knows.
    pub publication: fn(&str) -> bool,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
}

/// What one session asked for.
#[derive(Debug)]
pub(super) struct Calls {
    /// Not answered yet, oldest first.
    open: VecDeque<Call>,
    /// The ids of its publications, hashed: all that is ever asked is whether one is there.
    subs: Vec<u64>,
    methods_open: usize,
    common: Arc<Common>,
}

#[derive(Debug)]
struct Call {
    kind: Kind,
    id: CompactString,
    /// When it was passed on, and what it was, where somebody reads that.
    timed: Option<(Instant, CompactString)>,
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
            subs: Vec::new(),
            methods_open: 0,
            common,
        }
    }

    /// Whether no method waits for its result.
    pub(super) fn is_idle(&self) -> bool {
        self.methods_open == 0
    }

    /// A method is to be passed on.
    ///
    /// # Errors
    /// What it is answered instead.
    pub(super) fn method(&mut self, id: &str, name: &str) -> Result<(), DdpError> {
        self.begin(Kind::Method, id, name)
    }

    /// A publication is asked for.
    ///
    /// # Errors
    /// What it is answered instead.
    pub(super) fn sub(&mut self, id: &str, name: &str) -> Result<(), DdpError> {
        let hash = self.common.hasher.hash_one(id);
        let known = self.subs.contains(&hash);
        if !known && self.subs.len() >= self.common.max_subscriptions {
            return Err(DdpError::too_many_requests());
        }
        self.begin(Kind::Sub, id, name)?;
        if !known {
            self.subs.push(hash);
        }
        Ok(())
    }

    /// A publication ends, since the client or the server says so.
    pub(super) fn end_sub(&mut self, id: &str) {
        let hash = self.common.hasher.hash_one(id);
        if let Some(at) = self.subs.iter().position(|other| *other == hash) {
            self.subs.swap_remove(at);
            if self.subs.is_empty() {
                self.subs = Vec::new();
            }
        }
        self.end(Kind::Sub, id, true);
    }

    /// The result of a method came.
    pub(super) fn result(&mut self, id: &str, ok: bool) {
        self.end(Kind::Method, id, ok);
    }

    /// A publication is ready.
    pub(super) fn ready(&mut self, id: &str) {
        self.end(Kind::Sub, id, true);
    }

    fn begin(&mut self, kind: Kind, id: &str, name: &str) -> Result<(), DdpError> {
        if self.open.len() >= MAX_WAITING {
            return Err(DdpError::too_many_requests());
        }
        self.methods_open += usize::from(kind == Kind::Method);
        self.open.push_back(Call {
            kind,
            id: id.into(),
            timed: metrics::enabled().then(|| (Instant::now(), name.into())),
        });
        Ok(())
    }

    fn end(&mut self, kind: Kind, id: &str, ok: bool) {
        let is_it = |call: &Call| call.kind == kind && call.id == id;
        let Some(call) = self
            .open
            .iter()
            .position(is_it)
            .and_then(|at| self.open.remove(at))
        else {
            return;
        };
        self.methods_open -= usize::from(kind == Kind::Method);
        if self.open.is_empty() {
            self.open = VecDeque::new();
        }
        call.count(&self.common.names, ok);
    }

    /// Nobody answers what is open; it counts as failed.
    pub(super) fn fail(&mut self) {
        for call in self.take() {
            call.count(&self.common.names, false);
        }
    }

    /// Forgets what is open; answers what refuses it, in order.
    pub(super) fn refuse(&mut self, error: &DdpError) -> Vec<Vec<u8>> {
        let common = self.common.clone();
        let refuse = |call: Call| {
            call.count(&common.names, false);
            let id = String::from(call.id);
            match call.kind {
                Kind::Method => Receipt::Method(id),
                Kind::Sub => Receipt::Sub(id),
            }
            .refusal(error)
        };
        self.take().into_iter().flat_map(refuse).collect()
    }

    fn take(&mut self) -> VecDeque<Call> {
        self.methods_open = 0;
        std::mem::take(&mut self.open)
    }
}

impl Call {
    fn count(&self, names: &Names, ok: bool) {
        let Some((since, name)) = &self.timed else {
            return;
        };
        // What the server said is passed on unread.
        let error = (!ok).then_some("");
        match self.kind {
            Kind::Method => {
                let name = (names.method)(name).then_some(name.as_str());
                metrics::method_answered(name, error, since.elapsed());
            }
            Kind::Sub => {
                let name = (names.publication)(name).then_some(name.as_str());
                metrics::subscription_answered(name, error, since.elapsed());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(max_subscriptions: usize) -> Calls {
        Calls::new(Arc::new(Common {
            names: Names {
                method: |_| false,
                publication: |_| false,
            },
            hasher: RandomState::new(),
            max_subscriptions,
        }))
    }

    // contract: relay/limits/subscriptions
    #[test]
    fn publications_are_counted_by_their_ids() {
        let mut calls = calls(2);
        let sub = |calls: &mut Calls, id| calls.sub(id, "x").is_ok();
        assert!(sub(&mut calls, "a") && sub(&mut calls, "b") && sub(&mut calls, "a"));
        assert!(!sub(&mut calls, "c"));
        calls.ready("a");
        assert!(!sub(&mut calls, "c"));
        calls.end_sub("a");
        assert!(sub(&mut calls, "c") && !sub(&mut calls, "d"));
        for id in ["b", "c", "unknown"] {
            calls.end_sub(id);
        }
        assert_eq!((calls.subs.capacity(), calls.subs.len()), (0, 0));
    }

    #[test]
    fn what_is_open_is_known_until_it_is_answered() {
        let mut calls = calls(9);
        assert!(calls.is_idle());
        for id in ["1", "2", "3"] {
            calls.method(id, "x").unwrap();
        }
        calls.sub("2", "x").unwrap();
        calls.result("2", true);
        calls.result("2", true);
        assert!(!calls.is_idle());
        let refusals = calls.refuse(&DdpError::number(503, "Away"));
        let refusals: Vec<_> = refusals
            .into_iter()
            .map(|one| String::from_utf8(one).unwrap())
            .collect();
        assert_eq!(refusals.len(), 5);
        for (refusal, begin) in refusals.iter().zip([
            r#"{"msg":"result","id":"1","error":{"#,
            r#"{"msg":"updated","methods":["1"]}"#,
            r#"{"msg":"result","id":"3","error":{"#,
            r#"{"msg":"updated","methods":["3"]}"#,
            r#"{"msg":"nosub","id":"2","error":{"#,
        ]) {
            assert!(refusal.starts_with(begin), "{refusal}");
        }
        assert!(calls.is_idle());
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut calls = calls(9);
        for id in 0..MAX_WAITING {
            calls.method(&id.to_string(), "x").unwrap();
        }
        assert!(calls.method("more", "x").is_err());
        calls.result("7", true);
        calls.method("more", "x").unwrap();
        calls.fail();
        assert_eq!(calls.open.capacity(), 0);
    }
}
