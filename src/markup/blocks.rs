//! The lines of a message: which of them are headings, quotes, lists, code and the like.

use std::rc::Rc;

use super::chars;
use super::emoji;
use super::inline::{Context, Parser};
use super::source::Source;
use super::tree::{Block, Inline};

/// What code stands between.
const FENCE: &str = "```";

/// The deepest heading.
const DEEPEST_HEADING: usize = 4;

/// The blocks of a text. `today` is the day of a time of day, in days since 1970.
pub(super) fn parse(source: &Source, today: i64) -> Vec<Block> {
    if let Some(block) = emoji::big(source) {
        return vec![block];
    }
    let parser = Parser::new(source, today);
    let mut blocks = Vec::new();
    let mut place = 0;
    while place < source.len() {
        let (next, block) = parser.block(place);
        blocks.push(block);
        // Every rule takes at least one unit; this holds the loop to it.
        place = next.max(place + 1);
    }
    blocks
}

/// Where a block ends, and what it is.
type Found = (usize, Block);

/// What stands in a line.
type Line = Vec<Rc<Inline>>;

impl Parser<'_> {
    /// The block at the beginning of a line.
    fn block(&self, place: usize) -> Found {
        self.blank_line(place)
            .or_else(|| self.code(place))
            .or_else(|| self.heading(place))
            .or_else(|| self.tasks(place))
            .or_else(|| self.unordered(place, '-'))
            .or_else(|| self.unordered(place, '*'))
            .or_else(|| self.ordered(place))
            .or_else(|| self.quote(place))
            .or_else(|| self.newer(place))
            .unwrap_or_else(|| {
                let (line, end) = self.line(place);
                (self.end_of_line(end).unwrap_or(end), Block::Paragraph(line))
            })
    }

    /// What clients before 8.x do not know.
    fn newer(&self, place: usize) -> Option<Found> {
        if self.source.is_old() {
            return None;
        }
        self.spoiler_block(place)
            .or_else(|| self.table(place))
            .or_else(|| self.rule(place))
    }

    /// Behind the end of the line that stands here.
    pub(super) fn end_of_line(&self, place: usize) -> Option<usize> {
        let source = self.source;
        if source.starts(place, "\r\n") {
            return Some(place + 2);
        }
        source
            .at(place)
            .is_some_and(|unit| chars::among(unit, "\r\n"))
            .then_some(place + 1)
    }

    /// Behind the end of the line or of the text.
    pub(super) fn end_of_line_or_text(&self, place: usize) -> Option<usize> {
        if place >= self.source.len() {
            Some(place)
        } else {
            self.end_of_line(place)
        }
    }

    /// What stands in the rest of the line, and where the next begins. A line with nothing in it is none.
    fn rest(&self, place: usize) -> Option<(Line, usize)> {
        let (line, end) = self.line(place);
        (end > place).then(|| (line, self.end_of_line(end).unwrap_or(end)))
    }

    /// White space and the end of a line.
    fn blank_line(&self, place: usize) -> Option<Found> {
        let end = self.source.skip(place, chars::is_blank);
        self.end_of_line(end).map(|next| (next, Block::LineBreak))
    }

    /// `# heading`
    fn heading(&self, place: usize) -> Option<Found> {
        let source = self.source;
        let hashes = source.skip(place, |unit| unit == u16::from(b'#'));
        let level = hashes - place;
        let start = source.skip(hashes, chars::is_blank);
        if level == 0 || level > DEEPEST_HEADING || start == hashes {
            return None;
        }
        let level = u8::try_from(level).unwrap_or(1);
        if source.is_old() {
            // Text and nothing else; the end of its line is a line of its own.
            let end = source.skip(start, |unit| !chars::among(unit, "\r\n"));
            let text = vec![Inline::plain(source.slice(start, end))];
            return (end > start).then_some((end, Block::Heading(level, text)));
        }
        let (line, next) = self.rest(start)?;
        Some((next, Block::Heading(level, line)))
    }

    /// Lines that `item` knows, as long as it knows them.
    fn lines<T>(
        &self,
        place: usize,
        item: impl Fn(usize) -> Option<(T, usize)>,
    ) -> Option<(Vec<T>, usize)> {
        let mut lines = Vec::new();
        let mut next = place;
        while let Some((line, after)) = item(next) {
            lines.push(line);
            next = after;
        }
        (!lines.is_empty()).then_some((lines, next))
    }

    /// `- [ ] task`
    fn tasks(&self, place: usize) -> Option<Found> {
        let source = self.source;
        let task = |place: usize| {
            let done = source.starts(place, "- [x]");
            if !done && !source.starts(place, "- [ ]") {
                return None;
            }
            let (line, next) = self.after_blanks(place + 5)?;
            Some(((done, line), next))
        };
        self.lines(place, task)
            .map(|(tasks, next)| (next, Block::Tasks(tasks)))
    }

    /// The rest of a line behind at least one blank.
    fn after_blanks(&self, place: usize) -> Option<(Line, usize)> {
        let start = self.source.skip(place, chars::is_blank);
        if start == place {
            None
        } else {
            self.rest(start)
        }
    }

    /// `- item`, `* item`
    fn unordered(&self, place: usize, bullet: char) -> Option<Found> {
        let item = |place: usize| {
            if !self.source.is(place, bullet) {
                return None;
            }
            let (line, next) = self.after_blanks(place + 1)?;
            if bullet == '*' {
                let start = self.source.skip(place + 1, chars::is_blank);
                let end = self.stop(Context::Item, start);
                if end < self.source.len() && self.end_of_line(end).is_none() {
                    return None;
                }
            }
            Some((line, next))
        };
        self.lines(place, item)
            .map(|(items, next)| (next, Block::UnorderedList(items)))
    }

    /// `1. item`
    fn ordered(&self, place: usize) -> Option<Found> {
        let source = self.source;
        let item = |place: usize| {
            let end = source.skip(place, chars::is_digit);
            if end == place || !source.is(end, '.') {
                return None;
            }
            let (line, next) = self.after_blanks(end + 1)?;
            let number = String::from_utf16_lossy(source.slice(place, end))
                .parse()
                .unwrap_or(f64::INFINITY);
            // Those before 8.x leave a zero out.
            let number = Some(number).filter(|number| !source.is_old() || *number != 0.0);
            Some(((number, line), next))
        };
        self.lines(place, item)
            .map(|(items, next)| (next, Block::OrderedList(items)))
    }

    /// `> quote`
    fn quote(&self, place: usize) -> Option<Found> {
        let source = self.source;
        let line = |place: usize| {
            if !source.is(place, '>') {
                return None;
            }
            let start = source.skip(place + 1, chars::is_blank);
            if !source.is_old()
                && let Some(next) = self.end_of_line(start)
            {
                return Some((vec![Inline::plain(&[])], next));
            }
            self.rest(start)
        };
        self.lines(place, line)
            .map(|(lines, next)| (next, Block::Quote(lines)))
    }

    /// Code between fences.
    fn code(&self, place: usize) -> Option<Found> {
        let source = self.source;
        if !source.starts(place, FENCE) {
            return None;
        }
        let end = source.skip(place + 3, |unit| {
            chars::is_alphanumeric(unit) || chars::among(unit, " -._")
        });
        let mut next = self.end_of_line(end)?;
        // One empty line behind the fence is left out; without it the first line is not empty.
        let skipped = source.is(next, '\n');
        next += usize::from(skipped);
        let mut lines = Vec::new();
        // Lines end in a line feed, only the last may end in another way.
        loop {
            let mut end = next;
            while source
                .at(end)
                .is_some_and(|unit| !chars::among(unit, "\r\n"))
            {
                if source.starts(end, FENCE) {
                    return None;
                }
                end += 1;
            }
            if lines.is_empty() && !skipped && end == next {
                return None;
            }
            lines.push(source.slice(next, end).to_vec());
            next = self.end_of_line(end)?;
            if source.starts(next, FENCE) {
                break;
            }
            if !source.is(end, '\n') {
                return None;
            }
        }
        let language = if end == place + 3 {
            "none".encode_utf16().collect()
        } else {
            source.slice(place + 3, end).to_vec()
        };
        Some((next + 3, Block::Code { language, lines }))
    }

    /// A spoiler over several lines.
    fn spoiler_block(&self, place: usize) -> Option<Found> {
        let source = self.source;
        if !source.starts(place, "||") {
            return None;
        }
        let mut next = self.end_of_line(place + 2)?;
        let mut lines = Vec::new();
        while !source.starts(next, "||") {
            let (line, end) = self.line(next);
            if end == next {
                // One empty line may stand before the closing bars.
                next = self
                    .end_of_line(end)
                    .filter(|next| source.starts(*next, "||"))?;
                break;
            }
            lines.push(line);
            next = self.end_of_line(end)?;
        }
        (!lines.is_empty()).then_some((next + 2, Block::Spoiler(lines)))
    }

    /// `---`
    fn rule(&self, place: usize) -> Option<Found> {
        let source = self.source;
        let start = source.skip(place, chars::is_blank);
        let end = source.skip(start, |unit| unit == u16::from(b'-'));
        if end < start + 3 {
            return None;
        }
        let next = self.end_of_line_or_text(source.skip(end, chars::is_blank))?;
        Some((next, Block::HorizontalRule((start, end))))
    }
}
