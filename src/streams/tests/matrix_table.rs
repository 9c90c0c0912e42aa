//! `tests/golden/rules.txt`, read: who may read and write what, as a table that a person can read.

use serde_json::Value;

/// A user, or the lack of one: a column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Person {
    Member,
    Holder,
    Stranger,
    Visitor,
    Anonymous,
}

/// The columns of reads, and those of writes. Whoever was granted something asks before whoever is refused.
pub(super) const READERS: [Person; 5] = [
    Person::Member,
    Person::Holder,
    Person::Stranger,
    Person::Visitor,
    Person::Anonymous,
];
pub(super) const WRITERS: [Person; 4] = [
    Person::Member,
    Person::Holder,
    Person::Stranger,
    Person::Anonymous,
];

impl Person {
    pub(super) fn user(self) -> Option<&'static str> {
        match self {
            Self::Member => Some("alice"),
            Self::Holder => Some("holly"),
            Self::Stranger => Some("eve"),
            Self::Visitor | Self::Anonymous => None,
        }
    }
}

/// An answer on 6.x and 7.x, and on 8.x.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) old: String,
    pub(super) new: String,
}

impl Cell {
    fn read(text: &str) -> Self {
        let (old, new) = text.split_once('/').unwrap_or((text, text));
        Self {
            old: old.to_owned(),
            new: new.to_owned(),
        }
    }

    /// Where it is not known which of both holds.
    pub(super) fn stricter(&self) -> &str {
        match (&*self.old, &*self.new) {
            (old, new) if old == new => old,
            (_, harder @ ("404" | "500")) => harder,
            _ => "no",
        }
    }
}

/// A row of `[read]`.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) stream: String,
    pub(super) event_name: String,
    /// A setting, and whether it is on.
    pub(super) given: Option<(String, bool)>,
    pub(super) cells: [Cell; 5],
    pub(super) away: Cell,
}

/// A row of `[write]`.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) stream: String,
    pub(super) event_name: String,
    pub(super) given: Option<(String, bool)>,
    pub(super) cells: [Cell; 4],
    pub(super) args: Value,
}

/// What becomes of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    /// Without a word.
    Gone,
    /// With `nosub`, where its rule refuses it now.
    Ends,
}

/// A row of `[after]`.
#[derive(Debug)]
pub(super) struct After {
    pub(super) change: String,
    pub(super) stream: String,
    pub(super) event_name: String,
    pub(super) publication: Fate,
    pub(super) again: Cell,
}

/// The whole table.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) reads: Vec<Read>,
    pub(super) writes: Vec<Write>,
    pub(super) afters: Vec<After>,
}

impl Table {
    pub(super) fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/rules.txt");
        let text = std::fs::read_to_string(path).unwrap();
        let (mut table, mut section) = (Self::default(), "");
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let words: Vec<_> = line.split_whitespace().collect();
            match (section, &*words) {
                (_, ["[read]" | "[write]" | "[after]"]) => section = words[0],
                ("[read]", [stream, event_name, given, cells @ .., away]) => {
                    table.reads.push(Read {
                        stream: (*stream).to_owned(),
                        event_name: event(event_name),
                        given: setting(given),
                        cells: cells_of(cells, line),
                        away: Cell::read(away),
                    });
                }
                ("[write]", [stream, event_name, given, cells @ .., args]) => {
                    table.writes.push(Write {
                        stream: (*stream).to_owned(),
                        event_name: event(event_name),
                        given: setting(given),
                        cells: cells_of(cells, line),
                        args: serde_json::from_str(args).expect(line),
                    });
                }
                ("[after]", [change, stream, event_name, publication, again]) => {
                    table.afters.push(After {
                        change: (*change).to_owned(),
                        stream: (*stream).to_owned(),
                        event_name: event(event_name),
                        publication: match *publication {
                            "gone" => Fate::Gone,
                            "ends" => Fate::Ends,
                            _ => panic!("{line}"),
                        },
                        again: Cell::read(again),
                    });
                }
                _ => panic!("{section}: {line}"),
            }
        }
        table
    }

    /// What becomes of a publication after a change: whether it stays, and what its rule answers.
    pub(super) fn after(&self, change: &str, row: &Read) -> Option<&After> {
        let mut found = self.afters.iter().filter(|after| {
            after.change == change
                && after.stream == row.stream
                && after.event_name == row.event_name
        });
        found.next()
    }
}

fn event(word: &str) -> String {
    word.trim_matches('\'').to_owned()
}

fn setting(word: &str) -> Option<(String, bool)> {
    let (setting, on) = word.split_once('=')?;
    Some((setting.to_owned(), on.parse().expect(word)))
}

fn cells_of<const N: usize>(words: &[&str], line: &str) -> [Cell; N] {
    let cells: Vec<_> = words.iter().map(|word| Cell::read(word)).collect();
    cells
        .try_into()
        .unwrap_or_else(|_| panic!("not {N} columns: {line}"))
}
