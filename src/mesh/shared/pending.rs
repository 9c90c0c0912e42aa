//! Calls that wait for their answers.

use std::sync::Arc;

use foldhash::HashMap;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::mesh::node_id::NodeId;
use crate::mesh::remote_error::RemoteError;

/// How a call ended, seen from the wire.
#[derive(Debug)]
pub(crate) enum Reply {
    Data(Option<Box<RawValue>>),
    Error(Box<RemoteError>),
    /// An answer that is not supported.
    Bad(&'static str),
    NodeLost,
    /// Nobody took the request: the called node is not connected.
    Unreached,
    Away,
    Left,
}

/// See the module. Clones are the same table.
#[derive(Clone, Default)]
pub(crate) struct Pending(Arc<Mutex<HashMap<Uuid, Waiting>>>);

struct Waiting {
    /// Who owes the answer, where that is known.
    node: Option<NodeId>,
    reply: oneshot::Sender<Reply>,
}

/// A place in the table, given up when dropped: whoever stops waiting leaves nothing behind.
pub(crate) struct Ticket {
    pub(crate) id: Uuid,
    table: Pending,
    reply: oneshot::Receiver<Reply>,
    /// The reply came: whoever sent it took the place out of the table before.
    settled: bool,
}

/// An id of a call or an event, of the thread's own generator: `Uuid::new_v4` is a system call each time.
pub(crate) fn new_id() -> Uuid {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid()
}

impl Pending {
    pub(crate) fn register(&self, node: Option<NodeId>) -> Ticket {
        let id = new_id();
        let (sender, reply) = oneshot::channel();
        self.0.lock().insert(
            id,
            Waiting {
                node,
                reply: sender,
            },
        );
        Ticket {
            id,
            table: self.clone(),
            reply,
            settled: false,
        }
    }

    /// An answer came. Tells whether somebody waited for it.
    pub(crate) fn resolve(&self, id: &str, reply: impl FnOnce() -> Reply) -> bool {
        Uuid::try_parse(id).is_ok_and(|id| self.settle(id, reply))
    }

    /// The same, of an id that was read.
    pub(crate) fn settle(&self, id: Uuid, reply: impl FnOnce() -> Reply) -> bool {
        let waiting = self.0.lock().remove(&id);
        waiting.is_some_and(|waiting| waiting.reply.send(reply()).is_ok())
    }

    /// Nobody took the request.
    pub(crate) fn unreached(&self, id: Uuid) {
        let waiting = self.0.lock().remove(&id);
        if let Some(waiting) = waiting {
            let _ = waiting.reply.send(Reply::Unreached);
        }
    }

    /// A node is gone: what it owes will not come.
    pub(crate) fn fail_node(&self, node: &NodeId) -> usize {
        let lost: Vec<Waiting> = self
            .0
            .lock()
            .extract_if(|_, waiting| waiting.node.as_ref() == Some(node))
            .map(|(_, waiting)| waiting)
            .collect();
        let count = lost.len();
        for waiting in lost {
            let _ = waiting.reply.send(Reply::NodeLost);
        }
        count
    }

    /// The connection broke, or the node leaves.
    pub(crate) fn fail_all(&self, reply: impl Fn() -> Reply) {
        let lost = std::mem::take(&mut *self.0.lock());
        for waiting in lost.into_values() {
            let _ = waiting.reply.send(reply());
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }
}

impl Ticket {
    /// Waits for the answer. Never returns before there is one.
    pub(crate) async fn reply(&mut self) -> Reply {
        let reply = (&mut self.reply).await;
        self.settled = true;
        reply.unwrap_or(Reply::Left)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            self.table.0.lock().remove(&self.id);
        }
    }
}
