//! Emoji in a line: what stands behind an emoticon decides whether it is one.

use super::chars;
use super::emoji;
use super::inline::{Context, Found, Mark, Parser, one};

impl Parser<'_> {
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
    /// another emoticon, too, when the same holds for it. The run of emoticons is walked, not descended into. Between tildes,
    /// and before 8.x, anything may.
    pub(super) fn may_follow_emoticon(&self, context: Context, place: usize) -> bool {
        let source = self.source;
        if source.is_old() || matches!(context, Context::Strike(_)) {
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
                || (context == Context::Line
                    && (source.at(next).is_some_and(|unit| !chars::is_break(unit))
                        || self.escaped(next).is_some()))
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
}
