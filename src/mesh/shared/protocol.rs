//! What the two brokers do each in its own way.

use std::ops::Deref;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::task::{JoinHandle, unconstrained};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::incoming::Received;
use super::local_node::LocalNode;
use super::transport::{ConnectFailed, Connection};

/// A broker's node: the own node, and the language that it speaks with the others.
pub(crate) trait Protocol: Deref<Target = LocalNode> + Send + Sync + 'static {
    /// What a connection brings.
    type Inlets: Send;

    /// One attempt to connect, subscribed to everything that the node listens to.
    fn connect(
        &self,
        attempt: usize,
    ) -> impl Future<Output = Result<Connection<Self::Inlets>, ConnectFailed>> + Send;

    /// A connection was made: what was concluded from silence while there was none counts no more.
    fn hears_again(&self);

    /// The first words, and the tasks that take what the connection brings. Each ends when `scope` is over, having taken
    /// the answers and events that came until then ([`left_over`]), and ends it when it sees the end of the connection
    /// itself.
    fn begin(self: &Arc<Self>, inlets: Self::Inlets, scope: &Scope<'_>) -> Vec<JoinHandle<()>>;

    /// Waits until the connection's subscriptions are no longer right.
    fn outdated(&self) -> impl Future<Output = ()> + Send;

    /// The last words, before they are written out.
    fn farewell(&self);

    /// Reads an event whose turn has come, and tells the listener.
    fn deliver(&self, received: Received);
}

/// How long tasks of a connection live.
pub(crate) struct Scope<'a> {
    pub(crate) tracker: &'a TaskTracker,
    /// The node's: handlers of calls that came here go on when the connection breaks.
    pub(crate) node: &'a CancellationToken,
    /// This connection's: all of its tasks are ended, and waited for, before the next one begins.
    pub(crate) over: &'a CancellationToken,
}

/// The next of what a connection brought before its end, if something is left. Without the budget that tokio gives a task:
/// it would end in the middle.
pub(crate) fn left_over<T>(next: impl Future<Output = Option<T>>) -> Option<T> {
    unconstrained(next).now_or_never().flatten()
}
