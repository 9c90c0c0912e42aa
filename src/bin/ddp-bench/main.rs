//! `ddp-bench`: loads servers of Rocket.Chat's DDP dialect, and plays the mesh they live in.
//!
//! The way of an event: `mesh` publishes it over NATS, marked with its number and the time at which it was due → the
//! server under test → `fleet`'s sessions find the mark in the received bytes and count it (`measure`). `run` is the
//! conductor: it starts NATS and the server (`target`), puts the load together from steps, reads the server's CPU time and
//! memory from /proc, and tells what came of it (`report`). `floor` is the theoretical server that others are compared with.
//!
//! Nothing here parses JSON on the receiving path, and there is no runtime: a thread for the mesh, threads for the clients,
//! an epoll each. The generator must cost less than the server.

mod cli;
mod clock;
mod error;
mod fleet;
mod floor;
mod measure;
mod mesh;
mod output;
mod report;
mod run;
mod shared;
mod target;
mod wire;

use std::process::ExitCode;

use self::cli::{Options, Task};
use self::error::{Error, Tried};

/// A promise was not kept: events lost, repeated or out of order, sessions closed, or refused where not all come at once.
const BROKEN_PROMISE: u8 = 3;
/// Every promise was kept, but the load's own goals of time or memory were not.
const MISSED_GOAL: u8 = 4;
/// The arguments cannot be used.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    match cli::read().and_then(|task| work(&task)) {
        Ok(code) => code,
        Err(error) => {
            output::complain(&error.to_string());
            match error {
                Error::Usage(_) => ExitCode::from(USAGE),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn work(task: &Task) -> Result<ExitCode, Error> {
    match task {
        Task::Floor(settings) => {
            floor::serve(settings).tried("the floor")?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Leash(words) => Err(target::leash::become_command(words)).tried(words.join(" ")),
        Task::Load(options) => load(options),
    }
}

fn load(options: &Options) -> Result<ExitCode, Error> {
    let outcomes = run::all(options)?;
    if outcomes.len() > 1 {
        output::say(&report::text(&report::summary(&outcomes)));
    }
    report::keep(options, &outcomes)?;
    Ok(if outcomes.iter().any(|outcome| outcome.faults > 0) {
        ExitCode::from(BROKEN_PROMISE)
    } else if outcomes.iter().any(|outcome| !outcome.missed.is_empty()) {
        ExitCode::from(MISSED_GOAL)
    } else {
        ExitCode::SUCCESS
    })
}
