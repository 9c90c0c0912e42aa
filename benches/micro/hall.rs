//! Sessions at rest: who listens in `fanout` and `churn`.
//!
//! All rows share one population, so that they differ by how many listen to a topic and not by what the caches hold.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use ddp_streamer::client::{Buffered, Client, ClientSeed, Connection, Taken};
use ddp_streamer::ddp::{Frame, Framing};
use ddp_streamer::streams::{CHANNELS, Channel, Hub, Stream, Subscribed};

/// How many sessions there are.
pub(crate) const SESSIONS: usize = 10_000;

/// The hub, and everybody in it.
pub(crate) struct Hall {
    pub(crate) hub: Hub,
    sessions: Vec<Arc<Client>>,
}

/// A session that has just connected.
pub(crate) fn client(id: &str) -> Arc<Client> {
    client_from(id, None)
}

/// One from an address.
pub(crate) fn client_from(id: &str, address: Option<&str>) -> Arc<Client> {
    Client::new(ClientSeed {
        id: id.into(),
        framing: Framing::Raw,
        connection: Connection {
            instance: "instance".into(),
            address: address.map(Into::into),
            headers: "{}".into(),
        },
        buffered: Buffered::new(1 << 20, 1 << 30),
        max_subscriptions: 1000,
    })
}

impl Hall {
    /// [`SESSIONS`] sessions, each with one publication for each width: `room-messages` of [`topic`].
    pub(crate) fn new(widths: &[usize]) -> Self {
        let hall = Self {
            hub: Hub::new(CHANNELS),
            sessions: (0..SESSIONS).map(|n| client(&n.to_string())).collect(),
        };
        for (n, session) in hall.sessions.iter().enumerate() {
            for &width in widths {
                let done = hall.subscribe(session, &width.to_string(), channel(), &topic(width, n));
                assert_eq!(done, Subscribed::Ready);
            }
        }
        hall.drain();
        hall
    }

    /// A publication, without the messages that open it.
    pub(crate) fn subscribe(
        &self,
        client: &Arc<Client>,
        id: &str,
        channel: Channel,
        event_name: &str,
    ) -> Subscribed {
        self.hub
            .subscribe(client, id, channel, event_name, None, &[])
    }

    /// Everybody writes what is in its outbox and waits for more.
    pub(crate) fn drain(&self) {
        let mut cx = Context::from_waker(Waker::noop());
        for session in &self.sessions {
            let (outbox, mut batch) = (session.outbox(), VecDeque::new());
            while let Poll::Ready(taken) = outbox.poll_take(&mut cx, &mut batch) {
                assert_eq!(taken, Taken::Frames);
                let bytes = batch.drain(..).map(|frame: Frame| frame.len()).sum();
                outbox.written(bytes, &mut batch);
            }
        }
    }
}

/// Where the topics are.
pub(crate) fn channel() -> Channel {
    Stream::RoomMessages.channel()
}

/// The topic of session `n` to which `width` sessions listen.
pub(crate) fn topic(width: usize, n: usize) -> String {
    format!("{width}room{:08}", n / width)
}
