//! Emoji: short codes, characters and sequences of them, and emoticons.

use std::rc::Rc;

use super::chars;
use super::emoticons;
use super::source::Source;
use super::tree::{Block, Inline};

/// How many emoji a message may hold that is drawn big.
const BIG_EMOJI: usize = 3;

/// The whole message, when it is up to three emoji and white space.
pub(super) fn big(source: &Source) -> Option<Block> {
    let mut place = source.skip(0, chars::is_space);
    let mut found = Vec::new();
    while place < source.len() {
        if found.len() == BIG_EMOJI {
            return None;
        }
        let (next, emoji) = short_code(source, place)
            .or_else(|| emoticon(source, place))
            .or_else(|| character(source, place))?;
        found.push(emoji);
        place = source.skip(next, chars::is_space);
    }
    (!found.is_empty()).then_some(Block::BigEmoji(found))
}

/// `:short_code:`
pub(super) fn short_code(source: &Source, place: usize) -> Option<(usize, Rc<Inline>)> {
    if !source.is(place, ':') {
        return None;
    }
    let end = source.skip(place + 1, |unit| {
        chars::is_alphanumeric(unit) || chars::among(unit, "+-._")
    });
    if end == place + 1 || !source.is(end, ':') {
        return None;
    }
    let name = source.slice(place + 1, end).to_vec();
    let emoji = Inline::Emoji {
        value: name.clone(),
        short_code: name,
        written: source.slice(place, end + 1).to_vec(),
    };
    Some((end + 1, Rc::new(emoji)))
}

/// `:)`
pub(super) fn emoticon(source: &Source, place: usize) -> Option<(usize, Rc<Inline>)> {
    let (length, name) = emoticons::find(source, place)?;
    let text = source.slice(place, place + length).to_vec();
    let emoji = Inline::Emoji {
        value: text.clone(),
        short_code: name.encode_utf16().collect(),
        written: text,
    };
    Some((place + length, Rc::new(emoji)))
}

/// An emoji character, or a sequence that is drawn as one.
pub(super) fn character(source: &Source, place: usize) -> Option<(usize, Rc<Inline>)> {
    if source.is_old() {
        let end = flag(source, place).or_else(|| old_character(source, place))?;
        return Some((
            end,
            Rc::new(Inline::UnicodeEmoji(source.slice(place, end).to_vec())),
        ));
    }
    let end = flag(source, place)
        .or_else(|| keycap(source, place))
        .or_else(|| tagged(source, place))
        .or_else(|| joined(source, place))
        .or_else(|| single(source, place))
        .or_else(|| presented(source, place))?;
    Some((
        end,
        Rc::new(Inline::UnicodeEmoji(source.slice(place, end).to_vec())),
    ))
}

/// Two regional indicators.
fn flag(source: &Source, place: usize) -> Option<usize> {
    let indicator = |place| {
        source
            .code_point(place)
            .is_some_and(|(code, _)| (0x1f1e6..=0x1f1ff).contains(&code))
    };
    (indicator(place) && indicator(place + 2)).then_some(place + 4)
}

/// A digit, `#` or `*` in a key cap.
fn keycap(source: &Source, place: usize) -> Option<usize> {
    let first = source.at(place)?;
    if !chars::is_digit(first) && !chars::among(first, "#*") {
        return None;
    }
    let next = if source.at(place + 1) == Some(0xfe0f) {
        place + 2
    } else {
        place + 1
    };
    (source.at(next) == Some(0x20e3)).then_some(next + 1)
}

/// The black flag with tags: a part of a country.
fn tagged(source: &Source, place: usize) -> Option<usize> {
    if source.code_point(place) != Some((0x1f3f4, 2)) {
        return None;
    }
    let mut next = place + 2;
    while source
        .code_point(next)
        .is_some_and(|(code, _)| (0xe0020..=0xe007e).contains(&code))
    {
        next += 2;
    }
    (next > place + 2
        && source
            .code_point(next)
            .is_some_and(|(code, _)| code == 0xe007f))
    .then_some(next + 2)
}

/// Characters joined by zero-width joiners. After a joiner another must follow, or nothing matched.
fn joined(source: &Source, place: usize) -> Option<usize> {
    let mut end = element(source, place)?;
    while source.at(end) == Some(0x200d) {
        end = element(source, end + 1)?;
    }
    Some(end)
}

/// One character of a joined sequence, with its variation selector and skin tone.
fn element(source: &Source, place: usize) -> Option<usize> {
    let (code, length) = source.code_point(place)?;
    let mut end = place + length;
    match code {
        0x2194..=0x2195
        | 0x2600..=0x27bf
        | 0x2b1b..=0x2b1c
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f7e0..=0x1f7eb
        | 0x1f7f0 => {
            end = variation(source, end);
        }
        0x1f900..=0x1fbff => {}
        _ => return None,
    }
    if source
        .code_point(end)
        .is_some_and(|(code, _)| (0x1f3fb..=0x1f3ff).contains(&code))
    {
        end += 2;
    }
    Some(end)
}

/// A character that is an emoji by itself.
fn single(source: &Source, place: usize) -> Option<usize> {
    let (code, length) = source.code_point(place)?;
    matches!(
        code,
        0x2300..=0x23ff | 0x2600..=0x27bf | 0x2b1b..=0x2b1c | 0x1f0cf | 0x1f18e | 0x1f191..=0x1f19a | 0x1f201 | 0x1f232..=0x1f23a
            | 0x1f250..=0x1f251 | 0x1f600..=0x1f64f | 0x1f680..=0x1f6ff | 0x1f7e0..=0x1f7eb | 0x1f7f0
    )
    .then(|| variation(source, place + length))
}

/// A character that is an emoji only when a variation selector says so.
fn presented(source: &Source, place: usize) -> Option<usize> {
    let (code, length) = source.code_point(place)?;
    let symbol = matches!(
        code,
        0xa9 | 0xae | 0x203c | 0x2049 | 0x2122 | 0x2139 | 0x2194..=0x2199 | 0x21a9..=0x21aa | 0x24c2 | 0x25aa..=0x25ab | 0x25b6 | 0x25c0
            | 0x25fb..=0x25fe | 0x2934..=0x2935 | 0x2b05..=0x2b07 | 0x2b50 | 0x2b55 | 0x3030 | 0x303d | 0x3297 | 0x3299 | 0x1f004
            | 0x1f170..=0x1f171 | 0x1f17e..=0x1f17f | 0x1f202 | 0x1f21a | 0x1f22f
    );
    (symbol && source.at(place + length) == Some(0xfe0f)).then_some(place + length + 1)
}

/// What was an emoji before 8.x: pictographs with their tones, alone or joined, and some that stand alone.
fn old_character(source: &Source, place: usize) -> Option<usize> {
    let pictograph = |place| {
        let (code, length) = source.code_point(place)?;
        (0x1f300..=0x1f5ff)
            .contains(&code)
            .then(|| toned(source, variation(source, place + length)))
    };
    let joined = || {
        let (from, to) = source.broken_sequence.get();
        if (from..to).contains(&place) {
            return None;
        }
        let mut end = pictograph(place)?;
        while source.at(end) == Some(0x200d) {
            let Some(next) = pictograph(end + 1) else {
                source.broken_sequence.set((place, end));
                return None;
            };
            end = next;
        }
        Some(end)
    };
    let (code, length) = source.code_point(place)?;
    match code {
        0x1f300..=0x1f5ff => joined(),
        0x2300..=0x23ff | 0x2600..=0x27bf => Some(variation(source, place + length)),
        0x1f600..=0x1f64f | 0x1f680..=0x1f6fa => Some(place + length),
        0x1f900..=0x1f9ff => Some(toned(source, place + length)),
        _ => None,
    }
}

/// Behind a skin tone, if one stands here.
fn toned(source: &Source, place: usize) -> usize {
    let tone = source
        .code_point(place)
        .is_some_and(|(code, _)| (0x1f3fb..=0x1f3ff).contains(&code));
    if tone { place + 2 } else { place }
}

/// Behind a variation selector, if one stands here.
fn variation(source: &Source, place: usize) -> usize {
    if source
        .at(place)
        .is_some_and(|unit| (0xfe00..=0xfe0f).contains(&unit))
    {
        place + 1
    } else {
        place
    }
}
