//! A small HTTP door for operators: few visitors, one answer a path, nothing of the clients' own port.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode, Version};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::Secret;
use crate::port::{Bounds, Names, Port, rules};

const BOUNDS: Bounds = Bounds {
    visitors: 64,
    silence: Duration::from_secs(30),
    unread: Duration::from_secs(10),
};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What a path answers: its type and its text; `None` when there is no such path.
pub(super) type Answer = Arc<dyn Fn(&str) -> Option<(HeaderValue, String)> + Send + Sync>;

/// The open door.
#[derive(Debug)]
pub(super) struct Door {
    port: Port,
    /// Absent where anybody may ask.
    guard: Option<Guard>,
}

/// Who may ask.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// By which names.
    pub(super) names: Names,
    /// With which secret; without one, whoever reaches the port.
    pub(super) token: Option<Secret>,
}

impl Door {
    /// Listens.
    ///
    /// # Errors
    /// The address is taken, or not allowed.
    pub(super) async fn open(address: SocketAddr, guard: Option<Guard>) -> io::Result<Self> {
        let port = Port::bind(address, BOUNDS).await?;
        Ok(Self { port, guard })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The socket is gone.
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.port.local_addr()
    }

    /// Answers until it is dropped, and everything it begins ends with it. Other paths are told to see `home`.
    pub(super) async fn serve(&self, home: &'static str, answer: Answer) {
        let guard = self.guard.clone().map(Arc::new);
        let respond = move |request: Request<Incoming>, reached: IpAddr| {
            let refused = broken(&request).or_else(|| guard.as_ref()?.refuses(&request, reached));
            let response = refused.unwrap_or_else(|| respond(&request, home, &answer));
            std::future::ready(response)
        };
        self.port.serve(respond).await;
    }
}

/// The refusal of what is no request of RFC 9112.
fn broken<B>(request: &Request<B>) -> Option<Response<Full<Bytes>>> {
    let status = rules::refusal(request, request.version() < Version::HTTP_11)?;
    let mut response = plain(status, "not a request of RFC 9112\n".to_owned());
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    Some(response)
}

fn respond<B>(request: &Request<B>, home: &str, answer: &Answer) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "method not allowed\n".to_owned(),
        );
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    match answer(request.uri().path()) {
        Some((kind, text)) => with(StatusCode::OK, kind, text),
        None => plain(StatusCode::NOT_FOUND, format!("see {home}\n")),
    }
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    with(status, TEXT, text)
}

fn with(status: StatusCode, kind: HeaderValue, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    response
}

impl Guard {
    /// The refusal of a request, if it is to be refused.
    fn refuses<B>(&self, request: &Request<B>, reached: IpAddr) -> Option<Response<Full<Bytes>>> {
        if let Err(foreign) = self.names.own(request, reached) {
            return Some(plain(StatusCode::FORBIDDEN, format!("{foreign}\n")));
        }
        let token = self.token.as_ref()?;
        let shown = request.headers().get_all(AUTHORIZATION);
        if shown.iter().any(|shown| shows(shown, token)) {
            return None;
        }
        let mut response = plain(
            StatusCode::UNAUTHORIZED,
            "a token is asked for\n".to_owned(),
        );
        for scheme in [
            "Bearer realm=\"ddp-streamer\"",
            "Basic realm=\"ddp-streamer\", charset=\"UTF-8\"",
        ] {
            let scheme = HeaderValue::from_static(scheme);
            response.headers_mut().append(WWW_AUTHENTICATE, scheme);
        }
        Some(response)
    }
}

/// Whether an `Authorization` shows the token: as Bearer, or as the password of HTTP Basic, whoever the user is.
fn shows(shown: &HeaderValue, token: &Secret) -> bool {
    let Some((scheme, value)) = shown.to_str().ok().and_then(|shown| shown.split_once(' ')) else {
        return false;
    };
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return same(value.as_bytes(), token);
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return false;
    }
    let pair = STANDARD.decode(value).unwrap_or_default();
    let password = memchr::memchr(b':', &pair).map(|colon| &pair[colon + 1..]);
    password.is_some_and(|password| same(password, token))
}

/// In a time that tells nothing of the token, its length neither.
fn same(shown: &[u8], token: &Secret) -> bool {
    let (shown, token) = (Sha256::digest(shown), Sha256::digest(token.expose()));
    shown.as_slice().ct_eq(token.as_slice()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: configuration/variable/ADMIN_TOKEN
    #[test]
    fn a_token_is_shown_as_bearer_or_as_a_password() {
        let token = Secret::new("s3cret: with a colon");
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for (shown, expected) in [
            ("Bearer s3cret: with a colon".to_owned(), true),
            ("bEARER  s3cret: with a colon ".to_owned(), true),
            (basic("anybody:s3cret: with a colon"), true),
            (basic(":s3cret: with a colon"), true),
            ("Bearer s3cret".to_owned(), false),
            ("Bearer".to_owned(), false),
            ("Bearer ".to_owned(), false),
            (basic("s3cret: with a colon"), false),
            (basic("a:s3cret: with a colon!"), false),
            ("Basic !!".to_owned(), false),
            ("Digest s3cret: with a colon".to_owned(), false),
            ("s3cret: with a colon".to_owned(), false),
        ] {
            let value = HeaderValue::from_str(&shown).unwrap();
            assert_eq!(shows(&value, &token), expected, "{shown}");
        }
    }
}
