//! What stops a start, and what is only said.

use std::fmt;

use super::origin::Origin;

/// Everything that is wrong with a configuration; its text is one line a problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Errors(pub Vec<Problem>);

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// One thing that is wrong. Values are as they may be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A value that cannot be used.
    #[error("{variable}={value}: not accepted{origin}; expected {accepts}")]
    NotAccepted {
        /// The variable's name.
        variable: &'static str,
        /// Its value, hidden when it is a secret.
        value: String,
        /// Where the value is from.
        origin: Origin,
        /// What is accepted, in words.
        accepts: String,
    },
    /// Neither a mesh nor a server to relay to.
    #[error(
        "TRANSPORTER and DDP_SERVER_URL: neither is set; expected TRANSPORTER=nats://host:port to join a mesh, \
         or DDP_SERVER_URL=ws://host:port to relay to a server"
    )]
    NoCore,
    /// `CONFIG_FILE` cannot be read or is no TOML.
    #[error("CONFIG_FILE={path}: {reason}; expected the path of a TOML file")]
    File {
        /// The file's path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Something to log once logging is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// How loud.
    pub level: NoteLevel,
    /// One line.
    pub text: String,
}

/// How loud a [`Note`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteLevel {
    /// For those who look for it.
    Debug,
    /// For every start's log.
    Info,
    /// Something to change.
    Warn,
}
