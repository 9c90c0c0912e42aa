//! The parser of Rocket.Chat's message markup: from the text of a message to the syntax tree (`md`) that clients draw.
//!
//! The grammar is that of the npm package `@rocket.chat/message-parser` with the option `emoticons` and no other: no colours, no
//! KaTeX. There are two of it, since clients draw what their release knows ([`Grammar`]). Both were learned by feeding the package
//! inputs; `tests/peers/markup-judge.js` runs either as the judge.
//!
//! A text goes through `blocks` line by line, what is in a line through `inline` and `emphasis`, the findings of a line
//! through `reduce`, and the tree through `write`. Places are counted in UTF-16 units, as JavaScript does.

mod auto;
mod blocks;
mod chars;
mod emoji;
mod emoticons;
mod emphasis;
mod grammar;
mod host;
mod inline;
mod link;
mod neighbours;
mod reduce;
mod source;
mod table;
mod tables;
mod time;
mod tree;
mod words;
mod write;

#[cfg(test)]
mod tests;

use std::time::{SystemTime, UNIX_EPOCH};

pub use grammar::Grammar;
use source::Source;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// The JSON text of the syntax tree of a message: an array of blocks, empty for an empty message (which the original refuses;
/// it parses none). A date without a zone is taken for UTC, which the original's process runs in; a time of day without a date (`<t:10:00+00:00>`) is one of today in UTC.
pub fn parse(text: &str, grammar: Grammar) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.as_secs());
    parse_on(text, grammar, i64::try_from(now / DAY).unwrap_or(0))
}

/// The same on a given day, in days since 1970.
pub fn parse_on(text: &str, grammar: Grammar, today: i64) -> String {
    parse_counted(text, grammar, today).0
}

/// The same, and how many steps it took.
fn parse_counted(text: &str, grammar: Grammar, today: i64) -> (String, u64) {
    let source = Source::new(text, grammar);
    let blocks = blocks::parse(&source, today);
    // Nothing in a tree can fail to be written: keys are texts and numbers are finite.
    (
        serde_json::to_string(&blocks).unwrap_or_else(|_| String::from("[]")),
        source.steps(),
    )
}
