//! Reading a recording: line by line, and every line that is none of a recording by its number.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::ReplayError;
use super::file::FORMAT;

/// A line is a packet, and NATS takes none that is larger than 64 MiB.
const LONGEST_LINE: u64 = 64 * 1024 * 1024;

/// What stands in a line, as far as a replay needs it.
#[derive(Debug, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    at: Option<u64>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    broadcast: Option<bool>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    format: Option<u64>,
}

/// An event of a recording.
#[derive(Debug)]
pub(super) struct Played<'a> {
    /// Milliseconds since the start.
    pub(super) at: u64,
    pub(super) name: Cow<'a, str>,
    pub(super) broadcast: bool,
    /// Its arguments.
    pub(super) data: &'a str,
}

/// What is in a recording.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// By name.
    pub(super) events: BTreeMap<String, u64>,
    /// Everything else, by kind.
    pub(super) others: BTreeMap<String, u64>,
    /// Milliseconds from the start to the last line.
    pub(super) lasts: u64,
    /// Whether it has its last line.
    pub(super) is_ended: bool,
}

/// Reads the whole file.
pub(super) fn contents(path: &Path) -> Result<Contents, ReplayError> {
    let mut contents = Contents::default();
    let mut lines = Lines::open(path)?;
    while let Some(read) = lines.next()? {
        contents.lasts = contents.lasts.max(read.at());
        match read {
            One::Event(event) => *contents.events.entry(event.name.into_owned()).or_default() += 1,
            One::Other { kind, .. } => {
                contents.is_ended |= kind == "end";
                *contents.others.entry(kind.into_owned()).or_default() += 1;
            }
        }
    }
    Ok(contents)
}

/// A line behind the first.
pub(super) enum One<'a> {
    Event(Played<'a>),
    Other { kind: Cow<'a, str>, at: u64 },
}

impl One<'_> {
    fn at(&self) -> u64 {
        match self {
            Self::Event(event) => event.at,
            Self::Other { at, .. } => *at,
        }
    }
}

/// The lines of a file, the first checked and left out.
pub(super) struct Lines {
    file: BufReader<File>,
    path: String,
    number: usize,
    line: Vec<u8>,
    ended: bool,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, ReplayError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| ReplayError::Read {
            path: name.clone(),
            error,
        })?;
        let mut lines = Self {
            file: BufReader::new(file),
            path: name,
            number: 0,
            line: Vec::new(),
            ended: false,
        };
        lines.head()?;
        Ok(lines)
    }

    fn head(&mut self) -> Result<(), ReplayError> {
        let there = self.fill()?;
        let head = there.then(|| self.parse()).transpose();
        let format = match head {
            Ok(Some(Line { kind, format, .. })) if kind == "recording" => format,
            _ => return Err(self.wrong("this is no recording of ddp-streamer")),
        };
        match format {
            Some(FORMAT) => Ok(()),
            Some(other) => Err(self.wrong(&format!(
                "format {other}: this ddp-streamer reads format {FORMAT}"
            ))),
            None => Err(self.wrong("no format")),
        }
    }

    /// The next line; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<One<'_>>, ReplayError> {
        if !self.fill()? {
            return Ok(None);
        }
        if self.ended {
            return Err(self.wrong("a line behind the last"));
        }
        let (path, number) = (&self.path, self.number);
        let wrong = |problem: &str| ReplayError::Line {
            path: path.clone(),
            line: number,
            problem: problem.to_owned(),
        };
        let line = parse(&self.line).map_err(|problem| wrong(&problem))?;
        let at = line.at.ok_or_else(|| wrong("no time"))?;
        if line.kind != "event" {
            self.ended = line.kind == "end";
            let kind = line.kind;
            return Ok(Some(One::Other { kind, at }));
        }
        let name = line.name.filter(|name| !name.is_empty());
        Ok(Some(One::Event(Played {
            at,
            name: name.ok_or_else(|| wrong("an event without a name"))?,
            broadcast: line
                .broadcast
                .ok_or_else(|| wrong("an event that was neither broadcast nor balanced"))?,
            data: line
                .data
                .ok_or_else(|| wrong("an event without data"))?
                .get(),
        })))
    }

    /// Reads the next line that is not empty.
    fn fill(&mut self) -> Result<bool, ReplayError> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut bounded = (&mut self.file).take(LONGEST_LINE);
            let read = bounded.read_until(b'\n', &mut self.line);
            let read = read.map_err(|error| ReplayError::Read {
                path: self.path.clone(),
                error,
            })?;
            if read as u64 == LONGEST_LINE {
                return Err(self.wrong("this line has no end"));
            }
            if read == 0 {
                return Ok(false);
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    fn parse(&self) -> Result<Line<'_>, String> {
        parse(&self.line)
    }

    fn wrong(&self, problem: &str) -> ReplayError {
        ReplayError::Line {
            path: self.path.clone(),
            line: self.number,
            problem: problem.to_owned(),
        }
    }
}

fn parse(line: &[u8]) -> Result<Line<'_>, String> {
    serde_json::from_slice(line).map_err(|error| {
        let cut_off = error.is_eof() && !line.ends_with(b"\n");
        if cut_off {
            "this line is cut off".to_owned()
        } else {
            format!("not a line of a recording: {error}")
        }
    })
}
