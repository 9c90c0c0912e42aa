//! A session that is relayed to a server: what it does with a frame.

use std::mem::MaybeUninit;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::task::Session;
use crate::ddp::Close;
use crate::ddp::glance::Glance;
use crate::ddp::message::pong;
use crate::ejson;
use crate::telemetry::metrics::{self, Incoming};

/// How much is read from the server at once. It lies on the stack, like what is read from the client.
const CHUNK: usize = 64 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// A message of a client whose `connect` was accepted. Heartbeats are this leg's own; the server answers the rest.
    pub(super) fn on_relayed(&mut self, json: &str) {
        let glance = Glance::at(json);
        let kind = kind(glance.msg.as_deref());
        metrics::message_received(kind);
        self.clock.hear();
        match (kind, &mut self.leg) {
            (Incoming::Ping, _) => {
                let id = glance.id.and_then(|id| std::str::from_utf8(id).ok());
                let id = id.and_then(|id| ejson::raw(id.to_owned()).ok());
                self.client.send(&pong(id.as_deref()));
            }
            (Incoming::Pong, _) | (_, None) => {}
            (_, Some(leg)) => leg.hear(&self.client, json, &glance),
        }
    }

    /// Works on the leg to the server; says whether that brought anything.
    // The buffer is not to lie in the frame of whoever has no leg.
    #[inline(never)]
    pub(super) fn relay(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.is_open() {
            return self.finish(cx);
        }
        let (Some(leg), Some(socket)) = (&mut self.leg, &mut self.socket) else {
            return false;
        };
        let mut chunk = [MaybeUninit::uninit(); CHUNK];
        let mut chunk = ReadBuf::uninit(&mut chunk);
        match leg.poll(cx, &self.client, &mut chunk) {
            Poll::Pending => return false,
            Poll::Ready(Ok(frames)) if frames.is_empty() => {}
            Poll::Ready(Ok(frames)) => {
                if self.client.pass(cx, socket, &frames).is_err() {
                    self.read_out(cx);
                    self.on_lost();
                }
            }
            Poll::Ready(Err(close)) => self.close(close),
        }
        true
    }

    /// Whether the leg still has something to do when the client leaves.
    pub(super) fn has_to_finish(&self) -> bool {
        let sent_away = matches!(
            self.client.outbox().closing(),
            Some(Close::ThrownOut | Close::TooSlow | Close::ServerAway | Close::GoingAway)
        );
        !sent_away && self.leg.as_ref().is_some_and(|leg| !leg.is_settled())
    }

    /// Brings to the server what a client said that has left; says whether that came to an end. Until then the session
    /// keeps its place.
    fn finish(&mut self, cx: &mut Context<'_>) -> bool {
        if self.leg.is_none() {
            return false;
        }
        if self.may_work(cx)
            && let Some(leg) = &mut self.leg
        {
            let mut chunk = [MaybeUninit::uninit(); CHUNK];
            let mut chunk = ReadBuf::uninit(&mut chunk);
            if leg.poll_finish(cx, &self.client, &mut chunk).is_pending() {
                return false;
            }
        }
        self.part_from_server();
        true
    }

    /// The session has nothing more to do with its server.
    pub(super) fn part_from_server(&mut self) {
        if let Some(leg) = self.leg.take() {
            self.sessions.tracker().spawn(leg.part());
        }
    }
}

fn kind(msg: Option<&str>) -> Incoming {
    match msg {
        Some("connect") => Incoming::Connect,
        Some("ping") => Incoming::Ping,
        Some("pong") => Incoming::Pong,
        Some("method") => Incoming::Method,
        Some("sub") => Incoming::Sub,
        Some("unsub") => Incoming::Unsub,
        _ => Incoming::Other,
    }
}
