//! The opening handshake of RFC 6455, section 4.2.

use hyper::body::Body;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Method, Request, StatusCode};
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

/// What the `101` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The value of `Sec-WebSocket-Accept`.
    pub(super) key: HeaderValue,
    /// The subprotocol, where the client offers some: the first. Nothing depends on it, but browsers and `ws` refuse an
    /// upgrade that chooses none.
    pub(super) protocol: Option<HeaderValue>,
}

/// Reads an upgrade. Which version of HTTP it came over is not asked: proxies that speak HTTP/1.0 pass it on all the same.
///
/// # Errors
/// The status that says what is wrong with the request.
pub(super) fn accept<B: Body>(request: &Request<B>) -> Result<Accepted, StatusCode> {
    const MALFORMED: StatusCode = StatusCode::BAD_REQUEST;
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    // What follows is frames.
    if !request.body().is_end_stream() || !has_token(headers, &CONNECTION, "upgrade") {
        return Err(MALFORMED);
    }
    let version = only(headers, &SEC_WEBSOCKET_VERSION).ok_or(MALFORMED)?;
    if version.is_none_or(|version| version != VERSION) {
        return Err(StatusCode::UPGRADE_REQUIRED);
    }
    let key = only(headers, &SEC_WEBSOCKET_KEY).flatten();
    let key = key.map(HeaderValue::as_bytes).filter(|key| is_key(key));
    let key = derive_accept_key(key.ok_or(MALFORMED)?);
    Ok(Accepted {
        key: HeaderValue::try_from(key).map_err(|_| MALFORMED)?,
        protocol: first_protocol(headers).ok_or(MALFORMED)?,
    })
}

/// A field that may be there once (RFC 6455, section 11.3); `None` when there are more.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a HeaderValue>> {
    let mut all = headers.get_all(name).iter();
    let first = all.next();
    all.next().is_none().then_some(first)
}

/// The first of the subprotocols that are offered, if any are; `None` when the list is none of RFC 6455, section 4.1:
/// tokens, each another, over one or more fields.
fn first_protocol(headers: &HeaderMap) -> Option<Option<HeaderValue>> {
    let mut offered = Vec::new();
    for field in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        for protocol in field.as_bytes().split(|byte| *byte == b',') {
            let protocol = protocol.trim_ascii();
            if protocol.is_empty() || !protocol.iter().all(is_token) {
                return None;
            }
            offered.push(protocol);
        }
    }
    let Some(first) = offered.first().map(|first| HeaderValue::from_bytes(first)) else {
        return Some(None);
    };
    let count = offered.len();
    offered.sort_unstable();
    offered.dedup();
    (offered.len() == count).then(|| first.ok())
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

fn is_key(key: &[u8]) -> bool {
    key.len() == KEY_LENGTH
        && key.ends_with(b"==")
        && key[..KEY_LENGTH - 2]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
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
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::Version;

    use super::*;

    fn request(change: impl FnOnce(&mut Request<Full<Bytes>>)) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(Full::default())
            .unwrap();
        change(&mut request);
        request
    }

    #[test]
    fn the_example_of_the_rfc() {
        let request = request(|_| {});
        assert!(is_wanted(request.headers()));
        let accepted = accept(&request).unwrap();
        assert_eq!(accepted.key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(accepted.protocol, None);
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
        let twice = |name: &'static str, value: &'static str| {
            request(|request| {
                request
                    .headers_mut()
                    .append(name, HeaderValue::from_static(value));
            })
        };
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
            (twice("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), 400),
            (twice("sec-websocket-version", "13"), 400),
            (request(|request| *request.body_mut() = "x".into()), 400),
            (
                request(|request| *request.version_mut() = Version::HTTP_10),
                200,
            ),
        ] {
            let answer = accept(&request).map_or_else(|status| status.as_u16(), |_| 200);
            assert_eq!(answer, status, "{request:?}");
        }
        assert!(!is_wanted(without("upgrade").headers()));
        assert!(!is_wanted(header("upgrade", "h2c").headers()));
    }

    // contract: ddp/transport/subprotocol
    #[test]
    fn the_first_subprotocol_is_chosen() {
        let offered = |fields: &[&'static str]| {
            let request = request(|request| {
                for field in fields {
                    request
                        .headers_mut()
                        .append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(field));
                }
            });
            let accepted = accept(&request).map_err(|status| status.as_u16());
            accepted.map(|accepted| {
                accepted
                    .protocol
                    .map(|value| value.to_str().unwrap().to_owned())
            })
        };
        for fields in [
            &["ddp"][..],
            &["ddp , v1.2"],
            &["ddp", "v1"],
            &["ddp,\tv1", "v2, v3"],
        ] {
            assert_eq!(offered(fields), Ok(Some("ddp".to_owned())), "{fields:?}");
        }
        assert_eq!(offered(&[]), Ok(None));
        for fields in [
            &[""][..],
            &[","],
            &["ddp,"],
            &[",ddp"],
            &["ddp,,v1"],
            &["ddp v1"],
            &["ddp;q=1"],
            &["\"ddp\""],
            &["ddp", ""],
            &["ddp, ddp"],
            &["ddp", "v1", "ddp"],
        ] {
            assert_eq!(offered(fields), Err(400), "{fields:?}");
        }
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
