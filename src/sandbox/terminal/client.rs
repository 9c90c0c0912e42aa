//! A DDP client that does one thing after another.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::TerminalError;
use super::address::Address;

/// For the connection, and for each answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// News that came while an answer was waited for; more are left out.
const NEWS_KEPT: usize = 10_000;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A stream's event.
#[derive(Debug)]
pub(super) struct StreamEvent {
    pub(super) collection: String,
    pub(super) name: String,
    pub(super) args: Value,
}

/// What comes unasked.
#[derive(Debug)]
pub(super) enum News {
    Event(StreamEvent),
    /// The server ended a subscription.
    Ended(TerminalError),
}

pub(super) struct Client {
    socket: WebSocketStream<Box<dyn Stream>>,
    news: VecDeque<News>,
    /// Subscriptions that the server has taken: id, and what they are of.
    subscriptions: Vec<(String, String)>,
    next_id: u64,
}

impl Client {
    /// Connects and shakes hands.
    pub(super) async fn connect(address: &Address) -> Result<Self, TerminalError> {
        let unreachable = |reason: String| TerminalError::Unreachable {
            address: address.url(),
            reason,
        };
        let opened = tokio::time::timeout(TIMEOUT, open(address)).await;
        let socket = opened.map_err(|_| unreachable("it does not answer".to_owned()))??;
        let mut client = Self {
            socket,
            news: VecDeque::new(),
            subscriptions: Vec::new(),
            next_id: 0,
        };
        client
            .send(&json!({ "msg": "connect", "version": "1", "support": ["1"] }))
            .await?;
        client
            .wait("connect", |message| match kind(message) {
                "connected" => Some(Ok(())),
                "failed" => Some(Err(TerminalError::Strange(
                    "the server speaks another version of DDP".to_owned(),
                ))),
                _ => None,
            })
            .await?;
        Ok(client)
    }

    /// Calls a method; `None` is undefined.
    pub(super) async fn call(
        &mut self,
        method: &str,
        params: &Value,
    ) -> Result<Option<Value>, TerminalError> {
        let id = self.id();
        self.send(&json!({ "msg": "method", "id": id, "method": method, "params": params }))
            .await?;
        self.wait(method, |message| {
            let mine =
                kind(message) == "result" && message.get("id").and_then(Value::as_str) == Some(&id);
            mine.then(|| match message.get("error") {
                Some(error) => Err(refused(method, error)),
                None => Ok(message.get("result").cloned()),
            })
        })
        .await
    }

    /// Subscribes to an event name of a stream.
    pub(super) async fn subscribe(
        &mut self,
        publication: &str,
        event: &str,
    ) -> Result<(), TerminalError> {
        let id = self.id();
        let params = json!([event, { "useCollection": false, "args": [] }]);
        self.send(&json!({ "msg": "sub", "id": id, "name": publication, "params": params }))
            .await?;
        let what = format!("{publication} {event}");
        self.wait(&what, |message| match kind(message) {
            "ready" if message.pointer("/subs/0").and_then(Value::as_str) == Some(&id) => {
                Some(Ok(()))
            }
            "nosub" if message.get("id").and_then(Value::as_str) == Some(&id) => Some(Err(
                refused(&what, message.get("error").unwrap_or(&Value::Null)),
            )),
            _ => None,
        })
        .await?;
        self.subscriptions.push((id, what));
        Ok(())
    }

    /// The next event, or the end of a subscription, whenever it comes.
    pub(super) async fn news(&mut self) -> Result<News, TerminalError> {
        loop {
            if let Some(news) = self.news.pop_front() {
                return Ok(news);
            }
            self.message().await?;
        }
    }

    /// Whether something may still come.
    pub(super) fn is_subscribed(&self) -> bool {
        !self.subscriptions.is_empty() || !self.news.is_empty()
    }

    /// Says goodbye.
    pub(super) async fn close(mut self) -> Result<(), TerminalError> {
        // A server that is gone already has been left all the same.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.socket.close(None)).await;
        Ok(())
    }

    fn id(&mut self) -> String {
        self.next_id += 1;
        self.next_id.to_string()
    }

    async fn send(&mut self, message: &Value) -> Result<(), TerminalError> {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .map_err(closed)
    }

    async fn wait<T>(
        &mut self,
        what: &str,
        answer: impl Fn(&Value) -> Option<Result<T, TerminalError>>,
    ) -> Result<T, TerminalError> {
        let answered = async {
            loop {
                let message = self.message().await?;
                if let Some(answer) = answer(&message) {
                    return answer;
                }
            }
        };
        let silent = |_| TerminalError::Silent {
            what: what.to_owned(),
            after: TIMEOUT,
        };
        tokio::time::timeout(TIMEOUT, answered)
            .await
            .map_err(silent)?
    }

    /// The next message. Pings are answered, events are put aside.
    async fn message(&mut self) -> Result<Value, TerminalError> {
        loop {
            let text = match self.socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(frame))) => {
                    let why =
                        frame.map(|frame| format!(": {} {}", u16::from(frame.code), frame.reason));
                    return Err(TerminalError::Closed(
                        why.unwrap_or_default().trim_end().to_owned(),
                    ));
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(closed(error)),
                None => return Err(TerminalError::Closed(String::new())),
            };
            let message: Value = serde_json::from_str(&text)
                .map_err(|error| TerminalError::Strange(error.to_string()))?;
            match kind(&message) {
                "ping" => self.pong(&message).await?,
                "changed" => self.put_aside(&message),
                "nosub" => self.ended(&message),
                _ => {}
            }
            return Ok(message);
        }
    }

    async fn pong(&mut self, ping: &Value) -> Result<(), TerminalError> {
        let pong = match ping.get("id") {
            Some(id) => json!({ "msg": "pong", "id": id }),
            None => json!({ "msg": "pong" }),
        };
        self.send(&pong).await
    }

    fn put_aside(&mut self, message: &Value) {
        let (Some(collection), Some(fields)) = (
            message.get("collection").and_then(Value::as_str),
            message.get("fields"),
        ) else {
            return;
        };
        if self.news.len() < NEWS_KEPT {
            self.news.push_back(News::Event(StreamEvent {
                collection: collection.to_owned(),
                name: fields
                    .get("eventName")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                args: fields.get("args").cloned().unwrap_or_default(),
            }));
        }
    }

    /// There are no more of these than subscriptions: all are kept.
    fn ended(&mut self, nosub: &Value) {
        let id = nosub.get("id").and_then(Value::as_str);
        let mut subscriptions = self.subscriptions.iter();
        let Some(at) = subscriptions.position(|(known, _)| Some(known.as_str()) == id) else {
            return;
        };
        let (_, what) = self.subscriptions.remove(at);
        let error = nosub.get("error").map(word);
        let why = error.map(|error| format!(": {error}")).unwrap_or_default();
        self.news
            .push_back(News::Ended(TerminalError::Ended { what, why }));
    }
}

async fn open(address: &Address) -> Result<WebSocketStream<Box<dyn Stream>>, TerminalError> {
    let unreachable = |reason: String| TerminalError::Unreachable {
        address: address.url(),
        reason,
    };
    let tcp = TcpStream::connect((address.name(), address.port))
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    let stream: Box<dyn Stream> = if address.tls {
        Box::new(encrypt(address, tcp).await?)
    } else {
        Box::new(tcp)
    };
    let (socket, _) = client_async(address.url(), stream)
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    Ok(socket)
}

async fn encrypt(address: &Address, tcp: TcpStream) -> Result<TlsStream<TcpStream>, TerminalError> {
    let wrong = |reason: String| TerminalError::Tls(reason);
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config
        .map_err(|error| wrong(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(address.name().to_owned())
        .map_err(|error| wrong(error.to_string()))?;
    let connector = TlsConnector::from(Arc::new(config));
    connector
        .connect(name, tcp)
        .await
        .map_err(|error| wrong(error.to_string()))
}

fn kind(message: &Value) -> &str {
    message
        .get("msg")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn refused(what: &str, error: &Value) -> TerminalError {
    TerminalError::Refused {
        what: what.to_owned(),
        error: word(error),
    }
}

fn word(error: &Value) -> String {
    let word = error.get("message").and_then(Value::as_str);
    word.map_or_else(|| error.to_string(), str::to_owned)
}

fn closed(error: WsError) -> TerminalError {
    TerminalError::Closed(format!(": {error}"))
}
