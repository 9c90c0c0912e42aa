//! The text, read in UTF-16 units: offsets in the tree count them, and the original's rules look at single units.

use std::cell::{Cell, OnceCell};

use super::chars;
use super::grammar::Grammar;

/// A question about a unit.
type OfUnit = fn(u16) -> bool;

/// What the rules read from. Every unit read is counted, so that a test can hold the work to a line.
pub(super) struct Source {
    units: Vec<u16>,
    grammar: Grammar,
    steps: Cell<u64>,
    label_ends: OnceCell<Vec<u32>>,
    mailbox_ends: OnceCell<Vec<u32>>,
    word_ends: OnceCell<Vec<u32>>,
    run_ends: OnceCell<Vec<u32>>,
    label_word_ends: OnceCell<Vec<u32>>,
    alphanumeric_ends: OnceCell<Vec<u32>>,
    target_ends: [OnceCell<Vec<u32>>; 4],
    dots_ahead: OnceCell<Vec<bool>>,
    /// The last joined sequence of emoji that came to nothing: its parts do neither.
    pub(super) broken_sequence: Cell<(usize, usize)>,
}

impl Source {
    /// A text to parse.
    pub(super) fn new(text: &str, grammar: Grammar) -> Self {
        Self {
            units: text.encode_utf16().collect(),
            grammar,
            steps: Cell::new(0),
            label_ends: OnceCell::new(),
            mailbox_ends: OnceCell::new(),
            word_ends: OnceCell::new(),
            run_ends: OnceCell::new(),
            label_word_ends: OnceCell::new(),
            alphanumeric_ends: OnceCell::new(),
            target_ends: Default::default(),
            dots_ahead: OnceCell::new(),
            broken_sequence: Cell::default(),
        }
    }

    /// Is it read as releases before 8.x do?
    pub(super) fn is_old(&self) -> bool {
        self.grammar == Grammar::V7
    }

    /// Its length in units.
    pub(super) fn len(&self) -> usize {
        self.units.len()
    }

    /// How many units were read so far.
    pub(super) fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// Count work that is no reading.
    pub(super) fn work(&self, steps: usize) {
        self.steps.set(self.steps.get() + steps as u64);
    }

    /// The unit at a place, or none behind the end.
    pub(super) fn at(&self, place: usize) -> Option<u16> {
        self.work(1);
        self.units.get(place).copied()
    }

    /// Does this unit stand there?
    pub(super) fn is(&self, place: usize, unit: char) -> bool {
        self.at(place) == Some(unit as u16)
    }

    /// Does this text stand there?
    pub(super) fn starts(&self, place: usize, text: &str) -> bool {
        text.encode_utf16()
            .enumerate()
            .all(|(index, unit)| self.at(place + index) == Some(unit))
    }

    /// The first place from here on whose unit is not of the kind.
    pub(super) fn skip(&self, mut place: usize, kind: impl Fn(u16) -> bool) -> usize {
        while self.at(place).is_some_and(&kind) {
            place += 1;
        }
        place
    }

    /// The units between two places.
    pub(super) fn slice(&self, from: usize, to: usize) -> &[u16] {
        let to = to.min(self.units.len());
        self.units.get(from..to).unwrap_or_default()
    }

    /// The code point at a place, and how many units it takes.
    pub(super) fn code_point(&self, place: usize) -> Option<(u32, usize)> {
        let first = self.at(place)?;
        if (0xd800..0xdc00).contains(&first)
            && let Some(second) = self.at(place + 1)
            && (0xdc00..0xe000).contains(&second)
        {
            return Some((
                0x10000 + ((u32::from(first) - 0xd800) << 10) + (u32::from(second) - 0xdc00),
                2,
            ));
        }
        Some((u32::from(first), 1))
    }

    /// Where the part of a host name that begins here ends; the place itself when none begins.
    ///
    /// A hyphen or an underscore takes the next unit with it, whatever that is, if a path may hold it.
    pub(super) fn label_end(&self, place: usize) -> usize {
        let ends = self.label_ends.get_or_init(|| {
            self.table(|units, ends: &[u32], place| {
                let unit = units[place];
                let (is_label, is_joined): (OfUnit, OfUnit) = if self.is_old() {
                    (chars::is_old_label, chars::is_old_joined)
                } else {
                    (chars::is_label, chars::is_joined)
                };
                if is_label(unit) {
                    return ends[place + 1];
                }
                let joined = units.get(place + 1).is_some_and(|next| is_joined(*next));
                if (unit == u16::from(b'-') || unit == u16::from(b'_')) && joined {
                    ends[place + 2]
                } else {
                    place as u32
                }
            })
        });
        ends.get(place).map_or(place, |end| *end as usize)
    }

    /// Where the run of units that the local part of an address may hold ends.
    pub(super) fn mailbox_end(&self, place: usize) -> usize {
        let ends = self.mailbox_ends.get_or_init(|| {
            self.table(|units, ends, place| {
                let unit = units[place];
                let dot = unit == u16::from(b'.')
                    && units
                        .get(place + 1)
                        .is_some_and(|next| chars::is_mailbox_start(*next));
                if dot || chars::is_mailbox(unit) {
                    ends[place + 1]
                } else {
                    place as u32
                }
            })
        });
        ends.get(place).map_or(place, |end| *end as usize)
    }

    /// Where the next white space stands, or the text ends.
    pub(super) fn word_end(&self, place: usize) -> usize {
        let ends = self.word_ends.get_or_init(|| {
            self.table(|units, ends, place| {
                if chars::is_space(units[place]) {
                    place as u32
                } else {
                    ends[place + 1]
                }
            })
        });
        ends.get(place).map_or(place, |end| *end as usize)
    }

    /// Where the host name that begins here ends: two labels or more, since 8.x the first without an underscore before it.
    pub(super) fn host_end(&self, place: usize) -> Option<usize> {
        let mut end = self.label_end(place);
        if end == place || !self.is_old() && self.is(place, '_') {
            return None;
        }
        let first = end;
        while self.is(end, '.') {
            let next = self.label_end(end + 1);
            if next == end + 1 {
                break;
            }
            end = next;
        }
        (end > first).then_some(end)
    }

    /// The same, or `localhost`, whatever follows it.
    pub(super) fn host_or_local(&self, place: usize) -> Option<usize> {
        if self.starts(place, "localhost") {
            Some(place + "localhost".len())
        } else {
            self.host_end(place)
        }
    }

    /// Does a dot or `://` follow before a slash, an at sign, a colon or white space?
    pub(super) fn dot_ahead(&self, place: usize) -> bool {
        let ahead = self.dots_ahead.get_or_init(|| {
            let mut ahead = vec![false; self.units.len() + 1];
            for place in (0..self.units.len()).rev() {
                self.work(1);
                let unit = self.units[place];
                let stop = chars::is_space(unit) || chars::among(unit, "/@:");
                ahead[place] = unit == u16::from(b'.')
                    || if stop {
                        self.starts(place, "://")
                    } else {
                        ahead[place + 1]
                    };
            }
            ahead
        });
        ahead.get(place).copied().unwrap_or(false)
    }

    /// Where the run of the unit that stands here ends.
    pub(super) fn run_end(&self, place: usize) -> usize {
        let ends = self.run_ends.get_or_init(|| {
            self.table(|units, ends, place| {
                if units.get(place + 1) == units.get(place) {
                    ends[place + 1]
                } else {
                    place as u32 + 1
                }
            })
        });
        ends.get(place).map_or(place, |end| *end as usize)
    }

    /// Where the run of what means nothing in the label of a link ends.
    pub(super) fn label_word_end(&self, place: usize) -> usize {
        let ends = self.label_word_ends.get_or_init(|| {
            self.table(|units, ends, place| {
                if chars::among(units[place], "\t\n\r ()*]_~") {
                    place as u32
                } else {
                    ends[place + 1]
                }
            })
        });
        ends.get(place).map_or(place, |end| *end as usize)
    }

    /// Where the run of letters and digits of ASCII ends.
    pub(super) fn alphanumeric_end(&self, place: usize) -> usize {
        let ends = self.alphanumeric_ends.get_or_init(|| {
            self.table(|units, ends, place| {
                if chars::is_alphanumeric(units[place]) {
                    ends[place + 1]
                } else {
                    place as u32
                }
            })
        });
        ends.get(place).map_or(place, |end| *end as usize)
    }

    /// Where the target of a link ends, of which this is not the beginning. In round brackets a target may hold pairs of them,
    /// in angle brackets it may hold opening ones; behind a scheme it holds no control characters.
    pub(super) fn target_end(&self, place: usize, round: bool, scheme: bool) -> usize {
        let ends =
            self.target_ends[usize::from(round) * 2 + usize::from(scheme)].get_or_init(|| {
                let allowed = |unit: u16| {
                    if scheme {
                        unit > 0x20 && unit != 0x7f
                    } else {
                        !chars::is_space(unit)
                    }
                };
                let inner = |unit: u16| allowed(unit) && !chars::among(unit, "()\\|");
                let inner_ends = self.table(|units, ends, place| {
                    if inner(units[place]) {
                        ends[place + 1]
                    } else {
                        place as u32
                    }
                });
                self.table(|units, ends, place| {
                    if inner(units[place]) {
                        return ends[place + 1];
                    }
                    if units[place] != u16::from(b'(') {
                        return place as u32;
                    }
                    let close = inner_ends[place + 1] as usize;
                    if round && units.get(close) == Some(&u16::from(b')')) {
                        ends[close + 1]
                    } else {
                        ends[place + 1]
                    }
                })
            });
        ends.get(place).map_or(place, |end| *end as usize)
    }

    /// A table of ends, filled from the back.
    fn table(&self, end: impl Fn(&[u16], &[u32], usize) -> u32) -> Vec<u32> {
        let length = self.units.len();
        let mut ends = vec![length as u32; length + 2];
        for place in (0..length).rev() {
            self.work(1);
            ends[place] = end(&self.units, &ends, place);
        }
        ends
    }
}
