//! What clients write to streams.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::client::{Client, SessionId};
use crate::ddp::DdpError;
use crate::ejson::quoted;
use crate::streams::catalog::Stream;
use crate::streams::delivery::relay;
use crate::streams::rules::params::Write;
use crate::streams::rules::{Asker, Effect};
use crate::streams::state::Streams;

/// The balanced event that tells of an accepted typing write.
const TYPING: &str = "room.user-activity";

/// Bytes that a relay to the members of a room gives the mesh at once: of a usual one all, to thousands.
const RELAYED_AT_ONCE: usize = 1024 * 1024;
/// What an event costs besides its args, about.
const OVERHEAD: usize = 256;

/// What a write answers: nothing, whether it was allowed or not.
pub type Written = Result<Option<Box<RawValue>>, DdpError>;

impl Streams {
    /// A client calls the method `stream-<stream>`. `None` when there is no such stream: then the method is another's.
    ///
    /// A refusal is an empty result like any other; a rule that cannot be asked is error 500. Cancel safe: all is sent
    /// after the last await, much of it by a task of its own.
    pub async fn write(
        &self,
        client: Arc<Client>,
        stream: &str,
        params: &RawValue,
    ) -> Option<Written> {
        let stream = Stream::offered(stream, self.services.mesh().release())?;
        let Some(write) = Write::read(params) else {
            return Some(Ok(None));
        };
        let asker = Asker::of(&client);
        let effect = self
            .rules
            .write(stream, &write.event_name, &asker, &write.args)
            .await;
        if !asker.is(&client) {
            return Some(Ok(None));
        }
        match effect {
            Err(_unasked) => return Some(Err(DdpError::internal())),
            Ok(Effect::Nothing) => {}
            Ok(Effect::Publish) => self.publish_written(stream, &write, &client),
            Ok(Effect::Typing(rid)) => {
                self.publish_written(stream, &write, &client);
                self.tell_typing(&rid, &asker, write.args.get(1).copied());
            }
            Ok(Effect::Relay(event_names)) => {
                let args = write.args_json();
                let at_once = (RELAYED_AT_ONCE / (args.len() + OVERHEAD)).max(1);
                if event_names.len() <= at_once {
                    self.relay_to(&event_names, &args);
                } else {
                    // Boxed: rare, and large.
                    Box::pin(self.relay_slowly(&client, &asker, event_names, args, at_once)).await;
                }
            }
        }
        Some(Ok(None))
    }

    fn relay_to(&self, event_names: &[String], args: &str) {
        for event_name in event_names {
            self.written(Stream::NotifyUser, event_name, args, None);
        }
    }

    /// So many at a time, and others as the mesh takes them: nobody's calls wait behind it, and nothing falls over the mesh's
    /// bound. One at a time for all clients. Once begun it is done, whoever leaves.
    async fn relay_slowly(
        &self,
        client: &Client,
        asker: &Asker,
        event_names: Vec<String>,
        args: String,
        at_once: usize,
    ) {
        let Ok(turn) = self.relaying.clone().acquire_owned().await else {
            return;
        };
        if !asker.is(client) {
            return;
        }
        self.later(|me| async move {
            for some in event_names.chunks(at_once) {
                me.services.mesh().has_room().await;
                me.relay_to(some, &args);
                tokio::task::yield_now().await;
            }
            drop(turn);
        });
    }

    fn publish_written(&self, stream: Stream, write: &Write<'_>, client: &Client) {
        let args = write.args_json();
        self.written(stream, &write.event_name, &args, Some(client.id()));
    }

    /// Whoever tells other servers what happens in a room hears that a user types: one node of each service that
    /// listens, and nobody where none does.
    fn tell_typing(&self, rid: &str, asker: &Asker, activities: Option<&RawValue>) {
        let activities = activities.filter(|list| list.get().starts_with('['));
        let told = format!(
            r#"[{{"rid":{},"uid":{},"activities":{}}}]"#,
            quoted(rid),
            quoted(asker.uid().unwrap_or_default()),
            activities.map_or("[]", RawValue::get),
        );
        self.services.mesh().emit(TYPING, &told);
    }

    /// To those who listen here, and to the others.
    fn written(&self, stream: Stream, event_name: &str, args: &str, by: Option<&SessionId>) {
        self.deliver(stream, event_name, args, by);
        if stream.row().retransmits {
            let mesh = self.services.mesh();
            let cores = mesh.meteor_events(relay::EVENT);
            let data = self.relay.write(cores, stream, event_name, args);
            mesh.broadcast_to_others(relay::EVENT, &data);
        }
    }
}
