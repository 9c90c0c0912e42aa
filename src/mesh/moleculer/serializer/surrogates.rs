//! Halves of surrogate pairs in JSON text.
//!
//! JavaScript cuts texts in the middle of an emoji and writes the half that is left as `\ud83d`. That is valid JSON, but no
//! Rust text can hold it. JavaScript's own encoders put U+FFFD in its place where they must write UTF-8 (MessagePack, CBOR); so does this.

use memchr::memmem;

/// The replacement character, escaped: as long as what it replaces.
const REPLACEMENT: &[u8; 6] = b"\\ufffd";

/// Replaces, in place, every escaped surrogate that has no partner.
pub(super) fn mend(json: &mut [u8]) {
    let suspicious = |json: &[u8], escape: &[u8]| memmem::find(json, escape).is_some();
    if !suspicious(json, b"\\ud") && !suspicious(json, b"\\uD") {
        return;
    }
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', json.get(at..).unwrap_or_default()) {
        at += found;
        match unit(json, at) {
            None => at += 2,
            Some(0xd800..=0xdbff) if matches!(unit(json, at + 6), Some(0xdc00..=0xdfff)) => {
                at += 12;
            }
            Some(0xd800..=0xdfff) => {
                if let Some(half) = json.get_mut(at..at + 6) {
                    half.copy_from_slice(REPLACEMENT);
                }
                at += 6;
            }
            Some(_) => at += 6,
        }
    }
}

/// The UTF-16 unit that is escaped here.
fn unit(json: &[u8], at: usize) -> Option<u16> {
    let hex = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    hex.iter().try_fold(0_u16, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_replaced_and_nothing_else() {
        for (json, expected) in [
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\uDE00x""#, r#""\ufffdx""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\u00e4\ud7ff\ue000""#, r#""\u00e4\ud7ff\ue000""#),
            (r#""\ud83"#, r#""\ud83"#),
            ("\"\\ud83d\\", "\"\\ufffd\\"),
        ] {
            let mut mended = json.as_bytes().to_vec();
            mend(&mut mended);
            assert_eq!(String::from_utf8(mended).unwrap(), expected);
        }
    }
}
