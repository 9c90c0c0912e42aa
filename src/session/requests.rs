//! Requests: strictly one after another, the rest waits, bounded.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use super::config::{MAX_WAITING_BYTES, MAX_WAITING_REQUESTS};
use crate::client::{Client, Handler, Reply, SubOutcome};
use crate::ddp::DdpError;
use crate::ddp::message::{self, Receipt, Request};

/// The requests of one session.
#[derive(Default)]
pub(super) struct Requests {
    waiting: VecDeque<Request>,
    /// Bytes of those that wait.
    bytes: usize,
    /// The one that is worked on. Boxed: a session at rest has none.
    current: Option<Box<Current>>,
}

struct Current {
    receipt: Receipt,
    work: Work,
}

enum Work {
    Method(BoxFuture<'static, Reply>),
    Sub(BoxFuture<'static, SubOutcome>),
}

/// What an answer means for those that wait.
enum Goes {
    /// The next one's turn comes.
    On,
    /// The session ends with it.
    Away,
}

/// A handler panicked. The request is refused and the session goes on.
pub(super) struct Panicked;

impl Requests {
    /// Whether nothing waits and nothing is worked on.
    pub(super) fn is_idle(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }

    /// Puts a request last; gives it back when too many wait. One alone may always wait, however large it is.
    pub(super) fn offer(&mut self, request: Request) -> Result<(), Request> {
        let bytes = self.bytes + request.size();
        let full = bytes > MAX_WAITING_BYTES || self.waiting.len() >= MAX_WAITING_REQUESTS;
        if full && !self.waiting.is_empty() {
            return Err(request);
        }
        self.bytes = bytes;
        self.waiting.push_back(request);
        Ok(())
    }

    /// Takes back the requests for publications of such an id that have not been answered; says how many there were.
    pub(super) fn withdraw(&mut self, which: impl Fn(&str) -> bool) -> usize {
        let mut taken = 0;
        if self
            .current
            .as_ref()
            .is_some_and(|current| matches!(&current.receipt, Receipt::Sub(id) if which(id)))
        {
            self.current = None;
            taken += 1;
        }
        let bytes = &mut self.bytes;
        self.waiting.retain(|request| {
            let stays = !matches!(request, Request::Sub(sub) if which(&sub.id));
            if !stays {
                *bytes -= request.size();
                taken += 1;
            }
            stays
        });
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        taken
    }

    /// Works on the requests, one at a time: ready after each that was answered, pending while one is away or none is
    /// there.
    pub(super) fn poll_one(
        &mut self,
        cx: &mut Context<'_>,
        client: &Arc<Client>,
        handler: &Arc<dyn Handler>,
    ) -> Poll<Result<(), Panicked>> {
        if self.current.is_none() {
            let Some(request) = self.next() else {
                return Poll::Pending;
            };
            let receipt = request.receipt();
            match catch_unwind(AssertUnwindSafe(|| begin(request, client, handler))) {
                Ok(work) => self.current = Some(Box::new(Current { receipt, work })),
                Err(panic) => return Poll::Ready(Err(refuse(client, &receipt, panic))),
            }
        }
        let Some(current) = &mut self.current else {
            return Poll::Pending;
        };
        let outcome = match catch_unwind(AssertUnwindSafe(|| current.poll(cx, client))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Goes::On)) => Ok(()),
            Ok(Poll::Ready(Goes::Away)) => {
                *self = Self::default();
                Ok(())
            }
            Err(panic) => Err(refuse(client, &current.receipt, panic)),
        };
        self.current = None;
        Poll::Ready(outcome)
    }

    fn next(&mut self) -> Option<Request> {
        let request = self.waiting.pop_front()?;
        self.bytes -= request.size();
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        Some(request)
    }

    /// Drops all of them; answers what refuses them, in order.
    pub(super) fn refuse_all(&mut self, error: &DdpError) -> Vec<Vec<u8>> {
        let all = std::mem::take(self);
        let current = all.current.map(|current| current.receipt);
        let waiting = all.waiting.iter().map(Request::receipt);
        current
            .into_iter()
            .chain(waiting)
            .flat_map(|receipt| receipt.refusal(error))
            .collect()
    }
}

impl Current {
    fn poll(&mut self, cx: &mut Context<'_>, client: &Client) -> Poll<Goes> {
        match &mut self.work {
            Work::Sub(work) => work.as_mut().poll(cx).map(|_| Goes::On),
            Work::Method(work) => work.as_mut().poll(cx).map(|reply| {
                if let Receipt::Method(id) = &self.receipt {
                    answer(client, id, &reply);
                }
                match reply.after.close {
                    None => Goes::On,
                    Some(_) => Goes::Away,
                }
            }),
        }
    }
}

fn begin(request: Request, client: &Arc<Client>, handler: &Arc<dyn Handler>) -> Work {
    match request {
        Request::Method(call) => Work::Method(handler.clone().method(client.clone(), call)),
        Request::Sub(sub) => Work::Sub(handler.clone().subscribe(client.clone(), sub)),
    }
}

fn answer(client: &Client, id: &str, reply: &Reply) {
    client.send(&match &reply.result {
        Ok(value) => message::result(id, value.as_deref()),
        Err(error) => message::result_error(id, error),
    });
    client.send(&message::updated(id));
    if let Some(close) = reply.after.close {
        client.close(close);
    }
}

fn refuse(client: &Client, receipt: &Receipt, _panic: Box<dyn Any + Send>) -> Panicked {
    for message in receipt.refusal(&DdpError::internal()) {
        client.send(&message);
    }
    Panicked
}
