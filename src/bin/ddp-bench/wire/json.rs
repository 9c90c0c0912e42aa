//! One level of a JSON object, walked without making values: what the mesh side needs of a packet.
//!
//! Trusts that the text is JSON (it comes from the server under test, not from strangers); on anything else the walk ends.

use memchr::memchr2;

/// Calls `each` with every key (as written, without its quotes) and raw value of the object, until it says `false`.
pub(crate) fn members<'a>(object: &'a [u8], mut each: impl FnMut(&'a [u8], &'a [u8]) -> bool) {
    let mut at = blank(object, 0);
    if object.get(at) != Some(&b'{') {
        return;
    }
    at += 1;
    loop {
        at = blank(object, at);
        let Some(key_end) = string_end(object, at) else {
            return;
        };
        let key = &object[at + 1..key_end - 1];
        at = blank(object, key_end);
        if object.get(at) != Some(&b':') {
            return;
        }
        at = blank(object, at + 1);
        let Some(end) = value_end(object, at) else {
            return;
        };
        if !each(key, &object[at..end]) {
            return;
        }
        at = blank(object, end);
        if object.get(at) != Some(&b',') {
            return;
        }
        at += 1;
    }
}

/// The raw value under `key`.
pub(crate) fn member<'a>(object: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let mut found = None;
    members(object, |name, value| {
        if name == key.as_bytes() {
            found = Some(value);
        }
        found.is_none()
    });
    found
}

/// The raw elements of an array, at most `most` of them.
pub(crate) fn elements(array: &[u8], most: usize) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut at = blank(array, 0);
    if array.get(at) != Some(&b'[') {
        return found;
    }
    at += 1;
    while found.len() < most {
        at = blank(array, at);
        let Some(end) = value_end(array, at) else {
            break;
        };
        found.push(&array[at..end]);
        at = blank(array, end);
        if array.get(at) != Some(&b',') {
            break;
        }
        at += 1;
    }
    found
}

/// What stands between the quotes of a raw string, escapes left as they are; empty for any other value.
pub(crate) fn text(raw: &[u8]) -> &[u8] {
    match raw {
        [b'"', inner @ .., b'"'] => inner,
        _ => &[],
    }
}

fn blank(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// The index after the closing quote of the string that opens at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        let hit = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[hit] == b'"' {
            return Some(hit + 1);
        }
        at = hit + 2;
    }
}

fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string_end(bytes, at),
        b'{' | b'[' => nest_end(bytes, at),
        b'}' | b']' | b',' | b':' => None,
        _ => {
            let scalar =
                |byte: &u8| !matches!(byte, b',' | b'}' | b']') && !byte.is_ascii_whitespace();
            Some(at + bytes[at..].iter().take_while(|byte| scalar(byte)).count())
        }
    }
}

fn nest_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(bytes, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = br#"{"id":"9e","params":[{"id":"in\"}ner"}], "level":1,"meta":{},"action":"accounts.login","ver":"4"}"#;

    #[test]
    fn members_of_the_first_level_only() {
        assert_eq!(member(REQUEST, "id"), Some(br#""9e""#.as_slice()));
        assert_eq!(
            member(REQUEST, "params"),
            Some(br#"[{"id":"in\"}ner"}]"#.as_slice())
        );
        assert_eq!(member(REQUEST, "level"), Some(b"1".as_slice()));
        assert_eq!(text(member(REQUEST, "action").unwrap()), b"accounts.login");
        assert_eq!(member(REQUEST, "sender"), None);
    }

    #[test]
    fn elements_are_raw() {
        let array = br#" [1, "a,b", {"c":[2]}, null]"#;
        let expected: [&[u8]; 4] = [b"1", br#""a,b""#, br#"{"c":[2]}"#, b"null"];
        assert_eq!(elements(array, 9), expected);
        assert_eq!(elements(array, 2), expected[..2]);
        assert!(elements(b"[]", 9).is_empty());
        assert!(elements(b"{}", 9).is_empty());
    }

    #[test]
    fn broken_text_ends_the_walk() {
        for broken in [
            b"".as_slice(),
            b"{",
            b"{\"a",
            b"{\"a\"",
            b"{\"a\":",
            b"{\"a\":\"\\",
            b"{\"a\":[",
            b"{\"a\":}",
            b"[1",
            b"{\"\\\"",
        ] {
            members(broken, |_, _| true);
            let _elements = elements(broken, 9);
        }
    }
}
