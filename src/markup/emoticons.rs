//! Emoticons and the names of the emoji they stand for.

use super::source::Source;

/// Longer ones first: `:-)` before `:`…, so that the first that fits is the one meant.
#[rustfmt::skip]
const EMOTICONS: &[(&str, &str)] = &[
    ("*\\0/*", "person_gesturing_ok"), ("*\\O/*", "person_gesturing_ok"), ("-___-", "expressionless"), (":'-)", "joy"),
    ("':-)", "sweat_smile"), ("':-D", "sweat_smile"), (">:-)", "laughing"), ("':-(", "sweat"),
    (">:-(", "angry"), ("O:-)", "innocent"), ("0:-3", "innocent"), ("0:-)", "innocent"),
    ("0;^)", "innocent"), ("O;-)", "innocent"), ("0;-)", "innocent"), ("O:-3", "innocent"),
    ("-__-", "expressionless"), (":-Þ", "stuck_out_tongue"), ("</3", "broken_heart"), (":')", "joy"),
    (":-D", "smiley"), ("':)", "sweat_smile"), ("'=)", "sweat_smile"), ("':D", "sweat_smile"),
    ("'=D", "sweat_smile"), (">:)", "laughing"), (">;)", "laughing"), (">=)", "laughing"),
    (";-)", "wink"), ("*-)", "wink"), (";-]", "wink"), (";^)", "wink"),
    ("':(", "sweat"), ("'=(", "sweat"), (":-*", "kissing_heart"), (":^*", "kissing_heart"),
    (">:P", "stuck_out_tongue_winking_eye"), ("X-P", "stuck_out_tongue_winking_eye"), (">:[", "disappointed"), (":-(", "disappointed"),
    (":-[", "disappointed"), (">:(", "angry"), (":'(", "cry"), (";-(", "cry"),
    (">.<", "persevere"), ("#-)", "dizzy_face"), ("%-)", "dizzy_face"), ("X-)", "dizzy_face"),
    ("0:3", "innocent"), ("0:)", "innocent"), ("O:)", "innocent"), ("O=)", "innocent"),
    ("O:3", "innocent"), ("B-)", "sunglasses"), ("8-)", "sunglasses"), ("B-D", "sunglasses"),
    ("8-D", "sunglasses"), ("-_-", "expressionless"), (">:\\", "confused"), (":-/", "confused"),
    (":-.", "confused"), (":-P", "stuck_out_tongue"), (":-b", "stuck_out_tongue"), (":-O", "open_mouth"),
    ("O_O", "open_mouth"), (">:O", "open_mouth"), (":-X", "no_mouth"), (":-#", "no_mouth"),
    (":-)", "slight_smile"), ("(y)", "thumbsup"), (">;/", "confused"), (":Þ", "stuck_out_tongue"),
    ("<3", "heart"), ("=D", "smiley"), (";)", "wink"), ("*)", "wink"),
    (";]", "wink"), (";D", "wink"), (":*", "kissing_heart"), ("=*", "kissing_heart"),
    (":(", "disappointed"), (":[", "disappointed"), ("=(", "disappointed"), (":@", "angry"),
    (";(", "cry"), ("D:", "fearful"), (":$", "flushed"), ("=$", "flushed"),
    ("#)", "dizzy_face"), ("%)", "dizzy_face"), ("X)", "dizzy_face"), ("B)", "sunglasses"),
    ("8)", "sunglasses"), (":/", "confused"), (":\\", "confused"), ("=/", "confused"),
    ("=\\", "confused"), (":L", "confused"), ("=L", "confused"), (":P", "stuck_out_tongue"),
    ("=P", "stuck_out_tongue"), (":b", "stuck_out_tongue"), (":O", "open_mouth"), (":X", "no_mouth"),
    (":#", "no_mouth"), ("=X", "no_mouth"), ("=#", "no_mouth"), (":)", "slight_smile"),
    ("=]", "slight_smile"), ("=)", "slight_smile"), (":]", "slight_smile"), (":D", "smiley"),
];

/// What releases before 8.x know besides, and what they do not know.
const ONLY_OLD: &[(&str, &str)] = &[
    ("\\0/", "person_gesturing_ok"),
    ("\\O/", "person_gesturing_ok"),
    (">:/", "confused"),
];
const NOT_OLD: &str = ">;/";

/// The emoticon at a place: its length in units and the name of its emoji.
pub(super) fn find(source: &Source, place: usize) -> Option<(usize, &'static str)> {
    let first = source.at(place)?;
    if first >= 0x80 || !b"#%'(*-08:;<=>BDOX\\".contains(&(first as u8)) {
        return None;
    }
    let more = if source.is_old() { ONLY_OLD } else { &[] };
    EMOTICONS
        .iter()
        .filter(|(text, _)| !source.is_old() || *text != NOT_OLD)
        .chain(more)
        .filter(|(text, _)| text.as_bytes().first() == Some(&(first as u8)))
        .find(|(text, _)| source.starts(place, text))
        .map(|(text, name)| (text.encode_utf16().count(), *name))
}
