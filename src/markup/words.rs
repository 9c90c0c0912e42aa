//! Mentions, code and escapes, and the words that look like markup and are none.

use std::rc::Rc;

use super::chars;
use super::emoji;
use super::inline::{Context, Found, Parser, one};
use super::tree::Inline;

impl Parser<'_> {
    /// `@name`, `@name:server`, `@name@server`
    pub(super) fn user(&self, place: usize) -> Option<(usize, Rc<Inline>)> {
        let source = self.source;
        if !source.is(place, '@') {
            return None;
        }
        let start = source.run_end(place);
        let mut end = source.skip(start, chars::is_name);
        if end == start {
            return None;
        }
        if source.is(end, ':') || source.is(end, '@') {
            let server = source.skip(end + 1, chars::is_name);
            if server > end + 1 {
                end = server;
            }
        }
        // Since 8.x two underscores at the end close italics that may have been opened before.
        if !source.is_old() && source.starts(end.saturating_sub(2).max(start), "__") {
            return None;
        }
        Some((
            end,
            Rc::new(Inline::User(source.slice(start, end).to_vec())),
        ))
    }

    /// `#name`
    pub(super) fn channel(&self, place: usize) -> Option<(usize, Rc<Inline>)> {
        let source = self.source;
        if !source.is(place, '#') {
            return None;
        }
        let end = source.skip(place + 1, chars::is_name);
        (end > place + 1).then(|| {
            (
                end,
                Rc::new(Inline::Channel(source.slice(place + 1, end).to_vec())),
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
                Rc::new(Inline::CodeSpan(source.slice(place + 1, end).to_vec())),
            )
        })
    }

    /// A character that a backslash robs of its meaning.
    pub(super) fn escaped(&self, place: usize) -> Option<Found> {
        let source = self.source;
        let unit = source.at(place + 1)?;
        if !source.is(place, '\\') {
            return None;
        }
        if !source.is_old()
            && let Some(timestamp) = self.escaped_timestamp(place)
        {
            return Some(timestamp);
        }
        chars::among(unit, "#*._`~").then(|| (place + 2, vec![Inline::plain(&[unit])]))
    }

    /// Emoticons that begin with a hyphen come before host names, which may begin with one. The shortest must end the message.
    pub(super) fn dashed(&self, place: usize) -> Option<Found> {
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
        let letters = source.alphanumeric_end(place);
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
    pub(super) fn underscored(&self, place: usize) -> Option<Found> {
        let source = self.source;
        if !source.is(place, '_') {
            return None;
        }
        source
            .host_or_local(place + 1)
            .filter(|end| !source.is(*end, '_'))
            .map(|end| self.text(place, end))
    }
}
