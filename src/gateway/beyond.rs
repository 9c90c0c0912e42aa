//! Where plain requests go that are not the door's own: nowhere, or to a server behind it (`RELAY_HTTP`).

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};

/// The body of an answer: the door's own, or one that passes through.
pub type PassedBody = Either<Full<Bytes>, Incoming>;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Its address; absent when the trusted proxies did not say.
    pub address: Option<Box<str>>,
    /// It came over TLS.
    pub tls: bool,
    /// Proxies before the door are trusted (`HTTP_FORWARDED_COUNT`): what they say of it is true.
    pub proxied: bool,
}

/// A server behind the door.
pub trait Beyond: Send + Sync + 'static {
    /// How long a client may take nothing of what it is sent.
    fn patience(&self) -> Duration;

    /// Passes a request on, and the answer back: always one.
    fn pass(
        &self,
        request: Request<Incoming>,
        from: Visitor,
    ) -> BoxFuture<'static, Response<PassedBody>>;
}
