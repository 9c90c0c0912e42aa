//! The file: whole lines, a bound, and an end that says what happened.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::RecordError;

/// Of the file; a reader takes no other.
pub(super) const FORMAT: u64 = 1;
/// Lines that wait for the disk, bytes.
const BUFFER: usize = 64 * 1024;
/// Kept free for the last line.
const END: u64 = 4 * 1024;

/// A line did not go in any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// See the module.
pub(super) struct Recording {
    out: Box<dyn Write + Send>,
    waiting: Vec<u8>,
    written: u64,
    max: u64,
}

impl Recording {
    /// A new file that its owner alone may read, or standard output. One that is there already stays as it is.
    pub(super) fn create(path: Option<&Path>, max: u64) -> Result<Self, RecordError> {
        let out: Box<dyn Write + Send> = match path {
            None => Box::new(io::stdout()),
            Some(path) => {
                let mut options = OpenOptions::new();
                let made = options.write(true).create_new(true).mode(0o600).open(path);
                Box::new(made.map_err(|error| RecordError::Create {
                    path: path.display().to_string(),
                    error,
                })?)
            }
        };
        Ok(Self::on(out, max))
    }

    pub(super) fn on(out: Box<dyn Write + Send>, max: u64) -> Self {
        Self {
            out,
            waiting: Vec::with_capacity(BUFFER),
            written: 0,
            max,
        }
    }

    /// Takes a line with its end, unless there is no room left for it.
    pub(super) fn push(&mut self, line: &str) -> io::Result<Result<(), Full>> {
        if self.written + line.len() as u64 + END > self.max {
            return Ok(Err(Full));
        }
        self.take(line).map(Ok)
    }

    /// Hands over what waits: whoever reads along finds whole lines.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.waiting)?;
        self.waiting.clear();
        self.out.flush()
    }

    /// The last line, which always has room.
    pub(super) fn end(mut self, line: &str) -> io::Result<u64> {
        self.take(line)?;
        self.flush()?;
        Ok(self.written)
    }

    fn take(&mut self, line: &str) -> io::Result<()> {
        if self.waiting.len() + line.len() > BUFFER {
            self.flush()?;
        }
        self.waiting.extend_from_slice(line.as_bytes());
        self.written += line.len() as u64;
        Ok(())
    }
}
