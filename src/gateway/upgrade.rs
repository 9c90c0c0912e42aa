//! The opening handshake of RFC 6455, section 4.2.

use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use hyper::{Method, Request, StatusCode, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::ddp::Framing;

/// The one version of the protocol.
pub(super) const VERSION: &str = "13";
/// A key is 16 bytes in base 64.
const KEY_LENGTH: usize = 24;

/// Whether a request wants a WebSocket, well formed or not.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    has_token(headers, &UPGRADE, "websocket")
}

/// The value of `Sec-WebSocket-Accept`.
///
/// # Errors
/// The status that says what is wrong with the request.
pub(super) fn accept_key<B>(request: &Request<B>) -> Result<HeaderValue, StatusCode> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    if request.version() < Version::HTTP_11 || !has_token(headers, &CONNECTION, "upgrade") {
        return Err(StatusCode::BAD_REQUEST);
    }
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != VERSION)
    {
        return Err(StatusCode::UPGRADE_REQUIRED);
    }
    let key = headers
        .get(SEC_WEBSOCKET_KEY)
        .map(HeaderValue::as_bytes)
        .filter(|key| is_key(key))
        .ok_or(StatusCode::BAD_REQUEST)?;
    HeaderValue::try_from(derive_accept_key(key)).map_err(|_| StatusCode::BAD_REQUEST)
}

fn is_key(key: &[u8]) -> bool {
    key.len() == KEY_LENGTH
        && key.ends_with(b"==")
        && key[..KEY_LENGTH - 2]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

/// The framing of a path (reference/ddp.md, "Transports").
pub(super) fn framing(path: &str) -> Framing {
    match path {
        "/websocket" | "/websocket/" => Framing::Raw,
        _ => Framing::SockJs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl FnOnce(&mut Request<()>)) -> Request<()> {
        let mut request = Request::builder()
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap();
        change(&mut request);
        request
    }

    #[test]
    fn the_example_of_the_rfc() {
        let request = request(|_| {});
        assert!(is_wanted(request.headers()));
        let key = accept_key(&request).unwrap();
        assert_eq!(key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_is_wrong_has_its_status() {
        let header = |name: &'static str, value: &'static str| {
            request(|request| {
                request
                    .headers_mut()
                    .insert(name, HeaderValue::from_static(value));
            })
        };
        let without =
            |name: &'static str| request(|request| drop(request.headers_mut().remove(name)));
        for (request, status) in [
            (header("connection", "close"), 400),
            (without("connection"), 400),
            (header("sec-websocket-version", "8"), 426),
            (without("sec-websocket-version"), 426),
            (header("sec-websocket-key", "short=="), 400),
            (
                header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=\u{3d}"),
                200,
            ),
            (header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZ???"), 400),
            (without("sec-websocket-key"), 400),
            (request(|request| *request.method_mut() = Method::POST), 405),
            (
                request(|request| *request.version_mut() = Version::HTTP_10),
                400,
            ),
        ] {
            let answer = accept_key(&request).map_or_else(|status| status.as_u16(), |_| 200);
            assert_eq!(answer, status, "{request:?}");
        }
        assert!(!is_wanted(without("upgrade").headers()));
        assert!(!is_wanted(header("upgrade", "h2c").headers()));
    }

    // contract: ddp/transport/raw, ddp/transport/sockjs
    #[test]
    fn paths() {
        for (path, expected) in [
            ("/websocket", Framing::Raw),
            ("/websocket/", Framing::Raw),
            ("/sockjs/123/abcdefgh/websocket", Framing::SockJs),
            ("/sockjs/websocket", Framing::SockJs),
            ("/", Framing::SockJs),
            ("/websocketx", Framing::SockJs),
        ] {
            assert_eq!(framing(path), expected, "{path}");
        }
    }
}
