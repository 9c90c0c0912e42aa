//! `ddp-streamer watch` and `ddp-streamer call`: any DDP server, from a terminal.

mod address;
pub mod args;
mod client;
mod error;

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use address::Address;
use client::{Client, News};
pub use error::TerminalError;

/// Who to be.
#[derive(Debug, Clone, Default)]
pub enum Login {
    /// Nobody.
    #[default]
    Anonymous,
    /// With a login token.
    Token(String),
    /// With a password; the service passes it on only with `DDP_PASSWORD_LOGIN`.
    Password {
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
}

/// A stream's event name to listen to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Without `stream-`.
    pub stream: String,
    /// `me/…` stands for the own id.
    pub event: String,
}

/// Prints events as they come, one a line, until `signal` is ready. A subscription that the server ends is told to `say`.
///
/// # Errors
/// The server cannot be reached, refuses, closes the connection, or has ended the last subscription.
pub async fn watch(
    url: &str,
    login: &Login,
    listen: &[Listen],
    signal: impl Future<Output = ()>,
    out: &mut impl Write,
    say: &mut impl Write,
) -> Result<(), TerminalError> {
    let address = Address::parse(url)?;
    let mut client = Client::connect(&address).await?;
    let uid = enter(&mut client, login).await?;
    for one in listen {
        let event = match (one.event.strip_prefix("me/"), &uid) {
            (Some(rest), Some(uid)) => format!("{uid}/{rest}"),
            _ => one.event.clone(),
        };
        client
            .subscribe(&format!("stream-{}", one.stream), &event)
            .await?;
    }
    tokio::pin!(signal);
    loop {
        let news = tokio::select! {
            () = &mut signal => return client.close().await,
            news = client.news() => news?,
        };
        let event = match news {
            News::Event(event) => event,
            News::Ended(ended) if !client.is_subscribed() => return Err(ended),
            News::Ended(ended) => {
                // Whoever reads this may have gone.
                let _ = writeln!(say, "{ended}");
                continue;
            }
        };
        let stream = event
            .collection
            .strip_prefix("stream-")
            .unwrap_or(&event.collection);
        let written = writeln!(
            out,
            "{} {stream} {} {}",
            time_of_day(),
            event.name,
            event.args
        )
        .and_then(|()| out.flush());
        if written.is_err() {
            // Whoever read this has gone, as `head` does.
            return client.close().await;
        }
    }
}

/// Calls a method and prints its result.
///
/// # Errors
/// The server cannot be reached, or the method fails.
pub async fn call(
    url: &str,
    login: &Login,
    method: &str,
    params: &[Value],
    out: &mut impl Write,
) -> Result<(), TerminalError> {
    let address = Address::parse(url)?;
    let mut client = Client::connect(&address).await?;
    enter(&mut client, login).await?;
    let result = client.call(method, &json!(params)).await?;
    if let Some(result) = result {
        let text = serde_json::to_string_pretty(&result).unwrap_or_default();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
    client.close().await
}

/// Logs in; the own id, if any.
async fn enter(client: &mut Client, login: &Login) -> Result<Option<String>, TerminalError> {
    let credentials = match login {
        Login::Anonymous => return Ok(None),
        Login::Token(token) => json!({ "resume": token }),
        Login::Password { username, password } => {
            json!({ "user": { "username": username }, "password": password })
        }
    };
    let result = client.call("login", &json!([credentials])).await?;
    Ok(result.and_then(|result| Some(result.get("id")?.as_str()?.to_owned())))
}

/// UTC, to the millisecond.
fn time_of_day() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = since.as_secs();
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!(
        "{hours:02}:{minutes:02}:{:02}.{:03}Z",
        seconds % 60,
        since.subsec_millis()
    )
}
