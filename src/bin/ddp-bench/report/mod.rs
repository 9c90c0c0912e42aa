//! What is left of a run: medians for people, JSON for machines, a page with charts.

mod page;
mod summary;
mod svg;

use std::path::Path;

use serde::Serialize;

pub(crate) use self::summary::{Line, summary, text};
use crate::cli::Options;
use crate::error::{Error, Tried};
use crate::run::Outcome;

#[derive(Serialize)]
struct Document<'a> {
    mode: &'a str,
    arguments: Vec<String>,
    cores: usize,
    outcomes: &'a [Outcome],
    summary: Vec<Line>,
}

/// Writes what the options ask for.
pub(crate) fn keep(options: &Options, outcomes: &[Outcome]) -> Result<(), Error> {
    if let Some(path) = &options.json {
        let document = Document {
            mode: &options.name,
            arguments: arguments(),
            cores: cores(),
            outcomes,
            summary: summary(outcomes),
        };
        let json = serde_json::to_vec_pretty(&document)
            .map_err(std::io::Error::other)
            .tried("writing JSON")?;
        write(path, &json)?;
    }
    if let Some(path) = &options.report {
        write(
            path,
            page::html(&options.name, &arguments().join(" "), cores(), outcomes).as_bytes(),
        )?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    std::fs::write(path, bytes).tried(format!("writing {}", path.display()))
}

fn arguments() -> Vec<String> {
    std::env::args().skip(1).collect()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}
