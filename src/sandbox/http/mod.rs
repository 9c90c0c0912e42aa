//! The sandbox's own port: the page, and what it asks the sandbox for.
//!
//! | path | |
//! | --- | --- |
//! | `GET /` and the files beside it | the page |
//! | `GET /config.json` | where the service is, who the people are |
//! | `GET /people.json` | the same people with their present status: what REST's `users.presence` is elsewhere |
//! | `POST /token` `{username}` | a fresh login token |
//! | `POST /inject` `{event, args}` | broadcasts an event, and answers how many nodes list it |
//! | `GET /calls`, `GET /events` | the last calls the core got and the last events it broadcast |
//! | `GET /trace` | an event stream: every broadcast with its moments |
//! | `GET /time` | the sandbox's clock, µs, for the page to compare its own with |
//!
//! It answers only to its own names ([`Names`]), and changes nothing unless the request's content type is JSON: a foreign
//! web page can then neither read nor do anything here.

mod files;
mod routes;
mod trace;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::core::Core;
use super::journal::Journal;
use crate::config;
use crate::mesh::Mesh;
use crate::port::{Bounds, Names, Port};

/// A page holds its event stream; a load generator asks for a token with each client.
const BOUNDS: Bounds = Bounds {
    visitors: 256,
    silence: Duration::from_secs(10),
    unread: Duration::from_secs(10),
};

/// What the routes need.
pub(super) struct Site {
    pub(super) core: Core,
    pub(super) journal: Journal,
    /// The core's node.
    pub(super) mesh: Mesh,
    /// What `/config.json` answers, without the people.
    pub(super) config: Value,
    pub(super) token: CancellationToken,
}

/// Takes the port.
pub(super) async fn bind(address: SocketAddr) -> std::io::Result<Port> {
    Port::bind(address, BOUNDS).await
}

/// Serves until the token is cancelled.
pub(super) async fn serve(port: Port, site: Site) {
    let token = site.token.clone();
    // Others on the network may know this host by its name.
    let (site, names) = (Arc::new(site), Arc::new(Names::new([config::host_name()])));
    let answer = move |request, reached| {
        let (site, names) = (Arc::clone(&site), Arc::clone(&names));
        async move { routes::answer(&site, &names, request, reached).await }
    };
    token.run_until_cancelled(port.serve(answer)).await;
}
