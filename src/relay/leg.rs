//! One session's connection to the server.

use std::borrow::Cow;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::calls::{Calls, Request};
use super::dial::{DialError, Dialled, NORMAL, hang_up};
use super::link::{Ears, End, Link};
use super::outward::Outward;
use super::server::Relay;
use crate::client::{Client, Leg};
use crate::ddp::glance::Glance;
use crate::ddp::message::{PING, Receipt};
use crate::ddp::{Close, DdpError};
use crate::session::OVERSLEPT;
use crate::telemetry::metrics;

/// A server that is silent for so long is pinged, and given up after as long again (reference/relay.md).
const SILENCE: Duration = Duration::from_secs(30);
/// What became of a request whose server could not be reached, and of one whose connection broke: codes for traces.
const AWAY: &str = "server-away";
const LOST: &str = "server-lost";
/// Why a server is lost that is written to in vain.
const DEAF: &str = "it does not take what it is sent";

/// A leg, from the client's `connect` on.
pub(super) struct RelayLeg {
    relay: Arc<Relay>,
    state: State,
    out: Outward,
    calls: Calls,
    /// How many bytes of `out` the client's outbox knows of: they count as unsent.
    held: usize,
    /// When the server was last heard.
    heard: Instant,
    /// Whether it was pinged since.
    pinged: bool,
}

enum State {
    Dialling(BoxFuture<'static, Result<Dialled, DialError>>),
    Open(Link),
    /// The connection is lost. The client is closed then.
    Lost(Instant),
    /// It is closed now.
    Over(Close),
}

impl RelayLeg {
    pub(super) fn new(
        relay: Arc<Relay>,
        dialling: BoxFuture<'static, Result<Dialled, DialError>>,
        calls: Calls,
    ) -> Self {
        Self {
            relay,
            state: State::Dialling(dialling),
            out: Outward::default(),
            calls,
            held: 0,
            heard: Instant::now(),
            pinged: false,
        }
    }

    fn poll_dial(&mut self, cx: &mut Context<'_>, client: &Client) -> Poll<Result<(), Close>> {
        let State::Dialling(dialling) = &mut self.state else {
            return Poll::Ready(Ok(()));
        };
        match ready!(dialling.as_mut().poll(cx)) {
            Ok(dialled) => {
                client.send(dialled.connected.as_bytes());
                self.heard = Instant::now();
                self.state = State::Open(Link::new(dialled));
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.calls.fail(AWAY);
                let close = match error {
                    DialError::Failed(failed) => {
                        client.send(failed.as_bytes());
                        Close::ProtocolError
                    }
                    _ => Close::ServerAway,
                };
                self.state = State::Over(close);
                Poll::Ready(Err(close))
            }
        }
    }

    /// The connection is lost: says when the client is closed, by being ready then.
    fn lose(&mut self, why: &str) -> Poll<Close> {
        self.calls.fail(LOST);
        self.out = Outward::default();
        match self.relay.lost(why) {
            None => {
                self.state = State::Over(Close::ServiceRestart);
                Poll::Ready(Close::ServiceRestart)
            }
            Some(at) => {
                self.state = State::Lost(at);
                Poll::Pending
            }
        }
    }

    fn poll_on<'a>(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        buffer: &'a mut ReadBuf<'_>,
    ) -> Poll<Result<Cow<'a, [u8]>, Close>> {
        match &self.state {
            State::Open(_) => self.poll_open(cx, client, buffer),
            State::Dialling(_) => self
                .poll_dial(cx, client)
                .map_ok(|()| Cow::Borrowed(&[][..])),
            State::Lost(_) => Poll::Pending,
            State::Over(close) => Poll::Ready(Err(*close)),
        }
    }

    /// What the client's outbox knows of the bytes that wait for the server.
    fn count_unsent(&mut self, client: &Client) {
        let waits = self.out.len();
        if waits != self.held {
            if !client.outbox().hold_for_others(self.held, waits) {
                self.relay.too_slow();
            }
            self.held = waits;
        }
    }

    /// Writes what waits, then reads once.
    fn poll_open<'a>(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        buffer: &'a mut ReadBuf<'_>,
    ) -> Poll<Result<Cow<'a, [u8]>, Close>> {
        let State::Open(link) = &mut self.state else {
            return Poll::Pending;
        };
        match link.end {
            None => {}
            Some(End::Lost(why)) => return self.lose(why).map(Err),
            Some(End::TooBig) => {
                self.relay.too_big();
                self.state = State::Over(Close::MessageTooBig);
                return Poll::Ready(Err(Close::MessageTooBig));
            }
        }
        if let Poll::Ready(Err(_)) = self.out.poll_write(cx, &mut link.stream) {
            return self.lose(DEAF).map(Err);
        }
        let mut ears = Ears {
            calls: &mut self.calls,
            out: &mut self.out,
        };
        let frames = match ready!(link.poll_read(cx, client, &mut ears, buffer)) {
            Ok(frames) => frames,
            Err(why) => return self.lose(why).map(Err),
        };
        self.heard = Instant::now();
        self.pinged = false;
        // Answers to the server's own heartbeat.
        if let Poll::Ready(Err(_)) = self.out.poll_write(cx, &mut link.stream) {
            link.end.get_or_insert(End::Lost(DEAF));
        }
        Poll::Ready(Ok(frames))
    }
}

impl Leg for RelayLeg {
    fn hear(&mut self, client: &Client, message: &str, glance: &Glance<'_>) {
        if matches!(self.state, State::Lost(_) | State::Over(_)) {
            return;
        }
        let (id, name) = (glance.id(), glance.name.as_deref());
        // What the server will refuse is its own to refuse.
        let request = |id, name| Request {
            session: client.id().as_str(),
            id,
            name,
            message,
        };
        let taken = match (glance.msg.as_deref(), id.as_deref(), name) {
            (Some("method"), Some(id), Some(name)) => self.calls.method(request(id, name)),
            (Some("sub"), Some(id), Some(name)) => self.calls.sub(request(id, name)),
            (Some("unsub"), Some(id), _) => {
                if !self.calls.unsub(id) {
                    return;
                }
                Ok(())
            }
            _ => Ok(()),
        };
        let Err(error) = taken else {
            self.out.text(message.as_bytes());
            return self.count_unsent(client);
        };
        metrics::request_refused();
        let id = id.unwrap_or_default().into_owned();
        let receipt = match glance.msg.as_deref() {
            Some("method") => Receipt::Method(id),
            _ => Receipt::Sub(id),
        };
        for refusal in receipt.refusal(&error) {
            client.send(&refusal);
        }
    }

    fn poll<'a>(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        buffer: &'a mut ReadBuf<'_>,
    ) -> Poll<Result<Cow<'a, [u8]>, Close>> {
        let polled = self.poll_on(cx, client, buffer);
        self.count_unsent(client);
        polled
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Dialling(_) | State::Over(_) => None,
            State::Open(_) if self.pinged => Some(self.heard + 2 * SILENCE),
            State::Open(_) => Some(self.heard + SILENCE),
            State::Lost(at) => Some(*at),
        }
    }

    fn on_time(&mut self) {
        match &mut self.state {
            State::Open(link) if self.pinged && self.heard.elapsed() < 2 * SILENCE + OVERSLEPT => {
                link.end.get_or_insert(End::Lost("it is silent"));
            }
            State::Open(_) => {
                self.pinged = true;
                self.heard += self.heard.elapsed().saturating_sub(SILENCE);
                // Not every server knows the one of DDP.
                self.out.text(PING);
                self.out.ping();
            }
            State::Lost(_) => self.state = State::Over(Close::ServiceRestart),
            State::Dialling(_) | State::Over(_) => {}
        }
    }

    fn is_idle(&self) -> bool {
        self.calls.is_idle()
    }

    fn refuse_all(&mut self, error: &DdpError) -> Vec<Vec<u8>> {
        self.calls.refuse(error)
    }

    fn is_settled(&self) -> bool {
        self.out.is_idle() && self.calls.has_results()
    }

    fn poll_finish(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<()> {
        loop {
            buffer.clear();
            if matches!(self.state, State::Open(_)) && self.is_settled() {
                return Poll::Ready(());
            }
            match self.poll_on(cx, client, buffer) {
                Poll::Pending if matches!(self.state, State::Lost(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
            }
        }
    }

    fn part(self: Box<Self>) -> BoxFuture<'static, ()> {
        match self.state {
            State::Open(link) => hang_up(link.stream, NORMAL).boxed(),
            _ => std::future::ready(()).boxed(),
        }
    }
}
