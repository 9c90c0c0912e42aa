use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::client::{After, Client, Directory, Handler, Reply, SubOutcome};
use crate::config::{self, SessionConfig};
use crate::ddp::message::{MethodCall, Subscription, nosub, ready};
use crate::ddp::{Close, DdpError, Framing};
use crate::session::{Arrival, Behind, Sessions};

pub(super) const GREETING: &str = r#"{"server_id":"0"}"#;
pub(super) const CONNECT: &str = r#"{"msg":"connect","version":"1","support":["1","pre2","pre1"]}"#;
pub(super) const PING: &str = r#"{"msg":"ping"}"#;
pub(super) const PONG: &str = r#"{"msg":"pong"}"#;

/// A handler that writes down what it was told.
#[derive(Default)]
pub(super) struct House {
    pub(super) log: Mutex<Vec<String>>,
    active: Mutex<BTreeSet<String>>,
    /// `slow` requests wait for a permit each.
    pub(super) gate: Arc<Mutex<Option<Arc<Semaphore>>>>,
}

/// Notes that a future was dropped before its end.
struct Watched {
    house: Arc<House>,
    what: String,
    done: bool,
}

impl Watched {
    fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.done {
            self.house.note(format!("cancelled {}", self.what));
        }
    }
}

impl House {
    pub(super) fn note(&self, what: impl Into<String>) {
        self.log.lock().push(what.into());
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.log.lock().clone()
    }

    fn wait(self: &Arc<Self>, what: String) -> BoxFuture<'static, ()> {
        let gate = self
            .gate
            .lock()
            .get_or_insert_with(|| Arc::new(Semaphore::new(0)))
            .clone();
        let watched = Watched {
            house: self.clone(),
            what,
            done: false,
        };
        async move {
            gate.acquire().await.unwrap().forget();
            watched.done();
        }
        .boxed()
    }

    /// Lets so many slow requests through.
    pub(super) fn let_through(&self, count: usize) {
        self.gate
            .lock()
            .get_or_insert_with(|| Arc::new(Semaphore::new(0)))
            .add_permits(count);
    }
}

impl Handler for House {
    fn opened(&self, _: &Arc<Client>) {
        self.note("opened");
    }

    fn method(self: Arc<Self>, _: Arc<Client>, call: MethodCall) -> BoxFuture<'static, Reply> {
        self.note(format!("method {}", call.id));
        assert_ne!(call.method, "panic at once");
        async move {
            match &*call.method {
                "slow" => self.wait(call.id).await,
                "panic" => panic!("as asked"),
                "fail" => return Err(DdpError::number(403, "No")).into(),
                "nothing" => return Ok(None).into(),
                "logout" => {
                    return Reply {
                        result: Ok(None),
                        after: After {
                            sent: None,
                            close: Some(Close::ProtocolError),
                        },
                    };
                }
                _ => {}
            }
            Ok(Some(call.params)).into()
        }
        .boxed()
    }

    fn subscribe(
        self: Arc<Self>,
        client: Arc<Client>,
        sub: Subscription,
    ) -> BoxFuture<'static, SubOutcome> {
        self.note(format!("sub {}", sub.id));
        async move {
            match &*sub.name {
                "unknown" => {
                    let error = DdpError::number(404, "Subscription 'unknown' not found");
                    client.send(&nosub(&sub.id, Some(&error)));
                    return SubOutcome::Refused(None);
                }
                "slow" => self.wait(sub.id.clone()).await,
                _ => {}
            }
            client.send(&ready(&sub.id));
            self.active.lock().insert(sub.id);
            SubOutcome::Ready
        }
        .boxed()
    }

    fn unsubscribe(&self, client: &Arc<Client>, id: &str) {
        self.note(format!("unsub {id}"));
        assert_ne!(id, "panic");
        if self.active.lock().remove(id) {
            client.send(&nosub(id, None));
        }
    }

    fn active(&self, _: &Arc<Client>) {
        self.note("active");
    }

    fn leave(&self, client: &Arc<Client>) {
        self.note("leave");
        assert!(client.livechat_token() != Some("panic"));
    }

    fn closed(self: Arc<Self>, _: Arc<Client>) -> BoxFuture<'static, ()> {
        async move { self.note("closed") }.boxed()
    }
}

pub(super) struct Rig {
    pub(super) house: Arc<House>,
    pub(super) sessions: Arc<Sessions>,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(config::defaults().session)
    }

    pub(super) fn with(config: SessionConfig) -> Self {
        let house = Arc::new(House::default());
        let directory = Arc::new(Directory::default());
        let behind = Behind::House(house.clone());
        let sessions = Sessions::new(config, behind, directory, "instance".into());
        Self { house, sessions }
    }

    /// A socket that holds `buffer` bytes in each direction; nothing was said yet.
    pub(super) fn socket(&self, framing: Framing, buffer: usize) -> Peer {
        let (here, there) = tokio::io::duplex(buffer);
        let session = self.sessions.session(there, Vec::new(), arrival(framing));
        let client = session.client().clone();
        self.sessions.tracker().spawn(session);
        Peer {
            socket: here,
            framing,
            client,
        }
    }

    /// A client that is connected.
    pub(super) async fn client(&self, framing: Framing) -> Peer {
        self.client_with(framing, 1 << 20).await
    }

    pub(super) async fn client_with(&self, framing: Framing, buffer: usize) -> Peer {
        let mut peer = self.socket(framing, buffer);
        peer.connect().await;
        peer
    }

    pub(super) async fn raw(&self) -> Peer {
        self.client(Framing::Raw).await
    }

    /// A client that is connected over TCP.
    pub(super) async fn tcp(&self, framing: Framing) -> Peer<TcpStream> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (there, here) = tokio::join!(listener.accept(), TcpStream::connect(address));
        let session =
            self.sessions
                .wire_session(there.unwrap().0.into(), Vec::new(), arrival(framing));
        let client = session.client().clone();
        self.sessions.tracker().spawn(session);
        let mut peer = Peer {
            socket: here.unwrap(),
            framing,
            client,
        };
        peer.connect().await;
        peer
    }

    /// Waits until every session that there is and its teardown is over.
    pub(super) async fn over_for_now(&self) {
        self.over().await;
        self.sessions.tracker().reopen();
    }

    /// Waits until every session and its teardown is over.
    pub(super) async fn over(&self) {
        self.sessions.tracker().close();
        self.sessions.tracker().wait().await;
        assert_eq!(self.sessions.directory().connected(), 0);
    }
}

pub(super) fn arrival(framing: Framing) -> Arrival {
    Arrival {
        framing,
        address: Some("10.0.0.1".into()),
        headers: "{}".into(),
    }
}

/// What a client sees.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Text(String),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
    Eof,
}

pub(super) fn text(text: impl Into<String>) -> Said {
    Said::Text(text.into())
}

pub(super) fn close(close: Close) -> Said {
    Said::Close(close.code().map(|(code, reason)| (code, reason.into())))
}

/// The client's end.
pub(super) struct Peer<S = DuplexStream> {
    pub(super) socket: S,
    framing: Framing,
    /// What the house holds of it.
    pub(super) client: Arc<Client>,
}

pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
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

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(super) async fn connect(&mut self) {
        self.say(CONNECT).await;
        if self.framing == Framing::SockJs {
            assert_eq!(self.hear().await, text("o"));
        }
        assert_eq!(self.message().await, GREETING);
        let session = self.client.id().as_str().to_owned();
        assert_eq!(
            self.message().await,
            format!(r#"{{"msg":"connected","session":"{session}"}}"#)
        );
    }

    /// Sends one message.
    pub(super) async fn say(&mut self, json: &str) {
        let payload = match self.framing {
            Framing::Raw => json.to_owned(),
            Framing::SockJs => serde_json::to_string(&[json]).unwrap(),
        };
        self.bytes(&frame(0x81, payload.as_bytes())).await;
    }

    pub(super) async fn method(&mut self, id: &str, method: &str) {
        self.say(&format!(
            r#"{{"msg":"method","id":"{id}","method":"{method}","params":["{id}"]}}"#
        ))
        .await;
    }

    pub(super) async fn bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// The next frame.
    pub(super) async fn hear(&mut self) -> Said {
        let Ok(first) = self.socket.read_u8().await else {
            return Said::Eof;
        };
        let len = match self.socket.read_u8().await.unwrap() {
            126 => u64::from(self.socket.read_u16().await.unwrap()),
            127 => self.socket.read_u64().await.unwrap(),
            len => u64::from(len),
        };
        let mut payload = vec![0; len as usize];
        self.socket.read_exact(&mut payload).await.unwrap();
        match first {
            0x81 => text(String::from_utf8(payload).unwrap()),
            0x8a => Said::Pong(payload),
            0x88 => Said::Close(payload.split_first_chunk().map(|(code, reason)| {
                (
                    u16::from_be_bytes(*code),
                    String::from_utf8(reason.to_vec()).unwrap(),
                )
            })),
            other => panic!("frame {other:x}"),
        }
    }

    /// The next message, out of its framing.
    pub(super) async fn message(&mut self) -> String {
        let Said::Text(said) = self.hear().await else {
            panic!("no message")
        };
        match self.framing {
            Framing::Raw => said,
            Framing::SockJs => {
                let [message]: [String; 1] =
                    serde_json::from_str(said.strip_prefix('a').unwrap()).unwrap();
                message
            }
        }
    }

    pub(super) async fn hears<const N: usize>(&mut self, messages: [&str; N]) {
        for message in messages {
            assert_eq!(self.message().await, message);
        }
    }

    /// Hears an echo's answer.
    pub(super) async fn answer(&mut self, id: &str) {
        self.hears([
            &format!(r#"{{"msg":"result","id":"{id}","result":["{id}"]}}"#),
            &format!(r#"{{"msg":"updated","methods":["{id}"]}}"#),
        ])
        .await;
    }

    /// Whatever was sent has been dealt with.
    pub(super) async fn settled(&mut self) {
        self.say(r#"{"msg":"ping","id":"settled"}"#).await;
        self.hears([r#"{"msg":"pong","id":"settled"}"#]).await;
    }

    /// The service closes; the client answers and sees the end.
    pub(super) async fn is_closed(&mut self, expected: Close) {
        assert_eq!(self.hear().await, close(expected));
        self.bytes(&frame(0x88, &[])).await;
        assert_eq!(self.hear().await, Said::Eof);
    }
}

/// Counts how often a session is woken that the test polls itself.
#[derive(Default)]
pub(super) struct Woken(AtomicUsize);

impl Woken {
    /// How often since it was asked last.
    pub(super) fn count(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The error object of a refusal.
pub(super) fn error(code: i64, reason: &str) -> String {
    format!(
        r#"{{"isClientSafe":true,"error":{code},"reason":"{reason}","message":"{reason} [{code}]","errorType":"Meteor.Error"}}"#
    )
}

pub(super) const SECOND: Duration = Duration::from_secs(1);
