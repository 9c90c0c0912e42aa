//! One session's connection to the server.

use std::borrow::Cow;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use super::calls::Calls;
use super::dial::{DialError, Dialled};
use super::outward::Outward;
use super::parting;
use super::server::Relay;
use super::target::Stream;
use crate::client::{Client, Leg, Parting};
use crate::ddp::glance::{Fields, Glance, text, texts};
use crate::ddp::message::{PING, Receipt, pong};
use crate::ddp::{Close, DdpError, Frame, Framing};
use crate::session::{Incoming, Reader};
use crate::telemetry::metrics;

/// A server that is silent for so long is pinged, and given up after as long again (reference/relay.md).
const SILENCE: Duration = Duration::from_secs(30);
/// A part of a frame that is no longer than this is read on behind itself; a longer one is gathered beside the buffer.
const SHORT: usize = 16 * 1024;

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

/// A connection that stands.
struct Link {
    stream: Stream,
    reader: Reader<false>,
    /// What was read and not decoded: a part of a frame.
    unread: Vec<u8>,
    /// `unread` holds more: what came together with `connected`.
    fresh: bool,
    /// Why it ends, once what came before has been passed on.
    end: Option<End>,
}

enum End {
    Lost(&'static str),
    TooBig,
}

/// What to do with a message of the server.
enum Fate {
    Pass,
    /// It was for this leg.
    Done,
}

impl RelayLeg {
    pub(super) fn new(
        relay: Arc<Relay>,
        dialling: BoxFuture<'static, Result<Dialled, DialError>>,
        max_subscriptions: usize,
    ) -> Self {
        Self {
            relay,
            state: State::Dialling(dialling),
            out: Outward::default(),
            calls: Calls::new(max_subscriptions),
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
                self.state = State::Open(Link {
                    stream: dialled.stream,
                    reader: dialled.reader,
                    fresh: !dialled.unread.is_empty(),
                    unread: dialled.unread,
                    end: None,
                });
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.calls.fail(&self.relay.names);
                let close = match error {
                    DialError::Failed(failed) => {
                        client.send(failed.as_bytes());
                        Close::ProtocolError
                    }
                    _ => Close::TooMany,
                };
                self.state = State::Over(close);
                Poll::Ready(Err(close))
            }
        }
    }

    /// The connection is lost: says when the client is closed, by being ready then.
    fn lose(&mut self, why: &str) -> Poll<Close> {
        self.calls.fail(&self.relay.names);
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

    /// How long the calls that are open may still take, once the client has left.
    pub(super) fn patience(&self) -> Duration {
        self.relay.config.request_timeout
    }

    /// Goes on for a client that has left: ready when the server knows all that it said and has answered its calls.
    pub(super) fn poll_settled(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<()> {
        loop {
            buffer.clear();
            if matches!(self.state, State::Open(_)) && self.out.len() == 0 && self.calls.is_idle() {
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

    /// Whether the client said anything that the server does not know yet, or has not answered.
    pub(super) fn is_settled(&self) -> bool {
        self.out.len() == 0 && self.calls.is_idle()
    }

    /// The connection, if it stands.
    pub(super) fn into_stream(self) -> Option<Stream> {
        match self.state {
            State::Open(link) => Some(link.stream),
            _ => None,
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
        let end = match &link.end {
            None => None,
            Some(End::Lost(why)) => Some(*why),
            Some(End::TooBig) => {
                self.relay.too_big();
                self.state = State::Over(Close::MessageTooBig);
                return Poll::Ready(Err(Close::MessageTooBig));
            }
        };
        if let Some(why) = end {
            return self.lose(why).map(Err);
        }
        if let Poll::Ready(Err(_)) = self.out.poll_write(cx, &mut link.stream) {
            return self.lose("it does not take what it is sent").map(Err);
        }
        let read = self.poll_read(cx, client, buffer);
        // Answers to the server's own heartbeat may have come.
        if let State::Open(link) = &mut self.state
            && self.out.len() > 0
            && let Poll::Ready(Err(_)) = self.out.poll_write(cx, &mut link.stream)
        {
            link.end
                .get_or_insert(End::Lost("it does not take what it is sent"));
        }
        read
    }

    /// Reads once, and decodes what is there.
    fn poll_read<'a>(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        buffer: &'a mut ReadBuf<'_>,
    ) -> Poll<Result<Cow<'a, [u8]>, Close>> {
        let State::Open(link) = &mut self.state else {
            return Poll::Pending;
        };
        let beside = link.unread.len() > SHORT;
        if !beside {
            buffer.put_slice(&link.unread);
        }
        if !std::mem::take(&mut link.fresh) {
            let before = buffer.filled().len();
            match ready!(Pin::new(&mut link.stream).poll_read(cx, buffer)) {
                Err(_) => return self.lose("its connection breaks").map(Err),
                Ok(()) if buffer.filled().len() == before => {
                    return self.lose("it hangs up").map(Err);
                }
                Ok(()) => {}
            }
            self.heard = Instant::now();
            self.pinged = false;
        }
        if beside {
            let mut all = std::mem::take(&mut link.unread);
            all.extend_from_slice(buffer.filled());
            let (frames, used) = self.decode(client, &mut all);
            let frames = match frames {
                Decoded::AsTheyAre(range) => all[range].to_vec(),
                Decoded::Wrapped(frames) => frames,
            };
            all.drain(..used);
            all.shrink_to(SHORT);
            self.keep(all);
            return Poll::Ready(Ok(frames.into()));
        }
        let (frames, used) = self.decode(client, buffer.filled_mut());
        let read = buffer.filled();
        let State::Open(link) = &mut self.state else {
            return Poll::Pending;
        };
        link.unread.clear();
        if used < read.len() {
            link.unread.extend_from_slice(&read[used..]);
        } else {
            link.unread = Vec::new();
        }
        Poll::Ready(Ok(match frames {
            Decoded::AsTheyAre(range) => Cow::Borrowed(&read[range]),
            Decoded::Wrapped(frames) => frames.into(),
        }))
    }

    fn keep(&mut self, unread: Vec<u8>) {
        if let State::Open(link) = &mut self.state {
            link.unread = unread;
        }
    }

    /// Decodes the whole frames of `bytes`: those for the client, and how many bytes all were.
    fn decode(&mut self, client: &Client, bytes: &mut [u8]) -> (Decoded, usize) {
        let State::Open(link) = &mut self.state else {
            return (Decoded::AsTheyAre(0..0), 0);
        };
        let framing = client.framing();
        // Frames that lie behind each other and pass as they are.
        let mut run = 0..0;
        let mut wrapped = Vec::new();
        let mut at = 0;
        while link.end.is_none() {
            let (used, said) = match link.reader.next(&mut bytes[at..]) {
                Ok(Some(said)) => said,
                Ok(None) => break,
                Err(Close::MessageTooBig) => {
                    link.end = Some(End::TooBig);
                    break;
                }
                Err(_) => {
                    link.end = Some(End::Lost("it does not speak WebSocket"));
                    break;
                }
            };
            let mut whole = false;
            match said {
                Incoming::Text(json) => {
                    let fate = server_says(&json, &self.relay, &mut self.calls, &mut self.out);
                    if matches!(fate, Fate::Pass) {
                        metrics::message_sent(json.as_bytes(), 1);
                        match (framing, json) {
                            (Framing::Raw, Cow::Borrowed(_)) => whole = true,
                            (Framing::SockJs, json) => {
                                Frame::write(&mut wrapped, framing, json.as_bytes());
                            }
                            // It came in fragments: what came before it goes first.
                            (Framing::Raw, Cow::Owned(json)) => {
                                push(client, &bytes[std::mem::take(&mut run)]);
                                client
                                    .outbox()
                                    .push(Frame::message(framing, json.as_bytes()));
                            }
                        }
                    }
                }
                Incoming::Ping(payload) => self.out.pong(payload),
                Incoming::Close(_) => link.end = Some(End::Lost("it closes the connection")),
                Incoming::Nothing => {}
            }
            if whole {
                if run.end != at {
                    push(client, &bytes[std::mem::take(&mut run)]);
                    run.start = at;
                }
                run.end = at + used;
            }
            at += used;
        }
        let decoded = match framing {
            Framing::Raw => Decoded::AsTheyAre(run),
            Framing::SockJs => Decoded::Wrapped(wrapped),
        };
        (decoded, at)
    }
}

/// Frames for the client.
enum Decoded {
    AsTheyAre(Range<usize>),
    Wrapped(Vec<u8>),
}

/// Frames that cannot wait in the buffer.
fn push(client: &Client, frames: &[u8]) {
    if !frames.is_empty() {
        client.outbox().push(Frame::ready(frames.to_vec().into()));
    }
}

/// A message of the server: heartbeats are this leg's own, answers are taken note of.
fn server_says(json: &str, relay: &Relay, calls: &mut Calls, out: &mut Outward) -> Fate {
    let (names, hasher) = (&relay.names, &relay.hasher);
    let field = |name: &[u8]| {
        let mut fields = Fields::of(json.as_bytes());
        fields.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    match &*msg(json) {
        "changed" | "added" | "removed" | "updated" => {}
        "ping" => {
            let id = field(b"id").and_then(|id| serde_json::from_slice(id).ok());
            out.text(&pong(id));
            return Fate::Done;
        }
        "pong" => return Fate::Done,
        "result" => {
            if let Some(id) = field(b"id").and_then(text) {
                calls.result(&id, field(b"error").is_none(), names);
            }
        }
        "ready" => {
            for id in field(b"subs").map(texts).unwrap_or_default() {
                calls.ready(&id, names);
            }
        }
        "nosub" => {
            if let Some(id) = field(b"id").and_then(text) {
                calls.end_sub(&id, hasher, names);
            }
        }
        _ => {}
    }
    Fate::Pass
}

/// `msg`, which nearly every server writes first.
fn msg(json: &str) -> Cow<'_, str> {
    let first = json.strip_prefix(r#"{"msg":""#);
    if let Some((msg, _)) = first.and_then(|rest| rest.split_once('"')) {
        return msg.into();
    }
    let mut fields = Fields::of(json.as_bytes());
    let msg = fields.find(|(key, _)| *key == b"msg");
    msg.and_then(|(_, value)| text(value)).unwrap_or_default()
}

impl Leg for RelayLeg {
    fn hear(&mut self, client: &Client, message: &str, glance: &Glance<'_>) {
        if matches!(self.state, State::Lost(_) | State::Over(_)) {
            return;
        }
        let (id, name) = (glance.id(), glance.name.as_deref());
        // What the server will refuse is its own to refuse.
        let taken = match (glance.msg.as_deref(), id.as_deref(), name) {
            (Some("method"), Some(id), Some(name)) => self.calls.method(id, name),
            (Some("sub"), Some(id), Some(name)) => self.calls.sub(id, name, &self.relay.hasher),
            (Some("unsub"), Some(id), _) => {
                self.calls
                    .end_sub(id, &self.relay.hasher, &self.relay.names);
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
            State::Open(link) if self.pinged => {
                link.end.get_or_insert(End::Lost("it is silent"));
            }
            State::Open(_) => {
                self.pinged = true;
                self.out.text(PING);
            }
            State::Lost(_) => self.state = State::Over(Close::ServiceRestart),
            State::Dialling(_) | State::Over(_) => {}
        }
    }

    fn is_idle(&self) -> bool {
        self.calls.is_idle()
    }

    fn refuse_all(&mut self, error: &DdpError) -> Vec<Vec<u8>> {
        self.calls.refuse(&self.relay.names, error)
    }

    fn part(self: Box<Self>, client: Arc<Client>, parting: Parting) -> BoxFuture<'static, ()> {
        parting::part(self, client, parting).boxed()
    }
}
