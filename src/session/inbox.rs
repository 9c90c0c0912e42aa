//! What a client says, message by message (reference/ddp.md, "Handshake" and "Messages").

use std::borrow::Cow;

use tokio::io::{AsyncRead, AsyncWrite};

use super::sessions::Behind;
use super::task::Session;
use super::unheard::Unheard;
use crate::ddp::frame::Messages;
use crate::ddp::message::{self, ClientMessage, Request};
use crate::ddp::sockjs::Array;
use crate::ddp::{Close, DdpError};
use crate::telemetry::metrics::{self, Incoming};

/// So many messages of one SockJS array are worked on before others get their turn.
const MESSAGES_A_TURN: usize = 64;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// A whole text frame came.
    pub(super) fn on_text(&mut self, text: &str) {
        match self.client.framing().unwrap(text) {
            None => self.malformed(Close::UnsupportedData),
            Some(Messages::One(message)) => {
                if let Some(message) = message {
                    self.on_message(&message);
                }
            }
            Some(Messages::Many(array)) => {
                // Nothing of a frame is done that has something in it that cannot be read. What is relayed is not read here.
                let readable = |json: Cow<'_, str>| {
                    !matches!(ClientMessage::parse(&json), Err(Close::UnsupportedData))
                };
                if self.leg.is_none() && !array.clone().all(readable) {
                    return self.malformed(Close::UnsupportedData);
                }
                if let Some(at) = self.on_array(array) {
                    self.unheard = Some(Box::new(Unheard {
                        text: text.into(),
                        at,
                    }));
                }
            }
        }
    }

    /// Some messages of a SockJS array; answers where the next one stands that was too many for one turn.
    fn on_array(&mut self, mut array: Array<'_>) -> Option<usize> {
        for message in array.by_ref().take(MESSAGES_A_TURN) {
            self.on_message(&message);
            if !self.is_open() {
                return None;
            }
        }
        array.next_at()
    }

    /// Goes on with a SockJS array that was too long for one turn. Says whether there was one.
    pub(super) fn on_unheard(&mut self) -> bool {
        let Some(mut unheard) = self.unheard.take() else {
            return false;
        };
        if let Some(at) = self.on_array(Array::from(&unheard.text, unheard.at)) {
            unheard.at = at;
            self.unheard = Some(unheard);
        }
        true
    }

    fn on_message(&mut self, json: &str) {
        if self.leg.is_some() {
            return self.on_relayed(json);
        }
        let message = match ClientMessage::parse(json) {
            Ok(message) => message,
            Err(close) => return self.malformed(close),
        };
        metrics::message_received(kind(&message));
        if !self.connected {
            return self.on_handshake(&message, json);
        }
        if self.clock.hear() {
            self.sessions
                .unharmed(|handler| handler.active(&self.client));
        }
        match message {
            ClientMessage::Ping(id) => {
                self.client.send(&message::pong(id.as_deref()));
            }
            ClientMessage::Pong | ClientMessage::Silence => {}
            ClientMessage::Request(request) => self.on_request(request),
            ClientMessage::Unsub { id } => self.on_unsub(&id),
            ClientMessage::Connect { .. } => {
                self.client.send(&message::error("Already connected", json));
            }
            ClientMessage::Unknown => {
                self.client.send(&message::error("Bad request", json));
            }
        }
    }

    /// Only `connect` may come first; pings and pongs are no first message, as a client may answer our early ping.
    fn on_handshake(&mut self, message: &ClientMessage, json: &str) {
        match message {
            ClientMessage::Connect { known: true } => {
                self.connected = true;
                self.clock.hear();
                match &self.sessions.behind {
                    Behind::House(_) => {
                        self.client
                            .send(&message::connected(self.client.id().as_str()));
                    }
                    // The server says `connected`.
                    Behind::Server(server) => {
                        self.leg = Some(server.clone().leg(&self.client, json));
                    }
                }
            }
            ClientMessage::Connect { known: false } => {
                self.client.send(message::FAILED);
                self.close(Close::ProtocolError);
            }
            ClientMessage::Ping(id) => {
                self.client.send(&message::pong(id.as_deref()));
            }
            ClientMessage::Pong => {}
            _ => self.close(Close::ProtocolError),
        }
    }

    /// Requests wait for their turn; too many are refused.
    fn on_request(&mut self, request: Request) {
        let Err(request) = self.requests.offer(request) else {
            return;
        };
        metrics::request_refused();
        for refusal in request.refusal(&DdpError::too_many_requests()) {
            self.client.send(&refusal);
        }
    }

    /// A publication ends at once, whatever is being answered; one that is still asked for is taken out. Both may have
    /// the id: the one that is asked for would have been refused.
    fn on_unsub(&mut self, id: &str) {
        for _ in 0..self.requests.withdraw(|sub| sub == id) {
            self.client.send(&message::nosub(id, None));
        }
        self.sessions
            .unharmed(|handler| handler.unsubscribe(&self.client, id));
    }

    fn malformed(&mut self, close: Close) {
        tracing::debug!(session = %self.client.id(), close = close.name(), "a message that cannot be read");
        metrics::message_received(Incoming::Malformed);
        self.close(close);
    }
}

fn kind(message: &ClientMessage) -> Incoming {
    match message {
        ClientMessage::Connect { .. } => Incoming::Connect,
        ClientMessage::Ping(_) => Incoming::Ping,
        ClientMessage::Pong => Incoming::Pong,
        ClientMessage::Request(Request::Method(_)) => Incoming::Method,
        ClientMessage::Request(Request::Sub(_)) => Incoming::Sub,
        ClientMessage::Unsub { .. } => Incoming::Unsub,
        ClientMessage::Silence | ClientMessage::Unknown => Incoming::Other,
    }
}
