//! The tree as JSON, field by field as the original writes it.

use std::rc::Rc;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::tree::{Block, Cell, Fallback, Inline};

/// UTF-16 units as a JSON text.
struct Text<'a>(&'a [u16]);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&String::from_utf16_lossy(self.0))
    }
}

/// `{"type":"PLAIN_TEXT","value":…}`
struct Plain<'a>(&'a [u16]);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        node(serializer, "PLAIN_TEXT", &Text(self.0))
    }
}

/// `{"type":…,"value":…}`
fn node<S: Serializer, V: Serialize>(
    serializer: S,
    kind: &str,
    value: &V,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry("type", kind)?;
    map.serialize_entry("value", value)?;
    map.end()
}

/// A node built of another list: a paragraph in a quote, a row in a table, an item in a list.
struct Node<'a, V>(&'a str, &'a V);

impl<V: Serialize> Serialize for Node<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        node(serializer, self.0, self.1)
    }
}

/// The value of a link or an image.
struct Target<'a, L> {
    src: &'a [u16],
    label: &'a L,
}

impl<L: Serialize> Serialize for Target<'_, L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("src", &Plain(self.src))?;
        map.serialize_entry("label", self.label)?;
        map.end()
    }
}

/// A list whose members carry their node themselves.
struct Nodes<'a>(&'a [Rc<Inline>]);

impl Serialize for Nodes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(AsRef::as_ref))
    }
}

impl Serialize for Inline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Inline::Plain(text) => Plain(text).serialize(serializer),
            // Reducing a line leaves none of these.
            Inline::Text(..) => Plain(&[]).serialize(serializer),
            Inline::Bold(value) => node(serializer, "BOLD", &Nodes(value)),
            Inline::Italic(value) => node(serializer, "ITALIC", &Nodes(value)),
            Inline::Strike(value) => node(serializer, "STRIKE", &Nodes(value)),
            Inline::Spoiler(value) => node(serializer, "SPOILER", &Nodes(value)),
            Inline::CodeSpan(text) => node(serializer, "INLINE_CODE", &Plain(text)),
            Inline::Link { src, label } => node(
                serializer,
                "LINK",
                &Target {
                    src,
                    label: &Nodes(label),
                },
            ),
            Inline::Image { src, label } => node(
                serializer,
                "IMAGE",
                &Target {
                    src,
                    label: &Plain(label),
                },
            ),
            Inline::User(name) => node(serializer, "MENTION_USER", &Plain(name)),
            Inline::Channel(name) => node(serializer, "MENTION_CHANNEL", &Plain(name)),
            Inline::Emoji {
                value, short_code, ..
            } => {
                let mut map = serializer.serialize_map(Some(3))?;
                map.serialize_entry("type", "EMOJI")?;
                map.serialize_entry("value", &Plain(value))?;
                map.serialize_entry("shortCode", &Text(short_code))?;
                map.end()
            }
            Inline::UnicodeEmoji(text) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("type", "EMOJI")?;
                map.serialize_entry("unicode", &Text(text))?;
                map.end()
            }
            Inline::Timestamp {
                seconds,
                format,
                fallback,
            } => {
                #[derive(serde::Serialize)]
                struct Value<'a> {
                    timestamp: &'a str,
                    format: char,
                }
                let mut map = serializer.serialize_map(Some(3))?;
                map.serialize_entry("type", "TIMESTAMP")?;
                map.serialize_entry(
                    "value",
                    &Value {
                        timestamp: seconds,
                        format: *format,
                    },
                )?;
                match fallback {
                    Fallback::Range(from, to) => map.serialize_entry("fallback", &(from, to))?,
                    Fallback::Text(text) => map.serialize_entry("fallback", &Plain(text))?,
                }
                map.end()
            }
        }
    }
}

/// Paragraphs, as a quote and a spoiler block hold them.
struct Paragraphs<'a>(&'a [Vec<Rc<Inline>>], &'a str);

impl Serialize for Paragraphs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|line| Owned {
            kind: self.1,
            value: line,
        }))
    }
}

/// One of [`Paragraphs`].
struct Owned<'a> {
    kind: &'a str,
    value: &'a [Rc<Inline>],
}

impl Serialize for Owned<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        node(serializer, self.kind, &Nodes(self.value))
    }
}

/// `1. item`
struct Numbered<'a>(Option<f64>, &'a [Rc<Inline>]);

impl Serialize for Numbered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("type", "LIST_ITEM")?;
        map.serialize_entry("value", &Nodes(self.1))?;
        if let Some(number) = self.0 {
            map.serialize_entry("number", &Number(number))?;
        }
        map.end()
    }
}

/// A number as JavaScript writes it: an integer as long as it has at most 21 digits.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.0.is_finite() {
            return serializer.serialize_none();
        }
        if self.0 < 1e21 {
            let digits = serde_json::value::RawValue::from_string(format!("{:.0}", self.0));
            return match digits {
                Ok(raw) => raw.serialize(serializer),
                Err(_) => serializer.serialize_f64(self.0),
            };
        }
        serializer.serialize_f64(self.0)
    }
}

/// `- [x] item`
struct Task<'a>(bool, &'a [Rc<Inline>]);

impl Serialize for Task<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("type", "TASK")?;
        map.serialize_entry("status", &self.0)?;
        map.serialize_entry("value", &Nodes(self.1))?;
        map.end()
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "TABLE_CELL")?;
        if let Some(align) = self.align {
            map.serialize_entry("align", align)?;
        }
        map.serialize_entry("value", &Nodes(&self.value))?;
        map.end()
    }
}

/// The value of a table.
#[derive(serde::Serialize)]
struct Rows<'a> {
    header: &'a [Cell],
    rows: Vec<Node<'a, Vec<Cell>>>,
}

impl Serialize for Block {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Block::Paragraph(value) => node(serializer, "PARAGRAPH", &Nodes(value)),
            Block::LineBreak => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("type", "LINE_BREAK")?;
                map.end()
            }
            Block::Heading(level, value) => {
                let mut map = serializer.serialize_map(Some(3))?;
                map.serialize_entry("type", "HEADING")?;
                map.serialize_entry("level", level)?;
                map.serialize_entry("value", &Nodes(value))?;
                map.end()
            }
            Block::Quote(lines) => node(serializer, "QUOTE", &Paragraphs(lines, "PARAGRAPH")),
            Block::Spoiler(lines) => {
                node(serializer, "SPOILER_BLOCK", &Paragraphs(lines, "PARAGRAPH"))
            }
            Block::Code { language, lines } => {
                let lines: Vec<_> = lines.iter().map(|line| Plain(line)).collect();
                let lines: Vec<_> = lines.iter().map(|line| Node("CODE_LINE", line)).collect();
                let mut map = serializer.serialize_map(Some(3))?;
                map.serialize_entry("type", "CODE")?;
                map.serialize_entry("language", &Text(language))?;
                map.serialize_entry("value", &lines)?;
                map.end()
            }
            Block::UnorderedList(items) => node(
                serializer,
                "UNORDERED_LIST",
                &Paragraphs(items, "LIST_ITEM"),
            ),
            Block::OrderedList(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|(number, item)| Numbered(*number, item))
                    .collect();
                node(serializer, "ORDERED_LIST", &items)
            }
            Block::Tasks(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|(status, item)| Task(*status, item))
                    .collect();
                node(serializer, "TASKS", &items)
            }
            Block::HorizontalRule(range) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("type", "HORIZONTAL_RULE")?;
                map.serialize_entry("fallback", range)?;
                map.end()
            }
            Block::Table {
                header,
                rows,
                range,
            } => {
                let rows = rows.iter().map(|row| Node("TABLE_ROW", row)).collect();
                let mut map = serializer.serialize_map(Some(3))?;
                map.serialize_entry("type", "TABLE")?;
                map.serialize_entry("value", &Rows { header, rows })?;
                map.serialize_entry("fallback", range)?;
                map.end()
            }
            Block::BigEmoji(value) => node(serializer, "BIG_EMOJI", &Nodes(value)),
        }
    }
}
