//! A client of the floor: set up with as little as the bench's sessions need, then only written to.

use std::io::{ErrorKind, Read, Write};

use memchr::memmem;
use mio::net::TcpStream;
use serde_json::Value;

use super::frame::sockjs;
use crate::wire::script::Framing;
use crate::wire::websocket::{self, TEXT};

/// What a client wants to hear.
pub(super) enum Wish {
    /// Messages of this room.
    Room(String),
    /// Everybody's presence.
    Presence,
}

/// More than this unsent, and the client is dropped.
const MOST_UNSENT: usize = 64 << 20;

pub(super) struct Client {
    stream: TcpStream,
    upgraded: bool,
    pub(super) framing: Framing,
    /// Subscriptions that the floor has not entered yet.
    pub(super) wishes: Vec<Wish>,
    inbox: Vec<u8>,
    unsent: Vec<u8>,
}

impl Client {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            upgraded: false,
            framing: Framing::Raw,
            wishes: Vec::new(),
            inbox: Vec::new(),
            unsent: Vec::new(),
        }
    }

    /// One non-blocking write; what the socket does not take waits. `false` when the client is gone or hopelessly slow.
    #[inline]
    pub(super) fn send(&mut self, frame: &[u8]) -> bool {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(frame);
            return self.unsent.len() <= MOST_UNSENT;
        }
        match self.stream.write(frame) {
            Ok(count) => self.unsent.extend_from_slice(&frame[count..]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.unsent.extend_from_slice(frame)
            }
            Err(_) => return false,
        }
        true
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self) -> bool {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => {
                    self.unsent.drain(..count);
                }
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        self.unsent = Vec::new();
        true
    }

    /// Reads and answers all there is.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> bool {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return false,
                Ok(count) => self.inbox.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        self.upgrade() && self.frames()
    }

    fn upgrade(&mut self) -> bool {
        if self.upgraded {
            return true;
        }
        let Some(head) = memmem::find(&self.inbox, b"\r\n\r\n") else {
            return true;
        };
        let request: Vec<u8> = self.inbox.drain(..head + 4).collect();
        if memmem::find(&request, b"Upgrade: websocket").is_none() {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
            self.send(answer);
            return false;
        }
        self.upgraded = true;
        // The bench's clients all send the key of RFC 6455's example: this is its answer.
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        let mut sent = self.send(answer);
        if memmem::find(&request, b"GET /websocket").is_none() {
            self.framing = Framing::SockJs;
            let mut open = Vec::new();
            websocket::server(&mut open, TEXT, b"o");
            sent &= self.send(&open);
        }
        sent && self.say(r#"{"server_id":"0"}"#)
    }

    fn frames(&mut self) -> bool {
        let mut from = 0;
        while let Some((opcode, payload, taken)) = websocket::scan_client(&self.inbox[from..]) {
            from += taken;
            if opcode == websocket::CLOSE || (opcode == TEXT && !self.messages(&payload)) {
                return false;
            }
        }
        self.inbox.drain(..from);
        if self.inbox.is_empty() {
            self.inbox = Vec::new();
        }
        true
    }

    fn messages(&mut self, payload: &[u8]) -> bool {
        let texts: Vec<String> = match self.framing {
            Framing::Raw => vec![String::from_utf8_lossy(payload).into_owned()],
            Framing::SockJs => serde_json::from_slice(payload).unwrap_or_default(),
        };
        texts
            .iter()
            .all(|text| self.message(&serde_json::from_str(text).unwrap_or_default()))
    }

    fn message(&mut self, message: &Value) -> bool {
        let id = &message["id"];
        match message["msg"].as_str() {
            Some("connect") => self.say(r#"{"msg":"connected","session":"floor"}"#),
            Some("method") => {
                self.say(&format!(
                    r#"{{"msg":"result","id":{id},"result":{{"ok":true}}}}"#
                )) && self.say(&format!(r#"{{"msg":"updated","methods":[{id}]}}"#))
            }
            Some("sub") => {
                let key = message["params"][0].as_str().unwrap_or_default();
                match message["name"].as_str() {
                    Some("stream-room-messages") => self.wishes.push(Wish::Room(key.to_owned())),
                    Some("stream-user-presence") => self.wishes.push(Wish::Presence),
                    _ => {}
                }
                self.say(&format!(r#"{{"msg":"ready","subs":[{id}]}}"#))
            }
            Some("ping") => self.say(r#"{"msg":"pong"}"#),
            _ => true,
        }
    }

    fn say(&mut self, message: &str) -> bool {
        let mut text = Vec::new();
        let mut frame = Vec::new();
        match self.framing {
            Framing::Raw => text.extend_from_slice(message.as_bytes()),
            Framing::SockJs => sockjs(&mut text, message.as_bytes()),
        }
        websocket::server(&mut frame, TEXT, &text);
        self.send(&frame)
    }
}
