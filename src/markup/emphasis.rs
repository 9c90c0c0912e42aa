//! Bold, italic and struck text, each between one or two of its delimiters, and what may stand in them.

use std::rc::Rc;

use super::chars;
use super::inline::{Context, Found, Mark, Parser, one};
use super::reduce::reduce;
use super::tree::Inline;

impl Parser<'_> {
    /// Text between two pairs of delimiters or between two of them. None opens inside itself. Underscores that letters follow
    /// are part of a word: they and the letters are text.
    pub(super) fn emphasis(&self, mark: Mark, place: usize, active: u8) -> Option<Found> {
        if active & mark as u8 != 0 || !self.source.is(place, mark.delimiter()) {
            return None;
        }
        if active == 0
            && let Some(end) = self.hollow(mark, place)
        {
            return Some(self.text(place, end));
        }
        self.delimited(mark, place, active, 2)
            .or_else(|| self.delimited(mark, place, active, 1))
    }

    /// Delimiters with nothing but blanks between them: the end of what is text in a line.
    fn hollow(&self, mark: Mark, place: usize) -> Option<usize> {
        let source = self.source;
        let opened = source.run_end(place);
        let blanks = source.skip(opened, chars::is_blank);
        (blanks > opened && source.is(blanks, mark.delimiter())).then(|| source.run_end(blanks))
    }

    /// The same with a given number of delimiters.
    fn delimited(&self, mark: Mark, place: usize, active: u8, width: usize) -> Option<Found> {
        let source = self.source;
        let delimiter = |place| (0..width).all(|index| source.is(place + index, mark.delimiter()));
        if !delimiter(place) {
            return None;
        }
        let within = active | mark as u8;
        let context = if mark == Mark::Strike {
            Context::Strike(within)
        } else {
            Context::Emphasis(mark, within)
        };
        let start = place + width;
        let end = self.stop(context, start);
        if end == start || !delimiter(end) {
            return None;
        }
        let next = end + width;
        let items = self.collect(context, start, end);
        if mark == Mark::Italic {
            let part_of_word = if width == 2 {
                chars::is_alphanumeric
            } else {
                chars::is_letter
            };
            let word = source.skip(next, part_of_word);
            if word > next {
                let mut flat = vec![Inline::plain(source.slice(place, start))];
                flat.extend(items);
                flat.push(Inline::plain(source.slice(end, word)));
                // The line reduces it once more: an emoji that touches a word of this one is text then.
                return Some((word, reduce(self.source, flat)));
            }
        }
        let value = reduce(self.source, items);
        let node = match mark {
            Mark::Bold => Inline::Bold(value),
            Mark::Italic => Inline::Italic(value),
            Mark::Strike => Inline::Strike(value),
        };
        Some((next, vec![Rc::new(node)]))
    }

    /// Between asterisks or underscores.
    pub(super) fn in_emphasis(&self, place: usize, mark: Mark, active: u8) -> Option<Found> {
        let source = self.source;
        if source.at(place).is_none_or(|unit| unit == u16::from(b'\n')) {
            return None;
        }
        if source.is_old() {
            return self.in_old_emphasis(place, mark, active);
        }
        let context = Context::Emphasis(mark, active);
        self.before_emoji(context, place)
            .or_else(|| self.emoji(context, place))
            .or_else(|| self.run(place, |unit| !chars::among(unit, "\n *_~")))
            .or_else(|| {
                if source.is(place, mark.delimiter()) {
                    None
                } else {
                    self.single(place)
                }
            })
    }

    /// Between delimiters of any kind before 8.x; a timestamp stands between tildes only.
    fn in_old_emphasis(&self, place: usize, mark: Mark, active: u8) -> Option<Found> {
        let source = self.source;
        self.blanks(place)
            .or_else(|| {
                let timestamp = || one(self.timestamp(place));
                (mark == Mark::Strike).then(timestamp).flatten()
            })
            .or_else(|| one(self.reference(place, active)))
            .or_else(|| one(self.angle(place, active)))
            .or_else(|| {
                [Mark::Bold, Mark::Italic, Mark::Strike]
                    .into_iter()
                    .find_map(|other| self.emphasis(other, place, active))
            })
            .or_else(|| self.addressed(place, chars::is_text))
            .or_else(|| one(self.user(place)))
            .or_else(|| one(self.channel(place)))
            .or_else(|| one(self.inline_code(place)))
            .or_else(|| {
                let identifier = || self.identifier(place);
                (active & Mark::Italic as u8 == 0)
                    .then(identifier)
                    .flatten()
            })
            .or_else(|| self.emoji(Context::Emphasis(mark, active), place))
            .or_else(|| {
                let single = || self.single(place);
                (!source.is(place, mark.delimiter())).then(single).flatten()
            })
    }

    /// What is tried before emoji between asterisks or underscores.
    pub(super) fn before_emoji_in_emphasis(
        &self,
        place: usize,
        mark: Mark,
        active: u8,
    ) -> Option<Found> {
        let other = if mark == Mark::Bold {
            Mark::Italic
        } else {
            Mark::Bold
        };
        self.blanks(place)
            .or_else(|| one(self.timestamp(place)))
            .or_else(|| one(self.reference(place, active)))
            .or_else(|| one(self.angle(place, active)))
            .or_else(|| self.emphasis(other, place, active))
            .or_else(|| self.emphasis(Mark::Strike, place, active))
            .or_else(|| self.addressed(place, chars::is_text))
            .or_else(|| one(self.user(place)))
            .or_else(|| one(self.channel(place)))
            .or_else(|| one(self.inline_code(place)))
            .or_else(|| {
                if active & Mark::Italic as u8 == 0 {
                    self.identifier(place)
                } else {
                    None
                }
            })
    }

    /// Between tildes.
    pub(super) fn in_strike(&self, place: usize, active: u8) -> Option<Found> {
        let source = self.source;
        if source.at(place).is_none_or(|unit| unit == u16::from(b'\n')) {
            return None;
        }
        if source.is_old() {
            return self.in_old_emphasis(place, Mark::Strike, active);
        }
        let context = Context::Strike(active);
        self.run(place, |unit| unit == u16::from(b' '))
            .or_else(|| self.escaped_timestamp(place))
            .or_else(|| self.run(place, is_plain_in_strike))
            .or_else(|| self.before_emoji(context, place))
            .or_else(|| self.emoji(context, place))
            .or_else(|| {
                if source.is(place, '~') {
                    None
                } else {
                    self.single(place)
                }
            })
    }

    /// What is tried before emoji between tildes.
    pub(super) fn before_emoji_in_strike(&self, place: usize, active: u8) -> Option<Found> {
        one(self.timestamp(place))
            .or_else(|| one(self.reference(place, active)))
            .or_else(|| one(self.angle(place, active)))
            .or_else(|| self.emphasis(Mark::Bold, place, active))
            .or_else(|| self.emphasis(Mark::Italic, place, active))
            .or_else(|| {
                self.addressed(place, |unit| {
                    chars::among(unit, "!#:<@") || (0x2300..=0x27bf).contains(&unit)
                })
            })
            .or_else(|| one(self.user(place)))
            .or_else(|| one(self.channel(place)))
            .or_else(|| one(self.inline_code(place)))
    }

    /// A character before `@` or `#` and a letter: no mention begins inside a word. Of several `@` one is left.
    pub(super) fn addressed(&self, place: usize, before: impl Fn(u16) -> bool) -> Option<Found> {
        let source = self.source;
        if !source.at(place).is_some_and(before) {
            return None;
        }
        let letter = if source.is(place + 1, '@') {
            source.run_end(place + 1)
        } else if source.is(place + 1, '#') {
            place + 2
        } else {
            return None;
        };
        source
            .at(letter)
            .filter(|unit| chars::is_name_letter(*unit))?;
        let text = [
            source.slice(place, place + 1),
            source.slice(letter - 1, letter + 1),
        ]
        .concat();
        Some((letter + 1, vec![Inline::plain(&text)]))
    }

    /// Between the square brackets of a link.
    pub(super) fn in_label(&self, place: usize, active: u8) -> Option<Found> {
        let source = self.source;
        if source.starts(place, "](") || !source.is_old() && source.starts(place, "] [") {
            return None;
        }
        self.emphasis(Mark::Bold, place, active)
            .or_else(|| self.emphasis(Mark::Italic, place, active))
            .or_else(|| self.emphasis(Mark::Strike, place, active))
            .or_else(|| self.identifier(place))
            .or_else(|| {
                Some(source.label_word_end(place))
                    .filter(|end| *end > place && !source.is_old())
                    .map(|end| self.text(place, end))
            })
            .or_else(|| self.single(place))
    }
}

/// Between tildes, units that begin nothing make a run.
fn is_plain_in_strike(unit: u16) -> bool {
    !chars::among(unit, "\n !#:<*_[@`~\\")
        && !(0x2300..=0x27bf).contains(&unit)
        && !(0xd800..0xe000).contains(&unit)
}
