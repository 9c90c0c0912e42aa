//! What a session asks of the server that it is relayed to, where there is no mesh (reference/relay.md).

use std::borrow::Cow;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::handle::Client;
use crate::ddp::glance::Glance;
use crate::ddp::{Close, DdpError};

/// The server that sessions are relayed to.
pub trait Server: Send + Sync + 'static {
    /// A session's own connection to it, for a client whose `connect` was accepted. Nothing happens before it is polled.
    fn leg(self: Arc<Self>, client: &Arc<Client>, connect: &str) -> Box<dyn Leg>;
}

/// A session's connection to the server behind. The session's task polls it beside its own socket.
pub trait Leg: Send {
    /// A message of the client that is the server's to answer. One that is refused is answered here.
    fn hear(&mut self, client: &Client, message: &str, glance: &Glance<'_>);

    /// Connects, writes what waits, and reads once into `buffer`. Answers with frames for the client that go out as they
    /// are, behind all that is in its outbox: mostly what was read, else nothing, since the rest went to the outbox.
    ///
    /// # Errors
    /// How the session is to be closed.
    fn poll<'a>(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        buffer: &'a mut ReadBuf<'_>,
    ) -> Poll<Result<Cow<'a, [u8]>, Close>>;

    /// When [`Leg::on_time`] is to be called, if at all.
    fn deadline(&self) -> Option<Instant>;

    /// A deadline has passed; [`Leg::poll`] follows.
    fn on_time(&mut self);

    /// Whether no method of the client waits for its answer: `result` and `updated`.
    fn is_idle(&self) -> bool;

    /// Forgets the calls that wait; answers what refuses them, in order.
    fn refuse_all(&mut self, error: &DdpError) -> Vec<Vec<u8>>;

    /// Whether the server knows all that the client said, and is done with its calls: `updated` has nobody to hear it.
    fn is_settled(&self) -> bool;

    /// Goes on for a client that has left, in place of [`Leg::poll`]: a server that sees its client gone drops the calls
    /// that it has not begun. Ready when it is settled, or cannot be any more.
    fn poll_finish(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<()>;

    /// The session is over: what is still open is given up, and the server is told goodbye.
    fn part(self: Box<Self>) -> BoxFuture<'static, ()>;
}
