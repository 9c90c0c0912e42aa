//! `/trace`: an event stream (`text/event-stream`) of every broadcast with its moments.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::Site;
use super::routes::{Body, response};
use crate::sandbox::journal::Told;

/// A comment is sent this often, so that a reader that is gone is noticed.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// How soon a page comes back after a restart.
const RETRY_MS: u32 = 1000;

struct Reader {
    told: Receiver<Arc<Told>>,
    token: CancellationToken,
    hello: Option<String>,
}

/// `hello` with the run's id, then one `broadcast` each.
pub(super) fn stream(site: &Site) -> Response<Body> {
    let hello = json!({ "run": site.config["run"] }).to_string();
    let reader = Reader {
        told: site.journal.watch(),
        token: site.token.clone(),
        hello: Some(hello),
    };
    let frames = stream::unfold(reader, |mut reader| async move {
        let text = reader.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(text))), reader))
    });
    response("text/event-stream", BodyExt::boxed(StreamBody::new(frames)))
}

impl Reader {
    async fn next(&mut self) -> Option<String> {
        if let Some(hello) = self.hello.take() {
            return Some(format!("retry: {RETRY_MS}\n{}", event("hello", &hello)));
        }
        loop {
            tokio::select! {
                () = self.token.cancelled() => return None,
                () = tokio::time::sleep(COMMENT_EVERY) => return Some(":\n\n".to_owned()),
                told = self.told.recv() => match told {
                    Ok(told) => return serde_json::to_string(&*told).ok().map(|data| event("broadcast", &data)),
                    // Too slow a reader: it goes on with the next.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }
}

fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
