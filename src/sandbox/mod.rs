//! A whole small workspace in one process: a core to serve, and a page to try the service with.
//!
//! The core (`world`, `services`) is a node of the mesh like any other and is spoken to over the mesh alone; the streamer beside
//! it (`beside`) is the real one. Documents that the streamer reads are put into its database before an event tells of them
//! (`core`). The page (`http`) speaks DDP to the streamer, and asks the sandbox itself only for what a workspace has elsewhere: the
//! list of people, a login token, the moments of the trace.
//!
//! With `--transporter` the core alone joins a real mesh, and any streamer can be tried against it.

mod action;
pub mod args;
mod authorization;
mod beside;
mod core;
mod database;
mod error;
mod http;
mod inject;
mod journal;
mod license;
mod names;
mod node;
mod on_mesh;
mod options;
mod probe;
mod services;
pub mod terminal;
#[cfg(test)]
mod tests;
mod words;
mod world;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::mesh::{LocalBus, Transporter};
use crate::store::Store;
use beside::Beside;
use database::Database;
pub use error::SandboxError;
pub use inject::{Target, broadcast, inject};
pub(crate) use node::is_node;
use node::{CoreNode, Joining};
use options::from_here;
pub use options::{CoreRelease, OnMesh, Options};
use world::World;

/// How long tasks may take to end after Ctrl-C. Nothing of the sandbox is worth waiting for longer.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// What this program is called where nobody said.
const PROGRAM: &str = "ddp-streamer";
/// Who is logged in when the page is opened for the first time.
const FIRST: [&str; 2] = ["alice", "bob"];

/// Runs until `signal` is ready. What whoever started it should know is written to `out`.
///
/// # Errors
/// A port is taken, or the mesh or the database cannot be used: one line each.
pub async fn run(
    options: Options,
    signal: impl Future<Output = ()>,
    out: &mut impl std::io::Write,
) -> Result<(), SandboxError> {
    let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
    let world = World::seeded(options.release);

    let (mesh, database, beside) = match &options.on_mesh {
        None => {
            let (bus, store) = (LocalBus::new(), Store::memory());
            let beside = Beside::build(&options, bus.clone(), store.clone()).await?;
            (
                node::in_this_process(Transporter::Local(bus))?,
                Database::Memory(store),
                Some(beside),
            )
        }
        Some(on_mesh) => {
            let mesh = on_mesh::config(&on_mesh.transporter, &on_mesh.namespace)?;
            if !on_mesh.whoever_is_there {
                on_mesh::has_no_core(&mesh, &services::names(options.release)).await?;
            }
            let database = match &on_mesh.mongo_url {
                Some(url) => Database::mongo(url).await?,
                None => Database::Nowhere,
            };
            if let Some(path) = &on_mesh.seed_file {
                database::write_seed(&world, path)?;
            }
            (mesh, database, None)
        }
    };
    database.fill(&world).await?;

    let page = SocketAddr::new(options.bind, options.page_port);
    let listener = http::bind(page)
        .await
        .map_err(|error| SandboxError::PagePort {
            address: page,
            reason: error.to_string(),
        })?;
    let page = from_here(listener.local_addr().unwrap_or(page));

    let suffix = match &options.on_mesh {
        Some(_) => format!("-{}", std::process::id()),
        None => String::new(),
    };
    let joining = Joining {
        mesh,
        release: options.release,
        suffix,
    };
    let node = CoreNode::start(joining, world, database, &tracker, &token)?;

    let service = match (&options.on_mesh, &beside) {
        (Some(on_mesh), _) => on_mesh.service.clone(),
        (None, Some(beside)) => beside.url(),
        (None, None) => String::new(),
    };
    let site = http::Site {
        core: node.core.clone(),
        journal: node.journal.clone(),
        mesh: node.mesh.clone(),
        config: config(&options, &service),
        token: token.clone(),
    };
    tracker.spawn(http::serve(listener, site));
    let address = beside.as_ref().map(Beside::address);
    let server = beside.as_ref().and_then(Beside::server);
    let serving = async {
        match beside {
            Some(beside) => beside.run(signal).await,
            None => {
                signal.await;
                Ok(())
            }
        }
    };
    let said = async {
        match address {
            Some(address) => beside::ready(address).await,
            None => node.joined().await,
        }
        // Whoever reads this may have gone; the sandbox serves all the same.
        let program = std::env::args()
            .next()
            .unwrap_or_else(|| PROGRAM.to_owned());
        let _ = words::ready(out, &options, page, &service, server.as_deref(), &program);
        std::future::pending().await
    };
    let ended = tokio::select! {
        ended = serving => ended,
        () = said => Ok(()),
    };
    node.leave().await;
    token.cancel();
    tracker.close();
    let _ = tokio::time::timeout(STOP_TIMEOUT, tracker.wait()).await;
    ended
}

/// What the page must know; its host is the page's own unless the service is elsewhere.
fn config(options: &Options, service: &str) -> Value {
    let events: Vec<&str> = names::all().collect();
    let transport = match &options.on_mesh {
        None if options.relay => "relayed to a server in this process",
        None => "in this process",
        Some(_) => "NATS",
    };
    json!({
        "run": uuid::Uuid::new_v4().to_string(),
        "service": service,
        "release": options.release.number(),
        "transport": transport,
        "events": events,
        "first": FIRST,
    })
}
