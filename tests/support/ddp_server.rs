//! A DDP server that does what a test says: what the relay is in front of where no real one would misbehave so.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use super::client::{Closed, Wire};
use super::peer::matches;
use super::tls::Certificate;
use super::{DEADLINE, free_port};

/// How it meets those who come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It upgrades, greets, and answers `connect`.
    Serves,
    /// It accepts and says nothing.
    Silent,
    /// It upgrades and greets, and never answers `connect`.
    Dumb,
    /// It answers the upgrade with 500.
    Refuses,
    /// It answers with what is no HTTP.
    Garbage,
    /// It speaks no version of DDP that anybody asks for.
    Outdated,
}

pub struct DdpServer {
    pub port: u16,
    shared: Arc<Shared>,
    legs: mpsc::UnboundedReceiver<ServerLeg>,
    accepting: JoinHandle<()>,
}

struct Shared {
    manner: Mutex<Manner>,
    tls: Option<TlsAcceptor>,
    /// Connections that came and are not connected yet, probes aside; and the most of them at a time.
    pending: AtomicUsize,
    most_pending: AtomicUsize,
    sessions: AtomicUsize,
}

/// One session of the edge, from the server's side.
pub struct ServerLeg {
    socket: WebSocketStream<Box<dyn Wire>>,
    /// The upgrade request.
    pub headers: Vec<(String, String)>,
    pub path: String,
    /// What it was told it is.
    pub session: String,
    /// The `connect` that it was sent.
    pub connect: String,
    seen: VecDeque<String>,
}

impl DdpServer {
    pub async fn start() -> Self {
        Self::start_on(free_port(), Manner::Serves, None).await
    }

    pub async fn start_as(manner: Manner) -> Self {
        Self::start_on(free_port(), manner, None).await
    }

    pub async fn start_tls(certificate: &Certificate) -> Self {
        Self::start_on(free_port(), Manner::Serves, Some(certificate.acceptor())).await
    }

    /// Starts it on a port where another was before.
    pub async fn start_on(port: u16, manner: Manner, tls: Option<TlsAcceptor>) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        socket
            .bind(([127, 0, 0, 1], port).into())
            .unwrap_or_else(|error| panic!("port {port}: {error}"));
        let listener = socket.listen(4096).expect("it listens");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            manner: Mutex::new(manner),
            tls,
            pending: AtomicUsize::new(0),
            most_pending: AtomicUsize::new(0),
            sessions: AtomicUsize::new(0),
        });
        let (sender, legs) = mpsc::unbounded_channel();
        let accepting = tokio::spawn(accept(listener, shared.clone(), sender));
        Self {
            port,
            shared,
            legs,
            accepting,
        }
    }

    pub fn url(&self) -> String {
        let scheme = if self.shared.tls.is_some() {
            "wss"
        } else {
            "ws"
        };
        format!("{scheme}://localhost:{}/websocket", self.port)
    }

    pub fn behave(&self, manner: Manner) {
        *self.shared.manner.lock().expect("a manner") = manner;
    }

    /// The next session that came.
    pub async fn leg(&mut self) -> ServerLeg {
        tokio::time::timeout(DEADLINE, self.legs.recv())
            .await
            .expect("a session comes")
            .expect("it accepts")
    }

    /// A session that came already, if there is one.
    pub fn try_leg(&mut self) -> Option<ServerLeg> {
        self.legs.try_recv().ok()
    }

    /// The most handshakes that were on their way at a time.
    pub fn most_pending(&self) -> usize {
        self.shared.most_pending.load(Ordering::Relaxed)
    }

    /// Nobody is accepted any more. The sessions are whoever has them.
    pub async fn stop(self) -> u16 {
        self.accepting.abort();
        // Its listener is gone with it.
        let _aborted = self.accepting.await;
        self.port
    }
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    legs: mpsc::UnboundedSender<ServerLeg>,
) {
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("accepted");
        let _slower = stream.set_nodelay(true);
        let (shared, legs) = (shared.clone(), legs.clone());
        tasks.spawn(async move {
            if let Some(leg) = greet(stream, &shared).await {
                // The test may be over.
                let _over = legs.send(leg);
            }
        });
    }
}

async fn greet(mut stream: TcpStream, shared: &Shared) -> Option<ServerLeg> {
    let manner = *shared.manner.lock().expect("a manner");
    match manner {
        Manner::Silent => std::future::pending().await,
        Manner::Garbage => {
            let _gone = stream
                .write_all(b"\x16\x03\x01 what is this\r\n\r\n\r\n")
                .await;
            return None;
        }
        Manner::Refuses => {
            let answer = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\nConnection: close\r\n\r\nsick";
            let mut request = [0; 4096];
            let _read = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await;
            let _gone = stream.write_all(answer).await;
            return None;
        }
        _ => {}
    }
    let wire: Box<dyn Wire> = match &shared.tls {
        Some(tls) => Box::new(tls.accept(stream).await.ok()?),
        None => Box::new(stream),
    };
    let mut headers = Vec::new();
    let mut path = String::new();
    #[allow(clippy::result_large_err, reason = "the library's own type")]
    let look = |request: &Request, response: Response| {
        path = request.uri().to_string();
        headers = request
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect();
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(wire, look).await.ok()?;
    // The edge asks for itself, too, whether anybody is there.
    let probe = !headers.iter().any(|(name, _)| name == "x-forwarded-for");
    if !probe {
        let pending = shared.pending.fetch_add(1, Ordering::Relaxed) + 1;
        shared.most_pending.fetch_max(pending, Ordering::Relaxed);
    }
    let leg = async {
        socket
            .send(Message::text(r#"{"server_id":"0"}"#))
            .await
            .ok()?;
        let Some(Ok(Message::Text(connect))) = socket.next().await else {
            return None;
        };
        let session = format!("theirs-{}", shared.sessions.fetch_add(1, Ordering::Relaxed));
        match manner {
            Manner::Dumb => std::future::pending().await,
            Manner::Outdated => {
                let failed = r#"{"msg":"failed","version":"pre0"}"#;
                socket.send(Message::text(failed)).await.ok()?;
            }
            _ => {
                let connected = format!(r#"{{"msg":"connected","session":"{session}"}}"#);
                socket.send(Message::text(connected)).await.ok()?;
            }
        }
        Some((session, connect.to_string()))
    }
    .await;
    if !probe {
        shared.pending.fetch_sub(1, Ordering::Relaxed);
    }
    let (session, connect) = leg?;
    if probe {
        // Until it leaves.
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
        return None;
    }
    Some(ServerLeg {
        socket,
        headers,
        path,
        session,
        connect,
        seen: VecDeque::new(),
    })
}

impl ServerLeg {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The next text of the client, as it came, or how the session ended.
    pub async fn try_text(&mut self) -> Result<String, Closed> {
        if let Some(seen) = self.seen.pop_front() {
            return Ok(seen);
        }
        let read = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                    Some(Ok(Message::Close(frame))) => {
                        return Err(Closed {
                            code: frame.as_ref().map(|frame| frame.code.into()),
                            reason: frame
                                .map(|frame| frame.reason.to_string())
                                .unwrap_or_default(),
                        });
                    }
                    Some(Err(_)) | None => {
                        return Err(Closed {
                            code: None,
                            reason: String::new(),
                        });
                    }
                    Some(Ok(_)) => {}
                }
            }
        };
        tokio::time::timeout(DEADLINE, read)
            .await
            .expect("the client speaks")
    }

    pub async fn text(&mut self) -> String {
        let text = self.try_text().await;
        text.unwrap_or_else(|closed| panic!("the leg ended: {closed:?}"))
    }

    /// The next message of the client.
    pub async fn next(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"))
    }

    /// The next message, which must match.
    pub async fn hears(&mut self, pattern: Value) -> Value {
        let message = self.next().await;
        assert!(matches(&pattern, &message), "{message} is not {pattern}");
        message
    }

    /// Says something as it is.
    pub async fn says(&mut self, text: impl Into<String>) {
        let text: String = text.into();
        self.send(Message::text(text)).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.socket.send(message).await.expect("the edge listens");
    }

    pub async fn try_send(&mut self, message: Message) -> bool {
        self.socket.send(message).await.is_ok()
    }

    /// Bytes that are no WebSocket.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        let wire = self.socket.get_mut();
        wire.write_all(bytes).await.expect("written");
        wire.flush().await.expect("written");
    }

    /// Answers a method.
    pub async fn result(&mut self, id: &str, value: Value) {
        self.says(json!({"msg": "result", "id": id, "result": value}).to_string())
            .await;
        self.says(json!({"msg": "updated", "methods": [id]}).to_string())
            .await;
    }

    /// How the edge ends it; what it says before is kept.
    pub async fn closed(&mut self) -> Closed {
        let mut seen = VecDeque::new();
        loop {
            match self.try_text().await {
                Ok(text) => seen.push_back(text),
                Err(closed) => {
                    self.seen = seen;
                    return closed;
                }
            }
        }
    }

    /// Closes it as a server does.
    pub async fn close(mut self) {
        let _gone = self.socket.close(None).await;
        while self
            .socket
            .next()
            .await
            .is_some_and(|message| message.is_ok())
        {}
    }
}
