//! What stands in a line: the rules are tried in a fixed order at each place, and the first that fits is taken for good.
//!
//! A place is parsed at most once in each context: what was found, and where a run of findings stops, is remembered.
//! With it the work stays proportional to the length of the text, however many delimiters are left open.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::auto;
use super::chars;
use super::link;
use super::reduce::reduce;
use super::source::Source;
use super::time;
use super::tree::Inline;

/// Where a rule is tried. The emphases carry the set of emphases that are open around them, themselves included: none
/// opens twice, which bounds the nesting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Context {
    /// A line.
    Line,
    /// Between `||`.
    Spoiler,
    /// A field of a table.
    Cell,
    /// Behind an asterisk that begins a line.
    Item,
    /// Between asterisks or underscores.
    Emphasis(Mark, u8),
    /// Between tildes.
    Strike(u8),
    /// Between square brackets.
    Label(u8),
}

/// The emphases of one kind of delimiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mark {
    /// `*`
    Bold = 1,
    /// `_`
    Italic = 2,
    /// `~`
    Strike = 4,
}

impl Mark {
    /// The delimiter.
    pub(super) fn delimiter(self) -> char {
        match self {
            Mark::Bold => '*',
            Mark::Italic => '_',
            Mark::Strike => '~',
        }
    }
}

/// What was found at a place: where it ends, and what it is.
pub(super) type Found = (usize, Vec<Rc<Inline>>);

/// The parser of lines.
pub(super) struct Parser<'a> {
    pub(super) source: &'a Source,
    /// Days since 1970: the day of a time of day.
    today: i64,
    found: RefCell<HashMap<(Context, usize), Option<Found>>>,
    stops: RefCell<HashMap<(Context, usize), usize>>,
    pub(super) followers: RefCell<HashMap<(Context, usize), bool>>,
}

impl<'a> Parser<'a> {
    /// A parser of one text.
    pub(super) fn new(source: &'a Source, today: i64) -> Self {
        let parser = Self {
            source,
            today,
            found: RefCell::default(),
            stops: RefCell::default(),
            followers: RefCell::default(),
        };
        parser.settle_spoilers();
        parser
    }

    /// The line from here to its end: what is in it, and where it ends.
    pub(super) fn line(&self, place: usize) -> (Vec<Rc<Inline>>, usize) {
        let end = self.stop(Context::Line, place);
        (
            reduce(self.source, self.collect(Context::Line, place, end)),
            end,
        )
    }

    /// Where a run of findings from this place on stops.
    pub(super) fn stop(&self, context: Context, place: usize) -> usize {
        let mut passed = Vec::new();
        let mut next = place;
        let end = loop {
            self.source.work(1);
            if let Some(end) = self.stops.borrow().get(&(context, next)) {
                break *end;
            }
            passed.push(next);
            match self.item(context, next) {
                Some((end, _)) => next = end,
                None => break next,
            }
        };
        let mut stops = self.stops.borrow_mut();
        for place in passed {
            stops.insert((context, place), end);
        }
        end
    }

    /// Everything found between two places, the second a stop of the first.
    pub(super) fn collect(&self, context: Context, place: usize, end: usize) -> Vec<Rc<Inline>> {
        let mut items = Vec::new();
        let mut next = place;
        while next < end {
            let Some((after, found)) = self.item(context, next) else {
                break;
            };
            items.extend(found);
            next = after;
        }
        items
    }

    /// What is found at this place.
    fn item(&self, context: Context, place: usize) -> Option<Found> {
        self.source.work(1);
        if let Some(found) = self.found.borrow().get(&(context, place)) {
            return found.clone();
        }
        let found = match context {
            Context::Line => self.any(place),
            Context::Spoiler if self.source.starts(place, "||") => None,
            Context::Spoiler => self.shared(place),
            Context::Cell => self.in_cell(place),
            // An asterisk that opens nothing would make the bullet before it one that opens something.
            Context::Item if self.source.is_old() && self.source.is(place, '*') => self
                .before_emoji(Context::Line, place)
                .or_else(|| self.emoji(Context::Line, place)),
            Context::Item => self
                .shared(place)
                .filter(|(end, _)| !self.source.is(place, '*') || *end > place + 1),
            Context::Emphasis(mark, active) => self.in_emphasis(place, mark, active),
            Context::Strike(active) => self.in_strike(place, active),
            Context::Label(active) => self.in_label(place, active),
        };
        self.found
            .borrow_mut()
            .insert((context, place), found.clone());
        found
    }

    /// Spoilers and cells are tried first as what a line would hold there.
    fn shared(&self, place: usize) -> Option<Found> {
        self.item(Context::Line, place)
    }

    /// In a table a bar ends the field, and a carriage return the line.
    fn in_cell(&self, place: usize) -> Option<Found> {
        let source = self.source;
        let bar = source.skip(place, chars::is_blank);
        if source.is(bar, '|') || source.is(place, '\r') {
            return None;
        }
        if source.starts(place, "\\|") {
            return Some((place + 2, vec![Inline::plain(&[u16::from(b'|')])]));
        }
        self.shared(place)
    }

    /// Anything a line may hold.
    fn any(&self, place: usize) -> Option<Found> {
        if self.source.at(place).is_none_or(|unit| {
            unit == u16::from(b'\n') || self.source.is_old() && unit == u16::from(b'\r')
        }) {
            return None;
        }
        self.before_emoji(Context::Line, place)
            .or_else(|| self.emoji(Context::Line, place))
            .or_else(|| self.after_emoji(place))
            .or_else(|| {
                if self.source.is_old() {
                    self.old_single(place)
                } else {
                    self.single(place)
                }
            })
    }

    /// The rules of a context that are tried before emoji.
    pub(super) fn before_emoji(&self, context: Context, place: usize) -> Option<Found> {
        match context {
            Context::Emphasis(mark, active) => self.before_emoji_in_emphasis(place, mark, active),
            Context::Strike(active) => self.before_emoji_in_strike(place, active),
            _ => self.before_emoji_in_line(place),
        }
    }

    /// The same for a line.
    fn before_emoji_in_line(&self, place: usize) -> Option<Found> {
        let source = self.source;
        if source.is_old() {
            return self.before_old_emoji_in_line(place);
        }
        self.blanks(place)
            .or_else(|| self.dashed(place))
            .or_else(|| one(self.timestamp(place)))
            .or_else(|| one(self.reference(place, 0)))
            .or_else(|| one(self.angle(place, 0)))
            .or_else(|| one(auto::phone(source, place)))
            .or_else(|| one(auto::email(source, place)))
            .or_else(|| one(auto::url(source, place)))
            .or_else(|| self.underscored(place))
            .or_else(|| self.emphasis(Mark::Bold, place, 0))
            .or_else(|| self.emphasis(Mark::Italic, place, 0))
            .or_else(|| self.emphasis(Mark::Strike, place, 0))
            .or_else(|| one(self.spoiler(place)))
            .or_else(|| one(self.user(place)))
            .or_else(|| one(self.channel(place)))
            .or_else(|| one(self.inline_code(place)))
            .or_else(|| one(self.image(place)))
            .or_else(|| self.identifier(place))
            .or_else(|| self.hashed(place))
    }

    /// The same before 8.x.
    fn before_old_emoji_in_line(&self, place: usize) -> Option<Found> {
        let source = self.source;
        self.blanks(place)
            .or_else(|| one(self.timestamp(place)))
            .or_else(|| one(self.reference(place, 0)))
            .or_else(|| one(self.angle(place, 0)))
            .or_else(|| one(auto::phone(source, place)))
            .or_else(|| one(auto::email(source, place)))
            .or_else(|| one(auto::url(source, place)))
            .or_else(|| self.emphasis(Mark::Bold, place, 0))
            .or_else(|| self.emphasis(Mark::Italic, place, 0))
            .or_else(|| self.emphasis(Mark::Strike, place, 0))
            .or_else(|| self.addressed(place, chars::is_text))
            .or_else(|| one(self.user(place)))
            .or_else(|| one(self.channel(place)))
            .or_else(|| one(self.inline_code(place)))
            .or_else(|| one(self.image(place)))
            .or_else(|| self.identifier(place))
    }

    /// Before 8.x a character that means nothing takes the phone number and the address of the web behind it along.
    fn old_single(&self, place: usize) -> Option<Found> {
        self.source.at(place)?;
        let next = place + 1;
        let phone = auto::digits_of_phone(self.source, next).map_or(next, |(end, _)| end);
        let end = link::address(self.source, phone).unwrap_or(phone);
        Some(self.text(place, end))
    }

    /// The rules of a line that are tried after emoji, but for the last resort.
    pub(super) fn after_emoji(&self, place: usize) -> Option<Found> {
        self.escaped(place).or_else(|| {
            // Before 8.x a rule may begin inside a word.
            (!self.source.is_old())
                .then(|| self.run(place, |unit| !chars::is_break(unit)))
                .flatten()
        })
    }

    /// White space inside a line.
    pub(super) fn blanks(&self, place: usize) -> Option<Found> {
        self.run(place, chars::is_blank)
    }

    /// `|| spoiler ||`
    fn spoiler(&self, place: usize) -> Option<(usize, Rc<Inline>)> {
        if self.source.is_old() || !self.source.starts(place, "||") {
            return None;
        }
        let end = self.stop(Context::Spoiler, place + 2);
        if end == place + 2 || !self.source.starts(end, "||") {
            return None;
        }
        Some((
            end + 2,
            Rc::new(Inline::Spoiler(reduce(
                self.source,
                self.collect(Context::Spoiler, place + 2, end),
            ))),
        ))
    }

    /// One character that means nothing here.
    pub(super) fn single(&self, place: usize) -> Option<Found> {
        self.source.at(place).map(|_| self.text(place, place + 1))
    }

    /// A run of units of a kind, as text.
    pub(super) fn run(&self, place: usize, kind: impl Fn(u16) -> bool) -> Option<Found> {
        let end = self.source.skip(place, kind);
        (end > place).then(|| self.text(place, end))
    }

    /// The units between two places as text.
    pub(super) fn text(&self, place: usize, end: usize) -> Found {
        (end, vec![Rc::new(Inline::Text(place, end))])
    }

    /// A timestamp.
    pub(super) fn timestamp(&self, place: usize) -> Option<(usize, Rc<Inline>)> {
        time::timestamp(self.source, place, self.today)
    }
}

/// One node found.
pub(super) fn one(found: Option<(usize, Rc<Inline>)>) -> Option<Found> {
    found.map(|(end, node)| (end, vec![node]))
}
