//! Links that are written as such: `[label](target)`, `![label](target)`, `<target|label>`.

use std::rc::Rc;

use super::auto;
use super::chars;
use super::inline::{Context, Parser};
use super::reduce::reduce;
use super::source::Source;
use super::tree::Inline;

/// The longest scheme of a target.
const SCHEME_LENGTH: usize = 32;

/// Beside the open emphases: the brackets of a link are open, and no link opens inside a link.
const IN_LABEL: u8 = 8;

impl Parser<'_> {
    /// `[label](target)`
    pub(super) fn reference(&self, place: usize, active: u8) -> Option<(usize, Rc<Inline>)> {
        let source = self.source;
        if active & IN_LABEL != 0 || !source.is(place, '[') {
            return None;
        }
        let context = Context::Label(active | IN_LABEL);
        let end = self.stop(context, place + 1);
        if !source.starts(end, "](") {
            return None;
        }
        let (close, src) = target(source, end + 2, !source.is_old())?;
        if !source.is(close, ')') {
            return None;
        }
        let mut label = reduce(self.source, self.collect(context, place + 1, end));
        if label.is_empty() {
            label.push(Inline::plain(&src));
        }
        Some((close + 1, Rc::new(Inline::Link { src, label })))
    }

    /// `<target|label>`
    pub(super) fn angle(&self, place: usize, active: u8) -> Option<(usize, Rc<Inline>)> {
        let source = self.source;
        if active & IN_LABEL != 0 || !source.is(place, '<') {
            return None;
        }
        let (bar, src) = target(source, place + 1, false)?;
        if !source.is(bar, '|') {
            return None;
        }
        let end = source.skip(bar + 1, |unit| unit >= 0x20 && !chars::among(unit, "<>|"));
        if end == bar + 1 || !source.is(end, '>') {
            return None;
        }
        let label = vec![Inline::plain(source.slice(bar + 1, end))];
        Some((end + 1, Rc::new(Inline::Link { src, label })))
    }

    /// `![label](target)`, where the label is more than blanks
    pub(super) fn image(&self, place: usize) -> Option<(usize, Rc<Inline>)> {
        let source = self.source;
        if !source.starts(place, "![") {
            return None;
        }
        let end = source.skip(place + 2, chars::is_text);
        let blank = end > place + 2 && source.skip(place + 2, chars::is_blank) >= end;
        if blank || !source.starts(end, "](") {
            return None;
        }
        let (close, src) = target(source, end + 2, !source.is_old())?;
        if !source.is(close, ')') {
            return None;
        }
        let label = if end == place + 2 {
            src.clone()
        } else {
            source.slice(place + 2, end).to_vec()
        };
        Some((close + 1, Rc::new(Inline::Image { src, label })))
    }
}

/// An address of the web as the target of a link may be one, but for other schemes than those with `//`: where it ends.
pub(super) fn address(source: &Source, place: usize) -> Option<usize> {
    let host = auto::with_scheme(source, place).or_else(|| source.host_or_local(place))?;
    let end = source.target_end(host, false, false);
    Some(auto::without_punctuation(source, host, end))
}

/// Where a link leads. Since 8.x a target in round brackets may hold pairs of them.
fn target(source: &Source, place: usize, round: bool) -> Option<(usize, Vec<u16>)> {
    let mut colon = place;
    while colon - place < SCHEME_LENGTH
        && source
            .at(colon)
            .is_some_and(|unit| chars::is_alphanumeric(unit) || chars::among(unit, "+-"))
    {
        colon += 1;
    }
    let end = if colon > place && source.is(colon, ':') {
        let rest = source.target_end(colon + 1, round, true);
        (rest > colon + 1).then_some(rest)
    } else {
        None
    };
    let end = end.or_else(|| {
        source
            .host_or_local(place)
            .map(|host| source.target_end(host, round, false))
    });
    if let Some(end) = end {
        return Some((end, source.slice(place, end).to_vec()));
    }
    let (end, number) = auto::digits_of_phone(source, place)?;
    Some((end, "tel:".encode_utf16().chain(number).collect()))
}
