//! What a session asks of the rest of the house.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::handle::Client;
use crate::ddp::message::{MethodCall, Subscription};
use crate::ddp::{Close, Code, DdpError};

/// The answer to a method: the session writes `result` and `updated` from it, in this order.
#[derive(Debug)]
pub struct Reply {
    /// What the method returned; `None` is nothing at all.
    pub result: Result<Option<Box<RawValue>>, DdpError>,
    /// What follows `updated`.
    pub after: After,
}

/// What follows the answer to a method.
#[derive(Debug, Default)]
pub struct After {
    /// Dropped once the answer is sent, or cannot be: whoever waits at the other end goes on.
    pub sent: Option<oneshot::Sender<()>>,
    /// The end of the session, once all is flushed.
    pub close: Option<Close>,
}

impl From<Result<Option<Box<RawValue>>, DdpError>> for Reply {
    fn from(result: Result<Option<Box<RawValue>>, DdpError>) -> Self {
        Self {
            result,
            after: After::default(),
        }
    }
}

/// How a request for a publication ended, for counters and traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubOutcome {
    /// `ready` was sent.
    Ready,
    /// `nosub` was sent, with an error of this code or without one; or nothing, since the session has left.
    Refused(Option<Code>),
}

/// The house as a session sees it.
///
/// A session runs the futures inside its own task, one at a time. It drops the one that is away when the client is sent
/// away, a call of a client that left takes too long, or the service drains: whatever a future sends it must send after its
/// last await, in one stretch.
pub trait Handler: Send + Sync + 'static {
    /// The socket is open.
    fn opened(&self, client: &Arc<Client>);

    /// A method was called.
    fn method(self: Arc<Self>, client: Arc<Client>, call: MethodCall) -> BoxFuture<'static, Reply>;

    /// A publication is asked for: sends the documents, then `ready` or `nosub`.
    fn subscribe(
        self: Arc<Self>,
        client: Arc<Client>,
        sub: Subscription,
    ) -> BoxFuture<'static, SubOutcome>;

    /// A publication ends: sends `nosub` when it was active.
    fn unsubscribe(&self, client: &Arc<Client>, id: &str);

    /// The client spoke; asked at most once in 30 s for a session.
    fn active(&self, client: &Arc<Client>);

    /// Teardown, first: nothing more is published to this client.
    fn leave(&self, client: &Arc<Client>);

    /// Teardown, last: what may be slow. The socket is closed already.
    fn closed(self: Arc<Self>, client: Arc<Client>) -> BoxFuture<'static, ()>;
}
