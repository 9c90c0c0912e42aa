//! What the server is told of whom a connection or a request is from.

use hyper::header::{ACCEPT_LANGUAGE, HeaderMap, HeaderName, HeaderValue, ORIGIN, USER_AGENT};

use crate::client::Client;
use crate::ejson::RawObject;

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// `X-Forwarded-For`: the client's address comes last. When it is not known, nothing is said at all: the last entry is the
/// one that the server may believe. What came before it is passed on as it is, whatever its bytes.
pub(super) fn appended(before: &[u8], address: Option<&str>) -> Option<HeaderValue> {
    let address = address?.as_bytes();
    let all = match before.trim_ascii() {
        b"" => address.to_vec(),
        _ => [before, b", ", address].concat(),
    };
    HeaderValue::from_bytes(&all).ok()
}

/// What of a client's upgrade request the server sees.
pub(super) fn passed_on(client: &Client) -> HeaderMap {
    let connection = client.connection();
    let mut headers = HeaderMap::new();
    let Some(came) = RawObject::parse(&connection.headers) else {
        return headers;
    };
    for name in [USER_AGENT, ACCEPT_LANGUAGE, ORIGIN] {
        let value = came.text(name.as_str());
        let value = value.and_then(|value| HeaderValue::from_bytes(&bytes(&value)).ok());
        headers.extend(value.map(|value| (name, value)));
    }
    let before = came.text(X_FORWARDED_FOR.as_str()).unwrap_or_default();
    let all = appended(&bytes(&before), connection.address.as_deref());
    headers.extend(all.map(|all| (X_FORWARDED_FOR, all)));
    headers
}

/// What came as bytes, and is kept as Latin-1.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().filter_map(|c| u8::try_from(c).ok()).collect()
}
