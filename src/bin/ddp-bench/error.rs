//! Why a run could not be made.

use std::io;

/// The bench's only error: said once, on standard error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// An argument that cannot be used.
    #[error("{0}")]
    Usage(String),
    /// The operating system said no.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Its answer.
        source: io::Error,
    },
    /// The server under test did not do what a server must.
    #[error("{0}")]
    Server(String),
    /// One of our own threads ended.
    #[error("{0}")]
    Thread(String),
    /// Something did not happen in time.
    #[error("waited {seconds} s for {what}")]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: f64,
    },
}

/// Says what was tried.
pub(crate) trait Tried<T> {
    /// See the trait.
    fn tried(self, what: impl Into<String>) -> Result<T, Error>;
}

impl<T> Tried<T> for io::Result<T> {
    fn tried(self, what: impl Into<String>) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            what: what.into(),
            source,
        })
    }
}
