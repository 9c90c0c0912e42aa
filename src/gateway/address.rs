//! Where a client comes from: its address, and its headers as the mesh is told.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::{COOKIE, HeaderName};

use crate::ejson::write_text;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The longest entry of `X-Forwarded-For` that is believed to be an address.
const MAX_ADDRESS: usize = 64;

/// A client's address: the peer's, or, behind `forwarded_count` trusted proxies, that many entries from the end of
/// `X-Forwarded-For`. `None` when there are fewer.
pub(super) fn client_address(
    peer: IpAddr,
    headers: &HeaderMap,
    forwarded_count: usize,
) -> Option<Box<str>> {
    if forwarded_count == 0 {
        return Some(text(peer));
    }
    // Bytes: what a client wrote in front of the proxies' entries may be anything, and is not to spoil theirs.
    let entries: Vec<&[u8]> = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .collect();
    let entry = entries[entries.len().checked_sub(forwarded_count)?];
    let entry = std::str::from_utf8(entry).ok()?;
    match parse(entry) {
        Some(address) => Some(text(address)),
        // Some proxies hide addresses behind names of their own.
        None if (1..=MAX_ADDRESS).contains(&entry.len()) => Some(entry.into()),
        None => None,
    }
}

/// Some proxies (Azure's) write the port as well: it is another one for each connection, and none of the address.
fn parse(entry: &str) -> Option<IpAddr> {
    let with_port = || entry.parse().map(|socket: SocketAddr| socket.ip());
    let in_brackets = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address = entry.parse().or_else(|_| with_port()).ok();
    address.or_else(|| in_brackets().map(IpAddr::V6))
}

/// An IPv4 address that came over an IPv6 socket is written as IPv4.
fn text(address: IpAddr) -> Box<str> {
    address.to_canonical().to_string().into()
}

/// The headers as a JSON object: names in lower case, repeated ones joined.
pub(super) fn headers_json(headers: &HeaderMap) -> Box<str> {
    let mut out = b"{".to_vec();
    for name in headers.keys() {
        if out.len() > 1 {
            out.push(b',');
        }
        write_text(&mut out, name.as_str());
        out.push(b':');
        let separator = if name == COOKIE { "; " } else { ", " };
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        write_text(&mut out, &values.join(separator));
    }
    out.push(b'}');
    String::from_utf8(out).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn headers(all: &[(&str, &str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    HeaderValue::from_bytes(value.as_bytes()).unwrap(),
                )
            })
            .collect()
    }

    // contract: ddp/client-address
    #[test]
    fn the_entry_that_the_trusted_proxies_wrote() {
        let peer = "::ffff:10.0.0.9".parse().unwrap();
        let forwarded = headers(&[
            ("X-Forwarded-For", "6.6.6.6, 1.2.3.4"),
            ("X-Forwarded-For", "::ffff:5.6.7.8,2001:db8::1"),
        ]);
        for (count, expected) in [
            (0, Some("10.0.0.9")),
            (1, Some("2001:db8::1")),
            (2, Some("5.6.7.8")),
            (3, Some("1.2.3.4")),
            (4, Some("6.6.6.6")),
            (5, None),
            (usize::MAX, None),
        ] {
            let address = client_address(peer, &forwarded, count);
            assert_eq!(address.as_deref(), expected, "{count}");
        }
        for (value, expected) in [
            ("", None),
            ("1.2.3.4,", None),
            ("203.0.113.7:51544", Some("203.0.113.7")),
            ("[2001:db8::1]:567", Some("2001:db8::1")),
            ("[2001:DB8::1]", Some("2001:db8::1")),
            ("[::ffff:1.2.3.4]:567", Some("1.2.3.4")),
            ("[1.2.3.4]", Some("[1.2.3.4]")),
            ("1.2.3.4:65536", Some("1.2.3.4:65536")),
            ("_hidden", Some("_hidden")),
            (&"x".repeat(65), None),
        ] {
            let address = client_address(peer, &headers(&[("x-forwarded-for", value)]), 1);
            assert_eq!(address.as_deref(), expected, "{value}");
        }
        assert_eq!(client_address(peer, &HeaderMap::new(), 1), None);
    }

    // contract: ddp/client-address
    #[test]
    fn what_a_client_wrote_does_not_spoil_the_proxys_entry() {
        let peer = "10.0.0.9".parse().unwrap();
        for (value, count, expected) in [
            (&b"\xe9, 1.2.3.4"[..], 1, Some("1.2.3.4")),
            (b"\xe9,\t1.2.3.4 ,5.6.7.8", 2, Some("1.2.3.4")),
            (b"\xe9, 1.2.3.4", 2, None),
        ] {
            let value = HeaderValue::from_bytes(value).unwrap();
            let forwarded = HeaderMap::from_iter([(X_FORWARDED_FOR, value)]);
            let address = client_address(peer, &forwarded, count);
            assert_eq!(address.as_deref(), expected, "{forwarded:?}");
        }
    }

    #[test]
    fn headers_become_one_object() {
        let all = headers(&[
            ("Host", "chat"),
            ("X-A", "1"),
            ("x-a", "\"2\""),
            ("Cookie", "a=1"),
            ("Cookie", "b=2"),
            ("X-Bad", "\u{fc}"),
        ]);
        assert_eq!(
            &*headers_json(&all),
            r#"{"host":"chat","x-a":"1, \"2\"","cookie":"a=1; b=2","x-bad":"ü"}"#
        );
        assert_eq!(&*headers_json(&HeaderMap::new()), "{}");
    }
}
