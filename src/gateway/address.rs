//! Where a client comes from: its address, and its headers as the mesh is told.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::{ACCEPT_LANGUAGE, COOKIE, HOST, HeaderName, ORIGIN, USER_AGENT};

use crate::ejson::write_text;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The longest entry of `X-Forwarded-For` that is believed to be an address.
const MAX_ADDRESS: usize = 64;
/// How much of its headers a session keeps, as JSON: as much as a whole head may be for Node. A head at this door may be
/// longer, and what is longest in it (cookies of single sign-on proxies) is of no use to the mesh.
const MAX_HEADERS: usize = 16 * 1024;
/// What is kept first where not all is: a client that fills its head is not to push out what is known of it.
const FIRST: [HeaderName; 5] = [X_FORWARDED_FOR, USER_AGENT, ACCEPT_LANGUAGE, ORIGIN, HOST];
/// How much is kept then of [`X_FORWARDED_FOR`]: its end, which the proxies wrote.
const MAX_FORWARDED: usize = MAX_HEADERS / 4;

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

/// The headers as a JSON object: names in lower case, repeated ones joined. Of more than [`MAX_HEADERS`] the longest fields
/// are left out, and none of [`FIRST`] for another.
pub(super) fn headers_json(headers: &HeaderMap) -> Box<str> {
    let (mut fields, _) = fields_json(headers, usize::MAX);
    // The brace at the end takes the last comma's place.
    if fields.len() + 1 > MAX_HEADERS {
        let (all, ends) = fields_json(headers, MAX_FORWARDED);
        fields = fitting(&all, headers.keys().zip(ends), MAX_HEADERS - 1);
    }
    fields.pop();
    let out = [b"{", &*fields, b"}"].concat();
    String::from_utf8(out).unwrap_or_default().into()
}

/// Each field with a comma behind it, and where it ends. Of [`X_FORWARDED_FOR`] no more than `forwarded` bytes.
fn fields_json(headers: &HeaderMap, forwarded: usize) -> (Vec<u8>, Vec<usize>) {
    let (mut fields, mut ends) = (Vec::new(), Vec::new());
    for name in headers.keys() {
        write_text(&mut fields, name.as_str());
        fields.push(b':');
        let separator = if name == COOKIE { "; " } else { ", " };
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| latin1(value.as_bytes()))
            .collect();
        let value = values.join(separator);
        let value = match name == X_FORWARDED_FOR {
            true => last_entries(&value, forwarded),
            false => &value,
        };
        write_text(&mut fields, value);
        fields.push(b',');
        ends.push(fields.len());
    }
    (fields, ends)
}

/// As many entries from the end of a list as `room` holds.
fn last_entries(list: &str, room: usize) -> &str {
    let Some(too_many) = list.len().checked_sub(room).filter(|bytes| *bytes > 0) else {
        return list;
    };
    // A comma is a byte of its own in UTF-8.
    let cut = list
        .bytes()
        .skip(too_many - 1)
        .position(|byte| byte == b',');
    cut.map_or("", |at| list[too_many + at..].trim_start())
}

/// Bytes that are no ASCII are taken as Node takes them.
fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => text.into(),
        _ => bytes.iter().copied().map(char::from).collect(),
    }
}

/// As many of the `fields` as there is `room` for, in their order: those of [`FIRST`], then the shortest.
fn fitting<'a>(
    fields: &[u8],
    ends: impl Iterator<Item = (&'a HeaderName, usize)>,
    mut room: usize,
) -> Vec<u8> {
    let mut begin = 0;
    let mut all: Vec<_> = ends
        .map(|(name, end)| {
            let rank = FIRST.iter().position(|first| first == name);
            let field = std::mem::replace(&mut begin, end)..end;
            (rank.unwrap_or(FIRST.len()), field)
        })
        .collect();
    all.sort_by_key(|(rank, field)| (*rank, field.len()));
    all.retain(|(_, field)| match room.checked_sub(field.len()) {
        Some(rest) => {
            room = rest;
            true
        }
        None => false,
    });
    all.sort_by_key(|(_, field)| field.start);
    let kept: Vec<_> = all.into_iter().map(|(_, field)| &fields[field]).collect();
    kept.concat()
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
            r#"{"host":"chat","x-a":"1, \"2\"","cookie":"a=1; b=2","x-bad":"Ã¼"}"#
        );
        assert_eq!(&*headers_json(&HeaderMap::new()), "{}");
    }

    #[test]
    fn of_long_headers_the_longest_fields_are_left_out() {
        // `{"a":"…","host":"chat"}`.
        let around = r#"{"a":"","host":"chat"}"#.len();
        let fits = "x".repeat(MAX_HEADERS - around);
        let all = headers(&[("A", &fits), ("Host", "chat")]);
        let json = format!(r#"{{"a":"{fits}","host":"chat"}}"#);
        assert_eq!(*headers_json(&all), json);
        // Two bytes each, and three fields that do not all fit.
        let [third, fourth] = [MAX_HEADERS / 3, MAX_HEADERS / 4];
        for (a, b, c) in [
            (MAX_HEADERS, third, fourth),
            (MAX_HEADERS, 2 * third, fourth),
        ] {
            let all = HeaderMap::from_iter([("a", a), ("b", b), ("c", c)].map(|(name, length)| {
                let value = HeaderValue::from_bytes(&b"\xff".repeat(length / 2)).unwrap();
                (HeaderName::from_static(name), value)
            }));
            let [b, c] = [b, c].map(|length| "ÿ".repeat(length / 2));
            let json = format!(r#"{{"b":"{b}","c":"{c}"}}"#);
            assert_eq!(*headers_json(&all), json);
        }
        let many: Vec<_> = (0..4000).map(|n| format!("x{n:04}")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "")).collect();
        let json = headers_json(&headers(&many));
        // Each `"x0000":"",`.
        let kept = (MAX_HEADERS - 1) / 11;
        assert_eq!(json.len(), 1 + kept * 11);
        assert!(json.starts_with(r#"{"x0000":"","x0001":"""#));
    }

    #[test]
    fn a_client_cannot_push_out_what_its_proxies_wrote() {
        let kept = |all: &[(&str, &str)]| {
            let json = headers_json(&headers(all));
            assert!(json.len() <= MAX_HEADERS);
            serde_json::from_str::<serde_json::Map<_, _>>(&json).unwrap()
        };
        let (filler, spoilt) = ("x".repeat(7900), format!("{}, 1.2.3.4", "y".repeat(8000)));
        let fillers = [("a", &*filler), ("b", &filler), ("c", &filler)];
        let first = [
            ("x-forwarded-for", &*spoilt),
            ("x-forwarded-for", "10.0.0.1"),
            ("user-agent", "bot"),
            ("accept-language", "de"),
            ("origin", "https://chat"),
            ("host", "chat"),
        ];
        let all = kept(&[&fillers[..], &first].concat());
        assert_eq!(all["x-forwarded-for"], "1.2.3.4, 10.0.0.1");
        for (name, value) in &first[2..] {
            assert_eq!(all[*name], *value);
        }
        assert_eq!(all.len(), 7, "and two of the others");
        // None of those that are kept first takes the room of one before it.
        let long = "z".repeat(MAX_HEADERS);
        let all = kept(&[
            ("user-agent", &long),
            ("x-forwarded-for", "1.2.3.4"),
            ("host", "chat"),
        ]);
        assert_eq!(all.keys().collect::<Vec<_>>(), ["host", "x-forwarded-for"]);
        // What fits is as it came.
        let all = kept(&[("x-forwarded-for", &spoilt)]);
        assert_eq!(all["x-forwarded-for"], *spoilt);
    }

    #[test]
    fn a_list_is_cut_at_a_comma() {
        let list = "a, bc,\u{ff}d, e";
        for (room, kept) in [
            (99, list),
            (list.len(), list),
            (list.len() - 1, "bc,\u{ff}d, e"),
            (10, "bc,\u{ff}d, e"),
            (9, "\u{ff}d, e"),
            (7, "\u{ff}d, e"),
            (6, "\u{ff}d, e"),
            (5, "e"),
            (2, "e"),
            (1, ""),
            (0, ""),
        ] {
            let cut = last_entries(list, room);
            assert_eq!(cut, kept, "{room}");
        }
        assert_eq!(last_entries(&"x".repeat(9), 8), "");
    }
}
