//! The commands besides `serve`: the sandbox, the DDP client in the terminal, and what helps to run the service.

mod check;
mod config;
mod health;
pub(crate) mod process;
mod record;
mod sandbox;

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::{ArgMatches, Command};
use ddp_streamer::record::args::{record_command, replay_command};
use ddp_streamer::sandbox::{args, terminal};

/// All of them.
pub(crate) fn all() -> [Command; 8] {
    [
        args::command(),
        terminal::args::watch_command(),
        terminal::args::call_command(),
        check::command(),
        config::command(),
        health::command(),
        record_command(),
        replay_command(),
    ]
}

/// Runs the command that was asked for; `None` when it is none of these.
pub(crate) fn run(matches: &ArgMatches) -> Option<ExitCode> {
    let (name, matches) = matches.subcommand()?;
    let ended = match name {
        "sandbox" => sandbox::run(matches),
        "watch" | "call" => sandbox::in_terminal(name, matches),
        "check" => check::run(),
        "config" => config::run(),
        "health" => health::run(),
        "record" => record::record(matches),
        "replay" => record::replay(matches),
        _ => return None,
    };
    Some(ended.unwrap_or_else(|error| {
        let _nobody_reads = writeln!(stderr(), "{}", process::said(&error));
        ExitCode::FAILURE
    }))
}
