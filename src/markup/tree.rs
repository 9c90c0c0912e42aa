//! The syntax tree, with Rocket.Chat's names for its nodes.

use std::rc::Rc;

/// A node that lives inside a line. Children are shared, because the same piece of text may be tried in several places.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Inline {
    /// Text without meaning, in UTF-16 units: a run may be put together of halves.
    Plain(Vec<u16>),
    /// The same by its place in the text: what lines are made of before they are reduced.
    Text(usize, usize),
    /// `*bold*`
    Bold(Vec<Rc<Inline>>),
    /// `_italic_`
    Italic(Vec<Rc<Inline>>),
    /// `~strike~`
    Strike(Vec<Rc<Inline>>),
    /// `||spoiler||`
    Spoiler(Vec<Rc<Inline>>),
    /// `` `code` ``
    CodeSpan(Vec<u16>),
    /// A link, written out, found in the text, or with a label.
    Link {
        /// Where it leads.
        src: Vec<u16>,
        /// What is shown.
        label: Vec<Rc<Inline>>,
    },
    /// `![label](src)`
    Image {
        /// Where the picture is.
        src: Vec<u16>,
        /// Its description, or the address again.
        label: Vec<u16>,
    },
    /// `@user`
    User(Vec<u16>),
    /// `#channel`
    Channel(Vec<u16>),
    /// `:short_code:` or an emoticon.
    Emoji {
        /// The name without colons, or the emoticon itself.
        value: Vec<u16>,
        /// The name of the emoji.
        short_code: Vec<u16>,
        /// The text it was written as, to go back to when its neighbours forbid an emoji.
        written: Vec<u16>,
    },
    /// An emoji character, or a sequence of characters that is drawn as one.
    UnicodeEmoji(Vec<u16>),
    /// `<t:1700000000:R>`
    Timestamp {
        /// Seconds since 1970, as text.
        seconds: String,
        /// One of `t T d D f F R`.
        format: char,
        /// What is shown where it is not known.
        fallback: Fallback,
    },
}

/// What stands for a timestamp.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fallback {
    /// Where it stood, in UTF-16 units: since 8.x.
    Range(usize, usize),
    /// The timestamp written out: before.
    Text(Vec<u16>),
}

/// A node that takes whole lines.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    /// A line of text.
    Paragraph(Vec<Rc<Inline>>),
    /// An empty line.
    LineBreak,
    /// `# heading`
    Heading(u8, Vec<Rc<Inline>>),
    /// `> quote`: one paragraph a line.
    Quote(Vec<Vec<Rc<Inline>>>),
    /// A spoiler over several lines: one paragraph a line.
    Spoiler(Vec<Vec<Rc<Inline>>>),
    /// A code block.
    Code {
        /// What stood behind the opening fence, `none` when nothing did.
        language: Vec<u16>,
        /// Its lines.
        lines: Vec<Vec<u16>>,
    },
    /// `- item` or `* item`
    UnorderedList(Vec<Vec<Rc<Inline>>>),
    /// `1. item`
    OrderedList(Vec<(Option<f64>, Vec<Rc<Inline>>)>),
    /// `- [x] item`
    Tasks(Vec<(bool, Vec<Rc<Inline>>)>),
    /// `---`, and where it stood.
    HorizontalRule((usize, usize)),
    /// A table.
    Table {
        /// The first row.
        header: Vec<Cell>,
        /// The rows below, each as long as the header.
        rows: Vec<Vec<Cell>>,
        /// Where it stood, in UTF-16 units.
        range: (usize, usize),
    },
    /// Up to three emoji and nothing else: the whole message.
    BigEmoji(Vec<Rc<Inline>>),
}

/// One field of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// `left`, `center`, `right`, or nothing said.
    pub(super) align: Option<&'static str>,
    /// What is in it.
    pub(super) value: Vec<Rc<Inline>>,
}

impl Inline {
    /// Text without meaning.
    pub(super) fn plain(units: &[u16]) -> Rc<Inline> {
        Rc::new(Inline::Plain(units.to_vec()))
    }

    /// Is it an emoji of any spelling?
    pub(super) fn is_emoji(&self) -> bool {
        matches!(self, Inline::Emoji { .. } | Inline::UnicodeEmoji(_))
    }
}
