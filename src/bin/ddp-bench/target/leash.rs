//! Children that end with us, even when we are killed: the bench starts itself as `leash COMMAND…`, which asks the kernel
//! for a signal at its parent's death and becomes the command (same pid, the wish survives the exec).

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, set_parent_process_death_signal};

use crate::error::{Error, Tried};

/// The hidden subcommand.
pub(crate) const NAME: &str = "leash";

/// A command that runs `program` on a leash.
pub(super) fn leashed(program: &str) -> Result<Command, Error> {
    let mut command = Command::new(std::env::current_exe().tried("finding myself")?);
    command.args([NAME, "--", program]);
    Ok(command)
}

/// Becomes the command; comes back only with an error.
pub(crate) fn become_command(words: &[String]) -> io::Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::TERM)) {
        return error.into();
    }
    match words {
        [program, arguments @ ..] => Command::new(program).args(arguments).exec(),
        [] => io::Error::other("no command"),
    }
}
