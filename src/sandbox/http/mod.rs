//! The sandbox's own port: the page, and what it asks the sandbox for.
//!
//! | path | |
//! | --- | --- |
//! | `GET /` and the files beside it | the page |
//! | `GET /config.json` | where the service is, who the people are |
//! | `GET /people.json` | the same people with their present status: what REST's `users.presence` is elsewhere |
//! | `POST /token` `{username}` | a fresh login token |
//! | `POST /inject` `{event, args}` | broadcasts an event |
//! | `GET /calls`, `GET /events` | the last calls the core got and the last events it broadcast |
//! | `GET /trace` | an event stream: every broadcast with its moments |
//! | `GET /time` | the sandbox's clock, µs, for the page to compare its own with |
//!
//! Bound to this machine, it answers only to its own names, and changes nothing unless the request's content type is JSON: a foreign
//! web page can then neither read nor do anything here.

mod files;
mod routes;
mod trace;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::core::Core;
use super::journal::Journal;

/// A client that does not finish its headers is dropped.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// After an error of accept that is not the connection's own, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What the routes need.
pub(super) struct Site {
    pub(super) core: Core,
    pub(super) journal: Journal,
    /// What `/config.json` answers, without the people.
    pub(super) config: Value,
    /// The address it is bound to.
    pub(super) bound: IpAddr,
    pub(super) token: CancellationToken,
}

/// Takes the port.
pub(super) async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until the token is cancelled.
pub(super) async fn serve(listener: TcpListener, site: Site, tracker: TaskTracker) {
    let site = Arc::new(site);
    loop {
        let accepted = tokio::select! {
            () = site.token.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, _)) => {
                let site = Arc::clone(&site);
                tracker.spawn(connection(socket, site));
            }
            Err(error) => {
                warn!(%error, "the page's port does not accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(socket: tokio::net::TcpStream, site: Arc<Site>) {
    let token = site.token.clone();
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(routes::answer(&site, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIMEOUT)
        .serve_connection(TokioIo::new(socket), service);
    tokio::select! {
        () = token.cancelled() => {}
        served = connection => if let Err(error) = served {
            debug!(%error, "a connection of the page ended");
        },
    }
}
