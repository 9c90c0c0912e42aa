//! The handle of a client.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::io::AsyncWrite;

use super::flusher::Flusher;
use super::identity::{Connection, Identity, SessionId, UserId};
use super::lag::Buffered;
use super::outbox::{Outbox, Pushed, Shared, Taken};
use super::publication::Publications;
use super::socket::Socket;
use super::writer::Writer;
use crate::ddp::{Close, Frame, Framing, SharedFrame};
use crate::telemetry::metrics;

/// What a client is made of.
#[derive(Debug)]
pub struct ClientSeed {
    /// The session's id, as `connected` tells it.
    pub id: SessionId,
    /// The framing of its path.
    pub framing: Framing,
    /// Where it comes from.
    pub connection: Connection,
    /// How many unsent bytes it may have, and all together.
    pub buffered: Arc<Buffered>,
    /// How many publications it may have.
    pub max_subscriptions: usize,
}

/// A client as everybody but its own session sees it.
pub struct Client {
    id: SessionId,
    framing: Framing,
    connection: Connection,
    outbox: Outbox,
    writer: Mutex<Writer>,
    flusher: OnceLock<Arc<Flusher>>,
    identity: ArcSwapOption<Identity>,
    livechat_token: OnceLock<Box<str>>,
    max_subscriptions: usize,
    /// The session's publications.
    pub publications: Mutex<Publications>,
}

/// While it is there, a client gets nothing ([`Client::doubt`]). Dropped without [`Doubt::settle`], it throws the client out.
#[derive(Debug)]
#[must_use]
pub struct Doubt {
    client: Arc<Client>,
    settled: bool,
}

impl Doubt {
    /// The client stays, and gets what waits.
    pub fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for Doubt {
    fn drop(&mut self) {
        if !self.settled {
            self.client.close(Close::ThrownOut);
        }
        self.client.outbox.trust();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("framing", &self.framing)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client that has not logged in.
    #[must_use]
    pub fn new(seed: ClientSeed) -> Arc<Self> {
        Arc::new(Self {
            id: seed.id,
            framing: seed.framing,
            connection: seed.connection,
            outbox: Outbox::new(seed.buffered),
            writer: Mutex::default(),
            flusher: OnceLock::new(),
            identity: ArcSwapOption::empty(),
            livechat_token: OnceLock::new(),
            max_subscriptions: seed.max_subscriptions,
            publications: Mutex::default(),
        })
    }

    /// The session's id.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// Its address; absent when the trusted proxies did not say.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.connection.address.as_deref()
    }

    /// The framing of its messages.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Where it comes from.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// How many publications it may have.
    #[must_use]
    pub fn max_subscriptions(&self) -> usize {
        self.max_subscriptions
    }

    /// Its outbox.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Sends one message, framed for this client alone.
    pub fn send(&self, json: &[u8]) -> bool {
        let taken = self.outbox.push(Frame::message(self.framing, json));
        if taken {
            metrics::message_sent(json, 1);
        }
        taken
    }

    /// Sends a message that others get too; whoever sends it counts, once for all.
    pub fn send_shared(self: &Arc<Self>, frame: &SharedFrame) -> bool {
        let pushed = self.outbox.push_shared(frame.framed(self.framing));
        if pushed == Pushed::Unknown
            && let Some(flusher) = self.flusher.get()
        {
            flusher.add(self.clone());
        }
        pushed != Pushed::Refused
    }

    /// What is being written. For the session's task only.
    pub fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock()
    }

    /// From now on `flusher` may write to the socket what is sent to many. For who begins the session.
    pub fn share(&self, socket: Arc<Socket>, flusher: Arc<Flusher>) {
        let _first_wins = self.flusher.set(flusher);
        self.writer.lock().shared = Some(socket);
        self.outbox.share(true);
    }

    /// From now on the session's task alone writes. For that task only.
    pub fn unshare(&self) {
        self.outbox.share(false);
        self.writer.lock().shared = None;
    }

    /// Writes what waits, as far as the socket takes it at once. The rest is for the session's task, and all of it while
    /// that task writes.
    pub(super) fn flush(&self) {
        let Some(mut writer) = self.writer.try_lock() else {
            return self.outbox.hand_over(false);
        };
        if !writer.is_empty() {
            return self.outbox.hand_over(false);
        }
        let mut done = match self.outbox.take_shared(&mut writer.batch) {
            Shared::Nothing => return,
            Shared::One(frame) => writer.try_write_one(frame),
            Shared::Batch => writer.try_write(),
        };
        loop {
            match done {
                Ok(written) => {
                    metrics::bytes_sent(written);
                    self.outbox.written(written, &mut writer.batch);
                }
                // The task meets the error too, if it is one.
                Err(_) => return self.outbox.hand_over(true),
            }
            if writer.is_idle() {
                return;
            }
            if writer.is_empty() {
                // Sealed, and not all of it taken.
                return self.outbox.hand_over(true);
            }
            done = writer.try_write();
        }
    }

    /// Writes frames that are ready at once, where nothing waits before them; what the socket does not take waits. For the
    /// session's task only.
    ///
    /// # Errors
    /// The socket's.
    pub fn pass<S: AsyncWrite + Unpin>(
        &self,
        cx: &mut Context<'_>,
        socket: &mut S,
        frames: &[u8],
    ) -> io::Result<()> {
        let mut writer = self.writer.lock();
        if !writer.is_empty() || !self.outbox.is_quiet() {
            drop(writer);
            self.outbox
                .push(Frame::ready(Bytes::copy_from_slice(frames)));
            return Ok(());
        }
        let written = writer.poll_pass(cx, socket, frames)?;
        metrics::bytes_sent(written);
        if written < frames.len() {
            let _closed_if_not = self.outbox.hold(frames.len() - written);
        }
        Ok(())
    }

    /// Asks its session to close once what was sent before is written.
    pub fn close(&self, close: Close) {
        self.outbox.close(close);
    }

    /// Takes what this client would get of something, up to so many bytes, until [`Client::take_from`]. Nobody writes it.
    #[must_use]
    pub fn stand_in(&self, bytes: usize) -> Arc<Self> {
        Self::new(ClientSeed {
            id: self.id.clone(),
            framing: self.framing,
            connection: Connection {
                instance: self.connection.instance.clone(),
                address: None,
                headers: "{}".into(),
            },
            buffered: Buffered::new(bytes, usize::MAX),
            max_subscriptions: 0,
        })
    }

    /// Gets what `stand_in` took, in order; says whether that was all of it.
    pub fn take_from(&self, stand_in: &Self) -> bool {
        let (cx, mut frames) = (&mut Context::from_waker(Waker::noop()), VecDeque::new());
        match stand_in.outbox.poll_take(cx, &mut frames) {
            Poll::Ready(Taken::Close(_)) => return false,
            Poll::Ready(Taken::Frames | Taken::Last) | Poll::Pending => {}
        }
        for frame in frames {
            self.outbox.push(frame);
        }
        true
    }

    /// Delivers nothing and begins nothing for it until that is settled: it may have lost its login.
    pub fn doubt(self: &Arc<Self>) -> Doubt {
        self.outbox.doubt();
        Doubt {
            client: self.clone(),
            settled: false,
        }
    }

    /// Who it is logged in as.
    #[must_use]
    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.identity.load_full()
    }

    /// The user it is logged in as.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        self.identity
            .load()
            .as_ref()
            .map(|identity| identity.user.clone())
    }

    /// Whether it is logged in as `user`.
    #[must_use]
    pub fn is(&self, user: &str) -> bool {
        self.identity
            .load()
            .as_ref()
            .is_some_and(|identity| identity.user.as_str() == user)
    }

    /// Changes who it is; answers who it was. Only the [`super::Directory`] calls this, so that both agree.
    pub(super) fn identify(&self, identity: Option<Arc<Identity>>) -> Option<Arc<Identity>> {
        self.identity.swap(identity)
    }

    /// Keeps the first livechat token of the session; later ones change nothing.
    pub fn keep_livechat_token(&self, token: &str) {
        let _first_wins = self.livechat_token.set(token.into());
    }

    /// The livechat visitor's token.
    #[must_use]
    pub fn livechat_token(&self) -> Option<&str> {
        self.livechat_token.get().map(|token| &**token)
    }

    /// The `connection` object of the mesh's events, as JSON.
    #[must_use]
    pub fn connection_json(&self) -> String {
        let identity = self.identity.load();
        self.connection.to_json(
            &self.id,
            identity.as_ref().map(|identity| &*identity.hashed_token),
            self.livechat_token(),
        )
    }
}
