//! What the server is told of whom a connection or a request is from.

use hyper::header::{ACCEPT_LANGUAGE, HeaderMap, HeaderName, HeaderValue, ORIGIN, USER_AGENT};

use crate::client::Client;
use crate::ejson::RawObject;

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// `X-Forwarded-For`: the client's address comes last. When it is not known, nothing is said at all: the last entry is the
/// one that the server may believe.
pub(super) fn appended(before: Option<&str>, address: Option<&str>) -> Option<String> {
    let address = address?;
    Some(match before.filter(|before| !before.trim().is_empty()) {
        Some(before) => format!("{before}, {address}"),
        None => address.to_owned(),
    })
}

/// What of a client's upgrade request the server sees.
pub(super) fn passed_on(client: &Client) -> HeaderMap {
    let connection = client.connection();
    let mut headers = HeaderMap::new();
    let Some(came) = RawObject::parse(&connection.headers) else {
        return headers;
    };
    let mut pass = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(name, value);
        }
    };
    for name in [USER_AGENT, ACCEPT_LANGUAGE, ORIGIN] {
        if let Some(value) = came.text(name.as_str()) {
            pass(name, value.into_owned());
        }
    }
    let before = came.text(X_FORWARDED_FOR.as_str());
    if let Some(all) = appended(before.as_deref(), connection.address.as_deref()) {
        pass(X_FORWARDED_FOR, all);
    }
    headers
}
