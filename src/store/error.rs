//! Why the store gave no answer.

use std::path::PathBuf;
use std::time::Duration;

/// Why the store gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// No server could be reached, or the connection broke.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// No answer within the operation's time.
    #[error("the database did not answer within {0:?}")]
    TimedOut(Duration),
    /// The server answered with an error.
    #[error("the database refused: {message} (code {code})")]
    Refused {
        /// MongoDB's number of the error; 0 where there was none.
        code: i32,
        /// Its words.
        message: String,
    },
    /// What was answered cannot be read.
    #[error("a document cannot be read: {0}")]
    Malformed(String),
    /// The seed file of `memory:<seed file>`.
    #[error("MONGO_URL=memory:{}: {reason}", path.display())]
    Seed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    /// The server was not reached: whatever is asked next is likely to fail as well.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::TimedOut(_))
    }

    /// One word, for traces.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut(_) => "timeout",
            Self::Refused { .. } => "refused",
            Self::Malformed(_) => "malformed",
            Self::Seed { .. } => "seed",
        }
    }
}
