//! A new connection to the server, up to its `connected`.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::handshake;
use hyper::header::{
    CONNECTION, HOST, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::outward::Outward;
use super::target::{Stream, Target};
use crate::ddp::glance::{Fields, text};
use crate::ddp::message::pong;
use crate::session::{Incoming, Reader};

/// The `connect` of nobody's: to see whether the server answers.
pub(super) const CONNECT: &str = r#"{"msg":"connect","version":"1","support":["1","pre2","pre1"]}"#;
/// The close code of whoever leaves (RFC 6455, section 7.4.1).
pub(super) const NORMAL: u16 = 1000;
/// How long the server's own end of a connection is awaited.
const GOODBYE: Duration = Duration::from_secs(5);
/// What is read at once until the server has said `connected`.
const CHUNK: usize = 4096;

/// Who wants a connection.
#[derive(Debug)]
pub(super) struct Caller {
    /// What is passed on of its upgrade request.
    pub(super) headers: HeaderMap,
    /// Its `connect`.
    pub(super) connect: Box<str>,
}

/// A connection that the server has accepted.
pub(super) struct Dialled {
    pub(super) stream: Stream,
    pub(super) reader: Reader<false>,
    /// What the server said behind its `connected`.
    pub(super) unread: Vec<u8>,
    /// `connected`, as it came.
    pub(super) connected: Box<str>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    /// Nobody can be connected to.
    #[error("cannot be reached: {0}")]
    Unreachable(#[source] std::io::Error),
    /// It is there, and no connection of it came of it.
    #[error("{0}")]
    Refused(String),
    /// It does not speak the client's version of DDP: its `failed`, as it came.
    #[error("it does not speak this version of DDP")]
    Failed(Box<str>),
    /// It did not say `connected` in time.
    #[error("no answer within {0:?}")]
    Late(Duration),
}

/// Connects. A message of the server may have `max_bytes`.
pub(super) async fn dial(
    target: &Target,
    caller: Caller,
    max_bytes: usize,
    within: Duration,
) -> Result<Dialled, DialError> {
    let connected = async {
        let stream = target.connect().await.map_err(DialError::Unreachable)?;
        let (stream, unread) = match stream {
            Stream::Plain(stream) => {
                let (stream, unread) = upgrade(stream, target, caller.headers).await?;
                (Stream::Plain(stream), unread)
            }
            Stream::Tls(stream) => {
                let (stream, unread) = upgrade(stream, target, caller.headers).await?;
                (Stream::Tls(stream), unread)
            }
        };
        shake_hands(stream, unread, &caller.connect, max_bytes).await
    };
    let connected = tokio::time::timeout(within, connected).await;
    connected.unwrap_or(Err(DialError::Late(within)))
}

fn refused(why: impl std::fmt::Display) -> DialError {
    DialError::Refused(why.to_string())
}

/// The opening handshake of RFC 6455, section 4.1; answers what came behind the server's answer, too.
async fn upgrade<S: AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    target: &Target,
    headers: HeaderMap,
) -> Result<(S, Vec<u8>), DialError> {
    let key = generate_key();
    let mut question = Request::get(&target.url.path)
        .header(HOST, target.url.authority())
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key)
        .body(Empty::<Bytes>::new())
        .map_err(refused)?;
    question.headers_mut().extend(headers);
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(refused)?;
    let answer = async {
        // Nothing of a refusal outlives this, so that the connection ends.
        let answer = sender.send_request(question).await;
        drop(sender);
        let mut answer = answer?;
        let accept = answer.headers().get(SEC_WEBSOCKET_ACCEPT).cloned();
        Ok::<_, hyper::Error>((answer.status(), accept, hyper::upgrade::on(&mut answer)))
    };
    let (answer, ended) = tokio::join!(answer, connection.with_upgrades());
    let (status, accept, upgraded) = answer.map_err(refused)?;
    if status != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refused(format!("it answers the upgrade with {status}")));
    }
    if accept.as_ref().map(HeaderValue::as_bytes)
        != Some(derive_accept_key(key.as_bytes()).as_bytes())
    {
        return Err(refused("it answers the upgrade with the wrong key"));
    }
    ended.map_err(refused)?;
    let upgraded = upgraded.await.map_err(refused)?;
    let parts = upgraded
        .downcast::<TokioIo<S>>()
        .map_err(|_| refused("the connection is not given back"))?;
    Ok((parts.io.into_inner(), parts.read_buf.to_vec()))
}

/// The handshake of DDP. The greeting is not passed on: the client has had ours.
async fn shake_hands(
    mut stream: Stream,
    mut unread: Vec<u8>,
    connect: &str,
    max_bytes: usize,
) -> Result<Dialled, DialError> {
    let mut out = Outward::default();
    out.text(connect.as_bytes());
    let mut reader = Reader::new(max_bytes);
    loop {
        std::future::poll_fn(|cx| out.poll_write(cx, &mut stream))
            .await
            .map_err(refused)?;
        let (taken, said) = match reader.next(&mut unread) {
            Ok(Some((taken, said))) => (taken, said),
            Ok(None) => {
                unread.reserve(CHUNK);
                if stream.read_buf(&mut unread).await.map_err(refused)? == 0 {
                    return Err(refused("it hangs up"));
                }
                continue;
            }
            Err(_) => return Err(refused("it does not speak WebSocket")),
        };
        match said {
            Incoming::Text(said) => match msg(&said).as_deref() {
                Some("connected") => {
                    let connected = said.into();
                    unread.drain(..taken);
                    unread.shrink_to_fit();
                    return Ok(Dialled {
                        stream,
                        reader,
                        unread,
                        connected,
                    });
                }
                Some("failed") => return Err(DialError::Failed(said.into())),
                Some("ping") => out.text(&pong(None)),
                None if &*said == "o" => {
                    return Err(refused(
                        "it speaks SockJS at this path; DDP_SERVER_URL needs that of its raw WebSocket, mostly /websocket",
                    ));
                }
                _ => {}
            },
            Incoming::Ping(payload) => out.pong(payload),
            Incoming::Close(code) => {
                let code = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
                return Err(refused(format!("it closes the connection with {code}")));
            }
            Incoming::Nothing => {}
        }
        unread.drain(..taken);
    }
}

fn msg(json: &str) -> Option<std::borrow::Cow<'_, str>> {
    let mut fields = Fields::of(json.as_bytes());
    text(fields.find(|(key, _)| *key == b"msg")?.1)
}

/// Says goodbye to a server that nobody needs.
pub(super) async fn hang_up(mut stream: Stream, code: u16) {
    let mut out = Outward::default();
    out.close(code);
    let goodbye = async {
        std::future::poll_fn(|cx| out.poll_write(cx, &mut stream)).await?;
        stream.shutdown().await?;
        // What the server still says must be read: a socket that is closed with unread bytes takes back what it wrote.
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    // The server is told; whether it hears makes no difference any more.
    let _heard = tokio::time::timeout(GOODBYE, goodbye).await;
}
