//! Text as a JSON string: what every frame of SockJS and every packet goes through.
//!
//! The same text as serde_json writes (held by a property), in runs where nothing is to be escaped.

use super::text::{escape, parts};

/// What a byte becomes longer by when it is escaped: `\"`, or `\u001f`.
const EXTRA: [u8; 256] = {
    let mut extra = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        extra[byte] = 5;
        byte += 1;
    }
    let mut short = 0;
    while short < SHORT.len() {
        extra[SHORT[short].0 as usize] = 1;
        short += 1;
    }
    extra
};

/// Bytes with an escape of two characters.
const SHORT: [(u8, u8); 7] = [
    (b'"', b'"'),
    (b'\\', b'\\'),
    (b'\n', b'n'),
    (b'\t', b't'),
    (b'\r', b'r'),
    (0x08, b'b'),
    (0x0c, b'f'),
];

/// How many bytes are looked at at once.
const RUN: usize = 16;

/// How many bytes [`write_escaped`] writes of `text`.
#[must_use]
pub fn escaped_len(text: &[u8]) -> usize {
    let extra: usize = text
        .iter()
        .map(|byte| usize::from(EXTRA[usize::from(*byte)]))
        .sum();
    text.len() + extra
}

/// Appends `text`, in UTF-8, as the inside of a JSON string.
pub fn write_escaped(out: &mut Vec<u8>, text: &[u8]) {
    let (runs, rest) = text.as_chunks::<RUN>();
    for run in runs {
        write_run(out, run);
    }
    write_run(out, rest);
}

/// At most [`RUN`] bytes. Inlined, so that a whole run is known to be one: it is then looked at at once.
#[inline(always)]
fn write_run(out: &mut Vec<u8>, run: &[u8]) {
    let (mut marks, mut controls) = (0, 0);
    for byte in run {
        marks |= u8::from(*byte == b'"') | u8::from(*byte == b'\\');
        controls |= u8::from(*byte < 0x20);
    }
    if (marks | controls) == 0 {
        out.extend_from_slice(run);
    } else if controls == 0 {
        write_marked(out, run);
    } else {
        run.iter().for_each(|byte| write_byte(out, *byte));
    }
}

/// JSON in a JSON string has a quote every few bytes: guessing where the next one is would cost more than this.
fn write_marked(out: &mut Vec<u8>, run: &[u8]) {
    const ROOM: usize = 2 * RUN;
    let mut escaped = [0; ROOM];
    let mut len = 0;
    for byte in run {
        escaped[len % ROOM] = b'\\';
        len += usize::from((*byte == b'"') | (*byte == b'\\'));
        escaped[len % ROOM] = *byte;
        len += 1;
    }
    out.extend_from_slice(&escaped[..len.min(ROOM)]);
}

/// Appends `text` as a JSON string, quotes included.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    for (text, half) in parts(text) {
        write_escaped(out, text.as_bytes());
        if let Some(half) = half {
            out.extend_from_slice(escape(half).as_bytes());
        }
    }
    out.push(b'"');
}

fn write_byte(out: &mut Vec<u8>, byte: u8) {
    match EXTRA[usize::from(byte)] {
        0 => out.push(byte),
        1 => {
            let short = SHORT.iter().find(|(of, _)| *of == byte);
            out.extend_from_slice(&[b'\\', short.map_or(byte, |(_, escape)| *escape)]);
        }
        _ => {
            let digit = |of: u8| b"0123456789abcdef"[usize::from(of & 0xf)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agrees(text: &str) {
        let mut out = Vec::new();
        write_text(&mut out, text);
        assert_eq!(out, serde_json::to_vec(text).unwrap(), "{text:?}");
        assert_eq!(out.len(), escaped_len(text.as_bytes()) + 2, "{text:?}");
    }

    #[test]
    fn every_character_of_ascii_as_serde_json_writes_it() {
        for byte in 0..0x80_u8 {
            let text = char::from(byte).to_string();
            agrees(&text);
            agrees(&format!("0123456789{text}abcdefghijklmnopqrstuvwxyz{text}"));
        }
    }

    proptest! {
        #[test]
        fn any_text_as_serde_json_writes_it(text in "([a-zäß€𝄞]|[\\x00-\\x7f]){0,80}") {
            agrees(&text);
        }
    }
}
