//! Where a value is from.

use std::fmt;

/// Where a value is from; a later one wins over an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// `CONFIG_FILE`.
    File,
    /// The environment.
    Environment,
}

/// Empty, but for the file: who reads an error looks into the environment first.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str(" (from CONFIG_FILE)"),
            Self::Default | Self::Environment => Ok(()),
        }
    }
}

impl Origin {
    /// One word for a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
        }
    }
}
