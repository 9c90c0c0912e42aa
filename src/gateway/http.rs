//! What the port answers over HTTP (reference/ddp.md, "Transports").

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName,
    HeaderValue, ORIGIN, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode, Version};
use rand::Rng;

use super::admission::NoPlace;
use super::beyond::{Beyond, PassedBody};
use super::server::{Comer, Door, Speaks};
use super::{address, upgrade};
use crate::ejson::quoted;
use crate::port::rules;
use crate::session::Arrival;
use crate::telemetry::metrics::{Refusal, connection_refused};

pub(super) type Answer = Response<Full<Bytes>>;

/// Refused clients are asked to stay away for so many seconds, so that they do not all come back at once.
const RETRY_AFTER_SECONDS: std::ops::RangeInclusive<u8> = 2..=15;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

impl Door {
    /// The server that a request is to be passed to, if it is not the door's own to answer.
    pub(super) fn beyond_of<B>(
        &self,
        request: &Request<B>,
        comer: &Comer,
    ) -> Option<Arc<dyn Beyond>> {
        let beyond = self.beyond.as_ref()?;
        let own = matches!(
            request.uri().path(),
            "/health" | "/livez" | "/readyz" | INFO
        );
        let passes = !own
            && comer.speaks != Speaks::PlainToTls
            // A way through to elsewhere is no page.
            && request.method() != Method::CONNECT
            && !upgrade::is_wanted(request.headers())
            && !self.is_foreign_session(request)
            && Asked::of(request, comer).refusal.is_none();
        passes.then(|| beyond.clone())
    }

    /// Whether a page of an origin that is not allowed asks for a session of SockJS's other transports, below whatever path
    /// the server is.
    fn is_foreign_session<B>(&self, request: &Request<B>) -> bool {
        request.uri().path().contains("/sockjs/") && !self.allows(request)
    }

    /// Whether a request is of no page, or of one that may connect.
    fn allows<B>(&self, request: &Request<B>) -> bool {
        let origin = request.headers().get(ORIGIN).map(HeaderValue::as_bytes);
        self.origins.allows(origin)
    }

    /// Passes a request on. How it was asked is read at once: the next head may have come before the answer is awaited.
    pub(super) fn pass(
        &self,
        beyond: Arc<dyn Beyond>,
        request: Request<Incoming>,
        comer: &Comer,
    ) -> impl Future<Output = Response<PassedBody>> + use<'_> {
        let (asked, visitor) = (Asked::of(&request, comer), self.visitor(&request, comer));
        let answer = beyond.pass(request, visitor);
        async move { self.finish(answer.await, &asked) }
    }

    /// Answers one request. `comer` is what becomes of an upgrade.
    pub(super) fn answer<B: Body>(&self, request: &Request<B>, comer: &Comer) -> Answer {
        let asked = Asked::of(request, comer);
        let answer = match asked.refusal {
            Some(status) => {
                connection_refused(Refusal::Malformed);
                plain(status, "not a request of RFC 9112")
            }
            None => self.route(request, comer),
        };
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            return answer;
        }
        self.finish(answer, &asked)
    }

    /// Says whether the connection stays.
    fn finish<B>(&self, mut answer: Response<B>, asked: &Asked) -> Response<B> {
        if asked.http_10 {
            *answer.version_mut() = Version::HTTP_10;
        }
        if asked.refusal.is_some() || !asked.stays || self.sessions.is_draining() {
            return with(answer, [(CONNECTION, HeaderValue::from_static("close"))]);
        }
        if asked.http_10 {
            return with(answer, [(CONNECTION, HeaderValue::from_static(KEEP_ALIVE))]);
        }
        answer
    }

    fn route<B: Body>(&self, request: &Request<B>, comer: &Comer) -> Answer {
        let upgrade = upgrade::is_wanted(request.headers());
        if comer.speaks == Speaks::PlainToTls && (upgrade || !is_probe(request)) {
            connection_refused(Refusal::Tls);
            return encrypt();
        }
        if upgrade {
            return self.upgrade(request, comer);
        }
        let is_info = request.uri().path() == INFO;
        if self.beyond.is_some() && !is_info && self.is_foreign_session(request) {
            return foreign();
        }
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/health") => self.health(),
            (&Method::GET | &Method::HEAD, "/livez") => probe(self.liveness.stuck().is_none()),
            (&Method::GET | &Method::HEAD, "/readyz") => self.ready(),
            (&Method::GET | &Method::HEAD, _) => info(),
            (&Method::OPTIONS, _) => preflight(),
            // SockJS's other transports are POSTs: the info document promises none of them.
            _ => with(
                plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed"),
                [(ALLOW, METHODS), (ACCESS_CONTROL_ALLOW_ORIGIN, ANY)],
            ),
        }
    }

    fn upgrade<B: Body>(&self, request: &Request<B>, comer: &Comer) -> Answer {
        let accepted = match upgrade::accept(request) {
            Ok(accepted) => accepted,
            Err(status) => {
                connection_refused(Refusal::Malformed);
                let version = HeaderValue::from_static(upgrade::VERSION);
                let upgrade = HeaderValue::from_static("websocket");
                return with(
                    plain(status, "not a WebSocket upgrade of RFC 6455"),
                    [(SEC_WEBSOCKET_VERSION, version), (UPGRADE, upgrade)],
                );
            }
        };
        if !self.allows(request) {
            return foreign();
        }
        if !self.sessions.admits() {
            connection_refused(Refusal::Draining);
            return later(StatusCode::SERVICE_UNAVAILABLE, "shutting down");
        }
        if !self.readiness.takes_clients() {
            connection_refused(Refusal::Away);
            return later(StatusCode::SERVICE_UNAVAILABLE, "the server is away");
        }
        let address = match self.admission.counts_addresses() {
            true => self.address(request, comer),
            false => None,
        };
        let permit = match self.admission.admit(address) {
            Ok(permit) => permit,
            Err(NoPlace::House) => {
                connection_refused(Refusal::Limit);
                return later(StatusCode::SERVICE_UNAVAILABLE, "too many connections");
            }
            Err(NoPlace::Address) => {
                connection_refused(Refusal::Address);
                let why = "too many connections of this address";
                return later(StatusCode::TOO_MANY_REQUESTS, why);
            }
        };
        let arrival = Arrival {
            framing: upgrade::framing(request.uri().path()),
            address: self.address(request, comer),
            headers: address::headers_json(request.headers()),
        };
        comer.let_in(arrival, permit);
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let protocol = accepted.protocol.map(|one| (SEC_WEBSOCKET_PROTOCOL, one));
        answer.headers_mut().extend(protocol);
        with(
            answer,
            [
                (UPGRADE, HeaderValue::from_static("websocket")),
                (CONNECTION, HeaderValue::from_static("Upgrade")),
                (SEC_WEBSOCKET_ACCEPT, accepted.key),
            ],
        )
    }

    fn health(&self) -> Answer {
        let well = self.liveness.stuck().map_or(Ok(()), Err);
        let well = well.and_then(|()| self.readiness.health());
        if let Err(reason) = well {
            tracing::debug!(reason, "not healthy");
        }
        probe(well.is_ok() && !self.sessions.is_draining())
    }

    fn ready(&self) -> Answer {
        let reason = if self.sessions.is_draining() {
            "shutting down".into()
        } else if self.admission.is_full() {
            "MAX_CONCURRENT_CONNECTIONS is reached".into()
        } else if let Some(stuck) = self.liveness.stuck() {
            format!("{stuck} is stuck").into()
        } else if let Err(reason) = self.readiness.ready() {
            reason
        } else {
            return json(StatusCode::OK, r#"{"ready":true}"#.to_owned());
        };
        let reason = quoted(&reason);
        json(
            StatusCode::SERVICE_UNAVAILABLE,
            format!(r#"{{"ready":false,"reason":{reason}}}"#),
        )
    }
}

/// Where SockJS asks whether there are WebSockets.
const INFO: &str = "/sockjs/info";

const ANY: HeaderValue = HeaderValue::from_static("*");

const KEEP_ALIVE: &str = "keep-alive";

/// How a request was asked.
struct Asked {
    http_10: bool,
    /// It is none of RFC 9112, and gets this status.
    refusal: Option<StatusCode>,
    /// The connection is to stay.
    stays: bool,
}

impl Asked {
    fn of<B>(request: &Request<B>, comer: &Comer) -> Self {
        let http_10 = comer.is_http_10() || request.version() < Version::HTTP_11;
        Self {
            http_10,
            refusal: rules::refusal(request, http_10),
            // What follows a tunnel's head is no request.
            stays: !comer.upgrades
                && request.method() != Method::CONNECT
                && (!http_10 || upgrade::has_token(request.headers(), &CONNECTION, KEEP_ALIVE)),
        }
    }
}

fn probe(well: bool) -> Answer {
    if well {
        plain(StatusCode::OK, "ok")
    } else {
        plain(StatusCode::INTERNAL_SERVER_ERROR, "not healthy")
    }
}

/// What charts ask without TLS also where TLS is spoken.
fn is_probe<B>(request: &Request<B>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
        && matches!(request.uri().path(), "/health" | "/livez" | "/readyz")
}

/// RFC 9110, section 15.5.22.
fn encrypt() -> Answer {
    with(
        plain(
            StatusCode::UPGRADE_REQUIRED,
            "this port speaks TLS: https, wss",
        ),
        [
            (UPGRADE, HeaderValue::from_static("TLS/1.2, HTTP/1.1")),
            (CONNECTION, HeaderValue::from_static("Upgrade")),
        ],
    )
}

/// The SockJS info document.
fn info() -> Answer {
    let entropy: u32 = rand::rng().random();
    with(
        json(
            StatusCode::OK,
            format!(
                r#"{{"websocket":true,"origins":["*:*"],"cookie_needed":false,"entropy":{entropy},"ms":true}}"#
            ),
        ),
        [(ACCESS_CONTROL_ALLOW_ORIGIN, ANY)],
    )
}

fn preflight() -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    with(
        answer,
        [
            (ALLOW, METHODS),
            (ACCESS_CONTROL_ALLOW_ORIGIN, ANY),
            (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (ACCESS_CONTROL_ALLOW_HEADERS, ANY),
            (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400")),
        ],
    )
}

fn foreign() -> Answer {
    connection_refused(Refusal::Origin);
    plain(StatusCode::FORBIDDEN, "origin not allowed")
}

fn later(status: StatusCode, why: &'static str) -> Answer {
    let seconds = rand::rng().random_range(RETRY_AFTER_SECONDS);
    with(
        plain(status, why),
        [(RETRY_AFTER, HeaderValue::from(u16::from(seconds)))],
    )
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    body(status, TEXT, Bytes::from_static(text.as_bytes()))
}

fn json(status: StatusCode, text: String) -> Answer {
    body(status, JSON, text.into())
}

fn body(status: StatusCode, kind: HeaderValue, bytes: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(bytes));
    *answer.status_mut() = status;
    let no_store = HeaderValue::from_static("no-store");
    with(answer, [(CONTENT_TYPE, kind), (CACHE_CONTROL, no_store)])
}

fn with<B, const N: usize>(
    mut answer: Response<B>,
    headers: [(HeaderName, HeaderValue); N],
) -> Response<B> {
    answer.headers_mut().extend(headers);
    answer
}
