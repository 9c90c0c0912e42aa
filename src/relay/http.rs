//! Plain requests behind the same port (`RELAY_HTTP`): passed to the server, as a reverse proxy does.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Request, Response, StatusCode, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::time::Instant;
use tower_service::Service;

use super::forwarded::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_REAL_IP, appended};
use super::standing::Standing;
use super::target::{Stream, Target};
use crate::gateway::{Beyond, PassedBody, Visitor};
use crate::telemetry::limit::Limited;
use crate::telemetry::metrics;

/// How much of a body is on its way in each direction.
const WINDOW: usize = 64 * 1024;
/// A connection that nobody needs is kept for so long: Meteor's own server closes them after five seconds.
const IDLE: Duration = Duration::from_secs(4);
/// Fields that are for one connection only (RFC 9110, section 7.6.1), besides those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// The way to the server over HTTP.
pub(super) struct Passage {
    client: Client<Connector, Watched>,
    target: Arc<Target>,
    standing: Arc<Standing>,
    /// `REQUEST_TIMEOUT`.
    patience: Duration,
    failing: Arc<Limited>,
}

impl Passage {
    pub(super) fn new(target: Arc<Target>, standing: Arc<Standing>, patience: Duration) -> Self {
        // It counts for nothing: each task is a connection, which ends by itself when it is idle.
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_max_buf_size(WINDOW)
            .build(Connector(target.clone()));
        Self {
            client,
            target,
            standing,
            patience,
            failing: Arc::default(),
        }
    }

    fn prepare(
        &self,
        request: Request<Incoming>,
        from: &Visitor,
        progress: &Progress,
    ) -> Option<Request<Watched>> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = Uri::builder()
            .scheme(if self.target.url.tls { "https" } else { "http" })
            .authority(self.target.url.authority())
            .path_and_query(path)
            .build()
            .ok()?;
        head.version = Version::HTTP_11;
        let host = head.headers.remove(HOST);
        drop_hop_by_hop(&mut head.headers);
        // It was answered here.
        head.headers.remove(EXPECT);
        forward(&mut head.headers, from, host);
        let body = Watched {
            body,
            progress: progress.clone(),
        };
        Some(Request::from_parts(head, body))
    }
}

/// What the server is told of the way here.
fn forward(headers: &mut HeaderMap, from: &Visitor, host: Option<HeaderValue>) {
    // All fields: a proxy may have added one of its own, and only that is to be believed.
    let before = headers.get_all(X_FORWARDED_FOR).iter();
    let before: Vec<&[u8]> = before.map(HeaderValue::as_bytes).collect();
    let all = appended(&before.join(&b", "[..]), from.address.as_deref());
    headers.remove(X_FORWARDED_FOR);
    headers.extend(all.map(|all| (X_FORWARDED_FOR, all)));
    // Rocket.Chat believes it as long as it is told of no proxies.
    headers.remove(X_REAL_IP);
    let address = from.address.as_deref().map(HeaderValue::from_str);
    headers.extend(address.and_then(Result::ok).map(|own| (X_REAL_IP, own)));
    let scheme = HeaderValue::from_static(if from.tls { "https" } else { "http" });
    for (name, own) in [(X_FORWARDED_PROTO, Some(scheme)), (X_FORWARDED_HOST, host)] {
        // What a proxy says is believed where it is trusted.
        if from.proxied && headers.contains_key(&name) {
            continue;
        }
        headers.remove(&name);
        headers.extend(own.map(|own| (name, own)));
    }
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

impl Beyond for Passage {
    fn patience(&self) -> Duration {
        self.patience
    }

    fn pass(
        &self,
        request: Request<Incoming>,
        from: Visitor,
    ) -> BoxFuture<'static, Response<PassedBody>> {
        let progress = Progress::default();
        let Some(request) = self.prepare(request, &from, &progress) else {
            return std::future::ready(failure(StatusCode::BAD_REQUEST, "not a path")).boxed();
        };
        let (patience, standing) = (self.patience, self.standing.clone());
        let failing = self.failing.clone();
        let cannot_pass = move |error: &dyn std::fmt::Display| {
            failing.log(|left_out| {
                tracing::warn!(%error, left_out, "an HTTP request could not be passed to the server");
            });
        };
        let answer = self.client.request(request);
        async move {
            let answer = tokio::select! {
                answer = answer => answer,
                () = progress.stalled(patience) => {
                    cannot_pass(&format_args!("no answer within {patience:?}"));
                    return failure(StatusCode::GATEWAY_TIMEOUT, "the server does not answer");
                }
            };
            match answer {
                // Nobody asked for another protocol.
                Ok(answer) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => failure(
                    StatusCode::BAD_GATEWAY,
                    "the server changes the protocol unasked",
                ),
                Ok(answer) => {
                    metrics::http_passed(answer.status().as_u16());
                    let (mut head, body) = answer.into_parts();
                    drop_hop_by_hop(&mut head.headers);
                    head.version = Version::HTTP_11;
                    Response::from_parts(head, Either::Right(body))
                }
                // Nobody is left to read this.
                Err(error) if progress.is_broken() => {
                    tracing::debug!(%error, "an HTTP request broke off");
                    text(StatusCode::BAD_REQUEST, "the request breaks off")
                }
                Err(error) => {
                    if error.is_connect() {
                        standing.doubt();
                    }
                    cannot_pass(&error);
                    failure(StatusCode::BAD_GATEWAY, "the server is away")
                }
            }
        }
        .boxed()
    }
}

fn failure(status: StatusCode, why: &'static str) -> Response<PassedBody> {
    metrics::http_passed(status.as_u16());
    text(status, why)
}

fn text(status: StatusCode, why: &'static str) -> Response<PassedBody> {
    let mut answer = Response::new(Either::Left(Full::from(why)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, text);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// How far a request has come.
#[derive(Debug, Clone)]
struct Progress(Arc<Mutex<Way>>);

#[derive(Debug)]
struct Way {
    /// When its last part went to the server: a large body on a slow line is no time-out.
    moved: Instant,
    /// The client broke it off.
    broken: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Way {
            moved: Instant::now(),
            broken: false,
        })))
    }
}

impl Progress {
    fn made(&self, broken: bool) {
        *self.0.lock() = Way {
            moved: Instant::now(),
            broken,
        };
    }

    fn is_broken(&self) -> bool {
        self.0.lock().broken
    }

    /// Ready when there was none for so long.
    async fn stalled(&self, patience: Duration) {
        loop {
            let end = self.0.lock().moved + patience;
            if Instant::now() >= end {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }
}

/// A request's body that tells of its progress.
struct Watched {
    body: Incoming,
    progress: Progress,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(part) = &frame {
            self.progress.made(matches!(part, Some(Err(_))));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Connects as legs do.
#[derive(Clone)]
struct Connector(Arc<Target>);

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<Stream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let target = self.0.clone();
        async move { target.connect().await.map(TokioIo::new) }.boxed()
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

#[cfg(test)]
mod tests;
