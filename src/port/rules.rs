//! What hyper lets through and RFC 9112 does not: whoever stands before or behind us may read it otherwise.

use hyper::header::{HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use hyper::{Method, Request, StatusCode};

/// The status with which a request is refused, whatever it asks for. `http_10` says that it came so.
#[must_use]
pub fn refusal<B>(request: &Request<B>, http_10: bool) -> Option<StatusCode> {
    let headers = request.headers();
    if !names_a_host(headers, http_10) || !has_a_target(request) {
        return Some(StatusCode::BAD_REQUEST);
    }
    // Section 6.1: HTTP/1.0 knows no coding, and nobody here knows another than this.
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => None,
        _ if http_10 => Some(StatusCode::BAD_REQUEST),
        (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"chunked") => None,
        _ => Some(StatusCode::NOT_IMPLEMENTED),
    }
}

/// Section 3.2: one `Host`, and a valid one. HTTP/1.0 may come without.
fn names_a_host(headers: &HeaderMap, http_10: bool) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => http_10,
        (Some(host), None) => is_host(host),
        _ => false,
    }
}

/// Sections 3.2.1 to 3.2.4: a path, with or without what stands before it; `*` for `OPTIONS`; a host for `CONNECT` alone.
fn has_a_target<B>(request: &Request<B>) -> bool {
    let path = request.uri().path();
    match *request.method() {
        Method::CONNECT => true,
        Method::OPTIONS if path == "*" => true,
        _ => path.starts_with('/'),
    }
}

/// RFC 3986, section 3.2.2: an address in brackets, or a name, which may be empty; and a port, which may be too.
fn is_host(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else {
        return false;
    };
    let (name, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(None) => return false,
        Some(Some((address, port))) => {
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            ("", port)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    is_name(name) && (port.is_empty() || port.strip_prefix(':').is_some_and(digits))
}

fn is_name(name: &str) -> bool {
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        let good = match byte {
            b'%' => [rest.next(), rest.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte),
        };
        if !good {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: &str, target: &str, fields: &[(&str, &str)], http_10: bool) -> Option<u16> {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in fields {
            request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        refusal(&request.body(()).unwrap(), http_10).map(|status| status.as_u16())
    }

    // contract: ddp/http/rules
    #[test]
    fn one_host_and_a_valid_one() {
        let with = |hosts: &[&str], http_10| {
            let fields: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            refused("GET", "/", &fields, http_10)
        };
        for host in [
            "",
            "a",
            "A.b-c_d~",
            "127.0.0.1",
            "[::1]",
            "a:",
            "a:3000",
            "[::1]:3000",
            "%41!$&'()*+,;=:1",
        ] {
            assert_eq!(with(&[host], false), None, "{host}");
        }
        for host in [
            "a b", "a/b", "u@a", "a:b", "a:1:2", "[", "[a]", "[::1", "[::1]a", "::1", "a%4",
            "a%4g", "ä", "\"a\"", "a?", "a#", "a\\", "<a>",
        ] {
            assert_eq!(with(&[host], false), Some(400), "{host}");
        }
        assert_eq!((with(&[], false), with(&[], true)), (Some(400), None));
        assert_eq!(with(&["a", "a"], false), Some(400));
        assert_eq!(with(&["a", "a"], true), Some(400));
    }

    // contract: ddp/http/rules
    #[test]
    fn targets_have_their_methods() {
        let asked = |method, target| refused(method, target, &[("host", "a")], false);
        for (method, target) in [
            ("GET", "/"),
            ("GET", "/a?b"),
            ("GET", "http://b"),
            ("POST", "http://b/c"),
            ("OPTIONS", "*"),
            ("CONNECT", "a:1"),
        ] {
            assert_eq!(asked(method, target), None, "{method} {target}");
        }
        for (method, target) in [
            ("GET", "*"),
            ("GET", "a:1"),
            ("POST", "a"),
            ("OPTIONS", "a"),
        ] {
            assert_eq!(asked(method, target), Some(400), "{method} {target}");
        }
    }

    // contract: ddp/http/rules
    #[test]
    fn chunked_is_the_one_coding() {
        let coded = |codings: &[&str], http_10| {
            let codings = codings.iter().map(|coding| ("transfer-encoding", *coding));
            let fields: Vec<_> = [("host", "a")].into_iter().chain(codings).collect();
            refused("POST", "/", &fields, http_10)
        };
        assert_eq!(coded(&["Chunked"], false), None);
        assert_eq!(coded(&["chunked"], true), Some(400));
        for codings in [
            &["gzip, chunked"][..],
            &["chunked, chunked"],
            &["gzip", "chunked"],
        ] {
            assert_eq!(coded(codings, false), Some(501), "{codings:?}");
        }
    }
}
