//! A DDP client of a test: it sees every frame, and says what a test tells it to.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::DEADLINE;
use super::peer::matches;

/// What a client's frames go over.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {
    /// Lets its end be a reset; says whether that can be.
    fn end_in_reset(&self) -> bool {
        false
    }
}

impl Wire for TcpStream {
    fn end_in_reset(&self) -> bool {
        socket2::SockRef::from(self)
            .set_linger(Some(Duration::ZERO))
            .is_ok()
    }
}

impl Wire for TlsStream<TcpStream> {}

impl Wire for tokio_rustls::server::TlsStream<TcpStream> {}

/// A client's frame, as it is written.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_with(first, payload, rand::random())
}

/// The same, masked with this.
pub fn frame_with(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
    out
}

pub struct Client {
    socket: WebSocketStream<Box<dyn Wire>>,
    sockjs: bool,
    seen: VecDeque<Value>,
    ids: u32,
    pub session: String,
    pub uid: Option<String>,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// `None`: a close frame without a code, or none at all.
    pub code: Option<u16>,
    pub reason: String,
}

impl Client {
    /// Opens a socket and takes the greeting; no handshake yet.
    pub async fn open(port: u16, path: &str) -> Self {
        Self::open_with(port, path, &[])
            .await
            .unwrap_or_else(|error| panic!("no socket: {error}"))
    }

    /// Opens a socket with more request headers.
    pub async fn open_with(
        port: u16,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Box<Error>> {
        let stream = TcpStream::connect(("127.0.0.1", port))
            .await
            .map_err(Error::Io)?;
        Self::open_over(Box::new(stream), port, path, headers).await
    }

    /// Opens a socket over a connection to `port`.
    pub async fn open_over(
        wire: Box<dyn Wire>,
        port: u16,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Box<Error>> {
        let mut request = format!("ws://127.0.0.1:{port}{path}").into_client_request()?;
        for (name, value) in headers {
            request
                .headers_mut()
                .append(*name, value.parse().expect("a header"));
        }
        let (socket, _) = tokio_tungstenite::client_async(request, wire).await?;
        let sockjs = path.contains("/sockjs/");
        let mut client = Self {
            socket,
            sockjs,
            seen: VecDeque::new(),
            ids: 0,
            session: String::new(),
            uid: None,
        };
        if sockjs {
            assert_eq!(client.frame().await, Ok("o".to_owned()));
        }
        assert_eq!(client.next().await, json!({"server_id": "0"}));
        Ok(client)
    }

    /// Opens a raw socket and shakes hands.
    pub async fn connect(port: u16) -> Self {
        Self::connect_to(port, "/websocket").await
    }

    /// Opens a socket on a path and shakes hands.
    pub async fn connect_to(port: u16, path: &str) -> Self {
        let mut client = Self::open(port, path).await;
        client.handshake().await;
        client
    }

    pub async fn handshake(&mut self) {
        self.send(json!({"msg": "connect", "version": "1", "support": ["1", "pre2", "pre1"]}))
            .await;
        let connected = self.expect(json!({"msg": "connected"})).await;
        self.session = connected["session"].as_str().expect("a session").to_owned();
    }

    /// Sends one frame as it is.
    pub async fn raw(&mut self, message: Message) {
        self.socket.send(message).await.expect("sent");
    }

    /// Sends one frame as it is, to a server that may have closed already.
    pub async fn try_raw(&mut self, message: Message) -> bool {
        self.socket.send(message).await.is_ok()
    }

    /// The frame of a message, in the framing of the path.
    pub fn framed(&self, message: &Value) -> Vec<u8> {
        let text = message.to_string();
        let text = if self.sockjs {
            json!([text]).to_string()
        } else {
            text
        };
        frame(0x81, text.as_bytes())
    }

    /// Writes bytes as they are, past the library.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        let wire = self.socket.get_mut();
        wire.write_all(bytes).await.expect("written");
        wire.flush().await.expect("flushed");
    }

    /// Writes bytes as they are, to a server that may have closed already.
    pub async fn try_bytes(&mut self, bytes: &[u8]) -> bool {
        let wire = self.socket.get_mut();
        wire.write_all(bytes).await.is_ok() && wire.flush().await.is_ok()
    }

    /// Ends without a word: FIN.
    pub async fn shut(mut self) {
        self.socket.get_mut().shutdown().await.expect("shut");
    }

    /// Ends without a word: RST.
    pub fn reset(self) {
        assert!(self.socket.get_ref().end_in_reset());
    }

    /// Sends one DDP message.
    pub async fn send(&mut self, message: Value) {
        self.text(&message.to_string()).await;
    }

    /// Sends one message as text, in the framing of the path.
    pub async fn text(&mut self, text: &str) {
        let text = if self.sockjs {
            json!([text]).to_string()
        } else {
            text.to_owned()
        };
        self.raw(Message::text(text)).await;
    }

    /// The next text frame, or how the session ended.
    pub async fn frame(&mut self) -> Result<String, Closed> {
        let read = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                    Some(Ok(Message::Close(Some(frame)))) => {
                        // The library reads an empty close frame as none.
                        return Err(Closed {
                            code: Some(frame.code.into()),
                            reason: frame.reason.to_string(),
                        });
                    }
                    Some(Ok(Message::Close(None)) | Err(_)) | None => {
                        return Err(Closed {
                            code: None,
                            reason: String::new(),
                        });
                    }
                    Some(Ok(_)) => {}
                }
            }
        };
        tokio::time::timeout(DEADLINE, read).await.expect("a frame")
    }

    /// The next DDP message as text, or how the session ended.
    pub async fn said(&mut self) -> Result<String, Closed> {
        let frame = self.frame().await?;
        if !self.sockjs {
            return Ok(frame);
        }
        let array = frame.strip_prefix('a').expect("a SockJS frame");
        let inner: Vec<String> = serde_json::from_str(array).expect("an array");
        assert_eq!(inner.len(), 1);
        Ok(inner.into_iter().next().expect("one message"))
    }

    /// The next DDP message, or how the session ended; pings are answered and not shown.
    pub async fn try_next(&mut self) -> Result<Value, Closed> {
        loop {
            let text = self.said().await?;
            let message: Value =
                serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
            if message == json!({"msg": "ping"}) {
                // The server may have closed behind it.
                let pong = self.framed(&json!({"msg": "pong"}));
                self.try_bytes(&pong).await;
            } else {
                return Ok(message);
            }
        }
    }

    /// The next DDP message.
    pub async fn next(&mut self) -> Value {
        match self.seen.pop_front() {
            Some(seen) => seen,
            None => self
                .try_next()
                .await
                .unwrap_or_else(|closed| panic!("the session ended: {closed:?}")),
        }
    }

    /// Waits for a message that matches; others are kept for later.
    pub async fn expect(&mut self, pattern: Value) -> Value {
        if let Some(at) = self.seen.iter().position(|seen| matches(&pattern, seen)) {
            return self.seen.remove(at).expect("it is there");
        }
        let search = async {
            loop {
                let message = match self.try_next().await {
                    Ok(message) => message,
                    Err(closed) => panic!(
                        "closed {closed:?} while waiting for {pattern}; seen {:?}",
                        self.seen
                    ),
                };
                if matches(&pattern, &message) {
                    return message;
                }
                self.seen.push_back(message);
            }
        };
        let found = tokio::time::timeout(DEADLINE, search).await;
        found.unwrap_or_else(|_| panic!("never saw {pattern}; saw {:?}", self.seen))
    }

    /// All messages up to the answer to a ping: whatever the server had to say before.
    pub async fn so_far(&mut self) -> Vec<Value> {
        self.ids += 1;
        let id = format!("mark-{}", self.ids);
        self.send(json!({"msg": "ping", "id": id})).await;
        let pong = json!({"msg": "pong", "id": id});
        let mut all: Vec<Value> = self.seen.drain(..).collect();
        loop {
            match self.try_next().await {
                Ok(message) if message == pong => return all,
                Ok(message) => all.push(message),
                Err(closed) => panic!("closed {closed:?} after {all:?}"),
            }
        }
    }

    /// How the session ends; what comes before is kept.
    pub async fn closed(&mut self) -> Closed {
        let end = async {
            loop {
                match self.try_next().await {
                    Ok(message) => self.seen.push_back(message),
                    Err(closed) => return closed,
                }
            }
        };
        tokio::time::timeout(DEADLINE, end)
            .await
            .expect("the session ends")
    }

    /// Messages that nobody asked for yet.
    pub fn seen(&self) -> Vec<Value> {
        self.seen.iter().cloned().collect()
    }

    /// Calls a method; answers `result` whole, and has seen its `updated`, whichever came first.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        let result = self.expect(json!({"msg": "result", "id": id})).await;
        self.expect(json!({"msg": "updated", "methods": [id]}))
            .await;
        result
    }

    /// Calls a method without waiting; answers its id.
    pub async fn begin(&mut self, method: &str, params: Value) -> String {
        self.ids += 1;
        let id = self.ids.to_string();
        self.send(json!({"msg": "method", "method": method, "params": params, "id": id}))
            .await;
        id
    }

    /// Asks for a publication; answers `ready` or `nosub`.
    pub async fn try_sub(&mut self, name: &str, params: Value) -> (String, Value) {
        self.ids += 1;
        let id = format!("sub-{}", self.ids);
        self.send(json!({"msg": "sub", "id": id, "name": name, "params": params}))
            .await;
        loop {
            let message = self
                .try_next()
                .await
                .unwrap_or_else(|closed| panic!("closed {closed:?}"));
            if matches(&json!({"msg": "ready", "subs": [id]}), &message)
                || matches(&json!({"msg": "nosub", "id": id}), &message)
            {
                return (id, message);
            }
            self.seen.push_back(message);
        }
    }

    /// Asks for a publication that must be granted; answers its id.
    pub async fn sub(&mut self, name: &str, params: Value) -> String {
        let (id, answer) = self.try_sub(name, params).await;
        assert_eq!(answer["msg"], "ready", "{name}: {answer}");
        id
    }

    /// Listens to an event name of a stream.
    pub async fn listen(&mut self, stream: &str, event_name: &str) -> String {
        self.sub(
            &format!("stream-{stream}"),
            json!([event_name, {"useCollection": false, "args": []}]),
        )
        .await
    }

    /// Waits for an event of a stream; answers its args.
    pub async fn hears(&mut self, stream: &str, event_name: &str) -> Value {
        let pattern = json!({"msg": "changed", "collection": format!("stream-{stream}"), "fields": {"eventName": event_name}});
        self.expect(pattern).await["fields"]["args"].take()
    }

    /// Logs in with `<name>-token`.
    pub async fn login(&mut self, name: &str) -> Value {
        let result = self
            .call("login", json!([{"resume": format!("{name}-token")}]))
            .await;
        let uid = result["result"]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no login: {result}"))
            .to_owned();
        self.expect(json!({"msg": "added", "collection": "users", "id": uid}))
            .await;
        self.uid = Some(uid);
        result
    }

    /// Says goodbye.
    pub async fn leave(mut self) {
        let _gone = self.socket.close(None).await;
        let _rest = tokio::time::timeout(Duration::from_secs(5), async {
            while self.socket.next().await.is_some_and(|m| m.is_ok()) {}
        })
        .await;
    }
}
