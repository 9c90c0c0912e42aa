//! Where the service of an environment listens: all that its health command asks for.

use std::net::IpAddr;

use super::check;
use super::error::{Errors, Problem};
use super::raw;

/// Where the service of an environment listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// `PORT`.
    pub port: u16,
    /// `BIND_IP`.
    pub bind: Option<IpAddr>,
    /// Why `CONFIG_FILE` was not read: it may say otherwise.
    pub unread: Option<Problem>,
}

/// Reads `PORT` and `BIND_IP` of `env` and of the file that it names. Whatever else is wrong there by now is nothing to a
/// service that has started: a certificate that is being renewed, say.
///
/// # Errors
/// What is wrong with the two.
pub fn listening(env: impl Iterator<Item = (String, String)>) -> Result<Listening, Errors> {
    let mut raw = raw::read(env);
    let own = ["PORT", "BIND_IP"];
    raw.entries.retain(|name, _| own.contains(name));
    let (files, mut problems): (Vec<_>, Vec<_>) = std::mem::take(&mut raw.problems)
        .into_iter()
        .partition(|problem| matches!(problem, Problem::File { .. }));
    problems.retain(
        |problem| matches!(problem, Problem::NotAccepted { variable, .. } if own.contains(variable)),
    );
    let checked = check::check(&raw, &mut problems);
    if !problems.is_empty() {
        return Err(Errors(problems));
    }
    Ok(Listening {
        port: checked.number("PORT"),
        bind: checked.ip("BIND_IP"),
        unread: files.into_iter().next(),
    })
}
