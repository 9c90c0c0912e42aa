//! A look at the server from outside: what `ddp-streamer check` asks.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::client::conn::http1::handshake;
use hyper::header::{CONNECTION, DATE, HOST, HeaderMap, HeaderValue};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::time::Instant;

use super::dial::{CONNECT, Caller, NORMAL, dial, hang_up};
use super::target::Target;
use crate::config::ServerUrl;
use crate::ejson::RawObject;

/// How long the server may take for each question.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer to `/api/info`, and the largest message before `connected`.
const MAX_BYTES: usize = 64 * 1024;

/// What was seen of the server.
#[derive(Debug)]
pub struct ServerSeen {
    /// How long it took from the name to `connected`; or why there is no connection.
    pub connected_in: Result<Duration, String>,
    /// What it says about itself over HTTP, if it answers there.
    pub info: Option<Info>,
}

/// What a server says about itself.
#[derive(Debug)]
pub struct Info {
    /// `version` of `/api/info`; only Rocket.Chat has it.
    pub version: Option<String>,
    /// The time of its answer, to the second.
    pub date: Option<SystemTime>,
    /// When the answer was asked for, by this host's clock, and how long it took.
    pub asked: (SystemTime, Duration),
}

/// Shakes hands with a server and asks who it is. `trusted` is what it is believed by, with `wss://`.
pub async fn look(url: &ServerUrl, trusted: Option<Arc<ClientConfig>>) -> ServerSeen {
    let target = Target::new(url.clone(), trusted);
    let began = Instant::now();
    let caller = Caller {
        headers: HeaderMap::new(),
        connect: CONNECT.into(),
    };
    let connected_in = match dial(&target, caller, MAX_BYTES, PATIENCE).await {
        Ok(dialled) => {
            let took = began.elapsed();
            hang_up(dialled.stream, NORMAL).await;
            Ok(took)
        }
        Err(error) => Err(error.to_string()),
    };
    let info = tokio::time::timeout(PATIENCE, ask(&target)).await;
    ServerSeen {
        connected_in,
        info: info.ok().flatten(),
    }
}

/// `GET /api/info`, below the path that the WebSocket is below.
async fn ask(target: &Target) -> Option<Info> {
    let stream = target.connect().await.ok()?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    let prefix = target
        .url
        .path
        .split('?')
        .next()?
        .strip_suffix("/websocket");
    let question = Request::get(format!("{}/api/info", prefix.unwrap_or_default()))
        .header(HOST, target.url.authority())
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .ok()?;
    let (began, asked_at) = (Instant::now(), SystemTime::now());
    let answer = async {
        let answer = sender.send_request(question).await.ok()?;
        let took = began.elapsed();
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_BYTES).collect().await.ok();
        Some((head, body, took))
    };
    let (answer, _) = tokio::join!(answer, connection);
    let (head, body, took) = answer?;
    let body = body.map(|body| body.to_bytes());
    let version = body.as_deref().and_then(|body| {
        let info = RawObject::parse(std::str::from_utf8(body).ok()?)?;
        info.text("version").map(|version| version.into_owned())
    });
    let date = head.headers.get(DATE).map(HeaderValue::to_str);
    Some(Info {
        version,
        date: date.and_then(|date| httpdate::parse_http_date(date.ok()?).ok()),
        asked: (asked_at, took),
    })
}
