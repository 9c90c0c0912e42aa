//! Connections that end, or never were.

use std::fmt;

use tokio::sync::watch;

/// Why no connection was made, for the log.
#[derive(Debug)]
pub(crate) struct ConnectFailed(pub(crate) String);

impl fmt::Display for ConnectFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The end of a connection.
pub(crate) struct Down(pub(crate) watch::Receiver<Option<String>>);

impl Down {
    /// Waits for the end and says why.
    pub(crate) async fn wait(&mut self) -> String {
        match self.0.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "connection closed".to_owned(),
        }
    }
}
