//! What stands in a line: the rules are tried in a fixed order at each place, and the first that fits is taken for good.
//!
//! A place is parsed at most once in each context: what was found, and where a run of findings stops, is remembered.
//! With it the work stays proportional to the length of the text, however many delimiters are left open.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::auto;
use super::chars;
use super::emoji;
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
    followers: RefCell<HashMap<(Context, usize), bool>>,
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
        (reduce(self.collect(Context::Line, place, end)), end)
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

    /// In a table a bar ends the field.
    fn in_cell(&self, place: usize) -> Option<Found> {
        let source = self.source;
        let bar = source.skip(place, chars::is_blank);
        if source.is(bar, '|') {
            return None;
        }
        if source.starts(place, "\\|") {
            return Some((place + 2, vec![Inline::plain(&[u16::from(b'|')])]));
        }
        self.shared(place)
    }

    /// Anything a line may hold.
    fn any(&self, place: usize) -> Option<Found> {
        if self
            .source
            .at(place)
            .is_none_or(|unit| unit == u16::from(b'\n'))
        {
            return None;
        }
        self.before_emoji(Context::Line, place)
            .or_else(|| self.emoji(Context::Line, place))
            .or_else(|| self.after_emoji(place))
            .or_else(|| self.single(place))
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

    /// The rules of a line that are tried after emoji, but for the last resort.
    fn after_emoji(&self, place: usize) -> Option<Found> {
        self.escaped(place)
            .or_else(|| self.run(place, |unit| !chars::is_break(unit)))
    }

    /// White space inside a line.
    pub(super) fn blanks(&self, place: usize) -> Option<Found> {
        self.run(place, chars::is_blank)
    }

    /// An emoji of any spelling.
    pub(super) fn emoji(&self, context: Context, place: usize) -> Option<Found> {
        let source = self.source;
        let emoticon = || {
            emoji::emoticon(source, place)
                .filter(|(end, _)| self.may_follow_emoticon(context, *end))
        };
        one(emoji::short_code(source, place)
            .or_else(|| emoji::character(source, place))
            .or_else(emoticon))
    }

    /// May this be what stands behind an emoticon? An end, white space, whatever a rule takes for more than the last resort:
    /// another emoticon, too, when the same holds for it. The run of emoticons is walked, not descended into. Between tildes
    /// anything may.
    fn may_follow_emoticon(&self, context: Context, place: usize) -> bool {
        let source = self.source;
        if let Context::Strike(_) = context {
            return true;
        }
        let mut passed = Vec::new();
        let mut next = place;
        let fits = loop {
            source.work(1);
            if let Some(fits) = self.followers.borrow().get(&(context, next)) {
                break *fits;
            }
            passed.push(next);
            let ends = match context {
                Context::Emphasis(Mark::Italic, _) => "*_",
                _ => "*",
            };
            if source
                .at(next)
                .is_none_or(|unit| chars::is_space(unit) || chars::among(unit, ends))
                || self.before_emoji(context, next).is_some()
                || emoji::short_code(source, next).is_some()
                || emoji::character(source, next).is_some()
                || (context == Context::Line && self.after_emoji(next).is_some())
            {
                break true;
            }
            match emoji::emoticon(source, next) {
                Some((end, _)) => next = end,
                None => break false,
            }
        };
        let mut followers = self.followers.borrow_mut();
        for place in passed {
            followers.insert((context, place), fits);
        }
        fits
    }

    /// Settle what spoilers behind emoticons mean, from the last to the first: one may hold the emoticon before the next, and
    /// descending from each into the next would need a stack as long as the text.
    pub(super) fn settle_spoilers(&self) {
        let source = self.source;
        let behind = |place| {
            emoji::emoticon(source, place)
                .map(|(end, _)| end)
                .filter(|end| source.starts(*end, "||"))
        };
        let places: Vec<usize> = (0..source.len()).filter_map(behind).collect();
        for place in places.into_iter().rev() {
            self.may_follow_emoticon(Context::Line, place);
        }
    }

    /// `|| spoiler ||`
    fn spoiler(&self, place: usize) -> Option<(usize, Rc<Inline>)> {
        if !self.source.starts(place, "||") {
            return None;
        }
        let end = self.stop(Context::Spoiler, place + 2);
        if end == place + 2 || !self.source.starts(end, "||") {
            return None;
        }
        Some((
            end + 2,
            Rc::new(Inline::Spoiler(reduce(self.collect(
                Context::Spoiler,
                place + 2,
                end,
            )))),
        ))
    }

    /// `@name`, `@name:server`, `@name@server`
    pub(super) fn user(&self, place: usize) -> Option<(usize, Rc<Inline>)> {
        let source = self.source;
        let start = source.skip(place, |unit| unit == u16::from(b'@'));
        let mut end = source.skip(start, chars::is_name);
        if start == place || end == start {
            return None;
        }
        if source.is(end, ':') || source.is(end, '@') {
            let server = source.skip(end + 1, chars::is_name);
            if server > end + 1 {
                end = server;
            }
        }
        // Two underscores at the end close italics that may have been opened before.
        if source.starts(end.saturating_sub(2).max(start), "__") {
            return None;
        }
        Some((
            end,
            Rc::new(Inline::User(source.slice(start, end).to_vec())),
        ))
    }

    /// `#name`
    pub(super) fn channel(&self, place: usize) -> Option<(usize, Rc<Inline>)> {
        let end = self.source.skip(place + 1, chars::is_name);
        (self.source.is(place, '#') && end > place + 1).then(|| {
            (
                end,
                Rc::new(Inline::Channel(self.source.slice(place + 1, end).to_vec())),
            )
        })
    }

    /// `` `code` ``
    pub(super) fn inline_code(&self, place: usize) -> Option<(usize, Rc<Inline>)> {
        let source = self.source;
        if !source.is(place, '`') {
            return None;
        }
        let end = source.skip(place + 1, |unit| !chars::among(unit, "`\n"));
        (end > place + 1 && source.is(end, '`')).then(|| {
            (
                end + 1,
                Rc::new(Inline::InlineCode(source.slice(place + 1, end).to_vec())),
            )
        })
    }

    /// A character that a backslash robs of its meaning.
    fn escaped(&self, place: usize) -> Option<Found> {
        let source = self.source;
        let unit = source.at(place + 1)?;
        if !source.is(place, '\\') {
            return None;
        }
        if let Some(timestamp) = self.escaped_timestamp(place) {
            return Some(timestamp);
        }
        chars::among(unit, "#*._`~").then(|| (place + 2, vec![Inline::plain(&[unit])]))
    }

    /// Emoticons that begin with a hyphen come before host names, which may begin with one. The shortest must end the message.
    fn dashed(&self, place: usize) -> Option<Found> {
        let source = self.source;
        if !source.starts(place, "-_") {
            return None;
        }
        if source.starts(place, "-_-") && place + 3 < source.len() {
            return self.single(place);
        }
        one(emoji::emoticon(source, place)
            .filter(|(end, _)| self.may_follow_emoticon(Context::Line, *end)))
    }

    /// A timestamp behind a backslash.
    pub(super) fn escaped_timestamp(&self, place: usize) -> Option<Found> {
        if !self.source.is(place, '\\') {
            return None;
        }
        let (end, _) = self.timestamp(place + 1)?;
        Some((end, vec![Inline::plain(self.source.slice(place + 1, end))]))
    }

    /// Letters and digits before underscores: those of `snake_case` open no italics.
    pub(super) fn identifier(&self, place: usize) -> Option<Found> {
        let source = self.source;
        let letters = source.skip(place, chars::is_alphanumeric);
        if letters == place || !source.is(letters, '_') {
            return None;
        }
        Some(self.text(
            place,
            letters + if source.is(letters + 1, '_') { 2 } else { 1 },
        ))
    }

    /// A character before `#` and a letter: no channel begins inside a word.
    pub(super) fn hashed(&self, place: usize) -> Option<Found> {
        let source = self.source;
        let fits = source
            .at(place)
            .is_some_and(|unit| chars::is_text(unit) && unit != u16::from(b':'))
            && source.is(place + 1, '#')
            && source.at(place + 2).is_some_and(chars::is_name_letter);
        fits.then(|| self.text(place, place + 3))
    }

    /// An underscore before a host name takes it along, unless another ends it.
    fn underscored(&self, place: usize) -> Option<Found> {
        let source = self.source;
        if !source.is(place, '_') {
            return None;
        }
        source
            .host_or_local(place + 1)
            .filter(|end| !source.is(*end, '_'))
            .map(|end| self.text(place, end))
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
        (end, vec![Inline::plain(self.source.slice(place, end))])
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
