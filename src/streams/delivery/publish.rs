//! Events on their way to those who listen.

use serde_json::value::RawValue;

use crate::client::SessionId;
use crate::ddp::message::stream_event;
use crate::streams::catalog::Stream;
use crate::streams::listening::hub::Delivered;
use crate::streams::listening::rooms;
use crate::streams::state::Streams;
use crate::telemetry::{metrics, work};

impl Streams {
    /// An event of a stream for this node's clients; `args` is a JSON array.
    pub fn publish(&self, stream: Stream, event_name: &str, args: &str) {
        self.deliver(stream, event_name, args, None);
    }

    /// The event `stream`: what a client of another node wrote. `data` are its arguments, in either form. Nobody writes
    /// presence: whoever listens to it hears what the presence service tells.
    pub fn relayed(&self, data: &RawValue) {
        if let Some(event) = self.relay.read(data)
            && event.stream != Stream::UserPresence
        {
            self.deliver(event.stream, &event.event_name, &event.args, None);
        }
    }

    /// A user's presence for those who watch it; `args` is the array of the event's arguments: `[[username, code, text]]`.
    pub fn presence_changed(&self, uid: &str, args: &str) {
        self.deliver(Stream::UserPresence, uid, args, None);
    }

    /// Hands an event to all who listen but the session that wrote it. What has to wait for a look-up that is under way
    /// waits.
    pub(in crate::streams) fn deliver(
        &self,
        stream: Stream,
        event_name: &str,
        args: &str,
        except: Option<&SessionId>,
    ) {
        if stream == Stream::NotifyUser
            && let Some(user) = rooms::holder(event_name)
            && self.queue.is_busy(&rooms_key(user))
            && let Some(me) = self.me.upgrade()
        {
            let (event_name, args, except) =
                (event_name.to_owned(), args.to_owned(), except.cloned());
            let bytes = event_name.len() + args.len();
            let key = rooms_key(user);
            self.queue.follow(&key, bytes, move || {
                me.deliver_now(stream, &event_name, &args, except.as_ref());
            });
            return;
        }
        self.deliver_now(stream, event_name, args, except);
    }

    pub(in crate::streams) fn deliver_now(
        &self,
        stream: Stream,
        event_name: &str,
        args: &str,
        except: Option<&SessionId>,
    ) -> Delivered {
        let started = work::arrived();
        let delivered = match stream {
            Stream::UserPresence if self.visibility.is_offered() => {
                self.presence.publish_visible(event_name, args)
            }
            Stream::UserPresence => self.presence.publish(event_name, args),
            _ => self
                .hub
                .publish_except(stream.channel(), event_name, except, || {
                    stream_event(stream.name(), event_name, args)
                }),
        };
        if let Some(started) = started {
            metrics::stream_event(stream.name(), delivered.deliveries, delivered.encodings);
            metrics::fan_out(started.elapsed());
            work::delivered(delivered.deliveries, delivered.refused, delivered.encodings);
        }
        delivered
    }
}

/// The queue's key of a user's `rooms-changed`.
pub(in crate::streams) fn rooms_key(user: &str) -> String {
    format!("rooms/{user}")
}
