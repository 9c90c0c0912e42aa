//! What a translation works with.

use std::collections::HashMap;
use std::sync::Arc;

use super::args::Args;
use super::house::House;
use crate::client::Directory;
use crate::ejson;
use crate::streams::{KeyedQueue, Stream};

/// Translates one event; `None` when it was not of the documented form, or nobody was to hear of it.
pub(super) type Handle = fn(&Events, &Args<'_>) -> Option<()>;

/// The listener of the mesh.
pub struct Events {
    pub(super) house: Arc<dyn House>,
    pub(super) directory: Arc<Directory>,
    pub(super) queue: KeyedQueue,
    pub(super) parse_messages: bool,
    pub(super) rows: HashMap<&'static str, Handle>,
    pub(super) now_ms: fn() -> i64,
    pub(super) new_id: fn() -> String,
}

impl Events {
    /// An event of a stream; `args` are ready JSON texts.
    pub(super) fn publish<S: AsRef<str>>(
        &self,
        stream: Stream,
        event_name: &str,
        args: impl IntoIterator<Item = S>,
    ) {
        self.house.publish(stream, event_name, &ejson::join(args));
    }

    pub(super) fn all(&self, event_name: &str, args: &[&str]) -> Option<()> {
        self.publish(Stream::NotifyAll, event_name, args);
        Some(())
    }

    pub(super) fn logged(&self, event_name: &str, args: &[&str]) -> Option<()> {
        self.publish(Stream::NotifyLogged, event_name, args);
        Some(())
    }

    pub(super) fn room(&self, rid: &str, what: &str, args: &[&str]) -> Option<()> {
        self.publish(Stream::NotifyRoom, &format!("{rid}/{what}"), args);
        Some(())
    }

    pub(super) fn user(&self, uid: &str, what: &str, args: &[&str]) -> Option<()> {
        self.publish(Stream::NotifyUser, &format!("{uid}/{what}"), args);
        Some(())
    }
}
